// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants between guests, made one after the other. role=grant grants pages to the two domains that come next; role=hold maps one and ends
 * with it; role=map maps, reads, writes, copies, is refused, and has one mapped when the granter ends. They talk through a granted page.
 */
#include "abi.h"

#define REF_TALK	8	/* the page they talk through */
#define REF_READ	9	/* read-only */
#define REF_HOLD	10	/* to the one that ends with it */
#define REF_OTHER	11	/* to nobody here */
#define MAGIC		0x6772616e74656421ULL
#define WAIT		(60 * NSEC)

struct talk { uint64_t magic, answer, bye; };

static char page[4][4096] __page_aligned;
static struct grant_entry_v1 *table;
static uint64_t hole;

static uint32_t own_domid(void)
{
	uint32_t r[4];

	cpuid(xen_base + 4, 0, r);
	return r[2];
}

static void grant(unsigned int ref, unsigned int dom, unsigned int flags, const void *p)
{
	table[ref].domid = (domid_t)dom;
	table[ref].frame = (uint32_t)((uintptr_t)p >> 12);
	barrier();
	WRITE_ONCE(table[ref].flags, (uint16_t)flags);
}

static int map_at(uint64_t addr, unsigned int dom, unsigned int ref, unsigned int flags, grant_handle_t *ret)
{
	struct gnttab_map_grant_ref m = { .host_addr = addr, .flags = flags, .ref = ref, .dom = (domid_t)dom };
	long r = grant_table_op(GNTTABOP_map_grant_ref, &m, 1);

	*ret = m.handle;
	return r ? (int)r - 1000 : m.status;
}

static int unmap(uint64_t addr, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr, .handle = handle };
	long r = grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1);

	return r ? (int)r - 1000 : u.status;
}

static bool wait_for(volatile uint64_t *word, uint64_t wanted)
{
	uint64_t end = clock_ns() + WAIT;

	while (*word != wanted && clock_ns() < end)
		sleep_until(clock_ns() + 5 * MSEC);
	return *word == wanted;
}

static bool wait_flags(unsigned int ref, unsigned int wanted)
{
	uint64_t end = clock_ns() + WAIT;

	while (READ_ONCE(table[ref].flags) != wanted && clock_ns() < end)
		sleep_until(clock_ns() + 5 * MSEC);
	return READ_ONCE(table[ref].flags) == wanted;
}

static void versions(void)
{
	struct gnttab_set_version s = { .version = 2 };
	struct gnttab_get_version g = { .dom = DOMID_SELF };

	check_equal("set_version-2", grant_table_op(GNTTABOP_set_version, &s, 1), 0);
	check_equal("get_version", grant_table_op(GNTTABOP_get_version, &g, 1), 0);
	check_equal("version-is-2", g.version, 2);
	check_equal("status-frame", add_to_physmap(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, (hole >> 12) + 1), 0);
	s.version = 1;
	check_equal("set_version-1", grant_table_op(GNTTABOP_set_version, &s, 1), 0);
}

static void loopback(void)
{
	uint64_t at = hole + 0x10000;
	grant_handle_t h;

	grant(REF_OTHER, own_domid(), GTF_permit_access, page[3]);
	*(uint64_t *)page[3] = MAGIC;
	if (!check_equal("map-own", map_at(at, own_domid(), REF_OTHER, GNTMAP_host_map, &h), GNTST_okay))
		return;
	check(*(volatile uint64_t *)at == MAGIC, "own-page-twice", "%llx", (unsigned long long)*(volatile uint64_t *)at);
	check_equal("unmap-own", unmap(at, h), GNTST_okay);
	check(wait_flags(REF_OTHER, GTF_permit_access), "own-marks-gone", "%x", table[REF_OTHER].flags);
	grant(REF_OTHER, 0, 0, page[3]);
}

static void granter(void)
{
	volatile struct talk *t = (void *)page[0];
	struct gnttab_set_version s = { .version = 2 };
	uint32_t me = own_domid();

	check_equal("grant-frame", add_to_physmap(XENMAPSPACE_grant_table, 0, hole >> 12), 0);
	table = (void *)(uintptr_t)hole;
	versions();
	loopback();
	t->magic = MAGIC;
	memset(page[1], 0x5a, sizeof(page[1]));
	grant(REF_HOLD, me + 1, GTF_permit_access, page[2]);
	grant(REF_TALK, me + 2, GTF_permit_access, page[0]);
	grant(REF_READ, me + 2, GTF_permit_access | GTF_readonly, page[1]);
	printf("grants to domains %u and %u\n", me + 1, me + 2);
	check(wait_for((volatile uint64_t *)page[2], MAGIC), "holder-wrote", "nothing");
	check(wait_flags(REF_HOLD, GTF_permit_access), "holder-died-marks-gone", "%x", table[REF_HOLD].flags);
	check(wait_for(&t->answer, MAGIC), "mapper-wrote", "nothing");
	check_equal("set_version-while-mapped", grant_table_op(GNTTABOP_set_version, &s, 1), -XEN_EBUSY);
	check_refused("balloon-while-mapped", memory_op(XENMEM_remove_from_physmap,
		&(struct xen_remove_from_physmap){ .domid = DOMID_SELF, .gpfn = (uintptr_t)page[0] >> 12 }));
	t->magic = 0;		/* go on */
	check(wait_for(&t->bye, MAGIC), "mapper-says-bye", "nothing");
	check(page[1][0] == 0x5a, "read-only-page-unchanged", "%x", page[1][0]);
}

