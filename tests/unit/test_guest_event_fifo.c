// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIFO ABI against a guest that consumes its queues as the public rules say, step by step and as a second thread, and against
 * one that keeps no rule.
 */
#include <pthread.h>
#include "guest_events.h"

#define CONTROL_GFN	60U	/* one page per vCPU */
#define ARRAY_GFN	80U	/* event words */

static uint32_t nr_pages;
static uint32_t own_head[4][EVTCHN_FIFO_MAX_QUEUES];

static struct evtchn_fifo_control_block *control(uint32_t vcpu)
{
	return (void *)(fake.frame[CONTROL_GFN + vcpu] + 64 * vcpu);
}

static event_word_t *word(uint32_t port)
{
	return (event_word_t *)fake.frame[ARRAY_GFN + port / 1024] + port % 1024;
}

static bool has(uint32_t port, unsigned int nr)
{
	return __atomic_load_n(word(port), __ATOMIC_SEQ_CST) >> nr & 1;
}

static int64_t init_control(uint32_t vcpu)
{
	struct evtchn_init_control a = { .control_gfn = CONTROL_GFN + vcpu, .offset = 64 * vcpu, .vcpu = vcpu };
	int64_t rc = EVTCHN(fake_vcpu(0), init_control, &a);

	if (!rc)
		assert_int_equal(a.link_bits, EVTCHN_FIFO_LINK_BITS);
	return rc;
}

/* @fill: what the guest writes into the new words, as Linux MASKED. */
static int64_t expand(event_word_t fill)
{
	struct evtchn_expand_array a = { ARRAY_GFN + nr_pages };
	int64_t rc;

	for (uint32_t i = 0; i < 1024; i++)
		((event_word_t *)fake.frame[ARRAY_GFN + nr_pages])[i] = fill;
	rc = EVTCHN(fake_vcpu(0), expand_array, &a);
	nr_pages += !rc;
	return rc;
}

static int64_t set_priority(uint32_t port, uint32_t priority)
{
	struct evtchn_set_priority a = { port, priority };

	return EVTCHN(fake_vcpu(0), set_priority, &a);
}

static void unmask_call(uint32_t port)
{
	struct evtchn_unmask u = { port };

	assert_int_equal(EVTCHN(fake_vcpu(0), unmask, &u), 0);
}

static void bind_vcpu(uint32_t port, uint32_t vcpu)
{
	struct evtchn_bind_vcpu a = { port, vcpu };

	assert_int_equal(EVTCHN(fake_vcpu(0), bind_vcpu, &a), 0);
}

static void reset(void)
{
	struct evtchn_reset a = { .dom = DOMID_SELF };

	assert_int_equal(EVTCHN(fake_vcpu(0), reset, &a), 0);
	nr_pages = 0;
	memset(own_head, 0, sizeof(own_head));
}

static int start_fifo(void **state)
{
	start(state);
	nr_pages = 0;
	memset(own_head, 0, sizeof(own_head));
	set_callback();
	for (uint32_t v = 0; v < 4; v++)
		assert_int_equal(init_control(v), 0);
	return 0;
}

