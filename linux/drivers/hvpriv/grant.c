// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants of a guest to dom0, without a hypercall (F23). For each reference we count who uses it; the guest's entry is changed with
 * the first pin of a kind and the last. The page is looked up with the first pin and is the same for all that come while it is held,
 * whatever the guest writes meanwhile.
 *
 * The hypervisor adds frames to the table and never takes one away before the domain is dead (struct zendo_grant_page). The version
 * does not change while anything is pinned.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <xen/interface/xen.h>
#include <xen/interface/grant_table.h>

#include "dirty_map.h"
#include "domain.h"
#include "grant_entry.h"
#include "hvpriv_backend.h"
#include "peer.h"

#define V1_PER_FRAME		(PAGE_SIZE / sizeof(struct grant_entry_v1))
#define V2_PER_FRAME		(PAGE_SIZE / sizeof(union grant_entry_v2))
#define STATUS_PER_FRAME	(PAGE_SIZE / sizeof(grant_status_t))
#define ACTIVE_PER_PAGE		(PAGE_SIZE / sizeof(struct hv_active))
#define AT_ONCE			32U	/* pins of a batch under the lock */
#define MAX_PINS		65535	/* of one reference: far from what a page's count can hold */

static_assert(HV_ACTIVE_PAGES * ACTIVE_PER_PAGE ==
	      ARRAY_SIZE(((struct zendo_grant_page *)0)->frame_hpa) * V1_PER_FRAME);
static_assert(ARRAY_SIZE(((struct zendo_grant_page *)0)->status_hpa) * STATUS_PER_FRAME >=
	      ARRAY_SIZE(((struct zendo_grant_page *)0)->frame_hpa) * V2_PER_FRAME);

void hv_grants_init(struct hv_grants *g)
{
	spin_lock_init(&g->lock);
}

void hv_grants_free(struct hv_grants *g)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(g->active); i++)
		free_page((unsigned long)g->active[i]);
	hv_dirty_free(g->dirty);
}

/* Where a frame of the guest's table is, or NULL: it is not that large. */
static void *table_frame(struct hv_domain *d, u32 frame)
{
	struct zendo_grant_page *p = d->grant_page;
	u32 nr = READ_ONCE(p->nr_frames);

	if (frame >= nr || frame >= ARRAY_SIZE(p->frame_hpa))
		return NULL;
	smp_rmb();	/* pairs with grant_add_frame(): the count says that the address is there */
	return phys_to_virt(READ_ONCE(p->frame_hpa[frame]));
}

static struct hv_grant_entry entry_v1(struct hv_domain *d, u32 ref)
{
	struct grant_entry_v1 *e = table_frame(d, ref / V1_PER_FRAME);

	return (struct hv_grant_entry) { .word = e ? (u32 *)&e[ref % V1_PER_FRAME] : NULL };
}

/* The table of marks comes before the version, and grows behind the other one: it may be shorter for a moment. */
static struct hv_grant_entry entry_v2(struct hv_domain *d, u32 ref)
{
	union grant_entry_v2 *e = table_frame(d, ref / V2_PER_FRAME);
	u64 status = e ? READ_ONCE(d->grant_page->status_hpa[ref / STATUS_PER_FRAME]) : 0;

	if (!status)
		return (struct hv_grant_entry) {};
	return (struct hv_grant_entry) {
		.word = (u32 *)&e[ref % V2_PER_FRAME],
		.status = (grant_status_t *)phys_to_virt(status) + ref % STATUS_PER_FRAME,
	};
}

/* Without ->word: the table has no such entry. */
static struct hv_grant_entry entry_of(struct hv_domain *d, u32 ref, u32 version)
{
	return likely(version == 1) ? entry_v1(d, ref) : entry_v2(d, ref);
}

/*
 * HVPRIV_DOM_SEED_GRANT. No vCPU exists, so nobody else writes the table; who reads it sees the frame before the flags.
 */
