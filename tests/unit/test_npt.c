/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"
#include "core/npt.h"

#define RWX	(NPT_READ | NPT_WRITE | NPT_EXEC)
#define CHUNK	ZENDO_CHUNK_SIZE

static struct npt n;

static void begin(struct domain *d, int levels)
{
	assert_int_equal(npt_init(&n, d, levels), 0);
}

static void end(void)
{
	while (!npt_free(&n, 64))
		;
	assert_int_equal(n.nr_tables, 0);
}

static void assert_leaf(uint64_t addr, uint64_t h, uint32_t rights, int level)
{
	struct npt_leaf l = npt_lookup(&n, addr);

	assert_int_equal(l.hpa.v, h);
	assert_int_equal(l.rights, rights);
	assert_int_equal(l.level, level);
}

static void assert_nothing(uint64_t addr)
{
	assert_leaf(addr, 0, 0, 0);
}

static void a_leaf_of_each_size_is_found_at_both_depths(void **state)
{
	(void)state;
	for (int levels = 4; levels <= 5; levels++) {
		uint64_t top = levels == 4 ? 1ULL << 47 : 1ULL << 56;

		begin(NULL, levels);
		assert_int_equal(npt_map(&n, 0x1000, hpa(0xabc000), 1, RWX, false), 0);
		assert_int_equal(npt_map(&n, CHUNK, hpa(6 * MIB), 2, NPT_READ, false), 0);
		assert_int_equal(npt_map(&n, top, hpa(3 * GIB), 3, NPT_READ | NPT_EXEC, false), 0);
		assert_nothing(0);
		assert_leaf(0x1000, 0xabc000, RWX, 1);
		assert_leaf(0x1fff, 0xabc000, RWX, 1);
		assert_nothing(0x2000);
		assert_leaf(CHUNK, 6 * MIB, NPT_READ, 2);
		assert_leaf(2 * CHUNK - 1, 8 * MIB - PAGE_SIZE, NPT_READ, 2);
		assert_nothing(2 * CHUNK);
		assert_leaf(top + 0x123456, 3 * GIB + 0x123000, NPT_READ | NPT_EXEC, 3);
		assert_nothing(top + GIB);
		end();
	}
}

static void an_address_no_table_of_this_depth_can_say_is_refused(void **state)
{
	struct npt_leaf l;

	(void)state;
	for (int levels = 4; levels <= 5; levels++) {
		uint64_t past = levels == 4 ? 1ULL << 48 : 1ULL << 57;

		begin(NULL, levels);
		assert_int_equal(npt_map(&n, 0, hpa(0), 3, RWX, false), 0);
		assert_nothing(past);
		for (int level = 1; level <= 3; level++)
			assert_int_equal(npt_map(&n, past, hpa(GIB), level, RWX, true), -XEN_EINVAL);
		assert_int_equal(npt_set_table(&n, past, hpa(FAKE_FREE)), -XEN_EINVAL);
		assert_int_equal(npt_unmap(&n, past, &l), 0);
		assert_int_equal(l.rights, 0);
		assert_leaf(0, 0, RWX, 3);
		assert_int_equal(npt_map(&n, past - PAGE_SIZE, hpa(GIB), 1, RWX, false), 0);
		assert_leaf(past - 1, GIB, RWX, 1);
		end();
	}
}

static void what_is_there_is_replaced_only_on_demand(void **state)
{
	(void)state;
	begin(NULL, 4);
	assert_int_equal(npt_map(&n, 0, hpa(0), 2, RWX, false), 0);
	assert_int_equal(npt_map(&n, 0, hpa(GIB), 2, RWX, false), -XEN_EEXIST);
	assert_int_equal(npt_map(&n, 0x5000, hpa(GIB), 1, RWX, false), -XEN_EEXIST);
	assert_int_equal(npt_lookup(&n, 0x5000).hpa.v, 0x5000);
	assert_int_equal(npt_map(&n, 0x5000, hpa(GIB), 1, NPT_READ, true), 0);
	assert_leaf(0x4000, 0x4000, RWX, 1);
	assert_leaf(0x5000, GIB, NPT_READ, 1);
	assert_leaf(0x6000, 0x6000, RWX, 1);
	end();
}

