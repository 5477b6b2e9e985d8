/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"

#define RESERVE		16		/* as in pool.c */
#define CHUNK		ZENDO_CHUNK_SIZE

static struct zendo_stats stats(void)
{
	struct zendo_stats s = { 0 };

	pool_stats(&s);
	assert_int_equal(s.pool_free, pool_nr_free());
	return s;
}

static bool is_zero(const void *page)
{
	const uint8_t *p = page;

	return !p[0] && !memcmp(p, p + 1, PAGE_SIZE - 1);
}

static void launch_leaves_image_and_per_cpu_areas_alone(void **state)
{
	static bool seen[FAKE_RAM / PAGE_SIZE];
	uint64_t n = 0;
	void **list = NULL;

	(void)state;
	assert_int_equal(stats().pool_chunks, 2);
	assert_int_equal(stats().pool_pages, FAKE_POOL_PAGES);
	for (void **page; (page = pool_alloc(NULL)); list = page, n++) {
		uint64_t h = pool_hpa(page).v;

		assert_true(is_zero(page));
		assert_int_equal(pool_mfn(page).v, h / PAGE_SIZE);
		assert_true(h >= FAKE_CHUNK0 + FAKE_USED && h < FAKE_CHUNK1 + CHUNK);
		assert_true(h < FAKE_PERCPU || h >= FAKE_PERCPU + FAKE_CPUS * ZENDO_PERCPU_SIZE);
		assert_false(seen[h / PAGE_SIZE]);
		seen[h / PAGE_SIZE] = true;
		memset(page, 0x5a, PAGE_SIZE);
		*page = list;
	}
	assert_int_equal(n, FAKE_POOL_PAGES);
	assert_int_equal(pool_nr_free(), 0);
	while (list) {
		void *page = list;

		list = *list;
		pool_free(NULL, page);
	}
}

static void a_page_is_charged_until_it_is_freed(void **state)
{
	struct domain d = { .id = 1, .max_pool_pages = 2 };
	void *a = pool_alloc(&d), *b = pool_alloc(&d);

	(void)state;
	assert_int_equal(d.pool_pages, 2);
	assert_null(pool_alloc(&d));
	assert_int_equal(d.pool_pages, 2);
	pool_free(&d, a);
	assert_int_equal(d.pool_pages, 1);
	a = pool_alloc(&d);
	assert_non_null(a);
	pool_free(&d, a);
	pool_free(&d, b);
	assert_int_equal(d.pool_pages, 0);
}

static void the_last_pages_are_the_hypervisors(void **state)
{
	struct domain d = { .id = 1, .max_pool_pages = 1000 };
	void *page;

	(void)state;
	fake_pool_drain(RESERVE + 1);
	page = pool_alloc(&d);
	assert_non_null(page);
	assert_null(pool_alloc(&d));
	assert_int_equal(d.pool_pages, 1);
	fake_pool_drain(0);
	assert_null(pool_alloc(NULL));
	fake_pool_refill();
	pool_free(&d, page);
}

static void a_freed_page_holds_nothing(void **state)
{
	uint64_t *page = pool_alloc(NULL);

	(void)state;
	memset(page, 0x77, PAGE_SIZE);
	pool_free(NULL, page);
	for (size_t i = 1; i < PAGE_SIZE / sizeof(*page); i++)	/* 0 is the free list's link */
		assert_int_equal(page[i], 0);
}

static void freeing_what_was_never_taken_is_our_mistake(void **state)
{
	struct domain d = { .id = 1, .max_pool_pages = 1 };
	void *page;

	(void)state;
	pool_free(NULL, NULL);
	expect_panic("assertion failed", pool_free(NULL, fake_mem(FAKE_FREE)));
	expect_panic("assertion failed", pool_free(NULL, fake_mem(FAKE_CHUNK1)));	/* all of its chunk is free */
	/* uncharged for a domain: seen, though too late to undo */
	page = pool_alloc(NULL);
	expect_panic("d->pool_pages", pool_free(&d, page));
}

static void an_added_chunk_counts_and_is_given_back(void **state)
{
	hpa_t h;

	(void)state;
	assert_false(pool_remove_chunk(&h));	/* those of launch stay */
	assert_true(pool_add_chunk(hpa(FAKE_FREE)));
	assert_int_equal(stats().pool_chunks, 3);
	assert_int_equal(stats().pool_pages, FAKE_POOL_PAGES + CHUNK_FRAMES);
	assert_int_equal(stats().pool_free, FAKE_POOL_PAGES + CHUNK_FRAMES);
	assert_true(pool_remove_chunk(&h));
	assert_int_equal(h.v, FAKE_FREE);
	assert_int_equal(stats().pool_chunks, 2);
	assert_int_equal(stats().pool_pages, FAKE_POOL_PAGES);
	assert_false(pool_remove_chunk(&h));
}

