// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory_op: the guest's own changes of its physical map, under physmap_lock. A frame taken out of the map goes to
 * dom0 only after every CPU has flushed it. How far a long call came stands in the command's upper bits, as in Xen; it is
 * counted in pages, so that a large extent can be left in its middle too.
 */
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "guest/event_channel.h"
#include "guest/grant_table.h"
#include "guest/guest.h"
#include "guest/time.h"
#include <xen/memory.h>

#define MEMOP_SHIFT	6
#define MEMOP_MASK	((1U << MEMOP_SHIFT) - 1)
/* The 26 bits above that a 32-bit caller has: pages done, and that an extent is being emptied again. */
#define MEMOP_UNDO	(1U << 25)
#define MEMOP_PAGES	(MEMOP_UNDO - 1)
#define MAX_ORDER	9	/* of an extent: Xen's for a guest */
#define EXCHANGE_ORDER	20	/* Xen's largest */
#define ADD_UNITS	8	/* pages of add_to_physmap before the instruction is left to restart: each may flush all CPUs */

/* ---- taking a gfn's frame away ---- */

/* Who shows a special frame remembers where. */
static void forget_gfn(struct domain *d, gfn_t g)
{
	if (d->g.shared_gfn.v == g.v)
		d->g.shared_gfn = NO_GFN;
	for (size_t i = 0; i < ARRAY_SIZE(d->g.grant.frame); i++)
		if (d->g.grant.frame[i].gfn.v == g.v)
			d->g.grant.frame[i].gfn = NO_GFN;
}

/* What a call took out of the map so far. */
struct taken {
	bool		removed;		/* something: a flush is owed */
	uint32_t	nr;
	mfn_t		ram[HCALL_UNITS];	/* to be returned after it */
};

/*
 * Empty @g. 0 also when there was nothing. -XEN_ENOMEM: the frame is in use by the hypervisor or another domain, or a large
 * mapping cannot be split for lack of pages; asking dom0 for pages shows which. Physmap lock held.
 */
static int take_gfn(struct domain *d, gfn_t g, struct taken *t)
{
	enum p2m_type type = P2M_NONE;
	mfn_t m;

	if (!mfn_valid(p2m_lookup(d, g).mfn))
		return 0;
	m = p2m_unmap(d, g, &type);
	if (!mfn_valid(m))
		return -XEN_ENOMEM;
	t->removed = true;
	if (type == P2M_RAM)
		t->ram[t->nr++] = m;
	else
		forget_gfn(d, g);
	return 0;
}

/* After the lock: make sure no CPU still sees what was removed, then let dom0 have the RAM. */
static void flush_and_return(struct hcall *h, const struct taken *t)
{
	if (t->removed)
		domain_flush_tlb(h->v->d);
	for (uint32_t i = 0; i < t->nr; i++)
		ram_return(h->v->d, t->ram[i]);
	if (t->nr)
		hcall_to_dom0(h, ZRUN_RETURNED);
}

/* ---- add_to_physmap, remove_from_physmap ---- */

/* Show @m at @g, and nowhere else: @at is where it was. */
static int move_special(struct domain *d, mfn_t m, enum p2m_type type, gfn_t g, gfn_t *at, struct taken *t)
{
	int rc;

	if (at->v == g.v)
		return 0;
	rc = take_gfn(d, g, t);
	if (!rc && at->v != NO_GFN.v)
		rc = take_gfn(d, *at, t);	/* this forgets *at */
	if (!rc)
		rc = p2m_map(d, g, m, type, true);
	if (!rc)
		*at = g;
	return rc;
}

/* XENMAPSPACE_gmfn: RAM of the guest changes its address. */
static int move_ram(struct domain *d, gfn_t from, gfn_t to, struct taken *t)
{
	mfn_t m;
	int rc;

	if (from.v > p2m_max_gfn(d) || p2m_lookup(d, from).type != P2M_RAM)
		return -XEN_EINVAL;
	if (from.v == to.v)
		return 0;
	rc = take_gfn(d, to, t);
	if (!rc)
		rc = take_gfn(d, from, t);
	if (rc)
		return rc;
	m = t->ram[--t->nr];
	rc = p2m_map(d, to, m, P2M_RAM, true);
	/* No page for a table: back to where it was, whose tables are there; if they are not, the page is lost to the guest. */
	if (rc && p2m_map(d, from, m, P2M_RAM, true))
		t->nr++;
	return rc;
}