static void splitting_keeps_address_and_rights_of_the_rest(void **state)
{
	static const uint32_t rights[] = { NPT_READ, NPT_READ | NPT_WRITE, NPT_READ | NPT_EXEC, RWX };
	uint64_t hole = GIB + 5 * MIB + 0x7000;
	struct npt_leaf l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		uint64_t tables;

		begin(NULL, 4);
		assert_int_equal(npt_map(&n, GIB, hpa(7 * GIB), 3, rights[i], false), 0);
		tables = n.nr_tables;
		assert_int_equal(npt_unmap(&n, hole, &l), 0);
		assert_int_equal(l.hpa.v, 7 * GIB + 5 * MIB + 0x7000);
		assert_int_equal(l.rights, rights[i]);
		assert_int_equal(l.level, 3);
		assert_int_equal(n.nr_tables, tables + 2);
		assert_nothing(hole);
		for (uint64_t a = GIB; a < 2 * GIB; a += PAGE_SIZE)
			if (a != hole)
				assert_leaf(a, 6 * GIB + a, rights[i], a >> 21 == hole >> 21 ? 1 : 2);
		end();
	}
}

static void unmapping_nothing_takes_no_page(void **state)
{
	struct npt_leaf l;
	uint64_t before;

	(void)state;
	begin(NULL, 4);
	before = pool_nr_free();
	assert_int_equal(npt_unmap(&n, 5 * GIB, &l), 0);
	assert_int_equal(l.rights, 0);
	assert_int_equal(pool_nr_free(), before);
	end();
}

/* From no page to one less than it takes: each time nothing may have changed for who looks. */
static void without_pages_nothing_changes(void **state)
{
	struct npt_leaf l;

	(void)state;
	for (uint64_t left = 0; left < 2; left++) {
		begin(NULL, 4);
		assert_int_equal(npt_map(&n, 0, hpa(4 * GIB), 3, RWX, false), 0);
		fake_pool_drain(left);
		assert_int_equal(npt_unmap(&n, 0x3000, &l), -XEN_ENOMEM);
		fake_pool_refill();
		fake_pool_drain(0);
		assert_int_equal(npt_map(&n, 2 * MIB, hpa(0), 1, RWX, true), -XEN_ENOMEM);
		assert_int_equal(npt_map(&n, 1ULL << 40, hpa(0), 3, RWX, true), -XEN_ENOMEM);
		for (uint64_t a = 0; a < GIB; a += PAGE_SIZE)
			assert_int_equal(npt_lookup(&n, a).hpa.v, 4 * GIB + a);
		assert_nothing(1ULL << 40);
		fake_pool_refill();
		assert_int_equal(npt_unmap(&n, 0x3000, &l), 0);
		assert_nothing(0x3000);
		end();
	}
}

static void a_table_without_a_page_for_its_root_is_empty(void **state)
{
	(void)state;
	fake_pool_drain(0);
	assert_int_equal(npt_init(&n, NULL, 4), -XEN_ENOMEM);
	fake_pool_refill();
	assert_nothing(0);
	assert_true(npt_free(&n, 1));
}

