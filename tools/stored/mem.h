/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory or the end. Guests are held back by quotas, so what is asked for here is little; if the system still has none, a
 * restart from the journal is the one way on that loses nothing.
 */
#ifndef STORED_MEM_H
#define STORED_MEM_H

#include <stdlib.h>
#include <string.h>

static inline void *mem_or_end(void *p)
{
	if (!p)
		abort();
	return p;
}

static inline void *mem_new(size_t size)
{
	return mem_or_end(calloc(1, size));
}

static inline void *mem_copy(const void *data, size_t len)
{
	char *p = mem_or_end(malloc(len + 1));

	if (len)
		memcpy(p, data, len);
	p[len] = '\0';
	return p;
}

/* An array of pointers that holds one more. */
#define mem_grow(array, nr, room) do {								\
	if ((nr) == (room)) {									\
		(room) = (room) ? (room) * 2 : 4;						\
		(array) = mem_or_end(realloc((array), (room) * sizeof(*(array))));		\
	}											\
} while (0)

#endif
