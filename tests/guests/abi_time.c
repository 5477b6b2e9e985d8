// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"

static char area[2 * 4096] __page_aligned;
static char vcpu_info_page[4096] __page_aligned;

static void clock(void)
{
	volatile struct vcpu_time_info *t = &vcpu_info->time;
	uint64_t ns, ns0, tsc, tsc0, khz, leaf_khz, last, back = 0;
	uint32_t r[4];
	unsigned int i;

	check(t->tsc_to_system_mul != 0, "time-mul", "0: Linux would divide by it");
	check(!(t->version & 1), "time-version-even", "%u", t->version);
	/* As Linux computes it. */
	khz = (1000000ULL << 32) / t->tsc_to_system_mul;
	khz = t->tsc_shift < 0 ? khz << -t->tsc_shift : khz >> t->tsc_shift;
	cpuid(xen_base + 3, 0, r);
	leaf_khz = r[2];
	printf("tsc %llu kHz by time info, %llu by leaf 3, flags %x, mode %u\n", (unsigned long long)khz,
	       (unsigned long long)leaf_khz, t->flags, r[1]);
	check(khz > leaf_khz - leaf_khz / 1000 && khz < leaf_khz + leaf_khz / 1000, "tsc-khz-agree", "%llu and %llu",
	      (unsigned long long)khz, (unsigned long long)leaf_khz);

	last = clock_ns();
	for (i = 0; i < 100000; i++) {
		ns = clock_ns();
		back += ns < last;
		last = ns;
	}
	check(!back, "clock-monotonic", "%llu times back", (unsigned long long)back);
	ns0 = clock_ns();
	tsc0 = rdtsc();
	while (clock_ns() < ns0 + 20 * MSEC)
		;
	ns = clock_ns() - ns0;
	tsc = rdtsc() - tsc0;
	check(tsc > ns * khz / 1000000 * 9 / 10 && tsc < ns * khz / 1000000 * 11 / 10 + 100000, "clock-runs-with-tsc",
	      "%llu ns, %llu cycles", (unsigned long long)ns, (unsigned long long)tsc);
}

static void wallclock(void)
{
	check(!(shared_info->wc_version & 1), "wallclock-version-even", "%u", shared_info->wc_version);
	printf("wallclock %u.%09u at time 0\n", shared_info->wc_sec, shared_info->wc_nsec);
	check(shared_info->wc_sec > 1577836800, "wallclock-after-2020", "%u", shared_info->wc_sec);
	check(shared_info->wc_nsec < 1000000000, "wallclock-nsec", "%u", shared_info->wc_nsec);
}

