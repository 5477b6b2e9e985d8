// SPDX-License-Identifier: GPL-2.0-only
/* The physical map as the guest changes it, its memory map, and the grant table's frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

#define ARG	0x10ff8
#define LIST	0x30ffc
#define HOLE	(FAKE_RAM + 100)

static int start(void **state) { (void)state; fake_start(2); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static uint64_t pages(void)
{
	return fake.d->nr_pages;
}

static int64_t add(uint32_t space, uint64_t idx, uint64_t gpfn, domid_t dom)
{
	struct xen_add_to_physmap a = { .domid = dom, .space = space, .idx = idx, .gpfn = gpfn };

	fake_write(ARG, &a, sizeof(a));
	return fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0);
}

static int64_t remove_gfn(uint64_t gpfn)
{
	struct xen_remove_from_physmap a = { .domid = DOMID_SELF, .gpfn = gpfn };

	fake_write(ARG, &a, sizeof(a));
	return fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, ARG, 0);
}

static enum exit_next reservation_once(uint32_t cmd, uint32_t nr, uint32_t order)
{
	struct xen_memory_reservation r = { .nr_extents = nr, .extent_order = order, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)LIST);
	fake_write(ARG, &r, sizeof(r));
	return fake_call_once(fake_vcpu(0), __HYPERVISOR_memory_op, cmd, ARG, 0);
}

static int64_t reservation(uint32_t cmd, uint32_t nr, uint32_t order)
{
	for (enum exit_next n = reservation_once(cmd, nr, order); !fake.skipped; ) {
		struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);

		n = guest_hypercall(fake_vcpu(0), &x);
		(void)n;
	}
	return (int64_t)fake_vcpu(0)->regs.rax;
}

static void list(uint64_t first, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t g = first + i;

		fake_write(LIST + i * 8, &g, 8);
	}
}

/* ---- add_to_physmap ---- */

static void shared_info_goes_into_a_hole(void **state)
{
	(void)state;
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[HOLE].mfn.v, pool_mfn(fake.d->g.shared).v);
	assert_int_equal(fake.p2m[HOLE].type, P2M_SPECIAL);
	assert_true(fake.p2m[HOLE].writable);
	assert_int_equal(pages(), FAKE_RAM);
	assert_int_equal(fake.nr_returned, 0);
	/* again at the same place: nothing happens */
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, 7), 0);
	assert_int_equal(fake.flushes, 0);
}

static void shared_info_over_ram_frees_the_page(void **state)
{
	(void)state;
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, 1, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[1].type, P2M_SPECIAL);
	assert_int_equal(fake.nr_returned, 1);
	assert_int_equal(fake.returned[0], 1);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(fake_vcpu(0)->reason, ZRUN_RETURNED);
	assert_int_equal(pages(), FAKE_RAM - 1);
}

static void shared_info_is_in_one_place(void **state)
{
	(void)state;
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE + 1, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[HOLE].type, P2M_NONE);
	assert_int_equal(fake.p2m[HOLE + 1].type, P2M_SPECIAL);
	assert_int_equal(fake.flushes, 1);
}

static void a_special_page_over_another_only_unhooks_it(void **state)
{
	(void)state;
	assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
	assert_int_equal(add(XENMAPSPACE_grant_table, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[HOLE].type, P2M_SPECIAL);
	assert_int_equal(fake.nr_returned, 0);
	/* the grant frame can be mapped again elsewhere, and shared_info survives that */
	assert_int_equal(add(XENMAPSPACE_grant_table, 0, HOLE + 1, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[HOLE].type, P2M_SPECIAL);
	assert_int_equal(fake.p2m[HOLE + 1].type, P2M_GRANT);
}

static void mapping_shared_info_latches_and_refreshes(void **state)
{
	struct shared_info *s = fake.d->g.shared;

	(void)state;
	memset(&s->vcpu_info[0].time, 0, sizeof(s->vcpu_info[0].time));
	s->wc_sec = 0;
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_not_equal(s->vcpu_info[0].time.tsc_to_system_mul, 0);
	assert_int_equal(s->wc_sec, 1700000000);
	fake.paging.code64 = false;
	struct compat_add_to_physmap c = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = HOLE + 3 };
	fake_write(ARG, &c, sizeof(c));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), 0);
	assert_true(fake.d->g.compat);
	assert_int_equal(fake.p2m[HOLE + 3].type, P2M_SPECIAL);
	assert_int_equal(((struct shared_info_x86_32 *)s)->wc_sec, 1700000000);
}

