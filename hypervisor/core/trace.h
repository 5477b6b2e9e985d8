/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring of the last events of each CPU, for paths too hot to print. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "core/types.h"

enum trace_event { TRACE_NONE, TRACE_EXIT, TRACE_RUN, TRACE_REASON, TRACE_CALL, TRACE_INJECT, TRACE_NPF };
struct zendo_trace;

void trace(enum trace_event e, uint16_t domid, uint16_t vcpu, uint64_t a, uint64_t b);
/* Records of @cpu from position @pos on; at most @nr. Returns how many. */
uint32_t trace_read(uint32_t cpu, uint64_t pos, struct zendo_trace *buf, uint32_t nr);

#endif
