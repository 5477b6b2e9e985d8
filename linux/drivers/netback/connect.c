// SPDX-License-Identifier: GPL-2.0-only
/* Queues: rings, ports, works. Under the hvback device's lock. */
#include <linux/if_vlan.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "netback.h"

#define BQL_MOST	(1 << 20)	/* bytes that wait for a guest; behind them its qdisc decides */

static atomic_t nr_queues = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(queues_left);

/* ---- life ----------------------------------------------------------------------------------------- */

static void free_queue(struct rcu_head *rcu)
{
	kvfree(container_of(rcu, struct hvn_queue, rcu));
	if (atomic_dec_and_test(&nr_queues))
		wake_up_all(&queues_left);
}

static void release_queue(struct kref *ref)
{
	call_rcu(&container_of(ref, struct hvn_queue, ref)->rcu, free_queue);
}

void hvn_queue_get(struct hvn_queue *q)
{
	kref_get(&q->ref);
}

void hvn_queue_put(struct hvn_queue *q)
{
	kref_put(&q->ref, release_queue);
}

/* Packets that still stand somewhere call our code when they go. */
void hvn_wait_for_queues(void)
{
	wait_event(queues_left, !atomic_read(&nr_queues));
	rcu_barrier();
}

/* ---- what may start a work --------------------------------------------------------------------------- */

void hvn_queue_kick(struct hvn_queue *q, struct hv_work *work)
{
	rcu_read_lock();
	if (!READ_ONCE(q->stopping))
		hv_work_queue(q->hv->workers, work);
	rcu_read_unlock();
}

static void on_event(void *arg)
{
	struct hvn_queue *q = arg;

	hvn_queue_kick(q, &q->tx_work);
	hvn_queue_kick(q, &q->rx_work);
}

static void on_tx_event(void *arg)
{
	struct hvn_queue *q = arg;

	hvn_queue_kick(q, &q->tx_work);
}

static void on_rx_event(void *arg)
{
	struct hvn_queue *q = arg;

	hvn_queue_kick(q, &q->rx_work);
}

static void on_tx_timer(struct timer_list *timer)
{
	on_tx_event(container_of(timer, struct hvn_queue, tx_timer));
}

static void on_blocks_timer(struct timer_list *timer)
{
	on_tx_event(container_of(timer, struct hvn_queue, blocks_timer));
}

static void on_rx_timer(struct timer_list *timer)
{
	on_rx_event(container_of(timer, struct hvn_queue, rx_timer));
}

void hvn_kick_all(struct hvn_vif *vif)
{
	struct hvn_queue *q;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < vif->max_queues; i++) {
		q = rcu_dereference(vif->queue[i]);
		if (q)
			on_event(q);
	}
	rcu_read_unlock();
}

void hvn_timer_arm(struct timer_list *timer, u64 ns)
{
	mod_timer(timer, jiffies + nsecs_to_jiffies(ns) + 1);
}

void hvn_queue_broken(struct hvn_queue *q, const char *why)
{
	WRITE_ONCE(q->broken, true);
	hvback_broken(q->hv, "queue %u: %s", q->id, why);
}

u64 hvn_limit_wait(struct hvn_limit *l)
{
	u64 ns;

	if (!READ_ONCE(l->bucket.rate))
		return 0;
	spin_lock(&l->lock);
	ns = hvn_bucket_wait(&l->bucket, ktime_get_ns());
	spin_unlock(&l->lock);
	return ns;
}

void hvn_limit_take(struct hvn_limit *l, u32 bytes)
{
	if (!READ_ONCE(l->bucket.rate))
		return;
	spin_lock(&l->lock);
	hvn_bucket_take(&l->bucket, bytes);
	spin_unlock(&l->lock);
}

/* ---- one queue --------------------------------------------------------------------------------------- */

static struct hvn_queue *alloc_queue(struct hvn_vif *vif, unsigned int id)
{
	struct hvn_queue *q = kvzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);

	if (!q)
		return NULL;
	atomic_inc(&nr_queues);
	kref_init(&q->ref);
	q->vif = vif;
	q->hv = vif->hv;
	q->id = id;
	q->stats = &vif->stats[id];
	spin_lock_init(&q->rsp_lock);
	spin_lock_init(&q->rx_lock);
	INIT_LIST_HEAD(&q->in_flight);
	init_waitqueue_head(&q->idle);
	skb_queue_head_init(&q->rx_skbs);
	hv_work_init(&q->tx_work, hvn_tx_work);
	hv_work_init(&q->rx_work, hvn_rx_work);
	q->tx_work.prompt = true;
	q->rx_work.prompt = true;
	timer_setup(&q->tx_timer, on_tx_timer, 0);
	timer_setup(&q->blocks_timer, on_blocks_timer, 0);
	timer_setup(&q->rx_timer, on_rx_timer, 0);
	INIT_DELAYED_WORK(&q->rx_monitor, hvn_rx_monitor);
	return q;
}

