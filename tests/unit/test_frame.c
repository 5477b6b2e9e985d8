/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"

#define D1	1
#define D2	2
#define CHUNK	ZENDO_CHUNK_SIZE

/* A PC's memory: a hole below 1 MiB, odd ends, a hole of two pages, RAM above 4 GiB and far above. */
static const struct zendo_ram_range ram[] = {
	{ 0, 0x9f000 },
	{ MIB, GIB + 2 * MIB + 0x5000 },
	{ GIB + 3 * MIB + 0x7000, MIB - 0x7000 },
	{ 4 * GIB, 64 * MIB },
	{ 4 * GIB + 64 * MIB, MIB }, { 4 * GIB + 65 * MIB, MIB },	/* one chunk by two ranges */
	{ 600 * GIB, 4 * MIB },
};
#define FRAMES	(0x9f + (GIB + 2 * MIB + 0x5000) / PAGE_SIZE + (MIB - 0x7000) / PAGE_SIZE + 66 * MIB / PAGE_SIZE + \
		 4 * MIB / PAGE_SIZE)

static mfn_t frame_at(uint64_t h)
{
	return hpa_to_mfn(hpa(h));
}

static int take(uint64_t h, unsigned int order, uint16_t owner)
{
	return frame_give(frame_at(h), order, OWNER_DOM0, FRAME_FREE, owner, FRAME_RAM);
}

static int back(uint64_t h, unsigned int order, uint16_t owner)
{
	return frame_give(frame_at(h), order, owner, FRAME_RAM, OWNER_DOM0, FRAME_FREE);
}

static void assert_frame(uint64_t h, uint16_t owner, enum frame_type type, uint32_t count)
{
	struct frame f = { 0 };

	assert_true(frame_get(frame_at(h), &f));
	assert_int_equal(f.owner, owner);
	assert_int_equal(f.type, type);
	assert_int_equal(f.count, count);
}

static void assert_sums(uint64_t d1, uint64_t d2)
{
	assert_int_equal(frame_total(), FRAMES);
	assert_int_equal(frame_owned(D1), d1);
	assert_int_equal(frame_owned(D2), d2);
	assert_int_equal(frame_owned(OWNER_HV), 0);
	assert_int_equal(frame_owned(OWNER_DOM0), FRAMES - d1 - d2);
	assert_true(frame_audit(OWNER_DOM0));
	assert_true(frame_audit(OWNER_HV));
	assert_true(frame_audit(D1));
	assert_true(frame_audit(D2));
}

static int start(void **state)
{
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static void all_ram_is_dom0s_at_first(void **state)
{
	(void)state;
	assert_sums(0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		assert_frame(ram[i].hpa, OWNER_DOM0, FRAME_FREE, 0);
		assert_frame(ram[i].hpa + ram[i].size - 1, OWNER_DOM0, FRAME_FREE, 0);
	}
}

static void what_is_not_ram_cannot_be_asked_given_or_held(void **state)
{
	static const uint64_t holes[] = {
		0x9f000, MIB - 1, GIB + 3 * MIB + 0x5000, GIB + 3 * MIB + 0x6fff,	/* in chunks with RAM */
		GIB + 4 * MIB,						/* in a section with RAM */
		3 * GIB, 700 * GIB, 1ULL << 47, 1ULL << 48, 1ULL << 51, ~0ULL,
	};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		mfn_t m = frame_at(holes[i]);

		assert_false(frame_get(m, &f));
		assert_int_equal(take(holes[i], 0, D1), -XEN_EPERM);
		assert_int_equal(take(holes[i] & ~(CHUNK - 1), 9, D1), -XEN_EPERM);
		assert_int_equal(frame_hold(m, OWNER_DOM0), -XEN_EPERM);
		for (unsigned int type = FRAME_FREE; type <= FRAME_HIDING; type++)
			for (unsigned int owner = OWNER_HV - 1; owner <= OWNER_HV; owner++)
				assert_int_equal(frame_give(m, 0, (uint16_t)owner, type, D1, FRAME_RAM), -XEN_EPERM);
	}
	assert_sums(0, 0);
}

