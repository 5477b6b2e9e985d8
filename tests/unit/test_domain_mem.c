/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"
#include "core/domain_mem.h"
#include "core/guest_mem.h"
#include "core/npt.h"

#define CHUNK	ZENDO_CHUNK_SIZE
#define BASE	(4 * GIB)	/* frames that nobody looks into */
#define MAX_PAGES 4096

static const struct zendo_ram_range ram[] = { { BASE, 64 * MIB } };
static struct domain *d;

static int start(void **state)
{
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static int begin(void **state)
{
	fake_hv_begin(state);
	d = fake_domain(1, 4, MAX_PAGES, 200);
	return 0;
}

/* Whatever a test left with the domain comes home by the way dom0 takes: page by page. */
static int end(void **state)
{
	d->state = DOMAIN_DEAD;
	for (uint64_t h = BASE; h < BASE + 64 * MIB; h += PAGE_SIZE) {
		struct zendo_extent e = { .hpa = h };

		if (frame_owned(1) && domain_reclaim(d, &e) == -XEN_EBUSY)
			return -1;
	}
	assert_int_equal(frame_owned(1), 0);
	assert_int_equal(frame_owned(OWNER_DOM0), frame_total());
	assert_true(frame_audit(1) && frame_audit(OWNER_DOM0));
	fake_domain_end(d);
	return fake_hv_check(state);
}

static int donate(uint64_t h, uint64_t gfn_nr, uint32_t order, uint32_t type)
{
	struct zendo_extent e = { .hpa = h, .gfn = gfn_nr, .order = order, .type = type };

	return domain_donate(d, &e);
}

static int reclaim(uint64_t h, uint32_t order)
{
	struct zendo_extent e = { .hpa = h, .order = order };

	return domain_reclaim(d, &e);
}

static void assert_frame(uint64_t h, uint16_t owner, enum frame_type type)
{
	struct frame f = { 0 };

	assert_true(frame_get(hpa_to_mfn(hpa(h)), &f));
	assert_int_equal(f.owner, owner);
	assert_int_equal(f.type, type);
	assert_int_equal(f.count, 0);
}

static void assert_still_dom0s(uint64_t h)
{
	assert_frame(h, OWNER_DOM0, FRAME_FREE);
	assert_int_equal(frame_owned(1), 0);
	assert_int_equal(d->nr_pages, 0);
}

/* ---- donating ---- */

static void donated_ram_is_the_domains_and_mapped(void **state)
{
	struct p2m_entry e;

	(void)state;
	assert_int_equal(donate(BASE + 0x5000, 77, 0, ZEXT_RAM), 0);
	assert_int_equal(donate(BASE + CHUNK, 512, 9, ZEXT_RAM), 0);
	assert_frame(BASE + 0x5000, 1, FRAME_RAM);
	assert_frame(BASE + 2 * CHUNK - PAGE_SIZE, 1, FRAME_RAM);
	assert_int_equal(frame_owned(1), 513);
	assert_int_equal(d->nr_pages, 513);
	e = p2m_lookup(d, gfn(77));
	assert_int_equal(e.mfn.v, (BASE + 0x5000) >> PAGE_SHIFT);
	assert_true(e.type == P2M_RAM && e.writable);
	assert_int_equal(p2m_lookup(d, gfn(1023)).mfn.v, ((BASE + 2 * CHUNK) >> PAGE_SHIFT) - 1);
	assert_int_equal(npt_lookup(d->npt, 512 << PAGE_SHIFT).level, 2);
	assert_int_equal(p2m_lookup(d, gfn(1024)).type, P2M_NONE);
}

static void donating_a_foreign_frame_is_refused(void **state)
{
	mfn_t theirs = hpa_to_mfn(hpa(BASE)), ours = hpa_to_mfn(hpa(BASE + CHUNK));

	(void)state;
	assert_int_equal(frame_give(theirs, 0, OWNER_DOM0, FRAME_FREE, 2, FRAME_RAM), 0);
	assert_int_equal(frame_give(ours, 9, OWNER_DOM0, FRAME_FREE, OWNER_HV, FRAME_POOL), 0);
	for (uint32_t type = ZEXT_RAM; type <= ZEXT_GRANT; type++) {
		assert_int_equal(donate(BASE, 0, 0, type), -XEN_EPERM);			/* another domain's */
		assert_int_equal(donate(BASE + CHUNK, 0, 0, type), -XEN_EPERM);		/* the hypervisor's */
		assert_int_equal(donate(GIB, 0, 0, type), -XEN_EPERM);			/* no RAM */
		assert_int_equal(donate(~0ULL << PAGE_SHIFT, 0, 0, type), -XEN_EPERM);
	}
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), -XEN_EPERM);
	assert_int_equal(donate(BASE + CHUNK, 0, 9, ZEXT_RAM), -XEN_EPERM);
	assert_int_equal(frame_owned(1), 0);
	assert_int_equal(p2m_lookup(d, gfn(0)).type, P2M_NONE);
	assert_int_equal(frame_give(theirs, 0, 2, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
	assert_int_equal(frame_give(ours, 9, OWNER_HV, FRAME_POOL, OWNER_DOM0, FRAME_FREE), 0);
}

static void donating_a_frame_twice_is_refused(void **state)
{
	(void)state;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_RAM), 0);
	assert_int_equal(donate(BASE, 1, 0, ZEXT_RAM), -XEN_EPERM);
	assert_int_equal(donate(BASE, 0, 0, ZEXT_POPULATE), -XEN_EPERM);
	assert_int_equal(frame_owned(1), 1);
	assert_int_equal(d->nr_pages, 1);
}

