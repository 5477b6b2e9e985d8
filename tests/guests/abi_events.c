// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"

static volatile unsigned long hits[64];

static void count(evtchn_port_t port)
{
	hits[port]++;
}

static long status(evtchn_port_t port, struct evtchn_status *s)
{
	memset(s, 0, sizeof(*s));
	s->dom = DOMID_SELF;
	s->port = port;
	return event_channel_op(EVTCHNOP_status, s);
}

static evtchn_port_t bind_ipi(void)
{
	evtchn_port_t port = evtchn_bind_ipi();

	if (port && port < ARRAY_SIZE(hits)) {
		hits[port] = 0;
		port_handler(port, count);
	}
	return port;
}

static void ipi_to_self(void)
{
	evtchn_port_t p = bind_ipi();
	struct evtchn_status s;
	unsigned int i;

	if (!check(p && p < ARRAY_SIZE(hits), "bind_ipi", "port %u", p))
		return;
	port_unmask(p);
	check_equal("ipi-send", evtchn_send(p), 0);
	check_equal("ipi-arrives-at-once", (long)hits[p], 1);
	for (i = 0; i < 1000; i++)
		(void)evtchn_send(p);
	check_equal("ipi-1000-times", (long)hits[p], 1001);
	check_equal("status", status(p, &s), 0);
	check_equal("status-ipi", s.status, EVTCHNSTAT_ipi);

	/* Not while interrupts are off; once, however often it was sent. */
	irq_off();
	(void)evtchn_send(p);
	(void)evtchn_send(p);
	check_equal("ipi-waits-for-IF", (long)hits[p], 1001);
	check(vcpu_info->evtchn_upcall_pending, "upcall_pending-set", "0");
	check(port_pending(p), "port-pending-set", "0");
	irq_on();
	__asm__ volatile("nop");
	check_equal("ipi-after-sti", (long)hits[p], 1002);

	/* STI; CLI leaves no room for an interrupt; neither may the exit of an emulated instruction. */
	irq_off();
	(void)evtchn_send(p);
	__asm__ volatile("sti; cli" ::: "memory");
	check_equal("sti-shadow-holds", (long)hits[p], 1002);
	/* CPUID in the shadow ends it: the event comes before CLI. */
	{
		uint32_t a = 0, b, c = 0, d;

		__asm__ volatile("sti; cpuid; cli" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) :: "memory");
	}
	check_equal("sti-cpuid-ends-the-shadow", (long)hits[p], 1003);
	irq_on();

	/* Masked: pending, no upcall; the hypercall raises it. */
	port_mask(p);
	(void)evtchn_send(p);
	check(port_pending(p) && hits[p] == 1003, "masked-port-only-pends", "pending %d, %lu hits", port_pending(p), hits[p]);
	check_equal("unmask", evtchn_unmask(p), 0);
	check_equal("unmask-raises", (long)hits[p], 1004);
	check(!port_masked(p), "unmask-clears-mask", "still masked");
	/* A second unmask has nothing to do. */
	(void)evtchn_unmask(p);
	check_equal("unmask-of-unmasked", (long)hits[p], 1004);

	check_equal("close", evtchn_close(p), 0);
	check_equal("close-again", evtchn_close(p), -XEN_EINVAL);
	check_equal("send-to-closed", evtchn_send(p), -XEN_EINVAL);
	(void)status(p, &s);
	check_equal("status-closed", s.status, EVTCHNSTAT_closed);
	check_equal("lowest-free-port-comes-next", bind_ipi(), p);
	check(!port_pending(p), "reused-port-is-not-pending", "pending");
	(void)evtchn_close(p);
}

/* Linux's unmask: clear the mask, and if the port was pending mask it again and ask the hypervisor. No event may be lost. */
static void unmask_race(void)
{
	evtchn_port_t p = bind_ipi();
	unsigned long wanted = 0, lost = 0;
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		bool off = random64() & 1;

		port_mask(p);
		if (off)
			irq_off();
		if (random64() & 1)
			(void)evtchn_send(p);
		if (random64() & 1)
			(void)evtchn_send(p);
		wanted = hits[p] + port_pending(p);
		port_unmask(p);
		if (off)
			irq_on();
		__asm__ volatile("nop");
		if (hits[p] != wanted)
			lost++;
	}
	check(!lost, "unmask-race", "%lu of 5000 wrong", lost);
	(void)evtchn_close(p);
}

