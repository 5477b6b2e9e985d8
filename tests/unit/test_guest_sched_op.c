// SPDX-License-Identifier: GPL-2.0-only
/* HLT, sched_op, and vCPUs going up and down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include "guest/event_channel.h"
#include "guest/lapic.h"
#include "guest/time.h"
#include <xen/sched.h>
#include <xen/hvm/hvm_vcpu.h>

#define ARG	0x10ff8
#define PORTS	0x30ffc
#define IF	0x200ULL

static int start(void **state)
{
	(void)state;
	fake_start(4);
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | 0xf3, true), 0);
	return 0;
}
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static struct shared_info *shared(void)
{
	return fake.d->g.shared;
}

static enum exit_next hlt(uint32_t id, bool interrupts)
{
	struct exit_info x = fake_exit(EXIT_HLT, 1);
	struct vcpu *v = fake_vcpu(id);

	v->regs.rflags = interrupts ? v->regs.rflags | IF : v->regs.rflags & ~IF;
	return guest_hlt(v, &x);
}

static uint32_t bind_ipi(uint32_t vcpu)
{
	struct evtchn_bind_ipi a = { .vcpu = vcpu };

	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG, 0), 0);
	fake_read(ARG, &a, sizeof(a));
	return a.port;
}

static void send_port(uint32_t port)
{
	fake_write(ARG, &port, sizeof(port));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_send, ARG, 0), 0);
}

static enum exit_next poll(uint32_t id, const uint32_t *ports, uint32_t nr, uint64_t timeout)
{
	struct sched_poll a = { .nr_ports = nr, .timeout = timeout };

	set_xen_guest_handle(a.ports, (evtchn_port_t *)PORTS);
	if (ports)
		fake_write(PORTS, ports, nr * sizeof(*ports));
	fake_write(ARG, &a, sizeof(a));
	return fake_call_once(fake_vcpu(id), __HYPERVISOR_sched_op, SCHEDOP_poll, ARG, 0);
}

static int64_t result(uint32_t id)
{
	return (int64_t)fake_vcpu(id)->regs.rax;
}

/* ---- HLT ---- */

static void hlt_waits_until_an_event(void **state)
{
	uint32_t p = bind_ipi(0);

	(void)state;
	assert_int_equal(hlt(0, true), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(0)->reason, ZRUN_HALT);
	assert_int_equal(fake_vcpu(0)->wait, WAIT_HALT);
	assert_int_equal(fake.skipped, 1);
	assert_false(guest_has_wakeup(fake_vcpu(0)));
	send_port(p);
	assert_true(guest_has_wakeup(fake_vcpu(0)));
}

static void hlt_with_something_pending_does_not_sleep(void **state)
{
	uint32_t p = bind_ipi(0);

	(void)state;
	send_port(p);
	assert_int_equal(hlt(0, true), NEXT_RESUME);
	assert_int_equal(fake_vcpu(0)->wait, WAIT_NONE);
	assert_int_equal(fake.skipped, 1);
}

static void hlt_sees_what_dom0_posted_last_moment(void **state)
{
	int64_t b = evtchn_dom0_alloc(fake.d);

	(void)state;
	test_and_set_bit((uint32_t)(b >> 32), fake_vcpu(0)->posted->in.word);
	test_and_set_bit(0, &fake_vcpu(0)->posted->in.summary);
	assert_int_equal(hlt(0, true), NEXT_RESUME);
	assert_true(test_bit((uint32_t)b, shared()->evtchn_pending));
}

static void hlt_past_a_deadline_does_not_sleep(void **state)
{
	struct evtchn_bind_virq a = { .virq = VIRQ_TIMER };

	(void)state;
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ARG, 0), 0);
	time_set_singleshot(fake_vcpu(0), 1000);
	fake.tsc += 10000;
	assert_int_equal(hlt(0, true), NEXT_RESUME);
}

