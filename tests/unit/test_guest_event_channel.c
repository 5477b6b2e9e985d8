// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels: each call's refusals, dom0's handles, delivery in both layouts, vcpu_info. The model is in
 * test_guest_event_model.c.
 */
#include "guest_events.h"

/* ---- ports ---- */

static void ports_start_at_1_and_the_lowest_is_reused(void **state)
{
	uint32_t a = bind_ipi(0), b = bind_ipi(1), c = bind_ipi(2);

	(void)state;
	assert_int_equal(a, 1);
	assert_int_equal(c, 3);
	assert_int_equal(close_port(b), 0);
	assert_int_equal(close_port(a), 0);
	assert_int_equal(bind_ipi(0), a);
	assert_int_equal(bind_ipi(0), b);
	assert_int_equal(bind_ipi(0), 4);
}

static void all_ports_can_be_used_and_one_more_is_enospc(void **state)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };

	(void)state;
	for (uint32_t i = 1; i < 4096; i++)
		assert_int_equal(bind_ipi(i % 4), i);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &a), -XEN_ENOSPC);
	assert_int_equal(close_port(4095), 0);
	assert_int_equal(bind_ipi(0), 4095);
}

static void a_32_bit_domain_has_1024_ports(void **state)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };

	(void)state;
	fake.d->g.compat = true;
	for (uint32_t i = 1; i < 1024; i++)
		assert_int_equal(bind_ipi(0), i);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &a), -XEN_ENOSPC);
}

static void without_pool_pages_dom0_is_asked_once(void **state)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.pool_limit = fake.pool_used;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call_once(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_NEED_PAGES);
	assert_true(v->need_pool > 0);
	assert_int_equal(fake.skipped, 0);
	/* dom0 gives nothing */
	assert_int_equal(fake_call_once(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), NEXT_RESUME);
	assert_int_equal((int64_t)v->regs.rax, -XEN_ENOMEM);
	/* it is asked again next time, and gives */
	assert_int_equal(fake_call_once(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), NEXT_TO_DOM0);
	fake.pool_limit = FAKE_POOL;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), NEXT_RESUME);
	assert_int_equal(v->regs.rax, 0);
}

static void bad_numbers_are_refused(void **state)
{
	static const uint32_t bad[] = { 0, 5, 4095, 4096, 131072, 0x80000000, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct evtchn_close c = { bad[i] };
		struct evtchn_send s = { bad[i] };
		struct evtchn_bind_vcpu b = { bad[i], 0 };
		struct evtchn_unmask u = { bad[i] };
		struct evtchn_status st = { .dom = DOMID_SELF, .port = bad[i] };
		struct evtchn_bind_interdomain bi = { .remote_dom = DOMID_SELF, .remote_port = bad[i] };
		bool in_range = bad[i] && bad[i] < 4096;

		assert_int_equal(EVTCHN(fake_vcpu(0), close, &c), -XEN_EINVAL);
		assert_int_equal(EVTCHN(fake_vcpu(0), send, &s), -XEN_EINVAL);
		assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &b), -XEN_EINVAL);
		assert_int_equal(EVTCHN(fake_vcpu(0), unmask, &u), in_range ? 0 : -XEN_EINVAL);
		assert_int_equal(EVTCHN(fake_vcpu(0), status, &st), in_range ? 0 : -XEN_EINVAL);
		assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &bi), -XEN_EINVAL);
		assert_int_equal(evtchn_dom0_bind(fake.d, bad[i]), -XEN_EINVAL);
	}
	struct evtchn_bind_ipi ipi = { .vcpu = 4 };
	struct evtchn_bind_virq virq = { .virq = NR_VIRQS, .vcpu = 0 };
	struct evtchn_bind_virq global = { .virq = VIRQ_DOM_EXC, .vcpu = 1 };
	struct evtchn_bind_virq nobody = { .virq = VIRQ_TIMER, .vcpu = 0x10000000 };
	struct evtchn_alloc_unbound au = { .dom = 3, .remote_dom = 0 };
	struct evtchn_reset reset = { .dom = 9 };
	struct evtchn_status other = { .dom = 0, .port = 1 };

	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &ipi), -XEN_ENOENT);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &virq), -XEN_EINVAL);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &global), -XEN_EINVAL);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &nobody), -XEN_ENOENT);
	assert_int_equal(EVTCHN(fake_vcpu(0), alloc_unbound, &au), -XEN_EPERM);
	assert_int_equal(EVTCHN(fake_vcpu(0), reset, &reset), -XEN_EPERM);
	assert_int_equal(EVTCHN(fake_vcpu(0), status, &other), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_send, 1ULL << 40, 0), -XEN_EFAULT);
}

