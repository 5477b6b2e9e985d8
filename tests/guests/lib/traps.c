// SPDX-License-Identifier: GPL-2.0-only
/* Every vector has an entry. One that nobody expects is reported with registers and ends the domain as crashed. */
#include "guest.h"

#define CPL3_RETURN_VECTOR	0x80

extern char vector_stubs[];
extern uint32_t fixups_start[][2], fixups_end[][2];

volatile unsigned int last_trap = NO_TRAP;
volatile unsigned long last_trap_error;
static trap_fn *handlers[256];
unsigned long idt_base, idt_limit;

#ifdef __x86_64__
extern char trap_stack_top[];
extern uint64_t gdt[];
extern void cpl3_return(void);

struct gate {
	uint16_t offset0, selector, attr, offset1;
	uint32_t offset2, reserved;
};
#define SEL_TSS		0x38

static struct {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed)) tss;

static void tss_init(void)
{
	uint64_t base = (uintptr_t)&tss;

	tss.rsp[0] = tss.ist[0] = (uintptr_t)trap_stack_top;
	tss.iomap = sizeof(tss);
	gdt[SEL_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %w0" :: "r"(SEL_TSS));
}
#else
struct gate {
	uint16_t offset0, selector, attr, offset1;
};

static void tss_init(void) {}
#endif

static struct gate idt[256] __attribute__((aligned(16)));

struct desc_ptr {
	uint16_t limit;
	unsigned long base;
} __attribute__((packed));

void traps_init(void)
{
	struct desc_ptr ptr = { sizeof(idt) - 1, (uintptr_t)idt };
	unsigned int i;

	idt_base = ptr.base;
	idt_limit = ptr.limit;
	tss_init();
	for (i = 0; i < 256; i++) {
		uintptr_t stub = (uintptr_t)vector_stubs + i * 16;

		idt[i].offset0 = (uint16_t)stub;
		idt[i].selector = 0x08;
		idt[i].attr = 0x8e00;
		idt[i].offset1 = (uint16_t)(stub >> 16);
	}
#ifdef __x86_64__
	idt[8].attr |= 1;			/* a double fault may mean there is no stack */
	idt[CPL3_RETURN_VECTOR].attr |= 0x6000;	/* DPL 3 */
#endif
	__asm__ volatile("lidt %0" :: "m"(ptr));
}

void trap_handler(unsigned int vector, trap_fn *fn)
{
	handlers[vector] = fn;
}

static bool fix_up(struct trap *t)
{
	uint32_t (*f)[2];

	for (f = fixups_start; f < fixups_end; f++) {
		if ((*f)[0] == t->ip) {
			last_trap = (unsigned int)t->vector;
			last_trap_error = t->error;
			t->ip = (*f)[1];
			return true;
		}
	}
	return false;
}

void trap(struct trap *t)
{
	if (handlers[t->vector]) {
		handlers[t->vector](t);
		return;
	}
#ifdef __x86_64__
	if (t->vector == CPL3_RETURN_VECTOR && (t->cs & 3)) {
		t->ip = (uintptr_t)cpl3_return;
		t->cs = 0x08;
		t->ss = 0x10;
		t->flags &= ~0x200UL;
		return;
	}
#endif
	if (t->vector < 32 && fix_up(t))
		return;
	printf("trap %lu error %lx ip %lx cs %lx flags %lx cr2 %lx\n", t->vector, t->error, t->ip, t->cs,
	       t->flags, read_cr2());
	printf("ax %lx bx %lx cx %lx dx %lx si %lx di %lx bp %lx\n", t->ax, t->bx, t->cx, t->dx, t->si, t->di, t->bp);
	panic("unexpected trap %lu at %lx", t->vector, t->ip);
}

bool rdmsr_safe(uint32_t msr, uint64_t *ret_value)
{
	uint32_t lo = 0, hi = 0;

	last_trap = NO_TRAP;
	__asm__ volatile("1: rdmsr\n2:" FIXUP(1b, 2b) : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	if (last_trap != NO_TRAP)
		return false;
	*ret_value = (uint64_t)hi << 32 | lo;
	return true;
}

bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	last_trap = NO_TRAP;
	__asm__ volatile("1: wrmsr\n2:" FIXUP(1b, 2b)
			 :: "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return last_trap == NO_TRAP;
}

bool read_safe(uint64_t addr, uint32_t *ret_value)
{
	uint32_t v = 0;

	last_trap = NO_TRAP;
	__asm__ volatile("1: movl (%1), %0\n2:" FIXUP(1b, 2b) : "+r"(v) : "r"((uintptr_t)addr) : "memory");
	*ret_value = v;
	return last_trap == NO_TRAP;
}

bool write_safe(uint64_t addr, uint32_t value)
{
	last_trap = NO_TRAP;
	__asm__ volatile("1: movl %0, (%1)\n2:" FIXUP(1b, 2b) :: "r"(value), "r"((uintptr_t)addr) : "memory");
	return last_trap == NO_TRAP;
}
