/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which frames dom0 wrote, the very file, by threads, under ThreadSanitizer: who copies what is marked, again and again while others write,
 * has all of it at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
/* Locked instructions of x86 are barriers. */
#define smp_mb__before_atomic()	((void)0)
#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

static void set_bit(unsigned long nr, unsigned long *p)
{
	__atomic_fetch_or(&p[nr / 64], 1UL << nr % 64, __ATOMIC_SEQ_CST);
}

#include "../../linux/drivers/hvpriv/dirty_map.h"

#define NR_WRITERS	3
#define NR_FRAMES	256		/* at the end of one GiB, and the beginning of the next */
#define FIRST		(3 * HV_DIRTY_GFNS - NR_FRAMES / 2)
#define COPIES		(64 * NR_FRAMES)

static struct hv_dirty_map map;
static u64 frames[NR_FRAMES], copies[NR_FRAMES];
static bool enough;

static void begin(void)
{
	memset(&map, 0, sizeof(map));
	for (unsigned i = 2; i < 4; i++)
		map.gib[i] = calloc(HV_DIRTY_WORDS, sizeof(long));
	memset(frames, 0, sizeof(frames));
	memset(copies, 0, sizeof(copies));
}

static void end(void)
{
	free(map.gib[2]);
	free(map.gib[3]);
}

static void *writer(void *arg)
{
	unsigned seed = (unsigned)(size_t)arg, n;

	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		n = (unsigned)rand_r(&seed) % NR_FRAMES;
		__atomic_fetch_add(&frames[n], 1, __ATOMIC_RELAXED);
		hv_dirty_mark(&map, FIRST + n);
	}
	return NULL;
}

static unsigned copy_marked(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < NR_FRAMES; i += 64)
		for (u64 bits = hv_dirty_take(&map, FIRST + i); bits; bits &= bits - 1, nr++) {
			unsigned n = i + (unsigned)__builtin_ctzll(bits);

			copies[n] = READ_ONCE(frames[n]);
		}
	return nr;
}

static void who_copies_what_is_marked_has_all(void **state)
{
	pthread_t t[NR_WRITERS];
	unsigned copied = 0;

	(void)state;
	begin();
	enough = false;
	for (size_t i = 0; i < NR_WRITERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, (void *)(i + 1)), 0);
	/* However they are scheduled: they write until so much was copied beside them. */
	while (copied < COPIES)
		copied += copy_marked();
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < NR_WRITERS; i++)
		pthread_join(t[i], NULL);
	(void)copy_marked();
	assert_memory_equal(copies, frames, sizeof(frames));
	assert_int_equal(copy_marked(), 0);
	assert_false(map.beyond);
	end();
}

static void what_is_in_no_map_is_told(void **state)
{
	static const u64 outside[] = { 0, 2 * HV_DIRTY_GFNS - 1, 4 * HV_DIRTY_GFNS, HV_DIRTY_GIBS * HV_DIRTY_GFNS, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		begin();
		hv_dirty_mark(&map, outside[i]);
		assert_true(map.beyond);
		assert_int_equal(hv_dirty_take(&map, outside[i] & ~63UL), 0);
		end();
	}
	begin();
	hv_dirty_mark(&map, 2 * HV_DIRTY_GFNS);
	hv_dirty_mark(&map, 4 * HV_DIRTY_GFNS - 1);
	assert_false(map.beyond);
	assert_true(hv_dirty_take(&map, 2 * HV_DIRTY_GFNS) == 1);
	assert_true(hv_dirty_take(&map, 4 * HV_DIRTY_GFNS - 64) == 1UL << 63);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_copies_what_is_marked_has_all),
		cmocka_unit_test(what_is_in_no_map_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
