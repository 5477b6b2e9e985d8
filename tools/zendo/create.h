/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain is made of a checked configuration; both say what went wrong and return an exit status. */
#ifndef ZENDO_CREATE_H
#define ZENDO_CREATE_H

#include <stdbool.h>

#include "config.h"

/* Look whether it can be, write its definition, start its unit; it does not run if @paused. */
int create_domain(const struct zendo_config *c, bool paused);

/* Take the console of one that was created paused, from its first byte, and let it run unless @paused. */
int create_console(const struct zendo_config *c, bool paused, int *ret_fd);

#endif
