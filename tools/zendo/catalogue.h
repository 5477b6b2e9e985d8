/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be done about messages. A message that has a remedy ends with its code, "[Z0101]", where it is written: it then comes
 * through answers, the status of units and the journal as it is. tests/unit/test_catalogue.c holds both sides together.
 */
#ifndef ZENDO_CATALOGUE_H
#define ZENDO_CATALOGUE_H

struct catalogue_entry {
	const char *code;
	const char *what;	/* a line */
	const char *cause;	/* sentences, in lines of at most 78 characters */
	const char *remedy;	/* likewise */
};

extern const struct catalogue_entry catalogue[];	/* in order; ends with a NULL code */

/* With or without brackets, in any case. NULL: there is none. */
const struct catalogue_entry *catalogue_find(const char *code);

#endif
