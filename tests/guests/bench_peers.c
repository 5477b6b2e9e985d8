// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench's part with a partner: grants, which the guest gives itself; a second vCPU that answers out of SCHEDOP_poll; and, with role=answer
 * and role=ask, two guests made one after the other. Rounds are there and back, both asleep meanwhile: on one CPU each is two
 * switches of dom0's threads.
 */
#include "bench.h"

#define REF		8
#define TRAMPOLINE	0x8000U
#define AP_STACK	4096
#define MSR_X2APIC_ICR	0x830

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(unsigned int id) __attribute__((noreturn));

char ap_stacks[2][AP_STACK] __page_aligned;
static char table_page[4096] __page_aligned, from[4096] __page_aligned, to[4096] __page_aligned;
static volatile grant_entry_v1_t *table = (void *)table_page;
static volatile unsigned long hits;
static evtchn_port_t ours, theirs;	/* what we wait for, and what wakes the second vCPU */

static domid_t own_domid(void)
{
	uint32_t r[4];

	cpuid(xen_base + 4, 0, r);
	return (domid_t)r[2];
}

static uint32_t frame_of(const void *p)
{
	return (uint32_t)((uintptr_t)p >> 12);
}

/* ---- grants ---- */

static void map_and_unmap(uint64_t at, domid_t me)
{
	struct gnttab_map_grant_ref m = { .host_addr = at, .flags = GNTMAP_host_map, .ref = REF, .dom = me };
	struct gnttab_unmap_grant_ref u = { .host_addr = at };

	if (grant_table_op(GNTTABOP_map_grant_ref, &m, 1) || m.status)
		panic("map: %d", m.status);
	u.handle = m.handle;
	if (grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1) || u.status)
		panic("unmap: %d", u.status);
}

static void copy(domid_t me)
{
	struct gnttab_copy c = { .source = { .u.ref = REF, .domid = me }, .dest = { .u.gmfn = frame_of(to), .domid = DOMID_SELF },
				 .len = sizeof(to), .flags = GNTCOPY_source_gref };

	if (grant_table_op(GNTTABOP_copy, &c, 1) || c.status)
		panic("copy: %d", c.status);
}

void bench_grants(unsigned int n)
{
	uint64_t at = memory_hole(0x10000000, 0x200000);
	domid_t me = own_domid();

	if (add_to_physmap(XENMAPSPACE_grant_table, 0, frame_of(table_page)))
		panic("no grant table");
	table[REF].domid = me;
	table[REF].frame = frame_of(from);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[REF].flags = GTF_permit_access;
	MEASURE("grant_copy_4k", n, copy(me));
	MEASURE("grant_map_unmap", n, map_and_unmap(at, me));
}

/* ---- rounds ---- */

static void hit(evtchn_port_t port)
{
	(void)port;
	hits++;
}

static void sleep_until_hits(unsigned long n)
{
	irq_off();
	while (hits < n) {
		halt_irq_on();
		irq_off();
	}
	irq_on();
}

static void rounds(unsigned int n, evtchn_port_t port, const char *name)
{
	unsigned long seen = hits;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t t = tsc_ordered();

		if (evtchn_send(port))
			panic("send");
		sleep_until_hits(++seen);
		record(t, tsc_ordered());
	}
	result(name);
}

/* The second vCPU: its port stays masked and it has no interrupts. */
void ap_main(unsigned int id)
{
	evtchn_port_t port = theirs;
	struct sched_poll s = { .nr_ports = 1 };

	(void)id;
	set_xen_guest_handle(s.ports, &port);
	for (;;) {
		(void)sched_op(SCHEDOP_poll, &s);
		if (!port_pending(theirs))
			continue;
		port_clear(theirs);
		(void)evtchn_send(ours);
	}
}

static evtchn_port_t bind_ipi(unsigned int vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	if (event_channel_op(EVTCHNOP_bind_ipi, &b))
		panic("bind_ipi to vCPU %u", vcpu);
	return b.port;
}

void bench_second_vcpu(unsigned int n)
{
	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0)
		return;
	ours = bind_ipi(0);
	theirs = bind_ipi(1);
	port_handler(ours, hit);
	port_unmask(ours);
	memcpy((void *)(uintptr_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4500);
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4600 | TRAMPOLINE >> 12);
	rounds(n, theirs, "ipi_round");
}

/* ---- two guests ---- */

static void answer(unsigned int n)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = (domid_t)(own_domid() + 1) };

	if (event_channel_op(EVTCHNOP_alloc_unbound, &a))
		panic("alloc_unbound");
	port_handler(a.port, hit);
	port_unmask(a.port);
	for (unsigned long seen = 0; seen < n; ) {
		sleep_until_hits(++seen);
		(void)evtchn_send(a.port);
	}
	printf("\"answered\":%u", n);
}

static void ask(unsigned int n)
{
	struct evtchn_bind_interdomain b = { .remote_dom = (domid_t)(own_domid() - 1), .remote_port = 1 };

	while (b.remote_port < 64 && event_channel_op(EVTCHNOP_bind_interdomain, &b))
		b.remote_port++;
	if (b.remote_port == 64)
		panic("nobody offers a port");
	port_clear(b.local_port);	/* a new channel pends once */
	port_handler(b.local_port, hit);
	port_unmask(b.local_port);
	rounds(n, b.local_port, "event_round_between_guests");
}

void bench_role(unsigned int n)
{
	if (option_is("role", "answer"))
		answer(n);
	else
		ask(n);
}
