/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest asks to be sent: one packet, or one order about multicast, as a chain of entries of its tx ring (xen/io/netif.h, "Guest
 * transmit"). Knows nothing of the kernel: the host's unit tests and the fuzzer run this very file.
 */
#ifndef HVN_TX_CHAIN_H
#define HVN_TX_CHAIN_H

#include "netif_abi.h"

#define HVN_ETH_HLEN	14
#define HVN_SLOT_BYTES	4096	/* a grant is a page of this size */

/*
 * A frontend may use so many requests for a packet. Linux's once used up to two more; such a packet is refused and the interface
 * goes on. Whoever asks for more than that has lost his mind.
 */
#define HVN_TX_SLOTS		XEN_NETIF_NR_SLOTS_MIN
#define HVN_TX_SLOTS_FATAL	(HVN_TX_SLOTS + 2)

enum hvn_tx_verdict {
	HVN_TX_PACKET,		/* all that is said of it is consistent; nothing of its content was seen */
	HVN_TX_MCAST,		/* no packet: an address to be added or removed */
	HVN_TX_REFUSED,		/* answer all of it with an error and go on */
	HVN_TX_BROKEN,		/* where the next packet begins is not known, or the guest lies: stop */
};

struct hvn_tx_slot {
	u32 ref;
	u16 offset, len;	/* offset + len <= 4096 */
	u16 id;
};

struct hvn_tx_chain {
	unsigned int nr_entries;	/* of the ring, all that was looked at */
	unsigned int nr_slots, nr_extras;
	u32 len;			/* of the packet */
	u16 flags;			/* XEN_NETTXF_* of the first request */
	u16 gso_size;			/* 0: not to be segmented */
	u8 gso_type;			/* XEN_NETIF_GSO_TYPE_* */
	u8 mcast_op;			/* XEN_NETIF_EXTRA_TYPE_MCAST_* */
	u8 mcast[6];
	const char *why;		/* of REFUSED and BROKEN */
	struct hvn_tx_slot slot[HVN_TX_SLOTS_FATAL];
};

/**
 * hvn_tx_parse() - take the next chain out of a ring
 * @ring: its entries, which the guest may write at any time: each is read once
 * @mask: number of entries - 1
 * @cons: the first entry
 * @avail: entries that the guest has published from there on, at least 1
 * @chain: what was found. With HVN_TX_BROKEN only ->why is of use, with HVN_TX_REFUSED the slots' ids and the counts.
 */
enum hvn_tx_verdict hvn_tx_parse(const volatile void *ring, u32 mask, u32 cons, u32 avail, struct hvn_tx_chain *chain);

#endif /* HVN_TX_CHAIN_H */
