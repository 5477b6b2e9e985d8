/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring between a guest and the store, with both ends here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring.h"
#include "store_client.h"

static struct xenstore_domain_interface page;
static struct ring ring;
static struct store *s;
static struct conn *dom0, *c;
static struct journal journal;

static int introduce(void *userdata, struct domain *d, bool again)
{
	(void)userdata;
	ring_attach(&ring, &page, d->conn, again);
	return 0;
}

static struct store_ops ops;

static int setup(void **state)
{
	struct answer a;
	bool old;

	(void)state;
	ops = fake_store_ops;
	ops.introduce = introduce;
	memset(&page, 0, sizeof(page));
	/* a guest may not rely on where the indices begin */
	page.req_cons = page.req_prod = UINT32_MAX - 20;
	page.rsp_cons = page.rsp_prod = UINT32_MAX - 10;
	s = store_new(&ops, NULL, 1);
	assert_int_equal(journal_open(&journal, -1, "", &old), 0);
	s->journal = &journal;
	state_save(s, &journal);
	dom0 = conn_new(s, domain_get(s, 0), false);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "5|1|1|", &a), 0);
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/local/domain/5|", &a), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|", &a), 0);
	c = domain_find(s, 5)->conn;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(store_check(s));
	store_free(s);
	journal_close(&journal);
	return 0;
}

/* As after kill -9: the store is another, made of the journal; the page is as it was. */
static void restart(void)
{
	char *before = dump_store(s), *after;
	struct store *fresh = store_new(&ops, NULL, 2);

	assert_int_equal(state_load(fresh, &journal), 0);
	after = dump_store(fresh);
	assert_string_equal(before, after);
	free(before);
	free(after);
	store_free(s);
	s = fresh;
	s->journal = &journal;
	assert_int_equal(state_rewrite(s), 0);
	dom0 = conn_new(s, domain_get(s, 0), false);
	c = domain_find(s, 5)->conn;
	ring_attach(&ring, &page, c, true);
}

/* ---- the guest's half ---- */

static size_t guest_writes(const void *data, size_t len)
{
	size_t n = 0;

	for (; n < len && page.req_prod - page.req_cons < XENSTORE_RING_SIZE; n++)
		page.req[MASK_XENSTORE_IDX(page.req_prod++)] = ((const char *)data)[n];
	return n;
}

static size_t guest_reads(void *buf, size_t len)
{
	size_t n = 0;

	for (; n < len && page.rsp_cons != page.rsp_prod; n++)
		((char *)buf)[n] = page.rsp[MASK_XENSTORE_IDX(page.rsp_cons++)];
	return n;
}

static size_t request(char *buf, uint32_t type, uint32_t id, const char *body, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = id, .len = (uint32_t)len };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, len);
	return sizeof(h) + len;
}

