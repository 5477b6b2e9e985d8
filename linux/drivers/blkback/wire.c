// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of a ring: copied once, then read and judged on the copy (wire.h).
 */
#include "wire.h"

/* struct blkif_request and its kin, 64-bit layout; "early" is taken off all of them but the first three. */
#define AT_OPERATION		0
#define AT_COUNT		1	/* nr_segments, the discard's flag, the indirect one's operation */
#define AT_INDIRECT_COUNT	2
#define AT_ID			8
#define AT_SECTOR		16
#define AT_SEGMENTS		24
#define AT_DISCARD_SECTORS	24
#define AT_INDIRECT_GREF	28
#define SEGMENT_BYTES		8	/* gref, first, last, two bytes of nothing */

#define HEAD_BYTES		offsetof(struct vbd_sring, ring)
#define SLOT_BYTES_64		112
#define SLOT_BYTES_32		108
#define PAGE_BYTES		4096

/* By bytes: slots are of two sizes, and the one that struct vbd_sring names would bound what may be written there (FORTIFY_SOURCE). */
static u8 *slot_of(const struct vbd_wire *w, RING_IDX index)
{
	return (u8 *)w->back.sring + HEAD_BYTES + (index & (w->back.nr_ents - 1)) * w->slot_bytes;
}

/* How many slots of @bytes there are: the largest power of two, as the frontend counts them (__RING_SIZE). */
static unsigned int slots_in(unsigned int pages, unsigned int bytes)
{
	unsigned int room = (pages * PAGE_BYTES - HEAD_BYTES) / bytes, n = 1;

	while (2 * n <= room)
		n *= 2;
	return n;
}

int vbd_wire_attach(struct vbd_wire *w, void *shared, unsigned int pages, bool x86_32)
{
	struct vbd_sring *sring = shared;
	RING_IDX start = READ_ONCE(sring->rsp_prod);

	w->slot_bytes = x86_32 ? SLOT_BYTES_32 : SLOT_BYTES_64;
	w->early = x86_32 ? 4 : 0;
	w->back.sring = sring;
	w->back.nr_ents = slots_in(pages, w->slot_bytes);
	w->back.rsp_prod_pvt = start;
	w->back.req_cons = start;
	return vbd_wire_pending(w) < 0 ? -EPROTO : 0;
}

int vbd_wire_pending(const struct vbd_wire *w)
{
	RING_IDX prod = READ_ONCE(w->back.sring->req_prod);

	/*
	 * Pairs with the frontend's barrier between the requests and their index; and our own index of answers is read after its: it may
	 * fill again what another CPU has just answered.
	 */
	virt_rmb();
	if ((RING_IDX)(prod - READ_ONCE(w->back.rsp_prod_pvt)) > w->back.nr_ents)
		return -EPROTO;
	if ((RING_IDX)(prod - w->back.req_cons) > w->back.nr_ents)
		return -EPROTO;		/* it went backwards */
	return prod - w->back.req_cons;
}

/* Each word is read once. Slots of the 32-bit layout do not begin at multiples of 8. */
void vbd_wire_copy(const struct vbd_wire *w, u8 slot[VBD_SLOT_BYTES])
{
	const u8 *from = slot_of(w, w->back.req_cons);
	u64 both;
	u32 word;
	u8 i;

	if (w->slot_bytes == SLOT_BYTES_64) {
		for (i = 0; i < SLOT_BYTES_64; i += sizeof(both)) {
			both = READ_ONCE(*(const u64 *)(from + i));
			memcpy(slot + i, &both, sizeof(both));
		}
		return;
	}
	for (i = 0; i < SLOT_BYTES_32; i += sizeof(word)) {
		word = READ_ONCE(*(const u32 *)(from + i));
		memcpy(slot + i, &word, sizeof(word));
	}
	memset(slot + SLOT_BYTES_32, 0, VBD_SLOT_BYTES - SLOT_BYTES_32);
}

void vbd_wire_taken(struct vbd_wire *w)
{
	w->back.req_cons++;
}

bool vbd_wire_more(struct vbd_wire *w)
{
	bool more;

	if (vbd_wire_pending(w))
		return true;
	RING_FINAL_CHECK_FOR_REQUESTS(&w->back, more);
	return more;
}

void vbd_wire_answer(struct vbd_wire *w, u64 id, u8 operation, s16 status)
{
	RING_IDX index = w->back.rsp_prod_pvt;
	u8 *slot = slot_of(w, index);

	/* struct blkif_response is the same in both layouts but for the end, which is padding. */
	memcpy(slot + offsetof(struct blkif_response, id), &id, sizeof(id));
	memcpy(slot + offsetof(struct blkif_response, operation), &operation, sizeof(operation));
	memcpy(slot + offsetof(struct blkif_response, status), &status, sizeof(status));
	WRITE_ONCE(w->back.rsp_prod_pvt, index + 1);
}

bool vbd_wire_push(struct vbd_wire *w)
{
	bool notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&w->back, notify);
	return notify;
}

