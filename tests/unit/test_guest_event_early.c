// SPDX-License-Identifier: GPL-2.0-only
/* Events of FIFO ports that have no word yet, more than one call raises when the word comes. */
#include "guest_events.h"

#define CONTROL_GFN	60U
#define ARRAY_GFN	80U

static int start_fifo(void **state)
{
	start(state);
	set_callback();
	for (uint32_t v = 0; v < 4; v++) {
		struct evtchn_init_control a = { .control_gfn = CONTROL_GFN + v, .vcpu = v };

		assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), 0);
	}
	return 0;
}

static event_word_t word(uint32_t port)
{
	return ((event_word_t *)fake.frame[ARRAY_GFN])[port];
}

static bool has(uint32_t port, unsigned int nr)
{
	return word(port) >> nr & 1;
}

/* The call is left in between; who polls then must not sleep on what is still to be raised. */
static void many_events_before_their_words_come_in_steps(void **state)
{
	struct evtchn_expand_array a = { ARRAY_GFN };
	struct sched_poll poll = { .nr_ports = 1 };
	uint32_t port[300], nr_calls = 1;
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		port[i] = bind_ipi(i % 4);
		assert_int_equal(send_port(v, port[i]), 0);
	}
	memset(fake.frame[ARRAY_GFN], 0, 4096);
	fake_write(ARG, &a, sizeof(a));
	fake_call_once(v, __HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, ARG, 0);
	assert_false(fake.skipped);
	assert_true(has(port[0], EVTCHN_FIFO_PENDING));
	assert_false(has(port[299], EVTCHN_FIFO_PENDING));
	set_xen_guest_handle(poll.ports, (evtchn_port_t *)0x30000);
	fake_write(0x30000, &port[299], sizeof(port[299]));
	fake_write(0x31000, &poll, sizeof(poll));
	assert_int_equal(fake_call_once(fake_vcpu(1), __HYPERVISOR_sched_op, SCHEDOP_poll, 0x31000, 0), NEXT_RESUME);
	for (fake.skipped = false; !fake.skipped; nr_calls++)
		fake_call_once(v, __HYPERVISOR_event_channel_op, v->regs.rdi, ARG, 0);
	assert_int_equal(v->regs.rax, 0);
	assert_int_equal(nr_calls, 1024 / 64);
	for (uint32_t i = 0; i < 300; i++)
		assert_true(has(port[i], EVTCHN_FIFO_PENDING) && has(port[i], EVTCHN_FIFO_LINKED));
}

/* What a guest makes up as progress raises nothing that did not wait, and is no other command. */
static void made_up_progress_does_nothing(void **state)
{
	struct evtchn_expand_array a = { ARRAY_GFN };
	struct evtchn_reset r = { .dom = DOMID_SELF };
	uint32_t p = bind_ipi(0);

	(void)state;
	memset(fake.frame[ARRAY_GFN], 0, 4096);
	assert_int_equal(EVTCHN(fake_vcpu(0), expand_array, &a), 0);
	for (uint32_t port = 1; port < 1U << 24; port = port * 3 + 1) {
		fake_write(ARG, &a, sizeof(a));
		assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, port << 8 | EVTCHNOP_expand_array, ARG, 0), 0);
		for (uint32_t cmd = 0; cmd < 256; cmd++)
			if (cmd != EVTCHNOP_expand_array)
				assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, port << 8 | cmd, ARG, 0),
						 -XEN_ENOSYS);
	}
	assert_int_equal(word(p), 0);
	assert_int_equal(EVTCHN(fake_vcpu(0), reset, &r), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, 64 << 8 | EVTCHNOP_expand_array, ARG, 0),
			 -XEN_EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_events_before_their_words_come_in_steps, start_fifo, stop),
		cmocka_unit_test_setup_teardown(made_up_progress_does_nothing, start_fifo, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
