// SPDX-License-Identifier: GPL-2.0-only
/* CPUID, MSRs, CR4 and XCR0: what is hidden stays hidden on a CPU that has everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/cpuid.h"
#include "guest/msr.h"
#include <xen/arch-x86/cpuid.h>
#include <xen/hvm/hvm_op.h>

enum { A, B, C, D };

static int start(void **state)
{
	(void)state;
	fake_start(6);
	fake.cpu_all_ones = true;
	host_features.spec_ctrl = host_features.pred_cmd = true;
	return 0;
}
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static uint32_t leaf(uint32_t id, uint32_t l, uint32_t sub, int reg)
{
	uint32_t r[4];

	cpuid_leaf(fake_vcpu(id), l, sub, r);
	return r[reg];
}

/* ---- hidden, by guest-abi 2.3 and F15 ---- */

static const struct { uint32_t leaf, sub; int reg; uint8_t bit; const char *name; } hidden[] = {
	{ 1, 0, C, 3, "MONITOR" }, { 1, 0, C, 5, "VMX" }, { 1, 0, C, 6, "SMX" }, { 1, 0, C, 7, "EIST" }, { 1, 0, C, 15, "PDCM" },
	{ 1, 0, C, 17, "PCID" }, { 1, 0, C, 18, "DCA" }, { 1, 0, C, 24, "TSC_DEADLINE" }, { 1, 0, C, 2, "DTES64" },
	{ 1, 0, D, 7, "MCE" }, { 1, 0, D, 14, "MCA" }, { 1, 0, D, 21, "DS" }, { 1, 0, D, 22, "ACPI" }, { 1, 0, D, 29, "TM" },
	{ 7, 0, B, 1, "TSC_ADJUST" }, { 7, 0, B, 2, "SGX" }, { 7, 0, B, 4, "HLE" }, { 7, 0, B, 10, "INVPCID" }, { 7, 0, B, 11, "RTM" },
	{ 7, 0, B, 12, "PQM" }, { 7, 0, B, 14, "MPX" }, { 7, 0, B, 15, "PQE" }, { 7, 0, B, 25, "PT" },
	{ 7, 0, C, 3, "PKU" }, { 7, 0, C, 4, "OSPKE" }, { 7, 0, C, 5, "WAITPKG" }, { 7, 0, C, 7, "SHSTK" }, { 7, 0, C, 13, "TME" },
	{ 7, 0, C, 16, "LA57" }, { 7, 0, C, 24, "BUS_LOCK" }, { 7, 0, C, 29, "ENQCMD" }, { 7, 0, C, 31, "PKS" },
	{ 7, 0, D, 20, "IBT" }, { 7, 0, D, 22, "AMX_BF16" }, { 7, 0, D, 24, "AMX_TILE" }, { 7, 0, D, 25, "AMX_INT8" },
	{ 7, 0, D, 28, "L1D_FLUSH" }, { 7, 0, D, 29, "ARCH_CAPS" }, { 7, 0, D, 30, "CORE_CAPS" },
	{ 7, 1, A, 17, "FRED" }, { 7, 1, A, 26, "LAM" }, { 7, 1, A, 22, "HRESET" },
	{ 0xd, 1, A, 3, "XSAVES" }, { 0xd, 1, A, 4, "XFD" }, { 0xd, 0, A, 9, "PKRU state" }, { 0xd, 0, A, 17, "TILECFG" },
	{ 0x80000001, 0, C, 2, "SVM" }, { 0x80000001, 0, C, 3, "EXTAPIC" }, { 0x80000001, 0, C, 9, "OSVW" },
	{ 0x80000001, 0, C, 10, "IBS" }, { 0x80000001, 0, C, 12, "SKINIT" }, { 0x80000001, 0, C, 13, "WDT" },
	{ 0x80000001, 0, C, 15, "LWP" }, { 0x80000001, 0, C, 17, "TCE" }, { 0x80000001, 0, C, 19, "NODEID_MSR" },
	{ 0x80000001, 0, C, 23, "PERFCTR_CORE" }, { 0x80000001, 0, C, 24, "PERFCTR_NB" }, { 0x80000001, 0, C, 26, "DBEXT" },
	{ 0x80000001, 0, C, 27, "PTSC" }, { 0x80000001, 0, C, 28, "PERFCTR_LLC" }, { 0x80000001, 0, C, 29, "MWAITX" },
	{ 0x80000001, 0, D, 7, "MCE" }, { 0x80000001, 0, D, 14, "MCA" }, { 0x80000001, 0, D, 25, "FFXSR" }, { 0x80000001, 0, D, 19, "MP" },
	{ 0x80000007, 0, D, 7, "HW_PSTATE" }, { 0x80000007, 0, D, 9, "CPB" }, { 0x80000007, 0, D, 10, "EFRO" },
	{ 0x80000008, 0, B, 1, "IRPERF" }, { 0x80000008, 0, B, 3, "INVLPGB" }, { 0x80000008, 0, B, 4, "RDPRU" },
	{ 0x80000008, 0, B, 8, "MCOMMIT" }, { 0x80000008, 0, B, 23, "PPIN" }, { 0x80000008, 0, B, 25, "VIRT_SSBD" },
	{ 0x80000021, 0, A, 8, "AUTO_IBRS" },
};

