// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash: one way to die (or to be a nuisance) per run, chosen by kind=. The guest says first what should become of it; the
 * test outside compares: a guest that goes wrong must end as crashed, with its registers in the journal, and neither dom0
 * nor another guest may notice. kind=list names all kinds. A guest that lives on although it should not prints "not ok".
 */
#include "guest.h"

#define MSR_EFER	0xc0000080

enum outcome {
	CRASHED,	/* domain ends as crashed */
	POWEROFF,	/* ends by itself with PASS */
	EITHER,		/* the processor refuses (PASS, poweroff), or lets it happen and the domain ends as crashed */
	RUNNING,	/* never ends: it must be possible to destroy it, and dom0 stays responsive */
};
static const char *const outcome_names[] = { "crashed", "poweroff", "crashed|poweroff", "running" };

struct kind {
	const char *name;
	void (*run)(void);
	enum outcome outcome;
};

static char scratch[2 * 4096] __page_aligned;
static volatile unsigned long nr_traps;

static uint64_t hole(void)
{
	uint64_t a = memory_hole(4 << 20, 2 << 20);

	if (!a)
		panic("the memory map has no hole");
	return a;
}

static void load_idt(uint64_t base, uint16_t limit)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = { limit, base };

	__asm__ volatile("lidt %0" :: "m"(p) : "memory");
}

static void jump_to(uint64_t where)
{
	__asm__ volatile("jmp *%0" :: "r"(where) : "memory");
}

static void triple(void)
{
	load_idt(0, 0);
	__asm__ volatile("int3");
}

/* The same by a stack that is not there: #PF, #DF, and again no stack. */
static void triple_stack(void)
{
	traps_init();
	load_idt(idt_base, 16 * 8 - 1);		/* no entry for #DF */
	__asm__ volatile("mov %0, %%rsp; push %0" :: "r"(0xffff800000000000ULL) : "memory");
}

static void bad_hypercalls(void)
{
	static const unsigned int numbers[] = { 0, 1, 6, 8, 19, 23, 38, 43, 48, 55, 56, 63, 64, 127, 128, 0x7fffffff, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		check_refused("bad-hypercall-number", hypercall(numbers[i], ~0UL, ~0UL, ~0UL));
	/* Xen 4.17 looks at 48 bits only and writes to address 0 here; a fault is what any other access would get. */
	check_equal("pointer-not-canonical", memory_op(XENMEM_memory_map, (void *)0x8000000000000000), -XEN_EFAULT);
	check_equal("pointer-not-mapped", memory_op(XENMEM_memory_map, (void *)0x700000000000), -XEN_EFAULT);
	check_refused("pointer-into-hole", memory_op(XENMEM_memory_map, (void *)(uintptr_t)hole()));
	jump_to(hole());
}

static void jump(void)
{
	jump_to(hole());
}

/* Beyond 4 GiB and above any RAM: the page table entry is valid, the frame is not there. */
static void jump_high(void)
{
	extern uint64_t pdpt[];

	pdpt[4] = 0x3f80000000 | 0x83 | 1 << 7;	/* a 1 GiB page at 254 GiB */
	jump_to(4ULL << 30);
}

static void read_hole(void)
{
	uint32_t v = 0;

	read_safe(hole(), &v);
	printf("read %x\n", v);
}

static void write_hole(void)
{
	write_safe(hole(), 0xdead);
}

static void execute_apic_page(void)
{
	jump_to(0xfee00000);
}

/* xAPIC mode, by way of off: from then on the page is there. */
static char *apic_page(void)
{
	check(wrmsr_safe(0x1b, 0xfee00100) && wrmsr_safe(0x1b, 0xfee00900), "xapic-mode", "refused");
	return (char *)0xfee00000;
}

/* What nobody carries out for the guest on its APIC's page: strings, other sizes, walks of tables, an exception's frame. */
static void string_to_apic_page(void)
{
	char *to = apic_page();
	unsigned long n = 4096;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0xff) : "memory");
}

static void read_wide_apic_page(void)
{
	__asm__ volatile("movq (%0), %%rax" :: "r"(apic_page() + 0x20) : "rax", "memory");
}

static void write_byte_apic_page(void)
{
	__asm__ volatile("movb $1, (%0)" :: "r"(apic_page() + 0x80) : "memory");
}

static void page_table_in_apic_page(void)
{
	__asm__ volatile("mov %0, %%cr3" :: "r"(apic_page()) : "memory");
}

