// SPDX-License-Identifier: GPL-2.0-only
/* Grants between two guests: 7 grants, 9 maps and copies; and a guest to itself. The fake core watches holds, flushes and lock order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include "guest/grant_table.h"
#include <xen/memory.h>

#define US	7
#define THEM	9
#define ARG	0x10ff0		/* across a page */
#define HOLE	0x900		/* a gfn with nothing there */
#define OURS	0x20		/* a gfn of RAM */
#define THEIRS	0x180

static int start(void **state)
{
	(void)state;
	fake_start(2);
	fake_start_other(THEM);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
		assert_int_equal(grant_add_frame(fake.other, fake_new_frame()), 0);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

static struct vcpu *us(void) { return fake.d->vcpu[0]; }
static struct vcpu *them(void) { return fake.other->vcpu[0]; }

static struct grant_entry_v1 *v1(struct domain *d, uint32_t ref)
{
	return (struct grant_entry_v1 *)frame_look(d->g.grant.frame[ref / 512].mfn) + ref % 512;
}

static union grant_entry_v2 *v2(struct domain *d, uint32_t ref)
{
	return (union grant_entry_v2 *)frame_look(d->g.grant.frame[ref / 256].mfn) + ref % 256;
}

static uint16_t *status_of(struct domain *d, uint32_t ref)
{
	return (uint16_t *)frame_look(d->g.grant.frame[GRANT_MAX_FRAMES].mfn) + ref;
}

static void grant(struct domain *d, uint32_t ref, domid_t to, uint16_t flags, uint32_t g)
{
	*v1(d, ref) = (struct grant_entry_v1){ flags, to, g };
}

static int64_t op(struct vcpu *v, uint32_t cmd, void *arg, size_t len, uint32_t count)
{
	int64_t rc;

	fake_write(ARG, arg, len);
	rc = fake_call(v, __HYPERVISOR_grant_table_op, cmd, ARG, count);
	fake_read(ARG, arg, len);
	return rc;
}

static int map(struct vcpu *v, domid_t dom, uint32_t ref, uint32_t flags, uint64_t g, uint32_t *ret_handle)
{
	struct gnttab_map_grant_ref m = { .host_addr = g << PAGE_SHIFT, .flags = flags, .ref = ref, .dom = dom, .status = 77, .handle = ~0U };

	assert_int_equal(op(v, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
	*ret_handle = m.handle;
	return m.status;
}

static int unmap(struct vcpu *v, uint64_t g, uint32_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = g << PAGE_SHIFT, .handle = handle, .status = 77 };

	assert_int_equal(op(v, GNTTABOP_unmap_grant_ref, &u, sizeof(u), 1), 0);
	return u.status;
}

static int64_t version(struct vcpu *v, uint32_t n)
{
	struct gnttab_set_version s = { n };

	return op(v, GNTTABOP_set_version, &s, sizeof(s), 1);
}

static struct gnttab_copy copying(domid_t sd, uint32_t sref, uint16_t so, domid_t dd, uint32_t dref, uint16_t to, uint16_t len, uint16_t flags)
{
	struct gnttab_copy c = { .len = len, .flags = flags, .status = 77 };

	c.source.u.gmfn = 0;
	c.dest.u.gmfn = 0;
	c.source.u.ref = sref;
	c.source.domid = sd;
	c.source.offset = so;
	c.dest.u.ref = dref;
	c.dest.domid = dd;
	c.dest.offset = to;
	return c;
}

static int copy(struct vcpu *v, struct gnttab_copy c)
{
	assert_int_equal(op(v, GNTTABOP_copy, &c, sizeof(c), 1), 0);
	return c.status;
}

static unsigned char *ram(struct domain *d, uint64_t g)
{
	return frame_look(fake_p2m(d)[g].mfn);
}

static void a_page_is_mapped_marked_and_let_go(void **state)
{
	uint32_t a, b;
	mfn_t m = fake.p2m[OURS].mfn;
	uint32_t flushes;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map | GNTMAP_readonly, HOLE, &a), GNTST_okay);
	assert_int_equal(fake.other_p2m[HOLE].mfn.v, m.v);
	assert_false(fake.other_p2m[HOLE].writable);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE + 1, &b), GNTST_okay);
	assert_true(fake.other_p2m[HOLE + 1].writable);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(fake.pins[m.v], 2);
	assert_int_not_equal(a, b);
	flushes = fake.flushes;
	assert_int_equal(unmap(them(), HOLE + 1, b), GNTST_okay);
	assert_int_equal(fake.flushes, flushes + 1);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(fake.other_p2m[HOLE + 1].type, P2M_NONE);
	assert_int_equal(unmap(them(), HOLE + 1, b), GNTST_bad_handle);
	assert_int_equal(unmap(them(), HOLE, a), GNTST_okay);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access);
	assert_int_equal(fake.pins[m.v], 0);
	assert_int_equal(fake.d->g.grant.nr_pins, 0);
	assert_int_equal(fake.d->refs + fake.other->refs, 0);
}

