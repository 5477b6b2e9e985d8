/* SPDX-License-Identifier: GPL-2.0-only */
#include "arch/x86/x86.h"
#include "fake_hv.h"
#include "core/guest_mem.h"
#include "core/npt.h"

/*
 * The guest: 2 MiB at gpa 0 for page tables and data, four pages further up that lie apart in the host, one of them
 * read-only. Nothing else.
 */
#define HOST_LOW	(16 * MIB)
#define HOST_PAGES	(20 * MIB)
#define PAGES		(8 * MIB)	/* gpa of page i: + i * PAGE_SIZE */
#define READ_ONLY	(PAGES + 3 * PAGE_SIZE)
#define NOWHERE		(512 * MIB)

#define P	1ULL
#define RW	2ULL
#define US	4ULL
#define PS	0x80ULL
#define NX	(1ULL << 63)
#define ADDR	0x000ffffffffff000ULL

static const struct zendo_ram_range ram[] = { { 6 * MIB, FAKE_RAM - 6 * MIB } };
static struct domain *d;
static struct vcpu v;
static uint64_t next_table;

static uint64_t host_of(int page)
{
	static const uint64_t offset[] = { 0x7000, 0x3000, 0x100000, 0x5000 };

	return HOST_PAGES + offset[page];
}

static void give(uint64_t h, unsigned int order)
{
	assert_int_equal(frame_give(hpa_to_mfn(hpa(h)), order, OWNER_DOM0, FRAME_FREE, 1, FRAME_RAM), 0);
}

static void take_back(uint64_t h, unsigned int order)
{
	assert_int_equal(frame_give(hpa_to_mfn(hpa(h)), order, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), 0);
}

static int start(void **state)
{
	return fake_hv_start(state) || frame_init(ram, ARRAY_SIZE(ram));
}

static int begin(void **state)
{
	fake_hv_begin(state);
	host_features.maxphys = 48;
	d = fake_domain(1, 4, 2048, 64);
	v = (struct vcpu){ .d = d };
	next_table = 0x100000;
	memset(fake_mem(HOST_LOW), 0, 2 * MIB);
	give(HOST_LOW, 9);
	assert_int_equal(npt_map(d->npt, 0, hpa(HOST_LOW), 2, NPT_READ | NPT_WRITE | NPT_EXEC, false), 0);
	for (int i = 0; i < 4; i++) {
		memset(fake_mem(host_of(i)), 0x10 + i, PAGE_SIZE);
		give(host_of(i), 0);
		assert_int_equal(p2m_map(d, gfn((PAGES >> PAGE_SHIFT) + (unsigned int)i), hpa_to_mfn(hpa(host_of(i))), P2M_RAM,
					 i != 3), 0);
	}
	return 0;
}

static int end(void **state)
{
	for (int i = 0; i < 4; i++)
		take_back(host_of(i), 0);
	take_back(HOST_LOW, 9);
	fake_domain_end(d);
	assert_int_equal(frame_owned(1), 0);
	return fake_hv_check(state);
}

/* ---- guest-physical ---- */

static void a_copy_crosses_pages_that_lie_apart(void **state)
{
	char text[3 * PAGE_SIZE], back[3 * PAGE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 11);
	assert_int_equal(gpa_write(d, gpa(PAGES + 100), text, 2 * PAGE_SIZE + 50), 0);
	assert_int_equal(gpa_read(d, gpa(PAGES + 100), back, 2 * PAGE_SIZE + 50), 0);
	assert_memory_equal(text, back, 2 * PAGE_SIZE + 50);
	assert_memory_equal((char *)fake_mem(host_of(0)) + 100, text, PAGE_SIZE - 100);
	assert_memory_equal(fake_mem(host_of(1)), text + PAGE_SIZE - 100, PAGE_SIZE);
	assert_memory_equal(fake_mem(host_of(2)), text + 2 * PAGE_SIZE - 100, 150);
	assert_int_equal(*((char *)fake_mem(host_of(0)) + 99), 0x10);
	assert_int_equal(*((char *)fake_mem(host_of(2)) + 150), 0x12);
}

