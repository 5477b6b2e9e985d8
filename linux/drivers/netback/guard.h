/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spoof guard: may this guest say what its packet says of where it comes from? It judges a private copy of the headers. The host's
 * unit tests and the fuzzer run this very file.
 */
#ifndef HVN_GUARD_H
#define HVN_GUARD_H

#include "netif_abi.h"

#define HVN_GUARD_ADDRS	16

struct hvn_guard {
	u8 mac[6];
	bool promisc;		/* any MAC address */
	unsigned int nr_ipv4, nr_ipv6;	/* none of both: addresses of IP are not looked at */
	u8 ipv4[HVN_GUARD_ADDRS][4];
	u8 ipv6[HVN_GUARD_ADDRS][16];
};

enum hvn_guard_verdict {
	HVN_GUARD_PASS,
	HVN_GUARD_MAC,		/* not its MAC address */
	HVN_GUARD_IP,		/* not one of its IP addresses, or cannot be told */
};

/**
 * hvn_guard() - judge an Ethernet frame
 * @g: what is allowed
 * @p: the frame's first bytes, at least 14
 * @len: so many; what lies behind them cannot vouch for anything
 *
 * With a list of addresses only IPv4, IPv6 and ARP pass, also behind up to two VLAN tags; of IPv6 the link-local address that follows
 * from the MAC is allowed without being named, and no router advertisements or redirects. Nobody has an address yet in
 * DHCP (0.0.0.0), ARP probes and duplicate address detection (::): these pass.
 */
enum hvn_guard_verdict hvn_guard(const struct hvn_guard *g, const u8 *p, unsigned int len);

#endif /* HVN_GUARD_H */
