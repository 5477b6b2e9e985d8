/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"
#include "core/dom0.h"
#include "core/guest_mem.h"
#include "core/npt.h"

#define CHUNK	ZENDO_CHUNK_SIZE
#define ALL	(NPT_READ | NPT_WRITE | NPT_EXEC)
#define OWN	(16 * MIB)	/* a chunk of dom0's in the arena */
#define MAX_HIDING 64

/* Holes below 1 MiB and below 4 GiB, one edge in the middle of a chunk. */
static const struct zendo_ram_range ram[] = {
	{ 0, 0x9f000 },
	{ MIB, 2 * GIB + 0x5000 - MIB },
	{ 4 * GIB, GIB },
};

static int start(void **state)
{
	if (fake_hv_start(state))
		return -1;
	boot.nr_ram = ARRAY_SIZE(ram);
	memcpy(boot.ram, ram, sizeof(ram));
	boot.max_hpa = 5 * GIB;
	return frame_init(ram, ARRAY_SIZE(ram)) || dom0_map_init();
}

static int begin(void **state)
{
	fake_hv_begin(state);
	host_features.maxphys = 48;
	for (int i = 0; i < FAKE_CPUS; i++) {
		fake_cpus[i].under = i < 2;	/* the last one is not (yet) */
		fake_cpus[i].epoch = fake_cpus[i].under ? dom0_epoch() : 0;
		fake_cpus[i].hidden_writes = fake_cpus[i].npt_fills = 0;
	}
	return 0;
}

static void cpu_flushes(unsigned int i)
{
	fake_cpus[i].epoch = dom0_epoch();
}

static void hide(uint64_t chunk)
{
	assert_true(dom0_hide_chunk(hpa(chunk)) > 0);
	cpu_flushes(0);
	cpu_flushes(1);
	assert_int_equal(dom0_commit_chunk(hpa(chunk)), 0);
}

static bool is_hidden(uint64_t h)
{
	struct npt_leaf l = npt_lookup(&dom0_npt, h);

	/* all hidden frames show the same page, and it is none of them */
	assert_true(l.rights == ALL ? l.hpa.v == (h & PAGE_MASK) :
		    l.rights == NPT_READ && l.hpa.v == npt_lookup(&dom0_npt, FAKE_CHUNK0).hpa.v && l.hpa.v != (h & PAGE_MASK));
	return l.rights == NPT_READ;
}

static void assert_frame(uint64_t h, uint16_t owner, enum frame_type type)
{
	struct frame f = { 0 };

	assert_true(frame_get(hpa_to_mfn(hpa(h)), &f));
	assert_int_equal(f.owner, owner);
	assert_int_equal(f.type, type);
}

/* ---- the map ---- */

static void dom0_sees_all_but_the_chunks_of_the_launch(void **state)
{
	(void)state;
	for (uint64_t a = 0; a < 5 * GIB; a += a < 64 * MIB ? PAGE_SIZE : 0x13000)
		assert_int_equal(is_hidden(a), a >= FAKE_CHUNK0 && a < FAKE_CHUNK1 + CHUNK);
	assert_int_equal(npt_lookup(&dom0_npt, 5 * GIB).rights, 0);
	assert_frame(FAKE_CHUNK0, OWNER_HV, FRAME_POOL);
	assert_frame(FAKE_CHUNK1 + CHUNK - 1, OWNER_HV, FRAME_POOL);
	assert_int_equal(frame_owned(OWNER_HV), 1024);
}

static uint64_t ram_bytes(uint64_t base, uint64_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ram); i++) {
		uint64_t s = MAX(base, ram[i].hpa), e = MIN(base + size, ram[i].hpa + ram[i].size);

		n += e > s ? e - s : 0;
	}
	return n;
}

static void no_entry_spans_an_edge_of_ram(void **state)
{
	(void)state;
	for (uint64_t a = 0; a < 5 * GIB;) {
		struct npt_leaf l = npt_lookup(&dom0_npt, a);
		uint64_t size = PAGE_SIZE << (9 * (l.level - 1)), bytes = ram_bytes(a, size);

		assert_true(l.level >= 1);
		assert_true(!bytes || bytes == size);
		/* fixed MTRRs rule there */
		assert_true(a >= CHUNK || l.level == 1);
		a += size;
	}
}

