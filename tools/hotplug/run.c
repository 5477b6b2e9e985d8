/* SPDX-License-Identifier: GPL-2.0-only */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"

#define MOST_BYTES	(1 << 20)

struct stream {
	int fd;
	char *text;
	size_t len, size;
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* There is a NUL behind what was read. */
static int take(struct stream *s)
{
	char *more;
	ssize_t n;

	if (s->size - s->len < 4096) {
		if (s->size >= MOST_BYTES)
			return -EFBIG;
		more = realloc(s->text, s->size * 2 + 8192);
		if (!more)
			return -ENOMEM;
		s->text = more;
		s->size = s->size * 2 + 8192;
	}
	n = read(s->fd, s->text + s->len, s->size - s->len - 1);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		s->fd = safe_close(s->fd);
		n = 0;
	}
	s->len += (size_t)n;
	s->text[s->len] = '\0';
	return 0;
}

/* Until both have ended, or the time has. */
static int listen_to(struct stream *out, struct stream *err, int timeout_ms)
{
	const int64_t end = now_ms() + timeout_ms;
	int r = 0;

	while (r >= 0 && (out->fd >= 0 || err->fd >= 0)) {
		struct pollfd p[] = { { .fd = out->fd, .events = POLLIN }, { .fd = err->fd, .events = POLLIN } };
		const int64_t left = end - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			r = take(out);
		if (r >= 0 && p[1].revents)
			r = take(err);
	}
	return r;
}

/* Jobs block all signals, which a program of others would inherit. */
static int spawn(const char *const *args, int out, int err, pid_t *ret)
{
	char *const environment[] = { (char[]) { "LC_ALL=C" }, (char[]) { "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	if (posix_spawnattr_init(&attr) != 0)
		return -ENOMEM;
	if (posix_spawn_file_actions_init(&actions) != 0) {
		(void)posix_spawnattr_destroy(&attr);
		return -ENOMEM;
	}
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, err, 2);
	if (r == 0)
		r = posix_spawn(ret, args[0], &actions, &attr, (char *const *)args, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return -r;
}

int run(const char *const *args, int timeout_ms, char **ret_out, char **ret_err)
{
	_cleanup_close_ int out_end = -EBADF, err_end = -EBADF;
	struct stream out = { .fd = -EBADF }, err = { .fd = -EBADF };
	int pipes[2], status = 0, r;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	out.fd = pipes[0];
	out_end = pipes[1];
	r = pipe2(pipes, O_CLOEXEC) < 0 ? -errno : 0;
	if (r >= 0) {
		err.fd = pipes[0];
		err_end = pipes[1];
		r = spawn(args, out_end, err_end, &pid);
	}
	if (r >= 0) {
		out_end = safe_close(out_end);
		err_end = safe_close(err_end);
		r = listen_to(&out, &err, timeout_ms);
		if (r < 0)
			(void)kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	safe_close(out.fd);
	safe_close(err.fd);
	if (r >= 0 && (!out.text || !err.text))
		r = -EIO;
	if (r < 0) {
		free(out.text);
		free(err.text);
		return r;
	}
	*ret_out = out.text;
	*ret_err = err.text;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