static int get_add(struct hcall *h, struct xen_add_to_physmap *a)
{
	struct compat_add_to_physmap c;

	if (h->wide)
		return hcall_get(h, h->arg[1], a, sizeof(*a));
	if (hcall_get(h, h->arg[1], &c, sizeof(c)))
		return -XEN_EFAULT;
	*a = (struct xen_add_to_physmap){ .domid = c.domid, .size = c.size, .space = c.space, .idx = c.idx, .gpfn = c.gpfn };
	return 0;
}

/* A guest that maps shared_info (again) is about to read it. */
static void refresh_shared(struct hcall *h)
{
	struct domain *d = h->v->d;

	guest_latch_width(d, h->wide);
	spin_lock(&d->g.evt.lock);
	for (uint32_t i = 0; i < d->max_vcpus; i++)
		if (domain_vcpu(d, i))
			time_write_info(domain_vcpu(d, i));
	spin_unlock(&d->g.evt.lock);
}

static int add_one(struct hcall *h, const struct xen_add_to_physmap *a, struct taken *t)
{
	struct domain *d = h->v->d;
	uint32_t place;
	int rc;

	switch (a->space) {
	case XENMAPSPACE_shared_info:
		if (a->idx)
			return -XEN_EINVAL;
		return move_special(d, pool_mfn(d->g.shared), P2M_SPECIAL, gfn(a->gpfn), &d->g.shared_gfn, t);
	case XENMAPSPACE_grant_table:
		rc = grant_frame_get(h, a->idx, &place);
		if (rc)
			return rc;
		return move_special(d, d->g.grant.frame[place].mfn, P2M_GRANT, gfn(a->gpfn), &d->g.grant.frame[place].gfn, t);
	case XENMAPSPACE_gmfn:
		return move_ram(d, gfn(a->idx), gfn(a->gpfn), t);
	case XENMAPSPACE_gmfn_foreign:	/* idx: whose, here */
		return is_self(d, (domid_t)a->idx) ? -XEN_EINVAL : only_self(d, (domid_t)a->idx);
	default:
		return -XEN_EINVAL;
	}
}

/* One page, with all that follows from it. */
static int add_page(struct hcall *h, const struct xen_add_to_physmap *a)
{
	struct domain *d = h->v->d;
	struct taken t = { 0 };
	int rc;

	if (a->gpfn > p2m_max_gfn(d))
		return -XEN_EINVAL;
	spin_lock(&d->g.physmap_lock);
	rc = add_one(h, a, &t);
	spin_unlock(&d->g.physmap_lock);
	flush_and_return(h, &t);
	if (!rc && a->space == XENMAPSPACE_shared_info)
		refresh_shared(h);
	return rc;
}

static int may_add(const struct domain *d, domid_t id, uint32_t space)
{
	int rc = only_self(d, id);

	return rc ? rc : space == XENMAPSPACE_dev_mmio ? -XEN_EACCES : 0;
}

/* @done of the pages are done: the instruction goes on there. */
static int64_t go_on(struct hcall *h, uint64_t done)
{
	h->arg[0] = (h->arg[0] & MEMOP_MASK) | done << MEMOP_SHIFT;
	h->restart = true;
	return 0;
}

/* XENMAPSPACE_gmfn_range: each page may cost a flush of all CPUs, so few are moved at a time. */
static int64_t add_range(struct hcall *h, struct xen_add_to_physmap *a, uint64_t start)
{
	if (a->size < start)
		return -XEN_EILSEQ;
	if (a->gpfn + a->size < a->gpfn || a->idx + a->size < a->idx)
		return -XEN_EOVERFLOW;
	a->space = XENMAPSPACE_gmfn;
	a->idx += start;
	a->gpfn += start;
	for (uint64_t i = start; i < a->size; i++, a->idx++, a->gpfn++) {
		int rc;

		if (i == start + ADD_UNITS)
			return go_on(h, i);
		rc = add_page(h, a);
		if (rc == -XEN_ENOMEM && i > start)
			return go_on(h, i);	/* dom0 is asked with nothing done */
		if (rc)
			return rc;
	}
	return 0;
}

