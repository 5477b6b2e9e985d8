// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that leave with the guest's own pages. The skb has a reference to each page of its own; the grants are held, and the guest is
 * answered, when the skb lets go of the pages: sent, dropped, or copied by the kernel because somebody wanted to keep it.
 *
 * Such a packet may outlive the connection, when somebody sits on the skb. Then the grants are put without it, so that the guest's pages
 * are its own again, and what is left is a page reference: the page itself goes home when the skb does.
 */
#include <linux/slab.h>

#include "compat/ubuf.h"
#include "netback.h"

#define WAIT_IN_FLIGHT		(2 * HZ)

void hvn_respond(struct hvn_queue *q, u16 id, unsigned int nr_extras, s16 status)
{
	struct xen_netif_tx_response *rsp;
	unsigned int i;

	lockdep_assert_held(&q->rsp_lock);
	rsp = RING_GET_RESPONSE(&q->tx, q->tx.rsp_prod_pvt++);
	rsp->id = id;
	rsp->status = status;
	for (i = 0; i < nr_extras; i++)
		RING_GET_RESPONSE(&q->tx, q->tx.rsp_prod_pvt++)->status = XEN_NETIF_RSP_NULL;
}

void hvn_push(struct hvn_queue *q)
{
	int notify;

	lockdep_assert_held(&q->rsp_lock);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->tx, notify);
	if (notify)
		hv_event_post(q->tx_event);
}

/* The grants before the responses: the frontend wants to find its pages unused. */
static void let_go(struct hvn_packet *p)
{
	struct hvn_queue *q = p->queue;
	unsigned int i;

	lockdep_assert_held(&q->rsp_lock);
	list_del_init(&p->node);
	hv_grant_put(q->hv->peer, p->grant, p->nr_slots, false);
	for (i = 0; i < p->nr_slots; i++)
		hvn_respond(q, p->id[i], i ? 0 : p->nr_extras, XEN_NETIF_RSP_OKAY);
}

/* The skb lets go of the pages. Any context. Under RCU to its end, which the module's exit waits for. */
void hvn_packet_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct hvn_packet *p = container_of(ubuf, struct hvn_packet, ubuf);
	struct hvn_queue *q = p->queue;
	unsigned long flags;

	if (!refcount_dec_and_test(&ubuf->refcnt))
		return;
	rcu_read_lock();
	spin_lock_irqsave(&q->rsp_lock, flags);
	if (!list_empty(&p->node)) {
		WRITE_ONCE(q->copy_left, success ? 0 : HVN_COPY);
		if (!success)
			q->stats->rx_zerocopy_copied++;
		let_go(p);
		hvn_push(q);
		if (list_empty(&q->in_flight))
			wake_up_all(&q->idle);
	}
	spin_unlock_irqrestore(&q->rsp_lock, flags);
	kfree(p);
	hvn_queue_put(q);
	rcu_read_unlock();
}

/* What lies behind the @linear bytes that were copied becomes frags; a slot that was copied whole has none. */
static void add_frags(const struct hvn_queue *q, struct sk_buff *skb, unsigned int linear)
{
	const struct hvn_tx_chain *c = &q->chain;
	unsigned int i, skip, nr = 0;

	for (i = 0; i < c->nr_slots; i++) {
		skip = min_t(unsigned int, linear, c->slot[i].len);
		linear -= skip;
		if (skip == c->slot[i].len)
			continue;
		get_page(q->grant[i].page);
		skb_add_rx_frag(skb, nr++, q->grant[i].page, c->slot[i].offset + skip, c->slot[i].len - skip, PAGE_SIZE);
	}
}

/**
 * hvn_packet_attach() - make the rest of the packet in ->chain, whose grants are in ->grant, frags of @skb
 * @q: whose
 * @skb: with the copied bytes, no frags yet
 * @linear: bytes that were copied; the rest fits in MAX_SKB_FRAGS frags
 *
 * Return: true, and the grants are the packet's; false: no memory.
 */
bool hvn_packet_attach(struct hvn_queue *q, struct sk_buff *skb, unsigned int linear)
{
	const struct hvn_tx_chain *c = &q->chain;
	struct hvn_packet *p = kmalloc(struct_size(p, grant, c->nr_slots), GFP_KERNEL | __GFP_NOWARN);
	unsigned int i;

	if (!p)
		return false;
	p->queue = q;
	p->nr_slots = c->nr_slots;
	p->nr_extras = c->nr_extras;
	for (i = 0; i < c->nr_slots; i++) {
		p->grant[i] = q->grant[i];
		p->id[i] = c->slot[i].id;
	}
	add_frags(q, skb, linear);
	hvn_queue_get(q);
	spin_lock_irq(&q->rsp_lock);
	list_add_tail(&p->node, &q->in_flight);
	spin_unlock_irq(&q->rsp_lock);
	hvn_ubuf_init(&p->ubuf);
	skb_zcopy_init(skb, &p->ubuf);
	return true;
}

static bool none_in_flight(struct hvn_queue *q)
{
	bool none;

	spin_lock_irq(&q->rsp_lock);
	none = list_empty(&q->in_flight);
	spin_unlock_irq(&q->rsp_lock);
	return none;
}

/*
 * The queue is being disconnected; tx_work runs no more. @wait: for a moment, so that no page is still on its way to a wire when the
 * guest has it back. Not for ever: a packet may sit in a socket's queue that nobody reads.
 */
void hvn_packets_end(struct hvn_queue *q, bool wait)
{
	struct hvn_packet *p, *next;
	unsigned int nr = 0;

	if (wait)
		wait_event_timeout(q->idle, none_in_flight(q), WAIT_IN_FLIGHT);
	spin_lock_irq(&q->rsp_lock);
	list_for_each_entry_safe(p, next, &q->in_flight, node) {
		let_go(p);
		nr++;
	}
	hvn_push(q);
	spin_unlock_irq(&q->rsp_lock);
	if (nr && wait)
		netdev_warn(q->vif->dev, "queue %u: %u packets are still under way\n", q->id, nr);
}
