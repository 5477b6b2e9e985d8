/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store as a whole: the file is a list of steps. Bytes go to the connections of dom0 or to the rings of two guests, who write
 * their pages as they like; the daemon is killed and made anew of its journal. Every now and then the store counts itself, and what a
 * restart gives is what was there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"
#include "store_client.h"

#define NR_GUESTS	2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t len;
};

static struct xenstore_domain_interface pages[NR_GUESTS];
static struct ring rings[NR_GUESTS];
static struct store *s;
static struct journal journal;
static struct conn *dom0[2];

static void check(bool right)
{
	if (!right)
		abort();
}

static int introduce(void *userdata, struct domain *d, bool again)
{
	unsigned i = d->domid - 1u;

	(void)userdata;
	if (i >= NR_GUESTS)
		return -ENOENT;
	ring_attach(&rings[i], &pages[i], d->conn, again);
	return 0;
}

static void release(void *userdata, struct domain *d)
{
	(void)userdata;
	if (d->domid - 1u < NR_GUESTS)
		rings[d->domid - 1].page = NULL;
}

static struct store_ops ops;

static uint8_t byte(struct input *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->data++;
}

static const uint8_t *bytes(struct input *in, size_t *len)
{
	const uint8_t *p = in->data;

	if (*len > in->len)
		*len = in->len;
	in->data += *len;
	in->len -= *len;
	return p;
}

/* A request whose header fits its body, so that most get past the parser. */
static size_t make_request(struct input *in, char *buf)
{
	struct xsd_sockmsg h = { .type = byte(in), .req_id = 1, .tx_id = byte(in) };
	size_t len = byte(in);
	const uint8_t *body = bytes(in, &len);

	h.len = (uint32_t)len;
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, len);
	/* '|' is easier to find than NUL */
	for (size_t i = 0; i < len; i++)
		if (buf[sizeof(h) + i] == '|')
			buf[sizeof(h) + i] = '\0';
	return sizeof(h) + len;
}

static void feed(struct conn *c, const char *buf, size_t len)
{
	size_t at = 0, wants;
	struct answer a;

	while (at < len) {
		while ((wants = conn_wants(c)) == 0)
			check(next_message(c, &a));
		if (wants > len - at)
			wants = len - at;
		check(conn_feed(c, buf + at, wants) == 0);
		at += wants;
	}
	while (next_message(c, &a))
		check(a.h.len <= XENSTORE_PAYLOAD_MAX);
}

static void guest_step(struct input *in, unsigned i)
{
	char buf[512];
	size_t len;

	switch (byte(in) % 4) {
	case 0:		/* a proper request */
	case 1:
		len = make_request(in, buf);
		for (size_t n = 0; n < len && pages[i].req_prod - pages[i].req_cons < XENSTORE_RING_SIZE; n++)
			pages[i].req[MASK_XENSTORE_IDX(pages[i].req_prod++)] = buf[n];
		break;
	case 2:
		pages[i].rsp_cons += byte(in);
		break;
	default: {	/* whatever anywhere */
		size_t at = 2048 + byte(in) % 28u;

		((uint8_t *)&pages[i])[at] = byte(in);
		break;
	}
	}
	if (rings[i].page)
		(void)ring_work(&rings[i], 1 + byte(in) % 8u);
}

static void connect_dom0(void)
{
	for (int i = 0; i < 2; i++)
		dom0[i] = conn_new(s, domain_get(s, 0), false);
}

static void restart(void)
{
	struct store *fresh = store_new(&ops, NULL, 2);
	char *before, *after;

	/* who is dead has none of it on its account, and the log brings none of it back */
	while (store_free_removed(s))
		;
	before = dump_store(s);
	check(state_load(fresh, &journal) == 0);
	check(store_check(fresh) == NULL);
	after = dump_store(fresh);
	check(strcmp(before, after) == 0);
	free(before);
	free(after);
	store_free(s);
	s = fresh;
	s->journal = &journal;
	check(state_rewrite(s) == 0);
	for (unsigned i = 0; i < NR_GUESTS; i++) {
		struct domain *d = domain_find(s, i + 1);

		if (d && d->introduced)
			ring_attach(&rings[i], &pages[i], d->conn, true);
	}
	connect_dom0();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned steps = 0;
	char buf[512];
	size_t len;
	bool old;

	ops = fake_store_ops;
	ops.introduce = introduce;
	ops.release = release;
	memset(pages, 0, sizeof(pages));
	memset(rings, 0, sizeof(rings));
	s = store_new(&ops, NULL, 1);
	check(journal_open(&journal, -1, "", &old) == 0);
	s->journal = &journal;
	state_save(s, &journal);
	connect_dom0();
	(void)ask_text(dom0[0], XS_INTRODUCE, 0, "1|1|1|", NULL);
	(void)ask_text(dom0[0], XS_MKDIR, 0, "/local/domain/1|", NULL);
	(void)ask_text(dom0[0], XS_SET_PERMS, 0, "/local/domain/1|n1|", NULL);
	while (in.len) {
		uint8_t step = byte(&in);

		if (step < 100) {
			len = make_request(&in, buf);
			feed(dom0[step & 1], buf, len);
		} else if (step < 250) {
			guest_step(&in, step & 1);
		} else {
			restart();
		}
		if (++steps % 16 == 0)
			check(store_check(s) == NULL);
		if (steps % 4 == 0)
			(void)store_free_removed(s);
	}
	restart();
	store_free(s);
	journal_close(&journal);
	return 0;
}
