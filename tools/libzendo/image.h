/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel images: a bzImage (xz, zstd, gzip, lz4, lzma payload) or a plain ELF, 32 or 64 bits, that
 * carries the Xen ELF note PHYS32_ENTRY, i.e. can be started as a PVH guest.
 *
 * Files are foreign input: every offset, length and count is checked, output is bounded.
 */
#ifndef ZENDO_IMAGE_H
#define ZENDO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"
#include "guest-mem.h"

#define ZENDO_IMAGE_MAX_BYTES		(512ULL * 1024 * 1024)	/* of the file, and of what it unpacks to */
#define ZENDO_IMAGE_MAX_SEGMENTS	64

/* How far unpacking is, in bytes of output; @total is what the file claims. Non-zero stops with -ECANCELED. */
typedef int (*zendo_image_progress_t)(void *userdata, uint64_t done, uint64_t total);

struct zendo_image_options {		/* zeroed = plain */
	const char *cache_dir;		/* unpacked kernels are kept here (cache.h); NULL = nowhere */
	const char *index_dir;		/* with its index here; NULL = without */
	zendo_image_progress_t progress;
	void *progress_userdata;
};

struct zendo_image_segment {
	uint64_t paddr;			/* where it is loaded */
	uint64_t memsz, filesz;		/* memsz >= filesz; the rest is zero */
	const void *data;		/* filesz bytes inside zendo_image.elf: see there */
};

struct zendo_image {
	uint64_t entry;			/* PHYS32_ENTRY; inside a segment */
	uint64_t lowest, highest;	/* all segments lie in [lowest, highest), below 4 GiB */
	struct zendo_image_segment segments[ZENDO_IMAGE_MAX_SEGMENTS];	/* by paddr, not overlapping */
	unsigned nr_segments;
	unsigned elf_class;		/* 32 or 64 */

	bool relocatable;		/* has PHYS32_RELOC; informative: it is loaded where it is linked */
	uint64_t reloc_align, reloc_min, reloc_max;

	bool from_cache;		/* nothing had to be unpacked */
	const char *compression;	/* "none", "xz", ...: constant string */
	const void *elf;		/* the whole ELF file; of one that is read from @fd only headers and notes */
	size_t elf_size;

	void *map;			/* private: memory to be unmapped */
	size_t map_size;
	int fd;				/* private: of a plain ELF file, whose segments are read when they are loaded */
};

/*
 * Read @path, unpack it (or take it from the cache) and check it. 0, or with *ret untouched and @e
 * filled:
 * -ENOEXEC	not a kernel image, or not one that can start here (the text says what is missing)
 * -EBADMSG	damaged: truncated, offsets outside of the file, packed data that does not unpack
 * -EOPNOTSUPP	a compression that this version does not unpack (bzip2, lzo)
 * -EFBIG	larger than ZENDO_IMAGE_MAX_BYTES
 * -ECANCELED	the progress callback said so
 * -ENOMEM, and what opening and reading @path gives.
 * A cache that cannot be used is no error: the kernel is then unpacked into memory.
 */
int zendo_image_open(const char *path, const struct zendo_image_options *o,
		     struct zendo_image **ret, struct zendo_error *e);

/* The same for a file's content in memory, without cache. @data is copied from or referred to: keep it. */
int zendo_image_parse(const void *data, size_t size, const struct zendo_image_options *o,
		      struct zendo_image **ret, struct zendo_error *e);

void zendo_image_free(struct zendo_image *image);
DEFINE_CLEANUP(struct zendo_image, zendo_image_free);

/*
 * Copy the segments to where they belong. Guest memory is zero when new, so what lies beyond filesz
 * is not touched. -EFAULT with @e: the guest has no memory there; -EIO and others: the kernel's file cannot be read any more.
 */
int zendo_image_load(const struct zendo_image *image, const struct zendo_guest_mem *mem,
		     struct zendo_error *e);

#endif