/* LINKED and LINK go together. */
static uint32_t take_off(uint32_t port)
{
	event_word_t w = *word(port), to;

	do {
		to = w & ~(1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
	} while (!__atomic_compare_exchange_n(word(port), &w, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return w & EVTCHN_FIFO_LINK_MASK;
}

/* True: done. False: it is pending (or the hypervisor is busy with it, which a guest waits for), the hypervisor has to be asked. */
static bool clear_mask(uint32_t port)
{
	event_word_t w = *word(port), old;

	do {
		if (!(w >> EVTCHN_FIFO_MASKED & 1))
			return true;
		if (w >> EVTCHN_FIFO_PENDING & 1)
			return false;
		old = w &= ~(1U << EVTCHN_FIFO_BUSY);
	} while (!__atomic_compare_exchange_n(word(port), &w, old & ~(1U << EVTCHN_FIFO_MASKED), false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return true;
}

/* The head of one queue; @handle for what is pending. Returns whether the queue goes on. */
static bool consume_one(uint32_t vcpu, uint32_t q, void (*handle)(uint32_t vcpu, uint32_t port))
{
	uint32_t port = own_head[vcpu][q] ? own_head[vcpu][q] : __atomic_load_n(&control(vcpu)->head[q], __ATOMIC_SEQ_CST);

	assert_true(port && port < 1024 * nr_pages);
	own_head[vcpu][q] = take_off(port);
	if (has(port, EVTCHN_FIFO_PENDING) && !has(port, EVTCHN_FIFO_MASKED))
		handle(vcpu, port);
	return own_head[vcpu][q];
}

static void consume(uint32_t vcpu, void (*handle)(uint32_t vcpu, uint32_t port))
{
	uint32_t ready;

	(void)test_and_clear_bit(0, fake_vcpu(vcpu)->g.info);
	for (ready = xchg(&control(vcpu)->ready, 0U); ready; ready |= xchg(&control(vcpu)->ready, 0U)) {
		uint32_t q = (uint32_t)__builtin_ctz(ready);

		if (!consume_one(vcpu, q, handle))
			ready &= ~(1U << q);
	}
}

static uint32_t got[64], nr_got;

static void note(uint32_t vcpu, uint32_t port)
{
	(void)vcpu;
	(void)test_and_clear_bit(EVTCHN_FIFO_PENDING, word(port));
	got[nr_got++ % 64] = port;
}

static void expect_got(uint32_t vcpu, const uint32_t *want, uint32_t n)
{
	nr_got = 0;
	consume(vcpu, note);
	assert_int_equal(nr_got, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(got[i], want[i]);
}

/* ---- calls ---- */

static void the_switch_takes_place_once_per_vcpu(void **state)
{
	struct evtchn_init_control a = { .control_gfn = CONTROL_GFN, .offset = 4, .vcpu = 0 };

	(void)state;
	nr_pages = 0;
	assert_int_equal(expand(0), -XEN_EOPNOTSUPP);
	assert_int_equal(set_priority(bind_ipi(0), 3), -XEN_ENOSYS);
	assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), -XEN_EINVAL);
	a.offset = PAGE_SIZE - 64;
	assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), -XEN_EINVAL);
	a.offset = PAGE_SIZE - 72;
	a.vcpu = 4;
	assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), -XEN_ENOENT);
	a.vcpu = 0;
	a.control_gfn = 1ULL << 60;
	assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), -XEN_EINVAL);
	a.control_gfn = FAKE_RAM;
	assert_int_equal(EVTCHN(fake_vcpu(0), init_control, &a), -XEN_EINVAL);
	assert_ptr_equal(fake.d->g.evt.abi, &evtchn_2l);
	assert_int_equal(init_control(0), 0);
	assert_int_equal(init_control(0), -XEN_EINVAL);
	assert_int_equal(init_control(3), 0);
	assert_ptr_equal(fake.d->g.evt.abi, &evtchn_fifo);
}

static void what_waits_in_2_levels_comes_with_the_word(void **state)
{
	uint32_t waits = bind_ipi(0), masked = bind_ipi(0), quiet = bind_ipi(0);

	(void)state;
	nr_pages = 0;
	memset(own_head, 0, sizeof(own_head));
	assert_int_equal(send_port(fake_vcpu(0), waits), 0);
	assert_int_equal(send_port(fake_vcpu(0), masked), 0);
	assert_int_equal(init_control(0), 0);
	assert_false(test_bit(waits, shared()->evtchn_pending));
	assert_int_equal(expand(0), 0);
	assert_false(has(quiet, EVTCHN_FIFO_PENDING));
	expect_got(0, (uint32_t[]){ waits, masked }, 2);
	/* once only */
	expect_got(0, NULL, 0);
}

static void bad_calls_are_refused(void **state)
{
	struct evtchn_expand_array a = { FAKE_RAM };
	uint32_t p = bind_ipi(0);

	(void)state;
	assert_int_equal(EVTCHN(fake_vcpu(0), expand_array, &a), -XEN_EINVAL);
	a.array_gfn = ~0ULL;
	assert_int_equal(EVTCHN(fake_vcpu(0), expand_array, &a), -XEN_EINVAL);
	assert_int_equal(set_priority(p, 16), -XEN_EINVAL);
	assert_int_equal(set_priority(p, 0x101), -XEN_EINVAL);
	assert_int_equal(set_priority(p + 1, 1), -XEN_EINVAL);
	assert_int_equal(set_priority(0xffffffff, 1), -XEN_EINVAL);
	assert_int_equal(set_priority(p, 15), 0);
	for (uint32_t i = 0; i < 128; i++)
		assert_int_equal(expand(0), 0);
	assert_int_equal(expand(0), -XEN_ENOSPC);
}

