/* SPDX-License-Identifier: GPL-2.0-only */
#include "control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <json-c/json.h>

#include "control.h"

struct client {
	struct control *control;
	struct client *next;
	sd_event_source *source;
	int fd;
	size_t len;
	char line[ZENDO_CONTROL_LINE_MAX];
	const char *rest;	/* while a request is handled: what came behind it */
	size_t rest_len;
	int passed;		/* a descriptor that came along, until a request takes it */
};

struct control {
	int fd;
	sd_event *event;
	sd_event_source *source;
	struct console *console;
	const struct control_operations *ops;
	void *userdata;
	unsigned nr_clients;
	struct client *clients;
	struct client *dumper;	/* waits for the end of a dump; what it sends meanwhile is not read */
};

static void client_free(struct client *cl)
{
	struct client **p = &cl->control->clients;
	struct control *c = cl->control;
	bool waits = c->dumper == cl;

	while (*p != cl)
		p = &(*p)->next;
	*p = cl->next;
	cl->control->nr_clients--;
	sd_event_source_disable_unref(cl->source);
	safe_close(cl->fd);
	safe_close(cl->passed);
	free(cl);
	if (waits) {
		c->dumper = NULL;
		c->ops->dump_cancel(c->userdata);
	}
}

static void add_bool(struct json_object *o, const char *key, bool value)
{
	(void)json_object_object_add(o, key, json_object_new_boolean(value));
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static void answer_error(struct json_object *answer, const char *word, const char *text)
{
	add_bool(answer, "ok", false);
	add_string(answer, "error", word);
	add_string(answer, "text", text);
}

static void answer_result(struct json_object *answer, int r)
{
	if (r >= 0)
		add_bool(answer, "ok", true);
	else if (r == -ESHUTDOWN)
		answer_error(answer, "gone", "the guest has ended and is only kept for a look");
	else
		answer_error(answer, "failed", strerror(-r));
}

/* -errno: the client is to be dropped. An answer always fits into an empty socket buffer. */
static int send_answer(const struct client *cl, struct json_object *answer)
{
	char line[ZENDO_CONTROL_LINE_MAX];
	int n = snprintf(line, sizeof(line), "%s\n",
			 json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));

	if (n < 0 || (size_t)n >= sizeof(line))
		return -EMSGSIZE;
	return send(cl->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n ? 0 : -EIO;
}

static pid_t peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ? -1 : cred.pid;
}

static const char *string_of(struct json_object *request, const char *key)
{
	struct json_object *o = json_object_object_get(request, key);

	return o && json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static int console_mode_from_string(const char *s, enum console_mode *ret)
{
	static const char *const modes[] = {
		[CONSOLE_READ] = "read", [CONSOLE_WRITE] = "write", [CONSOLE_FORCE] = "force",
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], s) == 0) {
			*ret = (enum console_mode)i;
			return 0;
		}
	return -EINVAL;
}

/*
 * The connection becomes the console's. A reader's first bytes leave from the event loop, so the
 * answer that is sent here still comes before them.
 */