/* The frontend's indices are private from here on; a ring that was served before goes on behind its last response. */
static int attach_rings(struct hvn_queue *q)
{
	struct xen_netif_tx_sring *tx = q->tx_ring.va;
	struct xen_netif_rx_sring *rx = q->rx_ring.va;
	u32 tx_rsp = READ_ONCE(tx->rsp_prod), rx_rsp = READ_ONCE(rx->rsp_prod);

	BACK_RING_ATTACH(&q->tx, tx, tx_rsp, HVN_SLOT_BYTES);
	BACK_RING_ATTACH(&q->rx, rx, rx_rsp, HVN_SLOT_BYTES);
	if (READ_ONCE(tx->req_prod) - tx_rsp > q->tx.nr_ents || READ_ONCE(rx->req_prod) - rx_rsp > q->rx.nr_ents)
		return hvback_reason(q->hv, -EINVAL, "queue %u: indices of a ring make no sense", q->id);
	return 0;
}

static int map_ring(struct hvn_queue *q, const struct hvback_queue *hq, unsigned int which, struct hv_ring *ring)
{
	static const char *const names[] = { "tx-ring-ref", "rx-ring-ref" };
	int r;

	if (hq->nr_refs[which] != 1)
		return hvback_reason(q->hv, -EINVAL, "queue %u: %s must be one page", q->id, names[which]);
	r = hv_ring_map(q->hv->peer, hq->ref[which], 1, ring);
	if (r)
		hvback_reason(q->hv, r, "queue %u: %s %u cannot be mapped (%d)", q->id, names[which], hq->ref[which][0], r);
	return r;
}

static struct hv_event *bind_port(struct hvn_queue *q, u32 port, void (*fn)(void *))
{
	struct hv_event *event = hv_event_bind(q->hv->peer, port, fn, q);

	if (IS_ERR(event))
		hvback_reason(q->hv, PTR_ERR(event), "queue %u: port %u cannot be bound (%ld)", q->id, port, PTR_ERR(event));
	return event;
}

static int bind_ports(struct hvn_queue *q, const struct hvback_queue *hq)
{
	bool split = hq->port[1] && hq->port[1] != hq->port[0];
	struct hv_event *event;

	event = bind_port(q, hq->port[0], split ? on_tx_event : on_event);
	if (IS_ERR(event))
		return PTR_ERR(event);
	q->tx_event = event;
	if (!split) {
		q->rx_event = event;
		return 0;
	}
	event = bind_port(q, hq->port[1], on_rx_event);
	if (IS_ERR(event))
		return PTR_ERR(event);
	q->rx_event = event;
	return 0;
}

/*
 * Who served these rings before may have answered and raised its port, and let it go before the guest heard of it. The frontend waits then
 * for an event that no later response would raise: its rsp_event lies behind.
 */
static void tell_frontend(struct hvn_queue *q)
{
	hv_event_post(q->tx_event);
	if (q->rx_event != q->tx_event)
		hv_event_post(q->rx_event);
}

static int open_queue(struct hvn_queue *q, const struct hvback_queue *hq)
{
	int r;

	r = map_ring(q, hq, 0, &q->tx_ring);
	if (!r)
		r = map_ring(q, hq, 1, &q->rx_ring);
	if (!r)
		r = attach_rings(q);
	if (!r)
		r = bind_ports(q, hq);
	if (r)
		return r;
	smp_store_release(&q->live, true);	/* pairs with the works: they look at nothing before */
	tell_frontend(q);
	return 0;
}

/* Not even a dead domain's grants are got: then nobody has to be waited for. */
static bool domain_lives(struct hvn_queue *q)
{
	struct hv_grant g = { .ref = q->tx_ring.g[0].ref };
	int r;

	r = hv_grant_get(q->hv->peer, &g, 1);
	if (!r)
		hv_grant_put(q->hv->peer, &g, 1, false);
	return r != -ESHUTDOWN;
}