static void a_copy_to_nowhere_is_refused(void **state)
{
	char buf[16] = { 0 };

	(void)state;
	assert_int_equal(gpa_read(d, gpa(NOWHERE), buf, 1), -XEN_EFAULT);
	assert_int_equal(gpa_write(d, gpa(NOWHERE), buf, 1), -XEN_EFAULT);
	/* the end of what is mapped, and what follows */
	assert_int_equal(gpa_read(d, gpa(2 * MIB - 8), buf, 8), 0);
	assert_int_equal(gpa_read(d, gpa(2 * MIB - 8), buf, 9), -XEN_EFAULT);
	assert_int_equal(gpa_read(d, gpa(PAGES - 1), buf, 2), -XEN_EFAULT);
	/* around the end of all addresses */
	assert_int_equal(gpa_read(d, gpa(~0ULL - 3), buf, 8), -XEN_EFAULT);
	assert_int_equal(gpa_write(d, gpa(1ULL << 63), buf, 8), -XEN_EFAULT);
	assert_int_equal(gpa_read(d, gpa(NOWHERE), buf, 0), 0);
}

static void a_read_only_page_is_read_but_not_written(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(gpa_read(d, gpa(READ_ONLY), buf, 8), 0);
	assert_int_equal(buf[7], 0x13);
	assert_int_equal(gpa_write(d, gpa(READ_ONLY), "x", 1), -XEN_EFAULT);
	assert_int_equal(gpa_write(d, gpa(READ_ONLY - 4), "12345678", 8), -XEN_EFAULT);
	assert_int_equal(*(char *)fake_mem(host_of(3)), 0x13);
}

static void no_address_is_wider_than_the_guest_was_told(void **state)
{
	static const struct { uint8_t maxphys; int bits; } widths[] = { { 36, 36 }, { 40, 40 }, { 46, 46 }, { 48, 46 }, { 52, 46 } };
	enum p2m_type type;
	char buf[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		uint64_t past = 1ULL << widths[i].bits;
		struct npt_leaf l;

		host_features.maxphys = widths[i].maxphys;
		assert_int_equal(p2m_max_gfn(d), (past >> PAGE_SHIFT) - 1);
		assert_int_equal(p2m_map(d, gpa_to_gfn(gpa(past)), hpa_to_mfn(hpa(host_of(0))), P2M_RAM, true), -XEN_EINVAL);
		/* nor by an entry that should not be there */
		assert_int_equal(npt_map(d->npt, past, hpa(host_of(0)), 1, NPT_READ | NPT_WRITE, false), 0);
		assert_int_equal(p2m_lookup(d, gpa_to_gfn(gpa(past))).type, P2M_NONE);
		assert_false(mfn_valid(p2m_unmap(d, gpa_to_gfn(gpa(past)), &type)));
		assert_int_equal(gpa_read(d, gpa(past), buf, 8), -XEN_EFAULT);
		assert_int_equal(npt_unmap(d->npt, past, &l), 0);
	}
}

/* ---- what was reached once may be gone: on this CPU and on others ---- */

static void assert_byte(uint64_t addr, int want)
{
	uint8_t b = 0;

	assert_int_equal(gpa_read(d, gpa(addr), &b, 1), 0);
	assert_int_equal(b, want);
}

static void assert_gone(uint64_t addr)
{
	uint8_t b = 0;

	for (fake_this_cpu = 0; fake_this_cpu < FAKE_CPUS; fake_this_cpu++) {
		assert_int_equal(gpa_read(d, gpa(addr), &b, 1), -XEN_EFAULT);
		assert_int_equal(gpa_write(d, gpa(addr), &b, 1), -XEN_EFAULT);
	}
	fake_this_cpu = 0;
}

static void every_cpu_reads(uint64_t addr, int want)
{
	for (fake_this_cpu = 0; fake_this_cpu < FAKE_CPUS; fake_this_cpu++)
		assert_byte(addr, want);
	fake_this_cpu = 0;
}

