/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest ABI's part of a domain and of a vCPU. Zeroed when made; guest_domain_init() and
 * guest_vcpu_init() fill them. Each group names who may change it.
 */
#ifndef GUEST_STATE_H
#define GUEST_STATE_H

#include "core/types.h"
#include "lib/lib.h"
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/params.h>
#include <xen/vcpu.h>
#include <zendo/abi.h>

#define NO_GFN			gfn(~0ULL >> PAGE_SHIFT)
#define GRANT_MAX_FRAMES	64
#define GRANT_MAX_STATUS	8	/* version 2: one status frame for each 8 grant frames */
#define MAPTRACK_MAX_FRAMES	256	/* pool pages of 256 mappings */
#define POLL_MAX_PORTS		128
#define NR_MTRRS		(16 + 11 + 1)	/* variable pairs, fixed, default type */
#define TEXT_LINE		128
#define MEMMAP_MAX		128
#define NR_WATCHDOGS		2		/* of a domain, as in Xen; no header says so */

struct evtchn_abi;
struct evtchn_fifo;
struct evtchn_port;
struct grant_use;

struct guest_evtchn {
	spinlock_t	lock;			/* RANK_EVTCHN; guards all of it except poll_mask */
	const struct evtchn_abi *abi;		/* 2-level, or FIFO once init_control was called */
	struct evtchn_fifo *fifo;		/* pool page, with FIFO */
	struct evtchn_port **bucket;		/* pool page: 512 pages of 256 ports, made when needed */
	uint32_t	max_port;		/* policy: none above it is given out; 0 = as many as the ABI has */
	uint64_t	full[8];		/* bit per bucket: it had no free port when last searched, and lost none since */
	uint32_t	reset_next;		/* where an EVTCHNOP_reset goes on, or the domain's end */
	bool		ending;
	uint32_t	*handle[2];		/* pool pages: port of each handle, see event_dom0.c */
	uint16_t	*hint;			/* dom0's page: vCPU of each handle */
	uint64_t	poll_mask[ZENDO_MAX_VCPUS / 64];	/* atomic: vCPUs inside SCHEDOP_poll */
};

struct guest_grant {
	spinlock_t	lock;			/* RANK_GRANT; guards all but the limits, which are policy */
	uint32_t	max_frames, max_maptrack;
	uint32_t	nr_frames, nr_status;
	uint32_t	version;		/* 1, 2; 0 = on the way to the target: cleared up to frame clear_next */
	uint32_t	target, clear_next;
	struct grant_entry_v1 kept[GNTTAB_NR_RESERVED_ENTRIES];	/* what a switch does not clear */
	struct zendo_grant_page *page;		/* dom0's; NULL when it gave none */
	/* Grant frames, then from GRANT_MAX_FRAMES on status frames. gfn: physmap lock */
	struct { mfn_t mfn; gfn_t gfn; } frame[GRANT_MAX_FRAMES + GRANT_MAX_STATUS];
	uint32_t	nr_pins;		/* of guests, all entries: mapped, or being copied from or to */
	struct grant_use *use;			/* pool page: who grants to guests or maps has one, see grant_table.h */
	uint32_t	end_dom, end_next;	/* how far the domain's end has come */
};

/*
 * One linear function of the TSC for the life of the domain: never refitted, so no reader ever sees
 * time go back. Fixed at creation except wall_ns (evtchn lock).
 */
struct guest_clock {
	uint64_t	base_tsc;		/* host's, at system time 0 */
	uint32_t	mul;			/* ns = (delta shifted by shift) * mul >> 32 */
	int8_t		shift;
	uint64_t	wall_ns;		/* UTC at system time 0 */
	uint32_t	wall_version;
};

struct guest_domain {
	void		*shared;		/* shared_info: a pool page */
	bool		compat;			/* shared_info and vcpu_info have the i386 layout */
	bool		xapic;			/* vCPUs start in xAPIC mode (ZDOM_XAPIC) */
	bool		msr_relaxed;		/* policy, as is: */
	uint32_t	hide[ZENDO_POLICY_WORDS];	/* bits of CPUID that it does not see; before the first vCPU */
	bool		runstate_flag;		/* vm_assist: mark updates of runstate areas */
	uint8_t		callback_vector;	/* 0 = none */
	uint64_t	param[HVM_NR_PARAMS];

