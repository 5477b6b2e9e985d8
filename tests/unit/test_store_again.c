/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of a store whose daemon is killed meanwhile: a thread stands for its lives, which systemd's socket outlives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include <xen/io/xs_wire.h>

#include "store.h"

#define PATIENCE_S	10
#define PATIENCE_MS	(PATIENCE_S * 1000)

enum death { HEARS_NOTHING, WITH_THE_QUESTION };

static char folder[32], path[48];
static int listener;
static pthread_t thread;
/* written before the thread is there: */
static unsigned deaths;			/* lives that end before they have answered */
static enum death death;
static const char *answer;		/* of the life that comes then: an error, or NULL */

static unsigned acts;
static int descriptors;

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int set_up(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	(void)state;
	strcpy(folder, "/tmp/store-again.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/sock", folder);
	strcpy(sa.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 8), 0);
	acts = 0;
	answer = NULL;
	descriptors = open_descriptors();
	return 0;
}

/* Who was connected to is there no more, whatever it came to. */
static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(open_descriptors(), descriptors);
	close(listener);
	unlink(path);
	rmdir(folder);
	return 0;
}

static void answer_all(int fd)
{
	struct xsd_sockmsg h;
	char body[XENSTORE_PAYLOAD_MAX];

	while (recv(fd, &h, sizeof(h), MSG_WAITALL) == sizeof(h) && recv(fd, body, h.len, MSG_WAITALL) == h.len) {
		const char *text = answer ? answer : "OK";

		h.type = answer ? XS_ERROR : h.type;
		h.len = (uint32_t)strlen(text) + 1;
		(void)!send(fd, &h, sizeof(h), MSG_NOSIGNAL);
		(void)!send(fd, text, h.len, MSG_NOSIGNAL);
	}
}

static void *live(void *unused)
{
	/* for a connection that was left open, which tear_down() finds */
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	char byte;
	int fd;

	for (unsigned life = 0; (fd = accept(listener, NULL, NULL)) >= 0; life++) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (life >= deaths)
			answer_all(fd);
		else if (death == WITH_THE_QUESTION)
			(void)!recv(fd, &byte, 1, 0);
		close(fd);
	}
	return unused;
}

static void daemon_lives(unsigned nr, enum death how)
{
	deaths = nr;
	death = how;
	assert_int_equal(pthread_create(&thread, NULL, live, NULL), 0);
}

static void daemon_ends(void)
{
	assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Nothing is asked before the death is known, if it is one before the question. */
static int act(struct zendo_store *s, void *userdata, struct zendo_error *e)
{
	struct pollfd p = { .fd = zendo_store_fd(s), .events = POLLIN };
	int r;

	assert_string_equal(userdata, "what");
	if (acts++ < deaths && death == HEARS_NOTHING)
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	r = zendo_store_mkdir(s, 0, "/x");
	return zendo_error(e, r, "life %u", acts);
}

static int with(int timeout_ms, struct zendo_error *e)
{
	return zendo_store_with(path, timeout_ms, act, "what", e);
}

static void what_is_done_is_not_done_again(void **state)
{
	(void)state;
	daemon_lives(0, WITH_THE_QUESTION);
	assert_int_equal(with(PATIENCE_MS, NULL), 0);
	assert_int_equal(acts, 1);
	daemon_ends();
}

static void what_is_refused_is_not_asked_again(void **state)
{
	struct zendo_error e = {};

	(void)state;
	answer = "EACCES";
	daemon_lives(0, WITH_THE_QUESTION);
	assert_int_equal(with(PATIENCE_MS, &e), -EACCES);
	assert_string_equal(e.text, "life 1");
	assert_int_equal(acts, 1);
	daemon_ends();
}

static void a_daemon_that_dies_with_the_question_is_asked_again(void **state)
{
	(void)state;
	daemon_lives(ZENDO_STORE_LIVES - 1, WITH_THE_QUESTION);
	assert_int_equal(with(PATIENCE_MS, NULL), 0);
	assert_int_equal(acts, ZENDO_STORE_LIVES);
	daemon_ends();
}

static void a_daemon_that_dies_before_the_question_is_asked_again(void **state)
{
	(void)state;
	daemon_lives(ZENDO_STORE_LIVES - 1, HEARS_NOTHING);
	assert_int_equal(with(PATIENCE_MS, NULL), 0);
	assert_int_equal(acts, ZENDO_STORE_LIVES);
	daemon_ends();
}

static void one_that_dies_of_the_question_is_not_asked_for_ever(void **state)
{
	struct zendo_error e = {};

	(void)state;
	daemon_lives(UINT32_MAX, WITH_THE_QUESTION);
	assert_int_equal(with(PATIENCE_MS, &e), -ECONNRESET);
	assert_string_equal(e.text, "life 5");
	assert_int_equal(acts, ZENDO_STORE_LIVES);
	daemon_ends();
}

/* Its connection waits in the line. */
static void one_that_is_silent_is_not_asked_again(void **state)
{
	struct timespec begin, end;

	(void)state;
	deaths = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_int_equal(with(50, NULL), -ETIMEDOUT);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - begin.tv_sec, 0, ZENDO_STORE_TIMEOUT_MS / 1000 - 1);
	assert_int_equal(acts, 1);
}

static void one_that_is_not_there_is_named(void **state)
{
	struct zendo_error e = {};

	(void)state;
	deaths = 0;
	assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
	assert_int_equal(with(PATIENCE_MS, &e), -ECONNREFUSED);
	assert_string_equal(e.text, "cannot reach the store: Connection refused; is zendo-stored.service up?");
	unlink(path);
	assert_int_equal(with(PATIENCE_MS, &e), -ENOENT);
	assert_string_equal(e.text, "cannot reach the store: No such file or directory; is zendo-stored.service up?");
	assert_int_equal(with(PATIENCE_MS, NULL), -ENOENT);
	assert_int_equal(acts, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_is_not_done_again),
		TEST(what_is_refused_is_not_asked_again),
		TEST(a_daemon_that_dies_with_the_question_is_asked_again),
		TEST(a_daemon_that_dies_before_the_question_is_asked_again),
		TEST(one_that_dies_of_the_question_is_not_asked_for_ever),
		TEST(one_that_is_silent_is_not_asked_again),
		TEST(one_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