static void a_page_just_read_is_out_of_reach_once_unmapped(void **state)
{
	mfn_t other = hpa_to_mfn(hpa(host_of(2)));
	enum p2m_type type;

	(void)state;
	memset(fake_mem(HOST_LOW), 0x44, 2 * MIB);
	every_cpu_reads(0x7000, 0x44);
	assert_true(mfn_valid(p2m_unmap(d, gfn(7), &type)));
	assert_gone(0x7000);
	every_cpu_reads(0x8000, 0x44);
	/* another frame takes its place, read-only */
	assert_int_equal(p2m_map(d, gfn(7), other, P2M_RAM, false), 0);
	every_cpu_reads(0x7000, 0x12);
	assert_int_equal(gpa_write(d, gpa(0x7000), "x", 1), -XEN_EFAULT);
	assert_int_equal(npt_map(d->npt, 0x7000, hpa(host_of(1)), 1, NPT_READ | NPT_WRITE, true), 0);
	every_cpu_reads(0x7000, 0x11);
}

static void one_domain_does_not_reach_anothers_memory(void **state)
{
	struct domain *mine = d, *other = fake_domain(2, 4, 2048, 64);

	(void)state;
	memset(fake_mem(HOST_LOW), 0x44, 2 * MIB);
	memset(fake_mem(24 * MIB), 0x66, 2 * MIB);
	assert_int_equal(npt_map(other->npt, 0, hpa(24 * MIB), 2, NPT_READ, false), 0);
	for (int i = 0; i < 3; i++) {
		d = mine;
		every_cpu_reads(0x5000, 0x44);
		d = other;
		every_cpu_reads(0x5000, 0x66);
		assert_int_equal(gpa_write(d, gpa(0x5000), "x", 1), -XEN_EFAULT);
	}
	d = mine;
	fake_domain_end(other);
	/* the next one's tables may lie where the other's were */
	d = fake_domain(3, 4, 2048, 64);
	assert_gone(0x5000);
	fake_domain_end(d);
	d = mine;
}

/* Its frames are dom0's again soon. */
static void a_killed_domains_memory_is_out_of_reach(void **state)
{
	(void)state;
	memset(fake_mem(HOST_LOW), 0x44, 2 * MIB);
	every_cpu_reads(0x5000, 0x44);
	while (!npt_free(d->npt, 64))
		;
	assert_gone(0x5000);
}

/* ---- the physical map ---- */

static void lookup_says_what_a_frame_is(void **state)
{
	mfn_t granted = hpa_to_mfn(hpa(HOST_PAGES + 0x9000));
	gfn_t g = gfn(NOWHERE >> PAGE_SHIFT);
	enum p2m_type type = P2M_NONE;

	(void)state;
	assert_int_equal(p2m_lookup(d, g).type, P2M_NONE);
	assert_false(mfn_valid(p2m_lookup(d, g).mfn));
	assert_int_equal(p2m_lookup(d, gfn(5)).type, P2M_RAM);
	assert_int_equal(p2m_lookup(d, gfn(5)).mfn.v, (HOST_LOW >> PAGE_SHIFT) + 5);
	assert_true(p2m_lookup(d, gfn(5)).writable);
	assert_false(p2m_lookup(d, gpa_to_gfn(gpa(READ_ONLY))).writable);

	assert_int_equal(frame_give(granted, 0, OWNER_DOM0, FRAME_FREE, 1, FRAME_GRANT), 0);
	assert_int_equal(p2m_map(d, g, granted, P2M_GRANT, true), 0);
	assert_int_equal(p2m_lookup(d, g).type, P2M_GRANT);
	assert_int_equal(p2m_map(d, g, granted, P2M_GRANT, true), -XEN_EEXIST);
	assert_int_equal(p2m_unmap(d, g, &type).v, granted.v);
	assert_int_equal(type, P2M_GRANT);
	assert_int_equal(frame_give(granted, 0, 1, FRAME_GRANT, OWNER_DOM0, FRAME_FREE), 0);
}

