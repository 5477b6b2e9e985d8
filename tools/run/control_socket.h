/* SPDX-License-Identifier: GPL-2.0-only */
/* The runner's control socket; the protocol is in libzendo's control.h. */
#ifndef RUN_CONTROL_SOCKET_H
#define RUN_CONTROL_SOCKET_H

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "cleanup.h"
#include "console.h"
#include "error.h"

#define CONTROL_MAX_CLIENTS	32
#define CONTROL_ALL_VCPUS	(~0U)
#define CONTROL_OUR_DOMAIN	(~0U)	/* instead of an id: none was named */

struct json_object;

/* What the socket's owner does when asked; -errno becomes an answer with "text". */
struct control_operations {
	int (*pause)(void *userdata);
	int (*unpause)(void *userdata);
	/* The domain, or @domid, one that is kept besides. -ENOENT. */
	int (*destroy)(void *userdata, uint32_t domid);
	int (*lend)(void *userdata);
	/* Ask the guest: "poweroff", "reboot", "halt"; a key of Linux's sysrq. With @e filled. */
	int (*shutdown)(void *userdata, const char *how, struct zendo_error *e);
	int (*sysrq)(void *userdata, const char *key, struct zendo_error *e);
	/* The same: have so many vCPUs online. */
	int (*set_vcpus)(void *userdata, unsigned nr, struct zendo_error *e);
	/*
	 * Write the core of either to @fd, which is taken over on success: control_dump_done() tells the end of it, unless dump_cancel()
	 * was called before, since nobody waits any more. With @e filled.
	 */
	int (*dump)(void *userdata, uint32_t domid, int fd, struct zendo_error *e);
	void (*dump_cancel)(void *userdata);
	/* Add what is asked for to @answer. */
	void (*query)(void *userdata, struct json_object *answer);
	/* The same of one vCPU. -ENOENT. */
	int (*vcpu)(void *userdata, unsigned id, struct json_object *answer);
	/* vCPU @id or, CONTROL_ALL_VCPUS, all of them; with @e filled. */
	int (*pin)(void *userdata, unsigned id, const char *cpus, struct zendo_error *e);
	int (*nmi)(void *userdata, unsigned id, struct zendo_error *e);
};

struct control;

/*
 * Make the socket and listen; nobody is answered before control_start(). It is mode 0660 with group
 * @gid, 0600 without one ((gid_t)-1).
 */
int control_new(const char *name, gid_t gid, struct control **ret);
int control_start(struct control *c, sd_event *event, struct console *console,
		  const struct control_operations *ops, void *userdata);

/* What was begun with dump() has ended, with @r and, if that is no error, a file of these bytes. */
void control_dump_done(struct control *c, int r, uint64_t size, uint64_t stored);
void control_free(struct control *c);
DEFINE_CLEANUP(struct control, control_free);

#endif
