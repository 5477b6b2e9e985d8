// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a domain has mapped of others' memory. Life of a mapping:
 *   map:	handle reserved; entry pinned; frame held; shown in the nested table and MAPPED, under both of the mapper's locks
 *   unmap:	BUSY and out of the nested table, under both locks; flushed; hold, then pin let go; handle free
 *   mapper's end:  as unmap, but nothing is shown or flushed: it never runs again
 *   granter's end: each mapping of its frames, found in all domains, becomes BUSY and shows a page of nothing; flushed; hold let go; REVOKED.
 * So a frame is held for as long as anybody can reach it, and a granter's end waits for no guest. One that is BUSY belongs to the
 * CPU that made it so: it is done soon, and both ends wait for it. For as long its granter is not gone, so the domid names that one.
 */
#include "guest/grant_table.h"
#include "guest/hypercall.h"
#include "core/guest_mem.h"

#define FREE_PAGES	4	/* given back in one call of grant_end() */
#define REVOKE_BATCH	16

_Static_assert(sizeof(struct gnttab_unmap_grant_ref) == sizeof(struct gnttab_unmap_and_replace) &&
	       offsetof(struct gnttab_unmap_grant_ref, dev_bus_addr) == offsetof(struct gnttab_unmap_and_replace, new_addr) &&
	       offsetof(struct gnttab_unmap_grant_ref, status) == offsetof(struct gnttab_unmap_and_replace, status), "one handler");

static void locks(struct domain *d)
{
	spin_lock(&d->g.physmap_lock);
	spin_lock(&d->g.grant.lock);
}

static void unlocks(struct domain *d)
{
	spin_unlock(&d->g.grant.lock);
	spin_unlock(&d->g.physmap_lock);
}

/* ---- handles ---- */

/* NULL: no such handle. Grant lock held, or the handle is the caller's. */
static struct maptrack *track_at(struct domain *d, uint32_t handle)
{
	struct grant_use *u = d->g.grant.use;
	uint32_t page = handle / TRACKS_PER_PAGE;

	return u && page < u->nr_track && u->track[page] ? &u->track[page][handle % TRACKS_PER_PAGE] : NULL;
}

static int add_tracks(struct domain *d, struct grant_use *u)
{
	struct maptrack *t;

	if (u->nr_track >= d->g.grant.max_maptrack)
		return GNTST_no_space;
	if (!u->scratch)
		u->scratch = pool_alloc(d);
	t = u->scratch ? pool_alloc(d) : NULL;
	if (!t)
		return GRANT_NO_PAGES;
	for (uint32_t i = 0; i < TRACKS_PER_PAGE - 1; i++)
		t[i].ref = (u->nr_track * TRACKS_PER_PAGE + i + 2) & 0xffffff;
	u->free = u->nr_track * TRACKS_PER_PAGE + 1;
	u->track[u->nr_track++] = t;
	return GNTST_okay;
}

static int track_get(struct domain *d, uint32_t *ret_handle)
{
	struct grant_use *u;
	int st = GNTST_okay;

	spin_lock(&d->g.grant.lock);
	u = grant_use_get(d);
	if (!u)
		st = GRANT_NO_PAGES;
	else if (!u->free)
		st = add_tracks(d, u);
	if (!st) {
		struct maptrack *t = track_at(d, u->free - 1);

		*ret_handle = u->free - 1;
		u->free = t->ref;
		t->state = TRACK_RESERVED;
	}
	spin_unlock(&d->g.grant.lock);
	return st;
}

static void track_put(struct domain *d, uint32_t handle)
{
	struct grant_use *u = d->g.grant.use;

	spin_lock(&d->g.grant.lock);
	*track_at(d, handle) = (struct maptrack){ .state = TRACK_FREE, .ref = u->free & 0xffffff };
	u->free = handle + 1;
	spin_unlock(&d->g.grant.lock);
}

/* ---- map_grant_ref ---- */

static int show(struct domain *d, const struct gnttab_map_grant_ref *op, mfn_t m, bool write, uint32_t handle)
{
	gfn_t g = gfn(op->host_addr >> PAGE_SHIFT);
	int rc;

	locks(d);
	rc = p2m_map_grant(d, g, m, write);
	if (!rc)
		*track_at(d, handle) = (struct maptrack){ .gfn = g.v & 0xffffffffff, .dom = op->dom, .state = TRACK_MAPPED, .write = write,
							  .mfn = m.v & 0xffffffffff, .ref = op->ref & 0xffffff };
	unlocks(d);
	return !rc ? GNTST_okay : rc == -XEN_ENOMEM ? GRANT_NO_PAGES : GNTST_general_error;
}

