/* SPDX-License-Identifier: GPL-2.0-only */
/* Lent threads and their queue, the very file, with threads for threads, under ThreadSanitizer: nothing is lost, nothing runs twice at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/shim.h"
#include "../../linux/drivers/hvpriv/hvpriv_backend.h"
#include "../../linux/drivers/hvpriv/workers.h"

#define NR_LENT		3
#define MOST_LENT	8
#define NR_WORKS	6
#define NR_QUEUERS	3
#define ROUNDS		3000

__thread struct task *current;
__thread unsigned kernel_cpu;
bool kernel_signal_at_wake;
static __thread struct task main_task;

static struct hv_workers workers;

struct lent {
	pthread_t thread;
	struct task task;
	unsigned signals;
	bool home;
};
static struct lent lents[MOST_LENT];
static unsigned nr_lents;	/* by who lends: the first, then who is asked for more */
static bool lends_more;
static bool patient;		/* who went home for a signal comes back when nothing is left to do */
static bool all_seen(void);
static void *lend(void *arg);

static void lend_one(void)
{
	unsigned nr = __atomic_fetch_add(&nr_lents, 1, __ATOMIC_SEQ_CST);

	assert_true(nr < MOST_LENT);
	assert_int_equal(pthread_create(&lents[nr].thread, NULL, lend, &lents[nr]), 0);
}

static void *lend(void *arg)
{
	struct lent *l = arg;
	int r;

	current = &l->task;
	for (;;) {
		r = hv_workers_lend(&workers);
		if (!r)
			break;
		if (r == 1) {
			if (lends_more)
				lend_one();
			continue;
		}
		assert_int_equal(r, -ERESTARTSYS);
		l->signals++;
		WRITE_ONCE(l->home, true);
		WRITE_ONCE(l->task.signal, false);
		while (READ_ONCE(patient) && !all_seen())
			sched_yield();
		WRITE_ONCE(l->home, false);
	}
	return NULL;
}

static void begin(unsigned nr)
{
	current = &main_task;
	memset(lents, 0, sizeof(lents));
	memset(&workers, 0, sizeof(workers));
	hv_workers_init(&workers);
	nr_lents = 0;
	while (nr_lents < nr)
		lend_one();
}

static void end(unsigned nr)
{
	hv_workers_end(&workers);
	for (unsigned i = 0; i < nr; i++)
		pthread_join(lents[i].thread, NULL);
}

/* ---- works that count ---- */

struct counted {
	struct hv_work work;
	unsigned wanted, seen;		/* atomic: what was asked for, what was looked at last */
	bool inside;
	bool by_vcpu;			/* how it was done last */
	unsigned runs;			/* plain: of one thread at a time */
};
static struct counted works[NR_WORKS];

static void count(struct hv_work *work)
{
	struct counted *c = container_of(work, struct counted, work);

	assert_false(__atomic_exchange_n(&c->inside, true, __ATOMIC_RELAXED));
	c->runs++;
	WRITE_ONCE(c->by_vcpu, work->by_vcpu);
	WRITE_ONCE(c->seen, __atomic_load_n(&c->wanted, __ATOMIC_SEQ_CST));
	__atomic_store_n(&c->inside, false, __ATOMIC_RELAXED);
}

/* It is at it for a while, and touches what is its own until the end. */
static void count_slowly(struct hv_work *work)
{
	struct counted *c = container_of(work, struct counted, work);

	WRITE_ONCE(c->inside, true);
	for (unsigned i = 0; i < 20; i++) {
		sched_yield();
		c->runs++;
	}
	WRITE_ONCE(c->seen, READ_ONCE(c->wanted));
}

static void ask(struct counted *c)
{
	__atomic_fetch_add(&c->wanted, 1, __ATOMIC_SEQ_CST);
	hv_work_queue(&workers, &c->work);
}

/* What a vCPU's thread does when the guest has signalled. */
static void tell(struct counted *c)
{
	hv_workers_told_begin(&workers);
	ask(c);
	hv_workers_told_end();
	hv_workers_help(&workers);
}

