/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring of the last events of each CPU, for paths too hot to print. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <zendo/abi.h>
#include "core/cpu.h"

#define TRACE_RECORDS	128	/* per CPU slot */
#define TRACE_SLOTS	16	/* CPUs beyond share a slot: a debugging aid, not a ledger */

enum trace_event { TRACE_NONE, TRACE_EXIT, TRACE_RUN, TRACE_REASON, TRACE_CALL, TRACE_INJECT, TRACE_NPF };

extern struct trace_ring {
	uint64_t next;		/* atomic */
	struct zendo_trace rec[TRACE_RECORDS];
} trace_rings[TRACE_SLOTS];

/* One more event of CPU @c, with the time of its last exit. */
static inline void trace(const struct cpu *c, enum trace_event e, uint16_t domid, uint16_t vcpu, uint64_t a, uint64_t b)
{
	struct trace_ring *r = &trace_rings[c->id % TRACE_SLOTS];
	uint64_t i = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED);

	r->rec[i % TRACE_RECORDS] = (struct zendo_trace){ c->host_since, e, domid, vcpu, { a, b } };
}

/* Records of @cpu from position *@pos on, or from the oldest that is kept, *@pos then; at most @nr. Returns how many. */
uint32_t trace_read(uint32_t cpu, uint64_t *pos, struct zendo_trace *buf, uint32_t nr);

#endif