static int hold_and_show(struct domain *d, struct domain *o, const struct gnttab_map_grant_ref *op, gfn_t g, bool write, uint32_t handle)
{
	mfn_t m;
	int st, rc = ram_hold(o, g, write, &m);

	if (rc)
		return rc == -XEN_ENOMEM ? GRANT_NO_PAGES : rc == -XEN_EBUSY ? GNTST_no_space : GNTST_bad_page;
	st = show(d, op, m, write, handle);
	if (st)
		ram_release(m);
	return st;
}

static int map_from(struct domain *d, struct domain *o, struct gnttab_map_grant_ref *op)
{
	bool write = !(op->flags & GNTMAP_readonly);
	struct grant_area a;
	uint32_t handle;
	int st = track_get(d, &handle);

	if (st)
		return st;
	st = grant_pin(o, d->id, op->ref, write, true, &a);
	if (!st) {
		st = hold_and_show(d, o, op, a.gfn, write, handle);
		if (st)
			grant_unpin(o, op->ref, write);
	}
	if (st) {
		track_put(d, handle);
		return st;
	}
	op->handle = handle;
	op->dev_bus_addr = 0;	/* a guest learns no machine address */
	return GNTST_okay;
}

static int map(struct domain *d, struct gnttab_map_grant_ref *op)
{
	struct domain *o;
	int st;

	if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		return GNTST_bad_gntref;
	/* The rest is for PV guests. */
	if (op->flags & ~(uint32_t)(GNTMAP_host_map | GNTMAP_readonly))
		return GNTST_general_error;
	o = peer_get(d, op->dom);
	if (!o)
		return GNTST_bad_domain;
	st = map_from(d, o, op);
	peer_put(d, o);
	return st;
}

static int map_one(struct hcall *h, uint64_t ptr, void *ctx)
{
	struct gnttab_map_grant_ref op;
	int st, rc;

	(void)ctx;
	if (hcall_get(h, ptr, &op, sizeof(op)))
		return -XEN_EFAULT;
	st = map(h->v->d, &op);
	rc = grant_ask(h, &st);
	if (rc)
		return rc;
	op.status = (int16_t)st;
	return hcall_put(h, ptr, &op, sizeof(op));
}

int64_t grant_map_refs(struct hcall *h)
{
	return grant_each(h, sizeof(struct gnttab_map_grant_ref), map_one, NULL);
}

/* ---- unmap_grant_ref, unmap_and_replace ---- */

struct unmaps {
	uint32_t nr;
	uint32_t handle[HCALL_UNITS];	/* BUSY; a flush is owed */
};

static int hide(struct domain *d, const struct gnttab_unmap_grant_ref *op, bool *ret_hidden)
{
	struct maptrack *t = track_at(d, op->handle);
	bool shown;

	if (!t || (t->state != TRACK_MAPPED && t->state != TRACK_REVOKED))
		return GNTST_bad_handle;
	/* No bus address was given out; replacing is for PV guests. */
	if (op->dev_bus_addr)
		return GNTST_general_error;
	if (!op->host_addr)
		return GNTST_okay;	/* as the header has it: that field is ignored, so nothing is unmapped */
	if (t->gfn != op->host_addr >> PAGE_SHIFT)
		return GNTST_general_error;
	shown = p2m_unmap_grant(d, gfn(t->gfn), mfn(t->mfn));
	if (!shown && t->state == TRACK_MAPPED)
		return GNTST_general_error;	/* what is held stays where it is, so this cannot be */
	t->state = TRACK_BUSY;
	*ret_hidden = true;
	return GNTST_okay;
}

/* Nobody reaches the frame through this mapping any more. */
static void let_go(struct domain *d, const struct maptrack *t)
{
	struct domain *o;

	if (!t->dom)
		return;		/* revoked */
	ram_release(mfn(t->mfn));
	o = peer_get(d, t->dom);
	if (o) {		/* else its marks do not matter */
		grant_unpin(o, t->ref, t->write);
		peer_put(d, o);
	}
}

static int unmap_one(struct hcall *h, uint64_t ptr, void *ctx)
{
	struct gnttab_unmap_grant_ref op;
	struct domain *d = h->v->d;
	struct unmaps *u = ctx;
	bool hidden = false;

	if (hcall_get(h, ptr, &op, sizeof(op)))
		return -XEN_EFAULT;
	locks(d);
	op.status = (int16_t)hide(d, &op, &hidden);
	unlocks(d);
	if (hidden)
		u->handle[u->nr++] = op.handle;
	return hcall_put(h, ptr + offsetof(struct gnttab_unmap_grant_ref, status), &op.status, sizeof(op.status));
}

int64_t grant_unmap_refs(struct hcall *h)
{
	struct domain *d = h->v->d;
	struct unmaps u = { 0 };
	int64_t rc = grant_each(h, sizeof(struct gnttab_unmap_grant_ref), unmap_one, &u);

	if (u.nr)
		domain_flush_tlb(d);
	for (uint32_t i = 0; i < u.nr; i++) {
		let_go(d, track_at(d, u.handle[i]));
		track_put(d, u.handle[i]);
	}
	return rc;
}

