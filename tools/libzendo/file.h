/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading files whole and with a limit. Private to libzendo. */
#ifndef ZENDO_FILE_H
#define ZENDO_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Open a regular file for reading. -EISDIR, -EINVAL (other kinds: a FIFO would block, a device never
 * end), -EFBIG (larger than @max), or -errno. *ret_size is what it was then.
 */
int file_open_regular(const char *path, uint64_t max, int *ret_fd, uint64_t *ret_size);

/* Read exactly @size bytes at @offset. -EIO: the file became shorter meanwhile. */
int file_read_at(int fd, void *buf, size_t size, uint64_t offset);

/* Write all of it. */
int file_write_all(int fd, const void *buf, size_t size);

/*
 * A file in folder @path (below @dir, as openat(2) has it) that nobody sees until it is given a name, and that goes without a
 * trace if it never gets one. -EOPNOTSUPP: the file system has no such files.
 */
int file_create_unnamed(int dir, const char *path, mode_t mode, int *ret_fd);

/* -EEXIST: there is one of this name. */
int file_give_name(int fd, int dir, const char *path);

#endif
