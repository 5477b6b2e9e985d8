/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel tells about devices on the bus hvback. Straight from it, so that udev may be slow or restarted. */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "log.h"

#define RECEIVE_BYTES	(4 << 20)	/* a boot's worth of everybody's events */

struct uevent {
	const char *action, *subsystem, *path;
};

/* "add@/devices/...", then NAME=VALUE, each with a NUL; @len bytes that end with one. */
static void parse(const char *buf, size_t len, struct uevent *ret)
{
	*ret = (struct uevent) { .action = "", .subsystem = "", .path = "" };
	for (const char *p = buf; p < buf + len; p += strlen(p) + 1)
		if (strncmp(p, "ACTION=", 7) == 0)
			ret->action = p + 7;
		else if (strncmp(p, "SUBSYSTEM=", 10) == 0)
			ret->subsystem = p + 10;
		else if (strncmp(p, "DEVPATH=", 8) == 0)
			ret->path = p + 8;
}

static void take(struct agent *a, const struct uevent *u)
{
	const char *name = strrchr(u->path, '/');
	struct hvback_id id;
	struct device *d;

	if (strcmp(u->subsystem, "hvback") != 0 || !name || zendo_backend_parse_name(name + 1, &id) < 0)
		return;
	if (strcmp(u->action, "remove") == 0) {
		device_vanished(a, &id);
	} else if ((d = device_find(a, &id))) {
		if (strcmp(u->action, "bind") == 0)
			device_bound(d);
		device_look(d);
	}
}

static int on_uevent(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	char buf[8192];
	struct sockaddr_nl from = {};
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) - 1 };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1 };
	struct uevent u;
	ssize_t n;

	(void)s;
	(void)revents;
	n = recvmsg(fd, &m, MSG_DONTWAIT);
	if (n < 0 && errno == ENOBUFS) {
		log_line(LOG_NOTICE, "events of the kernel were lost: looking at all devices");
		device_look_all(userdata);
		return 0;
	}
	/* 0: the kernel; others may send, too */
	if (n <= 0 || from.nl_pid != 0 || m.msg_flags & MSG_TRUNC)
		return 0;
	buf[n] = '\0';
	parse(buf, (size_t)n, &u);
	take(userdata, &u);
	return 0;
}

int uevent_start(struct agent *a)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT), size = RECEIVE_BYTES, r;
	sd_event_source *s;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0) {
		r = -errno;
		safe_close(fd);
		return r;
	}
	r = sd_event_add_io(a->event, &s, fd, EPOLLIN, on_uevent, a);
	if (r < 0) {
		safe_close(fd);
		return r;
	}
	(void)sd_event_source_set_io_fd_own(s, true);
	r = sd_event_source_set_floating(s, true);	/* the loop's from now on */
	sd_event_source_unref(s);
	return r;
}