static void bad_adds_are_refused(void **state)
{
	(void)state;
	assert_int_equal(add(XENMAPSPACE_shared_info, 1, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, FAKE_GFNS, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, ~0ULL, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, 0), -XEN_EPERM);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, 8), -XEN_ESRCH);
	assert_int_equal(add(XENMAPSPACE_grant_table, GRANT_MAX_FRAMES, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_grant_table, ~0ULL, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_dev_mmio, 0, HOLE, DOMID_SELF), -XEN_EACCES);
	assert_int_equal(add(XENMAPSPACE_gmfn_foreign, 0, HOLE, DOMID_SELF), -XEN_ENOSYS);
	assert_int_equal(add(99, 0, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(add(XENMAPSPACE_gmfn, HOLE, HOLE + 1, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap, 1ULL << 40, 0), -XEN_EFAULT);
	for (uint32_t g = FAKE_RAM; g < FAKE_GFNS; g++)
		assert_int_equal(fake.p2m[g].type, P2M_NONE);
}

static void ram_can_move(void **state)
{
	(void)state;
	assert_int_equal(add(XENMAPSPACE_gmfn, 5, HOLE, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[5].type, P2M_NONE);
	assert_int_equal(fake.p2m[HOLE].mfn.v, 5);
	assert_int_equal(pages(), FAKE_RAM);
	/* over other RAM: that page is freed */
	assert_int_equal(add(XENMAPSPACE_gmfn, HOLE, 6, DOMID_SELF), 0);
	assert_int_equal(fake.p2m[6].mfn.v, 5);
	assert_int_equal(fake.returned[0], 6);
	assert_int_equal(add(XENMAPSPACE_gmfn, 6, 6, DOMID_SELF), 0);
	/* shared_info is no RAM */
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(add(XENMAPSPACE_gmfn, HOLE, 7, DOMID_SELF), -XEN_EINVAL);
}

static void ram_that_cannot_move_is_not_lost(void **state)
{
	(void)state;
	fake.pool_limit = fake.pool_used;	/* the fake then refuses any mapping, even back to the old place */
	assert_int_equal(add(XENMAPSPACE_gmfn, 5, HOLE, DOMID_SELF), -XEN_EINVAL);
	assert_int_equal(fake.nr_returned, 1);
	assert_int_equal(fake.returned[0], 5);
	assert_int_equal(pages(), FAKE_RAM - 1);
}

static void a_pinned_page_stays(void **state)
{
	struct vcpu_register_vcpu_info a = { .mfn = 40 };

	(void)state;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, ARG), 0);
	assert_true(add(XENMAPSPACE_shared_info, 0, 40, DOMID_SELF) < 0);
	assert_true(remove_gfn(40) < 0);
	list(39, 3);
	assert_int_equal(reservation(XENMEM_decrease_reservation, 3, 0), 1);
	assert_int_equal(fake.p2m[40].type, P2M_RAM);
	assert_int_equal(fake.p2m[41].type, P2M_RAM);
	assert_int_equal(pages(), FAKE_RAM - 1);
}

static void missing_tables_are_asked_for(void **state)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 3 };
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.pool_limit = fake.pool_used;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call_once(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	assert_int_equal(fake.skipped, 0);
	fake.pool_limit = FAKE_POOL;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), NEXT_RESUME);
	assert_int_equal(v->regs.rax, 0);
	assert_int_equal(fake.p2m[3].type, P2M_SPECIAL);
	assert_int_equal(fake.nr_returned, 1);
}

