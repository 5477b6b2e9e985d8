/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole console of a runner, with a ring page of ours in the guest's place. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <xen/io/console.h>

#include "console.h"
#include "console_lines.h"
#include "log.h"

/* In the journal's place. */
static unsigned messages, logged;

void log_message(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
	messages++;
}

void log_console(const char *line)
{
	(void)line;
	logged++;
}

struct fixture {
	sd_event *event;
	struct console *console;
	struct xencons_interface page;
	struct domain domain;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->domain.fd = -EBADF;
	f->domain.console_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	console_ring_init(&f->domain.console, &f->page);
	if (sd_event_new(&f->event) < 0 || console_new(f->event, &f->console) < 0 ||
	    console_connect(f->console, &f->domain) < 0)
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	console_free(f->console);
	sd_event_unref(f->event);
	close(f->domain.console_event);
	free(f);
	return 0;
}

/* Until nothing is left to do. */
static void settle(struct fixture *f)
{
	while (sd_event_run(f->event, 0) > 0)
		;
}

static void guest_prints(struct fixture *f, const char *text)
{
	uint64_t one = 1;

	for (const char *p = text; *p; p++)
		f->page.out[MASK_XENCONS_IDX(f->page.out_prod++, f->page.out)] = *p;
	assert_int_equal(write(f->domain.console_event, &one, sizeof(one)), sizeof(one));
	settle(f);
}

static void guest_got(struct fixture *f, const char *expected)
{
	char buf[sizeof(f->page.in) + 1];
	size_t n = 0;

	/* A terminal hands its bytes on by a worker of the kernel: they come when they come. */
	for (int i = 0; i < 100 && f->page.in_prod - f->page.in_cons < strlen(expected); i++)
		(void)sd_event_run(f->event, 50000);
	while (f->page.in_cons != f->page.in_prod)
		buf[n++] = f->page.in[MASK_XENCONS_IDX(f->page.in_cons++, f->page.in)];
	buf[n] = '\0';
	assert_string_equal(buf, expected);
}

/* Our end of a new connection. */
static int attach(struct fixture *f, pid_t pid, enum console_mode mode)
{
	pid_t writer;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(console_attach(f->console, pair[0], pid, mode, true, &writer), 0);
	settle(f);
	return pair[1];
}

static const char *received(struct fixture *f, int fd)
{
	static char buf[1024 * 1024];
	size_t len = 0;
	ssize_t n;

	settle(f);
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0) {
		len += (size_t)n;
		settle(f);
	}
	buf[len] = '\0';
	return buf;
}

static void who_comes_late_sees_the_first_byte(void **state)
{
	struct fixture *f = *state;
	int fd;

	guest_prints(f, "one ");
	fd = attach(f, 1, CONSOLE_READ);
	assert_string_equal(received(f, fd), "one ");
	guest_prints(f, "two");
	assert_string_equal(received(f, fd), "two");
	close(fd);
	settle(f);
}

static void what_the_writer_types_reaches_the_guest(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_WRITE);

	assert_int_equal(console_writer(f->console), 1);
	assert_int_equal(write(fd, "ls\n", 3), 3);
	settle(f);
	guest_got(f, "ls\n");
	close(fd);
	settle(f);
	assert_int_equal(console_writer(f->console), 0);
}

static void who_only_looks_types_nothing(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_READ);

	assert_int_equal(write(fd, "rm\n", 3), 3);
	settle(f);
	guest_got(f, "");
	close(fd);
}

static void a_second_writer_is_told_who_the_first_is(void **state)
{
	struct fixture *f = *state;
	int first = attach(f, 11, CONSOLE_WRITE), pair[2];
	pid_t writer = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(console_attach(f->console, pair[0], 22, CONSOLE_WRITE, true, &writer), -EBUSY);
	assert_int_equal(writer, 11);
	close(pair[0]);
	close(pair[1]);
	close(first);
}

static void force_takes_the_typing_over_and_the_first_looks_on(void **state)
{
	struct fixture *f = *state;
	int first = attach(f, 11, CONSOLE_WRITE), second = attach(f, 22, CONSOLE_FORCE);

	assert_int_equal(console_writer(f->console), 22);
	assert_int_equal(write(first, "a", 1), 1);
	assert_int_equal(write(second, "b", 1), 1);
	settle(f);
	guest_got(f, "b");
	guest_prints(f, "seen");
	assert_string_equal(received(f, first), "seen");
	close(first);
	close(second);
}

