// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"

#define MSR_APIC_BASE	0x1b
#define EXTD		(1 << 10)
#define MSR_X2APIC	0x800
#define GP		13

#define ID	0x02
#define VERSION	0x03
#define TPR	0x08
#define PPR	0x0a
#define EOI	0x0b
#define LDR	0x0d
#define SVR	0x0f
#define ISR	0x10
#define IRR	0x20
#define ESR	0x28
#define ICR	0x30
#define LVTT	0x32
#define LVT0	0x35
#define SELF	0x3f

static volatile unsigned int nr_taken[256];
static volatile uint32_t isr_in_handler;

static uint64_t get(unsigned int reg)
{
	uint64_t v = 0;

	(void)rdmsr_safe(MSR_X2APIC + reg, &v);
	return v;
}

static bool set(unsigned int reg, uint64_t v)
{
	return wrmsr_safe(MSR_X2APIC + reg, v);
}

static void take(struct trap *t)
{
	nr_taken[t->vector]++;
	isr_in_handler = (uint32_t)get(ISR + (unsigned int)t->vector / 32);
	set(EOI, 0);
}

static void registers(void)
{
	uint32_t r[4], id;
	uint64_t v = 0;

	id = (uint32_t)get(ID);
	cpuid(1, 0, r);
	check_equal("apic-id-is-cpuid's", id, r[1] >> 24);
	check((get(VERSION) & 0xff) >= 0x10, "apic-version", "%llx", (unsigned long long)get(VERSION));
	check_equal("apic-ldr", (long)get(LDR), (long)((id >> 4) << 16 | 1u << (id & 15)));
	check_equal("apic-isr-empty", (long)(get(ISR) | get(ISR + 3) | get(ISR + 7)), 0);
	check(!rdmsr_safe(MSR_X2APIC + 0x31, &v) && last_trap == GP, "x2apic-831", "readable");
	check(!rdmsr_safe(MSR_X2APIC + 0x0e, &v) && last_trap == GP, "x2apic-dfr", "readable");
	check(!set(LDR, 1) && last_trap == GP, "x2apic-ldr-write", "accepted");
	check(!set(EOI, 1) && last_trap == GP, "x2apic-eoi-not-0", "accepted");
	check(!set(TPR, 0x100) && last_trap == GP, "x2apic-tpr-reserved", "accepted");
	check(set(ESR, 0) && !get(ESR), "apic-esr", "%llx", (unsigned long long)get(ESR));
	check(set(SVR, 0x1ff) && (get(SVR) & 0x1ff) == 0x1ff, "apic-svr", "%llx", (unsigned long long)get(SVR));
	check(set(LVT0, 0x10700) && get(LVT0) & 0x10000, "apic-lvt0-masked", "%llx", (unsigned long long)get(LVT0));
	check(set(LVTT, 0x100fe) && get(LVTT) == 0x100fe, "apic-lvt-timer", "%llx", (unsigned long long)get(LVTT));
}

static volatile unsigned int nmi_depth, nmi_deepest, nr_nmis;

/* The first one sends itself the second, and calls the hypervisor afterwards: that is where it would come on top. */
static void on_nmi(struct trap *t)
{
	(void)t;
	nmi_depth++;
	if (nmi_depth > nmi_deepest)
		nmi_deepest = nmi_depth;
	if (!nr_nmis++)
		set(ICR, 1 << 18 | 4 << 8);
	(void)get(ID);
	nmi_depth--;
}

static void nmis(void)
{
	unsigned int i;

	trap_handler(2, on_nmi);
	for (i = 1; i <= 100; i++) {
		nr_nmis = 0;
		if (i & 1)
			irq_off();
		set(ICR, 1 << 18 | 4 << 8);
		/* the second one's place is the end of the first one's handler, with interrupts off an exit behind it */
		(void)get(ID);
		irq_on();
		__asm__ volatile("nop");
		if (nr_nmis != 2 || nmi_deepest != 1)
			break;
	}
	check(i == 101, "nmis-do-not-nest", "round %u: %u taken, %u deep", i, nr_nmis, nmi_deepest);
	trap_handler(2, NULL);
}

/* Nothing but the write to CR8 can let it in: no exit comes by itself there. */
static void cr8_lets_in(void)
{
	unsigned int i, early = 0, late = 0, before;

	for (i = 0; i < 100; i++) {
		before = nr_taken[0x67];
		__asm__ volatile("mov %0, %%cr8" :: "r"(i & 1 ? 6UL : 15UL));
		set(SELF, 0x67);
		__asm__ volatile("nop");
		early += nr_taken[0x67] - before;
		__asm__ volatile("mov %0, %%cr8\n\tnop" :: "r"(5UL) : "memory");
		late += nr_taken[0x67] - before;
	}
	__asm__ volatile("mov %0, %%cr8" :: "r"(0UL));
	check(!early && late == 100, "cr8-lowered-delivers", "%u before, %u at once", early, late);
}

