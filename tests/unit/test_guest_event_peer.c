// SPDX-License-Identifier: GPL-2.0-only
/* Channels between two guests: 7 and 9. Both write their arguments to the same memory here, one after the other. */
#include "guest_events.h"

#define US	7
#define THEM	9

static int start_two(void **state)
{
	start(state);
	fake_start_other(THEM);
	return 0;
}

static struct vcpu *them(uint32_t id)
{
	return fake.other->vcpu[id];
}

static struct shared_info *their_shared(void)
{
	return fake.other->g.shared;
}

static uint32_t offer(struct vcpu *v, domid_t to)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = to };

	assert_int_equal(EVTCHN(v, alloc_unbound, &a), 0);
	return a.port;
}

static int64_t bind(struct vcpu *v, domid_t remote, uint32_t port, uint32_t *ret)
{
	struct evtchn_bind_interdomain a = { .remote_dom = remote, .remote_port = port };
	int64_t rc = EVTCHN(v, bind_interdomain, &a);

	*ret = a.local_port;
	return rc;
}

static int64_t close_at(struct vcpu *v, uint32_t port)
{
	struct evtchn_close a = { port };

	return EVTCHN(v, close, &a);
}

static struct evtchn_status status_at(struct vcpu *v, uint32_t port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	assert_int_equal(EVTCHN(v, status, &s), 0);
	return s;
}

/* Theirs is port @ret_theirs, offered; ours is bound to it. */
static uint32_t channel(uint32_t *ret_theirs)
{
	uint32_t ours;

	(void)offer(them(0), 3);	/* so that numbers differ */
	*ret_theirs = offer(them(0), US);
	assert_int_equal(bind(fake_vcpu(0), THEM, *ret_theirs, &ours), 0);
	return ours;
}

static void events_go_both_ways(void **state)
{
	uint32_t theirs, ours = channel(&theirs);
	struct evtchn_bind_vcpu b = { theirs, 1 };

	(void)state;
	assert_int_equal(EVTCHN(them(0), bind_vcpu, &b), 0);
	/* binding raises the new end once */
	assert_true(test_and_clear_bit(ours, shared()->evtchn_pending));
	assert_false(test_bit(theirs, their_shared()->evtchn_pending));
	assert_int_equal(send_port(fake_vcpu(2), ours), 0);
	assert_true(test_bit(theirs, their_shared()->evtchn_pending));
	assert_int_equal(their_shared()->vcpu_info[1].evtchn_upcall_pending, 1);
	assert_int_equal(fake.other_kicks[1], 1);
	assert_int_equal(send_port(them(0), theirs), 0);
	assert_true(test_bit(ours, shared()->evtchn_pending));
	assert_int_equal(status_at(fake_vcpu(0), ours).u.interdomain.dom, THEM);
	assert_int_equal(status_at(fake_vcpu(0), ours).u.interdomain.port, theirs);
	assert_int_equal(status_at(them(0), theirs).u.interdomain.dom, US);
	assert_int_equal(status_at(them(0), theirs).u.interdomain.port, ours);
	assert_int_equal(fake.other->refs, 0);
}

static void only_what_is_offered_is_bound(void **state)
{
	uint32_t to_3 = offer(them(0), 3), to_us = offer(them(0), US), port;

	(void)state;
	assert_int_equal(bind(fake_vcpu(0), THEM, to_3, &port), -XEN_EINVAL);
	assert_int_equal(bind(fake_vcpu(0), THEM, 0, &port), -XEN_EINVAL);
	assert_int_equal(bind(fake_vcpu(0), THEM, 4096, &port), -XEN_EINVAL);
	assert_int_equal(bind(fake_vcpu(0), THEM, 0xffffffff, &port), -XEN_EINVAL);
	assert_int_equal(bind(fake_vcpu(0), 8, to_us, &port), -XEN_ESRCH);
	assert_int_equal(bind(fake_vcpu(0), 0, to_us, &port), -XEN_EINVAL);
	assert_int_equal(bind(fake_vcpu(0), DOMID_SELF, to_us, &port), -XEN_EINVAL);
	/* what was refused left no port behind */
	assert_int_equal(bind(fake_vcpu(0), THEM, to_us, &port), 0);
	assert_int_equal(port, 1);
	assert_int_equal(bind(fake_vcpu(0), THEM, to_us, &port), -XEN_EINVAL);
	assert_int_equal(bind(them(0), US, 1, &port), -XEN_EINVAL);
	fake.other->state = DOMAIN_DYING;
	to_us = offer(them(0), US);
	assert_int_equal(bind(fake_vcpu(0), THEM, to_us, &port), -XEN_ESRCH);
	assert_int_equal(send_port(fake_vcpu(0), 1), 0);	/* dropped */
	assert_int_equal(fake.other_kicks[0], 0);
}

static void closing_one_end_offers_the_other_again(void **state)
{
	uint32_t theirs, ours = channel(&theirs), again;

	(void)state;
	assert_int_equal(close_at(fake_vcpu(0), ours), 0);
	assert_int_equal(status_at(them(0), theirs).status, EVTCHNSTAT_unbound);
	assert_int_equal(status_at(them(0), theirs).u.unbound.dom, US);
	assert_int_equal(send_port(them(0), theirs), 0);
	assert_false(test_bit(ours, shared()->evtchn_pending));
	assert_int_equal(bind(fake_vcpu(0), THEM, theirs, &again), 0);
	/* the side that offered closes: ours is on offer to them then */
	assert_int_equal(close_at(them(0), theirs), 0);
	assert_int_equal(status_at(fake_vcpu(0), again).status, EVTCHNSTAT_unbound);
	assert_int_equal(status_at(fake_vcpu(0), again).u.unbound.dom, THEM);
	assert_int_equal(bind(them(0), US, again, &theirs), 0);
	assert_int_equal(send_port(fake_vcpu(0), again), 0);
	assert_true(test_bit(theirs, their_shared()->evtchn_pending));
}

