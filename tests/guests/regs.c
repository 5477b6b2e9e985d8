// SPDX-License-Identifier: GPL-2.0-only
/*
 * regs: a world switch must give back every register. Fills GPRs, x87, SSE, AVX, AVX-512 (whatever XCR0 may hold), XCR0, DR0-3
 * and DR7, CR2, the system call MSRs, FS, GS and KernelGS bases and TSC_AUX with patterns made from seed=, then lets
 * exits of many kinds, HLT and preemptions come, and compares after each. Two guests with different seeds run side by side
 * find what leaks from one to the other; a patterned dom0 workload beside them finds the rest.
 *
 *	seed=N seconds=N (of pvclock time, default 5), bochs (without what Bochs gets wrong by itself)
 */
#include "guest.h"
#include "registers.h"

#define XSAVE_BV	512	/* offset of XSTATE_BV in the XSAVE area */
#define MSR_APIC_BASE	0x1b

static uint8_t vectors_in[8192] __attribute__((aligned(64)));
static uint8_t vectors_out[8192] __attribute__((aligned(64)));
static uint64_t xcr0;			/* 0: FXSAVE only */
static uint32_t vectors_size = 512;
static uint64_t cr2, dr[4], dr7;
static unsigned long nr_rounds, nr_bad;

static struct {
	uint32_t msr;
	const char *name;
	uint64_t value;
} msrs[] = {
	{ 0xc0000081, "STAR", 0 },
	{ 0xc0000082, "LSTAR", 0 },
	{ 0xc0000083, "CSTAR", 0 },
	{ 0xc0000084, "SFMASK", 0 },
	{ 0xc0000100, "FS base", 0 },
	{ 0xc0000101, "GS base", 0 },
	{ 0xc0000102, "KernelGS base", 0 },
	{ 0x174, "SYSENTER_CS", 0 },
	{ 0x175, "SYSENTER_ESP", 0 },
	{ 0x176, "SYSENTER_EIP", 0 },
	{ 0xc0000103, "TSC_AUX", 0 },
};

static uint64_t canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16);
}

static void bad(const char *what, unsigned int index, uint64_t got, uint64_t wanted)
{
	if (nr_bad++ < 20)
		printf("round %lu: %s %u is %llx, wanted %llx\n", nr_rounds, what, index, (unsigned long long)got,
		       (unsigned long long)wanted);
}

static void xcr0_init(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	if (!(r[2] & 1 << 26))
		return;
	__asm__ volatile("mov %%cr4, %%rax; or $0x40000, %%rax; mov %%rax, %%cr4" ::: "rax");
	cpuid(0xd, 0, r);
	xcr0 = ((uint64_t)r[3] << 32 | r[0]) & 0xe7;	/* x87 SSE AVX and the three of AVX-512 */
	__asm__ volatile("xsetbv" :: "c"(0), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)));
	cpuid(0xd, 0, r);
	vectors_size = r[1];
	if (vectors_size > sizeof(vectors_in))
		panic("XSAVE area of %u bytes", vectors_size);
}

/* FNOP first: QEMU 7.2 forgets #NM for XSAVE and XRSTOR, which a hypervisor with lazy FPU switching needs. */
static void vectors_load(const void *area)
{
	if (xcr0)
		__asm__ volatile("fnop; xrstor (%0)" :: "r"(area), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)) : "memory");
	else
		__asm__ volatile("fxrstor (%0)" :: "r"(area) : "memory");
}

static void vectors_store(void *area)
{
	if (xcr0)
		__asm__ volatile("fnop; xsave (%0)" :: "r"(area), "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)) : "memory");
	else
		__asm__ volatile("fxsave (%0)" :: "r"(area) : "memory");
}

static void vectors_init(void)
{
	uint16_t fcw = 0x37f | (uint16_t)(random64() & 0xc00);
	uint32_t mxcsr = 0x1f80 | (uint32_t)(random64() & 0x6000), i;

	for (i = 0; i < vectors_size; i++)
		vectors_in[i] = (uint8_t)(random64() >> 40);
	memset(vectors_in, 0, 32);
	memset(vectors_in + 464, 0, 48);
	memcpy(vectors_in, &fcw, 2);
	vectors_in[4] = 0xff;			/* all eight x87 registers in use */
	memcpy(vectors_in + 24, &mxcsr, 4);
	for (i = 0; i < 8; i++) {		/* ten bytes each, ordinary numbers */
		uint8_t *st = vectors_in + 32 + 16 * i;

		st[7] |= 0x80;
		st[8] = (uint8_t)i;
		st[9] = 0x40;
		memset(st + 10, 0, 6);
	}
	if (xcr0) {
		memset(vectors_in + XSAVE_BV, 0, 64);
		memcpy(vectors_in + XSAVE_BV, &xcr0, 8);
	}
	vectors_load(vectors_in);
	/* What the processor gives back at once is what it must give back later (unused bits read as it likes). */
	memset(vectors_out, 0, sizeof(vectors_out));
	vectors_store(vectors_out);
	memcpy(vectors_in, vectors_out, sizeof(vectors_in));
	vectors_load(vectors_in);
}

/* Last instruction and operand pointers (bytes 6-23) may be lost when no x87 exception is pending. */
static bool compared(uint32_t offset)
{
	return (offset < 6 || offset >= 24) && (offset < 28 || offset >= 32) && (offset < 464 || offset >= 512);
}

static void vectors_check(void)
{
	uint32_t i;

	vectors_store(vectors_out);
	for (i = 0; i < vectors_size; i++)
		if (compared(i) && vectors_in[i] != vectors_out[i])
			bad("vector state byte", i, vectors_out[i], vectors_in[i]);
}

static void system_init(void)
{
	uint32_t r[4], i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		msrs[i].value = canonical(random64());
	msrs[3].value &= 0xffffffff;
	msrs[7].value &= 0xffff;
	cpuid(0x80000001, 0, r);
	msrs[10].value &= 0xffffffff;
	if (!(r[3] & 1 << 27))
		msrs[10].msr = 0;
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].msr && !wrmsr_safe(msrs[i].msr, msrs[i].value))
			panic("%s cannot be written", msrs[i].name);
	for (i = 0; i < 4; i++)
		dr[i] = canonical(random64());
	/* Some enabled, at addresses never touched: a switch that saves only what is enabled, or nothing when not, is seen. */
	dr7 = 0x400 | (random64() & 0x55);
	cr2 = random64();
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3; mov %4, %%dr7; mov %5, %%cr2"
			 :: "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]), "r"(dr7), "r"(cr2));
}

