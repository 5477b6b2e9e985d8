// SPDX-License-Identifier: GPL-2.0-only
/*
 * To the guest: the device's transmit function queues, a lent thread copies into pages that the guest has posted, straight from where
 * the data is, another guest's pages included (F27).
 *
 * A guest that posts nothing harms nobody else: pages of another guest that wait for it are copied and let go at once, what waits for
 * long is thrown away, and after a longer time the device has no carrier until pages come. That holds also when the guest's threads do not
 * run at all (its cgroup is frozen, say): the clock is the kernel's. Who sends is slowed down by byte queue limits.
 */
#include <linux/highmem.h>
#include <linux/tcp.h>

#include "netback.h"

#define RX_BUDGET	64
#define PULSE		(HZ / 5)
#define PULSE_NO_NOTIFY	max(HZ / 33, 1)		/* of a frontend that does not say that it has posted */

/* As xen-netback calls them. */
static uint rx_drain_timeout_msecs = 10000;
module_param(rx_drain_timeout_msecs, uint, 0644);
MODULE_PARM_DESC(rx_drain_timeout_msecs, "throw away what has waited so long for a guest that posts no pages");

static uint rx_stall_timeout_msecs = 60000;
module_param(rx_stall_timeout_msecs, uint, 0644);
MODULE_PARM_DESC(rx_stall_timeout_msecs, "a guest that posts no pages for so long has no carrier");

static_assert(HVN_SLOT_BYTES == PAGE_SIZE);
static_assert(HVN_RX_SLOTS + 3 < 64);	/* far below a ring's 256 */
static_assert(HVBACK_VIF_MAX_HEADROOM < HVN_SLOT_BYTES);

struct rx_cb {
	unsigned long since;		/* jiffies */
};

static struct rx_cb *rx_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct rx_cb) > sizeof(skb->cb));
	return (struct rx_cb *)skb->cb;
}

/* The first page has the headroom before the packet, the others are full. */
static unsigned int data_slots(const struct sk_buff *skb, unsigned int headroom)
{
	return DIV_ROUND_UP(headroom + skb->len, HVN_SLOT_BYTES);
}

static unsigned int extras_of(const struct sk_buff *skb, unsigned int headroom)
{
	return skb_is_gso(skb) + !!headroom;
}

static unsigned int slots_of(const struct sk_buff *skb, unsigned int headroom)
{
	return data_slots(skb, headroom) + extras_of(skb, headroom);
}

static unsigned long pulse_of(const struct hvn_queue *q)
{
	return q->vif->features & HVBACK_VIF_F_RX_NOTIFY ? PULSE : PULSE_NO_NOTIFY;
}

static void arm_monitor(struct hvn_queue *q)
{
	if (!READ_ONCE(q->stopping))
		queue_delayed_work(system_unbound_wq, &q->rx_monitor, pulse_of(q));
}

static struct netdev_queue *txq_of(const struct hvn_queue *q)
{
	return netdev_get_tx_queue(q->vif->dev, q->id);
}

/* ---- from the stack ------------------------------------------------------------------------------ */

/* Under the device's transmit lock. While the guest is slow nobody else's pages wait for it. */
bool hvn_rx_queue(struct hvn_queue *q, struct sk_buff *skb)
{
	unsigned int headroom = READ_ONCE(q->vif->conf.headroom);
	unsigned int most = (q->vif->features & HVBACK_VIF_F_SG) && !headroom ? HVN_RX_SLOTS : 1;
	unsigned int len = skb->len;

	if (data_slots(skb, headroom) > most)
		return false;
	if (READ_ONCE(q->rx_waiting) && skb_orphan_frags(skb, GFP_ATOMIC))
		return false;
	nf_reset_ct(skb);
	rx_cb(skb)->since = jiffies;
	netdev_tx_sent_queue(txq_of(q), len);
	skb_queue_tail(&q->rx_skbs, skb);
	arm_monitor(q);
	hvn_queue_kick(q, &q->rx_work);
	return true;
}

