/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_client.h"

static char dir_name[] = "/tmp/zendo-test-store.XXXXXX";
static int dir;
static struct journal journal;
static struct store *s;
static struct conn *dom0, *guest;
static struct answer a;

static int setup(void **state)
{
	bool old;

	(void)state;
	strcpy(strrchr(dir_name, '.'), ".XXXXXX");
	assert_non_null(mkdtemp(dir_name));
	dir = open(dir_name, O_RDONLY | O_DIRECTORY);
	assert_true(dir >= 0);
	assert_int_equal(journal_open(&journal, dir, "state", &old), 0);
	assert_false(old);
	s = store_new(&fake_store_ops, NULL, 1);
	s->journal = &journal;
	state_save(s, &journal);
	dom0 = conn_new(s, domain_get(s, 0), false);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "5|77|3|", NULL), 0);
	guest = domain_find(s, 5)->conn;
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/local/domain/5|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/local/domain/5|n5|r9|", NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_free(s);
	journal_close(&journal);
	(void)unlinkat(dir, "state", 0);
	(void)unlinkat(dir, "state.new", 0);
	(void)close(dir);
	(void)rmdir(dir_name);
	return 0;
}

/* The file as another process finds it. */
static struct store *load(int result)
{
	struct store *fresh = store_new(&fake_store_ops, NULL, 2);
	struct journal j;
	bool old;

	assert_int_equal(journal_open(&j, dir, "state", &old), 0);
	assert_true(old);
	assert_int_equal(state_load(fresh, &j), result);
	journal_close(&j);
	assert_null(store_check(fresh));
	return fresh;
}

static void same_after_restart(void)
{
	struct store *fresh = load(0);
	char *before = dump_store(s), *after = dump_store(fresh);

	assert_string_equal(before, after);
	free(before);
	free(after);
	store_free(fresh);
}

static void do_something_of_all(void)
{
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/a/b|1", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/a/b|22", NULL), 0);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data/a|r5|b7|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/c|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_RM, 0, "data/c|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "data|t|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "/local|gone|1|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_UNWATCH, 0, "/local|gone|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "@releaseDomain|deep|1|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "@releaseDomain|n0|r5|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "watches|99|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_SET_QUOTA, 0, "5|nodes|500|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "6|1|1|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_TARGET, 0, "6|5|", NULL), 0);
	domain_has_shut_down(s, 6);
	store_commit(s);
	assert_int_equal(ask_text(dom0, WIRE_SET_FEATURE, 0, "8|1|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "7|1|1|", NULL), 0);
	assert_int_equal(ask_text(domain_find(s, 7)->conn, XS_WATCH, 0, "x|y|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "7|", NULL), 0);
	assert_int_equal(conn_feed(guest, "\2\0\0", 3), 0);
}

static void all_that_matters_survives(void **state)
{
	(void)state;
	do_something_of_all();
	same_after_restart();
	/* and once more from a fresh file */
	assert_int_equal(state_rewrite(s), 0);
	same_after_restart();
	assert_int_equal(faccessat(dir, "state.new", F_OK, 0), -1);
}

static void an_open_transaction_ends_with_eagain(void **state)
{
	struct store *fresh;
	char body[32];
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(guest, XS_TRANSACTION_START, 0, "|", &a), 0);
	tx = (uint32_t)strtoul(a.body, NULL, 10);
	assert_int_equal(ask_text(guest, XS_WRITE, tx, "data/x|1", NULL), 0);
	fresh = load(0);
	guest = domain_find(fresh, 5)->conn;
	while (next_message(guest, &a))
		;
	/* it can go on as if nothing had been, until the end */
	assert_int_equal(ask_text(guest, XS_WRITE, tx, "data/y|1", NULL), 0);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "T|", NULL), -EAGAIN);
	assert_int_equal(ask_text(guest, XS_READ, 0, "data/y|", NULL), -ENOENT);
	(void)snprintf(body, sizeof(body), "|");
	assert_int_equal(ask_text(guest, XS_TRANSACTION_START, 0, body, &a), 0);
	assert_int_not_equal(strtoul(a.body, NULL, 10), tx);
	store_free(fresh);
}

static void what_is_not_committed_is_not_there(void **state)
{
	struct store *fresh;
	char *before = dump_store(s), *after;

	(void)state;
	/* killed within a request: the record is begun, and the length does not cover it */
	(void)node_create(s, s->root, "half", 4, s->root->acl, "1", 1);
	fresh = load(0);
	after = dump_store(fresh);
	assert_string_equal(before, after);
	free(before);
	free(after);
	store_free(fresh);
}