static void a_pool_page_in_the_map_is_special(void **state)
{
	mfn_t chunk = hpa_to_mfn(hpa(24 * MIB));
	gfn_t g = gfn(NOWHERE >> PAGE_SHIFT);
	enum p2m_type type = P2M_NONE;
	struct guest_pin pin = { 0 };

	(void)state;
	assert_int_equal(frame_give(chunk, 9, OWNER_DOM0, FRAME_FREE, OWNER_HV, FRAME_POOL), 0);
	assert_int_equal(p2m_map(d, g, chunk, P2M_SPECIAL, true), 0);
	assert_int_equal(p2m_lookup(d, g).type, P2M_SPECIAL);
	assert_int_equal(guest_pin(d, gfn_to_gpa(g), 8, &pin), -XEN_EFAULT);
	assert_int_equal(p2m_unmap(d, g, &type).v, chunk.v);
	assert_int_equal(type, P2M_SPECIAL);
	assert_int_equal(frame_give(chunk, 9, OWNER_HV, FRAME_POOL, OWNER_DOM0, FRAME_FREE), 0);
}

static void unmapping_a_page_of_a_large_one_leaves_the_others(void **state)
{
	enum p2m_type type = P2M_NONE;
	char buf[4];

	(void)state;
	assert_int_equal(p2m_unmap(d, gfn(7), &type).v, (HOST_LOW >> PAGE_SHIFT) + 7);
	assert_int_equal(type, P2M_RAM);
	assert_false(mfn_valid(p2m_unmap(d, gfn(7), &type)));
	assert_int_equal(gpa_read(d, gpa(0x7ffc), buf, 4), -XEN_EFAULT);
	assert_int_equal(gpa_read(d, gpa(0x6ffc), buf, 4), 0);
	assert_int_equal(gpa_read(d, gpa(0x8000), buf, 4), 0);
}

/* ---- guest-linear ---- */

static uint64_t *entry64(uint64_t cr3, int top, uint64_t va, int level)
{
	uint64_t table = cr3 & ADDR;

	for (int l = top; ; l--) {
		uint64_t *e = (uint64_t *)fake_mem(HOST_LOW + table) + ((va >> (12 + 9 * (l - 1))) & 511);

		if (l == level)
			return e;
		if (!*e) {
			*e = next_table | P | (top == 3 && l == 3 ? 0 : RW | US);
			next_table += PAGE_SIZE;
		}
		table = *e & ADDR;
	}
}

static void map64(int top, uint64_t va, uint64_t to, int level)
{
	*entry64(fake_paging.cr3, top, va, level) = to | P | RW | (level > 1 ? PS : 0);
}

static void set_paging(int levels)
{
	fake_paging = (struct paging_state){
		.cr0 = CR0_PE | CR0_PG | CR0_WP,
		.cr3 = 0x80000,
		.cr4 = (levels > 2 ? CR4_PAE : 0) | (levels == 5 ? CR4_LA57 : 0),
		.efer = levels > 3 ? EFER_LME | EFER_LMA : 0,
		.long_mode = levels > 3,
	};
}

static void assert_walk(uint64_t va, uint64_t to)
{
	gpa_t a = gpa(~0ULL);

	assert_int_equal(gva_to_gpa(&v, gva(va), false, &a), 0);
	assert_int_equal(a.v, to);
	assert_int_equal(gva_to_gpa(&v, gva(va), true, &a), 0);
	assert_int_equal(a.v, to);
}

static void assert_no_walk(uint64_t va)
{
	gpa_t a = gpa(0x1234);

	assert_int_equal(gva_to_gpa(&v, gva(va), false, &a), -XEN_EFAULT);
	assert_int_equal(gva_to_gpa(&v, gva(va), true, &a), -XEN_EFAULT);
	assert_int_equal(a.v, 0x1234);
}

static void assert_read_only(uint64_t va, uint64_t to)
{
	gpa_t a = gpa(0);

	assert_int_equal(gva_to_gpa(&v, gva(va), false, &a), 0);
	assert_int_equal(a.v, to);
	assert_int_equal(gva_to_gpa(&v, gva(va), true, &a), -XEN_EFAULT);
	/* supervisor writes ignore the bit when CR0.WP is clear */
	fake_paging.cr0 &= ~CR0_WP;
	assert_int_equal(gva_to_gpa(&v, gva(va), true, &a), 0);
	fake_paging.cr0 |= CR0_WP;
}