/* ---- remove ---- */

static void removing_ram_returns_it(void **state)
{
	(void)state;
	assert_int_equal(remove_gfn(9), 0);
	assert_int_equal(fake.p2m[9].type, P2M_NONE);
	assert_int_equal(fake.returned[0], 9);
	assert_int_equal(remove_gfn(9), -XEN_ENOENT);
	assert_int_equal(remove_gfn(~0ULL), -XEN_ENOENT);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
	assert_int_equal(remove_gfn(HOLE), 0);
	assert_int_equal(fake.nr_returned, 1);
	assert_int_equal(add(XENMAPSPACE_shared_info, 0, HOLE, DOMID_SELF), 0);
}

/* ---- reservations ---- */

static void a_balloon_goes_down_and_up(void **state)
{
	(void)state;
	list(100, 200);
	assert_int_equal(reservation(XENMEM_decrease_reservation, 200, 0), 200);
	assert_int_equal(pages(), FAKE_RAM - 200);
	assert_int_equal(fake.nr_returned, 200);
	assert_int_equal(fake.flushes, 4);	/* one per unit of 64 */
	for (uint32_t g = 100; g < 300; g++)
		assert_int_equal(fake.p2m[g].type, P2M_NONE);
	for (uint32_t i = 0; i < 64; i++)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
	assert_int_equal(reservation(XENMEM_populate_physmap, 64, 0), 64);
	assert_int_equal(pages(), FAKE_RAM - 136);
	assert_int_equal(fake.p2m[163].type, P2M_RAM);
	assert_int_equal(fake.p2m[164].type, P2M_NONE);
}

static void populate_asks_dom0_and_takes_no_for_an_answer(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	struct exit_info x;

	(void)state;
	list(HOLE, 100);
	assert_int_equal(reservation_once(XENMEM_populate_physmap, 30, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	assert_int_equal(v->need_ram, 30);
	assert_int_equal(v->need_pool, 0);
	for (uint32_t i = 0; i < 10; i++)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
	/* ten of thirty, then it asks for the rest */
	x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_RESUME);
	assert_int_equal(fake.skipped, 0);
	x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_TO_DOM0);
	assert_int_equal(v->need_ram, 20);
	/* nothing comes */
	x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_RESUME);
	assert_int_equal(fake.skipped, 3);
	assert_int_equal(v->regs.rax, 10);
	assert_int_equal(pages(), FAKE_RAM + 10);
}

static void populate_stops_at_the_maximum(void **state)
{
	(void)state;
	fake.d->max_pages = FAKE_RAM + 5;
	for (uint32_t i = 0; i < 5; i++)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
	list(HOLE, 20);
	/* dom0 is not bothered for more */
	assert_int_equal(reservation_once(XENMEM_populate_physmap, 20, 0), NEXT_RESUME);
	assert_int_equal(fake_vcpu(0)->regs.rax, 5);
}

static void populate_skips_nothing_that_is_there(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
	list(FAKE_RAM - 1, 3);
	assert_int_equal(reservation(XENMEM_populate_physmap, 3, 0), 0);
	list(FAKE_GFNS - 1, 3);
	assert_int_equal(reservation(XENMEM_populate_physmap, 3, 0), 1);
	assert_int_equal(fake.nr_stock, 19);
}

