/* SPDX-License-Identifier: GPL-2.0-only */
/* What 'zendo image create' is to make, as far as it can be said without looking at the machine. */
#ifndef ZENDO_IMAGE_PLAN_H
#define ZENDO_IMAGE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

#define IMAGE_DIR	"/var/lib/zendo"
#define IMAGE_NAME_MAX	48

struct image_plan {
	char name[IMAGE_NAME_MAX];
	const char *suite;		/* of Debian; NULL = not said, or busybox */
	const char *mirror, *include;	/* NULL = not said */
	bool busybox, qcow2;
	bool grub;			/* kernel and ramdisk are on the disk, and GRUB finds them */
	uint64_t size;			/* of the disk, bytes */
};

/* Where a part ends up, and what it is called while it is made. */
enum image_part { IMAGE_DISK, IMAGE_KERNEL, IMAGE_RAMDISK, IMAGE_PARTS };
/* How many of them the plan has, from the first. */
unsigned image_plan_parts(const struct image_plan *p);
extern const char *const image_part_names[IMAGE_PARTS];
#define IMAGE_PATH_MAX	128
void image_path(const struct image_plan *p, enum image_part part, char ret[static IMAGE_PATH_MAX]);

#define IMAGE_GRUB	"/usr/lib/grub-xen/grub-i386-xen_pvh.bin"

/* A program, or a file with its path, that has to be here, and the package that has it. */
struct image_need {
	const char *program, *package;
};

/* Fill in what was not said and check it all. -EINVAL and a sentence in @e. @name and @size (may be NULL) are as typed. */
int image_plan_make(struct image_plan *p, const char *name, const char *size, struct zendo_error *e);

/* "512M", "2G": bytes, in multiples of a MiB. -EINVAL. */
int image_parse_size(const char *text, uint64_t *ret);

/* The @i'th that the plan needs; NULL: no more. */
const struct image_need *image_plan_need(const struct image_plan *p, unsigned i);

/* The helper's arguments from the first on, with a NULL behind the last: each to be freed. -ENOMEM with none. */
#define IMAGE_WORDS	11
int image_plan_words(const struct image_plan *p, const char *dir, const char *release, char *ret[static IMAGE_WORDS]);

/* Bytes that making it takes at most in IMAGE_DIR, with what is deleted afterwards. */
uint64_t image_plan_room(const struct image_plan *p);

/* The definition for 'zendo create'. */
void image_plan_write_definition(FILE *f, const struct image_plan *p);

/* A line of the helper is "PERCENT TEXT": the percent, and the text in *ret. -EINVAL: it is another one. */
int image_parse_progress(const char *line, const char **ret);

#endif
