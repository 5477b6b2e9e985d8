// SPDX-License-Identifier: GPL-2.0-only
/*
 * TSC to nanoseconds since launch and back, by a 32.32 fixed-point factor fitted at launch. The same factor is what guests get
 * in their pvclock, so their clock and ours never disagree.
 */
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain.h"

static uint64_t tsc_base;

uint64_t host_tsc(void)
{
	return rdtsc();
}

uint64_t host_tsc_khz(void)
{
	return boot.tsc_khz;
}

void time_init(void);
void time_init(void)
{
	tsc_base = rdtsc();
}

/* (a * b) / c without losing bits; the quotient fits because a/c is a time. */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t q;

	__asm__("mulq %2; divq %3" : "=&a"(q) : "0"(a), "rm"(b), "rm"(c) : "rdx", "cc");
	return q;
}

uint64_t tsc_to_ns(uint64_t tsc)
{
	return tsc <= tsc_base || !boot.tsc_khz ? 0 : mul_div(tsc - tsc_base, 1000000, boot.tsc_khz);
}

uint64_t ns_to_tsc(uint64_t ns)
{
	/* 36 years, beyond any deadline; the sum stays inside 64 bits up to 8 GHz and more. */
	if (ns > 1ULL << 60)
		ns = 1ULL << 60;
	return tsc_base + mul_div(ns, boot.tsc_khz, 1000000) + 1;
}
