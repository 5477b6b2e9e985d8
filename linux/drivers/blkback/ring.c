// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of a disk: its work takes requests, in pieces, on threads that the domain's runner lends; answers come from wherever the
 * target ends, also from interrupts. What has to wait for the target is deferred to a server, one of a few works beside it.
 *
 * The end: vbd_ring_stop() says stop under the lock, so no work is queued from then on; what is in flight ends by itself, and its last
 * answer is given under the lock, so who has had the lock afterwards may free the ring.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "blkback.h"

#define PIECE	32	/* requests of one run; then other devices of the domain have their turn */

enum take { TAKEN, NOTHING, STARVED, BROKEN };

/* ---- work ---- */

static void queue_work_locked(struct vbd_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	if (!ring->stop)
		hv_work_queue(ring->vbd->dev->workers, &ring->work);
}

static void ring_queue(struct vbd_ring *ring)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	queue_work_locked(ring);
	spin_unlock_irqrestore(&ring->lock, flags);
}

static void ring_event(void *arg)
{
	ring_queue(arg);
}

static void queue_server_locked(struct vbd_ring *ring, struct vbd_server *server)
{
	lockdep_assert_held(&ring->lock);
	if (ring->stop)
		queue_work(system_unbound_wq, &ring->leftover);
	else
		hv_work_queue(ring->vbd->dev->workers, &server->work);
}

void vbd_ring_defer(struct vbd_io *io)
{
	struct vbd_ring *ring = io->ring;
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	list_add_tail(&io->node, &ring->deferred);
	queue_server_locked(ring, &ring->server[ring->next_server++ % VBD_SERVERS]);
	spin_unlock_irqrestore(&ring->lock, flags);
}

/* @server: who takes it, and queues itself when there is more. */
static struct vbd_io *next_deferred(struct vbd_ring *ring, struct vbd_server *server)
{
	struct vbd_io *io;
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	io = list_first_entry_or_null(&ring->deferred, struct vbd_io, node);
	if (io)
		list_del(&io->node);
	if (server && !list_empty(&ring->deferred))
		queue_server_locked(ring, server);
	spin_unlock_irqrestore(&ring->lock, flags);
	return io;
}

static void server_work(struct hv_work *work)
{
	struct vbd_server *server = container_of(work, struct vbd_server, work);
	struct vbd_io *io = next_deferred(server->ring, server);

	if (io)
		vbd_io_serve(io);
}

static void leftover_work(struct work_struct *work)
{
	struct vbd_ring *ring = container_of(work, struct vbd_ring, leftover);
	struct vbd_io *io;

	while ((io = next_deferred(ring, NULL)))
		vbd_io_serve(io);
}

/* ---- answers ---- */

static void answer_locked(struct vbd_ring *ring, u64 id, u8 operation, int status)
{
	lockdep_assert_held(&ring->lock);
	if (status == BLKIF_RSP_ERROR)
		ring->stats.errors++;
	else if (status == BLKIF_RSP_EOPNOTSUPP)
		ring->stats.unsupported++;
	vbd_wire_answer(&ring->wire, id, operation, status);
	if (vbd_wire_push(&ring->wire))
		hv_event_post(ring->event);
}

static void count_locked(struct vbd_ring *ring, unsigned int kind, u64 sectors, ktime_t start)
{
	u64 us = max_t(s64, ktime_us_delta(ktime_get(), start), 0);

	lockdep_assert_held(&ring->lock);
	ring->stats.requests[kind]++;
	ring->stats.sectors[kind] += sectors;
	ring->stats.latency[min_t(unsigned int, fls64(us), VBD_LATENCY_SLOTS - 1)]++;
}

static void answer_now(struct vbd_ring *ring, const struct vbd_request *r, int status)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	ring->stats.requests[r->kind]++;	/* no time was spent */
	answer_locked(ring, r->id, r->operation, status);
	spin_unlock_irqrestore(&ring->lock, flags);
}

