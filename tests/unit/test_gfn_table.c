/* SPDX-License-Identifier: GPL-2.0-only */
/* The table that dom0 looks frames up in: written by the hypervisor's files, read by hvpriv's. */
#include <pthread.h>

#include "fake_hv.h"
#include "core/domain_mem.h"
#include "core/gfn_table.h"
#include "core/guest_mem.h"
#include "core/npt.h"
#include "../../linux/drivers/hvpriv/gfn_table.h"

#define CHUNK	ZENDO_CHUNK_SIZE
#define BASE	(4 * GIB)
#define ROOT	(8 * MIB)
#define TABLES	(10 * MIB)	/* dom0's pages for the table */
#define LIMIT	(250ULL << 18)	/* the first gfn beyond it */

static const struct zendo_ram_range ram[] = { { 6 * MIB, 16 * MIB }, { BASE, 64 * MIB } };
static struct domain *d;
static struct zendo_gfn_root *root;
static uint64_t nr_given;

static const uint64_t *at(uint64_t h)
{
	return fake_mem(h);
}

static uint64_t find(uint64_t g)
{
	return hv_gfn_find(root, g, at);
}

static int start(void **state)
{
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static int begin(void **state)
{
	fake_hv_begin(state);
	d = fake_domain(1, 4, 16384, 200);
	root = fake_mem(ROOT);
	memset(root, 0, PAGE_SIZE);
	nr_given = 0;
	return gfn_table_init(d, hpa(ROOT));
}

/* As dom0 does before each step: as many pages as are taken. */
static void fill(void)
{
	int64_t room = gfn_table_give(d, hpa(0));

	while (room > 0) {
		uint64_t h = TABLES + nr_given++ * PAGE_SIZE;

		memset(fake_mem(h), 0xee, PAGE_SIZE);	/* content is not dom0's to say */
		room = gfn_table_give(d, hpa(h));
	}
	assert_int_equal(room, 0);
}

static void assert_pages_are_free(void)
{
	struct frame f;

	for (uint64_t h = ROOT; h < TABLES + nr_given * PAGE_SIZE; h += PAGE_SIZE) {
		assert_true(frame_get(hpa_to_mfn(hpa(h)), &f));
		assert_int_equal(f.count, 0);
	}
}

static int end(void **state)
{
	d->state = DOMAIN_DEAD;
	while (!gfn_table_free(d, 3))
		;
	for (uint64_t h = BASE; h < BASE + 64 * MIB && frame_owned(1); h += PAGE_SIZE) {
		struct zendo_extent e = { .hpa = h };

		(void)!domain_reclaim(d, &e);
	}
	assert_int_equal(frame_owned(1), 0);
	assert_pages_are_free();
	fake_domain_end(d);
	return fake_hv_check(state);
}

static int donate(uint64_t h, uint64_t g, uint32_t order)
{
	struct zendo_extent e = { .hpa = h, .gfn = g, .order = order, .type = ZEXT_RAM };

	return domain_donate(d, &e);
}

static mfn_t unmap(uint64_t g)
{
	enum p2m_type type;

	return p2m_unmap(d, gfn(g), &type);
}

static void donated_ram_is_found(void **state)
{
	(void)state;
	fill();
	assert_int_equal(find(512), 0);
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);
	assert_int_equal(donate(BASE, 7, 0), 0);
	assert_int_equal(find(512), (BASE + CHUNK) | ZENDO_GFN_VALID);
	assert_int_equal(find(1023), (BASE + 2 * CHUNK - PAGE_SIZE) | ZENDO_GFN_VALID);
	assert_int_equal(find(7), BASE | ZENDO_GFN_VALID);
	assert_int_equal(find(6), 0);
	assert_int_equal(find(1024), 0);
	assert_int_equal(find(1 << 18), 0);
	assert_int_equal(find(~0ULL), 0);
	assert_int_equal(nr_given, 4);	/* one for 1 GiB, one of leaves, two not used yet */
}

