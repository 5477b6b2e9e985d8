/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's number that is taken again: a guest that has not run in between would find the new folder where the old one was, and see no
 * difference. So behind a device's nodes that go the store is asked to tell when the guest has seen that (stored/look.c), and who attaches
 * the number again waits for it.
 */
#ifndef HOTPLUG_LOOK_H
#define HOTPLUG_LOOK_H

#include "agent.h"

/* In the event loop: its nodes have just been removed. */
void look_begin(struct agent *a, const struct hvback_id *id);

/* In a job's thread: until the guest has seen it, or has had its time. */
void look_wait(const struct hvback_id *id);

#endif