static void a_chunk_with_a_hole_is_never_given_whole(void **state)
{
	(void)state;
	assert_int_equal(take(0, 9, D1), -XEN_EPERM);
	assert_int_equal(take(GIB + 2 * MIB, 9, D1), -XEN_EPERM);
	assert_int_equal(take(GIB, 9, D1), 0);
	assert_int_equal(back(GIB, 9, D1), 0);
	assert_sums(0, 0);
}

static void a_given_frame_has_one_owner_and_its_neighbours_another(void **state)
{
	(void)state;
	assert_int_equal(take(4 * GIB + 0x3000, 0, D1), 0);
	assert_frame(4 * GIB + 0x2000, OWNER_DOM0, FRAME_FREE, 0);
	assert_frame(4 * GIB + 0x3000, D1, FRAME_RAM, 0);
	assert_frame(4 * GIB + 0x4000, OWNER_DOM0, FRAME_FREE, 0);
	assert_sums(1, 0);
	assert_int_equal(back(4 * GIB + 0x3000, 0, D1), 0);
	assert_sums(0, 0);
}

static void giving_a_foreign_frame_is_refused(void **state)
{
	(void)state;
	assert_int_equal(take(4 * GIB, 9, D1), 0);
	assert_int_equal(take(4 * GIB, 0, D2), -XEN_EPERM);
	assert_int_equal(take(4 * GIB, 9, D2), -XEN_EPERM);
	assert_int_equal(back(4 * GIB, 0, D2), -XEN_EPERM);
	/* the right owner, another type */
	assert_int_equal(frame_give(frame_at(4 * GIB), 0, D1, FRAME_STOCK, D1, FRAME_RAM), -XEN_EPERM);
	assert_int_equal(frame_give(frame_at(4 * GIB), 9, D1, FRAME_GRANT, D1, FRAME_RAM), -XEN_EPERM);
	assert_sums(CHUNK_FRAMES, 0);
	assert_int_equal(back(4 * GIB, 9, D1), 0);
	assert_sums(0, 0);
}

static void only_orders_0_and_9_are_known_and_9_is_aligned(void **state)
{
	(void)state;
	for (unsigned int order = 1; order < 64; order++)
		if (order != 9)
			assert_int_equal(take(4 * GIB, order, D1), -XEN_EINVAL);
	assert_int_equal(take(4 * GIB + PAGE_SIZE, 9, D1), -XEN_EINVAL);
	assert_sums(0, 0);
}

static void a_chunk_whose_frames_are_equal_again_needs_no_page(void **state)
{
	uint64_t before = pool_nr_free();

	(void)state;
	for (uint64_t i = 0; i < CHUNK_FRAMES; i++) {
		assert_int_equal(take(4 * GIB + i * PAGE_SIZE, 0, D1), 0);
		assert_int_equal(pool_nr_free(), i == CHUNK_FRAMES - 1 ? before : before - 1);
	}
	assert_sums(CHUNK_FRAMES, 0);
	/* given one by one, taken as one */
	assert_int_equal(back(4 * GIB, 9, D1), 0);
	assert_sums(0, 0);
}

static void one_foreign_frame_keeps_a_chunk_from_being_given(void **state)
{
	(void)state;
	assert_int_equal(take(4 * GIB + CHUNK - PAGE_SIZE, 0, D2), 0);
	assert_int_equal(take(4 * GIB, 9, D1), -XEN_EPERM);
	assert_sums(0, 1);
	assert_int_equal(back(4 * GIB + CHUNK - PAGE_SIZE, 0, D2), 0);
	assert_int_equal(take(4 * GIB, 9, D1), 0);
	assert_int_equal(back(4 * GIB, 9, D1), 0);
}

static void a_held_frame_stays_with_its_owner(void **state)
{
	mfn_t m = frame_at(4 * GIB + 0x5000);

	(void)state;
	assert_int_equal(take(4 * GIB, 9, D1), 0);
	assert_int_equal(frame_hold(m, D1), 0);
	assert_int_equal(frame_hold(m, D1), 0);
	assert_frame(4 * GIB + 0x5000, D1, FRAME_RAM, 2);
	assert_int_equal(back(4 * GIB + 0x5000, 0, D1), -XEN_EBUSY);
	assert_int_equal(back(4 * GIB, 9, D1), -XEN_EBUSY);
	frame_release(m);
	assert_int_equal(back(4 * GIB + 0x5000, 0, D1), -XEN_EBUSY);
	frame_release(m);
	assert_int_equal(back(4 * GIB, 9, D1), 0);
	assert_sums(0, 0);
}

