// SPDX-License-Identifier: GPL-2.0-only
/* Dom0 under SVM: bringing a CPU under, running dom0, letting it go. */
#include "arch/x86/ops.h"
#include "arch/x86/regs.h"
#include "arch/x86/svm/check.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/svm/tcg.h"
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/dom0.h"
#include "core/log.h"
#include "core/pool.h"

#define REG_AT(r, off) _Static_assert(offsetof(struct zendo_regs, r) == (off), "regs.h: " #r)
REG_AT(rax, REG_RAX); REG_AT(rbx, REG_RBX); REG_AT(rdi, REG_RDI); REG_AT(rbp, REG_RBP);
REG_AT(rsp, REG_RSP); REG_AT(r8, REG_R8); REG_AT(r15, REG_R15);

#define MSR_VM_CR		0xc0010114
#define MSR_VM_HSAVE_PA		0xc0010117
#define VM_CR_SVMDIS		(1ULL << 4)

#define MSRPM_SIZE	8192
#define IOPM_SIZE	12288

struct svm_caps svm_caps;

static uint8_t dom0_msrpm[MSRPM_SIZE] __aligned(4096), guest_msrpm[MSRPM_SIZE] __aligned(4096);
static uint8_t guest_iopm[IOPM_SIZE] __aligned(4096);

static hpa_t image_hpa(const void *va)
{
	return hpa(boot.chunk[0] + ((uint64_t)va - ZENDO_VA_IMAGE));
}

hpa_t svm_dom0_msrpm(void) { return image_hpa(dom0_msrpm); }
hpa_t svm_guest_msrpm(void) { return image_hpa(guest_msrpm); }
hpa_t svm_guest_iopm(void) { return image_hpa(guest_iopm); }

/* Two bits an MSR: read, write (APM vol. 2, 15.11). */
static void msrpm_set(uint8_t *map, uint32_t msr, bool read, bool write)
{
	uint32_t i = msr < 0x2000 ? msr : msr - 0xc0000000 < 0x2000 ? msr - 0xc0000000 + 0x2000
					: msr - 0xc0010000 + 0x4000;
	uint32_t bit = i * 2;

	map[bit / 8] &= (uint8_t)~(3U << (bit % 8));
	map[bit / 8] |= (uint8_t)(((read ? 1U : 0) | (write ? 2U : 0)) << (bit % 8));
}

void svm_maps_init(void)
{
	/* In the VMCB, saved and loaded by VMRUN or VMLOAD: the guest's own. */
	static const uint32_t through[] = {
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	};

	static bool done;	/* CPUs come one at a time; other CPUs may be using the maps */

	if (done)
		return;
	done = true;
	memset(guest_msrpm, 0xff, sizeof(guest_msrpm));
	memset(guest_iopm, 0xff, sizeof(guest_iopm));
	for (size_t i = 0; i < ARRAY_SIZE(through); i++)
		msrpm_set(guest_msrpm, through[i], false, false);
	msrpm_set(dom0_msrpm, MSR_EFER, false, true);
	msrpm_set(dom0_msrpm, MSR_VM_CR, true, true);
	msrpm_set(dom0_msrpm, MSR_VM_HSAVE_PA, true, true);
}

/* "TCGTCGTCGTCG" where hypervisors name themselves */
static bool is_tcg(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] >> 31))
		return false;
	cpuid(0x40000000, 0, r);
	return r[1] == 0x54474354 && r[2] == 0x43544743 && r[3] == 0x47435447;
}

static int read_caps(void)
{
	uint32_t r[4];

	cpuid(0x80000001, 0, r);
	if (!(r[2] & (1U << 2)))
		return -XEN_EOPNOTSUPP;
	cpuid(0x8000000a, 0, r);
	if (!(r[3] & 1) || r[1] < 8)
		return -XEN_EOPNOTSUPP;
	svm_caps = (struct svm_caps){
		.nr_asids = r[1],
		.nrip = r[3] & (1U << 3),
		.flush_asid = r[3] & (1U << 6),
		.decode = r[3] & (1U << 7),
		.invlpgb = r[3] & (1U << 24),
		.v_spec_ctrl = r[3] & (1U << 20),
		.tcg = is_tcg(),
	};
	return 0;
}

static struct vmcb_seg seg_in(const struct zendo_segment *s)
{
	return (struct vmcb_seg){ s->selector, s->attr, s->limit, s->base };
}

static void vmsave(uint64_t pa) { __asm__ volatile("vmsave %0" : : "a"(pa) : "memory"); }
static void vmload(uint64_t pa) { __asm__ volatile("vmload %0" : : "a"(pa) : "memory"); }

