// SPDX-License-Identifier: GPL-2.0-only
/*
 * nullfront: the frontend of the class "null" (include/uapi/linux/hvnull.h). A program that has this memory mapped steers it by a page
 * (nullfront.h). It keeps its rings full of random requests and checks each answer; or breaks them, with a second vCPU that writes
 * wherever the backend looks.
 */
#include "guest.h"

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/ring.h>

#include "nullfront.h"

#define NR_SLOTS	64
#define GFN(p)		((uint32_t)((uintptr_t)(p) >> 12))
#define AP_STACK	4096
#define TRAMPOLINE	0x8000U
#define MSR_X2APIC_ICR	0x830
#define TRY_ID		1000U		/* a request that is no slot's */

DEFINE_RING_TYPES(hvnull, struct hvnull_request, struct hvnull_response);

struct slot {
	bool busy;
	struct hvnull_request req;
};

struct queue {
	unsigned int nr;
	evtchn_port_t port;
	struct hvnull_front_ring ring;
	struct slot slots[NR_SLOTS];
	unsigned int outstanding;
};

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(unsigned int id) __attribute__((noreturn));
char ap_stacks[2][AP_STACK] __page_aligned;

static char table_page[4096] __page_aligned;
static char status_page[4096] __page_aligned;
static volatile grant_entry_v1_t *table = (void *)table_page;
static volatile grant_entry_v2_t *table2 = (void *)table_page;
static bool version2;			/* the table's, and so who says that a grant is in use */
static char ring_pages[FRONT_QUEUES][4096] __page_aligned;
static unsigned char source[FRONT_QUEUES][4096] __page_aligned;
static unsigned char data[FRONT_QUEUES][NR_SLOTS][4096] __page_aligned;
static struct queue queues[FRONT_QUEUES];
static volatile struct box *box = (void *)BOX_GPA;
static volatile bool woken;
static bool going, tried, batch;
static bool second;			/* there is a second vCPU */
static uint32_t scribbling, seen;	/* what it is to do, and what it does */

/* ---- numbers ---- */

static uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t number(void)
{
	static uint64_t state = 0x243f6a8885a308d3;

	return next_number(&state);
}

/* ---- grants ---- */

static unsigned int nr_refs(void)
{
	return version2 ? 4096 / sizeof(*table2) : 4096 / sizeof(*table);
}

static volatile uint16_t *flags_of(uint32_t ref)
{
	return version2 ? &table2[ref].hdr.flags : &table[ref].flags;
}

static uint16_t marks_of(uint32_t ref)
{
	return (version2 ? ((volatile grant_status_t *)status_page)[ref] : table[ref].flags) & (GTF_reading | GTF_writing);
}

static void set_entry(uint32_t ref, domid_t to, uint32_t gfn)
{
	if (version2) {
		table2[ref].hdr.domid = to;
		table2[ref].full_page.frame = gfn;
	} else {
		table[ref].domid = to;
		table[ref].frame = gfn;
	}
}

static void grant(uint32_t ref, const volatile void *page, uint16_t flags)
{
	set_entry(ref, 0, GFN(page));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*flags_of(ref) = flags;
}

static void grant_all(void)
{
	for (unsigned int q = 0; q < FRONT_QUEUES; q++) {
		grant(RING_REF(q), ring_pages[q], GTF_permit_access);
		grant(SOURCE_REF(q), source[q], GTF_permit_access | GTF_readonly);
		for (unsigned int s = 0; s < NR_SLOTS; s++)
			grant(SLOT_REF(q, s), data[q][s], GTF_permit_access);
	}
}

static unsigned int in_use(void)
{
	unsigned int n = 0;

	for (unsigned int ref = 8; ref < nr_refs(); ref++)
		n += marks_of(ref) != 0;
	return n;
}

/* ---- requests ---- */

