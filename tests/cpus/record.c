// SPDX-License-Identifier: GPL-2.0-only
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cpus.h"

#define KEPT	64		/* of each CPU */
#define TOLD	24		/* of the one that fails; of the others the last few */

struct event {
	const char *what;
	uint64_t a, b;
	int64_t out;
};

static struct { uint64_t next; struct event e[KEPT]; } ring[CPUS];
static uint64_t seed;
static bool failing;

int64_t *record(const char *what, uint64_t a, uint64_t b)
{
	struct event *e = &ring[this_cpu_id].e[ring[this_cpu_id].next++ % KEPT];

	*e = (struct event){ what, a, b, RECORD_PENDING };
	return &e->out;
}

/* Others go on meanwhile, or hang: read as it stands. */
static void tell_cpu(unsigned int cpu, unsigned int most)
{
	uint64_t end = ring[cpu].next, n = MIN(end, most);

	printf("    CPU %u%s:\n", cpu, cpu == this_cpu_id ? ", which failed; its last calls" : "");
	for (uint64_t i = end - n; i < end; i++) {
		const struct event *e = &ring[cpu].e[i % KEPT];

		printf("        %s (%lx, %lx)", e->what, e->a, e->b);
		if (e->out == RECORD_PENDING)
			printf("\n");
		else
			printf(" = %ld\n", e->out);
	}
}

static void tell(void)
{
	printf("    seed %lu; each CPU's calls, the last one at the end\n", seed);
	for (unsigned int c = 0; c < CPUS; c++)
		if (c != this_cpu_id)
			tell_cpu(c, TOLD / 4);
	tell_cpu(this_cpu_id, TOLD);
	fflush(stdout);
}

/* Whoever fails first tells it; another one that fails then is no news. */
static void only_one(void)
{
	while (__atomic_exchange_n(&failing, true, __ATOMIC_SEQ_CST))
		pause();
}

void die(const char *why, ...)
{
	va_list ap;

	only_one();
	printf("not ok nothing goes wrong: ");
	va_start(ap, why);
	vprintf(why, ap);
	va_end(ap);
	printf("\n");
	tell();
	_exit(1);
}

static void sanitizer_dies(void)
{
	if (__atomic_exchange_n(&failing, true, __ATOMIC_SEQ_CST))
		return;
	printf("not ok nothing goes wrong: what a sanitizer says above\n");
	tell();
}

void record_start(uint64_t s)
{
	seed = s;
	__sanitizer_set_death_callback(sanitizer_dies);
}
