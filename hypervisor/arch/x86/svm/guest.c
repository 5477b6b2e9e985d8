// SPDX-License-Identifier: GPL-2.0-only
/* A guest vCPU under SVM: its control structure, entries and exits. */
#include "arch/x86/svm/check.h"
#include "arch/x86/svm/guest_ops.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/svm/tcg.h"
#include "arch/x86/x86.h"
#include "core/domain.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/npt.h"
#include "core/pool.h"
#include "core/spec.h"
#include "guest/cpuid.h"
#include "guest/guest.h"
#include "guest/insn.h"

_Static_assert(sizeof(struct svm_vcpu) <= PAGE_SIZE, "one pool page");

static struct svm_vcpu *svm(struct vcpu *v)
{
	return v->arch;
}

static void fill_control(struct vcpu *v, struct vmcb *b)
{
	b->cr_write = 1U << 4;		/* CR4: bits whose state we do not switch stay off (F15) */
	b->dr_read = b->dr_write = 0xffff;
	/* #UD: the other vendor's hypercall. #AC, #DB: a guest can make their delivery loop for ever. #MC: dom0's affair. */
	b->exceptions = 1U << VEC_UD | 1U << VEC_AC | 1U << VEC_DB | 1U << VEC_MC;
	b->misc1 = I1(SVM_INTR) | I1(SVM_NMI) | I1(SVM_INIT) | I1(SVM_RDPMC) | I1(SVM_CPUID) | I1(SVM_INVD) |
		   I1(SVM_HLT) | I1(SVM_INVLPGA) | I1(SVM_IOIO) | I1(SVM_MSR) | I1(SVM_SHUTDOWN);
	b->misc2 = I2(SVM_VMRUN) | I2(SVM_VMMCALL) | I2(SVM_VMLOAD) | I2(SVM_VMSAVE) | I2(SVM_STGI) | I2(SVM_CLGI) |
		   I2(SVM_SKINIT) | I2(SVM_ICEBP) | I2(SVM_WBINVD) | I2(SVM_MONITOR) | I2(SVM_MWAIT) |
		   I2(SVM_MWAIT_COND) | I2(SVM_XSETBV) | I2(SVM_RDPRU);
	b->misc3 = I3(SVM_INVLPGB) | I3(SVM_INVLPGB_ILL) | I3(SVM_MCOMMIT) | I3(SVM_TLBSYNC) | I3(SVM_INVPCID);
	b->iopm = svm_guest_iopm().v;
	b->msrpm = svm_guest_msrpm().v;
	b->int_ctl = V_INTR_MASKING;
	b->np = NP_ENABLE;
	b->ncr3 = pool_hpa(v->d->npt->root).v;
}

int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = pool_alloc(v->d);
	struct vmcb *b;

	v->arch = s;
	if (!s)
		return -XEN_ENOMEM;
	s->vmcb = pool_alloc(v->d);
	s->fpu = pool_alloc(v->d);
	if (!s->vmcb || !s->fpu || fpu_vcpu_init(v, s->fpu)) {
		svm_vcpu_free(v);
		return -XEN_ENOMEM;
	}
	b = s->vmcb;
	s->vmcb_hpa = pool_hpa(b).v;
	fill_control(v, b);
	s->xcr0 = 1;
	s->asid_cpu = -1;
	b->efer = EFER_SVME;
	b->cr0 = CR0_ET;
	b->dr6 = 0xffff0ff0;
	b->dr7 = 0x400;
	b->rflags = RFLAGS_FIXED;
	b->g_pat = 0x0007040600070406ULL;
	return 0;
}

void svm_vcpu_free(struct vcpu *v)
{
	struct svm_vcpu *s = svm(v);

	if (!s)
		return;
	pool_free(v->d, s->vmcb);
	pool_free(v->d, s->fpu);
	pool_free(v->d, s);
	v->arch = NULL;
}

/*
 * ASIDs: each CPU hands out its own, dom0's excepted. When they are used up the CPU starts a new generation with all entries flushed.
 * A vCPU that comes from another CPU, or from an older generation, gets a new one.
 */
