/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain with the guest nullfront in it, made, run and served with threads by this process alone: for backend.c and backend_ends.c. */
#ifndef BACKEND_GUEST_H
#define BACKEND_GUEST_H

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/hvback.h>

#include "build.h"
#include "device.h"
#include "../../../guests/nullfront.h"

#define MUST(cond) do { if (!(cond)) errx(1, "line %d: %s (errno %d: %s)", __LINE__, #cond, errno, strerror(errno)); } while (0)
#define FAILS(call, wanted) do { errno = 0; MUST((call) < 0); MUST(errno == (wanted)); } while (0)

#define GUEST_ELF	"/usr/lib/zendo/guests/nullfront.elf"
#define DEVICES		"/sys/bus/hvback/devices"
#define MOST_LENT	4

struct guest {
	int dom, event;
	uint32_t domid;
	unsigned nr_vcpus, nr_lent;
	int vcpu[2];
	pthread_t runner[2], lent[MOST_LENT];
	volatile struct box *box;
};

/* What the builder has mapped: a mapping keeps the domain. */
struct build {
	struct guest *g;
	struct { void *p; size_t size; } map[32];
	unsigned nr;
};

static inline int build_add_memory(void *userdata, uint64_t gfn, uint64_t nr_pages, uint32_t flags)
{
	return zendo_device_add_memory(((struct build *)userdata)->g->dom, gfn, nr_pages, flags, NULL);
}

static inline void *build_ptr(void *userdata, uint64_t gpa, uint64_t len)
{
	struct build *b = userdata;
	uint64_t first = gpa / 4096, nr = (gpa + len + 4095) / 4096 - first;

	MUST(b->nr < 32 && zendo_device_map(b->g->dom, first, nr, &b->map[b->nr].p) >= 0);
	b->map[b->nr].size = nr * 4096;
	return (char *)b->map[b->nr++].p + gpa % 4096;
}

static struct zendo_image *image;
static const char *guest_options = "";	/* " v2": its grant table is of version 2 */

static inline void guest_build(struct guest *g, const char *name, const char *cmdline)
{
	struct zendo_build_params in = { .image = image, .ramdisk_fd = -1, .cmdline = cmdline, .memory_mib = 4, .vcpus = g->nr_vcpus };
	struct build b = { .g = g };
	const struct zendo_guest_mem mem = { .userdata = &b, .add_memory = build_add_memory, .ptr = build_ptr };
	struct zendo_build_plan plan;
	struct zendo_error e = {};
	int device;
	void *box;

	MUST(zendo_build_plan(&in, &plan, &e) >= 0);
	MUST(zendo_device_open(&device) >= 0);
	MUST(zendo_device_create_domain(device, name, NULL, plan.max_vcpus, plan.max_pages, plan.flags, &g->dom, &g->domid) >= 0);
	close(device);
	MUST(zendo_build_fill(&plan, &mem, &e) >= 0);
	while (b.nr--)
		MUST(munmap(b.map[b.nr].p, b.map[b.nr].size) == 0);
	MUST(zendo_device_set_memmap(g->dom, plan.memmap, plan.nr_memmap) >= 0);
	for (unsigned i = 0; i < plan.nr_params; i++)
		MUST(zendo_device_set_param(g->dom, plan.params[i].index, plan.params[i].value) >= 0);
	g->event = eventfd(0, EFD_CLOEXEC);
	MUST(g->event >= 0);
	MUST(zendo_device_map(g->dom, BOX_GPA / 4096, 1, &box) >= 0);
	g->box = box;
	MUST(zendo_device_evtchn_alloc(g->dom, g->event, (uint32_t *)&g->box->port) >= 0);
	for (unsigned i = 0; i < g->nr_vcpus; i++)
		MUST(zendo_device_create_vcpu(g->dom, i, &g->vcpu[i]) >= 0);
	MUST(zendo_device_vcpu_set_state(g->vcpu[0], &plan.vcpu0) >= 0);
}

static inline void *run_vcpu(void *arg)
{
	int fd = *(int *)arg, r;
	struct hvpriv_run run;

	for (;;) {
		r = zendo_device_vcpu_run(fd, &run);
		if (r == -EINTR)
			continue;
		if (r < 0)
			errx(1, "vCPU: %s", strerror(-r));
		if (run.exit != HVPRIV_EXIT_TEXT)
			break;
		(void)!write(2, run.text, run.len);
	}
	if (run.exit == HVPRIV_EXIT_CRASH)
		errx(1, "the guest crashed: %s", zendo_crash_reason_to_string(run.code));
	return NULL;
}