static void upcall_level(void)
{
	unsigned long n = nr_upcalls;
	uint32_t r[4];

	/* The guest sets the byte itself: the next entry delivers. */
	WRITE_ONCE(vcpu_info->evtchn_upcall_pending, 1);
	cpuid(0, 0, r);
	(void)sched_op(SCHEDOP_yield, NULL);
	check(nr_upcalls > n, "pending-byte-set-by-guest-delivers", "no upcall");
	n = nr_upcalls;
	cpuid(0, 0, r);
	(void)sched_op(SCHEDOP_yield, NULL);
	check_equal("handled-upcall-does-not-come-again", (long)(nr_upcalls - n), 0);
}

static void virqs(void)
{
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 0 };
	struct evtchn_status s;

	check_equal("bind_virq-timer-again", event_channel_op(EVTCHNOP_bind_virq, &b), -XEN_EEXIST);
	b.virq = VIRQ_DEBUG;
	if (check_equal("bind_virq-debug", event_channel_op(EVTCHNOP_bind_virq, &b), 0)) {
		check_equal("status-of-virq", status(b.port, &s), 0);
		check(s.status == EVTCHNSTAT_virq && s.u.virq == VIRQ_DEBUG && s.vcpu == 0, "status-virq", "status %u virq %u vcpu %u",
		      s.status, s.u.virq, s.vcpu);
		check_equal("close-virq", evtchn_close(b.port), 0);
		check_equal("bind_virq-after-close", event_channel_op(EVTCHNOP_bind_virq, &b), 0);
		(void)evtchn_close(b.port);
	}
	b.virq = 99;
	check_equal("bind_virq-unknown", event_channel_op(EVTCHNOP_bind_virq, &b), -XEN_EINVAL);
	b.virq = VIRQ_DEBUG;
	b.vcpu = 4095;
	check_equal("bind_virq-no-vcpu", event_channel_op(EVTCHNOP_bind_virq, &b), -XEN_ENOENT);
	/* A global VIRQ that only dom0 ever gets: Xen lets anyone bind it to vCPU 0, and to no other. */
	b.virq = VIRQ_CONSOLE;
	b.vcpu = 1;
	check_refused("bind_virq-global-to-vcpu-1", event_channel_op(EVTCHNOP_bind_virq, &b));
}

static void interdomain(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_vcpu v;
	struct evtchn_status s;

	if (!check_equal("alloc_unbound", event_channel_op(EVTCHNOP_alloc_unbound, &a), 0))
		return;
	check_equal("send-to-unbound", evtchn_send(a.port), 0);
	(void)status(a.port, &s);
	check_equal("status-unbound", s.status, EVTCHNSTAT_unbound);
	b.remote_port = a.port;
	if (!check_or_skip("bind_interdomain-to-self", event_channel_op(EVTCHNOP_bind_interdomain, &b), 0)) {
		(void)evtchn_close(a.port);
		return;
	}
	check(port_pending(b.local_port), "bind_interdomain-pends-once", "not pending");
	port_clear(b.local_port);
	hits[a.port] = hits[b.local_port] = 0;
	port_handler(a.port, count);
	port_handler(b.local_port, count);
	port_unmask(a.port);
	port_unmask(b.local_port);
	(void)evtchn_send(a.port);
	check(hits[b.local_port] == 1 && !hits[a.port], "send-reaches-the-peer", "%lu and %lu", hits[b.local_port], hits[a.port]);
	(void)evtchn_send(b.local_port);
	check(hits[b.local_port] == 1 && hits[a.port] == 1, "and-back", "%lu and %lu", hits[b.local_port], hits[a.port]);
	check_refused("bind_interdomain-twice", event_channel_op(EVTCHNOP_bind_interdomain, &b));
	v.port = a.port;
	v.vcpu = 0;
	check_equal("bind_vcpu", event_channel_op(EVTCHNOP_bind_vcpu, &v), 0);
	v.vcpu = 4095;
	check_equal("bind_vcpu-no-vcpu", event_channel_op(EVTCHNOP_bind_vcpu, &v), -XEN_ENOENT);
	v.port = timer_port;
	v.vcpu = 0;
	check_equal("bind_vcpu-timer", event_channel_op(EVTCHNOP_bind_vcpu, &v), -XEN_EINVAL);
	check_equal("close-interdomain", evtchn_close(b.local_port), 0);
	(void)status(a.port, &s);
	check_equal("peer-becomes-unbound", s.status, EVTCHNSTAT_unbound);
	check_equal("send-after-peer-closed", evtchn_send(a.port), 0);
	(void)evtchn_close(a.port);
	a.dom = 0;
	check_refused("alloc_unbound-in-dom0", event_channel_op(EVTCHNOP_alloc_unbound, &a));
	b.remote_dom = 12345;
	check_equal("bind_interdomain-to-nobody", event_channel_op(EVTCHNOP_bind_interdomain, &b), -XEN_ESRCH);
}

