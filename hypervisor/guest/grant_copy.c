// SPDX-License-Identifier: GPL-2.0-only
/*
 * GNTTABOP_copy. Entries are pinned for as long as it takes. Frames are not held: each piece finds the frame anew, in a section that
 * domain_flush_tlb() waits for (guest_mem.c), and goes by a buffer here since a CPU is in one such section at a time.
 */
#include "guest/grant_table.h"
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "core/guest_mem.h"

#define PIECE	512

/* One side of a copy. */
struct side {
	struct domain *o;
	bool pinned, write;
	grant_ref_t ref;
	struct grant_area area;
};

static int get_copy(struct hcall *h, uint64_t ptr, struct gnttab_copy *op)
{
	struct compat_gnttab_copy c;

	if (h->wide)
		return hcall_get(h, ptr, op, sizeof(*op));
	if (hcall_get(h, ptr, &c, sizeof(c)))
		return -XEN_EFAULT;
	*op = (struct gnttab_copy){ .source = { .u.gmfn = c.source.ref, .domid = c.source.domid, .offset = c.source.offset },
				    .dest = { .u.gmfn = c.dest.ref, .domid = c.dest.domid, .offset = c.dest.offset },
				    .len = c.len, .flags = c.flags };
	return 0;
}

static int begin(struct domain *d, const struct gnttab_copy_ptr *p, bool is_ref, uint32_t len, bool write, struct side *s)
{
	struct p2m_entry e;
	int st;

	/* Without a grant only its own. */
	if (p->domid != DOMID_SELF && !is_ref)
		return GNTST_permission_denied;
	s->o = peer_get(d, p->domid == DOMID_SELF ? d->id : p->domid);
	if (!s->o)
		return GNTST_bad_domain;
	s->write = write;
	s->area = (struct grant_area){ .gfn = gfn(p->u.gmfn), .len = PAGE_SIZE };
	if (is_ref) {
		s->ref = p->u.ref;
		st = grant_pin(s->o, d->id, s->ref, write, false, &s->area);
		if (st)
			return st;
		s->pinned = true;
	}
	if (p->offset < s->area.offset || p->offset + len > s->area.offset + s->area.len)
		return GNTST_general_error;
	e = p2m_lookup(s->o, s->area.gfn);
	if (e.type != P2M_RAM)
		return GNTST_bad_page;
	return write && !e.writable ? GNTST_general_error : GNTST_okay;
}

static void end(struct domain *d, struct side *s)
{
	if (s->pinned)
		grant_unpin(s->o, s->ref, s->write);
	if (s->o)
		peer_put(d, s->o);
}

/* A page that went away meanwhile was the doing of its owner. */
static int move(struct domain *to, uint64_t dst, struct domain *from, uint64_t src, uint32_t len)
{
	uint8_t buf[PIECE];

	while (len) {
		uint32_t n = MIN(len, (uint32_t)PIECE);

		if (gpa_read(from, gpa(src), buf, n) || gpa_write(to, gpa(dst), buf, n))
			return GNTST_bad_page;
		src += n;
		dst += n;
		len -= n;
	}
	return GNTST_okay;
}

static int copy(struct domain *d, const struct gnttab_copy *op)
{
	struct side s = { 0 }, t = { 0 };
	int st;

	if (op->source.offset + op->len > (int)PAGE_SIZE || op->dest.offset + op->len > (int)PAGE_SIZE)
		return GNTST_bad_copy_arg;
	st = begin(d, &op->source, op->flags & GNTCOPY_source_gref, op->len, false, &s);
	if (!st)
		st = begin(d, &op->dest, op->flags & GNTCOPY_dest_gref, op->len, true, &t);
	if (!st)
		st = move(t.o, gfn_to_gpa(t.area.gfn).v + op->dest.offset, s.o, gfn_to_gpa(s.area.gfn).v + op->source.offset, op->len);
	end(d, &t);
	end(d, &s);
	return st;
}

static int copy_one(struct hcall *h, uint64_t ptr, void *ctx)
{
	struct gnttab_copy op;
	int16_t status;
	int st, rc;

	(void)ctx;
	if (get_copy(h, ptr, &op))
		return -XEN_EFAULT;
	st = copy(h->v->d, &op);
	rc = grant_ask(h, &st);
	if (rc)
		return rc;
	status = (int16_t)st;
	return hcall_put(h, ptr + (h->wide ? offsetof(struct gnttab_copy, status) : offsetof(struct compat_gnttab_copy, status)),
			 &status, sizeof(status));
}

int64_t grant_copies(struct hcall *h)
{
	return grant_each(h, h->wide ? sizeof(struct gnttab_copy) : sizeof(struct compat_gnttab_copy), copy_one, NULL);
}
