// SPDX-License-Identifier: GPL-2.0-only
/* What a domain's policy takes away of CPUID, and what goes with it: XCR0, CR4, EFER, MSRs; and its quotas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/cpuid.h"
#include "guest/event_channel.h"
#include "guest/msr.h"
#include <xen/arch-x86/cpufeatureset.h>

enum { A, B, C, D };

static int start(void **state)
{
	(void)state;
	fake_start(2);
	fake.cpu_all_ones = true;
	fake.paging.cr4 |= 1 << 18;
	return 0;
}
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static uint32_t leaf(uint32_t l, uint32_t sub, int reg)
{
	uint32_t r[4];

	cpuid_leaf(fake_vcpu(0), l, sub, r);
	return r[reg];
}

/* As before the first vCPU. */
static int set_policy(const struct zendo_policy *p)
{
	struct vcpu *v[2];
	int rc;

	for (int i = 0; i < 2; i++) {
		v[i] = fake.d->vcpu[i];
		fake.d->vcpu[i] = NULL;
	}
	rc = guest_policy_set(fake.d, p);
	for (int i = 0; i < 2; i++)
		fake.d->vcpu[i] = v[i];
	return rc;
}

static void hide(uint32_t feature)
{
	struct zendo_policy p = { 0 };

	p.hide[feature / 32] = 1U << feature % 32;
	assert_int_equal(set_policy(&p), 0);
}

static int fault_of(enum exit_next (*fn)(struct vcpu *, const struct exit_info *), struct exit_info x)
{
	assert_int_equal(fn(fake_vcpu(0), &x), NEXT_RESUME);
	return fake.injected;
}

static int xsetbv(uint64_t val)
{
	struct exit_info x = fake_exit(EXIT_XSETBV, 3);

	x.xcr.value = val;
	return fault_of(guest_xsetbv, x);
}

static int cr4(uint64_t val)
{
	struct exit_info x = fake_exit(EXIT_CR4_WRITE, 3);

	x.cr.value = val;
	return fault_of(guest_cr4, x);
}

static void bad_policies_are_refused(void **state)
{
	struct zendo_policy p = { .hide = { 1 } };

	(void)state;
	assert_int_equal(guest_policy_set(fake.d, &p), -XEN_EBUSY);
	p.flags = 2;
	assert_int_equal(set_policy(&p), -XEN_EINVAL);
	p.flags = 0;
	p.reserved = 1;
	assert_int_equal(set_policy(&p), -XEN_EINVAL);
	assert_true(leaf(1, 0, D) & 1);
}

/* Each bit of each word: it goes where Xen's header says it is, and no register gains one. */
static void a_hidden_bit_is_gone_and_none_is_gained(void **state)
{
	static const struct { uint32_t leaf, sub; int reg; } words[] = {
		{ 1, 0, D }, { 1, 0, C }, { 0x80000001, 0, D }, { 0x80000001, 0, C }, { 0xd, 1, A }, { 7, 0, B }, { 7, 0, C },
		{ 0x80000007, 0, D }, { 0x80000008, 0, B }, { 7, 0, D }, { 7, 1, A }, { 0x80000021, 0, A },
	};
	uint32_t before[ARRAY_SIZE(words)][4], now[4];

	(void)state;
	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		cpuid_leaf(fake_vcpu(0), words[w].leaf, words[w].sub, before[w]);
	for (uint32_t f = 0; f < ZENDO_POLICY_WORDS * 32; f++) {
		hide(f);
		for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
			cpuid_leaf(fake_vcpu(0), words[w].leaf, words[w].sub, now);
			for (int reg = A; reg <= D; reg++)
				/* leaf 0xd tells sizes, too */
				assert_true(words[w].leaf == 0xd || !(now[reg] & ~before[w][reg]));
			if (w == f / 32)
				assert_false(now[words[w].reg] >> f % 32 & 1);
		}
		/* where there are no features, nothing changes */
		cpuid_leaf(fake_vcpu(0), 1, 0, now);
		assert_int_equal(now[A], before[0][A]);
		assert_int_equal(now[B], before[0][B]);
		assert_int_equal(leaf(0x40000000, 0, A), 0x40000004);
		assert_int_equal(leaf(0, 0, A), 0xd);
	}
}

static void subleaves_of_other_leaves_do_not_matter(void **state)
{
	(void)state;
	hide(XEN_X86_FEATURE_SSE3);
	assert_false(leaf(1, 5, C) & 1);
	hide(XEN_X86_FEATURE_FSGSBASE);
	assert_false(leaf(7, 0, B) & 1);
	assert_int_equal(leaf(7, 2, B), 0);
}

static void with_avx_goes_its_state(void **state)
{
	(void)state;
	hide(XEN_X86_FEATURE_AVX);
	assert_int_equal(leaf(0xd, 0, A), 3);
	assert_int_equal(leaf(0xd, 0, C), 576);
	assert_int_equal(leaf(0xd, 2, A), 0);
	assert_false(leaf(1, 0, C) >> 12 & 1);		/* FMA */
	assert_false(leaf(7, 0, B) >> 5 & 1);		/* AVX2 */
	assert_false(leaf(7, 0, B) >> 16 & 1);		/* AVX512F */
	assert_false(leaf(7, 0, C) >> 9 & 1);		/* VAES */
	assert_false(leaf(0x80000001, 0, C) >> 11 & 1);	/* XOP */
	assert_int_equal(xsetbv(3), -1);
	assert_int_equal(xsetbv(7), 13);
	assert_int_equal(xsetbv(0xe7), 13);
}

