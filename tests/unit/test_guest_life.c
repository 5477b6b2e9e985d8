// SPDX-License-Identifier: GPL-2.0-only
/* A domain's beginning and end, and what happens between guest and dom0 when pages run short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include <xen/event_channel.h>
#include <xen/memory.h>

#define ARG	0x10ff8
#define LIST	0x30ffc
#define HOLE	(FAKE_RAM + 100)

static int start(void **state) { (void)state; fake_start(2); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static void creation_unwinds_at_every_page(void **state)
{
	struct zendo_domain_create c = { .evt_hint_hpa = 1 << PAGE_SHIFT, .grant_hpa = 2 << PAGE_SHIFT };
	uint32_t used, need = 0;

	(void)state;
	used = fake.pool_used;
	for (;; need++) {
		struct domain *d = calloc(1, sizeof(*d));
		int rc;

		d->max_vcpus = 1;
		fake.pool_limit = used + need;
		rc = guest_domain_init(d, &c);
		if (!rc) {
			guest_domain_destroy(d);
			guest_domain_destroy(d);	/* again: harmless */
		}
		assert_int_equal(fake.pool_used, used);
		free(d);
		if (!rc)
			break;
		assert_int_equal(rc, -XEN_ENOMEM);
	}
	assert_in_range(need, 2, 4);	/* shared_info, memory map, port directory */
	fake.pool_limit = FAKE_POOL;
}

static void dom0_may_give_no_hint_and_no_grant_page(void **state)
{
	struct zendo_domain_create c = { 0 };
	struct domain *d = calloc(1, sizeof(*d));

	(void)state;
	d->max_vcpus = 1;
	assert_int_equal(guest_domain_init(d, &c), 0);
	assert_true(evtchn_dom0_alloc(d) > 0);
	assert_int_equal(grant_add_frame(d, fake_new_frame()), 0);
	guest_domain_destroy(d);
	free(d);
}

static void handles_need_pages_too(void **state)
{
	(void)state;
	fake.pool_limit = fake.pool_used;
	assert_int_equal(evtchn_dom0_alloc(fake.d), -XEN_ENOMEM);
	fake.pool_limit++;	/* a page of ports, none for handles */
	assert_int_equal(evtchn_dom0_alloc(fake.d), -XEN_ENOMEM);
	fake.pool_limit++;
	assert_int_equal(evtchn_dom0_alloc(fake.d), 1);
}

static void a_list_of_calls_goes_on_after_pages_came(void **state)
{
	struct evtchn_bind_ipi ipi = { 0 };
	struct multicall_entry e[2] = {
		{ .op = __HYPERVISOR_xen_version, .args = { 7 } },
		{ .op = __HYPERVISOR_event_channel_op, .args = { EVTCHNOP_bind_ipi, ARG } },
	};
	struct vcpu *v = fake_vcpu(0);
	struct exit_info x;

	(void)state;
	fake_write(ARG, &ipi, sizeof(ipi));
	fake_write(LIST, e, sizeof(e));
	fake.pool_limit = fake.pool_used;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_multicall, LIST, 2, 0), NEXT_RESUME);
	assert_int_equal(fake.skipped, 0);
	assert_int_equal(v->regs.rsi, 1);
	x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	/* dom0 has none: the entry fails, the list ends well */
	x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_RESUME);
	assert_int_equal(fake.skipped, 3);
	assert_int_equal(v->regs.rax, 0);
	fake_read(LIST, e, sizeof(e));
	assert_int_equal(e[0].result, 4096);
	assert_int_equal((int64_t)e[1].result, -XEN_ENOMEM);
}

static void populate_gives_back_what_it_cannot_map(void **state)
{
	struct xen_memory_reservation r = { .nr_extents = 2, .domid = DOMID_SELF };
	uint64_t gfns[2] = { HOLE, HOLE + 1 };
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.stock[fake.nr_stock++] = fake_new_frame().v;
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)LIST);
	fake_write(LIST, gfns, sizeof(gfns));
	fake_write(ARG, &r, sizeof(r));
	fake.pool_limit = fake.pool_used;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	assert_true(v->need_pool > 0);
	assert_int_equal(fake.nr_returned, 1);
	assert_int_equal(fake.d->nr_pages, FAKE_RAM);
}

static void a_32_bit_vcpu_info_is_aligned_to_4(void **state)
{
	struct vcpu_register_vcpu_info a = { .mfn = 40, .offset = 0x104 };
	struct vcpu_info_x86_32 *i = (void *)(fake.frame[40] + 0x104);

	(void)state;
	fake.d->g.compat = true;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, ARG), 0);
	assert_int_equal(i->evtchn_pending_sel, 0xffffffff);
	assert_int_equal(i->evtchn_upcall_pending, 1);
	assert_int_not_equal(i->time.tsc_to_system_mul, 0);
}

static void a_late_callback_finds_what_is_pending(void **state)
{
	struct shared_info *s = fake.d->g.shared;
	uint32_t kicks = fake.kicks[1];

	(void)state;
	s->vcpu_info[1].evtchn_upcall_pending = 1;
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_NONE);
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3, true), 0);
	assert_int_equal(fake.kicks[1], kicks + 1);
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_CALLBACK);
}

static void vcpus_beyond_the_shared_page_have_their_own_place(void **state)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 100 };

	(void)state;
	fake_stop();
	fake_start(128);
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3, true), 0);
	fake_write(ARG, &ipi, sizeof(ipi));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), 0);
	fake_read(ARG, &ipi, sizeof(ipi));
	fake_write(ARG, &ipi.port, sizeof(ipi.port));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), 0);
	assert_int_equal(guest_event(fake_vcpu(100)).kind, GEVENT_CALLBACK);
	assert_int_equal(guest_event(fake_vcpu(99)).kind, GEVENT_NONE);
	/* registered, the event comes along */
	struct vcpu_register_vcpu_info a = { .mfn = 40 };

	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 100, ARG), 0);
	assert_int_equal(((struct vcpu_info *)fake.frame[40])->evtchn_upcall_pending, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(creation_unwinds_at_every_page), T(dom0_may_give_no_hint_and_no_grant_page), T(handles_need_pages_too),
		T(a_list_of_calls_goes_on_after_pages_came), T(populate_gives_back_what_it_cannot_map),
		T(a_32_bit_vcpu_info_is_aligned_to_4), T(a_late_callback_finds_what_is_pending),
		T(vcpus_beyond_the_shared_page_have_their_own_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
