/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is told when an skb lets go of pages that are not its own: a function in each struct ubuf_info until 6.9, then a table. */
#ifndef HVN_COMPAT_UBUF_H
#define HVN_COMPAT_UBUF_H

#include <linux/skbuff.h>

void hvn_packet_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success);

static inline void hvn_ubuf_init(struct ubuf_info *ubuf)
{
#ifdef HV_HAVE_UBUF_OPS
	static const struct ubuf_info_ops ops = {
		.complete = hvn_packet_complete,
	};

	ubuf->ops = &ops;
#else
	ubuf->callback = hvn_packet_complete;
#endif
	refcount_set(&ubuf->refcnt, 1);
	ubuf->flags = SKBFL_ZEROCOPY_FRAG;
}

#endif /* HVN_COMPAT_UBUF_H */
