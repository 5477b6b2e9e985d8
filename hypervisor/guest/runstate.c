// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runstate: how a vCPU's time went, also shown in an area the guest registers. The area is given by virtual
 * address and may cross a page, so it is pinned in two pieces and written through area_write().
 */
#include "core/guest_mem.h"
#include "guest/compat.h"
#include "guest/time.h"

/* Any layout, one image: what is copied to the guest. */
union image {
	struct vcpu_runstate_info wide;
	struct compat_runstate_info compat;
	char byte[sizeof(struct vcpu_runstate_info)];
};

static void area_write(struct vcpu *v, const union image *img, size_t at, size_t len)
{
	size_t split = v->g.runstate_split;

	if (at < split)
		memcpy((char *)v->g.runstate_pin[0].va + at, img->byte + at, MIN(len, split - at));
	if (at + len > split) {
		size_t from = MAX(at, split);

		memcpy((char *)v->g.runstate_pin[1].va + (from - split), img->byte + from, at + len - from);
	}
}

static void make_image(const struct vcpu_runstate_info *r, bool compat, uint64_t flag, union image *img)
{
	memset(img, 0, sizeof(*img));
	if (compat) {
		img->compat.state = r->state;
		img->compat.state_entry_time = r->state_entry_time | flag;
		memcpy(img->compat.time, r->time, sizeof(r->time));
	} else {
		img->wide.state = r->state;
		img->wide.state_entry_time = r->state_entry_time | flag;
		memcpy(img->wide.time, r->time, sizeof(r->time));
	}
}

/* evtchn lock held. With the flag, a reader that sees bit 63, or two entry times, reads again. */
static void write_area(struct vcpu *v)
{
	const struct domain *d = v->d;
	size_t entry = d->g.compat ? offsetof(struct compat_runstate_info, state_entry_time)
				   : offsetof(struct vcpu_runstate_info, state_entry_time);
	size_t size = d->g.compat ? sizeof(struct compat_runstate_info) : sizeof(struct vcpu_runstate_info);
	uint64_t flag = READ_ONCE(d->g.runstate_flag) ? XEN_RUNSTATE_UPDATE : 0;
	union image img;

	if (!v->g.runstate_pin[0].va)
		return;
	make_image(&v->g.runstate, d->g.compat, flag, &img);
	if (flag) {
		area_write(v, &img, entry, 8);
		smp_wmb();
	}
	area_write(v, &img, 0, size);
	if (flag) {
		smp_wmb();
		make_image(&v->g.runstate, d->g.compat, 0, &img);
		area_write(v, &img, entry, 8);
	}
}

void runstate_set(struct vcpu *v, int state)
{
	struct vcpu_runstate_info *r = &v->g.runstate;
	uint64_t now;

	if (r->state == state)
		return;
	now = time_now(v->d);
	if (now > r->state_entry_time)
		r->time[r->state] += now - r->state_entry_time;
	r->state_entry_time = now;
	r->state = state;
	if (!READ_ONCE(v->g.runstate_pin[0].va))
		return;
	spin_lock(&v->d->g.evt.lock);
	write_area(v);
	spin_unlock(&v->d->g.evt.lock);
}

/* Up to now, without changing anything. Another vCPU's figures may be a moment old. */
void runstate_get(struct vcpu *v, struct vcpu_runstate_info *ret)
{
	uint64_t now = time_now(v->d);

	*ret = v->g.runstate;
	if (now > ret->state_entry_time)
		ret->time[ret->state & 3] += now - ret->state_entry_time;
}

static int pin_pieces(struct vcpu *caller, struct vcpu *v, gva_t addr, size_t size, struct guest_pin pin[2], uint32_t *split)
{
	gpa_t a, b;
	int rc;

	*split = (uint32_t)MIN(size, PAGE_SIZE - (addr.v & ~PAGE_MASK));
	if (gva_to_gpa(caller, addr, true, &a))
		return -XEN_EFAULT;
	rc = guest_pin(v->d, a, *split, &pin[0]);
	if (rc || *split == size)
		return rc;
	if (gva_to_gpa(caller, gva(addr.v + *split), true, &b))
		rc = -XEN_EFAULT;
	else
		rc = guest_pin(v->d, b, size - *split, &pin[1]);
	if (rc)
		guest_unpin(v->d, &pin[0]);
	return rc;
}

int runstate_register_area(struct vcpu *caller, struct vcpu *v, gva_t addr)
{
	struct guest_pin pin[2] = { { 0 }, { 0 } }, old[2];
	uint32_t split = 0;
	int rc;

	if (addr.v) {
		/* As long as the 64-bit layout in either case: the width may change later. */
		rc = pin_pieces(caller, v, addr, sizeof(struct vcpu_runstate_info), pin, &split);
		if (rc)
			return rc;
	}
	spin_lock(&v->d->g.evt.lock);
	memcpy(old, v->g.runstate_pin, sizeof(old));
	memcpy(v->g.runstate_pin, pin, sizeof(pin));
	v->g.runstate_split = split;
	write_area(v);
	spin_unlock(&v->d->g.evt.lock);
	guest_unpin(v->d, &old[0]);
	guest_unpin(v->d, &old[1]);
	return 0;
}