static void a_page_given_up_is_not_found(void **state)
{
	uint64_t gen;

	(void)state;
	fill();
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);
	gen = root->generation;
	assert_int_equal(unmap(600).v, (BASE + CHUNK + 88 * PAGE_SIZE) >> PAGE_SHIFT);
	assert_int_equal(find(600), 0);
	assert_true(root->generation > gen);
	for (uint64_t g = 512; g < 1024; g++)
		if (g != 600)
			assert_int_equal(find(g), (BASE + CHUNK + (g - 512) * PAGE_SIZE) | ZENDO_GFN_VALID);
	/* and another frame in its place */
	assert_int_equal(donate(BASE, 600, 0), 0);
	assert_int_equal(find(600), BASE | ZENDO_GFN_VALID);
}

static void special_pages_are_not_in_it(void **state)
{
	void *page = pool_alloc(d);

	(void)state;
	fill();
	assert_int_equal(p2m_map(d, gfn(5), pool_mfn(page), P2M_SPECIAL, true), 0);
	assert_int_equal(find(5), 0);
	assert_true(mfn_valid(unmap(5)));
	pool_free(d, page);
}

static void without_pages_nothing_changes(void **state)
{
	(void)state;
	assert_int_equal(donate(BASE, 7, 0), -XEN_ENOMEM);
	assert_int_equal(p2m_lookup(d, gfn(7)).type, P2M_NONE);
	assert_int_equal(frame_owned(1), 0);
	assert_int_equal(gfn_table_give(d, hpa(TABLES)), 3);
	nr_given = 1;
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);	/* needs one */
	assert_int_equal(donate(BASE, 7, 0), -XEN_ENOMEM);	/* and this a second */
	assert_false(mfn_valid(unmap(600)));
	assert_int_equal(find(600), (BASE + CHUNK + 88 * PAGE_SIZE) | ZENDO_GFN_VALID);
	assert_true(mfn_valid(p2m_lookup(d, gfn(600)).mfn));
	fill();
	assert_true(mfn_valid(unmap(600)));
	assert_int_equal(find(600), 0);
}

static void what_dom0_gives_is_checked(void **state)
{
	(void)state;
	assert_int_equal(gfn_table_give(d, hpa(TABLES + 8)), -XEN_EINVAL);
	assert_int_equal(gfn_table_give(d, hpa(ZENDO_MAX_HPA)), -XEN_EINVAL);
	assert_int_equal(gfn_table_give(d, hpa(FAKE_CHUNK0)), -XEN_EPERM);	/* the hypervisor's own */
	assert_int_equal(gfn_table_give(d, hpa(GIB)), -XEN_EPERM);		/* no RAM */
	fill();
	assert_int_equal(gfn_table_give(d, hpa(TABLES + nr_given * PAGE_SIZE)), -XEN_ENOSPC);
	/* a page of the table cannot become a guest's, and so not another table's owner */
	assert_int_equal(frame_give(hpa_to_mfn(hpa(TABLES)), 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), -XEN_EBUSY);
}