static void a_domains_tables_are_charged_to_it(void **state)
{
	struct domain d = { .id = 1, .max_pool_pages = 6 };
	uint64_t before = pool_nr_free();
	struct npt_leaf l;

	(void)state;
	begin(&d, 4);
	assert_int_equal(npt_map(&n, 0, hpa(0), 2, RWX, false), 0);
	assert_int_equal(d.pool_pages, 3);
	assert_int_equal(npt_unmap(&n, 0, &l), 0);
	assert_int_equal(d.pool_pages, 4);
	assert_int_equal(npt_map(&n, 2 * GIB, hpa(0), 1, RWX, false), 0);
	assert_int_equal(d.pool_pages, 6);
	/* quota, not the pool, says no */
	assert_int_equal(npt_map(&n, 1ULL << 40, hpa(0), 1, RWX, false), -XEN_ENOMEM);
	assert_int_equal(pool_nr_free(), before - 6);
	assert_int_equal(n.nr_tables, 6);
	end();
	assert_int_equal(d.pool_pages, 0);
}

static void a_shared_table_stands_in_for_a_chunk_and_goes_again(void **state)
{
	uint64_t *zeros = pool_alloc(NULL), before;

	(void)state;
	for (int i = 0; i < CHUNK_FRAMES; i++)
		zeros[i] = ops->npt_leaf(hpa(0x1234000), 1, NPT_READ);
	begin(NULL, 4);
	assert_int_equal(npt_map(&n, 0, hpa(0), 3, RWX, false), 0);
	assert_int_equal(npt_set_table(&n, 4 * MIB, pool_hpa(zeros)), 0);
	before = pool_nr_free();
	assert_int_equal(npt_set_table(&n, 8 * MIB, pool_hpa(zeros)), 0);
	assert_int_equal(pool_nr_free(), before);
	for (uint64_t a = 4 * MIB; a < 6 * MIB; a += PAGE_SIZE)
		assert_leaf(a, 0x1234000, NPT_READ, 1);
	assert_leaf(4 * MIB - 1, 4 * MIB - PAGE_SIZE, RWX, 2);
	assert_leaf(6 * MIB, 6 * MIB, RWX, 2);
	assert_int_equal(npt_map(&n, 4 * MIB, hpa(4 * MIB), 2, RWX, true), 0);
	assert_int_equal(npt_map(&n, 8 * MIB, hpa(8 * MIB), 2, RWX, true), 0);
	assert_leaf(4 * MIB + 0x1000, 4 * MIB + 0x1000, RWX, 2);
	assert_int_equal(pool_nr_free(), before);
	end();
	pool_free(NULL, zeros);
}

static void freeing_stops_at_its_budget_and_goes_on(void **state)
{
	uint64_t before = pool_nr_free(), calls = 0;

	(void)state;
	for (int levels = 4; levels <= 5; levels++) {
		uint64_t tables;

		begin(NULL, levels);
		for (uint64_t i = 0; i < 100; i++)
			assert_int_equal(npt_map(&n, i * 77 * MIB & ~(CHUNK - 1), hpa(0), 1, RWX, true), 0);
		tables = n.nr_tables;
		assert_int_equal(pool_nr_free(), before - tables);
		for (calls = 1; !npt_free(&n, 7); calls++)
			assert_int_equal(n.nr_tables, tables - 7 * calls);
		assert_int_equal(calls, (tables + 6) / 7);
		assert_int_equal(pool_nr_free(), before);
	}
}

static void freed_tables_map_nothing_and_take_nothing(void **state)
{
	struct npt_leaf l;

	(void)state;
	begin(NULL, 4);
	assert_int_equal(npt_map(&n, 0, hpa(0), 2, RWX, false), 0);
	end();
	assert_nothing(0);
	assert_int_equal(npt_unmap(&n, 0, &l), 0);
	assert_int_equal(npt_map(&n, 0, hpa(0), 2, RWX, false), -XEN_ENOMEM);
	assert_int_equal(npt_set_table(&n, 0, hpa(FAKE_FREE)), -XEN_ENOMEM);
	assert_true(npt_free(&n, 1));
}

/* ---- against a model: one record per 4 KiB in four places of 2 MiB ---- */

#define PLACES	4
struct record { uint64_t hpa; uint32_t rights; };
static struct record model[PLACES][CHUNK_FRAMES];
static bool small[PLACES];		/* there is a table of 4 KiB entries */
static uint64_t place[PLACES];