static void holding_anothers_frame_is_refused(void **state)
{
	(void)state;
	assert_int_equal(frame_hold(frame_at(4 * GIB), D1), -XEN_EPERM);
	assert_int_equal(take(4 * GIB, 0, D1), 0);
	assert_int_equal(frame_hold(frame_at(4 * GIB), OWNER_DOM0), -XEN_EPERM);
	assert_int_equal(frame_hold(frame_at(4 * GIB), D2), -XEN_EPERM);
	assert_int_equal(back(4 * GIB, 0, D1), 0);
}

static void letting_go_what_is_not_held_is_our_mistake(void **state)
{
	(void)state;
	expect_panic("assertion failed", frame_release(frame_at(4 * GIB)));	/* whole chunk */
	assert_int_equal(take(4 * GIB, 0, D1), 0);
	expect_panic("f.count", frame_release(frame_at(4 * GIB)));
	assert_int_equal(back(4 * GIB, 0, D1), 0);
	assert_sums(0, 0);
}

static void without_a_page_to_refine_nothing_changes(void **state)
{
	(void)state;
	fake_pool_drain(0);
	assert_int_equal(take(4 * GIB, 0, D1), -XEN_ENOMEM);
	assert_int_equal(frame_hold(frame_at(4 * GIB), OWNER_DOM0), -XEN_ENOMEM);
	assert_frame(4 * GIB, OWNER_DOM0, FRAME_FREE, 0);
	assert_int_equal(take(4 * GIB, 9, D1), 0);
	assert_int_equal(back(4 * GIB, 0, D1), -XEN_ENOMEM);
	assert_sums(CHUNK_FRAMES, 0);
	assert_int_equal(back(4 * GIB, 9, D1), 0);
	fake_pool_refill();
	assert_sums(0, 0);
}

/* Its records stood in a page since start, so one more pool page is free afterwards: no teardown. */
static void a_chunk_of_two_ranges_is_given_whole(void **state)
{
	uint64_t before = pool_nr_free();

	(void)state;
	assert_int_equal(take(4 * GIB + 64 * MIB, 9, D1), 0);
	assert_int_equal(pool_nr_free(), before + 1);
	assert_int_equal(back(4 * GIB + 64 * MIB, 9, D1), 0);
	assert_sums(0, 0);
}

/* ---- against a model that has one plain record per frame ---- */

#define NR_CHUNKS 3
static const uint64_t model_base[NR_CHUNKS] = { GIB + 2 * MIB, 4 * GIB + 6 * MIB, 600 * GIB + 2 * MIB };
static struct frame model[NR_CHUNKS][CHUNK_FRAMES];
static bool is_ram[NR_CHUNKS][CHUNK_FRAMES];

static const enum frame_type some_types[] = { FRAME_FREE, FRAME_RAM, FRAME_STOCK };

static int model_give(int c, unsigned int i, unsigned int order, struct frame from, struct frame to)
{
	unsigned int n = 1U << order;

	for (unsigned int k = i; k < i + n; k++) {
		if (!is_ram[c][k] || model[c][k].owner != from.owner || model[c][k].type != from.type)
			return -XEN_EPERM;
		if (model[c][k].count)
			return -XEN_EBUSY;
	}
	for (unsigned int k = i; k < i + n; k++)
		model[c][k] = to;
	return 0;
}

static struct frame random_frame(void)
{
	struct frame f = { (uint16_t)fake_random(3), some_types[fake_random(ARRAY_SIZE(some_types))], 0 };

	return f;
}

static void random_give(int c)
{
	unsigned int order = fake_random(20) ? 0 : 9, i = order ? 0 : (unsigned int)fake_random(CHUNK_FRAMES);
	struct frame from = random_frame(), to = random_frame();
	int rc;

	/* mostly what may succeed */
	if (fake_random(4) && is_ram[c][i])
		from = (struct frame){ model[c][i].owner, model[c][i].type, 0 };
	rc = frame_give(frame_at(model_base[c] + i * PAGE_SIZE), order, from.owner, from.type, to.owner, to.type);
	assert_int_equal(rc, model_give(c, i, order, from, to));
}

