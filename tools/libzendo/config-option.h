/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the strings of disk = [...] and vif = [...] have in common. Private to libzendo. */
#ifndef ZENDO_CONFIG_OPTION_H
#define ZENDO_CONFIG_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* An error at @at (may be NULL: it then has no place). */
#define option_fail(e, r, at, ...) \
	zendo_error_at((e), (r), (at) ? (at)->source : NULL, (at) ? (at)->line : 0, (at) ? (at)->column : 0, __VA_ARGS__)

/* Decimal digits only, at most @max. */
bool option_number(const char *s, uint64_t max, uint64_t *ret);

/* The end of white space at the start of @s; white space at its end becomes its end. */
char *option_trim(char *s);

/* Put @s into *to, which it replaces. -ENOMEM. */
int option_string(char **to, const char *s);

/* What script= may name: an absolute path, or a name without a slash. */
bool option_is_script(const char *s);

/* "FILE:LINE:COLUMN", written by tools into definitions they copy. -EINVAL. */
int option_place(const char *s, struct zendo_error *ret);

#endif
