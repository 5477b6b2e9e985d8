/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame in two domains' physical maps: records, nested tables and holds as they are. */
#include "fake_hv.h"
#include "core/check.h"
#include "core/guest_mem.h"
#include "core/npt.h"

#define HOST	(20 * MIB)
#define GFN	0x800
#define AT	0x900		/* where the other one maps it */

static const struct zendo_ram_range ram[] = { { 6 * MIB, FAKE_RAM - 6 * MIB } };
static struct domain *a, *b;

static int start(void **state)
{
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static mfn_t page(void)
{
	return hpa_to_mfn(hpa(HOST));
}

static int begin(void **state)
{
	fake_hv_begin(state);
	host_features.maxphys = 48;
	a = fake_domain(1, 4, 2048, 64);
	b = fake_domain(2, 4, 2048, 64);
	assert_int_equal(frame_give(page(), 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	assert_int_equal(p2m_map(a, gfn(GFN), page(), P2M_RAM, true), 0);
	return 0;
}

static int end(void **state)
{
	assert_int_equal(frame_give(page(), 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
	fake_domain_end(a);
	fake_domain_end(b);
	return fake_hv_check(state);
}

static void a_granted_frame_stays_until_it_is_let_go(void **state)
{
	enum p2m_type type;
	mfn_t m;

	(void)state;
	assert_int_equal(ram_hold(b, gfn(GFN), false, &m), -XEN_EFAULT);
	assert_int_equal(ram_hold(a, gfn(GFN), true, &m), 0);
	assert_int_equal(m.v, page().v);
	assert_int_equal(p2m_map_grant(b, gfn(AT), m, false), 0);
	assert_int_equal(p2m_map_grant(b, gfn(AT), m, false), -XEN_EEXIST);
	assert_int_equal(p2m_map_grant(b, gfn(1ULL << 40), m, false), -XEN_EINVAL);
	assert_int_equal(npt_lookup(b->npt, (uint64_t)AT << PAGE_SHIFT).rights, NPT_READ);
	assert_int_equal(p2m_lookup(b, gfn(AT)).type, P2M_FOREIGN);
	/* neither map lets go of it, and its owner cannot change; the mapper cannot grant it on or have it pinned */
	assert_false(mfn_valid(p2m_unmap(a, gfn(GFN), &type)));
	assert_false(mfn_valid(p2m_unmap(b, gfn(AT), &type)));
	assert_int_equal(frame_give(page(), 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), -XEN_EBUSY);
	assert_int_equal(ram_hold(b, gfn(AT), false, &m), -XEN_EFAULT);
	assert_int_equal(gpa_write(b, gpa((uint64_t)AT << PAGE_SHIFT), "x", 1), -XEN_EFAULT);
	assert_false(p2m_unmap_grant(b, gfn(AT), mfn(page().v + 1)));
	assert_false(p2m_unmap_grant(b, gfn(AT + 1), page()));
	assert_true(p2m_unmap_grant(b, gfn(AT), page()));
	assert_int_equal(npt_lookup(b->npt, (uint64_t)AT << PAGE_SHIFT).rights, 0);
	debt_due(b->npt, debt_ask(b->npt));
	ram_release(page());
	assert_int_equal(p2m_unmap(a, gfn(GFN), &type).v, page().v);
}

static void a_revoked_one_shows_another_page(void **state)
{
	void *scratch = pool_alloc(b);
	mfn_t m;

	(void)state;
	assert_int_equal(ram_hold(a, gfn(GFN), false, &m), 0);
	assert_int_equal(p2m_map_grant(b, gfn(AT), m, true), 0);
	assert_false(p2m_replace_grant(b, gfn(AT + 1), m, pool_mfn(scratch)));
	assert_true(p2m_replace_grant(b, gfn(AT), m, pool_mfn(scratch)));
	assert_false(p2m_replace_grant(b, gfn(AT), m, pool_mfn(scratch)));
	assert_int_equal(p2m_lookup(b, gfn(AT)).mfn.v, pool_mfn(scratch).v);
	assert_int_equal(npt_lookup(b->npt, (uint64_t)AT << PAGE_SHIFT).rights, NPT_READ | NPT_WRITE);
	assert_true(p2m_unmap_grant(b, gfn(AT), pool_mfn(scratch)));
	debt_due(b->npt, debt_ask(b->npt));
	ram_release(m);
	pool_free(b, scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_granted_frame_stays_until_it_is_let_go, begin, end),
		cmocka_unit_test_setup_teardown(a_revoked_one_shows_another_page, begin, end),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
