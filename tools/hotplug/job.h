/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that may wait for long (a target that spins up, requests in flight that end): in a thread of its own, so that nothing else waits
 * for it. A job touches nothing of the agent but what its maker gave it.
 */
#ifndef HOTPLUG_JOB_H
#define HOTPLUG_JOB_H

#include <systemd/sd-event.h>

struct job {
	void (*work)(struct job *j);	/* in the thread */
	void (*done)(struct job *j);	/* in the event loop, when the thread has ended its work; may free @j */
};

/* Once, before anything else here. */
int job_init(sd_event *event);

/* -EAGAIN and others of pthread_create(): nothing has begun. */
int job_start(struct job *j);

#endif
