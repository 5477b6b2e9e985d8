// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs and control registers as guests see them: one table, #GP for all that is not in it. Linux tolerates #GP on
 * nearly every MSR; the rows here are what it, or another guest, touches without a safety net (guest-abi 2.4).
 */
#include "guest/msr.h"
#include "core/guest_mem.h"
#include "guest/cpuid.h"
#include "guest/guest.h"
#include "guest/hypercall.h"
#include "guest/lapic.h"
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define VEC_UD		6
#define VEC_GP		13
#define EFER_SCE	(1U << 0)
#define EFER_LME	(1U << 8)
#define EFER_LMA	(1U << 10)
#define EFER_NXE	(1U << 11)
#define CR0_PG		(1U << 31)
#define CR4_PAE		(1U << 5)
#define CR4_OSXSAVE	(1U << 18)
#define MTRR_DEF	(NR_MTRRS - 1)
#define MTRR_ENABLED_WB	0xc06

struct msr_row {
	uint32_t first, last;
	bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *ret);	/* false, or none: #GP */
	bool (*write)(struct vcpu *v, uint32_t msr, uint64_t val);
};

static enum exit_next inject_fault(struct vcpu *v, uint8_t vector)
{
	ops->inject(v, INJECT_EXC, vector, vector == VEC_GP, 0);
	return NEXT_RESUME;
}

/* ---- plain behaviours ---- */

static bool read_zero(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)v, (void)msr;
	*ret = 0;
	return true;
}

static bool write_ignored(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)v, (void)msr, (void)val;
	return true;
}

static bool write_zero(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)v, (void)msr;
	return !val;
}

/* State that is in the control structure: syscall, segment base and SYSENTER MSRs, if they exit at all. */
static bool read_vendor(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	return ops->msr_get(v, msr, ret);
}

static bool write_vendor(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return ops->msr_set(v, msr, val);
}

static bool write_address(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return is_canonical(val) && ops->msr_set(v, msr, val);
}

/* ---- time ---- */

static bool read_tsc(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)msr;
	*ret = host_tsc() + v->g.tsc_offset;
	return true;
}

static bool write_tsc(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	guest_set_tsc_offset(v, val - host_tsc());
	return true;
}

static bool read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)msr;
	*ret = v->g.tsc_aux;
	return host_features.rdtscp;
}

static bool write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	if (!host_features.rdtscp || val >> 32)
		return false;
	v->g.tsc_aux = val;
	return true;
}

/* ---- memory types ---- */

static bool valid_type(uint8_t t, bool pat)
{
	return t == 0 || t == 1 || (t >= 4 && t <= 6) || (pat && t == 7);
}

static bool valid_types(uint64_t val, bool pat)
{
	for (int i = 0; i < 8; i++)
		if (!valid_type((uint8_t)(val >> (i * 8)), pat))
			return false;
	return true;
}

static bool write_pat(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return valid_types(val, true) && ops->msr_set(v, msr, val);
}

static bool read_mtrr_cap(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)v, (void)msr;
	*ret = 0x508;	/* 8 variable ranges, fixed ranges, WC */
	return true;
}

/* MTRRs hold what is written and do nothing: the nested table decides. */
static uint64_t *mtrr_slot(struct vcpu *v, uint32_t msr)
{
	uint32_t i;

	switch (msr) {
	case 0x200 ... 0x20f:
		i = msr - 0x200;
		break;
	case 0x250:
		i = 16;
		break;
	case 0x258 ... 0x259:
		i = 17 + msr - 0x258;
		break;
	case 0x268 ... 0x26f:
		i = 19 + msr - 0x268;
		break;
	default:
		i = MTRR_DEF;
		break;
	}
	return &v->g.mtrr[i];
}

static bool read_mtrr(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	*ret = *mtrr_slot(v, msr);
	return true;
}

static bool write_mtrr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	bool ok;

	if (msr >= 0x250 && msr <= 0x26f)
		ok = valid_types(val, false);
	else if (msr == 0x2ff)
		ok = !(val & ~0xcffULL) && valid_type((uint8_t)val, false);
	else if (msr & 1)
		ok = !(val & 0x7ff) && !(val >> host_features.maxphys);
	else
		ok = !(val & 0xf00) && !(val >> host_features.maxphys) && valid_type((uint8_t)val, false);
	if (ok)
		*mtrr_slot(v, msr) = val;
	return ok;
}