static int64_t add_to_physmap(struct hcall *h)
{
	uint64_t start = h->arg[0] >> MEMOP_SHIFT;
	struct xen_add_to_physmap a;
	int rc;

	if (start > UINT16_MAX)
		return -XEN_EDOM;
	rc = get_add(h, &a);
	if (rc)
		return rc;
	if (a.space == XENMAPSPACE_gmfn_foreign)
		return -XEN_ENOSYS;	/* add_to_physmap_batch only */
	rc = may_add(h->v->d, a.domid, a.space);
	if (rc)
		return rc;
	return a.space == XENMAPSPACE_gmfn_range ? add_range(h, &a, start) : add_page(h, &a);
}

struct batch {
	domid_t	 domid;
	uint16_t space, size, extra;
	uint64_t idxs, gpfns, errs;
};

static int get_batch(struct hcall *h, struct batch *b)
{
	struct xen_add_to_physmap_batch w;
	struct compat_add_to_physmap_batch c;

	if (h->wide) {
		if (hcall_get(h, h->arg[1], &w, sizeof(w)))
			return -XEN_EFAULT;
		*b = (struct batch){ w.domid, w.space, w.size, w.u.res0, (uint64_t)w.idxs.p, (uint64_t)w.gpfns.p, (uint64_t)w.errs.p };
		return 0;
	}
	if (hcall_get(h, h->arg[1], &c, sizeof(c)))
		return -XEN_EFAULT;
	*b = (struct batch){ c.domid, c.space, c.size, c.extra, c.idxs, c.gpfns, c.errs };
	return 0;
}

static int64_t batch_page(struct hcall *h, const struct batch *b, uint64_t i)
{
	struct xen_add_to_physmap a = { .space = b->space };
	size_t word = h->wide ? 8 : 4;
	int32_t rc;

	if (hcall_get(h, b->idxs + i * word, &a.idx, word) || hcall_get(h, b->gpfns + i * word, &a.gpfn, word))
		return -XEN_EFAULT;
	if (a.gpfn == (h->wide ? ~0ULL : ~0U))
		return -XEN_EINVAL;
	if (b->space == XENMAPSPACE_gmfn_foreign)
		a.idx = b->extra;
	rc = add_page(h, &a);
	/* Lack of pages is the whole call's affair until dom0 was asked; then it is this page's error. */
	if (rc == -XEN_ENOMEM && !h->v->g.asked)
		return rc;
	return hcall_put(h, b->errs + i * sizeof(rc), &rc, sizeof(rc));
}

static int64_t add_to_physmap_batch(struct hcall *h)
{
	uint64_t start = h->arg[0] >> MEMOP_SHIFT;
	struct batch b;
	int64_t rc;

	if (start > UINT16_MAX)
		return -XEN_EDOM;
	if (get_batch(h, &b))
		return -XEN_EFAULT;
	if (b.space == XENMAPSPACE_gmfn_range)
		return -XEN_EOPNOTSUPP;
	rc = may_add(h->v->d, b.domid, b.space);
	if (rc)
		return rc;
	if (b.size < start || (start && b.size == start))
		return -XEN_EILSEQ;
	for (uint64_t i = start; i < b.size; i++) {
		if (i == start + ADD_UNITS)
			return go_on(h, i);
		rc = batch_page(h, &b, i);
		if (rc == -XEN_ENOMEM && i > start)
			return go_on(h, i);
		if (rc)
			return rc;
	}
	return 0;
}

