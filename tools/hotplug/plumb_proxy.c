/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An address that is routed to a guest may belong to a network that dom0 is on, whose members look for it on their link: dom0 answers
 * for it there, by a proxy entry of the kernel's for this address alone.
 *
 * Nothing is remembered. Entries of ours carry a protocol number that nobody else uses, and one is stale once its address has no
 * route of its own to another interface. IPv6 has a setting of the link besides, where any number means yes: ours says that it was no.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "log.h"
#include "netlink.h"
#include "plumb_proxy.h"

#define OURS	90		/* protocol of an entry, and value of proxy_ndp */

extern char *if_indextoname(unsigned ifindex, char *ifname);	/* <net/if.h> and <linux/if.h> do not go together */

DEFINE_CLEANUP(struct nl_msg, nlmsg_free);

struct entry {
	struct zendo_vif_ip ip;
	unsigned ifindex;
	bool ours;
};

struct entries {
	struct entry *all;
	size_t nr;
	bool no_memory;
};

/* Who adds an entry and who takes stale ones away look at the same routes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int length(const struct zendo_vif_ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

static bool same(const struct zendo_vif_ip *a, const struct zendo_vif_ip *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, (size_t)length(a)) == 0;
}

static struct nl_msg *message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	if (m && nlmsg_append(m, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(m);
		return NULL;
	}
	return m;
}

/* One question; @take gets what is answered. NLE_... */
static int ask(struct nl_msg *m, nl_recvmsg_msg_cb_t take, void *userdata)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sock = nl_socket_alloc();
	int r = sock && m ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (r < 0)
		return r;
	nl_socket_disable_auto_ack(sock);	/* the answer is enough */
	(void)nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take, userdata);
	r = nl_send_auto(sock, m);
	return r < 0 ? r : nl_recvmsgs_default(sock);
}

/* ---- entries ---- */

static int take_entry(struct nl_msg *m, void *userdata)
{
	const struct ndmsg *nd = nlmsg_data(nlmsg_hdr(m));
	struct entries *found = userdata;
	struct nlattr *tb[NDA_MAX + 1];
	struct entry e = { .ip.family = nd->ndm_family, .ifindex = (unsigned)nd->ndm_ifindex }, *more;

	if (nlmsg_parse(nlmsg_hdr(m), sizeof(*nd), tb, NDA_MAX, NULL) < 0 || !(nd->ndm_flags & NTF_PROXY) || !tb[NDA_DST] ||
	    nla_len(tb[NDA_DST]) != length(&e.ip))
		return NL_OK;
	memcpy(e.ip.addr, nla_data(tb[NDA_DST]), (size_t)length(&e.ip));
	e.ours = tb[NDA_PROTOCOL] && nla_get_u8(tb[NDA_PROTOCOL]) == OURS;
	more = realloc(found->all, (found->nr + 1) * sizeof(*more));
	if (!more) {
		found->no_memory = true;
		return NL_STOP;
	}
	found->all = more;
	found->all[found->nr++] = e;
	return NL_OK;
}

static int list(int family, struct entries *ret)
{
	const struct ndmsg nd = { .ndm_family = (unsigned char)family, .ndm_flags = NTF_PROXY };
	_cleanup_(nlmsg_freep) struct nl_msg *m = message(RTM_GETNEIGH, NLM_F_DUMP, &nd, sizeof(nd));
	int r = ask(m, take_entry, ret);

	return r >= 0 && ret->no_memory ? -NLE_NOMEM : r;
}

static int change(int type, const struct zendo_vif_ip *ip, unsigned ifindex)
{
	const struct ndmsg nd = {
		.ndm_family = (unsigned char)ip->family, .ndm_ifindex = (int)ifindex, .ndm_flags = NTF_PROXY, .ndm_state = NUD_PERMANENT,
	};
	_cleanup_(nl_socket_freep) struct nl_sock *sock = NULL;
	struct nl_msg *m;
	int r = netlink_connect(&sock, NULL);

	if (r < 0)
		return -NLE_FAILURE;
	m = message(type, type == RTM_NEWNEIGH ? NLM_F_CREATE : 0, &nd, sizeof(nd));
	if (!m || nla_put(m, NDA_DST, length(ip), ip->addr) < 0 || nla_put_u8(m, NDA_PROTOCOL, OURS) < 0) {
		nlmsg_free(m);
		return -NLE_NOMEM;
	}
	return nl_send_sync(sock, m);
}

/* ---- routes ---- */

struct way {
	unsigned ifindex;	/* 0: there is none */
	bool on_link;		/* by a route to a network, not to this address, everybody or a router */
	bool its_own;		/* by a route to this address alone */
};

static int take_way(struct nl_msg *m, void *userdata)
{
	const struct rtmsg *rt = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *tb[RTA_MAX + 1];
	struct way *w = userdata;
	const int whole = rt->rtm_family == AF_INET ? 32 : 128;

	if (nlmsg_parse(nlmsg_hdr(m), sizeof(*rt), tb, RTA_MAX, NULL) < 0 || rt->rtm_type != RTN_UNICAST || !tb[RTA_OIF])
		return NL_OK;
	w->ifindex = nla_get_u32(tb[RTA_OIF]);
	w->its_own = rt->rtm_dst_len == whole;
	w->on_link = rt->rtm_dst_len > 0 && rt->rtm_dst_len < whole && !tb[RTA_GATEWAY] && !tb[RTA_VIA];
	return NL_OK;
}