/* ---- the end of a domain ---- */

/* Its own mappings. False: more, or another CPU is at one. */
static bool end_mapper(struct domain *d)
{
	uint64_t stop = grant_slice_end();
	struct guest_grant *g = &d->g.grant;
	struct maptrack t;

	for (;; g->end_next++) {
		struct maptrack *at;

		if (host_tsc() > stop)
			return false;
		spin_lock(&g->lock);
		at = track_at(d, g->end_next);
		t = at ? *at : (struct maptrack){ 0 };
		if (t.state == TRACK_MAPPED)
			at->state = TRACK_BUSY;
		spin_unlock(&g->lock);
		if (!at)
			return true;
		if (t.state == TRACK_BUSY)
			return false;
		if (t.state != TRACK_MAPPED)
			continue;
		let_go(d, &t);
		spin_lock(&g->lock);
		at->state = TRACK_FREE;
		spin_unlock(&g->lock);
	}
}

/*
 * Take @o's mappings of @d's frames from handle g->end_next on. Returns how many; *ret_more: look there again. BUSY holds @o where it is: its own
 * end waits, so its vCPUs and its tables are there to be flushed and changed.
 */
static uint32_t take_some(struct domain *d, struct domain *o, uint32_t *taken, bool *ret_more)
{
	struct guest_grant *g = &d->g.grant;
	struct maptrack *t;
	uint32_t nr = 0;

	locks(o);
	*ret_more = false;
	for (uint32_t i = 0; (t = track_at(o, g->end_next)); i++, g->end_next++) {
		bool ours = t->dom == d->id && (t->state == TRACK_MAPPED || t->state == TRACK_BUSY);

		*ret_more = nr == REVOKE_BATCH || i == TRACKS_PER_PAGE || (ours && t->state == TRACK_BUSY);
		if (*ret_more)
			break;
		if (!ours)
			continue;
		(void)p2m_replace_grant(o, gfn(t->gfn), mfn(t->mfn), pool_mfn(o->g.grant.use->scratch));
		t->state = TRACK_BUSY;
		taken[nr++] = g->end_next;
	}
	unlocks(o);
	return nr;
}

/* True: nothing of @d is mapped in @o. */
static bool revoke_in(struct domain *d, struct domain *o)
{
	uint32_t taken[REVOKE_BATCH], nr;
	bool more;

	nr = take_some(d, o, taken, &more);
	if (nr)
		domain_flush_tlb(o);
	for (uint32_t i = 0; i < nr; i++) {
		struct maptrack *t = track_at(o, taken[i]);

		ram_release(mfn(t->mfn));
		spin_lock(&o->g.grant.lock);
		t->dom = 0;
		t->mfn = pool_mfn(o->g.grant.use->scratch).v & 0xffffffffff;
		t->state = TRACK_REVOKED;
		spin_unlock(&o->g.grant.lock);
	}
	return !more;
}

static bool end_granter(struct domain *d)
{
	uint64_t stop = grant_slice_end();
	struct guest_grant *g = &d->g.grant;

	/* A pin goes after the hold; where the granter's end was seen first it stays. */
	while (g->nr_pins && g->end_dom < MAX_DOMAINS) {
		struct domain *o = domain_get((domid_t)g->end_dom);
		bool done = true;

		if (o && o != d)
			done = revoke_in(d, o);
		if (o)
			domain_put(o);
		if (done) {
			g->end_dom++;
			g->end_next = 0;
		}
		if (!done || host_tsc() > stop)
			return false;
	}
	return true;
}

/* The lock: others may be looking for mappings of theirs. */
static bool free_pages(struct domain *d)
{
	struct guest_grant *g = &d->g.grant;
	void *page[FREE_PAGES];
	uint32_t nr = 0;

	spin_lock(&g->lock);
	for (uint32_t i = 0; g->use && i < GRANT_COUNT_PAGES && nr < FREE_PAGES; i++) {
		if (g->use->count[i])
			page[nr++] = g->use->count[i];
		g->use->count[i] = NULL;
	}
	while (g->use && g->use->nr_track && nr < FREE_PAGES)
		page[nr++] = g->use->track[--g->use->nr_track];
	if (g->use && g->use->scratch && nr < FREE_PAGES) {
		page[nr++] = g->use->scratch;
		g->use->scratch = NULL;
	}
	if (g->use && nr < FREE_PAGES) {
		page[nr++] = g->use;
		g->use = NULL;
	}
	spin_unlock(&g->lock);
	for (uint32_t i = 0; i < nr; i++)
		pool_free(d, page[i]);
	return !nr;
}

bool grant_end(struct domain *d)
{
	struct guest_grant *g = &d->g.grant;

	if (!g->end_dom) {
		if (!end_mapper(d))
			return false;
		g->end_dom = 1;		/* dom0 has no object and maps without us */
		g->end_next = 0;
	}
	return end_granter(d) && free_pages(d);
}
