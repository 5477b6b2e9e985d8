// SPDX-License-Identifier: GPL-2.0-only
/* Event channels against a model: random steps of a guest and dom0 lose no event and leave no upcall stuck. */
#include "guest_events.h"

#define M_PORTS	48

static struct {
	enum { M_CLOSED, M_IPI, M_DOM0 } kind;
	uint32_t vcpu, handle;
	bool owed;		/* raised, and not handled since */
	bool handling;		/* a handler runs: masked, will unmask */
} port_of[4096];
static uint32_t model_ports[M_PORTS];
static int depth;

static void random_step(void);

static void maybe(void)
{
	if (depth < 3 && !fake_below(4))
		random_step();
}

static void model_raise(uint32_t p)
{
	if (port_of[p].kind == M_IPI) {
		assert_int_equal(send_port(fake_vcpu(fake_below(4)), p), 0);
	} else {
		uint32_t v = fake_below(4);	/* a stale hint is as good as any */

		post_in(v, port_of[p].handle);
		guest_before_entry(fake_vcpu(v));
	}
	port_of[p].owed = true;
}

/* Linux's unmask_evtchn(), from vCPU @self. */
static void model_unmask(uint32_t self, uint32_t p)
{
	struct evtchn_unmask u = { p };
	bool call = port_of[p].vcpu != self;

	if (!call) {
		(void)test_and_clear_bit(p, shared()->evtchn_mask);
		maybe();
		if (test_bit(p, shared()->evtchn_pending)) {
			(void)test_and_set_bit(p, shared()->evtchn_mask);
			call = true;
		}
	}
	if (call)
		assert_int_equal(EVTCHN(fake_vcpu(self), unmask, &u), 0);
}

/* Linux's 2-level upcall: late EOI, so a port is masked while it is handled. */
static void model_upcall(uint32_t self)
{
	struct vcpu_info *i = (void *)fake_vcpu(self)->g.info;

	depth++;
	do {
		uint64_t sel;

		i->evtchn_upcall_pending = 0;
		maybe();
		sel = xchg(&i->evtchn_pending_sel, 0UL);
		maybe();
		for (; sel; sel &= sel - 1) {
			uint32_t w = (uint32_t)__builtin_ctzll(sel);

			for (uint32_t b = 0; b < 64; b++) {
				uint32_t p = w * 64 + b;

				if (!test_bit(p, shared()->evtchn_pending) || test_bit(p, shared()->evtchn_mask))
					continue;
				(void)test_and_set_bit(p, shared()->evtchn_mask);
				port_of[p].handling = true;
				maybe();
				(void)test_and_clear_bit(p, shared()->evtchn_pending);
				port_of[p].owed = false;	/* handled from here on */
				maybe();
				port_of[p].handling = false;
				if (port_of[p].kind != M_CLOSED)
					model_unmask(self, p);
			}
		}
	} while (i->evtchn_upcall_pending);
	depth--;
}

static void model_close(uint32_t p)
{
	if (port_of[p].handling)
		return;
	assert_int_equal(close_port(p), 0);
	if (port_of[p].kind == M_DOM0)
		assert_int_equal(evtchn_dom0_close(fake.d, port_of[p].handle), 0);
	(void)test_and_set_bit(p, shared()->evtchn_mask);
	memset(&port_of[p], 0, sizeof(port_of[p]));
}

static void model_open(uint32_t slot)
{
	uint32_t p, v = fake_below(4);

	if (fake_below(2)) {
		p = bind_ipi(v);
		port_of[p].kind = M_IPI;
		port_of[p].vcpu = v;
	} else {
		int64_t b = evtchn_dom0_alloc(fake.d);

		p = (uint32_t)b;
		port_of[p].kind = M_DOM0;
		port_of[p].handle = (uint32_t)(b >> 32);
		port_of[p].vcpu = 0;
	}
	port_of[p].owed = false;
	model_ports[slot] = p;
	model_unmask(0, p);
}

