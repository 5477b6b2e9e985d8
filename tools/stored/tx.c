/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A transaction keeps beside the tree what it looked at and what it changed: a shadow for each path it came along. For what it
 * looked at, the shadow has the generation seen first, for value, permissions and children by themselves; for what it changed,
 * the new state. At the commit all generations are compared; then the changes are made in the order of their first.
 */
#include "journal.h"
#include "mem.h"
#include "store.h"

enum { SET_VALUE = 1, SET_ACL = 2, CREATED = 4, IMPLICIT = 8, REMOVED = 16 };

struct shadow {
	struct shadow *parent, *hash_next;
	struct node *peer;		/* the tree's node: for a moment, while all are walked */
	uint64_t seen[NR_GENS];		/* 0: was not there */
	struct acl *acl;		/* with SET_ACL, CREATED */
	char *value;			/* with SET_VALUE, CREATED */
	uint32_t value_len;
	uint32_t order;			/* 1 + index in tx->order */
	uint8_t looked;			/* bit per generation */
	uint8_t changes;
	bool hides;			/* what the tree has here and below was removed by this transaction */
	bool mark;
	uint16_t name_len;
	char name[];
};

/* Where a path leads. */
struct place {
	struct node *node;		/* the tree's, if the transaction lets it be seen */
	struct shadow *shadow;		/* NULL outside a transaction */
	bool hidden;			/* the tree does not count here: removed by the transaction */
};

struct lookup {
	bool exists;
	struct place at;		/* of the path, or of its first part that is not there */
	struct place above;		/* then: of the last that is there */
	size_t missing;			/* then: where in the path the name begins */
	struct acl *acl;		/* of the path, or of the last that is there */
};

/* ---- shadows ---- */

static struct shadow **shadow_bucket(struct tx *tx, const struct shadow *parent, const char *name, size_t len)
{
	uint64_t h = (uintptr_t)parent >> 4;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
	return &tx->buckets[(h ^ h >> 32) % TX_BUCKETS];
}

static struct shadow *shadow_find(struct tx *tx, const struct shadow *parent, const char *name, size_t len)
{
	struct shadow *sh = *shadow_bucket(tx, parent, name, len);

	while (sh && (sh->parent != parent || sh->name_len != len || memcmp(sh->name, name, len) != 0))
		sh = sh->hash_next;
	return sh;
}

static void tx_charge(struct tx *tx, int64_t bytes)
{
	tx->memory += (uint64_t)bytes;
	tx->conn->domain->memory += (uint64_t)bytes;
}

static struct shadow *shadow_new(struct tx *tx, struct shadow *parent, const char *name, size_t len)
{
	struct shadow *sh = mem_new(sizeof(*sh) + len + 1), **b = shadow_bucket(tx, parent, name, len);

	memcpy(sh->name, name, len);
	sh->name_len = (uint16_t)len;
	sh->parent = parent;
	sh->hash_next = *b;
	*b = sh;
	mem_grow(tx->shadows, tx->nr_shadows, tx->shadows_room);
	tx->shadows[tx->nr_shadows++] = sh;
	tx_charge(tx, (int64_t)(sizeof(*sh) + len + 1));
	return sh;
}

static int shadow_get(struct tx *tx, struct shadow *parent, const char *name, size_t len, struct shadow **ret)
{
	struct usage used;

	*ret = shadow_find(tx, parent, name, len);
	if (*ret)
		return 0;
	if (conn_exceeds(tx->conn, QUOTA_TRANSACTION_NODES, tx->nr_shadows))
		return -ENOSPC;
	conn_usage_tx(tx->conn, &used);
	if (conn_exceeds(tx->conn, QUOTA_MEMORY, used.memory))
		return -ENOMEM;
	*ret = shadow_new(tx, parent, name, len);
	return 0;
}

static bool place_exists(const struct place *p)
{
	return p->node || (p->shadow && p->shadow->changes & CREATED);
}

static struct acl *place_acl(const struct place *p)
{
	return p->shadow && p->shadow->acl ? p->shadow->acl : p->node->acl;
}

/*
 * Its outcome depends on what the tree has there now. Who looks again and sees another state has lost already: a node that was not
 * there, came and went again looks at the commit as it did at first, but what was done meanwhile was done below it.
 */
static void look_at(struct tx *tx, const struct place *p, unsigned gen)
{
	uint64_t now = p->node ? p->node->gen[gen] : 0;

	if (!tx || p->hidden)
		return;
	if (!(p->shadow->looked & 1U << gen)) {
		p->shadow->looked |= (uint8_t)(1U << gen);
		p->shadow->seen[gen] = now;
	} else if (p->shadow->seen[gen] != now) {
		tx->doomed = true;
	}
}

