/* SPDX-License-Identifier: GPL-2.0-only */
/* What a connection reads and changes: in the tree at once, or in the shadows of a transaction (shadow.h). */
#include <string.h>

#include "mem.h"
#include "shadow.h"

/* ---- where a path leads ---- */

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
		r = conn_check_room(c, acl->perm[0].domid, missing + (conn_has_quotas(c) ? tx_count_created(tx) : 0));
	/* what a quota refuses is refused before anything is noted */
	pos = l->missing;
	for (struct shadow *sh = at.shadow; tx && r == 0 && path_next(path, &pos, &name, &name_len);)
		r = shadow_get(tx, sh, name, name_len, &sh);
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
		shadow_note_change(tx, at.shadow, CREATED | (last ? 0 : IMPLICIT));
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
		r = conn_check_room(c, l.acl->perm[0].domid, 0);
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
	shadow_note_change(tx, l.at.shadow, SET_VALUE);
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
	r = conn_check_room(c, acl->perm[0].domid, acl->perm[0].domid != l.acl->perm[0].domid);
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
	shadow_note_change(tx, l.at.shadow, SET_ACL);
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
	shadow_note_change(tx, sh, REMOVED);
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
