/* SPDX-License-Identifier: GPL-2.0-only */
/* A checked configuration on its way to the runner: a file of its own with everything decided. */
#ifndef ZENDO_DEFINITION_FILE_H
#define ZENDO_DEFINITION_FILE_H

#include <stdbool.h>

#include "config.h"

/* Paths in it are meant from where the user stands; the runner stands elsewhere. -ENOMEM. */
int definition_file_resolve(struct zendo_config *c);

/* Make the domain's runtime folder (runtime.h) with the definition and, or without, the mark "paused". */
int definition_file_write(const struct zendo_config *c, bool paused);

/* Is there such a folder? A unit has it from its start to its end. */
bool definition_file_is_there(const char *name);

/* Take the folder away again, as far as it holds nothing else. */
void definition_file_remove(const char *name);

#endif
