// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that a domain's runner lends for the work of its devices (F28). What a device does is then on the domain's bill, is slowed
 * with it by its cgroup and ends with its process. Without a thread nothing is done: what is queued waits.
 *
 * Work may wait for long, for a disk that does not answer. So that other devices of the domain do not wait with it, the last thread that
 * is idle goes home for one more before it begins.
 *
 * A thread that is woken on the CPU of the vCPU that signalled gains nothing: the guest waits for it all the same, and two switches
 * between threads cost as much as the work. Whether that is so only the scheduler knows, so it is asked: where a woken thread
 * comes to run on its waker's CPU, the next HELP pieces of prompt work are done by the vCPU's thread itself, and then one is woken again.
 *
 * Where a guest sleeps, work for it that comes from elsewhere (a packet) would wake two threads one after the other: a lent one, and the
 * vCPU's for the event. So the latter is woken at once, and does the work first.
 */
#include <linux/export.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>

#include "hvpriv_backend.h"
#include "user_return.h"
#include "workers.h"

#define WORK_QUEUED	(1U << 0)
#define WORK_RUNNING	(1U << 1)
#define WORK_AGAIN	(1U << 2)	/* queued while it runs */
#define WORK_CANCEL	(1U << 3)	/* not to be queued again */

#define NO_VCPU		(~0U)		/* in ->cpu: it was no vCPU's thread that queued it */

#define HELP		64
#define HELP_PIECES	4		/* at once; then the guest goes on, and a lent thread is woken for the rest */

/* Whose guest's signals are being told on this CPU; preemption is off then. */
static DEFINE_PER_CPU(struct hv_workers *, told);

void hv_workers_init(struct hv_workers *w)
{
	spin_lock_init(&w->lock);
	INIT_LIST_HEAD(&w->queue);
	INIT_LIST_HEAD(&w->idle);
	init_waitqueue_head(&w->wait);
	init_waitqueue_head(&w->done);
}

void hv_work_init(struct hv_work *work, void (*fn)(struct hv_work *work))
{
	work->fn = fn;
	work->prompt = false;
	work->by_vcpu = false;
	work->left = false;
	work->state = 0;
	work->cpu = NO_VCPU;
	INIT_LIST_HEAD(&work->node);
}
EXPORT_SYMBOL_GPL(hv_work_init);

static void enqueue(struct hv_workers *w, struct hv_work *work)
{
	lockdep_assert_held(&w->lock);
	work->state |= WORK_QUEUED;
	work->left = false;
	list_add_tail(&work->node, &w->queue);
}

/* Whether a vCPU's thread will see to it: it calls hv_workers_help(). */
static bool left_to_vcpu(struct hv_workers *w, struct hv_work *work)
{
	lockdep_assert_held(&w->lock);
	if (!work->prompt || !w->help || (__this_cpu_read(told) != w && w->helper != current))
		return false;
	w->help--;
	work->left = true;
	return true;
}

