// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID as guests see it: the real CPU's leaves through one table of masks, then what depends on the vCPU
 * (topology, APIC, XSAVE sizes, Xen's leaves). What is not in the table reads as zero. Reasons for each hidden
 * feature: docs/guest-abi.md.
 */
#include "guest/cpuid.h"
#include "core/guest_mem.h"
#include "guest/guest.h"
#include "guest/lapic.h"
#include "guest/version.h"
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>

#define BIT(f)		(1U << (XEN_X86_FEATURE_##f % 32))
#define ALL		0xffffffffU
#define MAX_BASIC	0xdU
#define MAX_EXTENDED	0x80000021U
#define XEN_LEAVES	4		/* base + 4; base + 5 is PV's */
#define CR4_OSXSAVE	(1U << 18)
#define XSTATE_LEGACY	576		/* x87 and SSE region with header */

/* ---- the policy ---- */

#define LEAF1_ECX (BIT(SSE3) | BIT(PCLMULQDQ) | BIT(SSSE3) | BIT(FMA) | BIT(CX16) | BIT(SSE4_1) | BIT(SSE4_2) | BIT(MOVBE) | \
		   BIT(POPCNT) | BIT(AESNI) | BIT(XSAVE) | BIT(AVX) | BIT(F16C) | BIT(RDRAND))
#define LEAF1_EDX (BIT(FPU) | BIT(VME) | BIT(DE) | BIT(PSE) | BIT(TSC) | BIT(MSR) | BIT(PAE) | BIT(CX8) | BIT(SEP) | BIT(MTRR) | \
		   BIT(PGE) | BIT(CMOV) | BIT(PAT) | BIT(PSE36) | BIT(CLFLUSH) | BIT(MMX) | BIT(FXSR) | BIT(SSE) | BIT(SSE2) | BIT(SS))
#define LEAF7_EBX (BIT(FSGSBASE) | BIT(BMI1) | BIT(AVX2) | BIT(FDP_EXCP_ONLY) | BIT(SMEP) | BIT(BMI2) | BIT(ERMS) | \
		   BIT(NO_FPU_SEL) | BIT(AVX512F) | BIT(AVX512DQ) | BIT(RDSEED) | BIT(ADX) | BIT(SMAP) | BIT(AVX512_IFMA) | \
		   BIT(CLFLUSHOPT) | BIT(CLWB) | BIT(AVX512PF) | BIT(AVX512ER) | BIT(AVX512CD) | BIT(SHA) | BIT(AVX512BW) | BIT(AVX512VL))
#define LEAF7_ECX (BIT(PREFETCHWT1) | BIT(AVX512_VBMI) | BIT(UMIP) | BIT(AVX512_VBMI2) | BIT(GFNI) | BIT(VAES) | BIT(VPCLMULQDQ) | \
		   BIT(AVX512_VNNI) | BIT(AVX512_BITALG) | BIT(AVX512_VPOPCNTDQ) | BIT(RDPID) | BIT(CLDEMOTE) | BIT(MOVDIRI) | BIT(MOVDIR64B))
#define LEAF7_EDX (BIT(AVX512_4VNNIW) | BIT(AVX512_4FMAPS) | BIT(FSRM) | BIT(AVX512_VP2INTERSECT) | BIT(MD_CLEAR) | BIT(SERIALIZE) | \
		   BIT(AVX512_FP16) | BIT(IBRSB) | BIT(STIBP) | BIT(SSBD))
#define LEAF7_1_EAX (BIT(AVX_VNNI) | BIT(AVX512_BF16) | BIT(FZRM) | BIT(FSRS) | BIT(FSRCS))
#define EXT1_ECX (BIT(LAHF_LM) | BIT(CR8_LEGACY) | BIT(ABM) | BIT(SSE4A) | BIT(MISALIGNSSE) | BIT(3DNOWPREFETCH) | BIT(XOP) | \
		  BIT(FMA4) | BIT(TBM) | BIT(TOPOEXT))