static void typed_bytes_wait_for_room_and_none_is_lost(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_WRITE);
	char data[5000], got[sizeof(data) + 1];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 23);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	settle(f);
	while (n < sizeof(data) && f->page.in_cons != f->page.in_prod) {
		while (f->page.in_cons != f->page.in_prod)
			got[n++] = f->page.in[MASK_XENCONS_IDX(f->page.in_cons++, f->page.in)];
		guest_prints(f, "");	/* it tells that it has taken them */
	}
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	close(fd);
}

static void impossible_indices_close_the_console_and_say_so_once(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_WRITE);
	const char *text;

	f->page.out_prod = 1 << 20;
	guest_prints(f, "");
	guest_prints(f, "");
	text = received(f, fd);
	assert_non_null(strstr(text, "impossible indices"));
	assert_null(strstr(strstr(text, "impossible indices") + 1, "impossible indices"));
	assert_int_equal(write(fd, "x", 1), 1);
	settle(f);
	assert_int_equal(f->page.in_prod, 0);
	close(fd);
}

static void the_last_words_are_taken_before_the_ring_is_let_go(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_READ);

	for (const char *p = "panic"; *p; p++)
		f->page.out[f->page.out_prod++] = *p;
	console_disconnect(f->console);
	assert_string_equal(received(f, fd), "panic");
	close(fd);
}

static void debug_text_is_marked_line_by_line(void **state)
{
	struct fixture *f = *state;
	int fd = attach(f, 1, CONSOLE_READ);

	console_debug_text(f->console, "he", 2);
	guest_prints(f, "");
	assert_string_equal(received(f, fd), "");
	console_debug_text(f->console, "llo\n", 4);
	assert_string_equal(received(f, fd), "[debug] hello\r\n");
	close(fd);
}

/* On the console is all of it; a test takes less than the time that is looked at. */
static void a_guest_that_prints_without_end_is_logged_in_part(void **state)
{
	struct fixture *f = *state;

	messages = logged = 0;
	for (unsigned i = 0; i < CONSOLE_BUDGET_LINES + 500; i++)
		console_debug_text(f->console, "line\n", 5);
	assert_int_equal(logged, CONSOLE_BUDGET_LINES);
	assert_int_equal(messages, 1);
}

static void a_slow_reader_stops_nobody_and_is_told_what_it_missed(void **state)
{
	struct fixture *f = *state;
	int slow = attach(f, 1, CONSOLE_READ);
	char line[1024];
	const char *text;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 1000; i++) {
		guest_prints(f, line);
		assert_int_equal(f->page.out_cons, f->page.out_prod);
	}
	text = received(f, slow);
	assert_non_null(strstr(text, "bytes are gone"));
	close(slow);
}

static void the_terminal_shows_and_types(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/console-XXXXXX", link[64];
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(link, sizeof(link), "%s/console", dir);
	assert_int_equal(console_open_terminal(f->console, link, (gid_t)-1), 0);
	guest_prints(f, "login: ");
	fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_string_equal(received(f, fd), "login: ");
	assert_int_equal(write(fd, "root\r", 5), 5);
	settle(f);
	guest_got(f, "root\r");
	assert_int_equal(console_writer(f->console), 0);
	close(fd);
	guest_prints(f, "more");	/* nobody there: kept for the next one */
	fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_string_equal(received(f, fd), "more");
	close(fd);
	unlink(link);
	rmdir(dir);
}

static void collect(const char *line, void *userdata)
{
	strcat(strcat(userdata, line), "|");
}

static void the_last_lines_can_be_asked_for(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	guest_prints(f, "a\r\nb\r\nc\r\nd");
	console_last_lines(f->console, 3, collect, text);
	assert_string_equal(text, "b|c|d|");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_comes_late_sees_the_first_byte),
		TEST(what_the_writer_types_reaches_the_guest),
		TEST(who_only_looks_types_nothing),
		TEST(a_second_writer_is_told_who_the_first_is),
		TEST(force_takes_the_typing_over_and_the_first_looks_on),
		TEST(typed_bytes_wait_for_room_and_none_is_lost),
		TEST(impossible_indices_close_the_console_and_say_so_once),
		TEST(the_last_words_are_taken_before_the_ring_is_let_go),
		TEST(debug_text_is_marked_line_by_line),
		TEST(a_guest_that_prints_without_end_is_logged_in_part),
		TEST(a_slow_reader_stops_nobody_and_is_told_what_it_missed),
		TEST(the_terminal_shows_and_types),
		TEST(the_last_lines_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
