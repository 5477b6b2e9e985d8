/* SPDX-License-Identifier: GPL-2.0-only */
/* The messages of xs_wire.h and docs/misc/xenstore.txt: a table of them, and what all need. */
#include "request.h"

#include <stdarg.h>
#include <stdio.h>

#include "mem.h"

size_t request_strings(const struct request *rq, size_t *at, const char **ret, size_t most)
{
	size_t nr = 0;

	while (nr < most && *at < rq->h.len) {
		const char *s = rq->body + *at, *end = memchr(s, 0, rq->h.len - *at);

		if (!end)
			break;
		ret[nr++] = s;
		*at += (size_t)(end - s) + 1;
	}
	return nr;
}

int request_parse_strings(const struct request *rq, const char **ret, size_t nr)
{
	size_t at = 0;

	return request_strings(rq, &at, ret, nr) == nr ? 0 : -EINVAL;
}

int request_parse_number(const char *s, uint64_t most, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || value > UINT64_MAX / 10 - 1)
			return -EINVAL;
		value = value * 10 + (uint64_t)(*s - '0');
		if (value > most)
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

int request_parse_domid(const char *s, unsigned *ret)
{
	uint64_t value;
	int r = request_parse_number(s, UINT16_MAX, &value);

	if (r == 0)
		*ret = (unsigned)value;
	return r;
}

int request_parse_path(const struct request *rq, char buf[PATH_ROOM])
{
	const char *s;
	size_t len;
	int r = request_parse_strings(rq, &s, 1);

	return r < 0 ? r : path_canonical(s, rq->conn->domain->domid, false, buf, &len);
}

int request_answer(struct request *rq, const void *data, size_t len)
{
	if (rq->len + len > sizeof(rq->answer))
		return -E2BIG;
	memcpy(rq->answer + rq->len, data, len);
	rq->len += len;
	rq->answered = true;
	return 0;
}

int request_answer_string(struct request *rq, const char *s)
{
	return request_answer(rq, s, strlen(s) + 1);
}

int request_answer_format(struct request *rq, const char *format, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return request_answer(rq, text, (size_t)n + 1);
}

/* ---- dispatch ---- */

enum { ONLY_DOM0 = 1, IN_TX = 2, LOOKS = 4 };

static const struct {
	int (*handle)(struct request *rq);
	unsigned flags;
} requests[WIRE_TYPES] = {
	[XS_CONTROL]			= { do_control, ONLY_DOM0 },
	[XS_DIRECTORY]			= { do_directory, IN_TX | LOOKS },
	[XS_READ]			= { do_read, IN_TX | LOOKS },
	[XS_GET_PERMS]			= { do_get_perms, IN_TX },
	[XS_WATCH]			= { do_watch, 0 },
	[XS_UNWATCH]			= { do_unwatch, 0 },
	[XS_TRANSACTION_START]		= { do_transaction_start, 0 },
	[XS_TRANSACTION_END]		= { do_transaction_end, IN_TX },
	[XS_INTRODUCE]			= { do_introduce, ONLY_DOM0 },
	[XS_RELEASE]			= { do_release, ONLY_DOM0 },
	[XS_GET_DOMAIN_PATH]		= { do_get_domain_path, 0 },
	[XS_WRITE]			= { do_write, IN_TX },
	[XS_MKDIR]			= { do_mkdir, IN_TX },
	[XS_RM]				= { do_rm, IN_TX },
	[XS_SET_PERMS]			= { do_set_perms, IN_TX },
	[XS_IS_DOMAIN_INTRODUCED]	= { do_is_domain_introduced, ONLY_DOM0 },
	[XS_RESUME]			= { do_resume, ONLY_DOM0 },
	[XS_SET_TARGET]			= { do_set_target, ONLY_DOM0 },
	[XS_RESET_WATCHES]		= { do_reset_watches, 0 },
	[XS_DIRECTORY_PART]		= { do_directory_part, IN_TX | LOOKS },
	[WIRE_GET_FEATURE]		= { do_get_feature, 0 },
	[WIRE_SET_FEATURE]		= { do_set_feature, ONLY_DOM0 },
	[WIRE_GET_QUOTA]		= { do_get_quota, ONLY_DOM0 },
	[WIRE_SET_QUOTA]		= { do_set_quota, ONLY_DOM0 },
};

static const char *error_name(int error)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (xsd_errors[i].errnum == error)
			return xsd_errors[i].errstring;
	return "EINVAL";
}

void request_send(struct request *rq, int r)
{
	const char *data = rq->answer;
	size_t len = rq->len;
	struct msg *m;

	if (r < 0) {
		data = error_name(-r);
		len = strlen(data) + 1;
	} else if (!rq->answered) {
		data = "OK";
		len = 3;
	}
	m = msg_new(r < 0 ? XS_ERROR : rq->h.type, rq->h.req_id, rq->h.tx_id, (uint32_t)len);
	memcpy(m->bytes + sizeof(rq->h), data, len);
	conn_queue(rq->conn, m);
}

static int dispatch(struct request *rq)
{
	int r;

	if (rq->h.type >= WIRE_TYPES || !requests[rq->h.type].handle)
		return -ENOSYS;
	if (requests[rq->h.type].flags & ONLY_DOM0 && !conn_is_privileged(rq->conn))
		return -EACCES;
	if (rq->conn->runner_of) {
		r = request_check_runner(rq);
		if (r < 0)
			return r;
	}
	if (requests[rq->h.type].flags & IN_TX && rq->h.tx_id) {
		rq->tx = tx_find(rq->conn, rq->h.tx_id);
		if (!rq->tx)
			return -ENOENT;
	}
	r = requests[rq->h.type].handle(rq);
	/* who gives up for something that another has just removed would not come to the commit that says to try again */
	if ((r == -ENOENT || r == -EACCES) && rq->tx && tx_is_lost(rq->tx))
		r = -EAGAIN;
	if (requests[rq->h.type].flags & LOOKS && rq->conn->is_ring)
		look_seen(rq);
	return r;
}

void request_handle(struct conn *c)
{
	struct request rq;
	int r;

	rq.conn = c;
	rq.store = c->store;
	rq.tx = NULL;
	rq.answered = false;
	rq.len = 0;
	memcpy(&rq.h, c->in, sizeof(rq.h));
	rq.body = c->in + sizeof(rq.h);
	r = dispatch(&rq);
	if (r != 1)
		request_send(&rq, r);
}
