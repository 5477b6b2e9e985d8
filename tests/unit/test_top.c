/* SPDX-License-Identifier: GPL-2.0-only */
/* What top shows, and its keys: no terminal is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stat.h"
#include "top.h"

#define SECOND	UINT64_C(1000000000)
#define NR	30			/* guests, with two vCPUs each */

bool stat_parse_seconds(const char *s, uint64_t *ret_ns)
{
	double v = atof(s);

	*ret_ns = (uint64_t)(v * 1e9);
	return v > 0;
}

static struct sample sample;
static struct sample_rates rates;
static struct top top;
static struct top_host host = { { 2048 * 1024, 1000 * 1024, 2, 0 }, "12:34:56" };

static struct screen {
	char line[100][SAMPLE_LINE_MAX];
	int nr, header, sorted;
} seen;

static int start(void **state)
{
	(void)state;
	sample = (struct sample) { .when_ns = 10 * SECOND };
	for (uint32_t i = 0; i <= NR; i++) {
		struct sample_domain *d = sample_add_domain(&sample);

		if (!d)
			return -1;
		(void)snprintf(d->name, sizeof(d->name), i ? "guest%02u" : "Domain-0", i);
		d->domid = i;
		d->memory_kib = 64 * 1024;
		d->state = i % 2 ? HVPRIV_ST_RUNNING : HVPRIV_ST_BLOCKED;
		sample_set(&d->counters, SAMPLE_CPU_NS, i * SECOND / 100);
		for (uint32_t k = 0; i && k < 2; k++) {
			struct sample_part *p = sample_add_part(d, SAMPLE_VCPU, k);

			if (!p)
				return -1;
			sample_set(&p->counters, SAMPLE_CPU_NS, i * SECOND / 200);
			for (unsigned n = 0; n < ZENDO_NR_EXIT_KINDS; n++)
				sample_set(&p->counters, SAMPLE_KIND + n, n);
		}
	}
	top = (struct top) { .sort = COLUMN_CPU, .interval_ns = 3 * SECOND };
	return sample_compare(NULL, &sample, &rates) < 0 || sample_sort(&rates, COLUMN_CPU, false) < 0 ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	sample_rates_done(&rates);
	sample_done(&sample);
	return 0;
}

static void keep(int y, const char *line, enum top_style style, const char *sorted, void *userdata)
{
	struct screen *s = userdata;

	assert_int_equal(y, s->nr);
	assert_in_range(y, 0, 99);
	strcpy(s->line[s->nr++], line);
	if (style == TOP_HEADER)
		s->header = y;
	if (sorted)
		s->sorted = (int)(sorted - line);
}

static void frame(int width, int height)
{
	memset(&seen, 0, sizeof(seen));
	seen.sorted = -1;
	top_frame(&top, &rates, &host, width, height, keep, &seen);
	assert_true(seen.nr <= height);
	for (int i = 0; i < seen.nr; i++)
		assert_true(strlen(seen.line[i]) <= (size_t)width);
}

