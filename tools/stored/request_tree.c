/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests for nodes, watches and transactions. */
#include <inttypes.h>
#include <stdio.h>

#include "mem.h"
#include "request.h"

/* ---- the tree ---- */

int do_directory(struct request *rq)
{
	struct listing l = { .most = sizeof(rq->answer) };
	char path[PATH_ROOM];
	int r = request_parse_path(rq, path);

	if (r == 0)
		r = tree_list(rq->conn, rq->tx, path, &l);
	if (r < 0)
		return r;
	return l.is_end ? request_answer(rq, l.names, l.len) : -E2BIG;
}

/* As many whole names from the offset on as fit; after the last an empty one. */
int do_directory_part(struct request *rq)
{
	/* room for the generation before them, and for the empty one */
	struct listing l = { .most = sizeof(rq->answer) - sizeof("18446744073709551615") - 1 };
	const char *s[2];
	char path[PATH_ROOM];
	int r;

	r = request_parse_strings(rq, s, 2);
	if (r == 0)
		r = request_parse_path(rq, path);
	if (r == 0)
		r = request_parse_number(s[1], UINT32_MAX, &l.from);
	if (r == 0)
		r = tree_list(rq->conn, rq->tx, path, &l);
	if (r == 0)
		r = request_answer_format(rq, "%" PRIu64, l.gen);
	if (r == 0)
		r = request_answer(rq, l.names, l.len);
	if (r == 0 && l.is_end)
		r = request_answer(rq, "", 1);
	return r;
}

int do_read(struct request *rq)
{
	char path[PATH_ROOM];
	const char *value;
	size_t len;
	int r = request_parse_path(rq, path);

	if (r == 0)
		r = tree_read(rq->conn, rq->tx, path, &value, &len);
	return r < 0 ? r : request_answer(rq, value, len);
}

int do_write(struct request *rq)
{
	char path[PATH_ROOM];
	const char *s;
	size_t at = 0;
	int r = request_parse_path(rq, path);

	if (r < 0)
		return r;
	(void)request_strings(rq, &at, &s, 1);
	return tree_write(rq->conn, rq->tx, path, rq->body + at, rq->h.len - at);
}

int do_mkdir(struct request *rq)
{
	char path[PATH_ROOM];
	int r = request_parse_path(rq, path);

	return r < 0 ? r : tree_mkdir(rq->conn, rq->tx, path);
}

int do_rm(struct request *rq)
{
	char path[PATH_ROOM];
	int r = request_parse_path(rq, path);

	return r < 0 ? r : tree_remove(rq->conn, rq->tx, path);
}

/* Of the two names that are no path: their permissions say who may watch them. */
static struct acl **special_acl(struct store *s, const char *name)
{
	if (strcmp(name, "@introduceDomain") == 0)
		return &s->special[0];
	return strcmp(name, "@releaseDomain") == 0 ? &s->special[1] : NULL;
}

int do_get_perms(struct request *rq)
{
	const struct acl *a = NULL;
	struct acl **special;
	char path[PATH_ROOM], text[8];
	const char *s;
	int r = request_parse_strings(rq, &s, 1);

	if (r < 0)
		return r;
	special = special_acl(rq->store, s);
	if (special)
		a = *special;
	if (a && !conn_may(rq->conn, a, ACCESS_READ))
		return -EACCES;
	r = a ? 0 : request_parse_path(rq, path);
	if (r == 0 && !a)
		r = tree_get_acl(rq->conn, rq->tx, path, &a);
	for (uint16_t i = 0; r == 0 && i < a->nr; i++) {
		(void)perm_format(&a->perm[i], text);
		r = request_answer_string(rq, text);
	}
	return r;
}

static int set_special(struct request *rq, const char *name, struct acl **special, struct acl *acl)
{
	if (!conn_is_privileged(rq->conn))
		return -EACCES;
	acl_unref(*special);
	*special = acl_ref(acl);
	state_record_special(rq->store, name, acl);
	return 0;
}

