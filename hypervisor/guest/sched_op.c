// SPDX-License-Identifier: GPL-2.0-only
/* sched_op and HLT: how a vCPU stops running for a while, or for good. */
#include "guest/hypercall.h"
#include "guest/compat.h"
#include "guest/event_channel.h"
#include "guest/guest.h"
#include "guest/lapic.h"
#include "guest/time.h"
#include <xen/sched.h>

#define RFLAGS_IF	(1ULL << 9)

static uint64_t *poll_word(struct vcpu *v)
{
	return &v->d->g.evt.poll_mask[v->id / 64];
}

static void poll_begin(struct vcpu *v)
{
	v->g.poll.active = true;
	__atomic_fetch_or(poll_word(v), 1ULL << (v->id % 64), __ATOMIC_SEQ_CST);
}

void poll_end(struct vcpu *v)
{
	if (!v->g.poll.active)
		return;
	v->g.poll.active = false;
	__atomic_fetch_and(poll_word(v), ~(1ULL << (v->id % 64)), __ATOMIC_SEQ_CST);
}

static bool poll_satisfied(struct vcpu *v)
{
	const struct guest_poll *p = &v->g.poll;
	struct domain *d = v->d;
	bool pending = false;

	if (p->deadline_tsc && host_tsc() >= p->deadline_tsc)
		return true;
	if (p->block && upcall_pending(v))
		return true;
	if (!p->nr)
		return false;
	spin_lock(&d->g.evt.lock);
	for (uint32_t i = 0; i < p->nr && !pending; i++)
		pending = d->g.evt.abi->is_pending(d, p->port[i]);
	spin_unlock(&d->g.evt.lock);
	return pending;
}

/* With interrupts off a pending upcall is no reason: PV spinlocks poll that way, and would spin. */
bool guest_has_wakeup(struct vcpu *v)
{
	if (v->wait == WAIT_NONE || nmi_due(v) || (READ_ONCE(v->request) & REQ_RESET))
		return true;
	if ((v->regs.rflags & RFLAGS_IF) && guest_event(v).kind != GEVENT_NONE)
		return true;
	return v->wait == WAIT_POLL && poll_satisfied(v);
}

/*
 * Sleep until guest_has_wakeup(). Who wakes sets its bit, full barrier, then looks at the vCPU (vcpu_kick); here the
 * state is set, full barrier, then the bits are looked at: one sees the other.
 */
static enum exit_next wait(struct vcpu *v, enum vcpu_wait how)
{
	v->wait = how;
	smp_mb();
	dom0_drain(v);
	time_poll(v);
	if (guest_has_wakeup(v)) {
		v->wait = WAIT_NONE;
		poll_end(v);
		return NEXT_RESUME;
	}
	if (text_flush(v))
		return NEXT_TO_DOM0;	/* the wait goes on at the next run */
	v->reason = how == WAIT_HALT ? ZRUN_HALT : ZRUN_POLL;
	return NEXT_TO_DOM0;
}

static int get_poll(struct hcall *h, uint64_t *ret_ports, uint32_t *ret_nr, uint64_t *ret_timeout)
{
	struct sched_poll p;
	struct compat_sched_poll c;

	if (!h->wide) {
		if (hcall_get(h, h->arg[1], &c, sizeof(c)))
			return -XEN_EFAULT;
		*ret_ports = c.ports;
		*ret_nr = c.nr_ports;
		*ret_timeout = c.timeout;
		return 0;
	}
	if (hcall_get(h, h->arg[1], &p, sizeof(p)))
		return -XEN_EFAULT;
	*ret_ports = (uint64_t)p.ports.p;
	*ret_nr = p.nr_ports;
	*ret_timeout = p.timeout;
	return 0;
}

static int64_t op_poll(struct hcall *h)
{
	struct guest_poll *p = &h->v->g.poll;
	uint64_t ports, timeout;
	uint32_t nr;
	int rc;

	rc = get_poll(h, &ports, &nr, &timeout);
	if (rc)
		return rc;
	if (nr > POLL_MAX_PORTS)
		return -XEN_EINVAL;
	p->nr = 0;	/* until the list is whole */
	if (nr && hcall_get(h, ports, p->port, nr * sizeof(p->port[0])))
		return -XEN_EFAULT;
	for (uint32_t i = 0; i < nr; i++)
		if (!port_exists(h->v->d, p->port[i]))
			return -XEN_EINVAL;
	p->nr = nr;
	p->block = false;
	p->deadline_tsc = timeout ? time_to_tsc(h->v->d, timeout) : 0;
	poll_begin(h->v);
	h->next = wait(h->v, WAIT_POLL);
	return 0;
}

static int64_t op_block(struct hcall *h)
{
	struct guest_poll *p = &h->v->g.poll;

	p->nr = 0;
	p->block = true;
	p->deadline_tsc = 0;
	poll_begin(h->v);
	h->next = wait(h->v, WAIT_POLL);
	return 0;
}

static int64_t op_shutdown(struct hcall *h)
{
	struct sched_shutdown s;

	if (hcall_get(h, h->arg[1], &s, sizeof(s)))
		return -XEN_EFAULT;
	if (s.reason > SHUTDOWN_MAX)
		return -XEN_EINVAL;
	domain_shutdown(h->v->d, s.reason);
	hcall_to_dom0(h, ZRUN_SHUTDOWN);
	return 0;	/* seen only after a suspend: resumed in a new domain */
}

