// SPDX-License-Identifier: GPL-2.0-only
/* IOCTL_GNTDEV_GRANT_COPY: between granted pages and a program's memory, or from one guest to another. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <xen/interface/xen.h>
#include <xen/interface/grant_table.h>
#include <uapi/xen/gntdev.h>

#include "gntdev.h"
#include "hvpriv_backend.h"

/* One side of a segment; the peer is kept for the next one, which usually has the same. */
struct side {
	struct hv_peer *peer;
	bool is_grant;
	void __user *virt;
	u32 ref, offset;
};

static void side_done(struct side *s)
{
	if (s->peer)
		hv_peer_close(s->peer);
}

static int side_peer(struct side *s, u32 domid)
{
	if (s->peer && hv_peer_domid(s->peer) == domid)
		return 0;
	side_done(s);
	s->peer = hv_peer_open(domid, NULL, NULL);
	if (!IS_ERR(s->peer))
		return 0;
	s->peer = NULL;
	return -ESRCH;
}

static s16 grant_status(int r)
{
	switch (r) {
	case 0:
		return GNTST_okay;
	case -ESRCH:
	case -ESHUTDOWN:
		return GNTST_bad_domain;
	case -EINVAL:
		return GNTST_bad_gntref;
	case -EACCES:
		return GNTST_permission_denied;
	case -ENXIO:
		return GNTST_bad_page;
	default:
		return GNTST_general_error;
	}
}

static int between_guests(struct side *from, struct side *to, u16 len)
{
	struct hv_grant g = { .ref = from->ref };
	struct hv_copy c = { .ref = to->ref, .offset = to->offset, .len = len, .to_guest = true, .page_offset = from->offset };
	int r = hv_grant_get(from->peer, &g, 1);

	if (r)
		return r;
	c.page = g.page;
	hv_grant_copy(to->peer, &c, 1);
	hv_grant_put(from->peer, &g, 1, false);
	return c.result;
}

/* The program's memory may fault; the grant is held meanwhile, as it is while it is mapped. -EFAULT ends the request. */
static int with_program(struct side *from, struct side *to, u16 len)
{
	struct side *guest = from->is_grant ? from : to;
	struct hv_grant g = { .ref = guest->ref, .write = to->is_grant };
	unsigned long left;
	void *at;
	int r;

	r = hv_grant_get(guest->peer, &g, 1);
	if (r)
		return r;
	at = page_address(g.page) + guest->offset;
	left = to->is_grant ? copy_from_user(at, from->virt, len) : copy_to_user(to->virt, at, len);
	hv_grant_put(guest->peer, &g, 1, to->is_grant);
	return left ? -EFAULT : 0;
}

/* Both sides are filled in and checked. */
static int copy_segment(const struct gntdev_grant_copy_segment *seg, struct side *from, struct side *to)
{
	if (from->is_grant && side_peer(from, seg->source.foreign.domid))
		return -ESRCH;
	if (to->is_grant && side_peer(to, seg->dest.foreign.domid))
		return -ESRCH;
	if (from->is_grant && to->is_grant)
		return between_guests(from, to, seg->len);
	return with_program(from, to, seg->len);
}

static int side_set(struct side *s, bool is_grant, void __user *virt, u32 ref, u16 offset, u16 len)
{
	s->is_grant = is_grant;
	s->virt = virt;
	s->ref = ref;
	s->offset = offset;
	return is_grant && offset + len > PAGE_SIZE ? -EINVAL : 0;
}

static int check_segment(const struct gntdev_grant_copy_segment *seg, struct side *from, struct side *to)
{
	if (!(seg->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref)))
		return -EINVAL;		/* that is memcpy() */
	if (side_set(from, seg->flags & GNTCOPY_source_gref, seg->source.virt, seg->source.foreign.ref,
		     seg->source.foreign.offset, seg->len) ||
	    side_set(to, seg->flags & GNTCOPY_dest_gref, seg->dest.virt, seg->dest.foreign.ref,
		     seg->dest.foreign.offset, seg->len))
		return -EINVAL;
	return 0;
}

/* What is wrong with the request ends it; what is wrong with a grant is that segment's status. */
long hv_gntdev_copy(struct ioctl_gntdev_grant_copy __user *arg)
{
	struct gntdev_grant_copy_segment seg;
	struct ioctl_gntdev_grant_copy gc;
	struct side from = {}, to = {};
	unsigned int i;
	int r = 0;

	if (copy_from_user(&gc, arg, sizeof(gc)))
		return -EFAULT;
	for (i = 0; i < gc.count && !r; i++) {
		r = -EFAULT;
		if (copy_from_user(&seg, &gc.segments[i], sizeof(seg)))
			break;
		r = check_segment(&seg, &from, &to);
		if (r)
			break;
		r = copy_segment(&seg, &from, &to);
		if (r == -EFAULT)
			break;
		r = put_user(grant_status(r), &gc.segments[i].status);
		if (fatal_signal_pending(current))
			r = -EINTR;
		cond_resched();
	}
	side_done(&from);
	side_done(&to);
	return r;
}
