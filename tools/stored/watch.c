/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <syslog.h>

#include "journal.h"
#include "mem.h"
#include "store.h"

#define MOST_UNREAD	(16U << 20)
#define COMPARED_MOST	1024		/* events of a watch that wait, the newest */

/* FNV-1a with a secret start: a path is hashed once, and each of its ancestors on the way. */
static uint64_t hash_step(uint64_t h, char c)
{
	return (h ^ (unsigned char)c) * 0x100000001b3ULL;
}

static uint64_t hash_path(const struct store *s, const char *path, size_t len)
{
	uint64_t h = s->hash_seed;

	for (size_t i = 0; i < len; i++)
		h = hash_step(h, path[i]);
	return h;
}

static struct watch **bucket(struct store *s, uint64_t hash)
{
	return &s->watches[(hash ^ hash >> 32) % WATCH_BUCKETS];
}

static uint64_t watch_memory(const struct watch *w)
{
	return sizeof(*w) + w->path_len + strlen(w->token) + 2;
}

static struct watch *watch_find(const struct conn *c, const char *path, const char *token)
{
	struct watch *w = c->watches;

	while (w && (strcmp(w->path, path) != 0 || strcmp(w->token, token) != 0))
		w = w->next;
	return w;
}

static void record(struct conn *c, enum change_kind kind, const struct watch *w)
{
	struct journal *j = c->store->journal;

	if (!c->is_ring || !journal_change(j, kind))
		return;
	journal_put_value(j, uint16_t, c->domain->domid);
	journal_put_bytes(j, w->path, w->path_len);
	journal_put_bytes(j, w->token, strlen(w->token));
	if (kind == CHANGE_WATCH) {
		journal_put_value(j, int32_t, w->depth);
		journal_put_value(j, uint16_t, w->skip);
	}
}

int watch_add(struct conn *c, const char *path, size_t len, const char *token, int32_t depth, uint16_t skip,
	      struct watch **ret)
{
	struct store *s = c->store;
	struct watch *w, **b, **end;

	if (watch_find(c, path, token))
		return -EEXIST;
	if (quota_exceeded(s, c->domain, QUOTA_WATCHES, c->domain->nr_watches + 1))
		return -ENOSPC;
	if (quota_exceeded(s, c->domain, QUOTA_MEMORY, c->domain->memory))
		return -ENOMEM;
	w = mem_new(sizeof(*w) + len + 1);
	memcpy(w->path, path, len);
	w->path_len = (uint16_t)len;
	w->token = mem_copy(token, strlen(token));
	w->depth = depth;
	w->skip = skip;
	w->conn = c;
	w->hash = hash_path(s, path, len);
	b = bucket(s, w->hash);
	w->hash_next = *b;
	*b = w;
	for (end = &c->watches; *end; end = &(*end)->next)
		;
	*end = w;
	s->nr_watches++;
	c->domain->nr_watches++;
	c->domain->memory += watch_memory(w);
	record(c, CHANGE_WATCH, w);
	*ret = w;
	return 0;
}

