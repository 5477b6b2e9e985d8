/* SPDX-License-Identifier: GPL-2.0-only */
/* The store of a domain from its process to its end: what the process may do, and what is gone afterwards. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_client.h"

#define VM	"/vm/01234567-89ab-cdef-0123-456789abcdef"

static struct store *s;
static struct conn *dom0, *runner;	/* of domain 5 */
static struct answer a;

static int setup(void **state)
{
	(void)state;
	fake_store_introduce = 0;
	fake_store_now = 1;
	s = store_new(&fake_store_ops, NULL, 1);
	dom0 = conn_new(s, domain_get(s, 0), false);
	runner = conn_new(s, domain_get(s, 0), false);
	runner->runner_of = 5;
	strcpy(runner->runner_vm, VM);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(store_check(s));
	store_free(s);
	return 0;
}

static int exists(const char *path)
{
	char body[128];

	(void)snprintf(body, sizeof(body), "%s|", path);
	return ask_text(dom0, XS_READ, 0, body, NULL) == 0;
}

static void does(struct conn *c, uint32_t type, const char *body)
{
	assert_int_equal(ask_text(c, type, 0, body, NULL), 0);
}

static void is_denied(uint32_t type, const char *body)
{
	assert_int_equal(ask_text(runner, type, 0, body, NULL), -EACCES);
}

static void make_domain(void)
{
	does(runner, XS_MKDIR, "/local/domain/5|");
	does(runner, XS_SET_PERMS, "/local/domain/5|n0|r5|");
	does(runner, XS_WRITE, VM "/name|guest");
	does(runner, XS_WRITE, "/local/domain/5/vm|" VM);
	does(runner, XS_WRITE, "/local/domain/5/data|");
	does(runner, XS_SET_PERMS, "/local/domain/5/data|n5|");
}

static void a_runner_makes_its_domains_entries_and_introduces_it(void **state)
{
	(void)state;
	make_domain();
	does(runner, XS_READ, "/local/domain/5/vm|");
	does(runner, XS_DIRECTORY, "/local/domain/5|");
	does(runner, XS_GET_PERMS, "/local/domain/5|");
	does(runner, XS_RM, "/local/domain/5/data|");
	does(runner, XS_INTRODUCE, "5|100|3|");
	assert_true(domain_find(s, 5)->introduced);
}

static void a_runner_reaches_nothing_else(void **state)
{
	(void)state;
	does(dom0, XS_WRITE, "/local/domain/0/backend/vbd/5/0/params|disk");
	does(dom0, XS_WRITE, "/local/domain/50|x");
	does(dom0, XS_WRITE, VM "0|x");
	for (const char *const *p = (const char *const[]) {
		"/|", "/local|", "/local/domain|", "/local/domain/0|", "/local/domain/0/backend/vbd/5/0/params|", "/local/domain/50|",
		"/local/domain/6|", "/vm|", VM "0|", "relative|", NULL }; *p; p++) {
		is_denied(XS_READ, *p);
		is_denied(XS_WRITE, *p);
		is_denied(XS_MKDIR, *p);
		is_denied(XS_RM, *p);
		is_denied(XS_DIRECTORY, *p);
		is_denied(XS_GET_PERMS, *p);
	}
	is_denied(XS_SET_PERMS, "/local/domain/6|n0|");
	is_denied(XS_INTRODUCE, "6|100|3|");
	is_denied(XS_RELEASE, "5|");
	is_denied(XS_WATCH, "/local/domain/5|t|");
	is_denied(XS_CONTROL, "check|");
	is_denied(XS_SET_TARGET, "5|6|");
	is_denied(WIRE_SET_QUOTA, "nodes|0|");
	assert_int_equal(ask_text(runner, XS_SET_PERMS, 0, "@releaseDomain|n5|", NULL), -EINVAL);
	assert_true(exists("/local/domain/50"));
}

static void a_runner_gives_nothing_to_other_domains(void **state)
{
	(void)state;
	make_domain();
	is_denied(XS_SET_PERMS, "/local/domain/5/data|n6|");
	is_denied(XS_SET_PERMS, "/local/domain/5/data|n5|r6|");
	does(runner, XS_SET_PERMS, "/local/domain/5/data|n0|w5|");
}

