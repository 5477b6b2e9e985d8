// SPDX-License-Identifier: GPL-2.0-only
#include "guest/time.h"
#include "core/guest_mem.h"
#include "guest/area.h"
#include "guest/compat.h"
#include "guest/event_channel.h"
#include "guest/guest.h"
#include "guest/hypercall.h"
#include <xen/sched.h>

#define FAR_NS		(1ULL << 59)	/* 18 years: as good as never, and no product below overflows */

/* ---- clock ---- */

void time_scale(uint64_t hz, uint32_t *ret_mul, int8_t *ret_shift)
{
	int8_t shift = 0;

	while (hz > 2 * NS_PER_S) {
		hz >>= 1;
		shift--;
	}
	while (hz && hz <= NS_PER_S) {
		hz <<= 1;
		shift++;
	}
	/* 1 GHz < hz <= 2 GHz: the quotient has 32 bits. */
	*ret_mul = hz ? (uint32_t)((NS_PER_S << 32) / hz) : 1U << 31;
	*ret_shift = shift;
}

static uint64_t scale(const struct guest_clock *c, uint64_t delta)
{
	delta = c->shift < 0 ? delta >> -c->shift : delta << c->shift;
	return (uint64_t)(((unsigned __int128)delta * c->mul) >> 32);
}

uint64_t time_at(const struct domain *d, uint64_t tsc)
{
	const struct guest_clock *c = &d->g.clock;

	return tsc <= c->base_tsc ? 0 : scale(c, tsc - c->base_tsc);
}

uint64_t time_now(const struct domain *d)
{
	return time_at(d, host_tsc());
}

/*
 * The least delta with scale(delta) >= ns: q = ceil(ns << 32 / mul) by long division (mul has 32 bits), then the shift
 * undone, rounded up. ns < 2^59 and mul >= 2^31 keep q below 2^60.
 */
static uint64_t unscale(const struct guest_clock *c, uint64_t ns)
{
	uint64_t rest = (ns % c->mul) << 32;
	uint64_t q = (ns / c->mul << 32) + rest / c->mul + (rest % c->mul != 0);

	return c->shift < 0 ? q << -c->shift : (q + (1ULL << c->shift) - 1) >> c->shift;
}

uint64_t time_to_tsc(const struct domain *d, uint64_t ns)
{
	const struct guest_clock *c = &d->g.clock;
	uint64_t tsc;

	/* Rounded up: at this TSC value the guest's own arithmetic gives at least ns. */
	tsc = c->base_tsc + unscale(c, MIN(ns, FAR_NS));
	return tsc ? tsc : 1;
}

static void wallclock_set(struct domain *d, uint64_t wall_ns, uint64_t tsc)
{
	struct guest_clock *c = &d->g.clock;

	if (tsc >= c->base_tsc)
		wall_ns -= MIN(wall_ns, scale(c, tsc - c->base_tsc));
	else
		wall_ns += scale(c, c->base_tsc - tsc);
	c->wall_ns = wall_ns;
}

void guest_wallclock_set(struct domain *d, uint64_t wall_ns, uint64_t tsc)
{
	spin_lock(&d->g.evt.lock);
	wallclock_set(d, wall_ns, tsc);
	if (d->g.shared)
		time_write_wallclock(d);
	spin_unlock(&d->g.evt.lock);
}

void time_domain_init(struct domain *d, const struct zendo_domain_create *c)
{
	d->g.clock.base_tsc = host_tsc();
	time_scale(host_tsc_khz() * 1000, &d->g.clock.mul, &d->g.clock.shift);
	wallclock_set(d, c->wallclock_ns, c->wallclock_tsc);
	time_write_wallclock(d);
}

/* ---- what guests read; the version is odd while the fields change, and ours, not what stands in the page ---- */

void time_write_wallclock(struct domain *d)
{
	char *s = d->g.shared;
	uint32_t *wc = (uint32_t *)(s + (d->g.compat ? offsetof(struct shared_info_x86_32, wc_version)
						     : offsetof(struct shared_info, wc_version)));
	uint32_t *sec_hi = (uint32_t *)(s + (d->g.compat ? offsetof(struct shared_info_x86_32, arch.wc_sec_hi)
							 : offsetof(struct shared_info, wc_sec_hi)));
	uint64_t sec = d->g.clock.wall_ns / NS_PER_S;

	WRITE_ONCE(wc[0], d->g.clock.wall_version | 1);
	smp_wmb();
	WRITE_ONCE(wc[1], (uint32_t)sec);
	WRITE_ONCE(wc[2], (uint32_t)(d->g.clock.wall_ns % NS_PER_S));
	WRITE_ONCE(*sec_hi, (uint32_t)(sec >> 32));
	smp_wmb();
	d->g.clock.wall_version += 2;
	WRITE_ONCE(wc[0], d->g.clock.wall_version);
}