static void self_ipis(void)
{
	uint32_t id = (uint32_t)get(ID);
	unsigned int i;

	for (i = 0x60; i < 0x80; i++)
		trap_handler(i, take);
	check(set(SELF, 0x60), "self-ipi", "refused");
	__asm__ volatile("nop");
	check_equal("self-ipi-taken", nr_taken[0x60], 1);
	check(isr_in_handler & 1, "isr-in-handler", "%x", isr_in_handler);
	check_equal("isr-after-eoi", (long)get(ISR + 3), 0);
	check(set(ICR, 1 << 18 | 0x61), "icr-self", "refused");
	__asm__ volatile("nop");
	check_equal("icr-self-taken", nr_taken[0x61], 1);
	check(set(ICR, (uint64_t)id << 32 | 0x62), "icr-physical", "refused");
	__asm__ volatile("nop");
	check_equal("icr-physical-taken", nr_taken[0x62], 1);
	check(set(ICR, get(LDR) << 32 | 1 << 11 | 0x63), "icr-logical", "refused");
	__asm__ volatile("nop");
	check_equal("icr-logical-taken", nr_taken[0x63], 1);
	check(set(ICR, 3 << 18 | 0x64), "icr-all-but-self", "refused");
	__asm__ volatile("nop");
	check_equal("icr-all-but-self-not-taken", nr_taken[0x64], 0);
	check(set(ICR, 2 << 18 | 0x65), "icr-all", "refused");
	__asm__ volatile("nop");
	check_equal("icr-all-taken", nr_taken[0x65], 1);
	check(set(ICR, 0xffffULL << 32 | 0x66), "icr-to-nobody", "refused");

	/* The task priority holds back what is not above it. */
	set(TPR, 0x70);
	check_equal("ppr-follows-tpr", (long)get(PPR), 0x70);
	set(SELF, 0x67);
	__asm__ volatile("nop");
	check_equal("tpr-holds", nr_taken[0x67], 0);
	check(get(IRR + 3) & 1 << 7, "irr-while-held", "%llx", (unsigned long long)get(IRR + 3));
	set(TPR, 0);
	__asm__ volatile("nop");
	check_equal("tpr-lowered-delivers", nr_taken[0x67], 1);

	/* CR8 is the same register. */
	__asm__ volatile("mov %0, %%cr8" :: "r"(5UL));
	check_equal("cr8-is-tpr", (long)get(TPR), 0x50);
	set(TPR, 0x30);
	{
		unsigned long cr8;

		__asm__ volatile("mov %%cr8, %0" : "=r"(cr8));
		check_equal("tpr-is-cr8", (long)cr8, 3);
	}
	set(TPR, 0);

	/* Interrupts off: stays in IRR; HLT wakes by it. */
	irq_off();
	set(SELF, 0x68);
	__asm__ volatile("nop");
	check_equal("if-0-holds", nr_taken[0x68], 0);
	halt_irq_on();
	check_equal("halt-wakes-by-apic", nr_taken[0x68], 1);
	/* Two at once: the higher first, both taken. */
	irq_off();
	set(SELF, 0x69);
	set(SELF, 0x79);
	irq_on();
	__asm__ volatile("nop");
	check(nr_taken[0x69] == 1 && nr_taken[0x79] == 1, "two-pending", "%u and %u", nr_taken[0x69], nr_taken[0x79]);
	set(SELF, 0x05);
	check(true, "self-ipi-vector-5", "-");
}

static volatile unsigned int nr_vector_upcalls;

static void upcall_with_eoi(struct trap *t)
{
	(void)t;
	nr_vector_upcalls++;
	set(EOI, 0);
	events_handle();
}

/* The per-vCPU vector that newer kernels use: through IRR, with EOI. */
static void upcall_vector(void)
{
	struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 0, .vector = 0xf4 };
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	struct evtchn_send s;
	unsigned long events;
	unsigned int i;

	trap_handler(0xf4, upcall_with_eoi);
	if (!check_or_skip("set_evtchn_upcall_vector", hvm_op(HVMOP_set_evtchn_upcall_vector, &u), 0))
		return;
	check_equal("callback-irq-1", hvm_param_set(HVM_PARAM_CALLBACK_IRQ, 1), 0);
	if (event_channel_op(EVTCHNOP_bind_ipi, &b))
		return;
	s.port = b.port;
	port_unmask(b.port);
	/* What was pending at registration comes first. */
	(void)event_channel_op(EVTCHNOP_send, &s);
	nr_vector_upcalls = 0;
	for (i = 0; i < 100; i++)
		(void)event_channel_op(EVTCHNOP_send, &s);
	check_equal("upcall-vector-100-times", nr_vector_upcalls, 100);
	irq_off();
	(void)event_channel_op(EVTCHNOP_send, &s);
	(void)event_channel_op(EVTCHNOP_send, &s);
	irq_on();
	__asm__ volatile("nop");
	check_equal("upcall-vector-once", nr_vector_upcalls, 101);
	irq_off();
	events = nr_timer_events;
	(void)timer_set(clock_ns() + MSEC);
	while (nr_timer_events == events) {
		halt_irq_on();
		irq_off();
	}
	irq_on();
	check(true, "upcall-vector-timer", "-");
}

