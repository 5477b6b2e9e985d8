// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz: count= random hypercalls made from seed=, structured: known numbers and commands most of the time, arguments that look
 * right in all but one field, pointers good, bad, crossing pages, into holes. What it must survive it leaves out: shutdown, bringing
 * itself down, closing the console's port, long sleeps. It may lose the victim pages, never its own code. The hypervisor must not fault, hang or hurt a neighbour;
 * the calls themselves may return anything. The last call made is in "last" (a symbol), for the debugger.
 *
 *	seed=N count=N (default 100000) trace (print each call)
 */
#include "guest.h"

#define NR_VICTIMS	16

static uint8_t args[2 * 4096] __page_aligned;		/* argument structs, sometimes across the page boundary */
static uint8_t lists[2 * 4096] __page_aligned;		/* what arguments point to; calls may write here */
static uint8_t victims[NR_VICTIMS * 4096] __page_aligned;	/* frames calls may take away; never touched by the program */
static uint64_t hole;

struct { unsigned int nr; unsigned long a[5]; } last;

static uint64_t interesting(void)
{
	static const uint64_t v[] = { 0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096,
				      0x7ff0, 0x7ff1, 0x7ff4, 0x7fff, 0x8000, 0xffff, 0x10000, 0x1ffff, 0x20000, 0x7fffffff, 0x80000000,
				      0xffffffff, 0x100000000, 1ULL << 40, 1ULL << 52, 1ULL << 63, ~0ULL };

	if (random_below(4) == 0)
		return random64() >> random_below(64);
	return v[random_below(ARRAY_SIZE(v))];
}

/* A frame number a call may take away or write to: a victim, a hole, or nothing at all; never the program's own. */
static uint64_t safe_gfn(void)
{
	uint64_t v;

	switch (random_below(8)) {
	case 0:
		return (hole >> 12) + random_below(16);
	case 1:
		v = interesting();
		return v < 1 << 20 ? v | 1 << 28 : v;	/* above all RAM there is */
	case 2:
		return 0xfee00;
	default:
		return ((uintptr_t)victims >> 12) + random_below(NR_VICTIMS);
	}
}

static unsigned long pointer(void *good)
{
	switch (random_below(24)) {
	case 0: return 0x700000000000;			/* not mapped */
	case 1: return 0x8000000000001000;		/* not canonical; Xen would look at address 0x1000 */
	case 2: return hole;
	case 3: return (uintptr_t)victims + random_below(NR_VICTIMS * 4096 - 64);
	case 4: return 0xfffffff8;			/* ends where the mapping ends */
	case 5: return 0xffffffffffffffff;
	default: return (uintptr_t)good;
	}
}

static domid_t domid(void)
{
	switch (random_below(8)) {
	case 0: return 0;
	case 1: return (domid_t)random_below(8);
	case 2: return (domid_t)interesting();
	default: return DOMID_SELF;
	}
}

static void *arg(void)
{
	unsigned int i;

	for (i = 0; i < 256; i += 8) {
		uint64_t v = interesting();

		memcpy(args + 4096 - 128 + i, &v, 8);
	}
	return random_below(4) ? args : args + 4096 - random_below(64);
}

static long call(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4)
{
	static bool trace, asked;
	long r;

	if (!asked) {
		trace = option("trace");
		asked = true;
	}
	last.nr = nr;
	last.a[0] = a1;
	last.a[1] = a2;
	last.a[2] = a3;
	last.a[3] = a4;
	if (trace)
		printf("%u(%lx, %lx, %lx, %lx)", nr, a1, a2, a3, a4);
	r = hypercall_via(nr, a1, a2, a3, a4, 0);
	if (trace)
		printf(" = %ld\n", r);
	return r;
}