static void a_lapic_interrupt_wakes(void **state)
{
	(void)state;
	fake_vcpu(0)->g.lapic.svr = 0x1ff;
	assert_int_equal(hlt(0, true), NEXT_TO_DOM0);
	lapic_post(fake_vcpu(0), 0x40);
	assert_true(guest_has_wakeup(fake_vcpu(0)));
	fake_vcpu(0)->g.lapic.tpr = 0x50;
	assert_false(guest_has_wakeup(fake_vcpu(0)));
}

static void hlt_with_interrupts_off_everywhere_is_power_off(void **state)
{
	(void)state;
	fake_vcpu(1)->up = true;
	assert_int_equal(hlt(1, false), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(1)->reason, ZRUN_HALT);
	assert_false(fake.shutdown);
	assert_int_equal(hlt(0, true), NEXT_TO_DOM0);
	assert_false(fake.shutdown);
	fake_vcpu(0)->wait = WAIT_NONE;
	assert_int_equal(hlt(0, false), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(0)->reason, ZRUN_SHUTDOWN);
	assert_true(fake.shutdown);
	assert_int_equal(fake.shutdown_code, SHUTDOWN_poweroff);
}

static void an_ap_may_be_parked(void **state)
{
	(void)state;
	fake_vcpu(1)->up = fake_vcpu(2)->up = true;
	assert_int_equal(hlt(1, false), NEXT_TO_DOM0);
	assert_int_equal(hlt(2, false), NEXT_TO_DOM0);
	assert_false(fake.shutdown);
	/* an NMI on its way keeps the domain alive */
	nmi_post(fake_vcpu(1));
	assert_int_equal(hlt(0, false), NEXT_TO_DOM0);
	assert_false(fake.shutdown);
	assert_true(guest_has_wakeup(fake_vcpu(1)));
	/* and the one it wakes runs again */
	fake_vcpu(1)->wait = WAIT_NONE;
	guest_event_injected(fake_vcpu(1), guest_event(fake_vcpu(1)));
	assert_false(fake_vcpu(1)->g.parked);
	assert_int_equal(hlt(1, false), NEXT_TO_DOM0);
	assert_true(fake.shutdown);
}

static void events_do_not_wake_a_parked_vcpu(void **state)
{
	uint32_t p = bind_ipi(1);

	(void)state;
	fake_vcpu(1)->up = true;
	assert_int_equal(hlt(1, false), NEXT_TO_DOM0);
	send_port(p);
	assert_false(guest_has_wakeup(fake_vcpu(1)));
}

static void text_without_line_end_is_shown_before_sleeping(void **state)
{
	struct exit_info x = fake_exit(EXIT_IO, 1);
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	x.io.port = 0xe9;
	x.io.size = 1;
	v->regs.rax = '>';
	assert_int_equal(guest_io(v, &x), NEXT_RESUME);
	assert_int_equal(hlt(0, true), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_IO);
	assert_int_equal(v->run->hyp.io_len, 1);
	assert_int_equal(v->wait, WAIT_HALT);
	assert_false(guest_has_wakeup(v));
}

/* ---- sched_op ---- */

static void yield_goes_to_dom0(void **state)
{
	(void)state;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(0)->reason, ZRUN_YIELD);
	assert_int_equal(result(0), 0);
	assert_int_equal(fake.skipped, 3);
}

static void poll_is_woken_by_a_masked_port_with_interrupts_off(void **state)
{
	uint32_t p = bind_ipi(1), other = bind_ipi(1);

	(void)state;
	fake_vcpu(1)->regs.rflags &= ~IF;
	test_and_set_bit(p, shared()->evtchn_mask);
	assert_int_equal(poll(1, &p, 1, 0), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(1)->reason, ZRUN_POLL);
	assert_int_equal(result(1), 0);
	assert_false(guest_has_wakeup(fake_vcpu(1)));
	send_port(other);	/* an upcall that cannot be taken is no reason */
	assert_false(guest_has_wakeup(fake_vcpu(1)));
	uint32_t kicks = fake.kicks[1];
	send_port(p);
	assert_true(fake.kicks[1] > kicks);
	assert_true(guest_has_wakeup(fake_vcpu(1)));
	/* over: the vCPU is no poller any more */
	fake_vcpu(1)->wait = WAIT_NONE;
	guest_before_entry(fake_vcpu(1));
	assert_int_equal(fake.d->g.evt.poll_mask[0], 0);
}