static void system_check(void)
{
	uint64_t v, d[4], d7;
	uint32_t i, lo, hi;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].msr && (!rdmsr_safe(msrs[i].msr, &v) || v != msrs[i].value))
			bad(msrs[i].name, 0, v, msrs[i].value);
	__asm__ volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3; mov %%dr7, %4"
			 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]), "=r"(d7));
	for (i = 0; i < 4; i++)
		if (d[i] != dr[i])
			bad("DR", i, d[i], dr[i]);
	if (d7 != dr7)
		bad("DR", 7, d7, dr7);
	if (read_cr2() != cr2 && !option("bochs"))	/* its VMRUN does not load CR2 */
		bad("CR", 2, read_cr2(), cr2);
	if (xcr0) {
		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		if (((uint64_t)hi << 32 | lo) != xcr0)
			bad("XCR", 0, (uint64_t)hi << 32 | lo, xcr0);
	}
}

#define MAY(r)	(1U << R_##r)

static const struct action {
	const char *name;
	action_fn *run;
	unsigned int changes;		/* registers it may change */
	bool needs_xen;
} actions[] = {
	{ "spin",	action_spin,	0,					false },
	{ "cpuid",	action_cpuid,	MAY(AX) | MAY(BX) | MAY(CX) | MAY(DX),	false },
	{ "in",		action_in,	MAY(AX),				false },
	{ "out",	action_out,	0,					false },
	{ "rdmsr",	action_rdmsr,	MAY(AX) | MAY(DX),			false },
	{ "pause",	action_pause,	0,					false },
	{ "hypercall",	NULL,		MAY(AX),				true },
	{ "halt",	action_halt,	0,					true },
};

static void round(const struct action *a)
{
	uint64_t in[NR_REGISTERS], out[NR_REGISTERS];
	action_fn *run = a->run;
	unsigned int i;

	for (i = 0; i < NR_REGISTERS; i++)
		in[i] = random64();
	if (run == action_spin)
		registers_spin = 1 + random_below(200000);
	if (run == action_in || run == action_out)
		in[R_DX] = 0x80;
	if (run == action_rdmsr)
		in[R_CX] = MSR_APIC_BASE;
	if (!run) {
		run = cpu_is_amd ? action_vmmcall : action_vmcall;
		in[R_AX] = random64() & 1 ? __HYPERVISOR_xen_version : 0x12345;
		in[R_DI] = XENVER_version;
	}
	if (xen_base && (run == action_halt || run == action_spin))
		(void)timer_set(clock_ns() + random_below(2000000));
	registers_run(in, out, run);
	for (i = R_AX; i <= R_15; i++)
		if (!(a->changes & 1U << i) && in[i] != out[i])
			bad(a->name, i, out[i], in[i]);
}

void guest_main(void)
{
	uint64_t end = 0, seconds = option_number("seconds", 5), seed = option_number("seed", 1), ticks = 0;
	unsigned int i;

	random_state ^= seed * 0x9e3779b97f4a7c15;
	if (!random_state)
		random_state = 1;
	for (i = 0; i < 16; i++)
		(void)random64();
	if (!xen_base)
		printf("no hypervisor\n");
	else if (events_init() || timer_init())
		panic("no events or timer");
	irq_off();
	xcr0_init();
	vectors_init();
	system_init();
	printf("regs: seed %llu, %llu s, xcr0 %llx, %u bytes\n", (unsigned long long)seed, (unsigned long long)seconds,
	       (unsigned long long)xcr0, vectors_size);
	if (xen_base)
		end = clock_ns() + seconds * NSEC;
	while (xen_base ? clock_ns() < end : nr_rounds < 2000) {
		const struct action *a = &actions[random_below(ARRAY_SIZE(actions))];

		if (a->needs_xen && !xen_base)
			continue;
		round(a);
		vectors_check();
		system_check();
		nr_rounds++;
		if (nr_rounds % 64 == 0) {	/* new patterns now and then */
			vectors_init();
			system_init();
			ticks++;
		}
		if (nr_bad >= 20)
			break;
	}
	__asm__ volatile("mov %0, %%dr7" :: "r"(0x400UL));
	printf("%lu rounds, %llu patterns, %lu timer events\n", nr_rounds, (unsigned long long)ticks + 1, nr_timer_events);
	check(!nr_bad, "registers-kept", "%lu differences", nr_bad);
}
