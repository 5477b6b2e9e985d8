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

struct json_object;

/* What the socket's owner does when asked; -errno becomes an answer with "text". */
struct control_operations {
	int (*pause)(void *userdata);
	int (*unpause)(void *userdata);
	int (*destroy)(void *userdata);
	int (*lend)(void *userdata);
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
void control_free(struct control *c);
DEFINE_CLEANUP(struct control, control_free);

#endif
