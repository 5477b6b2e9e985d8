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
	struct claim_set set;
};

/*
 * In a job's thread: it may wait for long. The claim of @id is taken, and stays with it; on failure there is none. @e has the place of the
 * disk in the definition and names it.
 */
int target_open(const struct zendo_disk *d, const struct hvback_id *id, const char *domain, struct target *ret, struct zendo_error *e);

/* ---- for target*.c alone ---- */

/* "web.cfg:3:9: 'disk': xvda: ..." */
__attribute__((format(printf, 4, 5)))
int target_fail(const struct zendo_disk *d, struct zendo_error *e, int r, const char *format, ...);

/* @path is @d's, or one of an image's other files. Without opening it for use: a device may do something then, and a pipe waits. */
int target_look(const struct zendo_disk *d, const char *path, int *ret_fd, struct claim_key *ret, struct zendo_error *e);
/* Who in dom0 uses it. */
int target_check_users(const struct zendo_disk *d, const char *path, const struct claim_key *k, bool readonly, struct zendo_error *e);
/* What it looks like must be what the definition says. */
int target_check_magic(const struct zendo_disk *d, int fd, struct zendo_error *e);
int target_check_size(const struct zendo_disk *d, uint64_t size, struct zendo_error *e);
/* For use; @flags besides those of reading and writing. */
int target_open_again(const struct zendo_disk *d, int path_fd, bool exclusive, int flags, int *ret, struct zendo_error *e);
/* Adds @k, and the file below a loop device: the same bytes by another name. */
int target_add_keys(struct claim_set *s, int path_fd, const struct claim_key *k, bool readonly);

/* Through qemu-nbd. */
int target_open_image(const struct zendo_disk *d, const struct hvback_id *id, const char *domain, struct target *ret, struct zendo_error *e);

#endif