static void bad_ports(void)
{
	struct evtchn_bind_ipi b = { .vcpu = 4095 };
	struct evtchn_init_control ic = { .control_gfn = 1, .offset = 4, .vcpu = 0 };
	struct evtchn_set_priority pr = { .port = timer_port, .priority = 3 };
	struct evtchn_expand_array ex = { .array_gfn = 1 };
	struct evtchn_status s;

	check_equal("send-port-0", evtchn_send(0), -XEN_EINVAL);
	check_equal("send-port-huge", evtchn_send(1 << 20), -XEN_EINVAL);
	check_equal("send-port-max", evtchn_send(0xffffffff), -XEN_EINVAL);
	check_equal("close-port-0", evtchn_close(0), -XEN_EINVAL);
	check_equal("close-port-max", evtchn_close(0xffffffff), -XEN_EINVAL);
	check_equal("unmask-port-max", evtchn_unmask(0xffffffff), -XEN_EINVAL);
	check_equal("status-port-max", status(0xffffffff, &s), -XEN_EINVAL);
	check_equal("bind_ipi-no-vcpu", event_channel_op(EVTCHNOP_bind_ipi, &b), -XEN_ENOENT);
	check_equal("event_channel_op-unknown", event_channel_op(99, &s), -XEN_ENOSYS);
	check_equal("event_channel_op-bad-pointer", event_channel_op(EVTCHNOP_send, NOT_MAPPED), -XEN_EFAULT);
	check_refused("init_control-odd-offset", event_channel_op(EVTCHNOP_init_control, &ic));
	ic.offset = 0;
	ic.vcpu = 4095;
	check_refused("init_control-no-vcpu", event_channel_op(EVTCHNOP_init_control, &ic));
	check_refused("set_priority-in-2-level", event_channel_op(EVTCHNOP_set_priority, &pr));
	check_refused("expand_array-in-2-level", event_channel_op(EVTCHNOP_expand_array, &ex));
}

static void exhaustion(void)
{
	static evtchn_port_t ports[5000];
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	unsigned int n, i;
	long r = 0;

	for (n = 0; n < ARRAY_SIZE(ports) && !(r = event_channel_op(EVTCHNOP_alloc_unbound, &a)); n++)
		ports[n] = a.port;
	printf("%u more ports\n", n);
	check(n < 4096, "ports-have-an-end", "%u", n);
	check_equal("ports-used-up", r, -XEN_ENOSPC);
	for (i = 0, r = 0; i < n; i++)
		r |= evtchn_close(ports[i]);
	check_equal("ports-close", r, 0);
	check(!event_channel_op(EVTCHNOP_alloc_unbound, &a) && a.port == ports[0], "ports-come-back", "port %u", a.port);
	(void)evtchn_close(a.port);
}

