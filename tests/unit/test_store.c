/* SPDX-License-Identifier: GPL-2.0-only */
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

static void reads(struct conn *c, uint32_t tx, const char *path, const char *value)
{
	char body[XENSTORE_PAYLOAD_MAX];

	(void)snprintf(body, sizeof(body), "%s|", path);
	assert_int_equal(ask_text(c, XS_READ, tx, body, &a), 0);
	assert_string_equal(a.body, value);
	assert_int_equal(a.h.len, strlen(value));
}

/* ---- tree ---- */

static void a_write_makes_what_is_missing_above(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|v", &a), 0);
	assert_string_equal(a.body, "OK");
	assert_int_equal(a.h.len, 3);
	reads(dom0, 0, "/a/b/c", "v");
	reads(dom0, 0, "/a/b", "");
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/a/b/c|", NULL), 0);
	reads(dom0, 0, "/a/b/c", "v");
	assert_int_equal(ask_text(dom0, XS_READ, 0, "/a/x|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|", NULL), 0);
	reads(dom0, 0, "/a/b/c", "");
}

static void a_removal_takes_all_below_and_needs_only_the_parent(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|v", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, 0, "/a/b/c|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a/b|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/|", NULL), -EINVAL);
}

static void bad_paths_are_refused(void **state)
{
	static const char *const bad[] = { "|", "//|", "/a/|", "/a//b|", "/a b|", "/a\xff|", "/../x|", "@introduceDomain|", "/a\n|", "a/|", "/a" };
	char longest[XENSTORE_ABS_PATH_MAX + 3];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask_text(dom0, XS_READ, 0, bad[i], NULL), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	strcpy(longest + XENSTORE_ABS_PATH_MAX, "|");
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, longest, NULL), 0);
	strcpy(longest + XENSTORE_ABS_PATH_MAX, "a|");
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, longest, NULL), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	strcpy(longest + XENSTORE_REL_PATH_MAX, "|");
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, longest, NULL), 0);
	strcpy(longest + XENSTORE_REL_PATH_MAX, "a|");
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, longest, NULL), -EINVAL);
}

static void a_relative_path_is_below_the_domain(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x|1", NULL), 0);
	reads(dom0, 0, "/local/domain/5/data/x", "1");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "name|Domain-0", NULL), 0);
	reads(dom0, 0, "/local/domain/0/name", "Domain-0");
}

static void names_are_listed_in_parts_that_fit(void **state)
{
	size_t offset = 0, names = 0, len;
	char body[64], gen[32] = "";
	bool end = false;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(body, sizeof(body), "/big/node-%04d|", i);
		assert_int_equal(ask_text(dom0, XS_MKDIR, 0, body, NULL), 0);
	}
	assert_int_equal(ask_text(dom0, XS_DIRECTORY, 0, "/big|", NULL), -E2BIG);
	while (!end) {
		(void)snprintf(body, sizeof(body), "/big|%zu|", offset);
		assert_int_equal(ask_text(dom0, XS_DIRECTORY_PART, 0, body, &a), 0);
		if (!gen[0])
			strcpy(gen, a.body);
		assert_string_equal(a.body, gen);
		for (size_t at = strlen(gen) + 1; at < a.h.len; at += len + 1) {
			len = strlen(a.body + at);
			if (len == 0) {
				end = true;
				break;
			}
			(void)snprintf(body, sizeof(body), "node-%04zu", names++);
			assert_string_equal(a.body + at, body);
			offset += len + 1;
		}
	}
	assert_int_equal(names, 2000);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/big/node-0003|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_DIRECTORY_PART, 0, "/big|0|", &a), 0);
	assert_string_not_equal(a.body, gen);
}

/* ---- permissions ---- */

