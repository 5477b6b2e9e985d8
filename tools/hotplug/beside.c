/* SPDX-License-Identifier: GPL-2.0-only */
#include "beside.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend.h"
#include "job.h"

/* ---- the list ---- */

struct beside *beside_find(const struct beside_kind *k, const struct hvback_id *id)
{
	for (struct beside *b = k->first; b; b = b->next)
		if (zendo_backend_id_equal(&b->id, id))
			return b;
	return NULL;
}

bool beside_has(struct beside_kind *k, const struct hvback_id *id)
{
	bool has;

	(void)pthread_mutex_lock(&k->lock);
	has = beside_find(k, id);
	(void)pthread_mutex_unlock(&k->lock);
	return has;
}

void beside_publish(struct beside_kind *k, const struct hvback_id *id)
{
	struct beside *b;

	(void)pthread_mutex_lock(&k->lock);
	b = beside_find(k, id);
	if (b)
		b->published = true;
	(void)pthread_mutex_unlock(&k->lock);
}

bool beside_same_id(const struct beside *b, const void *with)
{
	return zendo_backend_id_equal(&b->id, with);
}

static bool insert_locked(struct beside_kind *k, struct beside *b)
{
	if (beside_find(k, &b->id))
		return false;
	b->next = k->first;
	k->first = b;
	return true;
}

bool beside_insert(struct beside_kind *k, struct beside *b)
{
	bool inserted;

	(void)pthread_mutex_lock(&k->lock);
	inserted = insert_locked(k, b);
	(void)pthread_mutex_unlock(&k->lock);
	if (!inserted)
		k->free(b);
	return inserted;
}

static void drop(struct beside_kind *k, const struct hvback_id *id)
{
	struct beside **p = &k->first;

	(void)pthread_mutex_lock(&k->lock);
	while (*p && !zendo_backend_id_equal(&(*p)->id, id))
		p = &(*p)->next;
	if (*p) {
		struct beside *b = *p;

		*p = b->next;
		k->free(b);
	}
	(void)pthread_cond_broadcast(&k->gone);
	(void)pthread_mutex_unlock(&k->lock);
}

/* ---- the end ---- */

/* True: it is the caller's to stop now. */
static bool mark_stopping(struct beside_kind *k, const struct hvback_id *id, bool *ret_published)
{
	struct beside *b;
	bool ours;

	(void)pthread_mutex_lock(&k->lock);
	b = beside_find(k, id);
	ours = b && !b->stopping;
	if (ours) {
		b->stopping = true;
		*ret_published = b->published;
	}
	(void)pthread_mutex_unlock(&k->lock);
	return ours;
}

static void stop_marked(struct beside_kind *k, const struct hvback_id *id, bool published)
{
	k->undo(id, published);
	drop(k, id);
}

void beside_stop(struct beside_kind *k, const struct hvback_id *id)
{
	bool published;

	if (mark_stopping(k, id, &published)) {
		stop_marked(k, id, published);
		return;
	}
	(void)pthread_mutex_lock(&k->lock);
	while (beside_find(k, id))	/* somebody stops it */
		(void)pthread_cond_wait(&k->gone, &k->lock);
	(void)pthread_mutex_unlock(&k->lock);
}

struct beside_stop {
	struct job job;
	struct beside_kind *kind;
	struct hvback_id id;
	bool published;
	struct beside_stop *next;
};

static void stop_work(struct job *j)
{
	struct beside_stop *s = (struct beside_stop *)j;

	stop_marked(s->kind, &s->id, s->published);
}

static void stop_done(struct job *j)
{
	struct beside_stop **at = &((struct beside_stop *)j)->kind->under_way;

	while (&(*at)->job != j)
		at = &(*at)->next;
	*at = (*at)->next;
	free(j);
}

void beside_stop_later(struct beside_kind *k, const struct hvback_id *id)
{
	struct beside_stop *s;
	bool published;

	if (!mark_stopping(k, id, &published))
		return;
	s = malloc(sizeof(*s));
	if (s)
		*s = (struct beside_stop) {
			.job = { .work = stop_work, .done = stop_done }, .kind = k, .id = *id, .published = published, .next = k->under_way,
		};
	if (!s || job_start(&s->job) < 0) {
		free(s);
		stop_marked(k, id, published);	/* late, but done */
		return;
	}
	k->under_way = s;	/* before the event loop can hear of its end */
}

/* ---- waiting ---- */

/* One that clashes and ends: 1 when it is nobody's yet, and the caller's to stop. */
static int find_ending(const struct beside_kind *k, beside_clash *clashes, const void *with, struct hvback_id *ret)
{
	uint32_t state;

	for (const struct beside *b = k->first; b; b = b->next) {
		if (!clashes(b, with))
			continue;
		*ret = b->id;
		if (b->stopping)
			return 0;
		/* its device is gone, though the agent may not have heard of it */
		if (b->published && zendo_backend_state(&b->id, &state, NULL) == -ENOENT)
			return 1;
	}
	return -ENOENT;
}

static void wait_locked(struct beside_kind *k, beside_clash *clashes, const void *with)
{
	struct hvback_id id;
	int r;

	while ((r = find_ending(k, clashes, with, &id)) >= 0) {
		if (r == 0) {
			(void)pthread_cond_wait(&k->gone, &k->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&k->lock);
		beside_stop(k, &id);
		(void)pthread_mutex_lock(&k->lock);
	}
}

void beside_wait_for(struct beside_kind *k, beside_clash *clashes, const void *with)
{
	(void)pthread_mutex_lock(&k->lock);
	wait_locked(k, clashes, with);
	(void)pthread_mutex_unlock(&k->lock);
}

bool beside_add(struct beside_kind *k, struct beside *b, beside_clash *clashes, const void *with)
{
	bool added;

	(void)pthread_mutex_lock(&k->lock);
	wait_locked(k, clashes, with);
	added = insert_locked(k, b);
	(void)pthread_mutex_unlock(&k->lock);
	if (!added)
		k->free(b);
	return added;
}
