/* SPDX-License-Identifier: GPL-2.0-only */
/* Areas of guest memory that are written at any time: a vCPU's time and runstate. */
#ifndef GUEST_AREA_H
#define GUEST_AREA_H

#include "core/domain.h"

/* Of the two that a guest may register, the one to write: that by physical address goes first. NULL: none. evtchn lock held. */
static inline const struct guest_area *area_of(const struct guest_area a[2])
{
	return a[AREA_PHYSICAL].pin[0].va ? &a[AREA_PHYSICAL] : a[AREA_LINEAR].pin[0].va ? &a[AREA_LINEAR] : NULL;
}

/* Bytes [at, at + len) of an area whose image is @img. */
void area_write(const struct guest_area *a, size_t at, const void *img, size_t len);

/*
 * Register @addr for @v as a[kind], @size bytes; @write shows what is to be seen there, under the evtchn lock. Linear addresses are @caller's,
 * may lie anywhere, and 0 ends the registration: -XEN_EFAULT. Physical ones are aligned in one page (-XEN_ENXIO) of RAM (-XEN_EINVAL), and
 * ~0 ends it. -XEN_ENOMEM.
 */
int __must_check area_register(struct vcpu *caller, struct vcpu *v, struct guest_area a[2], enum guest_area_kind kind, uint64_t addr,
			       size_t size, void (*write)(struct vcpu *v));
void area_end(struct domain *d, struct guest_area a[2]);

#endif
