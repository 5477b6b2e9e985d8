// SPDX-License-Identifier: GPL-2.0-only
/* Life of the guest ABI's state, and what core asks around each entry. */
#include "guest/guest.h"
#include "core/guest_mem.h"
#include "guest/event_channel.h"
#include "guest/grant_table.h"
#include "guest/hypercall.h"
#include "guest/lapic.h"
#include "guest/msr.h"
#include "guest/time.h"
#include "guest/vcpu_start.h"
#include <xen/sched.h>

int guest_domain_init(struct domain *d, const struct zendo_domain_create *c)
{
	int rc = -XEN_ENOMEM;

	spin_init(&d->g.physmap_lock, RANK_PHYSMAP);
	d->g.shared_gfn = NO_GFN;
	d->g.xapic = c->flags & ZDOM_XAPIC;
	d->g.param[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
	d->g.shared = pool_alloc(d);
	d->g.memmap = pool_alloc(d);
	if (d->g.shared && d->g.memmap) {
		rc = evtchn_init(d, hpa(c->evt_hint_hpa));
		if (!rc)
			rc = grant_init(d, c);
	}
	if (rc) {
		guest_domain_destroy(d);
		return rc;
	}
	time_domain_init(d, c);
	return 0;
}

int guest_policy_set(struct domain *d, const struct zendo_policy *p)
{
	if ((p->flags & ~ZPOLICY_MSR_RELAXED) || p->reserved || p->reserved2 || p->max_grant_frames > GRANT_MAX_FRAMES ||
	    p->max_maptrack_frames > MAPTRACK_MAX_FRAMES)
		return -XEN_EINVAL;
	for (uint32_t i = 0; i < d->max_vcpus; i++)
		if (domain_vcpu(d, i))
			return -XEN_EBUSY;
	memcpy(d->g.hide, p->hide, sizeof(d->g.hide));
	d->g.msr_relaxed = p->flags & ZPOLICY_MSR_RELAXED;
	d->g.grant.max_frames = p->max_grant_frames ?: GRANT_MAX_FRAMES;
	d->g.grant.max_maptrack = p->max_maptrack_frames ?: MAPTRACK_MAX_FRAMES;
	d->g.evt.max_port = p->max_event_channels;
	return 0;
}

bool guest_domain_unbind(struct domain *d)
{
	return evtchn_end(d) && grant_end(d);
}

void guest_domain_destroy(struct domain *d)
{
	grant_destroy(d);
	evtchn_destroy(d);
	if (d->g.shared)
		pool_free(d, d->g.shared);
	if (d->g.memmap)
		pool_free(d, d->g.memmap);
	d->g.shared = NULL;
	d->g.memmap = NULL;
	d->g.nr_memmap = 0;
}

int guest_vcpu_init(struct vcpu *v)
{
	struct shared_info *s = v->d->g.shared;

	/* Slots have the same place and size in both layouts. */
	v->g.info = (char *)(v->id < XEN_LEGACY_MAX_VCPUS ? &s->vcpu_info[v->id] : &v->g.own_info);
	lapic_init(v);
	guest_msr_init(v);
	time_vcpu_init(v);
	return 0;
}

void guest_vcpu_destroy(struct vcpu *v)
{
	time_vcpu_destroy(v);
	v->g.info = (char *)&v->g.own_info;
	guest_unpin(v->d, &v->g.info_pin);
	guest_unpin(v->d, &v->g.fifo_control);
}

void guest_before_entry(struct vcpu *v)
{
	if (v->wait != WAIT_POLL)
		poll_end(v);
	lapic_take_requests(v);
	vcpu_start_take(v);
	dom0_drain(v);
	time_poll(v);
}

struct guest_event guest_event(struct vcpu *v)
{
	uint8_t vector;

	if (nmi_due(v))
		return (struct guest_event){ GEVENT_NMI, 2 };
	vector = READ_ONCE(v->d->g.callback_vector);
	if (vector && !v->g.upcall_vector && upcall_pending(v))
		return (struct guest_event){ GEVENT_CALLBACK, vector };
	return lapic_event(v);
}

void guest_nmi(struct vcpu *v)
{
	nmi_post(v);
}

void guest_event_injected(struct vcpu *v, struct guest_event e)
{
	/* Whatever came while the vCPU was parked with IF=0, it runs again. */
	WRITE_ONCE(v->g.parked, false);
	if (e.kind == GEVENT_NMI) {
		WRITE_ONCE(v->nmi_masked, true);
		WRITE_ONCE(v->nmi_pending, false);
	} else if (e.kind == GEVENT_LAPIC) {
		lapic_accept(v, e.vector);
	}
}

enum window guest_event_behind(struct vcpu *v, struct guest_event e)
{
	struct guest_event next = e.kind == GEVENT_CALLBACK ? lapic_event(v) : guest_event(v);

	if (nmi_due(v) || next.kind != GEVENT_NONE)
		return WINDOW_ANY;
	return next.vector ? WINDOW_CR8 : WINDOW_NONE;
}

void guest_enter_world(struct vcpu *v)
{
	if (v->up)
		WRITE_ONCE(v->g.was_up, true);
	runstate_set(v, RUNSTATE_running);
}

void guest_leave_world(struct vcpu *v)
{
	v->run->hyp.parked = v->g.parked;
	runstate_set(v, !v->up ? RUNSTATE_offline : v->wait != WAIT_NONE ? RUNSTATE_blocked : RUNSTATE_runnable);
}
