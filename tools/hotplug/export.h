/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images that qemu-nbd serves as block devices, each by a unit of its own. The unit is what is true; what is kept here serves to wait for
 * units that are ending: an image that the last domain has just left is not free before its qemu-nbd has written what it had.
 */
#ifndef HOTPLUG_EXPORT_H
#define HOTPLUG_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/hvback.h>

#include "chain.h"
#include "claim.h"
#include "error.h"

struct export_wish {
	const struct hvback_id *id;
	const char *domain;
	const struct zendo_disk *disk;
	const struct chain *chain;
	const struct claim_set *set;
	size_t nr_files;	/* the first of @set are the image's own files, in this order; number 0:0: of another machine */
	bool direct, block;	/* as in disk_unit.h */
};

/* In a job's thread. Until those that use the same files for domains that are gone have let go of them. */
void export_wait_for(const struct claim_set *set);

/* In a job's thread: *ret_fd is the device, open for its use. On failure nothing is left. */
int export_start(const struct export_wish *w, int *ret_fd, struct zendo_error *e);

/* Its device was made, and the export is to be stopped when that is gone. */
void export_settle(const struct hvback_id *id);

/* In a job's thread: until its process is gone. Nothing is done for disks that are no exports. */
void export_stop(const struct hvback_id *id);
/* From the event loop, which does not wait: in a job. */
void export_stop_later(const struct hvback_id *id);

bool export_has(const struct hvback_id *id);

/* After a restart, when the devices' claims are taken: those of devices that are there are remembered, all others stopped. */
int export_rebuild(struct zendo_error *e);

#endif
