/* SPDX-License-Identifier: GPL-2.0-only */
/* The checking build's own judgement: flush debts and owners of ASIDs. Each mistake must be seen, and nothing else. */
#include "fake_hv.h"
#include "core/check.h"
#include "core/npt.h"

#define RWX	(NPT_READ | NPT_WRITE | NPT_EXEC)

static struct npt n;
static struct domain d;
static struct vcpu v[3];
static uint64_t before;

static int begin(void **state)
{
	fake_hv_begin(state);
	memset(&d, 0, sizeof(d));
	memset(v, 0, sizeof(v));
	d.npt = &n;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i].d = &d;
	for (unsigned int i = 0; i < FAKE_CPUS; i++) {
		fake_cpus[i].asid_gen = 0;
		fake_cpus[i].epoch = 0;
	}
	return npt_init(&n, NULL, 4) || npt_map(&n, 0, hpa(0x1000), 1, RWX, false) ||
	       npt_map(&n, ZENDO_CHUNK_SIZE, hpa(ZENDO_CHUNK_SIZE), 2, RWX, false);
}

static int end(void **state)
{
	check_failures = 0;	/* each test has looked */
	while (!npt_free(&n, 64))
		;
	return fake_hv_check(state);
}

#define seen(statement) do { \
	before = check_failures; \
	statement; \
	assert_int_equal(check_failures, before + 1); \
} while (0)

#define quiet(statement) do { \
	before = check_failures; \
	statement; \
	assert_int_equal(check_failures, before); \
} while (0)

static void enter(unsigned int cpu, struct vcpu *who, uint32_t asid)
{
	check_guest_entry(&fake_cpus[cpu], who, asid, false, false);
}

static void unmap(void)
{
	struct npt_leaf l;

	assert_int_equal(npt_unmap(&n, 0, &l), 0);
}

/* As domain_flush_tlb() does it. */
static void flush(void)
{
	debt_due(&n, debt_ask(&n));
}

static void a_change_without_a_request_to_flush_is_seen(void **state)
{
	(void)state;
	quiet(enter(0, &v[0], 2));
	unmap();
	seen(enter(0, &v[0], 3));
	flush();
	quiet(enter(0, &v[0], 4));
}

static void another_cpu_may_enter_until_the_flush_is_done(void **state)
{
	uint64_t debt;

	(void)state;
	quiet(enter(1, &v[0], 2));
	unmap();
	quiet(enter(1, &v[0], 2));
	debt = debt_ask(&n);
	quiet(enter(1, &v[0], 2));
	debt_due(&n, debt);
	seen(enter(1, &v[0], 2));
	quiet(enter(1, &v[0], 3));
	quiet(enter(1, &v[0], 3));
}

static void a_debt_is_paid_by_a_new_asid_or_a_flush(void **state)
{
	(void)state;
	quiet(enter(0, &v[0], 2));
	unmap();
	flush();
	quiet(check_guest_entry(&fake_cpus[0], &v[0], 2, true, false));
	quiet(enter(0, &v[0], 2));
	quiet(enter(0, &v[1], 3));
}

static void a_flush_before_the_change_pays_nothing(void **state)
{
	(void)state;
	flush();
	quiet(enter(0, &v[0], 2));
	unmap();
	flush();
	seen(enter(0, &v[0], 2));
}

