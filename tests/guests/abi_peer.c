// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel between two guests, made one after the other: role=offer offers a port to the domain that comes next, role=bind
 * binds it. They play ping-pong, each asleep in HLT while the other one sends; then the one closes and the other sees it.
 */
#include "abi.h"

#define ROUNDS	300

static volatile unsigned long hits;
static evtchn_port_t peer_port;
static bool answers;

static long send(void)
{
	return evtchn_send(peer_port);
}

static void hit(evtchn_port_t port)
{
	(void)port;
	hits++;
	if (answers)
		(void)send();
}

static bool wait_hits(unsigned long n, uint64_t ns)
{
	uint64_t end = clock_ns() + ns;

	while (hits < n && clock_ns() < end) {
		irq_off();
		if (hits >= n) {
			irq_on();
			break;
		}
		(void)timer_set(end);
		halt_irq_on();
	}
	return hits >= n;
}

static uint32_t own_domid(void)
{
	uint32_t r[4];

	cpuid(xen_base + 4, 0, r);
	return r[2];
}

static uint32_t status(void)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = peer_port };

	return event_channel_op(EVTCHNOP_status, &s) ? 99 : s.status;
}

static void offer(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = (domid_t)(own_domid() + 1) };
	uint64_t end;

	if (!check_equal("alloc_unbound-for-another", event_channel_op(EVTCHNOP_alloc_unbound, &a), 0))
		return;
	peer_port = a.port;
	answers = true;
	port_handler(a.port, hit);
	port_unmask(a.port);
	printf("offers port %u to domain %u\n", a.port, a.remote_dom);
	check(wait_hits(ROUNDS, 60 * NSEC), "pings-arrive", "%lu", hits);
	for (end = clock_ns() + 10 * NSEC; status() == EVTCHNSTAT_interdomain && clock_ns() < end; )
		sleep_until(clock_ns() + 10 * MSEC);
	check_equal("closed-by-the-other", status(), EVTCHNSTAT_unbound);
	check_equal("send-to-nobody", send(), 0);
}

static void bind(void)
{
	struct evtchn_bind_interdomain b = { .remote_dom = (domid_t)(own_domid() - 1) };
	struct evtchn_close c;
	uint64_t start, slowest = 0, took;
	unsigned int i;
	long r = -1;

	for (b.remote_port = 1; b.remote_port < 64 && (r = event_channel_op(EVTCHNOP_bind_interdomain, &b)); )
		b.remote_port++;
	if (!check_equal("bind_interdomain-to-another", r, 0))
		return;
	check(port_pending(b.local_port), "bind_interdomain-pends-once", "not pending");
	port_clear(b.local_port);
	check_equal("bind_interdomain-twice", event_channel_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	peer_port = b.local_port;
	port_handler(peer_port, hit);
	port_unmask(peer_port);
	for (i = 0; i < ROUNDS; i++) {
		start = clock_ns();
		(void)send();
		if (!wait_hits(i + 1, 5 * NSEC))
			break;
		took = clock_ns() - start;
		if (took > slowest)
			slowest = took;
	}
	check(i == ROUNDS && hits == ROUNDS, "pongs-arrive", "%lu of %u", hits, ROUNDS);
	printf("slowest round %llu us\n", (unsigned long long)slowest / 1000);
	c.port = peer_port;
	check_equal("close", event_channel_op(EVTCHNOP_close, &c), 0);
}

void abi_peer(void)
{
	if (option_is("role", "offer"))
		offer();
	else if (option_is("role", "bind"))
		bind();
}
