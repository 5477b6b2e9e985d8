/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared mapping slots, with CPUs whose TLBs forget nothing by themselves: a translation that was used once is used again until INVLPG
 * of that CPU, or its CR3 is loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"

#define CPUS	2
#define SLOTS	512	/* of one table */

static struct cpu cpus[CPUS];
static unsigned int cpu;	/* that everything below is done on */
static uint64_t tlb[CPUS][SLOTS];
static void forget(const void *va);
static void forget_all(void);

#define invlpg(va)	forget(va)
#define write_cr3(v)	forget_all()
#define read_cr3()	0
#include "core/map.c"

struct zendo_launch boot = { .levels = 4 };

struct cpu *this_cpu(void)
{
	return &cpus[cpu];
}

void hv_panic(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

void *pool_alloc(struct domain *d)
{
	(void)d;
	return calloc(1, PAGE_SIZE);
}

static uint64_t slot_of(const void *va)
{
	uint64_t slot = ((uint64_t)va - (uint64_t)va_at(PD_SHARED, 0)) >> PAGE_SHIFT;

	assert_in_range(slot, 0, SLOTS - 1);
	return slot;
}

static void forget(const void *va)
{
	tlb[cpu][slot_of(va)] = 0;
}

static void forget_all(void)
{
	memset(tlb[cpu], 0, sizeof(tlb[cpu]));
}

/* The frame that an access by this CPU gets to. */
static uint64_t look(const void *va)
{
	uint64_t slot = slot_of(va);

	if (!tlb[cpu][slot])
		tlb[cpu][slot] = shared_pt[0][slot];
	assert_true(tlb[cpu][slot] & PTE_P);
	return (tlb[cpu][slot] & PTE_ADDR) >> PAGE_SHIFT;
}

/* @m where @va was, which is free: with some slots of others', the next one in turn. */
static void reuse(const void *va, uint64_t m)
{
	void *other[SLOTS];
	unsigned int nr = 0;

	for (;;) {
		void *got = map_shared(mfn(m));

		assert_non_null(got);
		if (got == va)
			break;
		assert_in_range(nr, 0, SLOTS - 1);
		other[nr++] = got;
	}
	while (nr)
		map_shared_free(other[--nr]);
}

/* Nothing keeps a slot from coming back at once: that is what the generation is for. */
static void the_only_free_slot_is_the_next_one(void **state)
{
	void *va[SLOTS];

	(void)state;
	cpu = 0;
	for (unsigned int i = 0; i < SLOTS; i++)
		va[i] = map_shared(mfn(i + 1));
	map_shared_free(va[77]);
	assert_ptr_equal(map_shared(mfn(1000)), va[77]);
	assert_int_equal(look(va[77]), 1000);
	for (unsigned int i = 0; i < SLOTS; i++)
		map_shared_free(va[i]);
}

/* The other CPU has been in host mode since before, as in a long call: its last exit, which looks for freed slots, is past. */
static void who_takes_an_event_lock_gets_to_the_page_that_it_guards(void **state)
{
	spinlock_t lock = SPINLOCK_INIT(RANK_EVTCHN);
	void *va;

	(void)state;
	cpu = 0;
	va = map_shared(mfn(0x1234));
	cpu = 1;
	map_sync(&cpus[1]);
	spin_lock(&lock);
	assert_int_equal(look(va), 0x1234);
	spin_unlock(&lock);
	cpu = 0;
	spin_lock(&lock);
	map_shared_free(va);
	reuse(va, 0x5678);
	assert_int_equal(look(va), 0x5678);
	spin_unlock(&lock);
	cpu = 1;
	spin_lock(&lock);
	assert_int_equal(look(va), 0x5678);
	spin_unlock(&lock);
	map_shared_free(va);
}

static void an_exit_forgets_freed_slots_once(void **state)
{
	void *va, *kept;

	(void)state;
	cpu = 0;
	va = map_shared(mfn(1));
	kept = map_shared(mfn(2));
	cpu = 1;
	assert_int_equal(look(va), 1);
	assert_int_equal(look(kept), 2);
	cpu = 0;
	map_shared_free(va);
	reuse(va, 3);
	cpu = 1;
	map_sync(&cpus[1]);
	assert_int_equal(look(va), 3);
	assert_int_equal(look(kept), 2);
	map_sync(&cpus[1]);
	assert_int_not_equal(tlb[1][slot_of(kept)], 0);		/* nothing was freed since */
	map_shared_free(va);
	map_shared_free(kept);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_only_free_slot_is_the_next_one),
		cmocka_unit_test(who_takes_an_event_lock_gets_to_the_page_that_it_guards),
		cmocka_unit_test(an_exit_forgets_freed_slots_once),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