static void hidden_features_stay_hidden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (leaf(0, hidden[i].leaf, hidden[i].sub, hidden[i].reg) >> hidden[i].bit & 1)
			fail_msg("leaf %x.%u: %s is shown", hidden[i].leaf, hidden[i].sub, hidden[i].name);
}

static void hidden_leaves_are_zero(void **state)
{
	static const uint32_t zero[] = { 3, 5, 6, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x12, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1d,
					 0x1e, 0x1f, 0x20, 0x24, 0x40000005, 0x40000100, 0x40010000, 0x7fffffff, 0x8000000a, 0x8000001b,
					 0x8000001c, 0x8000001f, 0x80000020, 0x80000022, 0x80000026, 0xc0000000, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
		for (uint32_t sub = 0; sub < 3; sub++)
			for (int reg = A; reg <= D; reg++)
				if (leaf(0, zero[i], sub, reg))
					fail_msg("leaf %x.%u is not zero", zero[i], sub);
}

static void what_a_kernel_needs_is_shown(void **state)
{
	uint32_t d = leaf(0, 1, 0, D), c = leaf(0, 1, 0, C);

	(void)state;
	/* verify_cpu, and the bits without which Linux takes other paths */
	for (size_t i = 0; i < 13; i++) {
		static const uint8_t need[] = { 0, 3, 4, 5, 6, 8, 9, 12, 13, 15, 16, 24, 25 };

		assert_true(d >> need[i] & 1);
	}
	assert_true(c >> 21 & 1);	/* x2APIC */
	assert_true(c >> 31 & 1);	/* hypervisor */
	assert_true(leaf(0, 0x80000001, 0, D) >> 29 & 1);
	assert_true(leaf(0, 0x80000001, 0, D) >> 20 & 1);
	assert_int_equal(leaf(0, 0x80000007, 0, D), 1 << 8);
	assert_int_equal(leaf(0, 0, 0, A), 0xd);
	assert_true(leaf(0, 0x80000000, 0, A) <= 0x80000021);
}

static void a_poor_cpu_gains_nothing(void **state)
{
	(void)state;
	fake.cpu_all_ones = false;
	host_features.xcr0_mask = 0;
	host_features.invariant_tsc = false;
	assert_int_equal(leaf(0, 7, 0, B), 0);
	assert_int_equal(leaf(0, 7, 0, C), 0);
	assert_int_equal(leaf(0, 7, 0, D), 0);
	assert_int_equal(leaf(0, 1, 0, C), 1U << 31 | 1 << 21);
	assert_int_equal(leaf(0, 0x80000007, 0, D), 0);
	for (int reg = A; reg <= D; reg++)
		assert_int_equal(leaf(0, 0xd, 0, reg), 0);
}

static void state_that_is_not_switched_hides_its_features(void **state)
{
	(void)state;
	host_features.xcr0_mask = 7;
	assert_true(leaf(0, 7, 0, B) >> 5 & 1);		/* AVX2 */
	assert_false(leaf(0, 7, 0, B) >> 16 & 1);	/* AVX512F */
	host_features.xcr0_mask = 3;
	assert_false(leaf(0, 1, 0, C) >> 28 & 1);	/* AVX */
	assert_false(leaf(0, 1, 0, C) >> 12 & 1);	/* FMA */
	assert_false(leaf(0, 7, 0, B) >> 5 & 1);
	assert_false(leaf(0, 0x80000001, 0, C) >> 11 & 1);	/* XOP */
	host_features.xcr0_mask = 0;
	assert_false(leaf(0, 1, 0, C) >> 26 & 1);	/* XSAVE */
	host_features.rdtscp = false;
	assert_false(leaf(0, 7, 0, C) >> 22 & 1);
	assert_false(leaf(0, 0x80000001, 0, D) >> 27 & 1);
	host_features.spec_ctrl = host_features.pred_cmd = false;
	assert_int_equal(leaf(0, 7, 0, D) >> 26 & 0x23, 0);
	assert_int_equal(leaf(0, 0x80000008, 0, B) & (1 << 12 | 1 << 14 | 1 << 15 | 1 << 24), 0);
}

static void topology_agrees_with_the_apic(void **state)
{
	(void)state;
	for (uint32_t id = 0; id < 6; id++) {
		uint64_t apic;

		assert_true(guest_msr_read(fake_vcpu(id), 0x802, &apic));
		assert_int_equal(apic, id);
		assert_int_equal(leaf(id, 1, 0, B) >> 24, id);
		assert_int_equal(leaf(id, 1, 0, B) >> 16 & 0xff, 6);
		assert_int_equal(leaf(id, 0xb, 0, D), id);
		assert_int_equal(leaf(id, 0xb, 1, D), id);
		assert_int_equal(leaf(id, 0x8000001e, 0, A), id);
		assert_int_equal(leaf(id, 0x8000001e, 0, B), id);
		assert_int_equal(leaf(id, 0x40000004, 0, B), id);
	}
	assert_int_equal(leaf(0, 0xb, 0, C), 0x100);
	assert_int_equal(leaf(0, 0xb, 1, A), 3);	/* 6 IDs need 3 bits */
	assert_int_equal(leaf(0, 0xb, 1, B), 6);
	assert_int_equal(leaf(0, 0xb, 1, C), 0x201);
	assert_int_equal(leaf(0, 0xb, 2, B), 0);
	assert_int_equal(leaf(0, 0x80000008, 0, C), 3 << 12 | 5);
	assert_true(leaf(0, 1, 0, D) >> 28 & 1);
}

static void one_vcpu_is_no_multiprocessor(void **state)
{
	(void)state;
	fake_stop();
	fake_start(1);
	assert_false(leaf(0, 1, 0, D) >> 28 & 1);
	assert_int_equal(leaf(0, 0xb, 1, A), 0);
	assert_int_equal(leaf(0, 0xb, 1, B), 1);
}

static void many_vcpus_have_their_ids(void **state)
{
	(void)state;
	fake_stop();
	fake_start(128);
	assert_int_equal(leaf(127, 0xb, 1, A), 7);
	assert_int_equal(leaf(127, 1, 0, B) >> 24, 127);
	assert_int_equal(leaf(127, 0xb, 0, D), 127);
}

static void address_width_is_the_physmaps(void **state)
{
	(void)state;
	assert_int_equal(leaf(0, 0x80000008, 0, A) & 0xff, 24);	/* the fake's 16 MiB */
	assert_int_equal(leaf(0, 0x80000008, 0, A) >> 8, 48);
}

static void xsave_sizes_follow_xcr0(void **state)
{
	struct exit_info x = fake_exit(EXIT_XSETBV, 3);

	(void)state;
	fake.paging.cr4 |= 1 << 18;
	assert_true(leaf(0, 1, 0, C) >> 27 & 1);
	assert_int_equal(leaf(0, 0xd, 0, A), 0xe7);
	assert_int_equal(leaf(0, 0xd, 0, B), 576);
	assert_int_equal(leaf(0, 0xd, 0, C), 2688);
	x.xcr.value = 7;
	assert_int_equal(guest_xsetbv(fake_vcpu(0), &x), NEXT_RESUME);
	assert_int_equal(fake_vcpu(0)->g.xcr0, 7);
	assert_int_equal(leaf(0, 0xd, 0, B), 832);
	assert_int_equal(leaf(0, 0xd, 1, B), 832);
	x.xcr.value = 0xe7;
	guest_xsetbv(fake_vcpu(0), &x);
	assert_int_equal(leaf(0, 0xd, 0, B), 2688);
	/* compacted: 576 + 256 + 64 + 512, then aligned to 64, + 1024 */
	assert_int_equal(leaf(0, 0xd, 1, B), 1408 + 1024);
	assert_int_equal(leaf(0, 0xd, 2, A), 256);
	assert_int_equal(leaf(0, 0xd, 9, A), 0);
	assert_int_equal(leaf(0, 0xd, 63, A), 0);
	assert_int_equal(leaf(0, 0xd, 64, A), 0);
	assert_int_equal(leaf(0, 0xd, 0xffffffff, A), 0);
}

static void the_exit_clears_upper_halves(void **state)
{
	struct vcpu *v = fake_vcpu(3);
	struct exit_info x = fake_exit(EXIT_CPUID, 2);

	(void)state;
	v->regs.rax = 0xffffffff40000000;
	v->regs.rbx = v->regs.rcx = v->regs.rdx = ~0ULL;
	assert_int_equal(guest_cpuid(v, &x), NEXT_RESUME);
	assert_int_equal(v->regs.rax, 0x40000004);
	assert_int_equal(v->regs.rbx, XEN_CPUID_SIGNATURE_EBX);
	assert_int_equal(v->regs.rcx, XEN_CPUID_SIGNATURE_ECX);
	assert_int_equal(v->regs.rdx, XEN_CPUID_SIGNATURE_EDX);
	assert_int_equal(fake.skipped, 2);
}

static void xen_leaves_tell_who_and_how(void **state)
{
	(void)state;
	assert_int_equal(leaf(0, 0x40000001, 0, A), 4 << 16 | 17);
	assert_int_equal(leaf(0, 0x40000002, 0, A), 1);
	assert_int_equal(leaf(0, 0x40000002, 0, B), 0x40000000);
	assert_int_equal(leaf(0, 0x40000003, 0, A), 6);
	assert_int_equal(leaf(0, 0x40000003, 0, B), 2);
	assert_int_equal(leaf(0, 0x40000003, 0, C), fake.tsc_khz);
	assert_int_equal(leaf(0, 0x40000003, 1, C), fake.d->g.clock.mul);
	assert_int_equal(leaf(0, 0x40000003, 2, A), fake.tsc_khz);
	assert_int_equal(leaf(5, 0x40000004, 0, A), 0x18);
	assert_int_equal(leaf(5, 0x40000004, 0, C), 7);
}

static void intel_hosts_get_intels_leaves(void **state)
{
	(void)state;
	host_features.vendor_ebx = 0x756e6547;
	assert_int_equal(leaf(0, 0x8000001d, 0, A), 0);
	assert_int_equal(leaf(0, 0x8000001e, 0, A), 0);
	assert_int_equal(leaf(0, 4, 0, A), 0x3fff | 5 << 26);
	assert_int_equal(leaf(0, 4, 8, A), 0);
	host_features.vendor_ebx = 0x68747541;
	assert_int_equal(leaf(0, 4, 0, A), 0);
	assert_int_equal(leaf(0, 0x8000001d, 0, A), 0x3fff);
}

/* ---- XCR0, CR4 ---- */

static int xsetbv(uint32_t index, uint64_t val)
{
	struct exit_info x = fake_exit(EXIT_XSETBV, 3);

	x.xcr.index = index;
	x.xcr.value = val;
	guest_xsetbv(fake_vcpu(0), &x);
	assert_true(fake.injected >= 0 || fake.skipped == 3);
	assert_true(fake.injected < 0 || !fake.skipped);
	return fake.injected;
}

static void xsetbv_takes_only_whole_states(void **state)
{
	static const uint64_t good[] = { 1, 3, 7, 0xe7 };

	(void)state;
	assert_int_equal(xsetbv(0, 1), 6);	/* OSXSAVE is off: #UD */
	fake.paging.cr4 |= 1 << 18;
	for (uint64_t val = 0; val < 0x400; val++) {
		bool ok = false;

		for (size_t i = 0; i < ARRAY_SIZE(good); i++)
			ok |= val == good[i];
		assert_int_equal(xsetbv(0, val), ok ? -1 : 13);
	}
	assert_int_equal(xsetbv(0, 1ULL << 63 | 1), 13);
	assert_int_equal(xsetbv(1, 1), 13);
	fake.paging.cpl = 3;
	assert_int_equal(xsetbv(0, 1), 13);
}

static int cr4(uint64_t val)
{
	struct exit_info x = fake_exit(EXIT_CR4_WRITE, 3);

	x.cr.value = val;
	guest_cr4(fake_vcpu(0), &x);
	return fake.injected;
}

static void cr4_has_only_what_cpuid_shows(void **state)
{
	static const uint8_t never[] = { 12, 13, 14, 15, 17, 19, 22, 23, 24, 32, 63 };

	(void)state;
	for (size_t i = 0; i < sizeof(never); i++)
		assert_int_equal(cr4(0x20 | 1ULL << never[i]), 13);
	assert_int_equal(cr4(0x3506f8 | 0x20), -1);
	assert_int_equal(fake.cr4, 0x3506f8);
	assert_int_equal(cr4(0), 13);		/* PAE off in long mode */
	fake.paging.long_mode = false;
	assert_int_equal(cr4(0), -1);
	fake.cpu_all_ones = false;
	assert_int_equal(cr4(1 << 20), 13);
	assert_int_equal(cr4(1 << 18), 13);
}

static void cr4_changes_flush(void **state)
{
	uint32_t n = fake.guest_flushes;

	(void)state;
	assert_int_equal(cr4(0x20), -1);
	assert_int_equal(fake.guest_flushes, n);
	assert_int_equal(cr4(0xa0), -1);
	assert_int_equal(fake.guest_flushes, n + 1);
}

/* ---- MSRs ---- */

static bool rd(uint32_t msr, uint64_t *val)
{
	return guest_msr_read(fake_vcpu(0), msr, val);
}

static bool wr(uint32_t msr, uint64_t val)
{
	return guest_msr_write(fake_vcpu(0), msr, val);
}

static uint64_t value(uint32_t msr)
{
	uint64_t val = 0;

	assert_true(rd(msr, &val));
	return val;
}

static void unknown_msrs_are_gp(void **state)
{
	static const uint32_t bad[] = { 0, 0x3a, 0x3b, 0x8c, 0xc1, 0x10a, 0x122, 0x179, 0x186, 0x345, 0x38d, 0x400, 0x480, 0x6a0, 0x6a2, 0x6e0,
					0x7ff, 0x900, 0xd90, 0xda0, 0x40000001, 0x4b564d00, 0xc0000104, 0xc00000e7, 0xc0010000,
					0xc0010114, 0xc0010117, 0xc0010131, 0xc0010140, 0xc0011020, 0xc0011028, 0xffffffff };
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct exit_info x = fake_exit(EXIT_RDMSR, 2);

		x.msr.index = bad[i];
		v->regs.rax = 0x55;
		assert_int_equal(guest_rdmsr(v, &x), NEXT_RESUME);
		assert_int_equal(fake.injected, 13);
		assert_true(fake.injected_error);
		assert_int_equal(fake.skipped, 0);
		assert_int_equal(v->regs.rax, 0x55);
		fake.injected = -1;
		assert_int_equal(guest_wrmsr(v, &x), NEXT_RESUME);
		assert_int_equal(fake.injected, 13);
	}
}