static void random_hold(int c)
{
	unsigned int i = (unsigned int)fake_random(CHUNK_FRAMES);
	uint16_t owner = (uint16_t)fake_random(3);
	mfn_t m = frame_at(model_base[c] + i * PAGE_SIZE);
	bool may = is_ram[c][i] && model[c][i].owner == owner && model[c][i].type != FRAME_STOCK;

	assert_int_equal(frame_hold(m, owner), may ? 0 : -XEN_EPERM);
	model[c][i].count += may;
}

static void random_release(int c)
{
	unsigned int i = (unsigned int)fake_random(CHUNK_FRAMES);

	/* the next held one, if any */
	for (unsigned int n = 0; n < CHUNK_FRAMES; n++, i = (i + 1) % CHUNK_FRAMES)
		if (model[c][i].count) {
			frame_release(frame_at(model_base[c] + i * PAGE_SIZE));
			model[c][i].count--;
			return;
		}
}

static void compare_with_model(void)
{
	uint64_t owned[3] = { 0 };

	for (int c = 0; c < NR_CHUNKS; c++)
		for (unsigned int i = 0; i < CHUNK_FRAMES; i++) {
			struct frame f;

			assert_int_equal(frame_get(frame_at(model_base[c] + i * PAGE_SIZE), &f), is_ram[c][i]);
			if (!is_ram[c][i])
				continue;
			assert_frame(model_base[c] + i * PAGE_SIZE, model[c][i].owner, model[c][i].type, model[c][i].count);
			owned[model[c][i].owner]++;
		}
	assert_sums(owned[D1], owned[D2]);
}

static void bring_all_home(void)
{
	for (int c = 0; c < NR_CHUNKS; c++)
		for (unsigned int i = 0; i < CHUNK_FRAMES; i++) {
			struct frame *f = &model[c][i];
			mfn_t m = frame_at(model_base[c] + i * PAGE_SIZE);

			for (; f->count; f->count--)
				frame_release(m);
			if (is_ram[c][i])
				assert_int_equal(frame_give(m, 0, f->owner, f->type, OWNER_DOM0, FRAME_FREE), 0);
		}
}

static void thousands_of_random_changes_agree_with_a_simple_model(void **state)
{
	struct frame f;

	(void)state;
	memset(model, 0, sizeof(model));
	for (int c = 0; c < NR_CHUNKS; c++)
		for (unsigned int i = 0; i < CHUNK_FRAMES; i++)
			is_ram[c][i] = frame_get(frame_at(model_base[c] + i * PAGE_SIZE), &f);
	for (int n = 0; n < 40000; n++) {
		int c = (int)fake_random(NR_CHUNKS);
		uint64_t what = fake_random(10);

		/* holds only in turns: a chunk with a held frame is not given whole */
		if (what < 7)
			random_give(c);
		else if (what == 7 && n / 4000 % 2)
			random_hold(c);
		else
			random_release(c);
		if (n % 2000 == 0)
			compare_with_model();
	}
	compare_with_model();
	bring_all_home();
	assert_sums(0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(all_ram_is_dom0s_at_first),
		unit(what_is_not_ram_cannot_be_asked_given_or_held),
		unit(a_chunk_with_a_hole_is_never_given_whole),
		unit(a_given_frame_has_one_owner_and_its_neighbours_another),
		unit(giving_a_foreign_frame_is_refused),
		unit(only_orders_0_and_9_are_known_and_9_is_aligned),
		unit(a_chunk_whose_frames_are_equal_again_needs_no_page),
		unit(one_foreign_frame_keeps_a_chunk_from_being_given),
		unit(a_held_frame_stays_with_its_owner),
		unit(holding_anothers_frame_is_refused),
		unit(letting_go_what_is_not_held_is_our_mistake),
		unit(without_a_page_to_refine_nothing_changes),
		cmocka_unit_test(a_chunk_of_two_ranges_is_given_whole),
		unit(thousands_of_random_changes_agree_with_a_simple_model),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