/* ---- processor control ---- */

static bool read_efer(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	if (!ops->msr_get(v, msr, ret))
		return false;
	*ret &= EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;	/* SVME is ours */
	return true;
}

static bool write_efer(struct vcpu *v, uint32_t msr, uint64_t val)
{
	struct paging_state ps;
	uint32_t r[4];

	ops->paging(v, &ps);
	cpuid_leaf(v, 0x80000001, 0, r);
	if ((val & ~(uint64_t)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) ||
	    ((val & EFER_NXE) && !(r[3] & (1U << (XEN_X86_FEATURE_NX % 32)))))
		return false;
	if ((ps.cr0 & CR0_PG) && ((val ^ ps.efer) & EFER_LME))
		return false;
	/* LMA is the processor's to say. */
	val = (val & ~(uint64_t)EFER_LMA) | (ps.efer & EFER_LMA);
	if ((val ^ ps.efer) & EFER_NXE)
		ops->flush_guest(v);
	return ops->msr_set(v, msr, val);
}

static bool read_apic_base(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)msr;
	*ret = v->g.lapic.base;
	return true;
}

static bool write_apic_base(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)msr;
	return lapic_base_write(v, val);
}

static bool read_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)msr;
	*ret = v->g.spec_ctrl;
	return host_features.spec_ctrl;
}

/* IBRS, STIBP, SSBD, PSFD as CPUID shows them; a CPU that lacks one ignores or refuses it in vendor code. */
static bool write_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint32_t r[4], r7[4];
	uint64_t valid;

	if (!host_features.spec_ctrl)
		return false;
	cpuid_leaf(v, 0x80000008, 0, r);
	cpuid_leaf(v, 7, 0, r7);
	valid = (r[1] & (1U << (XEN_X86_FEATURE_IBRS % 32)) || r7[3] & (1U << (XEN_X86_FEATURE_IBRSB % 32)) ? 1 : 0) |
		(r[1] & (1U << (XEN_X86_FEATURE_AMD_STIBP % 32)) || r7[3] & (1U << (XEN_X86_FEATURE_STIBP % 32)) ? 2 : 0) |
		(r[1] & (1U << (XEN_X86_FEATURE_AMD_SSBD % 32)) || r7[3] & (1U << (XEN_X86_FEATURE_SSBD % 32)) ? 4 : 0) |
		(r[1] & (1U << (XEN_X86_FEATURE_PSFD % 32)) ? 128 : 0);
	if (val & ~valid)
		return false;
	v->g.spec_ctrl = val;
	(void)ops->msr_set(v, msr, val);	/* where the control structure has it */
	return true;
}

/* A write is an order to the branch predictor of this CPU: vendor code carries it out. */
static bool write_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t val)
{
	if (!host_features.pred_cmd || val & ~1ULL)
		return false;
	return !val || ops->msr_set(v, msr, val);
}

static bool is_intel(void)
{
	return host_features.vendor_ebx == 0x756e6547;	/* Genu(ineIntel) */
}

/* Read early and without a net on Intel; fast strings, no BTS, no PEBS. */
static bool read_misc_enable(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)v, (void)msr;
	*ret = 1 | 1 << 11 | 1 << 12;
	return is_intel();
}

static bool write_misc_enable(struct vcpu *v, uint32_t msr, uint64_t val)
{
	(void)v, (void)msr, (void)val;
	return is_intel();
}

/* HWCR: "the TSC counts with the P0 frequency", else Linux reports a firmware bug. */
static bool read_hwcr(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)v, (void)msr;
	*ret = host_features.invariant_tsc ? 1U << 24 : 0;
	return true;
}

/* DE_CFG: LFENCE serialises. */
static bool read_de_cfg(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	(void)v, (void)msr;
	*ret = 2;
	return true;
}

/* ---- hypercall page ---- */

#define STUB_SIZE	32
#define STUB_BATCH	16	/* of 128, so that the page is not looked up for each */

