/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thread per vCPU. It does nothing but HVPRIV_VCPU_RUN; whatever that returns it sends to the
 * main thread as one packet and, unless it was only text, ends.
 */
#ifndef RUN_VCPU_H
#define RUN_VCPU_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	atomic_bool stopping;
	pthread_t thread;
};

/* @affinity NULL: any CPU. Error as of pthread_create(), negative. */
int vcpu_start(struct vcpu *v, const cpu_set_t *affinity, size_t affinity_size);

/*
 * Make the thread end, without waiting for it. The guest sees nothing of it.
 */
void vcpu_stop(struct vcpu *v);

/*
 * Wait for its end after vcpu_stop() or its last report. It may be blocked in a report: shut that
 * socket down first.
 */
void vcpu_join(struct vcpu *v);

#endif
