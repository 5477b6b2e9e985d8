// SPDX-License-Identifier: GPL-2.0-only
#include "guest/event_channel.h"
#include "guest/hypercall.h"
#include "guest/lapic.h"
#include "guest/time.h"

#define RESET_BATCH	256	/* ports closed before EVTCHNOP_reset restarts */

/* ---- ports ---- */

static struct evtchn_port *port_slot(struct domain *d, uint32_t port)
{
	struct evtchn_port *b;

	if (!d->g.evt.bucket || !port || port >= d->g.evt.abi->max_ports(d))
		return NULL;
	b = d->g.evt.bucket[port / PORTS_PER_PAGE];
	return b ? &b[port % PORTS_PER_PAGE] : NULL;
}

struct evtchn_port *port_get(struct domain *d, uint32_t port)
{
	struct evtchn_port *p = port_slot(d, port);

	return p && p->state != PORT_FREE ? p : NULL;
}

int port_alloc(struct domain *d, uint32_t *ret_port)
{
	struct guest_evtchn *e = &d->g.evt;
	uint32_t max = e->abi->max_ports(d);

	if (!e->bucket)
		return -XEN_ESRCH;	/* the domain is going */
	for (uint32_t port = e->lowest_free; port < max; port++) {
		struct evtchn_port **b = &e->bucket[port / PORTS_PER_PAGE];

		if (!*b) {
			*b = pool_alloc(d);
			if (!*b)
				return -XEN_ENOMEM;
		}
		e->lowest_free = port;
		if ((*b)[port % PORTS_PER_PAGE].state != PORT_FREE)
			continue;
		e->lowest_free = port + 1;
		*ret_port = port;
		return 0;
	}
	e->lowest_free = max;
	return -XEN_ENOSPC;
}

void port_free(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	d->g.evt.abi->clear(d, port);
	*p = (struct evtchn_port){ .state = PORT_FREE };
	if (port < d->g.evt.lowest_free)
		d->g.evt.lowest_free = port;
}

bool port_exists(struct domain *d, uint32_t port)
{
	bool yes;

	spin_lock(&d->g.evt.lock);
	yes = port_get(d, port);
	spin_unlock(&d->g.evt.lock);
	return yes;
}

/* Break what the port is bound to, and free it. */
static void port_close(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	struct evtchn_port *peer;

	switch (p->state) {
	case PORT_DOM0:
		dom0_handle_orphan(d, port, p->handle);
		break;
	case PORT_VIRQ:
		domain_vcpu(d, p->vcpu)->g.virq_port[p->remote_port] = 0;
		break;
	case PORT_INTERDOMAIN:
		peer = port_get(d, p->remote_port);
		if (peer && peer != p) {
			peer->state = PORT_UNBOUND;
			peer->remote_dom = d->id;
			peer->remote_port = 0;
		}
		break;
	default:
		break;
	}
	port_free(d, port, p);
}

/* ---- upcalls ---- */

bool upcall_pending(const struct vcpu *v)
{
	return READ_ONCE(*READ_ONCE(v->g.info)) != 0;
}

void upcall_mark(struct vcpu *v)
{
	uint8_t vector;

	if (test_and_set_bit(0, READ_ONCE(v->g.info)))
		return;
	vector = READ_ONCE(v->g.upcall_vector);
	if (vector)
		lapic_post(v, vector);
	else
		vcpu_kick(v);
}

/*
 * 1. The raiser's LOCKed set of the pending bit comes before its reading of poll_mask.
 * 2. A poller's LOCKed set of its bit in poll_mask comes before its looking at the pending bits.
 * So one of them sees the other. The list may be stale only for a poller that has yet to do 2.
 */
void wake_pollers(struct domain *d, uint32_t port)
{
	for (uint32_t w = 0; w < ARRAY_SIZE(d->g.evt.poll_mask); w++) {
		uint64_t m = __atomic_load_n(&d->g.evt.poll_mask[w], __ATOMIC_SEQ_CST);

		for (; m; m &= m - 1) {
			struct vcpu *v = domain_vcpu(d, w * 64 + (uint32_t)__builtin_ctzll(m));

			if (v && (READ_ONCE(v->g.poll.nr) != 1 || READ_ONCE(v->g.poll.port[0]) == port))
				vcpu_kick(v);
		}
	}
}