static void stack_in_apic_page(void)
{
	__asm__ volatile("mov %0, %%rsp; ud2" :: "r"(apic_page() + 4096) : "memory");
}

/* The page table walk itself meets nothing. */
static void page_table_in_hole(void)
{
	__asm__ volatile("mov %0, %%cr3" :: "r"(hole()) : "memory");
}

static void stack_in_hole(void)
{
	__asm__ volatile("mov %0, %%rsp; push %0" :: "r"(hole() + 4096) : "memory");
}

/* The nested fault comes while an exception is being delivered. */
static void idt_in_hole(void)
{
	load_idt(hole(), 4095);
	__asm__ volatile("ud2");
}

static void gdt_in_hole(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = { 63, hole() };

	__asm__ volatile("lgdt %0; push $0x08; push $1f; lretq; 1:" :: "m"(p) : "memory");
}

static void hypercall_page_in_hole(void)
{
	uint32_t r[4];

	cpuid(xen_base + 2, 0, r);
	check(!wrmsr_safe(r[1], hole()), "hypercall-page-in-hole-is-refused", "WRMSR succeeded");
}

static void halt_if0(void)
{
	report_end();
	__asm__ volatile("cli; hlt");
}

static void say_crash(void)
{
	shutdown(SHUTDOWN_crash);
}

static void bad_shutdown_reason(void)
{
	struct sched_shutdown s = { .reason = 0x1234 };

	/* Xen takes the low byte and ends the domain; refusing is as good. */
	check_refused("shutdown-with-unknown-reason", sched_op(SCHEDOP_shutdown, &s));
}

/* CR0.NW without CD: VMRUN's consistency checks refuse it; a CPU refuses the MOV with #GP, an emulator may not. */
static void state_cr0_nw(void)
{
	uint32_t r[4];

	last_trap = NO_TRAP;
	__asm__ volatile("mov %%cr0, %%rax; or $0x20000000, %%eax; 1: mov %%rax, %%cr0; 2:" FIXUP(1b, 2b) ::: "rax", "memory");
	cpuid(0, 0, r);
	check(last_trap == 13, "cr0-nw-without-cd", "no #GP");
}

/* CS with L and D both set in long mode, likewise. */
static void state_cs_l_and_d(void)
{
	uint32_t r[4];

	last_trap = NO_TRAP;
	__asm__ volatile("push $0x30; push $2f; 1: lretq; 2:" FIXUP(1b, 3f) " jmp 4f; 3: add $16, %%rsp; 4:" ::: "memory");
	cpuid(0, 0, r);
	check(last_trap == 13, "cs-with-l-and-d", "no #GP");
}

static void state_efer(void)
{
	uint64_t v = 0;

	check(rdmsr_safe(MSR_EFER, &v) && !(v & 1 << 12), "svme-is-hidden", "EFER %llx", (unsigned long long)v);
	check(!wrmsr_safe(MSR_EFER, v | 1ULL << 40), "efer-reserved-bit", "no #GP");
	check(!wrmsr_safe(MSR_EFER, v & ~0x100ULL), "efer-lme-off-while-paging", "no #GP");
}

/* Code that changes itself before each run, in the same page and across a page. */
static void self_modify(void)
{
	unsigned long bad = 0;
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		uint8_t *p = (uint8_t *)scratch + 4096 - 3 + i % 5;
		uint32_t v = i * 2654435761U, got;

		p[0] = 0xb8;			/* mov $v, %eax; ret */
		memcpy(p + 1, &v, 4);
		p[5] = 0xc3;
		__asm__ volatile("call *%1" : "=a"(got) : "r"(p) : "memory");
		bad += got != v;
	}
	check(!bad, "self-modifying-code", "%lu wrong results", bad);
}

/* A fault inside the handler of the same fault, for ever: CVE-2015-5307 (#AC) and CVE-2015-8104 (#DB). */
static void ac_loop(void)
{
	/* #AC needs CPL 3 code; its delivery would need a misaligned stack there. The #DB form is in db_loop. */
	__asm__ volatile("mov %%cr0, %%rax; bts $18, %%rax; mov %%rax, %%cr0" ::: "rax");
	load_idt(idt_base, (uint16_t)idt_limit);
	for (;;)
		__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax" :: "r"(scratch) : "rax", "memory");
}