static int parse_acl(struct request *rq, struct acl **ret)
{
	const char *s[XENSTORE_PAYLOAD_MAX / 3];
	size_t at = 0, nr = request_strings(rq, &at, s, sizeof(s) / sizeof(s[0]));
	struct acl *a;

	if (nr < 2)
		return -EINVAL;
	if (conn_exceeds(rq->conn, QUOTA_PERMISSIONS, nr - 1))
		return -ENOSPC;
	a = acl_new((uint16_t)(nr - 1));
	for (size_t i = 1; i < nr; i++)
		if (perm_parse(s[i], &a->perm[i - 1]) < 0)
			goto wrong;
	/* an owner has an account */
	if (a->perm[0].domid >= DOMID_FIRST_RESERVED)
		goto wrong;
	*ret = a;
	return 0;
wrong:
	acl_unref(a);
	return -EINVAL;
}

int do_set_perms(struct request *rq)
{
	char path[PATH_ROOM];
	struct acl *acl, **special;
	int r = parse_acl(rq, &acl);

	if (r < 0)
		return r;
	special = special_acl(rq->store, rq->body);
	if (special) {
		r = set_special(rq, rq->body, special, acl);
	} else {
		r = request_parse_path(rq, path);
		if (r == 0)
			r = tree_set_acl(rq->conn, rq->tx, path, acl);
	}
	acl_unref(acl);
	return r;
}

/* ---- watches ---- */

int do_watch(struct request *rq)
{
	struct conn *c = rq->conn;
	char path[PATH_ROOM];
	const char *s[3];
	uint64_t depth = UINT64_MAX;
	struct watch *w;
	size_t at = 0, nr = request_strings(rq, &at, s, 3), len;
	int r;

	if (nr < 2)
		return -EINVAL;
	/* Old clients may send something empty as the third. */
	if (nr == 3 && s[2][0] && c->domain->features & XENSTORE_SERVER_FEATURE_WATCHDEPTH) {
		r = request_parse_number(s[2], INT32_MAX, &depth);
		if (r < 0 || (s[0][0] == '@' && depth != 1))
			return -EINVAL;
	}
	r = path_canonical(s[0], c->domain->domid, true, path, &len);
	if (r < 0)
		return r;
	r = watch_add(c, path, len, s[1], depth == UINT64_MAX ? -1 : (int32_t)depth,
		      s[0][0] == '/' || s[0][0] == '@' ? 0 : (uint16_t)(len - strlen(s[0])), &w);
	if (r < 0)
		return r;
	request_send(rq, 0);
	watch_first_event(w);
	return 1;
}

int do_unwatch(struct request *rq)
{
	char path[PATH_ROOM];
	const char *s[2];
	size_t len;
	int r = request_parse_strings(rq, s, 2);

	if (r == 0)
		r = path_canonical(s[0], rq->conn->domain->domid, true, path, &len);
	return r < 0 ? r : watch_remove(rq->conn, path, s[1]);
}

int do_reset_watches(struct request *rq)
{
	struct conn *c = rq->conn;

	while (c->transactions)
		(void)tx_end(c->transactions, false);
	while (c->watches)
		(void)watch_remove(c, c->watches->path, c->watches->token);
	return 0;
}

/* ---- transactions ---- */

int do_transaction_start(struct request *rq)
{
	struct tx *tx;
	int r;

	if (rq->h.tx_id)
		return -EBUSY;
	r = tx_start(rq->conn, 0, &tx);
	return r < 0 ? r : request_answer_format(rq, "%" PRIu32, tx->id);
}

int do_transaction_end(struct request *rq)
{
	const char *s;
	int r = request_parse_strings(rq, &s, 1);

	if (r < 0 || (strcmp(s, "T") != 0 && strcmp(s, "F") != 0))
		return -EINVAL;
	if (!rq->tx)
		return -ENOENT;
	return tx_end(rq->tx, s[0] == 'T');
}