static void completed(struct hvn_queue *q, unsigned int packets, unsigned int bytes)
{
	if (!packets)
		return;
	spin_lock_bh(&q->rx_lock);
	netdev_tx_completed_queue(txq_of(q), packets, bytes);
	spin_unlock_bh(&q->rx_lock);
}

/* ---- into the guest ------------------------------------------------------------------------------ */

/* Under rx_skbs.lock. @nr requests are there; if not the guest says when they are. */
static bool have_slots(struct hvn_queue *q, unsigned int nr)
{
	struct xen_netif_rx_sring *s = q->rx.sring;
	u32 cons = q->rx.req_cons, there;

	there = READ_ONCE(s->req_prod) - cons;
	if (there < nr) {
		WRITE_ONCE(s->req_event, cons + nr);
		mb();		/* the wish before the second look */
		there = READ_ONCE(s->req_prod) - cons;
	}
	if (there > q->rx.nr_ents) {
		hvn_queue_broken(q, "the rx ring's index jumps");
		return false;
	}
	rmb();	/* the index before what it publishes */
	return there >= nr;
}

static void set_waiting(struct hvn_queue *q, bool waiting)
{
	lockdep_assert_held(&q->rx_skbs.lock);
	if (waiting && !q->rx_waiting) {
		q->rx_waiting_since = jiffies;
		q->stats->tx_no_slots++;
	}
	WRITE_ONCE(q->rx_waiting, waiting);
}

/* Pages come again. */
static void end_stall(struct hvn_queue *q)
{
	lockdep_assert_held(&q->rx_skbs.lock);
	if (q->rx_stalled)
		netif_carrier_on(q->vif->dev);
	q->rx_stalled = false;
}

/* The next packet whose slots are there, or NULL. */
static struct sk_buff *next_skb(struct hvn_queue *q)
{
	struct sk_buff *skb;
	bool there;

	spin_lock_bh(&q->rx_skbs.lock);
	skb = skb_peek(&q->rx_skbs);
	there = (skb || q->rx_stalled) && have_slots(q, skb ? slots_of(skb, q->headroom) : 1);
	if (there)
		end_stall(q);
	set_waiting(q, skb && !there);
	if (skb && there)
		__skb_unlink(skb, &q->rx_skbs);
	spin_unlock_bh(&q->rx_skbs.lock);
	return there ? skb : NULL;
}

static u16 first_flags(const struct sk_buff *skb, unsigned int headroom)
{
	u16 flags = extras_of(skb, headroom) ? XEN_NETRXF_extra_info : 0;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return flags | XEN_NETRXF_csum_blank | XEN_NETRXF_data_validated;
	if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		return flags | XEN_NETRXF_data_validated;
	return flags;
}

/*
 * A page the guest granted gets the packet's bytes from @offset on, @at in it; what went before is not looked at again. What goes into the
 * response: their number, or the error.
 */
static s16 fill_page(struct page *page, unsigned int at, struct skb_seq_state *from, unsigned int offset)
{
	unsigned int len = min_t(unsigned int, from->upper_offset - offset, HVN_SLOT_BYTES - at);
	unsigned int n, done;
	const u8 *data;

	if (!page)
		return XEN_NETIF_RSP_ERROR;
	for (done = 0; done < len; done += n) {
		n = min(len - done, skb_seq_read(offset + done, &data, from));
		if (!n)
			return XEN_NETIF_RSP_ERROR;
		memcpy_to_page(page, at + done, data, n);
	}
	return len;
}

/* The requests of a packet, each read once: ids and grants. */
static void take_requests(struct hvn_queue *q, unsigned int nr, unsigned int extras)
{
	struct xen_netif_rx_request req;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		RING_COPY_REQUEST(&q->rx, q->rx.req_cons++, &req);
		q->rx_id[i] = req.id;
		q->rx_grant[i] = (struct hv_grant) { .ref = req.gref, .write = true };
		if (!i)
			q->rx.req_cons += extras;	/* which stand there */
	}
}