/* Aborts QEMU 7.2 (an assertion of its own about locks) when it runs nested: for silicon only. */
static void db_loop(void)
{
	/* A data breakpoint on the stack slot that delivering #DB writes. */
	extern char trap_stack_top[];
	uint64_t slot = (uintptr_t)trap_stack_top - 8;
	struct { uint64_t lo, hi; } *gate = (void *)(idt_base + 16);

	gate->lo |= 1ULL << 32;			/* #DB on IST 1 */
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" :: "r"(slot), "r"(0x400UL | 1 << 1 | 0xdUL << 16) : "memory");
	*(volatile uint64_t *)(uintptr_t)slot = 0;
	for (;;)
		*(volatile uint64_t *)(uintptr_t)slot += 1;
}

static void count_trap(struct trap *t)
{
	(void)t;
	nr_traps++;
}

/* A debug trap held back by MOV SS meets an exit (CVE-2018-8897's cousin). */
static void mov_ss(void)
{
	static uint16_t ss;
	uint32_t a, b, c, d;

	__asm__ volatile("mov %%ss, %0" : "=m"(ss));
	trap_handler(1, count_trap);
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" :: "r"((uintptr_t)&ss), "r"(0x400UL | 1 << 1 | 0x7UL << 16));
	__asm__ volatile("mov %4, %%ss; cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "m"(ss), "a"(0), "c"(0) : "memory");
	if (xen_base && cpu_is_amd)
		__asm__ volatile("mov %1, %%ss; vmmcall" : "=a"(a) : "m"(ss), "a"(17), "D"(0), "S"(0) : "memory");
	__asm__ volatile("mov %0, %%dr7" :: "r"(0x400UL));
	check(nr_traps > 0, "mov-ss-then-exit", "no #DB came");
}

static void string_io(void)
{
	uint64_t h = hole();
	unsigned long n;
	const void *src;

	/* From mapped text across to the end of a page, then from nothing at all. */
	memset(scratch, 'x', sizeof(scratch));
	scratch[4096 + 8] = '\n';
	src = scratch + 4096 - 16;
	n = 25;
	__asm__ volatile("rep outsb" : "+S"(src), "+c"(n) : "d"(0xe9) : "memory");
	check_equal("outs-count", (long)n, 0);
	check(src == scratch + 4096 + 9, "outs-pointer", "%p", src);

	last_trap = NO_TRAP;
	src = (void *)0x700000000000;
	n = 4;
	__asm__ volatile("1: rep outsb; 2:" FIXUP(1b, 2b) : "+S"(src), "+c"(n) : "d"(0xe9) : "memory");
	check(last_trap == 14, "outs-from-nowhere", "trap %u", last_trap);
	last_trap = NO_TRAP;
	n = 4;
	src = (void *)0x700000000000;
	__asm__ volatile("1: rep insl; 2:" FIXUP(1b, 2b) : "+D"(src), "+c"(n) : "d"(0xcfc) : "memory");
	check(last_trap == 14, "ins-to-nowhere", "trap %u", last_trap);
	check(last_trap_error == 2, "ins-to-nowhere-error-code", "%lx", (unsigned long)last_trap_error);
	check(read_cr2() == 0x700000000000, "ins-to-nowhere-address", "%lx", read_cr2());

	src = (void *)(uintptr_t)h;
	n = 1;
	__asm__ volatile("rep outsb" : "+S"(src), "+c"(n) : "d"(0xe9) : "memory");
}

static void spin_if0(void)
{
	irq_off();
	for (;;)
		barrier();
}

static void hypercall_storm(void)
{
	for (;;)
		(void)xen_version(XENVER_version, NULL);
}

static void cpuid_storm(void)
{
	uint32_t r[4];

	for (;;)
		cpuid(0, 0, r);
}

static void exception_storm(void)
{
	trap_handler(3, count_trap);
	for (;;)
		__asm__ volatile("int3");
}

/* The handler leaves evtchn_upcall_pending set: the vector comes again after each instruction. */
static void upcall_storm(void)
{
	if (events_init())
		panic("no events");
	trap_handler(UPCALL_VECTOR, count_trap);
	vcpu_info->evtchn_upcall_pending = 1;
	(void)xen_version(XENVER_version, NULL);
	for (;;)
		cpu_relax();
}

static void console_storm(void)
{
	struct evtchn_send s = { .port = console_port };

	for (;;)
		(void)event_channel_op(EVTCHNOP_send, &s);
}

static void timer_storm(void)
{
	if (events_init() || timer_init())
		panic("no timer");
	for (;;)
		(void)timer_set(1);
}

/* The console ring's indices claim what cannot be; output and guest must go on. */
static void console_indices(void)
{
	uint64_t pfn = 0;
	volatile struct xencons_interface *ring;
	struct evtchn_send s = { .port = console_port };
	XENCONS_RING_IDX out;

	if (console_kind != CONSOLE_RING || hvm_param_get(HVM_PARAM_CONSOLE_PFN, &pfn))
		panic("no ring");
	ring = (void *)(uintptr_t)(pfn << 12);
	out = ring->out_prod;
	ring->out_prod = out + 0x7fffffff;
	ring->in_cons = ring->in_prod + 5000;
	(void)event_channel_op(EVTCHNOP_send, &s);
	if (events_init() || timer_init())
		panic("no timer");
	sleep_until(clock_ns() + NSEC / 10);
	shutdown(SHUTDOWN_poweroff);
}

/* Give away the memory the program runs in. */
static void give_away_self(void)
{
	xen_pfn_t gfn = (uintptr_t)give_away_self >> 12;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	(void)memory_op(XENMEM_decrease_reservation, &r);
	__asm__ volatile("wbinvd");
}

static void give_away_stack(void)
{
	xen_pfn_t gfn = ((uintptr_t)&gfn - 256) >> 12;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	(void)memory_op(XENMEM_decrease_reservation, &r);
	__asm__ volatile("push %%rax; sub $4096, %%rsp; push %%rax" ::: "memory");
	triple();
}

static const struct kind kinds[] = {
	{ "triple",		triple,			CRASHED },
	{ "triple-stack",	triple_stack,		CRASHED },
	{ "ud-hypercall",	bad_hypercalls,		CRASHED },
	{ "jump",		jump,			CRASHED },
	{ "jump-high",		jump_high,		CRASHED },
	{ "nomem",		read_hole,		CRASHED },
	{ "nomem-write",	write_hole,		CRASHED },
	{ "apic-page-exec",	execute_apic_page,	CRASHED },
	{ "apic-page-string",	string_to_apic_page,	CRASHED },
	{ "apic-page-wide",	read_wide_apic_page,	CRASHED },
	{ "apic-page-byte",	write_byte_apic_page,	CRASHED },
	{ "apic-page-pt",	page_table_in_apic_page, CRASHED },
	{ "apic-page-stack",	stack_in_apic_page,	CRASHED },
	{ "pt-nomem",		page_table_in_hole,	CRASHED },
	{ "stack-nomem",	stack_in_hole,		CRASHED },
	{ "idt-nomem",		idt_in_hole,		CRASHED },
	{ "gdt-nomem",		gdt_in_hole,		CRASHED },
	{ "shutdown-crash",	say_crash,		CRASHED },
	{ "give-away-self",	give_away_self,		CRASHED },
	{ "give-away-stack",	give_away_stack,	CRASHED },
	{ "string-io",		string_io,		CRASHED },
	{ "bad-shutdown",	bad_shutdown_reason,	EITHER },
	{ "hlt-if0",		halt_if0,		POWEROFF },
	{ "hypercall-page-nomem", hypercall_page_in_hole, POWEROFF },
	{ "badstate-cr0",	state_cr0_nw,		EITHER },
	{ "badstate-cs",	state_cs_l_and_d,	EITHER },
	{ "badstate-efer",	state_efer,		POWEROFF },
	{ "selfmod",		self_modify,		POWEROFF },
	{ "mov-ss",		mov_ss,			POWEROFF },
	{ "console-indices",	console_indices,	POWEROFF },
	{ "ac-loop",		ac_loop,		RUNNING },
	{ "db-loop",		db_loop,		RUNNING },
	{ "spin-if0",		spin_if0,		RUNNING },
	{ "hypercall-storm",	hypercall_storm,	RUNNING },
	{ "cpuid-storm",	cpuid_storm,		RUNNING },
	{ "exception-storm",	exception_storm,	RUNNING },
	{ "upcall-storm",	upcall_storm,		RUNNING },
	{ "console-storm",	console_storm,		RUNNING },
	{ "timer-storm",	timer_storm,		RUNNING },
};

void guest_main(void)
{
	unsigned int i;

	if (!xen_base && !option("kind")) {
		printf("no hypervisor\n");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (option_is("kind", "list"))
			printf("%s %s\n", k->name, outcome_names[k->outcome]);
		if (!option_is("kind", k->name))
			continue;
		printf("crash: %s, expect %s\n", k->name, outcome_names[k->outcome]);
		k->run();
		if (k->outcome == CRASHED || k->outcome == RUNNING)
			check(false, k->name, "still alive");
		return;
	}
	check(option_is("kind", "list"), "kind", "unknown, see kind=list");
}
