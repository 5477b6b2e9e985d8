// SPDX-License-Identifier: GPL-2.0-only
/*
 * diskfuzz: a hostile frontend. xvda gets requests with every field wrong in turn, segments that lie, grants that are revoked under way; with
 * two vCPUs the second one writes meanwhile where the backend looks. Then its index of requests jumps, and its nodes in the store are
 * wrong: each time that device alone is closed, with a reason, and comes back. xvdb, which the same guest uses as it should, never notices.
 *
 *	seed=N seconds=N second (there is a second vCPU)
 */
#include "blkfront.h"

#define VICTIMS		128U		/* pages for the hostile disk; those behind are for the other one */
#define MSR_X2APIC_ICR	0x830
#define TRAMPOLINE	0x8000U
#define PATIENCE	(60 * NSEC)	/* for a machine that is busy */

enum scribble { REQUESTS = 1, LISTS = 2, GRANTS = 4, MEMORY = 8, INDEX = 16 };

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(unsigned int id) __attribute__((noreturn));
char ap_stacks[2][4096] __page_aligned;

static struct disk hostile, sane;
static struct disk_request request;
static uint32_t scribbling, scribbler_does;
static uint64_t scribbler_at;		/* what it did last, for who waits for it */
static unsigned long sent, answered, okay, errors, unsupported;
static bool second;

/* ---- numbers: each vCPU has its own ---- */

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * No reference of ours that would make the guest its own victim: rings, pages of the other disk. Console and store are safe otherwise (see
 * guest_main): what the second vCPU writes over a request or the disk over a list can name them, small numbers and zeros as they are.
 */
static uint32_t some_ref(uint64_t n)
{
	switch (n & 15) {
	case 0:
		return LIST_REF(n >> 8 & 31);
	case 1:
		return NO_REF + (n >> 8 & 15);
	case 2:
		return (uint32_t)(n >> 32) | 0x10000;
	default:
		return PAGE_REF(n >> 8 & (VICTIMS - 1));
	}
}

/* ---- requests ---- */

static struct blkif_request_segment some_segment(uint64_t n)
{
	struct blkif_request_segment s = { PAGE_REF(n >> 8 & (VICTIMS - 1)), n >> 16 & 3, 4 + (n >> 18 & 3) };

	if (!(n >> 20 & 15))
		s.gref = some_ref(n >> 24);
	if (!(n >> 40 & 15))
		s.first_sect = (uint8_t)(n >> 44);
	if (!(n >> 52 & 15))
		s.last_sect = (uint8_t)(n >> 56);
	return s;
}

static void some_list(unsigned int slot)
{
	struct blkif_request_segment *s = (void *)list_pages[slot];

	for (unsigned int i = 0; i < 512; i++)
		s[i] = some_segment(random64());
}

static void some_indirect(struct blkif_request_indirect *to, unsigned int slot)
{
	uint64_t n = random64();

	if (!(n & 3))
		some_list(slot);
	to->operation = BLKIF_OP_INDIRECT;
	to->indirect_op = n >> 2 & 7 ? (uint8_t)(n >> 5 & 1) : (uint8_t)(n >> 8);
	to->nr_segments = n >> 16 & 7 ? (uint16_t)(1 + (n >> 19 & 255)) : (uint16_t)(n >> 32);
	for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
		to->indirect_grefs[i] = n >> 48 & 7 ? LIST_REF(slot) : some_ref(random64());
}

static void some_direct(struct blkif_request *to)
{
	uint64_t n = random64();

	to->operation = n & 15 ? (uint8_t)(n >> 4 & 7) : (uint8_t)(n >> 8);
	to->nr_segments = n >> 16 & 7 ? (uint8_t)(n >> 19 & 15) : (uint8_t)(n >> 24);
	to->handle = (blkif_vdev_t)(n >> 32);
	for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
		to->seg[i] = some_segment(random64());
}

static void put_some(void)
{
	unsigned int slot = hostile.ring.req_prod_pvt & (RING_SLOTS - 1);
	struct blkif_request *to = RING_GET_REQUEST(&hostile.ring, hostile.ring.req_prod_pvt);
	uint64_t n = random64();

	if (n & 1)
		some_indirect((void *)to, slot);
	else
		some_direct(to);
	if (to->operation == BLKIF_OP_DISCARD)
		((struct blkif_request_discard *)to)->nr_sectors = n >> 4 & 3 ? n >> 8 & 4095 : random64();
	to->id = random64();
	to->sector_number = n >> 1 & 7 ? (n >> 8) % (hostile.sectors + 8) : random64();
	hostile.ring.req_prod_pvt++;
	sent++;
}

