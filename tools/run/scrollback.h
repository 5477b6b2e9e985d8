/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last bytes of a console, in memory for readers that come later and in a file for those that
 * come after the domain is gone.
 *
 * A position counts bytes from the first one ever; each reader keeps its own and may lag behind
 * as far as it likes: what has been overwritten meanwhile is skipped and counted. So no reader
 * costs memory and none can stop the guest.
 */
#ifndef RUN_SCROLLBACK_H
#define RUN_SCROLLBACK_H

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define SCROLLBACK_SIZE		(256 * 1024)	/* in memory; pages are used as bytes arrive */
#define SCROLLBACK_FILE_MAX	(1024 * 1024)	/* then the file becomes <path>.1 and a new one begins */

struct scrollback {
	char *buf;
	size_t size;
	uint64_t end;		/* position after the last byte */
	char *path;
	int fd;			/* of the file, negative = none */
	uint64_t file_size;
};

int scrollback_new(size_t size, struct scrollback **ret);
void scrollback_free(struct scrollback *s);
DEFINE_CLEANUP(struct scrollback, scrollback_free);

/*
 * Keep what comes from now on in the file @path too; one that exists becomes <path>.1. When writing fails
 * later the file is given up silently (the memory goes on).
 */
int scrollback_open_file(struct scrollback *s, const char *path);

void scrollback_append(struct scrollback *s, const void *data, size_t len);

/*
 * Copy up to @size bytes from *pos on to @buf and move *pos behind them; 0 = *pos is at the end.
 * *ret_lost: how many bytes before them were no longer there.
 */
size_t scrollback_read(const struct scrollback *s, uint64_t *pos, void *buf, size_t size, uint64_t *ret_lost);

#endif
