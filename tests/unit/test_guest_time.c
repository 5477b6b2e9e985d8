// SPDX-License-Identifier: GPL-2.0-only
/* Clock factors (guest-abi T2), what guests read, timers, runstate areas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include "guest/newer.h"
#include "guest/time.h"
#include <xen/event_channel.h>

#define ARG	0x10ffc

static int start(void **state) { (void)state; fake_start(4); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static struct shared_info *shared(void)
{
	return fake.d->g.shared;
}

/* What a guest computes from its vcpu_time_info: xen/include/public/xen.h's rule. */
static uint64_t guest_ns(const struct vcpu_time_info *t, uint64_t tsc)
{
	uint64_t delta = tsc - t->tsc_timestamp;

	delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
	return t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
}

static int64_t vcpu_op(struct vcpu *v, uint32_t cmd, uint32_t vcpu, const void *arg, size_t len)
{
	if (arg)
		fake_write(ARG, arg, len);
	return fake_call(v, __HYPERVISOR_vcpu_op, cmd, vcpu, arg ? ARG : 0);
}

static uint32_t bind_timer(uint32_t vcpu)
{
	struct evtchn_bind_virq a = { .virq = VIRQ_TIMER, .vcpu = vcpu };

	fake_write(ARG, &a, sizeof(a));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ARG, 0), 0);
	fake_read(ARG, &a, sizeof(a));
	return a.port;
}

static bool ticked(uint32_t port)
{
	return test_and_clear_bit(port, shared()->evtchn_pending);
}

static void linux_finds_the_frequency_again(void **state)
{
	static const uint64_t khz[] = { 800000, 1000000, 1000001, 2000000, 2000001, 2500000, 3700000, 5000000, 1999999, 999999,
					2893202, 123456, 10000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
		uint32_t mul;
		int8_t shift;
		uint64_t got;

		time_scale(khz[i] * 1000, &mul, &shift);
		assert_int_not_equal(mul, 0);
		got = (1000000ULL << 32) / mul;
		got = shift < 0 ? got << -shift : got >> shift;
		/* one part in a million, and Linux's own rounding to a whole kHz */
		assert_true((uint64_t)llabs((int64_t)(got - khz[i])) <= khz[i] / 1000000 + 8);
	}
}

static void scaling_is_within_one_ppm(void **state)
{
	static const uint64_t khz[] = { 800000, 1000000, 2000000, 2500000, 3700000, 5000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
		fake_stop();
		fake_start(1);
		fake.d->g.clock.base_tsc = 0;
		time_scale(khz[i] * 1000, &fake.d->g.clock.mul, &fake.d->g.clock.shift);
		for (uint64_t s = 1; s < 40000000; s = s * 3 + 1) {
			uint64_t ns = time_at(fake.d, s * khz[i] * 1000), want = s * 1000000000;

			assert_true((uint64_t)llabs((int64_t)(ns - want)) <= want / 1000000 + 1);
		}
	}
}

static void a_deadline_is_the_first_tsc_that_reaches_it(void **state)
{
	static const uint64_t khz[] = { 800000, 1000000, 2000001, 2500000, 3700000, 5000000, 9000001 };

	(void)state;
	fake_seed(3);
	for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
		time_scale(khz[i] * 1000, &fake.d->g.clock.mul, &fake.d->g.clock.shift);
		for (int k = 0; k < 3000; k++) {
			uint64_t ns = fake_random() >> (5 + fake_below(58));
			uint64_t tsc = time_to_tsc(fake.d, ns);

			assert_true(time_at(fake.d, tsc) >= ns);
			/* with a shift of the TSC downwards a few values share one reading */
			if (ns && tsc > fake.d->g.clock.base_tsc + 16)
				assert_true(time_at(fake.d, tsc - 16) < ns);
		}
	}
	assert_true(time_to_tsc(fake.d, ~0ULL) > fake.tsc);
	assert_true(time_to_tsc(fake.d, 0) != 0);
}

