// SPDX-License-Identifier: GPL-2.0-only
/*
 * hvnullback: serves the class "null" (include/uapi/linux/hvnull.h). It is the pattern for backends in the kernel and what their frame
 * is tested with, so it does all that one needs and nothing else: probe, connect, rings, grants, work on lent threads, answers that
 * come later from somewhere else, disconnect.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <xen/interface/xen.h>
#include <xen/interface/io/ring.h>
#include <uapi/linux/hvnull.h>

#include "../hvpriv/compat/hrtimer.h"
#include "../hvpriv/hvpriv_backend.h"

#define DEFAULT_BUDGET	32
#define MAX_BUDGET	1024

DEFINE_RING_TYPES(hvnull, struct hvnull_request, struct hvnull_response);

/* A request that is answered by its timer. There is one for each slot of the ring, so none is ever missing. */
struct later {
	struct hrtimer timer;
	struct list_head node;		/* ->spare, when it is not in flight */
	struct null_queue *q;
	struct hvnull_request req;
	struct hv_grant g;
};

struct null_queue {
	struct null_device *n;
	unsigned int index;
	struct hv_work work;
	struct hv_ring map;
	struct hv_event *event;		/* set before the device is live */

	spinlock_t lock;		/* responses: of ->work, and of timers; what follows */
	struct hvnull_back_ring ring;	/* req_cons is of ->work alone */
	struct later *later;
	struct list_head spare;
	unsigned int in_flight;
	wait_queue_head_t landed;	/* in_flight became 0 */
};

struct null_device {
	struct hvback_device *dev;
	u32 budget;
	bool prompt;			/* works wait for nothing but memory: one page, to copy */
	atomic64_t requests, failed, by_vcpu;
	bool live;			/* connect() is through, disconnect() has not begun */
	u32 nr_queues;
	struct null_queue *queue;
};

/* ---- requests ----------------------------------------------------------------------------------- */

/* Under q->lock. Return: whether the guest wants to be told. */
static bool put_response(struct null_queue *q, const struct hvnull_request *req, int status, u64 value)
{
	struct hvnull_response *rsp = RING_GET_RESPONSE(&q->ring, q->ring.rsp_prod_pvt++);
	int notify;

	lockdep_assert_held(&q->lock);
	*rsp = (struct hvnull_response){ .id = req->id, .status = status, .value = value };
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->ring, notify);
	atomic64_inc(&q->n->requests);
	if (status)
		atomic64_inc(&q->n->failed);
	return notify;
}

static void respond(struct null_queue *q, const struct hvnull_request *req, int status, u64 value)
{
	unsigned long flags;
	bool notify;

	spin_lock_irqsave(&q->lock, flags);
	notify = put_response(q, req, status, value);
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		hv_event_post(q->event);
}

static u64 sum(const struct page *page, const struct hvnull_request *req)
{
	const u8 *p = kmap_local_page((struct page *)page);
	u64 s = 0;
	u32 i;

	for (i = 0; i < req->len; i++)
		s += READ_ONCE(p[req->offset + i]);
	kunmap_local(p);
	return s;
}

static int do_sum(struct null_queue *q, const struct hvnull_request *req, u64 *ret)
{
	struct hv_grant g = { .ref = req->ref[0] };
	int r;

	r = hv_grant_get(q->n->dev->peer, &g, 1);
	if (r)
		return r;
	*ret = sum(g.page, req);
	hv_grant_put(q->n->dev->peer, &g, 1, false);
	return 0;
}

static void fill(struct page *page, const struct hvnull_request *req)
{
	void *p = kmap_local_page(page);

	memset(p + req->offset, (u8)req->value, req->len);
	kunmap_local(p);
}

static int do_fill(struct null_queue *q, const struct hvnull_request *req)
{
	struct hv_grant g = { .ref = req->ref[0], .write = true };
	int r;

	r = hv_grant_get(q->n->dev->peer, &g, 1);
	if (r)
		return r;
	fill(g.page, req);
	hv_grant_put(q->n->dev->peer, &g, 1, true);
	return 0;
}