static void a_frame_that_is_held_is_not_donated(void **state)
{
	mfn_t m = hpa_to_mfn(hpa(BASE + 0x3000));

	(void)state;
	assert_int_equal(frame_hold(m, OWNER_DOM0), 0);		/* a run page, say */
	assert_int_equal(donate(BASE + 0x3000, 0, 0, ZEXT_RAM), -XEN_EBUSY);
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), -XEN_EBUSY);
	frame_release(m);
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), 0);
}

static void a_malformed_extent_is_refused(void **state)
{
	uint64_t max = p2m_max_gfn(d);

	(void)state;
	for (uint32_t order = 1; order < 100; order++)
		if (order != 9)
			assert_int_equal(donate(BASE, 0, order, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, 0, UINT32_MAX, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, 0, 0, ZEXT_GRANT + 1), -XEN_EINVAL);
	assert_int_equal(donate(BASE, 0, 9, ZEXT_POPULATE), -XEN_EINVAL);
	assert_int_equal(donate(BASE, 0, 9, ZEXT_GRANT), -XEN_EINVAL);
	assert_int_equal(donate(BASE + 1, 0, 0, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE + PAGE_SIZE, 0, 9, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, 1, 9, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, max + 1, 0, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, max + 1, 9, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, ~0ULL, 0, ZEXT_RAM), -XEN_EINVAL);
	assert_int_equal(donate(BASE, ~511ULL, 9, ZEXT_RAM), -XEN_EINVAL);
	assert_still_dom0s(BASE);
	assert_int_equal(donate(BASE, max, 0, ZEXT_RAM), 0);
}

static void a_dying_domain_gets_nothing(void **state)
{
	(void)state;
	d->state = DOMAIN_DYING;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_RAM), -XEN_EINVAL);
	d->state = DOMAIN_DEAD;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_POPULATE), -XEN_EINVAL);
	assert_still_dom0s(BASE);
}

static void a_domain_owns_no_more_than_it_may(void **state)
{
	(void)state;
	d->max_pages = 513;
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), 0);
	assert_int_equal(donate(BASE + CHUNK, 512, 9, ZEXT_RAM), -XEN_E2BIG);
	assert_int_equal(donate(BASE + CHUNK, 512, 0, ZEXT_RAM), 0);
	assert_int_equal(donate(BASE + CHUNK + PAGE_SIZE, 513, 0, ZEXT_RAM), -XEN_E2BIG);
	/* Above it there is room for a grant table, through the stock, and for no more. */
	for (uint64_t i = 1; i <= GRANT_MAX_FRAMES + GRANT_MAX_STATUS; i++)
		assert_int_equal(donate(BASE + CHUNK + i * PAGE_SIZE, 0, 0, ZEXT_POPULATE), 0);
	assert_int_equal(donate(BASE + CHUNK + 73 * PAGE_SIZE, 0, 0, ZEXT_POPULATE), -XEN_E2BIG);
	assert_false(mfn_valid(ram_take(d)));	/* not as RAM */
	assert_true(mfn_valid(grant_take(d)));
	assert_int_equal(frame_owned(1), 513 + GRANT_MAX_FRAMES + GRANT_MAX_STATUS);
}

