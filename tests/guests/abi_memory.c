// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"
#include <xen/hvm/e820.h>

#define GFN(p)	((xen_pfn_t)((uintptr_t)(p) >> 12))

static char args[4096] __page_aligned;
static char victims[4 * 4096] __page_aligned;	/* frames that may be lost */
#define victim(i)	(victims + (i) * 4096)

static void memory_map(void)
{
	const struct hvm_memmap_table_entry *e = (const void *)(uintptr_t)start_info.memmap_paddr;
	static struct { uint64_t addr, size; uint32_t type; } __attribute__((packed)) map[128];
	struct xen_memory_map m = { .nr_entries = ARRAY_SIZE(map) };
	unsigned int i, bad = 0;

	set_xen_guest_handle(m.buffer, map);
	if (!check_equal("memory_map", memory_op(XENMEM_memory_map, &m), 0))
		return;
	check_equal("memory_map-entries", m.nr_entries, start_info.memmap_entries);
	for (i = 0; i < m.nr_entries && i < start_info.memmap_entries; i++)
		bad += map[i].addr != e[i].addr || map[i].size != e[i].size || map[i].type != e[i].type;
	check(!bad, "memory_map-is-start-info's", "%u entries differ", bad);
	m.nr_entries = 1;
	check_equal("memory_map-short-buffer", memory_op(XENMEM_memory_map, &m), 0);
	check_equal("memory_map-short-count", m.nr_entries, 1);
	m.nr_entries = ARRAY_SIZE(map);
	set_xen_guest_handle(m.buffer, NOT_MAPPED);
	check_equal("memory_map-bad-buffer", memory_op(XENMEM_memory_map, &m), -XEN_EFAULT);
	check_equal("memory_map-bad-pointer", memory_op(XENMEM_memory_map, NOT_MAPPED), -XEN_EFAULT);
	/* An argument that lies across two pages. */
	{
		struct xen_memory_map *across = (void *)(victim(1) - 8);

		across->nr_entries = ARRAY_SIZE(map);
		set_xen_guest_handle(across->buffer, map);
		check_equal("memory_map-argument-across-pages", memory_op(XENMEM_memory_map, across), 0);
		check_equal("memory_map-result-across-pages", across->nr_entries, start_info.memmap_entries);
	}
}

static void numbers(void)
{
	domid_t self = DOMID_SELF, other = 0;
	long now = memory_op(XENMEM_current_reservation, &self);

	check(now > 0, "current_reservation", "%ld", now);
	check(memory_op(XENMEM_maximum_reservation, &self) >= now, "maximum_reservation", "%ld, now %ld",
	      memory_op(XENMEM_maximum_reservation, &self), now);
	check(memory_op(XENMEM_maximum_gpfn, &self) > 0, "maximum_gpfn", "%ld", memory_op(XENMEM_maximum_gpfn, &self));
	check_or_skip("maximum_ram_page", memory_op(XENMEM_maximum_ram_page, NULL) > 0, 1);
	check_refused("current_reservation-of-dom0", memory_op(XENMEM_current_reservation, &other));
	check_equal("memory_op-unknown", memory_op(63, args), -XEN_ENOSYS);
	check_refused("machphys_mapping", memory_op(XENMEM_machphys_mapping, args));
}

static void physmap(void)
{
	struct xen_add_to_physmap a = { .domid = 0, .space = XENMAPSPACE_shared_info, .gpfn = GFN(victim(0)) };

	check_refused("add_to_physmap-of-dom0", memory_op(XENMEM_add_to_physmap, &a));
	check_refused("add_to_physmap-bad-space", add_to_physmap(99, 0, GFN(victim(0))));
	check_equal("add_to_physmap-shared_info-1", add_to_physmap(XENMAPSPACE_shared_info, 1, GFN(victim(0))), -XEN_EINVAL);
	check_refused("add_to_physmap-huge-gfn", add_to_physmap(XENMAPSPACE_shared_info, 0, 1ULL << 52));
	check_equal("add_to_physmap-bad-pointer", memory_op(XENMEM_add_to_physmap, NOT_MAPPED), -XEN_EFAULT);
	check_refused("add_to_physmap-grant-frame-4095", add_to_physmap(XENMAPSPACE_grant_table, 4095, GFN(victim(0))));
	victim(0)[0] = 1;
	check(victim(0)[0] == 1, "refused-calls-leave-memory-alone", "victim page is gone");
	/* Xen 4.17 has taken shared_info from its old place by the time it refuses the new one. */
	if (!check(shared_info->wc_sec != 0xffffffff, "refused-calls-leave-shared_info-alone", "it is gone"))
		(void)shared_info_map();
}

