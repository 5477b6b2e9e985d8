// SPDX-License-Identifier: GPL-2.0-only
#include "netfront.h"

#define GFN(p)		((uint32_t)((uintptr_t)(p) >> 12))
#define RING_REF(n, to_guest)		(8U + 2 * (n) + (to_guest))
#define PAGE_REF(n, to_guest, page)	(32U + (2 * (n) + (to_guest)) * NIC_PAGES + (page))

static unsigned char ring_pages[MOST_NICS][2][4096] __page_aligned;
static unsigned char pages[MOST_NICS][2][NIC_PAGES][4096] __page_aligned;
static char table_page[4096] __page_aligned;
static volatile grant_entry_v1_t *table = (void *)table_page;
volatile unsigned int nic_hits;

_Static_assert(PAGE_REF(MOST_NICS - 1, 1, NIC_PAGES - 1) < sizeof(table_page) / sizeof(grant_entry_v1_t), "one page of grants");
_Static_assert(NIC_PAGES <= 256, "a ring has room for all pages");

/* The backend let go of it when it was here last: nobody else grants these. */
static void grant(uint32_t ref, const void *page, uint16_t flags)
{
	if (table[ref].flags & (GTF_reading | GTF_writing))
		panic("grant %u is still in use", ref);
	table[ref].flags = GTF_invalid;
	table[ref].domid = 0;
	table[ref].frame = GFN(page);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	table[ref].flags = flags;
}

void nics_init(void)
{
	if (events_init() || timer_init() || add_to_physmap(XENMAPSPACE_grant_table, 0, GFN(table_page)))
		panic("no events or no grant table");
	store_init();
	if (!store_watch("device/vif"))
		panic("the store does not watch");
}

void nic_begin(struct nic *n, unsigned int nr)
{
	memset(n, 0, sizeof(*n));
	n->nr = nr;
}

/* ---- the handshake ---- */

static uint64_t front_number(struct nic *n, const char *node)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vif/%u/%s", n->nr, node);
	return store_number(path, XenbusStateUnknown);
}

static uint64_t back_state(struct nic *n)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/state", n->back);
	return store_number(path, XenbusStateUnknown);
}

static void tell(struct nic *n, const char *node, unsigned int value)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vif/%u/%s", n->nr, node);
	if (!store_write_number(path, value))
		panic("cannot write %s", path);
}

static unsigned int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? (unsigned int)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a' + 10) : 16;
}

static void read_mac(struct nic *n)
{
	char path[128], text[24];
	unsigned int high, low;

	snprintf(path, sizeof(path), "device/vif/%u/mac", n->nr);
	if (!store_read(path, text, sizeof(text)) || strlen(text) != 17)
		panic("%s is no address", path);
	for (unsigned int i = 0; i < 6; i++) {
		high = hex_digit(text[3 * i]);
		low = hex_digit(text[3 * i + 1]);
		if (high > 15 || low > 15)
			panic("%s is %s", path, text);
		n->mac[i] = (uint8_t)(high << 4 | low);
	}
}

static void hit(evtchn_port_t port)
{
	(void)port;
	nic_hits++;
}

static void post(struct nic *n, unsigned int page)
{
	*RING_GET_REQUEST(&n->rx, n->rx.req_prod_pvt++) = (struct netif_rx_request){
		.id = (uint16_t)page, .gref = PAGE_REF(n->nr, 1, page),
	};
}

static void push_posts(struct nic *n)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->rx, notify);
	if (notify)
		(void)evtchn_send(n->port);
}

static void new_rings(struct nic *n)
{
	memset(ring_pages[n->nr], 0, sizeof(ring_pages[n->nr]));
	SHARED_RING_INIT((struct netif_tx_sring *)ring_pages[n->nr][0]);
	FRONT_RING_INIT(&n->tx, (struct netif_tx_sring *)ring_pages[n->nr][0], 4096);
	SHARED_RING_INIT((struct netif_rx_sring *)ring_pages[n->nr][1]);
	FRONT_RING_INIT(&n->rx, (struct netif_rx_sring *)ring_pages[n->nr][1], 4096);
	grant(RING_REF(n->nr, 0), ring_pages[n->nr][0], GTF_permit_access);
	grant(RING_REF(n->nr, 1), ring_pages[n->nr][1], GTF_permit_access);
	memset(n->busy, 0, sizeof(n->busy));
	n->nr_busy = n->frame_len = 0;
	n->frame_more = false;
	for (unsigned int i = 0; i < NIC_PAGES; i++) {
		grant(PAGE_REF(n->nr, 0, i), pages[n->nr][0][i], GTF_permit_access | GTF_readonly);
		grant(PAGE_REF(n->nr, 1, i), pages[n->nr][1][i], GTF_permit_access);
		post(n, i);
	}
}

static void publish(struct nic *n)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	if (event_channel_op(EVTCHNOP_alloc_unbound, &a))
		panic("no port");
	n->port = a.port;
	port_handler(n->port, hit);
	port_unmask(n->port);
	new_rings(n);
	tell(n, "tx-ring-ref", RING_REF(n->nr, 0));
	tell(n, "rx-ring-ref", RING_REF(n->nr, 1));
	tell(n, "event-channel", n->port);
	tell(n, "request-rx-copy", 1);
	tell(n, "feature-rx-notify", 1);
	tell(n, "feature-sg", 1);
	tell(n, "feature-no-csum-offload", 1);
	tell(n, "state", XenbusStateConnected);
	n->state = NIC_ASKED;
	push_posts(n);
}