static void poll_returns_at_once_when_pending(void **state)
{
	uint32_t p[2] = { bind_ipi(1), bind_ipi(1) };

	(void)state;
	test_and_set_bit(p[1], shared()->evtchn_mask);
	send_port(p[1]);
	fake_vcpu(1)->regs.rflags &= ~IF;
	assert_int_equal(poll(1, p, 2, 0), NEXT_RESUME);
	assert_int_equal(result(1), 0);
	assert_int_equal(fake_vcpu(1)->wait, WAIT_NONE);
}

static void poll_of_several_ports_is_woken_by_the_last(void **state)
{
	uint32_t p[3] = { bind_ipi(1), bind_ipi(1), bind_ipi(1) }, kicks;

	(void)state;
	for (int i = 0; i < 3; i++)
		test_and_set_bit(p[i], shared()->evtchn_mask);
	fake_vcpu(1)->regs.rflags &= ~IF;
	assert_int_equal(poll(1, p, 3, 0), NEXT_TO_DOM0);
	kicks = fake.kicks[1];
	send_port(p[2]);
	assert_true(fake.kicks[1] > kicks);
	assert_true(guest_has_wakeup(fake_vcpu(1)));
}

static void poll_ends_with_a_deliverable_event(void **state)
{
	uint32_t p = bind_ipi(1), other = bind_ipi(1);

	(void)state;
	assert_int_equal(poll(1, &p, 1, 0), NEXT_TO_DOM0);
	send_port(other);
	assert_true(guest_has_wakeup(fake_vcpu(1)));
}

static void poll_times_out(void **state)
{
	uint32_t p = bind_ipi(0);

	(void)state;
	assert_int_equal(poll(0, &p, 1, 1000000), NEXT_TO_DOM0);
	assert_int_equal(guest_deadline(fake_vcpu(0)), time_to_tsc(fake.d, 1000000));
	fake.tsc = guest_deadline(fake_vcpu(0));
	assert_true(guest_has_wakeup(fake_vcpu(0)));
	fake_vcpu(0)->wait = WAIT_NONE;
	assert_int_equal(guest_deadline(fake_vcpu(0)), 0);
	/* past already */
	assert_int_equal(poll(0, &p, 1, 1), NEXT_RESUME);
	assert_int_equal(result(0), 0);
	/* no ports at all: a sleep */
	assert_int_equal(poll(0, NULL, 0, 5000000), NEXT_TO_DOM0);
	assert_false(guest_has_wakeup(fake_vcpu(0)));
}

static void bad_polls_are_refused(void **state)
{
	uint32_t p[129];

	(void)state;
	for (int i = 0; i < 129; i++)
		p[i] = bind_ipi(0);
	assert_int_equal(poll(0, p, 128, 0), NEXT_TO_DOM0);
	fake_vcpu(0)->wait = WAIT_NONE;
	poll(0, p, 129, 0);
	assert_int_equal(result(0), -XEN_EINVAL);
	poll(0, NULL, 0xffffffff, 0);
	assert_int_equal(result(0), -XEN_EINVAL);
	p[1] = 4000;	/* free */
	poll(0, p, 2, 0);
	assert_int_equal(result(0), -XEN_EINVAL);
	p[1] = 0xffffffff;
	poll(0, p, 2, 0);
	assert_int_equal(result(0), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_poll, 1ULL << 40, 0), -XEN_EFAULT);
}

/* ---- watchdog, shutdown code, what is not for guests ---- */

