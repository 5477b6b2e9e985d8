/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thread per vCPU. It does nothing but HVPRIV_VCPU_RUN; whatever that returns it sends to the
 * main thread as one packet and, unless it was only text, ends. Its last report is no text.
 */
#ifndef RUN_VCPU_H
#define RUN_VCPU_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpus.h"

/* For ->exit besides HVPRIV_EXIT_*: vcpu_stop() made it leave. */
#define VCPU_EXIT_LEFT	0x100

struct vcpu_report {
	uint32_t vcpu;
	int32_t error;			/* of HVPRIV_VCPU_RUN; the other fields are then 0 */
	uint32_t exit, code;		/* HVPRIV_EXIT_* */
	uint32_t len;
	char text[2032];
};

struct vcpu {
	unsigned id;
	int fd;				/* owned */
	int report_fd;			/* SOCK_SEQPACKET, borrowed */
	bool started;
	bool reported;			/* for who reads the reports: the last one of its thread has come */
	atomic_bool stopping;
	pthread_t thread;
	atomic_int tid;			/* 0: the thread has ended */
	sem_t has_tid;
};

/*
 * @cpus empty: any CPU; what of them is offline or outside of the cgroup's cpuset is passed over. -EINVAL: all are. Else negative
 * errors of pthread_create(). The thread is then not there.
 */
int vcpu_start(struct vcpu *v, const struct zendo_cpus *cpus);

/*
 * The CPUs that the thread may use now: what it was given, less what its cgroup's cpuset takes away. Setting an empty
 * set is setting all. -ESRCH: it has ended. -EXDEV: the cpuset does not let it have all of @cpus, and nothing was
 * changed; -EINVAL: none of them.
 */
int vcpu_get_cpus(const struct vcpu *v, struct zendo_cpus *ret);
int vcpu_set_cpus(struct vcpu *v, const struct zendo_cpus *cpus);

/* How long it was ready to run and had no CPU, as Linux counts it. -ESRCH: it has ended. */
int vcpu_get_waited(const struct vcpu *v, uint64_t *ret_ns);

/*
 * Make the thread end, without waiting for it. The guest sees nothing of it, and goes on where it was with another
 * vcpu_start().
 */
void vcpu_stop(struct vcpu *v);

/*
 * Wait for its end after vcpu_stop() or its last report. It may be blocked in a report: shut that
 * socket down first.
 */
void vcpu_join(struct vcpu *v);

#endif
