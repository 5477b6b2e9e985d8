// SPDX-License-Identifier: GPL-2.0-only
/* GDT, TSS, IDT of host mode, and what happens when an exception strikes there. */
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/log.h"
#include "lib/lib.h"

struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct tss64 {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __packed;

/*
 * Selectors as Linux has them for CS and SS (0x10, 0x18), so that a CPU can leave without reloading them: only their cached
 * descriptors count, and those are alike.
 */
struct tables {
	uint64_t gdt[8];		/* 0x10 code, 0x18 data, 0x20 TSS (two slots) */
	struct tss64 tss;
};
#define SEL_TSS	0x20

struct idt_gate {
	uint16_t lo, sel;
	uint8_t ist, type;
	uint16_t mid;
	uint32_t hi, zero;
};

static struct idt_gate idt[32] __aligned(16);
extern char exception_stubs[];
extern const uint64_t ex_table_start[], ex_table_end[];

static void load_gdt(struct cpu *c, struct tables *t)
{
	struct { uint16_t limit; uint64_t base; } __packed p;
	uint64_t tss = (uint64_t)&t->tss;

	*t = (struct tables){ 0 };
	t->gdt[2] = 0x00af9b000000ffffULL;	/* 64-bit code, accessed */
	t->gdt[3] = 0x00cf93000000ffffULL;	/* data, accessed */
	t->gdt[4] = (sizeof(t->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
	t->gdt[5] = tss >> 32;
	t->tss.ist[0] = (uint64_t)c + CPU_DF_STACK;
	t->tss.ist[1] = (uint64_t)c + CPU_NMI_STACK;
	t->tss.ist[2] = (uint64_t)c + CPU_MC_STACK;
	t->tss.iomap = sizeof(t->tss);
	p.limit = sizeof(t->gdt) - 1;
	p.base = (uint64_t)t->gdt;
	__asm__ volatile("lgdt %0" : : "m"(p));
	__asm__ volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es" : : "r"(0x18), "r"(0) : "memory");
	__asm__ volatile("push $0x10; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : : "rax", "memory");
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
}

static void load_idt(void)
{
	struct { uint16_t limit; uint64_t base; } __packed p = { sizeof(idt) - 1, (uint64_t)idt };
	static const uint8_t ist[32] = { [VEC_DF] = 1, [VEC_NMI] = 2, [VEC_MC] = 3 };

	for (int i = 0; i < 32; i++) {
		uint64_t h = (uint64_t)exception_stubs + (uint64_t)i * 16;

		idt[i] = (struct idt_gate){ (uint16_t)h, 0x10, ist[i], 0x8e, (uint16_t)(h >> 16), (uint32_t)(h >> 32), 0 };
	}
	__asm__ volatile("lidt %0" : : "m"(p));
}

void arch_tables_load(struct cpu *c)
{
	load_gdt(c, (struct tables *)((char *)c + CPU_TABLES));
	load_idt();
}

static void dump(const struct exception_frame *f)
{
	hv_log("rip %lx rsp %lx rflags %lx cr3 %lx", f->rip, f->rsp, f->rflags, read_cr3());
	hv_log("rax %lx rbx %lx rcx %lx rdx %lx", f->rax, f->rbx, f->rcx, f->rdx);
	hv_log("rsi %lx rdi %lx rbp %lx r8 %lx", f->rsi, f->rdi, f->rbp, f->r8);
	hv_log("r9 %lx r10 %lx r11 %lx r12 %lx", f->r9, f->r10, f->r11, f->r12);
	hv_log("r13 %lx r14 %lx r15 %lx", f->r13, f->r14, f->r15);
}

void exception_handle(struct exception_frame *f);
void exception_handle(struct exception_frame *f)
{
	uint64_t cr2;

	for (const uint64_t *e = ex_table_start; e < ex_table_end; e += 2) {
		if (f->rip == e[0]) {
			f->rip = e[1];
			return;
		}
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	dump(f);
	hv_panic("exception %lu (error %lx) at rip %lx, cr2 %lx", f->vector, f->error, f->rip, cr2);
}

void machine_halt(void)
{
	/* GIF=0: nothing wakes it. Dom0's other CPUs notice by their own watchdogs. */
	for (;;)
		__asm__ volatile("cli; hlt");
}

void machine_reset(void)
{
	struct { uint16_t limit; uint64_t base; } __packed none = { 0, 0 };

	outb(0xcf9, 0x02);	/* PCH reset control: hard reset */
	outb(0xcf9, 0x06);
	for (int i = 0; i < 1000000; i++)
		__builtin_ia32_pause();
	outb(0x64, 0xfe);	/* keyboard controller */
	for (int i = 0; i < 1000000; i++)
		__builtin_ia32_pause();
	__asm__ volatile("lidt %0; int3" : : "m"(none));
	machine_halt();
}

void enter_trampoline(uint64_t ret, uint64_t cr4, uint64_t cr3, uint64_t rsp, uint64_t rip, uint64_t rflags,
		      uint64_t leave_va, const uint64_t *callee) __attribute__((noreturn));

void arch_jump_out(const struct zendo_cpu_launch *l, uint64_t ret)
{
	struct { uint16_t limit; uint64_t base; } __packed gdt = { (uint16_t)l->gdt.limit, l->gdt.base },
							   idt_ptr = { (uint16_t)l->idt.limit, l->idt.base };
	uint64_t callee[6] = { l->rbx, l->rbp, l->r12, l->r13, l->r14, l->r15 };

	__asm__ volatile("cli");
	__asm__ volatile("lgdt %0; lidt %1" : : "m"(gdt), "m"(idt_ptr));
	__asm__ volatile("mov %0, %%cr2" : : "r"(l->cr2));
	__asm__ volatile("mov %0, %%dr7" : : "r"(l->dr7));
	write_cr0(l->cr0);
	enter_trampoline(ret, l->cr4, l->cr3, l->rsp, l->rip, l->rflags & ~RFLAGS_IF, boot.leave_va, callee);
}