static void where_something_is_mapped_nothing_is_donated(void **state)
{
	(void)state;
	assert_int_equal(donate(BASE, 512, 9, ZEXT_RAM), 0);
	assert_int_equal(donate(BASE + CHUNK, 512, 9, ZEXT_RAM), -XEN_EEXIST);
	assert_int_equal(donate(BASE + CHUNK, 700, 0, ZEXT_RAM), -XEN_EEXIST);
	assert_frame(BASE + CHUNK, OWNER_DOM0, FRAME_FREE);
	assert_int_equal(frame_owned(1), 512);
	assert_int_equal(d->nr_pages, 512);
	assert_int_equal(p2m_lookup(d, gfn(700)).mfn.v, (BASE >> PAGE_SHIFT) + 188);
}

static void a_frame_that_cannot_be_mapped_goes_back(void **state)
{
	(void)state;
	d->max_pool_pages = d->pool_pages;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_RAM), -XEN_ENOMEM);
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), -XEN_ENOMEM);
	assert_still_dom0s(BASE);
	d->max_pool_pages = 200;
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), 0);
}

/* Its record had just become one with its chunk's, and no page is left but the one that set free. */
static void the_last_frame_of_a_chunk_goes_back_without_a_pool(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < CHUNK_FRAMES - 1; i++)
		assert_int_equal(donate(BASE + i * PAGE_SIZE, i, 0, ZEXT_RAM), 0);
	fake_pool_drain(0);
	assert_int_equal(donate(BASE + CHUNK - PAGE_SIZE, 0, 0, ZEXT_RAM), -XEN_EEXIST);
	assert_int_equal(donate(BASE + CHUNK - PAGE_SIZE, 1ULL << 30, 0, ZEXT_RAM), -XEN_ENOMEM);
	assert_frame(BASE + CHUNK - PAGE_SIZE, OWNER_DOM0, FRAME_FREE);
	fake_pool_refill();
	assert_int_equal(frame_owned(1), 511);
}

static void a_grant_frame_the_table_refuses_goes_back(void **state)
{
	(void)state;
	fake_grant_rc = -XEN_ENOSPC;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_GRANT), -XEN_ENOSPC);
	assert_still_dom0s(BASE);
	fake_grant_rc = 0;
	assert_int_equal(donate(BASE, 0, 0, ZEXT_GRANT), 0);
	assert_frame(BASE, 1, FRAME_GRANT);
	assert_int_equal(d->nr_pages, 0);	/* no RAM */
}

/* ---- the stock ---- */

static void stock_is_taken_as_ram_until_it_is_empty(void **state)
{
	bool seen[3] = { false };

	(void)state;
	assert_false(mfn_valid(ram_take(d)));
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(donate(BASE + i * PAGE_SIZE, 0, 0, ZEXT_POPULATE), 0);
		assert_frame(BASE + i * PAGE_SIZE, 1, FRAME_STOCK);
	}
	assert_int_equal(frame_owned(1), 3);
	assert_int_equal(d->nr_pages, 0);
	for (uint64_t i = 0; i < 3; i++) {
		mfn_t m = ram_take(d);

		assert_in_range(m.v, BASE >> PAGE_SHIFT, (BASE >> PAGE_SHIFT) + 2);
		assert_false(seen[m.v - (BASE >> PAGE_SHIFT)]);
		seen[m.v - (BASE >> PAGE_SHIFT)] = true;
		assert_frame(m.v << PAGE_SHIFT, 1, FRAME_RAM);
		assert_int_equal(d->nr_pages, i + 1);
	}
	assert_false(mfn_valid(ram_take(d)));
}

static void a_full_stock_takes_no_more(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < STOCK_MAX; i++)
		assert_int_equal(donate(BASE + i * PAGE_SIZE, 0, 0, ZEXT_POPULATE), 0);
	assert_int_equal(donate(BASE + CHUNK, 0, 0, ZEXT_POPULATE), -XEN_ENOSPC);
	assert_frame(BASE + CHUNK, OWNER_DOM0, FRAME_FREE);
	assert_int_equal(frame_owned(1), STOCK_MAX);
	assert_true(mfn_valid(ram_take(d)));
	assert_int_equal(donate(BASE + CHUNK, 0, 0, ZEXT_POPULATE), 0);
}