/* What the next shutdown will be said to be, whoever causes it; the first word counts. */
static int64_t op_shutdown_code(struct hcall *h)
{
	struct sched_shutdown s;
	uint32_t none = 0;

	if (hcall_get(h, h->arg[1], &s, sizeof(s)))
		return -XEN_EFAULT;
	__atomic_compare_exchange_n(&h->v->d->shutdown_said, &none, 1 + (uint8_t)s.reason, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}

/* For device models of the domain named; no guest is one. */
static int64_t op_remote_shutdown(struct hcall *h)
{
	struct sched_remote_shutdown s;

	if (hcall_get(h, h->arg[1], &s, sizeof(s)))
		return -XEN_EFAULT;
	return !s.domain_id || s.domain_id == h->v->d->id ? -XEN_EPERM : -XEN_ESRCH;
}

/* Takes a free one for @id 0. evtchn lock held. */
static int64_t watchdog_set(struct domain *d, uint32_t id, uint64_t tsc)
{
	if (!id) {
		while (id < NR_WATCHDOGS && d->g.watchdog_tsc[id])
			id++;
		if (id == NR_WATCHDOGS)
			return -XEN_ENOSPC;
		d->g.watchdog_tsc[id] = tsc;
		return id + 1;
	}
	if (!d->g.watchdog_tsc[id - 1])
		return -XEN_EINVAL;
	d->g.watchdog_tsc[id - 1] = tsc;
	return 0;
}

static int64_t op_watchdog(struct hcall *h)
{
	struct domain *d = h->v->d;
	struct sched_watchdog w;
	uint64_t tsc;
	int64_t rc;

	if (hcall_get(h, h->arg[1], &w, sizeof(w)))
		return -XEN_EFAULT;
	if (w.id > NR_WATCHDOGS)
		return -XEN_EINVAL;
	/* A timeout of 0 ends the one named; a new one it lets bite at once, as in Xen. */
	tsc = w.timeout || !w.id ? time_to_tsc(d, time_now(d) + w.timeout * NS_PER_S) : 0;
	spin_lock(&d->g.evt.lock);
	rc = watchdog_set(d, w.id, tsc);
	time_watchdogs(d);
	spin_unlock(&d->g.evt.lock);
	/* Whoever sleeps has it in its own deadline then: the caller may be gone by that time. */
	for (uint32_t i = 0; rc >= 0 && tsc && i < d->max_vcpus; i++)
		if (domain_vcpu(d, i) && READ_ONCE(domain_vcpu(d, i)->up))
			vcpu_kick(domain_vcpu(d, i));
	return rc;
}

int64_t hcall_sched_op(struct hcall *h)
{
	switch ((uint32_t)h->arg[0]) {
	case SCHEDOP_yield:
		hcall_to_dom0(h, ZRUN_YIELD);
		return 0;
	case SCHEDOP_block:
		return op_block(h);
	case SCHEDOP_shutdown:
		return op_shutdown(h);
	case SCHEDOP_poll:
		return op_poll(h);
	case SCHEDOP_remote_shutdown:
		return op_remote_shutdown(h);
	case SCHEDOP_shutdown_code:
		return op_shutdown_code(h);
	case SCHEDOP_watchdog:
		return op_watchdog(h);
	case SCHEDOP_pin_override:	/* dom0's */
		return -XEN_EPERM;
	default:
		return -XEN_ENOSYS;
	}
}

/* Every vCPU that is up sits in HLT with IF=0: nothing but an NMI could go on, and none is on its way. */
static bool all_parked(struct domain *d)
{
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = domain_vcpu(d, i);

		if (!v)
			continue;
		if (READ_ONCE(v->request) & REQ_RESET || READ_ONCE(v->g.lapic.sipi))
			return false;
		/* The NMI first: who takes one is no longer parked before it is no longer pending. */
		if (READ_ONCE(v->up) && (nmi_due(v) || !READ_ONCE(v->g.parked)))
			return false;
	}
	return true;
}

/* Also when a vCPU goes down: without S5 in the ACPI tables this is how a guest powers off. */
bool poweroff_if_all_parked(struct domain *d)
{
	smp_mb();	/* own state first, then the others' */
	if (!all_parked(d))
		return false;
	domain_shutdown(d, SHUTDOWN_poweroff);
	return true;
}

enum exit_next guest_hlt(struct vcpu *v, const struct exit_info *x)
{
	enum exit_next next;

	ops->skip(v, x->insn_len);
	WRITE_ONCE(v->g.parked, !(v->regs.rflags & RFLAGS_IF));
	next = wait(v, WAIT_HALT);
	if (next == NEXT_RESUME) {
		WRITE_ONCE(v->g.parked, false);
		return next;
	}
	/* Text on its way to dom0 goes first: the next run returns the shutdown. */
	if (v->g.parked && poweroff_if_all_parked(v->d) && v->reason != ZRUN_IO)
		v->reason = ZRUN_SHUTDOWN;
	return next;
}