static inline void *lend(void *arg)
{
	struct guest *g = arg;
	int r;

	do
		r = ioctl(g->dom, HVPRIV_DOM_LEND);
	while (r > 0 || (r < 0 && errno == EINTR));	/* there are no more */
	MUST(r == 0);
	return NULL;
}

static inline void guest_lend(struct guest *g, unsigned nr)
{
	for (; nr; nr--, g->nr_lent++)
		MUST(pthread_create(&g->lent[g->nr_lent], NULL, lend, g) == 0);
}

/* The guest answers or has died; @milliseconds is how long that may take, for a test that hangs. */
static inline void await(struct guest *g, uint32_t done, int milliseconds)
{
	struct pollfd p = { .fd = g->event, .events = POLLIN };
	uint64_t n;

	while (g->box->done != done) {
		if (poll(&p, 1, milliseconds) != 1)
			errx(1, "the guest does not answer (command %u, %llu sent, %llu answered)", g->box->command,
			     (unsigned long long)g->box->sent, (unsigned long long)g->box->answered);
		MUST(read(g->event, &n, sizeof(n)) == sizeof(n));
	}
}

/* So many more answers have come: true. Not within @milliseconds: false. */
static inline bool await_answers(struct guest *g, uint64_t more, int milliseconds)
{
	struct pollfd p = { .fd = g->event, .events = POLLIN };
	uint64_t until = g->box->answered + more, n;

	g->box->tell_at = until;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (g->box->answered < until) {
		if (poll(&p, 1, milliseconds) != 1)
			return false;
		MUST(read(g->event, &n, sizeof(n)) == sizeof(n));
	}
	return true;
}

static inline void begin_command(struct guest *g, enum box_command command, uint32_t arg)
{
	g->box->arg = arg;
	__atomic_store_n(&g->box->command, command, __ATOMIC_SEQ_CST);
	MUST(zendo_device_notify(g->dom, g->box->port) >= 0);
}

static inline int64_t tell(struct guest *g, enum box_command command, uint32_t arg)
{
	uint32_t done = g->box->done;

	begin_command(g, command, arg);
	await(g, done + 1, 30000);
	return g->box->answer;
}

static inline void guest_run(struct guest *g)
{
	for (unsigned i = 0; i < g->nr_vcpus; i++)
		MUST(pthread_create(&g->runner[i], NULL, run_vcpu, &g->vcpu[i]) == 0);
	MUST(zendo_device_unpause(g->dom) >= 0);
	await(g, 1, 30000);
}

static inline void guest_start(struct guest *g, const char *name, unsigned nr_vcpus, unsigned nr_lent)
{
	struct zendo_error e = {};
	char cmdline[64];

	*g = (struct guest) { .nr_vcpus = nr_vcpus };
	if (!image)
		MUST(zendo_image_open(GUEST_ELF, NULL, &image, &e) >= 0);
	snprintf(cmdline, sizeof(cmdline), "console=io box%s%s", nr_vcpus > 1 ? " second" : "", guest_options);
	guest_build(g, name, cmdline);
	guest_run(g);
	guest_lend(g, nr_lent);
}

/* Everything that keeps the domain: it is gone, with all its devices, when the last of them is closed. */
static inline void guest_end(struct guest *g)
{
	MUST(zendo_device_kill(g->dom) >= 0);
	for (unsigned i = 0; i < g->nr_vcpus; i++)
		MUST(pthread_join(g->runner[i], NULL) == 0);
	for (unsigned i = 0; i < g->nr_lent; i++)
		MUST(pthread_join(g->lent[i], NULL) == 0);
	MUST(munmap((void *)g->box, 4096) == 0);
	for (unsigned i = 0; i < g->nr_vcpus; i++)
		close(g->vcpu[i]);
	close(g->event);
	MUST(close(g->dom) == 0);
}

/* ---- the device ---- */

static int hvback = -1;

static inline struct hvback_id id_of(const struct guest *g, uint32_t devid)
{
	return (struct hvback_id) { .class = "null", .domid = g->domid, .devid = devid };
}

