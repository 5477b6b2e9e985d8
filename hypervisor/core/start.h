/* SPDX-License-Identifier: GPL-2.0-only */
/* From the image's entry to dom0 in guest mode, and back out. */
#ifndef CORE_START_H
#define CORE_START_H

#include "core/cpu.h"

/* C entry, on the CPU's own stack: @record as abi.h section 3 says. Does not return. */
void cpu_enter(uint64_t record_hpa, uint32_t cpu) __attribute__((noreturn));
/* Back to bare metal with @ret in dom0's rax. */
void cpu_leave(struct cpu *c, uint64_t ret) __attribute__((noreturn));

#endif
