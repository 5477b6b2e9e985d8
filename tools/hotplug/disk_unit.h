/* SPDX-License-Identifier: GPL-2.0-only */
/* The unit that serves an image as /dev/nbdN, as systemd knows it. In a job's thread: each call waits for systemd. */
#ifndef HOTPLUG_DISK_UNIT_H
#define HOTPLUG_DISK_UNIT_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/hvback.h>

#include "chain.h"
#include "error.h"

#define DISK_UNIT_NAME_MAX	80

struct disk_unit {
	const struct hvback_id *id;
	const char *domain;		/* its name */
	const struct zendo_disk *disk;
	const struct chain *chain;
	bool direct;			/* past dom0's cache: all files can */
	bool block;			/* the image lies on a block device */
	unsigned nbd;			/* /dev/nbdN is to be its */
};

#define DISK_COMMAND_ARGS	16

/* What the unit runs. */
struct disk_command {
	const char *args[DISK_COMMAND_ARGS];	/* ends with NULL; they point into this and into the unit */
	char connect[32], socket[160], format[32];
};
void disk_command(const struct disk_unit *u, const char *socket, struct disk_command *ret);

/* "zendo-disk-vbd-1-51712.service" */
char *disk_unit_name(const struct hvback_id *id, char ret[static DISK_UNIT_NAME_MAX]);

/* Until qemu-nbd says that it serves; *ret is its process. */
int disk_unit_start(const struct disk_unit *u, pid_t *ret, struct zendo_error *e);

/* Until its process has ended, with all that was written on its files. No such unit: 0. */
int disk_unit_stop(const struct hvback_id *id, struct zendo_error *e);

/* Those that are loaded, also when their process has ended. */
int disk_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e);

/* modprobe nbd, which the agent itself may not. */
int disk_unit_load_nbd(struct zendo_error *e);

#endif