	spinlock_t	physmap_lock;		/* RANK_PHYSMAP: the guest's changes of its physical map */
	gfn_t		shared_gfn;
	struct zendo_memmap_entry *memmap;	/* pool page, replaced entry by entry */
	uint32_t	nr_memmap;

	struct guest_evtchn evt;
	struct guest_grant grant;
	struct guest_clock clock;
	uint64_t	watchdog_tsc[NR_WATCHDOGS];	/* host TSC at which it bites, 0 = free; evtchn lock */
	uint64_t	watchdog_next;		/* the earliest of them; written under the evtchn lock, read at each entry */
};

/* Registers of a local APIC, by the owner; irr and sipi are posted by others (atomic), base, ldr and dfr read by them. */
struct guest_lapic {
	uint32_t	irr[8];
	uint32_t	isr[8];
	uint64_t	base;			/* APIC_BASE MSR */
	uint8_t		tpr;			/* vendor code: V_TPR is loaded from it and stored back */
	uint32_t	svr, esr, esr_latched;
	uint32_t	ldr, dfr;		/* xAPIC mode only: in x2APIC mode the ID says it */
	uint32_t	lvt[6];			/* timer, thermal, perf, LINT0, LINT1, error */
	uint64_t	icr;
	uint32_t	tmict, tdcr;
	uint32_t	sipi;			/* vector | SIPI_POSTED */
};

/* Written at any time; in two pieces where it crosses a page. */
struct guest_area {
	struct guest_pin pin[2];
	uint32_t	split;			/* bytes in the first */
};
enum guest_area_kind { AREA_LINEAR, AREA_PHYSICAL };	/* how the guest gave the address */

/* What VCPUOP_initialise said: registers to begin with, once the vCPU is up. */
struct guest_start {
	bool		ready;			/* atomic; evtchn lock to set it, and for what follows until then */
	struct zendo_regs regs;
	struct zendo_sregs sregs;
};

struct guest_poll {
	bool		active;
	bool		block;			/* SCHEDOP_block: any pending upcall ends it, whatever IF */
	uint32_t	nr;
	uint64_t	deadline_tsc;		/* 0 = none */
	uint32_t	port[POLL_MAX_PORTS];
};

struct guest_vcpu {
	/*
	 * vcpu_info, in either layout, aligned to 4 only in i386's: accessed by offset. Byte 0 is the upcall.
	 * evtchn lock to change it; READ_ONCE.
	 */
	char		*info;
	struct vcpu_info own_info;		/* for vCPUs without a slot, until they register */
	struct guest_pin info_pin;
	uint32_t	virq_port[NR_VIRQS];	/* evtchn lock */
	struct guest_pin fifo_control;		/* evtchn lock, as is the port last linked to each queue, 0 = none: */
	uint32_t	fifo_tail[EVTCHN_FIFO_MAX_QUEUES];
	uint8_t		upcall_vector;		/* per-vCPU vector by LAPIC, 0 = domain's callback */

	uint32_t	time_version;		/* evtchn lock */
	struct guest_area time_area[2];		/* evtchn lock */
	uint64_t	tsc_offset;		/* guest TSC = host TSC + this */
	uint64_t	singleshot_tsc;		/* host TSC, 0 = off */
	uint64_t	periodic_tsc, periodic_step;	/* next, and cycles; 0 = off */

	struct vcpu_runstate_info runstate;	/* owner */
	struct guest_area runstate_area[2];	/* evtchn lock */

	struct guest_lapic lapic;
	struct guest_poll poll;

	uint64_t	xcr0;			/* vendor code loads these three at entry */
	uint64_t	tsc_aux;
	uint64_t	spec_ctrl;
	uint64_t	mtrr[NR_MTRRS];		/* stored, without effect */

	struct guest_start start;
	bool		was_up;			/* VCPUOP_up may start it */
	bool		parked;			/* HLT with IF=0: only an NMI or INIT ends it */
	bool		asked;			/* this instruction already asked dom0 for pages */
	uint8_t		text_len;
	char		text[TEXT_LINE];	/* debug port, until the line ends */
};

#endif