static int64_t watchdog(uint32_t id, uint32_t timeout)
{
	struct sched_watchdog w = { id, timeout };

	fake_write(ARG, &w, sizeof(w));
	return fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_watchdog, ARG, 0);
}

static void after_seconds(uint64_t s)
{
	fake.tsc += s * fake.tsc_khz * 1000;
	guest_before_entry(fake_vcpu(1));
}

static void a_watchdog_bites_unless_it_is_stroked(void **state)
{
	(void)state;
	fake_vcpu(1)->up = true;
	assert_int_equal(watchdog(0, 5), 1);
	assert_int_equal(fake.kicks[1], 1);	/* it has the deadline too */
	assert_true(guest_deadline(fake_vcpu(1)) > fake.tsc);
	after_seconds(4);
	assert_int_equal(watchdog(1, 5), 0);
	after_seconds(4);
	assert_false(fake.shutdown);
	assert_int_equal(watchdog(0, 1), 2);
	assert_int_equal(watchdog(0, 1), -XEN_ENOSPC);
	assert_int_equal(watchdog(3, 1), -XEN_EINVAL);
	assert_int_equal(watchdog(2, 0), 0);
	assert_int_equal(watchdog(2, 0), -XEN_EINVAL);
	assert_int_equal(watchdog(2, 7), -XEN_EINVAL);
	assert_int_equal(watchdog(1, 0), 0);
	assert_int_equal(guest_deadline(fake_vcpu(1)), 0);
	after_seconds(100);
	assert_false(fake.shutdown);
	assert_int_equal(watchdog(0, 2), 1);
	after_seconds(1);
	assert_false(fake.shutdown);
	after_seconds(1);
	assert_true(fake.shutdown);
	assert_int_equal(fake.shutdown_code, SHUTDOWN_watchdog);
}

static void a_watchdog_without_time_bites_at_once(void **state)
{
	(void)state;
	assert_int_equal(watchdog(0, 0), 1);
	after_seconds(0);
	assert_int_equal(fake.shutdown_code, SHUTDOWN_watchdog);
}

static void a_watchdog_of_136_years(void **state)
{
	(void)state;
	assert_int_equal(watchdog(0, ~0U), 1);
	after_seconds(1000000);
	assert_false(fake.shutdown);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_watchdog, 1ULL << 40, 0), -XEN_EFAULT);
}

static void the_first_shutdown_code_counts(void **state)
{
	struct sched_shutdown s = { SHUTDOWN_crash };

	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_shutdown_code, 1ULL << 40, 0), -XEN_EFAULT);
	fake_write(ARG, &s, sizeof(s));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_shutdown_code, ARG, 0), 0);
	s.reason = SHUTDOWN_reboot;
	fake_write(ARG, &s, sizeof(s));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_shutdown_code, ARG, 0), 0);
	assert_int_equal(fake.d->shutdown_said, 1 + SHUTDOWN_crash);
	assert_false(fake.shutdown);
}

static void other_domains_are_not_shut_down(void **state)
{
	static const struct { domid_t id; int64_t rc; } by[] = {
		{ 0, -XEN_EPERM }, { 7, -XEN_EPERM }, { 8, -XEN_ESRCH }, { DOMID_SELF, -XEN_ESRCH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(by); i++) {
		struct sched_remote_shutdown r = { .domain_id = by[i].id, .reason = SHUTDOWN_crash };

		fake_write(ARG, &r, sizeof(r));
		assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, ARG, 0), by[i].rc);
	}
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, 1ULL << 40, 0), -XEN_EFAULT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_pin_override, ARG, 0), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, 99, ARG, 0), -XEN_ENOSYS);
	assert_false(fake.shutdown);
}

static void poll_of_32_bits(void **state)
{
	struct compat_sched_poll a = { PORTS, 1, 0 };
	uint32_t p = bind_ipi(0);

	(void)state;
	fake.paging.code64 = false;
	fake_write(PORTS, &p, sizeof(p));
	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_poll, ARG, 0), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(0)->g.poll.port[0], p);
}