/* All at once; if that cannot be, one by one: who has no page then is not there. */
static void get_pages(struct hvn_queue *q, unsigned int nr)
{
	unsigned int i;

	if (!hv_grant_get(q->hv->peer, q->rx_grant, nr))
		return;
	for (i = 0; i < nr; i++)
		if (hv_grant_get(q->hv->peer, &q->rx_grant[i], 1))
			q->rx_grant[i].page = NULL;
}

static void put_pages(struct hvn_queue *q, unsigned int nr)
{
	unsigned int i, some;

	for (i = 0; i < nr; i += some + 1) {
		for (some = 0; i + some < nr && q->rx_grant[i + some].page; some++)
			;
		if (some)
			hv_grant_put(q->hv->peer, &q->rx_grant[i], some, true);
	}
}

/* Each response stands where its request stood: Linux's frontend counts on that. */
static void put_piece(struct hvn_queue *q, const struct sk_buff *skb, unsigned int i, s16 status)
{
	bool more = (i + 1) * HVN_SLOT_BYTES < q->headroom + skb->len;
	struct xen_netif_rx_response *rsp;

	if (status < 0)
		q->stats->tx_grant_errors++;
	rsp = RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt++);
	rsp->id = q->rx_id[i];
	rsp->offset = i ? 0 : q->headroom;
	rsp->flags = (i ? 0 : first_flags(skb, q->headroom)) | (more ? XEN_NETRXF_more_data : 0);
	rsp->status = status;
}

static void put_extra(struct hvn_queue *q, const struct xen_netif_extra_info *x)
{
	memcpy(RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt++), x, sizeof(*x));
}

static void put_gso(struct hvn_queue *q, const struct sk_buff *skb)
{
	struct xen_netif_extra_info x = {
		.type = XEN_NETIF_EXTRA_TYPE_GSO,
		.flags = q->headroom ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
		.u.gso.size = skb_shinfo(skb)->gso_size,
		.u.gso.type = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6,
	};

	put_extra(q, &x);
}

static void put_extras(struct hvn_queue *q, const struct sk_buff *skb)
{
	struct xen_netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_XDP, .u.xdp.headroom = q->headroom };

	if (skb_is_gso(skb))
		put_gso(q, skb);
	if (q->headroom)
		put_extra(q, &x);
}

/* Nobody reads a response before push(): the grants are let go by then. */
static void put_packet(struct hvn_queue *q, struct sk_buff *skb)
{
	unsigned int i, nr = data_slots(skb, q->headroom);
	struct skb_seq_state from;

	take_requests(q, nr, extras_of(skb, q->headroom));
	get_pages(q, nr);
	skb_prepare_seq_read(skb, 0, skb->len, &from);
	for (i = 0; i < nr; i++) {
		unsigned int at = i ? 0 : q->headroom;

		put_piece(q, skb, i, fill_page(q->rx_grant[i].page, at, &from, i * HVN_SLOT_BYTES - (i ? q->headroom : 0)));
		if (!i)
			put_extras(q, skb);
	}
	skb_abort_seq_read(&from);
	put_pages(q, nr);
	q->stats->tx_packets++;
	q->stats->tx_bytes += skb->len;
}

static void push(struct hvn_queue *q)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->rx, notify);
	if (notify)
		hv_event_post(q->rx_event);
}

/* True: come again. */
static bool rx_run(struct hvn_queue *q, unsigned int *packets, unsigned int *bytes)
{
	struct sk_buff *skb;
	u64 wait;

	while (*packets < RX_BUDGET) {
		wait = hvn_limit_wait(&q->vif->to);
		if (wait && !skb_queue_empty_lockless(&q->rx_skbs)) {
			q->stats->tx_throttled++;
			hvn_timer_arm(&q->rx_timer, wait);
			return false;
		}
		skb = next_skb(q);
		if (!skb)
			return false;
		hvn_limit_take(&q->vif->to, skb->len);
		put_packet(q, skb);
		++*packets;
		*bytes += skb->len;
		consume_skb(skb);
	}
	return true;
}