/* A spinlock's way: the port is masked, the vCPU polls for it; a send must make it runnable. */
static void model_poll(uint32_t p)
{
	struct sched_poll a = { .nr_ports = 1 };
	uint32_t self = port_of[p].vcpu;
	struct vcpu *v = fake_vcpu(self);
	uint64_t flags = v->regs.rflags;
	enum exit_next next;

	if (port_of[p].kind != M_IPI || v->wait != WAIT_NONE || port_of[p].handling)
		return;
	(void)test_and_set_bit(p, shared()->evtchn_mask);
	set_xen_guest_handle(a.ports, (evtchn_port_t *)0x30000);
	fake_write(0x30000, &p, sizeof(p));
	fake_write(0x31000, &a, sizeof(a));
	v->regs.rflags &= ~0x200ULL;
	next = fake_call_once(v, __HYPERVISOR_sched_op, SCHEDOP_poll, 0x31000, 0);
	assert_int_equal(v->regs.rax, 0);
	if (next == NEXT_TO_DOM0) {
		uint32_t kicks = fake.kicks[self];

		assert_int_equal(v->reason, ZRUN_POLL);
		assert_false(guest_has_wakeup(v));
		model_raise(p);
		assert_true(fake.kicks[self] > kicks);
		assert_true(guest_has_wakeup(v));
		v->wait = WAIT_NONE;
	} else {
		assert_true(test_bit(p, shared()->evtchn_pending));
	}
	v->regs.rflags = flags;
	/* it consumes the event itself */
	(void)test_and_clear_bit(p, shared()->evtchn_pending);
	port_of[p].owed = false;
	model_unmask(self, p);
}

static void random_step(void)
{
	uint32_t slot = fake_below(M_PORTS), p = model_ports[slot];

	depth++;
	if (port_of[p].kind == M_CLOSED) {
		model_open(slot);
		depth--;
		return;
	}
	switch (fake_below(12)) {
	case 0:
		if (!port_of[p].handling)
			(void)test_and_set_bit(p, shared()->evtchn_mask);
		break;
	case 1:
	case 2:
		if (!port_of[p].handling)
			model_unmask(fake_below(4), p);
		break;
	case 3:
		if (port_of[p].kind == M_DOM0) {
			struct evtchn_bind_vcpu a = { p, fake_below(4) };

			assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), 0);
			port_of[p].vcpu = a.vcpu;
		}
		break;
	case 4:
		if (!fake_below(4))
			model_close(p);
		break;
	case 5:
		model_poll(p);
		break;
	default:
		model_raise(p);
	}
	depth--;
}

static void check_nothing_lost(void)
{
	/* Every vCPU takes its upcalls; what was owed and is not masked must be handled. */
	for (bool again = true; again;) {
		again = false;
		for (uint32_t v = 0; v < 4; v++) {
			if (guest_event(fake_vcpu(v)).kind == GEVENT_CALLBACK) {
				model_upcall(v);
				again = true;
			}
		}
	}
	for (uint32_t i = 0; i < M_PORTS; i++) {
		uint32_t p = model_ports[i];

		if (port_of[p].kind == M_CLOSED || !port_of[p].owed)
			continue;
		if (!test_bit(p, shared()->evtchn_mask))
			fail_msg("port %u: its event is lost", p);
		if (!test_bit(p, shared()->evtchn_pending))
			fail_msg("port %u: masked, owed, not pending", p);
	}
}

static void no_interleaving_loses_an_event(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		fake_stop();
		fake_start(4);
		fake_seed(seed);
		memset(port_of, 0, sizeof(port_of));
		memset(model_ports, 0, sizeof(model_ports));
		memset(shared()->evtchn_mask, 0xff, sizeof(shared()->evtchn_mask));
		set_callback();
		if (seed % 2)
			for (uint32_t v = 0; v < 4; v++)
				assert_int_equal(register_info(fake_vcpu(v), v, 40 + v, 64 * v), 0);
		for (int i = 0; i < 3000; i++) {
			random_step();
			if (!fake_below(8)) {
				uint32_t v = fake_below(4);

				if (guest_event(fake_vcpu(v)).kind == GEVENT_CALLBACK)
					model_upcall(v);
			}
			if (!fake_below(64))
				check_nothing_lost();
		}
		check_nothing_lost();
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_interleaving_loses_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
