// SPDX-License-Identifier: GPL-2.0-only
#include "blkfront.h"

#define GFN(p)		((uint32_t)((uintptr_t)(p) >> 12))
#define ID_TAG		0x5eedf00d00000000ULL	/* an id comes back whole */
#define NR_REFS		512U

#ifdef __x86_64__
#define PROTOCOL	"x86_64-abi"
#else
#define PROTOCOL	"x86_32-abi"
#endif

unsigned char data_pages[DATA_PAGES][4096] __page_aligned;
unsigned char ring_pages[MOST_DISKS][4096] __page_aligned;
unsigned char list_pages[RING_SLOTS][4096] __page_aligned;
static char table_page[4096] __page_aligned;
volatile grant_entry_v1_t *grant_table = (void *)table_page;

void grant(uint32_t ref, const void *page, uint16_t flags)
{
	grant_table[ref].flags = GTF_invalid;
	grant_table[ref].domid = 0;
	grant_table[ref].frame = GFN(page);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	grant_table[ref].flags = flags;
}

unsigned int grants_in_use(void)
{
	unsigned int n = 0;

	for (uint32_t ref = PAGE_REF(0); ref < NR_REFS; ref++)
		n += (grant_table[ref].flags & (GTF_reading | GTF_writing)) != 0;
	return n;
}

void front_init(void)
{
	if (events_init() || timer_init() || add_to_physmap(XENMAPSPACE_grant_table, 0, GFN(table_page)))
		panic("no events or no grant table");
	for (unsigned int i = 0; i < DATA_PAGES; i++)
		grant(PAGE_REF(i), data_pages[i], GTF_permit_access);
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		grant(LIST_REF(i), list_pages[i], GTF_permit_access | GTF_readonly);
	store_init();
	if (!store_watch("device/vbd"))
		panic("the store does not watch");
}

/* ---- the handshake ---- */

static uint64_t back_number(struct disk *d, const char *node, uint64_t otherwise)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", d->back, node);
	return store_number(path, otherwise);
}

static uint64_t front_number(struct disk *d, const char *node, uint64_t otherwise)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vbd/%u/%s", d->vdev, node);
	return store_number(path, otherwise);
}

static void tell(struct disk *d, const char *node, unsigned int value)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vbd/%u/%s", d->vdev, node);
	if (!store_write_number(path, value))
		panic("cannot write %s", path);
}

unsigned int disk_back_state(struct disk *d)
{
	return (unsigned int)back_number(d, "state", XenbusStateUnknown);
}

static void hit(evtchn_port_t port)
{
	(void)port;
}

static void publish(struct disk *d)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
	char path[128];

	if (event_channel_op(EVTCHNOP_alloc_unbound, &a))
		panic("no port");
	d->port = a.port;
	port_handler(d->port, hit);
	port_unmask(d->port);
	memset(ring_pages[d->nr], 0, sizeof(ring_pages[d->nr]));
	SHARED_RING_INIT((struct blkif_sring *)ring_pages[d->nr]);
	FRONT_RING_INIT(&d->ring, (struct blkif_sring *)ring_pages[d->nr], sizeof(ring_pages[d->nr]));
	memset(d->slot, 0, sizeof(d->slot));
	d->outstanding = 0;
	grant(RING_REF(d->nr), ring_pages[d->nr], GTF_permit_access);
	tell(d, "multi-queue-num-queues", 1);
	tell(d, "ring-page-order", 0);
	tell(d, "ring-ref", RING_REF(d->nr));
	tell(d, "event-channel", d->port);
	snprintf(path, sizeof(path), "device/vbd/%u/protocol", d->vdev);
	if (!store_write(path, PROTOCOL))
		panic("cannot write %s", path);
	if (d->lie[0]) {
		snprintf(path, sizeof(path), "device/vbd/%u/%s", d->vdev, d->lie[0]);
		if (!store_write(path, d->lie[1]))
			panic("cannot write %s", path);
	}
	tell(d, "state", XenbusStateInitialised);
	d->state = DISK_ASKED;
}

static void learn(struct disk *d)
{
	d->sectors = back_number(d, "sectors", 0);
	d->sector_size = (uint32_t)back_number(d, "sector-size", 512);
	d->granularity = (uint32_t)back_number(d, "discard-granularity", d->sector_size);
	d->max_indirect = (unsigned int)back_number(d, "feature-max-indirect-segments", 0);
	d->flush = back_number(d, "feature-flush-cache", 0);
	d->discard = back_number(d, "feature-discard", 0);
	d->readonly = back_number(d, "info", 0) & VDISK_READONLY;
	if (d->max_indirect > MOST_SEGMENTS)
		d->max_indirect = MOST_SEGMENTS;
	tell(d, "state", XenbusStateConnected);
	d->state = DISK_READY;
	printf("connected %u\n", d->vdev);
}

void disk_close(struct disk *d)
{
	grant_table[RING_REF(d->nr)].flags = GTF_invalid;
	(void)evtchn_close(d->port);
	d->state = DISK_NONE;
	printf("closed %u\n", d->vdev);
	if (front_number(d, "state", XenbusStateUnknown) != XenbusStateUnknown)
		tell(d, "state", XenbusStateClosed);
}

void disk_begin(struct disk *d, unsigned int nr)
{
	d->nr = nr;
	d->vdev = 51712 + 16 * nr;
	d->state = DISK_NONE;
}

