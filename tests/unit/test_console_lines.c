/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "console_lines.h"

static struct console_lines lines;
static char got[4096];		/* lines, each followed by '|' */

static void collect(const char *line, void *userdata)
{
	size_t n = strlen(got);

	(void)userdata;
	snprintf(got + n, sizeof(got) - n, "%s|", line);
}

static int fresh(void **state)
{
	(void)state;
	got[0] = '\0';
	console_lines_init(&lines, collect, NULL);
	return 0;
}

static void feed(const char *s)
{
	console_lines_feed(&lines, s, strlen(s));
}

static void lines_end_at_newlines_and_empty_ones_are_left_out(void **state)
{
	(void)state;
	feed("one\r\n\r\ntwo\nthr");
	assert_string_equal(got, "one|two|");
	feed("ee\r\n");
	assert_string_equal(got, "one|two|three|");
}

static void the_unfinished_line_comes_with_flush(void **state)
{
	(void)state;
	feed("login: ");
	assert_string_equal(got, "");
	console_lines_flush(&lines);
	assert_string_equal(got, "login:|");
	console_lines_flush(&lines);
	assert_string_equal(got, "login:|");
}

static void terminal_sequences_are_removed(void **state)
{
	(void)state;
	feed("\033[1;32m[  OK  ]\033[0m up\033]0;title\a!\033]2;t\033\\?\033(B.\n");
	assert_string_equal(got, "[  OK  ] up!?.|");
}

static void a_sequence_without_end_does_not_swallow_the_next_line(void **state)
{
	(void)state;
	feed("a\033]0;never ended\nb\n\033[12\nc\n");
	assert_string_equal(got, "a|b|c|");
}

static void control_characters_vanish_and_backspace_deletes(void **state)
{
	(void)state;
	feed("\b\ba\001b\177c\bd\te\n");
	assert_string_equal(got, "abd\te|");
}

static void a_line_written_over_keeps_its_last_state(void **state)
{
	(void)state;
	feed("10%\r50%\r100%\r\n");
	assert_string_equal(got, "100%|");
}

static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
	(void)state;
	/* good: 2, 3 and 4 bytes; bad: overlong, surrogate, C1 control, right-to-left override, cut */
	feed("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7 \xc0\xaf \xed\xa0\x80 \xc2\x9b \xe2\x80\xae \xff \xe2\x82\n");
	assert_string_equal(got, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7 ?? ??? ?? ??? ? ??|");
}

static void a_long_line_is_cut_into_pieces(void **state)
{
	(void)state;
	for (int i = 0; i < CONSOLE_LINE_MAX + 3; i++)
		feed("x");
	feed("\n");
	assert_int_equal(strchr(got, '|') - got, CONSOLE_LINE_MAX);
	assert_string_equal(got + CONSOLE_LINE_MAX, "|xxx|");
}

static void so_many_lines_are_logged_in_a_while(void **state)
{
	struct console_budget b = {};
	uint64_t now = 5;

	(void)state;
	for (int span = 0; span < 3; span++) {
		for (int i = 0; i < CONSOLE_BUDGET_LINES; i++)
			assert_int_equal(console_budget_take(&b, now + (uint64_t)i), CONSOLE_BUDGET_LOG);
		assert_int_equal(console_budget_take(&b, now + 9999998), CONSOLE_BUDGET_SAY_SO);
		for (int i = 0; i < 5000; i++)
			assert_int_equal(console_budget_take(&b, now + 9999999), CONSOLE_BUDGET_DROP);
		now += 10000000;
	}
	/* a quiet one is never told anything */
	for (int i = 0; i < 100000; i++)
		assert_int_equal(console_budget_take(&b, now += 5001), CONSOLE_BUDGET_LOG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_end_at_newlines_and_empty_ones_are_left_out, fresh),
		cmocka_unit_test_setup(the_unfinished_line_comes_with_flush, fresh),
		cmocka_unit_test_setup(terminal_sequences_are_removed, fresh),
		cmocka_unit_test_setup(a_sequence_without_end_does_not_swallow_the_next_line, fresh),
		cmocka_unit_test_setup(control_characters_vanish_and_backspace_deletes, fresh),
		cmocka_unit_test_setup(a_line_written_over_keeps_its_last_state, fresh),
		cmocka_unit_test_setup(bytes_that_are_no_utf8_become_question_marks, fresh),
		cmocka_unit_test_setup(a_long_line_is_cut_into_pieces, fresh),
		cmocka_unit_test(so_many_lines_are_logged_in_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