#define EN		(1 << 11)
#define PAGE_REG(offset) (*(volatile uint32_t *)(0xfee00000UL + (offset)))

static void take_by_page(struct trap *t)
{
	nr_taken[t->vector]++;
	PAGE_REG(0xb0) = 0;
}

/* xAPIC mode, by way of off: all reset; registers in the page, by the instructions that kernels use, and by some more. */
static void page(uint64_t base)
{
	uint32_t id = (uint32_t)get(ID), v;
	uint64_t unused;

	check(!wrmsr_safe(MSR_APIC_BASE, base & ~(uint64_t)EXTD) && last_trap == GP, "x2apic-straight-to-xapic", "accepted");
	check(wrmsr_safe(MSR_APIC_BASE, base & ~(uint64_t)(EXTD | EN)), "apic-off", "trap %u", last_trap);
	check(!wrmsr_safe(MSR_APIC_BASE, base) && last_trap == GP, "off-straight-to-x2apic", "accepted");
	if (!check(wrmsr_safe(MSR_APIC_BASE, (base & ~(uint64_t)EXTD) | EN), "xapic-on", "trap %u", last_trap))
		return;
	check(!rdmsr_safe(MSR_X2APIC + ID, &unused) && last_trap == GP, "x2apic-msr-in-xapic-mode", "readable");
	check_equal("page-id", PAGE_REG(0x20) >> 24, id);
	check_equal("page-version", PAGE_REG(0x30) & 0xff, 0x14);
	check_equal("page-svr-reset", PAGE_REG(0xf0), 0xff);
	check_equal("page-dfr-reset", PAGE_REG(0xe0), 0xffffffffL);
	PAGE_REG(0xf0) = 0x1ff;
	__asm__ volatile("movabs 0xfee000f0, %%eax" : "=a"(v));
	check_equal("page-movabs", v, 0x1ff);
	__asm__ volatile("movl $0x40, (%0)\n\torl $7, (%0)\n\tlock addl %1, (%0)" :: "r"(0xfee00080UL), "r"(0x10) : "memory", "cc");
	check_equal("page-mov-or-add", PAGE_REG(0x80), 0x57);
	v = 0x20;
	__asm__ volatile("xchg %0, (%1)" : "+r"(v) : "r"(0xfee00080UL) : "memory");
	check(v == 0x57 && PAGE_REG(0x80) == 0x20, "page-xchg", "%x", v);
	__asm__ volatile("xor %0, %0\n\ttestl $0x20, 0x80(%1)\n\tsetnz %b0\n\t" : "=&q"(v) : "r"(0xfee00000UL) : "cc");
	check_equal("page-test", v, 1);
	PAGE_REG(0x80) = 0;
	trap_handler(0x6a, take_by_page);
	trap_handler(0x6b, take_by_page);
	trap_handler(0x6c, take_by_page);
	PAGE_REG(0x300) = 1 << 18 | 0x6a;
	__asm__ volatile("nop");
	check_equal("page-icr-self-taken", nr_taken[0x6a], 1);
	PAGE_REG(0x310) = id << 24;
	PAGE_REG(0x300) = 0x6b;
	__asm__ volatile("nop");
	check_equal("page-icr-physical-taken", nr_taken[0x6b], 1);
	PAGE_REG(0xd0) = 0x04000000;
	PAGE_REG(0x310) = 0x04000000;
	PAGE_REG(0x300) = 1 << 11 | 0x6c;
	__asm__ volatile("nop");
	check_equal("page-icr-logical-taken", nr_taken[0x6c], 1);
	check_equal("page-icr-not-busy", PAGE_REG(0x300) & 0x1000, 0);
	PAGE_REG(0x280) = 0;
	check_equal("page-esr", PAGE_REG(0x280), 0);
	check(wrmsr_safe(MSR_APIC_BASE, base) && (get(SVR) & 0x100), "xapic-to-x2apic-keeps", "trap %u", last_trap);
}

void abi_apic(void)
{
	uint64_t base = 0;

	if (!check(rdmsr_safe(MSR_APIC_BASE, &base), "apic-base", "RDMSR faulted"))
		return;
	printf("APIC base %llx\n", (unsigned long long)base);
	if (!(base & EXTD)) {
		/* Xen starts guests in xAPIC mode. */
		if (!check(wrmsr_safe(MSR_APIC_BASE, base | EXTD), "x2apic-enable", "trap %u", last_trap))
			return;
	}
	irq_on();
	registers();
	self_ipis();
	cr8_lets_in();
	nmis();
	page(base | EXTD);
	upcall_vector();
}
