/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zendo/abi.h>

#include "core/spec.h"

/* What each bug asks for on each edge, and nothing else. */
static const struct {
	uint32_t bug;
	uint32_t on[NR_EDGES];	/* guest -> hypervisor, hypervisor -> guest, guest -> dom0, another domain */
} wanted[] = {
	{ 0,			  { 0, 0, 0, 0 } },
	{ ZENDO_BUG_SPECTRE_V2,	  { SPEC_RSB_FILL, 0, 0, SPEC_IBPB } },
	{ ZENDO_BUG_RETBLEED,	  { 0, 0, SPEC_IBPB, 0 } },
	{ ZENDO_BUG_SRSO,	  { 0, 0, SPEC_IBPB, 0 } },
	{ ZENDO_BUG_BHI,	  { 0, 0, SPEC_IBPB, 0 } },
	{ ZENDO_BUG_MDS,	  { 0, SPEC_VERW, 0, 0 } },
	{ ZENDO_BUG_MMIO_STALE,	  { 0, SPEC_VERW, 0, 0 } },
	{ ZENDO_BUG_L1TF,	  { 0, SPEC_L1D_FLUSH, 0, 0 } },
};
#define ALL_BUGS (ZENDO_BUG_SPECTRE_V2 | ZENDO_BUG_RETBLEED | ZENDO_BUG_SRSO | ZENDO_BUG_BHI | ZENDO_BUG_MDS | \
		  ZENDO_BUG_MMIO_STALE | ZENDO_BUG_L1TF)

static void each_bug_asks_for_its_own_actions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		for (int e = 0; e < NR_EDGES; e++)
			assert_int_equal(spec_actions((enum spec_edge)e, wanted[i].bug), wanted[i].on[e]);
}

static void bugs_together_ask_for_all_of_their_actions(void **state)
{
	(void)state;
	for (uint32_t bugs = 0; bugs <= ALL_BUGS; bugs++)
		for (int e = 0; e < NR_EDGES; e++) {
			uint32_t sum = 0;

			for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
				if (wanted[i].bug & bugs)
					sum |= wanted[i].on[e];
			assert_int_equal(spec_actions((enum spec_edge)e, bugs), sum);
		}
}

static void mitigations_off_means_none(void **state)
{
	(void)state;
	spec_init(ALL_BUGS | ZENDO_MITIGATIONS_OFF, true, true);
	for (int e = 0; e < NR_EDGES; e++) {
		assert_int_equal(spec_actions((enum spec_edge)e, ALL_BUGS | ZENDO_MITIGATIONS_OFF), 0);
		assert_int_equal(spec_todo[e], 0);
	}
}

static void a_cpu_with_everything_does_everything(void **state)
{
	(void)state;
	spec_init(ALL_BUGS, true, true);
	for (int e = 0; e < NR_EDGES; e++)
		assert_int_equal(spec_todo[e], spec_actions((enum spec_edge)e, ALL_BUGS));
}

static void what_the_cpu_lacks_is_not_tried(void **state)
{
	(void)state;
	spec_init(ALL_BUGS, false, true);
	for (int e = 0; e < NR_EDGES; e++)
		assert_int_equal(spec_todo[e], spec_actions((enum spec_edge)e, ALL_BUGS) & ~SPEC_IBPB);
	spec_init(ALL_BUGS, true, false);
	for (int e = 0; e < NR_EDGES; e++)
		assert_false(spec_todo[e] & SPEC_VERW);
	assert_int_equal(spec_todo[EDGE_GUEST_TO_HV], SPEC_RSB_FILL);
	assert_int_equal(spec_todo[EDGE_GUEST_TO_DOM0], SPEC_IBPB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bug_asks_for_its_own_actions),
		cmocka_unit_test(bugs_together_ask_for_all_of_their_actions),
		cmocka_unit_test(mitigations_off_means_none),
		cmocka_unit_test(a_cpu_with_everything_does_everything),
		cmocka_unit_test(what_the_cpu_lacks_is_not_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
