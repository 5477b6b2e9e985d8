// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpus SECONDS SEED: the hypervisor under four CPUs for so long, and for as long as it takes until each hypercall has once done what it is
 * for and some domains have died: a host that is busy makes it longer. What dom0 and guests do follows from the seed, not when it meets.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cpus.h"
#include "core/domain_mem.h"

#define DEATHS		(4 * DOMAINS)	/* at least */
#define PATIENCE_S	600		/* a CPU that ends no step for so long hangs */

static bool enough;	/* atomic */
static uint64_t seed;

static void *cpu_main(void *arg)
{
	this_cpu_id = (unsigned int)(uintptr_t)arg;
	chance_start(this_cpu_id, seed);
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		dom0_step();
		count(&tally()->turns);
	}
	return NULL;
}

static uint64_t sum(size_t offset)
{
	uint64_t n = 0;

	for (int c = 0; c < CPUS; c++)
		n += __atomic_load_n((uint64_t *)((char *)&tallies[c] + offset), __ATOMIC_RELAXED);
	return n;
}
#define SUM(field)	sum(offsetof(struct tally, field))

static bool has_seen_all(void)
{
	for (unsigned int i = 0; call_name(i); i++)
		if (!sum(offsetof(struct tally, done) + i * sizeof(uint64_t)))
			return false;
	return SUM(deaths) >= DEATHS;
}

/* By its own seconds: when the host does not run this process, nobody loses patience. */
static void look_for_hanging(void)
{
	static uint64_t last[CPUS], since[CPUS];

	for (unsigned int c = 0; c < CPUS; c++) {
		uint64_t turns = __atomic_load_n(&tallies[c].turns, __ATOMIC_RELAXED);

		since[c] = turns == last[c] ? since[c] + 1 : 0;
		last[c] = turns;
		if (since[c] < PATIENCE_S)
			continue;
		this_cpu_id = c;
		die("CPU %u hangs", c);
	}
}

static void run(unsigned int seconds)
{
	pthread_t t[CPUS];

	for (uintptr_t c = 0; c < CPUS; c++)
		if (pthread_create(&t[c], NULL, cpu_main, (void *)c))
			die("no thread");
	for (unsigned int s = 0; s < seconds || !has_seen_all(); s++) {
		sleep(1);
		look_for_hanging();
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (int c = 0; c < CPUS; c++)
		pthread_join(t[c], NULL);
}

static void print_runs(void)
{
	static const char *const names[ZRUN_NR + 1] = { "intr", "event", "halt", "deadline", "yield", "poll", "need-pages", "loaded-on", "mce",
		"shutdown", "crash", "io", "down", "returned", "refused" };

	printf("# runs of vCPUs:");
	for (unsigned int i = 0; i <= ZRUN_NR; i++)
		if (sum(offsetof(struct tally, runs) + i * sizeof(uint64_t)))
			printf(" %s %lu", names[i], sum(offsetof(struct tally, runs) + i * sizeof(uint64_t)));
	printf("\n");
}

static void print_calls(void)
{
	printf("# hypercalls, done/refused:");
	for (unsigned int i = 0; call_name(i); i++)
		printf("%s%s %lu/%lu", i % 5 ? ", " : "\n#   ", call_name(i), sum(offsetof(struct tally, done) + i * sizeof(uint64_t)),
		       sum(offsetof(struct tally, refused) + i * sizeof(uint64_t)));
	printf("\n");
}

static bool verdict(const char *name, bool ok, const char *why)
{
	if (ok)
		printf("ok %s\n", name);
	else
		printf("not ok %s: %s (seed %lu)\n", name, why, seed);
	return ok;
}

/* When all domains are gone. */
static int judge(uint64_t pool_before)
{
	const char *wrong = frames_wrong();
	char pages[100];
	bool ok = verdict("nothing goes wrong", true, NULL);

	snprintf(pages, sizeof(pages), "%lu pages of the pool, %lu before; %lu shared slots; %u domains", pool_pages_out(), pool_before,
		 shared_slots_out(), domain_count());
	ok &= verdict("every frame is back with dom0, as it left it", !wrong, wrong);
	ok &= verdict("no page, slot or domain is left", pool_pages_out() == pool_before && !shared_slots_out() && !domain_count(), pages);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	unsigned int seconds;
	uint64_t pool_before;

	if (argc != 3) {
		fprintf(stderr, "usage: %s SECONDS SEED\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	seconds = (unsigned int)strtoul(argv[1], NULL, 0);
	seed = strtoull(argv[2], NULL, 0);
	printf("# %u s, seed %lu\n", seconds, seed);
	record_start(seed);
	chance_start(CPUS, seed);
	machine_start();
	frames_start();
	pool_before = pool_pages_out();
	dom0_start();
	run(seconds);
	dom0_end();
	printf("# %u s, seed %lu: %lu steps of dom0, %lu deaths, %lu frames returned\n", seconds, seed, SUM(turns), SUM(deaths), SUM(returned));
	print_runs();
	print_calls();
	return judge(pool_before);
}
