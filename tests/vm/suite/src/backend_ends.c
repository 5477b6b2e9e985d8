// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend_ends TEST [N]: domains with devices of the class "null" end, N times, at any moment and with requests in flight. As backend.c.
 */
#include <sys/wait.h>

#include "backend_guest.h"

static int owner_says = -1;

/*
 * A process of its own, that owns the domain and tells its number. Its guest powers off after some answers; or it says so then, and
 * does nothing until it is killed.
 */
static pid_t owner(struct guest *g, bool off)
{
	uint64_t answers = rnd() % 200;
	int pipes[2];
	pid_t pid;

	MUST(pipe(pipes) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		guest_start(g, "owned", 1 + (unsigned)(rnd() & 1), 2);
		MUST(dev_add(g, 1, -1) == 0);
		open_and_connect(g, 1);
		tell(g, GO, 0);
		MUST(write(pipes[1], &g->domid, sizeof(g->domid)) == sizeof(g->domid));
		(void)await_answers(g, answers, 30);	/* a race may have taken its device */
		if (off) {
			begin_command(g, OFF, 0);
			for (unsigned i = 0; i < g->nr_vcpus; i++)
				pthread_join(g->runner[i], NULL);
			_exit(0);
		}
		MUST(write(pipes[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	if (read(pipes[0], &g->domid, sizeof(g->domid)) != sizeof(g->domid))
		errx(1, "the owner failed");
	if (owner_says >= 0)
		close(owner_says);
	owner_says = pipes[0];
	return pid;
}

/* In the midst of its guest's requests */
static void kill_owner(pid_t pid)
{
	char c;

	MUST(read(owner_says, &c, 1) == 1);
	MUST(kill(pid, SIGKILL) == 0);
}

/* By SIGKILL of its owner, or by itself: at once all is gone. */
static void deaths(void)
{
	struct guest g;
	int status;
	pid_t pid;

	for (unsigned long i = 0; i < rounds; i++) {
		bool off = i % 4 == 3;

		(void)rnd();
		pid = owner(&g, off);
		if (!off)
			kill_owner(pid);
		MUST(waitpid(pid, &status, 0) == pid);
		MUST(off ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : WIFSIGNALED(status));
		MUST(nr_devices() == 0);
	}
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
		pid = owner(&g, false);
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

static const struct test tests[] = {
	{ "deaths", deaths }, { "races", races },
	{}
};

int main(int argc, char **argv)
{
	return run_test(tests, argc, argv);
}
