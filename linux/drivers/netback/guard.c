// SPDX-License-Identifier: GPL-2.0-only
#include "guard.h"

#define TYPE_IPV4	0x0800
#define TYPE_ARP	0x0806
#define TYPE_VLAN	0x8100
#define TYPE_IPV6	0x86dd
#define TYPE_QINQ	0x88a8

#define PROTO_HOP	0
#define PROTO_UDP	17
#define PROTO_ROUTING	43
#define PROTO_FRAGMENT	44
#define PROTO_AH	51
#define PROTO_ICMPV6	58
#define PROTO_DSTOPTS	60

/* RFC 4861 */
#define ND_ROUTER_SOLICIT	133
#define ND_ROUTER_ADVERT	134
#define ND_SOLICIT		135
#define ND_ADVERT		136
#define ND_REDIRECT		137
#define MLD_REPORT		143
#define OPT_SOURCE_LLADDR	1
#define OPT_TARGET_LLADDR	2

#define IPV6_HLEN	40
#define MAX_HEADERS	8	/* of one IPv6 packet; they fit in what is copied anyhow */
#define MAX_OPTIONS	8	/* of one neighbour message */

static u16 be16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static bool is_zero(const u8 *p, unsigned int n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

static bool has_ipv4(const struct hvn_guard *g, const u8 *addr)
{
	unsigned int i;

	for (i = 0; i < g->nr_ipv4; i++)
		if (!memcmp(g->ipv4[i], addr, 4))
			return true;
	return false;
}

/* fe80:: and the MAC with ff:fe in the middle and its universal bit turned (RFC 4291, appendix A) */
static bool is_own_link_local(const struct hvn_guard *g, const u8 *addr)
{
	static const u8 prefix[8] = { 0xfe, 0x80 };
	const u8 *m = g->mac;
	const u8 id[8] = { m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };

	return !memcmp(addr, prefix, 8) && !memcmp(addr + 8, id, 8);
}

static bool has_ipv6(const struct hvn_guard *g, const u8 *addr)
{
	unsigned int i;

	for (i = 0; i < g->nr_ipv6; i++)
		if (!memcmp(g->ipv6[i], addr, 16))
			return true;
	return is_own_link_local(g, addr);
}

/* From 0.0.0.0 only a question to a DHCP server: UDP from 68 to 67, not in fragments. */
static bool is_dhcp(const u8 *ip, unsigned int len)
{
	unsigned int hlen = (ip[0] & 15) * 4;

	return ip[9] == PROTO_UDP && !(be16(ip + 6) & 0x3fff) && hlen >= 20 && len >= hlen + 8 &&
	       be16(ip + hlen) == 68 && be16(ip + hlen + 2) == 67;
}

static bool ipv4_ok(const struct hvn_guard *g, const u8 *ip, unsigned int len)
{
	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	return is_zero(ip + 12, 4) ? is_dhcp(ip, len) : has_ipv4(g, ip + 12);
}

/* RFC 826 for Ethernet and IPv4: sender's MAC at 8, sender's address at 14. 0.0.0.0 is a probe (RFC 5227). */
static bool arp_is_sane(const u8 *arp, unsigned int len)
{
	return len >= 28 && be16(arp) == 1 && be16(arp + 2) == TYPE_IPV4 && arp[4] == 6 && arp[5] == 4;
}

/* What a neighbour message says of link-layer addresses has to be the guest's own. */
static bool nd_options_ok(const struct hvn_guard *g, const u8 *p, unsigned int len)
{
	unsigned int i, n;

	for (i = 0; i < MAX_OPTIONS && len; i++) {
		n = len >= 8 ? p[1] * 8 : 0;
		if (!n || n > len)
			return false;
		if ((p[0] == OPT_SOURCE_LLADDR || p[0] == OPT_TARGET_LLADDR) && !g->promisc && memcmp(p + 2, g->mac, 6))
			return false;
		p += n;
		len -= n;
	}
	return !len;
}

static bool icmpv6_ok(const struct hvn_guard *g, const u8 *p, unsigned int len, unsigned int whole)
{
	if (len < 4)
		return false;
	if (p[0] < ND_ROUTER_SOLICIT || p[0] > ND_REDIRECT)
		return true;
	if (len != whole)	/* a neighbour message of which we cannot see all */
		return false;
	switch (p[0]) {
	case ND_ROUTER_SOLICIT:
		return len >= 8 && nd_options_ok(g, p + 8, len - 8);
	case ND_SOLICIT:
		return len >= 24 && nd_options_ok(g, p + 24, len - 24);
	case ND_ADVERT:
		return len >= 24 && has_ipv6(g, p + 8) && nd_options_ok(g, p + 24, len - 24);
	default:
		return false;
	}
}

/*
 * Find ICMPv6 behind the headers at @p. @whole is what the packet says there is. A header that is not seen whole might hide one.
 */
static bool headers_ok(const struct hvn_guard *g, u8 next, const u8 *p, unsigned int len, unsigned int whole)
{
	unsigned int i, n;

	for (i = 0; i < MAX_HEADERS; i++) {
		switch (next) {
		case PROTO_ICMPV6:
			return icmpv6_ok(g, p, len, whole);
		case PROTO_HOP:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
			n = len >= 8 ? 8 + p[1] * 8 : 0;
			break;
		case PROTO_AH:
			n = len >= 8 ? 8 + p[1] * 4 : 0;
			break;
		case PROTO_FRAGMENT:
			n = len >= 8 ? 8 : 0;
			if (n && be16(p + 2) >> 3)
				return true;	/* a later piece: the first one was judged */
			break;
		default:
			return true;
		}
		if (!n || n > len)
			return false;
		next = p[0];
		p += n;
		len -= n;
		whole -= n;
	}
	return false;
}

/* From :: only duplicate address detection, router solicitations, and reports of listeners (behind 8 bytes of options: RFC 3810). */
static bool ipv6_unspecified_ok(const u8 *ip, unsigned int len)
{
	const u8 *p = ip + IPV6_HLEN;

	if (len < IPV6_HLEN + 12)
		return false;
	if (ip[6] == PROTO_HOP && p[0] == PROTO_ICMPV6 && !p[1])
		return p[8] == MLD_REPORT;
	return ip[6] == PROTO_ICMPV6 && (p[0] == ND_SOLICIT || p[0] == ND_ROUTER_SOLICIT);
}

static bool ipv6_ok(const struct hvn_guard *g, const u8 *ip, unsigned int len)
{
	unsigned int whole;

	if (len < IPV6_HLEN || ip[0] >> 4 != 6)
		return false;
	if (is_zero(ip + 8, 16) ? !ipv6_unspecified_ok(ip, len) : !has_ipv6(g, ip + 8))
		return false;
	whole = be16(ip + 4);	/* 0 in jumbograms, which Ethernet does not carry */
	len -= IPV6_HLEN;
	if (len > whole)
		len = whole;	/* the rest is padding of the frame */
	return headers_ok(g, ip[6], ip + IPV6_HLEN, len, whole);
}

static bool addresses_ok(const struct hvn_guard *g, u16 type, const u8 *p, unsigned int len)
{
	switch (type) {
	case TYPE_IPV4:
		return ipv4_ok(g, p, len);
	case TYPE_IPV6:
		return ipv6_ok(g, p, len);
	case TYPE_ARP:
		return arp_is_sane(p, len) && (is_zero(p + 14, 4) || has_ipv4(g, p + 14));
	default:
		return false;
	}
}

enum hvn_guard_verdict hvn_guard(const struct hvn_guard *g, const u8 *p, unsigned int len)
{
	unsigned int i;
	u16 type;

	if (len < 14 || (!g->promisc && memcmp(p + 6, g->mac, 6)))
		return HVN_GUARD_MAC;
	type = be16(p + 12);
	p += 14;
	len -= 14;
	for (i = 0; i < 2 && (type == TYPE_VLAN || type == TYPE_QINQ) && len >= 4; i++) {
		type = be16(p + 2);
		p += 4;
		len -= 4;
	}
	if (type == TYPE_ARP && !g->promisc && arp_is_sane(p, len) && memcmp(p + 8, g->mac, 6))
		return HVN_GUARD_MAC;
	if (!g->nr_ipv4 && !g->nr_ipv6)
		return HVN_GUARD_PASS;
	return addresses_ok(g, type, p, len) ? HVN_GUARD_PASS : HVN_GUARD_IP;
}
