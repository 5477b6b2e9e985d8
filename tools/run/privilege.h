/* SPDX-License-Identifier: GPL-2.0-only */
/* Set up as root, run as nobody special. */
#ifndef RUN_PRIVILEGE_H
#define RUN_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#define PRIVILEGE_USER	"zendo"	/* user and group, made by sysusers.d/zendo.conf */

struct privilege {
	bool has_user, has_group;
	uid_t uid;
	gid_t gid;		/* of the group of this name; (gid_t)-1 without it */
};

void privilege_look_up(struct privilege *p);

/*
 * Become that user with no other group, no capability and no way to get one back. Before there
 * are threads. -ENOENT: there is no such user or we are not root; nothing but the last is done then.
 */
int privilege_drop(const struct privilege *p);

#endif
