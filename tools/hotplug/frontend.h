/* SPDX-License-Identifier: GPL-2.0-only */
/* What a frontend has published in its nodes, which it may write as it likes: read once, checked, copied. */
#ifndef HOTPLUG_FRONTEND_H
#define HOTPLUG_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#include <linux/hvback.h>

#include "error.h"

/* One ring of a queue: nodes "ring-ref", or "ring-ref0" and so on; and the port that belongs to it. */
struct frontend_ring {
	const char *ref;		/* "ring-ref" */
	const char *port;		/* "event-channel-tx"; NULL: the queue's first port serves this one, too */
};

/* A node that is "1": the frontend can do this. */
struct frontend_feature {
	const char *node;
	uint64_t bit;
};

/* How a class of devices publishes. */
struct frontend_layout {
	struct frontend_ring rings[HVBACK_MAX_RINGS];
	unsigned nr_rings;
	const char *order;		/* node with the logarithm of the pages of each ring; NULL: always one page */
	const char *shared_port;	/* one port for all rings of a queue, tried where the rings' own are missing */
	const struct frontend_feature *features;	/* ends with a NULL node */
	const char *setting;		/* node with a number that may change while it is connected; NULL: none. Without the node it is 0 */
};

/* Read @node of the frontend into @buf. -ENOENT: there is none; -E2BIG: it has more than @size - 1 bytes. */
typedef int (*frontend_read_t)(void *userdata, const char *node, char *buf, size_t size);

struct frontend {
	uint32_t nr_queues, protocol;
	uint32_t setting;
	uint64_t features;
	struct hvback_queue *queues;	/* to be freed */
};

/* @max_queues and @max_order are what was offered. -EINVAL with the node that is wrong in @e; what the reader says otherwise; -ENOMEM. */
int frontend_read(const struct frontend_layout *l, unsigned max_queues, unsigned max_order, frontend_read_t read, void *userdata,
		  struct frontend *ret, struct zendo_error *e);
/* Its setting alone, of one that is connected. */
int frontend_read_setting(const struct frontend_layout *l, frontend_read_t read, void *userdata, uint32_t *ret, struct zendo_error *e);

#endif