static int request_console(struct client *cl, struct json_object *request, struct json_object *answer)
{
	struct json_object *all = json_object_object_get(request, "scrollback");
	_cleanup_close_ int fd = -EBADF;
	enum console_mode mode;
	char text[128];
	pid_t writer;
	int r;

	if (console_mode_from_string(string_of(request, "mode"), &mode) < 0) {
		answer_error(answer, "invalid", "mode is write, force or read");
		return send_answer(cl, answer);
	}
	fd = fcntl(cl->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = console_attach(cl->control->console, fd, peer_pid(fd), mode, !all || json_object_get_boolean(all),
			   &writer);
	if (r == -EBUSY) {
		(void)snprintf(text, sizeof(text), "the console is in use by process %d", (int)writer);
		answer_error(answer, "busy", text);
	} else {
		answer_result(answer, r);
	}
	if (r >= 0) {
		TAKE_FD(fd);
		if (mode != CONSOLE_READ)
			console_type(cl->control->console, cl->rest, cl->rest_len);
	}
	if (send_answer(cl, answer) < 0 || r >= 0)
		return -ECONNRESET;	/* no control connection any more */
	return 0;
}

static int number_of(struct json_object *request, const char *key, unsigned *ret)
{
	struct json_object *o = json_object_object_get(request, key);
	int64_t n;

	if (!o || !json_object_is_type(o, json_type_int))
		return -EINVAL;
	n = json_object_get_int64(o);
	if (n < 0 || n >= CONTROL_ALL_VCPUS)
		return -EINVAL;
	*ret = (unsigned)n;
	return 0;
}

/* "vcpu": a number, or "all". */
static int vcpu_of(struct json_object *request, bool may_be_all, unsigned *ret)
{
	if (may_be_all && strcmp(string_of(request, "vcpu"), "all") == 0) {
		*ret = CONTROL_ALL_VCPUS;
		return 0;
	}
	return number_of(request, "vcpu", ret);
}

static void answer_with_text(struct json_object *answer, int r, const struct zendo_error *e)
{
	if (r < 0 && r != -ESHUTDOWN && *e->text)
		answer_error(answer, r == -EINVAL || r == -ENOENT ? "invalid" : "failed", e->text);
	else
		answer_result(answer, r);
}

/* What is about one vCPU or all of them. False: it is nothing of that kind. */
static bool request_vcpu(struct control *c, const char *what, struct json_object *request, struct json_object *answer)
{
	bool vcpu = strcmp(what, "vcpu") == 0, pin = strcmp(what, "pin") == 0, nmi = strcmp(what, "nmi") == 0;
	struct zendo_error e = {};
	unsigned id;
	int r;

	if (!vcpu && !pin && !nmi)
		return false;
	if (vcpu_of(request, !vcpu, &id) < 0) {
		answer_error(answer, "invalid", vcpu ? "\"vcpu\" is a number" : "\"vcpu\" is a number or \"all\"");
		return true;
	}
	if (vcpu) {
		r = c->ops->vcpu(c->userdata, id, answer);
		if (r == -ENOENT)
			(void)zendo_error(&e, r, "there is no vCPU %u", id);
	} else if (pin) {
		r = c->ops->pin(c->userdata, id, string_of(request, "cpus"), &e);
	} else {
		r = c->ops->nmi(c->userdata, id, &e);
	}
	answer_with_text(answer, r, &e);
	return true;
}

/* "domid", if it is there. */
static int domid_of(struct json_object *request, uint32_t *ret)
{
	struct json_object *o = json_object_object_get(request, "domid");
	int64_t n;

	*ret = CONTROL_OUR_DOMAIN;
	if (!o)
		return 0;
	n = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : -1;
	if (n < 0 || n >= CONTROL_OUR_DOMAIN)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int answer_domain(struct json_object *answer, int r, const struct zendo_error *e)
{
	if (r == -ENOENT)
		answer_error(answer, "invalid", "\"domid\" is neither the domain nor one that is kept");
	else if (r == -EBUSY)
		answer_error(answer, "busy", *e->text ? e->text : "a core of it is being written");
	else
		answer_with_text(answer, r, e);
	return r;
}

static void request_destroy(struct client *cl, struct json_object *request, struct json_object *answer)
{
	struct control *c = cl->control;
	const struct zendo_error none = {};
	uint32_t domid;

	if (domid_of(request, &domid) < 0)
		answer_error(answer, "invalid", "\"domid\" is a number");
	else
		(void)answer_domain(answer, c->ops->destroy(c->userdata, domid), &none);
}

/* Answered when it is written. */
static int request_dump(struct client *cl, struct json_object *request, struct json_object *answer)
{
	struct control *c = cl->control;
	struct zendo_error e = {};
	uint32_t domid;

	if (domid_of(request, &domid) < 0)
		answer_error(answer, "invalid", "\"domid\" is a number");
	else if (cl->passed < 0)
		answer_error(answer, "invalid", "a descriptor of the file must come with the request");
	else if (answer_domain(answer, c->ops->dump(c->userdata, domid, cl->passed, &e), &e) >= 0) {
		cl->passed = -EBADF;
		c->dumper = cl;
		/* hang-ups alone */
		return sd_event_source_set_io_events(cl->source, 0);
	}
	return send_answer(cl, answer);
}

/* What is the guest's to do. False: it is nothing of that kind. */
static bool request_guest(struct control *c, const char *what, struct json_object *request, struct json_object *answer)
{
	struct zendo_error e = {};
	unsigned nr;
	int r;

	if (strcmp(what, "vcpu-set") == 0)
		r = number_of(request, "vcpus", &nr) < 0 ? zendo_error(&e, -EINVAL, "\"vcpus\" is a number") :
			c->ops->set_vcpus(c->userdata, nr, &e);
	else if (strcmp(what, "shutdown") == 0)
		r = c->ops->shutdown(c->userdata, string_of(request, "how"), &e);
	else if (strcmp(what, "sysrq") == 0)
		r = c->ops->sysrq(c->userdata, string_of(request, "key"), &e);
	else
		return false;
	answer_with_text(answer, r, &e);
	return true;
}

/* -errno: the client is to be dropped. */
static int handle(struct client *cl, struct json_object *request, struct json_object *answer)
{
	struct control *c = cl->control;
	const char *what = string_of(request, "do");

	if (strcmp(what, "console") == 0)
		return request_console(cl, request, answer);
	if (strcmp(what, "query") == 0) {
		add_bool(answer, "ok", true);
		c->ops->query(c->userdata, answer);
	} else if (strcmp(what, "pause") == 0) {
		answer_result(answer, c->ops->pause(c->userdata));
	} else if (strcmp(what, "unpause") == 0) {
		answer_result(answer, c->ops->unpause(c->userdata));
	} else if (strcmp(what, "destroy") == 0) {
		request_destroy(cl, request, answer);
	} else if (strcmp(what, "lend") == 0) {
		answer_result(answer, c->ops->lend(c->userdata));
	} else if (strcmp(what, "dump") == 0) {
		return request_dump(cl, request, answer);
	} else if (!request_guest(c, what, request, answer) && !request_vcpu(c, what, request, answer)) {
		answer_error(answer, "invalid",
			     "\"do\" is query, pause, unpause, shutdown, sysrq, destroy, lend, dump, vcpu, vcpu-set, pin, nmi or "
			     "console");
	}
	return send_answer(cl, answer);
}

static int handle_line(struct client *cl, const char *line)
{
	struct json_object *request = json_tokener_parse(line), *answer = json_object_new_object();
	int r;

	if (!answer) {
		json_object_put(request);
		return -ENOMEM;
	}
	if (json_object_is_type(request, json_type_object)) {
		r = handle(cl, request, answer);
	} else {
		answer_error(answer, "invalid", "a request is one line with a JSON object");
		r = send_answer(cl, answer);
	}
	json_object_put(request);
	json_object_put(answer);
	return r;
}

/* As recv(); one descriptor may come along and is kept for the next request, instead of an earlier one. */
static ssize_t receive(struct client *cl)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_LEN(sizeof(int))];
	} control;
	struct iovec iov = { cl->line + cl->len, sizeof(cl->line) - cl->len };
	struct msghdr m = {
		/* no room for a second one, which CMSG_SPACE() would have */
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n = recvmsg(cl->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int))) {
		safe_close(cl->passed);
		memcpy(&cl->passed, CMSG_DATA(h), sizeof(int));
	}
	return n;
}