static void count(int16_t status)
{
	answered++;
	okay += status == BLKIF_RSP_OKAY;
	errors += status == BLKIF_RSP_ERROR;
	unsupported += status == BLKIF_RSP_EOPNOTSUPP;
}

static void take_some(void)
{
	int more;

	do {
		RING_IDX prod = READ_ONCE(hostile.ring.sring->rsp_prod);

		if (prod - hostile.ring.rsp_cons > sent - answered)
			panic("%u answers to %lu requests", prod - hostile.ring.rsp_cons, sent - answered);
		xen_rmb();
		for (; hostile.ring.rsp_cons != prod; hostile.ring.rsp_cons++)
			count(RING_GET_RESPONSE(&hostile.ring, hostile.ring.rsp_cons)->status);
		RING_FINAL_CHECK_FOR_RESPONSES(&hostile.ring, more);
	} while (more);
}

/* An answer that is already there also ends it; the timer does, when this guest has spoilt its own wake-up. */
static void rest(void)
{
	irq_off();
	if (hostile.ring.rsp_cons == READ_ONCE(hostile.ring.sring->rsp_prod)) {
		(void)timer_set(clock_ns() + 10 * MSEC);
		halt_irq_on();
	}
	irq_on();
}

static bool drain(void)
{
	uint64_t until = clock_ns() + PATIENCE;

	for (take_some(); answered != sent && clock_ns() < until; take_some())
		rest();
	return answered == sent;
}

static void push_all(void)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&hostile.ring, notify);
	if (notify)
		(void)evtchn_send(hostile.port);
}

/* ---- grants that change ---- */

static const void *page_of(uint32_t ref)
{
	return ref >= LIST_REF(0) ? list_pages[ref - LIST_REF(0)] : data_pages[ref - PAGE_REF(0)];
}

static void spoil_grant(uint64_t n)
{
	uint32_t ref = n & 1 ? PAGE_REF(n >> 1 & (VICTIMS - 1)) : LIST_REF(n >> 1 & 31);

	grant_table[ref].flags = n & 256 ? GTF_invalid : (uint16_t)(n >> 16);
	if (n & 512)
		grant_table[ref].domid = (domid_t)(n >> 48);
	if (n & 1024)
		grant_table[ref].frame = (uint32_t)(n >> 32) | 0x10000;	/* behind our memory */
	grant(ref, page_of(ref), GTF_permit_access | (n & 2048 ? GTF_readonly : 0));
}

static void restore_grants(void)
{
	for (unsigned int i = 0; i < VICTIMS; i++)
		grant(PAGE_REF(i), data_pages[i], GTF_permit_access);
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		grant(LIST_REF(i), list_pages[i], GTF_permit_access | GTF_readonly);
}

/* ---- the second vCPU ---- */

/* A word of a ring or a list that is a reference stays one of some_ref()'s. */
static void scribble_word(volatile uint32_t *words, unsigned int at, bool is_ref, uint64_t n)
{
	words[at] = is_ref ? some_ref(n) : n & 1 ? (uint32_t)(n >> 32) & 0x07070707 : (uint32_t)(n >> 32);
}

static void scribble_request(uint64_t n)
{
	unsigned int at = 16 + (unsigned int)(n % (RING_SLOTS * sizeof(struct blkif_request) / 4));
	unsigned int in_slot = (at - 16) * 4 % sizeof(struct blkif_request);

	scribble_word((void *)ring_pages[hostile.nr], at, in_slot >= 24 && !((in_slot - 24) & 7), n >> 8);
}

static void scribble_list(uint64_t n)
{
	unsigned int at = n >> 8 & 1023;

	scribble_word((void *)list_pages[n & 31], at, !(at & 1), n >> 8);
}