static void release_locked(struct vbd_ring *ring, u32 segments, bool reserved)
{
	lockdep_assert_held(&ring->lock);
	if (reserved)
		ring->reserve_used = false;
	ring->inflight--;
	ring->inflight_segments -= segments;
	if (ring->starved) {
		ring->starved = false;
		queue_work_locked(ring);
	}
	if (ring->stop && !ring->inflight)
		wake_up(&ring->wait);
}

/* ---- what is kept ---- */

static const struct {
	u16 pieces, most;
} spares[VBD_NR_SPARE] = {
	[VBD_SPARE_SMALL]	= { VBD_SMALL, 32 },
	[VBD_SPARE_USUAL]	= { VBD_USUAL, 8 },
};

/* The smallest with room for so many pieces. */
static unsigned int spare_for(u32 segments)
{
	unsigned int i;

	for (i = 0; i < VBD_NR_SPARE && segments > spares[i].pieces; i++)
		;
	return i;
}

static bool keep_locked(struct vbd_ring *ring, struct vbd_io *io)
{
	unsigned int kind = io->spare;

	lockdep_assert_held(&ring->lock);
	if (kind == VBD_NR_SPARE || ring->nr_spare[kind] == spares[kind].most)
		return false;
	list_add(&io->node, &ring->spare[kind]);
	ring->nr_spare[kind]++;
	return true;
}

static struct vbd_io *take_spare_locked(struct vbd_ring *ring, unsigned int kind)
{
	struct vbd_io *io = kind < VBD_NR_SPARE ? list_first_entry_or_null(&ring->spare[kind], struct vbd_io, node) : NULL;

	lockdep_assert_held(&ring->lock);
	if (io) {
		list_del(&io->node);
		ring->nr_spare[kind]--;
	}
	return io;
}

/* Nobody has @io any more. Its grants go before its answer is seen. */
void vbd_ring_done(struct vbd_io *io, int status)
{
	struct vbd_ring *ring = io->ring;
	bool reserved = io->reserved, bounced = io->nr_bounce, kept;
	u64 id = io->id, sectors = status == BLKIF_RSP_OKAY ? io->nr_sectors : 0;
	u8 operation = io->operation, kind = io->kind;
	ktime_t start = io->start;
	u32 claimed = io->claimed;
	unsigned long flags;

	if (io->nr)
		hv_grant_put(ring->vbd->dev->peer, io->grant, io->nr, kind == VBD_READ);
	spin_lock_irqsave(&ring->lock, flags);
	kept = keep_locked(ring, io);
	ring->stats.bounced += bounced;
	count_locked(ring, kind, sectors, start);
	answer_locked(ring, id, operation, status);
	release_locked(ring, claimed, reserved);	/* the last thing: who stops may free the ring behind it */
	spin_unlock_irqrestore(&ring->lock, flags);
	if (!reserved && !kept)
		kfree(io);
}

/* ---- taking ---- */

/* Room for one more? With it what is kept for that, or NULL. If not, the next that ends queues the work again. */
static bool claim(struct vbd_ring *ring, u32 segments, struct vbd_io **ret_spare)
{
	bool room;

	*ret_spare = NULL;
	spin_lock_irq(&ring->lock);
	room = !ring->inflight || ring->inflight_segments + segments <= VBD_INFLIGHT_SEGMENTS;
	if (room) {
		ring->inflight++;
		ring->inflight_segments += segments;
		ring->stats.deepest = max(ring->stats.deepest, ring->inflight);
		*ret_spare = take_spare_locked(ring, spare_for(segments));
	} else {
		ring->starved = true;
	}
	spin_unlock_irq(&ring->lock);
	return room;
}

