// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cache.h>
#include <linux/mm.h>
#include <linux/topology.h>

#include "blocks.h"

#define ORDER		PAGE_ALLOC_COSTLY_ORDER
#define BYTES		((unsigned int)(PAGE_SIZE << ORDER))

/* No packet lies in it any more, and it is as good as a new one. */
static bool is_free(struct page *page)
{
	return page_ref_count(page) == 1 && page_to_nid(page) == numa_mem_id();
}

/* The next one, to be filled from its beginning. False: no memory, and it is as it was. */
static bool turn(struct hvn_blocks *b)
{
	unsigned int next = (b->at + 1) % HVN_BLOCKS;
	struct page *page = b->page[next];

	if (!page || !is_free(page)) {
		page = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC, ORDER);
		if (!page)
			return false;
		if (b->page[next])
			put_page(b->page[next]);	/* the packets' from here on */
		b->page[next] = page;
	}
	b->at = next;
	b->used = 0;
	return true;
}

bool hvn_blocks_add(struct hvn_blocks *b, struct sk_buff *skb, unsigned int len)
{
	unsigned int n, room;

	b->last = jiffies;
	while (len) {
		if ((hvn_blocks_empty(b) || b->used == BYTES) && !turn(b))
			return false;
		n = min(len, BYTES - b->used);
		room = min_t(unsigned int, ALIGN(n, SMP_CACHE_BYTES), BYTES - b->used);
		get_page(b->page[b->at]);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, b->page[b->at], b->used, n, room);
		b->used += room;
		len -= n;
	}
	return true;
}

bool hvn_blocks_idle(const struct hvn_blocks *b)
{
	return time_after(jiffies, b->last + HVN_BLOCKS_IDLE);
}

void hvn_blocks_free(struct hvn_blocks *b)
{
	unsigned int i;

	for (i = 0; i < HVN_BLOCKS; i++)
		if (b->page[i])
			put_page(b->page[i]);
	memset(b, 0, sizeof(*b));
}
