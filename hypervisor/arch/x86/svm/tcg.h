/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where QEMU's TCG departs from the manual and an event would go wrong.
 *
 * TCG (seen in 7.2, there in its sources since) delivers an external interrupt that VMRUN injects, but leaves its vector marked as
 * an exception still to come. If its loop is left for a reason of its own (a budget of instructions that is used up, a call from
 * another thread) before the next exit or exception of the guest, the vector is delivered a second time, whatever IF says: a
 * Linux guest then takes a timer tick within its own scheduler and waits for its own lock. A virtual interrupt is delivered
 * by another path, which leaves no mark, and at once, since it is asked for only when the guest could take it. One interrupt at a time: a window
 * for what comes behind it opens at the next entry.
 */
#ifndef SVM_TCG_H
#define SVM_TCG_H

#include "arch/x86/svm/svm.h"
#include "core/domain.h"

#define TCG_VIRQ	(V_TOP | V_VECTOR(0xff))
#define TCG_WINDOW	(1ULL << 63)	/* of what tcg_virq() gives: a window was asked for, and waits for the next entry */

static inline bool tcg_external(uint64_t event)
{
	return svm_caps.tcg && (event & (EV_VALID | EV_TYPE(7))) == (EV_VALID | EV_TYPE(INJECT_INTR));
}

static inline void tcg_make_virq(struct vmcb *b)
{
	b->int_ctl = (b->int_ctl & ~TCG_VIRQ) | V_TOP | V_VECTOR(b->event_inj & 0xff);
	b->event_inj = 0;
}

/* Makes an external interrupt of @b a virtual one; gives it, or 0. */
static inline uint64_t tcg_virq(struct vmcb *b)
{
	uint64_t event = b->event_inj;

	if (likely(!event) || !tcg_external(event))
		return 0;
	if (b->int_ctl & V_IRQ)
		event |= TCG_WINDOW;
	b->misc1 &= ~I1(SVM_VINTR);
	tcg_make_virq(b);
	return event;
}

/* Behind the exit: an @event that an interrupt of dom0's came before is to be injected still. */
static inline void tcg_virq_done(struct vmcb *b, uint64_t event)
{
	if (likely(!event))
		return;
	if (b->int_ctl & V_IRQ)
		b->event_inj = event & ~TCG_WINDOW;
	b->int_ctl &= ~TCG_VIRQ;
	if (event & TCG_WINDOW) {
		b->misc1 |= I1(SVM_VINTR);
		b->int_ctl |= V_TOP;
	}
}

/*
 * The same for dom0, when its delivery met a nested fault. Nothing of dom0's own interrupts exits, so the virtual one may wait behind
 * one that is real and stays in the control block until it is taken; a fault of its own delivery then names it again.
 */
static inline void tcg_dom0_virq(struct vmcb *b)
{
	if (!tcg_external(b->event_inj))
		return;
	if (!(b->int_ctl & V_IRQ))
		tcg_make_virq(b);
	else if ((b->int_ctl & V_VECTOR(0xff)) == V_VECTOR(b->event_inj & 0xff))
		b->event_inj = 0;
}

#endif
