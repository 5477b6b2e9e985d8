// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest as granter. Its entries are read and pinned by dom0's kernel itself (F23); here are the frames and
 * the version. Frames are dom0's donations, asked for as the table grows. Mapping other guests' grants
 * and version 2 come later.
 */
#include "guest/grant_table.h"
#include "guest/guest.h"
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "core/guest_mem.h"
#include <xen/grant_table.h>

int grant_init(struct domain *d, hpa_t page)
{
	struct guest_grant *g = &d->g.grant;

	spin_init(&g->lock, RANK_GRANT);
	for (size_t i = 0; i < ARRAY_SIZE(g->frame); i++) {
		g->frame[i].mfn = INVALID_MFN;
		g->frame[i].gfn = NO_GFN;
	}
	if (!page.v)
		return 0;
	g->page = dom0_page_map(page);
	if (!g->page)
		return -XEN_EFAULT;
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
	if (g->nr_frames < GRANT_MAX_FRAMES) {
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

mfn_t grant_frame(struct domain *d, uint64_t idx)
{
	mfn_t m = INVALID_MFN;

	spin_lock(&d->g.grant.lock);
	if (idx < d->g.grant.nr_frames)
		m = d->g.grant.frame[idx].mfn;
	spin_unlock(&d->g.grant.lock);
	return m;
}

/* Frames up to @idx, out of the stock: dom0 is asked for what is missing. */
int grant_grow(struct hcall *h, uint64_t idx)
{
	struct domain *d = h->v->d;

	if (idx >= GRANT_MAX_FRAMES)
		return -XEN_EINVAL;
	while (READ_ONCE(d->g.grant.nr_frames) <= idx) {
		mfn_t m = grant_take(d);
		int rc;

		if (!mfn_valid(m)) {
			h->need_ram = (uint32_t)(idx + 1 - d->g.grant.nr_frames);
			return -XEN_ENOMEM;
		}
		rc = grant_add_frame(d, m);
		if (rc)
			return rc;	/* dom0 filled it up meanwhile; the frame stays the domain's until it dies */
	}
	return 0;
}

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
		q.max_nr_frames = GRANT_MAX_FRAMES;
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
	a.version = 1;
	return hcall_put(h, h->arg[1], &a, sizeof(a));
}

static int64_t set_version(struct hcall *h)
{
	struct gnttab_set_version a;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (a.version != 1)
		return a.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
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

/* The list gets the frames' current gfns, all ones where the guest has not mapped one. */
static int put_frame_list(struct hcall *h, uint64_t list, uint32_t nr)
{
	size_t size = h->wide ? 8 : 4;

	for (uint32_t i = 0; i < nr; i++) {
		gfn_t g = READ_ONCE(h->v->d->g.grant.frame[i].gfn);
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
	} else if (s.nr_frames > GRANT_MAX_FRAMES) {
		s.status = GNTST_general_error;
	} else if (s.nr_frames) {
		spin_lock(&d->g.physmap_lock);
		rc = grant_grow(h, s.nr_frames - 1);
		spin_unlock(&d->g.physmap_lock);
		if (!rc)
			rc = put_frame_list(h, list, s.nr_frames);
	}
	if (rc)
		return rc;
	/* The status stands at the same offset in both layouts. */
	return hcall_put(h, h->arg[1] + offsetof(struct gnttab_setup_table, status), &s.status, sizeof(s.status));
}

int64_t hcall_grant_table_op(struct hcall *h)
{
	switch ((uint32_t)h->arg[0]) {
	case GNTTABOP_query_size:
		return query_size(h);
	case GNTTABOP_get_version:
		return get_version(h);
	case GNTTABOP_set_version:
		return set_version(h);
	case GNTTABOP_setup_table:
		return setup_table(h);
	default:
		return -XEN_ENOSYS;	/* map, unmap, copy, transfer: the guest is no backend yet */
	}
}
_Static_assert(offsetof(struct gnttab_setup_table, status) == offsetof(struct compat_gnttab_setup_table, status), "one store");