static void what_is_mapped_cannot_be_ballooned_out(void **state)
{
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = OURS };
	uint32_t h;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(us(), __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, ARG, 0), -XEN_ENOMEM);
	r.gpfn = HOLE;		/* nor is the mapping taken away by other means */
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(them(), __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, ARG, 0), -XEN_ENOMEM);
	assert_int_equal(unmap(them(), HOLE, h), GNTST_okay);
	r.gpfn = OURS;
	fake_write(ARG, &r, sizeof(r));
	assert_int_equal(fake_call(us(), __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, ARG, 0), 0);
	/* and a frame that is gone cannot be mapped */
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_bad_page);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access);
}

static void bad_maps_get_their_status(void **state)
{
	uint32_t h;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access | GTF_readonly, OURS);
	grant(fake.d, 10, 3, GTF_permit_access, OURS);
	grant(fake.d, 11, THEM, GTF_accept_transfer, OURS);
	grant(fake.d, 12, THEM, GTF_permit_access | GTF_sub_page, OURS);
	grant(fake.d, 13, THEM, GTF_permit_access, HOLE);
	grant(fake.d, 14, THEM, GTF_permit_access, 0xffffffff);
	grant(fake.d, 15, THEM, GTF_permit_access, OURS);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_general_error);
	for (uint32_t ref = 10; ref < 13; ref++)
		assert_int_equal(map(them(), US, ref, GNTMAP_host_map, HOLE, &h), GNTST_general_error);
	assert_int_equal(map(them(), US, 13, GNTMAP_host_map, HOLE, &h), GNTST_bad_page);
	assert_int_equal(map(them(), US, 14, GNTMAP_host_map, HOLE, &h), GNTST_bad_page);
	assert_int_equal(map(them(), US, 1024, GNTMAP_host_map, HOLE, &h), GNTST_bad_gntref);
	assert_int_equal(map(them(), US, ~0U, GNTMAP_host_map, HOLE, &h), GNTST_bad_gntref);
	assert_int_equal(map(them(), 0, 15, GNTMAP_host_map, HOLE, &h), GNTST_bad_domain);
	assert_int_equal(map(them(), 3, 15, GNTMAP_host_map, HOLE, &h), GNTST_bad_domain);
	assert_int_equal(map(them(), DOMID_SELF, 15, GNTMAP_host_map, HOLE, &h), GNTST_bad_domain);
	assert_int_equal(map(them(), US, 15, 0, HOLE, &h), GNTST_bad_gntref);
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map | GNTMAP_device_map, HOLE, &h), GNTST_general_error);
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map | GNTMAP_contains_pte, HOLE, &h), GNTST_general_error);
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map, THEIRS, &h), GNTST_general_error);
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map, FAKE_GFNS, &h), GNTST_general_error);
	fake.d->state = DOMAIN_DYING;
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map, HOLE, &h), GNTST_bad_domain);
	fake.d->state = DOMAIN_ALIVE;
	/* nothing is left of all that: the first handle comes again, no mark, no hold */
	assert_int_equal(v1(fake.d, 15)->flags, GTF_permit_access);
	assert_int_equal(fake.d->g.grant.nr_pins + fake.pins[OURS], 0);
	assert_int_equal(map(them(), US, 15, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	assert_int_equal(unmap(them(), HOLE + 1, h), GNTST_general_error);
	assert_int_equal(unmap(them(), 0, h), GNTST_okay);		/* an address of 0 is ignored */
	assert_int_equal(fake.other_p2m[HOLE].mfn.v, fake.p2m[OURS].mfn.v);
	assert_int_equal(unmap(them(), HOLE, h + 1), GNTST_bad_handle);
	assert_int_equal(unmap(them(), HOLE, ~0U), GNTST_bad_handle);
	assert_int_equal(unmap(us(), HOLE, h), GNTST_bad_handle);
	/* what is mapped cannot be granted on */
	grant(fake.other, 9, US, GTF_permit_access, HOLE);
	assert_int_equal(map(us(), THEM, 9, GNTMAP_host_map, HOLE, &h), GNTST_bad_page);
}

/* Its pages for counts are charged to it, so they are for those that it grants to. */
static void who_was_granted_nothing_costs_the_granter_nothing(void **state)
{
	uint32_t pool = fake.pool_used;

	(void)state;
	grant(fake.d, 9, THEM + 1, GTF_permit_access, OURS);
	assert_int_equal(copy(them(), copying(US, 9, 0, DOMID_SELF, THEIRS, 0, 8, GNTCOPY_source_gref)), GNTST_general_error);
	assert_int_equal(fake.pool_used, pool);
	assert_null(fake.d->g.grant.use);
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	assert_int_equal(copy(them(), copying(US, 9, 0, DOMID_SELF, THEIRS, 0, 8, GNTCOPY_source_gref)), GNTST_okay);
	assert_int_equal(fake.pool_used, pool + 2);
}

static void a_guest_maps_its_own(void **state)
{
	uint32_t h;

	(void)state;
	grant(fake.d, 9, US, GTF_permit_access, OURS);
	assert_int_equal(map(us(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	assert_int_equal(fake.p2m[HOLE].mfn.v, fake.p2m[OURS].mfn.v);
	assert_int_equal(version(us(), 2), -XEN_ENOMEM);	/* no frame in stock */
	assert_int_equal(unmap(us(), HOLE, h), GNTST_okay);
	assert_int_equal(map(us(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	/* and ends with it */
}

static void the_mappers_end_lets_go(void **state)
{
	uint32_t h, pool = fake.pool_used;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE + i, &h), GNTST_okay);
	assert_int_equal(fake.pins[OURS], 300);
	fake_stop_other();
	assert_int_equal(fake.pins[OURS], 0);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access);
	assert_int_equal(fake.d->g.grant.nr_pins, 0);
	assert_true(fake.pool_used < pool + 3);
}

static void the_granters_end_leaves_nothing_mapped(void **state)
{
	struct domain *o = fake.other;
	uint32_t h[40], flushes;
	mfn_t m;

	(void)state;
	grant(fake.other, 9, US, GTF_permit_access, THEIRS);
	m = fake.other_p2m[THEIRS].mfn;
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(map(us(), THEM, 9, GNTMAP_host_map, HOLE + i, &h[i]), GNTST_okay);
	flushes = fake.flushes;
	o->state = DOMAIN_DYING;
	while (!grant_end(o))
		;
	assert_true(fake.flushes > flushes);
	assert_int_equal(fake.pins[m.v], 0);
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_not_equal(fake.p2m[HOLE + i].mfn.v, m.v);
		assert_int_equal(fake.p2m[HOLE + i].type, P2M_SPECIAL);
	}
	/* the handles are there, and go */
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(unmap(us(), HOLE + i, h[i]), GNTST_okay);
	assert_int_equal(fake.p2m[HOLE].type, P2M_NONE);
	assert_int_equal(unmap(us(), HOLE, h[0]), GNTST_bad_handle);
}

static void version_2_and_back(void **state)
{
	struct zendo_grant_page *page = fake_dom0_page(2 << PAGE_SHIFT);
	struct gnttab_get_status_frames sf = { .dom = DOMID_SELF, .nr_frames = 1 };
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = XENMAPIDX_grant_table_status, .gpfn = HOLE + 9 };
	struct gnttab_get_version gv = { .dom = DOMID_SELF };
	uint64_t list = 0;
	uint32_t h;

	(void)state;
	fake.stock[fake.nr_stock++] = fake_new_frame().v;
	grant(fake.d, 1, 0, GTF_permit_access, 0x55);
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	assert_int_equal(version(us(), 2), -XEN_EBUSY);
	assert_int_equal(page->version, 1);
	assert_int_equal(unmap(them(), HOLE, h), GNTST_okay);
	page->pinned = 1;
	assert_int_equal(version(us(), 2), -XEN_EBUSY);
	page->pinned = 0;
	assert_int_equal(version(us(), 2), 0);
	assert_int_equal(page->version, 2);
	assert_int_not_equal(page->status_hpa[0], 0);
	assert_int_equal(op(us(), GNTTABOP_get_version, &gv, sizeof(gv), 1), 0);
	assert_int_equal(gv.version, 2);
	/* the toolstack's entries are kept, others are gone */
	assert_int_equal(v2(fake.d, 1)->full_page.hdr.flags, GTF_permit_access);
	assert_int_equal(v2(fake.d, 1)->full_page.frame, 0x55);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_general_error);
	*v2(fake.d, 9) = (union grant_entry_v2){ .full_page = { .hdr = { GTF_permit_access, THEM }, .frame = OURS } };
	*v2(fake.d, 10) = (union grant_entry_v2){ .sub_page = { .hdr = { GTF_permit_access | GTF_sub_page, THEM }, .page_off = 100, .length = 50,
								.frame = OURS } };
	*v2(fake.d, 11) = (union grant_entry_v2){ .transitive = { .hdr = { GTF_transitive, THEM }, .trans_domid = US, .gref = 9 } };
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	assert_int_equal(*status_of(fake.d, 9), GTF_reading | GTF_writing);
	assert_int_equal(v2(fake.d, 9)->hdr.flags, GTF_permit_access);
	assert_int_equal(unmap(them(), HOLE, h), GNTST_okay);
	assert_int_equal(*status_of(fake.d, 9), 0);
	assert_int_equal(map(them(), US, 10, GNTMAP_host_map, HOLE, &h), GNTST_general_error);
	assert_int_equal(map(them(), US, 11, GNTMAP_host_map, HOLE, &h), GNTST_general_error);
	assert_int_equal(copy(them(), copying(US, 11, 0, DOMID_SELF, THEIRS, 0, 8, GNTCOPY_source_gref)), GNTST_general_error);
	memset(ram(fake.d, OURS), 0x3c, PAGE_SIZE);
	assert_int_equal(copy(them(), copying(US, 10, 100, DOMID_SELF, THEIRS, 7, 50, GNTCOPY_source_gref)), GNTST_okay);
	assert_int_equal(ram(fake.other, THEIRS)[7], 0x3c);
	assert_int_equal(ram(fake.other, THEIRS)[57], 0);
	assert_int_equal(copy(them(), copying(US, 10, 99, DOMID_SELF, THEIRS, 0, 10, GNTCOPY_source_gref)), GNTST_general_error);
	assert_int_equal(copy(them(), copying(US, 10, 100, DOMID_SELF, THEIRS, 0, 51, GNTCOPY_source_gref)), GNTST_general_error);
	assert_int_equal(*status_of(fake.d, 10), 0);
	/* the status frame is mapped and listed */
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(us(), __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0), 0);
	set_xen_guest_handle(sf.frame_list, (uint64_t *)0x30000);
	assert_int_equal(op(us(), GNTTABOP_get_status_frames, &sf, sizeof(sf), 1), 0);
	assert_int_equal(sf.status, GNTST_okay);
	fake_read(0x30000, &list, 8);
	assert_int_equal(list, HOLE + 9);
	sf.nr_frames = 2;
	assert_int_equal(op(us(), GNTTABOP_get_status_frames, &sf, sizeof(sf), 1), 0);
	assert_int_equal(sf.status, GNTST_general_error);
	assert_int_equal(version(us(), 1), 0);
	assert_int_equal(v1(fake.d, 1)->frame, 0x55);
	assert_int_equal(v1(fake.d, 9)->flags, 0);
	assert_int_equal(page->version, 1);
	sf.nr_frames = 1;
	assert_int_equal(op(us(), GNTTABOP_get_status_frames, &sf, sizeof(sf), 1), 0);
	assert_int_equal(sf.status, GNTST_general_error);
}

