/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to be run: configuration, kernel, ramdisk and the plan of the guest's memory. Made once, with
 * the rights to read the files; a restarted guest is built from it again after these rights are gone.
 */
#ifndef RUN_DEFINITION_H
#define RUN_DEFINITION_H

#include "build.h"
#include "cleanup.h"
#include "config.h"
#include "image.h"

struct definition {
	struct zendo_config *config;
	int kernel_fd, ramdisk_fd;
	struct zendo_image *image;	/* NULL between two guests if it is not the cache's */
	void *packed;			/* what ->image was made of, when it was read by ->kernel_fd */
	struct zendo_build_plan plan;
	bool store;			/* a store daemon was there: guests are told of their store ring */
	struct zendo_cpus *cpus;	/* where each vCPU runs, empty = anywhere; changed while it runs */
};

/*
 * Read @path; the name in it must be @name. @progress as in image.h. 0, or -errno with @e filled.
 */
int definition_load(const char *path, const char *name, zendo_image_progress_t progress,
		    struct definition **ret, struct zendo_error *e);
void definition_free(struct definition *d);
DEFINE_CLEANUP(struct definition, definition_free);

/* -ENOMEM with @e when dom0 has less free than it needs. */
int definition_check_memory(const struct definition *d, struct zendo_error *e);

/* The kernel has been copied into a guest: give back the memory it stands in. */
void definition_settle(struct definition *d);

/* Before another guest is built: kernel and plan are there again. */
int definition_renew(struct definition *d, struct zendo_error *e);

#endif
