/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where things of a running domain are, and how its name is written in paths and unit names.
 *
 *	/run/zendo/domains/<instance>/		made by whoever starts it, removed by systemd with the unit
 *		config				its definition, complete
 *		devices				the same with the devices as they are, after the first attach or detach: for a guest that reboots
 *		paused				present: it starts paused
 *		control				socket, see control.h
 *		console				link to its terminal
 *	/var/lib/zendo/console/<instance>.log	what its console printed; .log.1 is older
 *	/var/lib/zendo/dump/<instance>-DATE-TIME.core	what was left of its memory when it crashed
 *
 *	/run/zendo/store.sock			socket of the store daemon; while it is there, guests have a store
 *
 * <instance> is the name itself, with each byte that a unit name cannot have written as \xNN. Unlike
 * systemd-escape(1) a '-' stays one: names have no '/', so nothing else could become '-', and
 * "journalctl -u zendo-domain@my-guest" is what people type.
 */
#ifndef ZENDO_RUNTIME_H
#define ZENDO_RUNTIME_H

#include <stddef.h>

struct zendo_config;
struct zendo_error;

#define ZENDO_RUNTIME_DIR	"/run/zendo/domains"
#define ZENDO_RUNTIME_DEVICES	"devices"
#define ZENDO_STORE_SOCKET	"/run/zendo/store.sock"
#define ZENDO_CONSOLE_LOG_DIR	"/var/lib/zendo/console"
#define ZENDO_DUMP_DIR		"/var/lib/zendo/dump"
#define ZENDO_ETC_DIR		"/etc/zendo"
#define ZENDO_INSTANCE_MAX	256	/* with the NUL: every byte of a name escaped */
#define ZENDO_RUNTIME_PATH_MAX	(sizeof(ZENDO_CONSOLE_LOG_DIR) + ZENDO_INSTANCE_MAX + 16)

/* -EINVAL: not a valid name (config.h). */
int zendo_instance_from_name(const char *name, char ret[static ZENDO_INSTANCE_MAX]);

/* The way back. -EINVAL: not what the above makes. @size >= HVPRIV_NAME_LEN is enough. */
int zendo_instance_to_name(const char *instance, char *ret, size_t size);

/* ZENDO_RUNTIME_DIR/<instance>/<file>; file "" is the directory. */
int zendo_runtime_path(const char *name, const char *file, char ret[static ZENDO_RUNTIME_PATH_MAX]);

/* ZENDO_CONSOLE_LOG_DIR/<instance>.log */
int zendo_console_log_path(const char *name, char ret[static ZENDO_RUNTIME_PATH_MAX]);

/* "zendo-domain@<instance>.service" */
int zendo_unit_name(const char *name, char ret[static ZENDO_RUNTIME_PATH_MAX]);

/* -EOPNOTSUPP: on_...= asks for something that zendo-run(8) does not do. */
int zendo_runtime_check_actions(const struct zendo_config *c, struct zendo_error *e);

#endif
