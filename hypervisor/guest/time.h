/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's clock, timers, wall clock and runstate. System time is nanoseconds since the domain
 * was made, one linear function of the TSC (struct guest_clock); timers are kept as host TSC values.
 */
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include "core/domain.h"
#include "guest/compat.h"

void time_domain_init(struct domain *d, const struct zendo_domain_create *c);
void time_vcpu_init(struct vcpu *v);
void time_vcpu_destroy(struct vcpu *v);

#define NS_PER_S	1000000000ULL

/* Factors for a TSC of @hz, as guests apply them (guest-abi 6.1). */
void time_scale(uint64_t hz, uint32_t *ret_mul, int8_t *ret_shift);
uint64_t time_now(const struct domain *d);			/* system time, ns */
uint64_t time_at(const struct domain *d, uint64_t tsc);		/* of a host TSC value */
/* First host TSC at which system time is @ns or later; never 0. */
uint64_t time_to_tsc(const struct domain *d, uint64_t ns);

/* Write vcpu_time_info to where @v's vcpu_info and time area are. evtchn lock held. */
void time_write_info(struct vcpu *v);
/* The same for the wall clock in shared_info. evtchn lock held. */
void time_write_wallclock(struct domain *d);

/* Raise what is due; see guest_deadline() for what is to come. */
void time_poll(struct vcpu *v);
void time_set_singleshot(struct vcpu *v, uint64_t ns);
void time_set_periodic(struct vcpu *v, uint64_t period_ns);	/* 0 = off */
void time_watchdogs(struct domain *d);	/* one was changed. evtchn lock held */

/* See area_register(). */
int __must_check time_register_area(struct vcpu *caller, struct vcpu *v, enum guest_area_kind kind, uint64_t addr);
int __must_check runstate_register_area(struct vcpu *caller, struct vcpu *v, enum guest_area_kind kind, uint64_t addr);
void runstate_set(struct vcpu *v, int state);
union runstate_image {
	struct vcpu_runstate_info wide;
	struct compat_runstate_info compat;
};
/* Up to now, in the caller's layout; returns the bytes of it. */
size_t runstate_get(struct vcpu *v, bool compat, union runstate_image *ret);

#endif
