// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec32: a 32-bit guest with paging off, as GRUB and the 32-bit unikernels are: hypercalls through the page of MSR 0x40000000, pointers
 * are physical, structs have the i386 layout. Checks that the hypervisor took the narrow layout for shared_info, runstate and
 * memory_op, and that events and timers work with it.
 *
 *	ticks=N (default 5)
 */
#include "guest.h"

_Static_assert(sizeof(struct shared_info) == 2344, "i386 layout");
_Static_assert(sizeof(struct vcpu_runstate_info) == 44, "i386 layout");
_Static_assert(sizeof(struct xen_add_to_physmap) == 16, "i386 layout");

static volatile unsigned int hits;
static struct vcpu_runstate_info runstate;

static void hit(evtchn_port_t port)
{
	(void)port;
	hits++;
}

static void memory_map(void)
{
	static struct { uint64_t addr, size; uint32_t type; } __attribute__((packed)) map[128];
	struct xen_memory_map m = { .nr_entries = ARRAY_SIZE(map) };

	set_xen_guest_handle(m.buffer, map);
	if (check_equal("memory_map", memory_op(XENMEM_memory_map, &m), 0))
		check(m.nr_entries == start_info.memmap_entries && map[0].size, "memory_map-content", "%u entries", m.nr_entries);
}

static void events(void)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	struct evtchn_send s;

	check_equal("bind_ipi", event_channel_op(EVTCHNOP_bind_ipi, &b), 0);
	port_handler(b.port, hit);
	port_unmask(b.port);
	s.port = b.port;
	check_equal("send", event_channel_op(EVTCHNOP_send, &s), 0);
	check_equal("event-in-narrow-layout", (long)hits, 1);
	port_mask(b.port);
	(void)event_channel_op(EVTCHNOP_send, &s);
	check(port_pending(b.port) && hits == 1, "masked-in-narrow-layout", "pending %d, %u hits", port_pending(b.port), hits);
	s.port = 1024;
	check_refused("port-1024", event_channel_op(EVTCHNOP_send, &s));
}

static void runstate_area(void)
{
	struct vcpu_register_runstate_memory_area a = { .addr.p = (uintptr_t)&runstate };

	if (check_equal("runstate-register", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &a), 0))
		check(runstate.state == RUNSTATE_running && runstate.time[RUNSTATE_running] < 1ULL << 50, "runstate-in-narrow-layout",
		      "state %d, running %llx", runstate.state, (unsigned long long)runstate.time[RUNSTATE_running]);
}

/* A 32-bit kernel's APIC starts in xAPIC mode. */
static volatile uint32_t *const apic = (volatile uint32_t *)0xfee00000;
static volatile unsigned int nr_ipis;

static void ipi(struct trap *t)
{
	(void)t;
	nr_ipis++;
	apic[0xb0 / 4] = 0;
}

static void apic_page(void)
{
	uint64_t base = 0;
	uint32_t r[4];

	if (!check(rdmsr_safe(0x1b, &base) && (base & 0xc00) == 0x800, "apic-base-xapic", "%llx", (unsigned long long)base))
		return;
	cpuid(1, 0, r);
	check_equal("apic-page-id", (long)(apic[0x20 / 4] >> 24), (long)(r[1] >> 24));
	check_equal("apic-page-version", (long)(apic[0x30 / 4] & 0xff), 0x14);
	trap_handler(0x60, ipi);
	apic[0xf0 / 4] = 0x1ff;
	apic[0x300 / 4] = 1 << 18 | 0x60;
	__asm__ volatile("nop");
	check_equal("apic-page-self-ipi", (long)nr_ipis, 1);
	check(!rdmsr_safe(0x802, &base), "x2apic-msr-in-xapic-mode", "readable");
}

void guest_main(void)
{
	uint64_t i, n = option_number("ticks", 5), start;
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_CONSOLE_PFN };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	uint32_t r[4];

	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	printf("spec32: %s\n", cmdline);
	cpuid(xen_base + 1, 0, r);
	check_equal("version-by-instruction", xen_version(XENVER_version, NULL), (long)r[0]);
	check(hypercall_page_install(), "hypercall-page", "WRMSR faulted");
	check_equal("version-by-page", xen_version(XENVER_version, NULL), (long)r[0]);
	check_equal("hypercall-unknown", hypercall(63, 0, 0, 0), -XEN_ENOSYS);
	check_equal("get_param", hvm_op(HVMOP_get_param, &p), 0);
	check_equal("query_size", grant_table_op(GNTTABOP_query_size, &q, 1), 0);
	memory_map();
	if (events_init() || timer_init())
		panic("no events or timer");
	check(shared_info->wc_sec > 1577836800, "wallclock-in-narrow-layout", "%u", shared_info->wc_sec);
	events();
	runstate_area();
	apic_page();
	start = clock_ns();
	for (i = 0; i < n; i++)
		sleep_until(clock_ns() + 10 * MSEC);
	check(clock_ns() >= start + n * 10 * MSEC && nr_timer_events >= n, "ticks", "%lu timer events", nr_timer_events);
}
