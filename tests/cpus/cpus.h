/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sources of hypervisor/core and hypervisor/guest, run by threads that are CPUs.
 *
 *	main.c		arguments, the threads, when it is enough, what must be true at the end
 *	machine.c	what the sources call and the host has not: pool, mappings, log
 *	vendor.c	a processor: nested tables' entries, ASIDs, and a TLB that forgets nothing unasked
 *	stall.c		CPUs that are slow at any function
 *	record.c	what each CPU did last, and how a failure is told
 *	frames.c	dom0's free frames: nobody else writes them, nobody holds them
 *	dom0.c		dom0: domains made, fed, run and killed
 *	guest.c		a guest's turn: what it writes and reads, and its exits
 *	calls.c		its hypercalls
 */
#ifndef CPUS_H
#define CPUS_H

#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"

#define CPUS		4
#define DOMAINS		3
#define VCPUS		3
#define RAM_BASE	0x200000000000ULL	/* physical and the process's addresses are the same */
#define RAM_SIZE	(32ULL << 20)
#define FRAMES		(RAM_SIZE >> PAGE_SHIFT)
#define GUEST_FRAMES	256		/* RAM that a domain starts with */

/* ---- chance: each CPU has its own, told by the seed ---- */

void chance_start(unsigned int cpu, uint64_t seed);
uint64_t chance(void);
static inline uint32_t below(uint32_t n) { return (uint32_t)(chance() % n); }
static inline bool one_in(uint32_t n) { return !below(n); }

/* ---- stall.c ---- */

/* Maybe nothing happens on this CPU for a while. The compiler calls it at each function of the hypervisor as well. */
void stall(void);

/* ---- record.c ---- */

void record_start(uint64_t seed);
/* The last things that this CPU did. What is returned is for what came out. */
int64_t *record(const char *what, uint64_t a, uint64_t b);
/* The run has failed: says why, with seed and calls. */
void die(const char *why, ...) __printf(1, 2) __noreturn;
#define RECORD_PENDING	INT64_MIN

/* ---- machine.c ---- */

extern __thread unsigned int this_cpu_id;
extern struct cpu cpus[CPUS];
void machine_start(void);
uint64_t pool_pages_out(void), shared_slots_out(void);

/* ---- vendor.c ---- */

/* Where @v finds a page of its memory, by its TLB or the tables; NULL: nowhere. Only while it is in guest mode. */
void *vendor_access(struct vcpu *v, uint64_t gfn, bool write);

/* ---- frames.c ---- */

void frames_start(void);
uint32_t frame_take(void);		/* cleared */
void frame_put(uint32_t f);
static inline uint64_t frame_hpa(uint32_t f) { return RAM_BASE + ((uint64_t)f << PAGE_SHIFT); }
static inline void *frame_mem(uint32_t f) { return (void *)(uintptr_t)frame_hpa(f); }
/* Every frame is dom0's, as it left it. NULL, or what is wrong. */
const char *frames_wrong(void);
/* What stands in dom0's free frames. */
static inline uint64_t free_word(uint64_t hpa) { return 0xd0d0000000000000ULL | (hpa - RAM_BASE) >> PAGE_SHIFT; }

/* Whose a frame is by dom0's books: 0, or a domain's, with this bit when it is for the domain's table of gfns. */
#define OWNER_TABLE	0x8000
void frame_owner_set(uint32_t f, uint16_t owner);
uint16_t frame_owner(uint32_t f);
/* False: it was not @owner's any more; another CPU has got it. */
bool frame_owner_clear(uint32_t f, uint16_t owner);

/* ---- dom0.c ---- */

/* What a vCPU has asked for and not heard of. By the CPU that runs it. */
struct program {
	uint64_t rip;		/* of the hypercall, 0: none */
	unsigned int call;
};
struct program *program_of(const struct vcpu *v);
domid_t some_domain(void);
void dom0_start(void);
void dom0_step(void);
void dom0_end(void);

/* ---- guest.c, calls.c ---- */

void guest_run(struct cpu *c, struct vcpu *v, struct exit_info *x);
/* Few gfns, so that CPUs meet in them. */
static inline uint64_t busy_gfn(void) { return 32 + below(16); }
#define OTHER_GFNS	290		/* where info, grant table and grants are shown, up to 500 */
#define GRANTS_AT	300		/* the grant table's first frame */
#define FIRST_REF	8
#define REFS		12
void guest_store(struct vcpu *v, uint64_t addr, const void *buf, size_t len);
void guest_load(struct vcpu *v, uint64_t addr, void *buf, size_t len);

#define MAX_CALLS	64
const char *call_name(unsigned int call);	/* NULL: no more */
/* Some call of @v, in its registers' order. */
unsigned int call_make(struct vcpu *v, uint64_t arg[5], uint64_t *ret_nr);
/* What the guest finds when it is back from it. */
bool call_succeeded(struct vcpu *v, unsigned int call);

/* ---- what came out; by each CPU for itself ---- */

struct tally {
	uint64_t turns;		/* atomic: steps of dom0 */
	uint64_t deaths, returned, runs[ZRUN_NR + 1];	/* the last one: refused */
	uint64_t done[MAX_CALLS], refused[MAX_CALLS];
};
extern struct tally tallies[CPUS];
static inline struct tally *tally(void) { return &tallies[this_cpu_id]; }
/* For others to see while it runs. */
static inline void count(uint64_t *n) { __atomic_fetch_add(n, 1, __ATOMIC_RELAXED); }

#endif