static void without_paging_linear_is_physical(void **state)
{
	char buf[4];

	(void)state;
	fake_paging.cr0 = CR0_PE;
	assert_walk(PAGES + 0x123, PAGES + 0x123);
	assert_walk(0xffffffff00001000, 0x1000);
	assert_int_equal(gva_read(&v, gva(PAGES), buf, 4), 0);
	assert_int_equal(buf[0], 0x10);
	assert_int_equal(gva_write(&v, gva(READ_ONLY), buf, 4), -XEN_EFAULT);
}

/* Bits that say no at one level after the other: absent, then read-only. */
static void try_each_level(int top, uint64_t va, int leaf, uint64_t to)
{
	assert_walk(va, to);
	for (int l = top; l >= leaf; l--) {
		uint64_t *e = entry64(fake_paging.cr3, top, va, l), was = *e;

		*e = was & ~P;
		assert_no_walk(va);
		*e = was & ~RW;
		if (top == 3 && l == 3)
			assert_walk(va, to);	/* PDPTEs of PAE have no such bit */
		else
			assert_read_only(va, to);
		/* not for us: user, accessed, dirty, no-execute, software's */
		*e = was ^ (US | 0x60ULL | NX | 0xe00ULL | 1ULL << 58);
		assert_walk(va, to);
		/* a table that is not guest memory */
		if (l > leaf) {
			*e = NOWHERE | P | RW;
			assert_no_walk(va);
		}
		*e = was;
		assert_walk(va, to);
	}
}

static void four_levels_are_walked(void **state)
{
	(void)state;
	set_paging(4);
	map64(4, 0xffff888000345000, PAGES + 0x1000, 1);
	map64(4, 0x00007f0012200000, 4 * MIB, 2);
	map64(4, 0x0000010040000000, 3 * GIB, 3);
	try_each_level(4, 0xffff888000345678, 1, PAGES + 0x1678);
	try_each_level(4, 0x00007f00123abcde, 2, 4 * MIB + 0x1abcde);
	try_each_level(4, 0x0000010055555555, 3, 3 * GIB + 0x15555555);
	assert_no_walk(0xffff888000346000);
	assert_no_walk(0);
}

/* @error -1: allowed */
static void assert_access(uint64_t va, bool write, int error)
{
	gpa_t a = gpa(~0ULL);
	uint32_t e = 0;

	assert_int_equal(gva_access(&v, gva(va), write, &a, &e), error < 0 ? 0 : -XEN_EFAULT);
	assert_int_equal(error < 0 ? a.v : e, error < 0 ? PAGES + (va & 0xfff) : (uint64_t)error);
}

static void an_instruction_has_the_rights_of_its_level(void **state)
{
	const uint64_t va = 0x00007f0012345678;
	uint64_t *pml4e, *pte;
	uint32_t e;
	gpa_t a;

	(void)state;
	set_paging(4);
	map64(4, va & ~0xfffULL, PAGES, 1);
	pml4e = entry64(fake_paging.cr3, 4, va, 4);
	pte = entry64(fake_paging.cr3, 4, va, 1);
	assert_access(va, true, -1);
	assert_access(va + PAGE_SIZE, false, 0);		/* absent */
	assert_access(va + PAGE_SIZE, true, 2);
	fake_paging.cpl = 3;
	assert_access(va, false, 5);			/* the supervisor's */
	assert_access(va, true, 7);
	assert_access(va + PAGE_SIZE, true, 6);
	*pte |= US;
	assert_access(va, true, -1);
	*pte &= ~RW;
	fake_paging.cr0 &= ~CR0_WP;			/* counts for the supervisor only */
	assert_access(va, true, 7);
	*pte &= ~P;					/* forbidden above, absent below: absent */
	*pml4e &= ~US;
	assert_access(va, false, 4);
	*pte |= P | RW;
	*pml4e |= US;
	fake_paging.cpl = 0;
	fake_paging.cr4 |= CR4_SMAP;
	assert_access(va, false, 1);
	v.regs.rflags = RFLAGS_AC;
	assert_access(va, false, -1);
	assert_int_equal(gva_access(&v, gva(1ULL << 47), false, &a, &e), -XEN_EINVAL);
}

