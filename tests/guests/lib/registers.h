/* SPDX-License-Identifier: GPL-2.0-only */
/* Run one instruction or loop with every register holding a chosen value, and see what came back. 64-bit only. */
#ifndef GUEST_REGISTERS_H
#define GUEST_REGISTERS_H

#include <stdint.h>

enum { R_AX, R_CX, R_DX, R_BX, R_BP, R_SI, R_DI, R_8, R_9, R_10, R_11, R_12, R_13, R_14, R_15, R_FLAGS, NR_REGISTERS };

typedef void action_fn(void);

/* Loads all but RSP and RFLAGS from @in, calls @action, stores all and RFLAGS to @out. */
void registers_run(const uint64_t in[NR_REGISTERS], uint64_t out[NR_REGISTERS], action_fn *action);

/* Actions. What each may change is said beside it; nothing else may change. */
action_fn action_vmmcall;	/* RAX: result */
action_fn action_vmcall;	/* RAX: result */
action_fn action_spin;		/* RFLAGS; runs down registers_spin, IF=1 */
action_fn action_cpuid;		/* RAX RBX RCX RDX */
action_fn action_halt;		/* nothing; STI before, CLI after */
action_fn action_in;		/* RAX (low 8 bits); port in DX */
action_fn action_out;		/* nothing */
action_fn action_rdmsr;		/* RAX RDX; MSR in ECX */
action_fn action_pause;		/* nothing; 64 times */
extern uint64_t registers_spin;

#endif
