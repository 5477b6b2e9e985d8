/* SPDX-License-Identifier: GPL-2.0-only */
#include "vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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

	(void)snprintf(name, sizeof(name), "vcpu/%u", v->id);
	(void)pthread_setname_np(pthread_self(), name);
	for (;;) {
		if (atomic_load(&v->stopping))
			break;
		r = zendo_device_vcpu_run(v->fd, &run);
		if (r == -EINTR)
			continue;
		report(v, r, &run);
		if (r < 0 || run.exit != HVPRIV_EXIT_TEXT)
			break;
	}
	return NULL;
}

int vcpu_start(struct vcpu *v, const cpu_set_t *affinity, size_t affinity_size)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	if (affinity)
		r = pthread_attr_setaffinity_np(&attr, affinity_size, affinity);
	if (r == 0) {
		/* signals are the main thread's; each one here would be an exit for nothing */
		(void)sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &old);
		r = pthread_create(&v->thread, &attr, vcpu_thread, v);
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	(void)pthread_attr_destroy(&attr);
	v->started = r == 0;
	return -r;
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
