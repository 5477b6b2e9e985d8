/* SPDX-License-Identifier: GPL-2.0-only */
/* The line that is shown while something takes its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "progress.h"

static const char *line(const char *what, uint64_t done, uint64_t total, uint64_t mib, int64_t ms)
{
	static char text[80];

	progress_text(text, sizeof(text), what, done, total, mib, ms);
	return text;
}

static void how_fast_and_how_long_still_are_told_after_a_second(void **state)
{
	(void)state;
	assert_string_equal(line("unpacking", 1, 4, 100, 500), "unpacking [#####               ] 25%");
	assert_string_equal(line("unpacking", 1, 4, 100, 2000), "unpacking [#####               ] 25%, 12 MiB/s, 0:06 left");
	assert_string_equal(line("making it", 10, 100, 0, 60000), "making it [##                  ] 10%, 9:00 left");
	assert_string_equal(line("making it", 100, 100, 0, 60000), "making it [####################] 100%, 0:00 left");
}

static void nothing_is_divided_by_zero(void **state)
{
	(void)state;
	assert_string_equal(line("x", 0, 100, 7, 5000), "x [                    ] 0%");
	assert_string_equal(line("x", 0, 0, 0, 0), "x [####################] 100%");
	assert_string_equal(line("x", 9, 3, 0, 0), "x [####################] 100%");
}

static void it_fits_a_terminal(void **state)
{
	(void)state;
	assert_true(strlen(line("a text that is far too long for what there is of room", 1, 100, UINT32_MAX, 86400000)) < 80);
	assert_non_null(strstr(line("x", UINT64_MAX / 2, UINT64_MAX, UINT64_MAX, INT64_MAX), "left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_fast_and_how_long_still_are_told_after_a_second),
		cmocka_unit_test(nothing_is_divided_by_zero),
		cmocka_unit_test(it_fits_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