static void fill_control(struct vmcb *b)
{
	/*
	 * Dom0's interrupts, NMIs, I/O, CPUID and page faults are its own. INIT is only a net: no CPU that is under should get one.
	 */
	b->misc1 = I1(SVM_INIT) | I1(SVM_MSR) | I1(SVM_SHUTDOWN) | I1(SVM_INVLPGA);
	b->misc2 = I2(SVM_VMRUN) | I2(SVM_VMMCALL) | I2(SVM_VMLOAD) | I2(SVM_VMSAVE) | I2(SVM_STGI) |
		   I2(SVM_CLGI) | I2(SVM_SKINIT);
	b->msrpm = svm_dom0_msrpm().v;
	b->iopm = svm_guest_iopm().v;	/* not intercepted; the address must be sound all the same */
	b->asid = ASID_DOM0;
	b->tlb_ctl = TLB_FLUSH_ALL;
	b->np = NP_ENABLE | (svm_caps.invlpgb ? INVLPGB_ENABLE : 0);
	b->ncr3 = pool_hpa(dom0_npt.root).v;
}

static void fill_state(struct vmcb *b, const struct zendo_cpu_launch *l)
{
	b->es = seg_in(&l->seg[ZSEG_ES]);
	b->cs = seg_in(&l->seg[ZSEG_CS]);
	b->ss = seg_in(&l->seg[ZSEG_SS]);
	b->ds = seg_in(&l->seg[ZSEG_DS]);
	b->gdtr = (struct vmcb_seg){ .limit = (uint32_t)l->gdt.limit, .base = l->gdt.base };
	b->idtr = (struct vmcb_seg){ .limit = (uint32_t)l->idt.limit, .base = l->idt.base };
	b->cpl = 0;
	b->efer = l->efer | EFER_SVME;
	b->cr0 = l->cr0;
	b->cr2 = l->cr2;
	b->cr3 = l->cr3;
	b->cr4 = l->cr4;
	b->dr6 = l->dr6;
	b->dr7 = l->dr7;
	b->rflags = (l->rflags & ~RFLAGS_IF) | RFLAGS_FIXED;
	b->rip = l->rip;
	b->rsp = l->rsp;
	b->rax = 0;
	b->g_pat = l->pat;
	/* Where the CPU keeps a SPEC_CTRL per world, dom0's is in the VMCB; host mode keeps IBRS only. */
	if (svm_caps.v_spec_ctrl) {
		b->spec_ctrl = rdmsr(MSR_SPEC_CTRL);
		wrmsr(MSR_SPEC_CTRL, b->spec_ctrl & 1);
	}
}

static void set_host_registers(const struct zendo_cpu_launch *l)
{
	uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (l->cr4 & (CR4_LA57 | CR4_OSXSAVE | CR4_MCE));

	write_cr4(cr4);
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(CR0_TS | CR0_EM));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400ULL));
}

static int svm_launch(struct cpu *c, const struct zendo_cpu_launch *l)
{
	struct vmcb *b = dom0_vmcb(c);
	int rc = read_caps();

	if (rc)
		return rc;
	svm_maps_init();
	memset(b, 0, sizeof(*b));
	memset((char *)c + CPU_HSAVE, 0, PAGE_SIZE);
	memset((char *)c + CPU_HOST_VMCB, 0, PAGE_SIZE);
	set_host_registers(l);
	wrmsr(MSR_VM_HSAVE_PA, area_hpa(c, CPU_HSAVE));
	vmsave(area_hpa(c, CPU_DOM0_VMCB));	/* FS, GS, TR, LDTR, syscall MSRs: live until here */
	fill_control(b);
	fill_state(b, l);
	arch_tables_load(c);
	vmsave(area_hpa(c, CPU_HOST_VMCB));
	c->dom0 = (struct zendo_regs){
		.rbx = l->rbx, .rbp = l->rbp, .r12 = l->r12, .r13 = l->r13, .r14 = l->r14, .r15 = l->r15,
	};
	c->asid = svm_caps.nr_asids;	/* the first guest starts a generation */
	__asm__ volatile("sti");	/* GIF=0: nothing comes; VMRUN wants to see it */
	svm_check_capture(c);
	return 0;
}

