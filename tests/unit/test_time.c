/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cpu.h"
#include "core/domain.h"

struct zendo_launch boot;

void time_init(void);

static const uint64_t clocks_khz[] = { 800000, 999999, 1000000, 2100003, 3999999, 4000000, 4700000, 6200000 };

static void nanoseconds_become_cycles_and_come_back(void **state)
{
	static const uint64_t spans_ns[] = { 0, 1, 1000, 999999999, 3600ULL * 1000000000, 365ULL * 86400 * 1000000000 };

	(void)state;
	time_init();
	for (size_t i = 0; i < ARRAY_SIZE(clocks_khz); i++) {
		boot.tsc_khz = clocks_khz[i];
		for (size_t k = 0; k < ARRAY_SIZE(spans_ns); k++) {
			uint64_t back = tsc_to_ns(ns_to_tsc(spans_ns[k]));

			/* rounded up: never before the time asked for, a cycle or two after it at most */
			assert_in_range(back, spans_ns[k], spans_ns[k] + 4);
		}
	}
}

static void time_before_launch_is_zero(void **state)
{
	(void)state;
	boot.tsc_khz = 1000000;
	time_init();
	assert_int_equal(tsc_to_ns(0), 0);
	assert_true(tsc_to_ns(host_tsc()) < 3600ULL * 1000000000);
}

/* A quotient of more than 64 bits would be a divide error. */
static void a_deadline_at_the_end_of_time_is_far_off_on_any_clock(void **state)
{
	(void)state;
	time_init();
	for (size_t i = 0; i < ARRAY_SIZE(clocks_khz); i++) {
		boot.tsc_khz = clocks_khz[i];
		for (int bit = 58; bit < 64; bit++)
			assert_true(ns_to_tsc(1ULL << bit) > host_tsc() + 3600 * clocks_khz[i] * 1000);
		assert_true(ns_to_tsc(~0ULL) > host_tsc() + 3600 * clocks_khz[i] * 1000);
	}
}

static void later_stays_later(void **state)
{
	uint64_t last = 0;

	(void)state;
	time_init();
	boot.tsc_khz = 2100003;
	for (uint64_t ns = 0; ns < 2000; ns++) {
		uint64_t tsc = ns_to_tsc(ns);

		assert_true(tsc > last);
		assert_true(tsc_to_ns(tsc + 1) >= tsc_to_ns(tsc));
		last = tsc;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nanoseconds_become_cycles_and_come_back),
		cmocka_unit_test(time_before_launch_is_zero),
		cmocka_unit_test(a_deadline_at_the_end_of_time_is_far_off_on_any_clock),
		cmocka_unit_test(later_stays_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