/* And when the guest has nothing to do: it is roused, or wakes for something of its own. */
static bool nap(struct hv_idler *idler, bool again, unsigned yields)
{
	bool roused;

	hv_workers_idle(&workers, idler, again);
	while (yields-- && !READ_ONCE(idler->roused))
		sched_yield();
	roused = hv_workers_idle_end(&workers, idler);
	if (roused)
		hv_workers_help(&workers);
	return roused;
}

/* The even ones are vCPUs, and now and then on the CPU of the lent threads. */
static void *queuer(void *arg)
{
	unsigned seed = (unsigned)(size_t)arg;
	struct task task = { 0 };
	struct hv_idler idler = { 0 };
	bool again = false;

	INIT_LIST_HEAD(&idler.node);
	current = &task;
	for (unsigned i = 0; i < ROUNDS; i++) {
		kernel_cpu = rand_r(&seed) % 64 == 0;
		if ((size_t)arg % 2 == 0)
			tell(&works[rand_r(&seed) % NR_WORKS]);
		else
			ask(&works[rand_r(&seed) % NR_WORKS]);
		if ((size_t)arg % 2 == 0 && rand_r(&seed) % 4 == 0)
			again = nap(&idler, again, rand_r(&seed) % 8);
		if (rand_r(&seed) % 8 == 0)
			sched_yield();
	}
	return NULL;
}

static bool all_seen(void)
{
	for (unsigned i = 0; i < NR_WORKS; i++)
		if (READ_ONCE(works[i].seen) != READ_ONCE(works[i].wanted))
			return false;
	return true;
}

/* The time is for a test that hangs: a wake-up was lost. */
static void all_are_seen(void)
{
	time_t until = time(NULL) + 20;

	while (!all_seen()) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
}

static void nothing_that_was_queued_is_lost(void **state)
{
	pthread_t q[NR_QUEUERS];
	unsigned i, signals = 0;

	(void)state;
	begin(NR_LENT);
	memset(works, 0, sizeof(works));
	for (i = 0; i < NR_WORKS; i++)
		hv_work_init(&works[i].work, count);
	for (i = 0; i < NR_WORKS; i += 2)
		works[i].work.prompt = true;
	for (i = 0; i < NR_QUEUERS; i++)
		pthread_create(&q[i], NULL, queuer, (void *)(size_t)(i + 1));
	for (i = 0; i < 500; i++) {
		kernel_signal(&lents[i % NR_LENT].task, &workers.wait);
		sched_yield();
	}
	for (i = 0; i < NR_QUEUERS; i++)
		pthread_join(q[i], NULL);
	all_are_seen();
	/* one at a time, with all threads asleep or on their way home for a signal */
	WRITE_ONCE(patient, true);
	for (i = 0; i < 1000; i++) {
		for (unsigned j = 0; j < NR_LENT; j++)	/* never all of them at home */
			while (READ_ONCE(lents[j].task.signal) || READ_ONCE(lents[j].home))
				sched_yield();
		if (i & 1)
			kernel_signal(&lents[i % NR_LENT].task, &workers.wait);
		else
			WRITE_ONCE(kernel_signal_at_wake, true);
		ask(&works[i % NR_WORKS]);
		all_are_seen();
	}
	WRITE_ONCE(patient, false);
	WRITE_ONCE(kernel_signal_at_wake, false);
	end(NR_LENT);
	for (i = 0; i < NR_LENT; i++)
		signals += lents[i].signals;
	assert_true(signals > 0);
}

/* ---- by a vCPU's thread ---- */

static struct counted first, answer;

static void count_and_answer(struct hv_work *work)
{
	count(work);
	ask(&answer);
}

static void while_not_seen(struct counted *c)
{
	time_t until = time(NULL) + 20;

	while (READ_ONCE(c->seen) != READ_ONCE(c->wanted)) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
}

static void is_seen(struct counted *c, bool by_vcpu)
{
	while_not_seen(c);
	hv_work_cancel(&workers, &c->work);	/* it is not running any more */
	assert_int_equal(c->by_vcpu, by_vcpu);
}

