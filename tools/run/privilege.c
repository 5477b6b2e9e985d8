/* SPDX-License-Identifier: GPL-2.0-only */
#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

void privilege_look_up(struct privilege *p)
{
	const struct passwd *pw = getpwnam(PRIVILEGE_USER);
	const struct group *gr;

	*p = (struct privilege) { .gid = (gid_t)-1 };
	if (pw) {
		p->has_user = true;
		p->uid = pw->pw_uid;
	}
	gr = getgrnam(PRIVILEGE_USER);
	if (gr) {
		p->has_group = true;
		p->gid = gr->gr_gid;
	}
}

int privilege_drop(const struct privilege *p)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (geteuid() != 0 || !p->has_user || !p->has_group)
		return -ENOENT;
	/* with the last uid 0 all capabilities go: no "keep" flag is set */
	if (setgroups(1, &p->gid) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 ||
	    setresuid(p->uid, p->uid, p->uid) < 0)
		return -errno;
	return 0;
}