static void fuzz_memory(void)
{
	unsigned int cmd = random_below(8) ? random_below(30) : (unsigned int)interesting(), i;
	uint64_t *gfns = (uint64_t *)lists;
	void *a = arg();

	switch (cmd & 63) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap: {
		struct xen_memory_reservation r = { .nr_extents = random_below(4) ? random_below(16) : interesting(),
						    .extent_order = random_below(4) ? 0 : (unsigned int)interesting(),
						    .mem_flags = random_below(2) ? 0 : (unsigned int)interesting(), .domid = domid() };

		/* An order reaches beyond a victim: only from a hole then. */
		for (i = 0; i < 512; i++)
			gfns[i] = r.extent_order ? (hole >> 12) + random_below(512) : safe_gfn();
		if (r.extent_order && cmd != XENMEM_populate_physmap)
			r.extent_order = 0, r.nr_extents = 0;
		set_xen_guest_handle(r.extent_start, (void *)gfns);
		if (random_below(8) == 0)
			set_xen_guest_handle(r.extent_start, (void *)0x700000000000);
		if (r.nr_extents > 512)
			set_xen_guest_handle(r.extent_start, (void *)(0x100000000 - 4096));
		memcpy(a, &r, sizeof(r));
		break;
	}
	case XENMEM_exchange:
		return;				/* two lists of any order: could take the program's own frames */
	case XENMEM_add_to_physmap: {
		struct xen_add_to_physmap r = { .domid = domid(), .size = (uint16_t)interesting(), .space = random_below(8),
						.idx = random_below(2) ? random_below(70) : interesting(), .gpfn = safe_gfn() };

		if (r.space == XENMAPSPACE_gmfn || r.space == XENMAPSPACE_gmfn_range)
			r.idx = safe_gfn(), r.size = 1;
		if (r.space == XENMAPSPACE_shared_info && random_below(8))
			r.space = XENMAPSPACE_grant_table;
		memcpy(a, &r, sizeof(r));
		break;
	}
	case XENMEM_remove_from_physmap: {
		struct xen_remove_from_physmap r = { .domid = domid(), .gpfn = safe_gfn() };

		memcpy(a, &r, sizeof(r));
		break;
	}
	case XENMEM_add_to_physmap_batch:
	case XENMEM_set_memory_map:
	case XENMEM_memory_map: {
		struct xen_memory_map r = { .nr_entries = (unsigned int)interesting() };

		if ((cmd & 63) == XENMEM_add_to_physmap_batch)
			break;
		if (r.nr_entries > 100)
			r.nr_entries = 100;
		set_xen_guest_handle(r.buffer, (void *)pointer(lists));
		memcpy(a, &r, sizeof(r));
		break;
	}
	default:
		/* Numbers only: no field of what is left names a frame to lose, all lists are bad pointers or this one. */
		break;
	}
	if ((cmd & 63) == XENMEM_add_to_physmap_batch)
		memset(a, 0xff, 48);
	call(__HYPERVISOR_memory_op, cmd, pointer(a), interesting(), 0);
}

static evtchn_port_t some_port(void)
{
	evtchn_port_t p = random_below(4) ? random_below(40) : (evtchn_port_t)interesting();

	return p == console_port || p == timer_port ? p + 1 : p;
}

static void fuzz_events(void)
{
	unsigned int cmd = random_below(8) ? random_below(15) : (unsigned int)interesting();
	uint32_t *f = arg();
	unsigned int i;

	if (cmd == EVTCHNOP_reset || cmd == EVTCHNOP_init_control || cmd == EVTCHNOP_expand_array)
		cmd = EVTCHNOP_send;		/* would take the console and the timer away */
	for (i = 0; i < 6; i++)
		if (random_below(3))
			f[i] = random_below(2) ? some_port() : random_below(3);
	switch (cmd) {
	case EVTCHNOP_close:
	case EVTCHNOP_send:
	case EVTCHNOP_unmask:
	case EVTCHNOP_bind_vcpu:
	case EVTCHNOP_set_priority:
		f[0] = some_port();
		break;
	case EVTCHNOP_status:
	case EVTCHNOP_alloc_unbound:
	case EVTCHNOP_bind_interdomain:
		f[0] = domid() | (uint32_t)domid() << 16;
		break;
	}
	call(__HYPERVISOR_event_channel_op, cmd, cmd == EVTCHNOP_close ? (uintptr_t)f : pointer(f), 0, 0);
	if (random_below(64) == 0)
		for (i = 1; i < 64; i++) {	/* free ports again */
			struct evtchn_close c = { .port = i };

			if (i != console_port && i != timer_port)
				(void)event_channel_op(EVTCHNOP_close, &c);
		}
}

