/* SPDX-License-Identifier: GPL-2.0-only */
/* A console on this terminal. */
#ifndef ZENDO_ATTACH_H
#define ZENDO_ATTACH_H

#include <stdbool.h>

#define ATTACH_ESCAPE	0x1d	/* ^] */

/* @mode: "write", "force", "read". Send the request on @fd; 0 or an exit status. */
int attach_request(int fd, const char *name, const char *mode);

/*
 * Copy between @fd and this terminal until the escape is typed (if @types) or the other side
 * closes; without a terminal, standard input is copied to its end and output goes on. Exit status.
 */
int attach_run(int fd, const char *name, bool types);

#endif
