/* SPDX-License-Identifier: GPL-2.0-only */
/* Who in dom0 uses a target: file systems, swap, LVM, MD and other layers, loop devices. */
#ifndef HOTPLUG_GUARD_H
#define HOTPLUG_GUARD_H

#include <stdbool.h>

#include "claim.h"
#include "error.h"

/* Where the kernel tells it; another place in tests. */
struct guard_paths {
	const char *sys;	/* "/sys" */
	const char *proc;	/* "/proc" */
};
extern const struct guard_paths guard_system;

/*
 * -EBUSY with who uses the target in @e, or what reading /sys and /proc says. A file system that is mounted read-only does not mind a
 * domain that only reads.
 */
int guard_check(const struct guard_paths *paths, const struct claim_key *k, bool readonly, struct zendo_error *e);

/* The whole disk that the block device @dev is a part of; itself if it is one. */
int guard_disk_of(const struct guard_paths *paths, dev_t dev, dev_t *ret);

#endif
