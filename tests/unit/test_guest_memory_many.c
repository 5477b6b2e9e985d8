// SPDX-License-Identifier: GPL-2.0-only
/* memory_op on many pages at once, and what it refuses. */
#define __XEN_TOOLS__ 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
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

/* ---- add_to_physmap: many ---- */

static int64_t range(uint64_t idx, uint64_t gpfn, uint16_t size, uint64_t start)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .size = size, .space = XENMAPSPACE_gmfn_range, .idx = idx, .gpfn = gpfn };

	fake_write(ARG, &a, sizeof(a));
	return fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap | start << 6, ARG, 0);
}

static void a_range_of_ram_moves(void **state)
{
	(void)state;
	assert_int_equal(range(100, HOLE, 30, 0), 0);
	for (uint32_t i = 0; i < 30; i++) {
		assert_int_equal(fake.p2m[100 + i].type, P2M_NONE);
		assert_int_equal(fake.p2m[HOLE + i].mfn.v, 100 + i);
	}
	assert_int_equal(pages(), FAKE_RAM);
	assert_int_equal(range(0, HOLE, 5, 6), -XEN_EILSEQ);
	assert_int_equal(range(~0ULL, HOLE, 5, 0), -XEN_EOVERFLOW);
	assert_int_equal(range(0, ~0ULL, 5, 0), -XEN_EOVERFLOW);
	assert_int_equal(range(100, HOLE, 30, 0x10000), -XEN_EDOM);
	assert_int_equal(range(0, HOLE + 100, 0, 0), 0);
	/* it ends where there is no RAM */
	assert_int_equal(range(98, HOLE + 200, 5, 0), -XEN_EINVAL);
	assert_int_equal(fake.p2m[HOLE + 201].mfn.v, 99);
	assert_int_equal(fake.p2m[HOLE + 202].type, P2M_NONE);
}

static int64_t batch(struct xen_add_to_physmap_batch b, uint64_t start)
{
	b.domid = b.domid ? b.domid : DOMID_SELF;
	set_xen_guest_handle(b.idxs, (xen_ulong_t *)LIST);
	set_xen_guest_handle(b.gpfns, (xen_pfn_t *)(LIST + 0x1000));
	set_xen_guest_handle(b.errs, (int *)(LIST + 0x2000));
	fake_write(ARG, &b, sizeof(b));
	return fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch | start << 6, ARG, 0);
}

static int32_t err(uint32_t i)
{
	int32_t e;

	fake_read(LIST + 0x2000 + i * 4, &e, 4);
	return e;
}

static void a_batch_has_an_error_for_each(void **state)
{
	struct xen_add_to_physmap_batch b = { .space = XENMAPSPACE_gmfn, .size = 20 };

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t from = i == 3 ? FAKE_RAM + 7 : 200 + i, to = i == 5 ? FAKE_GFNS : HOLE + i;

		fake_write(LIST + i * 8, &from, 8);
		fake_write(LIST + 0x1000 + i * 8, &to, 8);
	}
	assert_int_equal(batch(b, 0), 0);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(err(i), i == 3 || i == 5 ? -XEN_EINVAL : 0);
		assert_int_equal(fake.p2m[HOLE + i].type, i == 3 || i == 5 ? P2M_NONE : P2M_RAM);
	}
	assert_int_equal(batch(b, 20), -XEN_EILSEQ);
	assert_int_equal(batch(b, 21), -XEN_EILSEQ);
	assert_int_equal(batch(b, 0x10000), -XEN_EDOM);
	b.size = 2;
	b.space = XENMAPSPACE_gmfn_foreign;
	b.u.foreign_domid = 0;
	assert_int_equal(batch(b, 0), 0);
	assert_int_equal(err(0), -XEN_EPERM);
	b.u.foreign_domid = 8;
	assert_int_equal(batch(b, 0), 0);
	assert_int_equal(err(1), -XEN_ESRCH);
	b.u.foreign_domid = DOMID_SELF;
	assert_int_equal(batch(b, 0), 0);
	assert_int_equal(err(0), -XEN_EINVAL);
	b.space = XENMAPSPACE_gmfn_range;
	assert_int_equal(batch(b, 0), -XEN_EOPNOTSUPP);
	b.space = XENMAPSPACE_dev_mmio;
	assert_int_equal(batch(b, 0), -XEN_EACCES);
	b.space = XENMAPSPACE_gmfn;
	b.domid = 8;
	assert_int_equal(batch(b, 0), -XEN_ESRCH);
	b.domid = DOMID_SELF;
	b.size = 0;
	assert_int_equal(batch(b, 0), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, 1ULL << 40, 0), -XEN_EFAULT);
}

static void a_batch_of_32_bits(void **state)
{
	struct compat_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .size = 10, .idxs = LIST,
						 .gpfns = LIST + 0x1000, .errs = LIST + 0x2000 };

	(void)state;
	fake.paging.code64 = false;
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t from = 200 + i, to = HOLE + i;

		fake_write(LIST + i * 4, &from, 4);
		fake_write(LIST + 0x1000 + i * 4, &to, 4);
	}
	fake_write(ARG, &b, sizeof(b));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, ARG, 0), 0);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(err(i), 0);
		assert_int_equal(fake.p2m[HOLE + i].mfn.v, 200 + i);
	}
}

static void what_memory_op_refuses(void **state)
{
	static const struct { uint32_t cmd; int64_t rc; } rows[] = {
		{ XENMEM_machphys_mapping, -XEN_ENOSYS }, { XENMEM_machine_memory_map, -XEN_ENOSYS }, { XENMEM_machphys_mfn_list, -XEN_ENOSYS },
		{ XENMEM_machphys_compat_mfn_list, -XEN_ENOSYS }, { XENMEM_exchange, -XEN_EPERM }, { XENMEM_access_op, -XEN_EPERM },
		{ XENMEM_acquire_resource, -XEN_EACCES }, { XENMEM_get_vnumainfo, -XEN_EPERM }, { XENMEM_get_pod_target, -XEN_EPERM },
		{ XENMEM_set_pod_target, -XEN_EPERM }, { XENMEM_maximum_ram_page, FAKE_GFNS - 1 }, { 63, -XEN_ENOSYS },
	};
	uint16_t vnuma[2] = { DOMID_SELF, 0 };
	static const char zeros[sizeof(struct xen_memory_exchange)];

	(void)state;
	fake_write(ARG, zeros, sizeof(zeros));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, rows[i].cmd, ARG, 0), rows[i].rc);
		assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, rows[i].cmd | 1 << 6, ARG, 0), -XEN_EINVAL);
	}
	fake_write(ARG, vnuma, sizeof(vnuma));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_get_vnumainfo, ARG, 0), -XEN_EOPNOTSUPP);
	vnuma[1] = 1;
	fake_write(ARG, vnuma, sizeof(vnuma));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_memory_op, XENMEM_get_vnumainfo, ARG, 0), -XEN_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(a_range_of_ram_moves), T(a_batch_has_an_error_for_each), T(a_batch_of_32_bits), T(what_memory_op_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
