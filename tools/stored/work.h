/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has something to do, in the order of asking. Each gets a turn of bounded length and stands in line again for the rest, so
 * nobody waits for another's flood.
 */
#ifndef STORED_WORK_H
#define STORED_WORK_H

#include <stdbool.h>

#include <systemd/sd-event.h>

struct work {
	struct work *prev, *next;
	bool queued;
	void (*turn)(struct work *w);
};

#define REQUESTS_PER_TURN	32

int work_start(sd_event *event);
void work_stop(void);
void work_queue(struct work *w);
void work_cancel(struct work *w);

#endif