static int64_t remove_from_physmap(struct hcall *h)
{
	struct domain *d = h->v->d;
	struct xen_remove_from_physmap a = { 0 };
	struct compat_remove_from_physmap c;
	struct taken t = { 0 };
	int rc;

	if (h->wide) {
		if (hcall_get(h, h->arg[1], &a, sizeof(a)))
			return -XEN_EFAULT;
	} else {
		if (hcall_get(h, h->arg[1], &c, sizeof(c)))
			return -XEN_EFAULT;
		a.domid = c.domid;
		a.gpfn = c.gpfn;
	}
	rc = only_self(d, a.domid);
	if (rc)
		return rc;
	if (a.gpfn > p2m_max_gfn(d))
		return -XEN_ENOENT;
	spin_lock(&d->g.physmap_lock);
	rc = take_gfn(d, gfn(a.gpfn), &t);
	spin_unlock(&d->g.physmap_lock);
	flush_and_return(h, &t);
	return rc ? rc : t.removed ? 0 : -XEN_ENOENT;
}

/* ---- decrease_reservation, populate_physmap ---- */

static int get_reservation(struct hcall *h, uint64_t at, struct xen_memory_reservation *r, uint64_t *ret_list)
{
	struct compat_memory_reservation c;

	if (h->wide) {
		if (hcall_get(h, at, r, sizeof(*r)))
			return -XEN_EFAULT;
		*ret_list = (uint64_t)r->extent_start.p;
		return 0;
	}
	if (hcall_get(h, at, &c, sizeof(c)))
		return -XEN_EFAULT;
	r->nr_extents = c.nr_extents;
	r->extent_order = c.extent_order;
	r->mem_flags = c.mem_flags;
	r->domid = c.domid;
	*ret_list = c.extent_start;
	return 0;
}

/* @nr pages of the guest's list of extents, from page @first of it on. */
static int get_gfns(struct hcall *h, uint64_t list, uint32_t order, uint64_t first, uint64_t *gfns, uint32_t nr)
{
	size_t word = h->wide ? 8 : 4;
	uint64_t extent = 0, have = ~0ULL;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t page = first + i;

		if (page >> order != have && hcall_get(h, list + (page >> order) * word, &extent, word))
			return -XEN_EFAULT;
		have = page >> order;
		gfns[i] = extent + (page & ((1ULL << order) - 1));
	}
	return 0;
}

/* How many of @nr were given up. Frames that are special or not there end it; @ret_missing: see take_gfn(). */
static uint32_t decrease_some(struct hcall *h, const uint64_t *gfns, uint32_t nr, bool *ret_missing)
{
	struct domain *d = h->v->d;
	struct taken t = { 0 };

	spin_lock(&d->g.physmap_lock);
	while (t.nr < nr) {
		gfn_t g = gfn(gfns[t.nr]);

		if (g.v > p2m_max_gfn(d) || p2m_lookup(d, g).type != P2M_RAM)
			break;
		if (take_gfn(d, g, &t)) {
			*ret_missing = true;
			break;
		}
	}
	spin_unlock(&d->g.physmap_lock);
	flush_and_return(h, &t);
	return t.nr;
}

/* How many of @nr were filled. @ret_missing set: it ended for lack of pages, which dom0 may have. */
static uint32_t populate_some(struct hcall *h, const uint64_t *gfns, uint32_t nr, bool *ret_missing)
{
	struct domain *d = h->v->d;
	uint32_t done = 0;

	spin_lock(&d->g.physmap_lock);
	for (; done < nr; done++) {
		mfn_t m;

		if (gfns[done] > p2m_max_gfn(d) || mfn_valid(p2m_lookup(d, gfn(gfns[done])).mfn))
			break;
		m = ram_take(d);
		if (!mfn_valid(m)) {
			h->need_ram = nr - done;
			*ret_missing = READ_ONCE(d->nr_pages) < d->max_pages;
			break;
		}
		if (p2m_map(d, gfn(gfns[done]), m, P2M_RAM, true)) {
			ram_return(d, m);
			*ret_missing = true;
			break;
		}
	}
	spin_unlock(&d->g.physmap_lock);
	return done;
}

/*
 * A large extent that cannot be filled is emptied again, from page @done on backwards: what it took would else be neither given nor
 * missing.
 */
static int64_t undo_extent(struct hcall *h, uint64_t list, uint32_t order, uint64_t done)
{
	uint64_t gfns[HCALL_UNITS], inside = done & ((1ULL << order) - 1);
	uint32_t nr = (uint32_t)MIN(inside, HCALL_UNITS);
	bool missing = false;

	if (!nr || get_gfns(h, list, order, done - nr, gfns, nr) || decrease_some(h, gfns, nr, &missing) != nr || nr == inside)
		return (int64_t)(done >> order);
	return go_on(h, (done - nr) | MEMOP_UNDO);
}