static void make_request(struct queue *q, unsigned int s)
{
	struct hvnull_request *r = &q->slots[s].req;
	uint64_t n = number();

	memset(r, 0, sizeof(*r));
	r->id = s;
	r->op = (uint32_t)(n % 5);
	r->offset = (uint16_t)(n >> 8 & 4095);
	r->len = (uint16_t)((n >> 20 & 255) % (4096U - r->offset + 1));
	r->ref[0] = r->op == HVNULL_SUM || r->op == HVNULL_COPY ? SOURCE_REF(q->nr) : SLOT_REF(q->nr, s);
	r->ref[1] = SLOT_REF(q->nr, s);
	r->value = r->op == HVNULL_LATER ? (n >> 32 & 0xfff) << 8 | (n & 255) : n;
}

static void put_request(struct queue *q, const struct hvnull_request *r)
{
	*RING_GET_REQUEST(&q->ring, q->ring.req_prod_pvt) = *r;
	q->ring.req_prod_pvt++;
	q->outstanding++;
	box->sent++;
}

static void push(struct queue *q)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&q->ring, notify);
	if (notify)
		(void)evtchn_send(q->port);
}

static void fill_ring(struct queue *q)
{
	for (unsigned int s = 0; s < NR_SLOTS && !RING_FULL(&q->ring); s++) {
		if (q->slots[s].busy)
			continue;
		q->slots[s].busy = true;
		make_request(q, s);
		put_request(q, &q->slots[s].req);
	}
	push(q);
}

static bool is_filled(const unsigned char *p, unsigned int len, unsigned char with)
{
	while (len--)
		if (*p++ != with)
			return false;
	return true;
}

static bool is_right(const struct queue *q, const struct hvnull_request *r, const struct hvnull_response *rsp)
{
	const unsigned char *from = source[q->nr] + r->offset, *to = data[q->nr][r->id] + r->offset;
	uint64_t sum = 0;
	unsigned int i;

	if (rsp->status)
		return false;
	switch (r->op) {
	case HVNULL_ECHO:
		return rsp->value == r->value;
	case HVNULL_SUM:
		for (i = 0; i < r->len; i++)
			sum += from[i];
		return rsp->value == sum;
	case HVNULL_COPY:
		for (i = 0; i < r->len; i++)
			if (from[i] != to[i])
				return false;
		return true;
	default:
		return is_filled(to, r->len, (unsigned char)r->value);
	}
}

static void wrong(const struct queue *q, const struct hvnull_response *rsp)
{
	const struct hvnull_request *r = rsp->id < NR_SLOTS ? &q->slots[rsp->id].req : NULL;

	if (!box->wrong++)
		snprintf((char *)box->why, sizeof(box->why), "queue %u id %u busy %d status %d op %d offset %d len %d", q->nr, rsp->id,
			 r ? q->slots[rsp->id].busy : -1, rsp->status, r ? (int)r->op : -1, r ? r->offset : -1, r ? r->len : -1);
}

static void take_response(struct queue *q, const struct hvnull_response *rsp)
{
	if (q->outstanding)
		q->outstanding--;
	box->answered++;
	if (rsp->id == TRY_ID) {
		*(struct hvnull_response *)&box->rsp = *rsp;
		tried = true;
		return;
	}
	/* While the second vCPU writes anything may come, and a page may not be there. */
	if (!scribbling && (rsp->id >= NR_SLOTS || !q->slots[rsp->id].busy || !is_right(q, &q->slots[rsp->id].req, rsp)))
		wrong(q, rsp);
	if (rsp->id < NR_SLOTS)
		q->slots[rsp->id].busy = false;
}

static void take_responses(struct queue *q)
{
	struct hvnull_response rsp;
	unsigned int n = 0;
	int more;

	do {
		/* as much as a ring has: under a second vCPU that writes the index there is no end */
		for (; q->ring.rsp_cons != READ_ONCE(q->ring.sring->rsp_prod) && n < NR_SLOTS; n++) {
			xen_rmb();
			rsp = *RING_GET_RESPONSE(&q->ring, q->ring.rsp_cons);
			q->ring.rsp_cons++;
			take_response(q, &rsp);
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&q->ring, more);
	} while (more && n < NR_SLOTS);
	if (more)
		woken = true;
}

/* ---- commands ---- */

static void hit(evtchn_port_t port)
{
	(void)port;
	box->hits++;
	woken = true;
}