static void msr_exits_split_and_join_the_value(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	struct exit_info x = fake_exit(EXIT_WRMSR, 2);

	(void)state;
	x.msr.index = 0x201;
	v->regs.rax = 0xffffffff80000800;
	v->regs.rdx = 0x5;
	guest_wrmsr(v, &x);
	assert_int_equal(fake.skipped, 2);
	assert_int_equal(v->g.mtrr[1], 0x580000800);
	v->regs.rax = v->regs.rdx = ~0ULL;
	guest_rdmsr(v, &x);
	assert_int_equal(v->regs.rax, 0x80000800);
	assert_int_equal(v->regs.rdx, 5);
}

static void efer_hides_svme_and_guards_lme(void **state)
{
	(void)state;
	assert_int_equal(value(0xc0000080), 0xd00);
	assert_false(wr(0xc0000080, 0xd00 | 1 << 12));
	assert_false(wr(0xc0000080, 0xd00 | 1 << 14));
	assert_false(wr(0xc0000080, 0xc00));	/* LME off while paging */
	assert_true(wr(0xc0000080, 0x101));	/* LMA is not the guest's to clear */
	assert_int_equal(fake.msr[0].val, 0x501);
	fake.paging.cr0 = 1;
	fake.paging.efer = 0;
	assert_int_equal(fake.guest_flushes, 1);	/* NXE went off above: entries cached with it must go */
	assert_true(wr(0xc0000080, 0x901));
	assert_int_equal(fake.guest_flushes, 2);
}