static void a_chunk_with_a_page_in_use_stays(void **state)
{
	void *page;
	hpa_t h;

	(void)state;
	assert_true(pool_add_chunk(hpa(FAKE_FREE)));
	fake_pool_drain(CHUNK_FRAMES);			/* lowest chunks first: the new one is all that is free */
	page = pool_alloc(NULL);
	assert_in_range(pool_hpa(page).v, FAKE_FREE, FAKE_FREE + CHUNK - 1);
	fake_pool_refill();
	assert_false(pool_remove_chunk(&h));
	pool_free(NULL, page);
	assert_true(pool_remove_chunk(&h));
}

static void giving_a_chunk_back_keeps_the_reserve(void **state)
{
	hpa_t h;

	(void)state;
	assert_true(pool_add_chunk(hpa(FAKE_FREE)));
	fake_pool_drain(CHUNK_FRAMES + RESERVE - 1);
	assert_false(pool_remove_chunk(&h));
	fake_pool_refill();
	fake_pool_drain(CHUNK_FRAMES + RESERVE);
	assert_true(pool_remove_chunk(&h));
	fake_pool_refill();
}

static void of_several_chunks_the_empty_one_goes(void **state)
{
	void *page[3];
	hpa_t h;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fake_pool_drain(0);
		assert_true(pool_add_chunk(hpa(FAKE_FREE + (uint64_t)i * CHUNK)));
		page[i] = pool_alloc(NULL);
	}
	fake_pool_refill();
	assert_false(pool_remove_chunk(&h));
	pool_free(NULL, page[1]);
	assert_true(pool_remove_chunk(&h));
	assert_int_equal(h.v, FAKE_FREE + CHUNK);
	assert_false(pool_remove_chunk(&h));
	pool_free(NULL, page[0]);
	pool_free(NULL, page[2]);
	assert_true(pool_remove_chunk(&h));
	assert_true(pool_remove_chunk(&h));
	assert_false(pool_remove_chunk(&h));
}

static void a_full_table_takes_no_more_chunks(void **state)
{
	uint64_t n = 0;
	hpa_t h;

	(void)state;
	/* No page is taken meanwhile, so it may be the same memory each time. */
	while (pool_add_chunk(hpa(FAKE_FREE)))
		n++;
	assert_int_equal(n, 1024 - 2);
	assert_int_equal(stats().pool_pages, FAKE_POOL_PAGES + n * CHUNK_FRAMES);
	while (pool_remove_chunk(&h))
		n--;
	assert_int_equal(n, 0);
}

static void random_use_loses_and_doubles_no_page(void **state)
{
	struct domain d[3] = { { .id = 1, .max_pool_pages = 100 }, { .id = 2, .max_pool_pages = 300 }, { .id = 3, .max_pool_pages = 2000 } };
	static struct { void *page; struct domain *d; } taken[4000];
	uint64_t nr = 0, free_now = pool_nr_free(), by[3] = { 0 };

	(void)state;
	for (int k = 0; k < 30000; k++) {
		uint64_t who = fake_random(4), limit = who < 3 ? d[who].max_pool_pages : 0;

		if (fake_random(100) < (k / 5000 % 2 ? 30 : 70)) {
			bool may = who == 3 ? free_now : by[who] < limit && free_now > RESERVE;
			void *page = pool_alloc(who == 3 ? NULL : &d[who]);

			assert_int_equal(page != NULL, may);
			if (!page)
				continue;
			assert_true(is_zero(page));
			memset(page, (int)who + 1, PAGE_SIZE);
			taken[nr].page = page;
			taken[nr++].d = who == 3 ? NULL : &d[who];
			free_now--;
			if (who < 3)
				by[who]++;
		} else if (nr) {
			uint64_t i = fake_random(nr);
			struct domain *owner = taken[i].d;

			/* nobody wrote to it meanwhile */
			assert_int_equal(*(uint8_t *)taken[i].page, owner ? owner - d + 1 : 4);
			pool_free(owner, taken[i].page);
			taken[i] = taken[--nr];
			free_now++;
			if (owner)
				by[owner - d]--;
		}
		assert_int_equal(pool_nr_free(), free_now);
	}
	while (nr--)
		pool_free(taken[nr].d, taken[nr].page);
	for (int i = 0; i < 3; i++)
		assert_int_equal(d[i].pool_pages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(launch_leaves_image_and_per_cpu_areas_alone),
		unit(a_page_is_charged_until_it_is_freed),
		unit(the_last_pages_are_the_hypervisors),
		unit(a_freed_page_holds_nothing),
		unit(freeing_what_was_never_taken_is_our_mistake),
		unit(an_added_chunk_counts_and_is_given_back),
		unit(a_chunk_with_a_page_in_use_stays),
		unit(giving_a_chunk_back_keeps_the_reserve),
		unit(of_several_chunks_the_empty_one_goes),
		unit(a_full_table_takes_no_more_chunks),
		unit(random_use_loses_and_doubles_no_page),
	};

	return cmocka_run_group_tests(tests, fake_hv_start, NULL);
}
