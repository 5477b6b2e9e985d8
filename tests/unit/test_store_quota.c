/* SPDX-License-Identifier: GPL-2.0-only */
/* What each domain may have, and how fast. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_world.h"

static struct world w;
static struct store *s;
static struct conn *dom0, *guest, *other;	/* domains 0, 5, 6 */
static struct answer a;

static int setup(void **state)
{
	(void)state;
	world_begin(&w);
	s = w.s;
	dom0 = w.dom0;
	guest = w.guest;
	other = w.other;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void quotas_can_be_asked_and_set(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "", &a), 0);
	assert_non_null(strstr(a.body, "nodes node-size watches transactions"));
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "watches|", &a), 0);
	assert_string_equal(a.body, "128");
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "5|watches|1|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "watches|2|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "5|watches|", &a), 0);
	assert_string_equal(a.body, "1");
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "6|watches|", &a), 0);
	assert_string_equal(a.body, "2");
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "x|", NULL), -EINVAL);
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "watches|x|", NULL), -EINVAL);
	assert_int_equal(ask_text(dom0, WIRE_GET_QUOTA, 0, "77|watches|", NULL), -ENOENT);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "data|1|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "data|2|", NULL), -ENOSPC);
}

static void each_quota_is_kept_and_told_once(void **state)
{
	char body[XENSTORE_PAYLOAD_MAX] = "data/big|";
	int r = 0, nr;

	(void)state;
	fake_store_lines = 0;
	for (nr = 0; r == 0; nr++) {
		(void)snprintf(body, sizeof(body), "data/n%d|", nr);
		r = ask_text(guest, XS_MKDIR, 0, body, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(domain_find(s, 5)->nr_nodes, 1000);
	assert_int_equal(ask_text(guest, XS_MKDIR, 0, "data/more|", NULL), -ENOSPC);
	assert_int_equal(fake_store_lines, 1);
	assert_non_null(strstr(fake_store_log, "domain 5"));
	assert_non_null(strstr(fake_store_log, "'nodes'"));
	fake_store_now += 10000;
	assert_int_equal(ask_text(guest, XS_MKDIR, 0, "data/more|", NULL), -ENOSPC);
	assert_int_equal(fake_store_lines, 2);
	/* what is there may still be written, and domain 0 is not bound */
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/n0|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/local/domain/5/data/of0|1", NULL), 0);

	memset(body, 'v', 2100);
	memcpy(body, "data/n1|", 8);
	body[2100] = '\0';
	assert_int_equal(ask_text(guest, XS_WRITE, 0, body, NULL), -ENOSPC);
	assert_non_null(strstr(fake_store_log, "'node-size'"));
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|n5|r1|r2|r3|r4|r6|", NULL), -ENOSPC);
	assert_non_null(strstr(fake_store_log, "'node-permissions'"));
	for (nr = 0; nr < 10; nr++)
		(void)start(guest);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_START, 0, "|", NULL), -ENOSPC);
	assert_non_null(strstr(fake_store_log, "'transactions'"));
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "5|memory|1000|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/n0|1", NULL), -ENOMEM);
	assert_int_equal(ask_text(guest, XS_RM, 0, "data/n0|", NULL), 0);
	assert_non_null(strstr(fake_store_log, "'memory'"));
}

static void a_transaction_is_bounded_too(void **state)
{
	uint32_t tx = start(guest);
	char body[64];
	int r = 0;

	(void)state;
	for (int i = 0; i < 1100 && r != -ENOSPC; i++) {
		(void)snprintf(body, sizeof(body), "data/n%d|", i);
		r = ask_text(guest, XS_READ, tx, body, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "F|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "5|nodes|3|", NULL), 0);
	tx = start(guest);
	assert_int_equal(ask_text(guest, XS_MKDIR, tx, "data/a|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_MKDIR, tx, "data/b|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_MKDIR, tx, "data/c|", NULL), -ENOSPC);
	assert_int_equal(ask_text(guest, XS_MKDIR, 0, "data/d|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "T|", NULL), -ENOSPC);
}

/* Its last part is one path too many: those before it must not come into being at the commit. */
static void of_what_a_transaction_is_refused_nothing_is_made(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "5|transaction-nodes|6|", NULL), 0);
	tx = start(guest);
	assert_int_equal(ask_text(guest, XS_WRITE, tx, "data/a/b/c|1", NULL), -ENOSPC);
	assert_int_equal(ask_text(guest, XS_READ, tx, "data/a|", NULL), -ENOENT);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "T|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_READ, 0, "data/a|", NULL), -ENOENT);
}

static void what_a_transaction_makes_and_removes_again_and_again_is_bounded(void **state)
{
	uint32_t tx = start(guest);
	unsigned i;
	int r = 0;

	(void)state;
	for (i = 0; r == 0 && i < 1000000; i++) {
		r = ask_text(guest, XS_MKDIR, tx, "data/a/b|", NULL);
		if (r == 0)
			r = ask_text(guest, XS_RM, tx, "data/a|", NULL);
	}
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "F|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_MKDIR, 0, "data/a/b|", NULL), 0);
}

static void who_does_not_read_is_not_read(void **state)
{
	int nr;

	(void)state;
	for (nr = 0; conn_wants(guest); nr++)
		send_request(guest, XS_READ, 0, "data", 5);
	assert_int_equal(nr, 20);
	assert_non_null(strstr(fake_store_log, "'outstanding'"));
	assert_true(next_message(guest, &a));
	assert_int_equal(conn_wants(guest), sizeof(struct xsd_sockmsg));
}

static void a_guest_that_does_not_read_loses_its_events_only(void **state)
{
	char body[128];

	(void)state;
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "/local/domain/5|t|", NULL), 0);
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(body, sizeof(body), "/local/domain/5/data/n%d|1", i);
		assert_int_equal(ask_text(dom0, XS_WRITE, 0, body, NULL), 0);
	}
	assert_in_range(guest->out_bytes, 200 * 1024, 256 * 1024 + 64);
	assert_non_null(strstr(fake_store_log, "'outstanding-bytes'"));
	assert_false(guest->broken);
}

