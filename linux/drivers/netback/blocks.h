/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a guest's packets are copied to, and which is used again when they are gone: a fresh page is zeroed first, as kernels do by
 * default (init_on_alloc), and that costs as much as the copy.
 */
#ifndef HVN_BLOCKS_H
#define HVN_BLOCKS_H

#include <linux/jiffies.h>
#include <linux/mm_types.h>
#include <linux/skbuff.h>
#include <linux/types.h>

#define HVN_BLOCKS	32	/* of 32 KiB: what a queue keeps at most */
#define HVN_BLOCKS_IDLE	(10 * HZ)

/* The queue's tx work alone. */
struct hvn_blocks {
	struct page *page[HVN_BLOCKS];	/* with a reference of ours; those of packets that lie in it come on top */
	unsigned int at;		/* the one that is filled; those behind it were filled longest ago */
	unsigned int used;		/* bytes of it */
	unsigned long last;		/* jiffies: when something was taken */
};

/* Frags for @len bytes, of any content, behind what @skb has. False: no memory; what it has by then is the skb's. */
bool hvn_blocks_add(struct hvn_blocks *b, struct sk_buff *skb, unsigned int len);

static inline bool hvn_blocks_empty(const struct hvn_blocks *b)
{
	return !b->page[b->at];
}

/* Nobody has asked for so long. */
bool hvn_blocks_idle(const struct hvn_blocks *b);
void hvn_blocks_free(struct hvn_blocks *b);

#endif /* HVN_BLOCKS_H */