static void a_runners_transaction_is_denied_the_same(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(runner, XS_TRANSACTION_START, 0, "|", &a), 0);
	tx = (uint32_t)strtoul(a.body, NULL, 10);
	assert_int_equal(ask_text(runner, XS_WRITE, tx, "/local/domain/6/x|1", NULL), -EACCES);
	assert_int_equal(ask_text(runner, XS_WRITE, tx, "/local/domain/5/x|1", NULL), 0);
	assert_int_equal(ask_text(runner, XS_TRANSACTION_END, tx, "T|", NULL), 0);
	assert_true(exists("/local/domain/5/x"));
}

/* Makes nodes with this in their paths until one is refused; returns how many there were. */
static unsigned make_until_refused(const char *below, int error)
{
	for (unsigned i = 0;; i++) {
		char body[128];
		int r;

		(void)snprintf(body, sizeof(body), "%s/%u|", below, i);
		r = ask_text(runner, XS_MKDIR, 0, body, NULL);
		if (r == 0)
			continue;
		assert_int_equal(r, error);
		return i;
	}
}

static void a_runner_has_the_quotas_of_its_domain(void **state)
{
	uint32_t nodes = s->nr_nodes;
	unsigned nr;

	(void)state;
	make_domain();
	does(dom0, WIRE_SET_QUOTA, "5|nodes|100|");
	/* The two folders, what they are below of not. The guest's nodes are another account. */
	nr = make_until_refused("/local/domain/5/many", -ENOSPC);
	assert_string_equal(fake_store_log, "domain 5 wants more than its quota 'nodes' of 100 allows");
	nr += make_until_refused(VM "/many", -ENOSPC);
	/* the folder, vm, many; VM, name */
	assert_int_equal(nr, 100 - 5);
	nr = make_until_refused("/local/domain/5/data/many", -ENOSPC);
	assert_int_equal(nr, 100 - 2);
	assert_int_equal(domain_find(s, 5)->nr_nodes, 100);
	/* none of its own to the guest's when there is no room */
	assert_int_equal(ask_text(runner, XS_SET_PERMS, 0, "/local/domain/5/many/1|n5|", NULL), -ENOSPC);
	assert_int_equal(s->nr_nodes, nodes + 200 + 3);	/* /local, /local/domain, /vm */
	does(runner, XS_RM, "/local/domain/5/many/1|");
	does(runner, XS_WRITE, "/local/domain/5/again|1");
	assert_int_equal(ask_text(runner, XS_WRITE, 0, "/local/domain/5/more|1", NULL), -ENOSPC);
	/* domain 0 proper has none */
	does(dom0, XS_WRITE, "/local/domain/5/more|1");
}

static void a_runners_transaction_has_quotas(void **state)
{
	uint32_t tx[3];
	char body[64];

	(void)state;
	make_domain();
	does(dom0, WIRE_SET_QUOTA, "5|nodes|20|");
	does(dom0, WIRE_SET_QUOTA, "5|transactions|2|");
	does(dom0, WIRE_SET_QUOTA, "5|transaction-nodes|40|");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ask_text(runner, XS_TRANSACTION_START, 0, "|", &a), 0);
		tx[i] = (uint32_t)strtoul(a.body, NULL, 10);
	}
	assert_int_equal(ask_text(runner, XS_TRANSACTION_START, 0, "|", NULL), -ENOSPC);
	/* 4 are there; each alone has room for its 10, both together have not */
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(body, sizeof(body), "/local/domain/5/%u|", i);
		assert_int_equal(ask_text(runner, XS_MKDIR, tx[i / 10], body, NULL), 0);
	}
	assert_int_equal(ask_text(runner, XS_TRANSACTION_END, tx[0], "T|", NULL), 0);
	assert_int_equal(ask_text(runner, XS_TRANSACTION_END, tx[1], "T|", NULL), -ENOSPC);
	assert_int_equal(ask_text(runner, XS_TRANSACTION_START, 0, "|", &a), 0);
	tx[0] = (uint32_t)strtoul(a.body, NULL, 10);
	/* what it only looks for counts, too: the three above, and these */
	for (unsigned i = 0; i < 37; i++) {
		(void)snprintf(body, sizeof(body), "/local/domain/5/none%u|", i);
		assert_int_equal(ask_text(runner, XS_READ, tx[0], body, NULL), -ENOENT);
	}
	assert_int_equal(ask_text(runner, XS_READ, tx[0], "/local/domain/5/other|", NULL), -ENOSPC);
	assert_int_equal(ask_text(runner, XS_TRANSACTION_END, tx[0], "F|", NULL), 0);
}

