/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and vCPUs: the objects, and what core/ offers to guest/ (the Xen ABI) about them.
 *
 * Objects live in pool pages charged to the domain. A domain is found by domid through
 * domain_get(), which holds it; vCPUs live as long as their domain.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "core/check.h"
#include "core/types.h"
#include <xen/xen.h>
#include <zendo/abi.h>
#include "arch/x86/ops.h"
#include "guest/state.h"
#include "lib/lib.h"

struct vcpu;
struct npt;
struct domain_mem;
struct gfn_table;

#define MAX_DOMAINS	1024		/* domids 1..MAX_DOMAINS-1; 0 is dom0 and has no object */

enum domain_state { DOMAIN_EMPTY, DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

struct domain {
	domid_t		id;		/* fixed at creation, as are: */
	uint32_t	max_vcpus;
	uint64_t	max_pages;
	uint32_t	max_pool_pages;
	uint8_t		uuid[16];
	struct npt	*npt;		/* own lock inside */
	struct domain_mem *mem;		/* lock: frames on their way */
	struct gfn_table *gfns;		/* physmap lock: what dom0 sees of the nested table */

	spinlock_t	lock;
	/* lock: */
	enum domain_state state;
	uint32_t	refs;
	bool		guest_unbound, guest_gone;	/* guest_domain_unbind(), guest_domain_destroy() were done */
	uint32_t	shutdown;	/* atomic: 0, or 1 + the first code; set once; every vCPU leaves with ZRUN_SHUTDOWN */
	uint32_t	shutdown_said;	/* atomic: likewise, what the guest wants its end to be called (SCHEDOP_shutdown_code) */
	/* pool accounting (core/pool.c, under the pool lock): */
	uint32_t	pool_pages;
	uint64_t	nr_pages;	/* atomics: frames of guest RAM owned */
	uint64_t	log_tokens, log_tsc, log_dropped;	/* guest_log(), any CPU, approximate */

	struct vcpu	*vcpu[ZENDO_MAX_VCPUS];	/* written once each, under lock; READ_ONCE */

	struct guest_domain g;		/* the guest ABI's part; locks inside */
};

enum vcpu_wait { WAIT_NONE, WAIT_HALT, WAIT_POLL };

/*
 * A vCPU. Fields are its own CPU's while it is loaded; others only post to it (lapic, evtchn) through
 * the atomic fields those files own.
 */
struct vcpu {
	struct domain	*d;
	uint32_t	id;
	void		*arch;		/* struct svm_vcpu / vmx_vcpu */
	struct zendo_regs regs;		/* complete while in host mode: vendor code syncs RAX, RSP, RIP, RFLAGS */
	struct zendo_run_page *run;	/* shared with dom0; see abi.h for who writes what */
	struct zendo_posted_page *posted;

	bool		busy;		/* atomic: a CPU is inside VCPU_RUN or VCPU_SET/GET with it */
	bool		up;		/* not waiting for SIPI */
	enum vcpu_wait	wait;		/* blocked in HLT or poll */
	bool		told_dom0;	/* own: false = wake bits are set, or peers named, that dom0 has not heard of */
	uint32_t	nr_peers;	/* own: posted->peer[] written in this run */
	bool		nmi_pending;
	bool		nmi_masked;	/* own: one was injected; vendor code clears it at the IRET */
	enum window	window;		/* own: what was asked of ops->window */
	uint32_t	request;	/* atomic, REQ_*: to be seen before the next entry */
	int32_t		cpu;		/* CPU whose guest mode it is in, -1 = none (atomic) */
	int32_t		last_cpu;	/* where its state was last loaded */
	uint64_t	exits;

	/* what the current VCPU_RUN will return, set by handlers that return NEXT_TO_DOM0 */
	uint32_t	reason;		/* enum zendo_run_reason */
	uint32_t	need_pool, need_ram;

	struct guest_vcpu g;		/* the guest ABI's part */
#ifdef ZENDO_CHECK
	struct vcpu_check check;
#endif
};

#define REQ_FLUSH	(1U << 0)	/* flush this vCPU's TLB before entry */
#define REQ_EVENT	(1U << 1)	/* look at events again (set by vcpu_kick) */
#define REQ_RESET	(1U << 2)	/* INIT arrived: guest_lapic acts on it */

/* Find and hold; NULL if there is none alive. Pair with domain_put(). Context: host mode, no lock. */
struct domain *domain_get(domid_t id);
void domain_put(struct domain *d);

/* NULL when there is no such vCPU. */
static inline struct vcpu *domain_vcpu(struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? READ_ONCE(d->vcpu[id]) : NULL;
}

/*
 * Make @v look at its pending work. In guest mode on another CPU: forced out by an IPI; runnable: nothing; blocked
 * in dom0 (HALT, POLL returned): dom0 is told to wake it (posted page: wake bits, or its name if it is another domain's).
 * Context: any vCPU's CPU, evtchn lock may be held.
 */
void vcpu_kick(struct vcpu *v);

/* The guest called SCHEDOP_shutdown, or is powered off. All its vCPUs leave with ZRUN_SHUTDOWN. */
void domain_shutdown(struct domain *d, uint32_t code);

/* All TLB entries of @d's guest mappings are gone on every CPU when it returns (remote CPUs kicked and awaited). */
void domain_flush_tlb(struct domain *d);

/*
 * 4 KiB zeroed pages from the hidden pool, charged to @d. NULL: quota or pool is used up; the caller
 * asks dom0 by vcpu_need_pool() and lets the instruction restart, or fails with -XEN_ENOMEM.
 */
void *pool_alloc(struct domain *d);
void pool_free(struct domain *d, void *page);
mfn_t pool_mfn(const void *page);

/* Returns NEXT_TO_DOM0 with ZRUN_NEED_PAGES prepared; the guest's instruction is to be restarted. */
enum exit_next vcpu_need_pages(struct vcpu *v, uint32_t pool, uint32_t ram);

/* The guest cannot go on: fills the crash record; returns NEXT_KILL. */
enum exit_next vcpu_crash(struct vcpu *v, const struct exit_info *x, enum zendo_crash_reason why);

/* Current TSC of the host; nanoseconds since launch for a TSC value, monotonic. */
uint64_t host_tsc(void);
uint64_t tsc_to_ns(uint64_t tsc);
uint64_t host_tsc_khz(void);

#endif