static void time_info_is_valid_before_anything_is_mapped(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct vcpu_time_info *t = &shared()->vcpu_info[i].time;

		assert_int_equal(t->version & 1, 0);
		assert_int_not_equal(t->version, 0);
		assert_int_not_equal(t->tsc_to_system_mul, 0);
		assert_int_equal(t->flags, XEN_PVCLOCK_TSC_STABLE_BIT);
		assert_int_equal(guest_ns(t, fake.tsc), 0);
		assert_int_equal(guest_ns(t, fake.tsc + 2500000000), 999999999);	/* rounded down */
	}
}

static void without_a_stable_tsc_it_is_not_called_so(void **state)
{
	(void)state;
	host_features.tsc_stable = false;
	guest_set_tsc_offset(fake_vcpu(0), 0);
	assert_int_equal(shared()->vcpu_info[0].time.flags, 0);
}

static void a_new_tsc_offset_keeps_the_clock(void **state)
{
	uint64_t before;
	uint32_t version = shared()->vcpu_info[1].time.version;

	(void)state;
	fake.tsc += 123456789;
	before = guest_ns(&shared()->vcpu_info[1].time, fake.tsc);
	guest_set_tsc_offset(fake_vcpu(1), (uint64_t)-500000);
	assert_int_equal(fake.tsc_offset[1], (uint64_t)-500000);
	assert_int_equal(guest_ns(&shared()->vcpu_info[1].time, fake.tsc - 500000), before);
	assert_int_equal(shared()->vcpu_info[1].time.version, version + 2);
}

static void wallclock_is_utc_at_system_time_0(void **state)
{
	struct shared_info_x86_32 *c = fake.d->g.shared;
	uint32_t version = shared()->wc_version;

	(void)state;
	assert_int_equal(shared()->wc_sec, 1700000000);
	assert_int_equal(shared()->wc_nsec, 0);
	assert_int_equal(shared()->wc_sec_hi, 0);
	assert_int_equal(version & 1, 0);
	/* two seconds later it is 5.5 s later: someone set the clock */
	fake.tsc += 5000000000;
	guest_wallclock_set(fake.d, 1700000005500000000, fake.tsc);
	assert_in_range(shared()->wc_sec, 1700000003, 1700000003);
	assert_in_range(shared()->wc_nsec, 500000000, 500000010);
	assert_int_equal(shared()->wc_version, version + 2);
	/* a time before the domain began */
	guest_wallclock_set(fake.d, 1700000000000000000, fake.d->g.clock.base_tsc - 2500);
	assert_int_equal(shared()->wc_sec, 1700000000);
	assert_in_range(shared()->wc_nsec, 999, 1000);
	fake.d->g.compat = true;
	guest_wallclock_set(fake.d, (2ULL << 32) * 1000000000, fake.d->g.clock.base_tsc);
	assert_int_equal(c->wc_sec, 0);
	assert_int_equal(c->arch.wc_sec_hi, 2);
	assert_int_equal(c->wc_version & 1, 0);
}

/* ---- timers ---- */

static int64_t singleshot(struct vcpu *v, uint32_t vcpu, uint64_t ns)
{
	struct vcpu_set_singleshot_timer a = { .timeout_abs_ns = ns, .flags = VCPU_SSHOTTMR_future };

	return vcpu_op(v, VCPUOP_set_singleshot_timer, vcpu, &a, sizeof(a));
}

static void a_past_deadline_is_raised_at_once(void **state)
{
	uint32_t p = bind_timer(0);

	(void)state;
	fake.tsc += 1000000;
	assert_int_equal(singleshot(fake_vcpu(0), 0, 1), 0);
	assert_true(ticked(p));
	assert_int_equal(guest_deadline(fake_vcpu(0)), 0);
}

static void a_future_deadline_comes_when_the_clock_says_so(void **state)
{
	uint32_t p = bind_timer(0);
	uint64_t at;

	(void)state;
	assert_int_equal(singleshot(fake_vcpu(0), 0, 1000000), 0);
	assert_false(ticked(p));
	at = guest_deadline(fake_vcpu(0));
	assert_in_range(at - fake.tsc, 2500000, 2500002);
	fake.tsc = at - 1;
	guest_before_entry(fake_vcpu(0));
	assert_false(ticked(p));
	fake.tsc = at;
	guest_before_entry(fake_vcpu(0));
	assert_true(ticked(p));
	assert_true(guest_ns(&shared()->vcpu_info[0].time, fake.tsc) >= 1000000);
	guest_before_entry(fake_vcpu(0));
	assert_false(ticked(p));
}

