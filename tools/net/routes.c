/* SPDX-License-Identifier: GPL-2.0-only */
/* Which subnets are taken, by routes of dom0 and by other networks of guests. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <string.h>

#include "net.h"
#include "netlink.h"

static int all_routes(int family, struct nl_cache **ret, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	int r = netlink_connect(&sock, e);

	if (r < 0)
		return r;
	r = rtnl_route_alloc_cache(sock, family, 0, ret);
	return r < 0 ? zendo_error(e, -EIO, "cannot list the routes: %s", nl_geterror(r)) : 0;
}

static unsigned route_ifindex(struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);

	return hop ? (unsigned)rtnl_route_nh_get_ifindex(hop) : 0;
}

static bool is_default(struct rtnl_route *route)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);

	return !dst || nl_addr_get_prefixlen(dst) == 0;
}

/* Routes that lead everywhere are no conflict; those of the network itself are there while it is up. */
static bool conflicts(struct rtnl_route *route, const struct zendo_network *n, unsigned own)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);
	struct in_addr a;

	if (is_default(route) || nl_addr_get_len(dst) != sizeof(a) || rtnl_route_get_type(route) == RTN_MULTICAST)
		return false;
	if (own && route_ifindex(route) == own)
		return false;
	memcpy(&a, nl_addr_get_binary_addr(dst), sizeof(a));
	return zendo_network_overlap(n->subnet, n->prefix, ntohl(a.s_addr), nl_addr_get_prefixlen(dst));
}

/* The widest: it says more than dom0's own address in it. */
static struct rtnl_route *find_conflict(struct nl_cache *routes, const struct zendo_network *n)
{
	unsigned own = if_nametoindex(n->name), least = 33;
	struct rtnl_route *found = NULL;

	for (struct nl_object *o = nl_cache_get_first(routes); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (conflicts(route, n, own) && nl_addr_get_prefixlen(rtnl_route_get_dst(route)) < least) {
			least = nl_addr_get_prefixlen(rtnl_route_get_dst(route));
			found = route;
		}
	}
	return found;
}

static const struct zendo_network *find_definition(const struct zendo_network *all, size_t nr, const struct zendo_network *n)
{
	for (size_t i = 0; i < nr; i++)
		if (all[i].prefix && strcmp(all[i].name, n->name) != 0 &&
		    zendo_network_overlap(all[i].subnet, all[i].prefix, n->subnet, n->prefix))
			return &all[i];
	return NULL;
}

static int say_route(const struct zendo_network *n, struct rtnl_route *route, struct zendo_error *e)
{
	char subnet[ZENDO_NETWORK_TEXT_MAX], dst[64], name[IF_NAMESIZE] = "?";

	(void)if_indextoname(route_ifindex(route), name);
	return zendo_error(e, -EADDRINUSE, "subnet %s is taken: there is a route to %s by %s; choose another with --subnet",
			   zendo_network_subnet(n, subnet), nl_addr2str(rtnl_route_get_dst(route), dst, sizeof(dst)), name);
}

/* What is taken: the machine's routes, and the networks that are defined. */
static int read_taken(struct nl_cache **ret_routes, struct zendo_network **ret_all, size_t *ret_nr, struct zendo_error *e)
{
	int r = zendo_network_list(ZENDO_NETWORK_ETC, ret_all, ret_nr, e);

	return r < 0 ? r : all_routes(AF_INET, ret_routes, e);
}

int routes_check(const struct zendo_network *n, struct zendo_error *e)
{
	_cleanup_(nl_cache_putp) struct nl_cache *routes = NULL;
	_cleanup_free_ struct zendo_network *all = NULL;
	const struct zendo_network *other;
	struct rtnl_route *route;
	char subnet[ZENDO_NETWORK_TEXT_MAX];
	size_t nr;
	int r;

	r = read_taken(&routes, &all, &nr, e);
	if (r < 0)
		return r;
	route = find_conflict(routes, n);
	if (route)
		return say_route(n, route, e);
	other = find_definition(all, nr, n);
	if (other)
		return zendo_error(e, -EADDRINUSE, "subnet %s is taken by network %s", zendo_network_subnet(n, subnet), other->name);
	return 0;
}

/* 10.78.0.0/24 and up, then the high end of 192.168.0.0/16 for those who have all of 10.0.0.0/8 */
#define CANDIDATES	(256 + 56)

static uint32_t candidate(unsigned i)
{
	return i < 256 ? 0x0a4e0000 + (i << 8) : 0xc0a8c800 + ((i - 256) << 8);
}

int routes_choose(struct zendo_network *n, struct zendo_error *e)
{
	_cleanup_(nl_cache_putp) struct nl_cache *routes = NULL;
	_cleanup_free_ struct zendo_network *all = NULL;
	size_t nr;
	int r;

	r = read_taken(&routes, &all, &nr, e);
	if (r < 0)
		return r;
	n->prefix = 24;
	for (unsigned i = 0; i < CANDIDATES; i++) {
		n->subnet = candidate(i);
		if (!find_conflict(routes, n) && !find_definition(all, nr, n))
			return 0;
	}
	return zendo_error(e, -EADDRINUSE, "no subnet is free of 10.78.0.0/16 and 192.168.200.0 to 192.168.255.0; name one with --subnet");
}

int routes_check_forwarding6(struct zendo_error *e)
{
	_cleanup_(nl_cache_putp) struct nl_cache *routes = NULL;
	char name[IF_NAMESIZE], path[64];
	int accept, r = all_routes(AF_INET6, &routes, e);

	if (r < 0)
		return r;
	for (struct nl_object *o = nl_cache_get_first(routes); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)o;

		if (!is_default(route) || rtnl_route_get_protocol(route) != RTPROT_RA || !if_indextoname(route_ifindex(route), name))
			continue;
		(void)snprintf(path, sizeof(path), "ipv6/conf/%s/accept_ra", name);
		if (sysctl_read(path, &accept) >= 0 && accept == 1)
			return zendo_error(e, -EBUSY, "with forwarding of IPv6 this machine would no more listen to its router on %s and "
					   "lose its route; first say: sysctl net.ipv6.conf.%s.accept_ra=2", name, name);
	}
	return 0;
}