/* The lent thread is on CPU 0. */
static void a_vcpu_helps_where_a_thread_would_only_take_its_place(void **state)
{
	unsigned i, helped;

	(void)state;
	begin(1);
	memset(&first, 0, sizeof(first));
	memset(&answer, 0, sizeof(answer));
	hv_work_init(&first.work, count_and_answer);
	hv_work_init(&answer.work, count);
	first.work.prompt = answer.work.prompt = true;

	kernel_cpu = 1;
	tell(&first);
	is_seen(&first, false);
	is_seen(&answer, false);
	kernel_cpu = 0;
	tell(&first);			/* nobody knows yet */
	is_seen(&first, false);
	is_seen(&answer, false);
	/* Done when it returns, and so is what that queued; but for a lent thread that is awake still and takes it. */
	for (i = 0, helped = 0; i < 1000000 && helped < 10; i++) {
		tell(&first);
		helped += READ_ONCE(first.by_vcpu) && READ_ONCE(answer.by_vcpu) && READ_ONCE(first.seen) == READ_ONCE(first.wanted) &&
			  READ_ONCE(answer.seen) == READ_ONCE(answer.wanted);
		while_not_seen(&first);
		while_not_seen(&answer);
		sched_yield();
	}
	assert_int_equal(helped, 10);
	ask(&first);			/* from elsewhere: a lent thread's */
	is_seen(&first, false);

	/* what may wait is never the vCPU's */
	first.work.prompt = false;
	tell(&first);
	is_seen(&first, false);
	first.work.prompt = true;

	/* when it has moved the threads are asked again, at last */
	kernel_cpu = 1;
	for (i = 0; i < 1000000 && (tell(&first), READ_ONCE(first.by_vcpu)); i++)
		sched_yield();
	assert_true(i < 1000000);
	is_seen(&first, false);
	tell(&first);
	is_seen(&first, false);
	is_seen(&answer, false);

	/* nor is anything done for one that is to return to user space */
	kernel_cpu = 0;
	tell(&first);
	is_seen(&first, false);
	main_task.signal = true;
	tell(&first);
	main_task.signal = false;
	is_seen(&first, false);
	end(1);
}

static struct hv_idler idlers[2];

static void lie_down(struct hv_idler *i, bool again)
{
	INIT_LIST_HEAD(&i->node);
	hv_workers_idle(&workers, i, again);
}

/* No lent thread is there at all: what is done is done by who was roused. */
static void a_vcpu_with_nothing_to_do_is_woken_for_work(void **state)
{
	(void)state;
	begin(0);
	memset(works, 0, sizeof(works));
	for (unsigned i = 0; i < 3; i++) {
		hv_work_init(&works[i].work, count);
		works[i].work.prompt = i < 2;
	}
	lie_down(&idlers[0], false);
	ask(&works[2]);			/* may wait: not for it */
	assert_false(idlers[0].roused);
	ask(&works[0]);
	assert_true(idlers[0].roused);
	assert_int_equal(works[0].seen, 0);
	assert_true(hv_workers_idle_end(&workers, &idlers[0]));
	hv_workers_help(&workers);
	assert_int_equal(works[0].seen, 1);
	assert_true(works[0].by_vcpu);
	assert_int_equal(works[2].seen, 0);

	/* one for each piece, and first who slept last, but for who had been woken for nothing */
	lie_down(&idlers[0], false);
	lie_down(&idlers[1], true);
	ask(&works[0]);
	assert_true(idlers[0].roused && !idlers[1].roused);
	ask(&works[1]);
	assert_true(idlers[1].roused);
	assert_true(hv_workers_idle_end(&workers, &idlers[0]));
	hv_workers_help(&workers);
	assert_int_equal(works[0].seen + works[1].seen, 3);
	assert_true(hv_workers_idle_end(&workers, &idlers[1]));
	hv_workers_help(&workers);	/* the other one has done both */

	/* nobody's any more: for lent threads */
	lie_down(&idlers[0], false);
	assert_false(hv_workers_idle_end(&workers, &idlers[0]));
	ask(&works[0]);
	hv_workers_help(&workers);
	assert_int_equal(works[0].seen, 2);
	end(0);
}

/* It has a signal, and is to leave: a lent thread is woken instead. */
static void who_is_roused_and_has_to_go_leaves_it_to_a_lent_thread(void **state)
{
	(void)state;
	begin(1);
	memset(&first, 0, sizeof(first));
	hv_work_init(&first.work, count);
	first.work.prompt = true;
	for (unsigned i = 0; i < 200; i++) {
		lie_down(&idlers[0], false);
		ask(&first);
		main_task.signal = true;
		assert_true(hv_workers_idle_end(&workers, &idlers[0]));
		hv_workers_help(&workers);
		main_task.signal = false;
		is_seen(&first, false);
	}
	end(1);
}

