/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What went wrong, for the level that knows what the user asked for. Functions of libzendo return
 * -errno and, where a sentence says more, fill one of these; they never print.
 */
#ifndef ZENDO_ERROR_H
#define ZENDO_ERROR_H

struct zendo_error {
	char source[256];	/* file, "command line", or empty */
	unsigned line, column;	/* from 1; 0 = the source has no lines */
	char text[512];		/* a sentence without capital, full stop and newline */
};

/* Fill @e (may be NULL) without a position and return @r, so that "return zendo_error(e, -EINVAL, ...)" reads. */
__attribute__((format(printf, 3, 4)))
int zendo_error(struct zendo_error *e, int r, const char *format, ...);

/* Likewise with a position; @source may be NULL. */
__attribute__((format(printf, 6, 7)))
int zendo_error_at(struct zendo_error *e, int r, const char *source, unsigned line, unsigned column,
		   const char *format, ...);

/* "source:line:column: text", leaving out what is not known. Returns @buf. */
const char *zendo_error_format(const struct zendo_error *e, char *buf, unsigned long size);

/*
 * The code at the end of a message, "Z0101" of "... [Z0101]", which 'zendo explain' knows. NULL, and @ret untouched: it has none, as there
 * is nothing to be done about it.
 */
const char *zendo_error_code(const char *text, char ret[static 6]);

#endif