static void block_is_ended_by_any_upcall(void **state)
{
	uint32_t p = bind_ipi(0);

	(void)state;
	fake_vcpu(0)->regs.rflags &= ~IF;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0), NEXT_TO_DOM0);
	assert_false(guest_has_wakeup(fake_vcpu(0)));
	send_port(p);
	assert_true(guest_has_wakeup(fake_vcpu(0)));
	fake_vcpu(0)->wait = WAIT_NONE;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0), NEXT_RESUME);
}

static void shutdown_has_six_reasons(void **state)
{
	(void)state;
	for (uint32_t r = 0; r <= SHUTDOWN_MAX + 1; r++) {
		struct sched_shutdown s = { r };

		fake.shutdown = false;
		fake_write(ARG, &s, sizeof(s));
		if (r > SHUTDOWN_MAX) {
			assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_shutdown, ARG, 0), -XEN_EINVAL);
			assert_false(fake.shutdown);
			continue;
		}
		assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_sched_op, SCHEDOP_shutdown, ARG, 0), NEXT_TO_DOM0);
		assert_int_equal(fake_vcpu(0)->reason, ZRUN_SHUTDOWN);
		assert_int_equal(fake.shutdown_code, r);
	}
}

/* ---- vcpu_op up, down ---- */

static int64_t vcpu_op(uint32_t cmd, uint32_t id)
{
	return fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, cmd, id, 0);
}

static void a_vcpu_that_never_ran_cannot_be_upped(void **state)
{
	(void)state;
	assert_int_equal(vcpu_op(VCPUOP_is_up, 0), 1);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), -XEN_EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 4), -XEN_ENOENT);
}

/* ---- vcpu_op initialise ---- */

static int64_t initialise(uint32_t id, const struct vcpu_hvm_context *c)
{
	fake_write(ARG, c, sizeof(*c));
	return fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_initialise, id, ARG);
}

static struct vcpu_hvm_context flat_32(void)
{
	return (struct vcpu_hvm_context){
		.mode = VCPU_HVM_MODE_32B,
		.cpu_regs.x86_32 = {
			.eax = 0xa, .ecx = 0xc, .edx = 0xd, .ebx = 0xb, .esp = 0x5000, .ebp = 0x6000, .esi = 0x7000, .edi = 0x8000,
			.eip = 0x100000, .eflags = 0x202, .cr0 = 1,
			.cs_limit = ~0U, .ds_limit = ~0U, .ss_limit = ~0U, .es_limit = ~0U, .tr_limit = 0x67,
			.cs_ar = 0xc9a, .ds_ar = 0xc92, .ss_ar = 0xc92, .es_ar = 0, .tr_ar = 0x89,
		},
	};
}

static struct vcpu_hvm_context long_64(void)
{
	return (struct vcpu_hvm_context){
		.mode = VCPU_HVM_MODE_64B,
		.cpu_regs.x86_64 = { .rax = 1ULL << 40, .rsp = 0xffff888000001000, .rip = 0xffffffff81000000, .rflags = 2 | 1 << 17,
				     .cr0 = 0x80000011, .cr3 = 0x2000, .cr4 = 0x20, .efer = 0x901 },
	};
}

static void initialise_in_32_bits(void **state)
{
	struct vcpu_hvm_context c = flat_32();
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	assert_int_equal(initialise(1, &c), 0);
	assert_int_equal(initialise(1, &c), -XEN_EEXIST);
	guest_before_entry(v);
	assert_false(v->up);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
	guest_enter_world(v);
	guest_before_entry(v);
	assert_true(v->up);
	assert_int_equal(v->regs.rip, 0x100000);
	assert_int_equal(v->regs.rdi, 0x8000);
	assert_int_equal(v->regs.rbx, 0xb);
	assert_int_equal(v->regs.rflags, 0x202);
	assert_int_equal(fake.sregs.cr0, 0x11);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].attr, 0xc9b);
	assert_int_equal(fake.sregs.seg[ZSEG_ES].attr, 0);
	assert_int_equal(fake.sregs.seg[ZSEG_TR].attr, 0x8b);
	/* only once: it goes down and comes back where it was */
	v->regs.rip = 0x1234;
	assert_int_equal(vcpu_op(VCPUOP_down, 1), 0);
	assert_int_equal(initialise(1, &c), -XEN_EEXIST);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
	guest_before_entry(v);
	assert_int_equal(v->regs.rip, 0x1234);
}

