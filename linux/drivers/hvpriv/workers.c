// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that a domain's runner lends for the work of its devices (F28). What a device does is then on the domain's bill, is slowed
 * with it by its cgroup and ends with its process. Without a thread nothing is done: what is queued waits.
 */
#include <linux/export.h>
#include <linux/sched/signal.h>

#include "hvpriv_backend.h"
#include "user_return.h"
#include "workers.h"

#define WORK_QUEUED	(1U << 0)
#define WORK_RUNNING	(1U << 1)
#define WORK_AGAIN	(1U << 2)	/* queued while it runs */
#define WORK_CANCEL	(1U << 3)	/* not to be queued again */

void hv_workers_init(struct hv_workers *w)
{
	spin_lock_init(&w->lock);
	INIT_LIST_HEAD(&w->queue);
	init_waitqueue_head(&w->wait);
	init_waitqueue_head(&w->done);
}

void hv_work_init(struct hv_work *work, void (*fn)(struct hv_work *work))
{
	work->fn = fn;
	work->state = 0;
	INIT_LIST_HEAD(&work->node);
}
EXPORT_SYMBOL_GPL(hv_work_init);

static void enqueue(struct hv_workers *w, struct hv_work *work)
{
	lockdep_assert_held(&w->lock);
	work->state |= WORK_QUEUED;
	list_add_tail(&work->node, &w->queue);
}

void hv_work_queue(struct hv_workers *w, struct hv_work *work)
{
	unsigned long flags;
	bool wake = false;

	spin_lock_irqsave(&w->lock, flags);
	if (work->state & WORK_CANCEL) {
		/* it is not wanted any more */
	} else if (work->state & WORK_RUNNING) {
		work->state |= WORK_AGAIN;
	} else if (!(work->state & WORK_QUEUED)) {
		enqueue(w, work);
		wake = true;
	}
	spin_unlock_irqrestore(&w->lock, flags);
	if (wake)
		wake_up(&w->wait);
}
EXPORT_SYMBOL_GPL(hv_work_queue);

void hv_work_cancel(struct hv_workers *w, struct hv_work *work)
{
	spin_lock_irq(&w->lock);
	work->state |= WORK_CANCEL;
	if (work->state & WORK_QUEUED)
		list_del_init(&work->node);
	work->state &= ~(WORK_QUEUED | WORK_AGAIN);
	wait_event_lock_irq(w->done, !(work->state & WORK_RUNNING), w->lock);
	work->state = 0;
	spin_unlock_irq(&w->lock);
}
EXPORT_SYMBOL_GPL(hv_work_cancel);

/* The oldest one; NULL: there is none. */
static struct hv_work *take(struct hv_workers *w)
{
	struct hv_work *work;

	spin_lock_irq(&w->lock);
	work = list_first_entry_or_null(&w->queue, struct hv_work, node);
	if (work) {
		list_del_init(&work->node);
		work->state = (work->state & ~WORK_QUEUED) | WORK_RUNNING;
	}
	spin_unlock_irq(&w->lock);
	return work;
}

/* Behind it @work may be gone, unless it is queued again. */
static void finish(struct hv_workers *w, struct hv_work *work)
{
	spin_lock_irq(&w->lock);
	work->state &= ~WORK_RUNNING;
	if (work->state & WORK_AGAIN) {
		work->state &= ~WORK_AGAIN;
		enqueue(w, work);
	}
	if (work->state & WORK_CANCEL)
		wake_up_all(&w->done);
	spin_unlock_irq(&w->lock);
}

static bool wanted(struct hv_workers *w)
{
	return READ_ONCE(w->over) || !list_empty_careful(&w->queue);
}

/* A thread that leaves may have been woken for something: another one gets it. */
int hv_workers_lend(struct hv_workers *w)
{
	struct hv_work *work;
	int r = 0;

	while (!READ_ONCE(w->over)) {
		if (hv_must_return()) {
			r = -EINTR;
			break;
		}
		r = wait_event_interruptible_exclusive(w->wait, wanted(w));
		if (r || signal_pending(current)) {
			r = -ERESTARTSYS;
			break;
		}
		work = READ_ONCE(w->over) ? NULL : take(w);
		if (!work)
			continue;
		work->fn(work);
		finish(w, work);
		cond_resched();
	}
	if (wanted(w))
		wake_up(&w->wait);
	return r;
}

void hv_workers_end(struct hv_workers *w)
{
	WRITE_ONCE(w->over, true);
	wake_up_all(&w->wait);
}
