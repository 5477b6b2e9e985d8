/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests of a disk's ring, in both layouts: what is read of them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire.h"

/* The 32-bit layout as the compiler would make it there: 64-bit words on 4 bytes. */
#pragma pack(push, 4)
struct request_32 {
	uint8_t operation, nr_segments;
	uint16_t handle;
	uint64_t id, sector_number;
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
struct discard_32 {
	uint8_t operation, flag;
	uint16_t handle;
	uint64_t id, sector_number, nr_sectors;
};
struct indirect_32 {
	uint8_t operation, indirect_op;
	uint16_t nr_segments;
	uint64_t id, sector_number;
	uint16_t handle;
	uint32_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	uint64_t pad;
};
#pragma pack(pop)

_Static_assert(sizeof(struct blkif_request) == 112 && sizeof(struct request_32) == 108, "slots");
_Static_assert(sizeof(struct blkif_request_segment) == 8, "segment");
_Static_assert(sizeof(union blkif_sring_entry) == 112, "slot");
_Static_assert(offsetof(struct blkif_sring, ring) == offsetof(struct vbd_sring, ring), "head");

static uint64_t page[16 * 512];
static struct vbd_sring *sring = (void *)page;
static struct vbd_wire w;
static struct vbd_limits limits;
static struct vbd_request r;
static u8 slot[VBD_SLOT_BYTES];

static void attach(bool x86_32, unsigned int pages)
{
	memset(page, 0, sizeof(page));
	sring->req_event = sring->rsp_event = 1;
	assert_int_equal(vbd_wire_attach(&w, page, pages, x86_32), 0);
}

static int begin(void **state)
{
	(void)state;
	limits = (struct vbd_limits){ .sectors = 1000, .sector_size = 512, .max_segments = 256, .flush = true, .discard = true };
	attach(false, 1);
	return 0;
}

static void *ring_slot(unsigned int i)
{
	return (u8 *)page + 64 + i * w.slot_bytes;
}

/* Put @request as the next one, and take it. */
static int take(const void *request, size_t size)
{
	int status;

	memcpy(ring_slot(w.back.req_cons & (w.back.nr_ents - 1)), request, size);
	sring->req_prod++;
	assert_int_equal(vbd_wire_pending(&w), 1);
	vbd_wire_copy(&w, slot);
	vbd_wire_taken(&w);
	status = vbd_parse(&w, slot, &limits, &r);
	vbd_wire_answer(&w, r.id, r.operation, (s16)status);
	vbd_wire_push(&w);
	return status ? status : vbd_check(&r, r.segment, &limits);
}

static struct blkif_request rw(uint8_t op, uint64_t sector, unsigned int nr)
{
	struct blkif_request q = { .operation = op, .nr_segments = (uint8_t)nr, .id = 0x1122334455667788, .sector_number = sector };

