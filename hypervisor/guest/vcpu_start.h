/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_VCPU_START_H
#define GUEST_VCPU_START_H

#include "guest/hypercall.h"

int64_t vcpu_initialise(struct hcall *h, struct vcpu *v);
/* Own CPU: begin with what vcpu_initialise() stored, if the vCPU is up now. */
void vcpu_start_take(struct vcpu *v);

#endif
