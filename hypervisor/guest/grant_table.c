// SPDX-License-Identifier: GPL-2.0-only
/* Frames of grant tables, and which call is done where. Frames are dom0's donations, asked for as the table grows. */
#include "guest/grant_table.h"
#include "guest/guest.h"
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "core/guest_mem.h"
#include <xen/memory.h>

/*
 * Of a call's work on its list. Unmapping has as much again to do afterwards, or three times that where frame records are refined.
 */
#define SLICE_US	16

int grant_init(struct domain *d, const struct zendo_domain_create *c)
{
	struct guest_grant *g = &d->g.grant;
	int rc;

	spin_init(&g->lock, RANK_GRANT);
	for (size_t i = 0; i < ARRAY_SIZE(g->frame); i++) {
		g->frame[i].mfn = INVALID_MFN;
		g->frame[i].gfn = NO_GFN;
	}
	g->version = 1;
	g->max_frames = GRANT_MAX_FRAMES;
	g->max_maptrack = MAPTRACK_MAX_FRAMES;
	if (!c->grant_hpa)
		return 0;
	rc = dom0_page_map(hpa(c->grant_hpa), (void **)&g->page);
	if (rc)
		return rc;
	WRITE_ONCE(g->page->nr_frames, 0);
	WRITE_ONCE(g->page->version, 1);
	return 0;
}

void grant_destroy(struct domain *d)
{
	if (d->g.grant.page)
		dom0_page_unmap(d->g.grant.page);
	d->g.grant.page = NULL;
}

int grant_add_frame(struct domain *d, mfn_t m)
{
	struct guest_grant *g = &d->g.grant;
	int rc = -XEN_ENOSPC;

	spin_lock(&g->lock);
	if (g->nr_frames < g->max_frames) {
		g->frame[g->nr_frames].mfn = m;
		if (g->page) {
			WRITE_ONCE(g->page->frame_hpa[g->nr_frames], mfn_to_hpa(m).v);
			smp_wmb();	/* the frame before the count that says it is there */
			WRITE_ONCE(g->page->nr_frames, g->nr_frames + 1);
		}
		g->nr_frames++;
		rc = 0;
	}
	spin_unlock(&g->lock);
	return rc;
}

/* A frame out of the stock: dom0 is asked for the @missing. */
static int take_frame(struct hcall *h, uint32_t missing, mfn_t *ret)
{
	*ret = grant_take(h->v->d);
	if (mfn_valid(*ret))
		return 0;
	h->need_ram = missing;
	return -XEN_ENOMEM;
}

static int grow(struct hcall *h, uint64_t idx)
{
	struct domain *d = h->v->d;

	if (idx >= d->g.grant.max_frames)
		return -XEN_EINVAL;
	while (READ_ONCE(d->g.grant.nr_frames) <= idx) {
		mfn_t m;
		int rc = take_frame(h, (uint32_t)(idx + 1 - d->g.grant.nr_frames), &m);

		if (!rc)
			rc = grant_add_frame(d, m);
		if (rc)
			return rc;	/* ENOSPC: dom0 filled it up meanwhile; the frame stays the domain's until it dies */
	}
	return 0;
}

static uint32_t status_needed(const struct guest_grant *g)
{
	return (READ_ONCE(g->nr_frames) + GRANT_MAX_FRAMES / GRANT_MAX_STATUS - 1) / (GRANT_MAX_FRAMES / GRANT_MAX_STATUS);
}

int grant_grow_status(struct hcall *h)
{
	struct guest_grant *g = &h->v->d->g.grant;

	while (g->nr_status < status_needed(g)) {
		mfn_t m;
		int rc = take_frame(h, status_needed(g) - g->nr_status, &m);

		if (rc)
			return rc;
		spin_lock(&g->lock);
		g->frame[GRANT_MAX_FRAMES + g->nr_status].mfn = m;
		if (g->page)
			WRITE_ONCE(g->page->status_hpa[g->nr_status], mfn_to_hpa(m).v);
		g->nr_status++;
		spin_unlock(&g->lock);
	}
	return 0;
}

/* Version 2, or on the way there. */
static bool has_status(const struct guest_grant *g)
{
	return (READ_ONCE(g->version) ? READ_ONCE(g->version) : READ_ONCE(g->target)) == 2;
}

