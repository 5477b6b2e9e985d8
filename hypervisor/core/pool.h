/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hidden pool: 4 KiB pages out of 2 MiB chunks that dom0 gave and no longer sees. Every page is
 * charged to a domain's quota, or is the hypervisor's own (d == NULL). pool_alloc/pool_free are in domain.h.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "core/types.h"

#define POOL_RESERVE	16	/* pages kept for what must not fail: dom0's map, growing the pool itself */

struct zendo_stats;

/* Chunks handed over at launch; [skip, ...) of chunk 0 and what is no per-CPU area is free. */
void pool_init(void);
/* A committed chunk's 512 pages become free. False: table of chunks is full. */
bool pool_add_chunk(hpa_t chunk);
/* Take back a chunk that is entirely free and was added after launch. */
bool pool_remove_chunk(hpa_t *ret);
void pool_stats(struct zendo_stats *s);
uint64_t pool_nr_free(void);

/* The direct map of hidden memory. */
void *pool_va(hpa_t h);
hpa_t pool_hpa(const void *va);

#endif