static int do_copy(struct null_queue *q, const struct hvnull_request *req)
{
	struct hv_copy c = { .ref = req->ref[0], .offset = req->offset, .len = req->len };
	int r;

	c.page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!c.page)
		return -ENOMEM;
	hv_grant_copy(q->n->dev->peer, &c, 1);
	r = c.result;
	if (!r) {
		c.ref = req->ref[1];
		c.to_guest = true;
		hv_grant_copy(q->n->dev->peer, &c, 1);
		r = c.result;
	}
	__free_page(c.page);
	return r;
}

/* ---- requests that are answered later: the timer is what the end of a bio is elsewhere ------------- */

/*
 * Everything under the lock: who waits for in_flight to become 0 takes the event and the ring away next. The grant goes before the
 * response, or the guest finds its page still in use.
 */
static enum hrtimer_restart land(struct hrtimer *timer)
{
	struct later *l = container_of(timer, struct later, timer);
	struct null_queue *q = l->q;
	unsigned long flags;

	fill(l->g.page, &l->req);
	hv_grant_put(q->n->dev->peer, &l->g, 1, true);
	spin_lock_irqsave(&q->lock, flags);
	if (put_response(q, &l->req, 0, 0))
		hv_event_post(q->event);
	list_add(&l->node, &q->spare);
	if (!--q->in_flight)
		wake_up_all(&q->landed);
	spin_unlock_irqrestore(&q->lock, flags);
	return HRTIMER_NORESTART;
}

static int take_off(struct null_queue *q, const struct hvnull_request *req)
{
	struct hv_grant g = { .ref = req->ref[0], .write = true };
	struct later *l;
	int r;

	if (req->value >> 8 > HVNULL_LATER_MAX_US)
		return -EINVAL;
	r = hv_grant_get(q->n->dev->peer, &g, 1);
	if (r)
		return r;
	spin_lock_irq(&q->lock);
	l = list_first_entry(&q->spare, struct later, node);
	list_del(&l->node);
	q->in_flight++;
	spin_unlock_irq(&q->lock);
	l->req = *req;
	l->g = g;
	hrtimer_start(&l->timer, ns_to_ktime((req->value >> 8) * NSEC_PER_USEC), HRTIMER_MODE_REL_SOFT);
	return 0;
}

static void wait_for_landings(struct null_queue *q)
{
	unsigned int i;

	spin_lock_irq(&q->lock);
	wait_event_lock_irq(q->landed, !q->in_flight, q->lock);
	spin_unlock_irq(&q->lock);
	for (i = 0; i < RING_SIZE(&q->ring); i++)
		hrtimer_cancel(&q->later[i].timer);	/* one may not be out of its function yet */
}

/* ---- the ring ---------------------------------------------------------------------------------- */

/* @req is our copy: what is checked is what is used. */
static void serve_request(struct null_queue *q, const struct hvnull_request *req)
{
	u64 value = 0;
	int r = 0;

	if (req->reserved || req->len > PAGE_SIZE || req->offset > PAGE_SIZE - req->len) {
		respond(q, req, -EINVAL, 0);
		return;
	}
	switch (req->op) {
	case HVNULL_ECHO:
		value = req->value;
		break;
	case HVNULL_SUM:
		r = do_sum(q, req, &value);
		break;
	case HVNULL_FILL:
		r = do_fill(q, req);
		break;
	case HVNULL_COPY:
		r = do_copy(q, req);
		break;
	case HVNULL_LATER:
		r = take_off(q, req);
		if (!r)
			return;
		break;
	default:
		r = -EOPNOTSUPP;
	}
	respond(q, req, r, value);
}

/*
 * How many requests are new. The guest's index is looked at once. It may have no more requests outstanding than there are slots;
 * RING_REQUEST_PROD_OVERFLOW() alone lets it go back behind what we took.
 */
static bool count_new(struct null_queue *q, RING_IDX *ret_nr)
{
	RING_IDX prod = READ_ONCE(q->ring.sring->req_prod), nr = prod - q->ring.req_cons;

	virt_rmb();	/* the requests after the index */
	*ret_nr = nr;
	return nr <= RING_SIZE(&q->ring) && prod - READ_ONCE(q->ring.rsp_prod_pvt) <= RING_SIZE(&q->ring);
}