static void a_write_to_a_hidden_frame_is_refused_and_counted(void **state)
{
	struct cpu *c = &fake_cpus[0];
	unsigned int flushes = fake_flushes;

	(void)state;
	assert_false(dom0_fault(c, FAKE_CHUNK1 + 0x123, true));
	assert_int_equal(c->hidden_writes, 1);
	assert_int_equal(fake_flushes, flushes);
	/* an old translation of what is visible: flushed, tried again */
	assert_true(dom0_fault(c, OWN, true));
	assert_true(dom0_fault(c, FAKE_CHUNK1, false));
	assert_int_equal(fake_flushes, flushes + 2);
	assert_int_equal(c->hidden_writes, 1);
	assert_int_equal(c->npt_fills, 0);
}

static void an_address_no_cpu_has_is_refused(void **state)
{
	struct cpu *c = &fake_cpus[0];
	uint64_t before = pool_nr_free();

	(void)state;
	host_features.maxphys = 40;
	assert_false(dom0_fault(c, 1ULL << 40, false));
	assert_false(dom0_fault(c, ~0ULL, true));
	/* wider CPU, four levels: not to be taken for an address below */
	host_features.maxphys = 52;
	assert_false(dom0_fault(c, 1ULL << 48, false));
	assert_false(dom0_fault(c, (1ULL << 48) + OWN, true));
	assert_int_equal(c->npt_fills, 0);
	assert_int_equal(pool_nr_free(), before);
	assert_false(is_hidden(OWN));
	assert_true(is_hidden(FAKE_CHUNK0));
}

/* Its tables stay: no teardown. */
static void an_address_above_launch_is_filled_in(void **state)
{
	struct cpu *c = &fake_cpus[0];
	uint64_t bar = 3ULL << 40;

	(void)state;
	host_features.maxphys = 48;
	c->npt_fills = 0;
	assert_int_equal(npt_lookup(&dom0_npt, bar).rights, 0);
	assert_true(dom0_fault(c, bar + 0x12345678, true));
	assert_int_equal(c->npt_fills, 1);
	for (uint64_t a = bar; a < bar + GIB; a += CHUNK / 2)
		assert_false(is_hidden(a));
	assert_int_equal(npt_lookup(&dom0_npt, bar + GIB).rights, 0);
	fake_pool_drain(0);
	expect_panic("no page left", (void)!dom0_fault(c, 5ULL << 40, false));
	fake_pool_refill();
}

/* ---- hiding ---- */

static void a_chunk_is_used_only_when_every_cpu_has_flushed(void **state)
{
	uint64_t before = pool_nr_free(), epoch = dom0_epoch();
	int64_t e = dom0_hide_chunk(hpa(OWN));

	(void)state;
	assert_int_equal(e, epoch + 1);
	assert_int_equal(dom0_epoch(), e);
	assert_true(is_hidden(OWN) && is_hidden(OWN + CHUNK - 1));
	assert_false(is_hidden(OWN - 1));
	assert_false(is_hidden(OWN + CHUNK));
	assert_frame(OWN, OWNER_HV, FRAME_HIDING);

	assert_int_equal(dom0_commit_chunk(hpa(OWN)), -XEN_EAGAIN);
	cpu_flushes(0);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), -XEN_EAGAIN);
	cpu_flushes(1);
	/* the third is not under: it runs no dom0 that this table serves */
	assert_int_equal(pool_nr_free(), before);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), 0);
	assert_int_equal(pool_nr_free(), before + CHUNK_FRAMES);
	assert_frame(OWN, OWNER_HV, FRAME_POOL);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), -XEN_ENOENT);

	assert_int_equal(dom0_unhide_chunk(), OWN);
	assert_int_equal(dom0_epoch(), e + 1);
	assert_false(is_hidden(OWN));
	assert_frame(OWN, OWNER_DOM0, FRAME_FREE);
	assert_int_equal(dom0_unhide_chunk(), -XEN_ENOENT);
	assert_int_equal(frame_owned(OWNER_HV), 1024);
}

static void a_flush_before_the_hiding_does_not_count(void **state)
{
	(void)state;
	cpu_flushes(0);
	cpu_flushes(1);
	assert_true(dom0_hide_chunk(hpa(OWN)) > 0);
	cpu_flushes(0);
	cpu_flushes(1);
	assert_true(dom0_hide_chunk(hpa(OWN + CHUNK)) > 0);
	/* the first may be used, the second not yet */
	assert_int_equal(dom0_commit_chunk(hpa(OWN + CHUNK)), -XEN_EAGAIN);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), 0);
	cpu_flushes(1);
	cpu_flushes(0);
	assert_int_equal(dom0_commit_chunk(hpa(OWN + CHUNK)), 0);
	assert_true(dom0_unhide_chunk() > 0);
	assert_true(dom0_unhide_chunk() > 0);
}

