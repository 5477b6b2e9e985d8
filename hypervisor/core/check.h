/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the checking build (make CHECK=1) keeps in mind to see mistakes that an emulator forgives (docs/checking.md). Nothing of
 * it is in the build that ships.
 *
 * Flush debts. Whoever takes away a present translation owes a flush.
 * 1. debt_file(): the entry has changed. Until this CPU leaves host mode it has to ask for the flush.
 * 2. debt_ask(): the flush is asked for, on every CPU. What was filed before is covered.
 * 3. debt_due(): the asker was told that it is done everywhere: no entry may find it unpaid from here on.
 * A domain's debts are paid by what a flush is to the processor: an ASID not used before in this generation, or one flushed by
 * VMRUN itself. Dom0's ASID stays; its debts are counted by epochs, per CPU.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/types.h"

struct cpu;
struct vcpu;
struct npt;

#ifdef ZENDO_CHECK

/* In struct npt; times are values of its generation. */
struct npt_check {
	uint64_t filed;			/* newest debt */
	uint64_t due;			/* newest that must be paid by now */
};

struct asid_owner {
	uint64_t serial;		/* of the vCPU */
	uint64_t paid;			/* debts up to here are */
	uint32_t asid;
};
#define CHECK_ASIDS	32		/* the last ones; what is older is not judged */
#define CHECK_CANARIES	24

/* In struct cpu; its own CPU's. */
struct cpu_check {
	const struct npt *unasked;	/* filed here, no flush asked for yet */
	uint64_t dom0_paid;		/* epoch of dom0's table at the last flush of its ASID */
	uint32_t asid_gen, highest;	/* ASIDs up to here were used in this generation */
	struct asid_owner owner[CHECK_ASIDS];
	uint32_t exits;
	uint64_t canary[CHECK_CANARIES];	/* what the vendor's code wants back after each exit */
};

/* In struct vcpu. */
struct vcpu_check {
	uint64_t serial;		/* 0 = not yet entered; never the same twice */
};

extern uint64_t check_failures;		/* atomic; zendo info */

/* Context: n->lock held, n->generation is new. @before and @after: the entry of @level. */
void debt_file(struct npt *n, uint64_t before, uint64_t after, int level);
uint64_t debt_ask(struct npt *n);	/* returns what debt_due() takes */
void debt_due(struct npt *n, uint64_t debt);
void debt_end(struct npt *n);		/* the table goes: nobody may enter with it again */
void debt_dom0_due(uint64_t epoch);	/* a frame hidden at @epoch gets another use */

/* Before an entry with @asid on this CPU; @flush: VMRUN flushes it, @flush_all: it flushes all of them. */
void check_guest_entry(struct cpu *c, struct vcpu *v, uint32_t asid, bool flush, bool flush_all);
/* @epoch: of dom0's table now. */
void check_dom0_entry(struct cpu *c, bool flush, uint64_t epoch);

#else

static inline void debt_file(struct npt *n, uint64_t before, uint64_t after, int level)
{
	(void)n; (void)before; (void)after; (void)level;
}
static inline uint64_t debt_ask(struct npt *n) { (void)n; return 0; }
static inline void debt_due(struct npt *n, uint64_t debt) { (void)n; (void)debt; }
static inline void debt_end(struct npt *n) { (void)n; }
static inline void debt_dom0_due(uint64_t epoch) { (void)epoch; }

#endif

#endif
