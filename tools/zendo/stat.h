/* SPDX-License-Identifier: GPL-2.0-only */
/* What top has in common with stat on the command line and on paper. */
#ifndef ZENDO_STAT_H
#define ZENDO_STAT_H

#include "sample_table.h"

#define STAT_LEAST_SECONDS	0.1
#define STAT_MOST_SECONDS	86400
#define STAT_SECONDS_TEXT	"0.1 to 86400"

bool stat_parse_seconds(const char *s, uint64_t *ret_ns);
bool stat_parse_count(const char *s, unsigned long *ret);	/* 1 and more */

/* Names of what are names or ids, with a NULL behind them. 0, or an exit status with everything said. */
int stat_find_names(int device, int argc, char **argv, char ***ret);
void stat_free_names(char **names);

void stat_print_table(const struct sample_rates *r, const struct sample_wanted *w, int width);

/* 0: it is no terminal. */
int stat_terminal_width(void);

#endif