static void unknown_calls_are_refused(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, ARG, 0), -XEN_ENOSYS);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, 1000, ARG, 0), -XEN_ENOSYS);
}

static void a_virq_is_bound_once_per_vcpu(void **state)
{
	struct evtchn_bind_virq a = { .virq = VIRQ_TIMER, .vcpu = 1 };
	uint32_t p0 = bind_virq(VIRQ_TIMER, 0), p1 = bind_virq(VIRQ_TIMER, 1);

	(void)state;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &a), -XEN_EEXIST);
	assert_int_equal(status(p1).status, EVTCHNSTAT_virq);
	assert_int_equal(status(p1).vcpu, 1);
	assert_int_equal(status(p1).u.virq, VIRQ_TIMER);
	assert_int_equal(close_port(p1), 0);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_virq, &a), 0);
	assert_int_not_equal(p0, a.port);
	assert_int_equal(send_port(fake_vcpu(0), p0), -XEN_EINVAL);
}

static void a_virq_of_no_one_is_dropped(void **state)
{
	(void)state;
	virq_raise(fake_vcpu(2), VIRQ_TIMER);
	assert_int_equal(fake.kicks[2], 0);
}

static void only_some_ports_change_their_vcpu(void **state)
{
	struct evtchn_bind_vcpu a = { bind_ipi(0), 1 };

	(void)state;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), -XEN_EINVAL);
	a.port = bind_virq(VIRQ_DEBUG, 0);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), -XEN_EINVAL);
	a.port = alloc_unbound(0);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), 0);
	assert_int_equal(status(a.port).vcpu, 1);
	a.vcpu = 4;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), -XEN_ENOENT);
}

static void closing_clears_pending_and_goes_back_to_vcpu_0(void **state)
{
	uint32_t p = bind_ipi(2);

	(void)state;
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(close_port(p), 0);
	assert_false(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(alloc_unbound(0), p);
	assert_int_equal(status(p).vcpu, 0);
}

static void loopback_works_and_its_end_unbinds_the_other(void **state)
{
	uint32_t p = alloc_unbound(DOMID_SELF);
	struct evtchn_bind_interdomain a = { .remote_dom = DOMID_SELF, .remote_port = p };

	(void)state;
	assert_int_equal(send_port(fake_vcpu(0), p), 0);	/* unbound: dropped */
	assert_false(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &a), 0);
	/* binding raises the new end once */
	assert_true(test_bit(a.local_port, shared()->evtchn_pending));
	assert_int_equal(send_port(fake_vcpu(0), a.local_port), 0);
	assert_true(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(status(p).status, EVTCHNSTAT_interdomain);
	assert_int_equal(status(p).u.interdomain.port, a.local_port);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &a), -XEN_EINVAL);
	assert_int_equal(close_port(a.local_port), 0);
	assert_int_equal(status(p).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(p).u.unbound.dom, 7);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
}

static void loopback_needs_an_offer_to_self(void **state)
{
	struct evtchn_bind_interdomain a = { .remote_dom = DOMID_SELF, .remote_port = alloc_unbound(0) };

	(void)state;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &a), -XEN_EINVAL);
	a.remote_dom = 3;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &a), -XEN_ESRCH);
	a.remote_dom = 0;
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_interdomain, &a), -XEN_EINVAL);
}

static void reset_closes_everything(void **state)
{
	struct evtchn_reset a = { .dom = DOMID_SELF };
	int64_t b = evtchn_dom0_alloc(fake.d);

	(void)state;
	for (int i = 0; i < 1000; i++)
		bind_ipi((uint32_t)i % 4);
	bind_virq(VIRQ_TIMER, 3);
	assert_int_equal(EVTCHN(fake_vcpu(0), reset, &a), 0);
	for (uint32_t p = 1; p < 4096; p++)
		assert_int_equal(status(p).status, EVTCHNSTAT_closed);
	assert_int_equal(bind_ipi(0), 1);
	bind_virq(VIRQ_TIMER, 3);
	/* dom0's handle is dead, not anyone else's */
	post_in(0, (uint32_t)(b >> 32));
	guest_before_entry(fake_vcpu(0));
	assert_false(test_bit(1, shared()->evtchn_pending));
	assert_int_equal(evtchn_dom0_close(fake.d, (uint32_t)(b >> 32)), 0);
}