void virq_raise(struct vcpu *v, uint32_t virq)
{
	struct domain *d = v->d;
	struct evtchn_port *p;

	spin_lock(&d->g.evt.lock);
	p = port_get(d, v->g.virq_port[virq]);
	if (p)
		d->g.evt.abi->raise(d, v->g.virq_port[virq], p);
	spin_unlock(&d->g.evt.lock);
}

int vcpu_info_register(struct vcpu *caller, struct vcpu *v, gfn_t g, uint32_t offset)
{
	struct domain *d = v->d;
	struct guest_pin pin;
	char *info;
	int rc;

	if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || !IS_ALIGNED(offset, d->g.compat ? 4 : 8) || g.v > p2m_max_gfn(d))
		return -XEN_EINVAL;
	if (v != caller && READ_ONCE(v->up))
		return -XEN_EINVAL;
	rc = guest_pin(d, gpa(gfn_to_gpa(g).v + offset), sizeof(struct vcpu_info), &pin);
	if (rc)
		return rc == -XEN_ENOMEM ? rc : -XEN_EINVAL;
	spin_lock(&d->g.evt.lock);
	if (v->g.info_pin.va) {
		spin_unlock(&d->g.evt.lock);
		guest_unpin(d, &pin);
		return -XEN_EINVAL;
	}
	info = pin.va;
	memcpy(info, v->g.info, sizeof(struct vcpu_info));
	v->g.info_pin = pin;
	WRITE_ONCE(v->g.info, info);
	time_write_info(v);
	/* What was raised between the copy and the switch stands in pending bits: look at all of them. */
	d->g.evt.abi->select_all(v);
	(void)test_and_clear_bit(0, info);
	upcall_mark(v);
	spin_unlock(&d->g.evt.lock);
	return 0;
}

/* ---- the guest's calls; each gets its argument struct copied in, the evtchn lock is held ---- */

union evtchn_arg {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
};

static int op_alloc_unbound(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	domid_t remote = a->alloc_unbound.remote_dom;
	uint32_t port;
	int rc;

	if (!is_self(d, a->alloc_unbound.dom))
		return -XEN_EPERM;
	rc = port_alloc(d, &port);
	if (rc)
		return rc;
	*port_slot(d, port) = (struct evtchn_port){ .state = PORT_UNBOUND,
						    .remote_dom = remote == DOMID_SELF ? d->id : remote };
	a->alloc_unbound.port = port;
	return 0;
}

/* Other domains' ports are out of reach yet (docs/guest-abi.md); a domain's own serve as loopback. */
static int op_bind_interdomain(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	uint32_t remote = a->bind_interdomain.remote_port;
	struct evtchn_port *rp, *lp;
	uint32_t port;
	int rc;

	/* Other guests cannot be reached yet: as if they were not there. */
	if (!is_self(d, a->bind_interdomain.remote_dom))
		return a->bind_interdomain.remote_dom ? -XEN_ESRCH : -XEN_EINVAL;
	rp = port_get(d, remote);
	if (!rp || rp->state != PORT_UNBOUND || rp->remote_dom != d->id)
		return -XEN_EINVAL;
	rc = port_alloc(d, &port);
	if (rc)
		return rc;
	lp = port_slot(d, port);
	*lp = (struct evtchn_port){ .state = PORT_INTERDOMAIN, .remote_dom = d->id, .remote_port = remote };
	rp->state = PORT_INTERDOMAIN;
	rp->remote_port = port;
	a->bind_interdomain.local_port = port;
	/* The peer may have sent before there was a way to. */
	d->g.evt.abi->raise(d, port, lp);
	return 0;
}

