/* SPDX-License-Identifier: GPL-2.0-only */
#include "client.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>

#include "cleanup.h"
#include "life.h"
#include "mem.h"
#include "work.h"

#define READ_AHEAD	8192
#define MESSAGES_AT_ONCE	64
#define LISTENERS_MOST	4
#define RUNNER_MOST	8	/* connections of one domain's process: others want some, too */

struct client {
	struct work work;
	struct client *prev, *next;
	struct conn *conn;
	sd_event_source *source;
	int fd;
	uint32_t events;		/* what is waited for */
	bool full;			/* the socket takes no more */
	bool in_turn;
	size_t at, len;			/* of what was read ahead */
	char data[READ_AHEAD];
};

static struct {
	struct store *store;
	sd_event *event;
	sd_event_source *listeners[LISTENERS_MOST];
	unsigned nr_listeners, nr_clients;
	struct client *first;
} clients;

static void listen_again(int enabled)
{
	for (unsigned i = 0; i < clients.nr_listeners; i++)
		(void)sd_event_source_set_enabled(clients.listeners[i], enabled);
}

static void client_free(struct client *cl)
{
	*(cl->prev ? &cl->prev->next : &clients.first) = cl->next;
	if (cl->next)
		cl->next->prev = cl->prev;
	work_cancel(&cl->work);
	conn_free(cl->conn);
	sd_event_source_disable_unref(cl->source);
	safe_close(cl->fd);
	free(cl);
	if (clients.nr_clients-- == CLIENTS_MOST)
		listen_again(SD_EVENT_ON);
}

/* False: the client is gone. */
static bool client_write(struct client *cl)
{
	struct iovec v[MESSAGES_AT_ONCE];
	struct msghdr h = { .msg_iov = v };
	ssize_t n;

	cl->full = false;
	while (cl->conn->out) {
		h.msg_iovlen = 0;
		for (struct msg *m = cl->conn->out; m && h.msg_iovlen < MESSAGES_AT_ONCE; m = m->next)
			v[h.msg_iovlen++] = (struct iovec){ m->bytes + m->sent, m->len - m->sent };
		n = sendmsg(cl->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		cl->full = n < 0;
		if (cl->full)
			break;
		conn_sent(cl->conn, (size_t)n);
	}
	return !cl->conn->broken;
}

/* 1: there is something, 0: not now, -errno: the client is gone. */
static int client_read(struct client *cl)
{
	ssize_t n = recv(cl->fd, cl->data, sizeof(cl->data), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	life_drain();
	cl->at = 0;
	cl->len = (size_t)n;
	return 1;
}

static int client_requests(struct client *cl)
{
	unsigned steps = 0;
	size_t wants;
	int r;

	while (steps < 2 * REQUESTS_PER_TURN && (wants = conn_wants(cl->conn))) {
		size_t part = cl->len - cl->at;

		if (part == 0) {
			r = client_read(cl);
			if (r <= 0)
				return r;
			continue;
		}
		if (part > wants)
			part = wants;
		steps++;
		r = conn_feed(cl->conn, cl->data + cl->at, part);
		if (r < 0)
			return r;
		cl->at += part;
	}
	return 0;
}

static void client_turn(struct work *w)
{
	struct client *cl = (struct client *)(void *)w;
	bool alive;
	uint32_t events;

	cl->in_turn = true;
	/* first, so that there is room for what is answered */
	alive = client_write(cl) && client_requests(cl) >= 0;
	alive = client_write(cl) && alive;
	cl->in_turn = false;
	if (!alive) {
		client_free(cl);
		return;
	}
	if (conn_wants(cl->conn) && cl->at < cl->len)
		work_queue(&cl->work);
	events = (conn_wants(cl->conn) && cl->at == cl->len ? EPOLLIN : 0) | (cl->full ? EPOLLOUT : 0);
	if (events != cl->events)
		(void)sd_event_source_set_io_events(cl->source, cl->events = events);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct client *cl = userdata;

	(void)source;
	(void)fd;
	/* Hung up, and not waited for what it sends: nobody will read the answers. */
	if (revents & (EPOLLHUP | EPOLLERR) && !(cl->events & EPOLLIN)) {
		client_free(cl);
		return 0;
	}
	client_turn(&cl->work);
	return 0;
}

void client_output(struct conn *c)
{
	struct client *cl = c->transport;

	if (cl && !cl->in_turn)
		work_queue(&cl->work);
}

/* Root is domain 0. Who made a domain and is not root may make its entries. -EACCES: neither. */
static int get_rights(int fd, uint32_t *ret_runner_of, uint8_t ret_uuid[16])
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*ret_runner_of = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (cred.uid == 0 || cred.uid == geteuid())
		return 0;
	return life_find_runner(cred.pid, ret_runner_of, ret_uuid) < 0 ? -EACCES : 0;
}

static void set_runner(struct conn *c, uint32_t domid, const uint8_t uuid[16])
{
	int n = snprintf(c->runner_vm, sizeof(c->runner_vm), "/vm/");

	for (unsigned i = 0; i < 16; i++)
		n += snprintf(c->runner_vm + n, sizeof(c->runner_vm) - (size_t)n, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	c->runner_of = (uint16_t)domid;
}

static unsigned count_of_runner(uint32_t domid)
{
	unsigned nr = 0;

	for (const struct client *cl = clients.first; cl; cl = cl->next)
		nr += cl->conn->runner_of == domid;
	return nr;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	_cleanup_close_ int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint8_t uuid[16] = {};
	struct client *cl;
	uint32_t runner_of;

	(void)source;
	(void)revents;
	(void)userdata;
	if (conn < 0 || get_rights(conn, &runner_of, uuid) < 0 || (runner_of && count_of_runner(runner_of) >= RUNNER_MOST))
		return 0;
	cl = mem_new(sizeof(*cl));
	if (sd_event_add_io(clients.event, &cl->source, conn, EPOLLIN, on_client, cl) < 0) {
		free(cl);
		return 0;
	}
	cl->fd = TAKE_FD(conn);
	cl->events = EPOLLIN;
	cl->work.turn = client_turn;
	cl->conn = conn_new(clients.store, domain_get(clients.store, 0), false);
	cl->conn->transport = cl;
	if (runner_of)
		set_runner(cl->conn, runner_of, uuid);
	cl->next = clients.first;
	if (cl->next)
		cl->next->prev = cl;
	clients.first = cl;
	if (++clients.nr_clients == CLIENTS_MOST) {
		store_log(clients.store, LOG_WARNING, "%u clients in dom0: others wait until one goes", CLIENTS_MOST);
		listen_again(SD_EVENT_OFF);
	}
	return 0;
}

int clients_listen_fd(struct store *s, sd_event *event, int fd)
{
	int r;

	if (clients.nr_listeners == LISTENERS_MOST)
		return -E2BIG;
	clients.store = s;
	clients.event = event;
	r = sd_event_add_io(event, &clients.listeners[clients.nr_listeners], fd, EPOLLIN, on_connection, NULL);
	if (r < 0)
		return r;
	(void)sd_event_source_set_io_fd_own(clients.listeners[clients.nr_listeners++], true);
	return 0;
}

int clients_listen(struct store *s, sd_event *event, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -EBADF;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return r < 0 ? r : -errno;
	r = clients_listen_fd(s, event, fd);
	if (r == 0)
		TAKE_FD(fd);
	return r;
}

void clients_stop(void)
{
	for (unsigned i = 0; i < clients.nr_listeners; i++)
		sd_event_source_disable_unref(clients.listeners[i]);
	clients.nr_listeners = 0;
	while (clients.first)
		client_free(clients.first);
}
