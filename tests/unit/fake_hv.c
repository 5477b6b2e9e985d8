/* SPDX-License-Identifier: GPL-2.0-only */
#include <sys/mman.h>

#include "fake_hv.h"
#include "core/check.h"
#include "core/domain_mem.h"
#include "core/map.h"
#include "core/npt.h"

struct zendo_launch boot;
struct host_features host_features = { .maxphys = 48 };
struct cpu fake_cpus[FAKE_CPUS];
unsigned int fake_this_cpu;
struct paging_state fake_paging;
unsigned int fake_flushes;
int fake_grant_rc;
bool fake_no_slot;

bool fake_panic_expected;
jmp_buf fake_panic_jump;
char fake_panic_text[256];

static char *arena;
static uint64_t free_at_begin;

struct cpu *this_cpu(void)
{
	return &fake_cpus[fake_this_cpu];
}

struct cpu *cpu_by_id(uint32_t id)
{
	return id < FAKE_CPUS ? &fake_cpus[id] : NULL;
}

/* ---- locks: one thread, so a lock that is taken twice would never be had ---- */

static spinlock_t *held[16];
static unsigned int nr_held;

void spin_lock(spinlock_t *l)
{
	for (unsigned int i = 0; i < nr_held; i++) {
		if (held[i] == l)
			fail_msg("lock of rank %u taken twice", l->rank);
		if (l->rank && held[i]->rank >= l->rank)
			fail_msg("lock of rank %u taken inside rank %u", l->rank, held[i]->rank);
	}
	held[nr_held++] = l;
	l->next++;
}

void spin_unlock(spinlock_t *l)
{
	if (!nr_held || held[nr_held - 1] != l)
		fail_msg("lock of rank %u is not the last one taken", l->rank);
	nr_held--;
	l->owner++;
}

/* ---- text ---- */

static void show(const char *prefix, const char *fmt, va_list ap)
{
	if (!getenv("HV_LOG"))
		return;
	fputs(prefix, stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void hv_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	show("hv: ", fmt, ap);
	va_end(ap);
}

void guest_log(struct domain *d, const char *fmt, ...)
{
	va_list ap;

	(void)d;
	va_start(ap, fmt);
	show("guest: ", fmt, ap);
	va_end(ap);
}

void hv_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, ap);
	va_end(ap);
	if (!fake_panic_expected) {
		fail_msg("panic: %s", fake_panic_text);
		abort();
	}
	fake_panic_expected = false;
	while (nr_held)
		spin_unlock(held[nr_held - 1]);
	longjmp(fake_panic_jump, 1);
}

/* ---- mappings ---- */

void *fake_mem(uint64_t h)
{
	if (h >= FAKE_RAM)
		fail_msg("host-physical %lx is not in the arena", h);
	return arena + h;
}

void *pool_va(hpa_t h)
{
	return fake_mem(h.v);
}

hpa_t pool_hpa(const void *va)
{
	return hpa((uint64_t)((const char *)va - arena));
}

void *map_window(int window, mfn_t m)
{
	(void)window;
	return fake_mem(m.v << PAGE_SHIFT);
}

static unsigned int nr_shared;

void *map_shared(mfn_t m)
{
	if (fake_no_slot)
		return NULL;
	nr_shared++;
	return fake_mem(m.v << PAGE_SHIFT);
}

mfn_t map_shared_mfn(const void *va)
{
	return hpa_to_mfn(pool_hpa(va));
}

void map_shared_free(void *va)
{
	if (va)
		nr_shared--;
}

int map_direct(hpa_t chunk)
{
	fake_mem(chunk.v + ZENDO_CHUNK_SIZE - 1);
	return 0;
}

/* ---- the seam: entries as SVM has them (arch/x86/svm/host.c) ---- */

#define PTE_P	(1ULL << 0)
#define PTE_RW	(1ULL << 1)
#define PTE_US	(1ULL << 2)
#define PTE_AD	(3ULL << 5)
#define PTE_PS	(1ULL << 7)
#define PTE_NX	(1ULL << 63)

