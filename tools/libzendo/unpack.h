/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packed kernel inside of a bzImage (Documentation/arch/x86/boot.rst). Private to libzendo.
 */
#ifndef ZENDO_UNPACK_H
#define ZENDO_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* Whether these bytes are a bzImage at all: everything else about it is still unchecked. */
bool unpack_is_bzimage(const void *data, size_t size);

/*
 * Unpack a bzImage's payload into fresh memory (munmap() it). Errors as zendo_image_open().
 * *ret_compression is a constant string.
 */
int unpack_bzimage(const void *data, size_t size, const struct zendo_image_options *o,
		   void **ret, size_t *ret_size, const char **ret_compression, struct zendo_error *e);

/* The compression of the payload by name, without unpacking; same checks and errors. */
int unpack_compression(const void *data, size_t size, const char **ret_compression, struct zendo_error *e);

/* The same name as a constant string; NULL: no compression is called so. */
const char *unpack_format_name(const char *name);

#endif