static void keys(const char *s)
{
	for (; *s; s++)
		(void)top_key(&top, *s);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void a_frame_has_what_there_is_from_the_greatest_on(void **state)
{
	(void)state;
	frame(80, 24);
	assert_int_equal(seen.nr, 24);
	assert_string_equal(seen.line[0], "zendo top - 12:34:56  30 domains: 15 running, 15 blocked, 0 paused, 0 ended");
	assert_string_equal(seen.line[1], "2 CPUs: 46.5% guests, 0.0% dom0   Mem: 2048M, 1000M free, 1920M guests");
	assert_int_equal(seen.header, 3);
	assert_int_equal(strncmp(seen.line[3] + seen.sorted, "CPU%", 4), 0);
	assert_int_equal(strncmp(seen.line[4], "guest30 ", 8), 0);
	assert_int_equal(strncmp(seen.line[5], "guest29 ", 8), 0);
}

static void every_size_of_a_terminal_is_fit_into(void **state)
{
	(void)state;
	keys("vnbe");
	for (int height = 1; height < 60; height++)
		for (int width = 1; width < 160; width += 3)
			frame(width, height);
	keys("h");
	for (int height = 1; height < 20; height++)
		frame(height, height);
}

static void the_table_scrolls_to_its_ends_and_no_further(void **state)
{
	(void)state;
	frame(80, 24);
	(void)top_key(&top, TOP_DOWN);
	frame(80, 24);
	assert_int_equal(strncmp(seen.line[4], "guest29 ", 8), 0);
	(void)top_key(&top, TOP_PAGE_DOWN);
	frame(80, 24);
	assert_int_equal(top.scroll, 11);	/* 31 lines, of which 20 fit */
	(void)top_key(&top, TOP_DOWN);
	frame(80, 24);
	assert_int_equal(top.scroll, 11);
	assert_int_equal(strncmp(seen.line[23], "Domain-0 ", 9), 0);
	(void)top_key(&top, TOP_PAGE_UP);
	(void)top_key(&top, TOP_UP);
	assert_int_equal(top.scroll, 0);
	(void)top_key(&top, TOP_END);
	frame(80, 24);
	assert_int_equal(top.scroll, 11);
	/* on a taller one all is seen again */
	frame(80, 60);
	assert_int_equal(top.scroll, 0);
	assert_int_equal(seen.nr, 4 + NR + 1);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void parts_come_and_go_by_their_keys(void **state)
{
	(void)state;
	keys("v");
	frame(80, 99);
	assert_int_equal(seen.nr, 4 + 1 + NR * 3);
	assert_int_equal(strncmp(seen.line[5], "  0 ", 4), 0);
	keys("V");
	frame(80, 99);
	assert_int_equal(seen.nr, 4 + 1 + NR);
	keys("e");
	frame(80, 99);
	assert_int_equal(seen.nr, 4 + 1 + NR * 2);
	assert_non_null(strstr(seen.line[5], "exits/s: unknown 4.0"));
}

static void the_order_is_chosen_by_keys(void **state)
{
	(void)state;
	keys("s");
	assert_int_equal(top.sort, COLUMN_STEAL);
	keys("<<");
	assert_int_equal(top.sort, COLUMN_STATE);
	keys("a");
	assert_int_equal(top.sort, COLUMN_NAME);
	keys("<");
	assert_int_equal(top.sort, COLUMN_NR - 1);
	keys(">");
	assert_int_equal(top.sort, COLUMN_NAME);
	assert_false(top.reverse);
	keys("c");
	assert_false(top.reverse);
	keys("c");
	assert_true(top.reverse);
	keys("r");
	assert_false(top.reverse);
	/* one that does not fit in is sorted by all the same */
	top.sort = COLUMN_WR_SECT;
	frame(80, 24);
	assert_int_equal(seen.sorted, -1);
	assert_string_equal(seen.line[2], "every 3 s, by WRSECT; h tells the keys");
}

static void another_interval_is_typed(void **state)
{
	(void)state;
	keys("d1x5");
	frame(80, 24);
	assert_string_equal(seen.line[2], "Seconds between two looks (now 3): 15_");
	(void)top_key(&top, TOP_BACKSPACE);
	keys("..5");
	(void)top_key(&top, TOP_BACKSPACE);
	(void)top_key(&top, TOP_BACKSPACE);
	keys("5");
	assert_int_equal(top_key(&top, '\r'), TOP_SAMPLE);
	assert_int_equal(top.interval_ns, SECOND * 3 / 2);
	keys("d0");
	assert_int_equal(top_key(&top, '\n'), TOP_REDRAW);
	frame(80, 24);
	assert_string_equal(seen.line[2], "'0' is not a time in seconds, of " STAT_SECONDS_TEXT);
	/* nothing, and more than there is room for */
	keys("d\n");
	keys("d");
	for (int i = 0; i < 100; i++)
		keys("9");
	assert_int_equal(strlen(top.typed), sizeof(top.typed) - 1);
	for (int i = 0; i < 100; i++)
		(void)top_key(&top, TOP_BACKSPACE);
	assert_string_equal(top.typed, "");
	assert_int_equal(top_key(&top, 27), TOP_REDRAW);
	assert_false(top.asking);
}

static void it_ends_by_its_keys_and_others_are_told(void **state)
{
	(void)state;
	assert_int_equal(top_key(&top, 'q'), TOP_QUIT);
	assert_int_equal(top_key(&top, 27), TOP_QUIT);
	assert_int_equal(top_key(&top, ' '), TOP_SAMPLE);
	assert_int_equal(top_key(&top, 'z'), TOP_REDRAW);
	frame(80, 24);
	assert_non_null(strstr(seen.line[2], "no such key"));
	/* help is left by any key, escape included */
	assert_int_equal(top_key(&top, '?'), TOP_REDRAW);
	frame(80, 24);
	assert_string_equal(seen.line[0], "Keys of zendo top");
	/* and is not cut off on a usual terminal */
	frame(99, 24);
	for (int i = 0; i < seen.nr; i++)
		assert_in_range(strlen(seen.line[i]), 0, 80);
	assert_int_equal(top_key(&top, 27), TOP_REDRAW);
	assert_false(top.help);
}

static void a_column_is_found_by_its_title(void **state)
{
	enum sample_column c;

	(void)state;
	for (unsigned i = 0; i < COLUMN_NR; i++) {
		assert_true(top_find_column(sample_column_title(i), &c));
		assert_int_equal(c, i);
	}
	assert_true(top_find_column("cpu%", &c));
	assert_int_equal(c, COLUMN_CPU);
	assert_false(top_find_column("CPU", &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_frame_has_what_there_is_from_the_greatest_on, start, stop),
		cmocka_unit_test_setup_teardown(every_size_of_a_terminal_is_fit_into, start, stop),
		cmocka_unit_test_setup_teardown(the_table_scrolls_to_its_ends_and_no_further, start, stop),
		cmocka_unit_test_setup_teardown(parts_come_and_go_by_their_keys, start, stop),
		cmocka_unit_test_setup_teardown(the_order_is_chosen_by_keys, start, stop),
		cmocka_unit_test_setup_teardown(another_interval_is_typed, start, stop),
		cmocka_unit_test_setup_teardown(it_ends_by_its_keys_and_others_are_told, start, stop),
		cmocka_unit_test(a_column_is_found_by_its_title),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
