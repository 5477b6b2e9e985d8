/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpacked kernels, kept by the SHA-256 of the packed file: <directory>/<digest>.elf is the ELF file
 * followed by a footer (struct zendo_cache_footer) with its length and CRC-32. The digest names the
 * content; the checksum finds files that were cut or rotted since. Against someone who may write the
 * directory there is no protection: it belongs to root.
 *
 * Entries appear by rename() after fsync() and are never changed, so a reader's mapping is stable
 * and no lock is needed. Anyone may delete any of them at any time.
 */
#ifndef ZENDO_CACHE_H
#define ZENDO_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define ZENDO_CACHE_DIR		"/var/cache/zendo/kernels"	/* what the tools use */
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

/* Store an entry; the directory is made if its parent exists. -errno, nothing is left behind then. */
int zendo_cache_put(const char *dir, const char *key, const void *elf, size_t size);

#endif