/* It was not used after all. The reserve being in use, somebody else is in flight. */
static void unclaim(struct vbd_ring *ring, u32 segments)
{
	spin_lock_irq(&ring->lock);
	ring->inflight--;
	ring->inflight_segments -= segments;
	if (ring->inflight)
		ring->starved = true;
	else
		queue_work_locked(ring);	/* it ended meanwhile */
	spin_unlock_irq(&ring->lock);
}

static struct vbd_io *take_reserve(struct vbd_ring *ring)
{
	struct vbd_io *io = NULL;

	spin_lock_irq(&ring->lock);
	if (!ring->reserve_used) {
		ring->reserve_used = true;
		io = ring->reserve;
	}
	spin_unlock_irq(&ring->lock);
	return io;
}

/* @io: a spare one, or NULL: one is made on the domain's bill. When that is exhausted its requests go one by one. */
static struct vbd_io *new_io(struct vbd_ring *ring, unsigned int nr, struct vbd_io *io)
{
	unsigned int kind = spare_for(nr);
	bool reserved = false;

	if (!io)
		io = kmalloc(vbd_io_size(kind < VBD_NR_SPARE ? spares[kind].pieces : nr),
			     GFP_NOIO | __GFP_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	if (!io) {
		io = take_reserve(ring);
		reserved = true;
	}
	if (!io)
		return NULL;
	memset(io, 0, offsetof(struct vbd_io, bio));
	io->reserved = reserved;
	io->spare = reserved ? VBD_NR_SPARE : kind;
	io->ring = ring;
	io->grant = (void *)&io->bv[nr];
	return io;
}

/* The request at hand becomes one in flight. Return: 0; or an error, nothing is held then. */
static int hold(struct vbd_ring *ring, struct vbd_io *io)
{
	const struct vbd_request *r = &ring->request;
	struct hvback_device *dev = ring->vbd->dev;
	unsigned int i;
	int err;

	io->start = ktime_get();
	io->id = r->id;
	io->operation = r->operation;
	io->kind = r->kind;
	io->secure = r->secure;
	io->sector = r->sector;
	io->nr_sectors = r->nr_sectors;
	io->claimed = r->nr_segments;
	if (!r->nr_segments)
		return 0;
	for (i = 0; i < r->nr_segments; i++) {
		io->grant[i].ref = ring->segment[i].gref;
		io->grant[i].write = r->kind == VBD_READ;
	}
	err = hv_grant_get(dev->peer, io->grant, r->nr_segments);
	if (err)
		return err;
	for (i = 0; i < r->nr_segments; i++) {
		const struct vbd_segment *s = &ring->segment[i];

		if (io->grant[i].offset || io->grant[i].len != PAGE_SIZE) {
			hv_grant_put(dev->peer, io->grant, r->nr_segments, false);
			return -EINVAL;
		}
		bvec_set_page(&io->bv[i], io->grant[i].page, (s->last - s->first + 1) << VBD_SECTOR_SHIFT,
			      s->first << VBD_SECTOR_SHIFT);
	}
	io->nr = r->nr_segments;
	return 0;
}

/* The segments of an indirect request: their page is copied once, and only as far as needed. */
static int fetch_segments(struct vbd_ring *ring)
{
	struct vbd_request *r = &ring->request;
	struct hv_copy copy = {
		.ref = r->indirect_gref,
		.len = r->nr_segments * sizeof(struct blkif_request_segment),
		.page = ring->segments,
	};

	if (!r->indirect) {
		memcpy(ring->segment, r->segment, r->nr_segments * sizeof(*r->segment));
		return BLKIF_RSP_OKAY;
	}
	if (hv_grant_copy(ring->vbd->dev->peer, &copy, 1))
		return BLKIF_RSP_ERROR;
	vbd_parse_segments(page_address(ring->segments), r->nr_segments, &ring->limits, ring->segment);
	return BLKIF_RSP_OKAY;
}

static int judge(struct vbd_ring *ring)
{
	int status = vbd_parse(&ring->wire, ring->slot, &ring->limits, &ring->request);

	if (!status)
		status = fetch_segments(ring);
	if (!status)
		status = vbd_check(&ring->request, ring->segment, &ring->limits);
	return status;
}

static enum take take(struct vbd_ring *ring)
{
	struct vbd_request *r = &ring->request;
	int waiting = vbd_wire_pending(&ring->wire), status;
	struct vbd_io *io;

