/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_MSR_H
#define GUEST_MSR_H

#include "core/domain.h"

/* State at power-up of what is kept here; PAT, EFER and the like are vendor code's. */
void guest_msr_init(struct vcpu *v);
/* False: #GP. */
bool guest_msr_read(struct vcpu *v, uint32_t msr, uint64_t *ret);
bool guest_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);
/* The bits of CR4 that the guest may set. */
uint64_t cr4_valid(struct vcpu *v);
bool xcr0_valid(const struct domain *d, uint64_t val);

static inline bool is_canonical(uint64_t a)
{
	return (uint64_t)((int64_t)(a << 16) >> 16) == a;	/* 48 bits: no LA57 */
}

#endif
