/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Removal. What is removed is gone for everybody at once, but a tree of domain 0's may have millions of nodes: it is taken off as a
 * whole and freed in steps, so that nobody waits for it.
 *
 * Watches on nodes below are told of each. Those of guests are told before the request is answered, as the journal has the events
 * of one request in one record; there are few, by quota. Those of clients on sockets, which set their watches again after a
 * restart, are told as their nodes are freed.
 */
#include "journal.h"
#include "mem.h"
#include "store.h"

/* A guest's quota of nodes fits into one: what it removes is off its account when it is answered. The fuzzer has less. */
#ifndef NODES_PER_STEP
#define NODES_PER_STEP	1024
#endif

struct removed {
	struct removed *next;
	struct node *top;
	struct node *at;		/* where freeing goes on: all after it in the order of the tree is freed */
	size_t len;
	char path[];			/* of the top, while it was in the tree */
};

static void tell_of(struct store *s, const struct removed *r, const struct node *n, bool sockets_only)
{
	char path[2 * PATH_ROOM];
	size_t len;

	if (!s->nr_watches || s->replaying)
		return;
	memcpy(path, r->path, r->len);
	len = r->len + node_path(n, path + r->len);
	watch_fire(s, &(struct change){
		.path = path, .len = len, .exact = true, .sockets_only = sockets_only,
		.old_acl = n->acl, .parent_acl = n->parent->acl,
	});
}

/* From the leaves up. True: all is freed. */
static bool free_some(struct store *s, struct removed *r, unsigned most, bool sockets_only)
{
	while (most--) {
		struct node *n = r->at, *parent;

		while (n->nr_children)
			n = n->children[n->nr_children - 1];
		parent = n->parent;
		if (parent) {
			tell_of(s, r, n, sockets_only);
			parent->nr_children--;
		}
		node_free(s, n);
		if (!parent)
			return true;
		r->at = parent;
	}
	return false;
}

void node_remove(struct store *s, struct node *top)
{
	char path[PATH_ROOM];
	size_t len = node_path(top, path);
	struct removed *r = mem_new(sizeof(*r) + len + 1);

	memcpy(r->path, path, len);
	r->len = len;
	r->top = r->at = top;
	node_unlink(s, top);
	/* Nobody waits while the log is read. */
	if (free_some(s, r, s->replaying ? UINT32_MAX : NODES_PER_STEP, false)) {
		free(r);
		return;
	}
	watch_fire_guests_below(s, r->path, r->len, r->top);
	r->next = s->removed;
	s->removed = r;
	s->ops->later(s->userdata);
}

void node_remove_and_tell(struct store *s, struct node *n)
{
	char path[PATH_ROOM];
	struct change ch = { .path = path, .len = node_path(n, path), .old_acl = acl_ref(n->acl), .parent_acl = n->parent->acl };
	struct acl *old = n->acl;

	ch.created = ch.len;
	node_remove(s, n);
	watch_fire(s, &ch);
	acl_unref(old);
}

bool store_free_removed(struct store *s)
{
	struct removed *r = s->removed;

	if (r && free_some(s, r, NODES_PER_STEP, true)) {
		s->removed = r->next;
		free(r);
	}
	return s->removed;
}

void store_count_removed(const struct store *s, void (*count)(void *userdata, const struct node *n), void *userdata)
{
	for (const struct removed *r = s->removed; r; r = r->next)
		for (const struct node *n = r->top; n; n = node_after(n, false))
			count(userdata, n);
}