static void a_runners_values_and_permissions_have_quotas(void **state)
{
	char body[XENSTORE_PAYLOAD_MAX];

	(void)state;
	make_domain();
	memset(body, 'x', sizeof(body));
	memcpy(body, "/local/domain/5/big", 20);
	assert_int_equal(ask(runner, XS_WRITE, 0, body, sizeof(body), NULL), -ENOSPC);
	assert_int_equal(ask(runner, XS_WRITE, 0, body, 2000, NULL), 0);
	assert_int_equal(ask_text(runner, XS_SET_PERMS, 0, "/local/domain/5|n0|r5|r0|r5|r0|r5|", NULL), -ENOSPC);
	does(dom0, WIRE_SET_QUOTA, "5|memory|2000|");
	assert_int_equal(ask(runner, XS_WRITE, 0, body, 2000, NULL), -ENOMEM);
	does(runner, XS_RM, "/local/domain/5/big|");
	does(runner, XS_WRITE, "/local/domain/5/small|1");
}

/* However much a guest has: what its process tells it, it is told. */
static void a_full_guest_can_be_asked_to_end(void **state)
{
	struct conn *guest;
	unsigned i;
	int r;

	(void)state;
	make_domain();
	does(runner, XS_WRITE, "/local/domain/5/control/shutdown|");
	does(runner, XS_SET_PERMS, "/local/domain/5/control/shutdown|n5|");
	does(runner, XS_INTRODUCE, "5|100|3|");
	guest = domain_find(s, 5)->conn;
	does(dom0, WIRE_SET_QUOTA, "5|memory|20000|");
	for (i = 0, r = 0; r == 0; i++) {
		char body[1024];

		memset(body, 'x', sizeof(body));
		(void)snprintf(body, sizeof(body), "data/%u", i);
		r = ask(guest, XS_WRITE, 0, body, sizeof(body), NULL);
	}
	assert_int_equal(r, -ENOMEM);
	does(runner, XS_WRITE, "/local/domain/5/control/shutdown|poweroff");
	does(runner, XS_WRITE, "/local/domain/5/control/sysrq|s");
}

/* The next with this id has another process. */
static void a_runners_rights_end_with_its_domain(void **state)
{
	(void)state;
	make_domain();
	domain_destroyed(s, 6);
	assert_false(runner->broken);
	domain_destroyed(s, 5);
	assert_true(runner->broken);
	assert_false(dom0->broken);
	assert_int_equal(conn_wants(runner), 0);
}

static void what_a_domain_had_goes_with_it(void **state)
{
	(void)state;
	does(dom0, XS_WRITE, "/local/domain/0/name|Domain-0");
	make_domain();
	does(runner, XS_INTRODUCE, "5|100|3|");
	does(domain_find(s, 5)->conn, XS_WRITE, "data/x|1");
	does(dom0, XS_WRITE, "/elsewhere|1");
	does(dom0, XS_SET_PERMS, "/elsewhere|n5|");
	does(dom0, XS_WATCH, "@releaseDomain|t|");
	assert_string_equal(next_event(dom0), "@releaseDomain t");
	domain_destroyed(s, 5);
	assert_string_equal(next_event(dom0), "@releaseDomain t");
	assert_false(exists("/local/domain/5"));
	assert_false(exists("/elsewhere"));
	assert_false(exists(VM));
	assert_true(exists("/vm"));
	assert_true(exists("/local/domain/0/name"));
	assert_null(domain_find(s, 5));
}

