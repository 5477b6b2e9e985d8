/* SPDX-License-Identifier: GPL-2.0-only */
/* Nested page tables, format by vendor ops, depth an argument (4 or 5). Pages come from the pool. */
#ifndef CORE_NPT_H
#define CORE_NPT_H

#include "core/check.h"
#include "core/types.h"
#include "lib/lib.h"

struct domain;

struct npt {
	uint64_t	*root;
	uint8_t		levels;
	struct domain	*d;		/* who is charged; NULL = dom0's table */
	spinlock_t	lock;
	uint64_t	nr_tables;
	uint64_t	generation;	/* never the same twice, of any table; new whenever a translation goes away */
#ifdef ZENDO_CHECK
	struct npt_check check;
#endif
};

struct npt_leaf {
	hpa_t		hpa;		/* of the byte asked for, page aligned down to 4 KiB */
	uint32_t	rights;		/* NPT_*; 0 = nothing there */
	int		level;
};

/* The first address that tables of this depth cannot say. */
static inline uint64_t npt_end(const struct npt *n)
{
	return 1ULL << (PAGE_SHIFT + 9 * n->levels);
}

int __must_check npt_init(struct npt *n, struct domain *d, int levels);
/*
 * Map one leaf of @level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), splitting larger ones in the way. -XEN_ENOMEM with nothing changed;
 * -XEN_EEXIST when something is there and !replace; -XEN_EINVAL: beyond npt_end().
 */
int __must_check npt_map(struct npt *n, uint64_t addr, hpa_t h, int level, uint32_t rights, bool replace);
struct npt_leaf npt_lookup(struct npt *n, uint64_t addr);
/* Remove one 4 KiB leaf, splitting; @ret tells what was there. -XEN_ENOMEM: nothing changed. */
int __must_check npt_unmap(struct npt *n, uint64_t addr, struct npt_leaf *ret);
/* Put @table (a page of 512 leaves, shared) in place of the 2 MiB entry at @addr; npt_map(level 2, replace) undoes it. */
int __must_check npt_set_table(struct npt *n, uint64_t addr, hpa_t table);
/* Free tables, at most @budget pages in one call; true when none is left. Then nothing is mapped, and nothing can be. */
bool npt_free(struct npt *n, unsigned int budget);

#endif
