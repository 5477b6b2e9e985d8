// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of the guest's grant table. The guest changes them at any time: each is read by single loads, and marked
 *   v1:	flags and domid by one compare-and-swap that expects what was checked, a few times;
 *   v2:	in its status word, after which flags and domid are read and checked once more.
 * The frame number is read after the mark. An honest guest leaves a marked entry alone; one that does not gets its own frames used.
 * Marks of one kind go with the last pin of that kind.
 */
#include "guest/grant_table.h"
#include "guest/hypercall.h"
#include "core/guest_mem.h"
#include "core/log.h"

#define V1_PER_FRAME	(PAGE_SIZE / sizeof(struct grant_entry_v1))
#define V2_PER_FRAME	(PAGE_SIZE / sizeof(union grant_entry_v2))
#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define MARK_TRIES	5		/* as in Xen */
#define MAX_PINS	0xffff		/* of one entry */
#define CLEAR_FRAMES	4		/* in one call of set_version */

_Static_assert(GRANT_COUNT_PAGES * COUNTS_PER_PAGE == GRANT_MAX_FRAMES * V1_PER_FRAME, "a count for each entry");
_Static_assert(GRANT_MAX_STATUS * STATUS_PER_FRAME == GRANT_MAX_FRAMES * V2_PER_FRAME, "a status for each entry");

static uint32_t nr_refs(const struct guest_grant *g)
{
	if (g->version == 2)
		return (uint32_t)MIN(g->nr_frames * V2_PER_FRAME, g->nr_status * STATUS_PER_FRAME);
	return g->version ? (uint32_t)(g->nr_frames * V1_PER_FRAME) : 0;
}

/* Valid until the next look. Both versions begin with flags and domid. */
static void *entry_at(const struct guest_grant *g, grant_ref_t ref)
{
	uint32_t per = g->version == 1 ? V1_PER_FRAME : V2_PER_FRAME;

	return (char *)frame_look(g->frame[ref / per].mfn) + ref % per * (PAGE_SIZE / per);
}

/* The word that has the marks. */
static uint16_t *marks_at(const struct guest_grant *g, grant_ref_t ref)
{
	if (g->version == 1)
		return entry_at(g, ref);
	return (uint16_t *)frame_look(g->frame[GRANT_MAX_FRAMES + ref / STATUS_PER_FRAME].mfn) + ref % STATUS_PER_FRAME;
}

static bool permits(uint32_t word, domid_t by, bool write, bool map)
{
	/* Transitive grants are refused; what is granted in part cannot be mapped. */
	uint32_t flags = word & 0xffff;

	return (flags & GTF_type_mask) == GTF_permit_access && word >> 16 == by && !(write && (flags & GTF_readonly)) &&
	       !(map && (flags & GTF_sub_page));
}

/* Take away what no pin needs any more. */
static void unmark(const struct guest_grant *g, grant_ref_t ref, const struct grant_count *c)
{
	uint16_t gone = (uint16_t)((c->write ? 0 : GTF_writing) | (c->all ? 0 : GTF_reading));

	if (gone)
		__atomic_fetch_and(marks_at(g, ref), (uint16_t)~gone, __ATOMIC_SEQ_CST);
}

