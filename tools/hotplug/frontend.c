/* SPDX-License-Identifier: GPL-2.0-only */
#include "frontend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define NODE_MAX	64
#define VALUE_MAX	32

struct reader {
	const struct frontend_layout *l;
	unsigned order;
	frontend_read_t read;
	void *userdata;
	struct zendo_error *e;
};

/* Decimal digits and nothing else. -ENOENT: no such node. */
static int read_number(struct reader *x, const char *node, uint32_t max, uint32_t *ret)
{
	char value[VALUE_MAX];
	uint64_t n = 0;
	int r = x->read(x->userdata, node, value, sizeof(value));

	if (r == -E2BIG)
		return zendo_error(x->e, -EINVAL, "'%s' is too long", node);
	if (r < 0)
		return r;
	for (const char *c = value; *c && n <= UINT32_MAX; c++)
		n = *c >= '0' && *c <= '9' ? n * 10 + (uint64_t)(*c - '0') : UINT64_MAX >> 8;
	if (!*value || n > UINT32_MAX)
		return zendo_error(x->e, -EINVAL, "'%s' is no number", node);
	if (n > max)
		return zendo_error(x->e, -EINVAL, "'%s' is %" PRIu64 ", at most %" PRIu32 " was offered", node, n, max);
	*ret = (uint32_t)n;
	return 0;
}

static int read_wanted(struct reader *x, const char *node, uint32_t *ret)
{
	int r = read_number(x, node, UINT32_MAX, ret);

	return r == -ENOENT ? zendo_error(x->e, -EINVAL, "'%s' is missing", node) : r;
}

static int read_or(struct reader *x, const char *node, uint32_t otherwise, uint32_t max, uint32_t *ret)
{
	int r = node ? read_number(x, node, max, ret) : -ENOENT;

	if (r != -ENOENT)
		return r;
	*ret = otherwise;
	return 0;
}

static int read_protocol(struct reader *x, uint32_t *ret)
{
	char value[VALUE_MAX];
	int r = x->read(x->userdata, "protocol", value, sizeof(value));

	*ret = HVBACK_PROTO_X86_64;
	if (r == -ENOENT || (r >= 0 && strcmp(value, "x86_64-abi") == 0))
		return 0;
	if (r >= 0 && strcmp(value, "x86_32-abi") == 0) {
		*ret = HVBACK_PROTO_X86_32;
		return 0;
	}
	if (r >= 0 || r == -E2BIG)
		return zendo_error(x->e, -EINVAL, "'protocol' is unknown");
	return r;
}

static int read_refs(struct reader *x, const char *prefix, const struct frontend_ring *ring, struct hvback_queue *q, unsigned i)
{
	char node[NODE_MAX];
	int r = 0;

	q->nr_refs[i] = 1U << x->order;
	if (x->order == 0) {
		(void)snprintf(node, sizeof(node), "%s%s", prefix, ring->ref);
		r = read_number(x, node, UINT32_MAX, &q->ref[i][0]);
		if (r != -ENOENT || !x->l->order)
			return r == -ENOENT ? zendo_error(x->e, -EINVAL, "'%s' is missing", node) : r;
		r = 0;		/* some number their only page, too */
	}
	for (unsigned page = 0; page < q->nr_refs[i] && r >= 0; page++) {
		(void)snprintf(node, sizeof(node), "%s%s%u", prefix, ring->ref, page);
		r = read_wanted(x, node, &q->ref[i][page]);
	}
	return r;
}

static int read_port(struct reader *x, const char *prefix, const char *name, uint32_t *ret)
{
	char node[NODE_MAX];

	(void)snprintf(node, sizeof(node), "%s%s", prefix, name);
	return read_number(x, node, UINT32_MAX, ret);
}

static int no_port(struct reader *x, const char *prefix, const char *name)
{
	return zendo_error(x->e, -EINVAL, "'%s%s' is missing", prefix, name);
}

/* Each ring's own port, or the one for all. */
static int read_ports(struct reader *x, const char *prefix, struct hvback_queue *q)
{
	const struct frontend_layout *l = x->l;
	int r = -ENOENT;

	for (unsigned i = 0; i < l->nr_rings && l->rings[i].port; i++) {
		r = read_port(x, prefix, l->rings[i].port, &q->port[i]);
		if (r == -ENOENT && i > 0)
			return no_port(x, prefix, l->rings[i].port);
		if (r < 0)
			break;
	}
	if (r == -ENOENT && l->shared_port)
		r = read_port(x, prefix, l->shared_port, &q->port[0]);
	if (r == -ENOENT)
		return no_port(x, prefix, l->shared_port ? l->shared_port : l->rings[0].port);
	if (r >= 0 && q->port[0] == 0)
		return zendo_error(x->e, -EINVAL, "port 0 is none");
	return r;
}

static int read_queue(struct reader *x, const char *prefix, struct hvback_queue *q)
{
	int r = 0;

	for (unsigned i = 0; i < x->l->nr_rings && r >= 0; i++)
		r = read_refs(x, prefix, &x->l->rings[i], q, i);
	return r < 0 ? r : read_ports(x, prefix, q);
}

static int read_queues(struct reader *x, struct frontend *f, bool several)
{
	char prefix[NODE_MAX / 2] = "";
	int r = 0;

	for (unsigned i = 0; i < f->nr_queues && r >= 0; i++) {
		if (several)
			(void)snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		r = read_queue(x, prefix, &f->queues[i]);
	}
	return r;
}

static int read_features(struct reader *x, uint64_t *ret)
{
	uint64_t features = 0;
	uint32_t n;

	for (const struct frontend_feature *f = x->l->features; f && f->node; f++) {
		int r = read_or(x, f->node, 0, UINT32_MAX, &n);

		if (r < 0)
			return r;
		if (n)
			features |= f->bit;
	}
	*ret = features;
	return 0;
}

int frontend_read(const struct frontend_layout *l, unsigned max_queues, unsigned max_order, frontend_read_t read, void *userdata,
		  struct frontend *ret, struct zendo_error *e)
{
	struct reader x = { .l = l, .read = read, .userdata = userdata, .e = e };
	struct frontend f = {};
	int r;

	if ((r = read_or(&x, "multi-queue-num-queues", 1, max_queues, &f.nr_queues)) < 0 ||
	    (r = read_or(&x, l->order, 0, max_order, &x.order)) < 0 ||
	    (r = read_protocol(&x, &f.protocol)) < 0 ||
	    (r = read_features(&x, &f.features)) < 0 ||
	    (r = read_or(&x, l->setting, 0, UINT32_MAX, &f.setting)) < 0)
		return r;
	if (f.nr_queues == 0)
		return zendo_error(e, -EINVAL, "'multi-queue-num-queues' is 0");
	if (f.nr_queues > HVBACK_MAX_QUEUES || 1U << x.order > HVBACK_MAX_RING_PAGES)
		return zendo_error(e, -EINVAL, "more queues or pages than there can be");
	f.queues = calloc(f.nr_queues, sizeof(*f.queues));
	if (!f.queues)
		return zendo_error(e, -ENOMEM, "out of memory");
	/* one queue may stand in a folder of its own, or not */
	r = read_queues(&x, &f, f.nr_queues > 1);
	if (r < 0) {
		free(f.queues);
		return r;
	}
	*ret = f;
	return 0;
}

int frontend_read_setting(const struct frontend_layout *l, frontend_read_t read, void *userdata, uint32_t *ret, struct zendo_error *e)
{
	struct reader x = { .l = l, .read = read, .userdata = userdata, .e = e };

	return read_or(&x, l->setting, 0, UINT32_MAX, ret);
}
