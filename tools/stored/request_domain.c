/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that domain 0 manages domains and the daemon with. */
#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "mem.h"
#include "request.h"

/* ---- domains ---- */

static int parse_known_domain(const struct request *rq, struct domain **ret)
{
	const char *s;
	unsigned domid;
	int r = request_parse_strings(rq, &s, 1);

	if (r == 0)
		r = request_parse_domid(s, &domid);
	if (r < 0 || domid == 0)
		return -EINVAL;
	*ret = domain_find(rq->store, domid);
	return *ret && (*ret)->introduced ? 0 : -ENOENT;
}

int do_introduce(struct request *rq)
{
	const char *s[3];
	uint64_t gfn = 0, port = 0;
	unsigned domid;
	int r = request_parse_strings(rq, s, 3);

	if (r == 0)
		r = request_parse_domid(s[0], &domid);
	if (r == 0)
		r = request_parse_number(s[1], INT64_MAX, &gfn);
	if (r == 0)
		r = request_parse_number(s[2], INT32_MAX, &port);
	if (r < 0 || port == 0)
		return -EINVAL;
	return domain_introduce(rq->store, domid, gfn, (uint32_t)port);
}

int do_release(struct request *rq)
{
	struct domain *d;
	int r = parse_known_domain(rq, &d);

	return r < 0 ? r : domain_release(rq->store, d->domid);
}

int do_resume(struct request *rq)
{
	struct domain *d;
	int r = parse_known_domain(rq, &d);

	if (r < 0)
		return r;
	d->shutdown = false;
	domain_record(rq->store, d);
	return 0;
}

int do_get_domain_path(struct request *rq)
{
	unsigned domid;
	const char *s;
	int r = request_parse_strings(rq, &s, 1);

	if (r == 0)
		r = request_parse_domid(s, &domid);
	return r < 0 ? r : request_answer_format(rq, "/local/domain/%u", domid);
}

int do_is_domain_introduced(struct request *rq)
{
	const struct domain *d;
	unsigned domid;
	const char *s;
	int r = request_parse_strings(rq, &s, 1);

	if (r == 0)
		r = request_parse_domid(s, &domid);
	if (r < 0)
		return r;
	d = domain_find(rq->store, domid);
	return request_answer_string(rq, d && d->introduced ? "T" : "F");
}

int do_set_target(struct request *rq)
{
	struct domain *d, *target;
	unsigned tdomid;
	const char *s[2];
	int r = request_parse_strings(rq, s, 2);

	if (r == 0)
		r = parse_known_domain(rq, &d);
	if (r == 0)
		r = request_parse_domid(s[1], &tdomid);
	if (r < 0)
		return r;
	target = domain_find(rq->store, tdomid);
	if (!target || !target->introduced || tdomid == 0)
		return -ENOENT;
	d->target = (int32_t)tdomid;
	domain_record(rq->store, d);
	return 0;
}

int do_get_feature(struct request *rq)
{
	const struct domain *d = rq->conn->domain;
	unsigned domid;
	const char *s;
	size_t at = 0;

	if (request_strings(rq, &at, &s, 1) == 1 && *s) {
		if (!conn_is_privileged(rq->conn))
			return -EACCES;
		if (request_parse_domid(s, &domid) < 0)
			return -EINVAL;
		d = domain_find(rq->store, domid);
		if (!d)
			return -ENOENT;
	}
	return request_answer_format(rq, "%" PRIu32, d->features);
}

int do_set_feature(struct request *rq)
{
	struct domain *d;
	uint64_t features = 0;
	unsigned domid;
	const char *s[2];
	int r = request_parse_strings(rq, s, 2);

	if (r == 0)
		r = request_parse_domid(s[0], &domid);
	if (r == 0)
		r = request_parse_number(s[1], UINT32_MAX, &features);
	if (r < 0 || domid >= DOMID_FIRST_RESERVED || features & ~(uint64_t)STORE_FEATURES)
		return -EINVAL;
	d = domain_get(rq->store, domid);
	if (d->introduced)
		return -EBUSY;
	d->features = (uint32_t)features;
	domain_record(rq->store, d);
	domain_put_idle(rq->store, d);
	return 0;
}

int do_get_quota(struct request *rq)
{
	const struct domain *d = NULL;
	const char *s[2];
	size_t at = 0, nr = request_strings(rq, &at, s, 2);
	unsigned domid;
	enum quota q;

	if (nr == 0 || (nr == 1 && !s[0][0])) {
		char all[256] = "";

		for (q = 0; q < NR_QUOTAS; q++)
			(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", q ? " " : "", quota_name(q));
		return request_answer_string(rq, all);
	}
	if (quota_by_name(s[nr - 1], &q) < 0)
		return -EINVAL;
	if (nr == 1)
		return request_answer_format(rq, "%" PRIu32, rq->store->quota[q]);
	if (request_parse_domid(s[0], &domid) < 0)
		return -EINVAL;
	d = domain_find(rq->store, domid);
	return d ? request_answer_format(rq, "%" PRIu32, quota_of(rq->store, d, q)) : -ENOENT;
}

int do_set_quota(struct request *rq)
{
	const char *s[3];
	size_t at = 0, nr = request_strings(rq, &at, s, 3);
	struct domain *d;
	uint64_t value;
	unsigned domid;
	enum quota q;

	if (nr < 2 || quota_by_name(s[nr - 2], &q) < 0 || request_parse_number(s[nr - 1], UINT32_MAX, &value) < 0)
		return -EINVAL;
	if (nr == 2) {
		rq->store->quota[q] = (uint32_t)value;
		state_record_quota(rq->store, q);
		return 0;
	}
	/* domain 0 has none */
	if (request_parse_domid(s[0], &domid) < 0 || domid == 0 || domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	d = domain_get(rq->store, domid);
	d->quota[q] = (uint32_t)value;
	d->own_quotas |= 1U << q;
	domain_record(rq->store, d);
	return 0;
}

/* ---- the daemon ---- */

static int control_check(struct request *rq, const char *argument)
{
	const char *wrong = store_check(rq->store);

	(void)argument;
	if (wrong)
		store_log(rq->store, LOG_ERR, "check: %s", wrong);
	return request_answer_string(rq, wrong ? wrong : "OK");
}

static int control_print(struct request *rq, const char *argument)
{
	store_log(rq->store, LOG_INFO, "%.400s", argument);
	return 0;
}

static int control_memreport(struct request *rq, const char *argument)
{
	const struct store *s = rq->store;

	(void)argument;
	return request_answer_format(rq, "nodes %" PRIu32 ", watches %" PRIu32 ", transactions %" PRIu32 "\n", s->nr_nodes, s->nr_watches,
			     s->nr_transactions);
}

static int control_help(struct request *rq, const char *argument);

static const struct {
	const char *name;
	int (*handle)(struct request *rq, const char *argument);
} controls[] = {
	{ "await-look", control_await_look },
	{ "check", control_check },
	{ "help", control_help },
	{ "memreport", control_memreport },
	{ "print", control_print },
};

static int control_help(struct request *rq, const char *argument)
{
	(void)argument;
	return request_answer_string(rq, "Supported commands:\nawait-look\ncheck\nhelp\nmemreport\nprint\n");
}

int do_control(struct request *rq)
{
	const char *s[2] = { "", "" };
	size_t at = 0;

	(void)request_strings(rq, &at, s, 2);
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		if (strcmp(s[0], controls[i].name) == 0)
			return controls[i].handle(rq, s[1]);
	return -EINVAL;
}
