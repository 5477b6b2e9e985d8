/* SPDX-License-Identifier: GPL-2.0-only */
/* A definition for another domain, and its disks. */
#ifndef ZENDO_CLONE_CONFIG_H
#define ZENDO_CLONE_CONFIG_H

#include <stddef.h>

#include "clone_disk.h"
#include "config.h"

struct clone {
	struct clone_wish wish;
	struct zendo_config *config;	/* the clone's, from clone_plan() on */
	struct clone_disk *disks;	/* as many as the config has */
	char *text;			/* the definition */
	size_t len;
};

/*
 * @c->config is what NAME's definition and the command line say: make it the clone's. A disk or interface of the command line is taken as it
 * is, and so is the uuid with @keep_uuid. Nothing is made. -errno with @e.
 */
int clone_plan(struct clone *c, bool keep_uuid, struct zendo_error *e);

/* Make the disks, then the definition, which must not be there. On failure all is taken away; what stays in spite of that is in @left. */
int clone_make(struct clone *c, const char *path, unsigned mode, struct zendo_error *e, struct zendo_error *left);

/* Take away what clone_make() made. */
int clone_undo(struct clone *c, const char *path, struct zendo_error *left);

void clone_clear(struct clone *c);

#endif
