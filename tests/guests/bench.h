/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of bench. */
#ifndef GUESTS_BENCH_H
#define GUESTS_BENCH_H

#include "guest.h"

static inline uint64_t tsc_ordered(void)
{
	__asm__ volatile("lfence" ::: "memory");
	return rdtsc();
}

void record(uint64_t from, uint64_t to);
void result(const char *name);		/* of what was recorded since the last one */

/* @code n times, each between two readings. */
#define MEASURE(name, n, code) do { \
	for (unsigned int i_ = 0; i_ < (n); i_++) { \
		uint64_t t_ = tsc_ordered(); \
		code; \
		record(t_, tsc_ordered()); \
	} \
	result(name); \
} while (0)

/* bench_peers.c */
void bench_grants(unsigned int n);
void bench_second_vcpu(unsigned int n);	/* with vcpus=2 or more */
void bench_role(unsigned int n);

#endif