static void fuzz_grants(void)
{
	unsigned int cmd = random_below(8) ? random_below(14) : (unsigned int)interesting(), i, n = random_below(4) ? 1 : random_below(20);
	uint8_t *a = arg();

	for (i = 0; i < 4096; i += 4) {
		uint32_t v = random_below(2) ? random_below(600) : (uint32_t)interesting();

		memcpy(lists + i, &v, 4);
	}
	switch (cmd) {
	case GNTTABOP_map_grant_ref: {
		struct gnttab_map_grant_ref m = { .host_addr = safe_gfn() << 12, .flags = (uint32_t)interesting(), .ref = random_below(600),
						  .dom = domid() };
		memcpy(a, &m, sizeof(m));
		n = 1;
		break;
	}
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace: {
		struct gnttab_unmap_grant_ref m = { .host_addr = safe_gfn() << 12, .handle = random_below(8) };

		memcpy(a, &m, sizeof(m));
		n = 1;
		break;
	}
	case GNTTABOP_setup_table: {
		struct gnttab_setup_table s = { .dom = domid(), .nr_frames = random_below(2) ? random_below(70) : (uint32_t)interesting() };

		set_xen_guest_handle(s.frame_list, (void *)pointer(lists));
		memcpy(a, &s, sizeof(s));
		n = 1;
		break;
	}
	case GNTTABOP_transfer:
		return;				/* gives frames away by number */
	case GNTTABOP_copy: {
		struct gnttab_copy c = { .source = { .u.gmfn = safe_gfn(), .domid = domid(), .offset = (uint16_t)random_below(5000) },
					 .dest = { .u.gmfn = safe_gfn(), .domid = domid(), .offset = (uint16_t)random_below(5000) },
					 .len = (uint16_t)random_below(5000), .flags = (uint16_t)random_below(5) };
		memcpy(a, &c, sizeof(c));
		n = 1;
		break;
	}
	case GNTTABOP_get_status_frames: {
		gnttab_get_status_frames_t g = { .nr_frames = random_below(70), .dom = domid() };

		set_xen_guest_handle(g.frame_list, (void *)pointer(lists));
		memcpy(a, &g, sizeof(g));
		n = 1;
		break;
	}
	default:
		if (n > 4)
			n = 4;
	}
	call(__HYPERVISOR_grant_table_op, cmd, pointer(a), random_below(8) ? n : 0x80000000U | n, 0);
}

static void fuzz_vcpu(void)
{
	unsigned int cmd = random_below(8) ? random_below(16) : (unsigned int)interesting();
	unsigned long vcpu = random_below(2) ? 0 : 1 + (random_below(2) ? random_below(200) : interesting());
	uint64_t *a = arg();

	/* An NMI to ourselves is granted, and this program has no use for it. */
	if (cmd == VCPUOP_down || cmd == VCPUOP_initialise || cmd == VCPUOP_up || cmd == VCPUOP_send_nmi)
		vcpu |= 1UL << 31;		/* not us, nor a neighbour that would run wild */
	switch (cmd) {
	case VCPUOP_register_vcpu_info:
		a[0] = safe_gfn();
		a[1] = random_below(2) ? random_below(4096) : interesting();
		if (a[0] - ((uintptr_t)victims >> 12) < NR_VICTIMS && !(vcpu & 1UL << 31))
			return;			/* would work, once, and take our time with it */
		break;
	case VCPUOP_register_runstate_memory_area:
	case VCPUOP_register_vcpu_time_memory_area:
		a[0] = pointer(lists + 4096 - random_below(64));
		break;
	case VCPUOP_set_periodic_timer:
		a[0] = random_below(2) ? 1000000 + random_below(100000000) : interesting();
		break;
	case VCPUOP_set_singleshot_timer:
		a[0] = random_below(2) ? clock_ns() + random_below(1000000) : interesting();
		break;
	}
	call(__HYPERVISOR_vcpu_op, cmd, vcpu, cmd == VCPUOP_register_vcpu_info ? (uintptr_t)a : pointer(a), 0);
}

static void fuzz_sched(void)
{
	unsigned int cmd = random_below(8) ? random_below(9) : (unsigned int)interesting();
	struct sched_poll p = { .nr_ports = random_below(2) ? random_below(4) : (unsigned int)interesting(),
				.timeout = clock_ns() + random_below(200000) };

	if (cmd == SCHEDOP_shutdown || cmd == SCHEDOP_shutdown_code || cmd == SCHEDOP_watchdog || cmd == SCHEDOP_block)
		cmd = SCHEDOP_yield;		/* the end, or a sleep without one */
	if (cmd == SCHEDOP_poll) {
		void *a = arg();

		set_xen_guest_handle(p.ports, (void *)pointer(lists));
		memcpy(a, &p, sizeof(p));
		call(__HYPERVISOR_sched_op, cmd, (uintptr_t)a, 0, 0);
	} else {
		call(__HYPERVISOR_sched_op, cmd, pointer(arg()), 0, 0);
	}
}

