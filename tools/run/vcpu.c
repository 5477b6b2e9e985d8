/* SPDX-License-Identifier: GPL-2.0-only */
#include "vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "device.h"

_Static_assert(sizeof(((struct vcpu_report *)0)->text) == sizeof(((struct hvpriv_run *)0)->text),
	       "a report holds the text of one run");

static void report(const struct vcpu *v, int error, const struct hvpriv_run *run)
{
	struct vcpu_report p = { .vcpu = v->id, .error = error };

	if (error == 0) {
		p.exit = run->exit;
		p.code = run->code;
		if (run->exit == HVPRIV_EXIT_TEXT) {
			p.len = run->len < sizeof(p.text) ? run->len : sizeof(p.text);
			memcpy(p.text, run->text, p.len);
		}
	}
	/* fails only when the main thread has shut it down and wants no more */
	(void)send(v->report_fd, &p, offsetof(struct vcpu_report, text) + p.len, MSG_NOSIGNAL);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct hvpriv_run run;
	char name[16];
	int r;

	atomic_store(&v->tid, gettid());
	(void)sem_post(&v->has_tid);
	(void)snprintf(name, sizeof(name), "vcpu/%u", v->id);
	(void)pthread_setname_np(pthread_self(), name);
	for (;;) {
		if (atomic_load(&v->stopping)) {
			run = (struct hvpriv_run) { .exit = VCPU_EXIT_LEFT };
			report(v, 0, &run);
			break;
		}
		r = zendo_device_vcpu_run(v->fd, &run);
		if (r == -EINTR)
			continue;
		report(v, r, &run);
		if (r < 0 || run.exit != HVPRIV_EXIT_TEXT)
			break;
	}
	atomic_store(&v->tid, 0);
	return NULL;
}

int vcpu_get_cpus(const struct vcpu *v, struct zendo_cpus *ret)
{
	pid_t tid = v->started ? atomic_load(&v->tid) : 0;
	struct zendo_cpus s = {};

	if (tid == 0)
		return -ESRCH;
	if (sched_getaffinity(tid, sizeof(s), (cpu_set_t *)(void *)&s) < 0)
		return -errno;
	*ret = s;
	return 0;
}

int vcpu_get_waited(const struct vcpu *v, uint64_t *ret_ns)
{
	pid_t tid = v->started ? atomic_load(&v->tid) : 0;
	_cleanup_close_ int fd = -EBADF;
	char path[64], text[128];
	ssize_t n;

	if (tid == 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	/* Documentation/scheduler/sched-stats.rst: time on a CPU, time on a run queue, times it was given a CPU */
	return sscanf(text, "%*u %" SCNu64, ret_ns) == 1 ? 0 : -EBADMSG;
}

static int set_affinity(pid_t tid, const struct zendo_cpus *s)
{
	return sched_setaffinity(tid, sizeof(*s), (const cpu_set_t *)(const void *)s) < 0 ? -errno : 0;
}

int vcpu_set_cpus(struct vcpu *v, const struct zendo_cpus *cpus)
{
	pid_t tid = v->started ? atomic_load(&v->tid) : 0;
	struct zendo_cpus old, now, all;
	int r;

	if (tid == 0)
		return -ESRCH;
	if (zendo_cpus_is_empty(cpus)) {
		memset(&all, 0xff, sizeof(all));
		return set_affinity(tid, &all);
	}
	r = vcpu_get_cpus(v, &old);
	if (r >= 0)
		r = set_affinity(tid, cpus);
	if (r >= 0)
		r = vcpu_get_cpus(v, &now);
	/* the kernel takes what the cpuset leaves of it, without a word */
	if (r >= 0 && !zendo_cpus_equal(&now, cpus)) {
		(void)set_affinity(tid, &old);
		r = -EXDEV;
	}
	return r;
}

static int create_thread(struct vcpu *v)
{
	sigset_t all, old;
	int r;

	/* signals are the main thread's; each one here would be an exit for nothing */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&v->thread, NULL, vcpu_thread, v);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int vcpu_start(struct vcpu *v, const struct zendo_cpus *cpus)
{
	int r;

	(void)sem_init(&v->has_tid, 0, 0);
	atomic_store(&v->stopping, false);
	v->reported = false;
	r = create_thread(v);
	if (r < 0)
		return r;
	v->started = true;
	while (sem_wait(&v->has_tid) < 0 && errno == EINTR)
		;
	if (zendo_cpus_is_empty(cpus))
		return 0;
	r = set_affinity(atomic_load(&v->tid), cpus);
	if (r < 0) {
		vcpu_stop(v);
		vcpu_join(v);
	}
	return r;
}

void vcpu_stop(struct vcpu *v)
{
	atomic_store(&v->stopping, true);
	if (v->started)
		(void)zendo_device_vcpu_kick(v->fd);
}

void vcpu_join(struct vcpu *v)
{
	if (!v->started)
		return;
	(void)pthread_join(v->thread, NULL);
	v->started = false;
}
