/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The whole state as changes, for a fresh log, and a log's changes as state. What each change has stands where it is written:
 * node.c, watch.c, tx.c, domain.c, conn.c, and here.
 */
#include "journal.h"
#include "mem.h"
#include "store.h"

/* Each domain's record has all of them: with another number it is another format. */
_Static_assert(NR_QUOTAS == 9, "format 01 has nine quotas");
_Static_assert(CHANGE_RESET == 15, "format 01 has fifteen kinds of changes");

/* ---- saving ---- */

void state_record_quota(struct store *s, enum quota q)
{
	if (!journal_change(s->journal, CHANGE_QUOTA))
		return;
	journal_put_value(s->journal, uint8_t, q);
	journal_put_value(s->journal, uint32_t, s->quota[q]);
}

static void put_acl(struct journal *j, const struct acl *a)
{
	journal_put_value(j, uint16_t, a->nr);
	journal_put(j, a->perm, a->nr * sizeof(a->perm[0]));
}

void state_record_special(struct store *s, const char *name, const struct acl *a)
{
	if (!journal_change(s->journal, CHANGE_ACL))
		return;
	journal_put_bytes(s->journal, name, strlen(name));
	put_acl(s->journal, a);
}

/* Each record on its own, so that none is larger than memory for it need be. */
static void save_node(struct journal *j, const struct node *n)
{
	char path[PATH_ROOM];
	size_t len = node_path(n, path);

	(void)journal_change(j, CHANGE_NODE);
	journal_put_bytes(j, path, len);
	put_acl(j, n->acl);
	journal_put_bytes(j, n->value, n->value_len);
	journal_commit(j);
}

static void save_nodes(const struct store *s, struct journal *j)
{
	uint32_t *at = mem_new((XENSTORE_ABS_PATH_MAX / 2 + 2) * sizeof(*at)), depth = 0;
	const struct node *n = s->root;

	for (;;) {
		if (at[depth] == 0)
			save_node(j, n);
		if (at[depth] < n->nr_children) {
			n = n->children[at[depth]++];
			at[++depth] = 0;
			continue;
		}
		if (depth == 0)
			break;
		depth--;
		n = n->parent;
	}
	free(at);
}

static void save_conn(const struct conn *c, struct journal *j)
{
	uint16_t domid = c->domain->domid;

	(void)journal_change(j, CHANGE_RESET);
	journal_put_value(j, uint16_t, domid);
	journal_put_value(j, uint32_t, c->in_index);
	journal_put_value(j, uint32_t, c->out_index);
	for (const struct watch *w = c->watches; w; w = w->next) {
		(void)journal_change(j, CHANGE_WATCH);
		journal_put_value(j, uint16_t, domid);
		journal_put_bytes(j, w->path, w->path_len);
		journal_put_bytes(j, w->token, strlen(w->token));
		journal_put_value(j, int32_t, w->depth);
		journal_put_value(j, uint16_t, w->skip);
	}
	for (const struct tx *tx = c->transactions; tx; tx = tx->next) {
		(void)journal_change(j, CHANGE_TX);
		journal_put_value(j, uint16_t, domid);
		journal_put_value(j, uint32_t, tx->id);
	}
	for (const struct msg *m = c->out; m; m = m->next) {
		(void)journal_change(j, CHANGE_OUT);
		journal_put_value(j, uint16_t, domid);
		journal_put_value(j, uint8_t, m->is_event);
		journal_put_bytes(j, m->bytes + m->sent, m->len - m->sent);
	}
	(void)journal_change(j, CHANGE_IN);
	journal_put_value(j, uint16_t, domid);
	journal_put_value(j, uint32_t, c->in_index);
	journal_put_bytes(j, c->in, c->in_len);
}

