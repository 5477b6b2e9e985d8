/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: ports, what they are bound to, and how an event reaches the guest.
 *
 * Three files: event_channel.c owns the port table and the guest's calls; event_2l.c is the 2-level ABI
 * behind struct evtchn_abi (FIFO will be a second one); event_dom0.c binds ports to dom0, whose side
 * knows handles and posts bits (abi.h section 6). Everything is under the domain's evtchn lock but where said.
 */
#ifndef GUEST_EVENT_CHANNEL_H
#define GUEST_EVENT_CHANNEL_H

#include "core/domain.h"
#include <xen/event_channel.h>

#define PORTS_PER_PAGE	256
#define MAX_BUCKETS	512	/* 131072 ports: what FIFO can name */

enum port_state { PORT_FREE, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_DOM0, PORT_VIRQ, PORT_IPI };

struct evtchn_port {
	uint8_t		state;		/* enum port_state */
	uint8_t		priority;	/* FIFO: for later */
	uint16_t	vcpu;		/* notified */
	domid_t		remote_dom;	/* UNBOUND, INTERDOMAIN */
	uint16_t	handle;		/* DOM0 */
	uint32_t	remote_port;	/* INTERDOMAIN; VIRQ: its number */
	uint32_t	link;		/* FIFO: for later */
};
_Static_assert(sizeof(struct evtchn_port) * PORTS_PER_PAGE == PAGE_SIZE, "a bucket is one pool page");

/* How events look in guest memory. @port is allocated; all under the evtchn lock. */
struct evtchn_abi {
	uint32_t (*max_ports)(const struct domain *d);
	void (*raise)(struct domain *d, uint32_t port, struct evtchn_port *p);	/* + upcall if unmasked */
	void (*clear)(struct domain *d, uint32_t port);
	void (*unmask)(struct domain *d, uint32_t port, struct evtchn_port *p);
	bool (*is_pending)(const struct domain *d, uint32_t port);	/* no lock needed */
	void (*select_all)(struct vcpu *v);	/* a new vcpu_info: have the guest look everywhere */
};
extern const struct evtchn_abi evtchn_2l;

/* event_channel.c */
int __must_check evtchn_init(struct domain *d, hpa_t hint);
void evtchn_destroy(struct domain *d);
/* NULL: not allocated, or beyond the ABI. */
struct evtchn_port *port_get(struct domain *d, uint32_t port);
int __must_check port_alloc(struct domain *d, uint32_t *ret_port);	/* -XEN_ENOSPC, -XEN_ENOMEM; state is the caller's */
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