static void with_avx512_goes_its_state(void **state)
{
	(void)state;
	hide(XEN_X86_FEATURE_AVX512F);
	assert_int_equal(leaf(0xd, 0, A), 7);
	assert_false(leaf(7, 0, B) >> 30 & 1);		/* AVX512BW */
	assert_true(leaf(7, 0, B) >> 5 & 1);		/* AVX2 */
	assert_int_equal(xsetbv(7), -1);
	assert_int_equal(xsetbv(0xe7), 13);
}

static void without_xsave_there_is_no_xcr0(void **state)
{
	(void)state;
	hide(XEN_X86_FEATURE_XSAVE);
	for (int reg = A; reg <= D; reg++)
		assert_int_equal(leaf(0xd, 0, reg) | leaf(0xd, 1, reg) | leaf(0xd, 2, reg), 0);
	assert_int_equal(leaf(1, 0, C) >> 26 & 7, 0);	/* XSAVE, OSXSAVE, AVX */
	assert_int_equal(cr4(0x20 | 1 << 18), 13);
	assert_int_equal(cr4(0x20), -1);
	assert_int_equal(xsetbv(1), 6);	/* OSXSAVE is off */
}

static void without_xsavec_there_is_no_compact_size(void **state)
{
	(void)state;
	assert_true(leaf(0xd, 1, B) > 0);
	hide(XEN_X86_FEATURE_XSAVEC);
	assert_int_equal(leaf(0xd, 1, B), 0);
}

static void registers_follow(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	assert_int_equal(cr4(0x20 | 1 << 20), -1);
	hide(XEN_X86_FEATURE_SMEP);
	assert_int_equal(cr4(0x20 | 1 << 20), 13);
	assert_true(guest_msr_write(v, 0xc0000080, fake.paging.efer | 1 << 11));
	hide(XEN_X86_FEATURE_NX);
	assert_false(guest_msr_write(v, 0xc0000080, fake.paging.efer | 1 << 11));
}

static void relaxed_msrs_are_those_the_cpu_has(void **state)
{
	struct zendo_policy p = { .flags = ZPOLICY_MSR_RELAXED };
	struct vcpu *v = fake_vcpu(0);
	uint64_t val = 5;

	(void)state;
	assert_false(guest_msr_read(v, FAKE_MSR, &val));
	assert_false(guest_msr_write(v, FAKE_MSR, 1));
	assert_int_equal(set_policy(&p), 0);
	val = 5;
	assert_true(guest_msr_read(v, FAKE_MSR, &val));
	assert_int_equal(val, 0);
	assert_true(guest_msr_write(v, FAKE_MSR, ~0ULL));
	assert_false(guest_msr_read(v, FAKE_MSR + 1, &val));
	assert_false(guest_msr_write(v, FAKE_MSR + 1, 0));
	/* what is known is as strict as ever */
	assert_false(guest_msr_write(v, 0xfe, 0));
	assert_false(guest_msr_write(v, 0x277, 2));
}

static void quotas_are_kept(void **state)
{
	struct zendo_policy p = { .max_grant_frames = 65 };
	struct evtchn_port ipi = { .state = PORT_IPI };
	uint32_t port, n = 0;

	(void)state;
	assert_int_equal(set_policy(&p), -XEN_EINVAL);
	p = (struct zendo_policy){ .max_maptrack_frames = 257 };
	assert_int_equal(set_policy(&p), -XEN_EINVAL);
	p = (struct zendo_policy){ .reserved2 = 1 };
	assert_int_equal(set_policy(&p), -XEN_EINVAL);
	assert_int_equal(fake.d->g.grant.max_frames, GRANT_MAX_FRAMES);
	p = (struct zendo_policy){ .max_grant_frames = 3, .max_maptrack_frames = 2, .max_event_channels = 300 };
	assert_int_equal(set_policy(&p), 0);
	assert_int_equal(fake.d->g.grant.max_frames, 3);
	assert_int_equal(fake.d->g.grant.max_maptrack, 2);
	spin_lock(&fake.d->g.evt.lock);
	while (!port_alloc(fake.d, ipi, &port))
		n = port;
	assert_int_equal(n, 300);
	/* one that becomes free can be had again */
	port_drop(fake.d, 7);
	assert_int_equal(port_alloc(fake.d, ipi, &port), 0);
	assert_int_equal(port, 7);
	assert_int_equal(port_alloc(fake.d, ipi, &port), -XEN_ENOSPC);
	spin_unlock(&fake.d->g.evt.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(bad_policies_are_refused), T(a_hidden_bit_is_gone_and_none_is_gained), T(subleaves_of_other_leaves_do_not_matter),
		T(with_avx_goes_its_state), T(with_avx512_goes_its_state), T(without_xsave_there_is_no_xcr0),
		T(without_xsavec_there_is_no_compact_size), T(registers_follow), T(relaxed_msrs_are_those_the_cpu_has), T(quotas_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
