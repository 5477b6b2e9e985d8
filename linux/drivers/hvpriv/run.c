// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run loop of a vCPU: HVPRIV_VCPU_RUN (F12, F13, F14, F16, F18).
 *
 * The thread enters the guest with interrupts off and comes out with a reason: a physical interrupt that
 * Linux takes here, something to do for the guest, or something for user space.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "compat/guest_context.h"
#include "compat/hrtimer.h"
#include "compat/machine_check.h"
#include "domain.h"
#include "events.h"
#include "hv_call.h"
#include "hvpriv.h"
#include "user_return.h"

#define HV_NOT_ARMED		U64_MAX
#define HV_ARM_MAX_NS		(60ULL * NSEC_PER_SEC)	/* look at least so often */
#define HV_POLL_START_NS	10000
#define HV_NEED_RAM_MAX		4096
#define HV_NEED_POOL_MAX	4096

static uint halt_poll_ns = 50000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest time a halted vCPU is polled before it sleeps, in ns (default 50000, 0: never)");

/* What a row of the table of reasons answers. */
enum hv_next {
	HV_AGAIN,		/* into the guest */
	HV_TO_USER,		/* v->out is filled */
	/* or -errno */
};

/* ---- timer ------------------------------------------------------------------------------- */

/* It only makes the hypervisor look; the hypervisor raises the guest's timer itself (F16). */
static enum hrtimer_restart timer_fires(struct hrtimer *t)
{
	struct hv_vcpu *v = container_of(t, struct hv_vcpu, timer);

	WRITE_ONCE(v->run->dom0.armed_tsc, HV_NOT_ARMED);
	hv_vcpu_kick(v);
	return HRTIMER_NORESTART;
}

void hv_vcpu_timer_init(struct hv_vcpu *v)
{
	hv_hrtimer_setup(&v->timer, timer_fires, HRTIMER_MODE_ABS_PINNED_HARD);
}

void hv_vcpu_timer_stop(struct hv_vcpu *v)
{
	hrtimer_cancel(&v->timer);
}

/*
 * Have the timer look no later than the guest's deadline, on this CPU. Interrupts off.
 *
 * TSC and CLOCK_MONOTONIC drift apart a little and conversions round; if the timer fires too early
 * the hypervisor asks again (ZRUN_DEADLINE).
 */
static void timer_arm(struct hv_vcpu *v)
{
	u64 deadline = READ_ONCE(v->run->hyp.deadline_tsc);
	u64 armed = READ_ONCE(v->run->dom0.armed_tsc);
	int cpu = smp_processor_id();
	u64 now, ns = 0;

	if (!deadline || (armed <= deadline && v->timer_cpu == cpu))
		return;
	now = rdtsc();
	if (deadline > now)
		ns = mul_u64_u32_div(deadline - now, 1000000, tsc_khz);
	if (ns > HV_ARM_MAX_NS) {
		ns = HV_ARM_MAX_NS;
		deadline = now + mul_u64_u32_div(ns, tsc_khz, 1000000);
	}
	v->timer_cpu = cpu;
	WRITE_ONCE(v->run->dom0.armed_tsc, deadline);
	hrtimer_start(&v->timer, ktime_add_ns(ktime_get(), ns), HRTIMER_MODE_ABS_PINNED_HARD);
}

/* ---- requests ---------------------------------------------------------------------------- */

static bool is_stopped(const struct hv_domain *d)
{
	return READ_ONCE(d->end) != HV_END_NONE || atomic_read(&d->pause_count) > 0;
}

/* Something that the loop in hv_vcpu_run() must see before the guest runs (again). */
static bool has_request(const struct hv_vcpu *v)
{
	return is_stopped(v->domain) || READ_ONCE(v->kicked) || signal_pending(current) ||
	       hv_must_return();
}

/* ---- into the guest ------------------------------------------------------------------------ */

static long enter_irqs_off(struct hv_vcpu *v)
{
	struct zendo_run_dom0 *dom0 = &v->run->dom0;
	long r;

	timer_arm(v);
	WRITE_ONCE(v->wake, false);
	WRITE_ONCE(dom0->cpu, smp_processor_id());
	smp_store_mb(dom0->mode, ZMODE_IN_GUEST);	/* pairs with hv_vcpu_kick() */
	if (has_request(v) || need_resched()) {
		WRITE_ONCE(dom0->mode, ZMODE_OUT);
		return ZRUN_INTR;
	}
	if (!hv_cpu_under()) {
		WRITE_ONCE(dom0->mode, ZMODE_OUT);
		return -ENODEV;
	}

	hv_guest_timing_enter();
	kernel_fpu_begin();
	hv_guest_context_enter();
	r = hv_call1(ZCALL_VCPU_RUN, hv_vcpu_name(v));
	hv_guest_context_exit();
	kernel_fpu_end();
	smp_store_release(&dom0->mode, ZMODE_OUT);	/* for wait_until_out() */
	if (r == ZRUN_MCE)
		hv_machine_check_guest();

	/* The interrupt that ended the run is taken here, on the guest's bill. */
	local_irq_enable();
	v->interrupts += r == ZRUN_INTR;
	local_irq_disable();
	hv_guest_timing_exit();
	return r;
}