static bool hold_on;

static void count_and_hold(struct hv_work *work)
{
	while (!work->by_vcpu && READ_ONCE(hold_on))
		sched_yield();
	count(work);
}

/*
 * Six were left to a vCPU, which does four, or somewhat later ones when a lent thread was awake still: a slow one with a lent thread has
 * nobody behind it.
 */
static void what_is_left_over_has_a_thread_each(void **state)
{
	unsigned i;

	(void)state;
	begin(2);
	memset(works, 0, sizeof(works));
	kernel_cpu = 0;
	for (i = 0; i < NR_WORKS; i++) {
		hv_work_init(&works[i].work, i == 4 ? count_and_hold : count);
		works[i].work.prompt = true;
	}
	tell(&works[0]);		/* by a thread on this CPU: the vCPU helps from here on */
	is_seen(&works[0], false);
	WRITE_ONCE(hold_on, true);
	hv_workers_told_begin(&workers);
	for (i = 0; i < NR_WORKS; i++)
		ask(&works[i]);
	hv_workers_told_end();
	hv_workers_help(&workers);
	for (i = 0; i < NR_WORKS; i++)
		if (i != 4)
			while_not_seen(&works[i]);
	WRITE_ONCE(hold_on, false);
	while_not_seen(&works[4]);
	end(2);
}

/* ---- slow ones ---- */

static struct counted slow[4], quick;

/* Each that waits has a thread, and there is one more: asked for once, before the last one begins. */
static void nobody_waits_for_slow_ones(void **state)
{
	unsigned i;

	(void)state;
	lends_more = true;
	begin(1);
	memset(slow, 0, sizeof(slow));
	memset(&quick, 0, sizeof(quick));
	hv_work_init(&quick.work, count);
	WRITE_ONCE(hold_on, true);
	for (i = 0; i < 4; i++) {
		hv_work_init(&slow[i].work, count_and_hold);
		ask(&slow[i]);
		ask(&quick);
		while_not_seen(&quick);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(READ_ONCE(slow[i].seen), 0);
	WRITE_ONCE(hold_on, false);
	for (i = 0; i < 4; i++)
		while_not_seen(&slow[i]);
	for (i = 0; i < 100; i++) {
		ask(&quick);
		while_not_seen(&quick);
	}
	assert_true(nr_lents <= 6);
	end(nr_lents);
	lends_more = false;
}

/* ---- cancelled ---- */

static void *pester(void *arg)
{
	struct counted *c = arg;

	current = &main_task;
	for (unsigned i = 0; i < ROUNDS; i++)
		ask(c);
	return NULL;
}

/* What was cancelled is its owner's: plain writes to it race with nobody. */
static void what_is_cancelled_is_not_running(void **state)
{
	struct counted *c;
	unsigned runs = 0;
	pthread_t t;

	(void)state;
	begin(NR_LENT);
	for (unsigned i = 0; i < 400; i++) {
		c = calloc(1, sizeof(*c));
		assert_non_null(c);
		hv_work_init(&c->work, count_slowly);
		for (unsigned j = 0; j < i % 5; j++)
			ask(c);
		while (i % 5 && i % 3 && !READ_ONCE(c->inside))
			sched_yield();
		hv_work_cancel(&workers, &c->work);
		assert_int_equal(c->work.state, 0);
		runs += c->runs;
		memset(c, 0xa5, sizeof(*c));
		free(c);
	}
	assert_true(runs > 0);
	/* somebody queues it all the time: what he asks for while it is cancelled is not done, and it can be used again */
	c = calloc(1, sizeof(*c));
	hv_work_init(&c->work, count);
	pthread_create(&t, NULL, pester, c);
	for (unsigned i = 0; i < 200; i++)
		hv_work_cancel(&workers, &c->work);
	pthread_join(t, NULL);
	ask(c);
	while (READ_ONCE(c->seen) != READ_ONCE(c->wanted))
		sched_yield();
	hv_work_cancel(&workers, &c->work);
	free(c);
	end(NR_LENT);
}

/* ---- cancelled while a vCPU's thread helps ---- */

static pthread_mutex_t event_lock = PTHREAD_MUTEX_INITIALIZER;
static struct counted *bound;		/* whose port the guest signals; under event_lock */
static bool vcpus_end;
static unsigned pieces_by_vcpus;

static void count_a_while(struct hv_work *work)
{
	if (work->by_vcpu)
		__atomic_fetch_add(&pieces_by_vcpus, 1, __ATOMIC_RELAXED);
	count_slowly(work);
}

static void bind_to(struct counted *c)
{
	pthread_mutex_lock(&event_lock);
	bound = c;
	pthread_mutex_unlock(&event_lock);
}

/* As tell() and hv_evtchn_scan() of evtchn.c do it. */
static void *vcpu(void *arg)
{
	struct task task = { 0 };

	(void)arg;
	current = &task;
	while (!READ_ONCE(vcpus_end)) {
		pthread_mutex_lock(&event_lock);
		hv_workers_told_begin(&workers);
		if (bound)
			ask(bound);
		hv_workers_told_end();
		pthread_mutex_unlock(&event_lock);
		hv_workers_help(&workers);
		sched_yield();
	}
	return NULL;
}

/* A device goes while the guest signals it, as every disconnect() does it: what is freed then nobody has. */
static void nobody_helps_with_what_is_gone(void **state)
{
	struct counted *c;
	pthread_t t[2];

	(void)state;
	begin(1);
	bound = NULL;
	vcpus_end = false;
	pieces_by_vcpus = 0;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, vcpu, NULL), 0);
	for (unsigned i = 0; i < 3000 || READ_ONCE(pieces_by_vcpus) < 50; i++) {
		assert_true(i < 1000000);
		c = calloc(1, sizeof(*c));
		assert_non_null(c);
		hv_work_init(&c->work, count_a_while);
		c->work.prompt = true;
		bind_to(c);
		for (unsigned j = 0; j < i % 40 && !(i % 3 && READ_ONCE(c->inside)); j++)
			sched_yield();
		hv_work_cancel(&workers, &c->work);
		bind_to(NULL);
		hv_work_cancel(&workers, &c->work);
		assert_int_equal(c->work.state, 0);
		memset(c, 0xa5, sizeof(*c));
		free(c);
	}
	WRITE_ONCE(vcpus_end, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_true(list_empty_careful(&workers.queue));
	end(1);
}

