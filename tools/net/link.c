/* SPDX-License-Identifier: GPL-2.0-only */
/* Bridges by rtnetlink. One of ours is known by its alias: what has not got that is never changed. */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <string.h>

#include "net.h"
#include "netlink.h"

DEFINE_CLEANUP(struct rtnl_link, rtnl_link_put);
DEFINE_CLEANUP(struct rtnl_addr, rtnl_addr_put);

static int fail_nl(struct zendo_error *e, const char *name, const char *what, int nlerr)
{
	return zendo_error(e, -EIO, "bridge %s %s: %s", name, what, nl_geterror(nlerr));
}

static bool is_ours(struct rtnl_link *l)
{
	const char *alias = rtnl_link_get_ifalias(l), *type = rtnl_link_get_type(l);

	return alias && type && strcmp(type, "bridge") == 0 && strcmp(alias, ZENDO_NETWORK_ALIAS) == 0;
}

/* 0 with *ret, or NULL when there is none. */
static int find(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct zendo_error *e)
{
	int r = rtnl_link_get_kernel(sock, 0, name, ret);

	if (r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? fail_nl(e, name, "cannot be looked for", r) : 0;
}

/*
 * Its own address, the same at each start, so that guests find dom0 where it was; without one a bridge takes the lowest of its ports.
 * FNV-1a of the name, in the addresses that nobody registers.
 */
static void make_mac(const char *name, uint8_t ret[static 6])
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619U;
	ret[0] = 0x02;
	ret[1] = 0x16;
	ret[2] = (uint8_t)(h >> 24);
	ret[3] = (uint8_t)(h >> 16);
	ret[4] = (uint8_t)(h >> 8);
	ret[5] = (uint8_t)h;
}

static int change(struct nl_sock *sock, const char *name, const char *alias, bool up)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *which = rtnl_link_alloc(), *l = rtnl_link_alloc();

	if (!which || !l)
		return -NLE_NOMEM;
	rtnl_link_set_ifindex(which, (int)if_nametoindex(name));	/* it is not looked for by name */
	if (alias)
		rtnl_link_set_ifalias(l, alias);
	if (up)
		rtnl_link_set_flags(l, IFF_UP);
	return rtnl_link_change(sock, which, l, 0);
}

static int delete(struct nl_sock *sock, const char *name)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *l = rtnl_link_alloc();
	int r;

	if (!l)
		return -NLE_NOMEM;
	rtnl_link_set_name(l, name);
	r = rtnl_link_delete(sock, l);
	return r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND ? 0 : r;
}

/* The kernel takes an alias only from a link that is there. */
static int create(struct nl_sock *sock, const char *name)
{
	_cleanup_(rtnl_link_putp) struct rtnl_link *l = rtnl_link_bridge_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *mac = NULL;
	uint8_t bytes[6];
	int r;

	make_mac(name, bytes);
	mac = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
	if (!l || !mac)
		return -NLE_NOMEM;
	rtnl_link_set_name(l, name);
	rtnl_link_set_addr(l, mac);
	r = rtnl_link_add(sock, l, NLM_F_CREATE | NLM_F_EXCL);
	if (r < 0)
		return r;
	r = change(sock, name, ZENDO_NETWORK_ALIAS, false);
	if (r < 0)
		(void)delete(sock, name);
	return r;
}

/* ---- addresses ---- */

static int add_address(struct nl_sock *sock, int ifindex, int family, const void *bytes, size_t len, unsigned prefix, const void *broadcast)
{
	_cleanup_(rtnl_addr_putp) struct rtnl_addr *a = rtnl_addr_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *local = nl_addr_build(family, bytes, len);
	_cleanup_(nl_addr_putp) struct nl_addr *bcast = broadcast ? nl_addr_build(family, broadcast, len) : NULL;
	int r;

	if (!a || !local || (broadcast && !bcast))
		return -NLE_NOMEM;
	nl_addr_set_prefixlen(local, (int)prefix);
	rtnl_addr_set_ifindex(a, ifindex);
	r = rtnl_addr_set_local(a, local);
	if (r >= 0 && bcast)
		r = rtnl_addr_set_broadcast(a, bcast);
	if (r >= 0 && family == AF_INET6)
		rtnl_addr_set_flags(a, IFA_F_NODAD);	/* nobody else is there */
	if (r >= 0)
		r = rtnl_addr_add(sock, a, 0);
	return r == -NLE_EXIST ? 0 : r;
}

