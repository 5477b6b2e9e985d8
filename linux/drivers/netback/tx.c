// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the guest: requests are taken out of the ring once, headers are copied before anything judges them (F27), and the packet goes
 * up the stack from the lent thread, with bottom halves off.
 *
 * Small packets are copied whole: that is cheaper than giving pages away and getting them back, and the guest is answered at once. So
 * are large ones where they were copied in the end, because they went to a socket of dom0: then the guest's pages were in the way only.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/moduleparam.h>
#include <linux/highmem.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "netback.h"

#define TX_BUDGET	64	/* packets, then the domain's other devices have their turn */
#define HEADERS		256	/* Ethernet, two VLAN tags, IPv6 with options, TCP with options: more than anything looks at */
#define COPY_WHOLE	2048

static bool zerocopy = true;
module_param(zerocopy, bool, 0644);
MODULE_PARM_DESC(zerocopy, "send large packets from the guest's own pages (default on)");

static void respond_all(struct hvn_queue *q, s16 status)
{
	const struct hvn_tx_chain *c = &q->chain;
	unsigned int i;

	spin_lock_irq(&q->rsp_lock);
	for (i = 0; i < c->nr_slots; i++)
		hvn_respond(q, c->slot[i].id, i ? 0 : c->nr_extras, status);
	spin_unlock_irq(&q->rsp_lock);
}

static void push(struct hvn_queue *q)
{
	spin_lock_irq(&q->rsp_lock);
	hvn_push(q);
	spin_unlock_irq(&q->rsp_lock);
}

/* ---- from slots to an skb ------------------------------------------------------------------- */

/* How much becomes linear: all, or the headers, or the first slot when the rest would not fit in frags otherwise. */
static unsigned int linear_bytes(const struct hvn_tx_chain *c)
{
	unsigned int frags = c->nr_slots - (c->slot[0].len <= HEADERS);

	if (c->len <= COPY_WHOLE)
		return c->len;
	return frags > MAX_SKB_FRAGS ? c->slot[0].len : HEADERS;
}

/* With room for the whole packet, all but @linear bytes of it in pages of ours. */
static struct sk_buff *alloc_for_copy(struct net_device *dev, unsigned int linear, unsigned int len)
{
	unsigned int room = NET_SKB_PAD + NET_IP_ALIGN;
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(room + linear, len - linear, PAGE_ALLOC_COSTLY_ORDER, &err, GFP_KERNEL | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len = len;
	skb->dev = dev;
	return skb;
}

/* The same of memory that was used before. */
static struct sk_buff *alloc_from_blocks(struct hvn_queue *q, unsigned int linear, unsigned int len)
{
	struct sk_buff *skb = alloc_for_copy(q->vif->dev, linear, linear);

	if (skb && !hvn_blocks_add(&q->blocks, skb, len - linear)) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

static bool copy_bytes(const struct hvn_queue *q, struct sk_buff *skb, unsigned int bytes)
{
	const struct hvn_tx_chain *c = &q->chain;
	unsigned int i, n, done;
	void *va;
	int r = 0;

	for (i = 0, done = 0; done < bytes && !r; i++, done += n) {
		n = min_t(unsigned int, bytes - done, c->slot[i].len);
		va = kmap_local_page(q->grant[i].page);
		r = skb_store_bits(skb, done, va + c->slot[i].offset, n);
		kunmap_local(va);
	}
	return !r;
}

/* The headers are copied, the rest of the skb are the guest's pages, and the grants the skb's. */
static struct sk_buff *make_zerocopy(struct hvn_queue *q, unsigned int linear)
{
	struct sk_buff *skb = alloc_for_copy(q->vif->dev, linear, linear);

	if (skb && copy_bytes(q, skb, linear) && hvn_packet_attach(q, skb, linear)) {
		q->stats->rx_zerocopy++;
		return skb;
	}
	kfree_skb(skb);
	return NULL;
}

/* One in HVN_COPY goes with the guest's pages, to see whether it is copied still; copy_left is 0 from then on if it was not. */
static bool may_zerocopy(struct hvn_queue *q)
{
	unsigned int left = READ_ONCE(q->copy_left);

	if (!READ_ONCE(zerocopy))
		return false;
	if (left)
		WRITE_ONCE(q->copy_left, left == 1 ? HVN_COPY : left - 1);
	return left <= 1;
}

/* The grants are held. They are put, or the skb's, when this returns; NULL: no memory. */
static struct sk_buff *make_skb(struct hvn_queue *q)
{
	const struct hvn_tx_chain *c = &q->chain;
	unsigned int linear = linear_bytes(c);
	struct sk_buff *skb = NULL;