static uint64_t leaf(hpa_t h, int level, uint32_t rights)
{
	return h.v | PTE_P | PTE_US | PTE_AD | (level > 1 ? PTE_PS : 0) | (rights & NPT_WRITE ? PTE_RW : 0) |
	       (rights & NPT_EXEC ? 0 : PTE_NX);
}

static uint64_t table(hpa_t h)
{
	return h.v | PTE_P | PTE_RW | PTE_US | PTE_AD;
}

static uint32_t rights_of(uint64_t e)
{
	return (e & PTE_P ? NPT_READ : 0) | (e & PTE_RW ? NPT_WRITE : 0) | (e & PTE_NX ? 0 : NPT_EXEC);
}

static bool is_leaf(uint64_t e, int level)
{
	return level == 1 || (e & PTE_PS);
}

static void paging(struct vcpu *v, struct paging_state *s)
{
	(void)v;
	*s = fake_paging;
}

static void flush_dom0(struct cpu *c)
{
	(void)c;
	fake_flushes++;
}

static const struct vendor_ops fake_ops = {
	.name = "fake",
	.paging = paging,
	.npt_leaf = leaf,
	.npt_table = table,
	.npt_rights = rights_of,
	.npt_is_leaf = is_leaf,
	.flush_dom0 = flush_dom0,
};
const struct vendor_ops *ops = &fake_ops;

int grant_add_frame(struct domain *d, mfn_t m)
{
	(void)d;
	(void)m;
	return fake_grant_rc;
}

/* ---- life ---- */

int fake_hv_start(void **state)
{
	(void)state;
	if (arena)
		return -1;
	arena = mmap(NULL, FAKE_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		return -1;
	/* What launch hands over is not zeroed. */
	memset(arena, 0xa5, FAKE_FREE);
	boot.levels = 4;
	boot.nr_cpus = FAKE_CPUS;
	boot.used_offset = FAKE_USED;
	boot.nr_chunks = 2;
	boot.chunk[0] = FAKE_CHUNK0;
	boot.chunk[1] = FAKE_CHUNK1;
	boot.tsc_khz = 1000000;
	for (uint32_t i = 0; i < FAKE_CPUS; i++) {
		boot.percpu_hpa[i] = FAKE_PERCPU + i * ZENDO_PERCPU_SIZE;
		fake_cpus[i] = (struct cpu){ .id = i, .apic_id = i, .area = hpa(boot.percpu_hpa[i]) };
	}
	pool_init();
	return 0;
}

int fake_hv_begin(void **state)
{
	(void)state;
	nr_held = 0;		/* of a test that failed */
	nr_shared = 0;
	fake_this_cpu = 0;
	check_failures = 0;
	for (unsigned int i = 0; i < FAKE_CPUS; i++)
		memset(&fake_cpus[i].check, 0, sizeof(fake_cpus[i].check));
	fake_paging = (struct paging_state){ 0 };
	fake_grant_rc = 0;
	fake_no_slot = false;
	free_at_begin = pool_nr_free();
	return 0;
}

int fake_hv_check(void **state)
{
	(void)state;
	if (check_failures) {
		print_error("%lu checks failed\n", check_failures);
		return -1;
	}
	if (nr_held || nr_shared || pool_nr_free() != free_at_begin) {
		print_error("left behind: %u locks, %u shared slots, %ld pool pages\n", nr_held, nr_shared,
			    (long)(free_at_begin - pool_nr_free()));
		return -1;
	}
	return 0;
}

static void **drained;

void fake_pool_drain(uint64_t left)
{
	while (pool_nr_free() > left) {
		void **page = pool_alloc(NULL);

		*page = drained;
		drained = page;
	}
}

void fake_pool_refill(void)
{
	while (drained) {
		void *page = drained;

		drained = *drained;
		pool_free(NULL, page);
	}
}

static uint64_t seed = 0x2545f4914f6cdd1d;

uint64_t fake_random(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % below;
}
