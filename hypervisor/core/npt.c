// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/ops.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/npt.h"
#include "core/pool.h"

#define ENTRIES	512

static uint64_t generations;	/* atomic */

/* A translation changed: whoever cached one must look again. */
static void changed(struct npt *n)
{
	WRITE_ONCE(n->generation, __atomic_add_fetch(&generations, 1, __ATOMIC_SEQ_CST));
}

static unsigned int index_at(uint64_t addr, int level)
{
	return (addr >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static uint64_t level_size(int level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static uint64_t *table_of(uint64_t entry)
{
	return pool_va(hpa(entry & 0x000ffffffffff000ULL));
}

static uint64_t leaf_hpa(uint64_t entry, int level)
{
	return entry & 0x000ffffffffff000ULL & ~(level_size(level) - 1);
}

int npt_init(struct npt *n, struct domain *d, int levels)
{
	*n = (struct npt){ .levels = (uint8_t)levels, .d = d };
	spin_init(&n->lock, RANK_NPT);
	changed(n);
	n->root = pool_alloc(d);
	n->nr_tables = 1;
	return n->root ? 0 : -XEN_ENOMEM;
}

/* Replace a large leaf by a table of smaller ones that say the same. */
static uint64_t *split(struct npt *n, uint64_t *e, int level)
{
	uint64_t *t = pool_alloc(n->d);
	uint32_t rights = ops->npt_rights(*e);
	uint64_t first = ops->npt_leaf(hpa(leaf_hpa(*e, level)), level - 1, rights);

	if (!t)
		return NULL;
	/* With both vendors an entry is an address and bits beside it; asking for each of them took 100 us. */
	for (unsigned int i = 0; i < ENTRIES; i++)
		t[i] = first + i * level_size(level - 1);
	n->nr_tables++;
	smp_wmb();	/* complete before it is linked */
	WRITE_ONCE(*e, ops->npt_table(pool_hpa(t)));
	return t;
}

/* The entry of @level for @addr; tables are made and leaves split on the way. NULL: no page left, or the tables were freed. */
static uint64_t *entry_make(struct npt *n, uint64_t addr, int level)
{
	uint64_t *t = n->root;

	if (!t)
		return NULL;
	for (int l = n->levels; l > level; l--) {
		uint64_t *e = &t[index_at(addr, l)];

		if (!*e) {
			t = pool_alloc(n->d);
			if (!t)
				return NULL;
			n->nr_tables++;
			smp_wmb();
			WRITE_ONCE(*e, ops->npt_table(pool_hpa(t)));
		} else if (ops->npt_is_leaf(*e, l)) {
			t = split(n, e, l);
			if (!t)
				return NULL;
		} else {
			t = table_of(*e);
		}
	}
	return &t[index_at(addr, level)];
}

int npt_map(struct npt *n, uint64_t addr, hpa_t h, int level, uint32_t rights, bool replace)
{
	uint64_t *e, old = 0;
	int rc = 0;

	if (addr >= npt_end(n))
		return -XEN_EINVAL;
	spin_lock(&n->lock);
	e = entry_make(n, addr, level);
	if (e)
		old = *e;
	if (!e)
		rc = -XEN_ENOMEM;
	else if (*e && !replace)
		rc = -XEN_EEXIST;
	else
		WRITE_ONCE(*e, ops->npt_leaf(h, level, rights));
	if (replace)
		changed(n);
	if (!rc)
		debt_file(n, old, *e, level);
	spin_unlock(&n->lock);
	return rc;
}

struct npt_leaf npt_lookup(struct npt *n, uint64_t addr)
{
	struct npt_leaf r = { hpa(0), 0, 0 };
	uint64_t *t;

	if (addr >= npt_end(n))
		return r;
	spin_lock(&n->lock);
	t = n->root;
	for (int l = n->levels; t && l >= 1; l--) {
		uint64_t e = t[index_at(addr, l)];

		if (!e)
			break;
		if (ops->npt_is_leaf(e, l)) {
			r.hpa = hpa(leaf_hpa(e, l) + (addr & (level_size(l) - 1) & PAGE_MASK));
			r.rights = ops->npt_rights(e);
			r.level = l;
			break;
		}
		t = table_of(e);
	}
	spin_unlock(&n->lock);
	return r;
}

int npt_unmap(struct npt *n, uint64_t addr, struct npt_leaf *ret)
{
	uint64_t *e, old = 0;
	int rc = 0;

	*ret = npt_lookup(n, addr);
	if (!ret->rights)
		return 0;
	spin_lock(&n->lock);
	e = entry_make(n, addr, 1);
	if (e) {
		old = *e;
		WRITE_ONCE(*e, 0);
	} else {
		rc = -XEN_ENOMEM;
	}
	changed(n);
	debt_file(n, old, 0, 1);
	spin_unlock(&n->lock);
	return rc;
}

int npt_set_table(struct npt *n, uint64_t addr, hpa_t table)
{
	uint64_t *e, old = 0;

	if (addr >= npt_end(n))
		return -XEN_EINVAL;
	spin_lock(&n->lock);
	e = entry_make(n, addr, 2);
	if (e) {
		old = *e;
		WRITE_ONCE(*e, ops->npt_table(table));
	}
	changed(n);
	debt_file(n, old, ops->npt_table(table), 2);
	spin_unlock(&n->lock);
	return e ? 0 : -XEN_ENOMEM;
}

/* Deepest first without recursion: go down the first table entry there is, free a table that has none. */
static void free_one(struct npt *n)
{
	uint64_t *t = n->root, *parent = NULL;
	int l = n->levels;

	for (;;) {
		unsigned int i = 0;

		while (l > 1 && i < ENTRIES && (!t[i] || ops->npt_is_leaf(t[i], l)))
			i++;
		if (l == 1 || i == ENTRIES)
			break;
		parent = &t[i];
		t = table_of(*parent);
		l--;
	}
	if (parent)
		*parent = 0;
	else
		n->root = NULL;
	n->nr_tables--;
	pool_free(n->d, t);
}

bool npt_free(struct npt *n, unsigned int budget)
{
	bool none;

	spin_lock(&n->lock);
	changed(n);
	debt_end(n);
	for (; n->root && budget; budget--)
		free_one(n);
	none = !n->root;
	spin_unlock(&n->lock);
	return none;
}