static void fuzz_hvm(void)
{
	unsigned int cmd = random_below(4) ? random_below(2) : random_below(30);
	struct xen_hvm_param p = { .domid = domid(), .index = random_below(4) ? random_below(45) : (uint32_t)interesting(), .value = interesting() };
	void *a = arg();

	if (cmd == HVMOP_set_param && p.index == HVM_PARAM_CALLBACK_IRQ)
		p.value = 2ULL << 56 | UPCALL_VECTOR;
	/* Xen ends a domain whose TSS for virtual-8086 mode is nonsense. */
	if (cmd == HVMOP_set_param && (p.index == HVM_PARAM_VM86_TSS || p.index == HVM_PARAM_VM86_TSS_SIZED))
		p.index = HVM_PARAM_VM_GENERATION_ID_ADDR;
	memcpy(a, &p, sizeof(p));
	if (cmd == HVMOP_set_evtchn_upcall_vector)
		memset(a, 0xff, 4);		/* no such vCPU: ours would need an APIC set up */
	call(__HYPERVISOR_hvm_op, cmd, cmd == HVMOP_set_param ? (uintptr_t)a : pointer(a), 0, 0);
}

static void fuzz_others(void)
{
	static const unsigned char numbers[] = { 7, 17, 18, 21, 27, 33, 35, 36, 37, 39, 40, 42 };
	struct multicall_entry m[4];
	unsigned int nr = random_below(4) ? numbers[random_below(sizeof(numbers))] : 64 + (unsigned int)interesting(), i;
	void *a = arg();

	switch (random_below(4)) {
	case 0:
		for (i = 0; i < 4; i++) {
			memset(&m[i], 0, sizeof(m[i]));
			m[i].op = random_below(2) ? __HYPERVISOR_xen_version : 64 + random_below(1000);
			m[i].args[0] = random_below(10);
			m[i].args[1] = pointer(lists);
		}
		memcpy(a, m, sizeof(m));
		call(__HYPERVISOR_multicall, (uintptr_t)a, random_below(5), 0, 0);
		break;
	case 1:
		call(__HYPERVISOR_set_timer_op, random_below(2) ? clock_ns() + random_below(1000000) : interesting(), 0, 0, 0);
		break;
	case 2:
		/* Writing needs a readable buffer and few bytes: the log is rate limited, our patience too. */
		if (random_below(100) == 0)
			call(__HYPERVISOR_console_io, random_below(3), random_below(64), pointer(lists + 4096), 0);
		break;
	default:
		if (nr == __HYPERVISOR_console_io)
			nr = __HYPERVISOR_xen_version;
		call(nr, random_below(2) ? random_below(16) : interesting(), pointer(lists), pointer(lists), interesting());
	}
}

/* Registers that look at the hypervisor from the other side. */
static void fuzz_instructions(void)
{
	uint32_t r[4];
	uint64_t v;

	switch (random_below(4)) {
	case 0:
		cpuid((uint32_t)interesting(), (uint32_t)interesting(), r);
		break;
	case 1:
		(void)rdmsr_safe((uint32_t)interesting() | (random_below(2) ? 0xc0000000 : 0), &v);
		break;
	case 2:
		(void)inl((uint16_t)interesting());
		break;
	default: {
		uint32_t msr = (uint32_t)interesting();

		/* Not the ones this program lives by: EFER, APIC, hypercall page, TSC. */
		if (msr > 0x1000 && (msr < 0xc0000000 || msr > 0xc0001000) && msr < 0x40000000)
			(void)wrmsr_safe(msr, interesting());
	}
	}
}

static void (*const kinds[])(void) = {
	fuzz_memory, fuzz_memory, fuzz_events, fuzz_events, fuzz_grants, fuzz_grants, fuzz_vcpu, fuzz_sched, fuzz_hvm, fuzz_others,
	fuzz_instructions,
};

void guest_main(void)
{
	uint64_t count = option_number("count", 100000), seed = option_number("seed", 1), i, step, ns;

	random_state ^= seed * 0x9e3779b97f4a7c15;
	if (!random_state)
		random_state = 1;
	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	if (events_init() || timer_init())
		panic("no events or timer");
	hole = memory_hole(4 << 20, 4 << 20);
	step = count / 10 ? count / 10 : 1;
	printf("fuzz: seed %llu, %llu calls\n", (unsigned long long)seed, (unsigned long long)count);
	ns = clock_ns();
	for (i = 0; i < count; i++) {
		kinds[random_below(ARRAY_SIZE(kinds))]();
		if (i % step == 0 && i) {
			/* The shared page may have been moved to a hole: bring it home. */
			(void)shared_info_map();
			printf("%llu calls, %llu ms\n", (unsigned long long)i, (unsigned long long)((clock_ns() - ns) / MSEC));
		}
	}
	(void)shared_info_map();
	check(xen_version(XENVER_version, NULL) > 0, "hypervisor-answers", "%ld", xen_version(XENVER_version, NULL));
	check(clock_ns() > ns, "clock-goes-on", "it stands");
}
