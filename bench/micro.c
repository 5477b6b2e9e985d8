// SPDX-License-Identifier: GPL-2.0-only
/*
 * micro: small costs of a Linux, the same program on bare metal, in dom0 and in a guest. Prints for each a line
 *
 *	RESULT name median min max
 *
 * in instructions per operation: under QEMU's -icount the TSC counts instructions, and the first loop tells how many ticks
 * one is. Elsewhere the unit is that loop's.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SAMPLES	31
#define ALU_LOOPS	100000UL	/* short beside a time slice */
#define PAGES		512

static double ticks_per_instruction = 1;
static int to_child[2], to_parent[2];
static char *pages;

static inline uint64_t tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Two instructions each time round. */
static void alu(unsigned long n)
{
	n /= 2;
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n));
}

static void getppids(unsigned long n)
{
	while (n--)
		(void)syscall(SYS_getppid);
}

static void clocks(unsigned long n)
{
	struct timespec t;

	while (n--)
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
}

static void page_faults(unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		*(volatile char *)(pages + i * 4096) = 1;
}

static void forget_pages(void)
{
	if (madvise(pages, PAGES * 4096UL, MADV_DONTNEED))
		err(1, "madvise");
}

static void forks(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			_exit(0);
		(void)waitpid(pid, NULL, 0);
	}
}

static void fork_execs(unsigned long n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			execl("/proc/self/exe", "micro", "exit", (char *)NULL);
			_exit(1);
		}
		(void)waitpid(pid, NULL, 0);
	}
}

/* There and back again. */
static void pipes(unsigned long n)
{
	char c = 0;

	while (n--)
		if (write(to_child[1], &c, 1) != 1 || read(to_parent[0], &c, 1) != 1)
			err(1, "pipe");
}

static void start_peer(void)
{
	char c;

	if (pipe(to_child) || pipe(to_parent))
		err(1, "pipe");
	if (fork())
		return;
	close(to_child[1]);
	while (read(to_child[0], &c, 1) == 1)
		if (write(to_parent[1], &c, 1) != 1)
			break;
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct test {
	const char *name;
	void (*run)(unsigned long n);
	void (*before)(void);
	unsigned long n;
	unsigned samples;
};

static const struct test tests[] = {
	{ "alu",	alu,		NULL,		ALU_LOOPS,	31 },
	{ "getppid",	getppids,	NULL,		1000,		31 },
	{ "clock",	clocks,		NULL,		1000,		31 },
	{ "page_fault",	page_faults,	forget_pages,	PAGES,		31 },
	{ "fork",	forks,		NULL,		4,		31 },
	{ "fork_exec",	fork_execs,	NULL,		4,		31 },
	{ "pipe",	pipes,		NULL,		200,		31 },
};

static double once(const struct test *t)
{
	uint64_t begin;

	if (t->before)
		t->before();
	begin = tsc();
	t->run(t->n);
	return (double)(tsc() - begin) / (double)t->n / ticks_per_instruction;
}

static void measure(const struct test *t)
{
	double sample[MAX_SAMPLES];
	unsigned i;

	(void)once(t);
	for (i = 0; i < t->samples; i++)
		sample[i] = once(t);
	qsort(sample, t->samples, sizeof(sample[0]), compare);
	printf("RESULT %s %.3f %.3f %.3f\n", t->name, sample[t->samples / 2], sample[0], sample[t->samples - 1]);
	fflush(stdout);
}

/* The least of some short loops: no interrupt comes in all of them. */
static void calibrate(void)
{
	double least = 1e9;
	unsigned i;

	for (i = 0; i < 200; i++) {
		uint64_t begin = tsc();
		double t;

		alu(20000);
		t = (double)(tsc() - begin) / 20000;
		if (t < least)
			least = t;
	}
	ticks_per_instruction = least;
	printf("RESULT ticks_per_instruction %.4f %.4f %.4f\n", least, least, least);
}

int main(int argc, char **argv)
{
	unsigned i;

	if (argc > 1 && strcmp(argv[1], "exit") == 0)
		return 0;
	pages = mmap(NULL, PAGES * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		err(1, "mmap");
	/* Small pages, or one fault would bring them all. */
	(void)madvise(pages, PAGES * 4096UL, MADV_NOHUGEPAGE);
	calibrate();
	start_peer();
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		measure(&tests[i]);
	return 0;
}