static void vcpu_info_placement(void)
{
	struct vcpu_register_vcpu_info info = { .mfn = (uintptr_t)vcpu_info_page >> 12, .offset = 4096 - 32 };
	uint64_t before = clock_ns(), after;
	unsigned long upcalls;
	long r;

	check_refused("vcpu_info-across-pages", vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
	info.offset = 64;
	info.mfn = memory_hole(4 << 20, 4 << 20) >> 12;
	check_refused("vcpu_info-in-a-hole", vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
	irq_off();
	upcalls = nr_upcalls;
	if (!check_equal("vcpu_info-register", vcpu_info_register(vcpu_info_page + 64), 0)) {
		irq_on();
		return;
	}
	check(vcpu_info->evtchn_upcall_pending, "vcpu_info-register-raises-an-upcall", "pending is 0");
	check(vcpu_info->evtchn_pending_sel == ~0UL, "vcpu_info-register-selects-all", "%lx", vcpu_info->evtchn_pending_sel);
	after = clock_ns();
	check(after >= before && after < before + 10 * NSEC, "clock-goes-on-in-vcpu_info", "from %llu to %llu",
	      (unsigned long long)before, (unsigned long long)after);
	irq_on();
	irq_window();
	irq_on();
	check(nr_upcalls > upcalls, "vcpu_info-upcall-comes", "no upcall");
	info.mfn = (uintptr_t)vcpu_info_page >> 12;
	r = vcpu_op(VCPUOP_register_vcpu_info, 0, &info);
	check(r == -XEN_EINVAL || r == -XEN_EBUSY, "vcpu_info-second-time", "%ld", r);
}

static unsigned long events_before;

/* A deadline in the past may fire before the call returns: count from before it. */
static int set_timer(uint64_t deadline)
{
	events_before = nr_timer_events;
	return timer_set(deadline);
}

static bool fires_within(uint64_t ns)
{
	uint64_t end = clock_ns() + ns;

	while (nr_timer_events == events_before && clock_ns() < end)
		cpu_relax();
	return nr_timer_events != events_before;
}

static void singleshot(void)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future };
	uint64_t start, late;
	long r;

	check_equal("timer-past", set_timer(1), 0);
	check(fires_within(NSEC), "timer-past-fires", "not within 1 s");
	r = vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
	check(!r || r == -XEN_ETIME, "timer-past-flag-future", "%ld", r);
	(void)fires_within(10 * MSEC);

	start = clock_ns();
	check_equal("timer-future", set_timer(start + 5 * MSEC), 0);
	check(fires_within(2 * NSEC), "timer-future-fires", "not within 2 s");
	late = clock_ns() - start;
	check(late >= 5 * MSEC, "timer-not-early", "after %llu ns", (unsigned long long)late);
	printf("timer of 5 ms came after %llu us\n", (unsigned long long)late / 1000);

	(void)set_timer(clock_ns() + 300 * MSEC);
	(void)set_timer(clock_ns() + 2 * MSEC);
	check(fires_within(200 * MSEC), "timer-set-again-earlier", "the later deadline stayed");
	(void)set_timer(clock_ns() + 50 * MSEC);
	check_equal("timer-stop", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	check(!fires_within(100 * MSEC), "timer-stopped", "it fired");
	check_equal("timer-far", set_timer(1ULL << 62), 0);
	check_equal("timer-farther", set_timer(1ULL << 63), 0);
	(void)fires_within(MSEC);
	check_equal("timer-farthest", set_timer(~0ULL), 0);
	(void)fires_within(MSEC);
	(void)vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
	check_refused("timer-of-another-vcpu", vcpu_op(VCPUOP_set_singleshot_timer, 1, &t));

	/* HLT: sleeps until the timer, with the deadline already past too. */
	start = clock_ns();
	sleep_until(start + 20 * MSEC);
	check(clock_ns() >= start + 20 * MSEC, "halt-until-timer", "woke early");
	irq_off();
	(void)set_timer(1);
	halt_irq_on();
	check(nr_timer_events > events_before, "halt-with-event-pending", "no event after HLT");
}

static void other_timers(void)
{
	struct vcpu_set_periodic_timer p = { .period_ns = 10 * MSEC };
	unsigned long n;
	uint64_t start;

	events_before = nr_timer_events;
	if (check_or_skip("set_timer_op", hypercall(__HYPERVISOR_set_timer_op, clock_ns() + 2 * MSEC, 0, 0), 0))
		check(fires_within(NSEC), "set_timer_op-fires", "not within 1 s");
	check_equal("set_timer_op-cancel", hypercall(__HYPERVISOR_set_timer_op, 0, 0, 0), 0);
	if (!check_or_skip("set_periodic_timer", vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0))
		return;
	n = nr_timer_events;
	start = clock_ns();
	while (clock_ns() < start + 200 * MSEC)
		cpu_relax();
	check(nr_timer_events >= n + 3, "periodic-timer-ticks", "%lu in 200 ms", nr_timer_events - n);
	check_equal("periodic-timer-stop", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	sleep_until(clock_ns() + 20 * MSEC);
	events_before = nr_timer_events;
	check(!fires_within(50 * MSEC), "periodic-timer-stopped", "it ticks on");
	p.period_ns = 1000;
	check_equal("periodic-timer-too-short", vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
}

static void runstate_at(void *where, const char *name)
{
	struct vcpu_register_runstate_memory_area a = { .addr.p = (uintptr_t)where };
	volatile struct vcpu_runstate_info *rs = where;
	struct vcpu_runstate_info now;
	uint64_t blocked, sum;
	unsigned int i, flagged = 0;

	printf("runstate area %s\n", name);
	memset(where, 0xee, sizeof(*rs));
	if (!check_equal("runstate-register", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &a), 0))
		return;
	check_equal("runstate-is-running", rs->state, RUNSTATE_running);
	sum = rs->time[0] + rs->time[1] + rs->time[2] + rs->time[3];
	check(rs->state_entry_time <= clock_ns(), "runstate-entry-time", "%llu is in the future", (unsigned long long)rs->state_entry_time);
	check(sum > 0 && sum < 1ULL << 60, "runstate-times", "sum %llx", (unsigned long long)sum);
	blocked = rs->time[RUNSTATE_blocked];
	for (i = 0; i < 10; i++) {
		sleep_until(clock_ns() + 3 * MSEC);
		flagged += rs->state_entry_time >> 63;
	}
	check(rs->time[RUNSTATE_blocked] >= blocked + 5 * MSEC, "runstate-counts-blocked", "%llu us in 30 ms of sleep",
	      (unsigned long long)(rs->time[RUNSTATE_blocked] - blocked) / 1000);
	check_equal("runstate-after-sleep-is-running", rs->state, RUNSTATE_running);
	check(!flagged, "runstate-no-update-flag-left", "%u times", flagged);
	if (check_or_skip("get_runstate_info", vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0))
		check_equal("get_runstate_info-running", now.state, RUNSTATE_running);
}

/* In pages of its own: the runstate area stays registered, and is written whenever the vCPU goes on behind a pause. */
static void time_area(void)
{
	static char pages[2 * 4096] __page_aligned;
	struct vcpu_register_time_memory_area a = { .addr.p = (uintptr_t)pages + 128 };
	volatile struct vcpu_time_info *t = (void *)(pages + 128), *v = &vcpu_info->time;

	if (!check_or_skip("time-area-register", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &a), 0))
		return;
	check(t->tsc_to_system_mul == v->tsc_to_system_mul && t->tsc_shift == v->tsc_shift, "time-area-scale", "differs from vcpu_info");
	check(!(t->version & 1) && t->tsc_timestamp && t->tsc_timestamp <= rdtsc(), "time-area-filled", "version %u, stamp %llx", t->version,
	      (unsigned long long)t->tsc_timestamp);
	a.addr.p = 0;
	printf("time area unregister: %ld\n", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &a));
	a.addr.p = (uintptr_t)pages + 4096 - 8;
	memset(pages, 0, sizeof(pages));
	t = (void *)(pages + 4096 - 8);
	check_equal("time-area-across-pages", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &a), 0);
	check(t->tsc_to_system_mul == v->tsc_to_system_mul, "time-area-across-pages-filled", "mul %x", t->tsc_to_system_mul);
	a.addr.p = 0;
	(void)vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &a);
}

void abi_time(void)
{
	clock();
	wallclock();
	singleshot();
	vcpu_info_placement();
	clock();
	singleshot();
	other_timers();
	(void)hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0);
	runstate_at(area, "in one page");
	runstate_at(area + 4096 - 20, "across two pages");
	time_area();
}