static void a_stranger_sees_nothing_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x|1", NULL), 0);
	assert_int_equal(ask_text(other, XS_READ, 0, "/local/domain/5/data/x|", NULL), -EACCES);
	/* not even whether it is there */
	assert_int_equal(ask_text(other, XS_READ, 0, "/local/domain/5/data/y|", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_WRITE, 0, "/local/domain/5/data/x|2", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_RM, 0, "/local/domain/5/data|", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_DIRECTORY, 0, "/local/domain/5/data|", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_GET_PERMS, 0, "/local/domain/5/data|", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_SET_PERMS, 0, "/local/domain/5/data|b6|", NULL), -EACCES);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "/local/domain/5/name|x", NULL), -EACCES);
	reads(dom0, 0, "/local/domain/5/data/x", "1");
}

static void permissions_are_inherited_and_the_maker_owns(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/local/domain/5/data|n5|r6|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x|1", NULL), 0);
	assert_int_equal(ask_text(guest, XS_GET_PERMS, 0, "data/x|", &a), 0);
	assert_memory_equal(a.body, "n5\0r6\0", 6);
	assert_int_equal(a.h.len, 6);
	reads(other, 0, "/local/domain/5/data/x", "1");
	/* what domain 0 makes belongs to the owner of what is above */
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/local/domain/5/data/y|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_GET_PERMS, 0, "/local/domain/5/data/y|", &a), 0);
	assert_string_equal(a.body, "n5");
	/* who may write where another owns owns what it makes there */
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/local/domain/5/data|n5|b6|", NULL), 0);
	assert_int_equal(ask_text(other, XS_WRITE, 0, "/local/domain/5/data/z|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_GET_PERMS, 0, "/local/domain/5/data/z|", &a), 0);
	assert_string_equal(a.body, "n6");
}

static void an_owner_keeps_what_it_owns(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|n6|", NULL), -EPERM);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|x5|", NULL), -EINVAL);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|n65536|", NULL), -EINVAL);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|", NULL), -EINVAL);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|w5|r6|", NULL), 0);
	/* the first entry: all others may write */
	assert_int_equal(ask_text(other, XS_WRITE, 0, "/local/domain/5/data|v", NULL), -EACCES);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|w5|", NULL), 0);
	assert_int_equal(ask_text(other, XS_WRITE, 0, "/local/domain/5/data|v", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/local/domain/5/data|n32752|", NULL), -EINVAL);
}

static void a_target_lends_its_rights(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x|1", NULL), 0);
	assert_int_equal(ask_text(other, XS_READ, 0, "/local/domain/5/data/x|", NULL), -EACCES);
	assert_int_equal(ask_text(other, XS_SET_TARGET, 0, "6|5|", NULL), -EACCES);
	assert_int_equal(ask_text(dom0, XS_SET_TARGET, 0, "6|5|", NULL), 0);
	reads(other, 0, "/local/domain/5/data/x", "1");
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "5|", NULL), 0);
	assert_int_equal(domain_find(s, 6)->target, -1);
}

/* ---- watches ---- */

static void a_watch_tells_of_all_below(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|t|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a t");
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|t|", NULL), -EEXIST);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b/c t");
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/ab|1", NULL), 0);
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/a/b|n0|r5|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b t");
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a/b|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b t");
	assert_int_equal(ask_text(dom0, XS_UNWATCH, 0, "/a|u|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_UNWATCH, 0, "/a|t|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_string_equal(next_event(dom0), "");
}

static void a_removal_from_above_names_the_watched_path(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a/b/c|t|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a/q|t|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b/c t");
	assert_string_equal(next_event(dom0), "/a/q t");
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b/c t");
	/* what was not there did not change */
	assert_string_equal(next_event(dom0), "");
}

static void a_depth_limits_what_is_told(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/a|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|0|0|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|1|1|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a 0");
	assert_string_equal(next_event(dom0), "/a 1");
	/* the uppermost that is new is within the depth */
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b 1");
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|2", NULL), 0);
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a|2", NULL), 0);
	/* the newest watch of a path is asked first */
	assert_string_equal(next_event(dom0), "/a 1");
	assert_string_equal(next_event(dom0), "/a 0");
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|x|-1|", NULL), -EINVAL);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|x|1x|", NULL), -EINVAL);
}