	if (waiting <= 0)
		return waiting ? BROKEN : NOTHING;
	vbd_wire_copy(&ring->wire, ring->slot);
	status = judge(ring);
	if (status) {
		vbd_wire_taken(&ring->wire);
		answer_now(ring, r, status);
		return TAKEN;
	}
	/* Not taken before there is room: next time it is copied and judged anew. */
	if (!claim(ring, r->nr_segments, &io))
		return STARVED;
	io = new_io(ring, r->nr_segments, io);
	if (!io) {
		unclaim(ring, r->nr_segments);
		return STARVED;
	}
	vbd_wire_taken(&ring->wire);
	if (hold(ring, io))
		vbd_ring_done(io, BLKIF_RSP_ERROR);
	else
		vbd_io_begin(io);
	return TAKEN;
}

static void ring_work(struct hv_work *work)
{
	struct vbd_ring *ring = container_of(work, struct vbd_ring, work);
	enum take last = TAKEN;
	struct blk_plug plug;
	unsigned int n;

	if (ring->broken)
		return;
	blk_start_plug(&plug);
	for (n = 0; n < PIECE && last == TAKEN && !READ_ONCE(ring->stop); n++)
		last = take(ring);
	blk_finish_plug(&plug);

	switch (last) {
	case BROKEN:
		ring->broken = true;
		hvback_broken(ring->vbd->dev, "the ring's index of requests, %u, is none: %u were answered, it has %u slots",
			      READ_ONCE(ring->wire.back.sring->req_prod), READ_ONCE(ring->wire.back.rsp_prod_pvt),
			      ring->wire.back.nr_ents);
		break;
	case NOTHING:
		if (vbd_wire_more(&ring->wire))
			ring_queue(ring);
		break;
	case TAKEN:
		ring_queue(ring);
		break;
	case STARVED:
		break;
	}
}

/* ---- life ---- */

static void init_ring(struct vbd_ring *ring, struct vbd *vbd)
{
	unsigned int i;

	ring->vbd = vbd;
	ring->limits = vbd->limits;
	ring->stop = true;
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->deferred);
	for (i = 0; i < VBD_NR_SPARE; i++)
		INIT_LIST_HEAD(&ring->spare[i]);
	init_waitqueue_head(&ring->wait);
	INIT_WORK(&ring->leftover, leftover_work);
	hv_work_init(&ring->work, ring_work);
	ring->work.prompt = vbd->target.bdev && vbd->target.nowait;	/* a file system waits for its device, whatever was said */
	for (i = 0; i < VBD_SERVERS; i++) {
		ring->server[i].ring = ring;
		hv_work_init(&ring->server[i].work, server_work);
	}
}

static int map_ring(struct vbd_ring *ring, const struct hvback_queue *queue, unsigned int index, bool x86_32)
{
	struct hvback_device *dev = ring->vbd->dev;
	int r;

	r = hv_ring_map(dev->peer, queue->ref[0], queue->nr_refs[0], &ring->shared);
	if (r)
		return hvback_reason(dev, r, "queue %u: its ring of %u pages from grant %u on cannot be mapped", index,
				     queue->nr_refs[0], queue->ref[0][0]);
	r = vbd_wire_attach(&ring->wire, ring->shared.va, ring->shared.nr, x86_32);
	if (r)
		return hvback_reason(dev, r, "queue %u: its ring's indices are none", index);
	return 0;
}