static struct way find_way(const struct zendo_vif_ip *ip)
{
	const struct rtmsg rt = {
		.rtm_family = (unsigned char)ip->family, .rtm_dst_len = (unsigned char)(8 * length(ip)), .rtm_flags = RTM_F_FIB_MATCH,
	};
	_cleanup_(nlmsg_freep) struct nl_msg *m = message(RTM_GETROUTE, 0, &rt, sizeof(rt));
	struct way w = {};

	if (m && nla_put(m, RTA_DST, length(ip), ip->addr) >= 0)
		(void)ask(m, take_way, &w);	/* an error is that there is none */
	return w;
}

/* Each link has addresses of its own for IPv6. */
static bool is_link_local(const struct zendo_vif_ip *ip)
{
	return ip->family == AF_INET6 && ip->addr[0] == 0xfe && (ip->addr[1] & 0xc0) == 0x80;
}

unsigned proxy_find_link(const struct zendo_vif_ip *ip)
{
	struct way w = is_link_local(ip) ? (struct way) {} : find_way(ip);
	char name[IFNAMSIZ], path[64];
	unsigned flags = IFF_NOARP;
	_cleanup_fclose_ FILE *f = NULL;

	if (!w.on_link || !if_indextoname(w.ifindex, name))
		return 0;
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%x", &flags) != 1)
		return 0;
	return flags & (IFF_NOARP | IFF_LOOPBACK) ? 0 : w.ifindex;
}

/* ---- the setting of IPv6 ---- */

/* From @from to @to; what is neither stays. */
static int change_setting(unsigned ifindex, int from, int to)
{
	char name[IFNAMSIZ], path[80];
	_cleanup_close_ int fd = -EBADF;
	char text[16] = "";

	if (!if_indextoname(ifindex, name))
		return -ENODEV;
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/proxy_ndp", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) < 0)
		return -errno;
	if (atoi(text) != from)
		return 0;
	return dprintf(fd, "%d", to) < 0 ? -errno : 0;
}

/* ---- both ---- */

static void say(const char *what, const struct zendo_vif_ip *ip, unsigned ifindex)
{
	char name[IFNAMSIZ] = "?", text[64];

	(void)if_indextoname(ifindex, name);
	log_line(LOG_INFO, "%s for %s on %s", what, inet_ntop(ip->family, ip->addr, text, sizeof(text)), name);
}

/* Somebody's own entry stays his, and so does the setting then. */
static int add_locked(const struct zendo_vif_ip *ip, unsigned ifindex)
{
	struct entries there = {};
	bool is_ours = false, is_theirs = false;
	int r = list(ip->family, &there);

	for (size_t i = 0; i < there.nr; i++)
		if (there.all[i].ifindex == ifindex && same(&there.all[i].ip, ip))
			*(there.all[i].ours ? &is_ours : &is_theirs) = true;
	free(there.all);
	if (r < 0)
		return -EIO;
	if (is_theirs)
		return 0;
	if (!is_ours && change(RTM_NEWNEIGH, ip, ifindex) < 0)
		return -EIO;
	if (!is_ours)
		say("dom0 answers", ip, ifindex);
	return ip->family == AF_INET6 ? change_setting(ifindex, 0, OURS) : 0;
}

int proxy_add(const struct zendo_vif_ip *ip, unsigned ifindex)
{
	int r;

	(void)pthread_mutex_lock(&lock);
	r = add_locked(ip, ifindex);
	(void)pthread_mutex_unlock(&lock);
	return r;
}

static bool has_others(const struct entries *e, const struct entry *but)
{
	for (size_t i = 0; i < e->nr; i++)
		if (&e->all[i] != but && e->all[i].ours && e->all[i].ifindex == but->ifindex)
			return true;
	return false;
}

/* The setting goes before the link's last entry, which says that there is something to be done. */
static void sweep_family(int family)
{
	struct entries there = {};
	int r = list(family, &there);

	for (size_t i = 0; i < there.nr; i++) {
		struct entry *x = &there.all[i];
		struct way w = x->ours ? find_way(&x->ip) : (struct way) {};

		if (!x->ours || (w.its_own && w.ifindex != x->ifindex))
			continue;
		if (family == AF_INET6 && !has_others(&there, x))
			(void)change_setting(x->ifindex, OURS, 0);
		x->ours = false;
		if (change(RTM_DELNEIGH, &x->ip, x->ifindex) >= 0)
			say("dom0 answers no more", &x->ip, x->ifindex);
	}
	free(there.all);
	if (r < 0)
		log_line(LOG_ERR, "addresses that dom0 answers for cannot be listed: %s", nl_geterror(r));
}

void proxy_sweep(void)
{
	(void)pthread_mutex_lock(&lock);
	sweep_family(AF_INET);
	sweep_family(AF_INET6);
	(void)pthread_mutex_unlock(&lock);
}
