/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection: requests with their answers, and events. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <xen/io/xs_wire.h>

#include "runtime.h"
#include "store-request.h"

struct event {
	struct event *next;
	size_t len;
	char bytes[];			/* path, NUL, token, NUL */
};

struct zendo_store {
	int fd, poll_fd;
	int waiting_fd;			/* eventfd: readable while an event waits here and not in fd */
	int timeout_ms;
	int error;			/* of the connection; for ever */
	uint32_t last_req;
	struct event *first, **end;
	size_t events_bytes;
	size_t got;			/* bytes of the message that is being read */
	struct xsd_sockmsg head;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

/* ---- the connection ---- */

static int add_to_poll(struct zendo_store *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int zendo_store_open_fd(int fd, struct zendo_store **ret)
{
	_cleanup_(zendo_store_closep) struct zendo_store *s = calloc(1, sizeof(*s));
	int flags = fcntl(fd, F_GETFL), r;

	if (!s)
		return -ENOMEM;
	s->fd = s->poll_fd = s->waiting_fd = -EBADF;
	s->end = &s->first;
	s->timeout_ms = ZENDO_STORE_TIMEOUT_MS;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->poll_fd < 0)
		return -errno;
	s->waiting_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->waiting_fd < 0)
		return -errno;
	r = add_to_poll(s, s->waiting_fd);
	if (r >= 0)
		r = add_to_poll(s, fd);
	if (r < 0)
		return r;
	s->fd = fd;
	*ret = TAKE_PTR(s);
	return 0;
}

static int connect_socket(const char *path, int *ret_fd)
{
	/* how long connect() waits for a place in the line; the answer's time is counted by itself */
	const struct timeval patience = { .tv_sec = ZENDO_STORE_TIMEOUT_MS / 1000 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -EBADF;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int zendo_store_open(const char *path, struct zendo_store **ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r = 0;

	if (!path)
		path = ZENDO_STORE_SOCKET;
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISSOCK(st.st_mode))
		r = connect_socket(path, &fd);
	else if (S_ISCHR(st.st_mode))
		r = (fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)) < 0 ? -errno : 0;
	else
		r = -ENOTSOCK;
	if (r >= 0)
		r = zendo_store_open_fd(fd, ret);
	if (r >= 0)
		TAKE_FD(fd);
	return r;
}

void zendo_store_close(struct zendo_store *s)
{
	struct event *ev;

	if (!s)
		return;
	while ((ev = s->first)) {
		s->first = ev->next;
		free(ev);
	}
	safe_close(s->fd);
	safe_close(s->poll_fd);
	safe_close(s->waiting_fd);
	free(s);
}

int zendo_store_fd(const struct zendo_store *s)
{
	return s->poll_fd;
}

void zendo_store_set_timeout(struct zendo_store *s, int ms)
{
	s->timeout_ms = ms;
}

int store_fail(struct zendo_store *s, int error)
{
	const uint64_t one = 1;

	/* whoever waits for events is to see it */
	if (s->error == 0 && !s->first)
		(void)!write(s->waiting_fd, &one, sizeof(one));
	if (s->error == 0)
		s->error = error;
	return s->error;
}

/* ---- messages from the store ---- */

static int keep_event(struct zendo_store *s)
{
	const uint64_t one = 1;
	const char *token = memchr(s->body, 0, s->head.len);
	struct event *ev;

	if (!token || !memchr(token + 1, 0, s->head.len - (size_t)(token + 1 - s->body)))
		return store_fail(s, -EPROTO);
	if (s->events_bytes + sizeof(*ev) + s->head.len > ZENDO_STORE_EVENTS_MOST)
		return store_fail(s, -ENOBUFS);
	ev = malloc(sizeof(*ev) + s->head.len);
	if (!ev)
		return store_fail(s, -ENOMEM);
	ev->next = NULL;
	ev->len = s->head.len;
	memcpy(ev->bytes, s->body, s->head.len);
	if (!s->first)
		(void)!write(s->waiting_fd, &one, sizeof(one));
	*s->end = ev;
	s->end = &ev->next;
	s->events_bytes += sizeof(*ev) + ev->len;
	return 0;
}

