/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "runtime.h"

int zendo_control_address(const char *name, struct sockaddr_un *ret, int *ret_dir)
{
	char path[ZENDO_RUNTIME_PATH_MAX];
	int dir, r;

	r = zendo_runtime_path(name, "", path);
	if (r < 0)
		return r;
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	*ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/control", dir);
	*ret_dir = dir;
	return 0;
}

int zendo_control_connect(const char *name, int *ret_fd)
{
	_cleanup_close_ int fd = -EBADF, dir = -EBADF;
	struct sockaddr_un sa;
	int r;

	r = zendo_control_address(name, &sa, &dir);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int zendo_control_patience(int fd, unsigned seconds)
{
	const struct timeval t = { .tv_sec = seconds };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0 ? -errno : 0;
}

/* A descriptor goes with the first byte that is sent. */
static int send_first(int fd, const char *p, int passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = { (char *)p, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	ssize_t n;

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &passed, sizeof(int));
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int send_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Up to and with the newline, not a byte more. */
static int receive_line(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = recv(fd, buf + len, size - len, MSG_PEEK);
		char *newline;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -EPIPE;
		newline = memchr(buf + len, '\n', (size_t)n);
		if (newline)
			n = newline + 1 - (buf + len);
		n = recv(fd, buf + len, (size_t)n, 0);
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (buf[len - 1] == '\n') {
			buf[len - 1] = '\0';
			return 0;
		}
	}
	return -EPROTO;
}

int zendo_control_request(int fd, struct json_object *request, struct json_object **ret)
{
	return zendo_control_request_with(fd, request, -1, ret);
}

int zendo_control_request_with(int fd, struct json_object *request, int passed, struct json_object **ret)
{
	char line[ZENDO_CONTROL_LINE_MAX];
	struct json_object *answer;
	const char *text;
	int r;

	text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	if (!text)
		return -ENOMEM;
	if (passed >= 0) {
		r = send_first(fd, text, passed);
		if (r < 0)
			return r;
		text++;
	}
	r = send_all(fd, text, strlen(text));
	if (r >= 0)
		r = send_all(fd, "\n", 1);
	if (r < 0)
		return r;
	r = receive_line(fd, line, sizeof(line));
	if (r < 0)
		return r;
	answer = json_tokener_parse(line);
	if (!answer)
		return -EPROTO;
	if (!json_object_is_type(json_object_object_get(answer, "ok"), json_type_boolean)) {
		json_object_put(answer);
		return -EPROTO;
	}
	*ret = answer;
	return 0;
}