/* Nobody transmits to it any more. Opened whole or in part, what is there is undone; packets that somebody has stay behind. */
static void close_queue(struct hvn_queue *q)
{
	WRITE_ONCE(q->stopping, true);
	synchronize_rcu();		/* hvn_queue_kick() has seen it */
	hv_work_cancel(q->hv->workers, &q->tx_work);
	hv_work_cancel(q->hv->workers, &q->rx_work);
	timer_delete_sync(&q->tx_timer);
	timer_delete_sync(&q->rx_timer);
	timer_delete_sync(&q->blocks_timer);
	cancel_delayed_work_sync(&q->rx_monitor);
	hvn_rx_purge(q);
	hvn_blocks_free(&q->blocks);
	if (q->live)
		hvn_packets_end(q, domain_lives(q));
	if (q->rx_event && q->rx_event != q->tx_event)
		hv_event_unbind(q->rx_event);
	if (q->tx_event)
		hv_event_unbind(q->tx_event);	/* the last answers went by it */
	if (q->rx_ring.va)
		hv_ring_unmap(q->hv->peer, &q->rx_ring);
	if (q->tx_ring.va)
		hv_ring_unmap(q->hv->peer, &q->tx_ring);
	hvn_queue_put(q);
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static void close_queues(struct hvn_vif *vif)
{
	struct hvn_queue *q;
	unsigned int i;

	for (i = 0; i < vif->max_queues; i++) {
		q = rcu_dereference_protected(vif->queue[i], true);
		if (!q)
			continue;
		RCU_INIT_POINTER(vif->queue[i], NULL);
		synchronize_net();	/* hvn_start_xmit(), hvn_kick_all() */
		close_queue(q);
	}
	vif->nr_queues = 0;
}

static int open_queues(struct hvn_vif *vif, const struct hvback_connection *conn)
{
	struct hvn_queue *q;
	unsigned int i;
	int r;

	for (i = 0; i < conn->nr_queues; i++) {
		q = alloc_queue(vif, i);
		if (!q)
			return -ENOMEM;
		r = open_queue(q, &conn->queue[i]);
		if (r) {
			close_queue(q);
			return r;
		}
		rcu_assign_pointer(vif->queue[i], q);
	}
	vif->nr_queues = conn->nr_queues;
	return 0;
}

static void limit_bytes(struct net_device *dev, unsigned int nr)
{
#ifdef CONFIG_BQL
	unsigned int i;

	for (i = 0; i < nr; i++)
		netdev_get_tx_queue(dev, i)->dql.max_limit = BQL_MOST;
#endif
}

/* What the stack may give us is what the frontend can take. */
static int set_up_device(struct hvn_vif *vif, const struct hvback_connection *conn)
{
	struct net_device *dev = vif->dev;
	int r;

	rtnl_lock();
	r = netif_set_real_num_tx_queues(dev, conn->nr_queues);
	if (!r)
		r = netif_set_real_num_rx_queues(dev, conn->nr_queues);
	if (r)
		goto out;
	limit_bytes(dev, conn->nr_queues);
	vif->features = conn->features;
	netdev_update_features(dev);
	dev->max_mtu = conn->features & HVBACK_VIF_F_SG ? HVN_MAX_MTU : ETH_DATA_LEN;
	if (dev->mtu > dev->max_mtu) {
		netdev_notice(dev, "the frontend takes no packet of more than a page: mtu %u\n", dev->max_mtu);
		r = dev_set_mtu(dev, dev->max_mtu);
	}
out:
	rtnl_unlock();
	return r;
}

int hvn_connect(struct hvn_vif *vif, const struct hvback_connection *conn)
{
	int r;

	if (conn->nr_queues > vif->max_queues)
		return hvback_reason(vif->hv, -EINVAL, "%u queues, at most %u are offered", conn->nr_queues, vif->max_queues);
	if (conn->protocol != HVBACK_PROTO_X86_64 && conn->protocol != HVBACK_PROTO_X86_32)
		return hvback_reason(vif->hv, -EINVAL, "unknown protocol %u", conn->protocol);
	if (conn->features & ~HVBACK_VIF_F_ALL)
		return hvback_reason(vif->hv, -EINVAL, "unknown features");
	if (!(conn->features & HVBACK_VIF_F_RX_COPY))
		return hvback_reason(vif->hv, -EOPNOTSUPP, "the frontend does not say request-rx-copy, and pages are not flipped");
	r = set_up_device(vif, conn);
	if (r)
		return r;
	spin_lock_bh(&vif->mcast_lock);
	vif->nr_mcast = 0;
	WRITE_ONCE(vif->mcast_control, conn->features & HVBACK_VIF_F_MCAST);
	spin_unlock_bh(&vif->mcast_lock);
	r = open_queues(vif, conn);
	if (r) {
		close_queues(vif);
		return r;
	}
	vif->connected = true;
	rtnl_lock();
	netif_carrier_on(vif->dev);
	if (netif_running(vif->dev))
		netif_tx_start_all_queues(vif->dev);
	rtnl_unlock();
	hvn_kick_all(vif);
	return 0;
}

void hvn_disconnect(struct hvn_vif *vif)
{
	rtnl_lock();
	netif_carrier_off(vif->dev);
	netif_tx_disable(vif->dev);
	rtnl_unlock();
	close_queues(vif);
	vif->connected = false;
	netif_carrier_off(vif->dev);	/* the end of a stall may have come in between */
}
