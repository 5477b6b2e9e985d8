/* SPDX-License-Identifier: GPL-2.0-only */
#include "attach.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>

#include <json-c/json.h>

#include "cli.h"
#include "control.h"

/* Put back when we leave, however that is. */
static struct termios saved;
static bool is_raw;

static void terminal_restore(void)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

static void on_fatal_signal(int sig)
{
	terminal_restore();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void terminal_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	t = saved;
	cfmakeraw(&t);
	(void)signal(SIGTERM, on_fatal_signal);
	(void)signal(SIGHUP, on_fatal_signal);
	is_raw = true;
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

int attach_request(int fd, const char *name, const char *mode)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	const char *error;
	int r, status = EXIT_OK;

	(void)json_object_object_add(request, "do", json_object_new_string("console"));
	(void)json_object_object_add(request, "mode", json_object_new_string(mode));
	r = zendo_control_request(fd, request, &answer);
	json_object_put(request);
	if (r < 0)
		return no_answer(name, r);
	if (!json_object_get_boolean(json_object_object_get(answer, "ok"))) {
		error = json_object_get_string(json_object_object_get(answer, "error"));
		status = fail(EXIT_FAILED, "%s: %s%s", name,
			      json_object_get_string(json_object_object_get(answer, "text")),
			      error && strcmp(error, "busy") == 0 ?
			      "; look on with --read-only, or take it over with --force" : "");
	}
	json_object_put(answer);
	return status;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Console to screen. False: the other side closed, or the screen did. */
static bool copy_output(int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	return n > 0 && write_all(STDOUT_FILENO, buf, (size_t)n) >= 0;
}

enum typed { TYPED_ON, TYPED_ESCAPE, TYPED_END };

static enum typed copy_input(int fd, bool types)
{
	char buf[256], *escape = NULL;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? TYPED_ON : TYPED_END;
	if (n == 0)
		return TYPED_END;
	if (is_raw)
		escape = memchr(buf, ATTACH_ESCAPE, (size_t)n);
	if (escape)
		n = escape - buf;
	if (types && n > 0 && write_all(fd, buf, (size_t)n) < 0)
		return TYPED_END;
	return escape ? TYPED_ESCAPE : TYPED_ON;
}

static void copy(int fd, bool types)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = types || is_raw ? STDIN_FILENO : -1, .events = POLLIN },
	};

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (p[0].revents && !copy_output(fd))
			return;
		if (p[1].revents)
			switch (copy_input(fd, types)) {
			case TYPED_ESCAPE:
				return;
			case TYPED_END:
				p[1].fd = -1;
				break;
			case TYPED_ON:
				break;
			}
	}
}

int attach_run(int fd, const char *name, bool types)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "%s '%s'; ^] leaves the console\n", types ? "Connected to" : "Looking at", name);
		terminal_raw();
	}
	copy(fd, types);
	if (is_raw) {
		terminal_restore();
		fputc('\n', stderr);
	}
	return EXIT_OK;
}