/* On AMD the leaf repeats what leaf 1 EDX says; MCE and MCA are hidden in both. */
#define EXT1_EDX ((LEAF1_EDX & 0x0183f3ffU & ~BIT(SEP)) | BIT(SYSCALL) | BIT(NX) | BIT(MMXEXT) | BIT(PAGE1GB) | BIT(RDTSCP) | BIT(LM) | \
		  BIT(3DNOWEXT) | BIT(3DNOW))
#define EXT8_EBX (BIT(CLZERO) | BIT(RSTR_FP_ERR_PTRS) | BIT(WBNOINVD) | BIT(IBPB) | BIT(IBRS) | BIT(AMD_STIBP) | BIT(IBRS_ALWAYS) | \
		  BIT(STIBP_ALWAYS) | BIT(IBRS_FAST) | BIT(IBRS_SAME_MODE) | BIT(AMD_SSBD) | BIT(SSB_NO) | BIT(PSFD) | BIT(BTC_NO) | \
		  BIT(IBPB_RET))
#define EXT21_EAX (BIT(LFENCE_DISPATCH) | BIT(VERW_CLEAR) | BIT(NSCB) | BIT(SRSO_NO) | BIT(SRSO_US_NO))

/* Features that need SPEC_CTRL, PRED_CMD, or AVX-512 and AVX state. */
#define EXT8_SPEC_CTRL (BIT(IBRS) | BIT(AMD_STIBP) | BIT(IBRS_ALWAYS) | BIT(STIBP_ALWAYS) | BIT(IBRS_FAST) | BIT(IBRS_SAME_MODE) | \
			BIT(AMD_SSBD) | BIT(PSFD))
#define EXT8_PRED_CMD (BIT(IBPB) | BIT(IBPB_RET))
#define LEAF1_ECX_AVX (BIT(AVX) | BIT(FMA) | BIT(F16C))
#define LEAF7_EBX_AVX512 (BIT(AVX512F) | BIT(AVX512DQ) | BIT(AVX512_IFMA) | BIT(AVX512PF) | BIT(AVX512ER) | BIT(AVX512CD) | \
			  BIT(AVX512BW) | BIT(AVX512VL))
#define LEAF7_ECX_AVX512 (BIT(AVX512_VBMI) | BIT(AVX512_VBMI2) | BIT(AVX512_VNNI) | BIT(AVX512_BITALG) | BIT(AVX512_VPOPCNTDQ))
#define LEAF7_EDX_AVX512 (BIT(AVX512_4VNNIW) | BIT(AVX512_4FMAPS) | BIT(AVX512_VP2INTERSECT) | BIT(AVX512_FP16))
#define XCR0_AVX	0x04ULL
#define XCR0_AVX512	0xe0ULL

enum { EAX, EBX, ECX, EDX };

static const struct {
	uint32_t leaf, subleaf;
	uint32_t mask[4];
} policy[] = {
	{ 0x00000000, 0, { ALL, ALL, ALL, ALL } },
	{ 0x00000001, 0, { ALL, 0x0000ff00, LEAF1_ECX, LEAF1_EDX } },
	{ 0x00000002, 0, { ALL, ALL, ALL, ALL } },
	{ 0x00000007, 0, { 1, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX } },
	{ 0x00000007, 1, { LEAF7_1_EAX, 0, 0, 0 } },
	{ 0x80000000, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000001, 0, { ALL, ALL, EXT1_ECX, EXT1_EDX } },
	{ 0x80000002, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000003, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000004, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000005, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000006, 0, { ALL, ALL, ALL, ALL } },
	{ 0x80000007, 0, { 0, 0, 0, BIT(ITSC) } },
	{ 0x80000008, 0, { 0x0000ff00, EXT8_EBX, 0, 0 } },
	{ 0x80000019, 0, { ALL, ALL, 0, 0 } },
	{ 0x8000001a, 0, { 7, 0, 0, 0 } },
	{ 0x80000021, 0, { EXT21_EAX, 0, 0, 0 } },
};

static void masked_host(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	bool has_subleaves = leaf == 7;

	memset(r, 0, 4 * sizeof(r[0]));
	for (size_t i = 0; i < ARRAY_SIZE(policy); i++) {
		if (policy[i].leaf != leaf || (has_subleaves && policy[i].subleaf != subleaf))
			continue;
		host_cpuid(leaf, policy[i].subleaf, r);
		for (int k = 0; k < 4; k++)
			r[k] &= policy[i].mask[k];
		return;
	}
}

