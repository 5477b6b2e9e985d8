/* SPDX-License-Identifier: GPL-2.0-only */
/* What the machine has of Zendo before something is tried, so that it can be made so again. */
#ifndef ZENDO_TRACES_H
#define ZENDO_TRACES_H

#include <stdbool.h>
#include <stddef.h>

struct traces {
	bool running;			/* the hypervisor */
	bool slice;			/* zendo.slice is up */
	char **files;			/* paths that are there, sorted */
	size_t nr;
};

/* 0 or -ENOMEM. */
int traces_look(struct traces *ret);

/*
 * Stop what was not up, remove what was not there: files in /run/zendo and unpacked kernels, and the console's log of @domain.
 * The journal keeps what happened. What does not work is said; an exit status.
 */
int traces_restore(const struct traces *before, const char *domain);

void traces_clear(struct traces *t);

#endif