static long vcpu_enter(struct hv_vcpu *v)
{
	long r;

	preempt_disable();
	local_irq_disable();
	r = enter_irqs_off(v);
	local_irq_enable();
	preempt_enable();
	return r;
}

/* ---- out of it: sleeping --------------------------------------------------------------------- */

/* An event, a sibling, the timer or a request: the guest (or our caller) has something to do. */
static bool must_wake(const struct hv_vcpu *v)
{
	return READ_ONCE(v->wake) || READ_ONCE(v->posted->in.summary) || has_request(v);
}

static bool must_wake_or_work(const struct hv_vcpu *v)
{
	return must_wake(v) || READ_ONCE(v->idler.roused);
}

static bool deadline_passed(const struct hv_vcpu *v)
{
	u64 deadline = READ_ONCE(v->run->hyp.deadline_tsc);

	return deadline && rdtsc() >= deadline;
}

/* Wait a little with the CPU in hand. True when something came. */
static bool poll_a_little(struct hv_vcpu *v)
{
	u64 end = ktime_get_ns() + min_t(u64, v->halt_poll_ns, READ_ONCE(halt_poll_ns));

	do {
		if (must_wake_or_work(v) || deadline_passed(v))
			return true;
		cpu_relax();
	} while (!need_resched() && ktime_get_ns() < end);
	return false;
}

/* Short sleeps make the window longer, long ones close it. */
static void adapt_poll(struct hv_vcpu *v, u64 slept_ns)
{
	uint limit = READ_ONCE(halt_poll_ns);

	if (slept_ns > limit)
		v->halt_poll_ns = 0;
	else
		v->halt_poll_ns = clamp_t(u64, v->halt_poll_ns * 2, min_t(uint, HV_POLL_START_NS, limit),
					  limit);
}