static void all_131071_ports_can_be_used(void **state)
{
	struct evtchn_bind_ipi a = { .vcpu = 0 };

	(void)state;
	for (uint32_t i = 1; i < 131072; i++)
		if (bind_ipi(i % 4) != i)
			fail_msg("not port %u", i);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &a), -XEN_ENOSPC);
	assert_int_equal(close_port(70000), 0);
	assert_int_equal(close_port(131071), 0);
	assert_int_equal(bind_ipi(0), 70000);
	assert_int_equal(bind_ipi(0), 131071);
	assert_int_equal(EVTCHN(fake_vcpu(0), bind_ipi, &a), -XEN_ENOSPC);
	for (uint32_t i = 0; i < 128; i++)
		assert_int_equal(expand(0), 0);
	assert_int_equal(send_port(fake_vcpu(0), 131071), 0);
	assert_int_equal(control(0)->head[EVTCHN_FIFO_PRIORITY_DEFAULT], 131071);
	reset();
	assert_int_equal(bind_ipi(0), 1);
}

/* ---- queues ---- */

static void events_come_in_order_and_by_priority(void **state)
{
	uint32_t a = bind_ipi(1), b = bind_ipi(1), c = bind_ipi(1), high = bind_ipi(1);

	(void)state;
	assert_int_equal(expand(0), 0);
	assert_int_equal(set_priority(high, EVTCHN_FIFO_PRIORITY_MAX), 0);
	assert_int_equal(send_port(fake_vcpu(0), b), 0);
	assert_int_equal(fake.kicks[1], 1);
	assert_int_equal(shared()->vcpu_info[1].evtchn_upcall_pending, 1);
	assert_int_equal(control(1)->ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	assert_int_equal(send_port(fake_vcpu(0), a), 0);
	assert_int_equal(send_port(fake_vcpu(0), b), 0);
	assert_int_equal(send_port(fake_vcpu(0), c), 0);
	assert_int_equal(fake.kicks[1], 1);
	assert_int_equal(send_port(fake_vcpu(0), high), 0);
	expect_got(1, (uint32_t[]){ high, b, a, c }, 4);
	assert_int_equal(send_port(fake_vcpu(0), c), 0);
	assert_int_equal(send_port(fake_vcpu(0), a), 0);
	expect_got(1, (uint32_t[]){ c, a }, 2);
}

static void a_masked_event_is_linked_by_unmask(void **state)
{
	uint32_t p = bind_ipi(1);

	(void)state;
	assert_int_equal(expand(1U << EVTCHN_FIFO_MASKED), 0);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(has(p, EVTCHN_FIFO_PENDING));
	assert_false(has(p, EVTCHN_FIFO_LINKED));
	assert_int_equal(control(1)->ready, 0);
	unmask_call(p);
	assert_false(has(p, EVTCHN_FIFO_MASKED));
	expect_got(1, &p, 1);
	/* of a port that is not there only the bit changes */
	*word(500) = 1U << EVTCHN_FIFO_PENDING | 1U << EVTCHN_FIFO_MASKED;
	unmask_call(500);
	assert_int_equal(*word(500), 1U << EVTCHN_FIFO_PENDING);
	assert_int_equal(control(0)->ready, 0);
}

static void a_linked_event_stays_in_its_queue_and_the_next_goes_to_the_new(void **state)
{
	int64_t b = evtchn_dom0_alloc(fake.d);
	uint32_t p = (uint32_t)b, other = bind_ipi(0), h = (uint32_t)(b >> 32);

	(void)state;
	assert_int_equal(expand(0), 0);
	post_in(0, h);
	guest_before_entry(fake_vcpu(0));
	bind_vcpu(p, 2);
	assert_int_equal(set_priority(p, 3), 0);
	post_in(0, h);
	guest_before_entry(fake_vcpu(0));
	assert_int_equal(control(2)->ready, 0);
	expect_got(0, &p, 1);
	/* now in the new one; the old one's last port has left, so the next does not hang behind it */
	post_in(0, h);
	guest_before_entry(fake_vcpu(0));
	assert_int_equal(control(2)->ready, 1U << 3);
	assert_int_equal(send_port(fake_vcpu(0), other), 0);
	assert_int_equal(*word(p) & EVTCHN_FIFO_LINK_MASK, 0);
	expect_got(0, &other, 1);
	expect_got(2, &p, 1);
}

static void without_a_control_block_it_is_pending_only(void **state)
{
	uint32_t p = bind_ipi(3);

	(void)state;
	nr_pages = 0;
	memset(own_head, 0, sizeof(own_head));
	assert_int_equal(init_control(0), 0);
	assert_int_equal(expand(0), 0);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(has(p, EVTCHN_FIFO_PENDING));
	assert_false(has(p, EVTCHN_FIFO_LINKED));
	/* hot start: the control block comes before the vCPU runs */
	assert_int_equal(init_control(3), 0);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	expect_got(3, &p, 1);
}

static void a_closed_port_is_not_reused_while_it_is_linked(void **state)
{
	uint32_t p = bind_ipi(0), q;

	(void)state;
	assert_int_equal(expand(0), 0);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_int_equal(close_port(p), 0);
	assert_false(has(p, EVTCHN_FIFO_PENDING));
	q = bind_ipi(0);
	assert_int_equal(q, p + 1);
	assert_int_equal(send_port(fake_vcpu(0), q), 0);
	expect_got(0, &q, 1);
	assert_int_equal(bind_ipi(0), p);
}

static void an_event_before_its_word_wakes_a_poller_and_is_kept(void **state)
{
	struct sched_poll a = { .nr_ports = 1 };
	uint32_t p = bind_ipi(1);
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	set_xen_guest_handle(a.ports, (evtchn_port_t *)0x30000);
	fake_write(0x30000, &p, sizeof(p));
	fake_write(0x31000, &a, sizeof(a));
	v->regs.rflags &= ~0x200ULL;
	assert_int_equal(fake_call_once(v, __HYPERVISOR_sched_op, SCHEDOP_poll, 0x31000, 0), NEXT_TO_DOM0);
	assert_false(guest_has_wakeup(v));
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(fake.kicks[1] > 0);
	assert_true(guest_has_wakeup(v));
	assert_int_equal(expand(0), 0);
	assert_true(guest_has_wakeup(v));
	expect_got(1, &p, 1);
	assert_false(guest_has_wakeup(v));
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(guest_has_wakeup(v));
	v->wait = WAIT_NONE;
}

static void reset_goes_back_to_2_levels_and_gives_all_pages_back(void **state)
{
	uint32_t p, pins = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(expand(0), 0);
	for (uint32_t i = 0; i < 3000; i++)
		p = bind_ipi(i % 4);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	reset();
	assert_ptr_equal(fake.d->g.evt.abi, &evtchn_2l);
	for (uint32_t i = 0; i < FAKE_FRAMES; i++)
		pins += fake.pins[i];
	assert_int_equal(pins, 0);
	p = bind_ipi(0);
	assert_int_equal(p, 1);
	assert_int_equal(send_port(fake_vcpu(0), p), 0);
	assert_true(test_bit(p, shared()->evtchn_pending));
	/* and again */
	assert_int_equal(init_control(0), 0);
	assert_int_equal(expand(0), 0);
	expect_got(0, &p, 1);
}

static void without_pool_pages_nothing_changes(void **state)
{
	(void)state;
	fake.pool_limit = fake.pool_used;
	assert_int_equal(init_control(0), -XEN_ENOMEM);
	assert_ptr_equal(fake.d->g.evt.abi, &evtchn_2l);
	assert_int_equal(fake.pins[CONTROL_GFN], 0);
	fake.pool_limit = FAKE_POOL;
	assert_int_equal(init_control(0), 0);
}

/* ---- a guest that keeps the rules, in any order ---- */

#define M_PORTS	40

static struct { bool open, owed, handling; uint32_t vcpu; } port_of[M_PORTS + 1];

static void model_step(void);
static int depth;

static void maybe(void)
{
	if (depth < 3 && !fake_below(3))
		model_step();
}

static void model_unmask(uint32_t p)
{
	if (!clear_mask(p)) {
		maybe();
		unmask_call(p);
	}
}

static void model_handle(uint32_t vcpu, uint32_t p)
{
	(void)vcpu;
	(void)test_and_set_bit(EVTCHN_FIFO_MASKED, word(p));
	port_of[p].handling = true;
	maybe();
	(void)test_and_clear_bit(EVTCHN_FIFO_PENDING, word(p));
	port_of[p].owed = false;
	maybe();
	port_of[p].handling = false;
	model_unmask(p);
}

static void model_step(void)
{
	uint32_t p = 1 + fake_below(M_PORTS), v = fake_below(4);

	depth++;
	switch (fake_below(8)) {
	case 0:
		if (!port_of[p].handling)
			(void)test_and_set_bit(EVTCHN_FIFO_MASKED, word(p));
		break;
	case 1:
		if (!port_of[p].handling)
			model_unmask(p);
		break;
	case 2:
		assert_int_equal(set_priority(p, fake_below(16)), 0);
		break;
	case 3:
		bind_vcpu(p, v);
		break;
	default:
		post_in(v, p - 1);
		guest_before_entry(fake_vcpu(v));
		port_of[p].owed = true;
	}
	depth--;
}

static void check_nothing_lost(void)
{
	for (bool again = true; again;) {
		again = false;
		for (uint32_t v = 0; v < 4; v++) {
			if (guest_event(fake_vcpu(v)).kind != GEVENT_CALLBACK)
				continue;
			consume(v, model_handle);
			again = true;
		}
	}
	for (uint32_t p = 1; p <= M_PORTS; p++)
		if (port_of[p].owed && !has(p, EVTCHN_FIFO_MASKED))
			fail_msg("port %u: its event is lost", p);
}

static void no_interleaving_loses_an_event(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		stop(state);
		start_fifo(state);
		fake_seed(seed);
		memset(port_of, 0, sizeof(port_of));
		for (uint32_t p = 1; p <= M_PORTS; p++)
			assert_int_equal(evtchn_dom0_alloc(fake.d), (uint64_t)(p - 1) << 32 | p);
		assert_int_equal(expand(1U << EVTCHN_FIFO_MASKED), 0);
		for (int i = 0; i < 3000; i++) {
			uint32_t v = fake_below(4);

			model_step();
			if (!fake_below(8) && guest_event(fake_vcpu(v)).kind == GEVENT_CALLBACK)
				consume(v, model_handle);
			if (!fake_below(64))
				check_nothing_lost();
		}
		check_nothing_lost();
	}
}