static void a_relative_watch_tells_relative_paths(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "data|tok en|", NULL), 0);
	assert_string_equal(next_event(guest), "data tok en");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/local/domain/5/data/x|1", NULL), 0);
	assert_string_equal(next_event(guest), "data/x tok en");
}

static void nobody_is_told_what_it_may_not_read(void **state)
{
	(void)state;
	assert_int_equal(ask_text(other, XS_WATCH, 0, "/local/domain/5|t|", NULL), 0);
	assert_int_equal(ask_text(other, XS_WATCH, 0, "/|t|", NULL), 0);
	(void)next_event(other);
	(void)next_event(other);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x|1", NULL), 0);
	assert_string_equal(next_event(other), "");
	/* losing the right to read is told, and nothing after it */
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|n5|r6|", NULL), 0);
	(void)next_event(other);
	(void)next_event(other);
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "data|n5|", NULL), 0);
	assert_string_equal(next_event(other), "/local/domain/5/data t");
	assert_string_equal(next_event(other), "/local/domain/5/data t");
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data|1", NULL), 0);
	assert_string_equal(next_event(other), "");
}

static void what_is_said_already_is_not_said_twice(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|t|", NULL), 0);
	(void)next_event(dom0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a|1", NULL), 0);
	assert_string_equal(next_event(dom0), "/a t");
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a|1", NULL), 0);
	assert_string_equal(next_event(dom0), "/a t");
}

static void special_watches_tell_of_domains(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@introduceDomain|i|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@introduceDomain|d|1|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@releaseDomain|r|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@releaseDomain/7|7|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@releaseDomain|x|2|", NULL), -EINVAL);
	for (int i = 0; i < 4; i++)
		(void)next_event(dom0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "@introduceDomain|g|", NULL), 0);
	(void)next_event(guest);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "7|1|1|", NULL), 0);
	assert_string_equal(next_event(dom0), "@introduceDomain/7 d");
	assert_string_equal(next_event(dom0), "@introduceDomain i");
	/* guests only when they are let */
	assert_string_equal(next_event(guest), "");
	assert_int_equal(ask_text(guest, XS_SET_PERMS, 0, "@introduceDomain|n0|r5|", NULL), -EACCES);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "@introduceDomain|n0|r5|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_GET_PERMS, 0, "@introduceDomain|", &a), 0);
	assert_memory_equal(a.body, "n0\0r5\0", 6);
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "8|1|1|", NULL), 0);
	assert_string_equal(next_event(guest), "@introduceDomain g");
	(void)next_event(dom0);
	(void)next_event(dom0);
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "8|", NULL), 0);
	assert_string_equal(next_event(dom0), "@releaseDomain r");
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "7|", NULL), 0);
	assert_string_equal(next_event(dom0), "@releaseDomain r");
	assert_string_equal(next_event(dom0), "@releaseDomain/7 7");
}

static void a_shutdown_is_told_once_until_resume(void **state)
{
	(void)state;
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "@releaseDomain|r|", NULL), 0);
	(void)next_event(dom0);
	domain_has_shut_down(s, 5);
	assert_string_equal(next_event(dom0), "@releaseDomain r");
	domain_has_shut_down(s, 5);
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_RESUME, 0, "5|", NULL), 0);
	domain_has_shut_down(s, 5);
	assert_string_equal(next_event(dom0), "@releaseDomain r");
}

/* ---- transactions ---- */

static void a_transaction_is_seen_when_it_is_done(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(dom0, XS_WATCH, 0, "/a|t|", NULL), 0);
	(void)next_event(dom0);
	tx = start(dom0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/b/c|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/b/c|2", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/d|3", NULL), 0);
	reads(dom0, tx, "/a/b/c", "2");
	assert_int_equal(ask_text(dom0, XS_READ, 0, "/a/b/c|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_DIRECTORY, tx, "/a|", &a), 0);
	assert_memory_equal(a.body, "b\0d\0", 4);
	assert_string_equal(next_event(dom0), "");
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL), 0);
	assert_string_equal(next_event(dom0), "/a/b/c t");
	assert_string_equal(next_event(dom0), "/a/d t");
	assert_string_equal(next_event(dom0), "");
	reads(dom0, 0, "/a/b/c", "2");
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a|", NULL), -ENOENT);
}