/* Pages for gfns that the guest then cannot fill, since its quota for nested tables is used up. */
static void a_guest_cannot_take_pages_without_end(void **state)
{
	uint64_t given;

	(void)state;
	d->max_pool_pages = d->pool_pages + 6;
	assert_int_equal(frame_give(hpa_to_mfn(hpa(BASE)), 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	for (uint64_t i = 0; i < 100; i++) {
		fill();
		if (!p2m_map(d, gfn(i << 9), hpa_to_mfn(hpa(BASE)), P2M_RAM, true))
			(void)unmap(i << 9);
	}
	given = nr_given;
	assert_in_range(given, 1, 16);
}

static void frames_beyond_its_reach_are_only_mapped(void **state)
{
	(void)state;
	host_features.maxphys = 46;
	assert_int_equal(donate(BASE, LIMIT, 0), 0);
	assert_int_equal(root->nr_gfns, LIMIT);
	assert_int_equal(find(LIMIT), 0);
	assert_true(mfn_valid(unmap(LIMIT)));
}

static void dom0_spoils_only_its_own_view(void **state)
{
	(void)state;
	fill();
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);
	assert_int_equal(donate(BASE, 7, 0), 0);
	memset(root, 0xff, PAGE_SIZE);
	for (uint64_t i = 0; i < nr_given; i++)
		memset(fake_mem(TABLES + i * PAGE_SIZE), 0xff, PAGE_SIZE);
	assert_int_equal(unmap(7).v, BASE >> PAGE_SHIFT);
	assert_int_equal(unmap(700).v, (BASE + CHUNK + 188 * PAGE_SIZE) >> PAGE_SHIFT);
}

/* No sequence of changes makes table and nested table differ. */
static void it_follows_the_nested_table(void **state)
{
	(void)state;
	fill();
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);
	for (int step = 0; step < 20000; step++) {
		uint64_t g = fake_random(2048);
		mfn_t m;

		fill();
		if (p2m_lookup(d, gfn(g)).type == P2M_NONE) {
			(void)!donate(BASE + fake_random(16) * CHUNK + fake_random(512) * PAGE_SIZE, g, 0);
		} else {
			m = unmap(g);
			assert_true(mfn_valid(m));
			assert_int_equal(find(g), 0);
			ram_return(d, m);
			assert_int_equal(domain_returned(d, &(uint64_t){ 0 }, 1), 1);
		}
		if (step % 1000)
			continue;
		for (g = 0; g < 2049; g++) {
			struct p2m_entry e = p2m_lookup(d, gfn(g));

			assert_int_equal(find(g), e.type == P2M_RAM ? mfn_to_hpa(e.mfn).v | ZENDO_GFN_VALID : 0);
		}
	}
}

/* ---- a reader on another CPU ---- */

static bool reader_stop;
static const char *reader_saw;

/* One of two frames or nothing, and neighbours that never change: at any instant. */
static void *reader(void *unused)
{
	while (!__atomic_load_n(&reader_stop, __ATOMIC_RELAXED)) {
		uint64_t e = find(600);

		if (e && e != (BASE | ZENDO_GFN_VALID) && e != ((BASE + CHUNK + 88 * PAGE_SIZE) | ZENDO_GFN_VALID))
			reader_saw = "a frame that never stood there";
		if (find(601) != ((BASE + CHUNK + 89 * PAGE_SIZE) | ZENDO_GFN_VALID))
			reader_saw = "a neighbour that was gone";
	}
	return unused;
}

static void a_reader_sees_old_or_new(void **state)
{
	pthread_t t;

	(void)state;
	fill();
	assert_int_equal(donate(BASE + CHUNK, 512, 9), 0);
	assert_int_equal(frame_give(hpa_to_mfn(hpa(BASE)), 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	__atomic_store_n(&reader_stop, false, __ATOMIC_RELAXED);
	assert_int_equal(pthread_create(&t, NULL, reader, NULL), 0);
	for (int i = 0; i < 50000; i++) {
		mfn_t m = unmap(600);	/* the first time it splits what the reader reads */

		if (!mfn_valid(m) || p2m_map(d, gfn(600), i % 2 ? m : hpa_to_mfn(hpa(BASE)), P2M_RAM, true))
			reader_saw = "a change that failed";
	}
	__atomic_store_n(&reader_stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	assert_null(reader_saw);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(donated_ram_is_found), T(a_page_given_up_is_not_found), T(special_pages_are_not_in_it), T(without_pages_nothing_changes),
		T(what_dom0_gives_is_checked), T(a_guest_cannot_take_pages_without_end), T(frames_beyond_its_reach_are_only_mapped),
		T(dom0_spoils_only_its_own_view), T(it_follows_the_nested_table), T(a_reader_sees_old_or_new),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