static void scribble_memory(uint64_t n)
{
	xen_pfn_t gfn = (uintptr_t)data_pages[n & (VICTIMS - 1)] >> 12;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	if (memory_op(XENMEM_decrease_reservation, &r) != 1)
		return;		/* dom0 had no page for the tables: it stays where it is */
	/* The old page may be in flight, and counts as ours until it is not. */
	for (uint64_t until = clock_ns() + PATIENCE; memory_op(XENMEM_populate_physmap, &r) != 1;) {
		if (clock_ns() >= until)
			panic("no memory for frame %x", (unsigned int)gfn);
		(void)sched_op(SCHEDOP_yield, NULL);
	}
}

static void scribble_index(uint64_t n)
{
	volatile uint32_t *words = (void *)ring_pages[hostile.nr];	/* req_prod, req_event, rsp_prod, rsp_event */

	words[n & 1] = n & 2 ? (uint32_t)(n >> 32) : words[n & 1] + (n >> 32 & 7);
}

static void scribble(uint32_t what, uint64_t n)
{
	__atomic_store_n(&scribbler_at, n, __ATOMIC_SEQ_CST);
	switch (what & 1U << (n >> 59 & 7)) {
	case REQUESTS:
		scribble_request(n);
		break;
	case LISTS:
		scribble_list(n);
		break;
	case GRANTS:
		spoil_grant(n);
		break;
	case MEMORY:
		if (!(n >> 50 & 63))
			scribble_memory(n);
		break;
	case INDEX:
		scribble_index(n);
		break;
	}
}

void ap_main(unsigned int id)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		unsigned long base;
	} idt = { (uint16_t)idt_limit, idt_base };
	uint64_t state = 0x9e3779b97f4a7c15 + id + option_number("seed", 1);

	__asm__ volatile("lidt %0" :: "m"(idt));
	for (;;) {
		uint32_t what = __atomic_load_n(&scribbling, __ATOMIC_SEQ_CST);

		__atomic_store_n(&scribbler_does, what, __ATOMIC_SEQ_CST);
		if (what)
			scribble(what, next(&state));
		else
			cpu_relax();
	}
}

static void start_second(void)
{
	memcpy((void *)(uintptr_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4500);
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4600 | TRAMPOLINE >> 12);
}

/* Returns when the second vCPU does that, and nothing else any more. */
static void let_scribble(uint32_t what)
{
	uint64_t until = clock_ns() + PATIENCE;

	__atomic_store_n(&scribbling, what, __ATOMIC_SEQ_CST);
	while (second && __atomic_load_n(&scribbler_does, __ATOMIC_SEQ_CST) != what) {
		if (clock_ns() >= until)
			panic("the second vCPU is to do %x and is at %x, %lx", what, scribbler_does, (unsigned long)scribbler_at);
		(void)sched_op(SCHEDOP_yield, NULL);
	}
	if (!what)
		restore_grants();
}

/* ---- what must hold meanwhile ---- */

static int one_page(struct disk *d, uint8_t operation, uint64_t sector, unsigned int page)
{
	memset(&request, 0, sizeof(request));
	request.operation = operation;
	request.nr = 1;
	request.sector = sector;
	request.segment[0] = (struct blkif_request_segment){ PAGE_REF(page), 0, PAGE_SECTORS - 1 };
	return disk_do(d, &request);
}

/* Write and read again, somewhere. */
static bool serves(struct disk *d)
{
	uint64_t *wrote = (void *)data_pages[VICTIMS], *got = (void *)data_pages[VICTIMS + 1];
	uint64_t sector = random_below((uint32_t)d->sectors - PAGE_SECTORS);

	for (unsigned int i = 0; i < 512; i++) {
		wrote[i] = random64();
		got[i] = 0;
	}
	return !one_page(d, BLKIF_OP_WRITE, sector, VICTIMS) && !one_page(d, BLKIF_OP_READ, sector, VICTIMS + 1) &&
	       !memcmp(wrote, got, 4096);
}

/* ---- phases ---- */