static void an_abandoned_transaction_leaves_nothing(void **state)
{
	uint32_t tx = start(dom0);

	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/b|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, tx, "/local|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "F|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, 0, "/a|", NULL), -ENOENT);
	reads(dom0, 0, "/local", "");
}

/* What the transaction does, what happens meanwhile, what its commit says. */
static void conflict(const char *setup_path, uint32_t type, const char *body, uint32_t meanwhile, const char *meanwhile_body, int result)
{
	uint32_t tx;

	(void)ask_text(dom0, XS_RM, 0, "/t|", NULL);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, setup_path, NULL), 0);
	tx = start(dom0);
	(void)ask_text(dom0, type, tx, body, NULL);
	assert_int_equal(ask_text(dom0, meanwhile, 0, meanwhile_body, NULL), 0);
	if (ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL) != result)
		fail_msg("%u %s / %u %s", type, body, meanwhile, meanwhile_body);
}

static void only_what_was_looked_at_conflicts(void **state)
{
	(void)state;
	conflict("/t/a|1", XS_READ, "/t/a|", XS_WRITE, "/t/a|2", -EAGAIN);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_RM, "/t/a|", -EAGAIN);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_RM, "/t|", -EAGAIN);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_SET_PERMS, "/t/a|n0|r9|", -EAGAIN);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_WRITE, "/t/b|2", 0);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_WRITE, "/t|2", 0);
	conflict("/t/a|1", XS_READ, "/t/a|", XS_WRITE, "/t/a/below|2", 0);
	conflict("/t/a|1", XS_READ, "/t/b|", XS_WRITE, "/t/b|2", -EAGAIN);
	conflict("/t/a|1", XS_READ, "/t/b/c|", XS_WRITE, "/t/b|2", -EAGAIN);
	conflict("/t/a|1", XS_WRITE, "/t/a|3", XS_WRITE, "/t/a|2", -EAGAIN);
	conflict("/t/a|1", XS_WRITE, "/t/b|3", XS_WRITE, "/t/c|2", 0);
	conflict("/t/a|1", XS_WRITE, "/t/b|3", XS_WRITE, "/t/b|2", -EAGAIN);
	conflict("/t/a|1", XS_WRITE, "/t/b/c|3", XS_RM, "/t|", -EAGAIN);
	conflict("/t/a|1", XS_WRITE, "/t/b/c|3", XS_SET_PERMS, "/t|n0|r9|", -EAGAIN);
	conflict("/t/a|1", XS_DIRECTORY, "/t|", XS_WRITE, "/t/b|2", -EAGAIN);
	conflict("/t/a|1", XS_DIRECTORY, "/t|", XS_RM, "/t/a|", -EAGAIN);
	conflict("/t/a|1", XS_DIRECTORY, "/t|", XS_WRITE, "/t/a|2", 0);
	conflict("/t/a|1", XS_DIRECTORY, "/t|", XS_WRITE, "/t|2", 0);
	conflict("/t/a|1", XS_GET_PERMS, "/t/a|", XS_WRITE, "/t/a|2", 0);
	conflict("/t/a|1", XS_GET_PERMS, "/t/a|", XS_SET_PERMS, "/t/a|n0|r9|", -EAGAIN);
	conflict("/t/a|1", XS_RM, "/t/a|", XS_WRITE, "/t/a|2", -EAGAIN);
	conflict("/t/a|1", XS_RM, "/t/b|", XS_WRITE, "/t/a|2", 0);
	conflict("/t/a|1", XS_MKDIR, "/t/a|", XS_RM, "/t/a|", -EAGAIN);
}

