// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIFO ABI of <xen/event_channel.h>, with one vCPU: switch, queues, priorities, masks. Everything before was 2-level, and the
 * timer's and the console's ports stay bound over the switch. There is no way back but EVTCHNOP_reset, which would end the console.
 */
#include "abi.h"

#define NR_PAGES	2
#define WORDS		1024

static event_word_t words[NR_PAGES * WORDS] __page_aligned;
static struct evtchn_fifo_control_block control __attribute__((aligned(128)));
static uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
static volatile unsigned long hits[64];
static uint32_t order[16];
static volatile unsigned int nr_order;

static bool has(evtchn_port_t port, unsigned int bit)
{
	return READ_ONCE(words[port]) >> bit & 1;
}

static void set(evtchn_port_t port, unsigned int bit)
{
	__atomic_fetch_or(&words[port], 1U << bit, __ATOMIC_SEQ_CST);
}

static void clear(evtchn_port_t port, unsigned int bit)
{
	__atomic_fetch_and(&words[port], ~(1U << bit), __ATOMIC_SEQ_CST);
}

static uint32_t take_off(evtchn_port_t port)
{
	event_word_t gone = 1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK;

	return __atomic_fetch_and(&words[port], ~gone, __ATOMIC_SEQ_CST) & EVTCHN_FIFO_LINK_MASK;
}

static void handle(evtchn_port_t port)
{
	clear(port, EVTCHN_FIFO_PENDING);
	if (port < ARRAY_SIZE(hits))
		hits[port]++;
	if (nr_order < ARRAY_SIZE(order))
		order[nr_order++] = port;
}

static void upcall(struct trap *t)
{
	uint32_t ready, q, port;

	(void)t;
	nr_upcalls++;
	xchg(&vcpu_info->evtchn_upcall_pending, 0);
	for (ready = xchg(&control.ready, 0); ready; ready |= xchg(&control.ready, 0)) {
		q = (uint32_t)__builtin_ctz(ready);
		port = head[q] ? head[q] : READ_ONCE(control.head[q]);
		if (!port || port >= ARRAY_SIZE(words))
			panic("queue %u has head %u", q, port);
		head[q] = take_off(port);
		if (!head[q])
			ready &= ~(1U << q);
		if (has(port, EVTCHN_FIFO_PENDING) && !has(port, EVTCHN_FIFO_MASKED))
			handle(port);
	}
}

static long expand(unsigned int page)
{
	struct evtchn_expand_array e = { .array_gfn = (uintptr_t)&words[page * WORDS] >> 12 };

	return event_channel_op(EVTCHNOP_expand_array, &e);
}

static long priority(evtchn_port_t port, uint32_t p)
{
	struct evtchn_set_priority s = { .port = port, .priority = p };

	return event_channel_op(EVTCHNOP_set_priority, &s);
}

/* An event sent in 2 levels is not lost: it comes with the port's word. */
static bool switch_over(evtchn_port_t early)
{
	struct evtchn_init_control c = {
		.control_gfn = (uintptr_t)&control >> 12,
		.offset = (uintptr_t)&control & 4095,
	};
	unsigned int i;

	irq_off();
	(void)evtchn_send(early);
	if (!check_or_skip("init_control", event_channel_op(EVTCHNOP_init_control, &c), 0)) {
		irq_on();
		return false;
	}
	check_equal("link_bits", c.link_bits, EVTCHN_FIFO_LINK_BITS);
	check_equal("init_control-again", event_channel_op(EVTCHNOP_init_control, &c), -XEN_EINVAL);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = 1U << EVTCHN_FIFO_MASKED;
	clear(early, EVTCHN_FIFO_MASKED);
	clear(timer_port, EVTCHN_FIFO_MASKED);
	check_equal("expand_array", expand(0), 0);
	trap_handler(UPCALL_VECTOR, upcall);
	irq_on();
	__asm__ volatile("nop");
	check_equal("event-before-the-word-arrives", (long)hits[early], 1);
	check(!has(early, EVTCHN_FIFO_LINKED) && !has(early, EVTCHN_FIFO_PENDING), "its-word-is-clean", "%x", words[early]);
	return true;
}