/* All requests that are complete, up to one that is answered later. False: the client is gone. */
static bool handle_lines(struct client *cl)
{
	char *newline;

	while (cl->control->dumper != cl && (newline = memchr(cl->line, '\n', cl->len))) {
		*newline++ = '\0';
		cl->rest = newline;
		cl->rest_len = cl->len - (size_t)(newline - cl->line);
		if (handle_line(cl, cl->line) < 0) {
			client_free(cl);
			return false;
		}
		cl->len = cl->rest_len;
		memmove(cl->line, newline, cl->len);
	}
	return true;
}

static int on_client(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct client *cl = userdata;
	ssize_t n;

	(void)s;
	(void)fd;
	(void)revents;
	if (cl->control->dumper == cl) {
		client_free(cl);	/* it has gone */
		return 0;
	}
	n = receive(cl);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		client_free(cl);
		return 0;
	}
	cl->len += (size_t)n;
	if (handle_lines(cl) && cl->len == sizeof(cl->line) && cl->control->dumper != cl)
		client_free(cl);	/* no request is that long */
	return 0;
}

void control_dump_done(struct control *c, int r, uint64_t size, uint64_t stored)
{
	struct client *cl = TAKE_PTR(c->dumper);
	struct json_object *answer = cl ? json_object_new_object() : NULL;

	if (!answer)
		return;
	answer_result(answer, r);
	if (r >= 0) {
		(void)json_object_object_add(answer, "size", json_object_new_uint64(size));
		(void)json_object_object_add(answer, "stored", json_object_new_uint64(stored));
	}
	if (send_answer(cl, answer) < 0 || sd_event_source_set_io_events(cl->source, EPOLLIN) < 0)
		client_free(cl);
	else
		(void)handle_lines(cl);
	json_object_put(answer);
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	_cleanup_close_ int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct control *c = userdata;
	struct client *cl;

	(void)s;
	(void)revents;
	if (conn < 0 || c->nr_clients >= CONTROL_MAX_CLIENTS)
		return 0;
	cl = calloc(1, sizeof(*cl));
	if (!cl)
		return 0;
	if (sd_event_add_io(c->event, &cl->source, conn, EPOLLIN, on_client, cl) < 0) {
		free(cl);
		return 0;
	}
	cl->control = c;
	cl->passed = -EBADF;
	cl->fd = TAKE_FD(conn);
	cl->next = c->clients;
	c->clients = cl;
	c->nr_clients++;
	return 0;
}