static void vcpu_sleep(struct hv_vcpu *v, bool (*until)(const struct hv_vcpu *v))
{
	WRITE_ONCE(v->sleeping, true);
	for (;;) {
		/* Its barrier pairs with hv_vcpu_kick(); the freezer needs no wake-up. */
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (until(v))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(v->sleeping, false);
}

static void sleep_to_deadline(struct hv_vcpu *v)
{
	u64 start;

	preempt_disable();
	local_irq_disable();
	timer_arm(v);
	local_irq_enable();
	preempt_enable();
	start = ktime_get_ns();
	vcpu_sleep(v, must_wake_or_work);
	adapt_poll(v, ktime_get_ns() - start);
}

/*
 * What devices have to do meanwhile may be done by this thread, if there are any. One that is not up has no events: it would be woken for
 * others' only.
 */
static int vcpu_halt(struct hv_vcpu *v)
{
	struct hv_workers *w = &v->domain->workers;
	bool worked = false, idle;

	v->halts++;
	do {
		idle = READ_ONCE(w->lent) && READ_ONCE(v->run->hyp.up);
		if (idle)
			hv_workers_idle(w, &v->idler, worked);
		if (worked || !v->halt_poll_ns || !poll_a_little(v))
			sleep_to_deadline(v);
		worked = idle && hv_workers_idle_end(w, &v->idler);
		if (worked)
			hv_workers_help(w);
	} while (worked && !must_wake(v));
	return HV_AGAIN;
}

static bool may_go_on(const struct hv_vcpu *v)
{
	return atomic_read(&v->domain->pause_count) <= 0 || READ_ONCE(v->domain->end) != HV_END_NONE ||
	       READ_ONCE(v->kicked) || signal_pending(current) || hv_must_return();
}

/* ---- out of it: what the guest wants ------------------------------------------------------------ */

static int vcpu_again(struct hv_vcpu *v)
{
	return HV_AGAIN;
}

static int vcpu_yield(struct hv_vcpu *v)
{
	yield();
	return HV_AGAIN;
}

/*
 * The guest's instruction restarts. Where nothing could be given, because dom0 has nothing or the
 * domain's share is used up, the hypervisor asks no second time: the guest gets -ENOMEM.
 */
static int vcpu_need_pages(struct hv_vcpu *v)
{
	u32 pool = READ_ONCE(v->run->hyp.need_pool);
	u32 ram = READ_ONCE(v->run->hyp.need_ram);
	int r = 0;

	if (pool)
		r = hv_pool_ensure(min_t(u32, pool, HV_NEED_POOL_MAX));
	r = hv_memory_tables(v->domain) ?: r;
	if (ram)
		r = hv_memory_populate(v->domain, min_t(u32, ram, HV_NEED_RAM_MAX)) ?: r;
	if (r)
		pr_info_ratelimited("d%u: no memory for it (%d)\n", v->domain->domid, r);
	return HV_AGAIN;
}

static void park(void *name)
{
	hv_call1(ZCALL_VCPU_PARK, (unsigned long)name);
}

static int vcpu_loaded_on(struct hv_vcpu *v)
{
	u32 cpu = READ_ONCE(v->run->hyp.loaded_cpu);

	if (cpu >= nr_cpu_ids)
		return -EIO;
	/* -ENXIO: that CPU is offline, and its callback has parked everything */
	smp_call_function_single(cpu, park, (void *)(unsigned long)hv_vcpu_name(v), 1);
	return HV_AGAIN;
}

/* A vCPU that cannot go on takes its siblings down with "crash"; they may get here before it does. */
static int vcpu_end(struct hv_vcpu *v)
{
	struct hv_domain *d = v->domain;
	struct hv_vcpu *other;
	u32 i, reason;

	hv_for_each_vcpu(d, i, other) {
		reason = READ_ONCE(other->run->hyp.crash.reason);
		if (reason != ZCRASH_NONE) {
			hv_domain_end(d, HV_END_CRASH, reason);
			return HV_AGAIN;	/* the loop tells it */
		}
	}
	hv_domain_end(d, HV_END_SHUTDOWN, READ_ONCE(v->run->hyp.shutdown_code));
	return HV_AGAIN;
}

static int vcpu_io(struct hv_vcpu *v)
{
	if (READ_ONCE(v->run->hyp.io_kind) != ZIO_TEXT)
		return -EIO;
	v->text_pos = 0;
	v->text_len = min_t(u32, READ_ONCE(v->run->hyp.io_len), ZENDO_RUN_IO_SIZE);
	return HV_AGAIN;
}

static int vcpu_returned(struct hv_vcpu *v)
{
	return hv_memory_returned(v->domain);
}

static int (* const on_reason[ZRUN_NR])(struct hv_vcpu *v) = {
	[ZRUN_INTR]		= vcpu_again,
	[ZRUN_EVENT]		= vcpu_again,	/* taken after every run */
	[ZRUN_HALT]		= vcpu_halt,
	[ZRUN_DEADLINE]		= vcpu_again,	/* armed before every entry */
	[ZRUN_YIELD]		= vcpu_yield,
	[ZRUN_POLL]		= vcpu_halt,
	[ZRUN_NEED_PAGES]	= vcpu_need_pages,
	[ZRUN_LOADED_ON]	= vcpu_loaded_on,
	[ZRUN_MCE]		= vcpu_again,	/* handled with interrupts still off */
	[ZRUN_SHUTDOWN]		= vcpu_end,
	[ZRUN_CRASH]		= vcpu_end,
	[ZRUN_IO]		= vcpu_io,
	[ZRUN_DOWN]		= vcpu_halt,
	[ZRUN_RETURNED]		= vcpu_returned,
};

/* ---- to user space --------------------------------------------------------------------------- */

static bool tell_text(struct hv_vcpu *v)
{
	u32 len = min_t(u32, v->text_len - v->text_pos, sizeof(v->out.text));

	if (!len)
		return false;
	v->out.exit = HVPRIV_EXIT_TEXT;
	v->out.len = len;
	memcpy(v->out.text, v->run->io + v->text_pos, len);
	v->text_pos += len;
	return true;
}

static bool tell_end(struct hv_vcpu *v)
{
	static const u32 exit[] = {
		[HV_END_SHUTDOWN]	= HVPRIV_EXIT_SHUTDOWN,
		[HV_END_CRASH]		= HVPRIV_EXIT_CRASH,
		[HV_END_KILLED]		= HVPRIV_EXIT_KILLED,
	};
	enum hv_end end = smp_load_acquire(&v->domain->end);	/* end_code was written before */

	if (end == HV_END_NONE)
		return false;
	v->out.exit = exit[end];
	v->out.code = v->domain->end_code;
	return true;
}

/* Everything that comes before the guest. */
static int before_guest(struct hv_vcpu *v)
{
	for (;;) {
		if (tell_text(v) || tell_end(v))
			return HV_TO_USER;
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (xchg(&v->kicked, false) || hv_must_return())
			return -EINTR;
		if (atomic_read(&v->domain->pause_count) <= 0)
			break;
		vcpu_sleep(v, may_go_on);
	}
	if (need_resched())
		schedule();
	return HV_AGAIN;
}

/**
 * hv_vcpu_run() - run until user space has something to do
 * @v: the vCPU
 *
 * Context: v->run_lock held, v->task set.
 * Return: 0 with v->out filled, -EINTR, -ERESTARTSYS, -ENODEV, -ENOMEM.
 */
int hv_vcpu_run(struct hv_vcpu *v)
{
	long reason;
	int r;

	for (;;) {
		r = before_guest(v);
		if (r)
			return r == HV_TO_USER ? 0 : r;
		reason = vcpu_enter(v);
		if (reason == -EAGAIN)
			continue;
		if (reason < 0)
			return reason;
		hv_evtchn_scan(v);
		if (WARN_ONCE(reason >= ZRUN_NR, "unknown run reason %ld\n", reason))
			return -EIO;
		r = on_reason[reason](v);
		if (r)
			return r;
	}
}
