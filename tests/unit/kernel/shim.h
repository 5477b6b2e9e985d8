/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of a kernel as workers.c stands on, made of threads: the headers of linux/ in this folder all lead here. */
#ifndef UNIT_KERNEL_SHIM_H
#define UNIT_KERNEL_SHIM_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef uint64_t u64;

#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define EXPORT_SYMBOL_GPL(s)	_Static_assert(1, #s)
#define container_of(p, t, m)	((t *)((char *)(p) - offsetof(t, m)))
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define ERESTARTSYS		512
#define lockdep_assert_held(l)	((void)(l))
#define cond_resched()		sched_yield()

struct device { int nothing; };
struct device_driver { int nothing; };
struct module;
struct page;

/* ---- lists: the writer holds a lock, one look without is allowed ---- */

struct list_head { struct list_head *next, *prev; };

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	WRITE_ONCE(l->next, l);
	WRITE_ONCE(l->prev, l);
}

static inline void list_add_tail(struct list_head *n, struct list_head *l)
{
	n->next = l;
	n->prev = l->prev;
	WRITE_ONCE(l->prev->next, n);
	WRITE_ONCE(l->prev, n);
}

static inline void list_add(struct list_head *n, struct list_head *l)
{
	list_add_tail(n, l->next);
}

static inline void list_del_init(struct list_head *n)
{
	WRITE_ONCE(n->next->prev, n->prev);
	WRITE_ONCE(n->prev->next, n->next);
	INIT_LIST_HEAD(n);
}

static inline bool list_empty_careful(const struct list_head *l)
{
	return READ_ONCE(l->next) == l && READ_ONCE(l->prev) == l;
}

#define list_for_each_entry(p, l, m) \
	for (p = container_of((l)->next, __typeof__(*p), m); &p->m != (l); p = container_of(p->m.next, __typeof__(*p), m))
#define list_first_entry_or_null(l, t, m) ((l)->next == (l) ? NULL : container_of((l)->next, t, m))

/* ---- CPUs: a thread is on the one that it says ---- */

extern __thread unsigned kernel_cpu;
#define smp_processor_id()		kernel_cpu
#define DEFINE_PER_CPU(t, name)		__thread t name
#define __this_cpu_read(name)		(name)
#define __this_cpu_write(name, v)	((name) = (v))

/* ---- locks ---- */

typedef struct { pthread_mutex_t m; } spinlock_t;

static inline void spin_lock_init(spinlock_t *l) { pthread_mutex_init(&l->m, NULL); }
static inline void spin_lock_irq(spinlock_t *l) { pthread_mutex_lock(&l->m); }
static inline void spin_unlock_irq(spinlock_t *l) { pthread_mutex_unlock(&l->m); }
#define spin_lock_irqsave(l, f)		((void)(f = 0), spin_lock_irq(l))
#define spin_unlock_irqrestore(l, f)	((void)f, spin_unlock_irq(l))

/* ---- waiting: as in the kernel, a wake-up takes one waiter off the queue, and is gone with it ---- */

struct waiter { struct waiter *next; bool queued; };
typedef struct { pthread_mutex_t m; pthread_cond_t changed; struct waiter *first; } wait_queue_head_t;

/* A signal for a thread: kernel_signal() wakes it where it waits. */
struct task { bool signal; };
#define task_struct task
extern __thread struct task *current;
static inline void wake_up_process(struct task *t) { (void)t; }	/* who sleeps so spins */
extern bool kernel_signal_at_wake;	/* the next one that is woken gets a signal just then */

static inline bool signal_pending(struct task *t) { return READ_ONCE(t->signal); }

/* Nothing ever waits for the way back to user space. */
#define TIF_NOTIFY_RESUME	1
static inline bool test_thread_flag(int flag) { return flag != TIF_NOTIFY_RESUME; }
static inline bool task_work_pending(struct task *t) { return !t; }

static inline void init_waitqueue_head(wait_queue_head_t *w)
{
	pthread_mutex_init(&w->m, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->first = NULL;
}

static inline void kernel_dequeue(wait_queue_head_t *w, struct waiter *me)
{
	struct waiter **p;

	for (p = &w->first; *p && *p != me; p = &(*p)->next)
		;
	if (*p)
		*p = me->next;
	me->queued = false;
}

static inline void kernel_enqueue(wait_queue_head_t *w, struct waiter *me)
{
	struct waiter **p;

	if (me->queued)
		return;
	for (p = &w->first; *p; p = &(*p)->next)
		;
	*p = me;
	me->next = NULL;
	me->queued = true;
}

static inline void wake_up(wait_queue_head_t *w)
{
	pthread_mutex_lock(&w->m);
	if (w->first)
		kernel_dequeue(w, w->first);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->m);
}

static inline void wake_up_nr(wait_queue_head_t *w, unsigned nr)
{
	while (nr--)
		wake_up(w);
}

static inline void wake_up_all(wait_queue_head_t *w)
{
	pthread_mutex_lock(&w->m);
	while (w->first)
		kernel_dequeue(w, w->first);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->m);
}

static inline void kernel_signal(struct task *t, wait_queue_head_t *w)
{
	pthread_mutex_lock(&w->m);
	WRITE_ONCE(t->signal, true);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->m);
}

/* On the queue, or off it for a signal. */
static inline int kernel_prepare(wait_queue_head_t *w, struct waiter *me, bool signals)
{
	int r = 0;

	pthread_mutex_lock(&w->m);
	if (signals && signal_pending(current)) {
		kernel_dequeue(w, me);
		r = -ERESTARTSYS;
	} else {
		kernel_enqueue(w, me);
	}
	pthread_mutex_unlock(&w->m);
	return r;
}

static inline void kernel_block(wait_queue_head_t *w, struct waiter *me, bool signals)
{
	pthread_mutex_lock(&w->m);
	while (me->queued && !(signals && signal_pending(current)))
		pthread_cond_wait(&w->changed, &w->m);
	if (!me->queued && __atomic_exchange_n(&kernel_signal_at_wake, false, __ATOMIC_SEQ_CST))
		WRITE_ONCE(current->signal, true);
	pthread_mutex_unlock(&w->m);
}

static inline void kernel_finish(wait_queue_head_t *w, struct waiter *me)
{
	pthread_mutex_lock(&w->m);
	kernel_dequeue(w, me);
	pthread_mutex_unlock(&w->m);
}

#define wait_event_interruptible_exclusive(w, cond) ({				\
	struct waiter me_ = {};							\
	int r_;									\
	for (;;) {								\
		r_ = kernel_prepare(&(w), &me_, true);				\
		if (cond) {							\
			r_ = 0;							\
			break;							\
		}								\
		if (r_)								\
			break;							\
		kernel_block(&(w), &me_, true);					\
	}									\
	kernel_finish(&(w), &me_);						\
	r_; })

#define wait_event_lock_irq(w, cond, lock) do {					\
	struct waiter me_ = {};							\
	for (;;) {								\
		(void)kernel_prepare(&(w), &me_, false);			\
		if (cond)							\
			break;							\
		spin_unlock_irq(&(lock));					\
		kernel_block(&(w), &me_, false);				\
		spin_lock_irq(&(lock));						\
	}									\
	kernel_finish(&(w), &me_);						\
} while (0)

#endif /* UNIT_KERNEL_SHIM_H */