static void expect(uint32_t type, uint32_t id, const char *body, size_t len)
{
	char buf[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg h;

	assert_int_equal(guest_reads(&h, sizeof(h)), sizeof(h));
	assert_int_equal(h.type, type);
	assert_int_equal(h.req_id, id);
	assert_int_equal(h.len, len);
	assert_int_equal(guest_reads(buf, len), len);
	assert_memory_equal(buf, body, len);
}

/* ---- tests ---- */

static void a_request_is_answered_across_the_wrap(void **state)
{
	char buf[256];

	(void)state;
	assert_int_equal(page.server_features, STORE_FEATURES);
	assert_int_equal(page.connection, XENSTORE_CONNECTED);
	for (uint32_t i = 1; i < 100; i++) {
		size_t len = request(buf, XS_WRITE, i, "data\0v", 6);

		assert_int_equal(guest_writes(buf, len), len);
		assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
		assert_int_equal(page.req_cons, page.req_prod);
		expect(XS_WRITE, i, "OK", 3);
		assert_int_equal(ring_work(&ring, 64), 0);
	}
}

static void a_request_longer_than_the_ring_comes_in_parts(void **state)
{
	char value[2040], buf[4096];
	size_t len, at = 0;

	(void)state;
	memset(value, 'x', sizeof(value));
	memcpy(value, "data", 5);
	len = request(buf, XS_WRITE, 1, value, 1500);
	while (at < len) {
		at += guest_writes(buf + at, len - at);
		(void)ring_work(&ring, 64);
		/* and the daemon may be killed in between */
		restart();
	}
	expect(XS_WRITE, 1, "OK", 3);
	len = request(buf, XS_READ, 2, "data", 5);
	(void)guest_writes(buf, len);
	(void)ring_work(&ring, 64);
	assert_int_equal(page.rsp_prod - page.rsp_cons, XENSTORE_RING_SIZE);
	for (at = 0; at < sizeof(struct xsd_sockmsg) + 1495;) {
		at += guest_reads(buf + at, 100);
		restart();
		(void)ring_work(&ring, 64);
	}
	assert_memory_equal(buf + sizeof(struct xsd_sockmsg), value + 5, 1495);
	assert_int_equal(page.rsp_prod, page.rsp_cons);
}

static void a_flood_is_cut_into_turns(void **state)
{
	char buf[64];
	size_t len = request(buf, XS_GET_DOMAIN_PATH, 1, "5", 2);

	(void)state;
	while (guest_writes(buf, len) == len)
		;
	assert_int_equal(ring_work(&ring, 8), RING_NOTIFY | RING_MORE);
	assert_int_equal(ring_work(&ring, 8), RING_NOTIFY | RING_MORE);
}

/*
 * Linux writes as many requests as fit, tells us of the first in an empty ring only, and says nothing when it has read answers from a
 * ring that was not full: who stops where answers wait must go on by itself once they have left.
 */
static void more_requests_than_may_wait_need_no_second_event(void **state)
{
	const uint32_t nr = quota_default(QUOTA_OUTSTANDING) + 10;
	char buf[64];

	(void)state;
	for (uint32_t i = 1; i <= nr; i++) {
		size_t len = request(buf, XS_GET_DOMAIN_PATH, i, "5", 2);

		assert_int_equal(guest_writes(buf, len), len);
	}
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY | RING_MORE);
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	for (uint32_t i = 1; i <= nr; i++)
		expect(XS_GET_DOMAIN_PATH, i, "/local/domain/5", 16);
	assert_int_equal(page.req_cons, page.req_prod);
}

/* Nor may it come again and again for nothing while the guest takes no answers. */
static void who_takes_no_answers_is_not_served_in_vain(void **state)
{
	char buf[64];
	size_t len = request(buf, XS_GET_DOMAIN_PATH, 1, "5", 2);
	unsigned turns = 0;

	(void)state;
	do {
		while (XENSTORE_RING_SIZE - (page.req_prod - page.req_cons) >= len)
			(void)guest_writes(buf, len);
		assert_true(++turns < 100);
	} while (ring_work(&ring, 64));
	assert_int_equal(page.rsp_prod - page.rsp_cons, XENSTORE_RING_SIZE);
	assert_int_equal(c->nr_replies, quota_default(QUOTA_OUTSTANDING));
}

static void impossible_indices_end_the_ring(void **state)
{
	char buf[64];
	size_t len = request(buf, XS_GET_DOMAIN_PATH, 1, "5", 2);

	(void)state;
	page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	assert_int_equal(page.error, XENSTORE_ERROR_RINGIDX);
	page.req_prod = page.req_cons;
	(void)guest_writes(buf, len);
	assert_int_equal(ring_work(&ring, 64), 0);
	restart();
	assert_int_equal(ring_work(&ring, 64), 0);

	/* a reconnect makes it whole */
	page.connection = XENSTORE_RECONNECT;
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	assert_int_equal(page.connection, XENSTORE_CONNECTED);
	assert_int_equal(page.error, XENSTORE_ERROR_NONE);
	(void)guest_writes(buf, len);
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	expect(XS_GET_DOMAIN_PATH, 1, "/local/domain/5", 16);

	page.rsp_cons = page.rsp_prod + 1;
	(void)guest_writes(buf, len);
	(void)ring_work(&ring, 64);
	assert_int_equal(page.error, XENSTORE_ERROR_RINGIDX);
}