static void initialise_in_64_bits(void **state)
{
	struct vcpu_hvm_context c = long_64();
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	fake_vcpu(0)->g.tsc_offset = 99;
	assert_int_equal(initialise(1, &c), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
	guest_before_entry(v);
	assert_int_equal(v->regs.rip, 0xffffffff81000000);
	assert_int_equal(v->regs.rax, 1ULL << 40);
	assert_int_equal(v->regs.rflags, 2);
	assert_int_equal(fake.sregs.efer, 0xd01);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].attr, 0xa9b);
	assert_int_equal(v->g.tsc_offset, 99);
}

static void bad_starts_are_refused(void **state)
{
	struct vcpu_hvm_context c;

	(void)state;
#define BAD(make, field, value) do { \
		c = make(); \
		c.field = (value); \
		assert_int_equal(initialise(1, &c), -XEN_EINVAL); \
	} while (0)
#define R32	cpu_regs.x86_32
#define R64	cpu_regs.x86_64
	BAD(flat_32, mode, 2);
	BAD(flat_32, pad, 1);
	BAD(flat_32, R32.pad1, 1);
	BAD(flat_32, R32.pad2[2], 1);
	BAD(flat_32, R32.cs_ar, 0);
	BAD(flat_32, R32.cs_ar, 0x1c9b);	/* bits 12-15 */
	BAD(flat_32, R32.cs_ar, 0xc92);		/* data */
	BAD(flat_32, R32.cs_ar, 0xc1a);		/* not there */
	BAD(flat_32, R32.cs_ar, 0xcfa);		/* DPL 3, SS 0 */
	BAD(flat_32, R32.ss_ar, 0xc90);		/* read-only */
	BAD(flat_32, R32.ss_ar, 0);
	BAD(flat_32, R32.ds_ar, 0xc98);		/* not readable */
	BAD(flat_32, R32.ds_ar, 0xcf2);
	BAD(flat_32, R32.es_ar, 0x82);		/* LDT */
	BAD(flat_32, R32.tr_ar, 0xc92);
	BAD(flat_32, R32.tr_ar, 0x81);		/* 16-bit TSS */
	BAD(flat_32, R32.tr_ar, 0);
	BAD(flat_32, R32.cs_limit, 0);
	c = flat_32();
	c.R32.cs_limit = 0xff;		/* pages */
	assert_int_equal(initialise(1, &c), -XEN_EINVAL);
	BAD(flat_32, R32.efer, 0x400);		/* LMA alone */
	BAD(flat_32, R32.efer, 0x1000);		/* SVME */
	BAD(flat_32, R32.cr0, 0x80000000);	/* PG without PE */
	BAD(flat_32, R32.cr0, 0x20000001);	/* NW without CD */
	BAD(flat_32, R32.cr4, 1 << 13);		/* VMXE */
	BAD(flat_32, R32.cr3, ~0U);
	BAD(long_64, R64.rip, 1ULL << 47);
	BAD(long_64, R64.cr0, 0x11);
	BAD(long_64, R64.cr0, 1ULL << 32 | 0x80000011);
	BAD(long_64, R64.cr4, 0);
	BAD(long_64, R64.cr4, 1ULL << 40 | 0x20);
	BAD(long_64, R64.efer, 1);
	BAD(long_64, R64.efer, 0x1900);
	BAD(long_64, R64.cr3, 1ULL << 52);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), -XEN_EINVAL);
	c = flat_32();
	assert_int_equal(initialise(0, &c), -XEN_EEXIST);
	assert_int_equal(initialise(9, &c), -XEN_ENOENT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, 1ULL << 40), -XEN_EFAULT);
	fake_vcpu(1)->g.info = (char *)&fake_vcpu(1)->g.own_info;
	assert_int_equal(initialise(1, &c), -XEN_EINVAL);
}

