// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of the table are dom0's: they are written and never read back. What stands in the tables of 1 GiB is kept in copies of
 * ours; leaves are told from the nested table's changes alone.
 */
#include "core/frame.h"
#include "core/gfn_table.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/npt.h"

#define ENTRIES		512
#define STOCK		4	/* one batch of donations or one change needs no more */
#define GIBS		250

struct gfn_table {
	struct zendo_gfn_root *root;
	uint64_t generation;
	uint32_t nr_stock, nr_pages;
	uint64_t stock[STOCK];		/* held frames of dom0 */
	struct { uint64_t *copy, page; } gib[GIBS];
};
_Static_assert(sizeof(struct gfn_table) <= PAGE_SIZE && GIBS <= ARRAY_SIZE(((struct zendo_gfn_root *)0)->entry), "one pool page");

int gfn_table_init(struct domain *d, hpa_t root)
{
	int rc;

	d->gfns = pool_alloc(d);
	if (!d->gfns)
		return -XEN_ENOMEM;
	if (!root.v)
		return 0;
	rc = dom0_page_map(root, (void **)&d->gfns->root);
	if (rc)
		return rc;
	WRITE_ONCE(d->gfns->root->nr_gfns, (uint64_t)GIBS * ENTRIES * ENTRIES);
	return 0;
}

int64_t gfn_table_give(struct domain *d, hpa_t page)
{
	struct gfn_table *t = d->gfns;
	int64_t rc = 0;

	if (!t->root)
		return 0;
	if (page.v && (page.v % PAGE_SIZE || page.v >= ZENDO_MAX_HPA))
		return -XEN_EINVAL;
	if (page.v)
		rc = frame_hold(hpa_to_mfn(page), OWNER_DOM0);
	if (rc)
		return rc;
	spin_lock(&d->g.physmap_lock);
	if (!page.v || t->nr_stock < STOCK) {
		if (page.v)
			t->stock[t->nr_stock++] = hpa_to_mfn(page).v;
		rc = STOCK - t->nr_stock;
	} else {
		rc = -XEN_ENOSPC;
	}
	spin_unlock(&d->g.physmap_lock);
	if (rc < 0)
		frame_release(hpa_to_mfn(page));
	return rc;
}

/* @nr entries from @i on: @e, then one frame further each, or all 0. */
static void put(uint64_t page, uint64_t i, uint64_t e, uint64_t nr)
{
	uint64_t *at = map_window(WINDOW_SPARE, mfn(page));

	for (uint64_t n = 0; n < nr; n++)
		WRITE_ONCE(at[(i + n) % ENTRIES], e ? e + (n << PAGE_SHIFT) : 0);
}

/*
 * A page of dom0's as a table with @fill and its 511 successors in it, or empty; 0: none. Never more pages than nested tables, which
 * the domain's quota bounds: else a guest could make dom0 give pages without end for gfns that it then fails to fill.
 */
static uint64_t take_page(struct domain *d, uint64_t fill)
{
	struct gfn_table *t = d->gfns;
	uint64_t m;

	if (!t->nr_stock || t->nr_pages > READ_ONCE(d->npt->nr_tables))
		return 0;
	m = t->stock[--t->nr_stock];
	t->nr_pages++;
	put(m, 0, fill, ENTRIES);
	smp_wmb();	/* before anybody finds it */
	return m;
}

/* Our copy of the entry for @g's 2 MiB; NULL: beyond the table, or there is no such part of it. */
static uint64_t *entry_of(struct domain *d, gfn_t g)
{
	uint64_t i = g.v >> 18;

	if (!d->gfns || !d->gfns->root || i >= GIBS || !d->gfns->gib[i].copy)
		return NULL;
	return &d->gfns->gib[i].copy[(g.v >> 9) % ENTRIES];
}

static void publish(struct domain *d, gfn_t g, uint64_t e)
{
	*entry_of(d, g) = e;
	put(d->gfns->gib[g.v >> 18].page, g.v >> 9, e, 1);
}

static int make_gib(struct domain *d, uint64_t i)
{
	struct gfn_table *t = d->gfns;
	uint64_t *copy = pool_alloc(d), m;

	m = copy ? take_page(d, 0) : 0;
	if (!m) {
		pool_free(d, copy);
		return -XEN_ENOMEM;
	}
	t->gib[i].copy = copy;
	t->gib[i].page = m;
	WRITE_ONCE(t->root->entry[i], m << PAGE_SHIFT);
	return 0;
}

int gfn_table_prepare(struct domain *d, gfn_t g, unsigned int order)
{
	uint64_t *e, m;
	int rc;

	if (!d->gfns || !d->gfns->root || g.v >> 18 >= GIBS)
		return 0;
	if (!entry_of(d, g)) {
		rc = make_gib(d, g.v >> 18);
		if (rc)
			return rc;
	}
	e = entry_of(d, g);
	if (order || (*e && !(*e & ZENDO_GFN_BLOCK)))
		return 0;
	m = take_page(d, *e & ~(uint64_t)ZENDO_GFN_BLOCK);
	if (!m)
		return -XEN_ENOMEM;
	publish(d, g, m << PAGE_SHIFT | ZENDO_GFN_VALID);
	return 0;
}

void gfn_table_set(struct domain *d, gfn_t g, unsigned int order, mfn_t m)
{
	uint64_t *e = entry_of(d, g), val = mfn_valid(m) ? m.v << PAGE_SHIFT | ZENDO_GFN_VALID : 0;

	if (!e)
		return;
	if (order && !*e) {
		publish(d, g, val | ZENDO_GFN_BLOCK);
		return;
	}
	put(*e >> PAGE_SHIFT, g.v, val, 1ULL << order);
	if (!val)
		WRITE_ONCE(d->gfns->root->generation, ++d->gfns->generation);
}

static void release_page(struct gfn_table *t, uint64_t m)
{
	frame_release(mfn(m));
	t->nr_pages--;
}

/* The leaves of one table of 1 GiB, then itself. */
static void free_gib(struct domain *d, uint32_t i, unsigned int budget)
{
	struct gfn_table *t = d->gfns;
	uint64_t *copy = t->gib[i].copy;

	for (uint32_t j = 0; j < ENTRIES; j++) {
		if (!copy[j] || (copy[j] & ZENDO_GFN_BLOCK))
			continue;
		if (!budget--)
			return;
		release_page(t, copy[j] >> PAGE_SHIFT);
		copy[j] = 0;
	}
	t->gib[i].copy = NULL;
	pool_free(d, copy);
	release_page(t, t->gib[i].page);
}

bool gfn_table_free(struct domain *d, unsigned int budget)
{
	struct gfn_table *t = d->gfns;

	if (!t)
		return true;
	/* One GiB a call: looking for its leaves is work, too. */
	for (uint32_t i = 0; i < GIBS; i++) {
		if (t->gib[i].copy) {
			free_gib(d, i, budget);
			return false;
		}
	}
	while (t->nr_stock)
		frame_release(mfn(t->stock[--t->nr_stock]));
	CHECK(!t->nr_pages);
	dom0_page_unmap(t->root);
	pool_free(d, t);
	d->gfns = NULL;
	return true;
}