static void reservations(void)
{
	xen_pfn_t gfns[2] = { GFN(victim(0)), GFN(victim(1)) };
	struct xen_memory_reservation r = { .nr_extents = 2, .domid = DOMID_SELF };
	domid_t self = DOMID_SELF;
	long before = memory_op(XENMEM_current_reservation, &self);
	unsigned int i, dirty = 0;

	memset(victim(0), 0x55, 8192);
	set_xen_guest_handle(r.extent_start, gfns);
	if (!check_or_skip("decrease_reservation-count", memory_op(XENMEM_decrease_reservation, &r), 2))
		return;
	check_equal("decrease_reservation-gives-back", memory_op(XENMEM_current_reservation, &self), before - 2);
	check_equal("populate_physmap-count", memory_op(XENMEM_populate_physmap, &r), 2);
	for (i = 0; i < 8192; i++)
		dirty += victim(0)[i] != 0;
	check(!dirty, "populated-pages-are-zero", "%u bytes are not", dirty);
	check_equal("populate_physmap-takes", memory_op(XENMEM_current_reservation, &self), before);
	victim(1)[100] = 7;
	check_equal("populated-page-holds-data", victim(1)[100], 7);

	set_xen_guest_handle(r.extent_start, NOT_MAPPED);
	check(memory_op(XENMEM_decrease_reservation, &r) <= 0, "decrease_reservation-bad-list", "took some");
	check(memory_op(XENMEM_populate_physmap, &r) <= 0, "populate_physmap-bad-list", "gave some");
	gfns[0] = memory_hole(4 << 20, 4 << 20) >> 12;
	set_xen_guest_handle(r.extent_start, gfns);
	r.nr_extents = 1;
	check(memory_op(XENMEM_decrease_reservation, &r) <= 1, "decrease_reservation-of-a-hole", "more than asked");
	gfns[0] = 1ULL << 50;
	check(memory_op(XENMEM_populate_physmap, &r) <= 0, "populate_physmap-beyond-address-width", "gave");
	gfns[0] = GFN(victim(0));
	/* All four victims at once, as one large extent. */
	gfns[0] = GFN(victim(0));
	r.extent_order = 2;
	victim(3)[5] = 5;
	check_equal("decrease_reservation-order-2", memory_op(XENMEM_decrease_reservation, &r), 1);
	check_equal("decrease_reservation-takes-4-pages", memory_op(XENMEM_current_reservation, &self), before - 4);
	check_equal("populate_physmap-order-2", memory_op(XENMEM_populate_physmap, &r), 1);
	check_equal("populate_physmap-gives-4-pages", memory_op(XENMEM_current_reservation, &self), before);
	check(!victim(3)[5], "large-extent-is-zero", "%d", victim(3)[5]);
	r.extent_order = 60;
	check(memory_op(XENMEM_populate_physmap, &r) <= 0, "populate_physmap-order-60", "gave");
	check(memory_op(XENMEM_decrease_reservation, &r) <= 0, "decrease_reservation-order-60", "took");
	r.extent_order = 0;
	r.domid = 0;
	check(memory_op(XENMEM_decrease_reservation, &r) <= 0, "decrease_reservation-of-dom0", "took");
}

static void more_than_allowed(void)
{
	static xen_pfn_t gfns[256];
	struct xen_memory_reservation r = { .nr_extents = ARRAY_SIZE(gfns), .domid = DOMID_SELF };
	domid_t self = DOMID_SELF;
	long room = memory_op(XENMEM_maximum_reservation, &self) - memory_op(XENMEM_current_reservation, &self);
	uint64_t hole = memory_hole(4 << 20, 4 << 20);
	unsigned int i;
	long got, back;

	for (i = 0; i < ARRAY_SIZE(gfns); i++)
		gfns[i] = (hole >> 12) + i;
	set_xen_guest_handle(r.extent_start, gfns);
	got = memory_op(XENMEM_populate_physmap, &r);
	printf("room for %ld pages, populate gave %ld of 256\n", room, got);
	check(got <= room, "populate_physmap-stops-at-the-maximum", "%ld given, room for %ld", got, room);
	r.nr_extents = got > 0 ? (xen_ulong_t)got : 0;
	back = got > 0 ? memory_op(XENMEM_decrease_reservation, &r) : 0;
	check_equal("all-of-it-goes-back", back, got > 0 ? got : 0);
}

static void removals(void)
{
	struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = GFN(victim(2)) };
	xen_pfn_t gfn = GFN(victim(2));
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	check_equal("remove_from_physmap", memory_op(XENMEM_remove_from_physmap, &rm), 0);
	check_refused("remove_from_physmap-of-a-hole", memory_op(XENMEM_remove_from_physmap, &rm));
	rm.gpfn = 1ULL << 50;
	check_refused("remove_from_physmap-huge", memory_op(XENMEM_remove_from_physmap, &rm));
	/* The frame may still count as the guest's (Xen), so that there is no room for another. */
	set_xen_guest_handle(r.extent_start, &gfn);
	printf("populate after removal: %ld\n", memory_op(XENMEM_populate_physmap, &r));
}