	if (linear < c->len) {
		skb = may_zerocopy(q) ? make_zerocopy(q, linear) : NULL;
		if (skb)
			return skb;
		skb = alloc_from_blocks(q, linear, c->len);
	}
	if (skb)
		q->stats->rx_copied++;
	else
		skb = alloc_for_copy(q->vif->dev, linear, c->len);
	if (skb && !copy_bytes(q, skb, c->len)) {
		kfree_skb(skb);
		skb = NULL;
	}
	hv_grant_put(q->hv->peer, q->grant, c->nr_slots, false);
	respond_all(q, skb ? XEN_NETIF_RSP_OKAY : XEN_NETIF_RSP_DROPPED);
	return skb;
}

static struct sk_buff *fetch_packet(struct hvn_queue *q)
{
	const struct hvn_tx_chain *c = &q->chain;
	struct sk_buff *skb;
	unsigned int i;

	for (i = 0; i < c->nr_slots; i++)
		q->grant[i] = (struct hv_grant) { .ref = c->slot[i].ref };
	if (hv_grant_get(q->hv->peer, q->grant, c->nr_slots)) {
		q->stats->rx_grant_errors++;
		respond_all(q, XEN_NETIF_RSP_ERROR);
		return NULL;
	}
	skb = make_skb(q);
	if (!skb)
		q->stats->rx_no_memory++;
	return skb;
}

/* ---- judging it: all of this looks at the copied headers ----------------------------------------- */

/* The IP and TCP headers of what is to be segmented, in the linear part: 0 or their length from the network header. */
static unsigned int tcp_headers(const struct sk_buff *skb, u8 gso_type)
{
	unsigned int room = skb_headlen(skb), hlen;
	const struct ipv6hdr *ip6 = ipv6_hdr(skb);
	const struct iphdr *ip = ip_hdr(skb);
	const struct tcphdr *th;

	if (gso_type == XEN_NETIF_GSO_TYPE_TCPV4) {
		if (skb->protocol != htons(ETH_P_IP) || room < sizeof(*ip) || ip->version != 4 || ip->ihl < 5 ||
		    ip->protocol != IPPROTO_TCP || ip_is_fragment(ip))
			return 0;
		hlen = ip->ihl * 4;
	} else {
		if (skb->protocol != htons(ETH_P_IPV6) || room < sizeof(*ip6) || ip6->version != 6 ||
		    ip6->nexthdr != IPPROTO_TCP)
			return 0;
		hlen = sizeof(*ip6);
	}
	if (room < hlen + sizeof(*th))
		return 0;
	th = (const struct tcphdr *)(skb_network_header(skb) + hlen);
	hlen += th->doff * 4;
	return th->doff >= 5 && room >= hlen ? hlen : 0;
}

/* The stack is told that the claim is a guest's: it looks again where it counts on it. */
static bool set_gso(struct sk_buff *skb, const struct hvn_tx_chain *c)
{
	unsigned int hlen = tcp_headers(skb, c->gso_type);
	struct skb_shared_info *si = skb_shinfo(skb);

	if (!hlen)
		return false;
	if (skb->len <= hlen + c->gso_size)
		return true;		/* one segment: an ordinary packet */
	si->gso_size = c->gso_size;
	si->gso_segs = 0;
	si->gso_type = SKB_GSO_DODGY | (c->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6);
	return true;
}

/*
 * Segmentation implies that the checksum is left to us, whatever the flags say; then the sum over the pseudo-header may be missing as
 * well and is made anew.
 */
static bool set_offloads(struct sk_buff *skb, const struct hvn_tx_chain *c)
{
	bool blank = c->flags & XEN_NETTXF_csum_blank;

	if (c->gso_size && !set_gso(skb, c))
		return false;
	if (blank || c->gso_size) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		if (skb_checksum_setup(skb, !blank))
			return false;
	} else if (c->flags & XEN_NETTXF_data_validated) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}
	skb_probe_transport_header(skb);
	return true;
}

static enum hvn_guard_verdict judge(struct hvn_queue *q, const struct sk_buff *skb)
{
	enum hvn_guard_verdict v;

	rcu_read_lock();
	v = hvn_guard(&rcu_dereference(q->vif->filter)->guard, skb->data, skb_headlen(skb));
	rcu_read_unlock();
	return v;
}

