/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test guest stands on. One vCPU, no allocation, no floating point in C (so traps need not
 * save it). A program defines guest_main(); when it returns, the report's last line is printed and the
 * domain powers off.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>

#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define __page_aligned	__attribute__((aligned(4096)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define barrier()	__asm__ volatile("" ::: "memory")
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define xchg(p, v)	__atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define NSEC		1000000000ULL
#define MSEC		1000000ULL
#define BITS_PER_LONG	(8 * (unsigned int)sizeof(long))

void guest_main(void);

/* ---- start: main.c ---- */

extern struct hvm_start_info start_info;	/* a copy; the original stays where it was */
extern char cmdline[1024];			/* cut when longer */

/* The word @name of the command line: "name" gives "", "name=value" its value up to a blank, else NULL. */
const char *option(const char *name);
bool option_is(const char *name, const char *value);
uint64_t option_number(const char *name, uint64_t otherwise);	/* decimal or 0x…, suffix k or m */

/*
 * First address of a stretch of @size bytes, 2 MiB aligned, below 4 GiB, above @from, that no entry of the
 * memory map names and that is not the APIC's; 0 if there is none.
 */
uint64_t memory_hole(uint64_t from, uint64_t size);

/* ---- console: console.c, printf.c ---- */

enum console_kind { CONSOLE_DEBUG_PORT, CONSOLE_IO, CONSOLE_RING };
extern enum console_kind console_kind;
extern evtchn_port_t console_port;

void console_init(void);
void console_write(const char *s, size_t n);
int  console_getc(void);			/* next input byte of the ring, -1 when there is none */
void console_drain(void);			/* until the ring was read, at most a second */
int  printf(const char *fmt, ...) __printf(1, 2);	/* %c %s %d %u %x %p, l, ll, width, 0 and - */
int  snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int  vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* ---- the report: report.c ---- */

/* One line: "ok NAME" or "not ok NAME: reason". Returns @good. */
bool check(bool good, const char *name, const char *reason, ...) __printf(3, 4);
bool check_equal(const char *name, long got, long wanted);
bool check_refused(const char *name, long got);		/* any negative error is right */
void skip(const char *name, const char *reason);	/* "skip NAME: reason", counts as nothing */
extern unsigned int nr_checks, nr_failed;
void report_end(void);				/* "PASS n" or "FAIL n of m" */
void finish(void) __attribute__((noreturn));	/* report_end() and power off */
void panic(const char *fmt, ...) __attribute__((noreturn)) __printf(1, 2);	/* FAIL, SHUTDOWN_crash */
void shutdown(unsigned int reason) __attribute__((noreturn));

/* ---- hypercalls: xen.c ---- */

extern uint32_t xen_base;			/* CPUID base leaf, 0 = no Xen */
extern uint32_t xen_max_leaf;
extern bool cpu_is_amd;				/* vendor string says VMMCALL */
extern char hypercall_page[4096];

typedef long hypercall_fn(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3,
			  unsigned long a4, unsigned long a5);
extern hypercall_fn *hypercall_via;
hypercall_fn hypercall_vmmcall, hypercall_vmcall, hypercall_by_page;

void xen_init(void);
bool hypercall_page_install(void);		/* through the MSR of leaf base+2; from then on calls use it */

static inline long hypercall(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3)
{
	return hypercall_via(nr, a1, a2, a3, 0, 0);
}

static inline long memory_op(unsigned int cmd, void *arg)
{
	return hypercall(__HYPERVISOR_memory_op, cmd, (unsigned long)arg, 0);
}

static inline long xen_version(unsigned int cmd, void *arg)
{
	return hypercall(__HYPERVISOR_xen_version, cmd, (unsigned long)arg, 0);
}

static inline long event_channel_op(unsigned int cmd, void *arg)
{
	return hypercall(__HYPERVISOR_event_channel_op, cmd, (unsigned long)arg, 0);
}
static inline long evtchn_send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return event_channel_op(EVTCHNOP_send, &s);
}
static inline long evtchn_close(evtchn_port_t port)
{
	struct evtchn_close c = { .port = port };

	return event_channel_op(EVTCHNOP_close, &c);
}
static inline long evtchn_unmask(evtchn_port_t port)
{
	struct evtchn_unmask u = { .port = port };

	return event_channel_op(EVTCHNOP_unmask, &u);
}
/* To vCPU 0; 0 = refused. */
static inline evtchn_port_t evtchn_bind_ipi(void)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	return event_channel_op(EVTCHNOP_bind_ipi, &b) ? 0 : b.port;
}

static inline long sched_op(unsigned int cmd, void *arg)
{
	return hypercall(__HYPERVISOR_sched_op, cmd, (unsigned long)arg, 0);
}