static void random_small(int p)
{
	unsigned int i = (unsigned int)fake_random(CHUNK_FRAMES);
	struct record r = { fake_random(1ULL << 30) << PAGE_SHIFT, NPT_READ | (uint32_t)fake_random(4) << 1 };
	bool replace = fake_random(2), there = model[p][i].rights;

	assert_int_equal(npt_map(&n, place[p] + i * PAGE_SIZE, hpa(r.hpa), 1, r.rights, replace),
			 there && !replace ? -XEN_EEXIST : 0);
	small[p] = true;
	if (!there || replace)
		model[p][i] = r;
}

static void random_large(int p)
{
	uint64_t h = fake_random(1ULL << 20) * CHUNK;
	bool there = model[p][0].rights, replace = fake_random(2);
	uint32_t rights = NPT_READ | (uint32_t)fake_random(4) << 1;

	assert_int_equal(npt_map(&n, place[p], hpa(h), 2, rights, replace), there && !replace ? -XEN_EEXIST : 0);
	for (unsigned int i = 0; i < CHUNK_FRAMES && (!there || replace); i++)
		model[p][i] = (struct record){ h + i * PAGE_SIZE, rights };
}

static void random_unmap(int p)
{
	unsigned int i = (unsigned int)fake_random(CHUNK_FRAMES);
	struct npt_leaf l;

	assert_int_equal(npt_unmap(&n, place[p] + i * PAGE_SIZE, &l), 0);
	assert_int_equal(l.hpa.v, model[p][i].hpa);
	assert_int_equal(l.rights, model[p][i].rights);
	small[p] |= model[p][i].rights != 0;
	model[p][i] = (struct record){ 0 };
}

static void compare_with_model(void)
{
	for (int p = 0; p < PLACES; p++)
		for (unsigned int i = 0; i < CHUNK_FRAMES; i++)
			assert_leaf(place[p] + i * PAGE_SIZE, model[p][i].hpa, model[p][i].rights,
				    !model[p][i].rights ? 0 : small[p] ? 1 : 2);
}

static void thousands_of_random_changes_agree_with_a_simple_model(void **state)
{
	struct domain d = { .id = 1, .max_pool_pages = 1000 };

	(void)state;
	for (int round = 0; round < 40; round++) {
		int levels = 4 + round % 2;

		memset(model, 0, sizeof(model));
		memset(small, 0, sizeof(small));
		for (int p = 0; p < PLACES; p++)
			place[p] = (fake_random(1ULL << 20) * PLACES + (unsigned int)p) * CHUNK;
		begin(&d, levels);
		for (int k = 0; k < 500; k++) {
			int p = (int)fake_random(PLACES);

			if (!small[p] && fake_random(3))
				random_large(p);
			else if (fake_random(2))
				random_small(p);
			else
				random_unmap(p);
		}
		compare_with_model();
		assert_int_equal(d.pool_pages, n.nr_tables);
		end();
		assert_int_equal(d.pool_pages, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(a_leaf_of_each_size_is_found_at_both_depths),
		unit(an_address_no_table_of_this_depth_can_say_is_refused),
		unit(what_is_there_is_replaced_only_on_demand),
		unit(splitting_keeps_address_and_rights_of_the_rest),
		unit(unmapping_nothing_takes_no_page),
		unit(without_pages_nothing_changes),
		unit(a_table_without_a_page_for_its_root_is_empty),
		unit(a_domains_tables_are_charged_to_it),
		unit(a_shared_table_stands_in_for_a_chunk_and_goes_again),
		unit(freeing_stops_at_its_budget_and_goes_on),
		unit(freed_tables_map_nothing_and_take_nothing),
		unit(thousands_of_random_changes_agree_with_a_simple_model),
	};

	return cmocka_run_group_tests(tests, fake_hv_start, NULL);
}