static bool virq_is_per_vcpu(uint32_t virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

static int op_bind_virq(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	uint32_t virq = a->bind_virq.virq, port;
	struct vcpu *v = domain_vcpu(d, a->bind_virq.vcpu);
	int rc;

	if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && a->bind_virq.vcpu))
		return -XEN_EINVAL;
	if (!v)
		return -XEN_ENOENT;
	if (v->g.virq_port[virq])
		return -XEN_EEXIST;
	rc = port_alloc(d, &port);
	if (rc)
		return rc;
	*port_slot(d, port) = (struct evtchn_port){ .state = PORT_VIRQ, .vcpu = (uint16_t)v->id, .remote_port = virq };
	v->g.virq_port[virq] = port;
	a->bind_virq.port = port;
	return 0;
}

static int op_bind_ipi(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	uint32_t port;
	int rc;

	if (!domain_vcpu(d, a->bind_ipi.vcpu))
		return -XEN_ENOENT;
	rc = port_alloc(d, &port);
	if (rc)
		return rc;
	*port_slot(d, port) = (struct evtchn_port){ .state = PORT_IPI, .vcpu = (uint16_t)a->bind_ipi.vcpu };
	a->bind_ipi.port = port;
	return 0;
}

static int op_close(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct evtchn_port *p = port_get(d, a->close.port);

	if (!p)
		return -XEN_EINVAL;
	port_close(d, a->close.port, p);
	return 0;
}

static int op_send(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct evtchn_port *p = port_get(d, a->send.port), *peer;

	if (!p)
		return -XEN_EINVAL;
	switch (p->state) {
	case PORT_DOM0:
		dom0_post(h->v, p->handle);
		hcall_to_dom0(h, ZRUN_EVENT);
		return 0;
	case PORT_IPI:
		d->g.evt.abi->raise(d, a->send.port, p);
		return 0;
	case PORT_INTERDOMAIN:
		peer = port_get(d, p->remote_port);
		if (peer)
			d->g.evt.abi->raise(d, p->remote_port, peer);
		return 0;
	case PORT_UNBOUND:
		return 0;	/* nobody listens: dropped */
	default:
		return -XEN_EINVAL;
	}
}

