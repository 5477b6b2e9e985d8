/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests' interfaces onto bridges, by rtnetlink. What is there already is never changed: only interfaces of guests are. */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "log.h"

#define DEFAULT_BRIDGE	"zendo0"

static inline void nl_socket_freep(struct nl_sock **s)
{
	if (*s)
		nl_socket_free(*s);
}

static inline void nl_cache_putp(struct nl_cache **c)
{
	if (*c)
		nl_cache_put(*c);
}

static inline void nlmsg_freep(struct nl_msg **m)
{
	if (*m)
		nlmsg_free(*m);
}

int plumb_fail(const struct zendo_vif *v, struct zendo_error *e, int r, const char *format, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return zendo_error_at(e, r, v->at.source, v->at.line, v->at.column, "'vif': %s", text);
}

static int fail_nl(const struct zendo_vif *v, struct zendo_error *e, const char *what, int nlerr)
{
	return plumb_fail(v, e, -EIO, "%s: %s", what, nl_geterror(nlerr));
}

static int connect_nl(const struct zendo_vif *v, struct nl_sock **ret, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *s = nl_socket_alloc();
	int r;

	if (!s)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = nl_connect(s, NETLINK_ROUTE);
	if (r < 0)
		return fail_nl(v, e, "cannot speak to the network", r);
	*ret = TAKE_PTR(s);
	return 0;
}

/* ---- which bridge ---- */

struct search {
	const char *wanted;		/* "" = the default */
	struct rtnl_link *found, *first, *preferred, *other;	/* other: of this name, but no bridge */
	char names[200];
};

static void look_at_link(struct nl_object *o, void *userdata)
{
	struct rtnl_link *l = (struct rtnl_link *)o;
	const char *type = rtnl_link_get_type(l), *name = rtnl_link_get_name(l);
	struct search *s = userdata;
	size_t len = strlen(s->names);

	if (!name)
		return;
	if (!type || strcmp(type, "bridge") != 0) {
		if (strcmp(name, s->wanted) == 0)
			s->other = l;
		return;
	}
	(void)snprintf(s->names + len, sizeof(s->names) - len, "%s%s", len ? ", " : "", name);
	if (strcmp(name, s->wanted) == 0)
		s->found = l;
	if (strcmp(name, DEFAULT_BRIDGE) == 0)
		s->preferred = l;
	if (!s->first || rtnl_link_get_ifindex(l) < rtnl_link_get_ifindex(s->first))
		s->first = l;
}

static int no_bridge(const struct zendo_vif *v, const struct search *s, struct zendo_error *e)
{
	const char *type = s->other ? rtnl_link_get_type(s->other) : NULL;

	if (type && strcmp(type, "openvswitch") == 0)
		return plumb_fail(v, e, -EOPNOTSUPP, "bridge %s is one of Open vSwitch, which is not in this version", v->bridge);
	if (s->other)
		return plumb_fail(v, e, -EINVAL, "%s is no bridge", v->bridge);
	if (!*s->names)
		return plumb_fail(v, e, -ENODEV, "there is no bridge %s, nor any other", v->bridge);
	return plumb_fail(v, e, -ENODEV, "there is no bridge %s; there are: %s", v->bridge, s->names);
}

static bool filters_vlans(const char *bridge)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/bridge/vlan_filtering", bridge);
	f = fopen(path, "re");
	return f && fgetc(f) == '1';
}

int plumb_find_bridge(const struct zendo_vif *v, struct plumb_bridge *ret, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	_cleanup_(nl_cache_putp) struct nl_cache *links = NULL;
	struct search s = { .wanted = v->bridge };
	struct plumb_bridge b = {};
	int r;

	r = connect_nl(v, &sock, e);
	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links);
	if (r < 0)
		return fail_nl(v, e, "cannot list the bridges", r);
	nl_cache_foreach(links, look_at_link, &s);
	if (*v->bridge && !s.found)
		return no_bridge(v, &s, e);
	if (!s.found)
		s.found = s.preferred ? s.preferred : s.first;
	if (s.found) {
		b.ifindex = (unsigned)rtnl_link_get_ifindex(s.found);
		b.mtu = rtnl_link_get_mtu(s.found);
		(void)snprintf(b.name, sizeof(b.name), "%s", rtnl_link_get_name(s.found));
		if (v->mtu > b.mtu)
			return plumb_fail(v, e, -EINVAL, "mtu=%u is more than bridge %s has, which is %u", v->mtu, b.name, b.mtu);
	}
	if (v->vlan && !s.found)
		return plumb_fail(v, e, -EINVAL, "vlan=%u wants a bridge, and there is none", v->vlan);
	if (v->vlan && !filters_vlans(b.name))
		return plumb_fail(v, e, -EINVAL, "bridge %s does not filter VLANs (ip link set %s type bridge vlan_filtering 1)", b.name, b.name);
	*ret = b;
	return 0;
}

