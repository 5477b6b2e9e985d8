/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/hvpriv.h>

#include "api/zendo.h"
#include "family.h"

#define RECEIVE_BYTES	(1U << 20)	/* a burst of thousands of domains fits the socket */

struct zendo_events {
	struct mnl_socket *nl;
	struct zendo_family family;
	bool gone;
	char buf[16384];		/* a datagram, and what of it is still to be looked at */
	const struct nlmsghdr *next;
	int left;
};

static const uint32_t kinds[] = {
	[HVPRIV_CMD_CREATED] = ZENDO_EVENT_CREATED,
	[HVPRIV_CMD_RUNNING] = ZENDO_EVENT_RUNNING,
	[HVPRIV_CMD_PAUSED] = ZENDO_EVENT_PAUSED,
	[HVPRIV_CMD_SHUTDOWN] = ZENDO_EVENT_SHUTDOWN,
	[HVPRIV_CMD_DESTROYED] = ZENDO_EVENT_DESTROYED,
	[HVPRIV_CMD_ATTACHED] = ZENDO_EVENT_ATTACHED,
	[HVPRIV_CMD_DETACHED] = ZENDO_EVENT_DETACHED,
	[HVPRIV_CMD_RENAMED] = ZENDO_EVENT_RENAMED,
};

static int start(struct zendo_events *e)
{
	int group = GENL_ID_CTRL, bytes = RECEIVE_BYTES, r;

	if (mnl_socket_bind(e->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	r = zendo_family_find(e->nl, &e->family);
	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	/* Unprivileged users get what the system allows. */
	(void)setsockopt(mnl_socket_get_fd(e->nl), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (mnl_socket_setsockopt(e->nl, NETLINK_ADD_MEMBERSHIP, &e->family.group, sizeof(e->family.group)) < 0 ||
	    mnl_socket_setsockopt(e->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return 0;
}

int zendo_events_open(struct zendo_events **ret)
{
	struct zendo_events *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	r = e->nl ? start(e) : -errno;
	if (r < 0) {
		zendo_events_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

void zendo_events_close(struct zendo_events *e)
{
	if (!e)
		return;
	if (e->nl)
		mnl_socket_close(e->nl);
	free(e);
}

int zendo_events_fd(const struct zendo_events *e)
{
	return mnl_socket_get_fd(e->nl);
}

static int event_attribute(const struct nlattr *a, void *userdata)
{
	struct zendo_event *ev = userdata;

	switch (mnl_attr_get_type(a)) {
	case HVPRIV_A_DOMID:
		ev->domid = mnl_attr_get_u32(a);
		break;
	case HVPRIV_A_NAME:
		(void)snprintf(ev->name, sizeof(ev->name), "%s", mnl_attr_get_str(a));
		break;
	case HVPRIV_A_CODE:
		ev->shutdown = (int32_t)mnl_attr_get_u32(a);
		break;
	case HVPRIV_A_DEVICE:
		(void)snprintf(ev->device, sizeof(ev->device), "%s", mnl_attr_get_str(a));
		break;
	}
	return MNL_CB_OK;
}

/* 1: it is an event. The controller says which family goes: when it is ours, the module is being unloaded. */
static int read_message(struct zendo_events *e, const struct nlmsghdr *nlh, struct zendo_event *ret)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct zendo_event ev = { .shutdown = -1 };
	struct zendo_family f = {};

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return 0;
	if (nlh->nlmsg_type == GENL_ID_CTRL) {
		e->gone = genl->cmd == CTRL_CMD_DELFAMILY && zendo_family_parse(nlh, &f) >= 0 && f.id == e->family.id;
		return e->gone ? -ENODEV : 0;
	}
	if (nlh->nlmsg_type != e->family.id || genl->cmd >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[genl->cmd])
		return 0;
	ev.kind = kinds[genl->cmd];
	if (mnl_attr_parse(nlh, sizeof(*genl), event_attribute, &ev) < 0)
		return -EPROTO;
	*ret = ev;
	return 1;
}

static int wait_for(struct zendo_events *e, int timeout_ms)
{
	struct pollfd p = { .fd = zendo_events_fd(e), .events = POLLIN };
	int r = poll(&p, 1, timeout_ms);

	return r < 0 ? -errno : r;
}

static int receive(struct zendo_events *e)
{
	ssize_t n = mnl_socket_recvfrom(e->nl, e->buf, sizeof(e->buf));

	if (n < 0)
		return -errno;
	e->next = (const struct nlmsghdr *)e->buf;
	e->left = (int)n;
	return 0;
}

int zendo_events_next(struct zendo_events *e, int timeout_ms, struct zendo_event *ret)
{
	int r;

	if (e->gone)
		return -ENODEV;
	for (;;) {
		while (e->left > 0 && mnl_nlmsg_ok(e->next, e->left)) {
			const struct nlmsghdr *nlh = e->next;

			e->next = mnl_nlmsg_next(nlh, &e->left);
			r = read_message(e, nlh, ret);
			if (r != 0)
				return r;
		}
		e->left = 0;
		r = wait_for(e, timeout_ms);
		if (r <= 0)
			return r;
		r = receive(e);
		if (r < 0)
			return r;
	}
}
