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

static void cycles_become_nanoseconds_on_any_clock(void **state)
{
	static const uint64_t spans_ms[] = { 0, 1, 1000, 3600ULL * 1000, 365ULL * 86400 * 1000 };

	(void)state;
	time_init();
	for (size_t i = 0; i < ARRAY_SIZE(clocks_khz); i++) {
		boot.tsc_khz = clocks_khz[i];
		for (size_t k = 0; k < ARRAY_SIZE(spans_ms); k++) {
			uint64_t ns = tsc_to_ns(host_tsc() + spans_ms[k] * clocks_khz[i]);

			/* this test has run for less than an hour */
			assert_in_range(ns, spans_ms[k] * 1000000, (spans_ms[k] + 3600 * 1000) * 1000000);
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

static void later_stays_later(void **state)
{
	uint64_t start, last = 0;

	(void)state;
	time_init();
	boot.tsc_khz = 2100003;
	start = host_tsc();
	for (uint64_t tsc = start; tsc < start + 5000; tsc++) {
		assert_true(tsc_to_ns(tsc) >= last);
		last = tsc_to_ns(tsc);
	}
	assert_true(last - tsc_to_ns(start) >= 2380);	/* 4999 cycles of 2.1 GHz */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycles_become_nanoseconds_on_any_clock),
		cmocka_unit_test(time_before_launch_is_zero),
		cmocka_unit_test(later_stays_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
