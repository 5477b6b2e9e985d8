// SPDX-License-Identifier: GPL-2.0-only
/* Features of this machine, extended state, the APIC, speculation barriers. */
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/log.h"
#include "core/map.h"
#include "core/spec.h"
#include "guest/guest.h"

struct host_features host_features;
static bool has_xsaves, leaks_x87_pointers;	/* set at launch */

#define XCR0_SWITCHED	0xe7ULL		/* x87, SSE, AVX, AVX-512 (opmask, ZMM_Hi256, Hi16_ZMM) */

void host_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	cpuid(leaf, sub, r);
}

bool host_has_msr(uint32_t msr)
{
	uint64_t val;

	return rdmsr_safe(msr, &val);
}

/* Bytes of a standard-format area for @mask: the end of its last component (SDM vol. 1, 13.2; same on AMD). */
static uint32_t area_size(uint64_t mask)
{
	uint32_t size = 576, r[4];

	for (uint32_t i = 2; i < 63; i++) {
		if (!(mask & (1ULL << i)))
			continue;
		cpuid(0xd, i, r);
		size = MAX(size, r[0] + r[1]);
	}
	return size;
}

void arch_features_init(void)
{
	struct host_features *f = &host_features;
	uint32_t r[4], l7[4];

	cpuid(0, 0, r);
	f->vendor_ebx = r[1];
	f->vendor_ecx = r[2];
	f->vendor_edx = r[3];
	cpuid(7, 0, l7);
	if (read_cr4() & CR4_OSXSAVE) {
		cpuid(0xd, 0, r);
		f->xcr0_mask = ((uint64_t)r[3] << 32 | r[0]) & XCR0_SWITCHED;
		f->xsave_size = area_size(f->xcr0_mask);
		cpuid(0xd, 1, r);
		has_xsaves = r[0] & (1U << 3);
	}
	cpuid(0x80000001, 0, r);
	f->rdtscp = r[3] & (1U << 27);
	cpuid(0x80000007, 0, r);
	f->invariant_tsc = r[3] & (1U << 8);
	f->tsc_stable = f->invariant_tsc || (boot.flags & ZENDO_LAUNCH_TSC_STABLE);
	cpuid(0x80000008, 0, r);
	f->maxphys = (uint8_t)MIN(r[0] & 0xff, 52U);
	leaks_x87_pointers = !(r[1] & (1U << 2));
	f->pred_cmd = (r[1] & (1U << 12)) || (l7[3] & (1U << 26));
	f->spec_ctrl = (r[1] & (1U << 14)) || (l7[3] & (1U << 26));
	spec_init(boot.bugs, f->pred_cmd, l7[3] & (1U << 10));
}

_Static_assert(EDGE_GUEST_TO_HV == 0 && SPEC_RSB_FILL == 1, "svm_enter tests this bit of the first word");

void spec_act(uint32_t actions)
{
	if (actions & SPEC_IBPB)
		wrmsr(MSR_PRED_CMD, 1);
	if (actions & SPEC_VERW) {
		static const uint16_t sel = 0x18;

		__asm__ volatile("verw %0" : : "m"(sel) : "cc");
	}
}

static void xsave(void *area, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
}

static void xrstor(void *area, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
}

int fpu_vcpu_init(struct vcpu *v, void *area)
{
	(void)v;
	if (host_features.xsave_size > PAGE_SIZE)
		return -XEN_EOPNOTSUPP;
	/* All components in their initial state (XSTATE_BV = 0); FCW and MXCSR as after reset. */
	((uint16_t *)area)[0] = 0x37f;
	((uint32_t *)area)[6] = 0x1f80;
	return 0;
}

/* XRSTOR leaves FOP, FIP, FDP alone when no exception is pending, on older AMD parts: put ours there (CPUID 8000_0008 EBX[2]). */
static void clean_x87_pointers(void)
{
	static const int32_t zero;

	__asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

void fpu_load(struct cpu *c, void *area, uint64_t guest_xcr0)
{
	if (leaks_x87_pointers)
		clean_x87_pointers();
	if (!host_features.xcr0_mask) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
		return;
	}
	c->host_xcr0 = xgetbv(0);
	/* XSAVES cannot be hidden from a guest that has XSAVE: it must find no supervisor component. */
	c->host_xss = has_xsaves ? rdmsr(MSR_XSS) : 0;
	if (c->host_xss)
		wrmsr(MSR_XSS, 0);
	if (c->host_xcr0 != host_features.xcr0_mask)
		xsetbv(0, host_features.xcr0_mask);
	xrstor(area, host_features.xcr0_mask);
	if (guest_xcr0 != host_features.xcr0_mask)
		xsetbv(0, guest_xcr0);
}

void fpu_save(struct cpu *c, void *area)
{
	if (!host_features.xcr0_mask) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
		return;
	}
	xsetbv(0, host_features.xcr0_mask);
	xsave(area, host_features.xcr0_mask);
	if (c->host_xss)
		wrmsr(MSR_XSS, c->host_xss);
	if (c->host_xcr0 != host_features.xcr0_mask)
		xsetbv(0, c->host_xcr0);
}

/*
 * Dom0 on this CPU is stopped, maybe between its two writes to an xAPIC's ICR: so ICR2 is put back as it was (F22). x2APIC has
 * one write.
 */
void apic_send(uint32_t apic_id, uint8_t vector)
{
	volatile uint32_t *apic = map_apic();
	uint32_t icr2;

	if (boot.x2apic) {
		smp_mb();	/* the MSR write is not serialising */
		wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | vector);
		return;
	}
	while (apic[0x300 / 4] & (1U << 12))
		__builtin_ia32_pause();
	icr2 = apic[0x310 / 4];
	apic[0x310 / 4] = apic_id << 24;
	apic[0x300 / 4] = vector;
	while (apic[0x300 / 4] & (1U << 12))
		__builtin_ia32_pause();
	apic[0x310 / 4] = icr2;
}