static void a_cpu_that_comes_under_meanwhile_is_waited_for(void **state)
{
	(void)state;
	assert_true(dom0_hide_chunk(hpa(OWN)) > 0);
	cpu_flushes(0);
	cpu_flushes(1);
	fake_cpus[2].under = true;
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), -XEN_EAGAIN);
	cpu_flushes(2);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), 0);
	assert_int_equal(dom0_unhide_chunk(), OWN);
}

static void what_is_not_dom0s_cannot_be_hidden(void **state)
{
	mfn_t m = hpa_to_mfn(hpa(OWN));
	uint64_t epoch = dom0_epoch();

	(void)state;
	assert_int_equal(dom0_hide_chunk(hpa(OWN + PAGE_SIZE)), -XEN_EINVAL);
	assert_int_equal(dom0_hide_chunk(hpa(ZENDO_MAX_HPA)), -XEN_EINVAL);
	assert_int_equal(dom0_hide_chunk(hpa(~0ULL << 21)), -XEN_EINVAL);
	assert_int_equal(dom0_hide_chunk(hpa(0)), -XEN_EPERM);			/* has a hole */
	assert_int_equal(dom0_hide_chunk(hpa(3 * GIB)), -XEN_EPERM);		/* no RAM */
	assert_int_equal(dom0_hide_chunk(hpa(FAKE_CHUNK0)), -XEN_EPERM);	/* hidden */
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	assert_int_equal(dom0_hide_chunk(hpa(OWN)), -XEN_EPERM);		/* one frame is a domain's */
	assert_int_equal(frame_give(m, 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
	assert_int_equal(frame_hold(m, OWNER_DOM0), 0);
	assert_int_equal(dom0_hide_chunk(hpa(OWN)), -XEN_EBUSY);		/* a run page, say */
	frame_release(m);
	assert_int_equal(dom0_epoch(), epoch);
	assert_false(is_hidden(OWN));
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), -XEN_ENOENT);

	assert_true(dom0_hide_chunk(hpa(OWN)) > 0);
	assert_int_equal(dom0_hide_chunk(hpa(OWN)), -XEN_EPERM);		/* twice */
	cpu_flushes(0);
	cpu_flushes(1);
	assert_int_equal(dom0_commit_chunk(hpa(OWN)), 0);
	assert_int_equal(dom0_unhide_chunk(), OWN);
}

static void without_a_page_for_the_split_a_chunk_stays_dom0s(void **state)
{
	uint64_t epoch = dom0_epoch();

	(void)state;
	if (npt_lookup(&dom0_npt, 4 * GIB).level != 3)
		skip();		/* this CPU knows no 1 GiB pages: nothing to split */
	fake_pool_drain(0);
	assert_int_equal(dom0_hide_chunk(hpa(4 * GIB)), -XEN_ENOMEM);
	fake_pool_refill();
	assert_frame(4 * GIB, OWNER_DOM0, FRAME_FREE);
	assert_false(is_hidden(4 * GIB));
	assert_int_equal(dom0_epoch(), epoch);
}

static void a_bounded_number_of_chunks_is_on_its_way(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < MAX_HIDING; i++)
		assert_true(dom0_hide_chunk(hpa(OWN + i * CHUNK)) > 0);
	assert_int_equal(dom0_hide_chunk(hpa(OWN + MAX_HIDING * CHUNK)), -XEN_ENOSPC);
	assert_false(is_hidden(OWN + MAX_HIDING * CHUNK));
	cpu_flushes(0);
	cpu_flushes(1);
	/* in any order */
	for (uint64_t i = 0; i < MAX_HIDING; i++)
		assert_int_equal(dom0_commit_chunk(hpa(OWN + (i * 7 + 3) % MAX_HIDING * CHUNK)), 0);
	for (uint64_t i = 0; i < MAX_HIDING; i++)
		assert_true(dom0_unhide_chunk() > 0);
	assert_int_equal(frame_owned(OWNER_HV), 1024);
	assert_true(frame_audit(OWNER_HV) && frame_audit(OWNER_DOM0));
}

static void a_chunk_given_back_tells_nothing(void **state)
{
	void **list = NULL;

	(void)state;
	hide(OWN);
	for (void **page; (page = pool_alloc(NULL)); list = page) {
		memset(page, 0x77, PAGE_SIZE);
		*page = list;
	}
	while (list) {
		void *page = list;

		list = *list;
		pool_free(NULL, page);
	}
	assert_int_equal(dom0_unhide_chunk(), OWN);
	for (uint64_t off = 0; off < CHUNK; off += 8)
		assert_int_equal(*(uint64_t *)fake_mem(OWN + off), 0);
}