/* What it came along has gone: who gave up for the error would not hear that it may try again. */
static void what_is_refused_for_a_conflict_says_so(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	tx = start(dom0);
	assert_int_equal(ask_text(dom0, XS_MKDIR, tx, "/a/b/d/e|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/x|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/elsewhere|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/x|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, tx, "/a/b/d/e|n0|", NULL), -EAGAIN);
	/* and it does not come back */
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/y|", NULL), -EAGAIN);
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL), -EAGAIN);

	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/g|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/g|b5|", NULL), 0);
	tx = start(guest);
	assert_int_equal(ask_text(guest, XS_READ, tx, "/g|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_READ, tx, "/local|", NULL), -EACCES);
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/g|n0|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_READ, tx, "/g|", NULL), -EAGAIN);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "F|", NULL), 0);
}

/* At the commit all is as it was at first; what was made below it would have no place. */
static void what_came_and_went_again_conflicts_when_it_was_seen(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/a|", NULL), 0);
	tx = start(dom0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/x|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/a/x|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/x/2|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a/x|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL), -EAGAIN);

	/* what was not looked at meanwhile is as it was */
	tx = start(dom0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/x|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_MKDIR, 0, "/a/x|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, 0, "/a/x|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/x/2|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL), 0);
	reads(dom0, 0, "/a/x/2", "1");
}

static void what_is_removed_and_made_again_is_new(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/b/c|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_WRITE, 0, "/a/x|1", NULL), 0);
	tx = start(dom0);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/b/d|1", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_RM, tx, "/a|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/b/c|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_WRITE, tx, "/a/b/e|2", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_READ, tx, "/a/b/d|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_DIRECTORY, tx, "/a/b|", &a), 0);
	assert_memory_equal(a.body, "e\0", 2);
	assert_int_equal(a.h.len, 2);
	assert_int_equal(ask_text(dom0, XS_TRANSACTION_END, tx, "T|", NULL), 0);
	assert_int_equal(ask_text(dom0, XS_DIRECTORY, 0, "/a|", &a), 0);
	assert_memory_equal(a.body, "b\0", 2);
	assert_int_equal(a.h.len, 2);
	reads(dom0, 0, "/a/b/e", "2");
}

static void transactions_belong_to_their_connection(void **state)
{
	uint32_t tx = start(guest);

	(void)state;
	assert_int_equal(ask_text(other, XS_TRANSACTION_END, tx, "T|", NULL), -ENOENT);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_START, tx, "|", NULL), -EBUSY);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "X|", NULL), -EINVAL);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, 0, "T|", NULL), -ENOENT);
	assert_int_equal(ask_text(guest, XS_RESET_WATCHES, 0, "|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_TRANSACTION_END, tx, "T|", NULL), -ENOENT);
}

/* ---- domains ---- */

static void a_domain_that_ends_leaves_nothing_to_the_next(void **state)
{
	uint32_t nodes = s->nr_nodes;

	(void)state;
	assert_int_equal(ask_text(dom0, XS_SET_PERMS, 0, "/tool|n0|b5|r6|", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WRITE, 0, "data/x/y|1", NULL), 0);
	assert_int_equal(ask_text(guest, XS_WATCH, 0, "data|t|", NULL), 0);
	(void)start(guest);
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "5|", NULL), 0);
	assert_int_equal(s->nr_nodes, nodes - 1);	/* data, which it owned, is gone */
	assert_null(domain_find(s, 5));
	assert_int_equal(ask_text(dom0, XS_GET_PERMS, 0, "/tool|", &a), 0);
	assert_memory_equal(a.body, "n0\0r6\0", 6);
	assert_int_equal(ask_text(dom0, XS_RELEASE, 0, "5|", NULL), -ENOENT);
	assert_int_equal(ask_text(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "5|", &a), 0);
	assert_string_equal(a.body, "F");
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "5|1|1|", NULL), 0);
	guest = domain_find(s, 5)->conn;
	assert_int_equal(ask_text(guest, XS_READ, 0, "/tool|", NULL), -EACCES);
	assert_int_equal(ask_text(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "5|", &a), 0);
	assert_string_equal(a.body, "T");
}