static int op_status(struct hcall *h, union evtchn_arg *a)
{
	static const uint32_t status[] = {
		[PORT_FREE] = EVTCHNSTAT_closed, [PORT_UNBOUND] = EVTCHNSTAT_unbound,
		[PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain, [PORT_DOM0] = EVTCHNSTAT_interdomain,
		[PORT_VIRQ] = EVTCHNSTAT_virq, [PORT_IPI] = EVTCHNSTAT_ipi,
	};
	struct domain *d = h->v->d;
	struct evtchn_status *s = &a->status;
	struct evtchn_port none = { 0 };
	const struct evtchn_port *p;

	if (!is_self(d, s->dom))
		return -XEN_EPERM;
	if (!s->port || s->port >= d->g.evt.abi->max_ports(d))
		return -XEN_EINVAL;
	p = port_slot(d, s->port);
	if (!p)
		p = &none;
	s->status = status[p->state];
	s->vcpu = p->vcpu;
	memset(&s->u, 0, sizeof(s->u));
	if (p->state == PORT_UNBOUND)
		s->u.unbound.dom = p->remote_dom;
	else if (p->state == PORT_VIRQ)
		s->u.virq = p->remote_port;
	else if (p->state == PORT_INTERDOMAIN || p->state == PORT_DOM0) {
		s->u.interdomain.dom = p->remote_dom;
		s->u.interdomain.port = p->state == PORT_DOM0 ? p->handle : p->remote_port;
	}
	return 0;
}

static int op_bind_vcpu(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct evtchn_port *p = port_get(d, a->bind_vcpu.port);

	if (!domain_vcpu(d, a->bind_vcpu.vcpu))
		return -XEN_ENOENT;
	if (!p || p->state == PORT_IPI || (p->state == PORT_VIRQ && virq_is_per_vcpu(p->remote_port)))
		return -XEN_EINVAL;
	/* A global virq's slot is vCPU 0's, wherever it notifies. */
	if (p->state == PORT_VIRQ)
		return 0;
	p->vcpu = (uint16_t)a->bind_vcpu.vcpu;
	dom0_hint(d, p);
	return 0;
}

static int op_unmask(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct evtchn_port free_port = { 0 };
	struct evtchn_port *p = port_get(d, a->unmask.port);

	if (!a->unmask.port || a->unmask.port >= d->g.evt.abi->max_ports(d))
		return -XEN_EINVAL;
	d->g.evt.abi->unmask(d, a->unmask.port, p ? p : &free_port);
	return 0;
}

static int op_reset(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct guest_evtchn *e = &d->g.evt;
	uint32_t max = e->abi->max_ports(d);
	uint32_t port = e->reset_next ? e->reset_next : 1;
	uint32_t end = MIN(port + RESET_BATCH, max);

	if (!is_self(d, a->reset.dom))
		return -XEN_EPERM;
	for (; port < end; port++) {
		struct evtchn_port *p = port_get(d, port);

		if (p)
			port_close(d, port, p);
	}
	h->restart = port < max;
	e->reset_next = h->restart ? port : 0;
	return 0;
}

static const struct {
	int (*op)(struct hcall *h, union evtchn_arg *a);
	uint8_t size;
	bool out;
} evtchn_ops[] = {
	[EVTCHNOP_bind_interdomain] = { op_bind_interdomain, sizeof(struct evtchn_bind_interdomain), true },
	[EVTCHNOP_bind_virq]	 = { op_bind_virq, sizeof(struct evtchn_bind_virq), true },
	[EVTCHNOP_close]	 = { op_close, sizeof(struct evtchn_close), false },
	[EVTCHNOP_send]		 = { op_send, sizeof(struct evtchn_send), false },
	[EVTCHNOP_status]	 = { op_status, sizeof(struct evtchn_status), true },
	[EVTCHNOP_alloc_unbound] = { op_alloc_unbound, sizeof(struct evtchn_alloc_unbound), true },
	[EVTCHNOP_bind_ipi]	 = { op_bind_ipi, sizeof(struct evtchn_bind_ipi), true },
	[EVTCHNOP_bind_vcpu]	 = { op_bind_vcpu, sizeof(struct evtchn_bind_vcpu), false },
	[EVTCHNOP_unmask]	 = { op_unmask, sizeof(struct evtchn_unmask), false },
	[EVTCHNOP_reset]	 = { op_reset, sizeof(struct evtchn_reset), false },
	/* bind_pirq, FIFO's init_control, expand_array, set_priority: -ENOSYS keeps guests on 2 levels */
};

int64_t hcall_event_channel_op(struct hcall *h)
{
	union evtchn_arg a = { 0 };
	uint32_t cmd = (uint32_t)h->arg[0];
	int rc;

	if (cmd >= ARRAY_SIZE(evtchn_ops) || !evtchn_ops[cmd].op)
		return -XEN_ENOSYS;
	if (hcall_get(h, h->arg[1], &a, evtchn_ops[cmd].size))
		return -XEN_EFAULT;
	spin_lock(&h->v->d->g.evt.lock);
	rc = evtchn_ops[cmd].op(h, &a);
	spin_unlock(&h->v->d->g.evt.lock);
	if (!rc && evtchn_ops[cmd].out && hcall_put(h, h->arg[1], &a, evtchn_ops[cmd].size))
		return -XEN_EFAULT;
	return rc;
}

int evtchn_init(struct domain *d, hpa_t hint)
{
	struct guest_evtchn *e = &d->g.evt;

	spin_init(&e->lock, RANK_EVTCHN);
	e->abi = &evtchn_2l;
	e->lowest_free = 1;
	e->bucket = pool_alloc(d);
	if (!e->bucket)
		return -XEN_ENOMEM;
	return dom0_handles_init(d, hint);
}

void evtchn_destroy(struct domain *d)
{
	struct guest_evtchn *e = &d->g.evt;

	dom0_handles_destroy(d);
	if (!e->bucket)
		return;
	for (uint32_t i = 0; i < MAX_BUCKETS; i++)
		if (e->bucket[i])
			pool_free(d, e->bucket[i]);
	pool_free(d, e->bucket);
	e->bucket = NULL;
}
