/* SPDX-License-Identifier: GPL-2.0-only */
/* libzendo's client of the store: bytes that a store sends, also one that lies. tests/stored has it with the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <xen/io/xs_wire.h>

#include "store.h"

static struct zendo_store *s;
static int peer;

static int set_up(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(zendo_store_open_fd(fds[0], &s), 0);
	zendo_store_set_timeout(s, 50);
	peer = fds[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	zendo_store_close(s);
	close(peer);
	return 0;
}

static void say(uint32_t type, uint32_t req, const char *body, size_t len)
{
	const struct xsd_sockmsg h = { .type = type, .req_id = req, .len = (uint32_t)len };

	assert_int_equal(write(peer, &h, sizeof(h)), sizeof(h));
	if (len)
		assert_int_equal(write(peer, body, len), len);
}

#define SAY(type, req, text) say(type, req, text, sizeof(text))

static int readable(void)
{
	struct pollfd p = { .fd = zendo_store_fd(s), .events = POLLIN };

	return poll(&p, 1, 0);
}

static void events_between_a_request_and_its_answer_are_kept_and_seen_by_poll(void **state)
{
	_cleanup_free_ char *value = NULL, *path = NULL, *path2 = NULL;
	const char *token;
	size_t len;

	(void)state;
	SAY(XS_WATCH_EVENT, 0, "/a\0one");
	SAY(XS_WATCH_EVENT, 0, "/b\0two");
	say(XS_READ, 1, "va\0l", 4);
	assert_int_equal(readable(), 1);
	assert_int_equal(zendo_store_read(s, 0, "/x", &value, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(value, "va\0l", 5);
	assert_int_equal(readable(), 1);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), 1);
	assert_string_equal(path, "/a");
	assert_string_equal(token, "one");
	assert_int_equal(readable(), 1);
	assert_int_equal(zendo_store_read_watch(s, &path2, &token), 1);
	assert_string_equal(path2, "/b");
	assert_string_equal(token, "two");
	assert_int_equal(readable(), 0);
	assert_int_equal(zendo_store_read_watch(s, &path2, &token), 0);
}

static void half_a_message_is_waited_for(void **state)
{
	const struct xsd_sockmsg h = { .type = XS_WATCH_EVENT, .len = 5 };
	_cleanup_free_ char *path = NULL;
	const char *token;

	(void)state;
	assert_int_equal(write(peer, &h, 10), 10);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), 0);
	assert_int_equal(write(peer, (const char *)&h + 10, 6), 6);
	assert_int_equal(write(peer, "/a", 3), 3);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), 0);
	assert_int_equal(write(peer, "t", 2), 2);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), 1);
	assert_string_equal(path, "/a");
	assert_string_equal(token, "t");
}

static void refusals_have_their_errors_and_leave_the_connection(void **state)
{
	char *value;

	(void)state;
	SAY(XS_ERROR, 1, "ENOENT");
	SAY(XS_ERROR, 2, "EACCES");
	SAY(XS_ERROR, 3, "EUNHEARDOF");
	SAY(XS_MKDIR, 4, "OK");
	assert_int_equal(zendo_store_read(s, 0, "/x", &value, NULL), -ENOENT);
	assert_int_equal(zendo_store_rm(s, 0, "/x"), -EACCES);
	assert_int_equal(zendo_store_rm(s, 0, "/x"), -EIO);
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), 0);
}

static void numbers_are_only_numbers(void **state)
{
	uint64_t n = 7;

	(void)state;
	say(XS_READ, 1, "18446744073709551615", 20);
	say(XS_READ, 2, "18446744073709551616", 20);
	say(XS_READ, 3, "12a", 3);
	say(XS_READ, 4, "", 0);
	say(XS_READ, 5, "-1", 2);
	say(XS_READ, 6, "5\0", 2);
	assert_int_equal(zendo_store_read_u64(s, 0, "/n", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(zendo_store_read_u64(s, 0, "/n", &n), -ERANGE);
	for (int i = 0; i < 4; i++)
		assert_int_equal(zendo_store_read_u64(s, 0, "/n", &n), -EINVAL);
	assert_true(n == UINT64_MAX);
}

static void a_listing_in_parts_that_changes_begins_again(void **state)
{
	_cleanup_free_ char **names = NULL;
	size_t nr;

	(void)state;
	SAY(XS_ERROR, 1, "E2BIG");
	SAY(XS_DIRECTORY_PART, 2, "7\0old");
	SAY(XS_DIRECTORY_PART, 3, "8\0y");
	SAY(XS_DIRECTORY_PART, 4, "8\0a\0b");
	SAY(XS_DIRECTORY_PART, 5, "8\0c\0");
	assert_int_equal(zendo_store_list(s, 0, "/l", &names, &nr), 0);
	assert_int_equal(nr, 3);
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	assert_string_equal(names[2], "c");
	assert_null(names[3]);
}

static void is_broken(int error)
{
	const char *token;
	char *path;

	assert_int_equal(readable(), 1);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), error);
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), error);
}

static void an_answer_to_another_question_ends_the_connection(void **state)
{
	(void)state;
	SAY(XS_MKDIR, 2, "OK");
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -EPROTO);
	is_broken(-EPROTO);
}

static void an_answer_to_no_question_ends_the_connection(void **state)
{
	const char *token;
	char *path;

	(void)state;
	SAY(XS_MKDIR, 0, "OK");
	assert_int_equal(zendo_store_read_watch(s, &path, &token), -EPROTO);
	is_broken(-EPROTO);
}

static void a_message_that_is_too_long_ends_the_connection(void **state)
{
	const struct xsd_sockmsg h = { .type = XS_READ, .req_id = 1, .len = XENSTORE_PAYLOAD_MAX + 1 };

	(void)state;
	assert_int_equal(write(peer, &h, sizeof(h)), sizeof(h));
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -EPROTO);
	is_broken(-EPROTO);
}

static void an_event_without_a_token_ends_the_connection(void **state)
{
	(void)state;
	say(XS_WATCH_EVENT, 0, "/a\0tok", 6);
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -EPROTO);
	is_broken(-EPROTO);
}

static void silence_and_the_end_are_told(void **state)
{
	(void)state;
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -ETIMEDOUT);
	is_broken(-ETIMEDOUT);
	tear_down(NULL);
	set_up(NULL);
	assert_int_equal(shutdown(peer, SHUT_RDWR), 0);
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -ECONNRESET);
	is_broken(-ECONNRESET);
}

static void events_are_read_before_the_end_is_told(void **state)
{
	_cleanup_free_ char *path = NULL;
	const char *token;

	(void)state;
	SAY(XS_WATCH_EVENT, 0, "/a\0one");
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	assert_int_equal(zendo_store_mkdir(s, 0, "/x"), -ECONNRESET);
	assert_int_equal(zendo_store_read_watch(s, &path, &token), 1);
	assert_string_equal(token, "one");
	is_broken(-ECONNRESET);
}

static void what_is_longer_than_a_message_is_not_sent(void **state)
{
	static char big[XENSTORE_PAYLOAD_MAX];
	char byte;

	(void)state;
	assert_int_equal(zendo_store_write(s, 0, "/x", big, sizeof(big)), -E2BIG);
	assert_int_equal(recv(peer, &byte, 1, MSG_DONTWAIT), -1);
	SAY(XS_WRITE, 1, "OK");
	assert_int_equal(zendo_store_write(s, 0, "/x", big, sizeof(big) - 3), 0);
}

static void permissions_are_spoken_and_read(void **state)
{
	_cleanup_free_ struct zendo_store_perm *perms = NULL;
	char text[12];
	size_t nr;

	(void)state;
	SAY(XS_GET_PERMS, 1, "n0\0r65535");
	assert_int_equal(zendo_store_get_perms(s, 0, "/x", &perms, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(perms[0].access, ZENDO_STORE_NONE);
	assert_int_equal(perms[1].domid, 65535);
	assert_string_equal(zendo_store_format_perm(&perms[1], text), "r65535");
	for (const char *const *p = (const char *const[]) { "", "x1", "n", "n-1", "n+1", "b1 ", "w65536", NULL }; *p; p++)
		assert_int_equal(zendo_store_parse_perm(*p, &perms[0]), -EINVAL);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_between_a_request_and_its_answer_are_kept_and_seen_by_poll),
		TEST(half_a_message_is_waited_for),
		TEST(refusals_have_their_errors_and_leave_the_connection),
		TEST(numbers_are_only_numbers),
		TEST(a_listing_in_parts_that_changes_begins_again),
		TEST(an_answer_to_another_question_ends_the_connection),
		TEST(an_answer_to_no_question_ends_the_connection),
		TEST(a_message_that_is_too_long_ends_the_connection),
		TEST(an_event_without_a_token_ends_the_connection),
		TEST(silence_and_the_end_are_told),
		TEST(events_are_read_before_the_end_is_told),
		TEST(what_is_longer_than_a_message_is_not_sent),
		TEST(permissions_are_spoken_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
