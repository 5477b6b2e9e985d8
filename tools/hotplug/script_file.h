/* SPDX-License-Identifier: GPL-2.0-only */
/* Where scripts are, and whose they must be: they are run as root. */
#ifndef HOTPLUG_SCRIPT_FILE_H
#define HOTPLUG_SCRIPT_FILE_H

#include "error.h"

#define SCRIPT_PATH_MAX	256	/* with the NUL */

/*
 * @name as a definition has it: an absolute path, or a name of the first of /etc/zendo/scripts and /etc/xen/scripts that has it. It must be a
 * regular file that can be run, and root alone may write it and each folder above. Else @e says why, a missing one with those that begin
 * with @prefix.
 */
int script_find(const char *name, const char *prefix, char ret[static SCRIPT_PATH_MAX], struct zendo_error *e);

#endif
