/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A token bucket. A packet may go when there is anything in it and takes all it needs: so one larger than the bucket passes, too, and
 * the debt is waited for. The host's unit tests run this very file.
 */
#ifndef HVN_BUCKET_H
#define HVN_BUCKET_H

#include "netif_abi.h"

#define HVN_SECOND		1000000000ULL
#define HVN_BUCKET_MIN_BURST	65536
#define HVN_BUCKET_MAX		(1ULL << 50)	/* of rate and burst: nothing below overflows */

struct hvn_bucket {
	u64 rate;		/* bytes per second; 0: no limit */
	s64 burst;
	s64 tokens;		/* bytes */
	u64 last;		/* when it was filled, ns */
};

static inline void hvn_bucket_init(struct hvn_bucket *b, u64 rate, u64 burst, u64 now)
{
	if (rate > HVN_BUCKET_MAX)
		rate = HVN_BUCKET_MAX;
	if (!burst)
		burst = rate / 20;
	if (burst < HVN_BUCKET_MIN_BURST)
		burst = HVN_BUCKET_MIN_BURST;
	if (burst > HVN_BUCKET_MAX)
		burst = HVN_BUCKET_MAX;
	b->rate = rate;
	b->burst = burst;
	b->tokens = burst;
	b->last = now;
}

/* a * b / HVN_SECOND without overflow: a below 2^50, b at most a second */
static inline u64 hvn_bucket_scale(u64 a, u64 ns)
{
	return a / HVN_SECOND * ns + a % HVN_SECOND * ns / HVN_SECOND;
}

/* 0: something may go now; else so many ns until it may. */
static inline u64 hvn_bucket_wait(struct hvn_bucket *b, u64 now)
{
	u64 ns = now - b->last, more, wait;

	if (!b->rate)
		return 0;
	if (ns > HVN_SECOND)
		ns = HVN_SECOND;	/* a bucket holds no more than was given to it, and a debt is that of one packet */
	more = hvn_bucket_scale(b->rate, ns);
	if (more) {
		b->tokens += more;
		b->last = now;
	}
	if (b->tokens > b->burst)
		b->tokens = b->burst;
	if (b->tokens > 0)
		return 0;
	wait = (u64)(1 - b->tokens);
	return wait >= b->rate ? HVN_SECOND : wait * HVN_SECOND / b->rate + 1;
}

static inline void hvn_bucket_take(struct hvn_bucket *b, u32 bytes)
{
	if (b->rate)
		b->tokens -= bytes;
}

#endif /* HVN_BUCKET_H */
