// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions as a guest sees them while a hypervisor stands between. With the word silicon also those that QEMU's emulation gets
 * wrong by itself.
 */
#include "abi.h"

static volatile unsigned int seen_vector;
static volatile unsigned long seen_error, seen_ip, seen_cr2, nr_seen;
static volatile unsigned long go_on_ip, go_on_sp;	/* where a trap returns to, 0 = where it came from */

static void see(struct trap *t)
{
	seen_vector = (unsigned int)t->vector;
	seen_error = t->error;
	seen_ip = t->ip;
	seen_cr2 = read_cr2();
	nr_seen++;
	if (go_on_ip) {
		t->ip = go_on_ip;
		t->sp = go_on_sp;
	}
	t->flags &= ~0x100UL;
}

static volatile unsigned long fault_ip;

static void report(const char *name, unsigned int vector, unsigned long error)
{
	go_on_ip = 0;
	check(nr_seen == 1 && seen_vector == vector && seen_error == error && seen_ip == fault_ip, name,
	      "%lu traps, vector %u error %lx ip %lx, wanted ip %lx", nr_seen, seen_vector, seen_error, seen_ip, fault_ip);
}

/* Run @code; the trap's address must be its label 8. */
#define TRAPS(name, wanted, wanted_error, code) do { \
	nr_seen = 0; \
	seen_vector = NO_TRAP; \
	__asm__ volatile("movq $9f, %0; mov %%rsp, %1; movq $8f, %2\n\t" code "\n9:\n" \
			 : "=m"(go_on_ip), "=m"(go_on_sp), "=m"(fault_ip) \
			 :: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "memory", "cc"); \
	report(name, wanted, wanted_error); \
} while (0)

static void exceptions(void)
{
	extern uint64_t pdpt[];
	struct { uint64_t lo, hi; } *gate = (void *)idt_base;
	unsigned int v;

	for (v = 0; v < 32; v++)
		trap_handler(v, see);

	TRAPS("de", 0, 0, "xor %%ecx, %%ecx; mov $1, %%eax; cdq; 8: div %%ecx");
	if (option("silicon"))			/* QEMU 7.2 has no ICEBP */
		TRAPS("db-icebp", 1, 0, ".byte 0xf1; 8:");
	TRAPS("bp", 3, 0, "int3; 8:");
	TRAPS("of", 4, 0, "int $4; 8:");
	TRAPS("ud", 6, 0, "8: ud2");
	TRAPS("nm", 7, 0, "mov %%cr0, %%rax; or $8, %%rax; mov %%rax, %%cr0; 8: fninit");
	__asm__ volatile("clts");
	TRAPS("np", 11, 0x48, "mov $0x48, %%eax; 8: mov %%eax, %%ds");
	if (option("silicon"))
		TRAPS("ss", 12, 0, "mov $0x8000000000000000, %%rax; 8: mov (%%rsp, %%rax), %%eax");
	TRAPS("gp", 13, 0, "mov $0x8000000000000000, %%r8; 8: mov (%%r8), %%eax");
	TRAPS("gp-selector", 13, 0x100, "mov $0x100, %%eax; 8: mov %%eax, %%ds");
	if (option("silicon") && !option("bochs"))	/* PG without PE: an emulator may enter real mode */
		TRAPS("gp-in-cr0", 13, 0, "mov $0x80000000, %%eax; 8: mov %%rax, %%cr0");
	TRAPS("pf-read", 14, 0, "mov $0x700000001234, %%r8; 8: mov (%%r8), %%eax");
	check(seen_cr2 == 0x700000001234, "pf-cr2", "%lx", seen_cr2);
	TRAPS("pf-write", 14, 2, "mov $0x700000005678, %%r8; 8: mov %%eax, (%%r8)");
	check(seen_cr2 == 0x700000005678, "pf-write-cr2", "%lx", seen_cr2);
	/* An exit after a fault must not lose CR2. */
	{
		uint32_t r[4];

		cpuid(0, 0, r);
		if (xen_base)
			(void)xen_version(XENVER_version, NULL);
		check(read_cr2() == 0x700000005678, "cr2-survives-exits", "%lx", read_cr2());
	}
	if (option("silicon")) {		/* a reserved bit of a present entry; QEMU leaves P out */
		pdpt[5] = 1ULL << 51 | 0x83;
		TRAPS("pf-reserved-bit", 14, 9, "mov $0x140000000, %%r8; 8: mov (%%r8), %%eax");
		pdpt[5] = 0;
	}
	__asm__ volatile("fninit");
	TRAPS("mf", 16, 0, "movw $0x33b, -8(%%rsp); fldcw -8(%%rsp); fldz; fld1; fdiv %%st(1), %%st; 8: fwait");
	__asm__ volatile("fninit");
	if (option("silicon"))			/* QEMU raises no SIMD exceptions */
		TRAPS("xm", 19, 0, "movl $0x1d80, -8(%%rsp); ldmxcsr -8(%%rsp); pcmpeqd %%xmm0, %%xmm0; pslld $31, %%xmm0; pxor %%xmm1, %%xmm1;"
	      "mov $0x3f800000, %%eax; movd %%eax, %%xmm0; 8: divss %%xmm1, %%xmm0");
	__asm__ volatile("movl $0x1f80, -8(%%rsp); ldmxcsr -8(%%rsp)" ::: "memory");

	/* #GP whose gate is not present: #NP while delivering a contributory exception is a double fault. */
	gate[13].lo &= ~(1ULL << 47);
	nr_seen = 0;
	__asm__ volatile("movq $9f, %0; mov %%rsp, %1; mov $0x8000000000000000, %%rax; mov (%%rax), %%eax; 9:"
			 : "=m"(go_on_ip), "=m"(go_on_sp) :: "rax", "memory");
	go_on_ip = 0;
	gate[13].lo |= 1ULL << 47;
	check(nr_seen == 1 && seen_vector == 8 && !seen_error, "df", "%lu traps, vector %u error %lx", nr_seen, seen_vector, seen_error);

	/* A software interrupt whose gate is not present; QEMU counts 16 bytes per gate in the error code. */
	gate[0x50].lo &= ~(1ULL << 47);
	if (option("silicon"))
		TRAPS("int-gate-absent", 11, 0x50 * 8 + 2, "8: int $0x50");
	gate[0x50].lo |= 1ULL << 47;
	check(go_on_ip == 0, "traps-done", "-");
}

