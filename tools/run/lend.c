/* SPDX-License-Identifier: GPL-2.0-only */
#include "lend.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "device.h"
#include "log.h"

struct lent {
	unsigned nr;
	struct worker {
		pthread_t thread;
		int dom;
		unsigned nr;
	} workers[LENT_MOST];
};

static void *work(void *arg)
{
	struct worker *w = arg;
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "device/%u", w->nr);
	(void)pthread_setname_np(pthread_self(), name);
	do
		r = zendo_device_lend(w->dom);
	while (r == -EINTR);
	if (r < 0)
		log_message(LOG_ERR, "a thread cannot work for the domain's devices: %s", zendo_device_strerror(r));
	return NULL;
}

static int start_one(struct lent *l, int dom)
{
	struct worker *w = &l->workers[l->nr];
	sigset_t all, old;
	int r;

	*w = (struct worker) { .dom = dom, .nr = l->nr };
	/* signals are the main thread's */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, work, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		l->nr++;
	return -r;
}

int lent_start(int dom, unsigned vcpus, struct lent **ret)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned nr = vcpus < LENT_MOST ? vcpus : LENT_MOST;
	struct lent *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	if (cpus > 0 && (unsigned)cpus < nr)
		nr = (unsigned)cpus;
	while (l->nr < nr && r >= 0)
		r = start_one(l, dom);
	if (l->nr == 0) {
		free(l);
		return r;
	}
	*ret = l;	/* fewer than wanted do the same work */
	return 0;
}

void lent_free(struct lent *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->nr; i++)
		(void)pthread_join(l->workers[i].thread, NULL);
	free(l);
}
