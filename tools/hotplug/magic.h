/* SPDX-License-Identifier: GPL-2.0-only */
/* What the first and the last bytes of a disk say that it is. */
#ifndef HOTPLUG_MAGIC_H
#define HOTPLUG_MAGIC_H

#include <stdbool.h>
#include <stddef.h>

#include "config-disk.h"

#define MAGIC_BYTES	512	/* of each end; no format needs more */

/*
 * The format's name as format= has it, or that of one which nobody here can open ("vdi"); NULL: it looks like none, which is what a raw
 * disk does. @last are the last MAGIC_BYTES, only where the size is known.
 */
const char *magic_name(const unsigned char *first, size_t nr_first, const unsigned char *last, size_t nr_last);

/* Is @name what @f says? With NULL: for raw. */
bool magic_fits(const char *name, enum zendo_disk_format f);

/* Is there a format= for it? */
bool magic_has_format(const char *name);

#endif