/* ---- delivery ---- */

static void an_event_sets_pending_selector_and_upcall(void **state)
{
	uint32_t p = bind_ipi(2);
	struct vcpu_info *i = &shared()->vcpu_info[2];

	(void)state;
	set_callback();
	assert_int_equal(guest_event(fake_vcpu(2)).kind, GEVENT_NONE);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(i->evtchn_pending_sel, 1);
	assert_int_equal(i->evtchn_upcall_pending, 1);
	assert_int_equal(fake.kicks[2], 1);
	assert_int_equal(guest_event(fake_vcpu(2)).kind, GEVENT_CALLBACK);
	assert_int_equal(guest_event(fake_vcpu(2)).vector, VECTOR);
	/* level: it stays until the guest clears the byte */
	guest_event_injected(fake_vcpu(2), guest_event(fake_vcpu(2)));
	assert_int_equal(guest_event(fake_vcpu(2)).kind, GEVENT_CALLBACK);
	i->evtchn_upcall_pending = 0;
	assert_int_equal(guest_event(fake_vcpu(2)).kind, GEVENT_NONE);
	/* pending already: nothing more */
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_int_equal(i->evtchn_upcall_pending, 0);
}

static void a_masked_event_waits_for_unmask(void **state)
{
	uint32_t p = bind_ipi(1);
	struct evtchn_unmask u = { p };

	(void)state;
	test_and_set_bit(p, shared()->evtchn_mask);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(shared()->vcpu_info[1].evtchn_upcall_pending, 0);
	assert_int_equal(EVTCHN(fake_vcpu(0), unmask, &u), 0);
	assert_false(test_bit(p, shared()->evtchn_mask));
	assert_int_equal(shared()->vcpu_info[1].evtchn_upcall_pending, 1);
}

static void the_i386_layout_is_used_after_the_latch(void **state)
{
	struct shared_info_x86_32 *s = fake.d->g.shared;
	uint32_t p;

	(void)state;
	fake.d->g.compat = true;
	for (int i = 0; i < 40; i++)
		p = bind_ipi(1);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_int_equal(s->evtchn_pending[1], 1U << (p - 32));
	assert_int_equal(s->vcpu_info[1].evtchn_pending_sel, 2);
	assert_int_equal(s->vcpu_info[1].evtchn_upcall_pending, 1);
	test_and_set_bit(3, s->evtchn_mask);
	assert_int_equal(send_port(fake_vcpu(0), 3), 0);
	assert_int_equal(s->vcpu_info[1].evtchn_pending_sel, 2);
}

static void a_vector_per_vcpu_goes_through_the_lapic(void **state)
{
	struct xen_hvm_evtchn_upcall_vector a = { .vcpu = 1, .vector = 0xf0 };
	uint32_t p = bind_ipi(1), q = bind_ipi(1);

	(void)state;
	set_callback();
	fake_vcpu(1)->g.lapic.svr |= 0x100;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, ARG, 0), 0);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_LAPIC);
	assert_int_equal(guest_event(fake_vcpu(1)).vector, 0xf0);
	guest_event_injected(fake_vcpu(1), guest_event(fake_vcpu(1)));
	/* edge: in service now, and once only */
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_NONE);
	assert_int_equal(send_port(fake_vcpu(0), q), 0);
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_NONE);
	a.vector = 15;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, ARG, 0), -XEN_EINVAL);
	a = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 4, .vector = 0xf0 };
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, ARG, 0), -XEN_ENOENT);
}

static void an_upcall_that_waits_is_raised_when_the_vector_comes(void **state)
{
	struct xen_hvm_evtchn_upcall_vector a = { .vcpu = 1, .vector = 0xf0 };
	uint32_t p = bind_ipi(1);

	(void)state;
	fake_vcpu(1)->g.lapic.svr |= 0x100;
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, ARG, 0), 0);
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_LAPIC);
}

/* ---- vcpu_info ---- */

