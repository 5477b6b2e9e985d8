/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an ELF file says about how it is started as a PVH guest. Private to libzendo. */
#ifndef ZENDO_ELF_KERNEL_H
#define ZENDO_ELF_KERNEL_H

#include "image.h"

/* From image->elf and elf_size fill in entry, segments, class and relocation. Errors as zendo_image_open(). */
int elf_kernel_parse(struct zendo_image *image, struct zendo_error *e);

/*
 * Read what elf_kernel_parse() looks at, headers and notes, from @fd to their places in image->elf, which is @map:
 * elf_size bytes of zeros. Wrong values are its affair; only what cannot be read is an error here.
 */
int elf_kernel_read(struct zendo_image *image, int fd, void *map, struct zendo_error *e);

#endif