int hv_grant_seed(struct hv_domain *d, const struct hvpriv_seed_grant *sg)
{
	struct hv_grant_entry e;
	int r = 0;

	if (sg->reserved || sg->ref >= GNTTAB_NR_RESERVED_ENTRIES || sg->gfn > U32_MAX)
		return -EINVAL;
	mutex_lock(&d->lock);
	if (d->nr_vcpus)
		r = -EBUSY;
	else if (!READ_ONCE(d->grant_page->nr_frames))
		r = hv_memory_grant_frame(d);
	if (!r) {
		e = entry_v1(d, sg->ref);
		r = e.word ? 0 : -EIO;
	}
	if (!r) {
		WRITE_ONCE(e.word[1], sg->gfn);
		smp_store_release(&e.word[0], GTF_permit_access);	/* to domain 0 */
	}
	mutex_unlock(&d->lock);
	return r;
}

/* @ref lies in the table. NULL: no memory. */
static struct hv_active *active_of(struct hv_domain *d, u32 ref)
{
	struct hv_active **page = &d->grants.active[ref / ACTIVE_PER_PAGE];

	if (unlikely(!*page)) {
		*page = (void *)get_zeroed_page(GFP_ATOMIC | __GFP_ACCOUNT | __GFP_NOWARN);
		if (!*page)
			return NULL;
		d->grants.nr_pages++;
	}
	return &(*page)[ref % ACTIVE_PER_PAGE];
}

/* Of something that is pinned. */
static struct hv_active *active_there(struct hv_domain *d, u32 ref)
{
	return &d->grants.active[ref / ACTIVE_PER_PAGE][ref % ACTIVE_PER_PAGE];
}

static int pin_entry(struct hv_domain *d, struct hv_active *a, const struct hv_grant_entry *e, bool write)
{
	u64 gfn;
	int r = 0;

	if (!a->writers && (write || !a->readers))
		r = hv_grant_entry_pin(e, write);
	if (unlikely(r))
		return r;
	if (a->page) {
		get_page(a->page);
		return 0;
	}
	gfn = hv_grant_entry_frame(e);
	a->page = hv_memory_page(d, gfn);
	if (unlikely(!a->page)) {
		hv_grant_entry_unpin(e, GTF_reading | GTF_writing);
		return -ENXIO;
	}
	a->gfn = gfn;	/* there is none that does not fit */
	return 0;
}

static int pin(struct hv_domain *d, u32 version, struct hv_grant *g)
{
	struct hv_grant_entry e = entry_of(d, g->ref, version);
	struct hv_active *a;
	int r;

	lockdep_assert_held(&d->grants.lock);
	if (unlikely(!e.word))
		return -EINVAL;
	a = active_of(d, g->ref);
	if (unlikely(!a))
		return -ENOMEM;
	if (unlikely(a->readers + a->writers >= MAX_PINS))
		return -EBUSY;
	r = pin_entry(d, a, &e, g->write);
	if (unlikely(r))
		return r;
	if (g->write)
		a->writers++;
	else
		a->readers++;
	g->page = a->page;
	g->offset = 0;
	g->len = PAGE_SIZE;
	return 0;
}

static void unpin(struct hv_domain *d, const struct hv_grant *g, bool written)
{
	struct hv_active *a = active_there(d, g->ref);
	struct hv_grant_entry e;
	u32 use = 0;

	lockdep_assert_held(&d->grants.lock);
	if (written && g->write && d->grants.dirty)
		hv_dirty_mark(d->grants.dirty, a->gfn);
	if (g->write && !--a->writers)
		use |= GTF_writing;
	if (!g->write)
		a->readers--;
	if (!a->writers && !a->readers) {
		use |= GTF_reading;
		a->page = NULL;
	}
	if (!use)
		return;
	e = entry_of(d, g->ref, d->grants.version);
	if (e.word)
		hv_grant_entry_unpin(&e, use);
}

static void count_pins(struct hv_domain *d, int n)
{
	WRITE_ONCE(d->grant_page->pinned, d->grant_page->pinned + n);
}

/*
 * Room for @nr pins. The count before the version: the hypervisor says 0, then looks at the count, when it changes the version. Once they
 * are counted it stays what it is, so one look is enough for all of them.
 */
static int begin_pins(struct hv_domain *d, unsigned int nr, u32 *ret_version)
{
	u32 version;

	lockdep_assert_held(&d->grants.lock);
	if (d->dying)
		return -ESHUTDOWN;
	count_pins(d, nr);
	smp_mb();
	version = READ_ONCE(d->grant_page->version);
	if (version != 1 && version != 2) {
		count_pins(d, -(int)nr);
		return -EAGAIN;
	}
	d->grants.version = version;
	*ret_version = version;
	return 0;
}

