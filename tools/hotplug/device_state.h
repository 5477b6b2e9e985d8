/* SPDX-License-Identifier: GPL-2.0-only */
/* A device as the agent knows it: for device.c, where it has its life, and device_request.c. All others have agent.h. */
#ifndef HOTPLUG_DEVICE_STATE_H
#define HOTPLUG_DEVICE_STATE_H

#include <time.h>

#include "agent.h"

struct device {
	struct agent *agent;
	struct device *next;
	const struct device_class *class;
	struct hvback_id id;
	char name[ZENDO_BACKEND_NAME_MAX];
	bool busy;			/* a job works on it */
	bool again;			/* something happened meanwhile */
	bool vanished;			/* the kernel has it no more */
	bool force;
	bool has_info;			/* fresh, for the next step */
	union device_info info;
	device_gone_t gone;		/* who waits for its end */
	void *gone_userdata;
	device_gone_t taken;		/* who waits for its guest to look at it */
	void *taken_userdata;
	unsigned taken_s;
	sd_event_source *timer, *later, *taken_timer;
	time_t said;			/* start of the time that nr_said is of */
	unsigned nr_said;
};

/* How both sides and the kernel have it. What broke it is told where people look. -ENOENT, -ESRCH: the kernel has it no more. */
int device_read(struct device *d, struct handshake *ret);

/* Whoever waits is told, once: for its end; for its guest to look at it. */
void device_tell_gone(struct device *d, int r, const char *text);
void device_tell_taken(struct device *d, int r, const char *text);

#endif