static uint32_t waiting_after(unsigned node)
{
	char body[32];

	(void)snprintf(body, sizeof(body), "data/n%u|1", node);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, body, NULL), 0);
	return dom0->out_bytes;
}

/* Events are compared with some of those that wait, so a write costs no more behind a client that has millions of them waiting. */
static void a_client_that_does_not_read_does_not_slow_down_writes(void **state)
{
	const unsigned compared = 1024;
	uint32_t all = 0;

	(void)state;
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "nodes|0|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/local/domain/5/data|t|", NULL), 0);
	(void)next_event(dom0);
	for (unsigned i = 0; i <= compared; i++)
		all = waiting_after(i);
	assert_int_equal(waiting_after(compared), all);
	assert_int_equal(waiting_after(1), all);
	assert_true(waiting_after(0) > all);
	all = dom0->out_bytes;
	assert_int_equal(waiting_after(0), all);
	/* and they come in their order */
	assert_string_equal(next_event(dom0), "/local/domain/5/data/n0 t");
	assert_string_equal(next_event(dom0), "/local/domain/5/data/n1 t");
	(void)waiting_after(1);
	for (unsigned i = 2; i <= compared; i++)
		assert_true(*next_event(dom0));
	assert_string_equal(next_event(dom0), "/local/domain/5/data/n0 t");
	assert_string_equal(next_event(dom0), "/local/domain/5/data/n1 t");
	assert_string_equal(next_event(dom0), "");
	all = waiting_after(7);
	assert_int_equal(waiting_after(7), all);
	assert_string_equal(next_event(dom0), "/local/domain/5/data/n7 t");
}

static void a_request_that_is_too_long_ends_the_connection(void **state)
{
	struct xsd_sockmsg h = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };

	(void)state;
	assert_int_equal(conn_feed(other, &h, sizeof(h)), -EPROTO);
	/* in pieces of any size it is the same request */
	h.len = 5;
	for (size_t i = 0; i < sizeof(h); i++)
		assert_int_equal(conn_feed(dom0, (char *)&h + i, 1), 0);
	assert_int_equal(conn_wants(dom0), 5);
	assert_int_equal(conn_feed(dom0, "/too", 4), 0);
	assert_int_equal(conn_feed(dom0, "", 1), 0);
	assert_true(next_message(dom0, &a));
	assert_string_equal(a.body, "ENOENT");
}

static void the_daemon_can_be_asked(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_CONTROL, 0, "check|", &a), 0);
	assert_string_equal(a.body, "OK");
	assert_int_equal(ask_text(dom0, XS_CONTROL, 0, "help|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_CONTROL, 0, "print|hello|", NULL), 0);
	assert_string_equal(fake_store_log, "hello");
	assert_int_equal(ask_text(dom0, XS_CONTROL, 0, "live-update|", NULL), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quotas_can_be_asked_and_set),
		TEST(each_quota_is_kept_and_told_once),
		TEST(a_transaction_is_bounded_too),
		TEST(of_what_a_transaction_is_refused_nothing_is_made),
		TEST(what_a_transaction_makes_and_removes_again_and_again_is_bounded),
		TEST(who_does_not_read_is_not_read),
		TEST(a_guest_that_does_not_read_loses_its_events_only),
		TEST(a_client_that_does_not_read_does_not_slow_down_writes),
		TEST(a_request_that_is_too_long_ends_the_connection),
		TEST(the_daemon_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