static void __noreturn svm_leave(struct cpu *c, uint64_t ret)
{
	struct vmcb *b = dom0_vmcb(c);
	struct zendo_cpu_launch *l = &c->launch;

	vmload(area_hpa(c, CPU_DOM0_VMCB));
	*l = (struct zendo_cpu_launch){
		.rip = b->rip, .rsp = b->rsp, .rflags = b->rflags,
		.rbx = c->dom0.rbx, .rbp = c->dom0.rbp,
		.r12 = c->dom0.r12, .r13 = c->dom0.r13, .r14 = c->dom0.r14, .r15 = c->dom0.r15,
		.cr0 = b->cr0, .cr2 = b->cr2, .cr3 = b->cr3, .cr4 = b->cr4, .dr7 = b->dr7,
		.gdt = { b->gdtr.base, b->gdtr.limit }, .idt = { b->idtr.base, b->idtr.limit },
	};
	hv_log("CPU %u: leaves", c->id);
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_PAT, b->g_pat);
	if (svm_caps.v_spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, b->spec_ctrl);
	if (b->efer & EFER_NXE)		/* what dom0 changed while under; host pages need NXE until the jump */
		wrmsr(MSR_EFER, b->efer);
	__asm__ volatile("mov %0, %%dr6" : : "r"(b->dr6));
	arch_jump_out(l, ret);
}

uint64_t svm_reinject(uint64_t info)
{
	uint64_t type = (info >> 8) & 7;

	if (!(info & EV_VALID))
		return 0;
	/* TCG names external interrupts type 3, and refuses that type with vectors from 32 on. */
	if (type == INJECT_EXC && (info & 0xff) >= 32)
		return EV_VALID | EV_TYPE(INJECT_INTR) | (info & 0xff);
	/* INT n, INT3, INTO: the instruction runs again, RIP was not moved. */
	if (type == 4 || (type == INJECT_EXC && ((info & 0xff) == 3 || (info & 0xff) == 4)))
		return 0;
	return (info & (EV_VALID | EV_ERROR | 0x7ff)) | (info & EV_ERROR ? info & 0xffffffff00000000ULL : 0);
}

static void dom0_inject(struct vmcb *b, uint8_t vector, bool has_error)
{
	b->event_inj = EV_VALID | EV_TYPE(INJECT_EXC) | vector | (has_error ? EV_ERROR : 0);
}

/* @len is without prefixes; nRIP knows better where it exists. */
static void dom0_skip(struct vmcb *b, uint8_t len)
{
	b->rip = svm_caps.nrip && b->nrip ? b->nrip : b->rip + len;
	b->int_state &= ~INT_SHADOW;
}

/*
 * EFER as the CPU would take it. SVME stays set whatever dom0 writes, since crash and reboot paths clear it; NXE and LMA stay for the
 * trial only, host mode runs on this register.
 */
static bool dom0_efer(struct vmcb *b, uint64_t val)
{
	uint64_t host = rdmsr(MSR_EFER);
	bool ok;

	if ((b->cr0 & CR0_PG) && ((val ^ b->efer) & EFER_LME))
		return false;
	ok = wrmsr_safe(MSR_EFER, val | EFER_SVME | EFER_NXE | (host & (EFER_LME | EFER_LMA)));
	wrmsr(MSR_EFER, host);
	if (ok)
		b->efer = (val & ~EFER_LMA) | (b->efer & EFER_LMA) | EFER_SVME;
	return ok;
}

static bool dom0_wrmsr(struct vmcb *b, uint32_t msr, uint64_t val)
{
	switch (msr) {
	case MSR_EFER:
		return dom0_efer(b, val);
	case MSR_VM_CR:
	case MSR_VM_HSAVE_PA:
		return true;	/* swallowed: crash and reboot paths write them (F30) */
	default:
		return wrmsr_safe(msr, val);	/* outside of what the permission map can say: always exits */
	}
}

static bool dom0_rdmsr(uint32_t msr, uint64_t *val)
{
	switch (msr) {
	case MSR_VM_CR:
		*val = VM_CR_SVMDIS;	/* as if disabled by firmware: a later modprobe of kvm says so and stays out */
		return true;
	case MSR_VM_HSAVE_PA:
		*val = 0;
		return true;
	default:
		return rdmsr_safe(msr, val);
	}
}

static void dom0_msr(struct vmcb *b, struct zendo_regs *r)
{
	uint32_t msr = (uint32_t)r->rcx;
	uint64_t val = (r->rdx << 32) | (uint32_t)r->rax;

	if (b->info1 ? !dom0_wrmsr(b, msr, val) : !dom0_rdmsr(msr, &val)) {
		dom0_inject(b, VEC_GP, true);
		return;
	}
	if (!b->info1) {
		r->rax = (uint32_t)val;
		r->rdx = val >> 32;
	}
	dom0_skip(b, 2);
}