static void odd_reservations(void **state)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = 3 };

	(void)state;
	list(10, 4);
	assert_int_equal(reservation(XENMEM_decrease_reservation, 0, 0), 0);
	assert_int_equal(reservation(XENMEM_decrease_reservation, 4, 10), 0);
	/* the same page twice */
	uint64_t twice[2] = { 10, 10 };
	fake_write(LIST, twice, sizeof(twice));
	assert_int_equal(reservation(XENMEM_decrease_reservation, 2, 0), 1);
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG, 0), 0);
	/* a count or a continuation that was never given */
	r = (struct xen_memory_reservation){ .nr_extents = ~0UL, .domid = DOMID_SELF };
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG, 0), 0);
	r.nr_extents = 2;
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation | 3 << 6, ARG, 0), 3);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation | 2 << 6, ARG, 0), 2);
	/* no list */
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)(1ULL << 45));
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG, 0), 0);
	assert_int_equal(pages(), FAKE_RAM - 1);
	/* increase: a page without an address */
	list(HOLE, 4);
	assert_int_equal(reservation(XENMEM_increase_reservation, 4, 0), 0);
	assert_int_equal(pages(), FAKE_RAM - 1);
}

static void stock_up(uint32_t nr)
{
	while (fake.nr_stock < nr)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
}

/* One call with its restarts, dom0 giving up to @frames when asked; -1: it does not end. */
static int64_t large(uint32_t cmd, uint32_t nr, uint32_t order, uint32_t frames)
{
	enum exit_next n = reservation_once(cmd, nr, order);

	for (int i = 0; i < 200 && !fake.skipped; i++) {
		struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);

		if (n == NEXT_TO_DOM0 && fake_vcpu(0)->reason == ZRUN_NEED_PAGES && frames) {
			uint32_t give = MIN(MIN(frames, fake_vcpu(0)->need_ram), 40U);

			stock_up(give);
			frames -= give;
		}
		n = guest_hypercall(fake_vcpu(0), &x);
	}
	return fake.skipped ? (int64_t)fake_vcpu(0)->regs.rax : -1;
}

static void large_extents_go_down_and_up(void **state)
{
	(void)state;
	list(64, 1);
	assert_int_equal(reservation(XENMEM_decrease_reservation, 1, 7), 1);
	assert_int_equal(pages(), FAKE_RAM - 128);
	assert_int_equal(fake.flushes, 2);
	for (uint32_t g = 0; g < FAKE_RAM; g++)
		assert_int_equal(fake.p2m[g].type, g >= 64 && g < 192 ? P2M_NONE : P2M_RAM);
	assert_int_equal(large(XENMEM_populate_physmap, 1, 7, 128), 1);
	assert_int_equal(pages(), FAKE_RAM);
	assert_int_equal(fake.p2m[64].type, P2M_RAM);
	assert_int_equal(fake.p2m[191].type, P2M_RAM);
	/* small ones, several in a unit */
	list(300, 40);
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t g = 300 + i * 2;

		fake_write(LIST + i * 8, &g, 8);
	}
	assert_int_equal(reservation(XENMEM_decrease_reservation, 40, 1), 40);
	assert_int_equal(pages(), FAKE_RAM - 80);
}

static void a_large_extent_is_filled_whole_or_not_at_all(void **state)
{
	(void)state;
	list(HOLE, 1);
	fake.d->max_pages = FAKE_RAM + 512;
	/* dom0 has 100 of 256 */
	assert_int_equal(large(XENMEM_populate_physmap, 1, 8, 100), 0);
	assert_int_equal(pages(), FAKE_RAM);
	for (uint32_t g = HOLE; g < HOLE + 256; g++)
		assert_int_equal(fake.p2m[g].type, P2M_NONE);
	assert_int_equal(fake.nr_returned, 100);
	/* one of two */
	uint64_t gfns[2] = { HOLE, HOLE + 512 };
	fake_write(LIST, gfns, sizeof(gfns));
	assert_int_equal(large(XENMEM_populate_physmap, 2, 7, 200), 1);
	assert_int_equal(pages(), FAKE_RAM + 128);
	assert_int_equal(fake.p2m[HOLE + 127].type, P2M_RAM);
	assert_int_equal(fake.p2m[HOLE + 512].type, P2M_NONE);
	/* something stands in its middle, and stays */
	gfns[0] = HOLE - 64;
	fake_write(LIST, gfns, 8);
	assert_int_equal(large(XENMEM_populate_physmap, 1, 7, 200), 0);
	assert_int_equal(fake.p2m[HOLE - 1].type, P2M_NONE);
	assert_int_equal(fake.p2m[HOLE].type, P2M_RAM);
	assert_int_equal(pages(), FAKE_RAM + 128);
}

