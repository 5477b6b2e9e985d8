/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests' interfaces onto bridges, by rtnetlink; those of Open vSwitch: plumb_ovs.c. What is there already is never changed: only interfaces of guests are. */
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
#include <unistd.h>

#include "agent.h"
#include "netlink.h"
#include "network.h"
#include "ovs.h"
#include "unit.h"

DEFINE_CLEANUP(struct nl_msg, nlmsg_free);

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
	struct zendo_error why = {};
	int r = netlink_connect(ret, &why);

	return r < 0 ? plumb_fail(v, e, r, "%s", why.text) : 0;
}

/* ---- which bridge ---- */

struct search {
	const char *wanted;
	struct rtnl_link *found, *other;	/* other: of this name, but no bridge */
	bool openvswitch;			/* found is one of its bridges */
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
	if (type && strcmp(type, "openvswitch") == 0 && strcmp(name, s->wanted) == 0) {
		s->found = l;
		s->openvswitch = true;
		return;
	}
	if (!type || strcmp(type, "bridge") != 0) {
		if (strcmp(name, s->wanted) == 0)
			s->other = l;
		return;
	}
	(void)snprintf(s->names + len, sizeof(s->names) - len, "%s%s", len ? ", " : "", name);
	if (strcmp(name, s->wanted) == 0)
		s->found = l;
}

static int no_bridge(const struct zendo_vif *v, const struct search *s, struct zendo_error *e)
{
	if (s->other)
		return plumb_fail(v, e, -EINVAL, "%s is no bridge", s->wanted);
	if (!*s->names)
		return plumb_fail(v, e, -ENODEV, "there is no bridge %s, nor any other [Z0401]", s->wanted);
	return plumb_fail(v, e, -ENODEV, "there is no bridge %s; there are: %s [Z0401]", s->wanted, s->names);
}

/* A network that 'zendo net' has made, or the one that makes itself, is brought up by the first guest that wants it. */
static int bring_up_network(const struct zendo_vif *v, const char *name, struct zendo_error *e)
{
	struct zendo_network n;
	char unit[64], why[400];
	int r;

	if (strcmp(name, ZENDO_NETWORK_DEFAULT) != 0 && zendo_network_load(ZENDO_NETWORK_ETC, name, &n, NULL) < 0)
		return 0;
	(void)snprintf(unit, sizeof(unit), "zendo-net@%s.service", name);
	r = unit_start(unit, NULL, NULL, why, sizeof(why));
	return r < 0 ? plumb_fail(v, e, r, "network %s does not come up: %s [Z0404]", name, why) : 0;
}

static int look_for(const struct zendo_vif *v, struct nl_sock *sock, struct nl_cache **links, struct search *s, struct zendo_error *e)
{
	int r = rtnl_link_alloc_cache(sock, AF_UNSPEC, links);

	if (r < 0)
		return fail_nl(v, e, "cannot list the bridges", r);
	nl_cache_foreach(*links, look_at_link, s);
	return 0;
}

static bool filters_vlans(const char *bridge)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/bridge/vlan_filtering", bridge);
	f = fopen(path, "re");
	return f && fgetc(f) == '1';
}

/* What the definition wants of the bridge, but cannot have. */
static int check_bridge(const struct zendo_vif *v, const struct plumb_bridge *b, struct zendo_error *e)
{
	if (v->mtu > b->mtu)
		return plumb_fail(v, e, -EINVAL, "mtu=%u is more than bridge %s has, which is %u [Z0403]", v->mtu, b->name, b->mtu);
	if (b->openvswitch && access(OVS_VSCTL, X_OK) == 0)
		return 0;
	if (b->openvswitch)
		return plumb_fail(v, e, -ENOENT, "bridge %s is one of Open vSwitch, and there is no program %s: apt install openvswitch-switch",
				  b->name, OVS_VSCTL);
	if (v->openvswitch)
		return plumb_fail(v, e, -EINVAL, "script=vif-openvswitch, but bridge %s is none of Open vSwitch", b->name);
	if (v->nr_trunks)
		return plumb_fail(v, e, -EOPNOTSUPP, "trunks need a bridge of Open vSwitch, which %s is not", b->name);
	if (v->vlan && !filters_vlans(b->name))
		return plumb_fail(v, e, -EINVAL, "bridge %s does not filter VLANs (ip link set %s type bridge vlan_filtering 1) [Z0402]", b->name,
				  b->name);
	return 0;
}

int plumb_find_bridge(const struct zendo_vif *v, struct plumb_bridge *ret, struct zendo_error *e)
{
	const char *wanted = *v->bridge ? v->bridge : ZENDO_NETWORK_DEFAULT;
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	_cleanup_(nl_cache_putp) struct nl_cache *before = NULL, *links = NULL;
	struct search s = { .wanted = wanted };
	struct plumb_bridge b = {};
	int r;

	*ret = b;
	if (v->routed)
		return 0;
	r = connect_nl(v, &sock, e);
	if (r >= 0)
		r = look_for(v, sock, &before, &s, e);
	if (r >= 0 && !s.found && !s.other) {
		s = (struct search) { .wanted = wanted };
		r = bring_up_network(v, wanted, e);
		if (r >= 0)
			r = look_for(v, sock, &links, &s, e);
	}
	if (r < 0)
		return r;
	if (!s.found)
		return no_bridge(v, &s, e);
	b.ifindex = (unsigned)rtnl_link_get_ifindex(s.found);
	b.mtu = rtnl_link_get_mtu(s.found);
	b.openvswitch = s.openvswitch;
	(void)snprintf(b.name, sizeof(b.name), "%s", wanted);
	r = check_bridge(v, &b, e);
	if (r >= 0)
		*ret = b;
	return r;
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

static int set_bridge(const struct zendo_vif *v, struct nl_sock *sock, const struct plumb_bridge *b, unsigned ifindex, struct zendo_error *e)
{
	char what[64];
	int r;

	(void)snprintf(what, sizeof(what), "cannot be put on bridge %s", b->name);
	r = set_master(sock, ifindex, b->ifindex);
	if (r < 0)
		return fail_nl(v, e, what, r);
	r = v->vlan ? set_vlan(sock, ifindex, v->vlan) : 0;
	if (r < 0)
		return fail_nl(v, e, "its VLAN cannot be set", r);
	r = v->isolated ? set_isolated(sock, ifindex) : 0;
	return r < 0 ? fail_nl(v, e, "it cannot be isolated", r) : 0;
}

int plumb_up(const struct zendo_vif *v, const struct plumb_bridge *b, unsigned ifindex, struct zendo_error *e)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	int r;

	r = connect_nl(v, &sock, e);
	if (r < 0)
		return r;
	r = b->ifindex && !b->openvswitch ? set_bridge(v, sock, b, ifindex, e) : 0;
	if (r < 0)
		return r;
	r = set_up(sock, ifindex);
	return r < 0 ? fail_nl(v, e, "it cannot be brought up", r) : 0;
}