static void what_takes_nothing_away_makes_no_debt(void **state)
{
	(void)state;
	/* a new leaf, a split, more rights, the same again */
	assert_int_equal(npt_map(&n, 0x2000, hpa(0x2000), 1, NPT_READ, false), 0);
	quiet(enter(0, &v[0], 2));
	assert_int_equal(npt_map(&n, 0x2000, hpa(0x2000), 1, RWX, true), 0);
	quiet(enter(0, &v[0], 2));
	assert_int_equal(npt_map(&n, 0x2000, hpa(0x2000), 1, RWX, true), 0);
	assert_int_equal(npt_map(&n, ZENDO_CHUNK_SIZE, hpa(ZENDO_CHUNK_SIZE), 1, RWX, true), 0);
	quiet(enter(0, &v[0], 2));
	/* fewer rights, another frame, a table for a leaf */
	assert_int_equal(npt_map(&n, 0x2000, hpa(0x2000), 1, NPT_READ, true), 0);
	seen(enter(0, &v[0], 2));
	flush();
	assert_int_equal(npt_map(&n, 0x2000, hpa(0x3000), 1, NPT_READ, true), 0);
	seen(enter(0, &v[0], 3));
	flush();
	assert_int_equal(npt_map(&n, 2 * ZENDO_CHUNK_SIZE, hpa(0), 2, RWX, false), 0);
	assert_int_equal(npt_set_table(&n, 2 * ZENDO_CHUNK_SIZE, hpa(0x4000)), 0);
	seen(enter(0, &v[0], 4));
	flush();
	assert_int_equal(npt_map(&n, 2 * ZENDO_CHUNK_SIZE, hpa(0), 2, RWX, true), 0);
	flush();
}

static void a_freed_table_is_entered_by_nobody(void **state)
{
	(void)state;
	while (!npt_free(&n, 64))
		;
	seen(enter(0, &v[0], 2));
}

static void an_asid_has_one_owner_in_a_generation(void **state)
{
	(void)state;
	quiet(enter(0, &v[0], 2));
	quiet(enter(0, &v[1], 3));
	quiet(enter(0, &v[0], 2));
	seen(enter(0, &v[1], 2));
	/* other CPUs count for themselves */
	quiet(enter(1, &v[1], 2));
	/* the same memory, but another vCPU */
	v[0].check.serial = 0;
	seen(enter(0, &v[0], 2));
}

static void a_new_generation_flushes_all(void **state)
{
	(void)state;
	quiet(enter(0, &v[0], 2));
	fake_cpus[0].asid_gen++;
	seen(enter(0, &v[1], 2));
	fake_cpus[0].asid_gen++;
	quiet(check_guest_entry(&fake_cpus[0], &v[2], 2, true, true));
	quiet(enter(0, &v[2], 2));
	seen(enter(0, &v[1], 2));
}

static void an_asid_too_old_to_be_known_is_not_judged(void **state)
{
	(void)state;
	quiet(enter(0, &v[0], 2));
	for (uint32_t asid = 3; asid < 3 + CHECK_ASIDS; asid++)
		quiet(enter(0, &v[1], asid));
	quiet(enter(0, &v[0], 2));
}

/* Last, for it stays due. */
static void dom0_does_not_run_on_what_it_said_was_flushed(void **state)
{
	struct cpu *c = &fake_cpus[0];

	(void)state;
	quiet(check_dom0_entry(c, true, 5));
	quiet(check_dom0_entry(c, false, 6));
	c->epoch = 6;
	seen(check_dom0_entry(c, false, 6));
	quiet(check_dom0_entry(c, true, 6));
	debt_dom0_due(6);
	quiet(check_dom0_entry(c, false, 7));
	debt_dom0_due(7);
	seen(check_dom0_entry(c, false, 7));
	quiet(check_dom0_entry(c, true, 7));
}

#define check_unit(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		check_unit(a_change_without_a_request_to_flush_is_seen),
		check_unit(another_cpu_may_enter_until_the_flush_is_done),
		check_unit(a_debt_is_paid_by_a_new_asid_or_a_flush),
		check_unit(a_flush_before_the_change_pays_nothing),
		check_unit(what_takes_nothing_away_makes_no_debt),
		check_unit(a_freed_table_is_entered_by_nobody),
		check_unit(an_asid_has_one_owner_in_a_generation),
		check_unit(a_new_generation_flushes_all),
		check_unit(an_asid_too_old_to_be_known_is_not_judged),
		check_unit(dom0_does_not_run_on_what_it_said_was_flushed),
	};

	return cmocka_run_group_tests(tests, fake_hv_start, NULL);
}