static int look_up(struct conn *c, struct tx *tx, const char *path, struct lookup *l)
{
	const char *name;
	size_t len, at = 1;

	*l = (struct lookup){ .at = { .node = c->store->root, .shadow = tx ? tx->shadows[0] : NULL } };
	while (path_next(path, &at, &name, &len)) {
		struct place next = { .hidden = l->at.hidden };
		int r;

		if (l->at.node)
			next.node = node_child(l->at.node, name, len);
		if (tx) {
			r = shadow_get(tx, l->at.shadow, name, len, &next.shadow);
			if (r < 0)
				return r;
			if (next.shadow->hides) {
				next.hidden = true;
				next.node = NULL;
			}
		}
		l->above = l->at;
		l->at = next;
		if (!place_exists(&next)) {
			l->missing = (size_t)(name - path);
			l->acl = place_acl(&l->above);
			look_at(tx, &l->above, GEN_PERMS);
			look_at(tx, &l->at, GEN_PERMS);
			return 0;
		}
	}
	l->exists = true;
	l->acl = place_acl(&l->at);
	look_at(tx, &l->at, GEN_PERMS);
	return 0;
}

/* That something is missing is told only to those who may do there what they wanted to. */
static int find_for(struct conn *c, struct tx *tx, const char *path, unsigned access, struct lookup *l)
{
	int r = look_up(c, tx, path, l);

	if (r < 0)
		return r;
	if (!conn_may(c, l->acl, access))
		return -EACCES;
	return l->exists ? 0 : -ENOENT;
}

/* The shadow is about to change; its place among the changes is that of the first. */
static void note_change(struct tx *tx, struct shadow *sh, unsigned changes)
{
	tx->nr_changes++;
	sh->changes |= (uint8_t)changes;
	if (sh->order)
		return;
	/* what is made and removed again and again leaves gaps here: they are charged, too */
	tx_charge(tx, sizeof(tx->order[0]));
	mem_grow(tx->order, tx->nr_order, tx->order_room);
	tx->order[tx->nr_order++] = sh;
	sh->order = tx->nr_order;
}

static void shadow_set_value(struct tx *tx, struct shadow *sh, const void *value, size_t len)
{
	tx_charge(tx, (int64_t)len - (int64_t)sh->value_len);
	free(sh->value);
	sh->value = mem_copy(value, len);
	sh->value_len = (uint32_t)len;
}

static void shadow_set_acl(struct shadow *sh, struct acl *acl)
{
	struct acl *old = sh->acl;

	sh->acl = acl_ref(acl);
	acl_unref(old);
}

static void shadow_clear(struct tx *tx, struct shadow *sh)
{
	tx_charge(tx, -(int64_t)sh->value_len);
	acl_unref(sh->acl);
	free(sh->value);
	sh->acl = NULL;
	sh->value = NULL;
	sh->value_len = 0;
	sh->changes = 0;
}

/* ---- reading ---- */

int tree_read(struct conn *c, struct tx *tx, const char *path, const char **ret, size_t *ret_len)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_READ, &l);

	if (r < 0)
		return r;
	if (l.at.shadow && l.at.shadow->value) {
		*ret = l.at.shadow->value;
		*ret_len = l.at.shadow->value_len;
		return 0;
	}
	look_at(tx, &l.at, GEN_VALUE);
	*ret = l.at.node->value;
	*ret_len = l.at.node->value_len;
	return 0;
}

static bool list_name(struct listing *to, const char *name, size_t len)
{
	if (to->at < to->from) {
		to->at += len + 1;
		return true;
	}
	if (to->len + len + 1 > to->most)
		return false;
	memcpy(to->names + to->len, name, len);
	to->len += len;
	to->names[to->len++] = '\0';
	return true;
}

/*
 * What the tree has. Who lists a large folder in parts goes on where the last part ended; otherwise each would walk through all
 * before it.
 */
static bool list_children(struct conn *c, struct tx *tx, const struct place *p, struct listing *to)
{
	const struct node *n = p->node;
	bool plain = !tx || !tx->nr_changes;
	uint32_t i = 0;

	if (plain && c->listed.node == n && c->listed.gen == to->gen && c->listed.offset <= to->from) {
		i = c->listed.index;
		to->at = c->listed.offset;
	}
	for (; i < n->nr_children; i++) {
		const struct node *child = n->children[i];
		const struct shadow *sh = plain ? NULL : shadow_find(tx, p->shadow, child->name, child->name_len);

		if ((!sh || !sh->hides) && !list_name(to, child->name, child->name_len))
			break;
	}
	if (plain && to->at == to->from) {
		c->listed.node = n;
		c->listed.gen = to->gen;
		c->listed.offset = to->from + to->len;
		c->listed.index = i;
	}
	return i == n->nr_children;
}

