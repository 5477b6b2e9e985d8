/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/trace.h"

#define CPU	3
#define AT_ONCE	16U

static const struct cpu cpu = { .id = CPU };
static struct zendo_trace buf[AT_ONCE];

/* Events until @end of them were. Each says which it is. */
static void happen(uint64_t end)
{
	for (uint64_t i = trace_rings[CPU].next; i < end; i++)
		trace(&cpu, TRACE_CALL, 1, 2, i, 0);
}

/* As dom0 reads: from *@pos on until there is no more. Returns the position of the first one, and how many. */
static uint64_t read_all(uint64_t *pos, uint64_t *ret_nr)
{
	uint64_t first = 0, start = *pos;
	int64_t answer;

	for (*ret_nr = 0;; *ret_nr += (uint64_t)ZENDO_TRACE_NR(answer)) {
		uint32_t n = trace_read(CPU, &start, buf, AT_ONCE);

		answer = ZENDO_TRACE_ANSWER(start, n);
		assert_int_equal(ZENDO_TRACE_POS(answer), start);
		if (!*ret_nr)
			first = start;
		if (!ZENDO_TRACE_NR(answer))
			return first;
		for (uint64_t i = 0; i < (uint64_t)ZENDO_TRACE_NR(answer); i++)
			assert_int_equal(buf[i].arg[0], start + i);
		start += (uint64_t)ZENDO_TRACE_NR(answer);
		*pos = start;
	}
}

static void each_event_is_read_once(void **state)
{
	uint64_t pos = 0, nr;

	(void)state;
	happen(20);
	assert_int_equal(read_all(&pos, &nr), 0);
	assert_int_equal(nr, 20);
	happen(25);
	assert_int_equal(read_all(&pos, &nr), 20);
	assert_int_equal(nr, 5);
}

static void who_comes_late_is_told_what_was_lost(void **state)
{
	uint64_t pos = 25, nr;

	(void)state;
	happen(25 + TRACE_RECORDS + 40);
	assert_int_equal(read_all(&pos, &nr), 65);
	assert_int_equal(nr, TRACE_RECORDS);
	assert_int_equal(read_all(&pos, &nr), 65 + TRACE_RECORDS);
	assert_int_equal(nr, 0);
}

static void a_position_that_was_not_yet_is_none(void **state)
{
	uint64_t pos = ~0ULL, nr;

	(void)state;
	assert_int_equal(read_all(&pos, &nr), 65);
	assert_int_equal(nr, TRACE_RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_is_read_once),
		cmocka_unit_test(who_comes_late_is_told_what_was_lost),
		cmocka_unit_test(a_position_that_was_not_yet_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