/* In the middle of a switch entries are neither version's. */
static void a_switch_goes_on_in_parts(void **state)
{
	uint32_t h, calls = 0;

	(void)state;
	fake.stock[fake.nr_stock++] = fake_new_frame().v;
	fake_write(ARG, &(struct gnttab_set_version){ 2 }, 4);
	for (fake_call_once(us(), __HYPERVISOR_grant_table_op, GNTTABOP_set_version, ARG, 1); !fake.skipped; calls++) {
		grant(fake.d, 9, THEM, GTF_permit_access, OURS);
		assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &h), GNTST_eagain);
		fake_write(ARG, &(struct gnttab_set_version){ 2 }, 4);
		fake_call_once(us(), __HYPERVISOR_grant_table_op, GNTTABOP_set_version, ARG, 1);
	}
	assert_true(calls > 4);
	assert_int_equal(us()->regs.rax, 0);
	assert_int_equal(fake.d->g.grant.version, 2);
}

static void copies_go_each_way(void **state)
{
	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	grant(fake.d, 10, THEM, GTF_permit_access | GTF_readonly, OURS + 1);
	for (uint32_t i = 0; i < PAGE_SIZE; i++)
		ram(fake.other, THEIRS)[i] = (unsigned char)(i * 7);
	assert_int_equal(copy(them(), copying(DOMID_SELF, THEIRS, 1, US, 9, 2, 4000, GNTCOPY_dest_gref)), GNTST_okay);
	assert_memory_equal(ram(fake.d, OURS) + 2, ram(fake.other, THEIRS) + 1, 4000);
	assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access);
	assert_int_equal(copy(them(), copying(US, 9, 2, THEM, 9, 0, 8, GNTCOPY_source_gref)), GNTST_permission_denied);
	assert_int_equal(copy(them(), copying(US, 9, 2, US, 10, 0, 8, GNTCOPY_source_gref | GNTCOPY_dest_gref)), GNTST_general_error);
	assert_int_equal(copy(them(), copying(US, 10, 0, US, 9, 0, 4096, GNTCOPY_source_gref | GNTCOPY_dest_gref)), GNTST_okay);
	assert_memory_equal(ram(fake.d, OURS), ram(fake.d, OURS + 1), PAGE_SIZE);
	assert_int_equal(copy(them(), copying(US, 9, 4095, DOMID_SELF, THEIRS, 0, 2, GNTCOPY_source_gref)), GNTST_bad_copy_arg);
	assert_int_equal(copy(them(), copying(US, 9, 0, DOMID_SELF, THEIRS, 0xffff, 0xffff, GNTCOPY_source_gref)), GNTST_bad_copy_arg);
	assert_int_equal(copy(them(), copying(US, 9, 0, DOMID_SELF, HOLE, 0, 8, GNTCOPY_source_gref)), GNTST_bad_page);
	assert_int_equal(copy(them(), copying(3, 9, 0, DOMID_SELF, THEIRS, 0, 8, GNTCOPY_source_gref)), GNTST_bad_domain);
	assert_int_equal(copy(them(), copying(US, 4096, 0, DOMID_SELF, THEIRS, 0, 8, GNTCOPY_source_gref)), GNTST_bad_gntref);
	assert_int_equal(fake.d->g.grant.nr_pins, 0);
}