void state_save(struct store *s, struct journal *j)
{
	struct journal *current = s->journal;

	s->journal = j;
	for (enum quota q = 0; q < NR_QUOTAS; q++)
		if (s->quota[q] != quota_default(q))
			state_record_quota(s, q);
	for (unsigned i = 0; i < s->domids_end; i++)
		if (s->domains[i] && i)
			domain_record(s, s->domains[i]);
	journal_commit(j);
	save_nodes(s, j);
	state_record_special(s, "@introduceDomain", s->special[0]);
	state_record_special(s, "@releaseDomain", s->special[1]);
	for (const struct conn *c = s->conns; c; c = c->next)
		if (c->is_ring)
			save_conn(c, j);
	journal_commit(j);
	s->journal = current;
}

int state_rewrite(struct store *s)
{
	struct journal fresh;
	int r = journal_rewrite_begin(s->journal, &fresh);

	if (r == 0) {
		state_save(s, &fresh);
		r = journal_rewrite_end(s->journal, &fresh);
	}
	if (r < 0)
		journal_close(&fresh);
	return r;
}

/* ---- loading ---- */

struct reader {
	const uint8_t *data;
	size_t len, at;
	bool bad;
};

static const void *get(struct reader *rd, size_t len)
{
	const void *p = rd->data + rd->at;

	if (rd->bad || len > rd->len - rd->at) {
		rd->bad = true;
		return NULL;
	}
	rd->at += len;
	return p;
}

#define GET(rd, type) ({ type v_ = 0; const void *p_ = get(rd, sizeof(v_)); if (p_) memcpy(&v_, p_, sizeof(v_)); v_; })

static const char *get_bytes(struct reader *rd, size_t *ret_len)
{
	*ret_len = GET(rd, uint32_t);
	return get(rd, *ret_len);
}

