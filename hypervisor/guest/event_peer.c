// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels between guests, and from a guest to itself. An end names the other by domain and port, never by address, and each end is
 * under its own domain's lock, one at a time; so each use asks the other end whether it still names this one:
 *   bind:	the local port is reserved, the remote one is taken if it is offered to us, the local one is bound and raised
 *   send:	the remote port is raised if it names ours
 *   close:	the local port is freed, then the remote one is offered again if it still names it
 * What another vCPU does in between costs at most an event on a channel that is being closed or bound, and binding raises one.
 */
#include "guest/event_channel.h"
#include "guest/hypercall.h"

struct domain *peer_get(struct domain *d, domid_t id)
{
	struct domain *o = id == d->id ? d : domain_get(id);

	if (o && o != d && READ_ONCE(o->state) != DOMAIN_ALIVE) {
		domain_put(o);
		o = NULL;
	}
	return o;
}

void peer_put(struct domain *d, struct domain *o)
{
	if (o != d)
		domain_put(o);
}

/* @o's end of the channel, if it names ours. */
static struct evtchn_port *other_end(struct domain *o, const struct evtchn_port *p, const struct domain *d, uint32_t port)
{
	struct evtchn_port *r = port_get(o, p->remote_port);

	return r && r->state == PORT_INTERDOMAIN && r->remote_dom == d->id && r->remote_port == port ? r : NULL;
}

static int take_offer(struct domain *o, uint32_t remote_port, const struct domain *d, uint32_t port)
{
	struct evtchn_port *r;
	int rc = -XEN_EINVAL;

	spin_lock(&o->g.evt.lock);
	r = port_get(o, remote_port);
	if (r && r->state == PORT_UNBOUND && r->remote_dom == d->id) {
		r->state = PORT_INTERDOMAIN;
		r->remote_port = port;
		rc = 0;
	}
	spin_unlock(&o->g.evt.lock);
	return rc;
}

static int bind_to(struct domain *d, struct domain *o, uint32_t remote_port, uint32_t *ret_port)
{
	uint32_t port;
	int rc;

	spin_lock(&d->g.evt.lock);
	rc = port_alloc(d, (struct evtchn_port){ .state = PORT_RESERVED }, &port);
	spin_unlock(&d->g.evt.lock);
	if (rc)
		return rc;
	rc = take_offer(o, remote_port, d, port);
	spin_lock(&d->g.evt.lock);
	if (rc) {
		port_drop(d, port);
	} else {
		port_assign(d, port, (struct evtchn_port){ .state = PORT_INTERDOMAIN, .remote_dom = o->id, .remote_port = remote_port });
		/* The peer may have sent before there was a way to. */
		if (port_get(d, port))
			d->g.evt.abi->raise(d, port, port_get(d, port));
		*ret_port = port;
	}
	spin_unlock(&d->g.evt.lock);
	return rc;
}

int peer_bind(struct domain *d, domid_t remote_dom, uint32_t remote_port, uint32_t *ret_port)
{
	struct domain *o;
	int rc;

	/* Dom0's ports are none of ours; it has none to offer. */
	if (!remote_dom)
		return -XEN_EINVAL;
	o = peer_get(d, remote_dom == DOMID_SELF ? d->id : remote_dom);
	if (!o)
		return -XEN_ESRCH;
	rc = bind_to(d, o, remote_port, ret_port);
	peer_put(d, o);
	return rc;
}

/* Under the other domain's lock, if there is an other end. */
static void at_other_end(struct domain *d, uint32_t port, const struct evtchn_port *p,
			 void (*what)(struct domain *o, uint32_t port, struct evtchn_port *r))
{
	struct domain *o = peer_get(d, p->remote_dom);
	struct evtchn_port *r;

	if (!o)
		return;
	spin_lock(&o->g.evt.lock);
	r = other_end(o, p, d, port);
	if (r)
		what(o, p->remote_port, r);
	spin_unlock(&o->g.evt.lock);
	peer_put(d, o);
}

static void raise_it(struct domain *o, uint32_t port, struct evtchn_port *r)
{
	o->g.evt.abi->raise(o, port, r);
}

static void offer_again(struct domain *o, uint32_t port, struct evtchn_port *r)
{
	(void)o;
	(void)port;
	r->state = PORT_UNBOUND;
	r->remote_port = 0;
}

void peer_raise(struct domain *d, uint32_t port, const struct evtchn_port *p)
{
	at_other_end(d, port, p, raise_it);
}

void peer_unbind(struct domain *d, uint32_t port, const struct evtchn_port *p)
{
	at_other_end(d, port, p, offer_again);
}
