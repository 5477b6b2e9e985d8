// SPDX-License-Identifier: GPL-2.0-only
#include "guest/event_channel.h"
#include "guest/hypercall.h"
#include "guest/lapic.h"
#include "guest/time.h"

#define CMD_BITS	8	/* of a command; the rest is the progress of one that restarts */
#define RESET_BATCH	32	/* ports looked at before a reset has to be asked to go on */

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

	return p && p->state > PORT_RESERVED ? p : NULL;
}

/* The port's past in its FIFO queue stays with it. */
static void port_become(struct evtchn_port *p, struct evtchn_port as)
{
	as.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	as.queue_vcpu = p->queue_vcpu;
	as.queue_priority = p->queue_priority;
	*p = as;
}

/* 0 = none. */
static uint32_t find_in_bucket(struct domain *d, uint32_t b, uint32_t max)
{
	const struct evtchn_port *slot = d->g.evt.bucket[b];

	for (uint32_t i = b ? 0 : 1; i < PORTS_PER_PAGE && b * PORTS_PER_PAGE + i < max; i++)
		if (slot[i].state == PORT_FREE && !d->g.evt.abi->is_busy(d, b * PORTS_PER_PAGE + i))
			return b * PORTS_PER_PAGE + i;
	return 0;
}

/*
 * The lowest bucket is filled first, so below the one that gave the last port all are marked full: a call searches two, not
 * 512. A port that was busy when its bucket was marked comes back with the next one freed there.
 */
int port_alloc(struct domain *d, struct evtchn_port as, uint32_t *ret_port)
{
	struct guest_evtchn *e = &d->g.evt;
	uint32_t max = e->abi->max_ports(d);

	if (e->max_port && e->max_port < max)
		max = e->max_port + 1;
	if (!e->bucket)
		return -XEN_ESRCH;	/* the domain is going */
	for (uint32_t b = 0; b * PORTS_PER_PAGE < max; b++) {
		if (test_bit(b, e->full))
			continue;
		if (!e->bucket[b]) {
			e->bucket[b] = pool_alloc(d);
			if (!e->bucket[b])
				return -XEN_ENOMEM;
		}
		*ret_port = find_in_bucket(d, b, max);
		if (*ret_port) {
			port_become(port_slot(d, *ret_port), as);
			return 0;
		}
		e->full[b / 64] |= 1ULL << (b % 64);
	}
	return -XEN_ENOSPC;
}

void port_free(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	d->g.evt.abi->clear(d, port);
	port_become(p, (struct evtchn_port){ .state = PORT_FREE });
	d->g.evt.full[port / PORTS_PER_PAGE / 64] &= ~(1ULL << (port / PORTS_PER_PAGE % 64));
}

/* A reset by another vCPU may have taken the port out of reach meanwhile: then it stays reserved. */
void port_assign(struct domain *d, uint32_t port, struct evtchn_port as)
{
	struct evtchn_port *p = port_slot(d, port);

	if (p)
		port_become(p, as);
}

void port_drop(struct domain *d, uint32_t port)
{
	struct evtchn_port *p = port_slot(d, port);

	if (p)
		port_free(d, port, p);
}

bool port_exists(struct domain *d, uint32_t port)
{
	bool yes;

	spin_lock(&d->g.evt.lock);
	yes = port_get(d, port);
	spin_unlock(&d->g.evt.lock);
	return yes;
}

/* Free the port. What it was is returned: for an INTERDOMAIN one the caller does peer_unbind() without the lock. */
static struct evtchn_port port_close(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	struct evtchn_port was = *p;

	switch (p->state) {
	case PORT_DOM0:
		dom0_handle_orphan(d, port, p->handle);
		break;
	case PORT_VIRQ:
		domain_vcpu(d, p->vcpu)->g.virq_port[p->remote_port] = 0;
		break;
	default:
		break;
	}
	port_free(d, port, p);
	return was;
}

/* Takes the lock. @port need not be allocated: -XEN_EINVAL. */
static int close_one(struct domain *d, uint32_t port)
{
	struct evtchn_port *p, was = { 0 };

	spin_lock(&d->g.evt.lock);
	p = port_get(d, port);
	if (p)
		was = port_close(d, port, p);
	spin_unlock(&d->g.evt.lock);
	if (was.state == PORT_INTERDOMAIN)
		peer_unbind(d, port, &was);
	return was.state ? 0 : -XEN_EINVAL;
}