static void singleshot_is_the_callers_only(void **state)
{
	(void)state;
	assert_int_equal(singleshot(fake_vcpu(0), 1, 5), -XEN_EINVAL);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_stop_singleshot_timer, 1, NULL, 0), -XEN_EINVAL);
	assert_int_equal(singleshot(fake_vcpu(0), 0, 5000000), 0);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_stop_singleshot_timer, 0, NULL, 0), 0);
	assert_int_equal(guest_deadline(fake_vcpu(0)), 0);
	assert_int_equal(singleshot(fake_vcpu(0), 4, 5), -XEN_ENOENT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, 1ULL << 50), -XEN_EFAULT);
}

static void set_timer_op_is_the_same_timer(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_set_timer_op, 1000000, 0, 0), 0);
	assert_int_not_equal(guest_deadline(fake_vcpu(0)), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_set_timer_op, 0, 0, 0), 0);
	assert_int_equal(guest_deadline(fake_vcpu(0)), 0);
	/* 32 bits: low and high word */
	fake.paging.code64 = false;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_set_timer_op, 0, 1, 0), 0);
	assert_int_equal(guest_deadline(fake_vcpu(0)), time_to_tsc(fake.d, 1ULL << 32));
}

static void the_periodic_timer_coalesces(void **state)
{
	struct vcpu_set_periodic_timer a = { .period_ns = 10000000 };
	uint32_t p = bind_timer(1);

	(void)state;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_stop_periodic_timer, 1, NULL, 0), 0);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_set_periodic_timer, 1, &a, sizeof(a)), 0);
	for (int i = 0; i < 5; i++) {
		fake.tsc = guest_deadline(fake_vcpu(1));
		guest_before_entry(fake_vcpu(1));
		assert_true(ticked(p));
	}
	fake.tsc += 10 * 25000000;
	guest_before_entry(fake_vcpu(1));
	assert_true(ticked(p));
	guest_before_entry(fake_vcpu(1));
	assert_false(ticked(p));
	assert_true(guest_deadline(fake_vcpu(1)) > fake.tsc);
	a.period_ns = 999999;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_set_periodic_timer, 1, &a, sizeof(a)), -XEN_EINVAL);
	a.period_ns = ~0ULL;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_set_periodic_timer, 1, &a, sizeof(a)), -XEN_EINVAL);
	a.period_ns = ~0ULL >> 2;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_set_periodic_timer, 1, &a, sizeof(a)), 0);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_stop_periodic_timer, 1, NULL, 0), 0);
	assert_int_equal(guest_deadline(fake_vcpu(1)), 0);
}

/* ---- areas ---- */

static void the_time_area_is_a_copy(void **state)
{
	uint64_t at = 0x40100;
	struct vcpu_time_info t;

	(void)state;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_vcpu_time_memory_area, 0, &at, sizeof(at)), 0);
	fake_read(at, &t, sizeof(t));
	assert_int_equal(t.version & 1, 0);
	assert_int_equal(t.tsc_to_system_mul, shared()->vcpu_info[0].time.tsc_to_system_mul);
	guest_set_tsc_offset(fake_vcpu(0), 77);
	fake_read(at, &t, sizeof(t));
	assert_int_equal(t.tsc_timestamp, fake.d->g.clock.base_tsc + 77);
	at = 0;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_vcpu_time_memory_area, 0, &at, sizeof(at)), 0);
	assert_null(fake_vcpu(0)->g.time_area[AREA_LINEAR].pin[0].va);
}

static void the_time_area_may_lie_anywhere(void **state)
{
	static const uint64_t anywhere[] = { 0x40101, 0x40ff0, 0x40ffd, 0x40fff };
	struct vcpu_time_info t;

	(void)state;
	fake.linear[0x41] = 0x80;	/* the pages are no neighbours */
	for (size_t i = 0; i < ARRAY_SIZE(anywhere); i++) {
		assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_vcpu_time_memory_area, 0, &anywhere[i], 8), 0);
		guest_set_tsc_offset(fake_vcpu(0), 77 + i);
		fake_read(anywhere[i], &t, sizeof(t));
		assert_int_equal(t.version & 1, 0);
		assert_int_equal(t.tsc_timestamp, fake.d->g.clock.base_tsc + 77 + i);
		assert_int_equal(t.tsc_to_system_mul, fake.d->g.clock.mul);
	}
}

