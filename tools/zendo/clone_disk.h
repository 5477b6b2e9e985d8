/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk for another domain that shares its blocks with the first one's until either writes. */
#ifndef ZENDO_CLONE_DISK_H
#define ZENDO_CLONE_DISK_H

#include <stdbool.h>

#include "config-disk.h"
#include "error.h"

enum clone_how {
	CLONE_SAME,			/* both read it, or it has no medium, or it was named for the clone */
	CLONE_THIN,			/* a thin snapshot of a thin volume of LVM */
	CLONE_REFLINK,			/* a file whose blocks the file system shares */
	CLONE_OVERLAY,			/* a qcow2 file over it */
};

struct clone_wish {
	const char *name, *new_name;
	const char *overlays;		/* folder for such files; NULL = none are made */
	bool running;			/* the one that is cloned: only what is of one moment will do */
};

struct clone_disk {
	enum clone_how how;
	char *from, *to;		/* targets; NULL with CLONE_SAME */
	char *volume;			/* CLONE_THIN: VG/LV of what is snapshot */
	enum zendo_disk_format format;	/* of from */
	bool made;
};

/* What can be made of @d, and by what name; nothing is changed. -errno with @e: nothing can, or not now. */
int clone_disk_plan(const struct zendo_disk *d, const struct clone_wish *w, struct clone_disk *ret, struct zendo_error *e);

/* Make it. On failure there is nothing of it. */
int clone_disk_make(struct clone_disk *c, struct zendo_error *e);

/* Take it away again, if it was made. -errno with @e: it is still there. */
int clone_disk_undo(struct clone_disk *c, struct zendo_error *e);

void clone_disk_clear(struct clone_disk *c);

/* "reflink" and the like, for programs. */
const char *clone_how_name(enum clone_how how);

#endif
