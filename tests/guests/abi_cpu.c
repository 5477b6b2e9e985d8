// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"

#define GP	13
#define UD	6

enum reg { EAX, EBX, ECX, EDX };

struct feature {
	uint32_t leaf;
	uint8_t reg, bit;
	const char *name;
};

/* Without these a stock kernel stops or loses its timer. */
static const struct feature needed[] = {
	{ 1, EDX, 0, "fpu" }, { 1, EDX, 3, "pse" }, { 1, EDX, 4, "tsc" }, { 1, EDX, 5, "msr" }, { 1, EDX, 6, "pae" },
	{ 1, EDX, 8, "cx8" }, { 1, EDX, 9, "apic" }, { 1, EDX, 12, "mtrr" }, { 1, EDX, 13, "pge" }, { 1, EDX, 15, "cmov" },
	{ 1, EDX, 16, "pat" }, { 1, EDX, 24, "fxsr" }, { 1, EDX, 25, "sse" }, { 1, EDX, 26, "sse2" }, { 1, ECX, 31, "hypervisor" },
	{ 0x80000001, EDX, 29, "lm" }, { 0x80000001, EDX, 20, "nx" }, { 0x80000001, EDX, 11, "syscall" },
};

/* What is not virtualised must not be announced. */
static const struct feature hidden[] = {
	{ 1, ECX, 3, "monitor" }, { 1, ECX, 5, "vmx" }, { 1, ECX, 6, "smx" }, { 1, ECX, 15, "pdcm" }, { 1, ECX, 17, "pcid" },
	{ 1, ECX, 18, "dca" }, { 1, ECX, 24, "tsc-deadline" }, { 1, EDX, 7, "mce" }, { 1, EDX, 14, "mca" },
	{ 7, EBX, 1, "tsc-adjust" }, { 7, EBX, 2, "sgx" }, { 7, EBX, 4, "hle" }, { 7, EBX, 10, "invpcid" }, { 7, EBX, 11, "rtm" },
	{ 7, EBX, 14, "mpx" }, { 7, EBX, 25, "pt" }, { 7, ECX, 3, "pku" }, { 7, ECX, 5, "waitpkg" }, { 7, ECX, 7, "cet-ss" },
	{ 7, ECX, 16, "la57" }, { 7, EDX, 20, "cet-ibt" }, { 7, EDX, 29, "arch-capabilities" },
	{ 0x80000001, ECX, 2, "svm" }, { 0x80000001, ECX, 3, "extapic" }, { 0x80000001, ECX, 9, "osvw" }, { 0x80000001, ECX, 10, "ibs" },
	{ 0x80000001, ECX, 12, "skinit" }, { 0x80000001, ECX, 13, "wdt" }, { 0x80000001, ECX, 15, "lwp" },
	{ 0x80000001, ECX, 19, "nodeid-msr" }, { 0x80000001, ECX, 23, "perfctr-core" }, { 0x80000001, ECX, 24, "perfctr-nb" },
	{ 0x80000001, ECX, 29, "mwaitx" }, { 0x8000001f, EAX, 0, "sme" }, { 0x8000001f, EAX, 1, "sev" }, { 0x8000000a, EAX, 0, "svm-leaf" },
};

static bool has(const struct feature *f)
{
	uint32_t r[4];

	cpuid(f->leaf & 0x80000000, 0, r);
	if (f->leaf > r[0])
		return false;
	cpuid(f->leaf, 0, r);
	return r[f->reg] >> f->bit & 1;
}

static void features(void)
{
	char name[48];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		snprintf(name, sizeof(name), "cpuid-has-%s", needed[i].name);
		check(has(&needed[i]), name, "missing");
	}
	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		snprintf(name, sizeof(name), "cpuid-hides-%s", hidden[i].name);
		check(!has(&hidden[i]), name, "shown");
	}
}