int tree_list(struct conn *c, struct tx *tx, const char *path, struct listing *to)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_READ, &l);

	if (r < 0)
		return r;
	look_at(tx, &l.at, GEN_CHILDREN);
	to->at = to->len = 0;
	to->gen = l.at.node ? l.at.node->gen[GEN_CHILDREN] : 0;
	to->is_end = !l.at.node || list_children(c, tx, &l.at, to);
	for (uint32_t i = 0; tx && tx->nr_changes && to->is_end && i < tx->nr_shadows; i++)
		if (tx->shadows[i]->parent == l.at.shadow && tx->shadows[i]->changes & CREATED)
			to->is_end = list_name(to, tx->shadows[i]->name, tx->shadows[i]->name_len);
	to->gen += tx ? tx->nr_changes : 0;
	return 0;
}

int tree_get_acl(struct conn *c, struct tx *tx, const char *path, const struct acl **ret)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_READ, &l);

	if (r < 0)
		return r;
	*ret = l.acl;
	return 0;
}

/* ---- changing ---- */

/* A domain owns what it makes; what domain 0 makes belongs to whoever has the node above. */
static struct acl *acl_inherited(const struct conn *c, struct acl *from)
{
	struct acl *a;

	if (conn_is_privileged(c) || from->perm[0].domid == c->domain->domid)
		return acl_ref(from);
	a = acl_new(from->nr);
	memcpy(a->perm, from->perm, from->nr * sizeof(from->perm[0]));
	a->perm[0].domid = c->domain->domid;
	return a;
}

static int check_size(struct conn *c, size_t name_len, const struct acl *acl, size_t value_len)
{
	return conn_exceeds(c, QUOTA_NODE_SIZE, name_len + acl->nr * sizeof(acl->perm[0]) + value_len) ? -ENOSPC : 0;
}

/* For @more nodes with this owner. */
static int check_room(struct conn *c, unsigned owner, uint32_t more)
{
	struct usage used;

	if (!conn_has_quotas(c))
		return 0;
	conn_usage(c, owner, &used);
	if (more && conn_exceeds(c, QUOTA_NODES, used.nodes + more))
		return -ENOSPC;
	return conn_exceeds(c, QUOTA_MEMORY, used.memory) ? -ENOMEM : 0;
}

static uint32_t count_created(const struct tx *tx)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; tx && i < tx->nr_shadows; i++)
		nr += !!(tx->shadows[i]->changes & CREATED);
	return nr;
}

/* The path with all that is missing before it. */
static int create(struct conn *c, struct tx *tx, const char *path, const struct lookup *l, const void *value, size_t len)
{
	struct acl *acl = acl_inherited(c, l->acl);
	struct place at = l->above;
	size_t name_len, pos = l->missing, created = 0;
	uint32_t missing = 0;
	const char *name;
	int r = 0;

	while (path_next(path, &pos, &name, &name_len)) {
		missing++;
		created = created ? created : (size_t)(name - path) + name_len;
	}
	r = check_size(c, name_len, acl, len);
	if (r == 0)
		r = check_room(c, acl->perm[0].domid, missing + (conn_has_quotas(c) ? count_created(tx) : 0));
	pos = l->missing;
	while (r == 0 && path_next(path, &pos, &name, &name_len)) {
		bool last = !path[pos];

		if (!tx) {
			at.node = node_create(c->store, at.node, name, name_len, acl, last ? value : "", last ? len : 0);
			continue;
		}
		r = shadow_get(tx, at.shadow, name, name_len, &at.shadow);
		if (r < 0)
			break;
		note_change(tx, at.shadow, CREATED | (last ? 0 : IMPLICIT));
		shadow_set_acl(at.shadow, acl);
		shadow_set_value(tx, at.shadow, last ? value : "", last ? len : 0);
	}
	acl_unref(acl);
	if (r == 0 && !tx)
		watch_fire_node(c->store, at.node, NULL, created);
	return r;
}