/* Registers to begin with shut SIPI out; INIT forgets them. */
static void init_forgets_what_was_initialised(void **state)
{
	struct vcpu_hvm_context c = flat_32();
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	assert_int_equal(initialise(1, &c), 0);
	__atomic_store_n(&v->g.lapic.sipi, 0x108, __ATOMIC_SEQ_CST);
	guest_before_entry(v);
	assert_false(v->up);
	v->request |= REQ_RESET;
	guest_before_entry(v);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), -XEN_EINVAL);
	__atomic_store_n(&v->g.lapic.sipi, 0x108, __ATOMIC_SEQ_CST);
	guest_before_entry(v);
	assert_true(v->up);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].base, 0x8000);
	/* it has run: down and up again is possible at once */
	assert_int_equal(vcpu_op(VCPUOP_down, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
}

static void down_and_up_again(void **state)
{
	(void)state;
	fake_vcpu(1)->up = true;
	guest_enter_world(fake_vcpu(1));
	assert_int_equal(vcpu_op(VCPUOP_down, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 0);
	assert_int_equal(fake.kicks[1], 1);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 1);
	assert_int_equal(fake.kicks[1], 2);
	assert_false(fake.shutdown);
}

static void the_last_vcpu_down_is_power_off(void **state)
{
	(void)state;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_down, 0, 0), NEXT_TO_DOM0);
	assert_true(fake.shutdown);
	assert_int_equal(fake.shutdown_code, SHUTDOWN_poweroff);
}

static void going_down_oneself_leaves_to_dom0(void **state)
{
	(void)state;
	fake_vcpu(1)->up = true;
	assert_int_equal(fake_call_once(fake_vcpu(1), __HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0), NEXT_TO_DOM0);
	assert_int_equal(fake_vcpu(1)->reason, ZRUN_DOWN);
	assert_int_equal(fake.skipped, 3);
}

static void send_nmi(void **state)
{
	(void)state;
	assert_int_equal(vcpu_op(VCPUOP_send_nmi, 1), 0);
	assert_int_equal(guest_event(fake_vcpu(1)).kind, GEVENT_NMI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(hlt_waits_until_an_event), T(hlt_with_something_pending_does_not_sleep), T(hlt_sees_what_dom0_posted_last_moment),
		T(hlt_past_a_deadline_does_not_sleep), T(a_lapic_interrupt_wakes), T(hlt_with_interrupts_off_everywhere_is_power_off),
		T(an_ap_may_be_parked), T(events_do_not_wake_a_parked_vcpu), T(text_without_line_end_is_shown_before_sleeping),
		T(yield_goes_to_dom0), T(poll_is_woken_by_a_masked_port_with_interrupts_off), T(poll_returns_at_once_when_pending),
		T(poll_of_several_ports_is_woken_by_the_last),
		T(poll_ends_with_a_deliverable_event), T(poll_times_out), T(bad_polls_are_refused), T(a_watchdog_bites_unless_it_is_stroked), T(a_watchdog_without_time_bites_at_once),
		T(a_watchdog_of_136_years), T(the_first_shutdown_code_counts), T(other_domains_are_not_shut_down), T(poll_of_32_bits),
		T(block_is_ended_by_any_upcall), T(shutdown_has_six_reasons), T(a_vcpu_that_never_ran_cannot_be_upped), T(initialise_in_32_bits), T(initialise_in_64_bits),
		T(bad_starts_are_refused), T(init_forgets_what_was_initialised),
		T(down_and_up_again), T(the_last_vcpu_down_is_power_off), T(going_down_oneself_leaves_to_dom0), T(send_nmi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
