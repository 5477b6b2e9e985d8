// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend_cost TEST [N]: what the frame for backends costs, as one line of JSON in ticks of the TSC; of N samples (default 200) the median,
 * the least and the most. For bench/run on a machine whose TSC counts instructions. As backend.c otherwise; it ends without 'good'.
 *
 *	requests	grants and whole requests of the class "null": a batch of as many as a ring has slots, one after the other. A batch of
 *			requests that take a grant, less one of those that take none, is that many grants taken and let go.
 *	devices		a device is made, connected to rings that the guest has published, disconnected, removed
 *	posts		a port of a guest is raised. "asleep", "awake" (needs a second CPU), and "there": it was raised already. Less the
 *			same call for a port that is none, which is the way into the kernel and back. Each call is between two marks, for who
 *			counts instructions by them (bench/count.c).
 */
#include <sys/resource.h>

#include "backend_guest.h"
#include "marks.h"

#define MOST	4096
#define SLOTS	64		/* of a ring of one page */

struct series {
	uint64_t sample[MOST];
	unsigned long nr;
};
static struct series empty;

static inline uint64_t tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

static void record(struct series *s, uint64_t from)
{
	s->sample[s->nr++] = tsc() - from;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(struct series *s)
{
	MUST(s->nr);
	qsort(s->sample, s->nr, sizeof(s->sample[0]), compare);
	return s->sample[s->nr / 2];
}

static double less(uint64_t value, uint64_t base, unsigned each)
{
	return ((double)value - (double)base) / each;
}

/* Each sample less the median of @base, for each of @each things in it. @base is sorted. */
static void result(const char *name, struct series *s, struct series *base, unsigned each)
{
	static bool more;
	uint64_t b = median(base), m = median(s);

	printf("%s\"%s\":{\"n\":%lu,\"min\":%.1f,\"median\":%.1f,\"max\":%.1f}", more ? "," : "{", name, s->nr, less(s->sample[0], b, each),
	       less(m, b, each), less(s->sample[s->nr - 1], b, each));
	more = true;
}

/* ---- grants, requests ---- */

static void batches(struct guest *g, const struct hvnull_request *req, struct series *s)
{
	uint64_t t;

	*(struct hvnull_request *)&g->box->req = *req;
	for (unsigned long i = 0; i < rounds; i++) {
		t = tsc();
		tell(g, BATCH, 0);
		record(s, t);
	}
	MUST(g->box->rsp.status == 0);
}

/* Or the guest that it answers would interrupt it, and a batch would be so many switches of threads. */
static void lent_is_not_interrupted(struct guest *g)
{
	struct sched_param p = { .sched_priority = 50 };

	MUST(pthread_setschedparam(g->lent[0], SCHED_FIFO, &p) == 0);
}

static void requests(void)
{
	static struct series echo, reading, writing, both;
	struct guest g;

	guest_start(&g, "cost", 1, 1);
	lent_is_not_interrupted(&g);
	MUST(dev_add(&g, 1, -1) == 0);
	open_and_connect(&g, 1);
	batches(&g, &(struct hvnull_request) { .op = HVNULL_ECHO }, &echo);
	batches(&g, &(struct hvnull_request) { .op = HVNULL_SUM, .ref = { SOURCE_REF(0) } }, &reading);
	batches(&g, &(struct hvnull_request) { .op = HVNULL_FILL, .ref = { SLOT_REF(0, 0) } }, &writing);
	batches(&g, &(struct hvnull_request) { .op = HVNULL_COPY, .ref = { SOURCE_REF(0), SLOT_REF(0, 0) } }, &both);
	result("grant_read", &reading, &echo, SLOTS);
	result("grant_write", &writing, &echo, SLOTS);
	result("grant_copy", &both, &echo, SLOTS);
	result("request", &echo, &empty, SLOTS);
	guest_end(&g);
}

/* ---- devices ---- */

static void devices(void)
{
	static struct series add, connect, disconnect, removed;
	struct guest g;
	uint64_t t;

	guest_start(&g, "cost", 1, 1);
	MUST(dev_add(&g, 9, -1) == 0);		/* the module is there */
	for (unsigned long i = 0; i < rounds; i++) {
		tell(&g, OPEN, 0);
		t = tsc();
		MUST(dev_add(&g, 1, -1) == 0);
		record(&add, t);
		t = tsc();
		MUST(dev_connect(&g, 1, NULL) == 0);
		record(&connect, t);
		t = tsc();
		MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
		record(&disconnect, t);
		t = tsc();
		MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
		record(&removed, t);
	}
	result("add", &add, &empty, 1);
	result("connect", &connect, &empty, 1);
	result("disconnect", &disconnect, &empty, 1);
	result("remove", &removed, &empty, 1);
	guest_end(&g);
}

/* ---- events ---- */

/* On a CPU of its own if there are two, and not to be put off it: what the post wakes runs when we sleep. */
static void alone(void)
{
	struct sched_param p = { .sched_priority = 50 };
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	MUST(sched_setaffinity(0, sizeof(cpu), &cpu) == 0 && sched_setscheduler(0, SCHED_FIFO, &p) == 0);
}

static void runner_elsewhere(struct guest *g)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(1, &cpu);
	MUST(pthread_setaffinity_np(g->runner[0], sizeof(cpu), &cpu) == 0);
}