static void find(struct nic *n)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vif/%u/backend", n->nr);
	if (front_number(n, "state") != XenbusStateInitialising || !store_read(path, n->back, sizeof(n->back)))
		return;
	snprintf(path, sizeof(path), "%s/state", n->back);
	(void)store_watch(path);	/* refused when it was set before */
	if (back_state(n) != XenbusStateInitWait)
		return;
	read_mac(n);
	publish(n);
}

static void close_nic(struct nic *n)
{
	(void)evtchn_close(n->port);
	n->state = NIC_NONE;
	printf("closed %u\n", n->nr);
	if (front_number(n, "state") != XenbusStateUnknown)
		tell(n, "state", XenbusStateClosed);
}

void nic_look(struct nic *n)
{
	uint64_t back;

	if (n->state == NIC_NONE) {
		find(n);
		return;
	}
	back = back_state(n);
	if (n->state == NIC_ASKED && back == XenbusStateConnected) {
		n->state = NIC_READY;
		printf("connected %u\n", n->nr);
	} else if (back == XenbusStateClosing || back == XenbusStateClosed || back == XenbusStateUnknown) {
		close_nic(n);
	}
}

/* ---- frames ---- */

static unsigned int free_page(struct nic *n)
{
	unsigned int i = 0;

	while (n->busy[i])
		i++;
	return i;
}

/* The first request says how long the whole is, each further one its own length. */
bool nic_send(struct nic *n, const void *frame, unsigned int len)
{
	unsigned int page, piece, offset;
	int notify;

	if (n->state != NIC_READY || NIC_PAGES - n->nr_busy < (len + 4095) / 4096)
		return false;
	for (offset = 0; offset < len; offset += piece) {
		piece = len - offset < 4096 ? len - offset : 4096;
		page = free_page(n);
		n->busy[page] = true;
		n->nr_busy++;
		memcpy(pages[n->nr][0][page], (const char *)frame + offset, piece);
		*RING_GET_REQUEST(&n->tx, n->tx.req_prod_pvt++) = (struct netif_tx_request){
			.gref = PAGE_REF(n->nr, 0, page), .id = (uint16_t)page, .size = (uint16_t)(offset ? piece : len),
			.flags = offset + piece < len ? NETTXF_more_data : 0,
		};
	}
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->tx, notify);
	if (notify)
		(void)evtchn_send(n->port);
	return true;
}

void nic_reap(struct nic *n)
{
	struct netif_tx_response *rsp;
	RING_IDX prod;
	int more;

	if (n->state == NIC_NONE)
		return;
	do {
		prod = READ_ONCE(n->tx.sring->rsp_prod);
		if (prod - n->tx.rsp_cons > n->nr_busy)
			panic("interface %u: %u answers to %u requests", n->nr, prod - n->tx.rsp_cons, n->nr_busy);
		xen_rmb();
		for (; n->tx.rsp_cons != prod; n->tx.rsp_cons++) {
			rsp = RING_GET_RESPONSE(&n->tx, n->tx.rsp_cons);
			if (rsp->id >= NIC_PAGES || !n->busy[rsp->id])
				panic("interface %u: page %u was not sent", n->nr, rsp->id);
			if (rsp->status != NETIF_RSP_OKAY)
				panic("interface %u: status %d", n->nr, rsp->status);
			n->busy[rsp->id] = false;
			n->nr_busy--;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&n->tx, more);
	} while (more);
}

/* A frame that is too long for us is forgotten, as a whole. */
static void take_piece(struct nic *n, const struct netif_rx_response *rsp, frame_fn *fn)
{
	if (rsp->id >= NIC_PAGES || rsp->status < 0 || rsp->offset + rsp->status > 4096 || rsp->flags & NETRXF_extra_info)
		panic("interface %u: a piece with id %u, status %d, offset %u, flags %x", n->nr, rsp->id, rsp->status, rsp->offset, rsp->flags);
	if (!n->frame_more)
		n->frame_len = 0;
	if (n->frame_len + (unsigned int)rsp->status <= MOST_FRAME)
		memcpy(n->frame + n->frame_len, pages[n->nr][1][rsp->id] + rsp->offset, (size_t)rsp->status);
	n->frame_len += (unsigned int)rsp->status;
	n->frame_more = rsp->flags & NETRXF_more_data;
	if (!n->deaf)
		post(n, rsp->id);
	else if (n->rx.rsp_cons == n->rx.req_prod_pvt)
		printf("all pages of %u are full\n", n->nr);
	if (!n->frame_more && n->frame_len <= MOST_FRAME)
		fn(n, n->frame, n->frame_len);
}

void nic_receive(struct nic *n, frame_fn *fn)
{
	struct netif_rx_response rsp;
	RING_IDX prod;
	int more;

	if (n->state == NIC_NONE)
		return;
	do {
		prod = READ_ONCE(n->rx.sring->rsp_prod);
		if (prod - n->rx.rsp_cons > NIC_PAGES)
			panic("interface %u: its index jumps", n->nr);
		xen_rmb();
		while (n->rx.rsp_cons != prod) {
			rsp = *RING_GET_RESPONSE(&n->rx, n->rx.rsp_cons);
			n->rx.rsp_cons++;
			take_piece(n, &rsp, fn);
		}
		push_posts(n);
		RING_FINAL_CHECK_FOR_RESPONSES(&n->rx, more);
	} while (more);
}
