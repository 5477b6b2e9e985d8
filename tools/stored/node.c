/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "journal.h"
#include "mem.h"
#include "store.h"

/* ---- permissions ---- */

struct acl *acl_new(uint16_t nr)
{
	struct acl *a = mem_new(sizeof(*a) + nr * sizeof(a->perm[0]));

	a->refs = 1;
	a->nr = nr;
	return a;
}

struct acl *acl_ref(struct acl *a)
{
	a->refs++;
	return a;
}

void acl_unref(struct acl *a)
{
	if (a && --a->refs == 0)
		free(a);
}

int perm_parse(const char *s, struct perm *ret)
{
	static const char letters[] = { [0] = 'n', [ACCESS_READ] = 'r', [ACCESS_WRITE] = 'w', [ACCESS_READ | ACCESS_WRITE] = 'b' };
	const char *letter = memchr(letters, s[0], sizeof(letters));
	unsigned long domid = 0;
	size_t i;

	if (!letter)
		return -EINVAL;
	for (i = 1; s[i] >= '0' && s[i] <= '9' && i < 6; i++)
		domid = domid * 10 + (unsigned long)(s[i] - '0');
	if (i == 1 || s[i] || domid > UINT16_MAX)
		return -EINVAL;
	*ret = (struct perm){ .domid = (uint16_t)domid, .access = (uint16_t)(letter - letters) };
	return 0;
}

size_t perm_format(const struct perm *p, char buf[8])
{
	return (size_t)snprintf(buf, 8, "%c%u", "nrwb"[p->access & 3], p->domid);
}

/* ---- the tree ---- */

/* Where @name is among the children or has to go. */
static uint32_t child_at(const struct node *n, const char *name, size_t len, bool *ret_found)
{
	uint32_t low = 0, high = n->nr_children;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct node *child = n->children[mid];
		size_t common = child->name_len < len ? child->name_len : len;
		int order = memcmp(child->name, name, common);

		if (order == 0)
			order = child->name_len < len ? -1 : child->name_len > len;
		if (order == 0) {
			*ret_found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_found = false;
	return low;
}

struct node *node_child(const struct node *n, const char *name, size_t len)
{
	bool found;
	uint32_t i = child_at(n, name, len, &found);

	return found ? n->children[i] : NULL;
}

struct node *node_below(struct node *n, const char *path)
{
	const char *name;
	size_t len, at = 1;

	while (n && path_next(path, &at, &name, &len))
		n = node_child(n, name, len);
	return n;
}

struct node *node_find(struct store *s, const char *path)
{
	return node_below(s->root, path);
}

size_t node_path(const struct node *n, char buf[PATH_ROOM])
{
	size_t len = 0, at;

	for (const struct node *i = n; i->parent; i = i->parent)
		len += 1u + i->name_len;
	buf[at = len] = '\0';
	for (const struct node *i = n; i->parent; i = i->parent) {
		at -= i->name_len;
		memcpy(buf + at, i->name, i->name_len);
		buf[--at] = '/';
	}
	if (len)
		return len;
	memcpy(buf, "/", 2);
	return 1;
}

uint64_t node_memory(const struct node *n)
{
	return sizeof(*n) + n->name_len + 1 + n->value_len + sizeof(void *) + n->acl->nr * sizeof(n->acl->perm[0]);
}

static void charge(struct store *s, const struct node *n)
{
	struct domain *d = domain_get(s, n->acl->perm[0].domid);

	d->nr_nodes++;
	d->memory += node_memory(n);
}

static void discharge(struct store *s, const struct node *n)
{
	struct domain *d = domain_get(s, n->acl->perm[0].domid);

	d->nr_nodes--;
	d->memory -= node_memory(n);
	domain_put_idle(s, d);
}

static void record_acl(struct journal *j, const struct acl *a)
{
	journal_put_value(j, uint16_t, a->nr);
	journal_put(j, a->perm, a->nr * sizeof(a->perm[0]));
}

/* @value: with or without, for the two kinds of change. */
static void record(struct store *s, enum change_kind kind, const struct node *n)
{
	char path[PATH_ROOM];
	size_t len;

	if (!journal_change(s->journal, kind))
		return;
	len = node_path(n, path);
	journal_put_bytes(s->journal, path, len);
	if (kind != CHANGE_VALUE && kind != CHANGE_REMOVE)
		record_acl(s->journal, n->acl);
	if (kind == CHANGE_VALUE || kind == CHANGE_NODE)
		journal_put_bytes(s->journal, n->value, n->value_len);
}

struct node *node_create(struct store *s, struct node *parent, const char *name, size_t len, struct acl *acl, const void *value,
			 size_t value_len)
{
	struct node *n = mem_new(sizeof(*n) + len + 1);

	memcpy(n->name, name, len);
	n->name_len = (uint16_t)len;
	n->acl = acl_ref(acl);
	n->value = mem_copy(value, value_len);
	n->value_len = (uint32_t)value_len;
	n->gen[GEN_VALUE] = n->gen[GEN_PERMS] = n->gen[GEN_CHILDREN] = ++s->generation;
	if (parent) {
		bool found;
		uint32_t i = child_at(parent, name, len, &found);

		n->parent = parent;
		mem_grow(parent->children, parent->nr_children, parent->room);
		memmove(parent->children + i + 1, parent->children + i, (parent->nr_children - i) * sizeof(parent->children[0]));
		parent->children[i] = n;
		parent->nr_children++;
		parent->listing += n->name_len + 1u;
		parent->gen[GEN_CHILDREN] = n->gen[GEN_CHILDREN];
	}
	s->nr_nodes++;
	charge(s, n);
	record(s, CHANGE_NODE, n);
	return n;
}

void node_set_value(struct store *s, struct node *n, const void *value, size_t len)
{
	char *copy = mem_copy(value, len);

	domain_get(s, n->acl->perm[0].domid)->memory += len - n->value_len;
	free(n->value);
	n->value = copy;
	n->value_len = (uint32_t)len;
	n->gen[GEN_VALUE] = ++s->generation;
	record(s, CHANGE_VALUE, n);
}

void node_set_acl(struct store *s, struct node *n, struct acl *acl)
{
	struct acl *old = n->acl;

	discharge(s, n);
	n->acl = acl_ref(acl);
	acl_unref(old);
	charge(s, n);
	n->gen[GEN_PERMS] = ++s->generation;
	record(s, CHANGE_ACL, n);
}

void node_unlink(struct store *s, struct node *n)
{
	struct node *parent = n->parent;
	bool found;
	uint32_t i;

	record(s, CHANGE_REMOVE, n);
	if (!parent)
		return;
	i = child_at(parent, n->name, n->name_len, &found);
	parent->nr_children--;
	memmove(parent->children + i, parent->children + i + 1, (parent->nr_children - i) * sizeof(parent->children[0]));
	parent->listing -= n->name_len + 1u;
	parent->gen[GEN_CHILDREN] = ++s->generation;
	n->parent = NULL;
}

void node_free(struct store *s, struct node *n)
{
	s->nr_nodes--;
	discharge(s, n);
	acl_unref(n->acl);
	free(n->children);
	free(n->value);
	free(n);
}

struct node *node_after(const struct node *n, bool skip)
{
	if (!skip && n->nr_children)
		return n->children[0];
	for (; n->parent; n = n->parent) {
		const struct node *parent = n->parent;
		bool found;
		uint32_t i = child_at(parent, n->name, n->name_len, &found) + 1;

		if (i < parent->nr_children)
			return parent->children[i];
	}
	return NULL;
}