static volatile unsigned long step_ip[8];
static volatile unsigned int nr_steps;

static void step(struct trap *t)
{
	if (nr_steps < ARRAY_SIZE(step_ip))
		step_ip[nr_steps] = t->ip;
	nr_steps++;
	t->flags &= ~0x100UL;
}

/*
 * The trap flag over an instruction that the hypervisor emulates: #DB comes after it, before the next one. POPF sets TF, so the
 * first instruction after POPF is the one stepped over.
 */
#define STEPS_OVER(name, code) do { \
	unsigned long after; \
	nr_steps = 0; \
	__asm__ volatile("mov $17, %%eax; xor %%edi, %%edi; pushf; orl $0x100, (%%rsp); popf; " code "; 7: nop; mov $7b, %0" \
			 : "=r"(after) :: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc"); \
	check(nr_steps == 1 && step_ip[0] == after, name, "%u traps, at %lx, wanted %lx", nr_steps, step_ip[0], after); \
} while (0)

static void single_step(void)
{
	trap_handler(1, step);
	STEPS_OVER("step-over-nop", "nop");
	if (option("bochs"))			/* 2.7 takes the trap of a step that an exit has ended in the host */
		return;
	STEPS_OVER("step-over-cpuid", "cpuid");
	STEPS_OVER("step-over-in", "in $0x80, %%al");
	STEPS_OVER("step-over-out", "out %%al, $0x80");
	if (!xen_base)
		return;
	/* RAX and RDI are set for xen_version. */
	if (cpu_is_amd)
		STEPS_OVER("step-over-vmmcall", "vmmcall");
	else
		STEPS_OVER("step-over-vmcall", "vmcall");
	STEPS_OVER("step-over-wbinvd", "wbinvd");
	/* ECX of the right MSR must be set before POPF: APIC_BASE. */
	nr_steps = 0;
	{
		unsigned long after;

		__asm__ volatile("mov $0x1b, %%ecx; pushf; orl $0x100, (%%rsp); popf; rdmsr; 7: nop; mov $7b, %0"
				 : "=r"(after) :: "rax", "rcx", "rdx", "memory", "cc");
		check(nr_steps == 1 && step_ip[0] == after, "step-over-rdmsr", "%u traps, at %lx, wanted %lx", nr_steps, step_ip[0], after);
	}
}

static void breakpoints(void)
{
	static uint32_t watched;
	unsigned long dr6 = 0, dr7 = 0;
	uint32_t r[4];

	trap_handler(1, step);
	nr_steps = 0;
	__asm__ volatile("mov %0, %%dr1; mov %1, %%dr6; mov %2, %%dr7" :: "r"((uintptr_t)&watched), "r"(0xffff0ff0UL),
			 "r"(0x400UL | 1 << 3 | 0xdUL << 20) : "memory");
	cpuid(0, 0, r);
	WRITE_ONCE(watched, 1);
	__asm__ volatile("nop");
	__asm__ volatile("mov %%dr6, %0; mov %%dr7, %1" : "=r"(dr6), "=r"(dr7));
	check(nr_steps == 1, "data-breakpoint", "%u traps", nr_steps);
	if (!option("bochs"))			/* 2.7 says nothing in DR6 of a #DB that is intercepted */
		check((dr6 & 0xf) == 2, "data-breakpoint-dr6", "%lx", dr6);
	check(dr7 == (0x400UL | 1 << 3 | 0xdUL << 20), "dr7-kept", "%lx", dr7);
	__asm__ volatile("mov %0, %%dr7" :: "r"(0x400UL));
}

static volatile unsigned int ac_ok;

static void misaligned(void)
{
	static uint64_t data[2];

	__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax; int $0x80" :: "r"(data) : "rax", "memory");
}

static void on_ac(struct trap *t)
{
	ac_ok = (t->cs & 3) == 3 && t->error == 0;
	t->flags &= ~0x40000UL;
}

static void at_cpl3(void)
{
	extern int cpl3_call(void (*fn)(void));

	if (!option("silicon"))			/* QEMU has no alignment check */
		return;
	trap_handler(17, on_ac);
	__asm__ volatile("mov %%cr0, %%rax; or $0x40000, %%rax; mov %%rax, %%cr0" ::: "rax");
	cpl3_call(misaligned);
	__asm__ volatile("mov %%cr0, %%rax; and $~0x40000, %%rax; mov %%rax, %%cr0" ::: "rax");
	check(ac_ok, "ac-at-cpl3", "no #AC");
}

void abi_traps(void)
{
	unsigned int v;

	irq_off();
	exceptions();
	single_step();
	breakpoints();
	at_cpl3();
	for (v = 0; v < 32; v++)
		trap_handler(v, NULL);
	if (timer_port)
		irq_on();
}