static void memory_types_are_checked(void **state)
{
	(void)state;
	assert_true(wr(0x277, 0x0007040600070406));
	assert_false(wr(0x277, 2));
	assert_false(wr(0x277, 0x0800000000000000));
	assert_int_equal(value(0xfe), 0x508);
	assert_false(wr(0xfe, 0));
	assert_int_equal(value(0x2ff), 0xc06);
	assert_true(wr(0x2ff, 0x806));
	assert_false(wr(0x2ff, 0x802));
	assert_false(wr(0x2ff, 0x1000));
	assert_int_equal(value(0x2ff), 0x806);
	for (uint32_t m = 0x200; m <= 0x20f; m++) {
		assert_true(wr(m, (uint64_t)m << 12));
		assert_int_equal(value(m), (uint64_t)m << 12);
		assert_false(wr(m, 1ULL << 46));
	}
	assert_true(wr(0x250, 0x0606060606060606));
	assert_false(wr(0x250, 7));
	for (uint32_t m = 0x268; m <= 0x26f; m++)
		assert_true(wr(m, 0x0505050505050505));
	assert_int_equal(value(0x250), 0x0606060606060606);
	assert_int_equal(value(0x259), 0);
	assert_int_equal(value(0x200), 0x200000);
}

static void addresses_are_canonical(void **state)
{
	static const uint32_t msr[] = { 0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(msr); i++) {
		assert_true(wr(msr[i], 0xffff800000000000));
		assert_true(wr(msr[i], 0x7fffffffffff));
		assert_false(wr(msr[i], 0x800000000000));
		assert_false(wr(msr[i], 0xfff7800000000000));
		assert_int_equal(value(msr[i]), 0x7fffffffffff);
	}
}

