/* SPDX-License-Identifier: GPL-2.0-only */
/* Small kernels made in memory, for tests of what reads them. */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_KERNEL_DATA	4096	/* bytes of each of its two segments */
#define FAKE_KERNEL_BSS		8192	/* zeroes after the second */

struct fake_kernel {		/* zeroed = a sound 64-bit kernel at 16 MiB with an 8-byte note */
	bool elf32;
	bool no_note;
	bool note_in_section;	/* instead of in a PT_NOTE */
	bool reloc_note;
	unsigned desc_len;	/* 0 = 4 for 32 bits, 8 for 64 */
	uint64_t paddr;		/* of the first segment; the second follows 1 MiB after it */
	uint64_t entry;		/* 0 = paddr + 0x10 */
	uint64_t memsz;		/* of the second segment, 0 = FAKE_KERNEL_DATA + FAKE_KERNEL_BSS */
};

/* Returns an ELF file of exactly *ret_size bytes: free() it. Both segments are filled with a pattern. */
uint8_t *fake_kernel_elf(const struct fake_kernel *k, size_t *ret_size);

/* The byte at @i of segment @segment. */
uint8_t fake_kernel_byte(unsigned segment, size_t i);

/*
 * A bzImage around @size bytes, packed with "xz" (with the x86 filter), "zstd" (with a window of
 * 128 MiB), "gzip", "lz4", "lzma". Another name: @data itself is the payload. free() it.
 */
uint8_t *fake_kernel_bzimage(const char *compression, const void *data, size_t size, size_t *ret_size);

#define FAKE_BZIMAGE_PAYLOAD	1024	/* where the payload begins */

#endif