int tree_write(struct conn *c, struct tx *tx, const char *path, const void *value, size_t len)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_WRITE, &l);

	if (r == -ENOENT)
		return create(c, tx, path, &l, value, len);
	if (r < 0)
		return r;
	r = check_size(c, strlen(strrchr(path, '/')), l.acl, len);
	if (r == 0)
		r = check_room(c, l.acl->perm[0].domid, 0);
	if (r < 0)
		return r;
	look_at(tx, &l.at, GEN_VALUE);
	if (!tx) {
		node_set_value(c->store, l.at.node, value, len);
		watch_fire_node(c->store, l.at.node, NULL, 0);
		return 0;
	}
	shadow_set_value(tx, l.at.shadow, value, len);
	l.at.shadow->changes &= (uint8_t)~IMPLICIT;
	note_change(tx, l.at.shadow, SET_VALUE);
	return 0;
}

int tree_mkdir(struct conn *c, struct tx *tx, const char *path)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_WRITE, &l);

	return r == -ENOENT ? create(c, tx, path, &l, "", 0) : r;
}

int tree_set_acl(struct conn *c, struct tx *tx, const char *path, struct acl *acl)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_WRITE, &l);

	if (r < 0)
		return r;
	if (!conn_owns(c, l.acl))
		return -EACCES;
	if (!conn_is_privileged(c) && acl->perm[0].domid != l.acl->perm[0].domid)
		return -EPERM;
	/* only domain 0 and a domain's process may change it */
	r = check_room(c, acl->perm[0].domid, acl->perm[0].domid != l.acl->perm[0].domid);
	if (r < 0)
		return r;
	if (!tx) {
		struct acl *old = acl_ref(l.acl);

		node_set_acl(c->store, l.at.node, acl);
		watch_fire_node(c->store, l.at.node, old, 0);
		acl_unref(old);
		return 0;
	}
	shadow_set_acl(l.at.shadow, acl);
	l.at.shadow->changes &= (uint8_t)~IMPLICIT;
	note_change(tx, l.at.shadow, SET_ACL);
	return 0;
}

static void remove_later(struct tx *tx, struct shadow *sh)
{
	for (uint32_t i = 0; i < tx->nr_shadows; i++) {
		struct shadow *below = tx->shadows[i];

		below->mark = below == sh || (below->parent && below->parent->mark);
		if (!below->mark || below == sh)
			continue;
		/* made again later, it must come after what is above it */
		if (below->order)
			tx->order[below->order - 1] = NULL;
		below->order = 0;
		below->hides = false;	/* sh hides it */
		shadow_clear(tx, below);
	}
	shadow_clear(tx, sh);
	sh->hides = true;
	note_change(tx, sh, REMOVED);
}

int tree_remove(struct conn *c, struct tx *tx, const char *path)
{
	struct lookup l;
	int r = find_for(c, tx, path, ACCESS_WRITE, &l);

	/* Not there is fine if what should be directly above is. */
	if (r == -ENOENT)
		return strchr(path + l.missing, '/') ? -ENOENT : 0;
	if (r < 0)
		return r;
	if (path[1] == '\0')
		return -EINVAL;
	look_at(tx, &l.at, GEN_VALUE);
	if (tx)
		remove_later(tx, l.at.shadow);
	else
		node_remove_and_tell(c->store, l.at.node);
	return 0;
}

/* ---- transactions ---- */

static void record(struct tx *tx, enum change_kind kind)
{
	struct conn *c = tx->conn;

	if (!c->is_ring || !journal_change(c->store->journal, kind))
		return;
	journal_put_value(c->store->journal, uint16_t, c->domain->domid);
	journal_put_value(c->store->journal, uint32_t, tx->id);
}

struct tx *tx_find(const struct conn *c, uint32_t id)
{
	struct tx *tx = c->transactions;

	while (tx && tx->id != id)
		tx = tx->next;
	return tx;
}

int tx_start(struct conn *c, uint32_t id, struct tx **ret)
{
	struct store *s = c->store;
	struct usage used;
	struct tx *tx;

	conn_usage_tx(c, &used);
	if (conn_exceeds(c, QUOTA_TRANSACTIONS, used.nodes + 1))
		return -ENOSPC;
	if (conn_exceeds(c, QUOTA_MEMORY, used.memory))
		return -ENOMEM;
	tx = mem_new(sizeof(*tx));
	while (id == 0)
		id = tx_find(c, ++s->last_tx) ? 0 : s->last_tx;
	tx->id = id;
	tx->conn = c;
	tx->generation = s->generation;
	tx->next = c->transactions;
	c->transactions = tx;
	s->nr_transactions++;
	c->domain->nr_transactions++;
	tx_charge(tx, sizeof(*tx));
	(void)shadow_new(tx, NULL, "", 0);
	record(tx, CHANGE_TX);
	*ret = tx;
	return 0;
}

