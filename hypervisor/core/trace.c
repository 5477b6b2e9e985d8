// SPDX-License-Identifier: GPL-2.0-only
#include "core/trace.h"

struct trace_ring trace_rings[TRACE_SLOTS];

uint32_t trace_read(uint32_t cpu, uint64_t *pos, struct zendo_trace *buf, uint32_t nr)
{
	const struct trace_ring *r = &trace_rings[cpu % TRACE_SLOTS];
	uint64_t end = READ_ONCE(r->next), oldest = end > TRACE_RECORDS ? end - TRACE_RECORDS : 0;
	uint32_t n = 0;

	if (*pos < oldest || *pos > end)
		*pos = oldest;
	for (; *pos + n < end && n < nr; n++)
		buf[n] = r->rec[(*pos + n) % TRACE_RECORDS];
	return n;
}
