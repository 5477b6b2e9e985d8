/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit that has run a device's script, as systemd knows it. It stays up as long as the device has what the script made, with whatever
 * processes the script left; who stops it has that undone. In a job's thread: each call waits for systemd.
 */
#ifndef HOTPLUG_SCRIPT_UNIT_H
#define HOTPLUG_SCRIPT_UNIT_H

#include <linux/hvback.h>

#include "error.h"

#define SCRIPT_UNIT_ARGS	4
#define SCRIPT_UNIT_ENV		8

struct script_unit {
	const struct hvback_id *id;
	const char *domain;			/* its name, may be NULL */
	const char *make[SCRIPT_UNIT_ARGS], *undo[SCRIPT_UNIT_ARGS];	/* the script and its arguments; end with NULL */
	const char *env[SCRIPT_UNIT_ENV];	/* "NAME=value"; ends with NULL */
	unsigned seconds;			/* it may take, each time */
};

/*
 * Until the script has ended. On failure it was run once more to undo what it did, and there is no unit: -ETIMEDOUT, or -EIO with how it ended
 * in @e; others: systemd.
 */
int script_unit_start(const struct script_unit *u, struct zendo_error *e);

/* Until all is undone. No such unit: 0. -EIO: the script failed, and is done with all the same. */
int script_unit_stop(const struct hvback_id *id, struct zendo_error *e);

int script_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e);

#endif