void tx_free(struct tx *tx)
{
	struct conn *c = tx->conn;
	struct tx **p = &c->transactions;

	while (*p != tx)
		p = &(*p)->next;
	*p = tx->next;
	for (uint32_t i = 0; i < tx->nr_shadows; i++) {
		shadow_clear(tx, tx->shadows[i]);
		free(tx->shadows[i]);
	}
	tx_charge(tx, -(int64_t)tx->memory);
	c->store->nr_transactions--;
	c->domain->nr_transactions--;
	free(tx->shadows);
	free(tx->order);
	free(tx);
}

void tx_free_all(struct conn *c)
{
	while (c->transactions)
		tx_free(c->transactions);
}

/* The tree's node of each shadow; those of parents are known first. */
static void find_peers(struct store *s, struct tx *tx)
{
	tx->shadows[0]->peer = s->root;
	for (uint32_t i = 1; i < tx->nr_shadows; i++) {
		struct shadow *sh = tx->shadows[i];

		sh->peer = sh->parent->peer ? node_child(sh->parent->peer, sh->name, sh->name_len) : NULL;
	}
}

static bool saw_what_is(const struct tx *tx)
{
	for (uint32_t i = 0; i < tx->nr_shadows; i++) {
		const struct shadow *sh = tx->shadows[i];

		for (unsigned gen = 0; gen < NR_GENS; gen++)
			if (sh->looked & 1U << gen && sh->seen[gen] != (sh->peer ? sh->peer->gen[gen] : 0))
				return false;
	}
	return true;
}

bool tx_is_lost(struct tx *tx)
{
	struct store *s = tx->conn->store;

	if (tx->doomed || tx->generation == s->generation)
		return tx->doomed;
	find_peers(s, tx);
	tx->doomed = !saw_what_is(tx);
	tx->generation = s->generation;
	return tx->doomed;
}

/* Others of the same domain may have made nodes meanwhile. */
static int check_quota(const struct tx *tx)
{
	struct conn *c = tx->conn;
	uint32_t removed = 0, created = count_created(tx);

	if (!created || !conn_has_quotas(c))
		return 0;
	for (uint32_t i = 0; i < tx->nr_shadows; i++)
		removed += tx->shadows[i]->hides && tx->shadows[i]->peer;
	return created <= removed ? 0 : check_room(c, c->domain->domid, created - removed);
}

static size_t created_from(const struct shadow *sh)
{
	size_t len = 0;

	if (!(sh->changes & CREATED))
		return 0;
	while (sh->parent && (sh->parent->changes & (CREATED | IMPLICIT)) == (CREATED | IMPLICIT))
		sh = sh->parent;
	for (; sh->parent; sh = sh->parent)
		len += 1u + sh->name_len;
	return len;
}

static void apply(struct store *s, struct shadow *sh)
{
	struct acl *old = NULL;
	struct node *n;

	if (sh->parent && !sh->parent->peer)
		return;		/* made and removed again with what is above it */
	n = sh->parent ? node_child(sh->parent->peer, sh->name, sh->name_len) : s->root;
	if (sh->hides && n) {
		if (sh->changes & CREATED)
			node_remove(s, n);
		else
			node_remove_and_tell(s, n);
		n = NULL;
	}
	if (sh->changes & CREATED) {
		n = node_create(s, sh->parent->peer, sh->name, sh->name_len, sh->acl, sh->value, sh->value_len);
	} else if (n) {
		if (sh->changes & SET_ACL) {
			old = acl_ref(n->acl);
			node_set_acl(s, n, sh->acl);
		}
		if (sh->changes & SET_VALUE)
			node_set_value(s, n, sh->value, sh->value_len);
	}
	sh->peer = n;
	if (n && sh->changes && !(sh->changes & IMPLICIT))
		watch_fire_node(s, n, old, created_from(sh));
	acl_unref(old);
}

int tx_end(struct tx *tx, bool commit)
{
	struct store *s = tx->conn->store;
	int r = 0;

	if (commit) {
		find_peers(s, tx);
		if (tx->doomed || !saw_what_is(tx))
			r = -EAGAIN;
		else
			r = check_quota(tx);
		for (uint32_t i = 0; r == 0 && i < tx->nr_order; i++)
			if (tx->order[i])
				apply(s, tx->order[i]);
	}
	record(tx, CHANGE_TX_END);
	tx_free(tx);
	return r;
}