/* ---- what the guest gives up ---- */

static mfn_t ram_at(uint64_t h)
{
	mfn_t m = hpa_to_mfn(hpa(h));

	assert_int_equal(donate(h, m.v - (BASE >> PAGE_SHIFT), 0, ZEXT_RAM), 0);
	return m;
}

static void what_the_guest_gives_up_becomes_dom0s_when_asked_for(void **state)
{
	uint64_t list[4] = { 0 };
	mfn_t m = ram_at(BASE + 0x9000);

	(void)state;
	assert_int_equal(domain_returned(d, list, 4), 0);
	ram_return(d, m);
	assert_frame(BASE + 0x9000, 1, FRAME_RETURNED);
	assert_int_equal(d->nr_pages, 0);
	assert_int_equal(frame_owned(1), 1);
	assert_int_equal(domain_returned(d, list, 4), 1);
	assert_int_equal(list[0], BASE + 0x9000);
	assert_still_dom0s(BASE + 0x9000);
	assert_int_equal(domain_returned(d, list, 4), 0);
}

static void no_more_is_handed_out_than_was_asked_for(void **state)
{
	uint64_t list[4] = { 0, 0, 42, 42 };

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		ram_return(d, ram_at(BASE + i * PAGE_SIZE));
	assert_int_equal(domain_returned(d, list, 0), 0);
	assert_int_equal(domain_returned(d, list, 2), 2);
	assert_int_equal(list[2], 42);
	assert_true(list[0] != list[1]);
	assert_int_equal(frame_owned(1), 1);
	assert_int_equal(domain_returned(d, list, 2), 1);
	assert_int_equal(frame_owned(1), 0);
}

static void only_free_ram_of_the_domain_can_be_given_up(void **state)
{
	uint64_t list[4];
	mfn_t held = ram_at(BASE + PAGE_SIZE);

	(void)state;
	ram_return(d, hpa_to_mfn(hpa(BASE)));			/* dom0's */
	ram_return(d, hpa_to_mfn(hpa(GIB)));			/* no RAM */
	assert_int_equal(donate(BASE + 0x2000, 0, 0, ZEXT_POPULATE), 0);
	ram_return(d, hpa_to_mfn(hpa(BASE + 0x2000)));		/* stock */
	assert_int_equal(donate(BASE + 0x3000, 0, 0, ZEXT_GRANT), 0);
	ram_return(d, hpa_to_mfn(hpa(BASE + 0x3000)));		/* grant frame */
	assert_int_equal(frame_hold(held, 1), 0);
	ram_return(d, held);					/* pinned */
	frame_release(held);
	assert_int_equal(domain_returned(d, list, 4), 0);
	assert_frame(BASE + PAGE_SIZE, 1, FRAME_RAM);
	assert_int_equal(d->nr_pages, 1);
	assert_int_equal(frame_owned(1), 3);
	ram_return(d, held);
	ram_return(d, held);					/* twice */
	assert_int_equal(domain_returned(d, list, 4), 1);
}

/* guest_pin() takes no lock: between its look and its hold the frame may have gone to dom0 and come back. */
static void a_late_hold_does_not_meet_frames_on_their_way(void **state)
{
	mfn_t m = hpa_to_mfn(hpa(BASE + 0x2000)), gone = ram_at(BASE + PAGE_SIZE);
	uint64_t list[4];

	(void)state;
	assert_int_equal(donate(BASE + 0x2000, 0, 0, ZEXT_POPULATE), 0);
	assert_int_equal(frame_hold(m, 1), -XEN_EPERM);
	assert_int_equal(ram_take(d).v, m.v);
	ram_return(d, gone);
	assert_int_equal(frame_hold(gone, 1), -XEN_EPERM);
	assert_int_equal(domain_returned(d, list, 4), 1);
	assert_int_equal(donate(BASE + 0x3000, 0, 0, ZEXT_GRANT), 0);
	assert_int_equal(frame_hold(hpa_to_mfn(hpa(BASE + 0x3000)), 1), -XEN_EPERM);
}