	for (unsigned int i = 0; i < nr && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
		q.seg[i] = (struct blkif_request_segment){ .gref = 100 + i, .first_sect = 0, .last_sect = 7 };
	return q;
}

static void rings_have_as_many_slots_as_the_frontend_counts(void **state)
{
	(void)state;
	for (unsigned int pages = 1; pages <= 16; pages *= 2) {
		attach(false, pages);
		assert_int_equal(w.back.nr_ents, __RD32((pages * 4096 - 64) / 112));
		attach(true, pages);
		assert_int_equal(w.back.nr_ents, __RD32((pages * 4096 - 64) / 108));
	}
}

static void a_read_in_the_64_bit_layout(void **state)
{
	struct blkif_request q = rw(BLKIF_OP_READ, 10, 2);

	(void)state;
	q.seg[1].first_sect = 3;
	q.seg[1].last_sect = 3;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	assert_int_equal(r.kind, VBD_READ);
	assert_true(r.id == q.id && r.sector == 10 && r.nr_sectors == 9 && r.nr_segments == 2);
	assert_int_equal(r.segment[1].gref, 101);
	assert_int_equal(r.segment[1].first, 3);
}

static void the_same_in_the_32_bit_layout(void **state)
{
	struct request_32 q = { .operation = BLKIF_OP_WRITE, .nr_segments = 11, .id = 0x99aabbccddeeff00, .sector_number = 20 };
	struct discard_32 d = { .operation = BLKIF_OP_DISCARD, .flag = 1, .id = 5, .sector_number = 30, .nr_sectors = 40 };
	struct indirect_32 n = { .operation = BLKIF_OP_INDIRECT, .indirect_op = BLKIF_OP_READ, .nr_segments = 256, .id = 6,
				 .sector_number = 7, .indirect_grefs = { 77 } };

	(void)state;
	attach(true, 4);
	limits.secure = true;
	for (int i = 0; i < 11; i++)
		q.seg[i] = (struct blkif_request_segment){ .gref = 200 + i, .first_sect = 1, .last_sect = 2 };
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	assert_true(r.id == q.id && r.sector == 20 && r.nr_sectors == 22 && r.segment[10].gref == 210);
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_OKAY);
	assert_true(r.id == 5 && r.sector == 30 && r.nr_sectors == 40 && r.secure);
	memcpy(slot, &n, sizeof(n));
	assert_int_equal(vbd_parse(&w, slot, &limits, &r), 0);
	assert_true(r.indirect && r.id == 6 && r.sector == 7 && r.nr_segments == 256 && r.indirect_gref == 77);
}

static void indirect_and_discard_in_the_64_bit_layout(void **state)
{
	struct blkif_request_indirect n = { .operation = BLKIF_OP_INDIRECT, .indirect_op = BLKIF_OP_WRITE, .nr_segments = 12, .id = 6,
					    .sector_number = 7, .indirect_grefs = { 77, 78 } };
	struct blkif_request_discard d = { .operation = BLKIF_OP_DISCARD, .flag = 1, .id = 5, .sector_number = 999, .nr_sectors = 1 };

	(void)state;
	memcpy(slot, &n, sizeof(n));
	assert_int_equal(vbd_parse(&w, slot, &limits, &r), 0);
	assert_true(r.indirect && r.kind == VBD_WRITE && r.operation == BLKIF_OP_WRITE && r.indirect_gref == 77);
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_OKAY);
	assert_true(r.kind == VBD_DISCARD && !r.secure);	/* not offered: ignored */
	d.nr_sectors = 2;
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_ERROR);
	d.nr_sectors = UINT64_MAX;
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_ERROR);
	d.nr_sectors = 0;
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_ERROR);
}

static void counts_that_cannot_be_are_refused(void **state)
{
	static const uint8_t counts[] = { 0, 12, 255 };
	struct blkif_request_indirect n = { .operation = BLKIF_OP_INDIRECT, .indirect_op = BLKIF_OP_WRITE };
	struct blkif_request q;

	(void)state;
	for (unsigned int i = 0; i < sizeof(counts); i++) {
		q = rw(BLKIF_OP_READ, 0, counts[i]);
		assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	}
	n.nr_segments = 0;
	assert_int_equal(take(&n, sizeof(n)), BLKIF_RSP_ERROR);
	n.nr_segments = 257;
	assert_int_equal(take(&n, sizeof(n)), BLKIF_RSP_ERROR);
	n.nr_segments = 1;
	n.indirect_op = BLKIF_OP_FLUSH_DISKCACHE;
	assert_int_equal(take(&n, sizeof(n)), BLKIF_RSP_ERROR);
	limits.max_segments = 11;
	n.indirect_op = BLKIF_OP_READ;
	assert_int_equal(take(&n, sizeof(n)), BLKIF_RSP_EOPNOTSUPP);
}

