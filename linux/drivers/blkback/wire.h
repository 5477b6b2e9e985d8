/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in a frontend's ring, in both layouts, and what of it is believed. No hardware and no kernel service is touched here:
 * unit tests and the fuzzer compile these very files for the host.
 *
 * The layouts differ in one thing: i386 aligns 64-bit words to 4 bytes, so all behind the first word of a request lies 4 bytes earlier
 * (xen/io/blkif.h, struct blkif_request and its kin; tests/unit/test_blkback_wire.c has the compiler lay out both).
 */
#ifndef BLKBACK_WIRE_H
#define BLKBACK_WIRE_H

#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#include <xen/interface/io/blkif.h>
#else
#include "wire_host.h"
#endif

#define VBD_WIRE_SEGMENTS	256	/* HVBACK_VBD_MAX_SEGMENTS: one page of segments holds 512 */
#define VBD_SECTOR_SHIFT	9
#define VBD_PAGE_SECTORS	8
#define VBD_SLOT_BYTES		112	/* of the larger layout */

/* Head of the shared ring; the slots begin behind it, their size depends on the layout. */
struct vbd_slot {
	u8 bytes[1];
};
DEFINE_RING_TYPES(vbd, struct vbd_slot, struct vbd_slot);

/* Private side of a ring. req_cons belongs to who takes, rsp_prod_pvt to who answers. */
struct vbd_wire {
	struct vbd_back_ring back;
	u8 slot_bytes;
	u8 early;	/* bytes by which fields lie before their place in the 64-bit layout */
};

struct vbd_segment {
	u32 gref;
	u8 first, last;		/* sectors of 512 bytes in the page, both included */
};

enum vbd_kind { VBD_READ, VBD_WRITE, VBD_FLUSH, VBD_DISCARD, VBD_OTHER };
#define VBD_NR_KINDS	5

/* A private copy of a request: everything that is used of it. */
struct vbd_request {
	u64 id;
	u64 sector;		/* in 512 bytes */
	u64 nr_sectors;		/* of a discard; of the others once vbd_check() was there */
	u32 indirect_gref;	/* page of its segments, where @indirect */
	u16 nr_segments;
	u8 operation;		/* for the response */
	u8 kind;		/* enum vbd_kind */
	bool indirect;
	bool secure;
	struct vbd_segment segment[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

/* What a disk allows. */
struct vbd_limits {
	u64 sectors;
	u32 sector_size;	/* 512 to 4096 */
	u16 max_segments;
	u8 unit_shift;		/* the frontend's sectors are 512 << unit_shift bytes */
	bool readonly, flush, discard, secure;
};

/*
 * Begin on @shared, @pages long, where the backend before us stopped answering.
 * Return: 0; -EPROTO: what the frontend has there cannot be (its index is untouched by us, so ours to doubt).
 */
int vbd_wire_attach(struct vbd_wire *w, void *shared, unsigned int pages, bool x86_32);

/*
 * How many requests wait.
 * Return: that; -EPROTO: more than the ring has room for.
 */
int vbd_wire_pending(const struct vbd_wire *w);

/* Copy the next request out of the ring, once; vbd_wire_pending() has counted it. It is taken by vbd_wire_taken() only. */
void vbd_wire_copy(const struct vbd_wire *w, u8 slot[VBD_SLOT_BYTES]);
void vbd_wire_taken(struct vbd_wire *w);

/* Before sleeping: true when requests came meanwhile (or the index is nonsense), false when the frontend will signal. */
bool vbd_wire_more(struct vbd_wire *w);

/* One response. The caller's lock orders them. */
void vbd_wire_answer(struct vbd_wire *w, u64 id, u8 operation, s16 status);

/* Show them. Return: whether the frontend wants a signal. */
bool vbd_wire_push(struct vbd_wire *w);

/* Read a copied slot. Return: 0, or BLKIF_RSP_ERROR: a count that cannot be. @r is filled enough to answer in any case. */
int vbd_parse(const struct vbd_wire *w, const u8 *slot, const struct vbd_limits *limits, struct vbd_request *r);

/* Read @nr segments from a private copy of an indirect page. */
void vbd_parse_segments(const u8 *page, unsigned int nr, const struct vbd_limits *limits, struct vbd_segment *segment);

/*
 * All that can be said of a request before its grants are looked at.
 * @segment: its segments, r->nr_segments of them
 * Return: BLKIF_RSP_OKAY, BLKIF_RSP_ERROR or BLKIF_RSP_EOPNOTSUPP.
 */
int vbd_check(struct vbd_request *r, const struct vbd_segment *segment, const struct vbd_limits *limits);

#endif /* BLKBACK_WIRE_H */