/* A sleep is what lets it run on one CPU; whether it sleeps is asked. */
static void until_asleep(struct guest *g)
{
	struct hvpriv_vcpu_info v = {};

	do {
		usleep(1000);
		MUST(zendo_device_vcpu_query(g->vcpu[0], &v) >= 0);
	} while (!v.blocked);
}

static void post(struct guest *g, uint32_t port, struct series *s)
{
	uint64_t t = tsc();
	int r;

	MARK(MARK_BEGIN);
	r = zendo_device_notify(g->dom, port);
	MARK(MARK_END);
	record(s, t);
	MUST(r == (port == g->box->port ? 0 : -ENOENT));
}

/* Reschedule interrupts that CPU 1 has had. */
static unsigned long kicks(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long first, second = 0;
	char line[4096];
	bool found = false;

	MUST(f);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, " RES: %lu %lu", &first, &second) == 2;
	fclose(f);
	MUST(found);
	return second;
}

/* It is in the guest each time: it takes an interrupt to tell it. */
static void awake(struct guest *g, struct series *s)
{
	unsigned long before;
	uint64_t hits;

	tell(g, SPIN, 0);
	before = kicks();
	for (unsigned long i = 0; i < rounds; i++) {
		hits = g->box->hits;
		post(g, g->box->port, s);
		while (g->box->hits == hits)
			__asm__ volatile("pause" ::: "memory");
	}
	MUST(kicks() - before >= rounds);
}

static void posts(void)
{
	static struct series none, asleep, there, running;
	bool two = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	struct guest g;

	guest_start(&g, "cost", 1, 1);
	if (two)
		runner_elsewhere(&g);
	alone();
	for (unsigned long i = 0; i < rounds; i++) {
		until_asleep(&g);
		post(&g, 1000, &none);
		post(&g, g.box->port, &asleep);
		if (!two)	/* it has not run since */
			post(&g, g.box->port, &there);
	}
	result("post_asleep", &asleep, &none, 1);
	if (!two)
		result("post_there", &there, &none, 1);
	if (two) {
		awake(&g, &running);
		result("post_awake", &running, &none, 1);
	}
	guest_end(&g);
}

static const struct test tests[] = {
	{ "requests", requests }, { "devices", devices }, { "posts", posts },
	{}
};

int main(int argc, char **argv)
{
	empty.nr = 1;
	if (argc < 2)
		errx(2, "which test?");
	rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 200;
	MUST(rounds > 0 && rounds <= MOST);
	hvback = open("/dev/hvback", O_RDWR | O_CLOEXEC);
	if (hvback < 0)
		err(1, "/dev/hvback");
	for (const struct test *t = tests; t->name; t++)
		if (strcmp(t->name, argv[1]) == 0) {
			t->run();
			printf("}\n");
			return 0;
		}
	errx(2, "no test '%s'", argv[1]);
}