/* The name appears with its final rights: bind() makes it with none for others. */
static int bind_socket(int fd, const char *name, gid_t gid)
{
	_cleanup_close_ int dir = -EBADF;
	struct sockaddr_un sa;
	mode_t mask;
	int r;

	r = zendo_control_address(name, &sa, &dir);
	if (r < 0)
		return r;
	if (unlink(sa.sun_path) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	if (gid != (gid_t)-1 && (chown(sa.sun_path, (uid_t)-1, gid) < 0 || chmod(sa.sun_path, 0660) < 0))
		return -errno;
	return 0;
}

int control_new(const char *name, gid_t gid, struct control **ret)
{
	_cleanup_(control_freep) struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	r = bind_socket(c->fd, name, gid);
	if (r < 0)
		return r;
	if (listen(c->fd, 16) < 0)
		return -errno;
	*ret = TAKE_PTR(c);
	return 0;
}

int control_start(struct control *c, sd_event *event, struct console *console,
		  const struct control_operations *ops, void *userdata)
{
	c->console = console;
	c->ops = ops;
	c->userdata = userdata;
	c->event = sd_event_ref(event);
	return sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_connection, c);
}

void control_free(struct control *c)
{
	if (!c)
		return;
	c->dumper = NULL;	/* nobody is there to be told */
	/* first, so that a client which is cut off and tries once more is told that nobody is here */
	sd_event_source_disable_unref(c->source);
	safe_close(c->fd);
	while (c->clients)
		client_free(c->clients);
	sd_event_unref(c->event);
	free(c);
}