static void a_chunk_in_use_is_not_given_back(void **state)
{
	void *page;

	(void)state;
	hide(OWN);
	fake_pool_drain(CHUNK_FRAMES);
	page = pool_alloc(NULL);
	fake_pool_refill();
	assert_int_equal(dom0_unhide_chunk(), -XEN_ENOENT);
	assert_true(is_hidden(OWN));
	pool_free(NULL, page);
	assert_int_equal(dom0_unhide_chunk(), OWN);
}

/* ---- dom0's memory ---- */

static void dom0s_memory_is_read_and_written_inside_one_page(void **state)
{
	char buf[8] = { 0 };

	(void)state;
	assert_int_equal(dom0_write(OWN + 0xff8, "1234567", 8), 0);
	assert_memory_equal(fake_mem(OWN + 0xff8), "1234567", 8);
	assert_int_equal(dom0_read(OWN + 0xff8, buf, 8), 0);
	assert_string_equal(buf, "1234567");
	assert_int_equal(dom0_read(OWN + 0xff9, buf, 8), -XEN_EFAULT);
	assert_int_equal(dom0_write(OWN, buf, 0), -XEN_EFAULT);
	assert_int_equal(dom0_write(OWN, buf, SIZE_MAX), -XEN_EFAULT);
}

static void what_is_not_dom0s_is_neither_read_nor_written_for_it(void **state)
{
	mfn_t m = hpa_to_mfn(hpa(OWN));
	static const uint64_t bad[] = { FAKE_CHUNK0, FAKE_CHUNK1 + 0x123, 3 * GIB, 0x9f000, OWN, ZENDO_MAX_HPA, ~0ULL - 8 };
	char buf[8] = { 0 };
	void *va;

	(void)state;
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(dom0_read(bad[i], buf, 8), -XEN_EFAULT);
		assert_int_equal(dom0_write(bad[i], buf, 8), -XEN_EFAULT);
		assert_int_equal(dom0_page_map(hpa(bad[i] & PAGE_MASK), &va), -XEN_EFAULT);
	}
	assert_int_equal(frame_give(m, 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
}

static void a_shared_page_stays_dom0s_while_it_is_mapped(void **state)
{
	mfn_t m = hpa_to_mfn(hpa(OWN));
	void *va, *again;

	(void)state;
	assert_int_equal(dom0_page_map(hpa(OWN), &va), 0);
	assert_int_equal(dom0_page_map(hpa(OWN), &again), 0);
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), -XEN_EBUSY);
	dom0_page_unmap(va);
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), -XEN_EBUSY);
	dom0_page_unmap(again);
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
	assert_int_equal(frame_give(m, 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
	dom0_page_unmap(NULL);
	assert_int_equal(dom0_page_map(hpa(OWN + 8), &va), -XEN_EFAULT);
	fake_no_slot = true;
	assert_int_equal(dom0_page_map(hpa(OWN), &va), -XEN_ENOMEM);
	fake_no_slot = false;
	fake_pool_drain(POOL_RESERVE);		/* its chunk's record cannot be refined */
	assert_int_equal(dom0_page_map(hpa(OWN), &va), -XEN_ENOMEM);
	fake_pool_refill();
	assert_int_equal(frame_give(m, 0, OWNER_DOM0, FRAME_FREE, OWNER_DOM0, FRAME_FREE), 0);	/* not held */
}

#define dom0_unit(test) cmocka_unit_test_setup_teardown(test, begin, fake_hv_check)

int main(void)
{
	const struct CMUnitTest tests[] = {
		dom0_unit(dom0_sees_all_but_the_chunks_of_the_launch),
		dom0_unit(no_entry_spans_an_edge_of_ram),
		dom0_unit(a_write_to_a_hidden_frame_is_refused_and_counted),
		dom0_unit(an_address_no_cpu_has_is_refused),
		cmocka_unit_test(an_address_above_launch_is_filled_in),
		dom0_unit(a_chunk_is_used_only_when_every_cpu_has_flushed),
		dom0_unit(a_flush_before_the_hiding_does_not_count),
		dom0_unit(a_cpu_that_comes_under_meanwhile_is_waited_for),
		dom0_unit(what_is_not_dom0s_cannot_be_hidden),
		dom0_unit(without_a_page_for_the_split_a_chunk_stays_dom0s),
		dom0_unit(a_bounded_number_of_chunks_is_on_its_way),
		dom0_unit(a_chunk_given_back_tells_nothing),
		dom0_unit(a_chunk_in_use_is_not_given_back),
		dom0_unit(dom0s_memory_is_read_and_written_inside_one_page),
		dom0_unit(what_is_not_dom0s_is_neither_read_nor_written_for_it),
		dom0_unit(a_shared_page_stays_dom0s_while_it_is_mapped),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