static void amd_system_msrs_read_quietly(void **state)
{
	static const uint32_t zero[] = { 0x8b, 0x1d9, 0xc0010010, 0xc001001a, 0xc001001d, 0xc0010055 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
		assert_int_equal(value(zero[i]), 0);
	assert_int_equal(value(0xc0011029), 2);
	assert_int_equal(value(0xc0010015), 1 << 24);
	assert_true(wr(0xc0010015, 0x12345));
	assert_true(wr(0x1d9, 0));
	assert_false(wr(0x1d9, 2));
	uint64_t val;
	assert_false(rd(0x1a0, &val));
	assert_false(wr(0x1a0, 1));
}

static void tsc_and_aux(void **state)
{
	(void)state;
	assert_int_equal(value(0x10), fake.tsc);
	assert_true(wr(0x10, 5));
	assert_int_equal(value(0x10), 5);
	fake.tsc += 100;
	assert_int_equal(value(0x10), 105);
	assert_int_equal(fake.tsc_offset[0], fake_vcpu(0)->g.tsc_offset);
	assert_true(wr(0xc0000103, 0xffffffff));
	assert_false(wr(0xc0000103, 1ULL << 32));
	assert_int_equal(value(0xc0000103), 0xffffffff);
	host_features.rdtscp = false;
	assert_false(wr(0xc0000103, 1));
}

static void speculation_msrs_follow_the_host(void **state)
{
	uint64_t val;

	(void)state;
	assert_true(wr(0x48, 7));
	assert_int_equal(value(0x48), 7);
	assert_false(wr(0x48, 1 << 10));
	assert_true(wr(0x49, 1));
	assert_false(wr(0x49, 2));
	assert_false(rd(0x49, &val));
	host_features.spec_ctrl = host_features.pred_cmd = false;
	assert_false(wr(0x48, 1));
	assert_false(rd(0x48, &val));
	assert_false(wr(0x49, 1));
}

static void the_hypercall_page_has_the_hosts_instruction(void **state)
{
	uint8_t page[PAGE_SIZE];

	(void)state;
	memset(fake.frame[50], 0xc3, PAGE_SIZE);
	assert_true(wr(0x40000000, 50 << 12));
	memcpy(page, fake.frame[50], PAGE_SIZE);
	for (uint32_t nr = 0; nr < 128; nr++) {
		static const uint8_t tail[] = { 0x0f, 0x01, 0xd9, 0xc3, 0xcc };
		uint32_t imm;

		if (nr == 23) {
			assert_int_equal(page[nr * 32], 0x0f);
			assert_int_equal(page[nr * 32 + 1], 0x0b);
			continue;
		}
		assert_int_equal(page[nr * 32], 0xb8);
		memcpy(&imm, page + nr * 32 + 1, 4);
		assert_int_equal(imm, nr);
		assert_memory_equal(page + nr * 32 + 5, tail, sizeof(tail));
	}
	assert_int_equal(value(0x40000000), 0);
	assert_false(wr(0x40000000, 50 << 12 | 1));
	assert_false(wr(0x40000000, (uint64_t)FAKE_RAM << 12));
	assert_false(wr(0x40000000, ~0xfffULL));
	fake.paging.code64 = false;
	assert_true(wr(0x40000000, 50 << 12));
	assert_true(fake.d->g.compat);
}

static void apic_base_stays_where_it_is(void **state)
{
	uint64_t val;

	(void)state;
	assert_int_equal(value(0x1b), 0xfee00d00);
	assert_true(guest_msr_read(fake_vcpu(1), 0x1b, &val));
	assert_int_equal(val, 0xfee00c00);
	assert_true(wr(0x1b, 0xfee00d00));
	assert_false(wr(0x1b, 0xfee01d00));
	assert_false(wr(0x1b, 0xfee00c00));	/* BSP is fixed */
	assert_false(wr(0x1b, 0xfee00900));	/* x2APIC -> xAPIC */
	assert_false(wr(0x1b, 0xfee00500));	/* EXTD without EN */
	assert_false(wr(0x1b, 0xfee00d01));
	assert_true(wr(0x1b, 0xfee00100));	/* off */
	assert_false(leaf(0, 1, 0, D) >> 9 & 1);
	assert_false(rd(0x802, &val));
	assert_false(wr(0x1b, 0xfee00d00));	/* off -> x2APIC */
	assert_true(wr(0x1b, 0xfee00900));
	assert_false(rd(0x802, &val));
	assert_true(wr(0x1b, 0xfee00d00));
	assert_true(rd(0x802, &val));
}

static void every_msr_can_be_tried(void **state)
{
	static const uint64_t vals[] = { 0, 1, 0xff, 0x800, ~0ULL, 1ULL << 63, 0xfee00800, 0x8000000000000000 };
	static const uint32_t base[] = { 0, 0x40000000, 0xc0000000, 0xc0010000, 0xc0011000 };

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(base); b++) {
		for (uint32_t i = 0; i < 0x1200; i++) {
			uint64_t val;

			(void)rd(base[b] + i, &val);
			for (size_t k = 0; k < ARRAY_SIZE(vals); k++)
				(void)wr(base[b] + i, vals[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(hidden_features_stay_hidden), T(hidden_leaves_are_zero), T(what_a_kernel_needs_is_shown), T(a_poor_cpu_gains_nothing),
		T(state_that_is_not_switched_hides_its_features), T(topology_agrees_with_the_apic), T(one_vcpu_is_no_multiprocessor),
		T(many_vcpus_have_their_ids), T(address_width_is_the_physmaps), T(xsave_sizes_follow_xcr0),
		T(the_exit_clears_upper_halves), T(xen_leaves_tell_who_and_how), T(intel_hosts_get_intels_leaves),
		T(xsetbv_takes_only_whole_states), T(cr4_has_only_what_cpuid_shows), T(cr4_changes_flush),
		T(unknown_msrs_are_gp), T(msr_exits_split_and_join_the_value), T(efer_hides_svme_and_guards_lme),
		T(memory_types_are_checked), T(addresses_are_canonical), T(amd_system_msrs_read_quietly), T(tsc_and_aux),
		T(speculation_msrs_follow_the_host), T(the_hypercall_page_has_the_hosts_instruction),
		T(apic_base_stays_where_it_is), T(every_msr_can_be_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