static void holder(void)
{
	grant_handle_t h;

	if (check_equal("map", map_at(hole, own_domid() - 1, REF_HOLD, GNTMAP_host_map, &h), GNTST_okay))
		*(volatile uint64_t *)hole = MAGIC;
}

static void refusals(unsigned int from)
{
	uint64_t at = hole + 0x20000;
	grant_handle_t h;

	check_equal("map-not-for-us", map_at(at, from, REF_HOLD, GNTMAP_host_map, &h), GNTST_general_error);
	check_equal("map-read-only-for-write", map_at(at, from, REF_READ, GNTMAP_host_map, &h), GNTST_general_error);
	check_equal("map-bad-ref", map_at(at, from, 1 << 20, GNTMAP_host_map, &h), GNTST_bad_gntref);
	check_equal("map-bad-flags", map_at(at, from, REF_TALK, 0, &h), GNTST_bad_gntref);
	check_equal("map-device", map_at(at, from, REF_TALK, GNTMAP_host_map | GNTMAP_device_map, &h), GNTST_general_error);
	check_equal("map-dom0s", map_at(at, 0, REF_TALK, GNTMAP_host_map, &h), GNTST_bad_domain);
	check_equal("map-over-ram", map_at((uintptr_t)page[0], from, REF_TALK, GNTMAP_host_map, &h), GNTST_general_error);
	check_equal("map-too-high", map_at(1ULL << 60, from, REF_TALK, GNTMAP_host_map, &h), GNTST_general_error);
	check_equal("unmap-bad-handle", unmap(at, 12345), GNTST_bad_handle);
}

static void copies(unsigned int from)
{
	struct gnttab_copy c = { .source = { .domid = (domid_t)from, .offset = 16 }, .dest = { .domid = DOMID_SELF }, .len = 100,
				 .flags = GNTCOPY_source_gref };

	c.source.u.ref = REF_READ;
	c.dest.u.gmfn = (uintptr_t)page[0] >> 12;
	check_equal("copy", grant_table_op(GNTTABOP_copy, &c, 1), 0);
	check_equal("copy-status", c.status, GNTST_okay);
	check(page[0][99] == 0x5a && !page[0][100], "copied", "%x %x", page[0][99], page[0][100]);
	c.source = c.dest;
	c.dest.domid = (domid_t)from;
	c.dest.u.ref = REF_READ;
	c.flags = GNTCOPY_dest_gref;
	check_equal("copy-to-read-only", grant_table_op(GNTTABOP_copy, &c, 1) ?: c.status, GNTST_general_error);
}

/* Until there is no more room, then all away. */
static void exhaust(unsigned int from)
{
	static grant_handle_t h[512];
	unsigned int n = 0, bad = 0;

	while (n < ARRAY_SIZE(h) && !map_at(hole + 0x100000 + n * 4096ULL, from, REF_READ, GNTMAP_host_map | GNTMAP_readonly, &h[n]))
		n++;
	check(n == ARRAY_SIZE(h), "map-many", "%u", n);
	for (unsigned int i = 0; i < n; i++)
		bad += unmap(hole + 0x100000 + i * 4096ULL, h[i]) != GNTST_okay;
	check(!bad, "unmap-many", "%u of %u", bad, n);
}

static void mapper(void)
{
	unsigned int from = own_domid() - 2;
	volatile struct talk *t = (void *)(uintptr_t)hole;
	uint64_t ro = hole + 0x1000;
	grant_handle_t h, r;

	refusals(from);
	if (!check_equal("map", map_at(hole, from, REF_TALK, GNTMAP_host_map, &h), GNTST_okay) ||
	    !check_equal("map-read-only", map_at(ro, from, REF_READ, GNTMAP_host_map | GNTMAP_readonly, &r), GNTST_okay))
		return;
	check(t->magic == MAGIC, "reads", "%llx", (unsigned long long)t->magic);
	check(*(volatile char *)(uintptr_t)ro == 0x5a, "reads-read-only", "%x", *(volatile char *)(uintptr_t)ro);
	check(!write_safe(ro, 1) && last_trap == 13, "write-to-read-only", "trap %u", last_trap);
	t->answer = MAGIC;
	check(wait_for(&t->magic, 0), "granter-goes-on", "nothing");
	check_equal("unmap-read-only", unmap(ro, r), GNTST_okay);
	check_equal("unmap-again", unmap(ro, r), GNTST_bad_handle);
	copies(from);
	exhaust(from);
	t->bye = MAGIC;
	check(wait_for(&t->bye, 0), "granter-gone-page-of-nothing", "%llx", (unsigned long long)t->bye);
	check_equal("unmap-of-the-dead", unmap(hole, h), GNTST_okay);
	check_equal("map-from-the-dead", map_at(hole, from, REF_TALK, GNTMAP_host_map, &h), GNTST_bad_domain);
}

void abi_grants(void)
{
	hole = memory_hole(0x10000000, 0x400000);
	if (option_is("role", "grant"))
		granter();
	else if (option_is("role", "hold"))
		holder();
	else if (option_is("role", "map"))
		mapper();
}