static void five_levels_are_walked(void **state)
{
	(void)state;
	set_paging(5);
	map64(5, 0xff11000000345000, PAGES + 0x1000, 1);
	map64(5, 0x0012345600200000, 4 * MIB, 2);
	try_each_level(5, 0xff11000000345678, 1, PAGES + 0x1678);
	try_each_level(5, 0x0012345600200001, 2, 4 * MIB + 1);
	/* canonical for 57 bits, one bit more is not */
	map64(5, 0x00fffffffffff000, PAGES, 1);
	assert_walk(0x00fffffffffff000, PAGES);
	assert_no_walk(0x01fffffffffff000);
	assert_no_walk(0xfefffffffffff000);
}

static void an_address_that_is_not_canonical_is_refused(void **state)
{
	(void)state;
	set_paging(4);
	map64(4, 0x00007ffffffff000, PAGES, 1);
	map64(4, 0xffff800000000000, PAGES, 1);
	assert_walk(0x00007fffffffffff, PAGES + 0xfff);
	assert_walk(0xffff800000000000, PAGES);
	/* same table indices, wrong sign */
	assert_no_walk(0xffff7ffffffff000);
	assert_no_walk(0x0000800000000000);
	assert_no_walk(0x8000000000000000);
	assert_no_walk(0xfffe800000000000);
}

static void the_control_bits_of_cr3_are_no_address(void **state)
{
	(void)state;
	set_paging(4);
	map64(4, 0x1000, PAGES, 1);
	fake_paging.cr3 |= 0xfff;			/* PCID */
	assert_walk(0x1000, PAGES);
	fake_paging.cr3 |= 1ULL << 63;
	assert_walk(0x1000, PAGES);
}

static void pae_is_walked(void **state)
{
	(void)state;
	set_paging(3);
	map64(3, 0xc0345000, PAGES + 0x1000, 1);
	map64(3, 0x40200000, 4 * MIB, 2);
	try_each_level(3, 0xc0345678, 1, PAGES + 0x1678);
	try_each_level(3, 0x40200001, 2, 4 * MIB + 1);
	/* a linear address has 32 bits, the table of pointers 32-byte alignment */
	assert_walk(0xffffffffc0345678, PAGES + 0x1678);
	memcpy(fake_mem(HOST_LOW + 0x80fe0), fake_mem(HOST_LOW + 0x80000), 32);
	memset(fake_mem(HOST_LOW + 0x80000), 0, 32);
	fake_paging.cr3 = 0x80fe0 | 0x1f;
	assert_walk(0xc0345678, PAGES + 0x1678);
	assert_no_walk(0x80000000);
}

static uint32_t *entry32(uint64_t table, unsigned int i)
{
	return (uint32_t *)fake_mem(HOST_LOW + table) + i;
}

static void two_levels_of_32_bits_are_walked(void **state)
{
	uint32_t *top, *low;

	(void)state;
	set_paging(2);
	top = entry32(0x80000, 0xc0345678 >> 22);
	low = entry32(0x90000, 0x345);
	*top = 0x90000 | P | RW;
	*low = (uint32_t)PAGES | P | RW;
	assert_walk(0xc0345678, PAGES + 0x678);
	assert_walk(0xffffffffc0345678, PAGES + 0x678);
	*low &= ~(uint32_t)RW;
	assert_read_only(0xc0345678, PAGES + 0x678);
	*low |= RW;
	*top &= ~(uint32_t)RW;
	assert_read_only(0xc0345678, PAGES + 0x678);
	*low &= ~(uint32_t)P;
	assert_no_walk(0xc0345678);
	*top = (uint32_t)NOWHERE | P | RW;
	assert_no_walk(0xc0345678);
	*top = 0;
	assert_no_walk(0xc0345678);
}