/* "" when it is no path that the store could have written. */
static void get_path(struct reader *rd, char buf[PATH_ROOM])
{
	char text[PATH_ROOM];
	size_t len;
	const char *p = get_bytes(rd, &len);

	buf[0] = '\0';
	if (!p || len >= sizeof(text) || memchr(p, 0, len)) {
		rd->bad = true;
		return;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	if ((text[0] != '/' && text[0] != '@') || path_canonical(text, 0, true, buf, &len) < 0)
		rd->bad = true;
}

static struct acl *get_acl(struct reader *rd)
{
	uint16_t nr = GET(rd, uint16_t);
	const void *p = nr ? get(rd, nr * sizeof(struct perm)) : NULL;
	struct acl *a;

	if (!p) {
		rd->bad = true;
		return NULL;
	}
	a = acl_new(nr);
	memcpy(a->perm, p, nr * sizeof(struct perm));
	for (uint16_t i = 0; i < nr; i++)
		rd->bad |= a->perm[i].access > (ACCESS_READ | ACCESS_WRITE) || (i == 0 && a->perm[i].domid >= DOMID_FIRST_RESERVED);
	if (!rd->bad)
		return a;
	acl_unref(a);
	return NULL;
}

static struct conn *get_conn(struct store *s, struct reader *rd)
{
	uint16_t domid = GET(rd, uint16_t);
	struct domain *d;

	if (rd->bad || domid == 0 || domid >= DOMID_FIRST_RESERVED) {
		rd->bad = true;
		return NULL;
	}
	d = domain_get(s, domid);
	if (!d->conn)
		d->conn = conn_new(s, d, true);
	return d->conn;
}

static void load_node(struct store *s, struct reader *rd)
{
	char path[PATH_ROOM];
	struct acl *acl;
	struct node *n, *parent;
	const char *value;
	size_t len;
	char *name;

	get_path(rd, path);
	acl = rd->bad ? NULL : get_acl(rd);
	if (!acl)
		return;
	value = get_bytes(rd, &len);
	n = path[0] == '/' ? node_find(s, path) : NULL;
	name = strrchr(path, '/');
	if (value && n) {
		node_set_acl(s, n, acl);
		node_set_value(s, n, value, len);
	} else if (value && name) {
		*name++ = '\0';
		parent = name == path + 1 ? s->root : node_find(s, path);
		if (parent)
			(void)node_create(s, parent, name, strlen(name), acl, value, len);
		else
			rd->bad = true;
	} else {
		rd->bad = true;
	}
	acl_unref(acl);
}

static void load_acl(struct store *s, struct reader *rd)
{
	char path[PATH_ROOM];
	struct acl *acl;
	struct node *n;

	get_path(rd, path);
	acl = rd->bad ? NULL : get_acl(rd);
	if (!acl)
		return;
	n = path[0] == '/' ? node_find(s, path) : NULL;
	if (n) {
		node_set_acl(s, n, acl);
	} else if (path[0] == '@') {
		int i = strcmp(path, "@introduceDomain") != 0;

		acl_unref(s->special[i]);
		s->special[i] = acl_ref(acl);
	} else {
		rd->bad = true;
	}
	acl_unref(acl);
}

static void load_value_or_remove(struct store *s, struct reader *rd, bool remove)
{
	const char *value = "";
	char path[PATH_ROOM];
	struct node *n;
	size_t len = 0;

	get_path(rd, path);
	if (!remove && !rd->bad)
		value = get_bytes(rd, &len);
	n = !rd->bad && path[0] == '/' ? node_find(s, path) : NULL;
	if (!n || !value || (remove && !n->parent))
		rd->bad = true;
	else if (remove)
		node_remove(s, n);
	else
		node_set_value(s, n, value, len);
}

static void load_watch(struct store *s, struct reader *rd, bool add)
{
	struct conn *c = get_conn(s, rd);
	char path[PATH_ROOM], token[XENSTORE_PAYLOAD_MAX];
	struct watch *w;
	const char *t;
	size_t len;
	int32_t depth;
	uint16_t skip;

	get_path(rd, path);
	t = rd->bad ? NULL : get_bytes(rd, &len);
	if (!t || len >= sizeof(token)) {
		rd->bad = true;
		return;
	}
	memcpy(token, t, len);
	token[len] = '\0';
	if (!add) {
		(void)watch_remove(c, path, token);
		return;
	}
	depth = GET(rd, int32_t);
	skip = GET(rd, uint16_t);
	if (rd->bad || skip >= strlen(path) || watch_add(c, path, strlen(path), token, depth < 0 ? -1 : depth, skip, &w) < 0)
		rd->bad = true;
}

/* What it had looked at and changed is gone: it ends with EAGAIN, and its client begins anew. */
static void load_tx(struct store *s, struct reader *rd, bool start)
{
	struct conn *c = get_conn(s, rd);
	uint32_t id = GET(rd, uint32_t);
	struct tx *tx;

	if (rd->bad || id == 0)
		return;
	tx = tx_find(c, id);
	if (start && !tx && tx_start(c, id, &tx) == 0)
		tx->doomed = true;
	else if (!start && tx)
		tx_free(tx);
	if (id > s->last_tx)
		s->last_tx = id;
}

static void load_domain(struct store *s, struct reader *rd)
{
	uint16_t domid = GET(rd, uint16_t);
	uint8_t flags = GET(rd, uint8_t);
	struct domain *d;
	const void *quota;

	if (rd->bad || domid == 0 || domid >= DOMID_FIRST_RESERVED || flags > 7) {
		rd->bad = true;
		return;
	}
	d = domain_get(s, domid);
	d->introduced = flags & 1;
	d->shutdown = flags & 2;
	d->ring_error = flags & 4;
	d->target = GET(rd, int32_t);
	d->port = GET(rd, uint32_t);
	d->gfn = GET(rd, uint64_t);
	d->features = GET(rd, uint32_t) & STORE_FEATURES;
	d->own_quotas = GET(rd, uint32_t) & ((1U << NR_QUOTAS) - 1);
	quota = get(rd, sizeof(d->quota));
	if (quota)
		memcpy(d->quota, quota, sizeof(d->quota));
	if (!d->introduced)
		conn_free(d->conn);
}

static void load_forget(struct store *s, struct reader *rd)
{
	uint16_t domid = GET(rd, uint16_t);
	struct domain *d = rd->bad || domid == 0 ? NULL : domain_find(s, domid);

	if (d) {
		conn_free(d->conn);
		d->introduced = false;
	}
	if (!rd->bad && domid && domid < DOMID_FIRST_RESERVED)
		domain_forget(s, domid);
}

static void load_input(struct store *s, struct reader *rd, bool done)
{
	struct conn *c = get_conn(s, rd);
	uint32_t index = GET(rd, uint32_t);
	const char *p = "";
	size_t len = 0;

	if (!done)
		p = get_bytes(rd, &len);
	if (rd->bad || !p || len > sizeof(c->in) - c->in_len) {
		rd->bad = true;
		return;
	}
	memcpy(c->in + c->in_len, p, len);
	c->in_len = done ? 0 : c->in_len + (uint32_t)len;
	c->in_index = index;
}

static void load_output(struct store *s, struct reader *rd)
{
	struct conn *c = get_conn(s, rd);
	bool is_event = GET(rd, uint8_t);
	const char *p;
	struct msg *m;
	size_t len;

	p = get_bytes(rd, &len);
	if (rd->bad || len == 0 || len > sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX) {
		rd->bad = true;
		return;
	}
	m = mem_or_end(malloc(sizeof(*m) + len));
	*m = (struct msg){ .is_event = is_event, .len = (uint32_t)len };
	memcpy(m->bytes, p, len);
	conn_queue(c, m);
}

static void load_reset(struct store *s, struct reader *rd)
{
	struct conn *c = get_conn(s, rd);
	uint32_t in = GET(rd, uint32_t), out = GET(rd, uint32_t);

	if (!rd->bad)
		conn_reset(c, in, out);
}

static void load_quota(struct store *s, struct reader *rd)
{
	uint8_t q = GET(rd, uint8_t);
	uint32_t value = GET(rd, uint32_t);

	if (rd->bad || q >= NR_QUOTAS)
		rd->bad = true;
	else
		s->quota[q] = value;
}

static void load_change(struct store *s, struct reader *rd)
{
	switch (GET(rd, uint8_t)) {
	case CHANGE_NODE: load_node(s, rd); break;
	case CHANGE_VALUE: load_value_or_remove(s, rd, false); break;
	case CHANGE_ACL: load_acl(s, rd); break;
	case CHANGE_REMOVE: load_value_or_remove(s, rd, true); break;
	case CHANGE_WATCH: load_watch(s, rd, true); break;
	case CHANGE_UNWATCH: load_watch(s, rd, false); break;
	case CHANGE_TX: load_tx(s, rd, true); break;
	case CHANGE_TX_END: load_tx(s, rd, false); break;
	case CHANGE_QUOTA: load_quota(s, rd); break;
	case CHANGE_DOMAIN: load_domain(s, rd); break;
	case CHANGE_FORGET: load_forget(s, rd); break;
	case CHANGE_IN: load_input(s, rd, false); break;
	case CHANGE_IN_DONE: load_input(s, rd, true); break;
	case CHANGE_OUT: load_output(s, rd); break;
	case CHANGE_RESET: load_reset(s, rd); break;
	default: rd->bad = true;
	}
}

int state_load(struct store *s, const struct journal *j)
{
	struct journal *current = s->journal;
	struct reader rd = {};
	bool first = true;
	size_t at = 0;
	int r;

	s->journal = NULL;
	s->replaying = true;
	while ((r = journal_next(j, &at, &rd.data, &rd.len)) > 0 && !rd.bad) {
		/* A fresh store has nodes that the log may not have. */
		while (first && s->root->nr_children)
			node_remove(s, s->root->children[0]);
		first = false;
		for (rd.at = 0; rd.at < rd.len && !rd.bad;)
			load_change(s, &rd);
	}
	for (unsigned i = 1; i < s->domids_end; i++)
		if (s->domains[i]) {
			if (!s->domains[i]->introduced)
				conn_free(s->domains[i]->conn);
			domain_put_idle(s, s->domains[i]);
		}
	s->replaying = false;
	s->journal = current;
	/* Whoever lists a directory in parts must not take one from before for one from after. */
	s->generation += ((const struct journal_header *)(const void *)j->base)->epoch << 32;
	return rd.bad || r < 0 ? -EBADMSG : 0;
}
