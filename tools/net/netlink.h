/* SPDX-License-Identifier: GPL-2.0-only */
/* libnl's objects with owners (cleanup.h). */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "cleanup.h"
#include "error.h"

DEFINE_CLEANUP(struct nl_sock, nl_socket_free);
DEFINE_CLEANUP(struct nl_cache, nl_cache_put);
DEFINE_CLEANUP(struct nl_addr, nl_addr_put);

static inline int netlink_connect(struct nl_sock **ret, struct zendo_error *e)
{
	struct nl_sock *s = nl_socket_alloc();
	int r = s ? nl_connect(s, NETLINK_ROUTE) : -NLE_NOMEM;

	if (r < 0) {
		nl_socket_free(s);
		return zendo_error(e, -EIO, "cannot speak to the network: %s", nl_geterror(r));
	}
	*ret = s;
	return 0;
}

#endif