static void take_asid(struct cpu *c, struct svm_vcpu *s)
{
	if (s->asid_cpu == (int32_t)c->id && s->asid_gen == c->asid_gen && !s->flush)
		return;
	s->flush = false;
	if (c->asid + 1 >= svm_caps.nr_asids) {
		c->asid = ASID_FIRST - 1;
		c->asid_gen++;
		s->vmcb->tlb_ctl = TLB_FLUSH_ALL;
	}
	s->vmcb->asid = ++c->asid;
	s->asid_cpu = (int32_t)c->id;
	s->asid_gen = c->asid_gen;
}

void svm_flush_guest(struct vcpu *v)
{
	/* A new ASID has no entries: the same as a flush, and works on every CPU. */
	svm(v)->flush = true;
}

static void load_dr(uint64_t *dr)
{
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3"
			 : : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
}

static void save_dr(uint64_t *dr)
{
	__asm__ volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
			 : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

static void dr_activate(struct cpu *c, struct svm_vcpu *s)
{
	save_dr(c->host_dr);
	load_dr(s->dr);
	s->dr_live = true;
	s->vmcb->dr_read = s->vmcb->dr_write = 0;
}

void svm_vcpu_load(struct cpu *c, struct vcpu *v)
{
	struct svm_vcpu *s = svm(v);

	s->xcr0 = v->g.xcr0;
	s->tsc_aux = v->g.tsc_aux;
	fpu_load(c, s->fpu, s->xcr0);
	if (host_features.rdtscp) {
		c->host_tsc_aux = rdmsr(MSR_TSC_AUX);
		if (c->host_tsc_aux != s->tsc_aux)
			wrmsr(MSR_TSC_AUX, s->tsc_aux);
	}
	s->dr_live = false;
	if (s->vmcb->dr7 & 0xff)
		dr_activate(c, s);	/* armed: VMRUN loads DR7, so DR0-3 must be the guest's */
}

void svm_vcpu_put(struct cpu *c, struct vcpu *v)
{
	struct svm_vcpu *s = svm(v);

	if (s->dr_live) {
		save_dr(s->dr);
		load_dr(c->host_dr);
		s->dr_live = false;
		s->vmcb->dr_read = s->vmcb->dr_write = 0xffff;
	}
	if (host_features.rdtscp && c->host_tsc_aux != s->tsc_aux)
		wrmsr(MSR_TSC_AUX, c->host_tsc_aux);
	fpu_save(c, s->fpu);
	CHECK(!host_features.xcr0_mask || xgetbv(0) == c->host_xcr0);
	CHECK(!host_features.rdtscp || rdmsr(MSR_TSC_AUX) == c->host_tsc_aux);
}

void svm_park(struct cpu *c, struct vcpu *v)
{
	(void)c;
	(void)v;	/* all state is in memory after every exit */
}

/* A16, A32, A64 (APM vol. 2, 15.10.2). TCG (7.2) sets none of them: there it is the mode's own, prefix or not. */
static uint8_t io_addr_size(const struct vmcb *b)
{
	uint8_t said = (b->info1 >> 7) & 7;

	if (said)
		return said * 2;
	return is_code64(b) ? 8 : b->cs.attr & 0x400 ? 4 : 2;
}

static void decode_io(struct vcpu *v, struct vmcb *b, struct exit_info *x)
{
	x->kind = EXIT_IO;
	x->io.port = (uint16_t)(b->info1 >> 16);
	x->io.size = (uint8_t)((b->info1 >> 4) & 7);
	x->io.in = b->info1 & 1;
	x->io.string = b->info1 & 4;
	x->io.rep = b->info1 & 8;
	x->io.addr_size = io_addr_size(b);
	x->insn_len = (uint8_t)(b->info2 - b->rip);	/* EXITINFO2 is the next RIP (APM vol. 2, 15.10.2) */
	svm_insn_check(v, SVM_IOIO, x->insn_len);
}

static void decode_cr(struct vcpu *v, struct vmcb *b, uint16_t code, struct exit_info *x)
{
	struct insn i = { 0 };

	x->kind = code == SVM_CR8_WRITE ? EXIT_CR8 : EXIT_CR4_WRITE;
	x->insn_len = svm_insn(v, code, &i);
	x->cr.value = *insn_gpr(&v->regs, svm_caps.decode && (b->info1 >> 63) ? b->info1 & 15 : i.gpr);
	if (!is_code64(b))
		x->cr.value &= 0xffffffff;
}

static void decode_exception(struct vmcb *b, struct exit_info *x)
{
	x->exc.vector = (uint8_t)(b->exit_code - SVM_EXC);
	if (x->exc.vector == VEC_MC) {
		x->kind = EXIT_MCE;
		return;
	}
	x->kind = EXIT_EXCEPTION;
	x->exc.has_error = x->exc.vector == VEC_AC;
	x->exc.error = (uint32_t)b->info1;
}

/* Exits that need no more than their code: index is the code less SVM_INTR. 0 = unexpected. */
#define PLAIN_BASE	SVM_INTR
#define PLAIN(code, k)	[(code) - PLAIN_BASE] = (k) + 1
static const uint8_t plain_exits[] = {
	PLAIN(SVM_INTR, EXIT_INTR),	   PLAIN(SVM_NMI, EXIT_NMI),	   PLAIN(SVM_INIT, EXIT_INTR),
	PLAIN(SVM_VINTR, EXIT_WINDOW),	   PLAIN(SVM_RDPMC, EXIT_UD),	   PLAIN(SVM_CPUID, EXIT_CPUID),
	PLAIN(SVM_INVD, EXIT_SKIP),	   PLAIN(SVM_HLT, EXIT_HLT),	   PLAIN(SVM_INVLPGA, EXIT_UD),
	PLAIN(SVM_SHUTDOWN, EXIT_SHUTDOWN), PLAIN(SVM_VMRUN, EXIT_UD),	   PLAIN(SVM_VMMCALL, EXIT_HYPERCALL),
	PLAIN(SVM_VMLOAD, EXIT_UD),	   PLAIN(SVM_VMSAVE, EXIT_UD),	   PLAIN(SVM_STGI, EXIT_UD),
	PLAIN(SVM_CLGI, EXIT_UD),	   PLAIN(SVM_SKINIT, EXIT_UD),	   PLAIN(SVM_ICEBP, EXIT_EXCEPTION),
	PLAIN(SVM_WBINVD, EXIT_SKIP),	   PLAIN(SVM_MONITOR, EXIT_UD),	   PLAIN(SVM_MWAIT, EXIT_UD),
	PLAIN(SVM_MWAIT_COND, EXIT_UD),	   PLAIN(SVM_XSETBV, EXIT_XSETBV), PLAIN(SVM_RDPRU, EXIT_UD),
	PLAIN(SVM_INVLPGB, EXIT_UD),	   PLAIN(SVM_INVLPGB_ILL, EXIT_UD), PLAIN(SVM_INVPCID, EXIT_UD),
	PLAIN(SVM_MCOMMIT, EXIT_UD),	   PLAIN(SVM_TLBSYNC, EXIT_UD),	   PLAIN(SVM_IRET, EXIT_WINDOW),
};

static bool has_instruction(enum exit_kind k)
{
	return k == EXIT_CPUID || k == EXIT_HLT || k == EXIT_HYPERCALL || k == EXIT_XSETBV || k == EXIT_SKIP;
}

/* The IRET is let run; an NMI that waits comes behind it, see svm_may_inject(). */
static void nmi_ends(struct vcpu *v)
{
	svm(v)->vmcb->misc1 &= ~I1(SVM_IRET);
	svm(v)->iret_rip = v->regs.rip;
	WRITE_ONCE(v->nmi_masked, false);
}

static void decode_plain(struct vcpu *v, const struct vmcb *b, uint32_t code, struct exit_info *x)
{
	x->kind = plain_exits[code - PLAIN_BASE] - 1;
	if (x->kind == EXIT_UD)
		x->ud.gp = code == SVM_RDPMC;
	if (has_instruction(x->kind))
		x->insn_len = svm_insn(v, (uint16_t)code, NULL);
	if (x->kind == EXIT_HYPERCALL) {
		x->call.cpl = b->cpl;
		x->call.code64 = is_code64(b);
	} else if (code == SVM_ICEBP) {	/* a trap: #DB comes behind the instruction */
		svm_skip(v, svm_insn(v, SVM_ICEBP, NULL));
		x->exc.vector = VEC_DB;
		x->exc.has_error = false;
	} else if (code == SVM_IRET) {
		nmi_ends(v);
	} else if (x->kind == EXIT_XSETBV) {
		x->xcr.index = (uint32_t)v->regs.rcx;
		x->xcr.value = v->regs.rdx << 32 | (uint32_t)v->regs.rax;
	}
}

static void decode(struct vcpu *v, struct vmcb *b, struct exit_info *x)
{
	uint32_t code = (uint32_t)b->exit_code;

	x->insn_len = 0;
	x->code = code;
	x->info1 = b->info1;
	x->info2 = b->info2;
	if (code - PLAIN_BASE < ARRAY_SIZE(plain_exits) && plain_exits[code - PLAIN_BASE]) {
		decode_plain(v, b, code, x);
	} else if (code == SVM_EXIT_INVALID) {
		x->kind = EXIT_INVALID;
	} else if (code == SVM_NPF) {
		x->kind = EXIT_NPF;
		x->npf.gpa = b->info2;
		x->npf.present = b->info1 & 1;
		x->npf.write = b->info1 & 2;
		x->npf.exec = b->info1 & 16;
		x->npf.indirect = (b->info1 & NPF_TABLE) || (b->exit_int_info & EV_VALID);
	} else if (code == SVM_IOIO) {
		decode_io(v, b, x);
	} else if (code == SVM_MSR) {
		x->kind = b->info1 ? EXIT_WRMSR : EXIT_RDMSR;
		x->msr.index = (uint32_t)v->regs.rcx;
		x->insn_len = svm_insn(v, SVM_MSR, NULL);
	} else if (code == SVM_CR4_WRITE || code == SVM_CR8_WRITE) {
		decode_cr(v, b, (uint16_t)code, x);
	} else if (code >= SVM_EXC && code < SVM_EXC + 32) {
		decode_exception(b, x);
	} else {
		x->kind = EXIT_UNKNOWN;
	}
}

static void sync_in(struct vcpu *v, struct vmcb *b)
{
	b->rax = v->regs.rax;
	b->rsp = v->regs.rsp;
	b->rip = v->regs.rip;
	b->rflags = v->regs.rflags;
}

static void sync_out(struct vcpu *v, struct vmcb *b)
{
	v->regs.rax = b->rax;
	v->regs.rsp = b->rsp;
	v->regs.rip = b->rip;
	v->regs.rflags = b->rflags;
}

/* What the guest changed by an exit since the last entry. */
static void live_registers(struct vcpu *v, struct svm_vcpu *s)
{
	if (unlikely(v->g.xcr0 != s->xcr0)) {
		s->xcr0 = v->g.xcr0;
		xsetbv(0, s->xcr0);
	}
	if (unlikely(v->g.tsc_aux != s->tsc_aux)) {
		s->tsc_aux = v->g.tsc_aux;
		wrmsr(MSR_TSC_AUX, s->tsc_aux);
	}
	s->spec_ctrl = v->g.spec_ctrl;
}

/*
 * TCG (7.2) does not honour the XSETBV intercept: what the guest loaded is only seen afterwards. On a CPU that follows the
 * manual the value read is always the one put in.
 */
static void tcg_xsetbv(struct vcpu *v, struct svm_vcpu *s)
{
	uint64_t loaded = host_features.xcr0_mask ? xgetbv(0) : s->xcr0;

	if (unlikely(loaded != s->xcr0)) {
		s->xcr0 = loaded;
		v->g.xcr0 = loaded & (guest_xcr0_mask(v->d) | 1);
	}
}

/*
 * TCG (7.2) says at an exit that the guest is in an interrupt shadow, but VMRUN does not bring it back, and the next exit tells
 * nothing of it. It lasts as long as the guest has not moved. A CPU that follows the manual has kept it by itself.
 */
static void tcg_shadow(struct vmcb *b, bool shadow, uint64_t rip)
{
	uint32_t code = (uint32_t)b->exit_code;

	if (shadow && b->rip == rip && (code == SVM_INTR || code == SVM_NMI || code == SVM_NPF))
		b->int_state |= INT_SHADOW;
}

/* SPEC_CTRL is one register for both worlds unless the CPU virtualises it; written only when they differ. */
static void spec_ctrl_in(struct cpu *c, struct svm_vcpu *s)
{
	if (!host_features.spec_ctrl)
		return;
	c->host_spec_ctrl = rdmsr(MSR_SPEC_CTRL);
	if (c->host_spec_ctrl != s->spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, s->spec_ctrl);
}

static void spec_ctrl_out(struct cpu *c, struct svm_vcpu *s)
{
	if (host_features.spec_ctrl && c->host_spec_ctrl != s->spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, c->host_spec_ctrl);
}

void svm_run(struct cpu *c, struct vcpu *v, struct exit_info *x)
{
	struct svm_vcpu *s = svm(v);
	struct vmcb *b = s->vmcb;
	bool shadow = b->int_state & INT_SHADOW;
	uint64_t rip = v->regs.rip, virq;
	uint32_t code;

	sync_in(v, b);
	b->int_ctl = (b->int_ctl & ~V_TPR_MASK) | v->g.lapic.tpr >> 4;	/* CR8 and the APIC's TPR are one register */
	live_registers(v, s);
	do {
		take_asid(c, s);
		spec_do(EDGE_HV_TO_GUEST);
		spec_ctrl_in(c, s);
		virq = tcg_virq(b);
		svm_check_guest_entry(c, v, b);
		svm_enter(&v->regs, s->vmcb_hpa, area_hpa(c, CPU_HOST_VMCB));
		spec_ctrl_out(c, s);
		svm_check_exit(c, b);
		spec_do(EDGE_GUEST_TO_HV);
		tcg_xsetbv(v, s);
		b->tlb_ctl = 0;
		code = (uint32_t)b->exit_code;
		b->event_inj = code != SVM_EXIT_INVALID && (b->exit_int_info & EV_VALID) ? svm_reinject(b->exit_int_info) : 0;
		tcg_virq_done(b, virq);
		if (code - SVM_DR_READ < 0x20 && !s->dr_live)
			dr_activate(c, s);
		else
			code = 0;
	} while (code);
	if ((uint32_t)b->exit_code == SVM_EXIT_INVALID)
		hv_log("d%u v%u: VMRUN refused: event %lx int_ctl %lx asid %u efer %lx cr0 %lx cr4 %lx dr6 %lx dr7 %lx", v->d->id, v->id,
		       b->exit_int_info, b->int_ctl, b->asid, b->efer, b->cr0, b->cr4, b->dr6, b->dr7);
	/* TCG overwrites the save area with host state on VMEXIT_INVALID: what we put in still stands in v->regs. */
	if ((uint32_t)b->exit_code != SVM_EXIT_INVALID)
		sync_out(v, b);
	tcg_shadow(b, shadow, rip);
	if (unlikely(s->iret_rip) && s->iret_rip != v->regs.rip)
		s->iret_rip = 0;
	if (unlikely((b->int_ctl & V_TPR_MASK) != v->g.lapic.tpr >> 4))
		v->g.lapic.tpr = (uint8_t)((b->int_ctl & V_TPR_MASK) << 4);
	decode(v, b, x);
}

/*
 * STI; HLT, an exit between the two, and now an event waits: such a HLT ends as it begins, so it is passed here. A window would
 * do on a CPU that follows the manual. On TCG (7.2), which does not load the shadow, it opens before the HLT: the guest would
 * handle there what it wants to be woken by, and then sleep for ever.
 */
static bool past_hlt(struct vcpu *v, struct vmcb *b)
{
	if (b->cpl || (v->regs.rflags & RFLAGS_TF) || !svm_at_hlt(v))
		return false;
	svm_skip(v, 1);
	return true;
}

bool svm_may_inject(struct vcpu *v, enum inject_type t)
{
	struct vmcb *b = svm(v)->vmcb;

	if (b->event_inj & EV_VALID)
		return false;
	if (t == INJECT_INTR && !(v->regs.rflags & RFLAGS_IF))
		return false;
	/* Not on top of a handler's last frame. With IF=1 it takes that upon itself: no window would wait for the IRET. */
	if (t == INJECT_NMI && svm(v)->iret_rip == v->regs.rip && !(v->regs.rflags & RFLAGS_IF))
		return false;
	return !(b->int_state & INT_SHADOW) || past_hlt(v, b);
}

void svm_inject(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error)
{
	svm(v)->vmcb->event_inj = EV_VALID | EV_TYPE(t) | vector | (has_error ? EV_ERROR | (uint64_t)error << 32 : 0);
	if (t == INJECT_NMI)		/* the next one waits for the handler's end (APM vol. 2, 8.2.3) */
		svm(v)->vmcb->misc1 |= I1(SVM_IRET);
}

void svm_window(struct vcpu *v, enum window w)
{
	struct vmcb *b = svm(v)->vmcb;

	/* TCG (7.2) aborts at a write to CR8 while a virtual interrupt waits: so there is an exit with either. */
	b->cr_write = (uint16_t)((b->cr_write & ~(1U << 8)) | (w == WINDOW_NONE ? 0 : 1U << 8));
	/* A dummy virtual interrupt of highest priority: VINTR exits the moment the guest could take it. */
	if (w == WINDOW_ANY) {
		b->misc1 |= I1(SVM_VINTR);
		b->int_ctl |= V_TOP;
	} else {
		b->misc1 &= ~I1(SVM_VINTR);
		b->int_ctl &= ~V_TOP;
	}
}

void svm_skip(struct vcpu *v, uint8_t len)
{
	struct vmcb *b = svm(v)->vmcb;

	v->regs.rip += len;
	if (!is_code64(b))
		v->regs.rip &= 0xffffffff;
	b->int_state &= ~INT_SHADOW;
	if (likely(!(v->regs.rflags & (RFLAGS_RF | RFLAGS_TF))))
		return;
	v->regs.rflags &= ~RFLAGS_RF;
	/* Single-stepping: the trap the CPU would have raised after the instruction. */
	if (v->regs.rflags & RFLAGS_TF) {
		b->dr6 |= DR6_BS;
		svm_inject(v, INJECT_EXC, VEC_DB, false, 0);
	}
}

void svm_paging(struct vcpu *v, struct paging_state *p)
{
	struct vmcb *b = svm(v)->vmcb;

	p->cr0 = b->cr0;
	p->cr3 = b->cr3;
	p->cr4 = b->cr4;
	p->efer = b->efer & ~EFER_SVME;
	p->cpl = b->cpl;
	p->long_mode = b->efer & EFER_LMA;
	p->code64 = is_code64(b);
}

static struct zendo_segment seg_out(const struct vmcb_seg *s)
{
	return (struct zendo_segment){ s->selector, s->attr, s->limit, s->base };
}

void svm_sregs_get(struct vcpu *v, struct zendo_sregs *r)
{
	struct vmcb *b = svm(v)->vmcb;
	const struct vmcb_seg *seg[ZSEG_NR] = { &b->es, &b->cs, &b->ss, &b->ds, &b->fs, &b->gs, &b->ldtr, &b->tr };

	for (int i = 0; i < ZSEG_NR; i++)
		r->seg[i] = seg_out(seg[i]);
	r->gdt = (struct zendo_desc_ptr){ b->gdtr.base, b->gdtr.limit };
	r->idt = (struct zendo_desc_ptr){ b->idtr.base, b->idtr.limit };
	r->cr0 = b->cr0;
	r->cr2 = b->cr2;
	r->cr3 = b->cr3;
	r->cr4 = b->cr4;
	r->efer = b->efer & ~EFER_SVME;
	r->dr6 = b->dr6;
	r->dr7 = b->dr7;
}

int svm_sregs_set(struct vcpu *v, const struct zendo_sregs *r)
{
	struct vmcb *b = svm(v)->vmcb;
	struct vmcb_seg *seg[ZSEG_NR] = { &b->es, &b->cs, &b->ss, &b->ds, &b->fs, &b->gs, &b->ldtr, &b->tr };

	/* What VMRUN would refuse for sure (APM vol. 2, 15.5.1); the rest it refuses itself, and the domain crashes. */
	if (r->cr0 >> 32 || r->dr6 >> 32 || r->dr7 >> 32 || (r->cr0 & (CR0_CD | CR0_NW)) == CR0_NW ||
	    (r->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)))
		return -XEN_EINVAL;
	for (int i = 0; i < ZSEG_NR; i++)
		*seg[i] = (struct vmcb_seg){ r->seg[i].selector, r->seg[i].attr & 0xfff, r->seg[i].limit, r->seg[i].base };
	b->cpl = (r->seg[ZSEG_SS].attr >> 5) & 3;
	b->gdtr = (struct vmcb_seg){ .limit = (uint32_t)r->gdt.limit, .base = r->gdt.base };
	b->idtr = (struct vmcb_seg){ .limit = (uint32_t)r->idt.limit, .base = r->idt.base };
	b->cr0 = r->cr0;
	b->cr2 = r->cr2;
	b->cr3 = r->cr3;
	b->cr4 = r->cr4;
	b->efer = r->efer | EFER_SVME;
	b->dr6 = r->dr6;
	b->dr7 = r->dr7;
	b->int_state = 0;
	b->event_inj = 0;
	svm(v)->flush = true;
	return 0;
}