static void damage_is_found_and_what_was_before_it_is_used(void **state)
{
	struct store *fresh;

	(void)state;
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/good|1", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/bad|1", NULL), 0);
	((struct journal_header *)(void *)journal.base)->committed = journal.end;
	journal.base[journal.end - 1] ^= 1;
	fresh = load(-EBADMSG);
	assert_non_null(node_find(fresh, "/local/domain/5/data/good"));
	store_free(fresh);
}

static void what_is_no_journal_is_refused(void **state)
{
	struct journal j;
	bool old;

	(void)state;
	((struct journal_header *)(void *)journal.base)->committed = UINT64_MAX;
	assert_int_equal(journal_open(&j, dir, "state", &old), -EBADMSG);
	journal_close(&j);
	((struct journal_header *)(void *)journal.base)->committed = sizeof(struct journal_header) - 1;
	assert_int_equal(journal_open(&j, dir, "state", &old), -EBADMSG);
	journal_close(&j);
	((struct journal_header *)(void *)journal.base)->magic = 1;
	assert_int_equal(journal_open(&j, dir, "state", &old), -EBADMSG);
	journal_close(&j);
}

static void another_format_is_told_from_damage(void **state)
{
	struct journal j;
	char format[3];
	bool old;

	(void)state;
	memcpy(journal.base + 6, "47", 2);
	assert_int_equal(journal_open(&j, dir, "state", &old), -EPROTONOSUPPORT);
	journal_format(&j, format);
	assert_string_equal(format, "47");
	journal_close(&j);
	memcpy(journal.base + 6, "/\0", 2);
	assert_int_equal(journal_open(&j, dir, "state", &old), -EPROTONOSUPPORT);
	journal_format(&j, format);
	assert_string_equal(format, "__");
	journal_close(&j);
}

static void one_that_was_killed_before_its_first_byte_begins_anew(void **state)
{
	struct journal j;
	bool old = true;

	(void)state;
	memset(journal.base, 0, sizeof(struct journal_header));
	assert_int_equal(journal_open(&j, dir, "state", &old), 0);
	assert_false(old);
	assert_int_equal(((struct journal_header *)(void *)j.base)->magic, JOURNAL_MAGIC);
	journal_close(&j);
}

static void the_file_does_not_grow_without_end(void **state)
{
	struct stat st;
	char body[64];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(body, sizeof(body), "data/x|%d", i);
		assert_int_equal(ask_text(guest, XS_WRITE, 0, body, NULL), 0);
	}
	assert_int_equal(fstatat(dir, "state", &st, 0), 0);
	assert_in_range(st.st_size, 1, 4 << 20);
	same_after_restart();
}

/* Ten thousand domains come and go; each has what a guest has. */
static void domains_that_come_and_go_leave_nothing(void **state)
{
	uint32_t nodes = s->nr_nodes, watches = s->nr_watches;
	uint64_t memory = domain_find(s, 0)->memory;
	char body[128];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		unsigned domid = 100 + i % 200;
		struct conn *c;

		(void)snprintf(body, sizeof(body), "%u|1|1|", domid);
		assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, body, NULL), 0);
		(void)snprintf(body, sizeof(body), "/local/domain/%u/device/vbd/51712/state|1", domid);
		assert_int_equal(ask_text(dom0, XS_WRITE, 0, body, NULL), 0);
		(void)snprintf(body, sizeof(body), "/local/domain/%u/device|n%u|", domid, domid);
		assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, body, NULL), 0);
		c = domain_find(s, domid)->conn;
		assert_int_equal(ask_text(c, XS_WATCH, 0, "device|t|", NULL), 0);
		(void)snprintf(body, sizeof(body), "%u|", domid);
		assert_int_equal(ask_text(dom0, XS_RELEASE, 0, body, NULL), 0);
		(void)snprintf(body, sizeof(body), "/local/domain/%u|", domid);
		assert_int_equal(ask_text(dom0, XS_RM, 0, body, NULL), 0);
	}
	assert_int_equal(s->nr_nodes, nodes);
	assert_int_equal(s->nr_watches, watches);
	assert_int_equal(domain_find(s, 0)->memory, memory);
	assert_null(store_check(s));
	same_after_restart();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_matters_survives),
		TEST(an_open_transaction_ends_with_eagain),
		TEST(what_is_not_committed_is_not_there),
		TEST(damage_is_found_and_what_was_before_it_is_used),
		TEST(what_is_no_journal_is_refused),
		TEST(another_format_is_told_from_damage),
		TEST(one_that_was_killed_before_its_first_byte_begins_anew),
		TEST(the_file_does_not_grow_without_end),
		TEST(domains_that_come_and_go_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