/* More of the message that is coming: 1 it is complete, 0 not now. */
static int receive(struct zendo_store *s)
{
	for (;;) {
		const size_t head = sizeof(s->head);
		char *to = s->got < head ? (char *)&s->head + s->got : s->body + (s->got - head);
		size_t want = s->got < head ? head - s->got : head + s->head.len - s->got;
		ssize_t n;

		if (s->got >= head && want == 0) {
			s->got = 0;
			s->body[s->head.len] = '\0';
			return 1;
		}
		n = read(s->fd, to, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : store_fail(s, -errno);
		if (n == 0)
			return store_fail(s, -ECONNRESET);
		s->got += (size_t)n;
		if (s->got == head && s->head.len > XENSTORE_PAYLOAD_MAX)
			return store_fail(s, -EPROTO);
	}
}

/* 1: an answer is there, 0: nothing more is there now. Events are kept. */
static int receive_answer(struct zendo_store *s)
{
	int r;

	if (s->error < 0)
		return s->error;
	while ((r = receive(s)) > 0) {
		if (s->head.type != XS_WATCH_EVENT)
			return 1;
		r = keep_event(s);
		if (r < 0)
			return r;
	}
	return r;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(struct zendo_store *s, short events, int64_t begin)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	int64_t left = -1;

	if (s->timeout_ms >= 0) {
		left = begin + s->timeout_ms - now_ms();
		if (left < 0)
			left = 0;
	}
	if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
		return store_fail(s, -errno);
	return s->timeout_ms >= 0 && p.revents == 0 && left == 0 ? store_fail(s, -ETIMEDOUT) : 0;
}

/* ---- requests ---- */

/* Without MSG_NOSIGNAL, which a device does not know, one would need SIGPIPE blocked. */
static ssize_t put_bytes(const struct zendo_store *s, const char *bytes, size_t len)
{
	ssize_t n = send(s->fd, bytes, len, MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(s->fd, bytes, len) : n;
}

static int send_all(struct zendo_store *s, const char *bytes, size_t len, int64_t begin)
{
	while (len > 0) {
		ssize_t n = put_bytes(s, bytes, len);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			r = wait_for(s, POLLOUT, begin);
			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return store_fail(s, errno == EPIPE ? -ECONNRESET : -errno);
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int error_of(const char *name)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (strcmp(name, xsd_errors[i].errstring) == 0)
			return -xsd_errors[i].errnum;
	return -EIO;
}

int store_request(struct zendo_store *s, uint32_t type, uint32_t tx, const struct iovec *parts, size_t nr, struct store_answer *ret)
{
	char out[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg head = { .type = type, .tx_id = tx };
	int64_t begin = now_ms();
	int r;

	for (size_t i = 0; i < nr; i++) {
		if (parts[i].iov_len > XENSTORE_PAYLOAD_MAX - head.len)
			return -E2BIG;
		memcpy(out + sizeof(head) + head.len, parts[i].iov_base, parts[i].iov_len);
		head.len += (uint32_t)parts[i].iov_len;
	}
	if (s->error < 0)
		return s->error;
	head.req_id = ++s->last_req;
	memcpy(out, &head, sizeof(head));
	r = send_all(s, out, sizeof(head) + head.len, begin);
	while (r == 0 && (r = receive_answer(s)) == 0)
		r = wait_for(s, POLLIN, begin);
	if (r < 0)
		return r;
	if (s->head.req_id != head.req_id || (s->head.type != type && s->head.type != XS_ERROR))
		return store_fail(s, -EPROTO);
	if (s->head.type == XS_ERROR)
		return error_of(s->body);
	if (ret)
		*ret = (struct store_answer) { s->body, s->head.len };
	return 0;
}

/* ---- watches ---- */

static int request_watch(struct zendo_store *s, uint32_t type, const char *path, const char *token)
{
	const struct iovec parts[] = { store_string(path), store_string(token) };

	return store_request(s, type, 0, parts, 2, NULL);
}

int zendo_store_watch(struct zendo_store *s, const char *path, const char *token)
{
	return request_watch(s, XS_WATCH, path, token);
}

int zendo_store_unwatch(struct zendo_store *s, const char *path, const char *token)
{
	return request_watch(s, XS_UNWATCH, path, token);
}

int zendo_store_read_watch(struct zendo_store *s, char **ret_path, const char **ret_token)
{
	struct event *ev;
	uint64_t count;

	if (!s->first) {
		int r = receive_answer(s);

		if (r > 0)
			return store_fail(s, -EPROTO);	/* to no question */
		if (r < 0 && !s->first)
			return r;
	}
	ev = s->first;
	if (!ev)
		return 0;
	s->first = ev->next;
	if (!s->first) {
		s->end = &s->first;
		/* what ended the connection is to be seen next */
		if (s->error == 0)
			(void)!read(s->waiting_fd, &count, sizeof(count));
	}
	s->events_bytes -= sizeof(*ev) + ev->len;
	/* the struct's own memory becomes the caller's string */
	memmove(ev, ev->bytes, ev->len);
	*ret_path = (char *)ev;
	*ret_token = *ret_path + strlen(*ret_path) + 1;
	return 1;
}