static void a_copy_of_32_bits(void **state)
{
	struct compat_gnttab_copy c = { .source = { 9, US, 0 }, .dest = { THEIRS, DOMID_SELF, 4 }, .len = 8, .flags = GNTCOPY_source_gref, .status = 77 };

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	memset(ram(fake.d, OURS), 0x5a, 8);
	fake.paging.code64 = false;
	assert_int_equal(op(them(), GNTTABOP_copy, &c, sizeof(c), 1), 0);
	assert_int_equal(c.status, GNTST_okay);
	assert_int_equal(ram(fake.other, THEIRS)[4], 0x5a);
}

static void long_lists_are_done_in_parts(void **state)
{
	static struct gnttab_map_grant_ref m[150];
	static struct gnttab_unmap_grant_ref u[150];
	uint32_t once = 0;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	for (uint32_t i = 0; i < 150; i++)
		m[i] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)(HOLE + i) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 9, .dom = US };
	fake_write(0x20000, m, sizeof(m));
	fake_call_once(them(), __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, 0x20000, 150);
	assert_int_equal(fake.skipped, 0);
	assert_int_equal(them()->regs.rdx, 150 - 64);
	assert_int_equal(fake.pins[OURS], 64);
	assert_int_equal(fake_call(them(), __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, them()->regs.rsi, them()->regs.rdx), 0);
	assert_int_equal(fake.pins[OURS], 150);
	fake_read(0x20000, m, sizeof(m));
	for (uint32_t i = 0; i < 150; i++)
		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = m[i].host_addr, .handle = m[i].handle };
	fake_write(0x20000, u, sizeof(u));
	once = fake.flushes;
	assert_int_equal(fake_call(them(), __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, 0x20000, 150), 0);
	assert_int_equal(fake.flushes, once + 3);
	assert_int_equal(fake.pins[OURS], 0);
	assert_int_equal(op(them(), GNTTABOP_unmap_grant_ref, u, sizeof(u[0]), 0x80000000), -XEN_EINVAL);
}

