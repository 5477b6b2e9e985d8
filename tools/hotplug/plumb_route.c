/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces that are on no bridge: dom0 is the guest's router, as Xen's script vif-route makes it. All of it goes with the interface,
 * but for what plumb_proxy.c does on other interfaces.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "log.h"
#include "netlink.h"
#include "plumb_proxy.h"

DEFINE_CLEANUP(struct rtnl_route, rtnl_route_put);
DEFINE_CLEANUP(struct rtnl_nexthop, rtnl_route_nh_free);

static int write_setting(const struct zendo_vif *v, const char *path, const char *value, struct zendo_error *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return plumb_fail(v, e, -errno, "%s cannot be %s: %s", path, value, strerror(errno));
	return 0;
}

static int read_setting(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	return f ? fgetc(f) : EOF;
}

static bool has_family(const struct zendo_vif *v, int family)
{
	for (unsigned i = 0; i < v->nr_ips; i++)
		if (v->ips[i].family == family)
			return true;
	return false;
}

/*
 * To the guest everybody is on its link: dom0 answers for whomever it has a route to by another interface. With IPv6 only for whom an
 * administrator says so on this interface.
 */
static int set_settings(const struct zendo_vif *v, const char *ifname, struct zendo_error *e)
{
	char path[80];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/proxy_arp", ifname);
	if (has_family(v, AF_INET) && read_setting("/proc/sys/net/ipv4/ip_forward") == '0')
		log_line(LOG_WARNING, "%s: net.ipv4.ip_forward is 0: its guest reaches nobody but dom0", ifname);
	if (has_family(v, AF_INET6) && read_setting("/proc/sys/net/ipv6/conf/all/forwarding") == '0')
		log_line(LOG_WARNING, "%s: net.ipv6.conf.all.forwarding is 0: its guest reaches nobody but dom0", ifname);
	r = has_family(v, AF_INET) ? write_setting(v, path, "1", e) : 0;
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/proxy_ndp", ifname);
	return r >= 0 && has_family(v, AF_INET6) ? write_setting(v, path, "1", e) : r;
}

static int add_route(struct nl_sock *sock, const struct zendo_vif_ip *ip, unsigned ifindex)
{
	size_t len = ip->family == AF_INET ? 4 : 16;
	_cleanup_(rtnl_route_putp) struct rtnl_route *route = rtnl_route_alloc();
	_cleanup_(rtnl_route_nh_freep) struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	_cleanup_(nl_addr_putp) struct nl_addr *dst = nl_addr_build(ip->family, ip->addr, len);

	if (!route || !hop || !dst)
		return -NLE_NOMEM;
	nl_addr_set_prefixlen(dst, (int)len * 8);
	rtnl_route_set_family(route, (uint8_t)ip->family);
	rtnl_route_set_scope(route, ip->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	rtnl_route_set_protocol(route, RTPROT_STATIC);
	rtnl_route_nh_set_ifindex(hop, (int)ifindex);
	rtnl_route_add_nexthop(route, TAKE_PTR(hop));
	if (rtnl_route_set_dst(route, dst) < 0)
		return -NLE_NOMEM;
	return rtnl_route_add(sock, route, NLM_F_CREATE | NLM_F_EXCL);
}

static int route_address(const struct zendo_vif *v, struct nl_sock *sock, const struct zendo_vif_ip *ip, unsigned ifindex,
			 struct zendo_error *e)
{
	unsigned link = proxy_find_link(ip);
	char text[64];
	int r = add_route(sock, ip, ifindex);

	(void)inet_ntop(ip->family, ip->addr, text, sizeof(text));
	if (r == -NLE_EXIST)
		return plumb_fail(v, e, -EEXIST, "there is a route to %s already", text);
	if (r < 0)
		return plumb_fail(v, e, -EIO, "%s cannot be routed to it: %s", text, nl_geterror(r));
	r = link ? proxy_add(ip, link) : 0;
	return r < 0 ? plumb_fail(v, e, r, "dom0 cannot answer for %s on its network: %s", text, strerror(-r)) : 0;
}

int plumb_route(const struct zendo_vif *v, const char *ifname, unsigned ifindex, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	struct zendo_error why = {};
	int r = netlink_connect(&sock, &why);

	if (r < 0)
		return plumb_fail(v, e, r, "%s", why.text);
	r = set_settings(v, ifname, e);
	for (unsigned i = 0; i < v->nr_ips && r >= 0; i++)
		r = route_address(v, sock, &v->ips[i], ifindex, e);
	return r;
}