static int64_t phys(uint32_t cmd, uint64_t at)
{
	return vcpu_op(fake_vcpu(0), cmd, 0, &at, sizeof(at));
}

static void an_area_by_physical_address_goes_first(void **state)
{
	uint64_t linear = 0x42000;
	struct vcpu_time_info t;
	struct vcpu_runstate_info r;

	(void)state;
	assert_int_equal(phys(VCPUOP_register_vcpu_time_memory_area, linear), 0);
	assert_int_equal(phys(VCPUOP_register_vcpu_time_phys_area, 0x50008), 0);
	fake_read(linear, &t, sizeof(t));
	assert_int_equal(t.tsc_timestamp, fake.d->g.clock.base_tsc);
	guest_set_tsc_offset(fake_vcpu(0), 5);
	fake_read(linear, &t, sizeof(t));
	assert_int_equal(t.tsc_timestamp, fake.d->g.clock.base_tsc);
	assert_int_equal(((struct vcpu_time_info *)&fake.frame[0x50][8])->tsc_timestamp, fake.d->g.clock.base_tsc + 5);
	/* it ends, and the other is served again */
	assert_int_equal(phys(VCPUOP_register_vcpu_time_phys_area, ~0ULL), 0);
	fake_read(linear, &t, sizeof(t));
	assert_int_equal(t.tsc_timestamp, fake.d->g.clock.base_tsc + 5);
	assert_int_equal(phys(VCPUOP_register_runstate_phys_area, 0x50040), 0);
	guest_enter_world(fake_vcpu(0));
	memcpy(&r, &fake.frame[0x50][0x40], sizeof(r));
	assert_int_equal(r.state, RUNSTATE_running);
	assert_false(r.state_entry_time & XEN_RUNSTATE_UPDATE);
}

static void bad_physical_areas_are_refused(void **state)
{
	static const struct { uint64_t at; int64_t rc; } bad[] = {
		{ 0x50ff0, -XEN_ENXIO }, { 0x50004, -XEN_ENXIO }, { FAKE_RAM * PAGE_SIZE, -XEN_EINVAL }, { FAKE_GFNS * PAGE_SIZE, -XEN_EINVAL },
		{ 1ULL << 63, -XEN_EINVAL }, { ~0ULL - 7, -XEN_ENXIO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(phys(VCPUOP_register_vcpu_time_phys_area, bad[i].at), bad[i].rc);
		assert_int_equal(phys(VCPUOP_register_runstate_phys_area, bad[i].at), bad[i].rc);
	}
	fake.d->g.compat = true;
	assert_int_equal(phys(VCPUOP_register_vcpu_time_phys_area, 0x50004), 0);
	assert_int_equal(phys(VCPUOP_register_vcpu_time_phys_area, 0x50002), -XEN_ENXIO);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_get_physid, 0, &bad[0].at, 8), -XEN_EINVAL);
}

static void runstate_for_a_caller_of_32_bits(void **state)
{
	struct compat_runstate_info r, after = { 0 };
	char guard[60];

	(void)state;
	fake.paging.code64 = false;
	memset(guard, 0x5a, sizeof(guard));
	fake_write(0x40ff0, guard, sizeof(guard));
	fake.tsc += 2500000;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, 0x40ff0), 0);
	fake_read(0x40ff0, &r, sizeof(r));
	assert_int_equal(r.state, fake_vcpu(0)->g.runstate.state);
	assert_true(r.time[r.state] >= 999999);
	fake_read(0x40ff0 + sizeof(r), &after, 16);
	assert_memory_equal(&after, guard, 16);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, 0xfffff000), -XEN_EFAULT);
}

static void bad_areas_are_refused(void **state)
{
	static const uint64_t bad[] = { 1ULL << 40, ~0ULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_vcpu_time_memory_area, 0, &bad[i], 8), -XEN_EFAULT);
		assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_runstate_memory_area, 0, &bad[i], 8), -XEN_EFAULT);
	}
	/* the second half is not there */
	fake.linear_hole[0x51] = true;
	uint64_t half = 0x50ff0;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_runstate_memory_area, 0, &half, 8), -XEN_EFAULT);
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_vcpu_time_memory_area, 0, &half, 8), -XEN_EFAULT);
	for (size_t i = 0; i < FAKE_FRAMES; i++)
		assert_int_equal(fake.pins[i], 0);
}

