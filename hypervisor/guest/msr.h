/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_MSR_H
#define GUEST_MSR_H

#include "core/domain.h"

/* State at power-up of what is kept here; PAT, EFER and the like are vendor code's. */
void guest_msr_init(struct vcpu *v);
/* False: #GP. */
bool guest_msr_read(struct vcpu *v, uint32_t msr, uint64_t *ret);
bool guest_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);

#endif
