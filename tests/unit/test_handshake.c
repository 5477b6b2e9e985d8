/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <linux/hvback.h>

#include "handshake.h"

/* Do what is said until there is nothing to do, as the agent does. Returns false when it never ends. */
static bool settle(struct handshake *h, bool *ret_removed, unsigned *ret_connects)
{
	*ret_removed = false;
	*ret_connects = 0;
	for (unsigned i = 0; i < 8; i++) {
		struct handshake_step s = handshake_next(h);

		switch (s.act) {
		case ACT_NONE:
			return true;
		case ACT_STATE:
			assert_int_not_equal(h->back, s.state);
			h->back = s.state;
			break;
		case ACT_CONNECT:
			assert_int_equal(h->device, HVBACK_ST_WAITING);
			h->device = HVBACK_ST_CONNECTED;
			(*ret_connects)++;
			break;
		case ACT_DISCONNECT:
			assert_int_not_equal(h->device, HVBACK_ST_WAITING);
			h->device = HVBACK_ST_WAITING;
			break;
		case ACT_SETTING:
			assert_int_equal(h->device, HVBACK_ST_CONNECTED);
			assert_int_not_equal(h->back, s.state);
			assert_int_equal(s.state, h->front == XenbusStateReconfiguring ? XenbusStateReconfigured : XenbusStateConnected);
			h->back = s.state;
			break;
		case ACT_REMOVE:
			assert_int_equal(h->device, HVBACK_ST_WAITING);
			*ret_removed = true;
			return true;
		}
	}
	return false;
}

static void every_state_comes_to_rest(void **state)
{
	unsigned connects, n = 0;
	bool removed;

	(void)state;
	for (unsigned i = 0; i < 9 * 9 * 2 * 2 * 3; i++, n++) {
		struct handshake h = {
			.front = i % 9, .back = i / 9 % 9, .online = i / 81 % 2, .force = i / 162 % 2, .device = i / 324 + HVBACK_ST_WAITING,
		};
		const struct handshake before = h;

		if (!settle(&h, &removed, &connects))
			fail_msg("front %d back %d online %d force %d device %u never comes to rest", before.front, before.back,
				 before.online, before.force, before.device);
		/* online stays, and nothing that is wanted is removed; force always removes */
		assert_false(before.online && removed);
		assert_true(before.online || !before.force || removed);
		assert_true(connects <= 1);
		/* what is connected in the end was published by a frontend that says so, and the frontend is told */
		if (h.device == HVBACK_ST_CONNECTED && before.online)
			assert_true((h.front == XenbusStateInitialised || h.front == XenbusStateConnected ||
				     h.front >= XenbusStateReconfiguring) &&
				    h.back == (h.front == XenbusStateReconfiguring ? XenbusStateReconfigured : XenbusStateConnected));
		/* a broken one is never taken for a good one */
		if (before.device == HVBACK_ST_BROKEN && before.online)
			assert_int_equal(connects, 0);
	}
	assert_int_equal(n, 972);
}

/* The frontend says @front; then the backend is in @back and the device in @device. */
static void hear(struct handshake *h, enum xenbus_state front, enum xenbus_state back, uint32_t device)
{
	unsigned connects;
	bool removed;

	h->front = front;
	assert_true(settle(h, &removed, &connects));
	assert_int_equal(h->back, back);
	assert_int_equal(h->device, device);
}

static void blkfront_connects_and_closes(void **state)
{
	struct handshake h = { .online = true, .back = XenbusStateInitWait, .device = HVBACK_ST_WAITING };

	(void)state;
	hear(&h, XenbusStateInitialising, XenbusStateInitWait, HVBACK_ST_WAITING);
	hear(&h, XenbusStateInitialised, XenbusStateConnected, HVBACK_ST_CONNECTED);
	hear(&h, XenbusStateConnected, XenbusStateConnected, HVBACK_ST_CONNECTED);
	hear(&h, XenbusStateClosing, XenbusStateClosing, HVBACK_ST_WAITING);
	hear(&h, XenbusStateClosed, XenbusStateClosed, HVBACK_ST_WAITING);
	/* the driver is loaded again, or another kernel runs */
	hear(&h, XenbusStateInitialising, XenbusStateInitWait, HVBACK_ST_WAITING);
	hear(&h, XenbusStateInitialised, XenbusStateConnected, HVBACK_ST_CONNECTED);
}

