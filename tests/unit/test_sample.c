/* SPDX-License-Identifier: GPL-2.0-only */
/* Rates between two samples, and how they are shown. The samples are what a machine gave, with what is special put into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/ops.h"
#include "sample_table.h"

#define SECOND	UINT64_C(1000000000)

/* ---- recorded samples --------------------------------------------------------------------- */

/* A guest that reads a disk and is pinged, 2 s apart; a second one came 500 ms before the end. */
static const struct recorded {
	uint64_t when_ns;
	struct {
		const char *name;
		uint32_t domid, state;
		uint64_t created_ns, cpu_ns, exits;
		struct {
			enum sample_kind kind;
			uint32_t id;
			uint64_t known[4][2];		/* counter, value; ends with two zeros */
		} part[4];
		size_t nr_parts;
	} domain[3];
	size_t nr;
} first = {
	.when_ns = 100 * SECOND, .nr = 2, .domain = {
		{ "Domain-0", 0, HVPRIV_ST_RUNNING, 0, 40 * SECOND, 5000, .nr_parts = 0 },
		{ "web", 1, HVPRIV_ST_RUNNING, 90 * SECOND, 3 * SECOND, 20000, .nr_parts = 4, .part = {
			{ SAMPLE_VCPU, 0, { { SAMPLE_CPU_NS, 2 * SECOND }, { SAMPLE_STEAL_NS, SECOND / 10 }, { SAMPLE_KIND + EXIT_HLT, 7 } } },
			{ SAMPLE_VCPU, 1, { { SAMPLE_CPU_NS, SECOND }, { SAMPLE_STEAL_NS, 0 }, { SAMPLE_KIND + EXIT_HLT, 3 } } },
			{ SAMPLE_DISK, 51712, { { SAMPLE_RD_REQ, 1000 }, { SAMPLE_RD_SECT, 88000 } } },
			{ SAMPLE_NET, 0, { { SAMPLE_RX_BYTES, UINT64_MAX - 999 }, { SAMPLE_TX_BYTES, 4000 } } },
		} },
	}
}, second = {
	.when_ns = 102 * SECOND, .nr = 3, .domain = {
		{ "Domain-0", 0, HVPRIV_ST_RUNNING, 0, 41 * SECOND, 5200, .nr_parts = 0 },
		{ "web", 1, HVPRIV_ST_BLOCKED, 90 * SECOND, 6 * SECOND, 21000, .nr_parts = 4, .part = {
			{ SAMPLE_VCPU, 0, { { SAMPLE_CPU_NS, 4 * SECOND }, { SAMPLE_STEAL_NS, SECOND / 2 }, { SAMPLE_KIND + EXIT_HLT, 17 } } },
			{ SAMPLE_VCPU, 1, { { SAMPLE_CPU_NS, 2 * SECOND }, { SAMPLE_STEAL_NS, SECOND / 5 }, { SAMPLE_KIND + EXIT_HLT, 13 } } },
			{ SAMPLE_DISK, 51712, { { SAMPLE_RD_REQ, 1500 }, { SAMPLE_RD_SECT, 100000 } } },
			{ SAMPLE_NET, 0, { { SAMPLE_RX_BYTES, 1000 }, { SAMPLE_TX_BYTES, 1000 } } },
		} },
		{ "late", 2, HVPRIV_ST_RUNNING, 101 * SECOND + SECOND / 2, SECOND / 4, 100, .nr_parts = 0 },
	}
};

static struct sample take(const struct recorded *from)
{
	struct sample s = { .when_ns = from->when_ns };

