/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to a runner that answers, hangs up, talks nonsense, or stands still. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "control.h"
#include "runtime.h"

int zendo_runtime_path(const char *name, const char *file, char ret[static ZENDO_RUNTIME_PATH_MAX])
{
	(void)name;
	(void)file;
	(void)ret;
	return -ENOENT;
}

/* @said: what the runner has written already; NULL: it has hung up. */
static int ask(const char *said, unsigned patience)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	int fd[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	if (said)
		assert_int_equal(write(fd[1], said, strlen(said)), strlen(said));
	else
		assert_int_equal(shutdown(fd[1], SHUT_WR), 0);
	assert_int_equal(zendo_control_patience(fd[0], patience), 0);
	r = zendo_control_request(fd[0], request, &answer);
	json_object_put(answer);
	json_object_put(request);
	close(fd[0]);
	close(fd[1]);
	return r;
}

static void answers(void **state)
{
	(void)state;
	assert_int_equal(ask("{\"ok\":true}\n", 0), 0);
	assert_int_equal(ask("{\"ok\":false}\nand a console", 1), 0);
	assert_int_equal(ask(NULL, 0), -EPIPE);
	assert_int_equal(ask("nonsense\n", 0), -EPROTO);
	assert_int_equal(ask("{\"ok\":3}\n", 0), -EPROTO);
}

static void one_that_stands_still_is_waited_for_so_long(void **state)
{
	(void)state;
	assert_int_equal(ask("", 1), -ETIMEDOUT);
	assert_int_equal(ask("{\"ok\"", 1), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(one_that_stands_still_is_waited_for_so_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