static bool is_amd(void)
{
	return host_features.vendor_ebx == 0x68747541 /* Auth(enticAMD) */ || host_features.vendor_ebx == 0x6f677948 /* Hygo(nGenuine) */;
}

/* Where the feature words of Xen's headers are; a domain may be told less of each (ZCALL_DOMAIN_POLICY). */
static const struct { uint32_t leaf; uint8_t subleaf, reg; } words[] = {
	{ 1, 0, EDX }, { 1, 0, ECX }, { 0x80000001, 0, EDX }, { 0x80000001, 0, ECX }, { 0xd, 1, EAX }, { 7, 0, EBX },
	{ 7, 0, ECX }, { 0x80000007, 0, EDX }, { 0x80000008, 0, EBX }, { 7, 0, EDX }, { 7, 1, EAX }, { 0x80000021, 0, EAX },
};

static void hide(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	bool has_subleaves = leaf == 7 || leaf == 0xd;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].leaf == leaf && (!has_subleaves || words[i].subleaf == subleaf))
			r[words[i].reg] &= ~d->g.hide[i];
}

#define HIDES(d, f) ((d)->g.hide[XEN_X86_FEATURE_##f / 32] & BIT(f))

/* With a state go the features that need it, whatever the policy says of them. */
uint64_t guest_xcr0_mask(const struct domain *d)
{
	uint64_t mask = HIDES(d, XSAVE) ? 0 : host_features.xcr0_mask;

	if (HIDES(d, AVX))
		mask &= ~(XCR0_AVX | XCR0_AVX512);
	if (HIDES(d, AVX512F))
		mask &= ~XCR0_AVX512;
	return mask;
}

static bool has_xsave(const struct domain *d)
{
	return guest_xcr0_mask(d) & ~1ULL;
}

/* Bits that say n values: the shift from an APIC ID to its package. */
static uint32_t id_bits(const struct domain *d)
{
	uint32_t bits = 0;

	while ((1U << bits) < d->max_vcpus)
		bits++;
	return bits;
}

/* ---- leaves that depend on the vCPU ---- */

static void leaf_1(struct vcpu *v, uint32_t r[4])
{
	uint64_t xcr0 = guest_xcr0_mask(v->d);
	struct paging_state ps;

	r[EBX] |= (v->id & 0xff) << 24 | MIN(v->d->max_vcpus, 255U) << 16;
	r[ECX] |= BIT(X2APIC) | BIT(HYPERVISOR);
	if (v->g.lapic.base & APIC_BASE_EN)
		r[EDX] |= BIT(APIC);
	if (v->d->max_vcpus > 1)
		r[EDX] |= BIT(HTT);
	if (!has_xsave(v->d))
		r[ECX] &= ~BIT(XSAVE);
	if (!(xcr0 & XCR0_AVX))
		r[ECX] &= ~LEAF1_ECX_AVX;
	ops->paging(v, &ps);
	if ((r[ECX] & BIT(XSAVE)) && (ps.cr4 & CR4_OSXSAVE))
		r[ECX] |= BIT(OSXSAVE);
}

static void leaf_7(const struct vcpu *v, uint32_t subleaf, uint32_t r[4])
{
	uint64_t xcr0 = guest_xcr0_mask(v->d);
	bool avx = xcr0 & XCR0_AVX, avx512 = (xcr0 & XCR0_AVX512) == XCR0_AVX512;

	if (subleaf == 1) {
		if (!avx)
			r[EAX] &= ~BIT(AVX_VNNI);
		if (!avx512)
			r[EAX] &= ~BIT(AVX512_BF16);
		return;
	}
	if (!avx) {
		r[EBX] &= ~BIT(AVX2);
		r[ECX] &= ~(BIT(VAES) | BIT(VPCLMULQDQ));
	}
	if (!avx512) {
		r[EBX] &= ~LEAF7_EBX_AVX512;
		r[ECX] &= ~LEAF7_ECX_AVX512;
		r[EDX] &= ~LEAF7_EDX_AVX512;
	}
	if (!host_features.rdtscp)
		r[ECX] &= ~BIT(RDPID);
	if (!host_features.spec_ctrl)
		r[EDX] &= ~(BIT(STIBP) | BIT(SSBD) | BIT(IBRSB));
	if (!host_features.pred_cmd)
		r[EDX] &= ~BIT(IBRSB);
}