/* Close every port, then give FIFO's pages back; a part in each call, true = done. Takes the lock. */
static bool reset_step(struct domain *d)
{
	struct guest_evtchn *e = &d->g.evt;
	uint32_t port, max;
	bool done;

	spin_lock(&e->lock);
	port = e->reset_next;
	max = e->abi->max_ports(d);
	spin_unlock(&e->lock);
	for (uint32_t n = 0; n < RESET_BATCH && port < max; n++) {
		if (!e->bucket[port / PORTS_PER_PAGE])
			port = (port / PORTS_PER_PAGE + 1) * PORTS_PER_PAGE;
		else
			(void)close_one(d, port++);
	}
	spin_lock(&e->lock);
	done = port >= max && fifo_end(d);
	e->reset_next = done ? 0 : port;
	spin_unlock(&e->lock);
	return done;
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

/* ---- the guest's calls; each gets its argument struct copied in; the evtchn lock is held but for OP_LOCKS ---- */

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
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

static int op_alloc_unbound(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	domid_t remote = a->alloc_unbound.remote_dom;

	if (!is_self(d, a->alloc_unbound.dom))
		return -XEN_EPERM;
	return port_alloc(d, (struct evtchn_port){ .state = PORT_UNBOUND, .remote_dom = remote == DOMID_SELF ? d->id : remote },
			  &a->alloc_unbound.port);
}

static int op_bind_interdomain(struct hcall *h, union evtchn_arg *a)
{
	return peer_bind(h->v->d, a->bind_interdomain.remote_dom, a->bind_interdomain.remote_port,
			 &a->bind_interdomain.local_port);
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
	rc = port_alloc(d, (struct evtchn_port){ .state = PORT_VIRQ, .vcpu = (uint16_t)v->id, .remote_port = virq }, &port);
	if (rc)
		return rc;
	v->g.virq_port[virq] = port;
	a->bind_virq.port = port;
	return 0;
}

static int op_bind_ipi(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;

	if (!domain_vcpu(d, a->bind_ipi.vcpu))
		return -XEN_ENOENT;
	return port_alloc(d, (struct evtchn_port){ .state = PORT_IPI, .vcpu = (uint16_t)a->bind_ipi.vcpu }, &a->bind_ipi.port);
}

static int op_close(struct hcall *h, union evtchn_arg *a)
{
	return close_one(h->v->d, a->close.port);
}

static int op_send(struct hcall *h, union evtchn_arg *a)
{
	struct domain *d = h->v->d;
	struct evtchn_port *p, was = { 0 };

	spin_lock(&d->g.evt.lock);
	p = port_get(d, a->send.port);
	if (p)
		was = *p;
	if (was.state == PORT_IPI)
		d->g.evt.abi->raise(d, a->send.port, p);
	spin_unlock(&d->g.evt.lock);
	switch (was.state) {
	case PORT_DOM0:
		dom0_post(h->v, was.handle);
		hcall_to_dom0(h, ZRUN_EVENT);
		return 0;
	case PORT_INTERDOMAIN:
		peer_raise(d, a->send.port, &was);
		return 0;
	case PORT_IPI:
	case PORT_UNBOUND:	/* nobody listens: dropped */
		return 0;
	default:
		return -XEN_EINVAL;
	}
}

static int op_status(struct hcall *h, union evtchn_arg *a)
{
	static const uint32_t status[] = {
		[PORT_FREE] = EVTCHNSTAT_closed, [PORT_RESERVED] = EVTCHNSTAT_closed, [PORT_UNBOUND] = EVTCHNSTAT_unbound,
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
	if (!is_self(h->v->d, a->reset.dom))
		return -XEN_EPERM;
	h->restart = !reset_step(h->v->d);
	return 0;
}

static int op_init_control(struct hcall *h, union evtchn_arg *a)
{
	struct evtchn_init_control *c = &a->init_control;
	struct vcpu *v = domain_vcpu(h->v->d, c->vcpu);

	if (!v)
		return -XEN_ENOENT;
	c->link_bits = EVTCHN_FIFO_LINK_BITS;
	return fifo_init_control(v, gfn(c->control_gfn), c->offset);
}

/*
 * Once the page is there the port to go on with stands in the command's register, above the command. A guest that makes one up has
 * raised what was to be raised anyway.
 */
static int op_expand_array(struct hcall *h, union evtchn_arg *a)
{
	uint32_t port = (uint32_t)h->arg[0] >> CMD_BITS;
	int rc;

	if (!port) {
		rc = fifo_expand_array(h->v->d, gfn(a->expand_array.array_gfn), &port);
		if (rc)
			return rc;
	} else if (!h->v->d->g.evt.fifo) {
		return -XEN_EOPNOTSUPP;
	}
	port = fifo_raise_early(h->v->d, port);
	h->arg[0] = port << CMD_BITS | EVTCHNOP_expand_array;
	h->restart = port;
	return 0;
}

/* Of the next link: an event that is in a queue stays there. */
static int op_set_priority(struct hcall *h, union evtchn_arg *a)
{
	struct evtchn_port *p = port_get(h->v->d, a->set_priority.port);

	if (!h->v->d->g.evt.fifo)
		return -XEN_ENOSYS;
	if (!p || a->set_priority.priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -XEN_EINVAL;
	p->priority = (uint8_t)a->set_priority.priority;
	return 0;
}

#define OP_OUT		1	/* the struct goes back to the guest */
#define OP_LOCKS	2	/* the call takes the lock itself, and may take another domain's */

static const struct {
	int (*op)(struct hcall *h, union evtchn_arg *a);
	uint8_t size, flags;
} evtchn_ops[] = {
	[EVTCHNOP_bind_interdomain] = { op_bind_interdomain, sizeof(struct evtchn_bind_interdomain), OP_OUT | OP_LOCKS },
	[EVTCHNOP_bind_virq]	 = { op_bind_virq, sizeof(struct evtchn_bind_virq), OP_OUT },
	[EVTCHNOP_close]	 = { op_close, sizeof(struct evtchn_close), OP_LOCKS },
	[EVTCHNOP_send]		 = { op_send, sizeof(struct evtchn_send), OP_LOCKS },
	[EVTCHNOP_status]	 = { op_status, sizeof(struct evtchn_status), OP_OUT },
	[EVTCHNOP_alloc_unbound] = { op_alloc_unbound, sizeof(struct evtchn_alloc_unbound), OP_OUT },
	[EVTCHNOP_bind_ipi]	 = { op_bind_ipi, sizeof(struct evtchn_bind_ipi), OP_OUT },
	[EVTCHNOP_bind_vcpu]	 = { op_bind_vcpu, sizeof(struct evtchn_bind_vcpu), 0 },
	[EVTCHNOP_unmask]	 = { op_unmask, sizeof(struct evtchn_unmask), 0 },
	[EVTCHNOP_reset]	 = { op_reset, sizeof(struct evtchn_reset), OP_LOCKS },
	[EVTCHNOP_init_control]	 = { op_init_control, sizeof(struct evtchn_init_control), OP_OUT },
	[EVTCHNOP_expand_array]	 = { op_expand_array, sizeof(struct evtchn_expand_array), 0 },
	[EVTCHNOP_set_priority]	 = { op_set_priority, sizeof(struct evtchn_set_priority), 0 },
	/* bind_pirq: -ENOSYS */
};

int64_t hcall_event_channel_op(struct hcall *h)
{
	union evtchn_arg a = { 0 };
	uint32_t cmd = (uint32_t)h->arg[0] & ((1U << CMD_BITS) - 1);
	uint8_t flags;
	int rc;

	if ((uint32_t)h->arg[0] != cmd && cmd != EVTCHNOP_expand_array)
		return -XEN_ENOSYS;
	if (cmd >= ARRAY_SIZE(evtchn_ops) || !evtchn_ops[cmd].op)
		return -XEN_ENOSYS;
	if (hcall_get(h, h->arg[1], &a, evtchn_ops[cmd].size))
		return -XEN_EFAULT;
	flags = evtchn_ops[cmd].flags;
	if (!(flags & OP_LOCKS))
		spin_lock(&h->v->d->g.evt.lock);
	rc = evtchn_ops[cmd].op(h, &a);
	if (!(flags & OP_LOCKS))
		spin_unlock(&h->v->d->g.evt.lock);
	if (!rc && (flags & OP_OUT) && hcall_put(h, h->arg[1], &a, evtchn_ops[cmd].size))
		return -XEN_EFAULT;
	return rc;
}

int evtchn_init(struct domain *d, hpa_t hint)
{
	struct guest_evtchn *e = &d->g.evt;

	spin_init(&e->lock, RANK_EVTCHN);
	e->abi = &evtchn_2l;
	e->bucket = pool_alloc(d);
	if (!e->bucket)
		return -XEN_ENOMEM;
	return dom0_handles_init(d, hint);
}

bool evtchn_end(struct domain *d)
{
	struct guest_evtchn *e = &d->g.evt;

	if (!e->bucket)
		return true;
	/* The guest may have been in the middle of a reset. */
	if (!e->ending)
		e->reset_next = 0;
	e->ending = true;
	return reset_step(d);
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
