/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hvnetback.ko: a guest's network interface. Locks and lifetimes: docs/locking.md; what it does: docs/net.md
 *
 * From the guest's point of view tx is what it sends. The network device in dom0 says it the other way round: what the guest sends is
 * received there. Files and functions here use the guest's words, statistics the device's.
 */
#ifndef HVN_NETBACK_H
#define HVN_NETBACK_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/hvback_vif.h>

#include "../hvpriv/hvpriv_backend.h"
#include "blocks.h"
#include "bucket.h"
#include "guard.h"
#include "tx_chain.h"

#define HVN_RX_SLOTS	(MAX_SKB_FRAGS + 1)	/* what Linux's frontend takes for a packet, without extras */
#define HVN_MCAST_MAX	64			/* addresses of a guest's filter */
#define HVN_COPY		64			/* so many packets are copied where one was after all */
#define HVN_MIN_MTU	68
#define HVN_MAX_MTU	(65535 - VLAN_ETH_HLEN)

/* Each is written by one context: the queue's tx work, its rx work, the device's transmit lock, or rx_lock. Kept over reconnects. */
struct hvn_stats {
	/* from the guest */
	u64 rx_packets, rx_bytes;
	u64 rx_zerocopy;	/* of them with pages of the guest */
	u64 rx_zerocopy_copied;	/* and these were copied after all, on the way to a local socket or another guest */
	u64 rx_copied;		/* large ones that were copied at once, because others before were */
	u64 rx_refused;		/* chains answered with an error */
	u64 rx_grant_errors;
	u64 rx_spoofed_mac, rx_spoofed_ip;
	u64 rx_bad_offload;	/* checksum or segmentation that does not fit the packet */
	u64 rx_no_memory;
	u64 rx_throttled;	/* times that the rate limit stopped it */
	/* to the guest */
	u64 tx_packets, tx_bytes;
	u64 tx_grant_errors;	/* pieces that could not be written */
	u64 tx_no_slots;	/* times that it waited for the guest to post pages */
	u64 tx_expired;		/* waited for too long, and thrown away */
	u64 tx_dropped;		/* nobody there, or too large for this guest */
	u64 tx_filtered;	/* multicast it did not ask for */
	u64 tx_throttled;
	u64 tx_stalls;		/* times that the guest posted nothing for so long that it has no carrier */
};

struct hvn_limit {
	spinlock_t lock;
	struct hvn_bucket bucket;
};

/* RCU: replaced as a whole. */
struct hvn_filter {
	struct rcu_head rcu;
	struct hvn_guard guard;
};

struct hvn_queue;

/* The network device's private data. */
struct hvn_vif {
	struct hvback_device *hv;
	struct net_device *dev;
	struct hvback_vif_conf conf;		/* as checked; changed under the hvback device's lock */
	struct hvn_filter __rcu *filter;
	struct hvn_limit from, to;
	u64 features;				/* the frontend's, HVBACK_VIF_F_*; RTNL */
	bool mcast_control;			/* the guest wants only what is in its filter */
	bool connected;				/* the hvback device's lock */
	spinlock_t mcast_lock;
	unsigned int nr_mcast;			/* mcast_lock */
	u8 mcast[HVN_MCAST_MAX][ETH_ALEN];
	unsigned int nr_queues;			/* connected ones */
	unsigned int max_queues;
	struct hvn_stats *stats;		/* max_queues */
	struct hvn_queue __rcu *queue[];	/* max_queues; written under the hvback device's lock */
};

/* A packet whose pages are the guest's, as long as somebody has its skb. */
struct hvn_packet {
	struct ubuf_info ubuf;
	struct list_head node;			/* hvn_queue.in_flight, under rsp_lock; empty: the grants were put already */
	struct hvn_queue *queue;		/* a reference */
	unsigned int nr_slots, nr_extras;
	u16 id[HVN_TX_SLOTS];
	struct hv_grant grant[];		/* nr_slots */
};

/*
 * One pair of rings. It lives as long as it is connected, or a packet of it is in flight; grants, rings and ports are let go when it is
 * disconnected.
 */