static void netfront_changes_its_headroom(void **state)
{
	struct handshake h = { .online = true, .front = XenbusStateConnected, .back = XenbusStateConnected, .device = HVBACK_ST_CONNECTED };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		hear(&h, XenbusStateReconfiguring, XenbusStateReconfigured, HVBACK_ST_CONNECTED);
		hear(&h, XenbusStateConnected, XenbusStateConnected, HVBACK_ST_CONNECTED);
	}
	hear(&h, XenbusStateReconfiguring, XenbusStateReconfigured, HVBACK_ST_CONNECTED);
	hear(&h, XenbusStateClosing, XenbusStateClosing, HVBACK_ST_WAITING);
}

static void netfront_connects_without_initialised(void **state)
{
	struct handshake h = { .online = true, .back = XenbusStateInitWait, .device = HVBACK_ST_WAITING };

	(void)state;
	hear(&h, XenbusStateConnected, XenbusStateConnected, HVBACK_ST_CONNECTED);
}

static void a_kernel_that_begins_anew_without_a_word_is_served(void **state)
{
	struct handshake h = { .online = true, .front = XenbusStateConnected, .back = XenbusStateConnected, .device = HVBACK_ST_CONNECTED };

	(void)state;
	hear(&h, XenbusStateInitialising, XenbusStateInitWait, HVBACK_ST_WAITING);
	hear(&h, XenbusStateInitialised, XenbusStateConnected, HVBACK_ST_CONNECTED);
}

static void a_broken_frontend_must_begin_anew(void **state)
{
	struct handshake h = { .online = true, .front = XenbusStateConnected, .back = XenbusStateConnected, .device = HVBACK_ST_BROKEN };

	(void)state;
	hear(&h, XenbusStateConnected, XenbusStateClosing, HVBACK_ST_BROKEN);
	hear(&h, XenbusStateInitialised, XenbusStateClosing, HVBACK_ST_BROKEN);
	hear(&h, XenbusStateClosed, XenbusStateClosed, HVBACK_ST_WAITING);
	hear(&h, XenbusStateConnected, XenbusStateClosed, HVBACK_ST_WAITING);
	hear(&h, XenbusStateInitialising, XenbusStateInitWait, HVBACK_ST_WAITING);
	hear(&h, XenbusStateInitialised, XenbusStateConnected, HVBACK_ST_CONNECTED);
}

static void a_device_that_is_to_go_waits_for_its_frontend(void **state)
{
	struct handshake h = { .front = XenbusStateConnected, .back = XenbusStateConnected, .device = HVBACK_ST_CONNECTED };
	unsigned connects;
	bool removed;

	(void)state;
	hear(&h, XenbusStateConnected, XenbusStateClosing, HVBACK_ST_CONNECTED);
	hear(&h, XenbusStateClosing, XenbusStateClosing, HVBACK_ST_CONNECTED);
	h.front = XenbusStateClosed;
	assert_true(settle(&h, &removed, &connects));
	assert_true(removed);
}

static void text_of_a_node_is_a_state_or_unknown(void **state)
{
	(void)state;
	assert_int_equal(handshake_state_from_string("4"), XenbusStateConnected);
	assert_int_equal(handshake_state_from_string(""), XenbusStateUnknown);
	assert_int_equal(handshake_state_from_string("9"), XenbusStateUnknown);
	assert_int_equal(handshake_state_from_string("44"), XenbusStateUnknown);
	assert_int_equal(handshake_state_from_string("-1"), XenbusStateUnknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_comes_to_rest),
		cmocka_unit_test(blkfront_connects_and_closes),
		cmocka_unit_test(netfront_connects_without_initialised),
		cmocka_unit_test(netfront_changes_its_headroom),
		cmocka_unit_test(a_kernel_that_begins_anew_without_a_word_is_served),
		cmocka_unit_test(a_broken_frontend_must_begin_anew),
		cmocka_unit_test(a_device_that_is_to_go_waits_for_its_frontend),
		cmocka_unit_test(text_of_a_node_is_a_state_or_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
