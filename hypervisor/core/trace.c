// SPDX-License-Identifier: GPL-2.0-only
#include "core/cpu.h"
#include "core/domain.h"
#include "core/trace.h"

#define TRACE_RECORDS	128	/* per CPU slot */
#define TRACE_SLOTS	16	/* CPUs beyond share a slot: a debugging aid, not a ledger */

static struct {
	uint64_t next;
	struct zendo_trace rec[TRACE_RECORDS];
} rings[TRACE_SLOTS];

void trace(enum trace_event e, uint16_t domid, uint16_t vcpu, uint64_t a, uint64_t b)
{
	unsigned int slot = this_cpu()->id % TRACE_SLOTS;
	uint64_t i = __atomic_fetch_add(&rings[slot].next, 1, __ATOMIC_RELAXED);

	rings[slot].rec[i % TRACE_RECORDS] = (struct zendo_trace){ host_tsc(), e, domid, vcpu, { a, b } };
}

uint32_t trace_read(uint32_t cpu, uint64_t pos, struct zendo_trace *buf, uint32_t nr)
{
	unsigned int slot = cpu % TRACE_SLOTS;
	uint64_t end = READ_ONCE(rings[slot].next), oldest = end > TRACE_RECORDS ? end - TRACE_RECORDS : 0;
	uint32_t n = 0;

	if (pos < oldest || pos > end)
		pos = oldest;
	for (; pos < end && n < nr; pos++, n++)
		buf[n] = rings[slot].rec[pos % TRACE_RECORDS];
	return n;
}