/* @skb goes to the end of @list, or is dropped and counted. */
static void take_packet(struct hvn_queue *q, struct sk_buff *skb, struct list_head *list)
{
	struct hvn_stats *st = q->stats;
	unsigned int len = skb->len;

	switch (judge(q, skb)) {
	case HVN_GUARD_MAC:
		st->rx_spoofed_mac++;
		goto drop;
	case HVN_GUARD_IP:
		st->rx_spoofed_ip++;
		goto drop;
	case HVN_GUARD_PASS:
		break;
	}
	skb->protocol = eth_type_trans(skb, q->vif->dev);
	skb_reset_network_header(skb);
	if (!set_offloads(skb, &q->chain)) {
		st->rx_bad_offload++;
		goto drop;
	}
	skb_record_rx_queue(skb, q->id);
	st->rx_packets++;
	st->rx_bytes += len;
	list_add_tail(&skb->list, list);
	return;
drop:
	kfree_skb(skb);
}

/* ---- the work --------------------------------------------------------------------------------- */

static void take_mcast(struct hvn_queue *q)
{
	const struct hvn_tx_chain *c = &q->chain;

	respond_all(q, hvn_mcast_change(q->vif, c->mcast_op, c->mcast) ? XEN_NETIF_RSP_OKAY : XEN_NETIF_RSP_ERROR);
}

/* One chain, @avail of whose entries at most are there. False: the ring is of no use any more. */
static bool take_chain(struct hvn_queue *q, u32 avail, struct list_head *list)
{
	struct hvn_tx_chain *c = &q->chain;
	enum hvn_tx_verdict v;
	struct sk_buff *skb;

	v = hvn_tx_parse(q->tx.sring->ring, q->tx.nr_ents - 1, q->tx.req_cons, avail, c);
	if (v == HVN_TX_BROKEN) {
		hvn_queue_broken(q, c->why);
		return false;
	}
	q->tx.req_cons += c->nr_entries;
	switch (v) {
	case HVN_TX_MCAST:
		take_mcast(q);
		break;
	case HVN_TX_REFUSED:
		q->stats->rx_refused++;
		respond_all(q, XEN_NETIF_RSP_ERROR);
		break;
	default:
		hvn_limit_take(&q->vif->from, c->len);
		skb = fetch_packet(q);
		if (skb)
			take_packet(q, skb, list);
	}
	return true;
}

/* Entries that the guest has published. Its index may be anything: then the ring is broken and there are none. */
static u32 published(struct hvn_queue *q)
{
	u32 prod = READ_ONCE(q->tx.sring->req_prod), rsp = READ_ONCE(q->tx.rsp_prod_pvt);

	if (prod - rsp > q->tx.nr_ents || prod - q->tx.req_cons > q->tx.nr_ents) {
		hvn_queue_broken(q, "the tx ring's index jumps");
		return 0;
	}
	rmb();	/* the index before what it publishes */
	return prod - q->tx.req_cons;
}

/* Nothing there: ask to be told. True: something came meanwhile. */
static bool ask_for_more(struct hvn_queue *q)
{
	int more;

	RING_FINAL_CHECK_FOR_REQUESTS(&q->tx, more);
	return more;
}

static void deliver(struct list_head *list)
{
	if (list_empty(list))
		return;
	local_bh_disable();
	netif_receive_skb_list(list);
	local_bh_enable();
}

/* True: come again. */
static bool tx_run(struct hvn_queue *q, struct list_head *list)
{
	unsigned int i;
	u32 avail;
	u64 wait;

	for (i = 0; i < TX_BUDGET; i++) {
		avail = published(q);
		if (!avail)
			return !READ_ONCE(q->broken) && ask_for_more(q);
		wait = hvn_limit_wait(&q->vif->from);
		if (wait) {
			q->stats->rx_throttled++;
			hvn_timer_arm(&q->tx_timer, wait);
			return false;
		}
		if (!take_chain(q, avail, list))
			return false;
	}
	return true;
}

/* What packets were copied to is given back when it is of no use any more. */
static void look_after_blocks(struct hvn_queue *q)
{
	if (hvn_blocks_empty(&q->blocks))
		return;
	if (hvn_blocks_idle(&q->blocks))
		hvn_blocks_free(&q->blocks);
	else if (!timer_pending(&q->blocks_timer))
		mod_timer(&q->blocks_timer, jiffies + HVN_BLOCKS_IDLE + 1);
}

/* While the device is down the ring is left alone: the guest's queue fills and stops. hvn_kick_all() goes on. */
void hvn_tx_work(struct hv_work *work)
{
	struct hvn_queue *q = container_of(work, struct hvn_queue, tx_work);
	LIST_HEAD(list);
	bool again;

	if (!smp_load_acquire(&q->live) || READ_ONCE(q->broken) || !netif_running(q->vif->dev))
		return;
	again = tx_run(q, &list);
	look_after_blocks(q);
	push(q);
	deliver(&list);
	if (again)
		hvn_queue_kick(q, work);
}
