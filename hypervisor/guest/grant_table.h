/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables, version 1 and 2.
 *
 * grant_table.c owns the frames and the list of calls; grant_entry.c the guest's entries, pins and the version; grant_map.c what a domain
 * has mapped of others, and how that ends; grant_copy.c copies. Entries for dom0 are read and pinned by its kernel itself (F23).
 *
 * Two domains' grant locks are never held together. The domain that grants is held by a reference in each call that pins, so it does not end
 * meanwhile; a mapping outlives the call, and is found by the granter's end (grant_map.c).
 */
#ifndef GUEST_GRANT_TABLE_H
#define GUEST_GRANT_TABLE_H

#include "core/domain.h"
#include <xen/grant_table.h>

struct hcall;

/* ---- grant_table.c ---- */

int __must_check grant_init(struct domain *d, const struct zendo_domain_create *c);
void grant_destroy(struct domain *d);
/*
 * The frame that XENMAPSPACE_grant_table calls @idx: its place in frame[], made if it is not there. -XEN_ENOMEM with h->need_ram: ask dom0
 * and come again. -XEN_EINVAL: beyond the maximum. Context: physmap lock held, so only one vCPU grows the table.
 */
int __must_check grant_frame_get(struct hcall *h, uint64_t idx, uint32_t *ret_place);
/* Status frames for all grant frames there are; likewise. */
int __must_check grant_grow_status(struct hcall *h);
/*
 * Handle @h's list of entries of @size: @one does the entry at @ptr and returns 0, or -XEN_EFAULT, or -XEN_ENOMEM with nothing done. After some
 * entries, or some time, the rest is left to a restart.
 */
int64_t grant_each(struct hcall *h, size_t size, int (*one)(struct hcall *h, uint64_t ptr, void *ctx), void *ctx);
/* Inside @one: what a status becomes when pages are missing and dom0 was not asked yet: -XEN_ENOMEM; else 0. */
int __must_check grant_ask(struct hcall *h, int *status);
/* The time a call may take until it has to let interrupts in, as a TSC value. */
uint64_t grant_slice_end(void);

/* ---- struct grant_use: made when a domain first grants to a guest, or maps ---- */

/* Beside GNTST_*, all of which are <= 0: pages are missing, nothing was changed. */
#define GRANT_NO_PAGES		1

#define COUNTS_PER_PAGE		(PAGE_SIZE / sizeof(struct grant_count))
#define TRACKS_PER_PAGE		(PAGE_SIZE / sizeof(struct maptrack))
#define GRANT_COUNT_PAGES	32	/* 64 frames of version 1 */

/* Pins of guests on one entry. */
struct grant_count {
	uint16_t all, write;
};

enum track_state {
	TRACK_FREE,
	TRACK_RESERVED,		/* a call is mapping it */
	TRACK_MAPPED,
	TRACK_BUSY,		/* a CPU is letting it go: the hold is there until it is done */
	TRACK_REVOKED,		/* the granter is gone; a page of nothing is mapped instead */
};

/* A mapping; its index is the handle. */
struct maptrack {
	uint64_t gfn : 40, dom : 16, state : 7, write : 1;
	uint64_t mfn : 40, ref : 24;	/* ref, when free: handle of the next free one plus 1 */
};
_Static_assert(sizeof(struct maptrack) == 16 && MAPTRACK_MAX_FRAMES * 256 < 1 << 24, "handles fit");

struct grant_use {
	struct grant_count *count[GRANT_COUNT_PAGES];
	struct maptrack *track[MAPTRACK_MAX_FRAMES];
	uint32_t nr_track, free;	/* pages; handle of the first free one plus 1 */
	void *scratch;			/* what a revoked mapping shows */
};
_Static_assert(sizeof(struct grant_use) <= PAGE_SIZE, "one pool page");

/* Grant lock held. NULL: no page. */
struct grant_use *grant_use_get(struct domain *d);

/* ---- grant_entry.c ---- */

/* What an entry grants. */
struct grant_area {
	gfn_t gfn;
	uint32_t offset, len;
};
/*
 * Pin entry @ref of @o for domain @by, and mark it as read or written. GNTST_*, GRANT_NO_PAGES. Takes @o's grant lock; @o is alive and held,
 * or the caller's. Let go by grant_unpin() with the same @write.
 */
int __must_check grant_pin(struct domain *o, domid_t by, grant_ref_t ref, bool write, bool map, struct grant_area *ret);
void grant_unpin(struct domain *o, grant_ref_t ref, bool write);
int64_t grant_set_version(struct hcall *h);
int grant_swap_one(struct hcall *h, uint64_t ptr, void *ctx);

/* ---- grant_map.c, grant_copy.c: calls ---- */

int64_t grant_map_refs(struct hcall *h);
int64_t grant_unmap_refs(struct hcall *h);
int64_t grant_copies(struct hcall *h);
/*
 * The domain's end, no vCPU of it runs: it lets go what it has mapped, then what others have mapped of it is replaced by nothing.
 * Some in each call, true = done.
 */
bool __must_check grant_end(struct domain *d);

#endif
