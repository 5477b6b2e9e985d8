/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How hvpriv holds a frame of a guest while the guest gives it away and gets it, or another one, back: by threads, under ThreadSanitizer,
 * with the very code. What the sanitizer sees as a race is a frame in two hands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

/* The kernel has dependent loads and a barrier behind the reference for that. */
#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_ACQUIRE)

#include "../../linux/drivers/hvpriv/gfn_table.h"

#define NR_BACKENDS	3
#define NR_GFNS		2
#define NR_FRAMES	5		/* the guest has some of them, dom0 the others */
#define ROUNDS		20000
#define NOBODY		UINT64_MAX

struct frame {
	unsigned refs;			/* as page->_refcount: 1 is the owner's */
	uint64_t gfn;			/* plain memory from here on: where it is the guest's, or NOBODY */
	uint64_t word[NR_BACKENDS];
};

static struct frame frames[NR_FRAMES];
static struct zendo_gfn_root root;
static uint64_t tables[2][512];		/* page 1 has one entry, which leads to page 2 */
static uint64_t held[NR_BACKENDS], missed[NR_BACKENDS];
static bool over;

static const uint64_t *at(uint64_t hpa)
{
	return tables[(hpa >> 12) - 1];
}

/* Frame i is at page 16 + i. */
static uint64_t entry_of(unsigned i)
{
	return (uint64_t)(16 + i) << 12 | ZENDO_GFN_VALID;
}

static struct frame *frame_of(uint64_t e)
{
	return &frames[(e >> 12) - 16];
}

/* Between the look and the reference it may take long. */
static bool get(uint64_t e)
{
	static __thread unsigned n;
	unsigned *refs = &frame_of(e)->refs, old;

	if (n++ % 4 == 0)
		sched_yield();
	old = __atomic_load_n(refs, __ATOMIC_RELAXED);
	while (old && !__atomic_compare_exchange_n(refs, &old, old + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return old;
}

static void put(uint64_t e)
{
	__atomic_fetch_sub(&frame_of(e)->refs, 1, __ATOMIC_SEQ_CST);
}

static void *backend(void *arg)
{
	size_t me = (size_t)arg;

	for (uint64_t i = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); i++) {
		uint64_t gfn = i % NR_GFNS, e = hv_gfn_hold(&root, gfn, at, get, put);

		if (!e) {
			missed[me]++;
			sched_yield();
			continue;
		}
		held[me]++;
		assert_int_equal(frame_of(e)->gfn, gfn);
		frame_of(e)->word[me]++;
		if (i % 16 == 0)
			sched_yield();
		put(e);
	}
	return NULL;
}

static void set_entry(uint64_t gfn, uint64_t e)
{
	__atomic_store_n(&tables[1][gfn], e, __ATOMIC_SEQ_CST);
}

/* Out of the table, then it is waited for whoever has it (pages_out.c), and it is another's: all of it is written. */
static uint64_t take_away(unsigned i)
{
	uint64_t sum = 0;

	set_entry(frames[i].gfn, 0);
	while (__atomic_load_n(&frames[i].refs, __ATOMIC_SEQ_CST) != 1)
		sched_yield();
	frames[i].gfn = NOBODY;
	for (unsigned j = 0; j < NR_BACKENDS; j++) {
		sum += frames[i].word[j];
		frames[i].word[j] = 0;
	}
	return sum;
}

static void give(unsigned i, uint64_t gfn)
{
	frames[i].gfn = gfn;
	set_entry(gfn, entry_of(i));
}

static unsigned next_free(unsigned from)
{
	do
		from = (from + 1) % NR_FRAMES;
	while (frames[from].gfn != NOBODY);
	return from;
}

static void a_frame_is_in_one_hand(void **state)
{
	uint64_t sum = 0, all = 0, none = 0, had[NR_GFNS];
	pthread_t t[NR_BACKENDS];
	unsigned i, last = 0;

	(void)state;
	root.nr_gfns = NR_GFNS;
	root.entry[0] = 1 << 12 | ZENDO_GFN_VALID;
	tables[0][0] = 2 << 12 | ZENDO_GFN_VALID;
	for (i = 0; i < NR_FRAMES; i++)
		frames[i] = (struct frame) { .refs = 1, .gfn = NOBODY };
	for (i = 0; i < NR_GFNS; i++) {
		give(i, i);
		had[i] = i;
	}
	for (i = 0; i < NR_BACKENDS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, backend, (void *)(size_t)i), 0);
	for (i = 0; i < ROUNDS; i++) {
		uint64_t gfn = i % NR_GFNS;

		sum += take_away((unsigned)had[gfn]);
		/* the same frame again, and others */
		last = i % 3 ? next_free(last) : (unsigned)had[gfn];
		had[gfn] = last;
		give(last, gfn);
		if (i % 8 == 0)
			sched_yield();
	}
	for (i = 0; i < NR_GFNS; i++)
		sum += take_away((unsigned)had[i]);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_BACKENDS; i++) {
		pthread_join(t[i], NULL);
		all += held[i];
		none += missed[i];
	}
	assert_true(all > 0 && none > 0);
	assert_int_equal(sum, all);	/* each write was to a frame that was the guest's then */
	for (i = 0; i < NR_FRAMES; i++)
		assert_int_equal(frames[i].refs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_in_one_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
