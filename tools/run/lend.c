/* SPDX-License-Identifier: GPL-2.0-only */
#include "lend.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "log.h"

struct lent {
	pthread_mutex_t lock;		/* threads make threads */
	unsigned nr;
	struct worker {
		struct lent *lent;
		pthread_t thread;
		int dom;
		unsigned nr;
	} workers[LENT_MOST];
};

static void lend_one_more(struct lent *l, int dom);

static void *work(void *arg)
{
	struct worker *w = arg;
	char name[16];
	int r;

	(void)snprintf(name, sizeof(name), "device/%u", w->nr);
	(void)pthread_setname_np(pthread_self(), name);
	while ((r = zendo_device_lend(w->dom)) == -EINTR || r > 0)
		if (r > 0)
			lend_one_more(w->lent, w->dom);
	if (r < 0)
		log_message(LOG_ERR, "a thread cannot work for the domain's devices: %s", zendo_device_strerror(r));
	return NULL;
}

static int start_one(struct lent *l, int dom)
{
	struct worker *w = &l->workers[l->nr];
	sigset_t all, old;
	int r;

	*w = (struct worker) { .lent = l, .dom = dom, .nr = l->nr };
	/* signals are the main thread's */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, work, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		l->nr++;
	return -r;
}

/* All others are at work, and may be for long. */
static void lend_one_more(struct lent *l, int dom)
{
	int r = 0;

	(void)pthread_mutex_lock(&l->lock);
	if (l->nr < LENT_MOST)
		r = start_one(l, dom);
	(void)pthread_mutex_unlock(&l->lock);
	if (r < 0)
		log_message(LOG_WARNING, "no more threads for the domain's devices: %s", strerror(-r));
}

int lent_start(int dom, unsigned vcpus, struct lent **ret)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned nr = vcpus < LENT_FIRST ? vcpus : LENT_FIRST;
	struct lent *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	(void)pthread_mutex_init(&l->lock, NULL);
	if (cpus > 0 && (unsigned)cpus < nr)
		nr = (unsigned)cpus;
	(void)pthread_mutex_lock(&l->lock);
	while (l->nr < nr && r >= 0)
		r = start_one(l, dom);
	(void)pthread_mutex_unlock(&l->lock);
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
	for (unsigned i = 0; i < l->nr; i++)	/* one that makes another is before it */
		(void)pthread_join(l->workers[i].thread, NULL);
	free(l);
}