/* Wakes a vCPU's thread that has nothing to do. Under the lock, which it needs to go away. */
static bool rouse(struct hv_workers *w, struct hv_work *work)
{
	struct hv_idler *i;

	lockdep_assert_held(&w->lock);
	i = list_first_entry_or_null(&w->idle, struct hv_idler, node);
	if (!work->prompt || !i)
		return false;
	list_del_init(&i->node);
	WRITE_ONCE(i->roused, true);
	work->left = true;
	wake_up_process(i->task);
	return true;
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
		work->cpu = __this_cpu_read(told) == w ? smp_processor_id() : NO_VCPU;
		wake = !left_to_vcpu(w, work) && !rouse(w, work);
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

static struct hv_work *begin_locked(struct hv_work *work, bool by_vcpu)
{
	list_del_init(&work->node);
	work->state = (work->state & ~WORK_QUEUED) | WORK_RUNNING;
	work->by_vcpu = by_vcpu;
	work->left = false;
	return work;
}

/* Once for each number of them: who lends may have no more. */
static bool must_ask(struct hv_workers *w)
{
	lockdep_assert_held(&w->lock);
	if (w->busy + 1 < w->lent || w->lent <= w->asked)
		return false;
	w->asked = w->lent;
	return true;
}

/* The oldest one; NULL: there is none, or (@ret_ask) one more thread is wanted first. */
static struct hv_work *take(struct hv_workers *w, bool *ret_ask)
{
	struct hv_work *work;

	spin_lock_irq(&w->lock);
	work = list_first_entry_or_null(&w->queue, struct hv_work, node);
	*ret_ask = work && must_ask(w);
	if (*ret_ask)
		work = NULL;
	if (work) {
		if (work->cpu != NO_VCPU)
			w->help = work->cpu == smp_processor_id() ? HELP : 0;
		begin_locked(work, false);
		w->busy++;
	}
	spin_unlock_irq(&w->lock);
	return work;
}

/* The oldest one that was left to a vCPU's thread. */
static struct hv_work *take_left(struct hv_workers *w)
{
	struct hv_work *work, *found = NULL;

	spin_lock_irq(&w->lock);
	list_for_each_entry(work, &w->queue, node) {
		if (work->left) {
			found = begin_locked(work, true);
			break;
		}
	}
	spin_unlock_irq(&w->lock);
	return found;
}

/* Behind it @work may be gone, unless it is queued again. @lent: by a thread that is. */
static void finish(struct hv_workers *w, struct hv_work *work, bool lent)
{
	spin_lock_irq(&w->lock);
	w->busy -= lent;
	work->state &= ~WORK_RUNNING;
	if (work->state & WORK_AGAIN) {
		work->state &= ~WORK_AGAIN;
		enqueue(w, work);
		work->cpu = NO_VCPU;
		work->left = work->by_vcpu;	/* who does so now goes on, or wakes another one */
	}
	if (work->state & WORK_CANCEL)
		wake_up_all(&w->done);
	spin_unlock_irq(&w->lock);
}

static bool wanted(struct hv_workers *w)
{
	return READ_ONCE(w->over) || !list_empty_careful(&w->queue);
}

static void count_lent(struct hv_workers *w, int n)
{
	spin_lock_irq(&w->lock);
	WRITE_ONCE(w->lent, w->lent + n);	/* vcpu_halt() looks without the lock */
	spin_unlock_irq(&w->lock);
}

/* A thread that leaves may have been woken for something: another one gets it. */
int hv_workers_lend(struct hv_workers *w)
{
	struct hv_work *work;
	bool ask = false;
	int r = 0;

	count_lent(w, 1);
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
		work = READ_ONCE(w->over) ? NULL : take(w, &ask);
		if (ask) {
			r = 1;
			break;
		}
		if (!work)
			continue;
		work->fn(work);
		finish(w, work, true);
		cond_resched();
	}
	count_lent(w, -1);
	if (wanted(w))
		wake_up(&w->wait);
	return r;
}

void hv_workers_told_begin(struct hv_workers *w)
{
	__this_cpu_write(told, w);
}

void hv_workers_told_end(void)
{
	__this_cpu_write(told, NULL);
}

/* How many are left still, which are nobody's affair in particular any more. */
static unsigned int give_up_left(struct hv_workers *w)
{
	struct hv_work *work;
	unsigned int n = 0;

	spin_lock_irq(&w->lock);
	if (w->helper == current)
		w->helper = NULL;
	list_for_each_entry(work, &w->queue, node) {
		n += work->left;
		work->left = false;
	}
	spin_unlock_irq(&w->lock);
	return n;
}

/* Several vCPUs may help at once: one of them is known, and the others' work goes to lent threads. */
static void become_helper(struct hv_workers *w)
{
	spin_lock_irq(&w->lock);
	w->helper = current;
	spin_unlock_irq(&w->lock);
}

static bool may_help(const struct hv_workers *w)
{
	return !READ_ONCE(w->over) && !signal_pending(current) && !hv_must_return();
}

void hv_workers_help(struct hv_workers *w)
{
	struct hv_work *work;
	unsigned int n;

	if (list_empty_careful(&w->queue))
		return;
	become_helper(w);
	/* What is queued by this thread meanwhile, say an answer to a packet, is its affair, too. */
	for (n = 0; n < HELP_PIECES && may_help(w) && (work = take_left(w)); n++) {
		work->fn(work);
		finish(w, work, false);
		cond_resched();
	}
	/* One thread for each: a device that is slow must not have another one's work behind it. */
	n = give_up_left(w);
	if (n)
		wake_up_nr(&w->wait, n);
}

void hv_workers_idle(struct hv_workers *w, struct hv_idler *i, bool again)
{
	spin_lock_irq(&w->lock);
	i->task = current;
	WRITE_ONCE(i->roused, false);
	if (again)
		list_add_tail(&i->node, &w->idle);
	else
		list_add(&i->node, &w->idle);
	spin_unlock_irq(&w->lock);
}

bool hv_workers_idle_end(struct hv_workers *w, struct hv_idler *i)
{
	bool roused;

	spin_lock_irq(&w->lock);
	list_del_init(&i->node);
	roused = i->roused;
	WRITE_ONCE(i->roused, false);
	spin_unlock_irq(&w->lock);
	return roused;
}

void hv_workers_end(struct hv_workers *w)
{
	WRITE_ONCE(w->over, true);
	wake_up_all(&w->wait);
}
