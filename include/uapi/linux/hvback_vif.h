/* SPDX-License-Identifier: MIT */
/*
 * Class "vif" of /dev/hvback: a guest's network interface, served by hvnetback.ko. docs/net.md
 *
 * Ring 0 of a queue is tx (from the guest), ring 1 is rx (to the guest), one page each. Port 0 is that of tx, port 1 that of rx, or
 * 0: the first one serves both. Numbers are in the machine's byte order, addresses in that of the wire.
 */
#ifndef _UAPI_LINUX_HVBACK_VIF_H
#define _UAPI_LINUX_HVBACK_VIF_H

#include <linux/types.h>

#define HVBACK_VIF_IFNAME	16	/* with the NUL, as IFNAMSIZ */
#define HVBACK_VIF_MAX_ADDRS	16	/* of each family */

#define HVBACK_VIF_PROMISC	(1U << 0)	/* the guest may send from any MAC address */

/* Settings: HVBACK_ADD, and HVBACK_SET with HVBACK_VIF_SET_CONF. */
struct hvback_vif_conf {
	__u8  mac[6];			/* the guest's */
	__u16 flags;			/* HVBACK_VIF_* */
	char  ifname[HVBACK_VIF_IFNAME];	/* in dom0; empty: vif<domid>.<devid> */
	__u32 mtu;			/* 68 to 65517; 0: 1500 */
	__u32 max_queues;		/* 1 to HVBACK_MAX_QUEUES; 0: one for each CPU that is online */
	__u64 rate_from, rate_to;	/* bytes per second the guest may send, and gets; 0: no limit */
	__u64 burst_from, burst_to;	/* bytes that may go at once; 0: 50 ms of the rate, at least 64 KiB */
	__u32 nr_ipv4, nr_ipv6;		/* addresses the guest may send from; none of both: not looked at */
	__u8  ipv4[HVBACK_VIF_MAX_ADDRS][4];
	__u8  ipv6[HVBACK_VIF_MAX_ADDRS][16];
	__u32 headroom;			/* with HVBACK_ADD; HVBACK_VIF_SET_CONF leaves it as it is */
	__u32 reserved32;		/* 0 */
	__u64 reserved[3];		/* 0 */
};

#define HVBACK_VIF_SET_CONF	1	/* all but mac, ifname and max_queues may change; those must be as they were */

/*
 * __u32: bytes that stay free before a packet in the page that the guest posted, for an XDP program there ("xdp-headroom" of the
 * frontend). As long as it is not 0 each packet goes into one page: no scatter-gather, no segmentation.
 */
#define HVBACK_VIF_SET_HEADROOM	2
#define HVBACK_VIF_MAX_HEADROOM	2048

/* What both sides can: the backend's in the info, the frontend's in struct hvback_connect. Keys in the store, each "1": */
#define HVBACK_VIF_F_SG		(1ULL << 0)	/* feature-sg */
#define HVBACK_VIF_F_GSO4	(1ULL << 1)	/* feature-gso-tcpv4 */
#define HVBACK_VIF_F_GSO6	(1ULL << 2)	/* feature-gso-tcpv6 */
#define HVBACK_VIF_F_NO_CSUM4	(1ULL << 3)	/* feature-no-csum-offload */
#define HVBACK_VIF_F_CSUM6	(1ULL << 4)	/* feature-ipv6-csum-offload */
#define HVBACK_VIF_F_RX_COPY	(1ULL << 5)	/* backend: feature-rx-copy; frontend: request-rx-copy, without which it is refused */
#define HVBACK_VIF_F_RX_NOTIFY	(1ULL << 6)	/* frontend: feature-rx-notify */
#define HVBACK_VIF_F_MCAST	(1ULL << 7)	/* backend: feature-multicast-control; frontend: request-multicast-control */
#define HVBACK_VIF_F_SPLIT	(1ULL << 8)	/* backend: feature-split-event-channels */
#define HVBACK_VIF_F_XDP	(1ULL << 9)	/* backend: feature-xdp-headroom */
#define HVBACK_VIF_F_ALL	((1ULL << 10) - 1)

/* HVBACK_INFO */
struct hvback_vif_info {
	__u64 features;			/* HVBACK_VIF_F_* */
	__u32 max_queues;		/* multi-queue-max-queues */
	__u32 mtu;
	__u32 ifindex;
	__u32 reserved;
	char  ifname[HVBACK_VIF_IFNAME];
};

#endif /* _UAPI_LINUX_HVBACK_VIF_H */
