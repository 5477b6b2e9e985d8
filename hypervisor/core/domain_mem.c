// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/ops.h"
#include "core/domain_mem.h"
#include "core/frame.h"
#include "core/gfn_table.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/npt.h"
#include "guest/guest.h"

_Static_assert(sizeof(struct domain_mem) <= PAGE_SIZE, "one pool page");

static int map_extent(struct domain *d, const struct zendo_extent *e)
{
	uint64_t frames = 1ULL << e->order;
	int rc;

	if (e->gfn % frames || e->gfn + frames - 1 > p2m_max_gfn(d))
		return -XEN_EINVAL;
	spin_lock(&d->g.physmap_lock);	/* against the guest, who may take it out again at once */
	rc = gfn_table_prepare(d, gfn(e->gfn), e->order);
	if (!rc)
		rc = npt_map(d->npt, e->gfn << PAGE_SHIFT, hpa(e->hpa), e->order ? 2 : 1, NPT_READ | NPT_WRITE | NPT_EXEC, false);
	if (!rc)
		gfn_table_set(d, gfn(e->gfn), e->order, hpa_to_mfn(hpa(e->hpa)));
	spin_unlock(&d->g.physmap_lock);
	if (!rc)
		__atomic_fetch_add(&d->nr_pages, frames, __ATOMIC_RELAXED);
	return rc;
}

static int stock_add(struct domain *d, mfn_t m)
{
	int rc = -XEN_ENOSPC;

	spin_lock(&d->lock);
	if (d->mem->nr_stock < STOCK_MAX) {
		d->mem->stock[d->mem->nr_stock++] = m.v;
		rc = 0;
	}
	spin_unlock(&d->lock);
	return rc;
}

/* The limit is on RAM. Frames of the stock may become grant frames, so there is room for a whole grant table above it. */
static bool over_limit(struct domain *d, uint32_t type, uint64_t frames)
{
	uint64_t ram = READ_ONCE(d->nr_pages);

	if (type == ZEXT_RAM)
		return ram + frames > d->max_pages;
	return ram + READ_ONCE(d->mem->nr_stock) + frames > d->max_pages + GRANT_MAX_FRAMES + GRANT_MAX_STATUS;
}

int domain_donate(struct domain *d, const struct zendo_extent *e)
{
	enum frame_type type = e->type == ZEXT_RAM ? FRAME_RAM : e->type == ZEXT_GRANT ? FRAME_GRANT : FRAME_STOCK;
	uint64_t frames;
	mfn_t m = hpa_to_mfn(hpa(e->hpa));
	int rc;

	if ((e->order != 0 && e->order != 9) || e->type > ZEXT_GRANT || (e->type != ZEXT_RAM && e->order))
		return -XEN_EINVAL;
	frames = 1ULL << e->order;
	if (e->hpa % (frames << PAGE_SHIFT) || d->state != DOMAIN_ALIVE)
		return -XEN_EINVAL;
	if (over_limit(d, e->type, frames))
		return -XEN_E2BIG;
	rc = frame_give(m, e->order, OWNER_DOM0, FRAME_FREE, d->id, type);
	if (rc)
		return rc;
	if (e->type == ZEXT_RAM)
		rc = map_extent(d, e);
	else if (e->type == ZEXT_GRANT)
		rc = grant_add_frame(d, m);
	else
		rc = stock_add(d, m);
	/* Nothing could have taken hold of it meanwhile. */
	if (rc && frame_give(m, e->order, d->id, type, OWNER_DOM0, FRAME_FREE))
		hv_panic("d%u: frame %lx cannot go back", d->id, m.v);
	return rc;
}

int domain_reclaim(struct domain *d, const struct zendo_extent *e)
{
	static const enum frame_type types[] = { FRAME_RAM, FRAME_STOCK, FRAME_GRANT, FRAME_RETURNED };
	mfn_t m = hpa_to_mfn(hpa(e->hpa));
	int rc = -XEN_EPERM;

	if (d->state != DOMAIN_DEAD || (e->order != 0 && e->order != 9) || e->hpa % (PAGE_SIZE << e->order))
		return -XEN_EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(types) && rc == -XEN_EPERM; i++)
		rc = frame_give(m, e->order, d->id, types[i], OWNER_DOM0, FRAME_FREE);
	return rc;
}

void ram_return(struct domain *d, mfn_t m)
{
	if (frame_give(m, 0, d->id, FRAME_RAM, d->id, FRAME_RETURNED))
		return;		/* it was never RAM of this domain, or is held: it stays where it is */
	__atomic_fetch_sub(&d->nr_pages, 1, __ATOMIC_RELAXED);
	spin_lock(&d->lock);
	/* A full list costs the guest the page until it dies; dom0 empties the list when it is half full. */
	if (d->mem->nr_returned < STOCK_MAX)
		d->mem->returned[d->mem->nr_returned++] = m.v;
	spin_unlock(&d->lock);
}

uint32_t domain_returned(struct domain *d, uint64_t *hpas, uint32_t nr)
{
	uint32_t n = 0;

	while (n < nr) {
		uint64_t m;

		spin_lock(&d->lock);
		m = d->mem->nr_returned ? d->mem->returned[--d->mem->nr_returned] : INVALID_MFN.v;
		spin_unlock(&d->lock);
		if (!mfn_valid(mfn(m)))
			break;
		if (frame_give(mfn(m), 0, d->id, FRAME_RETURNED, OWNER_DOM0, FRAME_FREE)) {
			spin_lock(&d->lock);
			if (d->mem->nr_returned < STOCK_MAX)
				d->mem->returned[d->mem->nr_returned++] = m;	/* no page to refine its chunk: next time */
			spin_unlock(&d->lock);
			break;
		}
		hpas[n++] = m << PAGE_SHIFT;
	}
	return n;
}

static mfn_t stock_take(struct domain *d, enum frame_type type)
{
	mfn_t m = INVALID_MFN;

	spin_lock(&d->lock);
	if (d->mem->nr_stock)
		m = mfn(d->mem->stock[--d->mem->nr_stock]);
	spin_unlock(&d->lock);
	if (mfn_valid(m) && frame_give(m, 0, d->id, FRAME_STOCK, d->id, type))
		hv_panic("d%u: stock frame %lx changed hands", d->id, m.v);
	return m;
}

mfn_t ram_take(struct domain *d)
{
	mfn_t m;

	if (READ_ONCE(d->nr_pages) >= d->max_pages)
		return INVALID_MFN;
	m = stock_take(d, FRAME_RAM);
	if (mfn_valid(m))
		__atomic_fetch_add(&d->nr_pages, 1, __ATOMIC_RELAXED);
	return m;
}

mfn_t grant_take(struct domain *d)
{
	return stock_take(d, FRAME_GRANT);
}