static void reservations_of_32_bits(void **state)
{
	struct compat_memory_reservation r = { .extent_start = LIST, .nr_extents = 70, .domid = DOMID_SELF };

	(void)state;
	for (uint32_t i = 0; i < 70; i++) {
		uint32_t g = 200 + i;

		fake_write(LIST + i * 4, &g, 4);
	}
	fake.paging.code64 = false;
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG, 0), 70);
	assert_int_equal(fake.p2m[269].type, P2M_NONE);
	assert_int_equal(fake.p2m[270].type, P2M_RAM);
}

/* ---- memory map, counts ---- */

struct packed_e820 { uint64_t addr, size; uint32_t type; } __attribute__((packed));

static int64_t exchange(struct xen_memory_exchange a)
{
	fake_write(ARG, &a, sizeof(a));
	return fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_exchange, ARG, 0);
}

static void nothing_is_exchanged(void **state)
{
	const struct xen_memory_exchange good = {
		.in = { .nr_extents = 8, .extent_order = 0, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .extent_order = 3, .domid = DOMID_SELF },
	};
	struct xen_memory_exchange a = good;

	(void)state;
	assert_int_equal(exchange(a), -XEN_EOPNOTSUPP);
	a.nr_exchanged = 8;
	assert_int_equal(exchange(a), 0);
	a.nr_exchanged = 9;
	assert_int_equal(exchange(a), -XEN_EINVAL);
	a = good;
	a.out.nr_extents = 2;
	assert_int_equal(exchange(a), -XEN_EINVAL);
	a = good;
	a.out.domid = 0;
	assert_int_equal(exchange(a), -XEN_EINVAL);
	a.in.domid = 0;
	assert_int_equal(exchange(a), -XEN_EPERM);
	a = good;
	a.in.extent_order = a.out.extent_order = 21;
	a.out.nr_extents = 8;
	assert_int_equal(exchange(a), -XEN_EINVAL);
	a.in.extent_order = a.out.extent_order = 1;
	a.in.nr_extents = a.out.nr_extents = 1UL << 63;
	assert_int_equal(exchange(a), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_exchange | 1 << 6, ARG, 0), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_exchange, 0x700000000000, 0), -XEN_EFAULT);
}

static void the_memory_map_is_dom0s(void **state)
{
	static const struct zendo_memmap_entry map[3] = { { 0, 0x8000000, 1, 0 }, { 0xfeff8000, 0x8000, 2, 0 }, { 1ULL << 32, 0x1000, 1, 0 } };
	struct xen_memory_map m = { .nr_entries = 128 };
	struct packed_e820 e;

	(void)state;
	set_xen_guest_handle(m.buffer, (void *)LIST);
	fake_write(ARG, &m, sizeof(m));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_memory_map, ARG, 0), -XEN_ENOSYS);
	assert_int_equal(guest_memmap_set(fake.d, map, MEMMAP_MAX + 1), -XEN_EINVAL);
	assert_int_equal(guest_memmap_set(fake.d, map, 3), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_memory_map, ARG, 0), 0);
	fake_read(ARG, &m, sizeof(m));
	assert_int_equal(m.nr_entries, 3);
	for (int i = 0; i < 3; i++) {
		fake_read(LIST + (uint64_t)i * 20, &e, 20);
		assert_int_equal(e.addr, map[i].addr);
		assert_int_equal(e.size, map[i].size);
		assert_int_equal(e.type, map[i].type);
	}
	m.nr_entries = 1;
	fake_write(ARG, &m, sizeof(m));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_memory_map, ARG, 0), 0);
	fake_read(ARG, &m, sizeof(m));
	assert_int_equal(m.nr_entries, 1);
}