static void find(struct disk *d)
{
	char path[128];

	snprintf(path, sizeof(path), "device/vbd/%u/backend", d->vdev);
	if (front_number(d, "state", XenbusStateUnknown) != XenbusStateInitialising || !store_read(path, d->back, sizeof(d->back)))
		return;
	snprintf(path, sizeof(path), "%s/state", d->back);
	(void)store_watch(path);	/* refused when it was set before */
	if (disk_back_state(d) == XenbusStateInitWait)
		publish(d);
}

void disk_look(struct disk *d)
{
	unsigned int back;

	if (d->state == DISK_NONE) {
		find(d);
		return;
	}
	back = disk_back_state(d);
	if (d->state == DISK_ASKED && back == XenbusStateConnected)
		learn(d);
	else if (back == XenbusStateClosing || back == XenbusStateClosed || back == XenbusStateUnknown)
		disk_close(d);
}

void disk_connect(struct disk *d)
{
	for (;;) {
		disk_look(d);
		if (d->state == DISK_READY)
			return;
		store_wait();
	}
}

void disk_anew(struct disk *d)
{
	tell(d, "state", XenbusStateInitialising);
}

/* ---- requests ---- */

static void fill_indirect(struct disk *d, struct blkif_request_indirect *to, const struct disk_request *r, unsigned int slot)
{
	unsigned int nr = r->nr < MOST_SEGMENTS ? r->nr : MOST_SEGMENTS;

	(void)d;
	to->operation = BLKIF_OP_INDIRECT;
	to->indirect_op = r->operation;
	to->nr_segments = r->nr;
	to->id = ID_TAG | slot;
	to->sector_number = r->sector;
	to->indirect_grefs[0] = r->list_ref ? r->list_ref : LIST_REF(slot);
	memcpy(list_pages[slot], r->segment, nr * sizeof(r->segment[0]));
}

static void fill_direct(struct disk *d, struct blkif_request *to, const struct disk_request *r, unsigned int slot)
{
	unsigned int nr = r->nr < BLKIF_MAX_SEGMENTS_PER_REQUEST ? r->nr : BLKIF_MAX_SEGMENTS_PER_REQUEST;

	to->operation = r->operation;
	to->nr_segments = (uint8_t)r->nr;
	to->handle = (blkif_vdev_t)d->vdev;
	to->id = ID_TAG | slot;
	to->sector_number = r->sector;
	memcpy(to->seg, r->segment, nr * sizeof(r->segment[0]));
}

static void fill(struct disk *d, struct disk_request *r, unsigned int slot)
{
	struct blkif_request *to = RING_GET_REQUEST(&d->ring, d->ring.req_prod_pvt);
	struct blkif_request_discard *discard = (void *)to;

	memset(to, 0, sizeof(*to));
	if (r->indirect) {
		fill_indirect(d, (void *)to, r, slot);
	} else if (r->operation == BLKIF_OP_DISCARD) {
		discard->operation = r->operation;
		discard->id = ID_TAG | slot;
		discard->sector_number = r->sector;
		discard->nr_sectors = r->nr_sectors;
	} else {
		fill_direct(d, to, r, slot);
	}
}

static void push(struct disk *d)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&d->ring, notify);
	if (notify)
		(void)evtchn_send(d->port);
}

static unsigned int free_slot(struct disk *d)
{
	for (unsigned int i = 0; i < RING_SLOTS; i++)
		if (!d->slot[i])
			return i;
	return RING_SLOTS;
}

void disk_put(struct disk *d, struct disk_request *r)
{
	unsigned int slot;

	while (d->outstanding == RING_SLOTS) {
		push(d);
		sleep_for(d->ring.rsp_cons != READ_ONCE(d->ring.sring->rsp_prod));
		disk_reap(d);
	}
	slot = free_slot(d);
	d->slot[slot] = r;
	r->done = false;
	fill(d, r, slot);
	d->ring.req_prod_pvt++;
	d->outstanding++;
}

static void take(struct disk *d, const struct blkif_response *rsp)
{
	unsigned int slot = (unsigned int)rsp->id;
	struct disk_request *r;

	if ((rsp->id & ~0xffffffffULL) != ID_TAG || slot >= RING_SLOTS || !d->slot[slot])
		panic("disk %u: an answer to nothing, id %lx", d->vdev, (unsigned long)rsp->id);
	r = d->slot[slot];
	/* Where indirect requests are not offered theirs is an operation like any unknown one. */
	if (rsp->operation != r->operation && !(r->indirect && !d->max_indirect))
		panic("disk %u: operation %u answered as %u", d->vdev, r->operation, rsp->operation);
	d->slot[slot] = NULL;
	d->outstanding--;
	r->status = rsp->status;
	r->done = true;
}

/* When it returns the backend signals the next one. */
void disk_reap(struct disk *d)
{
	int more;

	do {
		RING_IDX prod = READ_ONCE(d->ring.sring->rsp_prod);

		if (prod - d->ring.rsp_cons > d->outstanding)
			panic("disk %u: %u answers to %u requests", d->vdev, prod - d->ring.rsp_cons, d->outstanding);
		xen_rmb();
		for (; d->ring.rsp_cons != prod; d->ring.rsp_cons++)
			take(d, RING_GET_RESPONSE(&d->ring, d->ring.rsp_cons));
		RING_FINAL_CHECK_FOR_RESPONSES(&d->ring, more);
	} while (more);
}

void disk_wait(struct disk *d)
{
	push(d);
	for (;;) {
		disk_reap(d);
		if (!d->outstanding)
			return;
		sleep_for(d->ring.rsp_cons != READ_ONCE(d->ring.sring->rsp_prod));
	}
}

int disk_do(struct disk *d, struct disk_request *r)
{
	disk_put(d, r);
	disk_wait(d);
	return r->status;
}
