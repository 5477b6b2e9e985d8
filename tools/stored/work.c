/* SPDX-License-Identifier: GPL-2.0-only */
#include "work.h"

#include <stddef.h>

static struct work *first, *last;
static struct work *end;		/* the last of this round that is still in line */
static sd_event_source *source;

void work_cancel(struct work *w)
{
	if (!w->queued)
		return;
	if (w == end)
		end = w->prev;
	*(w->prev ? &w->prev->next : &first) = w->next;
	*(w->next ? &w->next->prev : &last) = w->prev;
	w->prev = w->next = NULL;
	w->queued = false;
}

void work_queue(struct work *w)
{
	if (w->queued)
		return;
	w->queued = true;
	w->prev = last;
	w->next = NULL;
	*(last ? &last->next : &first) = w;
	last = w;
	(void)sd_event_source_set_enabled(source, SD_EVENT_ON);
}

/* One round: those that stand in line now. What they queue comes after a look at the descriptors. */
static int on_work(sd_event_source *s, void *userdata)
{
	(void)userdata;
	end = last;
	while (end) {
		struct work *w = first;

		work_cancel(w);
		w->turn(w);
	}
	if (!first)
		(void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
	return 0;
}

int work_start(sd_event *event)
{
	int r = sd_event_add_defer(event, &source, on_work, NULL);

	return r < 0 ? r : sd_event_source_set_enabled(source, first ? SD_EVENT_ON : SD_EVENT_OFF);
}

void work_stop(void)
{
	source = sd_event_source_disable_unref(source);
}
