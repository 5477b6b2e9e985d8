/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of CPUs: xl's notation both ways, and what is left of one on a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "cpus.h"

static struct zendo_cpus set(const char *s)
{
	struct zendo_cpus c;
	const char *why;

	assert_int_equal(zendo_cpus_parse(s, &c, &why), 0);
	return c;
}

static void is(const struct zendo_cpus *s, const char *wanted)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(zendo_cpus_format(s, &text), 0);
	assert_string_equal(text, wanted);
}

static void parts_add_and_take_away_from_left_to_right(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "3", "3" }, { "0-1", "0-1" }, { "4,2, 3", "2-4" }, { "0-7,^2", "0-1,3-7" }, { "0-7,^2-6,4", "0-1,4,7" },
		{ "^1,1", "1" }, { "all", "0-4095" }, { "all,^0", "1-4095" }, { "62-65", "62-65" }, { " 4095 ", "4095" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct zendo_cpus s = set(t[i].in);

		is(&s, t[i].out);
	}
}

static void what_is_no_set_is_refused_with_a_reason(void **state)
{
	static const struct { const char *in, *why; } t[] = {
		{ "", "CPU number expected" }, { "x", "CPU number expected" }, { "1-", "CPU number expected" },
		{ "1,", "CPU number expected" }, { "1 2", ", expected" }, { "2-1", "ends before" }, { "4096", "too large" },
		{ "99999999999999999999", "too large" }, { "1,^1", "no CPU is left" }, { "nodes:0", "NUMA" }, { "-1", "expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct zendo_cpus s;
		const char *why = NULL;

		assert_true(zendo_cpus_parse(t[i].in, &s, &why) < 0);
		assert_non_null(strstr(why, t[i].why));
	}
}

static void a_set_is_taken_down_to_what_is_there(void **state)
{
	struct zendo_cpus there = set("0-3"), s = set("1,3"), all = set("all,^0"), some = set("2-5"), none = set("all,^0-3");
	unsigned cpu = 0;

	(void)state;
	assert_int_equal(zendo_cpus_limit(&s, &there, &cpu), 0);
	is(&s, "1,3");
	assert_int_equal(zendo_cpus_limit(&all, &there, &cpu), 0);
	is(&all, "1-3");
	assert_int_equal(zendo_cpus_limit(&some, &there, &cpu), -ENOENT);
	assert_int_equal(cpu, 4);
	is(&some, "2-5");
	assert_int_equal(zendo_cpus_limit(&none, &there, &cpu), -ENOENT);
	assert_int_equal(cpu, 4);
}

static void sets_are_asked(void **state)
{
	struct zendo_cpus a = set("1,64"), b = set("64,1"), all = set("all"), empty = {};

	(void)state;
	assert_true(zendo_cpus_has(&a, 64));
	assert_false(zendo_cpus_has(&a, 63));
	assert_false(zendo_cpus_has(&all, ZENDO_CPUS_MAX + 1));
	assert_true(zendo_cpus_equal(&a, &b));
	assert_false(zendo_cpus_equal(&a, &all));
	assert_true(zendo_cpus_is_all(&all));
	assert_false(zendo_cpus_is_all(&a));
	assert_true(zendo_cpus_is_empty(&empty));
	assert_false(zendo_cpus_is_empty(&a));
}

static void this_machine_has_a_cpu_that_is_online(void **state)
{
	struct zendo_cpus online;

	(void)state;
	assert_int_equal(zendo_cpus_online(&online), 0);
	assert_false(zendo_cpus_is_empty(&online));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_add_and_take_away_from_left_to_right),
		cmocka_unit_test(what_is_no_set_is_refused_with_a_reason),
		cmocka_unit_test(a_set_is_taken_down_to_what_is_there),
		cmocka_unit_test(sets_are_asked),
		cmocka_unit_test(this_machine_has_a_cpu_that_is_online),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