/*
 * Returns the number of extents done, which may be short: also the answer to arguments that are wrong, as in Xen. increase_reservation does
 * none: a page without an address would serve nobody.
 */
static int64_t change_reservation(struct hcall *h, uint32_t cmd)
{
	bool populate = cmd == XENMEM_populate_physmap, missing = false;
	uint64_t gfns[HCALL_UNITS], list, pages, start = h->arg[0] >> MEMOP_SHIFT;
	struct xen_memory_reservation r = { 0 };
	uint32_t nr, done;

	if (get_reservation(h, h->arg[1], &r, &list) || r.extent_order > MAX_ORDER || r.nr_extents > MEMOP_PAGES >> r.extent_order ||
	    !is_self(h->v->d, r.domid) || cmd == XENMEM_increase_reservation || (r.mem_flags & XENMEMF_populate_on_demand))
		return 0;
	if (start & MEMOP_UNDO)
		return undo_extent(h, list, r.extent_order, start & MEMOP_PAGES);
	pages = r.nr_extents << r.extent_order;
	if (start >= pages)
		return (int64_t)(start >> r.extent_order);
	nr = (uint32_t)MIN(pages - start, HCALL_UNITS);
	/* Pages before one whose extent cannot be read: those of an earlier unit count, of this one none. */
	if (get_gfns(h, list, r.extent_order, start, gfns, nr))
		return (int64_t)(start >> r.extent_order);
	done = populate ? populate_some(h, gfns, nr, &missing) : decrease_some(h, gfns, nr, &missing);
	if (missing && !done && !h->v->g.asked)
		return -XEN_ENOMEM;
	start += done;
	if (start == pages)
		return (int64_t)(start >> r.extent_order);
	if (done == nr || (missing && done))
		return go_on(h, start);
	if (populate && (start & ((1ULL << r.extent_order) - 1)))
		return go_on(h, start | MEMOP_UNDO);
	return (int64_t)(start >> r.extent_order);
}

/* Xen takes no frame from a domain with nested paging, once it has looked at what is asked: machine frames mean nothing to it. */
static int64_t exchange(struct hcall *h)
{
	size_t size = h->wide ? sizeof(struct xen_memory_reservation) : sizeof(struct compat_memory_reservation);
	struct xen_memory_reservation in = { 0 }, out = { 0 };
	uint64_t list, done = 0;
	int rc;

	if (get_reservation(h, h->arg[1], &in, &list) || get_reservation(h, h->arg[1] + size, &out, &list) ||
	    hcall_get(h, h->arg[1] + 2 * size, &done, h->wide ? sizeof(uint64_t) : sizeof(uint32_t)))
		return -XEN_EFAULT;
	if (done > in.nr_extents || in.domid != out.domid || in.extent_order > EXCHANGE_ORDER || out.extent_order > EXCHANGE_ORDER ||
	    in.nr_extents > ~0UL >> in.extent_order || out.nr_extents > ~0UL >> out.extent_order ||
	    in.nr_extents << in.extent_order != out.nr_extents << out.extent_order)
		return -XEN_EINVAL;
	rc = only_self(h->v->d, in.domid);
	if (rc)
		return rc;
	return done < in.nr_extents ? -XEN_EOPNOTSUPP : 0;
}

int64_t hcall_memory_op(struct hcall *h)
{
	uint32_t cmd = h->arg[0] & MEMOP_MASK;

	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return change_reservation(h, cmd);
	case XENMEM_add_to_physmap:
		return add_to_physmap(h);
	case XENMEM_add_to_physmap_batch:
		return add_to_physmap_batch(h);
	default:
		break;
	}
	if (h->arg[0] >> MEMOP_SHIFT)
		return -XEN_EINVAL;	/* never was restarted */
	switch (cmd) {
	case XENMEM_remove_from_physmap:
		return remove_from_physmap(h);
	case XENMEM_exchange:
		return exchange(h);
	default:
		return memory_query(h, cmd);
	}
}
