/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacked kernels, kept by the SHA-256 of the packed file: <directory>/<digest>.elf is the ELF file
 * followed by a footer (struct zendo_cache_footer) with its length and CRC-32. The digest names the
 * content; the checksum finds files that were cut or rotted since. Against someone who may write the
 * directory there is no protection: it belongs to root.
 *
 * Entries appear by rename() after fsync() and are never changed, so a reader's mapping is stable
 * and no lock is needed. Anyone may delete any of them at any time.
 *
 * An index beside it, made anew at each boot, saves reading, hashing and checking what was read, hashed and checked
 * already: a symbolic link with the identity of a packed file (device, inode, size, times of change) as its name, and
 * the entry with its identity as its text. So the checksum is looked at once in each boot, and again when the entry has
 * changed.
 */
#ifndef ZENDO_CACHE_H
#define ZENDO_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define ZENDO_CACHE_DIR		"/var/cache/zendo/kernels"	/* what the tools use */
#define ZENDO_CACHE_INDEX_DIR	"/run/zendo/kernels"
#define ZENDO_CACHE_FORMAT_MAX	16				/* name of a compression, with the NUL */
#define ZENDO_CACHE_KEY_LEN	64				/* hexadecimal digits */

struct zendo_cache_footer {	/* little endian, last 32 bytes of an entry */
	char magic[8];		/* "ZENDOKRN" */
	uint32_t version;	/* 1 */
	uint32_t crc32;		/* of the ELF file, as zlib computes it */
	uint64_t size;		/* of the ELF file */
	uint64_t reserved;	/* 0 */
};

/* The key of a packed file: SHA-256 in lower-case hexadecimal. -EIO: libgcrypt does not work. */
int zendo_cache_key(const void *packed, size_t size, char ret_key[static ZENDO_CACHE_KEY_LEN + 1]);

/*
 * Map the entry, read-only. *ret_size is the ELF file's, *ret_map_size is for munmap().
 * -ENOENT not there; a damaged one is removed and counts as not there. Else -errno.
 */
int zendo_cache_get(const char *dir, const char *key, void **ret_map, size_t *ret_map_size, size_t *ret_size);

/*
 * zendo_cache_get() for a packed file with the status @packed, of which @index knows the entry; *ret_format is how it is
 * packed. -ENOENT: it does not, or the entry is another one by now.
 */
int zendo_cache_find(const char *dir, const char *index, const struct stat *packed, void **ret_map, size_t *ret_map_size,
		     size_t *ret_size, char ret_format[static ZENDO_CACHE_FORMAT_MAX]);

/* The identities of two files are the same. */
bool zendo_cache_same_file(const struct stat *a, const struct stat *b);

/*
 * Note in @index that the file with the status @packed has the entry @key, which is sound. Its status is from before
 * it was read, at @when (CLOCK_REALTIME), and the same afterwards. -EAGAIN: it was changed so shortly before that its times
 * would not tell another change.
 */
int zendo_cache_note(const char *dir, const char *index, const struct stat *packed, const struct timespec *when,
		     const char *key, const char *format);

/* Store an entry; the directory is made if its parent exists. -errno, nothing is left behind then. */
int zendo_cache_put(const char *dir, const char *key, const void *elf, size_t size);

#endif
