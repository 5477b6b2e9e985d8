/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a hypercall is passed to its subsystem. A handler returns the guest's result. It may also set:
 *   next     what follows when the call is done (default: back into the guest)
 *   restart  not done: arg[] holds what is left, the instruction is executed again
 * -XEN_ENOMEM means "nothing was changed, pages are missing": the dispatcher asks dom0 once and
 * restarts the instruction; dom0 says no by running the vCPU without giving anything.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include "core/domain.h"
#include "core/guest_mem.h"

#define HCALL_UNITS	64	/* work done before the instruction is left to restart */
#define POOL_ASK	4	/* pool pages that any one operation may need: a path of nested tables */

struct hcall {
	struct vcpu	*v;
	bool		wide;		/* 64-bit caller: pointers and longs have 8 bytes */
	uint64_t	arg[5];
	enum exit_next	next;
	bool		restart;
	uint32_t	need_ram;	/* with -XEN_ENOMEM: frames, instead of pool pages */
};

typedef int64_t (*hcall_fn)(struct hcall *h);

int64_t hcall_dispatch(struct hcall *h, uint64_t nr);

int64_t hcall_console_io(struct hcall *h);
int64_t hcall_dm_op(struct hcall *h);
int64_t hcall_domctl(struct hcall *h);
int64_t hcall_event_channel_op(struct hcall *h);
int64_t hcall_grant_table_op(struct hcall *h);
int64_t hcall_hvm_op(struct hcall *h);
int64_t hcall_hypfs_op(struct hcall *h);
int64_t hcall_memory_op(struct hcall *h);
int64_t memory_query(struct hcall *h, uint32_t cmd);	/* its commands that change no physical map */
int64_t hcall_multicall(struct hcall *h);
int64_t hcall_platform_op(struct hcall *h);
int64_t hcall_sched_op(struct hcall *h);
int64_t hcall_set_timer_op(struct hcall *h);
int64_t hcall_sysctl(struct hcall *h);
int64_t hcall_vcpu_op(struct hcall *h);
int64_t hcall_vm_assist(struct hcall *h);
int64_t hcall_xen_version(struct hcall *h);
int64_t hcall_xenpmu_op(struct hcall *h);

/* Leave to dom0 when this call is done, with @reason. */
static inline void hcall_to_dom0(struct hcall *h, uint32_t reason)
{
	h->v->reason = reason;
	h->next = NEXT_TO_DOM0;
}

/* Arguments in guest memory. -XEN_EFAULT. */
static inline int __must_check hcall_get(struct hcall *h, uint64_t ptr, void *buf, size_t len)
{
	return gva_read(h->v, gva(ptr), buf, len) ? -XEN_EFAULT : 0;
}

static inline int __must_check hcall_put(struct hcall *h, uint64_t ptr, const void *buf, size_t len)
{
	return gva_write(h->v, gva(ptr), buf, len) ? -XEN_EFAULT : 0;
}

static inline bool is_self(const struct domain *d, domid_t id)
{
	return id == DOMID_SELF || id == d->id;
}

/* A guest may do it to itself. Which other domains exist is none of its business; dom0 does. */
static inline int __must_check only_self(const struct domain *d, domid_t id)
{
	return is_self(d, id) ? 0 : id ? -XEN_ESRCH : -XEN_EPERM;
}

/*
 * The live domain @id, NULL when there is none, for a call of @d, which may be it. It is held while it is looked at: its end waits
 * for that. Context: no lock held.
 */
struct domain *peer_get(struct domain *d, domid_t id);
void peer_put(struct domain *d, struct domain *o);

/* The caller's mode decides the layout of what is shared (Xen latches it on some calls). */
void guest_latch_width(struct domain *d, bool wide);

/* sched_op.c: a SCHEDOP_poll that is over; power off when no vCPU can go on any more. */
void poll_end(struct vcpu *v);
bool poweroff_if_all_parked(struct domain *d);

/* Text for the domain's log. -> true: run->io is filled and dom0 has to look. */
bool text_put(struct vcpu *v, char c);
bool text_flush(struct vcpu *v);

#endif