/* ---- the same beside the hypervisor, on another CPU ---- */

#define T_PORTS	24

static struct { uint32_t raised, seen, ask; } shared_of[T_PORTS + 1];
static bool all_raised;

static void thread_handle(uint32_t vcpu, uint32_t p)
{
	(void)vcpu;
	(void)test_and_set_bit(EVTCHN_FIFO_MASKED, word(p));
	(void)test_and_clear_bit(EVTCHN_FIFO_PENDING, word(p));
	__atomic_store_n(&shared_of[p].seen, __atomic_load_n(&shared_of[p].raised, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
	if (!clear_mask(p))
		__atomic_store_n(&shared_of[p].ask, 1, __ATOMIC_SEQ_CST);
}

static void *consumer(void *arg)
{
	while (!__atomic_load_n(&all_raised, __ATOMIC_SEQ_CST))
		consume(0, thread_handle);
	return arg;
}

/* Asked for by the guest: it has no CPU of its own to make the call with. */
static void unmask_asked(void)
{
	for (uint32_t p = 1; p <= T_PORTS; p++)
		if (xchg(&shared_of[p].ask, 0U))
			unmask_call(p);
}

static void a_guest_on_another_cpu_loses_nothing(void **state)
{
	pthread_t t;

	(void)state;
	memset(shared_of, 0, sizeof(shared_of));
	all_raised = false;
	fake_seed(3);
	for (uint32_t p = 1; p <= T_PORTS; p++)
		assert_int_equal(bind_ipi(0), p);
	assert_int_equal(expand(0), 0);
	assert_int_equal(pthread_create(&t, NULL, consumer, NULL), 0);
	for (int i = 0; i < 100000; i++) {
		uint32_t p = 1 + fake_below(T_PORTS);

		__atomic_fetch_add(&shared_of[p].raised, 1, __ATOMIC_SEQ_CST);
		assert_int_equal(send_port(fake_vcpu(0), p), 0);
		unmask_asked();
	}
	__atomic_store_n(&all_raised, true, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_join(t, NULL), 0);
	for (int i = 0; i < 3; i++) {
		unmask_asked();
		consume(0, thread_handle);
	}
	for (uint32_t p = 1; p <= T_PORTS; p++)
		if (shared_of[p].seen != shared_of[p].raised || has(p, EVTCHN_FIFO_BUSY))
			fail_msg("port %u: its event is lost", p);
}

/* ---- one that keeps no rule ---- */

/* Random bytes into every page of it, between calls and while another thread makes them. */
static void *scribbler(void *arg)
{
	uint64_t x = 88172645463325252ULL;

	while (!__atomic_load_n(&all_raised, __ATOMIC_SEQ_CST)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (x & 1)
			__atomic_store_n(word((x >> 8) % 2048 % 64), (uint32_t)(x >> 32), __ATOMIC_SEQ_CST);
		else
			__atomic_store_n(&((uint32_t *)control((x >> 2) % 4))[(x >> 8) % 18], (uint32_t)(x >> 32), __ATOMIC_SEQ_CST);
	}
	return arg;
}

static void random_call(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = fake_below(4) };
	struct evtchn_reset all = { .dom = DOMID_SELF };
	uint32_t p = fake_below(64);

	switch (fake_below(12)) {
	case 0:
		(void)EVTCHN(fake_vcpu(0), bind_ipi, &ipi);
		break;
	case 1:
		(void)close_port(p);
		break;
	case 2:
		(void)set_priority(p, fake_below(17));
		break;
	case 3:
		(void)(nr_pages < 128 && !fake_below(20) && expand((uint32_t)fake_random()));
		break;
	case 4:
		(void)init_control(fake_below(4));
		break;
	case 5:
		if (!fake_below(200) && !EVTCHN(fake_vcpu(0), reset, &all))
			nr_pages = 0;
		break;
	case 6:
		*(uint32_t *)word(p) = (uint32_t)fake_random();
		break;
	case 7:
		(void)fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_unmask, ARG, 0);
		break;
	default:
		(void)send_port(fake_vcpu(fake_below(4)), p);
	}
}