static bool dom0_exit(struct cpu *c, struct vmcb *b, struct zendo_regs *r)
{
	switch ((uint32_t)b->exit_code) {
	case SVM_VMMCALL:
		if (b->cpl) {
			dom0_inject(b, VEC_UD, false);
			return false;
		}
		dom0_skip(b, 3);
		return true;
	case SVM_MSR:
		dom0_msr(b, r);
		return false;
	case SVM_NPF:
		if (dom0_fault(c, b->info2, b->info1 & 2)) {
			b->event_inj = svm_reinject(b->exit_int_info);
			tcg_dom0_virq(b);
		} else {
			dom0_inject(b, VEC_GP, true);
		}
		return false;
	case SVM_STGI:		/* crash and reboot paths: GIF is theirs and set anyway */
		dom0_skip(b, 3);
		return false;
	case SVM_VMRUN:
	case SVM_VMLOAD:
	case SVM_VMSAVE:
	case SVM_CLGI:
	case SVM_SKINIT:
	case SVM_INVLPGA:
		dom0_inject(b, VEC_UD, false);
		return false;
	case SVM_INIT:
		/* It stays pending while intercepted. No one sends it to a CPU that is under; let it do what it does. */
		hv_log("CPU %u: INIT while under: the CPU is lost", c->id);
		b->misc1 &= ~I1(SVM_INIT);
		return false;
	case SVM_SHUTDOWN:
		hv_log("CPU %u: dom0 shut down by triple fault: reset", c->id);
		machine_reset();
	}
	hv_panic("CPU %u: dom0 exit %lx info %lx %lx rip %lx", c->id, b->exit_code, b->info1, b->info2, b->rip);
}

static bool svm_dom0_run(struct cpu *c, struct zendo_regs *r)
{
	struct vmcb *b = dom0_vmcb(c);
	bool call;

	if (c->flush_dom0) {
		c->flush_dom0 = false;
		b->tlb_ctl = svm_caps.flush_asid ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
	}
	b->rax = r->rax;
	svm_check_dom0_entry(c, b);
	cpu_hold_end(c, rdtsc());
	svm_enter(r, area_hpa(c, CPU_DOM0_VMCB), area_hpa(c, CPU_HOST_VMCB));
	cpu_hold_begin(c);
	svm_check_exit(c, b);
	b->tlb_ctl = 0;
	b->event_inj = 0;
	r->rax = b->rax;
	r->rip = b->rip;
	call = dom0_exit(c, b, r);
	b->rax = r->rax;
	return call;
}

static void svm_flush_dom0(struct cpu *c)
{
	c->flush_dom0 = true;
}

/* Nested entries have the format of ordinary ones, always with US (APM vol. 2, 15.25.5); A and D preset. */
#define PTE_P	(1ULL << 0)
#define PTE_RW	(1ULL << 1)
#define PTE_US	(1ULL << 2)
#define PTE_AD	(3ULL << 5)
#define PTE_PS	(1ULL << 7)
#define PTE_NX	(1ULL << 63)

static uint64_t npt_leaf(hpa_t h, int level, uint32_t rights)
{
	return h.v | PTE_P | PTE_US | PTE_AD | (level > 1 ? PTE_PS : 0) | (rights & NPT_WRITE ? PTE_RW : 0) |
	       (rights & NPT_EXEC ? 0 : PTE_NX);
}

static uint64_t npt_table(hpa_t h)
{
	return h.v | PTE_P | PTE_RW | PTE_US | PTE_AD;
}

static uint32_t npt_rights(uint64_t e)
{
	return (e & PTE_P ? NPT_READ : 0) | (e & PTE_RW ? NPT_WRITE : 0) | (e & PTE_NX ? 0 : NPT_EXEC);
}

static bool npt_is_leaf(uint64_t e, int level)
{
	return level == 1 || (e & PTE_PS);
}

#include "arch/x86/svm/guest_ops.h"

const struct vendor_ops svm_ops = {
	.name = "svm",
	.launch = svm_launch,
	.leave = svm_leave,
	.dom0_run = svm_dom0_run,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.run = svm_run,
	.park = svm_park,
	.may_inject = svm_may_inject,
	.inject = svm_inject,
	.window = svm_window,
	.skip = svm_skip,
	.paging = svm_paging,
	.sregs_get = svm_sregs_get,
	.sregs_set = svm_sregs_set,
	.msr_get = svm_msr_get,
	.msr_set = svm_msr_set,
	.cr4_set = svm_cr4_set,
	.cr2_set = svm_cr2_set,
	.tsc_offset = svm_tsc_offset,
	.npt_leaf = npt_leaf,
	.npt_table = npt_table,
	.npt_rights = npt_rights,
	.npt_is_leaf = npt_is_leaf,
	.flush_guest = svm_flush_guest,
	.flush_dom0 = svm_flush_dom0,
};
