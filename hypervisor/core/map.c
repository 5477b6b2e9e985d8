// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layout of the window region: one page directory (1 GiB).
 *	PD 0..3		windows, 4 per CPU			(ZENDO_MAX_CPUS * 4 = 2048 pages)
 *	PD 4		fixed pages: the APIC
 *	PD 8..71	shared slots, tables made on demand	(64 * 512 pages)
 */
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/map.h"
#include "core/pool.h"

#define PTE_P		(1ULL << 0)
#define PTE_RW		(1ULL << 1)
#define PTE_PWT		(1ULL << 3)
#define PTE_PCD		(1ULL << 4)
#define PTE_A		(1ULL << 5)
#define PTE_D		(1ULL << 6)
#define PTE_PS		(1ULL << 7)
#define PTE_NX		(1ULL << 63)
#define PTE_ADDR	0x000ffffffffff000ULL
#define PTE_DATA	(PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

#define PD_FIXED	4
#define PD_SHARED	8
#define NR_SHARED_PT	64
#define NR_SHARED	(NR_SHARED_PT * 512)
#define WINDOWS_PER_CPU	4

static uint64_t pdpt[512] __aligned(4096), pd[512] __aligned(4096);
static uint64_t window_pt[4][512] __aligned(4096), fixed_pt[512] __aligned(4096);

static spinlock_t map_lock = SPINLOCK_INIT(RANK_MAP);
/* map_lock: */
static uint64_t slot_used[NR_SHARED / 64];
static uint64_t *shared_pt[NR_SHARED_PT];
static uint32_t slot_hint, nr_shared_pt;
static uint64_t map_gen;	/* READ_ONCE elsewhere */

static hpa_t image_hpa(const void *va)
{
	return hpa(boot.chunk[0] + ((uint64_t)va - ZENDO_VA_IMAGE));
}

static uint64_t *root_table(void)
{
	return pool_va(hpa(boot.root_hpa));
}

/* The PML4 that holds the hypervisor's half. */
static uint64_t *pml4_for(uint64_t va)
{
	uint64_t *t = root_table();

	if (boot.levels == 5)
		t = pool_va(hpa(t[(va >> 48) & 511] & PTE_ADDR));
	return t;
}

void map_init(void)
{
	for (int i = 0; i < 4; i++)
		pd[i] = image_hpa(window_pt[i]).v | PTE_P | PTE_RW | PTE_A;
	pd[PD_FIXED] = image_hpa(fixed_pt).v | PTE_P | PTE_RW | PTE_A;
	fixed_pt[0] = (boot.apic_hpa & PTE_ADDR) | PTE_DATA | PTE_PCD | PTE_PWT;
	pdpt[0] = image_hpa(pd).v | PTE_P | PTE_RW | PTE_A;
	pml4_for(ZENDO_VA_WINDOW)[(ZENDO_VA_WINDOW >> 39) & 511] = image_hpa(pdpt).v | PTE_P | PTE_RW | PTE_A;
}

static void *va_at(unsigned int pd_index, unsigned int slot)
{
	return (void *)(ZENDO_VA_WINDOW + ((uint64_t)pd_index << 21) + ((uint64_t)slot << PAGE_SHIFT));
}

volatile uint32_t *map_apic(void)
{
	return va_at(PD_FIXED, 0);
}

void *map_window(int window, mfn_t m)
{
	unsigned int slot = this_cpu()->id * WINDOWS_PER_CPU + (unsigned int)window;
	uint64_t *pte = &window_pt[slot / 512][slot % 512];
	uint64_t want = (m.v << PAGE_SHIFT) | PTE_DATA;
	void *va = va_at(slot / 512, slot % 512);

	if (*pte != want) {
		*pte = want;
		invlpg(va);
	}
	return va;
}