static void poll(void)
{
	evtchn_port_t p = bind_ipi(), ports[2] = { p, timer_port };
	struct sched_poll s = { .nr_ports = 1, .timeout = clock_ns() + 10 * NSEC };
	uint64_t start, took;

	set_xen_guest_handle(s.ports, ports);
	port_mask(p);
	(void)evtchn_send(p);
	start = clock_ns();
	check_equal("poll-pending-port", sched_op(SCHEDOP_poll, &s), 0);
	check(clock_ns() - start < 5 * NSEC, "poll-pending-returns-at-once", "%llu ms", (unsigned long long)(clock_ns() - start) / MSEC);
	port_clear(p);

	start = clock_ns();
	s.timeout = start + 20 * MSEC;
	check_equal("poll-timeout", sched_op(SCHEDOP_poll, &s), 0);
	took = clock_ns() - start;
	check(took >= 19 * MSEC && took < 5 * NSEC, "poll-timeout-time", "%llu us", (unsigned long long)took / 1000);
	/* The first one sends what we have printed to dom0 and goes on; the second has nothing but its timeout. */
	s.timeout = clock_ns() + 20 * MSEC;
	(void)sched_op(SCHEDOP_poll, &s);
	s.timeout = clock_ns() + 20 * MSEC;
	check_equal("poll-timeout-alone", sched_op(SCHEDOP_poll, &s), 0);

	/* Wakes by a masked port, interrupts off. */
	irq_off();
	port_mask(timer_port);
	port_clear(timer_port);
	s.nr_ports = 2;
	start = clock_ns();
	s.timeout = start + 20 * NSEC;
	(void)timer_set(start + 10 * MSEC);
	check_equal("poll-masked-port", sched_op(SCHEDOP_poll, &s), 0);
	took = clock_ns() - start;
	check(port_pending(timer_port), "poll-wakes-by-masked-port", "not pending after %llu ms", (unsigned long long)took / MSEC);
	check(took >= 10 * MSEC && took < 10 * NSEC, "poll-masked-port-time", "%llu us", (unsigned long long)took / 1000);
	port_clear(timer_port);

	/* An event for another port, deliverable, ends a poll too. */
	irq_on();
	port_unmask(timer_port);
	s.nr_ports = 1;
	start = clock_ns();
	s.timeout = start + 20 * NSEC;
	(void)timer_set(start + 10 * MSEC);
	check_equal("poll-other-event", sched_op(SCHEDOP_poll, &s), 0);
	check(clock_ns() - start < 10 * NSEC, "poll-ended-by-other-event", "it waited for the timeout");
	check_equal("poll-past-timeout", (s.timeout = 1, sched_op(SCHEDOP_poll, &s)), 0);

	/* Off until the call: on a busy host the event is else handled before it, and nothing wakes the block. */
	irq_off();
	start = clock_ns();
	(void)timer_set(start + 10 * MSEC);
	check_equal("block", sched_op(SCHEDOP_block, NULL), 0);
	irq_on();
	check(clock_ns() >= start + 10 * MSEC, "block-sleeps", "%llu us", (unsigned long long)(clock_ns() - start) / 1000);
	(void)evtchn_close(p);
}

static volatile unsigned int nr_nmis;

static void nmi(struct trap *t)
{
	(void)t;
	nr_nmis++;
}

static void nmi_to_self(void)
{
	trap_handler(2, nmi);
	irq_off();
	if (check_or_skip("send_nmi", vcpu_op(VCPUOP_send_nmi, 0, NULL), 0)) {
		__asm__ volatile("nop");
		check_equal("nmi-arrives-with-IF-0", nr_nmis, 1);
	}
	irq_on();
}

/*
 * Long stretches without an exit behind an event: an event that the CPU, or what emulates it, brings a second time
 * comes in one of them.
 */
static void interrupts_off(void)
{
	uint64_t cycles = 0, begin;
	unsigned int taken = 0, i;
	evtchn_port_t p = evtchn_bind_ipi();

	begin = rdtsc();
	for (uint64_t end = clock_ns() + MSEC; clock_ns() < end; )
		;
	cycles = rdtsc() - begin;
	port_handler(p, count);
	port_unmask(p);
	for (i = 0; i < 400; i++) {
		unsigned long upcalls;

		(void)evtchn_send(p);
		irq_off();
		upcalls = nr_upcalls;
		for (begin = rdtsc(); rdtsc() - begin < cycles; )
			;
		taken += nr_upcalls != upcalls;
		irq_on();
	}
	check(!taken, "no-event-with-IF-0", "in %u of %u stretches of 1 ms", taken, i);
	(void)evtchn_close(p);
}

void abi_events(void)
{
	interrupts_off();
	ipi_to_self();
	unmask_race();
	upcall_level();
	virqs();
	interdomain();
	bad_ports();
	exhaustion();
	poll();
	nmi_to_self();
}
