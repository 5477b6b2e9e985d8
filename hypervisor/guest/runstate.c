// SPDX-License-Identifier: GPL-2.0-only
/* Runstate: how a vCPU's time went, also shown in an area the guest registers. */
#include "guest/area.h"
#include "guest/time.h"

static void make_image(const struct vcpu_runstate_info *r, bool compat, uint64_t flag, union runstate_image *img)
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
	const struct guest_area *a = area_of(v->g.runstate_area);
	uint64_t flag = READ_ONCE(d->g.runstate_flag) || a == &v->g.runstate_area[AREA_PHYSICAL] ? XEN_RUNSTATE_UPDATE : 0;
	union runstate_image img;

	if (!a)
		return;
	make_image(&v->g.runstate, d->g.compat, flag, &img);
	if (flag) {
		area_write(a, entry, &img, 8);
		smp_wmb();
	}
	area_write(a, 0, &img, size);
	if (flag) {
		smp_wmb();
		make_image(&v->g.runstate, d->g.compat, 0, &img);
		area_write(a, entry, &img, 8);
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
	if (!READ_ONCE(v->g.runstate_area[AREA_LINEAR].pin[0].va) && !READ_ONCE(v->g.runstate_area[AREA_PHYSICAL].pin[0].va))
		return;
	spin_lock(&v->d->g.evt.lock);
	write_area(v);
	spin_unlock(&v->d->g.evt.lock);
}

/* Without changing anything. Another vCPU's figures may be a moment old. */
size_t runstate_get(struct vcpu *v, bool compat, union runstate_image *ret)
{
	struct vcpu_runstate_info r = v->g.runstate;
	uint64_t now = time_now(v->d);

	if (now > r.state_entry_time)
		r.time[r.state & 3] += now - r.state_entry_time;
	make_image(&r, compat, 0, ret);
	return compat ? sizeof(ret->compat) : sizeof(ret->wide);
}

int runstate_register_area(struct vcpu *caller, struct vcpu *v, enum guest_area_kind kind, uint64_t addr)
{
	/* As long as the 64-bit layout in either case: the width may change later. */
	return area_register(caller, v, v->g.runstate_area, kind, addr, sizeof(struct vcpu_runstate_info), write_area);
}