/* One piece of a batch; the lock is let go between them, because interrupts wait for it. Return: how many are pinned, *@r why no more. */
static unsigned int pin_some(struct hv_domain *d, struct hv_grant *g, unsigned int nr, int *r)
{
	unsigned int i = 0;
	unsigned long flags;
	u32 version;

	spin_lock_irqsave(&d->grants.lock, flags);
	*r = begin_pins(d, nr, &version);
	if (!*r) {
		for (; i < nr; i++) {
			*r = pin(d, version, &g[i]);
			if (*r)
				break;
		}
		if (i < nr)
			count_pins(d, (int)(i - nr));
	}
	spin_unlock_irqrestore(&d->grants.lock, flags);
	return i;
}

/* A dead guest's entries are gone, the pages are not. */
static void unpin_some(struct hv_domain *d, struct hv_grant *g, unsigned int nr, bool written)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&d->grants.lock, flags);
	if (!d->dying) {
		for (i = 0; i < nr; i++)
			unpin(d, &g[i], written);
		count_pins(d, -(int)nr);
	}
	spin_unlock_irqrestore(&d->grants.lock, flags);
	for (i = 0; i < nr; i++) {
		put_page(g[i].page);
		g[i].page = NULL;
	}
}

int hv_grant_get(struct hv_peer *peer, struct hv_grant *g, unsigned int nr)
{
	unsigned int done = 0;
	int r = 0;

	while (done < nr && !r)
		done += pin_some(peer->domain, g + done, min(nr - done, AT_ONCE), &r);
	if (r)
		hv_grant_put(peer, g, done, false);
	return r;
}
EXPORT_SYMBOL_GPL(hv_grant_get);

void hv_grant_put(struct hv_peer *peer, struct hv_grant *g, unsigned int nr, bool written)
{
	unsigned int some;

	for (; nr; nr -= some, g += some) {
		some = min(nr, AT_ONCE);
		unpin_some(peer->domain, g, some, written);
	}
}
EXPORT_SYMBOL_GPL(hv_grant_put);

static int copy_one(struct hv_peer *peer, struct hv_copy *c)
{
	struct hv_grant g = { .ref = c->ref, .write = c->to_guest };
	int r;

	if (c->len > PAGE_SIZE || c->offset > PAGE_SIZE - c->len || c->page_offset > PAGE_SIZE - c->len)
		return -EINVAL;
	r = hv_grant_get(peer, &g, 1);
	if (r)
		return r;
	if (c->to_guest)
		memcpy_page(g.page, c->offset, c->page, c->page_offset, c->len);
	else
		memcpy_page(c->page, c->page_offset, g.page, c->offset, c->len);
	hv_grant_put(peer, &g, 1, c->to_guest);
	return 0;
}

unsigned int hv_grant_copy(struct hv_peer *peer, struct hv_copy *c, unsigned int nr)
{
	unsigned int i, failed = 0;

	for (i = 0; i < nr; i++) {
		c[i].result = copy_one(peer, &c[i]);
		failed += c[i].result != 0;
	}
	return failed;
}
EXPORT_SYMBOL_GPL(hv_grant_copy);

int hv_ring_map(struct hv_peer *peer, const u32 *refs, unsigned int nr, struct hv_ring *ring)
{
	struct page *pages[HV_RING_MAX_PAGES];
	unsigned int i;
	int r;

	if (!nr || nr > HV_RING_MAX_PAGES || (nr & (nr - 1)))
		return -EINVAL;
	memset(ring, 0, sizeof(*ring));
	for (i = 0; i < nr; i++) {
		ring->g[i].ref = refs[i];
		ring->g[i].write = true;
	}
	r = hv_grant_get(peer, ring->g, nr);
	if (r)
		return r;
	for (i = 0; i < nr; i++)
		pages[i] = ring->g[i].page;
	ring->va = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	if (!ring->va) {
		hv_grant_put(peer, ring->g, nr, false);
		return -ENOMEM;
	}
	ring->nr = nr;
	return 0;
}
EXPORT_SYMBOL_GPL(hv_ring_map);

void hv_ring_unmap(struct hv_peer *peer, struct hv_ring *ring)
{
	vunmap(ring->va);
	hv_grant_put(peer, ring->g, ring->nr, true);
	ring->va = NULL;
	ring->nr = 0;
}
EXPORT_SYMBOL_GPL(hv_ring_unmap);