/* ---- turns ---- */

static char order[64];
static unsigned nr_order;

static void busy(struct hv_work *work)
{
	order[nr_order++] = 'b';
	if (nr_order < 8)
		hv_work_queue(&workers, work);
}

static void idle(struct hv_work *work)
{
	order[nr_order++] = 'i';
	if (nr_order == 8)
		hv_workers_end(&workers);
	else
		hv_work_queue(&workers, work);
}

static void busy_ones_take_turns(void **state)
{
	struct hv_work b, i;

	(void)state;
	begin(0);
	hv_work_init(&b, busy);
	hv_work_init(&i, idle);
	hv_work_queue(&workers, &b);
	hv_work_queue(&workers, &b);
	hv_work_queue(&workers, &i);
	assert_int_equal(hv_workers_lend(&workers), 1);	/* nobody else is there */
	assert_int_equal(hv_workers_lend(&workers), 0);
	assert_memory_equal(order, "bibibibi", 8);
	/* the end has come: nobody stays, what is queued can be taken off */
	hv_work_queue(&workers, &b);
	assert_int_equal(hv_workers_lend(&workers), 0);
	hv_work_cancel(&workers, &b);
	hv_work_cancel(&workers, &i);
	assert_true(list_empty_careful(&workers.queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_ones_take_turns),
		cmocka_unit_test(nothing_that_was_queued_is_lost),
		cmocka_unit_test(a_vcpu_helps_where_a_thread_would_only_take_its_place),
		cmocka_unit_test(a_vcpu_with_nothing_to_do_is_woken_for_work),
		cmocka_unit_test(who_is_roused_and_has_to_go_leaves_it_to_a_lent_thread),
		cmocka_unit_test(what_is_left_over_has_a_thread_each),
		cmocka_unit_test(nobody_waits_for_slow_ones),
		cmocka_unit_test(what_is_cancelled_is_not_running),
		cmocka_unit_test(nobody_helps_with_what_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
