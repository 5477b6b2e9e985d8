// SPDX-License-Identifier: GPL-2.0-only
/* TSC to nanoseconds since launch, for the log. Guests' clocks are in guest/time.c. */
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