static void a_boot_loader_hands_its_map_on(void **state)
{
	struct compat_foreign_memory_map f = { .domid = DOMID_SELF, .map = { 2, LIST } };
	struct packed_e820 e[2] = { { 0, 0x9000, 1 }, { 0x100000, 0x700000, 1 } };
	struct compat_memory_map m = { 128, LIST + 4096 };

	(void)state;
	fake.paging.code64 = false;	/* GRUB */
	fake_write(LIST, e, sizeof(e));
	fake_write(ARG, &f, sizeof(f));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_set_memory_map, ARG, 0), 0);
	fake_write(ARG, &m, sizeof(m));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_memory_map, ARG, 0), 0);
	fake_read(LIST + 4096, e, sizeof(e));
	assert_int_equal(e[1].size, 0x700000);
	f.map.nr_entries = MEMMAP_MAX + 1;
	fake_write(ARG, &f, sizeof(f));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_set_memory_map, ARG, 0), -XEN_EINVAL);
	f.map.nr_entries = 1;
	f.domid = 1;
	fake_write(ARG, &f, sizeof(f));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_set_memory_map, ARG, 0), -XEN_ESRCH);
}

static void counts_are_told(void **state)
{
	struct zendo_memmap_entry map = { 0, 0x8000000, 1, 0 };
	domid_t self = DOMID_SELF, other = 0;

	(void)state;
	fake_write(ARG, &self, sizeof(self));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_current_reservation, ARG, 0), FAKE_RAM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_maximum_reservation, ARG, 0), FAKE_RAM + 64);
	assert_int_equal(guest_memmap_set(fake.d, &map, 1), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_maximum_gpfn, ARG, 0), 0x7fff);
	fake_write(ARG, &other, sizeof(other));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_current_reservation, ARG, 0), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_machphys_mapping, ARG, 0), -XEN_ENOSYS);
}

/* ---- grant table ---- */

static int64_t grant(uint32_t cmd, void *arg, size_t len, uint64_t count)
{
	int64_t rc;

	fake_write(ARG, arg, len);
	rc = fake_call(fake_vcpu(0), __HYPERVISOR_grant_table_op, cmd, ARG, count);
	fake_read(ARG, arg, len);
	return rc;
}

static void the_table_grows_from_dom0s_stock(void **state)
{
	struct zendo_grant_page *page = fake_dom0_page(2 << PAGE_SHIFT);
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 3, .gpfn = HOLE };
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	assert_int_equal(page->version, 1);
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call_once(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	assert_int_equal(v->need_ram, 4);
	for (int i = 0; i < 4; i++)
		fake.stock[fake.nr_stock++] = fake_new_frame().v;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), NEXT_RESUME);
	assert_int_equal(v->regs.rax, 0);
	assert_int_equal(page->nr_frames, 4);
	assert_int_equal(page->frame_hpa[3] >> PAGE_SHIFT, fake.p2m[HOLE].mfn.v);
	/* the lower ones are there as well, as Linux expects */
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(add(XENMAPSPACE_grant_table, i, HOLE + 1 + i, DOMID_SELF), 0);
	assert_int_equal(pages(), FAKE_RAM);
}