/* On a lent thread: a bounded piece, so that the domain's other devices have their turn. */
static void serve(struct hv_work *work)
{
	struct null_queue *q = container_of(work, struct null_queue, work);
	u32 budget = READ_ONCE(q->n->budget);
	struct hvnull_request req;
	RING_IDX nr;
	int more;

	if (!smp_load_acquire(&q->n->live))	/* pairs with connect(), which queues us at its end */
		return;
	if (work->by_vcpu)
		atomic64_inc(&q->n->by_vcpu);
	if (!count_new(q, &nr)) {
		hvback_broken(q->n->dev, "queue %u: %u requests in a ring of %u", q->index, nr, RING_SIZE(&q->ring));
		return;
	}
	more = nr > budget;
	for (nr = min(nr, budget); nr; nr--) {
		RING_COPY_REQUEST(&q->ring, q->ring.req_cons, &req);
		q->ring.req_cons++;
		serve_request(q, &req);
	}
	if (!more)
		RING_FINAL_CHECK_FOR_REQUESTS(&q->ring, more);
	if (more)
		hv_work_queue(q->n->dev->workers, work);
}

static void kicked(void *arg)
{
	struct null_queue *q = arg;

	hv_work_queue(q->n->dev->workers, &q->work);
}

/* ---- connection ----------------------------------------------------------------------------------- */

/* One after the other for all queues: what was taken is answered and told before the ring and the port go. */
static void disconnect_all(struct null_device *n)
{
	struct null_queue *q;

	WRITE_ONCE(n->live, false);
	for (q = n->queue; q < n->queue + n->nr_queues; q++) {
		hv_work_cancel(n->dev->workers, &q->work);	/* what it is queued for from now on finds no live device */
		if (q->later)
			wait_for_landings(q);
		if (q->event)
			hv_event_unbind(q->event);
		hv_work_cancel(n->dev->workers, &q->work);
		if (q->map.va)
			hv_ring_unmap(n->dev->peer, &q->map);
		kvfree(q->later);
	}
	kvfree(n->queue);
	n->queue = NULL;
	n->nr_queues = 0;
}

static int make_later(struct null_queue *q)
{
	unsigned int i;

	q->later = kvcalloc(RING_SIZE(&q->ring), sizeof(*q->later), GFP_KERNEL_ACCOUNT);
	if (!q->later)
		return -ENOMEM;
	for (i = 0; i < RING_SIZE(&q->ring); i++) {
		q->later[i].q = q;
		hv_hrtimer_setup(&q->later[i].timer, land, HRTIMER_MODE_REL_SOFT);
		list_add(&q->later[i].node, &q->spare);
	}
	return 0;
}

/* A ring that was served before goes on: what its last server took it has answered. */
static int map_ring(struct null_queue *q, const struct hvback_queue *from)
{
	struct hvnull_sring *sring;
	int r;

	r = hv_ring_map(q->n->dev->peer, from->ref[0], from->nr_refs[0], &q->map);
	if (r)
		return r;
	sring = q->map.va;
	BACK_RING_ATTACH(&q->ring, sring, READ_ONCE(sring->rsp_prod), q->map.nr * PAGE_SIZE);
	return make_later(q);
}

static int connect_queue(struct null_queue *q, const struct hvback_queue *from)
{
	struct hvback_device *dev = q->n->dev;
	struct hv_event *event;
	int r;

	if (!from->nr_refs[0] || from->nr_refs[1])
		return hvback_reason(dev, -EINVAL, "queue %u: one ring is wanted", q->index);
	r = map_ring(q, from);
	if (r)
		return hvback_reason(dev, r, "queue %u: its ring cannot be mapped (%d)", q->index, r);
	event = hv_event_bind(dev->peer, from->port[0], kicked, q);
	if (IS_ERR(event))
		return hvback_reason(dev, PTR_ERR(event), "queue %u: port %u cannot be bound (%ld)", q->index, from->port[0], PTR_ERR(event));
	q->event = event;
	return 0;
}

static void init_queue(struct null_device *n, unsigned int index)
{
	struct null_queue *q = &n->queue[index];

	q->n = n;
	q->index = index;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->spare);
	init_waitqueue_head(&q->landed);
	hv_work_init(&q->work, serve);
	q->work.prompt = n->prompt;
}

