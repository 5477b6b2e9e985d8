// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend_ends TEST [N]: domains with devices of the class "null" end, N times, at any moment and with requests in flight. As backend.c.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "backend_guest.h"

static int owner_says = -1;

/* What the owner does: it says the domain's number when its guest is busy, and a byte when that was answered for a while. */
enum owner { IDLES, POWERS_OFF, SCRIBBLES };

static void __attribute__((noreturn)) own(struct guest *g, enum owner kind, uint64_t answers, int says)
{
	if (rnd() & 1)
		vcpus_help();
	guest_start(g, "owned", kind == SCRIBBLES ? 2 : 1 + (unsigned)(rnd() & 1), 2);
	MUST(dev_add(g, 1, -1) == 0);
	open_and_connect(g, 1);
	tell(g, GO, 0);
	if (kind == SCRIBBLES)
		tell(g, SCRIBBLE, 1 + (uint32_t)(rnd() % 15));
	MUST(write(says, &g->domid, sizeof(g->domid)) == sizeof(g->domid));
	(void)await_answers(g, answers, 30);	/* a race may have taken its device, or its ring is broken */
	if (kind == POWERS_OFF) {
		begin_command(g, OFF, 0);
		for (unsigned i = 0; i < g->nr_vcpus; i++)
			pthread_join(g->runner[i], NULL);
		_exit(0);
	}
	MUST(write(says, "", 1) == 1);
	for (;;)
		pause();
}