/* One thread per core, one package. */
static void leaf_b(const struct vcpu *v, uint32_t subleaf, uint32_t r[4])
{
	r[ECX] = subleaf & 0xff;
	r[EDX] = v->id;
	if (subleaf == 0) {
		r[EBX] = 1;
		r[ECX] |= 1 << 8;	/* thread level */
	} else if (subleaf == 1) {
		r[EAX] = id_bits(v->d);
		r[EBX] = v->d->max_vcpus;
		r[ECX] |= 2 << 8;	/* core level */
	}
}

/* Cache leaf of Intel (4) and AMD (0x8000001d): every cache is one core's own. */
static void leaf_cache(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	if (is_amd() != (leaf == 0x8000001d) || subleaf > 7)
		return;
	host_cpuid(leaf, subleaf, r);
	r[EAX] &= 0x3fff;
	if (leaf == 4 && (r[EAX] & 0x1f))
		r[EAX] |= (MIN(v->d->max_vcpus, 64U) - 1) << 26;
	if (leaf == 0x8000001d)
		r[EDX] &= 3;
}

/* In the compacted format components follow each other, some on 64-byte boundaries. */
static uint32_t xstate_bytes(uint64_t xcr0, bool compact)
{
	uint32_t size = XSTATE_LEGACY;

	for (uint32_t i = 2; i < 10; i++) {
		uint32_t r[4];

		if (!(xcr0 & (1ULL << i)))
			continue;
		host_cpuid(0xd, i, r);
		if (compact)
			size = (r[ECX] & 2 ? ALIGN_UP(size, 64U) : size) + r[EAX];
		else
			size = MAX(size, r[EAX] + r[EBX]);
	}
	return size;
}

uint32_t xstate_size(uint64_t xcr0)
{
	return xstate_bytes(xcr0, false);
}

static void leaf_d(const struct vcpu *v, uint32_t subleaf, uint32_t r[4])
{
	uint64_t mask = guest_xcr0_mask(v->d);

	if (!has_xsave(v->d))
		return;
	if (subleaf == 0) {
		r[EAX] = (uint32_t)mask;
		r[EBX] = xstate_size(v->g.xcr0);
		r[ECX] = xstate_size(mask);
		r[EDX] = (uint32_t)(mask >> 32);
	} else if (subleaf == 1) {
		host_cpuid(0xd, 1, r);
		r[EAX] &= BIT(XSAVEOPT) | BIT(XSAVEC) | BIT(XGETBV1);
		r[EBX] = r[EAX] & BIT(XSAVEC) && !HIDES(v->d, XSAVEC) ? xstate_bytes(v->g.xcr0, true) : 0;
		r[ECX] = r[EDX] = 0;
	} else if (subleaf < 64 && (mask & (1ULL << subleaf))) {
		host_cpuid(0xd, subleaf, r);
		r[ECX] &= 2;
		r[EDX] = 0;
	}
}

static void ext_1(const struct vcpu *v, uint32_t r[4])
{
	if (!(guest_xcr0_mask(v->d) & XCR0_AVX))
		r[ECX] &= ~(BIT(XOP) | BIT(FMA4));
	if (!host_features.rdtscp)
		r[EDX] &= ~BIT(RDTSCP);
	if (!is_amd())
		return;
	if (v->g.lapic.base & APIC_BASE_EN)
		r[EDX] |= BIT(APIC);
	if (v->d->max_vcpus > 1)
		r[ECX] |= BIT(CMP_LEGACY);
}