static void watch_free(struct watch *w)
{
	struct conn *c = w->conn;
	struct watch **p;

	for (p = bucket(c->store, w->hash); *p != w; p = &(*p)->hash_next)
		;
	*p = w->hash_next;
	for (p = &c->watches; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	conn_drop_watch(w);
	c->store->nr_watches--;
	c->domain->nr_watches--;
	c->domain->memory -= watch_memory(w);
	free(w->token);
	free(w);
}

int watch_remove(struct conn *c, const char *path, const char *token)
{
	struct watch *w = watch_find(c, path, token);

	if (!w)
		return -ENOENT;
	record(c, CHANGE_UNWATCH, w);
	watch_free(w);
	return 0;
}

void watch_remove_all(struct conn *c)
{
	while (c->watches)
		watch_free(c->watches);
}

/* ---- events ---- */

/*
 * An event that says the same and is not yet on its way is enough: who gets it looks again. Only the watch's own are compared, and some of
 * them: one who does not read cannot make each write of others walk through its whole line, whatever names a guest finds to fill it.
 */
static bool is_queued(const struct watch *w, const char *body, uint32_t len)
{
	unsigned left = COMPARED_MOST;

	for (const struct msg *m = w->pending_last; m && left--; m = m->watch_prev)
		if (!m->sent && m->len == sizeof(struct xsd_sockmsg) + len &&
		    memcmp(m->bytes + sizeof(struct xsd_sockmsg), body, len) == 0)
			return true;
	return false;
}

static void send_event(struct watch *w, const char *path, size_t len)
{
	size_t token_len = strlen(w->token);
	char body[XENSTORE_PAYLOAD_MAX];
	struct conn *c = w->conn;
	struct msg *m;
	uint32_t size;

	if (c->store->replaying)
		return;
	/* Something far below with a long token: the watched path itself fits, since it came in one message with the token. */
	if (len - w->skip + token_len + 2 > sizeof(body))
		len = w->path_len;
	path += w->skip;
	len -= w->skip;
	size = (uint32_t)(len + token_len + 2);
	memcpy(body, path, len);
	body[len] = '\0';
	memcpy(body + len + 1, w->token, token_len + 1);
	if (is_queued(w, body, size))
		return;
	/* A guest that does not read loses events of its own; domain 0 has no quota, but an end of it, too. */
	if (quota_exceeded(c->store, c->domain, QUOTA_OUTSTANDING_BYTES, c->out_bytes + size))
		return;
	if (c->out_bytes > MOST_UNREAD && !c->broken) {
		store_log(c->store, LOG_WARNING, "a client in domain %u does not read its events: it is cut off", c->domain->domid);
		c->broken = true;
	}
	if (c->broken)
		return;
	m = msg_new(XS_WATCH_EVENT, 0, 0, size);
	memcpy(m->bytes + sizeof(struct xsd_sockmsg), body, size);
	m->is_event = true;
	m->watch = w;
	m->watch_prev = w->pending_last;
	*(w->pending_last ? &w->pending_last->watch_next : &w->pending) = m;
	w->pending_last = m;
	conn_queue(c, m);
}

void watch_first_event(struct watch *w)
{
	send_event(w, w->path, w->path_len);
}

static bool may_know(const struct conn *c, const struct change *ch)
{
	return (ch->new_acl && conn_may(c, ch->new_acl, ACCESS_READ)) || (ch->old_acl && conn_may(c, ch->old_acl, ACCESS_READ)) ||
	       (ch->parent_acl && conn_may(c, ch->parent_acl, ACCESS_READ));
}

/*
 * How much of the changed path a watch on its first @prefix bytes is told: all, or with a depth that is too small as much as it
 * allows, when that came into being by the change, too. 0: nothing.
 */
static size_t length_for(const struct watch *w, const struct change *ch, size_t prefix)
{
	size_t at = prefix == 1 ? 1 : prefix + 1, cut = prefix, len;
	const char *name;

	if (w->depth < 0)
		return ch->len;
	for (int32_t i = 0; i < w->depth && cut < ch->len && path_next(ch->path, &at, &name, &len); i++)
		cut = (size_t)(name - ch->path) + len;
	return cut >= ch->created ? cut : 0;
}

static void fire_at(struct store *s, const struct change *ch, uint64_t hash, size_t prefix)
{
	for (struct watch *w = *bucket(s, hash); w; w = w->hash_next) {
		size_t len;

		if (w->hash != hash || w->path_len != prefix || (ch->sockets_only && w->conn->is_ring) || memcmp(w->path, ch->path, prefix) != 0)
			continue;
		len = length_for(w, ch, prefix);
		if (len && may_know(w->conn, ch))
			send_event(w, ch->path, len);
	}
}

void watch_fire(struct store *s, const struct change *ch)
{
	uint64_t h = s->hash_seed;

	if (!s->nr_watches || s->replaying)
		return;
	if (ch->exact) {
		struct change one = *ch;

		one.created = one.len;
		fire_at(s, &one, hash_path(s, ch->path, ch->len), ch->len);
		return;
	}
	for (size_t i = 0; i < ch->len; i++) {
		if (i > 1 && ch->path[i] == '/')
			fire_at(s, ch, h, i);
		h = hash_step(h, ch->path[i]);
		if (i == 0 && ch->len > 1)
			fire_at(s, ch, h, 1);
	}
	fire_at(s, ch, h, ch->len);
}

void watch_fire_guests_below(struct store *s, const char *path, size_t len, struct node *top)
{
	for (const struct conn *c = s->conns; c && !s->replaying; c = c->next)
		for (struct watch *w = c->is_ring ? c->watches : NULL; w; w = w->next) {
			const struct node *n = NULL;

			if (w->path_len > len + 1 && w->path[len] == '/' && memcmp(w->path, path, len) == 0)
				n = node_below(top, w->path + len);
			if (n && may_know(c, &(struct change){ .old_acl = n->acl, .parent_acl = n->parent->acl }))
				send_event(w, w->path, w->path_len);
		}
}

void watch_fire_node(struct store *s, const struct node *n, const struct acl *old_acl, size_t created)
{
	char path[PATH_ROOM];
	size_t len;

	if (!s->nr_watches || s->replaying)
		return;
	len = node_path(n, path);
	watch_fire(s, &(struct change){
		.path = path, .len = len, .created = created && created < len ? created : len, .new_acl = n->acl, .old_acl = old_acl,
		.parent_acl = n->parent ? n->parent->acl : NULL,
	});
}

/* A depth of 1 asks for the domid; @releaseDomain/DOMID asks for one domain. */
void watch_fire_special(struct store *s, bool release, unsigned domid)
{
	char path[48];
	size_t name_len, len;
	struct watch *w;

	if (s->replaying)
		return;
	name_len = strlen(release ? "@releaseDomain" : "@introduceDomain");
	len = (size_t)snprintf(path, sizeof(path), "%s/%u", release ? "@releaseDomain" : "@introduceDomain", domid);
	for (unsigned of_one = 0; of_one <= release; of_one++) {
		size_t watched = of_one ? len : name_len;
		uint64_t h = hash_path(s, path, watched);

		for (w = *bucket(s, h); w; w = w->hash_next)
			if (w->hash == h && w->path_len == watched && memcmp(w->path, path, watched) == 0 &&
			    conn_may(w->conn, s->special[release], ACCESS_READ))
				send_event(w, path, of_one || w->depth == 1 ? len : name_len);
	}
}