/* A process of its own, that owns the domain. */
static pid_t owner_begins(struct guest *g, enum owner kind)
{
	uint64_t answers = rnd() % 200;
	int pipes[2];
	pid_t pid;

	MUST(pipe2(pipes, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0)
		own(g, kind, answers, pipes[1]);
	close(pipes[1]);
	if (owner_says >= 0)
		close(owner_says);
	owner_says = pipes[0];
	return pid;
}

/* Its guest is busy when this returns. */
static pid_t owner(struct guest *g, enum owner kind)
{
	pid_t pid = owner_begins(g, kind);

	if (read(owner_says, &g->domid, sizeof(g->domid)) != sizeof(g->domid))
		errx(1, "the owner failed");
	return pid;
}

static void await_owner(void)
{
	char c;

	MUST(read(owner_says, &c, 1) == 1);
}

/* In the midst of its guest's requests */
static void kill_owner(pid_t pid)
{
	await_owner();
	MUST(kill(pid, SIGKILL) == 0);
}

/* By SIGKILL of its owner, under a guest that writes wherever the backend looks, or by itself: at once all is gone. */
static void deaths(void)
{
	struct guest g;
	int status;
	pid_t pid;

	for (unsigned long i = 0; i < rounds; i++) {
		bool off = i % 4 == 3;

		(void)rnd();
		pid = owner(&g, off ? POWERS_OFF : i % 2 ? SCRIBBLES : IDLES);
		if (!off)
			kill_owner(pid);
		MUST(waitpid(pid, &status, 0) == pid);
		MUST(off ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : WIFSIGNALED(status));
		MUST(nr_devices() == 0);
	}
}

/* At any moment from its first instruction on until its guest is busy: the domain, the device, its connection may be there or half there. */
static void births(void)
{
	struct timespec begin, end;
	unsigned long early = 0;
	struct guest g;
	long most;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid = owner(&g, IDLES);
	clock_gettime(CLOCK_MONOTONIC, &end);
	most = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 + 2;
	kill_owner(pid);
	MUST(waitpid(pid, NULL, 0) == pid);
	for (unsigned long i = 0; i < rounds; i++) {
		struct pollfd p = { .events = POLLIN };

		pid = owner_begins(&g, IDLES);
		p.fd = owner_says;
		early += poll(&p, 1, (int)(rnd() % (uint64_t)most)) == 0;
		MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
		MUST(nr_devices() == 0);
	}
	printf("%lu of %lu before its guest was busy, which takes %ld ms\n", early, rounds, most);
	MUST(early > rounds / 4);
}

struct racer {
	const struct guest *g;
	volatile bool stop;
	unsigned long nr, done;
};

/* Everything that an agent asks for, of a domain that may be gone. */
static void *race(void *arg)
{
	struct racer *r = arg;
	uint64_t state = (uintptr_t)arg;
	uint32_t devid;
	int ret;

	while (!r->stop) {
		state = state * 6364136223846793005 + 1442695040888963407;
		devid = state >> 33 & 3;
		switch (state >> 40 & 7) {
		case 0 ... 3:
			ret = dev_add(r->g, devid, -1);
			break;
		case 4:
			ret = dev_simple(r->g, devid, HVBACK_DISCONNECT);
			break;
		case 5:
			ret = dev_connect(r->g, devid, NULL);
			break;
		default:
			ret = dev_simple(r->g, devid, HVBACK_REMOVE);
		}
		r->nr++;
		r->done += ret == 0;
		MUST(ret == 0 || errno == EEXIST || errno == ENOENT || errno == ESRCH || errno == ESHUTDOWN || errno == EISCONN ||
		     errno == EINVAL || errno == EACCES || errno == ENXIO || errno == ENODEV);
	}
	return NULL;
}

static void races(void)
{
	unsigned long nr = 0, done = 0;
	static struct box box;

	for (unsigned long i = 0; i < rounds; i++) {
		struct guest g = { .box = &box };
		struct racer r[2] = { { .g = &g }, { .g = &g } };
		pthread_t t[2];
		pid_t pid;

		(void)rnd();
		pid = owner(&g, IDLES);
		for (unsigned q = 0; q < FRONT_QUEUES; q++) {	/* as the guest does it when it opens for the first time */
			box.queue[q].ref = RING_REF(q);
			box.queue[q].port = 2 + q;
		}
		for (int j = 0; j < 2; j++)
			MUST(pthread_create(&t[j], NULL, race, &r[j]) == 0);
		kill_owner(pid);
		MUST(waitpid(pid, NULL, 0) == pid);
		MUST(nr_devices() == 0);
		for (int j = 0; j < 2; j++) {
			r[j].stop = true;
			MUST(pthread_join(t[j], NULL) == 0);
			nr += r[j].nr;
			done += r[j].done;
		}
		MUST(nr_devices() == 0);
	}
	printf("%lu requests, %lu done\n", nr, done);
}

/* ---- owners that do not run ---- */

#define FREEZER	"/sys/fs/cgroup/backend_ends"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The kernel says when the last thread of it stands still. */
static void freeze(pid_t pid)
{
	char text[256];
	struct pollfd p = { .fd = open(FREEZER "/cgroup.events", O_RDONLY | O_CLOEXEC), .events = POLLPRI };
	ssize_t n;

	snprintf(text, sizeof(text), "%d", pid);
	write_file(FREEZER "/cgroup.procs", text);
	write_file(FREEZER "/cgroup.freeze", "1");
	for (;;) {
		n = pread(p.fd, text, sizeof(text) - 1, 0);
		MUST(n > 0);
		text[n] = 0;
		if (strstr(text, "frozen 1"))
			break;
		MUST(poll(&p, 1, 10000) == 1);
	}
	close(p.fd);
}

static void stop(pid_t pid)
{
	int status;

	MUST(kill(pid, SIGSTOP) == 0);
	MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
}

static void other_guest_is_served(struct guest *other, uint64_t answers)
{
	if (!await_answers(other, answers, 20000))
		errx(1, "a guest waits for one that stands still");
}

/*
 * A domain whose threads stand still, in the midst of its requests: others are served, the module goes and comes, the device is
 * disconnected, connected and removed; and the domain ends.
 */
static void stopped(void)
{
	struct guest g, other;
	pid_t pid;

	MUST(mkdir(FREEZER, 0755) == 0 || errno == EEXIST);
	for (unsigned long i = 0; i < rounds; i++) {
		bool frozen = i & 1;

		pid = owner(&g, i & 2 ? SCRIBBLES : IDLES);
		guest_start(&other, "other", 1, 1);
		MUST(dev_add(&other, 1, -1) == 0);
		open_and_connect(&other, 1);
		tell(&other, GO, 0);
		await_owner();
		if (frozen)
			freeze(pid);
		else
			stop(pid);
		other_guest_is_served(&other, 200);
		MUST(system("rmmod hvnullback && modprobe hvnullback") == 0);
		other_guest_is_served(&other, 200);
		MUST(dev_simple(&g, 1, HVBACK_DISCONNECT) == 0);
		MUST(dev_add(&g, 2, -1) == 0);
		MUST(dev_simple(&g, 1, HVBACK_REMOVE) == 0);
		other_guest_is_served(&other, 200);
		/* with and without a device; a stopped process ends as any other */
		if (i & 4)
			MUST(dev_simple(&g, 2, HVBACK_REMOVE) == 0);
		MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
		if (frozen)
			write_file(FREEZER "/cgroup.freeze", "0");
		MUST(nr_devices() == 1);
		other_guest_is_served(&other, 200);
		guest_end(&other);
		MUST(nr_devices() == 0);
	}
	MUST(rmdir(FREEZER) == 0);
}

static const struct test tests[] = {
	{ "deaths", deaths }, { "births", births }, { "races", races }, { "stopped", stopped },
	{}
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