static void fuzz_requests(uint64_t until)
{
	unsigned int rounds = 0;

	let_scribble(REQUESTS | LISTS | GRANTS | MEMORY);
	while (clock_ns() < until) {
		unsigned int room = RING_SLOTS - (unsigned int)(sent - answered);

		for (unsigned int n = room ? random_below(room) + 1 : 0; n; n--)
			put_some();
		push_all();
		for (unsigned int n = random_below(8); n; n--)
			spoil_grant(random64());
		if (random_below(4))
			rest();
		take_some();
		if (!(++rounds & 63) && !serves(&sane))
			panic("the other disk does not serve");
	}
	let_scribble(0);
	check(drain(), "all-answered", "%lu of %lu", answered, sent);
	printf("# %lu requests: %lu done, %lu failed, %lu not supported\n", sent, okay, errors, unsupported);
	/* The second vCPU writes over answers, too. */
	check(okay && errors && unsupported && (second || okay + errors + unsupported == answered), "answers-of-each-kind", "or of another");
	check(!grants_in_use(), "no-grant-is-in-use", "%u are", grants_in_use());
	check(serves(&hostile), "the-disk-still-serves", "it does not");
}

/* That the backend has closed it, why, and that it can be used again. */
static void broken(const char *name)
{
	uint64_t until = clock_ns() + PATIENCE;
	char path[128], why[200] = "no reason";
	unsigned int state;

	while ((state = disk_back_state(&hostile)) == XenbusStateConnected || state == XenbusStateInitWait) {
		if (clock_ns() >= until)
			panic("%s: the backend stays in state %u", name, state);
		store_wait();
	}
	let_scribble(0);
	snprintf(path, sizeof(path), "%s/error", hostile.back);
	check(state == XenbusStateClosing && store_read(path, why, sizeof(why)) && why[0], name, "backend in state %u: %s", state, why);
	printf("# %s: %s\n", name, why);
	check(serves(&sane), "the-other-serves", "it does not");
	hostile.lie[0] = NULL;
	disk_look(&hostile);
	disk_anew(&hostile);
	disk_connect(&hostile);
	sent = answered = 0;
	check(serves(&hostile), "it-is-back", "it does not serve");
}

static void jump(const char *name, uint32_t by)
{
	hostile.ring.req_prod_pvt += by;
	xen_wmb();
	hostile.ring.sring->req_prod = hostile.ring.req_prod_pvt;
	(void)evtchn_send(hostile.port);
	broken(name);
}

static void break_index(void)
{
	jump("index-one-too-far", RING_SLOTS + 1);
	jump("index-back", 0U - 3);
	jump("index-half-around", 0x80000000);
	if (!second)
		return;
	let_scribble(INDEX);
	for (uint64_t until = clock_ns() + PATIENCE; disk_back_state(&hostile) == XenbusStateConnected && clock_ns() < until;)
		(void)evtchn_send(hostile.port);
	broken("index-written-by-another-vcpu");
}

/* Asks anew, with one node that is wrong. */
static void lie(const char *name, const char *node, const char *value)
{
	hostile.lie[0] = node;
	hostile.lie[1] = value;
	disk_close(&hostile);
	disk_anew(&hostile);
	while (hostile.state != DISK_ASKED) {
		disk_look(&hostile);
		if (hostile.state != DISK_ASKED)
			store_wait();
	}
	broken(name);
}

static void lie_in_the_store(void)
{
	lie("ring-not-granted", "ring-ref", "400");
	lie("ring-past-the-table", "ring-ref", "4294967295");
	lie("ring-no-number", "ring-ref", "eight");
	lie("port-not-there", "event-channel", "1000");
	lie("port-none", "event-channel", "0");
	lie("protocol-unknown", "protocol", "m68k-abi");
	lie("queues-too-many", "multi-queue-num-queues", "4096");
	lie("queues-none", "multi-queue-num-queues", "0");
	lie("ring-too-long", "ring-page-order", "31");
}

void guest_main(void)
{
	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	front_init();
	patience = PATIENCE;
	random_state = option_number("seed", 1);
	second = option("second");
	disk_begin(&hostile, 0);
	disk_begin(&sane, 1);
	disk_connect(&hostile);
	disk_connect(&sane);
	/* Both are mapped since before we began. A request that names them now gets an error. */
	grant_table[GNTTAB_RESERVED_CONSOLE].flags = GTF_invalid;
	grant_table[GNTTAB_RESERVED_XENSTORE].flags = GTF_invalid;
	if (second)
		start_second();
	fuzz_requests(clock_ns() + option_number("seconds", 5) * NSEC);
	break_index();
	lie_in_the_store();
}