static void segments_that_leave_their_page_are_refused(void **state)
{
	static const uint8_t wrong[][2] = { { 1, 0 }, { 0, 8 }, { 8, 8 }, { 255, 255 }, { 0, 255 } };

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / 2; i++) {
		struct blkif_request q = rw(BLKIF_OP_WRITE, 0, 11);

		q.seg[10].first_sect = wrong[i][0];
		q.seg[10].last_sect = wrong[i][1];
		assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	}
}

static void what_leaves_the_disk_is_refused(void **state)
{
	static const uint64_t sectors[] = { 993, 1000, 1001, UINT64_MAX - 7, UINT64_MAX };
	struct blkif_request q = rw(BLKIF_OP_READ, 992, 1);

	(void)state;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	for (unsigned int i = 0; i < sizeof(sectors) / 8; i++) {
		q.sector_number = sectors[i];
		assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	}
}

static void whole_sectors_of_a_larger_size_only(void **state)
{
	struct blkif_request q = rw(BLKIF_OP_WRITE, 8, 1);

	(void)state;
	limits.sector_size = 4096;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	q.sector_number = 9;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	q = rw(BLKIF_OP_WRITE, 8, 1);
	q.seg[0].last_sect = 3;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	q = rw(BLKIF_OP_WRITE, 8, 2);	/* its pieces may be smaller: together they are one */
	q.seg[0].last_sect = 3;
	q.seg[1].first_sect = 4;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
}

static void a_frontend_may_count_in_large_sectors(void **state)
{
	struct blkif_request q = rw(BLKIF_OP_WRITE, 124, 1);

	(void)state;
	limits.sector_size = 4096;
	limits.unit_shift = 3;
	q.seg[0].last_sect = 0;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	assert_true(r.sector == 992 && r.nr_sectors == 8);
	q.seg[0].last_sect = 1;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	q.seg[0].last_sect = 32;	/* would be 263, 7 in a byte */
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	q.seg[0].last_sect = 0;
	q.sector_number = 1ULL << 61;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
}

static void a_read_only_disk_is_not_written(void **state)
{
	struct blkif_request q = rw(BLKIF_OP_WRITE, 0, 1);
	struct blkif_request_discard d = { .operation = BLKIF_OP_DISCARD, .nr_sectors = 1 };

	(void)state;
	limits.readonly = true;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	assert_int_equal(take(&d, sizeof(d)), BLKIF_RSP_ERROR);
	q.operation = BLKIF_OP_FLUSH_DISKCACHE;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_ERROR);
	q.operation = BLKIF_OP_READ;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
}

static void flush_with_and_without_data(void **state)
{
	struct blkif_request q = rw(BLKIF_OP_FLUSH_DISKCACHE, UINT64_MAX, 0);

	(void)state;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	assert_true(!r.nr_sectors && !r.nr_segments);
	q = rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_OKAY);
	assert_true(r.nr_sectors == 8);
	limits.flush = false;
	assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_EOPNOTSUPP);
}

static void all_other_operations_are_not_supported(void **state)
{
	(void)state;
	for (unsigned int op = 0; op < 256; op++) {
		struct blkif_request q = rw((uint8_t)op, 0, 1);

		if (op == BLKIF_OP_READ || op == BLKIF_OP_WRITE || op == BLKIF_OP_FLUSH_DISKCACHE || op == BLKIF_OP_DISCARD ||
		    op == BLKIF_OP_INDIRECT)
			continue;
		assert_int_equal(take(&q, sizeof(q)), BLKIF_RSP_EOPNOTSUPP);
		assert_int_equal(r.operation, op);
	}
}