static int connect_queues(struct null_device *n, const struct hvback_connection *conn)
{
	unsigned int i;
	int r = 0;

	n->queue = kvcalloc(conn->nr_queues, sizeof(*n->queue), GFP_KERNEL_ACCOUNT);
	if (!n->queue)
		return -ENOMEM;
	n->nr_queues = conn->nr_queues;
	for (i = 0; i < n->nr_queues; i++)
		init_queue(n, i);
	for (i = 0; i < n->nr_queues && !r; i++)
		r = connect_queue(&n->queue[i], &conn->queue[i]);
	return r;
}

static int null_connect(struct hvback_device *dev, const struct hvback_connection *conn)
{
	struct null_device *n = dev_get_drvdata(&dev->dev);
	unsigned int i;
	int r;

	if (conn->nr_queues > HVNULL_MAX_QUEUES)
		return hvback_reason(dev, -EINVAL, "%u queues, at most %u are served", conn->nr_queues, HVNULL_MAX_QUEUES);
	if (conn->protocol != HVBACK_PROTO_X86_64 || conn->features)
		return hvback_reason(dev, -EINVAL, "unknown protocol or features");
	r = connect_queues(n, conn);
	if (r) {
		disconnect_all(n);
		return r;
	}
	smp_store_release(&n->live, true);	/* pairs with serve(): rings and events are there */
	for (i = 0; i < n->nr_queues; i++) {
		hv_work_queue(dev->workers, &n->queue[i].work);
		hv_event_post(n->queue[i].event);	/* answers that nobody told of when the module went */
	}
	return 0;
}

static void null_disconnect(struct hvback_device *dev)
{
	disconnect_all(dev_get_drvdata(&dev->dev));
}

/* ---- device --------------------------------------------------------------------------------------- */

static int configure(struct null_device *n, const struct hvnull_config *c, u32 len)
{
	if (len != sizeof(*c) || (c->flags & ~HVNULL_PROMPT) || c->budget > MAX_BUDGET)
		return hvback_reason(n->dev, -EINVAL, "settings: %zu bytes with a budget of up to %u are wanted", sizeof(*c), MAX_BUDGET);
	WRITE_ONCE(n->budget, c->budget ?: DEFAULT_BUDGET);
	n->prompt = c->flags & HVNULL_PROMPT;
	return 0;
}

static int null_probe(struct hvback_device *dev)
{
	struct null_device *n = kzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);
	int r = 0;

	if (!n)
		return -ENOMEM;
	n->dev = dev;
	n->budget = DEFAULT_BUDGET;
	if (dev->conf_len)
		r = configure(n, dev->conf, dev->conf_len);
	if (r)
		kfree(n);
	else
		dev_set_drvdata(&dev->dev, n);
	return r;
}

static void null_remove(struct hvback_device *dev)
{
	kfree(dev_get_drvdata(&dev->dev));
}

static int null_set(struct hvback_device *dev, u32 what, const void *blob, u32 len)
{
	if (what != HVNULL_SET_CONFIG)
		return -EINVAL;
	return configure(dev_get_drvdata(&dev->dev), blob, len);
}

static int null_info(struct hvback_device *dev, void *blob)
{
	struct null_device *n = dev_get_drvdata(&dev->dev);
	struct hvnull_info *info = blob;

	info->max_queues = HVNULL_MAX_QUEUES;
	info->budget = n->budget;
	info->requests = atomic64_read(&n->requests);
	info->failed = atomic64_read(&n->failed);
	info->by_vcpu = atomic64_read(&n->by_vcpu);
	return sizeof(*info);
}

static struct hvback_driver driver = {
	.driver.name	= "hvnullback",
	.class		= "null",
	.probe		= null_probe,
	.remove		= null_remove,
	.connect	= null_connect,
	.disconnect	= null_disconnect,
	.set		= null_set,
	.info		= null_info,
};

static int __init hvnullback_init(void)
{
	return hvback_register(&driver, THIS_MODULE);
}

static void __exit hvnullback_exit(void)
{
	hvback_unregister(&driver);
}

module_init(hvnullback_init);
module_exit(hvnullback_exit);

MODULE_DESCRIPTION("Zendo: a backend that counts, for tests and as a pattern");
MODULE_AUTHOR("The Zendo authors");
MODULE_LICENSE("GPL");
MODULE_ALIAS("hvback:null");