/* A guest that breaks its ring and reconnects as fast as it can does not fill the log. */
static void rings_that_break_again_and_again_are_told_once(void **state)
{
	unsigned before = fake_store_lines;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
		(void)ring_work(&ring, 64);
		assert_int_equal(page.error, XENSTORE_ERROR_RINGIDX);
		page.connection = XENSTORE_RECONNECT;
		(void)ring_work(&ring, 64);
		assert_int_equal(page.error, XENSTORE_ERROR_NONE);
	}
	assert_int_equal(fake_store_lines - before, 1);
	assert_string_equal(fake_store_log, "domain 5 is not served until it reconnects: req_prod is impossible");
	fake_store_now += 10000;
	page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
	(void)ring_work(&ring, 64);
	assert_int_equal(fake_store_lines - before, 2);
}

static void an_overlong_request_ends_the_ring(void **state)
{
	struct xsd_sockmsg h = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };

	(void)state;
	(void)guest_writes(&h, sizeof(h));
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	assert_int_equal(page.error, XENSTORE_ERROR_PROTO);
}

static void a_reconnect_forgets_all_that_was_begun(void **state)
{
	char buf[64];
	size_t len = request(buf, XS_WATCH, 1, "data\0t", 7);

	(void)state;
	(void)guest_writes(buf, len);
	len = request(buf, XS_TRANSACTION_START, 2, "", 1);
	(void)guest_writes(buf, len);
	(void)guest_writes(buf, 10);
	(void)ring_work(&ring, 64);
	assert_non_null(c->watches);
	assert_non_null(c->transactions);
	assert_int_equal(c->in_len, 10);
	page.connection = XENSTORE_RECONNECT;
	/* killed before it was seen */
	restart();
	assert_int_equal(ring_work(&ring, 64), RING_NOTIFY);
	assert_null(c->watches);
	assert_null(c->transactions);
	assert_int_equal(c->in_len, 0);
	assert_int_equal(page.req_prod | page.req_cons | page.rsp_prod | page.rsp_cons, 0);
}

static void without_the_feature_the_field_is_not_looked_at(void **state)
{
	(void)state;
	domain_find(s, 5)->features = 0;
	page.connection = XENSTORE_RECONNECT;
	assert_int_equal(ring_work(&ring, 64), 0);
	page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
	(void)ring_work(&ring, 64);
	assert_int_equal(page.error, XENSTORE_ERROR_NONE);
	assert_true(ring.dead);
}

/* The record was made, the guest was not told yet; or it was told, and the daemon was killed before anything else. */
static void whatever_instant_it_is_killed_at_the_guest_gets_each_answer_once(void **state)
{
	char buf[64];
	uint32_t id = 1;

	(void)state;
	for (int kind = 0; kind < 4; kind++, id++) {
		uint32_t req_cons = page.req_cons, rsp_prod = page.rsp_prod;
		size_t len = request(buf, XS_GET_DOMAIN_PATH, id, "5", 2);

		(void)guest_writes(buf, len);
		(void)ring_work(&ring, 64);
		if (kind & 1)
			page.req_cons = req_cons;
		if (kind & 2)
			page.rsp_prod = rsp_prod;
		restart();
		assert_int_equal(page.req_cons, page.req_prod);
		(void)ring_work(&ring, 64);
		expect(XS_GET_DOMAIN_PATH, id, "/local/domain/5", 16);
		assert_int_equal(page.rsp_prod, page.rsp_cons);
	}
}

static void a_guest_that_moves_our_index_while_we_are_away_harms_itself(void **state)
{
	(void)state;
	page.rsp_prod += 5;
	restart();
	assert_true(ring.dead);
	assert_int_equal(page.error, XENSTORE_ERROR_RINGIDX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered_across_the_wrap),
		TEST(a_request_longer_than_the_ring_comes_in_parts),
		TEST(a_flood_is_cut_into_turns),
		TEST(more_requests_than_may_wait_need_no_second_event),
		TEST(who_takes_no_answers_is_not_served_in_vain),
		TEST(impossible_indices_end_the_ring),
		TEST(rings_that_break_again_and_again_are_told_once),
		TEST(an_overlong_request_ends_the_ring),
		TEST(a_reconnect_forgets_all_that_was_begun),
		TEST(without_the_feature_the_field_is_not_looked_at),
		TEST(whatever_instant_it_is_killed_at_the_guest_gets_each_answer_once),
		TEST(a_guest_that_moves_our_index_while_we_are_away_harms_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
