/* SPDX-License-Identifier: GPL-2.0-only */
/* Trees that are too large to be freed in one step. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal.h"
#include "store_world.h"

#define WIDE	3000	/* nodes directly below /big, as many below those */
#define STEP	1024	/* what one step frees at most */

static struct world w;
static struct answer a;

static int setup(void **state)
{
	(void)state;
	world_begin(&w);
	fake_store_later = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void does(struct conn *c, uint32_t type, const char *body)
{
	assert_int_equal(ask_text(c, type, 0, body, NULL), 0);
}

/* Domain 5 may read it, and owns every second name. */
static void make_big(void)
{
	char body[64];

	does(w.dom0, XS_MKDIR, "/big|");
	does(w.dom0, XS_SET_PERMS, "/big|n0|r5|");
	for (unsigned i = 0; i < WIDE; i++) {
		(void)snprintf(body, sizeof(body), "/big/%04u/below|1", i);
		does(w.dom0, XS_WRITE, body);
		if (i % 2)
			continue;
		(void)snprintf(body, sizeof(body), "/big/%04u|n5|", i);
		does(w.dom0, XS_SET_PERMS, body);
	}
}

static unsigned steps_until_free(void)
{
	unsigned steps = 1;
	uint32_t before;

	for (before = w.s->nr_nodes; store_free_removed(w.s); before = w.s->nr_nodes, steps++) {
		assert_int_equal(before - w.s->nr_nodes, STEP);
		assert_null(store_check(w.s));
	}
	assert_true(before - w.s->nr_nodes <= STEP);
	return steps;
}

static void it_is_gone_at_once_and_freed_in_steps(void **state)
{
	uint32_t nodes = w.s->nr_nodes, own = domain_find(w.s, 5)->nr_nodes;

	(void)state;
	make_big();
	assert_int_equal(w.s->nr_nodes, nodes + 1 + 2 * WIDE);
	does(w.dom0, XS_RM, "/big|");
	assert_int_equal(ask_text(w.dom0, XS_READ, 0, "/big/0000/below|", NULL), -ENOENT);
	assert_int_equal(ask_text(w.dom0, XS_DIRECTORY, 0, "/|", &a), 0);
	assert_string_equal(a.body, "local");
	assert_true(fake_store_later);
	assert_int_equal(w.s->nr_nodes, nodes + 1 + 2 * WIDE - STEP);
	assert_null(store_check(w.s));
	/* another in the same place has nothing to do with it */
	does(w.dom0, XS_WRITE, "/big/0000/other|2");
	assert_int_equal(steps_until_free(), (2 * WIDE) / STEP);
	assert_int_equal(ask_text(w.dom0, XS_READ, 0, "/big/0000/other|", NULL), 0);
	assert_int_equal(w.s->nr_nodes, nodes + 3);
	assert_int_equal(domain_find(w.s, 5)->nr_nodes, own);
	assert_false(store_free_removed(w.s));
}

static void a_small_one_needs_no_second_step(void **state)
{
	char body[64];

	(void)state;
	for (unsigned i = 0; i < STEP - 1; i++) {
		(void)snprintf(body, sizeof(body), "/small/%u|", i);
		does(w.dom0, XS_MKDIR, body);
	}
	does(w.dom0, XS_RM, "/small|");
	assert_false(fake_store_later);
	assert_null(w.s->removed);
}

/* /big/0000 is the last that is freed. */
static void watches_are_told_of_each_node_once(void **state)
{
	(void)state;
	make_big();
	does(w.guest, XS_WATCH, "/big/0000|early|");
	does(w.guest, XS_WATCH, "/big/2999|first|");
	does(w.guest, XS_WATCH, "/big/none|none|");
	does(w.guest, XS_WATCH, "/big/0000/below|below|");
	does(w.other, XS_WATCH, "/big/0001|hidden|");
	does(w.dom0, XS_WATCH, "/big|top|");
	does(w.dom0, XS_WATCH, "/big/0000/below|deep|");
	for (unsigned i = 0; i < 4; i++)
		assert_string_not_equal(next_event(w.guest), "");
	assert_string_not_equal(next_event(w.other), "");
	for (unsigned i = 0; i < 2; i++)
		assert_string_not_equal(next_event(w.dom0), "");
	does(w.dom0, XS_RM, "/big|");
	/* guests before the answer: what the journal has of the request is one record */
	assert_string_equal(next_event(w.guest), "/big/2999 first");
	assert_string_equal(next_event(w.guest), "/big/0000 early");
	assert_string_equal(next_event(w.guest), "/big/0000/below below");
	assert_string_equal(next_event(w.guest), "");
	assert_string_equal(next_event(w.other), "");
	assert_string_equal(next_event(w.dom0), "/big top");
	assert_string_equal(next_event(w.dom0), "");
	(void)steps_until_free();
	assert_string_equal(next_event(w.dom0), "/big/0000/below deep");
	assert_string_equal(next_event(w.dom0), "");
	assert_string_equal(next_event(w.guest), "");
}

static void the_end_of_an_owner_meanwhile_does_no_harm(void **state)
{
	(void)state;
	make_big();
	does(w.dom0, XS_RM, "/big|");
	domain_destroyed(w.s, 5);
	w.guest = NULL;
	assert_null(store_check(w.s));
	/* what it had is on its account until it is freed */
	assert_non_null(domain_find(w.s, 5));
	(void)steps_until_free();
	assert_null(domain_find(w.s, 5));
}

static void a_restart_meanwhile_brings_nothing_back(void **state)
{
	struct store *fresh = store_new(&fake_store_ops, NULL, 2);
	struct journal j;
	char *before, *after;
	bool old;

	(void)state;
	assert_int_equal(journal_open(&j, -1, NULL, &old), 0);
	w.s->journal = &j;
	state_save(w.s, &j);
	make_big();
	does(w.dom0, XS_RM, "/big|");
	assert_int_equal(state_load(fresh, &j), 0);
	w.s->journal = NULL;
	(void)steps_until_free();
	before = dump_store(w.s);
	after = dump_store(fresh);
	assert_string_equal(before, after);
	assert_null(fresh->removed);
	assert_null(store_check(fresh));
	free(before);
	free(after);
	store_free(fresh);
	journal_close(&j);
}

/* What is listed in parts: each goes on where the last ended, and a change in between is seen by its generation. */
static void a_listing_in_parts_is_whole(void **state)
{
	char body[64], before[32], seen[WIDE * 6];
	size_t offset = 0, len;

	(void)state;
	make_big();
	assert_int_equal(ask_text(w.dom0, XS_DIRECTORY, 0, "/big|", NULL), -E2BIG);
	for (bool end = false; !end; offset += len) {
		(void)snprintf(body, sizeof(body), "/big|%zu|", offset);
		assert_int_equal(ask_text(w.dom0, XS_DIRECTORY_PART, 0, body, &a), 0);
		if (offset)
			assert_string_equal(a.body, before);
		(void)snprintf(before, sizeof(before), "%.31s", a.body);
		len = a.h.len - strlen(a.body) - 1;
		end = len && !a.body[a.h.len - 1] && !a.body[a.h.len - 2];
		len -= end;
		assert_true(offset + len <= sizeof(seen));
		memcpy(seen + offset, a.body + strlen(a.body) + 1, len);
		/* others in between, and the same once more from the start */
		assert_int_equal(ask_text(w.dom0, XS_DIRECTORY_PART, 0, "/local|0|", NULL), 0);
	}
	assert_int_equal(offset, WIDE * 5);
	for (unsigned i = 0; i < WIDE; i++) {
		(void)snprintf(body, sizeof(body), "%04u", i);
		assert_string_equal(seen + i * 5, body);
	}
	does(w.dom0, XS_WRITE, "/big/new|");
	assert_int_equal(ask_text(w.dom0, XS_DIRECTORY_PART, 0, "/big|0|", &a), 0);
	assert_string_not_equal(a.body, before);
	does(w.dom0, XS_RM, "/big/0000|");
	assert_int_equal(ask_text(w.dom0, XS_DIRECTORY_PART, 0, "/big|5|", &a), 0);
	assert_string_equal(a.body + strlen(a.body) + 1, "0002");
	does(w.dom0, XS_RM, "/big|");
	assert_int_equal(ask_text(w.dom0, XS_DIRECTORY_PART, 0, "/big|5|", NULL), -ENOENT);
	(void)steps_until_free();
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_gone_at_once_and_freed_in_steps),
		TEST(a_small_one_needs_no_second_step),
		TEST(watches_are_told_of_each_node_once),
		TEST(the_end_of_an_owner_meanwhile_does_no_harm),
		TEST(a_restart_meanwhile_brings_nothing_back),
		TEST(a_listing_in_parts_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