int grant_frame_get(struct hcall *h, uint64_t idx, uint32_t *ret_place)
{
	struct guest_grant *g = &h->v->d->g.grant;
	bool status = has_status(g) && (idx & XENMAPIDX_grant_table_status);
	int rc;

	if (status)
		idx &= ~(uint64_t)XENMAPIDX_grant_table_status;
	if (status && idx >= GRANT_MAX_STATUS)
		return -XEN_EINVAL;
	rc = grow(h, status ? MIN(idx * (GRANT_MAX_FRAMES / GRANT_MAX_STATUS), g->max_frames - 1) : idx);
	if (!rc && has_status(g))
		rc = grant_grow_status(h);
	if (!rc && status && idx >= g->nr_status)
		rc = -XEN_EINVAL;
	*ret_place = (uint32_t)(status ? GRANT_MAX_FRAMES + idx : idx);
	return rc;
}

/* ---- lists of entries ---- */

uint64_t grant_slice_end(void)
{
	return host_tsc() + host_tsc_khz() * SLICE_US / 1000;
}

int grant_ask(struct hcall *h, int *status)
{
	if (*status != GRANT_NO_PAGES)
		return 0;
	if (!h->v->g.asked)
		return -XEN_ENOMEM;
	*status = GNTST_no_space;
	return 0;
}

int64_t grant_each(struct hcall *h, size_t size, int (*one)(struct hcall *h, uint64_t ptr, void *ctx), void *ctx)
{
	uint32_t count = (uint32_t)h->arg[2], n = 0;
	uint64_t stop = grant_slice_end();
	int rc = 0;

	if (count > INT32_MAX)
		return -XEN_EINVAL;
	while (n < MIN(count, (uint32_t)HCALL_UNITS)) {
		rc = one(h, h->arg[1] + n * size, ctx);
		if (rc)
			break;
		n++;
		if (host_tsc() > stop)
			break;
	}
	/* Pages are missing: dom0 is asked when that entry is the first. */
	if (rc && !(rc == -XEN_ENOMEM && n))
		return rc;
	h->arg[1] += n * size;
	h->arg[2] = count - n;
	h->restart = n < count;
	return 0;
}

/* ---- calls ---- */

static int64_t query_size(struct hcall *h)
{
	struct gnttab_query_size q;
	struct domain *d = h->v->d;

	if ((uint32_t)h->arg[2] != 1)
		return -XEN_EINVAL;
	if (hcall_get(h, h->arg[1], &q, sizeof(q)))
		return -XEN_EFAULT;
	q.status = is_self(d, q.dom) ? GNTST_okay : GNTST_permission_denied;
	if (q.status == GNTST_okay) {
		q.nr_frames = READ_ONCE(d->g.grant.nr_frames);
		q.max_nr_frames = d->g.grant.max_frames;
	}
	return hcall_put(h, h->arg[1], &q, sizeof(q));
}

static int64_t get_version(struct hcall *h)
{
	struct gnttab_get_version a;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (!is_self(h->v->d, a.dom))
		return -XEN_EPERM;
	a.version = has_status(&h->v->d->g.grant) ? 2 : 1;
	return hcall_put(h, h->arg[1], &a, sizeof(a));
}

static int get_setup(struct hcall *h, struct gnttab_setup_table *s, uint64_t *ret_list)
{
	struct compat_gnttab_setup_table c;

	if (h->wide) {
		if (hcall_get(h, h->arg[1], s, sizeof(*s)))
			return -XEN_EFAULT;
		*ret_list = (uint64_t)s->frame_list.p;
		return 0;
	}
	if (hcall_get(h, h->arg[1], &c, sizeof(c)))
		return -XEN_EFAULT;
	s->dom = c.dom;
	s->nr_frames = c.nr_frames;
	*ret_list = c.frame_list;
	return 0;
}

/* The list, of @size bytes each, gets the frames' current gfns, from place @first on; all ones where the guest has not mapped one. */
static int put_frame_list(struct hcall *h, uint64_t list, size_t size, uint32_t first, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		gfn_t g = READ_ONCE(h->v->d->g.grant.frame[first + i].gfn);
		uint64_t val = g.v == NO_GFN.v ? ~0ULL : g.v;

		if (hcall_put(h, list + i * size, &val, size))
			return -XEN_EFAULT;
	}
	return 0;
}