static int mark_v1(const struct guest_grant *g, domid_t by, grant_ref_t ref, bool write, bool map)
{
	uint32_t *word = entry_at(g, ref), old = READ_ONCE(*word);

	for (int i = 0; i < MARK_TRIES && permits(old, by, write, map); i++)
		if (__atomic_compare_exchange_n(word, &old, old | GTF_reading | (write ? GTF_writing : 0), false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return GNTST_okay;
	return GNTST_general_error;
}

static int mark_v2(const struct guest_grant *g, domid_t by, grant_ref_t ref, bool write, bool map, const struct grant_count *c)
{
	/* A full barrier. The guest clears the flags, then looks at the status; we set that, then look at the flags. */
	__atomic_fetch_or(marks_at(g, ref), (uint16_t)(GTF_reading | (write ? GTF_writing : 0)), __ATOMIC_SEQ_CST);
	if (permits(READ_ONCE(*(uint32_t *)entry_at(g, ref)), by, write, map))
		return GNTST_okay;
	unmark(g, ref, c);
	return GNTST_general_error;
}

static void read_area(const struct guest_grant *g, grant_ref_t ref, struct grant_area *ret)
{
	*ret = (struct grant_area){ .offset = 0, .len = PAGE_SIZE };
	if (g->version == 1) {
		struct grant_entry_v1 *e = entry_at(g, ref);

		ret->gfn = gfn(READ_ONCE(e->frame));
	} else {
		union grant_entry_v2 *e = entry_at(g, ref);

		ret->gfn = gfn(READ_ONCE(e->full_page.frame));
		if (READ_ONCE(e->hdr.flags) & GTF_sub_page) {
			ret->offset = READ_ONCE(e->sub_page.page_off);
			ret->len = READ_ONCE(e->sub_page.length);
		}
	}
}

struct grant_use *grant_use_get(struct domain *d)
{
	if (!d->g.grant.use)
		d->g.grant.use = pool_alloc(d);
	return d->g.grant.use;
}

static struct grant_count *count_get(struct domain *d, grant_ref_t ref)
{
	struct grant_use *u = grant_use_get(d);
	struct grant_count **page = u ? &u->count[ref / COUNTS_PER_PAGE] : NULL;

	if (!u)
		return NULL;
	if (!*page)
		*page = pool_alloc(d);
	return *page ? &(*page)[ref % COUNTS_PER_PAGE] : NULL;
}

static int pin(struct domain *o, domid_t by, grant_ref_t ref, bool write, bool map, struct grant_area *ret)
{
	struct guest_grant *g = &o->g.grant;
	struct grant_count *c;
	int st;

	if (!g->version)
		return GNTST_eagain;
	if (ref >= nr_refs(g))
		return GNTST_bad_gntref;
	/* A look first: who was granted nothing marks nothing, and makes @o pay for no count. */
	if (!permits(READ_ONCE(*(uint32_t *)entry_at(g, ref)), by, write, map))
		return GNTST_general_error;
	c = count_get(o, ref);
	if (!c)
		return GRANT_NO_PAGES;
	if (c->all == MAX_PINS)
		return GNTST_general_error;
	st = g->version == 1 ? mark_v1(g, by, ref, write, map) : mark_v2(g, by, ref, write, map, c);
	if (st)
		return st;
	read_area(g, ref, ret);
	c->all++;
	c->write = (uint16_t)(c->write + write);
	g->nr_pins++;
	return GNTST_okay;
}

int grant_pin(struct domain *o, domid_t by, grant_ref_t ref, bool write, bool map, struct grant_area *ret)
{
	int st;

	spin_lock(&o->g.grant.lock);
	st = pin(o, by, ref, write, map, ret);
	spin_unlock(&o->g.grant.lock);
	return st;
}

void grant_unpin(struct domain *o, grant_ref_t ref, bool write)
{
	struct guest_grant *g = &o->g.grant;
	struct grant_count *c;

	spin_lock(&g->lock);
	c = count_get(o, ref);		/* there since the pin, as is the version */
	ASSERT(c && c->all && c->write >= write && g->nr_pins);
	c->all--;
	c->write = (uint16_t)(c->write - write);
	g->nr_pins--;
	unmark(g, ref, c);
	spin_unlock(&g->lock);
}

/* ---- set_version ---- */

/* The toolstack's entries outlive a switch; one that the other version cannot say becomes invalid. */
static void keep_reserved(struct guest_grant *g)
{
	memset(g->kept, 0, sizeof(g->kept));
	for (grant_ref_t i = 0; i < MIN(nr_refs(g), GNTTAB_NR_RESERVED_ENTRIES); i++) {
		uint32_t word = READ_ONCE(*(uint32_t *)entry_at(g, i));
		struct grant_area a;

		read_area(g, i, &a);
		if ((word & GTF_type_mask) == GTF_transitive || (g->version == 2 && (word & GTF_sub_page)) || a.gfn.v > UINT32_MAX)
			continue;
		g->kept[i] = (struct grant_entry_v1){ (uint16_t)(word & ~(GTF_reading | GTF_writing)), (domid_t)(word >> 16), (uint32_t)a.gfn.v };
	}
}

static void restore_reserved(struct guest_grant *g)
{
	for (grant_ref_t i = 0; i < MIN(nr_refs(g), GNTTAB_NR_RESERVED_ENTRIES); i++) {
		struct grant_entry_v1 *k = &g->kept[i];

		if (g->version == 1)
			*(struct grant_entry_v1 *)entry_at(g, i) = *k;
		else
			*(union grant_entry_v2 *)entry_at(g, i) =
				(union grant_entry_v2){ .full_page = { .hdr = { k->flags, k->domid }, .frame = k->frame } };
	}
}

/*
 * Dom0 pins without a lock: it counts, full barrier, looks at the version. We take the version away, full barrier, look at its
 * count: one of the two sees the other.
 */
static int switch_begin(struct guest_grant *g, uint32_t to)
{
	if (g->page)
		WRITE_ONCE(g->page->version, 0);
	smp_mb();
	if (g->nr_pins || (g->page && READ_ONCE(g->page->pinned))) {
		if (g->page)
			WRITE_ONCE(g->page->version, g->version);
		return -XEN_EBUSY;
	}
	keep_reserved(g);
	g->version = 0;
	g->target = to;
	g->clear_next = 0;
	return 0;
}

/* Some frames more; then the other version is there. */
static void switch_go_on(struct guest_grant *g)
{
	for (int i = 0; i < CLEAR_FRAMES && g->clear_next < ARRAY_SIZE(g->frame); i++, g->clear_next++)
		if (mfn_valid(g->frame[g->clear_next].mfn))
			memset(frame_look(g->frame[g->clear_next].mfn), 0, PAGE_SIZE);
	if (g->clear_next < ARRAY_SIZE(g->frame))
		return;
	g->version = g->target;
	restore_reserved(g);
	smp_wmb();	/* the entries before the version that says how to read them */
	if (g->page)
		WRITE_ONCE(g->page->version, g->version);
}

int64_t grant_set_version(struct hcall *h)
{
	struct gnttab_set_version a;
	struct domain *d = h->v->d;
	struct guest_grant *g = &d->g.grant;
	int rc = 0;

	if (hcall_get(h, h->arg[1], &a, sizeof(a)))
		return -XEN_EFAULT;
	if (a.version != 1 && a.version != 2)
		return -XEN_EINVAL;
	if (a.version == 2) {
		spin_lock(&d->g.physmap_lock);
		rc = grant_grow_status(h);
		spin_unlock(&d->g.physmap_lock);
	}
	if (rc)
		return rc;
	spin_lock(&g->lock);
	if (g->version && g->version != a.version)
		rc = switch_begin(g, a.version);
	if (!g->version)
		switch_go_on(g);	/* also one that another vCPU began */
	h->restart = !rc && g->version != a.version;
	spin_unlock(&g->lock);
	return rc || h->restart ? rc : hcall_put(h, h->arg[1], &a, sizeof(a));
}

/* ---- swap_grant_ref ---- */

/* Not while anybody uses one of them: dom0's pins are seen by their marks. */
static int swap(struct domain *d, grant_ref_t a, grant_ref_t b)
{
	struct guest_grant *g = &d->g.grant;
	grant_ref_t ref[2] = { a, b };
	union grant_entry_v2 e[2];
	size_t size = g->version == 1 ? sizeof(struct grant_entry_v1) : sizeof(e[0]);

	if (!g->version)
		return GNTST_eagain;
	if (a >= nr_refs(g) || b >= nr_refs(g))
		return GNTST_bad_gntref;
	for (int i = 0; i < 2; i++) {
		struct grant_count *c = g->use ? g->use->count[ref[i] / COUNTS_PER_PAGE] : NULL;

		if ((c && c[ref[i] % COUNTS_PER_PAGE].all) || (READ_ONCE(*marks_at(g, ref[i])) & (GTF_reading | GTF_writing)))
			return GNTST_eagain;
		memcpy(&e[i], entry_at(g, ref[i]), size);
	}
	for (int i = 0; i < 2; i++)
		memcpy(entry_at(g, ref[i]), &e[!i], size);
	return GNTST_okay;
}

int grant_swap_one(struct hcall *h, uint64_t ptr, void *ctx)
{
	struct gnttab_swap_grant_ref a;
	struct domain *d = h->v->d;

	(void)ctx;
	if (hcall_get(h, ptr, &a, sizeof(a)))
		return -XEN_EFAULT;
	spin_lock(&d->g.grant.lock);
	a.status = (int16_t)swap(d, a.ref_a, a.ref_b);
	spin_unlock(&d->g.grant.lock);
	return hcall_put(h, ptr, &a, sizeof(a));
}
