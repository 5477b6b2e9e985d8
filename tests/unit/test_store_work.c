/* SPDX-License-Identifier: GPL-2.0-only */
/* Turns: who stands in line, who comes again, and who leaves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "work.h"

#define TURNS_MOST	100	/* where a round without an end is cut off */

struct party {
	struct work work;		/* first: a turn knows its party by it */
	bool again;			/* it has always more */
	struct party *ends;		/* whom its turn ends */
	unsigned turns;
};

static sd_event *event;

static void turn(struct work *w)
{
	struct party *p = (struct party *)(void *)w;

	p->turns++;
	if (p->ends)
		work_cancel(&p->ends->work);
	if (p->again && p->turns < TURNS_MOST)
		work_queue(w);
}

static int setup(void **state)
{
	(void)state;
	assert_true(sd_event_new(&event) >= 0);
	assert_true(work_start(event) >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	work_stop();
	event = sd_event_unref(event);
	return 0;
}

static void one_round(void)
{
	assert_true(sd_event_run(event, 0) >= 0);
}

static void each_in_line_has_one_turn_in_a_round(void **state)
{
	struct party a = { .work.turn = turn, .again = true }, b = { .work.turn = turn };

	(void)state;
	work_queue(&a.work);
	work_queue(&b.work);
	work_queue(&a.work);
	one_round();
	assert_int_equal(a.turns, 1);
	assert_int_equal(b.turns, 1);
	one_round();
	assert_int_equal(a.turns, 2);
	assert_int_equal(b.turns, 1);
	work_cancel(&a.work);
	one_round();
	assert_int_equal(a.turns, 2);
}

/* As when a client's request, or what hvpriv told before it, ends a guest that waits for its turn while another floods. */
static void a_round_ends_though_its_last_has_left(void **state)
{
	struct party last = { .work.turn = turn }, flood = { .work.turn = turn, .again = true };
	struct party client = { .work.turn = turn, .ends = &last };

	(void)state;
	work_queue(&flood.work);
	work_queue(&client.work);
	work_queue(&last.work);
	one_round();
	assert_int_equal(client.turns, 1);
	assert_int_equal(last.turns, 0);
	assert_int_equal(flood.turns, 1);
	work_cancel(&flood.work);
}

static void who_is_behind_the_one_that_left_has_its_turn(void **state)
{
	struct party gone = { .work.turn = turn }, last = { .work.turn = turn };
	struct party client = { .work.turn = turn, .ends = &gone, .again = true };

	(void)state;
	work_queue(&client.work);
	work_queue(&gone.work);
	work_queue(&last.work);
	one_round();
	assert_int_equal(gone.turns, 0);
	assert_int_equal(last.turns, 1);
	assert_int_equal(client.turns, 1);
	work_cancel(&client.work);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_in_line_has_one_turn_in_a_round),
		TEST(a_round_ends_though_its_last_has_left),
		TEST(who_is_behind_the_one_that_left_has_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
