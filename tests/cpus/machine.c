// SPDX-License-Identifier: GPL-2.0-only
/* What core/ and guest/ call and a process has not. The physical memory is at its own addresses, so mappings cost nothing. */
#include <stdio.h>
#include <stdlib.h>
#include "cpus.h"
#include "arch/x86/x86.h"
#include "core/map.h"
#include "core/pool.h"
#include "core/spec.h"
#include "core/start.h"
#include "core/trace.h"
#include "guest/guest.h"

__thread unsigned int this_cpu_id;
struct cpu cpus[CPUS];
struct tally tallies[CPUS];
struct zendo_launch boot;
struct host_features host_features;
uint32_t spec_todo[NR_EDGES];

static uint64_t pool_out, shared_out;	/* atomic */

void machine_start(void)
{
	boot.levels = 4;
	boot.nr_cpus = CPUS;
	boot.tsc_khz = 2000000;
	host_features = (struct host_features){ .vendor_ebx = 0x68747541, .maxphys = 46, .xcr0_mask = 7, .xsave_size = 832 };
	for (uint32_t i = 0; i < CPUS; i++)
		cpus[i] = (struct cpu){ .id = i, .apic_id = i, .area = hpa(1), .under = true, .max_hold = UINT64_MAX };
}

struct cpu *this_cpu(void)
{
	return &cpus[this_cpu_id];
}

struct cpu *cpu_by_id(uint32_t id)
{
	return id < CPUS ? &cpus[id] : NULL;
}

/* ---- log ---- */

void hv_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void hv_panic(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	die("panic: %s", text);
}

/* Guests do wrong all the time here. */
void guest_log(struct domain *d, const char *fmt, ...)
{
	(void)d, (void)fmt;
}

size_t log_read(uint64_t *pos, uint64_t *start, char *buf, size_t len)
{
	(void)pos, (void)start, (void)buf, (void)len;
	return 0;
}

/* ---- pool: of the process's heap, so that ASan sees whoever uses a page that was given back ---- */

/* Sometimes there is none, as when a quota or the pool is used up. */
static bool charge(struct domain *d)
{
	uint32_t n = __atomic_add_fetch(&d->pool_pages, 1, __ATOMIC_SEQ_CST);

	if (n <= d->max_pool_pages && !one_in(300))
		return true;
	__atomic_fetch_sub(&d->pool_pages, 1, __ATOMIC_SEQ_CST);
	return false;
}

void *pool_alloc(struct domain *d)
{
	void *page;

	if (d && !charge(d))
		return NULL;
	page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	if (!page)
		die("the host has no memory");
	memset(page, 0, PAGE_SIZE);
	__atomic_fetch_add(&pool_out, 1, __ATOMIC_SEQ_CST);
	return page;
}

void pool_free(struct domain *d, void *page)
{
	if (!page)
		return;
	if (d && !__atomic_fetch_sub(&d->pool_pages, 1, __ATOMIC_SEQ_CST))
		die("d%u gives a page back that it was not charged for", d->id);
	free(page);
	__atomic_fetch_sub(&pool_out, 1, __ATOMIC_SEQ_CST);
}

/* What guests cause leaves the reserve alone, and is refused then. */
uint64_t pool_nr_free(void)
{
	return one_in(200) ? 0 : 10 * POOL_RESERVE;
}

uint64_t pool_pages_out(void)
{
	return __atomic_load_n(&pool_out, __ATOMIC_SEQ_CST);
}

mfn_t pool_mfn(const void *page) { return mfn((uint64_t)page >> PAGE_SHIFT); }
void *pool_va(hpa_t h) { return (void *)h.v; }
hpa_t pool_hpa(const void *page) { return hpa((uint64_t)page); }
void pool_stats(struct zendo_stats *s) { (void)s; }

/* Dom0 gives no chunks here and takes none: dom0.c asks for none. */
bool pool_add_chunk(hpa_t chunk) { (void)chunk; return false; }
bool pool_remove_chunk(hpa_t *ret) { (void)ret; return false; }
int map_direct(hpa_t chunk) { (void)chunk; return -XEN_ENOMEM; }

/* ---- mappings; each is a moment in which the frame may get another owner ---- */

void *map_window(int window, mfn_t m)
{
	(void)window;
	stall();
	return (void *)(m.v << PAGE_SHIFT);
}

void *map_shared(mfn_t m)
{
	__atomic_fetch_add(&shared_out, 1, __ATOMIC_SEQ_CST);
	stall();
	return (void *)(m.v << PAGE_SHIFT);
}

void map_shared_free(void *va)
{
	(void)va;
	__atomic_fetch_sub(&shared_out, 1, __ATOMIC_SEQ_CST);
	stall();
}

uint64_t shared_slots_out(void)
{
	return __atomic_load_n(&shared_out, __ATOMIC_SEQ_CST);
}

mfn_t map_shared_mfn(const void *va) { return mfn((uint64_t)va >> PAGE_SHIFT); }
void map_sync(struct cpu *c) { (void)c; }

/* ---- the rest of the machine ---- */

void cpu_leave(struct cpu *c, uint64_t ret)
{
	die("CPU %u leaves with %lx", c->id, ret);
}

/* Threads that are in guest mode leave it soon by themselves. */
void apic_send(uint32_t apic_id, uint8_t vector) { (void)apic_id, (void)vector; }
void spec_act(uint32_t actions) { (void)actions; }
bool host_has_msr(uint32_t msr) { (void)msr; return false; }

void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	(void)leaf, (void)subleaf;
	memset(regs, 0, 4 * sizeof(regs[0]));
}
