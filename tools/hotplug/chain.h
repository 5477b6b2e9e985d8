/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that an image consists of: itself, those that keep its data, and those that it is laid over. qemu-img tells; it is run with the
 * format that the definition says and never guesses that of the image itself.
 */
#ifndef HOTPLUG_CHAIN_H
#define HOTPLUG_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config-disk.h"
#include "error.h"

#define CHAIN_MAX	32	/* files of one disk; more are refused */

struct chain {
	struct chain_file {
		char *path;		/* absolute, or remote */
		bool backing;		/* only read, whatever the disk is */
	} files[CHAIN_MAX];
	size_t nr;
	uint64_t size;			/* of the disk, bytes */
};

/* qemu's name of a format. */
const char *chain_format(enum zendo_disk_format f);

/* In a job's thread: it runs qemu-img, for at most a minute. -ENOENT with the package's name in @e when there is none. */
int chain_read(const struct zendo_disk *d, struct chain *ret, struct zendo_error *e);

/* When it cannot be served: what qemu-img finds wrong with it, or 0 and @e as it was. */
int chain_explain(const struct zendo_disk *d, struct zendo_error *e);

/* What qemu-img said, for the disk with the target @target. */
int chain_parse(const char *json, const char *target, struct chain *ret, struct zendo_error *e);

void chain_clear(struct chain *c);

#endif