static unsigned long read_cr4(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static bool write_cr4(unsigned long v)
{
	last_trap = NO_TRAP;
	__asm__ volatile("1: mov %0, %%cr4\n2:" FIXUP(1b, 2b) :: "r"(v) : "memory");
	return last_trap == NO_TRAP;
}

static bool write_xcr0(uint64_t v)
{
	last_trap = NO_TRAP;
	__asm__ volatile("1: xsetbv\n2:" FIXUP(1b, 2b) :: "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
	return last_trap == NO_TRAP;
}

static void topology(void)
{
	uint32_t r[4], id, max;

	cpuid(1, 0, r);
	id = r[1] >> 24;
	printf("family %x model %x, APIC id %u\n", (r[0] >> 8 & 15) + (r[0] >> 20 & 255), (r[0] >> 4 & 15) | (r[0] >> 12 & 0xf0), id);
	cpuid(0, 0, r);
	max = r[0];
	if (max >= 0xb) {
		cpuid(0xb, 0, r);
		check(!r[1] || r[3] == id, "leaf-b-apic-id", "%u, leaf 1 has %u", r[3], id);
	}
	if (max >= 0xa) {
		cpuid(0xa, 0, r);
		check(!(r[0] | r[1] | r[2] | r[3]), "no-pmu-leaf", "%x", r[0]);
	}
	cpuid(0x80000000, 0, r);
	if (r[0] >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		check((r[0] & 255) >= 36 && (r[0] & 255) <= 52, "physical-address-bits", "%u", r[0] & 255);
		check((r[0] >> 8 & 255) == 48, "linear-address-bits", "%u", r[0] >> 8 & 255);
	}
	cpuid(0x40000000 + 0x5f00, 0, r);
	cpuid(max + 1, 0, r);
	cpuid(0x90000000, 0, r);
}

static void xsave(void)
{
	static const uint64_t bad[] = { 0, 2, 1 | 4, 3 | 1ULL << 62, 3 | 1ULL << 63, 1 | 8, 1 | 16 };
	uint32_t r[4], r13[4], i, accepted = 0;
	uint64_t all;

	cpuid(1, 0, r);
	if (!(r[2] & 1 << 26)) {
		check(!write_cr4(read_cr4() | 1 << 18), "osxsave-without-xsave", "CR4 bit accepted");
		skip("xsave", "not announced");
		return;
	}
	check(!(r[2] & 1 << 27), "osxsave-clear-before-cr4", "set");
	if (!check(write_cr4(read_cr4() | 1 << 18), "cr4-osxsave", "refused"))
		return;
	cpuid(1, 0, r);
	check(r[2] & 1 << 27, "osxsave-follows-cr4", "clear");
	cpuid(0xd, 0, r13);
	all = (uint64_t)r13[3] << 32 | r13[0];
	printf("xcr0 mask %llx, area %u, now %u\n", (unsigned long long)all, r13[2], r13[1]);
	check_equal("xsave-area-with-x87-only", r13[1], 576);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		accepted |= (uint32_t)write_xcr0(bad[i]) << i;
	check(!accepted, "xsetbv-bad-values", "mask %x accepted", accepted);
	check(write_xcr0(all), "xsetbv-all", "refused");
	cpuid(0xd, 0, r13);
	check(r13[1] == r13[2], "xsave-area-follows-xcr0", "%u, maximum %u", r13[1], r13[2]);
	last_trap = NO_TRAP;
	__asm__ volatile("1: xsetbv\n2:" FIXUP(1b, 2b) :: "c"(1), "a"(1), "d"(0) : "memory");
	check(last_trap == GP, "xsetbv-xcr1", "trap %u", last_trap);
	(void)write_xcr0(1);
}

static void msr_reads(uint32_t msr, const char *name, uint64_t wanted, uint64_t mask)
{
	uint64_t v = 0;

	if (check(rdmsr_safe(msr, &v), name, "RDMSR %x: trap %u", msr, last_trap) && mask)
		check((v & mask) == wanted, name, "MSR %x is %llx", msr, (unsigned long long)v);
}

static void msr_keeps(uint32_t msr, const char *name, uint64_t value)
{
	uint64_t old = 0, v = 0;

	if (!check(rdmsr_safe(msr, &old), name, "RDMSR %x: trap %u", msr, last_trap))
		return;
	check(wrmsr_safe(msr, value), name, "WRMSR %x: trap %u", msr, last_trap);
	check(rdmsr_safe(msr, &v) && v == value, name, "MSR %x is %llx after writing %llx", msr, (unsigned long long)v,
	      (unsigned long long)value);
	(void)wrmsr_safe(msr, old);
}

static void msr_refuses(uint32_t msr, const char *name, uint64_t value)
{
	uint64_t before = 0, after = 0;
	bool readable = rdmsr_safe(msr, &before);

	check(!wrmsr_safe(msr, value) && last_trap == GP, name, "WRMSR %x of %llx: trap %u", msr, (unsigned long long)value, last_trap);
	if (readable)
		check(rdmsr_safe(msr, &after) && before == after, name, "MSR %x changed to %llx", msr, (unsigned long long)after);
}

static void msr_absent(uint32_t msr, const char *name)
{
	uint64_t v = 0;

	check(!rdmsr_safe(msr, &v) && last_trap == GP, name, "RDMSR %x gives %llx", msr, (unsigned long long)v);
}

/* #GP, or zero as Xen answers. */
static void msr_empty(uint32_t msr, const char *name)
{
	uint64_t v = 0;

	check(!rdmsr_safe(msr, &v) || !v, name, "MSR %x is %llx", msr, (unsigned long long)v);
}

/* Registers that are passed through are checked by the processor; QEMU's emulation does not. */
static void msrs_on_silicon(void)
{
	if (!option("silicon")) {
		skip("msrs-passed-through", "not without the word silicon: emulators accept bad values");
		return;
	}
	msr_refuses(0xc0000082, "lstar-not-canonical", 0x1234567812345678);
	msr_refuses(0xc0000100, "fs-base-not-canonical", 0x8000000000000000);
	msr_reads(0x277, "pat-reset", 0x0007040600070406, ~0ULL);
	msr_refuses(0x277, "pat-type-2", 0x0007040600070402);
}

static void msrs(void)
{
	uint64_t v = 0, tsc;
	uint32_t r[4];

	msr_reads(0xc0000080, "efer", 0x500, 0x1500);		/* LME, LMA, no SVME */
	msr_refuses(0xc0000080, "efer-svme", 0x1d00);
	msr_refuses(0xc0000080, "efer-reserved", 0xd00 | 1ULL << 20);
	msr_refuses(0xc0000080, "efer-lme-off", 0xc00);
	if (rdmsr_safe(0xc0000080, &v)) {
		check(wrmsr_safe(0xc0000080, v | 1), "efer-sce", "refused");
		check(rdmsr_safe(0xc0000080, &v) && v & 1 && v & 0x400, "efer-after-sce", "%llx", (unsigned long long)v);
	}
	msr_keeps(0xc0000081, "star", 0x0123456789abcdef);
	msr_keeps(0xc0000082, "lstar", 0xffffffff81234567);
	msr_keeps(0xc0000083, "cstar", 0x00007fff81234567);
	msr_keeps(0xc0000084, "sfmask", 0x47700);
	msr_keeps(0xc0000100, "fs-base", 0x00007fff12345678);
	msr_keeps(0xc0000101, "gs-base", 0xffff800012345678);
	msr_keeps(0xc0000102, "kernel-gs-base", 0xffffffff12345678);
	msr_keeps(0x174, "sysenter-cs", 0x1234);
	msr_keeps(0x175, "sysenter-esp", 0xffff888012345678);
	msr_keeps(0x176, "sysenter-eip", 0xffffffff87654321);
	msr_keeps(0x277, "pat", 0x0007010600070106);
	msrs_on_silicon();
	msr_reads(0xfe, "mtrr-cap", 0x100, 0x100);
	msr_reads(0x2ff, "mtrr-default-is-write-back", 0x806, 0x8ff);
	msr_keeps(0x200, "mtrr-base-0", 0x80000000 | 6);
	msr_keeps(0x250, "mtrr-fixed", 0x0606060606060606);
	msr_reads(0x1b, "apic-base", 0xfee00900, 0xfffff900);
	if (rdmsr_safe(0x1b, &v))
		msr_refuses(0x1b, "apic-base-moved", (v & ~0xfffff000ULL) | 0xfed00000);
	if (cpu_is_amd) {
		msr_reads(0xc0010015, "hwcr", 0, 0);
		msr_reads(0xc0010010, "syscfg", 0, 0);
		msr_reads(0x8b, "patch-level", 0, 0);
		msr_reads(0xc0011029, "de-cfg-lfence", 2, 2);
		msr_absent(0xc0011020, "ls-cfg-is-absent");
		msr_empty(0xc0010131, "sev-status-is-empty");
		msr_empty(0xc0010114, "vm-cr-is-empty");
		msr_empty(0xc0010117, "vm-hsave-pa-is-empty");
	}
	msr_absent(0x12345678, "unknown-msr");
	msr_absent(0x40000100, "unknown-msr-in-xen-range");
	msr_absent(0xc0001234, "unknown-msr-high");
	msr_absent(0x00001fff, "unknown-msr-in-bitmap");
	msr_refuses(0x12345678, "unknown-msr-write", 0);

	cpuid(0x80000001, 0, r);
	if (r[3] & 1 << 27) {
		uint32_t aux = 0;

		msr_keeps(0xc0000103, "tsc-aux", 0x1234567);
		(void)wrmsr_safe(0xc0000103, 0x4321);
		__asm__ volatile("1: rdtscp\n2:" FIXUP(1b, 2b) : "+c"(aux) :: "rax", "rdx", "memory");
		check_equal("rdtscp-gives-tsc-aux", aux, 0x4321);
		(void)wrmsr_safe(0xc0000103, 0);
	}
	tsc = rdtsc();
	check(rdmsr_safe(0x10, &v) && v >= tsc && v < tsc + (1ULL << 32), "tsc-msr-is-rdtsc", "%llx and %llx", (unsigned long long)v,
	      (unsigned long long)tsc);
}

static void ports(void)
{
	check_equal("port-42-is-0", inb(0x42), 0);
	check_equal("port-61-bit-5", inb(0x61) & 0x20, 0x20);
	check_equal("port-10-is-not-unplug", inw(0x10) != 0x49d2, 1);
	check_equal("port-cf8", inl(0xcf8), 0xffffffff);
	check_equal("port-cfc", inl(0xcfc), 0xffffffff);
	outl(0xcf8, 0x80000000);
	check_equal("port-cfc-after-address", inl(0xcfc), 0xffffffff);
	outb(0x21, 0xfb);
	check_equal("port-21-no-pic", inb(0x21), 0xff);
	check_equal("port-64-no-8042", inb(0x64), 0xff);
	check_equal("port-3fd-no-uart", inb(0x3fd), 0xff);
	check_equal("port-ffff", inb(0xffff), 0xff);
	check_equal("port-ffff-wide", inl(0xffff), 0xffffffff);
	outb(0x80, 1);
	outb(0xcf9, 6);
	outb(0x64, 0xfe);
	check(true, "reset-ports-do-nothing", "-");
}

/* Each must raise #UD (or #GP where said) in a guest and nothing more. */
#define REFUSED(name, code, wanted) do { \
	last_trap = NO_TRAP; \
	__asm__ volatile("1: " code "\n2:" FIXUP(1b, 2b) :: "a"(0), "b"(0), "c"(0), "d"(0) : "memory", "cc"); \
	check(last_trap == (wanted), name, "trap %u", last_trap); \
} while (0)

static void instructions(void)
{
	if (cpu_is_amd) {
		REFUSED("vmrun-is-ud", "vmrun", UD);
		REFUSED("vmload-is-ud", "vmload", UD);
		REFUSED("vmsave-is-ud", "vmsave", UD);
		REFUSED("stgi-is-ud", "stgi", UD);
		REFUSED("clgi-is-ud", "clgi", UD);
		REFUSED("skinit-is-ud", "skinit", UD);
		REFUSED("invlpga-is-ud", ".byte 0x0f, 0x01, 0xdf", UD);
	}
	REFUSED("vmxon-is-ud", ".byte 0xf3, 0x0f, 0xc7, 0x33", UD);
	REFUSED("monitor-is-ud", "monitor", UD);
	REFUSED("mwait-is-ud", "mwait", UD);
	REFUSED("rsm-is-ud", "rsm", UD);
	last_trap = NO_TRAP;
	__asm__ volatile("1: rdpmc\n2:" FIXUP(1b, 2b) :: "c"(99) : "rax", "rdx", "memory");
	check(last_trap == GP || last_trap == UD, "rdpmc-99", "trap %u", last_trap);
	last_trap = NO_TRAP;
	__asm__ volatile("wbinvd; invlpg (%0)" :: "r"(&last_trap) : "memory");
	check(last_trap == NO_TRAP, "wbinvd-invlpg", "trap %u", last_trap);
	check(!write_cr4(read_cr4() | 1UL << 40), "cr4-reserved-bit", "accepted");
	check(!write_cr4(read_cr4() | 1UL << 13), "cr4-vmxe", "accepted");
	check(!write_cr4(read_cr4() & ~(1UL << 5)), "cr4-pae-off-in-long-mode", "accepted");
	check(write_cr4(read_cr4() ^ 1UL << 7), "cr4-pge-toggle", "refused");
}

/* Of a domain with cpuid = "host,avx=0,rdseed=0,smep=0" and msr_relaxed = 1. */
static void less(void)
{
	static const struct feature gone[] = {
		{ 1, ECX, 28, "avx" }, { 1, ECX, 12, "fma" }, { 1, ECX, 29, "f16c" }, { 7, EBX, 5, "avx2" }, { 7, EBX, 16, "avx512f" },
		{ 7, EBX, 18, "rdseed" }, { 7, EBX, 7, "smep" }, { 7, ECX, 9, "vaes" },
	};
	uint32_t i, lo, hi, r[4];
	uint64_t v = 1;

	for (i = 0; i < ARRAY_SIZE(gone); i++) {
		char name[48];

		snprintf(name, sizeof(name), "policy-hides-%s", gone[i].name);
		check(!has(&gone[i]), name, "shown");
	}
	check(!write_cr4(read_cr4() | 1 << 20) && last_trap == GP, "policy-cr4-smep", "trap %u", last_trap);
	if (check(write_cr4(read_cr4() | 1 << 18), "policy-cr4-osxsave", "refused")) {
		cpuid(0xd, 0, r);
		check_equal("policy-xcr0-mask", r[0], 3);
		check_equal("policy-xsave-size", r[2], 576);
		check(write_xcr0(3), "policy-xsetbv-sse", "refused");
		/* QEMU 7.2 does not tell the hypervisor of XSETBV: there the state is taken away at the next exit. */
		if (write_xcr0(7)) {
			cpuid(0xd, 0, r);
			__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
			check_equal("policy-xsetbv-avx", lo, 3);
		} else {
			check_equal("policy-xsetbv-avx", last_trap, GP);
		}
		(void)write_xcr0(1);
	}
	check(rdmsr_safe(0x1a2, &v) && !v, "policy-relaxed-rdmsr", "%llx, trap %u", (unsigned long long)v, last_trap);
	check(wrmsr_safe(0x1a2, 1), "policy-relaxed-wrmsr", "trap %u", last_trap);
	msr_refuses(0xfe, "policy-known-msr-is-strict", 0);
}

void abi_cpu(void)
{
	if (option("less")) {
		less();
		return;
	}

	features();
	topology();
	xsave();
	msrs();
	ports();
	instructions();
}