struct vbd_ring *vbd_ring_create(struct vbd *vbd, const struct hvback_queue *queue, unsigned int index)
{
	const struct hvback_connection *conn = vbd->dev->conn;
	struct vbd_ring *ring;
	int r = -ENOMEM;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	init_ring(ring, vbd);
	if (conn->features & HVBACK_VBD_FE_LARGE_SECTOR)
		ring->limits.unit_shift = ilog2(ring->limits.sector_size) - VBD_SECTOR_SHIFT;
	ring->segments = alloc_page(GFP_KERNEL_ACCOUNT);
	ring->reserve = kmalloc(vbd_io_size(VBD_WIRE_SEGMENTS), GFP_KERNEL_ACCOUNT);
	if (ring->segments && ring->reserve)
		r = map_ring(ring, queue, index, conn->protocol == HVBACK_PROTO_X86_32);
	if (r) {
		vbd_ring_destroy(ring);
		return ERR_PTR(r);
	}
	return ring;
}

/*
 * From here on it works. What the guest signalled before nobody answers: the work looks once by itself. And the guest is told once: who
 * served the ring before may have answered and raised the port, and let it go before the guest heard of it; the frontend waits then for an
 * event that no later response would raise, since its rsp_event lies behind.
 */
int vbd_ring_start(struct vbd_ring *ring, unsigned int index, u32 port)
{
	struct hvback_device *dev = ring->vbd->dev;
	struct hv_event *event;

	event = hv_event_bind(dev->peer, port, ring_event, ring);
	if (IS_ERR(event))
		return hvback_reason(dev, PTR_ERR(event), "queue %u: event channel %u is not offered to dom0", index, port);
	spin_lock_irq(&ring->lock);
	ring->event = event;
	ring->stop = false;
	queue_work_locked(ring);
	spin_unlock_irq(&ring->lock);
	hv_event_post(event);
	return 0;
}

static bool is_idle(struct vbd_ring *ring)
{
	bool idle;

	spin_lock_irq(&ring->lock);
	idle = !ring->inflight;
	spin_unlock_irq(&ring->lock);
	return idle;
}

/* Take no more; what was taken is answered when this returns. Waits for the target. */
void vbd_ring_stop(struct vbd_ring *ring)
{
	struct hvback_device *dev = ring->vbd->dev;
	unsigned int i;

	spin_lock_irq(&ring->lock);
	ring->stop = true;
	if (!list_empty(&ring->deferred))
		queue_work(system_unbound_wq, &ring->leftover);
	spin_unlock_irq(&ring->lock);
	hv_work_cancel(dev->workers, &ring->work);
	for (i = 0; i < VBD_SERVERS; i++)
		hv_work_cancel(dev->workers, &ring->server[i].work);
	wait_event(ring->wait, is_idle(ring));
	cancel_work_sync(&ring->leftover);
	if (ring->event)
		hv_event_unbind(ring->event);
	ring->event = NULL;
}

void vbd_ring_destroy(struct vbd_ring *ring)
{
	struct vbd_io *io, *next;
	unsigned int i;

	if (ring->shared.nr)
		hv_ring_unmap(ring->vbd->dev->peer, &ring->shared);
	for (i = 0; i < VBD_NR_SPARE; i++)
		list_for_each_entry_safe(io, next, &ring->spare[i], node)
			kfree(io);
	if (ring->segments)
		__free_page(ring->segments);
	kfree(ring->reserve);
	kfree(ring);
}

void vbd_stats_add(struct vbd_stats *to, const struct vbd_stats *from)
{
	unsigned int i;

	for (i = 0; i < VBD_NR_KINDS; i++) {
		to->requests[i] += from->requests[i];
		to->sectors[i] += from->sectors[i];
	}
	for (i = 0; i < VBD_LATENCY_SLOTS; i++)
		to->latency[i] += from->latency[i];
	to->errors += from->errors;
	to->unsupported += from->unsupported;
	to->bounced += from->bounced;
	to->deepest = max(to->deepest, from->deepest);
}
