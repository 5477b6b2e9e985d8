/* SPDX-License-Identifier: GPL-2.0-only */
/* Called as xl or xm: zendo's commands with the options and exit codes of xl(1). */
#ifndef ZENDO_XL_H
#define ZENDO_XL_H

#include <stdbool.h>

/* Is @argv0 a path to a program of such a name? */
bool xl_is_called(const char *argv0);

int xl_main(int argc, char **argv);

/* "xl list -l": libxl's JSON of the named domains, or of all. */
int xl_list_long(char **names);

/* "xl vm-list". */
int xl_vm_list(void);

#endif
