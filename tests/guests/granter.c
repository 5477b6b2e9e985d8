// SPDX-License-Identifier: GPL-2.0-only
/*
 * granter: grants pages to domain 0, offers it a port, and does as a program there says (tests/vm/suite/src/devices.c). The first
 * granted page holds the words: 0 command, 1 argument, 2 answer, 3 how many were answered.
 *
 *	refs 8 to 15	pages, writable; 8 is the page of words
 *	ref 16		a page, for reading
 *	ref 17		a page, to another domain
 *	ref 18		a frame that is no memory
 */
#include "guest.h"

#define FIRST_REF	8
#define NR_PAGES	10
#define GFN(p)		((uint32_t)((uintptr_t)(p) >> 12))

enum command { NOTHING, SUM, FILL, FLAGS, WRITE_FLAGS, BALLOON, TOGGLE, PING, QUIT };

static char pages[NR_PAGES][4096] __page_aligned;
static char table_page[4096] __page_aligned;
static volatile grant_entry_v1_t *table = (void *)table_page;
static volatile uint32_t *words = (void *)pages[0];
static volatile unsigned long hits;
static evtchn_port_t port;

static void hit(evtchn_port_t p)
{
	(void)p;
	hits++;
}

static void grant(uint32_t ref, domid_t domid, uint32_t gfn, uint16_t flags)
{
	table[ref].domid = domid;
	table[ref].frame = gfn;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = flags;
}

static void fill(uint32_t seed)
{
	for (unsigned int p = 1; p < NR_PAGES; p++)
		memset(pages[p], (int)(seed + p), sizeof(pages[p]));
}

static uint32_t sum(unsigned int page)
{
	uint32_t s = 0;

	for (unsigned int i = 0; i < sizeof(pages[0]); i++)
		s += (uint8_t)pages[page % NR_PAGES][i];
	return s;
}

static uint32_t balloon(unsigned int page)
{
	xen_pfn_t gfn = GFN(pages[page % NR_PAGES]);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	return (uint32_t)memory_op(XENMEM_decrease_reservation, &r);
}

/* The entry changes all the time for a second, in use or not. */
static void toggle(uint32_t ref)
{
	uint64_t end = clock_ns() + NSEC;

	while (clock_ns() < end) {
		for (unsigned int i = 0; i < 1000; i++)
			table[ref].flags = i % 3 ? GTF_permit_access : i % 2 ? GTF_invalid : GTF_permit_access | GTF_readonly;
	}
	table[ref].flags = GTF_permit_access;
}

static bool obey(uint32_t command, uint32_t arg)
{
	uint32_t answer = 0;

	switch (command) {
	case SUM:
		answer = sum(arg);
		break;
	case FILL:
		fill(arg);
		break;
	case FLAGS:
		answer = table[arg % 512].flags;
		break;
	case WRITE_FLAGS:
		table[arg % 512].flags = (uint16_t)(arg >> 16);
		break;
	case BALLOON:
		answer = balloon(arg);
		break;
	case TOGGLE:
		toggle(arg % 512);
		break;
	}
	words[2] = answer;
	words[0] = NOTHING;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	words[3]++;
	(void)evtchn_send(port);
	return command != QUIT;
}

static void serve(void)
{
	unsigned long seen = 0;

	for (;;) {
		irq_off();
		if (hits == seen) {
			halt_irq_on();
			continue;
		}
		irq_on();
		seen = hits;
		if (words[0] != NOTHING && !obey(words[0], words[1]))
			return;
	}
}

static void seeds(void)
{
	uint64_t console = 0, store = 1, store_port = 1;

	check_equal("console-param", hvm_param_get(HVM_PARAM_CONSOLE_PFN, &console), 0);
	check(table[GNTTAB_RESERVED_CONSOLE].flags == GTF_permit_access && !table[GNTTAB_RESERVED_CONSOLE].domid &&
	      table[GNTTAB_RESERVED_CONSOLE].frame == console, "console-ring-is-granted", "flags %x frame %x",
	      table[GNTTAB_RESERVED_CONSOLE].flags, table[GNTTAB_RESERVED_CONSOLE].frame);
	/* a store daemon may have mapped it */
	check((table[GNTTAB_RESERVED_XENSTORE].flags & ~(GTF_reading | GTF_writing)) == GTF_permit_access && !table[GNTTAB_RESERVED_XENSTORE].domid &&
	      table[GNTTAB_RESERVED_XENSTORE].frame, "store-ring-is-granted", "flags %x frame %x",
	      table[GNTTAB_RESERVED_XENSTORE].flags, table[GNTTAB_RESERVED_XENSTORE].frame);
	check_equal("store-param", hvm_param_get(HVM_PARAM_STORE_PFN, &store), 0);
	check_equal("store-port-param", hvm_param_get(HVM_PARAM_STORE_EVTCHN, &store_port), 0);
	printf("store pfn %llx port %llu\n", (unsigned long long)store, (unsigned long long)store_port);
	if (store)
		check(store == table[GNTTAB_RESERVED_XENSTORE].frame, "store-ring-is-the-granted-one", "%llx", (unsigned long long)store);
}

void guest_main(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	unsigned int i;

	if (!xen_base)
		return;
	if (events_init() || add_to_physmap(XENMAPSPACE_grant_table, 0, GFN(table_page)))
		panic("no events or no grant table");
	seeds();
	if (option("only-seeds"))
		return;
	fill(0);
	for (i = 0; i < NR_PAGES - 2; i++)
		grant(FIRST_REF + i, 0, GFN(pages[i]), GTF_permit_access);
	grant(16, 0, GFN(pages[8]), GTF_permit_access | GTF_readonly);
	grant(17, 77, GFN(pages[9]), GTF_permit_access);
	grant(18, 0, 0xfffff0, GTF_permit_access);
	if (!check_equal("alloc_unbound-for-dom0", event_channel_op(EVTCHNOP_alloc_unbound, &a), 0))
		return;
	port = a.port;
	port_handler(port, hit);
	port_unmask(port);
	printf("offers port %u\n", port);
	serve();
}