static void new_port(struct queue *q)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	if (q->port)
		(void)evtchn_close(q->port);
	if (event_channel_op(EVTCHNOP_alloc_unbound, &a))
		panic("no port");
	q->port = a.port;
	port_handler(q->port, hit);
	port_unmask(q->port);
}

static void open_rings(void)
{
	grant_all();
	for (unsigned int i = 0; i < FRONT_QUEUES; i++) {
		struct queue *q = &queues[i];

		q->nr = i;
		memset(ring_pages[i], 0, sizeof(ring_pages[i]));
		SHARED_RING_INIT((struct hvnull_sring *)ring_pages[i]);
		FRONT_RING_INIT(&q->ring, (struct hvnull_sring *)ring_pages[i], sizeof(ring_pages[i]));
		memset(q->slots, 0, sizeof(q->slots));
		q->outstanding = 0;
		new_port(q);
		box->queue[i].ref = RING_REF(i);
		box->queue[i].port = q->port;
	}
}

static void answer(int64_t value)
{
	box->answer = value;
	box->command = NOTHING;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	box->done++;
	(void)evtchn_send(box->port);
}

static void break_ring(struct queue *q, uint32_t how)
{
	switch (how) {
	case BREAK_FAR:
		q->ring.req_prod_pvt += RING_SIZE(&q->ring) + 1;
		break;
	case BREAK_BACK:
		q->ring.req_prod_pvt -= 3;
		break;
	case BREAK_RESPONSES:
		q->ring.sring->rsp_prod += 77;
		break;
	}
	xen_wmb();
	q->ring.sring->req_prod = q->ring.req_prod_pvt;
	(void)evtchn_send(q->port);
}

/* Pairs with await_answers(): who waits has said for what before it looks at the number. */
static void tell_answers(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!box->tell_at || box->answered < box->tell_at)
		return;
	box->tell_at = 0;
	(void)evtchn_send(box->port);
}

/* When it does nothing any more all pages are there. */
static void scribble(uint32_t what)
{
	__atomic_store_n(&scribbling, what, __ATOMIC_SEQ_CST);
	while (second && __atomic_load_n(&seen, __ATOMIC_SEQ_CST) != what)
		cpu_relax();
	if (!what)
		grant_all();
}

static void send_batch(struct queue *q)
{
	struct hvnull_request req = *(struct hvnull_request *)&box->req;

	req.id = TRY_ID;
	while (!RING_FULL(&q->ring))
		put_request(q, &req);
	push(q);
}

static void spin(void)
{
	answer(0);
	while (box->command == NOTHING)
		cpu_relax();
	woken = true;
}

/* DRAIN, TRY and BATCH answer when something has come. */
static void obey(void)
{
	struct hvnull_request req;
	uint32_t ref = box->arg % nr_refs();

	switch (box->command) {
	case OPEN:
		open_rings();
		going = false;
		break;
	case GO:
		going = woken = true;
		break;
	case DRAIN:
		going = false;
		for (unsigned int i = 0; i < FRONT_QUEUES; i++)
			if (queues[i].outstanding)
				return;
		break;
	case TRY:
		if (!tried && queues[0].outstanding)
			return;
		if (!tried) {
			req = *(struct hvnull_request *)&box->req;
			req.id = TRY_ID;
			put_request(&queues[0], &req);
			push(&queues[0]);
			return;
		}
		tried = false;
		break;
	case BATCH:
		if (!batch)
			send_batch(&queues[0]);
		batch = queues[0].outstanding;
		if (batch)
			return;
		tried = false;
		break;
	case SPIN:
		spin();
		return;
	case GRANT:
		*flags_of(ref) = GTF_invalid;
		set_entry(ref, (domid_t)box->domid, box->gfn);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*flags_of(ref) = (uint16_t)box->flags;
		break;
	case FLAGS:
		answer(*flags_of(ref));
		return;
	case IN_USE:
		answer(in_use());
		return;
	case VERSION:
		answer(grant_table_op(GNTTABOP_set_version, &(struct gnttab_set_version) { .version = box->arg }, 1));
		return;
	case BREAK:
		break_ring(&queues[0], box->arg);
		break;
	case SCRIBBLE:
		scribble(box->arg);
		break;
	case OFF:
		shutdown(SHUTDOWN_poweroff);
	}
	answer(0);
}