static void queues(void)
{
	evtchn_port_t a = evtchn_bind_ipi(), b = evtchn_bind_ipi(), c = evtchn_bind_ipi();
	unsigned int i;

	clear(a, EVTCHN_FIFO_MASKED);
	clear(b, EVTCHN_FIFO_MASKED);
	clear(c, EVTCHN_FIFO_MASKED);
	check_equal("send", evtchn_send(a), 0);
	check_equal("arrives-at-once", (long)hits[a], 1);
	for (i = 0; i < 1000; i++)
		(void)evtchn_send(a);
	check_equal("1000-times", (long)hits[a], 1001);

	check_equal("set_priority", priority(c, EVTCHN_FIFO_PRIORITY_MAX), 0);
	check_equal("set_priority-16", priority(c, 16), -XEN_EINVAL);
	check_equal("set_priority-of-no-port", priority(1000, 1), -XEN_EINVAL);
	irq_off();
	nr_order = 0;
	(void)evtchn_send(b);
	(void)evtchn_send(a);
	(void)evtchn_send(b);
	(void)evtchn_send(c);
	check(has(a, EVTCHN_FIFO_LINKED) && has(b, EVTCHN_FIFO_LINKED), "both-are-linked", "%x %x", words[a], words[b]);
	check_equal("first-points-to-second", words[b] & EVTCHN_FIFO_LINK_MASK, a);
	check_equal("two-queues-are-ready", control.ready, 1 << EVTCHN_FIFO_PRIORITY_DEFAULT | 1 << EVTCHN_FIFO_PRIORITY_MAX);
	irq_on();
	__asm__ volatile("nop");
	check_equal("three-events", nr_order, 3);
	check(order[0] == c && order[1] == b && order[2] == a, "by-priority-then-in-order", "%u %u %u", order[0], order[1], order[2]);

	set(a, EVTCHN_FIFO_MASKED);
	(void)evtchn_send(a);
	check(has(a, EVTCHN_FIFO_PENDING) && !has(a, EVTCHN_FIFO_LINKED), "masked-port-only-pends", "%x", words[a]);
	i = (unsigned int)hits[a];
	check_equal("unmask", evtchn_unmask(a), 0);
	check_equal("unmask-raises", (long)hits[a], (long)i + 1);

	/* Closed while it is in a queue: its number rests until the guest took it off. */
	irq_off();
	(void)evtchn_send(b);
	check_equal("close-linked", evtchn_close(b), 0);
	check(!has(b, EVTCHN_FIFO_PENDING), "close-clears-pending", "%x", words[b]);
	check(evtchn_bind_ipi() != b, "linked-port-is-not-reused", "it is");
	irq_on();
	__asm__ volatile("nop");
	check_equal("taken-off-it-is-reused", evtchn_bind_ipi(), b);
}

static void many_ports(void)
{
	static evtchn_port_t ports[1500];
	unsigned long n;
	unsigned int i;
	long r = 0;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		r |= (ports[i] = evtchn_bind_ipi()) == 0;
	check_equal("1500-more-ports", r, 0);
	check(ports[i - 1] >= WORDS, "some-beyond-the-first-page", "%u", ports[i - 1]);
	check_equal("send-without-a-word", evtchn_send(ports[i - 1]), 0);
	clear(ports[i - 1], EVTCHN_FIFO_MASKED);
	nr_order = 0;
	check_equal("expand_array-second", expand(1), 0);
	check(nr_order == 1 && order[0] == ports[i - 1], "it-comes-with-its-page", "%u events", nr_order);
	n = nr_upcalls;
	irq_off();
	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		clear(ports[i], EVTCHN_FIFO_MASKED);
		(void)evtchn_send(ports[i]);
	}
	irq_on();
	__asm__ volatile("nop");
	check_equal("1500-events-in-one-upcall", (long)(nr_upcalls - n), 1);
	for (i = 0, r = 0; i < ARRAY_SIZE(ports); i++)
		r |= words[ports[i]];
	check_equal("all-words-are-clean", r, 0);
}

static void timer(void)
{
	uint64_t start = clock_ns();

	hits[timer_port] = 0;
	while (!hits[timer_port] && clock_ns() < start + 5 * NSEC) {
		irq_off();
		(void)timer_set(start + 10 * MSEC);
		halt_irq_on();
	}
	check(hits[timer_port] && clock_ns() >= start + 10 * MSEC, "timer-after-the-switch", "%lu", hits[timer_port]);
}

static void nonsense(void)
{
	evtchn_port_t p = evtchn_bind_ipi();
	struct evtchn_expand_array e = { .array_gfn = 1ULL << 40 };
	unsigned int i;

	check_equal("expand_array-nowhere", event_channel_op(EVTCHNOP_expand_array, &e), -XEN_EINVAL);
	irq_off();
	for (i = 0; i < 20000; i++) {
		words[random64() % ARRAY_SIZE(words)] = (event_word_t)random64();
		control.head[random64() % EVTCHN_FIFO_MAX_QUEUES] = (uint32_t)random64();
		control.ready = (uint32_t)random64();
		(void)evtchn_send(p);
	}
	/* All clean again: every queue is empty, whatever the hypervisor thought was in it. */
	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = i == p || i == timer_port ? 0 : 1U << EVTCHN_FIFO_MASKED;
	memset(&control, 0, sizeof(control));
	memset(head, 0, sizeof(head));
	xchg(&vcpu_info->evtchn_upcall_pending, 0);
	nr_order = 0;
	(void)evtchn_send(p);
	irq_on();
	__asm__ volatile("nop");
	check(nr_order == 1 && order[0] == p, "after-nonsense-it-works-again", "%u events", nr_order);
}

void abi_fifo(void)
{
	evtchn_port_t early = evtchn_bind_ipi();

	if (!early || early >= ARRAY_SIZE(hits) || !switch_over(early))
		return;
	queues();
	timer();
	many_ports();
	nonsense();
}
