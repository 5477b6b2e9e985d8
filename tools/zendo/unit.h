/* SPDX-License-Identifier: GPL-2.0-only */
/* systemd's manager: a domain's unit is started and stopped, and the end of that waited for. */
#ifndef ZENDO_UNIT_H
#define ZENDO_UNIT_H

#include <stddef.h>

/* Called with the unit's status text whenever it changes. */
typedef void (*unit_status_t)(const char *text, void *userdata);

/*
 * Start @unit and wait until it is up. 0, or -EIO: it failed, @why then has what it said itself or, if it said
 * nothing, systemd's result. Other -errno: the bus, with @why filled too.
 */
int unit_start(const char *unit, unit_status_t status, void *userdata, char *why, size_t size);

/* Stop it and wait until nothing of it is left; also fine when it is not there. */
int unit_stop(const char *unit, char *why, size_t size);

/* Forget that it failed. */
void unit_reset_failed(const char *unit);

#endif