static void check_runstate_at(uint64_t at)
{
	struct vcpu_runstate_info r;
	struct vcpu *v = fake_vcpu(0);

	assert_int_equal(vcpu_op(v, VCPUOP_register_runstate_memory_area, 0, &at, sizeof(at)), 0);
	for (int i = 0; i < 12; i++) {
		uint64_t sum = 0;

		fake.tsc += 2500000;
		v->wait = i & 1 ? WAIT_HALT : WAIT_NONE;
		if (i % 3)
			guest_leave_world(v);
		else
			guest_enter_world(v);
		fake_read(at, &r, sizeof(r));
		assert_int_equal(r.state, i % 3 == 0 ? RUNSTATE_running : i & 1 ? RUNSTATE_blocked : RUNSTATE_runnable);
		assert_false(r.state_entry_time & XEN_RUNSTATE_UPDATE);
		for (int k = 0; k < 4; k++)
			sum += r.time[k];
		/* no drift: the times up to the entry add up to it */
		assert_int_equal(sum, r.state_entry_time);
	}
	v->wait = WAIT_NONE;
}

static void runstate_adds_up_wherever_the_area_lies(void **state)
{
	static const uint64_t at[] = { 0x40100, 0x40fd8, 0x40fe0, 0x40fe4, 0x40ffc, 0x40fff };

	(void)state;
	for (int flag = 0; flag < 2; flag++) {
		for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
			fake_stop();
			fake_start(1);
			fake.d->g.runstate_flag = flag;
			check_runstate_at(at[i]);
		}
	}
}

static void runstate_of_32_bits(void **state)
{
	struct compat_runstate_info r;
	uint32_t at = 0x40ff0;
	uint8_t canary[8];

	(void)state;
	fake.d->g.compat = true;
	fake.paging.code64 = false;
	memset(canary, 0x5a, sizeof(canary));
	fake_write(at + sizeof(r), canary, sizeof(canary));
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_register_runstate_memory_area, 0, &at, sizeof(at)), 0);
	fake.tsc += 2500000;
	guest_enter_world(fake_vcpu(0));
	fake_read(at, &r, sizeof(r));
	assert_int_equal(r.state, RUNSTATE_running);
	assert_in_range(r.time[RUNSTATE_offline], 999999, 1000000);
	fake_read(at + sizeof(r), canary, sizeof(canary));
	assert_int_equal(canary[0], 0x5a);
}

static void get_runstate_counts_up_to_now(void **state)
{
	struct vcpu_runstate_info r;

	(void)state;
	guest_enter_world(fake_vcpu(0));
	fake.tsc += 5000000;
	assert_int_equal(vcpu_op(fake_vcpu(0), VCPUOP_get_runstate_info, 0, &r, sizeof(r)), 0);
	fake_read(ARG, &r, sizeof(r));
	assert_int_equal(r.state, RUNSTATE_running);
	assert_in_range(r.time[RUNSTATE_running], 1999999, 2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(linux_finds_the_frequency_again), T(scaling_is_within_one_ppm), T(a_deadline_is_the_first_tsc_that_reaches_it),
		T(time_info_is_valid_before_anything_is_mapped), T(without_a_stable_tsc_it_is_not_called_so),
		T(a_new_tsc_offset_keeps_the_clock), T(wallclock_is_utc_at_system_time_0), T(a_past_deadline_is_raised_at_once),
		T(a_future_deadline_comes_when_the_clock_says_so), T(singleshot_is_the_callers_only),
		T(set_timer_op_is_the_same_timer), T(the_periodic_timer_coalesces), T(the_time_area_is_a_copy), T(the_time_area_may_lie_anywhere), T(an_area_by_physical_address_goes_first),
		T(bad_physical_areas_are_refused), T(runstate_for_a_caller_of_32_bits),
		T(bad_areas_are_refused), T(runstate_adds_up_wherever_the_area_lies), T(runstate_of_32_bits),
		T(get_runstate_counts_up_to_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
