// SPDX-License-Identifier: GPL-2.0-only
#ifdef ZENDO_CHECK

#include "arch/x86/svm/check.h"
#include "arch/x86/x86.h"
#include "core/dom0.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/npt.h"
#include "core/pool.h"

/* What holds for every control block of ours. */
static void entry(const struct vmcb *b)
{
	CHECK(!b->tlb_ctl || b->tlb_ctl == TLB_FLUSH_ALL || (b->tlb_ctl == TLB_FLUSH_ASID && svm_caps.flush_asid));
	CHECK((b->np & NP_ENABLE) && (b->efer & EFER_SVME) && (b->misc2 & I2(SVM_VMRUN)));
}

void svm_check_dom0_entry(struct cpu *c, const struct vmcb *b)
{
	entry(b);
	CHECK(b->asid == ASID_DOM0);
	CHECK(b->ncr3 == pool_hpa(dom0_npt.root).v);
	check_dom0_entry(c, b->tlb_ctl != 0, dom0_epoch());
}

void svm_check_guest_entry(struct cpu *c, struct vcpu *v, const struct vmcb *b)
{
	entry(b);
	CHECK(b->asid >= ASID_FIRST && b->asid < svm_caps.nr_asids);
	CHECK(b->ncr3 == pool_hpa(v->d->npt->root).v);
	check_guest_entry(c, v, b->asid, b->tlb_ctl != 0, b->tlb_ctl == TLB_FLUSH_ALL);
}

#else
typedef int nothing_to_check;	/* a file is not empty in ISO C */
#endif