static void scribbling_harms_only_itself(void **state)
{
	pthread_t t;

	(void)state;
	all_raised = false;
	fake_seed(11);
	assert_int_equal(pthread_create(&t, NULL, scribbler, NULL), 0);
	for (int i = 0; i < 60000; i++) {
		random_call();
		for (uint32_t v = 0; v < 4; v++)
			for (uint32_t q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++)
				assert_true(fake_vcpu(v)->g.fifo_tail[q] < EVTCHN_FIFO_NR_CHANNELS);
	}
	__atomic_store_n(&all_raised, true, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_join(t, NULL), 0);
}

/* A chain in a ring, a link to nowhere, every word LINKED: a send ends, and writes only its own words. */
static void chains_of_nonsense_end(void **state)
{
	uint32_t p[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		p[i] = bind_ipi(0);
	assert_int_equal(expand(0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_port(fake_vcpu(0), p[i]), 0);
	*word(p[2]) = 1U << EVTCHN_FIFO_LINKED | 1U << EVTCHN_FIFO_BUSY | EVTCHN_FIFO_LINK_MASK;
	assert_int_equal(send_port(fake_vcpu(0), p[3]), 0);
	assert_int_equal(*word(p[2]), 1U << EVTCHN_FIFO_LINKED | p[3]);
	/* p[3] is the last now; whatever its word says, the next one is put behind it */
	*word(p[3]) = 0xffffffff;
	*word(p[0]) = 0;
	control(0)->head[EVTCHN_FIFO_PRIORITY_DEFAULT] = 0xffffffff;
	assert_int_equal(send_port(fake_vcpu(0), p[0]), 0);
	assert_int_equal(*word(p[3]) & EVTCHN_FIFO_LINK_MASK, p[0]);
	assert_int_equal(*word(0), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, start_fifo, stop)
#define BARE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(the_switch_takes_place_once_per_vcpu), BARE(what_waits_in_2_levels_comes_with_the_word),
		T(bad_calls_are_refused), T(all_131071_ports_can_be_used),
		T(events_come_in_order_and_by_priority), T(a_masked_event_is_linked_by_unmask),
		T(a_linked_event_stays_in_its_queue_and_the_next_goes_to_the_new), BARE(without_a_control_block_it_is_pending_only),
		T(a_closed_port_is_not_reused_while_it_is_linked), T(an_event_before_its_word_wakes_a_poller_and_is_kept),
		T(reset_goes_back_to_2_levels_and_gives_all_pages_back), BARE(without_pool_pages_nothing_changes),
		T(no_interleaving_loses_an_event), T(a_guest_on_another_cpu_loses_nothing),
		T(scribbling_harms_only_itself), T(chains_of_nonsense_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