static void pages_are_asked_for_and_their_lack_is_no_space(void **state)
{
	struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)HOLE << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 9, .dom = US };
	uint32_t h;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	/* its page of handles, then the granter's of counts, then tables */
	for (uint32_t room = 0; room < 5; room++) {
		fake.pool_limit = fake.pool_used + (room > 0);
		fake_write(ARG, &m, sizeof(m));
		assert_int_equal(fake_call_once(them(), __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG, 1), NEXT_TO_DOM0);
		assert_int_equal(them()->reason, ZRUN_NEED_PAGES);
		assert_int_equal(fake_call_once(them(), __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG, 1), NEXT_RESUME);
		fake_read(ARG, &m, sizeof(m));
		if (room < 4)
			assert_int_equal(m.status, GNTST_no_space);
		assert_int_equal(fake.pins[OURS], 0);
		assert_int_equal(v1(fake.d, 9)->flags, GTF_permit_access);
	}
	fake.pool_limit = FAKE_POOL;
	fake.other->g.grant.max_maptrack = 1;
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE + i, &h), GNTST_okay);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE + 256, &h), GNTST_no_space);
	assert_int_equal(unmap(them(), HOLE + 255, h == ~0U ? 255 : h), GNTST_okay);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE + 256, &h), GNTST_okay);
	assert_int_equal(h, 255);
}