static void hypercall_stub(uint8_t s[STUB_SIZE], uint32_t nr)
{
	bool svm = !memcmp(ops->name, "svm", 3);

	memset(s, 0xcc, STUB_SIZE);
	if (nr == __HYPERVISOR_iret) {
		s[0] = 0x0f;	/* ud2 */
		s[1] = 0x0b;
		return;
	}
	s[0] = 0xb8;		/* mov $nr, %eax */
	memcpy(s + 1, &nr, sizeof(nr));
	s[5] = 0x0f;		/* vmmcall, vmcall */
	s[6] = 0x01;
	s[7] = svm ? 0xd9 : 0xc1;
	s[8] = 0xc3;		/* ret */
}

static bool write_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
	struct paging_state ps;

	(void)msr;
	if (val & ~PAGE_MASK)	/* page 0 of 1 */
		return false;
	for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr += STUB_BATCH) {
		uint8_t stubs[STUB_BATCH][STUB_SIZE];

		for (uint32_t i = 0; i < STUB_BATCH; i++)
			hypercall_stub(stubs[i], nr + i);
		if (gpa_write(v->d, gpa(val + nr * STUB_SIZE), stubs, sizeof(stubs)))
			return false;
	}
	ops->paging(v, &ps);
	guest_latch_width(v->d, ps.code64);
	return true;
}

/* ---- the table ---- */

static const struct msr_row rows[] = {
	{ 0x00000800, 0x000008ff, lapic_read, lapic_write },
	{ 0x00000010, 0x00000010, read_tsc, write_tsc },
	{ 0x0000001b, 0x0000001b, read_apic_base, write_apic_base },
	{ 0x00000048, 0x00000048, read_spec_ctrl, write_spec_ctrl },
	{ 0x00000049, 0x00000049, NULL, write_pred_cmd },
	{ 0x0000008b, 0x0000008b, read_zero, write_ignored },		/* patch level */
	{ 0x000000fe, 0x000000fe, read_mtrr_cap, NULL },
	{ 0x00000174, 0x00000174, read_vendor, write_vendor },		/* SYSENTER_CS */
	{ 0x00000175, 0x00000176, read_vendor, write_address },		/* SYSENTER_ESP, EIP */
	{ 0x000001a0, 0x000001a0, read_misc_enable, write_misc_enable },
	{ 0x000001d9, 0x000001d9, read_zero, write_zero },		/* DEBUGCTL */
	{ 0x00000200, 0x0000020f, read_mtrr, write_mtrr },
	{ 0x00000250, 0x00000250, read_mtrr, write_mtrr },
	{ 0x00000258, 0x00000259, read_mtrr, write_mtrr },
	{ 0x00000268, 0x0000026f, read_mtrr, write_mtrr },
	{ 0x00000277, 0x00000277, read_vendor, write_pat },
	{ 0x000002ff, 0x000002ff, read_mtrr, write_mtrr },
	{ XEN_CPUID_FIRST_LEAF, XEN_CPUID_FIRST_LEAF, read_zero, write_hypercall_page },
	{ 0xc0000080, 0xc0000080, read_efer, write_efer },
	{ 0xc0000081, 0xc0000081, read_vendor, write_vendor },		/* STAR */
	{ 0xc0000082, 0xc0000083, read_vendor, write_address },		/* LSTAR, CSTAR */
	{ 0xc0000084, 0xc0000084, read_vendor, write_vendor },		/* SFMASK */
	{ 0xc0000100, 0xc0000102, read_vendor, write_address },		/* FS, GS, kernel GS base */
	{ 0xc0000103, 0xc0000103, read_tsc_aux, write_tsc_aux },
	{ 0xc0010010, 0xc0010010, read_zero, write_ignored },		/* SYSCFG */
	{ 0xc0010015, 0xc0010015, read_hwcr, write_ignored },
	{ 0xc001001a, 0xc001001a, read_zero, write_ignored },		/* TOP_MEM */
	{ 0xc001001d, 0xc001001d, read_zero, write_ignored },		/* TOP_MEM2 */
	{ 0xc0010055, 0xc0010055, read_zero, write_ignored },		/* interrupt pending message: old families */
	{ 0xc0011029, 0xc0011029, read_de_cfg, write_ignored },
};

static const struct msr_row *find(uint32_t msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (msr >= rows[i].first && msr <= rows[i].last)
			return &rows[i];
	return NULL;
}

