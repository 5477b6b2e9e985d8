/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered blocks: what the guest `disk mode=number` writes, for who looks in dom0 whether they are there after a power cut. Number
 * n = 1, 2, 3, ... goes to one place of the disk, the next number to another far away; after as many numbers as the disk has blocks
 * they come again. Every sector says for itself which number it is of, so sectors of two numbers beside each other are seen.
 */
#ifndef NUMBERED_H
#define NUMBERED_H

#include <stdint.h>

#define NUMBERED_MAGIC	0x64657265626d756eULL
#define NUMBERED_STEP	2654435761U		/* odd: all places of a power of two are visited */

struct numbered_sector {
	uint64_t magic;
	uint32_t number, part;			/* part: which of the block's eight sectors */
	uint64_t words[62];
};

static inline uint32_t numbered_place(uint32_t number, uint32_t blocks)
{
	return number * NUMBERED_STEP & (blocks - 1);
}

static inline void numbered_fill(struct numbered_sector *s, uint32_t number, uint32_t part)
{
	uint64_t word = (uint64_t)number << 32 | number << 3 | part;

	s->magic = NUMBERED_MAGIC;
	s->number = number;
	s->part = part;
	for (unsigned int i = 0; i < 62; i++) {
		word = word * 6364136223846793005ULL + 1442695040888963407ULL;
		s->words[i] = word;
	}
}

#endif