static void ext_8(const struct vcpu *v, uint32_t r[4])
{
	uint32_t phys = PAGE_SHIFT;

	while (phys < 52 && (p2m_max_gfn(v->d) >> (phys - PAGE_SHIFT)))
		phys++;
	r[EAX] = phys | 48 << 8;	/* linear: no LA57 */
	if (!host_features.spec_ctrl)
		r[EBX] &= ~EXT8_SPEC_CTRL;
	if (!host_features.pred_cmd)
		r[EBX] &= ~EXT8_PRED_CMD;
	if (is_amd())
		r[ECX] = id_bits(v->d) << 12 | (MIN(v->d->max_vcpus, 256U) - 1);
}

static void ext_1e(const struct vcpu *v, uint32_t r[4])
{
	if (!is_amd())
		return;
	r[EAX] = v->id;
	r[EBX] = v->id & 0xff;	/* core; one thread each */
}

static void xen_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	switch (leaf) {
	case XEN_CPUID_LEAF(0):
		r[EAX] = XEN_CPUID_LEAF(XEN_LEAVES);
		r[EBX] = XEN_CPUID_SIGNATURE_EBX;
		r[ECX] = XEN_CPUID_SIGNATURE_ECX;
		r[EDX] = XEN_CPUID_SIGNATURE_EDX;
		break;
	case XEN_CPUID_LEAF(1):
		r[EAX] = XEN_VERSION;
		break;
	case XEN_CPUID_LEAF(2):
		r[EAX] = 1;		/* hypercall pages */
		r[EBX] = XEN_CPUID_FIRST_LEAF;	/* MSR that fills them */
		break;
	case XEN_CPUID_LEAF(3):
		if (subleaf == 0) {
			r[EAX] = (host_features.invariant_tsc ? 2 : 0) | (host_features.rdtscp ? 4 : 0);
			r[EBX] = 2;	/* never emulated */
			r[ECX] = (uint32_t)host_tsc_khz();
		} else if (subleaf == 1) {
			r[EAX] = (uint32_t)v->g.tsc_offset;
			r[EBX] = (uint32_t)(v->g.tsc_offset >> 32);
			r[ECX] = v->d->g.clock.mul;
			r[EDX] = (uint32_t)(int32_t)v->d->g.clock.shift;
		} else if (subleaf == 2) {
			r[EAX] = (uint32_t)host_tsc_khz();
		}
		break;
	case XEN_CPUID_LEAF(4):
		if (subleaf)
			break;
		/* Not the upcall vector: an event would cost an EOI exit. */
		r[EAX] = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT;
		r[EBX] = v->id;
		r[ECX] = v->d->id;
		break;
	default:
		break;
	}
}

void cpuid_leaf(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	masked_host(leaf, subleaf, r);
	switch (leaf) {
	case 0:
		r[EAX] = MAX_BASIC;
		break;
	case 1:
		leaf_1(v, r);
		break;
	case 4:
	case 0x8000001d:
		leaf_cache(v, leaf, subleaf, r);
		break;
	case 7:
		leaf_7(v, subleaf, r);
		break;
	case 0xb:
		leaf_b(v, subleaf, r);
		break;
	case 0xd:
		leaf_d(v, subleaf, r);
		break;
	case 0x40000000 ... 0x400000ff:
		xen_leaf(v, leaf, subleaf, r);
		break;
	case 0x80000000:
		r[EAX] = MIN(r[EAX], MAX_EXTENDED);
		break;
	case 0x80000001:
		ext_1(v, r);
		break;
	case 0x80000007:
		if (!host_features.invariant_tsc)
			r[EDX] = 0;
		break;
	case 0x80000008:
		ext_8(v, r);
		break;
	case 0x8000001e:
		ext_1e(v, r);
		break;
	default:
		break;
	}
	hide(v->d, leaf, subleaf, r);
}

enum exit_next guest_cpuid(struct vcpu *v, const struct exit_info *x)
{
	uint32_t r[4];

	cpuid_leaf(v, (uint32_t)v->regs.rax, (uint32_t)v->regs.rcx, r);
	v->regs.rax = r[EAX];
	v->regs.rbx = r[EBX];
	v->regs.rcx = r[ECX];
	v->regs.rdx = r[EDX];
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}