static void entries_are_swapped_when_nobody_uses_them(void **state)
{
	struct gnttab_swap_grant_ref s = { 9, 10, 77 };
	uint32_t h;

	(void)state;
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	grant(fake.d, 10, 3, GTF_permit_access, OURS + 2);
	assert_int_equal(op(us(), GNTTABOP_swap_grant_ref, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_okay);
	assert_int_equal(v1(fake.d, 10)->domid, THEM);
	assert_int_equal(v1(fake.d, 9)->frame, OURS + 2);
	assert_int_equal(map(them(), US, 10, GNTMAP_host_map, HOLE, &h), GNTST_okay);
	assert_int_equal(op(us(), GNTTABOP_swap_grant_ref, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_eagain);
	s.ref_b = 1024;
	assert_int_equal(op(us(), GNTTABOP_swap_grant_ref, &s, sizeof(s), 1), 0);
	assert_int_equal(s.status, GNTST_bad_gntref);
}

static void the_rest_is_refused(void **state)
{
	struct gnttab_cache_flush c = { .offset = 0, .length = 64, .op = GNTTAB_CACHE_CLEAN };
	struct gnttab_unmap_and_replace r = { .host_addr = (uint64_t)HOLE << PAGE_SHIFT, .new_addr = 0x5000 };

	(void)state;
	assert_int_equal(op(us(), GNTTABOP_cache_flush, &c, sizeof(c), 1), -XEN_EOPNOTSUPP);
	c.length = 4097;
	assert_int_equal(op(us(), GNTTABOP_cache_flush, &c, sizeof(c), 1), -XEN_EINVAL);
	grant(fake.d, 9, THEM, GTF_permit_access, OURS);
	assert_int_equal(map(them(), US, 9, GNTMAP_host_map, HOLE, &r.handle), GNTST_okay);
	assert_int_equal(op(them(), GNTTABOP_unmap_and_replace, &r, sizeof(r), 1), 0);
	assert_int_equal(r.status, GNTST_general_error);
	r.new_addr = 0;
	assert_int_equal(op(them(), GNTTABOP_unmap_and_replace, &r, sizeof(r), 1), 0);
	assert_int_equal(r.status, GNTST_okay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(a_page_is_mapped_marked_and_let_go), T(what_is_mapped_cannot_be_ballooned_out), T(bad_maps_get_their_status),
		T(who_was_granted_nothing_costs_the_granter_nothing), T(a_guest_maps_its_own), T(the_mappers_end_lets_go), T(the_granters_end_leaves_nothing_mapped), T(version_2_and_back),
		T(a_switch_goes_on_in_parts), T(copies_go_each_way), T(a_copy_of_32_bits), T(long_lists_are_done_in_parts),
		T(pages_are_asked_for_and_their_lack_is_no_space), T(entries_are_swapped_when_nobody_uses_them), T(the_rest_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