static void sizes_and_versions(void **state)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_set_version sv = { .version = 1 };
	struct gnttab_get_version gv = { .dom = DOMID_SELF };

	(void)state;
	assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
	assert_int_equal(grant(GNTTABOP_query_size, &q, sizeof(q), 1), 0);
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 1);
	assert_int_equal(q.max_nr_frames, GRANT_MAX_FRAMES);
	assert_int_equal(grant(GNTTABOP_query_size, &q, sizeof(q), 2), -XEN_EINVAL);
	q.dom = 0;
	assert_int_equal(grant(GNTTABOP_query_size, &q, sizeof(q), 1), 0);
	assert_int_equal(q.status, GNTST_permission_denied);
	assert_int_equal(grant(GNTTABOP_set_version, &sv, sizeof(sv), 1), 0);
	sv.version = 0;
	assert_int_equal(grant(GNTTABOP_set_version, &sv, sizeof(sv), 1), -XEN_EINVAL);
	sv.version = 3;
	assert_int_equal(grant(GNTTABOP_set_version, &sv, sizeof(sv), 1), -XEN_EINVAL);
	assert_int_equal(grant(GNTTABOP_get_version, &gv, sizeof(gv), 1), 0);
	assert_int_equal(gv.version, 1);
	assert_int_equal(grant(GNTTABOP_transfer, &gv, sizeof(gv), 1), -XEN_ENOSYS);
	assert_int_equal(grant(GNTTABOP_dump_table, &gv, sizeof(gv), 1), -XEN_ENOSYS);
}

static void setup_table_lists_gfns(void **state)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 2, .status = 99 };
	uint64_t l[3] = { 1, 1, 1 };

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
	assert_int_equal(add(XENMAPSPACE_grant_table, 1, HOLE, DOMID_SELF), 0);
	set_xen_guest_handle(s.frame_list, (xen_pfn_t *)LIST);
	fake_write(LIST, l, sizeof(l));
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_okay);
	fake_read(LIST, l, sizeof(l));
	assert_true(l[0] == ~0ULL);
	assert_int_equal(l[1], HOLE);
	assert_int_equal(l[2], 1);
	s.nr_frames = GRANT_MAX_FRAMES + 1;
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_general_error);
	s.nr_frames = 0xffffffff;
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_general_error);
	s.nr_frames = 0;
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_okay);
	s.dom = 4;
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_permission_denied);
}

static void setup_table_of_32_bits(void **state)
{
	struct compat_gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1, .status = 99, .frame_list = LIST };
	uint32_t l[2] = { 1, 1 };

	(void)state;
	assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
	assert_int_equal(add(XENMAPSPACE_grant_table, 0, HOLE, DOMID_SELF), 0);
	fake.paging.code64 = false;
	fake_write(LIST, l, sizeof(l));
	assert_int_equal(grant(GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_okay);
	fake_read(LIST, l, sizeof(l));
	assert_int_equal(l[0], HOLE);
	assert_int_equal(l[1], 1);
}

static void the_maximum_number_of_frames(void **state)
{
	(void)state;
	for (int i = 0; i < GRANT_MAX_FRAMES; i++)
		assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
	assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), -XEN_ENOSPC);
	for (uint32_t i = GRANT_MAX_FRAMES; i-- > 0; )
		assert_int_equal(add(XENMAPSPACE_grant_table, i, HOLE + i, DOMID_SELF), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(shared_info_goes_into_a_hole), T(shared_info_over_ram_frees_the_page), T(shared_info_is_in_one_place),
		T(a_special_page_over_another_only_unhooks_it), T(mapping_shared_info_latches_and_refreshes), T(bad_adds_are_refused),
		T(ram_can_move), T(ram_that_cannot_move_is_not_lost), T(a_pinned_page_stays), T(missing_tables_are_asked_for), T(removing_ram_returns_it),
		T(a_balloon_goes_down_and_up), T(populate_asks_dom0_and_takes_no_for_an_answer), T(populate_stops_at_the_maximum),
		T(populate_skips_nothing_that_is_there), T(odd_reservations), T(large_extents_go_down_and_up),
		T(a_large_extent_is_filled_whole_or_not_at_all), T(reservations_of_32_bits), T(nothing_is_exchanged), T(the_memory_map_is_dom0s),
		T(a_boot_loader_hands_its_map_on), T(counts_are_told), T(the_table_grows_from_dom0s_stock), T(sizes_and_versions),
		T(setup_table_lists_gfns), T(setup_table_of_32_bits), T(the_maximum_number_of_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