static void large_pages_of_32_bits_need_cr4_pse(void **state)
{
	uint32_t *top;

	(void)state;
	set_paging(2);
	fake_paging.cr4 |= CR4_PSE;
	top = entry32(0x80000, 3);
	*top = 0x00800000 | P | RW | PS;
	assert_walk(0x00d23456, 0x00923456);
	*top = 0x00800000 | P | PS;
	assert_read_only(0x00d23456, 0x00923456);
	/* bits 20:13 are address bits 39:32 */
	*top = 0x00800000 | P | RW | PS | 0x5a << 13;
	assert_walk(0x00d23456, 0x5a00923456);
	/* without PSE the bit says nothing: a table */
	*top = 0x90000 | P | RW | PS;
	*entry32(0x90000, 0x123) = (uint32_t)PAGES | P | RW;
	fake_paging.cr4 &= ~CR4_PSE;
	assert_walk(0x00d23456, PAGES + 0x456);
}

static void a_linear_copy_crosses_pages_that_lie_apart(void **state)
{
	uint64_t va = 0xffff800012345000;
	char text[2 * PAGE_SIZE], back[2 * PAGE_SIZE];

	(void)state;
	set_paging(4);
	/* in another order than the guest's physical one */
	map64(4, va, PAGES + 2 * PAGE_SIZE, 1);
	map64(4, va + PAGE_SIZE, PAGES, 1);
	map64(4, va + 2 * PAGE_SIZE, PAGES + PAGE_SIZE, 1);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 13);
	assert_int_equal(gva_write(&v, gva(va + 0xf00), text, PAGE_SIZE + 0x200), 0);
	assert_int_equal(gva_read(&v, gva(va + 0xf00), back, PAGE_SIZE + 0x200), 0);
	assert_memory_equal(text, back, PAGE_SIZE + 0x200);
	assert_memory_equal((char *)fake_mem(host_of(2)) + 0xf00, text, 0x100);
	assert_memory_equal(fake_mem(host_of(0)), text + 0x100, PAGE_SIZE);
	assert_memory_equal(fake_mem(host_of(1)), text + PAGE_SIZE + 0x100, 0x100);
	assert_int_equal(*((char *)fake_mem(host_of(1)) + 0x100), 0x11);
}

static void a_linear_copy_ends_at_the_first_page_it_may_not_touch(void **state)
{
	char buf[2 * PAGE_SIZE] = { 0 };

	(void)state;
	set_paging(4);
	map64(4, 0x1000, PAGES, 1);
	assert_int_equal(gva_read(&v, gva(0x1ff8), buf, 8), 0);
	assert_int_equal(gva_read(&v, gva(0x1ff8), buf, 9), -XEN_EFAULT);
	assert_int_equal(gva_read(&v, gva(0xff8), buf, 16), -XEN_EFAULT);
	/* the guest's tables say yes, the nested ones no */
	map64(4, 0x2000, READ_ONLY, 1);
	assert_int_equal(gva_read(&v, gva(0x1ff8), buf, 16), 0);
	assert_int_equal(gva_write(&v, gva(0x1ff8), buf, 16), -XEN_EFAULT);
	map64(4, 0x2000, NOWHERE, 1);
	assert_int_equal(gva_read(&v, gva(0x1ff8), buf, 16), -XEN_EFAULT);
	/* the guest's tables say no */
	*entry64(fake_paging.cr3, 4, 0x1000, 1) &= ~RW;
	assert_int_equal(gva_write(&v, gva(0x1000), buf, 1), -XEN_EFAULT);
	assert_int_equal(gva_read(&v, gva(NOWHERE), buf, 0), 0);
}

/* ---- pins ---- */