static void a_domains_end_frees_its_peers(void **state)
{
	uint32_t theirs, ours = channel(&theirs), port;

	(void)state;
	for (int i = 0; i < 700; i++)
		assert_int_equal(bind(fake_vcpu(0), THEM, offer(them(0), US), &port), 0);
	/* in the middle of a reset of its own, too */
	fake.other->g.evt.reset_next = 500;
	fake_stop_other();
	for (uint32_t p = ours; p <= port; p++)
		assert_int_equal(status_at(fake_vcpu(0), p).status, EVTCHNSTAT_unbound);
	assert_int_equal(send_port(fake_vcpu(0), ours), 0);
	/* the next one with its number is a stranger to these ports until it binds them */
	fake_start_other(THEM);
	assert_int_equal(send_port(fake_vcpu(0), ours), 0);
	assert_int_equal(fake.other_kicks[0], 0);
	assert_int_equal(close_at(fake_vcpu(0), ours), 0);
}

static void a_stale_end_reaches_nobody(void **state)
{
	uint32_t theirs, ours = channel(&theirs);
	struct evtchn_port *p = port_get(fake.other, theirs);

	(void)state;
	/* as if another vCPU of theirs had closed and used the port again in between */
	p->remote_port = ours + 1;
	assert_int_equal(send_port(fake_vcpu(0), ours), 0);
	assert_false(test_bit(theirs, their_shared()->evtchn_pending));
	assert_int_equal(close_at(fake_vcpu(0), ours), 0);
	assert_int_equal(p->state, PORT_INTERDOMAIN);
	p->state = PORT_UNBOUND;
}

static void a_reserved_port_is_nobodys(void **state)
{
	struct evtchn_unmask u = { 1 };
	uint32_t port;

	(void)state;
	spin_lock(&fake.d->g.evt.lock);
	assert_int_equal(port_alloc(fake.d, (struct evtchn_port){ .state = PORT_RESERVED }, &port), 0);
	spin_unlock(&fake.d->g.evt.lock);
	assert_int_equal(port, u.port);
	assert_int_equal(close_port(port), -XEN_EINVAL);
	assert_int_equal(send_port(fake_vcpu(0), port), -XEN_EINVAL);
	assert_int_equal(status(port).status, EVTCHNSTAT_closed);
	assert_int_equal(EVTCHN(fake_vcpu(0), unmask, &u), 0);
	assert_int_equal(evtchn_dom0_bind(fake.d, port), -XEN_EINVAL);
	assert_int_equal(bind_ipi(0), port + 1);
	port_drop(fake.d, port);
	assert_int_equal(bind_ipi(0), port);
}

/* A 2-level guest and one with FIFO. */
static void each_end_has_its_own_abi(void **state)
{
	struct evtchn_init_control ic = { .control_gfn = 60 };
	struct evtchn_expand_array ea = { 80 };
	uint32_t theirs, ours = channel(&theirs);
	event_word_t *words = (event_word_t *)fake.frame[80];

	(void)state;
	assert_int_equal(EVTCHN(them(0), init_control, &ic), 0);
	assert_int_equal(EVTCHN(them(0), expand_array, &ea), 0);
	assert_int_equal(send_port(fake_vcpu(0), ours), 0);
	assert_true(words[theirs] >> EVTCHN_FIFO_LINKED & 1);
	assert_int_equal(((struct evtchn_fifo_control_block *)fake.frame[60])->head[EVTCHN_FIFO_PRIORITY_DEFAULT], theirs);
	assert_int_equal(send_port(them(1), theirs), 0);
	assert_true(test_bit(ours, shared()->evtchn_pending));
	fake_stop_other();
	assert_int_equal(status_at(fake_vcpu(0), ours).status, EVTCHNSTAT_unbound);
}

/* Dom0 hears of a sleeper before the next event may wake another. */
static void a_list_of_sends_stops_after_one_that_dom0_must_hear_of(void **state)
{
	struct multicall_entry list[3];
	struct evtchn_send s;
	uint32_t theirs;

	(void)state;
	s.port = channel(&theirs);
	fake_write(ARG, &s, sizeof(s));
	for (int i = 0; i < 3; i++)
		list[i] = (struct multicall_entry){ .op = __HYPERVISOR_event_channel_op, .result = 1, .args = { EVTCHNOP_send, ARG } };
	fake_write(0x30000, list, sizeof(list));
	fake_vcpu(0)->told_dom0 = false;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_multicall, 0x30000, 3, 0), NEXT_RESUME);
	assert_int_equal(fake.skipped, 0);
	assert_int_equal(fake_vcpu(0)->regs.rsi, 2);
	fake_vcpu(0)->told_dom0 = true;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, fake_vcpu(0)->regs.rdi, 2, 0), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start_two, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(events_go_both_ways), T(only_what_is_offered_is_bound), T(closing_one_end_offers_the_other_again),
		T(a_domains_end_frees_its_peers), T(a_stale_end_reaches_nobody), T(a_reserved_port_is_nobodys),
		T(each_end_has_its_own_abi), T(a_list_of_sends_stops_after_one_that_dom0_must_hear_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