static void a_domain_that_was_never_introduced_leaves_nothing_either(void **state)
{
	(void)state;
	make_domain();
	domain_destroyed(s, 5);
	assert_false(exists("/local/domain/5"));
	assert_false(exists(VM));
	domain_destroyed(s, 5);
	domain_destroyed(s, 0);
	domain_destroyed(s, 60000);
}

static void a_folder_of_two_goes_with_the_second(void **state)
{
	(void)state;
	make_domain();
	does(dom0, XS_WRITE, "/local/domain/6/vm|" VM);
	domain_destroyed(s, 5);
	assert_true(exists(VM));
	domain_destroyed(s, 6);
	assert_false(exists(VM));
}

static void a_name_that_is_no_folder_of_vm_is_left_alone(void **state)
{
	(void)state;
	does(dom0, XS_WRITE, "/vm/a/b|1");
	does(dom0, XS_WRITE, "/other|1");
	for (const char *const *p = (const char *const[]) { "/vm/a/b", "/vm/", "/vm", "/other", "/vm//a", "a", "", NULL }; *p; p++) {
		char body[64];

		(void)snprintf(body, sizeof(body), "/local/domain/7/vm|%s", *p);
		does(dom0, XS_WRITE, body);
		domain_destroyed(s, 7);
		assert_false(exists("/local/domain/7"));
		assert_true(exists("/vm/a/b"));
		assert_true(exists("/other"));
	}
}

static bool even(void *userdata, unsigned domid)
{
	*(unsigned *)userdata += 1;
	return domid % 2 == 0;
}

static void those_that_are_not_there_any_more_are_found(void **state)
{
	unsigned asked = 0;

	(void)state;
	make_domain();
	does(runner, XS_INTRODUCE, "5|100|3|");
	does(dom0, XS_INTRODUCE, "7|100|3|");
	for (const char *const *p = (const char *const[]) { "0", "2", "3", "9", "11", "03", "3x", "99999", NULL }; *p; p++) {
		char body[64];

		(void)snprintf(body, sizeof(body), "/local/domain/%s/name|x", *p);
		does(dom0, XS_WRITE, body);
	}
	/* one that is not there any more owns the folder of another */
	does(dom0, XS_SET_PERMS, "/local/domain/3|n9|");
	domains_compare(s, even, &asked);
	assert_true(asked >= 6);
	for (const char *const *p = (const char *const[]) { "3", "5", "9", "11", "99999", NULL }; *p; p++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/local/domain/%s", *p);
		assert_false(exists(path));
	}
	assert_true(exists("/local/domain/0/name"));
	assert_true(exists("/local/domain/2/name"));
	assert_true(exists("/local/domain/03/name"));
	assert_true(exists("/local/domain/3x/name"));
	assert_null(domain_find(s, 7));
}

/* Its end was told when nobody listened, and its id will be another's. */
static void one_that_has_made_nothing_loses_its_rights_as_well(void **state)
{
	unsigned asked = 0;

	(void)state;
	assert_false(exists("/local/domain/5"));
	domains_compare(s, even, &asked);
	assert_true(runner->broken);
	assert_false(dom0->broken);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_runner_makes_its_domains_entries_and_introduces_it),
		TEST(a_runner_reaches_nothing_else),
		TEST(a_runner_gives_nothing_to_other_domains),
		TEST(a_runners_transaction_is_denied_the_same),
		TEST(a_runner_has_the_quotas_of_its_domain),
		TEST(a_runners_transaction_has_quotas),
		TEST(a_runners_values_and_permissions_have_quotas),
		TEST(a_full_guest_can_be_asked_to_end),
		TEST(a_runners_rights_end_with_its_domain),
		TEST(what_a_domain_had_goes_with_it),
		TEST(a_domain_that_was_never_introduced_leaves_nothing_either),
		TEST(a_folder_of_two_goes_with_the_second),
		TEST(a_name_that_is_no_folder_of_vm_is_left_alone),
		TEST(those_that_are_not_there_any_more_are_found),
		TEST(one_that_has_made_nothing_loses_its_rights_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
