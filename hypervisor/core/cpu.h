/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A physical CPU as the hypervisor sees it. The struct lies at the base of the CPU's per-CPU area,
 * its stacks and control structures above it:
 *
 *	+0x0000 struct cpu		+0x4000 GDT, TSS; #DF stack above them
 *	+0x1000 dom0's VMCB		+0x5000 NMI stack (lower half), #MC stack (upper half)
 *	+0x2000 VM_HSAVE area		+0x6000 main stack (8 KiB, grows down from +0x8000)
 *	+0x3000 host's VMCB (VMLOAD/VMSAVE state of host mode)
 *
 * Every stack is inside the area, so this_cpu() is the stack pointer rounded down.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/check.h"
#include "core/types.h"
#include <zendo/abi.h>

#define CPU_DOM0_VMCB	0x1000
#define CPU_HSAVE	0x2000
#define CPU_HOST_VMCB	0x3000
#define CPU_TABLES	0x4000
#define CPU_DF_STACK	0x5000	/* tops */
#define CPU_NMI_STACK	0x5800
#define CPU_MC_STACK	0x6000
#define CPU_STACK	0x8000

struct vcpu;
struct npt;

/* A translation of a guest, of 2 MiB or 4 KiB, kept while the table's generation stands. */
struct gpa_cache {
	const struct npt *npt;
	uint64_t	generation, unit, hpa;
	uint32_t	rights;
};
#define GPA_CHUNKS	8
#define GPA_PAGES	16

struct cpu {
	uint32_t	id, apic_id;
	hpa_t		area;		/* of this struct: the area's physical base */
	bool		under;		/* atomic: dom0 runs in guest mode here */

	/* Remote flush (F22): what others read. */
	uint64_t	exits;		/* atomic: entries into host mode */
	bool		in_guest;	/* atomic: between VMRUN and its exit */
	bool		in_domain;	/* atomic, with in_guest: a domain, not dom0, runs */

	bool		flush_dom0;	/* own: flush ASID 1 at next entry */
	uint64_t	epoch;		/* atomic: newest epoch of dom0's table flushed here */
	uint64_t	map_gen;	/* own: newest generation of host mappings seen */
	uint32_t	asid;		/* own: last given */
	uint32_t	asid_gen;	/* own */

	struct vcpu	*loaded;	/* own: whose extended state is in the CPU */
	struct zendo_regs dom0;		/* own: dom0's registers while in host mode */
	uint64_t	host_xss;
	uint64_t	host_xcr0;	/* dom0's, while a guest is loaded */
	uint64_t	host_tsc_aux, host_spec_ctrl, host_dr[4];

	uint64_t	dom0_exits, guest_exits, hidden_writes, npt_fills;	/* own, read by STATS */
	uint64_t	by_kind[32];
	uint64_t	host_since;	/* TSC of the last entry into host mode */
	uint64_t	max_hold;	/* longest time in host mode */
	uint64_t	hold_what;	/* dom0's call, or a guest's exit kind, that it is in */
	uint32_t	lock_ranks;	/* checking build: bit per rank held */

	uint16_t	last_domain;	/* own: whose vCPU ran here last (speculation edges) */
	struct gpa_cache gpa_chunk[GPA_CHUNKS], gpa_page[GPA_PAGES];	/* own */
	const struct npt *copying;	/* atomic: between finding a guest's frame and the end of the access to it */
	struct zendo_cpu_launch launch;	/* private copy */
#ifdef ZENDO_CHECK
	struct cpu_check check;
#endif
};
_Static_assert(sizeof(struct cpu) <= CPU_DOM0_VMCB, "the area's first page");

#ifdef ZENDO_HOST_TEST
struct cpu *this_cpu(void);	/* stacks of a host process lie elsewhere */
#else
static inline struct cpu *this_cpu(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)((sp - 1) & ~(uint64_t)(ZENDO_PERCPU_SIZE - 1));
}
#endif

extern struct zendo_launch boot;	/* private, checked copy; read-only after start */
/* NULL for a CPU that never was under. */
struct cpu *cpu_by_id(uint32_t id);

/* Interrupts are held off from an exit to the next entry; the longest time is kept. */
static inline void cpu_hold_begin(struct cpu *c)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	c->host_since = (uint64_t)hi << 32 | lo;
}

void cpu_hold_record(struct cpu *c, uint64_t held);

static inline void cpu_hold_end(struct cpu *c, uint64_t now)
{
	if (unlikely(now - c->host_since > c->max_hold))
		cpu_hold_record(c, now - c->host_since);
}

/*
 * Force CPU @c out of guest mode: Linux's reschedule vector, spurious there at any time (F22).
 * kick_wait: and wait until it has left the guest it was in, if it was in a domain.
 */
void cpu_kick(struct cpu *c);
void cpu_kick_wait(struct cpu *c);

#endif