/* ---- what is done to the interface ---- */

static struct nl_msg *message(int type, unsigned char family, unsigned ifindex, unsigned flags)
{
	struct ifinfomsg i = { .ifi_family = family, .ifi_index = (int)ifindex, .ifi_flags = flags, .ifi_change = flags };
	struct nl_msg *m = nlmsg_alloc_simple(type, 0);

	if (m && nlmsg_append(m, &i, sizeof(i), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

/* @m is freed. NLE_... */
static int send_message(struct nl_sock *sock, struct nl_msg *m)
{
	return nl_send_sync(sock, m);
}

static int set_master(struct nl_sock *sock, unsigned ifindex, unsigned master)
{
	_cleanup_(nlmsg_freep) struct nl_msg *m = message(RTM_NEWLINK, AF_UNSPEC, ifindex, 0);

	if (!m || nla_put_u32(m, IFLA_MASTER, master) < 0)
		return -NLE_NOMEM;
	return send_message(sock, TAKE_PTR(m));
}

static int set_up(struct nl_sock *sock, unsigned ifindex)
{
	struct nl_msg *m = message(RTM_NEWLINK, AF_UNSPEC, ifindex, IFF_UP);

	return m ? send_message(sock, m) : -NLE_NOMEM;
}

static int change_vlan(struct nl_sock *sock, int type, unsigned ifindex, unsigned vlan, unsigned flags)
{
	const struct bridge_vlan_info info = { .vid = (uint16_t)vlan, .flags = (uint16_t)flags };
	_cleanup_(nlmsg_freep) struct nl_msg *m = message(type, AF_BRIDGE, ifindex, 0);
	struct nlattr *nest = m ? nla_nest_start(m, IFLA_AF_SPEC) : NULL;

	if (!nest || nla_put(m, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info) < 0)
		return -NLE_NOMEM;
	nla_nest_end(m, nest);
	return send_message(sock, TAKE_PTR(m));
}

/* A bridge gives each new port its default VLAN, which is not the guest's. */
static int set_vlan(struct nl_sock *sock, unsigned ifindex, unsigned vlan)
{
	int r;

	r = change_vlan(sock, RTM_SETLINK, ifindex, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	if (r < 0 || vlan == 1)
		return r;
	r = change_vlan(sock, RTM_DELLINK, ifindex, 1, 0);
	return r == -NLE_OBJ_NOTFOUND || r == -NLE_RANGE ? 0 : r;
}

static int set_isolated(struct nl_sock *sock, unsigned ifindex)
{
	_cleanup_(nlmsg_freep) struct nl_msg *m = message(RTM_SETLINK, AF_BRIDGE, ifindex, 0);
	struct nlattr *nest = m ? nla_nest_start(m, IFLA_PROTINFO | NLA_F_NESTED) : NULL;

	if (!nest || nla_put_u8(m, IFLA_BRPORT_ISOLATED, 1) < 0)
		return -NLE_NOMEM;
	nla_nest_end(m, nest);
	return send_message(sock, TAKE_PTR(m));
}

int plumb_up(const struct zendo_vif *v, const struct plumb_bridge *b, unsigned ifindex, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	char what[64];
	int r;

	r = connect_nl(v, &sock, e);
	if (r < 0)
		return r;
	(void)snprintf(what, sizeof(what), "cannot be put on bridge %s", b->name);
	r = b->ifindex ? set_master(sock, ifindex, b->ifindex) : 0;
	if (r < 0)
		return fail_nl(v, e, what, r);
	r = v->vlan ? set_vlan(sock, ifindex, v->vlan) : 0;
	if (r < 0)
		return fail_nl(v, e, "its VLAN cannot be set", r);
	r = v->isolated && b->ifindex ? set_isolated(sock, ifindex) : 0;
	if (r < 0)
		return fail_nl(v, e, "it cannot be isolated", r);
	r = set_up(sock, ifindex);
	if (r < 0)
		return fail_nl(v, e, "it cannot be brought up", r);
	if (!b->ifindex)
		log_line(LOG_WARNING, "interface %u is on no bridge: there is none (bridge= was not given)", ifindex);
	return 0;
}
