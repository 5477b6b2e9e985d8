// SPDX-License-Identifier: GPL-2.0-only
#include "tx_chain.h"

#define ENTRY_WORDS	3

_Static_assert(sizeof(union xen_netif_tx_sring_entry) == ENTRY_WORDS * sizeof(u32), "an entry of the tx ring");
_Static_assert(sizeof(struct xen_netif_tx_request) == sizeof(union xen_netif_tx_sring_entry), "a request fills its entry");
_Static_assert(sizeof(struct xen_netif_extra_info) <= sizeof(union xen_netif_tx_sring_entry), "so does an extra");

struct reader {
	const volatile u32 *ring;
	u32 mask, next, left;
};

/* Copy the next entry, each word once. False: the guest has not published one. */
static bool take(struct reader *r, u32 entry[ENTRY_WORDS])
{
	const volatile u32 *from = r->ring + (size_t)(r->next & r->mask) * ENTRY_WORDS;
	unsigned int i;

	if (!r->left)
		return false;
	for (i = 0; i < ENTRY_WORDS; i++)
		entry[i] = from[i];
	r->next++;
	r->left--;
	return true;
}

static bool take_request(struct reader *r, struct hvn_tx_chain *c, struct xen_netif_tx_request *req)
{
	u32 entry[ENTRY_WORDS];

	if (!take(r, entry))
		return false;
	memcpy(req, entry, sizeof(*req));
	c->nr_entries++;
	return true;
}

static enum hvn_tx_verdict broken(struct hvn_tx_chain *c, const char *why)
{
	c->why = why;
	return HVN_TX_BROKEN;
}

/* The first reason counts; the rest of the chain is still to be found. */
static void refuse(struct hvn_tx_chain *c, const char *why)
{
	if (!c->why)
		c->why = why;
}

static const char *take_gso(struct hvn_tx_chain *c, const struct xen_netif_extra_info *x)
{
	if (c->gso_size)
		return "two extras about segmentation";
	if (!x->u.gso.size)
		return "segments of 0 bytes";
	if (x->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 && x->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
		return "unknown kind of segmentation";
	c->gso_size = x->u.gso.size;
	c->gso_type = x->u.gso.type;
	return NULL;
}

static const char *take_extra(struct hvn_tx_chain *c, const struct xen_netif_extra_info *x)
{
	switch (x->type) {
	case XEN_NETIF_EXTRA_TYPE_GSO:
		return take_gso(c, x);
	case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
	case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
		if (c->mcast_op)
			return "two orders about multicast in one";
		c->mcast_op = x->type;
		memcpy(c->mcast, x->u.mcast.addr, sizeof(c->mcast));
		return NULL;
	case XEN_NETIF_EXTRA_TYPE_HASH:
		return NULL;		/* not asked for, and of no use here */
	default:
		return "unknown extra";
	}
}

/* Each kind at most once: no more than there are kinds. */
static const char *take_extras(struct reader *r, struct hvn_tx_chain *c)
{
	struct xen_netif_extra_info x;
	u32 entry[ENTRY_WORDS];
	const char *why;

	do {
		if (c->nr_extras == XEN_NETIF_EXTRA_TYPE_MAX - 1)
			return "too many extras";
		if (!take(r, entry))
			return "an extra is missing";
		memcpy(&x, entry, sizeof(x));
		c->nr_entries++;
		c->nr_extras++;
		why = take_extra(c, &x);
		if (why)
			return why;
	} while (x.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return NULL;
}

/* One more piece of the packet; its size is known, that of the first one is what the others leave. */
static const char *add_slot(struct hvn_tx_chain *c, const struct xen_netif_tx_request *req, u32 *left)
{
	struct hvn_tx_slot *s = &c->slot[c->nr_slots];

	if (c->nr_slots == HVN_TX_SLOTS_FATAL)
		return "a packet of too many requests";
	if (c->nr_slots == HVN_TX_SLOTS)
		refuse(c, "a packet of too many requests");
	s->ref = req->gref;
	s->offset = req->offset;
	s->len = req->size;
	s->id = req->id;
	c->nr_slots++;
	if (c->nr_slots == 1)
		return NULL;
	if ((u32)s->offset + s->len > HVN_SLOT_BYTES)
		return "a request crosses its page";
	if (!s->len)
		refuse(c, "an empty request");
	if (s->len > *left)
		return "the parts are larger than the packet";
	*left -= s->len;
	return NULL;
}

static const char *take_slots(struct reader *r, struct hvn_tx_chain *c, struct xen_netif_tx_request req)
{
	u32 left = req.size;
	const char *why = add_slot(c, &req, &left);

	while (!why && (req.flags & XEN_NETTXF_more_data)) {
		if (!take_request(r, c, &req))
			return "the rest of a packet is missing";
		why = add_slot(c, &req, &left);
	}
	if (why)
		return why;
	c->slot[0].len = left;
	if (c->slot[0].offset + left > HVN_SLOT_BYTES)
		return "a request crosses its page";
	if (!left || c->len < HVN_ETH_HLEN)
		refuse(c, "a packet that is too short");
	return NULL;
}

enum hvn_tx_verdict hvn_tx_parse(const volatile void *ring, u32 mask, u32 cons, u32 avail, struct hvn_tx_chain *c)
{
	struct reader r = { .ring = ring, .mask = mask, .next = cons, .left = avail };
	struct xen_netif_tx_request first;
	const char *why = NULL;

	memset(c, 0, sizeof(*c));
	if (!take_request(&r, c, &first))
		return broken(c, "nothing there");
	c->flags = first.flags;
	c->len = first.size;
	if (first.flags & XEN_NETTXF_extra_info)
		why = take_extras(&r, c);
	if (why)
		return broken(c, why);
	if (c->mcast_op) {
		if (first.flags & XEN_NETTXF_more_data)
			return broken(c, "an order about multicast with data");
		c->slot[0].id = first.id;
		c->nr_slots = 1;
		return HVN_TX_MCAST;
	}
	why = take_slots(&r, c, first);
	if (why)
		return broken(c, why);
	return c->why ? HVN_TX_REFUSED : HVN_TX_PACKET;
}