/* ---- the second vCPU ---- */

static void scribble_grant(uint64_t n)
{
	uint32_t ref = SLOT_REF(n >> 8 & 1, n >> 9 & 63);

	*flags_of(ref) = n & 64 ? GTF_invalid : (uint16_t)n;
	set_entry(ref, n & 0x3000 ? 0 : (domid_t)(n >> 48), n & 0x30000 ? GFN(table_page) : (uint32_t)(n >> 32));
	set_entry(ref, 0, GFN(data[n >> 8 & 1][n >> 9 & 63]));
	*flags_of(ref) = GTF_permit_access;
}

static void scribble_request(uint64_t n)
{
	uint32_t *words = (uint32_t *)ring_pages[n & 1];

	words[16 + (n >> 1) % (1024 - 16)] = (uint32_t)(n & 0x10000 ? n >> 32 : n >> 32 & 255);
}

static void scribble_index(uint64_t n)
{
	uint32_t *words = (uint32_t *)ring_pages[n & 1];

	words[n >> 1 & 3] = (uint32_t)(n & 0x100 ? n >> 32 : words[n >> 1 & 3] + (n >> 32 & 7));
}

static void scribble_memory(uint64_t n)
{
	xen_pfn_t gfn = GFN(data[n & 1][n >> 1 & 63]);
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	(void)memory_op(XENMEM_decrease_reservation, &r);
	if (memory_op(XENMEM_populate_physmap, &r) != 1)
		panic("no memory for frame %x", (unsigned int)gfn);
}

void ap_main(unsigned int id)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		unsigned long base;
	} idt = { (uint16_t)idt_limit, idt_base };
	uint64_t state = 0x9e3779b97f4a7c15 + id, n;
	uint32_t what;

	__asm__ volatile("lidt %0" :: "m"(idt));
	for (;;) {
		n = next_number(&state);
		what = __atomic_load_n(&scribbling, __ATOMIC_SEQ_CST);
		__atomic_store_n(&seen, what, __ATOMIC_SEQ_CST);
		if (!what) {
			cpu_relax();
			continue;
		}
		what &= 1U << (n >> 60 & 3);
		if (what & SCRIBBLE_GRANTS)
			scribble_grant(n);
		if (what & SCRIBBLE_REQUESTS)
			scribble_request(n);
		if (what & SCRIBBLE_INDEXES && !(n >> 50 & 63))
			scribble_index(n);
		if (what & SCRIBBLE_MEMORY && !(n >> 50 & 15))
			scribble_memory(n);
		box->scribbled += what != 0;
	}
}

static void start_second(void)
{
	memcpy((void *)(uintptr_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4500);
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4600 | TRAMPOLINE >> 12);
}

static void take_version_2(void)
{
	struct gnttab_set_version a = { .version = 2 };

	if (grant_table_op(GNTTABOP_set_version, &a, 1) || a.version != 2)
		panic("no grant table of version 2");
	if (add_to_physmap(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, GFN(status_page)))
		panic("no status");
	version2 = true;
}

/* ---- the first one ---- */

static void serve(void)
{
	for (;;) {
		irq_off();
		if (!woken) {
			halt_irq_on();
			continue;
		}
		woken = false;
		irq_on();
		for (unsigned int i = 0; i < FRONT_QUEUES; i++) {
			if (!queues[i].port)
				continue;
			take_responses(&queues[i]);
			if (going)
				fill_ring(&queues[i]);
		}
		tell_answers();
		if (box->command != NOTHING)
			obey();
	}
}

void guest_main(void)
{
	if (!xen_base || !option("box")) {
		printf("no hypervisor, or nobody who would steer it\n");
		return;
	}
	if (events_init() || add_to_physmap(XENMAPSPACE_grant_table, 0, GFN(table_page)))
		panic("no events or no grant table");
	if (option("v2"))
		take_version_2();
	for (unsigned int i = 0; i < sizeof(source); i++)
		((unsigned char *)source)[i] = (unsigned char)number();
	port_handler(box->port, hit);
	port_unmask(box->port);
	second = option("second");
	if (second)
		start_second();
	answer(0);
	serve();
}