static uint64_t *msr_slot(struct vcpu *v, uint32_t index)
{
	struct vmcb *b = svm(v)->vmcb;

	switch (index) {
	case MSR_STAR:		 return &b->star;
	case MSR_LSTAR:		 return &b->lstar;
	case MSR_CSTAR:		 return &b->cstar;
	case MSR_SFMASK:	 return &b->sfmask;
	case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
	case MSR_FS_BASE:	 return &b->fs.base;
	case MSR_GS_BASE:	 return &b->gs.base;
	case MSR_SYSENTER_CS:	 return &b->sysenter_cs;
	case MSR_SYSENTER_ESP:	 return &b->sysenter_esp;
	case MSR_SYSENTER_EIP:	 return &b->sysenter_eip;
	case MSR_PAT:		 return &b->g_pat;
	default:		 return NULL;
	}
}

bool svm_msr_get(struct vcpu *v, uint32_t index, uint64_t *val)
{
	uint64_t *p = msr_slot(v, index);

	if (index == MSR_EFER)
		*val = svm(v)->vmcb->efer & ~EFER_SVME;
	else if (p)
		*val = *p;
	else
		return false;
	return true;
}

bool svm_msr_set(struct vcpu *v, uint32_t index, uint64_t val)
{
	struct svm_vcpu *s = svm(v);
	uint64_t *p = msr_slot(v, index);

	if (index == MSR_PRED_CMD) {
		wrmsr(MSR_PRED_CMD, val);	/* a command: done here and now */
	} else if (index == MSR_EFER) {
		s->vmcb->efer = val | EFER_SVME;
	} else if (p) {
		*p = val;
	} else {
		return false;
	}
	return true;
}

void svm_cr4_set(struct vcpu *v, uint64_t val)
{
	struct svm_vcpu *s = svm(v);

	/* Paging modes and global pages: MOV to CR4 flushes what the intercepted one would have. */
	if ((s->vmcb->cr4 ^ val) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_LA57 | 1ULL << 20))
		s->flush = true;
	s->vmcb->cr4 = val;
}

void svm_cr2_set(struct vcpu *v, uint64_t val)
{
	svm(v)->vmcb->cr2 = val;
}

void svm_tsc_offset(struct vcpu *v, uint64_t offset)
{
	svm(v)->vmcb->tsc_offset = offset;
}
