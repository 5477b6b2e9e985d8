/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: ports, what they are bound to, and how an event reaches the guest.
 *
 * event_channel.c owns the port table and the guest's calls; event_2l.c and event_fifo.c are the two ABIs behind
 * struct evtchn_abi; event_peer.c binds ports to those of other guests; event_dom0.c binds them to dom0, whose side
 * knows handles and posts bits (abi.h section 6). Everything is under the domain's evtchn lock but where said.
 */
#ifndef GUEST_EVENT_CHANNEL_H
#define GUEST_EVENT_CHANNEL_H

#include "core/domain.h"
#include <xen/event_channel.h>

#define PORTS_PER_PAGE	256
#define MAX_BUCKETS	512	/* 131072 ports: what FIFO can name */

/* RESERVED: taken, by a call that is not done; to everybody else it is not there. */
enum port_state { PORT_FREE, PORT_RESERVED, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_DOM0, PORT_VIRQ, PORT_IPI };

struct evtchn_port {
	uint8_t		state;		/* enum port_state */
	uint8_t		priority;	/* FIFO: of the next link */
	uint16_t	vcpu;		/* notified */
	domid_t		remote_dom;	/* UNBOUND, INTERDOMAIN */
	uint16_t	handle;		/* DOM0 */
	uint32_t	remote_port;	/* INTERDOMAIN; VIRQ: its number */
	/* FIFO: the queue it was linked to last, also of a port that is free again: its word may still be in there. */
	uint16_t	queue_vcpu;
	uint8_t		queue_priority;
	bool		early;		/* FIFO: pending, and it has no word yet */
};
_Static_assert(sizeof(struct evtchn_port) * PORTS_PER_PAGE == PAGE_SIZE, "a bucket is one pool page");

/* How events look in guest memory. @port is allocated; all under the evtchn lock. */
struct evtchn_abi {
	uint32_t (*max_ports)(const struct domain *d);
	void (*raise)(struct domain *d, uint32_t port, struct evtchn_port *p);	/* + upcall if unmasked */
	void (*clear)(struct domain *d, uint32_t port);
	void (*unmask)(struct domain *d, uint32_t port, struct evtchn_port *p);
	bool (*is_pending)(struct domain *d, uint32_t port);	/* also of a port that is not allocated */
	bool (*is_busy)(const struct domain *d, uint32_t port);	/* free, but not to be reused yet */
	void (*select_all)(struct vcpu *v);	/* a new vcpu_info: have the guest look everywhere */
};
extern const struct evtchn_abi evtchn_2l, evtchn_fifo;

/* event_channel.c */
int __must_check evtchn_init(struct domain *d, hpa_t hint);
void evtchn_destroy(struct domain *d);
/* The domain's end: all ports are closed, some in each call, true = done. Takes the lock, and other domains'. */
bool __must_check evtchn_end(struct domain *d);
/* NULL: not allocated, or beyond the ABI. */
struct evtchn_port *port_get(struct domain *d, uint32_t port);
/* The lowest free port becomes @as, with default priority. -XEN_ENOSPC, -XEN_ENOMEM. */
int __must_check port_alloc(struct domain *d, struct evtchn_port as, uint32_t *ret_port);
/* A RESERVED port becomes @as. */
void port_assign(struct domain *d, uint32_t port, struct evtchn_port as);
/* A RESERVED port that came to nothing. */
void port_drop(struct domain *d, uint32_t port);
void port_free(struct domain *d, uint32_t port, struct evtchn_port *p);
bool port_exists(struct domain *d, uint32_t port);			/* takes the lock */
/* Raise a per-vCPU virq; dropped when it is not bound. Takes the lock. */
void virq_raise(struct vcpu *v, uint32_t virq);

/*
 * Tell @v that its upcall byte went up, and vCPUs in SCHEDOP_poll that @port is pending. The byte and the bit were
 * set by LOCKed operations before; pollers enter themselves and then look at the bits.
 */
void upcall_mark(struct vcpu *v);
void wake_pollers(struct domain *d, uint32_t port);
bool upcall_pending(const struct vcpu *v);

/* vcpu_info in guest memory; -XEN_EINVAL, -XEN_ENOMEM. */
int __must_check vcpu_info_register(struct vcpu *caller, struct vcpu *v, gfn_t g, uint32_t offset);

/* event_2l.c: pending bits become early ports, before the ABI changes. */
void evtchn_2l_hand_over(struct domain *d);

/*
 * event_fifo.c. What the guest gives is pinned: -XEN_EINVAL where that cannot be, -XEN_ENOMEM.
 * fifo_raise_early: events that came before the words of a new page, from @port to the page's end, some in each call; returns
 * the port to go on with, 0 = done.
 * fifo_end: back to 2 levels, when no port is left; some pages in each call, true = done.
 */
int __must_check fifo_init_control(struct vcpu *v, gfn_t g, uint32_t offset);
int __must_check fifo_expand_array(struct domain *d, gfn_t g, uint32_t *ret_first);
uint32_t __must_check fifo_raise_early(struct domain *d, uint32_t port);
bool __must_check fifo_end(struct domain *d);

/*
 * event_peer.c: the other end of an INTERDOMAIN port, in another guest or the same. Context: no lock held. Two domains' locks
 * are never held together: an end is changed under its own domain's lock, and counts only while each end names the other.
 */
int __must_check peer_bind(struct domain *d, domid_t remote_dom, uint32_t remote_port, uint32_t *ret_port);
void peer_raise(struct domain *d, uint32_t port, const struct evtchn_port *p);
void peer_unbind(struct domain *d, uint32_t port, const struct evtchn_port *p);

/* event_dom0.c */
int __must_check dom0_handles_init(struct domain *d, hpa_t hint);
void dom0_handles_destroy(struct domain *d);
/* The guest's side of a port with a handle is gone; the handle stays taken until dom0 closes it. */
void dom0_handle_orphan(struct domain *d, uint32_t port, uint16_t handle);
/* Dom0 should post for @p to its present vCPU. */
void dom0_hint(struct domain *d, const struct evtchn_port *p);
/* Take what dom0 posted for @v. Takes the lock. */
void dom0_drain(struct vcpu *v);
/* The guest signals dom0 from @v. No lock. */
void dom0_post(struct vcpu *v, uint16_t handle);

#endif