static void what_a_full_list_cannot_say_stays_until_the_domain_dies(void **state)
{
	static uint64_t list[2 * STOCK_MAX];
	uint64_t more = 20;

	(void)state;
	for (uint64_t i = 0; i < STOCK_MAX + more; i++)
		ram_return(d, ram_at(BASE + i * PAGE_SIZE));
	assert_int_equal(frame_owned(1), STOCK_MAX + more);
	assert_int_equal(d->nr_pages, 0);
	assert_int_equal(domain_returned(d, list, 2 * STOCK_MAX), STOCK_MAX);
	assert_int_equal(frame_owned(1), more);
	assert_int_equal(domain_returned(d, list, 2 * STOCK_MAX), 0);
	/* it still works */
	ram_return(d, ram_at(BASE + CHUNK));
	assert_int_equal(domain_returned(d, list, 2 * STOCK_MAX), 1);
	d->state = DOMAIN_DEAD;
	for (uint64_t i = STOCK_MAX; i < STOCK_MAX + more; i++)
		assert_int_equal(reclaim(BASE + i * PAGE_SIZE, 0), 0);
	assert_int_equal(frame_owned(1), 0);
}

static void without_a_page_to_refine_given_up_ram_stays(void **state)
{
	uint64_t list[1];

	(void)state;
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), 0);
	fake_pool_drain(0);
	ram_return(d, hpa_to_mfn(hpa(BASE + 0x4000)));
	fake_pool_refill();
	assert_frame(BASE + 0x4000, 1, FRAME_RAM);
	assert_int_equal(d->nr_pages, 512);
	assert_int_equal(domain_returned(d, list, 1), 0);
}

/* ---- reclaiming ---- */

static void nothing_is_reclaimed_from_the_living(void **state)
{
	(void)state;
	ram_at(BASE);
	assert_int_equal(reclaim(BASE, 0), -XEN_EINVAL);
	d->state = DOMAIN_DYING;	/* its vCPUs may still run */
	assert_int_equal(reclaim(BASE, 0), -XEN_EINVAL);
	assert_int_equal(frame_owned(1), 1);
}

static void frames_of_every_type_are_reclaimed_from_the_dead(void **state)
{
	(void)state;
	assert_int_equal(donate(BASE, 0, 9, ZEXT_RAM), 0);
	ram_at(BASE + CHUNK);
	ram_return(d, ram_at(BASE + CHUNK + 0x1000));
	assert_int_equal(donate(BASE + CHUNK + 0x2000, 0, 0, ZEXT_POPULATE), 0);
	assert_int_equal(donate(BASE + CHUNK + 0x3000, 0, 0, ZEXT_GRANT), 0);
	d->state = DOMAIN_DEAD;
	assert_int_equal(reclaim(BASE + CHUNK, 9), -XEN_EPERM);	/* a mixed chunk goes page by page */
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(reclaim(BASE + CHUNK + i * PAGE_SIZE, 0), 0);
	assert_int_equal(reclaim(BASE, 9), 0);
	assert_int_equal(frame_owned(1), 0);
	assert_int_equal(reclaim(BASE, 9), -XEN_EPERM);		/* once */
}