static int add_addresses(struct nl_sock *sock, int ifindex, const struct zendo_network *n)
{
	uint32_t first = htonl(n->subnet + 1), last = htonl(n->subnet + (1U << (32 - n->prefix)) - 1);
	uint8_t six[16];
	int r = add_address(sock, ifindex, AF_INET, &first, 4, n->prefix, &last);

	if (r < 0 || !n->has_ipv6)
		return r;
	memcpy(six, n->ipv6, sizeof(six));
	six[15] = 1;
	return add_address(sock, ifindex, AF_INET6, six, sizeof(six), 64, NULL);
}

static bool is_wanted(const struct zendo_network *n, struct nl_addr *a)
{
	uint32_t first = htonl(n->subnet + 1);
	const void *bytes = nl_addr_get_binary_addr(a);

	if (nl_addr_get_family(a) == AF_INET)
		return memcmp(bytes, &first, 4) == 0 && nl_addr_get_prefixlen(a) == n->prefix;
	return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes) || (n->has_ipv6 && memcmp(bytes, n->ipv6, 8) == 0);
}

/* Of a bridge that stayed while the definition was changed. */
static int remove_other_addresses(struct nl_sock *sock, int ifindex, const struct zendo_network *n)
{
	_cleanup_(nl_cache_putp) struct nl_cache *all = NULL;
	int r = rtnl_addr_alloc_cache(sock, &all);

	if (r < 0)
		return r;
	for (struct nl_object *o = nl_cache_get_first(all); o && r >= 0; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;

		if (rtnl_addr_get_ifindex(a) == ifindex && !is_wanted(n, rtnl_addr_get_local(a)))
			r = rtnl_addr_delete(sock, a, 0);
	}
	return r;
}

/*
 * Guests are strangers: what they say of routers is not heard. Where there is to be no IPv6, dom0 does not speak it with them either.
 * Kernels without IPv6 have no such settings.
 */
static int set_up_ipv6(const struct zendo_network *n, struct zendo_error *e)
{
	char path[64];
	int was, r;

	(void)snprintf(path, sizeof(path), "ipv6/conf/%s/disable_ipv6", n->name);
	if (sysctl_read(path, &was) < 0)
		return n->has_ipv6 ? zendo_error(e, -EOPNOTSUPP, "this kernel has no IPv6") : 0;
	r = sysctl_write(path, !n->has_ipv6, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "ipv6/conf/%s/accept_ra", n->name);
	return sysctl_write(path, 0, e);
}

static int set_up(struct nl_sock *sock, const struct zendo_network *n, struct zendo_error *e)
{
	int ifindex = (int)if_nametoindex(n->name), r = set_up_ipv6(n, e);

	if (r < 0)
		return r;
	r = remove_other_addresses(sock, ifindex, n);
	if (r >= 0)
		r = add_addresses(sock, ifindex, n);
	if (r < 0)
		return fail_nl(e, n->name, "cannot be given its address", r);
	r = change(sock, n->name, NULL, true);
	return r < 0 ? fail_nl(e, n->name, "cannot be brought up", r) : 0;
}

int link_make(const struct zendo_network *n, bool *ret_made, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	_cleanup_(rtnl_link_putp) struct rtnl_link *l = NULL;
	int r = netlink_connect(&sock, e);

	if (r >= 0)
		r = find(sock, n->name, &l, e);
	if (r < 0)
		return r;
	if (l && !is_ours(l))
		return zendo_error(e, -EEXIST, "there is an interface %s already, which is not of a network of zendo's", n->name);
	*ret_made = !l;
	r = l ? 0 : create(sock, n->name);
	if (r < 0)
		return fail_nl(e, n->name, "cannot be made", r);
	r = set_up(sock, n, e);
	if (r < 0 && !l)
		(void)delete(sock, n->name);
	return r;
}

/* ---- the end ---- */

static bool has_ports(struct nl_sock *sock, int ifindex)
{
	_cleanup_(nl_cache_putp) struct nl_cache *all = NULL;

	if (rtnl_link_alloc_cache(sock, AF_UNSPEC, &all) < 0)
		return true;
	for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o))
		if (rtnl_link_get_master((struct rtnl_link *)o) == ifindex)
			return true;
	return false;
}

int link_remove(const char *name, bool force, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	_cleanup_(rtnl_link_putp) struct rtnl_link *l = NULL;
	int r = netlink_connect(&sock, e);

	if (r >= 0)
		r = find(sock, name, &l, e);
	if (r < 0 || !l || !is_ours(l))
		return r;
	if (!force && has_ports(sock, rtnl_link_get_ifindex(l)))
		return zendo_error(e, -EBUSY, "bridge %s has interfaces on it", name);
	r = delete(sock, name);
	return r < 0 ? fail_nl(e, name, "cannot be removed", r) : 0;
}