/* In turn over the tables there are, so that a slot does not come back soon; a new table only when they are full. */
static int32_t find_slot(void)
{
	uint32_t words = nr_shared_pt * 8;

	/* The first word twice: at last what lies before the hint. */
	for (uint32_t n = 0; words && n <= words; n++) {
		uint32_t w = (slot_hint / 64 + n) % words;
		uint64_t free = ~slot_used[w] & (n ? ~0ULL : ~0ULL << slot_hint % 64);

		if (free) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(free);

			slot_hint = (slot + 1) % (words * 64);
			return (int32_t)slot;
		}
	}
	return nr_shared_pt < NR_SHARED_PT ? (int32_t)(words * 64) : -1;
}

void *map_shared(mfn_t m)
{
	void *va = NULL;
	int32_t slot;
	uint64_t **pt;

	spin_lock(&map_lock);
	slot = find_slot();
	if (slot < 0)
		goto out;
	pt = &shared_pt[slot / 512];
	if (!*pt) {
		*pt = pool_alloc(NULL);
		if (!*pt)
			goto out;
		nr_shared_pt++;
		pd[PD_SHARED + slot / 512] = pool_hpa(*pt).v | PTE_P | PTE_RW | PTE_A;
	}
	slot_used[slot / 64] |= 1ULL << (slot % 64);
	WRITE_ONCE((*pt)[slot % 512], (m.v << PAGE_SHIFT) | PTE_DATA);
	va = va_at(PD_SHARED + (unsigned int)slot / 512, (unsigned int)slot % 512);
	/* Whoever had the slot before freed it with a new generation; this CPU may still be behind. */
	invlpg(va);
out:
	spin_unlock(&map_lock);
	return va;
}

void map_shared_free(void *va)
{
	uint64_t slot;

	if (!va)
		return;
	slot = (((uint64_t)va & PAGE_MASK) - (uint64_t)va_at(PD_SHARED, 0)) >> PAGE_SHIFT;
	ASSERT(slot < NR_SHARED);
	spin_lock(&map_lock);
	ASSERT(slot_used[slot / 64] & (1ULL << (slot % 64)));
	WRITE_ONCE(shared_pt[slot / 512][slot % 512], 0);
	slot_used[slot / 64] &= ~(1ULL << (slot % 64));
	WRITE_ONCE(map_gen, map_gen + 1);
	spin_unlock(&map_lock);
	invlpg(va);
}

mfn_t map_shared_mfn(const void *va)
{
	uint64_t slot = (((uint64_t)va & PAGE_MASK) - (uint64_t)va_at(PD_SHARED, 0)) >> PAGE_SHIFT;

	ASSERT(slot < NR_SHARED);
	return mfn((shared_pt[slot / 512][slot % 512] & PTE_ADDR) >> PAGE_SHIFT);
}

void map_sync(struct cpu *c)
{
	uint64_t gen = READ_ONCE(map_gen);

	if (likely(c->map_gen == gen))
		return;
	c->map_gen = gen;
	write_cr3(read_cr3());
}

int map_direct(hpa_t chunk)
{
	uint64_t va = ZENDO_VA_DIRECT + chunk.v;
	uint64_t *t = pml4_for(va);
	uint64_t *e = &t[(va >> 39) & 511];

	for (int shift = 30; shift >= 21; shift -= 9) {
		if (!*e) {
			void *page = pool_alloc(NULL);

			if (!page)
				return -XEN_ENOMEM;
			WRITE_ONCE(*e, pool_hpa(page).v | PTE_P | PTE_RW | PTE_A);
		}
		t = pool_va(hpa(*e & PTE_ADDR));
		e = &t[(va >> shift) & 511];
	}
	WRITE_ONCE(*e, chunk.v | PTE_DATA | PTE_PS);
	return 0;
}

void *pool_va(hpa_t h)
{
	return (void *)(ZENDO_VA_DIRECT + h.v);
}

hpa_t pool_hpa(const void *va)
{
	return hpa((uint64_t)va - ZENDO_VA_DIRECT);
}