static void a_pinned_frame_stays_where_it_is(void **state)
{
	struct guest_pin pin = { 0 };
	gfn_t g = gpa_to_gfn(gpa(PAGES));
	mfn_t m = hpa_to_mfn(hpa(host_of(0)));
	enum p2m_type type;

	(void)state;
	assert_int_equal(guest_pin(d, gpa(PAGES + 0x40), 0x40, &pin), 0);
	assert_ptr_equal(pin.va, (char *)fake_mem(host_of(0)) + 0x40);
	assert_int_equal(pin.mfn.v, m.v);
	assert_int_equal(pin.gpa.v, PAGES + 0x40);
	assert_false(mfn_valid(p2m_unmap(d, g, &type)));
	assert_int_equal(p2m_lookup(d, g).mfn.v, m.v);
	assert_int_equal(frame_give(m, 0, 1, FRAME_RAM, OWNER_DOM0, FRAME_FREE), -XEN_EBUSY);
	guest_unpin(d, &pin);
	assert_null(pin.va);
	guest_unpin(d, &pin);		/* nothing more */
	assert_int_equal(p2m_unmap(d, g, &type).v, m.v);
}

static void two_pins_of_a_page_hold_it_twice(void **state)
{
	struct guest_pin a = { 0 }, b = { 0 };
	enum p2m_type type;

	(void)state;
	assert_int_equal(guest_pin(d, gpa(0x5000), 64, &a), 0);
	assert_int_equal(guest_pin(d, gpa(0x5fc0), 64, &b), 0);
	guest_unpin(d, &a);
	assert_false(mfn_valid(p2m_unmap(d, gfn(5), &type)));
	guest_unpin(d, &b);
	assert_true(mfn_valid(p2m_unmap(d, gfn(5), &type)));
}

static void what_cannot_be_pinned_is_not_held(void **state)
{
	struct guest_pin pin = { 0 };
	struct frame f;

	(void)state;
	assert_int_equal(guest_pin(d, gpa(PAGES), 0, &pin), -XEN_EINVAL);
	assert_int_equal(guest_pin(d, gpa(PAGES + 0xff0), 0x11, &pin), -XEN_EINVAL);
	assert_int_equal(guest_pin(d, gpa(PAGES + 1), SIZE_MAX, &pin), -XEN_EINVAL);
	assert_int_equal(guest_pin(d, gpa(NOWHERE), 8, &pin), -XEN_EFAULT);
	assert_int_equal(guest_pin(d, gpa(~0ULL - 100), 8, &pin), -XEN_EFAULT);
	assert_int_equal(guest_pin(d, gpa(READ_ONLY), 8, &pin), -XEN_EFAULT);
	fake_no_slot = true;
	assert_int_equal(guest_pin(d, gpa(PAGES), 8, &pin), -XEN_ENOMEM);
	assert_true(frame_get(hpa_to_mfn(hpa(host_of(0))), &f));
	assert_int_equal(f.count, 0);
	assert_null(pin.va);
}

#define guest_unit(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_unit(a_copy_crosses_pages_that_lie_apart),
		guest_unit(a_copy_to_nowhere_is_refused),
		guest_unit(a_read_only_page_is_read_but_not_written),
		guest_unit(no_address_is_wider_than_the_guest_was_told),
		guest_unit(a_page_just_read_is_out_of_reach_once_unmapped),
		guest_unit(one_domain_does_not_reach_anothers_memory),
		guest_unit(a_killed_domains_memory_is_out_of_reach),
		guest_unit(lookup_says_what_a_frame_is),
		guest_unit(a_pool_page_in_the_map_is_special),
		guest_unit(unmapping_a_page_of_a_large_one_leaves_the_others),
		guest_unit(without_paging_linear_is_physical),
		guest_unit(four_levels_are_walked),
		guest_unit(an_instruction_has_the_rights_of_its_level),
		guest_unit(five_levels_are_walked),
		guest_unit(an_address_that_is_not_canonical_is_refused),
		guest_unit(the_control_bits_of_cr3_are_no_address),
		guest_unit(pae_is_walked),
		guest_unit(two_levels_of_32_bits_are_walked),
		guest_unit(large_pages_of_32_bits_need_cr4_pse),
		guest_unit(a_linear_copy_crosses_pages_that_lie_apart),
		guest_unit(a_linear_copy_ends_at_the_first_page_it_may_not_touch),
		guest_unit(a_pinned_frame_stays_where_it_is),
		guest_unit(two_pins_of_a_page_hold_it_twice),
		guest_unit(what_cannot_be_pinned_is_not_held),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
