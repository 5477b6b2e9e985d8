/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening what a disk stands on, after everything about it was looked at. */
#ifndef HOTPLUG_TARGET_H
#define HOTPLUG_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"
#include "config-disk.h"
#include "error.h"

struct target {
	int fd;
	struct claim_key key;
};

/*
 * In a job's thread: it may wait for long. The claim of @id is taken, and stays with it; on failure there is none. @e has the place of the
 * disk in the definition and names it.
 */
int target_open(const struct zendo_disk *d, const struct hvback_id *id, struct target *ret, struct zendo_error *e);

#endif
