// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events between dom0 and a guest, through the posted pages (F21, abi.h section 6). Ports are the
 * guest's; bits are handles, given when a port is bound to dom0.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "compat/eventfd.h"
#include "domain.h"
#include "hv_call.h"
#include "hvpriv.h"
#include "hvpriv_backend.h"
#include "peer.h"

static int port_record(struct hv_domain *d, struct hv_port *p)
{
	int r;

	r = xa_insert(&d->handles, p->handle, p, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	r = xa_insert(&d->ports, p->port, p, GFP_KERNEL_ACCOUNT);
	if (r)
		xa_erase(&d->handles, p->handle);
	return r;
}

/* What ALLOC and BIND answer. */
static int port_numbers(struct hv_port *p, long bound)
{
	if (bound < 0)
		return bound;
	p->handle = bound >> 32;
	p->port = (u32)bound;
	return p->handle < ZENDO_MAX_HANDLES ? 0 : -EIO;
}

static int port_make(struct hv_domain *d, struct hv_port *p)
{
	int r;

	r = port_numbers(p, hv_call_pool(ZCALL_EVTCHN_ALLOC, d->domid, 0, 0, 0));
	if (r)
		return r;
	r = port_record(d, p);
	if (r)
		hv_call2(ZCALL_EVTCHN_CLOSE, d->domid, p->handle);
	return r;
}

/* A port that nobody is bound to, offered to dom0: who knows its number binds it (hv_event_bind()). */
static int port_offer(struct hv_domain *d, u32 *ret_port)
{
	struct hv_port p;
	int r;

	mutex_lock(&d->lock);
	r = port_numbers(&p, hv_call_pool(ZCALL_EVTCHN_ALLOC, d->domid, 0, 0, 0));
	if (!r)
		r = hv_call2(ZCALL_EVTCHN_CLOSE, d->domid, p.handle);
	mutex_unlock(&d->lock);
	if (!r)
		*ret_port = p.port;
	return r;
}

/**
 * hv_evtchn_alloc() - HVPRIV_DOM_EVTCHN_ALLOC
 * @d: the domain
 * @ea: port is set on success
 */
int hv_evtchn_alloc(struct hv_domain *d, struct hvpriv_evtchn_alloc *ea)
{
	struct hv_port *p;
	int r;

	if ((ea->flags & ~HVPRIV_EVTCHN_UNBOUND) || ea->reserved || ea->eventfd < -1)
		return -EINVAL;
	if (ea->flags & HVPRIV_EVTCHN_UNBOUND)
		return ea->eventfd < 0 ? port_offer(d, &ea->port) : -EINVAL;
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	if (ea->eventfd >= 0) {
		p->eventfd = eventfd_ctx_fdget(ea->eventfd);
		if (IS_ERR(p->eventfd)) {
			r = PTR_ERR(p->eventfd);
			goto err_free;
		}
	}
	mutex_lock(&d->lock);
	r = port_make(d, p);
	mutex_unlock(&d->lock);
	if (r)
		goto err_eventfd;
	ea->port = p->port;
	return 0;

err_eventfd:
	if (p->eventfd)
		eventfd_ctx_put(p->eventfd);
err_free:
	kfree(p);
	return r;
}

/* Where the hypervisor says the port is bound; it routes what lands elsewhere. */
static struct hv_vcpu *target(struct hv_domain *d, u32 handle)
{
	return hv_vcpu_at(d, READ_ONCE(d->evt_hint[handle])) ?: hv_vcpu_at(d, 0);
}

/* Return: false: it was posted already, and who did that tells the vCPU. */
static bool post(struct zendo_posted *p, u32 handle)
{
	if (test_and_set_bit(handle % 64, (unsigned long *)&p->word[handle / 64]))
		return false;
	smp_mb__after_atomic();		/* the taker clears the summary first */
	set_bit(handle / 64, (unsigned long *)&p->summary);
	return true;
}

/* Context: no preemption between bit and kick, which others rely on. */
static int post_to(struct hv_domain *d, u32 handle)
{
	struct hv_vcpu *v = target(d, handle);

	if (!v)
		return -ENXIO;
	if (post(&v->posted->in, handle)) {
		atomic64_inc(&v->events_in);
		hv_vcpu_kick(v);	/* its barrier is the one after the post */
	}
	return 0;
}

/**
 * hv_evtchn_notify() - raise a port in the guest
 * @d: the domain
 * @port: one that hv_evtchn_alloc() gave
 *
 * Return: 0; -ENOENT: not a port of ours; -ENXIO: no vCPU yet.
 */
int hv_evtchn_notify(struct hv_domain *d, u32 port)
{
	struct hv_port *p = xa_load(&d->ports, port);
	int r;

	if (!p)
		return -ENOENT;
	preempt_disable();
	r = post_to(d, p->handle);
	preempt_enable();
	return r;
}

/*
 * Somebody is told under event_lock, so that who unbinds knows when it is over. @by_vcpu: by a vCPU's thread, which will help with
 * what that leads to.
 */
static void tell(struct hv_domain *d, u32 handle, bool by_vcpu)
{
	struct hv_port *port;

	spin_lock(&d->event_lock);
	port = xa_load(&d->handles, handle);
	if (port && port->eventfd)
		hv_eventfd_signal(port->eventfd);
	if (port && port->fn) {
		if (by_vcpu)
			hv_workers_told_begin(&d->workers);
		port->fn(port->arg);
		hv_workers_told_end();
	}
	spin_unlock(&d->event_lock);
}

static void take_events(struct hv_vcpu *v)
{
	struct zendo_posted *p = &v->posted->out;
	u64 words = xchg(&p->summary, 0);
	unsigned int w;
	u64 bits;

	for (; words; words &= words - 1) {
		w = __ffs64(words);
		if (w >= ARRAY_SIZE(p->word))
			break;
		for (bits = xchg(&p->word[w], 0); bits; bits &= bits - 1) {
			v->events_out++;
			tell(v->domain, w * 64 + __ffs64(bits), true);
		}
	}
}

static void wake_siblings(struct hv_vcpu *v)
{
	struct hv_domain *d = v->domain;
	struct hv_vcpu *other;
	unsigned int i, id;
	u64 bits;

	for (i = 0; i < ARRAY_SIZE(v->posted->wake); i++) {
		if (!READ_ONCE(v->posted->wake[i]))
			continue;
		for (bits = xchg(&v->posted->wake[i], 0); bits; bits &= bits - 1) {
			id = i * 64 + __ffs64(bits);
			other = hv_vcpu_at(d, id);
			if (other && other != v)
				hv_vcpu_kick(other);
		}
	}
}

static void wake_peers(struct hv_vcpu *v)
{
	struct zendo_posted_page *p = v->posted;
	u32 i, n = min_t(u32, READ_ONCE(p->nr_peers), ARRAY_SIZE(p->peer));
	struct hv_vcpu *other;

	if (!n)
		return;
	rcu_read_lock();
	for (i = 0; i < n; i++) {
		other = hv_vcpu_named(READ_ONCE(p->peer[i]));
		if (other)
			hv_vcpu_kick(other);
	}
	rcu_read_unlock();
	WRITE_ONCE(p->nr_peers, 0);
}

/* After each run of @v: what it left for dom0. Context: its thread, preemptible. */
void hv_evtchn_scan(struct hv_vcpu *v)
{
	bool told = READ_ONCE(v->posted->out.summary);

	if (told)
		take_events(v);
	wake_siblings(v);
	wake_peers(v);
	if (told)
		hv_workers_help(&v->domain->workers);
}

/* ---- peers ------------------------------------------------------------------------------------ */

struct hv_event {
	struct hv_domain *domain;	/* the peer's, which lives longer */
	struct hv_port port;
};

static int event_bind(struct hv_domain *d, struct hv_event *e, u32 port)
{
	int r;

	lockdep_assert_held(&d->lock);
	if (d->dying)
		return -ESHUTDOWN;
	r = port_numbers(&e->port, hv_call_pool(ZCALL_EVTCHN_BIND, d->domid, port, 0, 0));
	if (r)
		return r;
	r = xa_insert(&d->handles, e->port.handle, &e->port, GFP_KERNEL_ACCOUNT);
	if (r)
		hv_call2(ZCALL_EVTCHN_CLOSE, d->domid, e->port.handle);
	return r;
}

struct hv_event *hv_event_bind(struct hv_peer *peer, u32 port, void (*fn)(void *arg), void *arg)
{
	struct hv_domain *d = peer->domain;
	struct hv_event *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	int r;

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->domain = d;
	e->port.fn = fn;
	e->port.arg = arg;
	mutex_lock(&d->lock);
	r = event_bind(d, e, port);
	if (!r)
		tell(d, e->port.handle, false);
	mutex_unlock(&d->lock);
	if (r) {
		kfree(e);
		return ERR_PTR(r);
	}
	return e;
}
EXPORT_SYMBOL_GPL(hv_event_bind);

/* When the domain is dying no vCPU runs, so nobody calls fn, and the records go with it. */
void hv_event_unbind(struct hv_event *e)
{
	struct hv_domain *d = e->domain;

	mutex_lock(&d->lock);
	if (!d->dying) {
		spin_lock(&d->event_lock);
		xa_erase(&d->handles, e->port.handle);
		spin_unlock(&d->event_lock);
		hv_call2(ZCALL_EVTCHN_CLOSE, d->domid, e->port.handle);
	}
	mutex_unlock(&d->lock);
	kfree(e);
}
EXPORT_SYMBOL_GPL(hv_event_unbind);

void hv_event_post(struct hv_event *e)
{
	preempt_disable();	/* domain_destroy() waits for us before vCPUs are freed */
	if (!READ_ONCE(e->domain->dying))
		post_to(e->domain, e->port.handle);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(hv_event_post);

/* The domain is gone: nobody looks ports up any more. */
void hv_evtchn_close_all(struct hv_domain *d)
{
	struct hv_port *p;
	unsigned long index;

	xa_for_each(&d->ports, index, p) {
		if (p->eventfd)
			eventfd_ctx_put(p->eventfd);
		kfree(p);
	}
	xa_destroy(&d->ports);
	xa_destroy(&d->handles);
}