struct hvn_queue {
	struct kref ref;
	struct rcu_head rcu;
	struct hvn_vif *vif;
	struct hvback_device *hv;
	struct hvn_stats *stats;
	unsigned int id;
	bool live;		/* rings and ports are there: the works may begin */
	bool stopping;		/* nothing is queued any more: hvn_queue_kick() */
	bool broken;
	struct hv_event *tx_event, *rx_event;	/* may be the same */

	/* from the guest: tx_work alone, but for what rsp_lock guards */
	struct hv_work tx_work;
	struct timer_list tx_timer;		/* the rate limit allows more */
	struct hv_ring tx_ring;
	struct hvn_tx_chain chain;
	struct hv_grant grant[HVN_TX_SLOTS];
	struct hvn_blocks blocks;
	struct timer_list blocks_timer;		/* to look whether they are of use still */
	unsigned int copy_left;			/* so many large packets are copied at once; whoever lets go of one sets it, too */
	spinlock_t rsp_lock;
	struct xen_netif_tx_back_ring tx;	/* rsp_prod_pvt and the responses: rsp_lock */
	struct list_head in_flight;		/* rsp_lock */
	wait_queue_head_t idle;			/* in_flight has become empty */

	/* to the guest: rx_work alone, but for what rx_skbs.lock guards */
	struct hv_work rx_work;
	struct timer_list rx_timer;
	struct hv_ring rx_ring;
	struct xen_netif_rx_back_ring rx;
	unsigned int headroom;			/* of the packet that is copied; one that was queued before may need a page more for it */
	struct hv_grant rx_grant[HVN_RX_SLOTS + 1];
	u16 rx_id[HVN_RX_SLOTS + 1];
	struct sk_buff_head rx_skbs;
	bool rx_waiting;			/* for pages; rx_skbs.lock */
	unsigned long rx_waiting_since;		/* jiffies; rx_skbs.lock */
	bool rx_stalled;			/* rx_skbs.lock */
	spinlock_t rx_lock;			/* byte queue limits: one at a time says what is done */
	struct delayed_work rx_monitor;
};

/* connect.c */
int hvn_connect(struct hvn_vif *vif, const struct hvback_connection *conn);
void hvn_disconnect(struct hvn_vif *vif);
void hvn_queue_kick(struct hvn_queue *q, struct hv_work *work);
void hvn_kick_all(struct hvn_vif *vif);		/* rings were not looked at while the device was down */
void hvn_queue_broken(struct hvn_queue *q, const char *why);
void hvn_queue_get(struct hvn_queue *q);
void hvn_queue_put(struct hvn_queue *q);	/* any context */
void hvn_wait_for_queues(void);			/* none is left, and nobody runs our code */
u64 hvn_limit_wait(struct hvn_limit *l);	/* ns */
void hvn_limit_take(struct hvn_limit *l, u32 bytes);
void hvn_timer_arm(struct timer_list *timer, u64 ns);

/* netdev.c */
struct net_device *hvn_netdev_alloc(struct hvback_device *hv, const struct hvback_vif_conf *conf, unsigned int max_queues);
bool hvn_mcast_change(struct hvn_vif *vif, u8 op, const u8 *addr);

/* packet.c: skbs that carry a guest's pages. */
void hvn_respond(struct hvn_queue *q, u16 id, unsigned int nr_extras, s16 status);	/* rsp_lock */
void hvn_push(struct hvn_queue *q);							/* rsp_lock */
bool hvn_packet_attach(struct hvn_queue *q, struct sk_buff *skb, unsigned int linear);
void hvn_packets_end(struct hvn_queue *q, bool wait);

/* tx.c, rx.c */
void hvn_tx_work(struct hv_work *work);
void hvn_rx_work(struct hv_work *work);
bool hvn_rx_queue(struct hvn_queue *q, struct sk_buff *skb);	/* false: drop it */
void hvn_rx_monitor(struct work_struct *work);
void hvn_rx_purge(struct hvn_queue *q);

#endif /* HVN_NETBACK_H */