static uint32_t null_flags;		/* of devices that are made: HVNULL_PROMPT */

static inline int dev_add(const struct guest *g, uint32_t devid, int target)
{
	struct hvnull_config conf = { .flags = null_flags };
	struct hvback_add add = { .id = id_of(g, devid), .target = target, .conf = (uintptr_t)&conf, .conf_len = sizeof(conf) };

	if (!null_flags)
		add.conf_len = 0;
	return ioctl(hvback, HVBACK_ADD, &add);
}

/* What the guest has published last. */
static inline int dev_connect(const struct guest *g, uint32_t devid, char *reason)
{
	struct hvback_queue q[FRONT_QUEUES] = {};
	struct hvback_connect c = { .id = id_of(g, devid), .nr_queues = FRONT_QUEUES, .queues = (uintptr_t)q };
	int r;

	for (unsigned i = 0; i < FRONT_QUEUES; i++) {
		q[i].nr_refs[0] = 1;
		q[i].ref[0][0] = g->box->queue[i].ref;
		q[i].port[0] = g->box->queue[i].port;
	}
	r = ioctl(hvback, HVBACK_CONNECT, &c);
	if (reason)
		snprintf(reason, HVBACK_REASON_LEN, "%s", c.reason);
	return r;
}

static inline int dev_simple(const struct guest *g, uint32_t devid, unsigned long request)
{
	struct hvback_simple s = { .id = id_of(g, devid) };

	return ioctl(hvback, request, &s);
}

static inline struct hvback_state dev_state(const struct guest *g, uint32_t devid)
{
	struct hvback_state s = { .id = id_of(g, devid) };

	MUST(ioctl(hvback, HVBACK_STATE, &s) == 0);
	return s;
}

static inline struct hvnull_info dev_info(const struct guest *g, uint32_t devid)
{
	struct hvnull_info info = {};
	struct hvback_blob b = { .id = id_of(g, devid), .blob = (uintptr_t)&info, .len = sizeof(info) };

	MUST(ioctl(hvback, HVBACK_INFO, &b) == 0 && b.len == sizeof(info));
	return info;
}

/* Where all threads have one CPU, waking another one only takes it from the guest: a vCPU's thread does such work itself then. */
static inline void vcpus_help(void)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	MUST(sched_setaffinity(0, sizeof(cpu), &cpu) == 0);
	null_flags = HVNULL_PROMPT;
}

/* ---- tests ---- */

static inline void nothing_wrong(const struct guest *g)
{
	if (g->box->wrong)
		errx(1, "%llu wrong answers, the first: %s", (unsigned long long)g->box->wrong, (const char *)g->box->why);
}

static inline void traffic(struct guest *g, uint64_t answers)
{
	uint64_t before = g->box->answered;

	if (!await_answers(g, answers, 60000))
		errx(1, "%llu answers of %llu", (unsigned long long)(g->box->answered - before), (unsigned long long)answers);
}

static inline void must_run(const char *command)
{
	if (system(command) != 0)
		errx(1, "failed: %s", command);
}

static unsigned long rounds;		/* N of the command line */

static inline uint64_t rnd(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static inline unsigned nr_devices(void)
{
	DIR *d = opendir(DEVICES);
	unsigned n = 0;

	MUST(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* The guest opens its rings, and the device is connected to them. */
static inline void open_and_connect(struct guest *g, uint32_t devid)
{
	char why[HVBACK_REASON_LEN];

	tell(g, OPEN, 0);
	if (dev_connect(g, devid, why) < 0)
		errx(1, "not connected: %s (%s)", strerror(errno), why);
}

struct test {
	const char *name;
	void (*run)(void);
};

static inline int run_test(const struct test *t, int argc, char **argv)
{
	if (argc < 2)
		errx(2, "which test?");
	rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 10;
	hvback = open("/dev/hvback", O_RDWR | O_CLOEXEC);
	if (hvback < 0)
		err(1, "/dev/hvback");
	for (; t->name; t++)
		if (strcmp(t->name, argv[1]) == 0) {
			t->run();
			printf("good\n");
			return 0;
		}
	errx(2, "no test '%s'", argv[1]);
}

#endif /* BACKEND_GUEST_H */