/* What waits now must not be another guest's pages. Who cannot be copied is thrown away. */
static void orphan_waiting(struct hvn_queue *q)
{
	unsigned int packets = 0, bytes = 0;
	struct sk_buff *skb, *next;

	spin_lock_bh(&q->rx_skbs.lock);
	if (!q->rx_waiting)
		goto out;
	skb_queue_walk_safe(&q->rx_skbs, skb, next) {
		if (!skb_orphan_frags(skb, GFP_ATOMIC))
			continue;
		__skb_unlink(skb, &q->rx_skbs);
		packets++;
		bytes += skb->len;
		q->stats->tx_expired++;
		kfree_skb(skb);
	}
out:
	spin_unlock_bh(&q->rx_skbs.lock);
	completed(q, packets, bytes);
}

void hvn_rx_work(struct hv_work *work)
{
	struct hvn_queue *q = container_of(work, struct hvn_queue, rx_work);
	unsigned int packets = 0, bytes = 0;
	bool again;

	if (!smp_load_acquire(&q->live) || READ_ONCE(q->broken))
		return;
	q->headroom = READ_ONCE(q->vif->conf.headroom);
	again = rx_run(q, &packets, &bytes);
	if (packets)
		push(q);
	completed(q, packets, bytes);
	if (again)
		hvn_queue_kick(q, work);
	else
		orphan_waiting(q);
}

/* ---- the clock ------------------------------------------------------------------------------------ */

/* Under rx_skbs.lock: since when does the oldest one wait? */
static bool is_late(struct hvn_queue *q, unsigned long limit)
{
	struct sk_buff *skb = skb_peek(&q->rx_skbs);

	return skb && time_after_eq(jiffies, rx_cb(skb)->since + limit);
}

static void expire(struct hvn_queue *q)
{
	unsigned int packets = 0, bytes = 0;
	struct sk_buff *skb;

	spin_lock_bh(&q->rx_skbs.lock);
	while (is_late(q, msecs_to_jiffies(READ_ONCE(rx_drain_timeout_msecs)))) {
		skb = __skb_dequeue(&q->rx_skbs);
		packets++;
		bytes += skb->len;
		q->stats->tx_expired++;
		kfree_skb(skb);
	}
	/* From here on it is as slow as one that has no pages, also when it is our own thread that does not run. */
	if (is_late(q, PULSE))
		set_waiting(q, true);
	if (q->rx_waiting && !q->rx_stalled && (q->vif->features & HVBACK_VIF_F_RX_NOTIFY) &&
	    time_after_eq(jiffies, q->rx_waiting_since + msecs_to_jiffies(READ_ONCE(rx_stall_timeout_msecs)))) {
		q->rx_stalled = true;
		q->stats->tx_stalls++;
		netif_carrier_off(q->vif->dev);
	}
	spin_unlock_bh(&q->rx_skbs.lock);
	completed(q, packets, bytes);
}

/* Runs while something waits. */
void hvn_rx_monitor(struct work_struct *work)
{
	struct hvn_queue *q = container_of(to_delayed_work(work), struct hvn_queue, rx_monitor);

	expire(q);
	orphan_waiting(q);
	if (!(q->vif->features & HVBACK_VIF_F_RX_NOTIFY))
		hvn_queue_kick(q, &q->rx_work);
	if (!skb_queue_empty_lockless(&q->rx_skbs))
		arm_monitor(q);
}

/* Nothing of the queue runs any more. */
void hvn_rx_purge(struct hvn_queue *q)
{
	skb_queue_purge(&q->rx_skbs);
	netdev_tx_reset_queue(txq_of(q));
}