static void an_index_beyond_the_ring_is_found(void **state)
{
	(void)state;
	sring->req_prod = 32;
	assert_int_equal(vbd_wire_pending(&w), 32);
	sring->req_prod = 33;
	assert_int_equal(vbd_wire_pending(&w), -EPROTO);
	sring->req_prod = (RING_IDX)-1;
	assert_int_equal(vbd_wire_pending(&w), -EPROTO);
	/* taken and not answered: still no room for more */
	sring->req_prod = 32;
	for (int i = 0; i < 32; i++)
		vbd_wire_taken(&w);
	assert_int_equal(vbd_wire_pending(&w), 0);
	sring->req_prod = 33;
	assert_int_equal(vbd_wire_pending(&w), -EPROTO);
	vbd_wire_answer(&w, 1, 0, 0);
	assert_int_equal(vbd_wire_pending(&w), 1);
	sring->req_prod = 31;	/* backwards */
	assert_int_equal(vbd_wire_pending(&w), -EPROTO);
}

static void a_ring_goes_on_where_the_last_backend_stopped(void **state)
{
	(void)state;
	sring->rsp_prod = 0xfffffffe;
	sring->req_prod = 3;
	assert_int_equal(vbd_wire_attach(&w, page, 1, false), 0);
	assert_int_equal(vbd_wire_pending(&w), 5);
	sring->req_prod = 31;
	assert_int_equal(vbd_wire_attach(&w, page, 1, false), -EPROTO);
}

static void answers_are_shown_together_and_signalled_when_asked_for(void **state)
{
	(void)state;
	for (int x86_32 = 0; x86_32 < 2; x86_32++) {
		attach(x86_32, 1);
		sring->rsp_event = 2;
		vbd_wire_answer(&w, 0x1234567890abcdef, BLKIF_OP_WRITE, BLKIF_RSP_ERROR);
		assert_int_equal(sring->rsp_prod, 0);
		assert_false(vbd_wire_push(&w));
		assert_int_equal(sring->rsp_prod, 1);
		assert_true(*(u64 *)ring_slot(0) == 0x1234567890abcdef);
		assert_int_equal(((u8 *)ring_slot(0))[8], BLKIF_OP_WRITE);
		assert_int_equal(*(s16 *)((u8 *)ring_slot(0) + 10), BLKIF_RSP_ERROR);
		vbd_wire_answer(&w, 0, 0, 0);
		assert_true(vbd_wire_push(&w));
	}
}

static void sleeping_asks_for_a_signal(void **state)
{
	(void)state;
	sring->req_event = 0;
	assert_false(vbd_wire_more(&w));
	assert_int_equal(sring->req_event, 1);
	sring->req_prod = 1;
	assert_true(vbd_wire_more(&w));
	sring->req_prod = 100;		/* nonsense is for vbd_wire_pending() to tell */
	assert_true(vbd_wire_more(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rings_have_as_many_slots_as_the_frontend_counts, begin),
		cmocka_unit_test_setup(a_read_in_the_64_bit_layout, begin),
		cmocka_unit_test_setup(the_same_in_the_32_bit_layout, begin),
		cmocka_unit_test_setup(indirect_and_discard_in_the_64_bit_layout, begin),
		cmocka_unit_test_setup(counts_that_cannot_be_are_refused, begin),
		cmocka_unit_test_setup(segments_that_leave_their_page_are_refused, begin),
		cmocka_unit_test_setup(what_leaves_the_disk_is_refused, begin),
		cmocka_unit_test_setup(whole_sectors_of_a_larger_size_only, begin),
		cmocka_unit_test_setup(a_frontend_may_count_in_large_sectors, begin),
		cmocka_unit_test_setup(a_read_only_disk_is_not_written, begin),
		cmocka_unit_test_setup(flush_with_and_without_data, begin),
		cmocka_unit_test_setup(all_other_operations_are_not_supported, begin),
		cmocka_unit_test_setup(an_index_beyond_the_ring_is_found, begin),
		cmocka_unit_test_setup(a_ring_goes_on_where_the_last_backend_stopped, begin),
		cmocka_unit_test_setup(answers_are_shown_together_and_signalled_when_asked_for, begin),
		cmocka_unit_test_setup(sleeping_asks_for_a_signal, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