/* msr_relaxed, as Xen has it: one that is not in the table but in this CPU reads as 0 and ignores writes. */
static bool is_relaxed(const struct vcpu *v, uint32_t msr)
{
	return v->d->g.msr_relaxed && host_has_msr(msr);
}

bool guest_msr_read(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	const struct msr_row *r = find(msr);

	*ret = 0;
	return r ? r->read && r->read(v, msr, ret) : is_relaxed(v, msr);
}

bool guest_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
	const struct msr_row *r = find(msr);

	return r ? r->write && r->write(v, msr, val) : is_relaxed(v, msr);
}

enum exit_next guest_rdmsr(struct vcpu *v, const struct exit_info *x)
{
	uint64_t val;

	if (!guest_msr_read(v, x->msr.index, &val))
		return inject_fault(v, VEC_GP);
	v->regs.rax = (uint32_t)val;
	v->regs.rdx = val >> 32;
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}

enum exit_next guest_wrmsr(struct vcpu *v, const struct exit_info *x)
{
	uint64_t val = v->regs.rdx << 32 | (uint32_t)v->regs.rax;

	if (!guest_msr_write(v, x->msr.index, val))
		return inject_fault(v, VEC_GP);
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}

void guest_msr_init(struct vcpu *v)
{
	v->g.xcr0 = 1;
	v->g.mtrr[MTRR_DEF] = MTRR_ENABLED_WB;
}

/* ---- CR4, XCR0 ---- */

/* What CPUID shows, and bits older than CPUID bits. PCIDE, LA57, VMXE, SMXE, PKE, CET, PKS are never (F15). */
uint64_t cr4_valid(struct vcpu *v)
{
	static const struct { uint8_t bit, reg; uint16_t feature; } by_leaf7[] = {
		{ 11, 2, XEN_X86_FEATURE_UMIP }, { 16, 1, XEN_X86_FEATURE_FSGSBASE },
		{ 20, 1, XEN_X86_FEATURE_SMEP }, { 21, 1, XEN_X86_FEATURE_SMAP },
	};
	uint64_t valid = 0x7ff;		/* VME to OSXMMEXCPT */
	uint32_t r[4];

	cpuid_leaf(v, 7, 0, r);
	for (size_t i = 0; i < ARRAY_SIZE(by_leaf7); i++)
		if (r[by_leaf7[i].reg] & (1U << (by_leaf7[i].feature % 32)))
			valid |= 1ULL << by_leaf7[i].bit;
	cpuid_leaf(v, 1, 0, r);
	if (r[2] & (1U << (XEN_X86_FEATURE_XSAVE % 32)))
		valid |= CR4_OSXSAVE;
	return valid;
}

enum exit_next guest_cr4(struct vcpu *v, const struct exit_info *x)
{
	struct paging_state ps;
	uint64_t val = x->cr.value;

	ops->paging(v, &ps);
	if ((val & ~cr4_valid(v)) || (ps.long_mode && !(val & CR4_PAE)))
		return inject_fault(v, VEC_GP);
	ops->cr4_set(v, val);
	/* The processor would have flushed for several of its bits; it did not see the write. */
	if (val != ps.cr4)
		ops->flush_guest(v);
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}

enum exit_next guest_cr8(struct vcpu *v, const struct exit_info *x)
{
	if (x->cr.value > 15)
		return inject_fault(v, VEC_GP);
	v->g.lapic.tpr = (uint8_t)(x->cr.value << 4);
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}

bool xcr0_valid(const struct domain *d, uint64_t val)
{
	uint64_t avx512 = val & 0xe0;

	return (val & 1) && !(val & ~guest_xcr0_mask(d)) && (!(val & 4) || (val & 2)) &&
	       (!avx512 || (avx512 == 0xe0 && (val & 4)));
}

enum exit_next guest_xsetbv(struct vcpu *v, const struct exit_info *x)
{
	struct paging_state ps;

	ops->paging(v, &ps);
	if (!(ps.cr4 & CR4_OSXSAVE))
		return inject_fault(v, VEC_UD);
	if (ps.cpl || x->xcr.index || !xcr0_valid(v->d, x->xcr.value))
		return inject_fault(v, VEC_GP);
	v->g.xcr0 = x->xcr.value;	/* vendor code loads it at the next entry */
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}