static u16 u16_at(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u32 u32_at(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 u64_at(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Sectors of the frontend's size in sectors of 512 bytes; what is too large stays so. */
static u64 wide(u64 sectors, const struct vbd_limits *limits)
{
	u64 most = ~0ULL >> limits->unit_shift;

	return sectors > most ? ~0ULL : sectors << limits->unit_shift;
}

/* A last sector that has no place in a byte lies behind any page: vbd_check() finds it. */
static u8 narrow(unsigned int sector)
{
	return sector > 255 ? 255 : sector;
}

void vbd_parse_segments(const u8 *page, unsigned int nr, const struct vbd_limits *limits, struct vbd_segment *segment)
{
	unsigned int i;

	for (i = 0; i < nr; i++, page += SEGMENT_BYTES) {
		segment[i].gref = u32_at(page);
		segment[i].first = narrow(page[4] << limits->unit_shift);
		segment[i].last = narrow(((page[5] + 1) << limits->unit_shift) - 1);
	}
}

static void parse_discard(const struct vbd_wire *w, const u8 *slot, const struct vbd_limits *limits, struct vbd_request *r)
{
	r->kind = VBD_DISCARD;
	r->secure = (slot[AT_COUNT] & BLKIF_DISCARD_SECURE) && limits->secure;
	r->nr_sectors = wide(u64_at(slot + AT_DISCARD_SECTORS - w->early), limits);
}

static int parse_indirect(const struct vbd_wire *w, const u8 *slot, const struct vbd_limits *limits, struct vbd_request *r)
{
	r->operation = slot[AT_COUNT];	/* which blkfront looks for in the response */
	if (r->operation != BLKIF_OP_READ && r->operation != BLKIF_OP_WRITE)
		return BLKIF_RSP_ERROR;
	r->kind = r->operation == BLKIF_OP_READ ? VBD_READ : VBD_WRITE;
	r->nr_segments = u16_at(slot + AT_INDIRECT_COUNT);
	if (!r->nr_segments || r->nr_segments > limits->max_segments || r->nr_segments > VBD_WIRE_SEGMENTS)
		return BLKIF_RSP_ERROR;
	r->indirect = true;
	r->indirect_gref = u32_at(slot + AT_INDIRECT_GREF - w->early);
	return 0;
}

static int parse_direct(const struct vbd_wire *w, const u8 *slot, const struct vbd_limits *limits, struct vbd_request *r)
{
	r->nr_segments = slot[AT_COUNT];
	if (r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST || (!r->nr_segments && r->kind != VBD_FLUSH)) {
		r->nr_segments = 0;
		return BLKIF_RSP_ERROR;
	}
	vbd_parse_segments(slot + AT_SEGMENTS - w->early, r->nr_segments, limits, r->segment);
	return 0;
}

int vbd_parse(const struct vbd_wire *w, const u8 *slot, const struct vbd_limits *limits, struct vbd_request *r)
{
	memset(r, 0, offsetof(struct vbd_request, segment));
	r->id = u64_at(slot + AT_ID - w->early);
	r->sector = wide(u64_at(slot + AT_SECTOR - w->early), limits);
	r->operation = slot[AT_OPERATION];
	r->kind = VBD_OTHER;

	switch (r->operation) {
	case BLKIF_OP_READ:
		r->kind = VBD_READ;
		return parse_direct(w, slot, limits, r);
	case BLKIF_OP_WRITE:
		r->kind = VBD_WRITE;
		return parse_direct(w, slot, limits, r);
	case BLKIF_OP_FLUSH_DISKCACHE:
		r->kind = VBD_FLUSH;
		return parse_direct(w, slot, limits, r);
	case BLKIF_OP_DISCARD:
		parse_discard(w, slot, limits, r);
		return 0;
	case BLKIF_OP_INDIRECT:
		if (limits->max_segments <= BLKIF_MAX_SEGMENTS_PER_REQUEST)
			return 0;	/* not offered: as any unknown one */
		return parse_indirect(w, slot, limits, r);
	default:
		return 0;
	}
}

static bool in_range(const struct vbd_request *r, const struct vbd_limits *limits)
{
	u64 mask = (limits->sector_size >> VBD_SECTOR_SHIFT) - 1;
	u64 sectors = READ_ONCE(limits->sectors);	/* a disk grows while it is used */

	if (r->sector > sectors || r->nr_sectors > sectors - r->sector)
		return false;
	return !((r->sector | r->nr_sectors) & mask);
}

static int check_segments(struct vbd_request *r, const struct vbd_segment *segment, const struct vbd_limits *limits)
{
	unsigned int i;

	r->nr_sectors = 0;
	for (i = 0; i < r->nr_segments; i++) {
		if (segment[i].first > segment[i].last || segment[i].last >= VBD_PAGE_SECTORS)
			return BLKIF_RSP_ERROR;
		r->nr_sectors += segment[i].last - segment[i].first + 1;
	}
	return in_range(r, limits) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

int vbd_check(struct vbd_request *r, const struct vbd_segment *segment, const struct vbd_limits *limits)
{
	switch (r->kind) {
	case VBD_WRITE:
		if (limits->readonly)
			return BLKIF_RSP_ERROR;
		return check_segments(r, segment, limits);
	case VBD_READ:
		return check_segments(r, segment, limits);
	case VBD_FLUSH:
		if (!limits->flush)
			return BLKIF_RSP_EOPNOTSUPP;
		if (!r->nr_segments)
			return BLKIF_RSP_OKAY;	/* its sector means nothing */
		return limits->readonly ? BLKIF_RSP_ERROR : check_segments(r, segment, limits);
	case VBD_DISCARD:
		if (!limits->discard)
			return BLKIF_RSP_EOPNOTSUPP;
		if (limits->readonly || !r->nr_sectors)
			return BLKIF_RSP_ERROR;
		return in_range(r, limits) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}
