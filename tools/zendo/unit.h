/* SPDX-License-Identifier: GPL-2.0-only */
/* systemd's manager: a domain's unit is started and stopped, and the end of that waited for. */
#ifndef ZENDO_UNIT_H
#define ZENDO_UNIT_H

#include <stdbool.h>
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

/*
 * Started at boot, or not; also fine when it is so already. What runs now knows it after unit_reload(), which takes its time: once
 * for all changes. 0, or -errno with @why.
 */
int unit_set_enabled(const char *unit, bool enabled, char *why, size_t size);
int unit_reload(char *why, size_t size);

/* By unit_set_enabled() or systemctl; or @generated: in whatever way, a generator's included. False also when systemd cannot be asked. */
bool unit_is_enabled(const char *unit, bool generated);

/* It is up. False also when systemd cannot be asked. */
bool unit_is_active(const char *unit);

/* Tell what it says of itself, whenever that changes; returns when systemd cannot be heard any more. For a process of its own, which is killed. */
void unit_follow_status(const char *unit, unit_status_t status, void *userdata);

/* Forget that it failed. */
void unit_reset_failed(const char *unit);

#endif