static void grants(void)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_get_version gv = { .dom = DOMID_SELF };
	struct gnttab_set_version sv = { .version = 3 };
	struct gnttab_setup_table st = { .dom = DOMID_SELF, .nr_frames = 1 };
	uint64_t hole = memory_hole(4 << 20, 4 << 20);
	volatile grant_entry_v1_t *a = (void *)(uintptr_t)hole, *b = (void *)(uintptr_t)(hole + 4096);
	struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = hole >> 12 };
	xen_pfn_t frames[4] = { 0 };

	check_equal("query_size", grant_table_op(GNTTABOP_query_size, &q, 1), 0);
	check_equal("query_size-status", q.status, GNTST_okay);
	check(q.max_nr_frames >= 1 && q.nr_frames <= q.max_nr_frames, "query_size-numbers", "%u of %u", q.nr_frames, q.max_nr_frames);
	check_refused("query_size-count-2", grant_table_op(GNTTABOP_query_size, &q, 2));
	check_equal("query_size-bad-pointer", grant_table_op(GNTTABOP_query_size, NOT_MAPPED, 1), -XEN_EFAULT);
	if (check_or_skip("get_version", grant_table_op(GNTTABOP_get_version, &gv, 1), 0))
		check_equal("grants-start-at-v1", gv.version, 1);
	check_refused("set_version-3", grant_table_op(GNTTABOP_set_version, &sv, 1));
	sv.version = 1;
	check_equal("set_version-1", grant_table_op(GNTTABOP_set_version, &sv, 1), 0);
	check_equal("grant_table_op-unknown", grant_table_op(99, args, 1), -XEN_ENOSYS);

	/* A frame shows at one place at a time and keeps its content. */
	check_equal("map-grant-frame-0", add_to_physmap(XENMAPSPACE_grant_table, 0, hole >> 12), 0);
	a[8].frame = 0x1234;
	a[8].domid = 7;
	check_equal("map-grant-frame-0-elsewhere", add_to_physmap(XENMAPSPACE_grant_table, 0, (hole >> 12) + 1), 0);
	check(b[8].frame == 0x1234 && b[8].domid == 7, "grant-frame-moves-with-content", "frame %x", b[8].frame);
	/* A read would tell, but Zendo ends a guest that touches what is not there, where Xen lets it read all ones. */
	check_refused("grant-frame-left-its-old-place", memory_op(XENMEM_remove_from_physmap, &rm));
	if (q.max_nr_frames >= 3) {
		check_equal("map-grant-frame-1-at-the-old-place", add_to_physmap(XENMAPSPACE_grant_table, 1, hole >> 12), 0);
		check(a[8].frame != 0x1234, "old-place-shows-the-new-frame", "frame %x", a[8].frame);
		check_equal("map-grant-frame-2-grows", add_to_physmap(XENMAPSPACE_grant_table, 2, (hole >> 12) + 3), 0);
		check(!grant_table_op(GNTTABOP_query_size, &q, 1) && q.nr_frames >= 3, "growing-fills-lower-frames", "%u frames", q.nr_frames);
		check_equal("map-grant-frame-1-elsewhere", add_to_physmap(XENMAPSPACE_grant_table, 1, (hole >> 12) + 2), 0);
	}
	b[8].frame = 0;
	b[8].domid = 0;
	check_refused("map-grant-frame-beyond-maximum", add_to_physmap(XENMAPSPACE_grant_table, q.max_nr_frames, (hole >> 12) + 4));
	set_xen_guest_handle(st.frame_list, frames);
	if (check_or_skip("setup_table", grant_table_op(GNTTABOP_setup_table, &st, 1), 0))
		check(st.status == GNTST_okay && frames[0] == (hole >> 12) + 1, "setup_table-gives-gfn", "status %d frame %lx", st.status, frames[0]);
	st.nr_frames = q.max_nr_frames + 1;
	if (!grant_table_op(GNTTABOP_setup_table, &st, 1))
		check_equal("setup_table-beyond-maximum", st.status, GNTST_general_error);
}

static void grant_copy(void)
{
	struct gnttab_copy c = {
		.source = { .u.gmfn = GFN(victim(1)), .domid = DOMID_SELF, .offset = 16 },
		.dest = { .u.gmfn = GFN(victim(3)), .domid = DOMID_SELF, .offset = 32 },
		.len = 100,
	};
	unsigned int i;

	for (i = 0; i < 4096; i++)
		victim(1)[i] = (char)i;
	memset(victim(3), 0, 4096);
	if (!check_or_skip("grant-copy-own-frames", grant_table_op(GNTTABOP_copy, &c, 1), 0))
		return;
	check_equal("grant-copy-status", c.status, GNTST_okay);
	check(!memcmp(victim(3) + 32, victim(1) + 16, 100) && !victim(3)[31] && !victim(3)[132], "grant-copy-content", "differs");
	c.len = 4096;
	check_equal("grant-copy-over-the-end", grant_table_op(GNTTABOP_copy, &c, 1), 0);
	check(c.status < 0, "grant-copy-over-the-end-status", "%d", c.status);
}

void abi_memory(void)
{
	memory_map();
	numbers();
	physmap();
	reservations();
	more_than_allowed();
	grants();
	grant_copy();
	removals();
}
