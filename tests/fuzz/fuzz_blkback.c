/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring of a disk, filled by a hostile frontend. First byte: layout, kind of disk. Then the ring page, and what follows is the page
 * of an indirect request. What is let through must lie on the disk and in its pages.
 */
#include <stdlib.h>

#include "wire.h"

static uint64_t ring[512];

static void must(bool good)
{
	if (!good)
		abort();
}

static void judge(struct vbd_request *r, const struct vbd_segment *s, const struct vbd_limits *l)
{
	uint64_t sum = 0;

	if (vbd_check(r, s, l) != BLKIF_RSP_OKAY)
		return;
	must(r->nr_segments <= VBD_WIRE_SEGMENTS);
	for (unsigned int i = 0; i < r->nr_segments; i++) {
		must(s[i].first <= s[i].last && s[i].last < VBD_PAGE_SECTORS);
		sum += s[i].last - s[i].first + 1U;
	}
	if (r->kind == VBD_DISCARD)
		sum = r->nr_sectors;
	must(sum == r->nr_sectors && sum + r->sector >= sum);
	must(!sum || sum + r->sector <= l->sectors);
	must(!(sum % (l->sector_size / 512)));
	must(!l->readonly || r->kind == VBD_READ || (r->kind == VBD_FLUSH && !r->nr_segments));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t disks[] = { 1, 8, 1000, 1ULL << 55 };
	struct vbd_limits l = { .max_segments = 256, .flush = true };
	static struct vbd_segment segment[VBD_WIRE_SEGMENTS];
	static uint8_t page[4096];
	struct vbd_request r;
	uint8_t slot[VBD_SLOT_BYTES];
	struct vbd_wire w;
	unsigned int answered = 0;
	int pending;

	if (!size)
		return 0;
	l.sectors = disks[data[0] & 3] * 8;
	l.sector_size = data[0] & 4 ? 4096 : 512;
	l.unit_shift = data[0] & 4 && data[0] & 8 ? 3 : 0;
	l.readonly = data[0] & 16;
	l.discard = data[0] & 32;
	l.secure = data[0] & 64;
	memset(ring, 0, sizeof(ring));
	memset(page, 0, sizeof(page));
	memcpy(ring, data + 1, size - 1 < sizeof(ring) ? size - 1 : sizeof(ring));
	if (size - 1 > sizeof(ring)) {
		size_t rest = size - 1 - sizeof(ring);

		memcpy(page, data + 1 + sizeof(ring), rest < sizeof(page) ? rest : sizeof(page));
	}
	if (vbd_wire_attach(&w, ring, 1, data[0] & 128))
		return 0;
	while ((pending = vbd_wire_pending(&w)) > 0) {
		int status;

		must(pending <= 32 && ++answered <= 64);
		vbd_wire_copy(&w, slot);
		vbd_wire_taken(&w);
		status = vbd_parse(&w, slot, &l, &r);
		if (!status && r.indirect) {
			vbd_parse_segments(page, r.nr_segments, &l, segment);
			judge(&r, segment, &l);
		} else if (!status) {
			judge(&r, r.segment, &l);
		}
		vbd_wire_answer(&w, r.id, r.operation, (int16_t)status);
		(void)vbd_wire_push(&w);
	}
	must(pending <= 0);
	(void)vbd_wire_more(&w);
	return 0;
}
