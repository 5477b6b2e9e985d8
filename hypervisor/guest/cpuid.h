/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_CPUID_H
#define GUEST_CPUID_H

#include "core/domain.h"

/* What @v reads from @leaf: eax ebx ecx edx. */
void cpuid_leaf(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
/* Bytes of a standard-format XSAVE area for these components. */
uint32_t xstate_size(uint64_t xcr0);
/* What @d may have in XCR0: of what is switched, that which its policy does not hide. */
uint64_t guest_xcr0_mask(const struct domain *d);

#endif
