/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands beside a device and takes a while to end: the program that serves its image, the script that made its target. What is true
 * stands elsewhere (units, the store); these lists serve to wait for those that are ending, since what a domain has left the next one may
 * want already.
 */
#ifndef HOTPLUG_BESIDE_H
#define HOTPLUG_BESIDE_H

#include <pthread.h>
#include <stdbool.h>

#include <linux/hvback.h>

struct beside {			/* the first member of what a kind keeps */
	struct beside *next;
	struct hvback_id id;
	bool published;		/* its device was made, and it is to be stopped when that is gone */
	bool stopping;
};

struct beside_stop;

struct beside_kind {
	/* Without the lock, in a thread that may wait. */
	void (*undo)(const struct hvback_id *id, bool published);
	void (*free)(struct beside *b);
	pthread_mutex_t lock;
	pthread_cond_t gone;		/* one was taken from the list */
	struct beside *first;		/* under lock */
	struct beside_stop *under_way;	/* of the event loop */
};

#define BESIDE_KIND(undo_, free_)	{ .undo = (undo_), .free = (free_), .lock = PTHREAD_MUTEX_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER }

/* Under the lock. NULL: there is none. */
struct beside *beside_find(const struct beside_kind *k, const struct hvback_id *id);

bool beside_has(struct beside_kind *k, const struct hvback_id *id);
void beside_publish(struct beside_kind *k, const struct hvback_id *id);

/* Two that cannot be at once. */
typedef bool beside_clash(const struct beside *b, const void *with);
beside_clash beside_same_id;	/* @with: a struct hvback_id */

/* In a job's thread: until those that clash, and are ending or whose devices are gone, have ended. */
void beside_wait_for(struct beside_kind *k, beside_clash *clashes, const void *with);
/* The same, and @b is in the list then. False: its number is taken, and @b is freed. */
bool beside_add(struct beside_kind *k, struct beside *b, beside_clash *clashes, const void *with);
/* Waits for nobody. */
bool beside_insert(struct beside_kind *k, struct beside *b);

/* In a job's thread: until it is undone. Nothing is done when there is none of this number. */
void beside_stop(struct beside_kind *k, const struct hvback_id *id);
/* From the event loop, which does not wait: in a job. When the agent ends meanwhile the next one goes on. */
void beside_stop_later(struct beside_kind *k, const struct hvback_id *id);

#endif