static int64_t setup_table(struct hcall *h)
{
	struct gnttab_setup_table s = { 0 };
	struct domain *d = h->v->d;
	uint64_t list;
	int rc;

	if ((uint32_t)h->arg[2] != 1)
		return -XEN_EINVAL;
	rc = get_setup(h, &s, &list);
	if (rc)
		return rc;
	s.status = GNTST_okay;
	if (!is_self(d, s.dom)) {
		s.status = GNTST_permission_denied;
	} else if (s.nr_frames > d->g.grant.max_frames) {
		s.status = GNTST_general_error;
	} else if (s.nr_frames) {
		spin_lock(&d->g.physmap_lock);
		rc = grow(h, s.nr_frames - 1);
		if (!rc && has_status(&d->g.grant))
			rc = grant_grow_status(h);
		spin_unlock(&d->g.physmap_lock);
		if (!rc)
			rc = put_frame_list(h, list, h->wide ? 8 : 4, 0, s.nr_frames);
	}
	if (rc)
		return rc;
	/* The status stands at the same offset in both layouts. */
	return hcall_put(h, h->arg[1] + offsetof(struct gnttab_setup_table, status), &s.status, sizeof(s.status));
}

/* Elements of the list have 8 bytes for every caller; only the pointer to it differs. */
static int64_t get_status_frames(struct hcall *h)
{
	struct gnttab_get_status_frames s = { 0 };
	struct domain *d = h->v->d;
	uint64_t list;
	int rc = 0;

	if ((uint32_t)h->arg[2] != 1)
		return -XEN_EINVAL;
	if (hcall_get(h, h->arg[1], &s, h->wide ? sizeof(s) : offsetof(struct gnttab_get_status_frames, frame_list) + 4))
		return -XEN_EFAULT;
	list = (uint64_t)s.frame_list.p;
	s.status = GNTST_okay;
	if (!is_self(d, s.dom))
		s.status = GNTST_permission_denied;
	else if (s.nr_frames > (has_status(&d->g.grant) ? READ_ONCE(d->g.grant.nr_status) : 0))
		s.status = GNTST_general_error;
	else
		rc = put_frame_list(h, list, 8, GRANT_MAX_FRAMES, s.nr_frames);
	if (rc)
		return rc;
	return hcall_put(h, h->arg[1] + offsetof(struct gnttab_get_status_frames, status), &s.status, sizeof(s.status));
}

/* Caches are coherent, and a guest knows no bus address that it could name. */
static int64_t cache_flush(struct hcall *h)
{
	struct gnttab_cache_flush c;

	if (!(uint32_t)h->arg[2])
		return 0;
	if (hcall_get(h, h->arg[1], &c, sizeof(c)))
		return -XEN_EFAULT;
	if (c.offset >= PAGE_SIZE || c.offset + c.length > (int)PAGE_SIZE ||
	    (c.op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL | GNTTAB_CACHE_SOURCE_GREF)))
		return -XEN_EINVAL;
	return -XEN_EOPNOTSUPP;
}

int64_t hcall_grant_table_op(struct hcall *h)
{
	switch ((uint32_t)h->arg[0]) {
	case GNTTABOP_map_grant_ref:
		return grant_map_refs(h);
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace:
		return grant_unmap_refs(h);
	case GNTTABOP_copy:
		return grant_copies(h);
	case GNTTABOP_query_size:
		return query_size(h);
	case GNTTABOP_get_version:
		return get_version(h);
	case GNTTABOP_set_version:
		return grant_set_version(h);
	case GNTTABOP_setup_table:
		return setup_table(h);
	case GNTTABOP_get_status_frames:
		return get_status_frames(h);
	case GNTTABOP_swap_grant_ref:
		return grant_each(h, sizeof(struct gnttab_swap_grant_ref), grant_swap_one, NULL);
	case GNTTABOP_cache_flush:
		return cache_flush(h);
	default:
		return -XEN_ENOSYS;	/* transfer is for PV guests, dump_table is not implemented by Xen either */
	}
}
_Static_assert(offsetof(struct gnttab_setup_table, status) == offsetof(struct compat_gnttab_setup_table, status), "one store");