static void registering_moves_everything_and_marks_all(void **state)
{
	uint32_t p = bind_ipi(0);
	struct vcpu_info *i;

	(void)state;
	set_callback();
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_int_equal(register_info(fake_vcpu(0), 0, 40, 0x100), 0);
	i = (struct vcpu_info *)(fake.frame[40] + 0x100);
	assert_int_equal(i->evtchn_upcall_pending, 1);
	assert_true(i->evtchn_pending_sel == ~0UL);
	assert_int_not_equal(i->time.tsc_to_system_mul, 0);
	assert_int_equal(i->time.version & 1, 0);
	/* the old place is dead */
	shared()->vcpu_info[0].evtchn_upcall_pending = 0;
	assert_int_equal(guest_event(fake_vcpu(0)).kind, GEVENT_CALLBACK);
	assert_int_equal(register_info(fake_vcpu(0), 0, 41, 0x100), -XEN_EINVAL);
}

static void registering_refuses_what_does_not_fit(void **state)
{
	(void)state;
	assert_int_equal(register_info(fake_vcpu(0), 0, 40, 4096 - 63), -XEN_EINVAL);
	assert_int_equal(register_info(fake_vcpu(0), 0, 40, 4), -XEN_EINVAL);
	assert_int_equal(register_info(fake_vcpu(0), 0, 40, 0xffffffc0), -XEN_EINVAL);
	assert_int_equal(register_info(fake_vcpu(0), 0, FAKE_RAM, 0), -XEN_EINVAL);
	assert_int_equal(register_info(fake_vcpu(0), 0, 1ULL << 60, 0), -XEN_EINVAL);
	assert_int_equal(register_info(fake_vcpu(0), 4, 40, 0), -XEN_ENOENT);
	fake_vcpu(1)->up = true;
	assert_int_equal(register_info(fake_vcpu(0), 1, 40, 0), -XEN_EINVAL);
	fake_vcpu(1)->up = false;
	assert_int_equal(register_info(fake_vcpu(0), 1, 40, 4096 - 64), 0);
}

/* ---- dom0 ---- */

static void dom0_and_guest_signal_each_other(void **state)
{
	int64_t b = evtchn_dom0_alloc(fake.d);
	uint32_t port = (uint32_t)b, handle = (uint32_t)(b >> 32);

	(void)state;
	assert_true(b > 0);
	assert_int_equal(status(port).status, EVTCHNSTAT_interdomain);
	assert_int_equal(status(port).u.interdomain.dom, 0);
	/* guest -> dom0 */
	struct evtchn_send s = { port };
	fake_write(ARG, &s, sizeof(s));
	assert_int_equal(fake_call_once(fake_vcpu(2), __HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(2)->reason, ZRUN_EVENT);
	assert_int_equal(fake_vcpu(2)->regs.rax, 0);
	assert_int_equal(fake.skipped, 3);
	assert_true(taken_out(2, handle));
	/* dom0 -> guest, through any vCPU's page */
	post_in(3, handle);
	guest_before_entry(fake_vcpu(3));
	assert_true(test_bit(port, shared()->evtchn_pending));
	assert_int_equal(shared()->vcpu_info[0].evtchn_upcall_pending, 1);
}

static void dom0_binds_what_the_guest_offers_to_it(void **state)
{
	uint32_t port = alloc_unbound(0), other = alloc_unbound(3), ipi = bind_ipi(0);
	int64_t b = evtchn_dom0_bind(fake.d, port);

	(void)state;
	assert_int_equal((uint32_t)b, port);
	assert_int_equal(evtchn_dom0_bind(fake.d, port), -XEN_EINVAL);
	assert_int_equal(evtchn_dom0_bind(fake.d, other), -XEN_EINVAL);
	assert_int_equal(evtchn_dom0_bind(fake.d, ipi), -XEN_EINVAL);
	assert_int_equal(evtchn_dom0_close(fake.d, (uint32_t)(b >> 32)), 0);
	assert_int_equal(status(port).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(port).u.unbound.dom, 0);
	assert_int_equal(evtchn_dom0_close(fake.d, (uint32_t)(b >> 32)), -XEN_EINVAL);
	assert_true(evtchn_dom0_bind(fake.d, port) > 0);
}

static void the_hint_follows_the_port(void **state)
{
	uint16_t *hint = fake_dom0_page(1 << PAGE_SHIFT);
	int64_t b = evtchn_dom0_alloc(fake.d);
	struct evtchn_bind_vcpu a = { (uint32_t)b, 3 };

	(void)state;
	assert_int_equal(hint[b >> 32], 0);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), 0);
	assert_int_equal(hint[b >> 32], 3);
	/* also over dom0's leaving and coming back */
	assert_int_equal(evtchn_dom0_close(fake.d, (uint32_t)(b >> 32)), 0);
	b = evtchn_dom0_bind(fake.d, (uint32_t)b);
	assert_int_equal(hint[b >> 32], 3);
}