	for (size_t i = 0; i < from->nr; i++) {
		struct sample_domain *d = sample_add_domain(&s);

		assert_non_null(d);
		strcpy(d->name, from->domain[i].name);
		d->domid = from->domain[i].domid;
		d->state = from->domain[i].state;
		d->created_ns = from->domain[i].created_ns;
		d->nr_vcpus = 2;
		d->memory_kib = 128 * 1024;
		sample_set(&d->counters, SAMPLE_CPU_NS, from->domain[i].cpu_ns);
		sample_set(&d->counters, SAMPLE_EXITS, from->domain[i].exits);
		for (size_t k = 0; k < from->domain[i].nr_parts; k++) {
			struct sample_part *p = sample_add_part(d, from->domain[i].part[k].kind, from->domain[i].part[k].id);

			assert_non_null(p);
			strcpy(p->state, "r--");
			strcpy(p->name, p->kind == SAMPLE_DISK ? "vbd-1-51712" : p->kind == SAMPLE_NET ? "vif-1-0" : "");
			for (size_t n = 0; n < 4 && (from->domain[i].part[k].known[n][0] || from->domain[i].part[k].known[n][1]); n++)
				sample_set(&p->counters, (unsigned)from->domain[i].part[k].known[n][0], from->domain[i].part[k].known[n][1]);
		}
	}
	return s;
}

static struct sample old, new;
static struct sample_rates rates;

static int start(void **state)
{
	(void)state;
	old = take(&first);
	new = take(&second);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	sample_rates_done(&rates);
	sample_done(&old);
	sample_done(&new);
	return 0;
}

static const struct sample_rate *row(const char *name, int part)
{
	for (size_t i = 0; i < rates.nr; i++)
		if (!rates.rows[i].part && strcmp(rates.rows[i].domain->name, name) == 0)
			return &rates.rows[i + 1 + (size_t)part];
	fail_msg("no row %s", name);
	return NULL;
}

#define DOMAIN	(-1)	/* the row itself, before its parts */

static void equal(double got, double wanted)
{
	if (got < wanted - 0.001 || got > wanted + 0.001)
		fail_msg("%f, not %f", got, wanted);
}

/* ---- rates -------------------------------------------------------------------------------- */

static void what_grew_is_told_per_second(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	assert_int_equal(rates.nr, 7);
	equal(rates.seconds, 2);
	equal(sample_cpu_percent(row("Domain-0", DOMAIN)), 50);
	equal(row("Domain-0", DOMAIN)->per_second[SAMPLE_EXITS], 100);
	equal(sample_cpu_percent(row("web", DOMAIN)), 150);
	equal(sample_cpu_percent(row("web", 0)), 100);
	equal(sample_steal_percent(row("web", 1)), 10);
	equal(row("web", 2)->per_second[SAMPLE_RD_REQ], 250);
	equal(row("web", 2)->per_second[SAMPLE_RD_SECT], 6000);
}

static void a_domain_has_what_its_parts_have_together(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	equal(sample_steal_percent(row("web", DOMAIN)), 30);
	equal(row("web", DOMAIN)->per_second[SAMPLE_KIND + EXIT_HLT], 10);
	equal(row("web", DOMAIN)->per_second[SAMPLE_RD_REQ], 250);
	/* but not what it counts itself, twice */
	equal(row("web", DOMAIN)->per_second[SAMPLE_EXITS], 500);
	assert_false(sample_has(row("web", DOMAIN), SAMPLE_WR_REQ));
	assert_false(sample_has(row("Domain-0", DOMAIN), SAMPLE_STEAL_NS));
}

static void a_counter_that_wraps_goes_on_and_one_that_begins_anew_does_so(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	equal(row("web", 3)->per_second[SAMPLE_RX_BYTES], 1000);	/* 1000 up to the end, 1000 behind it */
	equal(row("web", 3)->per_second[SAMPLE_TX_BYTES], 500);		/* was detached and attached between the two */
}

static void a_domain_that_came_is_measured_since_then(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	equal(sample_cpu_percent(row("late", DOMAIN)), 50);
	equal(row("late", DOMAIN)->per_second[SAMPLE_EXITS], 200);
}

static void one_of_the_same_id_is_another_one(void **state)
{
	(void)state;
	new.domains[1].created_ns = 101 * SECOND;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	equal(sample_cpu_percent(row("web", DOMAIN)), 600);	/* all of its 6 s in the one second that it is there */
	equal(row("web", 2)->per_second[SAMPLE_RD_REQ], 1500);
}