static inline long hvm_op(unsigned int cmd, void *arg)
{
	return hypercall(__HYPERVISOR_hvm_op, cmd, (unsigned long)arg, 0);
}

static inline long vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, (unsigned long)arg);
}

static inline long grant_table_op(unsigned int cmd, void *arg, unsigned int count)
{
	return hypercall(__HYPERVISOR_grant_table_op, cmd, (unsigned long)arg, count);
}

static inline long console_io(unsigned int cmd, unsigned long count, const void *buf)
{
	return hypercall(__HYPERVISOR_console_io, cmd, count, (unsigned long)buf);
}

long hvm_param_get(unsigned int index, uint64_t *ret_value);
long hvm_param_set(unsigned int index, uint64_t value);
long add_to_physmap(unsigned int space, unsigned long idx, xen_pfn_t gpfn);

/* ---- events and time: events.c ---- */

#define UPCALL_VECTOR	0xf3

extern struct shared_info *shared_info;
extern struct vcpu_info *vcpu_info;		/* in shared_info until vcpu_info_register() */
extern evtchn_port_t timer_port;		/* VIRQ_TIMER, 0 before timer_init() */
extern volatile unsigned long nr_upcalls, nr_timer_events;

typedef void port_fn(evtchn_port_t port);

int  shared_info_map(void);			/* over a page of .bss; 0 or the error */
int  vcpu_info_register(void *where);
int  events_init(void);				/* shared_info, all ports masked, callback vector, IF=1 */
void port_handler(evtchn_port_t port, port_fn *fn);	/* ports below 64; the port is not unmasked */
void port_unmask(evtchn_port_t port);
void port_mask(evtchn_port_t port);
bool port_pending(evtchn_port_t port);
void port_clear(evtchn_port_t port);
bool port_masked(evtchn_port_t port);
void events_handle(void);			/* what the upcall does, for callers with IF=0 */
int  timer_init(void);				/* bind VIRQ_TIMER, stop periodic */
int  timer_set(uint64_t deadline_ns);		/* absolute, on clock_ns()'s scale */
uint64_t clock_ns(void);			/* pvclock; 0 before shared_info is mapped */
void sleep_until(uint64_t deadline_ns);		/* HLT and the timer */

/* ---- traps: traps.c ---- */

struct trap {
#ifdef __x86_64__
	unsigned long r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
	unsigned long vector, error, ip, cs, flags, sp, ss;
#else
	unsigned long di, si, bp, bx, dx, cx, ax;
	unsigned long vector, error, ip, cs, flags;
#endif
};

typedef void trap_fn(struct trap *t);

void traps_init(void);
void trap_handler(unsigned int vector, trap_fn *fn);	/* NULL: report and crash, as at the start */
void trap(struct trap *t);
extern volatile unsigned int last_trap;		/* vector of the last fault a fixup caught */
extern volatile unsigned long last_trap_error;
extern unsigned long idt_base, idt_limit;
#define NO_TRAP		0xffffffffU

/* An instruction that may fault: on a fault execution goes on at @to, last_trap has the vector. */
#define FIXUP(from, to) \
	".pushsection .fixups, \"a\"\n\t.long " #from ", " #to "\n\t.popsection\n\t"

/* ---- instructions: each returns false when it faulted, last_trap tells with what ---- */

bool rdmsr_safe(uint32_t msr, uint64_t *ret_value);
bool wrmsr_safe(uint32_t msr, uint64_t value);
bool read_safe(uint64_t addr, uint32_t *ret_value);
bool write_safe(uint64_t addr, uint32_t value);

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void irq_off(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void irq_on(void)  { __asm__ volatile("sti" ::: "memory"); }
static inline void irq_window(void) { __asm__ volatile("sti; nop; nop; cli" ::: "memory"); }
static inline void halt_irq_on(void) { __asm__ volatile("sti; hlt" ::: "memory"); }
static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }

static inline unsigned long read_cr2(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

/* ---- strings: string.c ---- */

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* @n / @d for 64-bit @n without the compiler's helper, which 32-bit guests lack; *@n becomes the quotient. */
static inline uint32_t div64(uint64_t *n, uint32_t d)
{
	uint32_t hi = (uint32_t)(*n >> 32), lo = (uint32_t)*n, r, q_hi, q_lo;

	q_hi = hi / d;
	r = hi % d;
	__asm__("divl %4" : "=a"(q_lo), "=d"(r) : "a"(lo), "d"(r), "rm"(d) : "cc");
	*n = (uint64_t)q_hi << 32 | q_lo;
	return r;
}

/* Numbers that look random and depend on the seed alone (xorshift64*). */
extern uint64_t random_state;
uint64_t random64(void);
static inline uint32_t random_below(uint32_t n) { return (uint32_t)(((random64() >> 32) * n) >> 32); }

#endif