static void guests_do_not_manage(void **state)
{
	static const uint32_t types[] = { XS_INTRODUCE, XS_RELEASE, XS_RESUME, XS_SET_TARGET, XS_IS_DOMAIN_INTRODUCED, XS_CONTROL,
					  WIRE_SET_FEATURE, WIRE_GET_QUOTA, WIRE_SET_QUOTA };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(ask_text(guest, types[i], 0, "6|1|1|", NULL), -EACCES);
	assert_int_equal(ask_text(guest, XS_GET_DOMAIN_PATH, 0, "0006|", &a), 0);
	assert_string_equal(a.body, "/local/domain/6");
}

static void wrong_domains_are_not_introduced(void **state)
{
	static const char *const wrong[] = { "0|1|1|", "32752|1|1|", "65536|1|1|", "x|1|1|", "7|1|0|", "7|1|", "|1|1|", "7|-1|1|" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, wrong[i], NULL), -EINVAL);
	fake_store_introduce = -ENOENT;
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "7|1|1|", NULL), -ENOENT);
	assert_null(domain_find(s, 7));
}

static void unknown_types_are_enosys(void **state)
{
	static const uint32_t types[] = { XS_WATCH_EVENT, XS_ERROR, XS_SET_TARGET + 1, WIRE_TYPES, XS_INVALID, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(ask_text(dom0, types[i], 0, "x|", NULL), -ENOSYS);
}

static void features_are_set_before_a_domain_comes(void **state)
{
	(void)state;
	assert_int_equal(ask_text(guest, WIRE_GET_FEATURE, 0, "", &a), 0);
	assert_string_equal(a.body, "7");
	assert_int_equal(ask_text(guest, WIRE_GET_FEATURE, 0, "6|", NULL), -EACCES);
	assert_int_equal(ask_text(dom0, WIRE_SET_FEATURE, 0, "5|1|", NULL), -EBUSY);
	assert_int_equal(ask_text(dom0, WIRE_SET_FEATURE, 0, "9|8|", NULL), -EINVAL);
	assert_int_equal(ask_text(dom0, WIRE_SET_FEATURE, 0, "9|3|", NULL), 0);
	assert_int_equal(ask_text(dom0, WIRE_GET_FEATURE, 0, "9|", &a), 0);
	assert_string_equal(a.body, "3");
	assert_int_equal(ask_text(dom0, XS_INTRODUCE, 0, "9|1|1|", NULL), 0);
	/* without the feature the third string is reserved */
	assert_int_equal(ask_text(domain_find(s, 9)->conn, XS_WATCH, 0, "x|t|0|", NULL), 0);
	assert_int_equal(domain_find(s, 9)->conn->watches->depth, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_makes_what_is_missing_above),
		TEST(a_removal_takes_all_below_and_needs_only_the_parent),
		TEST(bad_paths_are_refused),
		TEST(a_relative_path_is_below_the_domain),
		TEST(names_are_listed_in_parts_that_fit),
		TEST(a_stranger_sees_nothing_and_changes_nothing),
		TEST(permissions_are_inherited_and_the_maker_owns),
		TEST(an_owner_keeps_what_it_owns),
		TEST(a_target_lends_its_rights),
		TEST(a_watch_tells_of_all_below),
		TEST(a_removal_from_above_names_the_watched_path),
		TEST(a_depth_limits_what_is_told),
		TEST(a_relative_watch_tells_relative_paths),
		TEST(nobody_is_told_what_it_may_not_read),
		TEST(what_is_said_already_is_not_said_twice),
		TEST(special_watches_tell_of_domains),
		TEST(a_shutdown_is_told_once_until_resume),
		TEST(a_transaction_is_seen_when_it_is_done),
		TEST(an_abandoned_transaction_leaves_nothing),
		TEST(only_what_was_looked_at_conflicts),
		TEST(what_came_and_went_again_conflicts_when_it_was_seen),
		TEST(what_is_refused_for_a_conflict_says_so),
		TEST(what_is_removed_and_made_again_is_new),
		TEST(transactions_belong_to_their_connection),
		TEST(a_domain_that_ends_leaves_nothing_to_the_next),
		TEST(guests_do_not_manage),
		TEST(wrong_domains_are_not_introduced),
		TEST(unknown_types_are_enosys),
		TEST(features_are_set_before_a_domain_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