static void write_time(struct vcpu *v, const struct guest_area *a)
{
	const struct guest_clock *c = &v->d->g.clock;
	struct vcpu_time_info t = {
		.version = v->g.time_version | 1,
		.tsc_timestamp = c->base_tsc + v->g.tsc_offset,
		.tsc_to_system_mul = c->mul,
		.tsc_shift = c->shift,
		.flags = host_features.tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
	};

	area_write(a, 0, &t, sizeof(t.version));
	smp_wmb();
	area_write(a, 0, &t, sizeof(t));
	smp_wmb();
	t.version = v->g.time_version + 2;
	area_write(a, 0, &t, sizeof(t.version));
}

void time_write_info(struct vcpu *v)
{
	/* At the same offset in both layouts. */
	const struct guest_area info = { { { .va = v->g.info + offsetof(struct vcpu_info, time) } }, sizeof(struct vcpu_time_info) };
	const struct guest_area *area = area_of(v->g.time_area);

	write_time(v, &info);
	if (area)
		write_time(v, area);
	v->g.time_version += 2;
}

void guest_set_tsc_offset(struct vcpu *v, uint64_t offset)
{
	spin_lock(&v->d->g.evt.lock);
	v->g.tsc_offset = offset;
	time_write_info(v);
	spin_unlock(&v->d->g.evt.lock);
	ops->tsc_offset(v, offset);
}

int time_register_area(struct vcpu *caller, struct vcpu *v, enum guest_area_kind kind, uint64_t addr)
{
	return area_register(caller, v, v->g.time_area, kind, addr, sizeof(struct vcpu_time_info), time_write_info);
}

/* ---- timers ---- */

void time_set_singleshot(struct vcpu *v, uint64_t ns)
{
	uint64_t tsc = time_to_tsc(v->d, ns);

	/* A time that is past is raised here and now (F16): 6.12 asks for 1 ns ahead. */
	if (host_tsc() < tsc) {
		v->g.singleshot_tsc = tsc;
		return;
	}
	v->g.singleshot_tsc = 0;
	virq_raise(v, VIRQ_TIMER);
}

void time_set_periodic(struct vcpu *v, uint64_t period_ns)
{
	uint64_t step = period_ns ? unscale(&v->d->g.clock, MIN(period_ns, FAR_NS)) : 0;

	xchg(&v->g.periodic_tsc, 0);
	xchg(&v->g.periodic_step, step);
	xchg(&v->g.periodic_tsc, step ? host_tsc() + step : 0);
}

/* Missed ticks become one. Another vCPU may set or stop the timer meanwhile: its word counts. */
static bool periodic_due(struct vcpu *v, uint64_t now)
{
	uint64_t next = READ_ONCE(v->g.periodic_tsc), step = READ_ONCE(v->g.periodic_step);
	uint64_t then = next + step > now ? next + step : now + step;

	return next && step && now >= next &&
	       __atomic_compare_exchange_n(&v->g.periodic_tsc, &next, then, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Of two times, where 0 is never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

void time_watchdogs(struct domain *d)
{
	uint64_t best = 0;

	for (int i = 0; i < NR_WATCHDOGS; i++)
		best = earlier(best, d->g.watchdog_tsc[i]);
	WRITE_ONCE(d->g.watchdog_next, best);
}

void time_poll(struct vcpu *v)
{
	uint64_t now, bite = READ_ONCE(v->d->g.watchdog_next);
	bool due;

	if (unlikely(bite) && host_tsc() >= bite)
		domain_shutdown(v->d, SHUTDOWN_watchdog);
	if (!v->g.singleshot_tsc && !READ_ONCE(v->g.periodic_tsc))
		return;
	now = host_tsc();
	due = periodic_due(v, now);
	if (v->g.singleshot_tsc && now >= v->g.singleshot_tsc) {
		v->g.singleshot_tsc = 0;
		due = true;
	}
	if (due)
		virq_raise(v, VIRQ_TIMER);
}

uint64_t guest_deadline(struct vcpu *v)
{
	uint64_t best = earlier(v->g.singleshot_tsc, READ_ONCE(v->g.periodic_tsc));

	best = earlier(best, READ_ONCE(v->d->g.watchdog_next));
	return v->wait == WAIT_POLL ? earlier(best, v->g.poll.deadline_tsc) : best;
}

int64_t hcall_set_timer_op(struct hcall *h)
{
	uint64_t ns = h->wide ? h->arg[0] : h->arg[0] | h->arg[1] << 32;

	if (ns)
		time_set_singleshot(h->v, ns);
	else
		h->v->g.singleshot_tsc = 0;
	return 0;
}

void time_vcpu_init(struct vcpu *v)
{
	v->g.runstate.state = RUNSTATE_offline;
	v->g.runstate.state_entry_time = time_now(v->d);
	spin_lock(&v->d->g.evt.lock);
	time_write_info(v);
	spin_unlock(&v->d->g.evt.lock);
}

void time_vcpu_destroy(struct vcpu *v)
{
	area_end(v->d, v->g.time_area);
	area_end(v->d, v->g.runstate_area);
}