static void a_domain_that_went_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&new, &old, &rates), 0);
	for (size_t i = 0; i < rates.nr; i++)
		assert_string_not_equal(rates.rows[i].domain->name, "late");
	equal(rates.seconds, 0);	/* a clock that stood still divides nothing */
	equal(sample_cpu_percent(row("web", DOMAIN)), 0);
}

static void the_first_sample_alone_tells_the_time_since_each_is_there(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(NULL, &new, &rates), 0);
	equal(sample_cpu_percent(row("Domain-0", DOMAIN)), 41 / 102.0 * 100);
	equal(sample_cpu_percent(row("web", DOMAIN)), 50);
}

static void an_attached_device_counts_from_nothing(void **state)
{
	(void)state;
	old.domains[1].parts[2].id = 51728;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	equal(row("web", 2)->per_second[SAMPLE_RD_REQ], 750);
}

static void every_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(ZENDO_NR_EXIT_KINDS, NR_EXIT_KINDS);
	assert_int_equal(ZENDO_EXIT_HYPERCALL, EXIT_HYPERCALL);
	assert_string_equal(zendo_exit_kind_to_string(EXIT_INTR), "interrupt");
	assert_string_equal(zendo_exit_kind_to_string(EXIT_NPF), "nested-fault");
	assert_string_equal(zendo_exit_kind_to_string(EXIT_UNKNOWN), "unknown");
	for (unsigned i = 0; i < SAMPLE_NR; i++) {
		assert_non_null(sample_counter_to_string(i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(sample_counter_to_string(i), sample_counter_to_string(k));
	}
	assert_null(sample_counter_to_string(SAMPLE_NR));
}

/* ---- lines -------------------------------------------------------------------------------- */

static void a_line_is_as_wide_as_the_terminal_at_most(void **state)
{
	char header[SAMPLE_LINE_MAX], line[SAMPLE_LINE_MAX];
	struct sample_table t;

	(void)state;
	strcpy(new.domains[1].name, "a name that is longer than a name should be, by far");
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	for (int width = 20; width < 250; width++) {
		sample_table_fit(&t, &rates, width);
		sample_table_header(&t, header);
		assert_in_range(strlen(header), 1, width);
		for (size_t i = 0; i < rates.nr; i++) {
			sample_table_row(&t, &rates.rows[i], line);
			assert_in_range(strlen(line), 1, width);
		}
	}
	sample_table_fit(&t, &rates, 80);
	assert_true(t.shown[COLUMN_CPU] && t.shown[COLUMN_EXITS] && t.shown[COLUMN_RX_BYTES] && t.shown[COLUMN_RD_REQ]);
	assert_false(t.shown[COLUMN_WR_SECT]);
	sample_table_fit(&t, &rates, 0);
	for (unsigned i = 0; i < COLUMN_NR; i++)
		assert_true(t.shown[i]);
}

static void a_line_says_what_is_known(void **state)
{
	char line[SAMPLE_LINE_MAX], wanted[SAMPLE_LINE_MAX];
	struct sample_table t;

	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	sample_table_fit(&t, &rates, 0);
	sample_table_header(&t, line);
	assert_string_equal(line, "NAME             ID  STATE   CPU% STEAL%  MEM(M) VCPU  EXITS  CALLS RXBYTE  RXPKT TXBYTE  TXPKT  RDREQ  WRREQ RDSECT WRSECT");
	sample_table_row(&t, row("web", DOMAIN), line);
	assert_string_equal(line, "web               1 -b----  150.0   30.0     128    2    500      -   1.0k      -    500      -    250      -   6.0k      -");
	sample_table_row(&t, row("web", 1), line);
	assert_string_equal(line, "  1                    r--   50.0   10.0");
	sample_table_row(&t, row("web", 2), line);
	(void)snprintf(wanted, sizeof(wanted), "  vbd-1-51712%89s%14s", "250", "6.0k");
	assert_string_equal(line, wanted);
}

static void exits_are_told_from_the_most_frequent_on(void **state)
{
	char line[SAMPLE_LINE_MAX];
	const char *whole = "  exits/s: hypercall 1.5M, hlt 5.0, nested-fault 0.5";

	(void)state;
	sample_set(&old.domains[1].parts[0].counters, SAMPLE_KIND, 0);
	sample_set(&new.domains[1].parts[0].counters, SAMPLE_KIND, 0);
	sample_set(&new.domains[1].parts[0].counters, SAMPLE_KIND + EXIT_HYPERCALL, 3000000);
	sample_set(&new.domains[1].parts[0].counters, SAMPLE_KIND + EXIT_NPF, 1);
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	sample_exits_row(row("web", 0), 0, line);
	assert_string_equal(line, whole);
	sample_exits_row(row("web", 0), (int)strlen(whole), line);
	assert_string_equal(line, whole);
	sample_exits_row(row("web", 0), (int)strlen(whole) - 1, line);
	assert_string_equal(line, "  exits/s: hypercall 1.5M, hlt 5.0");
	sample_exits_row(row("Domain-0", DOMAIN), 0, line);
	assert_string_equal(line, "  exits/s: -");
	new.domains[1].parts[0].counters = old.domains[1].parts[0].counters;
	sample_rates_done(&rates);
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	sample_exits_row(row("web", 0), 0, line);
	assert_string_equal(line, "  exits/s: none");
}

static void domains_are_sorted_with_what_belongs_to_them(void **state)
{
	(void)state;
	assert_int_equal(sample_compare(&old, &new, &rates), 0);
	assert_int_equal(sample_sort(&rates, COLUMN_CPU, false), 0);
	assert_string_equal(rates.rows[0].domain->name, "web");
	assert_int_equal(rates.rows[4].part->kind, SAMPLE_NET);
	assert_string_equal(rates.rows[5].domain->name, "Domain-0");	/* equal to late, and has the lower id */
	assert_string_equal(rates.rows[6].domain->name, "late");
	assert_int_equal(sample_sort(&rates, COLUMN_CPU, true), 0);
	assert_string_equal(rates.rows[0].domain->name, "Domain-0");
	assert_string_equal(rates.rows[2].domain->name, "web");
	assert_int_equal(sample_sort(&rates, COLUMN_NAME, false), 0);
	assert_string_equal(rates.rows[1].domain->name, "late");
	assert_int_equal(sample_sort(&rates, COLUMN_ID, false), 0);
	assert_string_equal(rates.rows[0].domain->name, "Domain-0");
	assert_string_equal(rates.rows[6].domain->name, "late");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_grew_is_told_per_second, start, stop),
		cmocka_unit_test_setup_teardown(a_domain_has_what_its_parts_have_together, start, stop),
		cmocka_unit_test_setup_teardown(a_counter_that_wraps_goes_on_and_one_that_begins_anew_does_so, start, stop),
		cmocka_unit_test_setup_teardown(a_domain_that_came_is_measured_since_then, start, stop),
		cmocka_unit_test_setup_teardown(one_of_the_same_id_is_another_one, start, stop),
		cmocka_unit_test_setup_teardown(a_domain_that_went_is_not_told, start, stop),
		cmocka_unit_test_setup_teardown(the_first_sample_alone_tells_the_time_since_each_is_there, start, stop),
		cmocka_unit_test_setup_teardown(an_attached_device_counts_from_nothing, start, stop),
		cmocka_unit_test(every_counter_has_a_name_of_its_own),
		cmocka_unit_test_setup_teardown(a_line_is_as_wide_as_the_terminal_at_most, start, stop),
		cmocka_unit_test_setup_teardown(a_line_says_what_is_known, start, stop),
		cmocka_unit_test_setup_teardown(exits_are_told_from_the_most_frequent_on, start, stop),
		cmocka_unit_test_setup_teardown(domains_are_sorted_with_what_belongs_to_them, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