static void a_handle_stays_dom0s_when_the_guest_closes(void **state)
{
	int64_t a = evtchn_dom0_alloc(fake.d), b;

	(void)state;
	assert_int_equal(close_port((uint32_t)a), 0);
	b = evtchn_dom0_alloc(fake.d);
	assert_int_equal((uint32_t)b, (uint32_t)a);	/* same port */
	assert_int_not_equal(b >> 32, a >> 32);		/* another handle */
	post_in(0, (uint32_t)(a >> 32));
	guest_before_entry(fake_vcpu(0));
	assert_false(test_bit((uint32_t)b, shared()->evtchn_pending));
	assert_int_equal(evtchn_dom0_close(fake.d, (uint32_t)(a >> 32)), 0);
	assert_int_equal(status((uint32_t)b).status, EVTCHNSTAT_interdomain);
	assert_int_equal(evtchn_dom0_alloc(fake.d) >> 32, a >> 32);
}

static void handles_run_out_at_their_number(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ZENDO_MAX_HANDLES; i++)
		assert_int_equal(evtchn_dom0_alloc(fake.d) >> 32, i);
	assert_int_equal(evtchn_dom0_alloc(fake.d), -XEN_ENOSPC);
	/* the refused attempt left no port behind */
	assert_int_equal(status(ZENDO_MAX_HANDLES + 1).status, EVTCHNSTAT_closed);
	assert_int_equal(bind_ipi(0), ZENDO_MAX_HANDLES + 1);
	assert_int_equal(evtchn_dom0_close(fake.d, ZENDO_MAX_HANDLES), -XEN_EINVAL);
	assert_int_equal(evtchn_dom0_close(fake.d, 0xffffffff), -XEN_EINVAL);
	/* every bit posted at once */
	for (uint32_t i = 0; i < ZENDO_MAX_HANDLES; i++)
		post_in(1, i);
	fake_vcpu(1)->posted->in.summary = ~0ULL;
	guest_before_entry(fake_vcpu(1));
	for (uint32_t p = 1; p <= ZENDO_MAX_HANDLES; p++)
		assert_true(test_bit(p, shared()->evtchn_pending));
	assert_int_equal(fake_vcpu(1)->posted->in.summary, 0);
}

static void unknown_handles_are_ignored(void **state)
{
	(void)state;
	post_in(0, 1);
	post_in(0, 2047);
	guest_before_entry(fake_vcpu(0));
	assert_int_equal(shared()->vcpu_info[0].evtchn_upcall_pending, 0);
}

static void after_destruction_dom0s_calls_fail_cleanly(void **state)
{
	(void)state;
	guest_domain_destroy(fake.d);
	assert_true(evtchn_dom0_alloc(fake.d) < 0);
	assert_true(evtchn_dom0_bind(fake.d, 1) < 0);
	assert_true(evtchn_dom0_close(fake.d, 1) < 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ports_start_at_1_and_the_lowest_is_reused), T(all_ports_can_be_used_and_one_more_is_enospc),
		T(a_32_bit_domain_has_1024_ports), T(without_pool_pages_dom0_is_asked_once),
		T(bad_numbers_are_refused), T(unknown_calls_are_refused),
		T(a_virq_is_bound_once_per_vcpu), T(a_virq_of_no_one_is_dropped),
		T(only_some_ports_change_their_vcpu), T(closing_clears_pending_and_goes_back_to_vcpu_0),
		T(loopback_works_and_its_end_unbinds_the_other), T(loopback_needs_an_offer_to_self),
		T(reset_closes_everything), T(an_event_sets_pending_selector_and_upcall),
		T(a_masked_event_waits_for_unmask), T(the_i386_layout_is_used_after_the_latch),
		T(a_vector_per_vcpu_goes_through_the_lapic), T(an_upcall_that_waits_is_raised_when_the_vector_comes),
		T(registering_moves_everything_and_marks_all), T(registering_refuses_what_does_not_fit),
		T(dom0_and_guest_signal_each_other), T(dom0_binds_what_the_guest_offers_to_it),
		T(the_hint_follows_the_port), T(a_handle_stays_dom0s_when_the_guest_closes),
		T(handles_run_out_at_their_number), T(unknown_handles_are_ignored),
		T(after_destruction_dom0s_calls_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