static void reclaiming_what_is_not_the_domains_is_refused(void **state)
{
	mfn_t theirs = hpa_to_mfn(hpa(BASE + CHUNK)), held = ram_at(BASE);

	(void)state;
	assert_int_equal(frame_give(theirs, 0, OWNER_DOM0, FRAME_FREE, 2, FRAME_RAM), 0);
	assert_int_equal(frame_hold(held, 1), 0);
	d->state = DOMAIN_DEAD;
	assert_int_equal(reclaim(BASE + CHUNK, 0), -XEN_EPERM);
	assert_int_equal(reclaim(BASE + CHUNK + PAGE_SIZE, 0), -XEN_EPERM);
	assert_int_equal(reclaim(GIB, 0), -XEN_EPERM);
	assert_int_equal(reclaim(BASE + 1, 0), -XEN_EINVAL);
	assert_int_equal(reclaim(BASE + PAGE_SIZE, 9), -XEN_EINVAL);
	assert_int_equal(reclaim(BASE, 1), -XEN_EINVAL);
	assert_int_equal(reclaim(BASE, UINT32_MAX), -XEN_EINVAL);
	assert_int_equal(reclaim(BASE, 0), -XEN_EBUSY);
	frame_release(held);
	assert_int_equal(reclaim(BASE, 0), 0);
	assert_int_equal(frame_give(theirs, 0, 2, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
}

/* ---- all of it, at random: every frame is somebody's, and what is counted is so ---- */

static void random_step(void)
{
	uint64_t frame = fake_random(8 * CHUNK_FRAMES), list[40], h = BASE + frame * PAGE_SIZE, chunk = h & ~(CHUNK - 1);
	enum p2m_type type;
	mfn_t m;

	switch (fake_random(8)) {
	case 0:
		(void)!donate(chunk, (chunk - BASE) >> PAGE_SHIFT, 9, ZEXT_RAM);
		break;
	case 1:
	case 2:
		(void)!donate(h, fake_random(8 * CHUNK_FRAMES), 0, (uint32_t)fake_random(3));
		break;
	case 3:
	case 4:
		m = ram_take(d);
		if (mfn_valid(m) && p2m_map(d, gfn(frame), m, P2M_RAM, true))
			ram_return(d, m);
		break;
	case 5:
	case 6:
		m = p2m_unmap(d, gfn(frame), &type);
		if (mfn_valid(m))
			ram_return(d, m);
		break;
	default:
		assert_true(domain_returned(d, list, (uint32_t)fake_random(40)) <= 40);
	}
}

static uint64_t count_type(enum frame_type type)
{
	uint64_t n = 0;
	struct frame f;

	for (uint64_t i = 0; i < 8 * CHUNK_FRAMES; i++)
		n += frame_get(mfn((BASE >> PAGE_SHIFT) + i), &f) && f.owner == 1 && f.type == type;
	return n;
}

static uint64_t count_mapped(void)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < 8 * CHUNK_FRAMES; i++)
		n += p2m_lookup(d, gfn(i)).type == P2M_RAM;
	return n;
}

static void no_sequence_of_changes_loses_a_frame(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		random_step();
		assert_true(frame_owned(1) <= MAX_PAGES);
		if (i % 1000)
			continue;
		assert_int_equal(frame_owned(1) + frame_owned(OWNER_DOM0), frame_total());
		assert_true(frame_audit(1) && frame_audit(OWNER_DOM0));
		assert_int_equal(count_type(FRAME_RAM), d->nr_pages);
		assert_int_equal(count_mapped(), d->nr_pages);
		assert_int_equal(count_type(FRAME_STOCK), d->mem->nr_stock);
	}
}

#define mem_unit(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mem_unit(donated_ram_is_the_domains_and_mapped),
		mem_unit(donating_a_foreign_frame_is_refused),
		mem_unit(donating_a_frame_twice_is_refused),
		mem_unit(a_frame_that_is_held_is_not_donated),
		mem_unit(a_malformed_extent_is_refused),
		mem_unit(a_dying_domain_gets_nothing),
		mem_unit(a_domain_owns_no_more_than_it_may),
		mem_unit(where_something_is_mapped_nothing_is_donated),
		mem_unit(a_frame_that_cannot_be_mapped_goes_back),
		mem_unit(the_last_frame_of_a_chunk_goes_back_without_a_pool),
		mem_unit(a_grant_frame_the_table_refuses_goes_back),
		mem_unit(stock_is_taken_as_ram_until_it_is_empty),
		mem_unit(a_full_stock_takes_no_more),
		mem_unit(what_the_guest_gives_up_becomes_dom0s_when_asked_for),
		mem_unit(no_more_is_handed_out_than_was_asked_for),
		mem_unit(only_free_ram_of_the_domain_can_be_given_up),
		mem_unit(a_late_hold_does_not_meet_frames_on_their_way),
		mem_unit(what_a_full_list_cannot_say_stays_until_the_domain_dies),
		mem_unit(without_a_page_to_refine_given_up_ram_stays),
		mem_unit(nothing_is_reclaimed_from_the_living),
		mem_unit(frames_of_every_type_are_reclaimed_from_the_dead),
		mem_unit(reclaiming_what_is_not_the_domains_is_refused),
		mem_unit(no_sequence_of_changes_loses_a_frame),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
