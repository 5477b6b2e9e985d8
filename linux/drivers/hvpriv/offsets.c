// SPDX-License-Identifier: GPL-2.0-only
/* Offsets for trampoline.S; compiled to assembly only, see Kbuild. */
#include <linux/kbuild.h>
#include <linux/stddef.h>

#include <zendo/abi.h>
#include "trampoline.h"

static void __used offsets(void)
{
	OFFSET(ZCL_RIP, zendo_cpu_launch, rip);
	OFFSET(ZCL_RSP, zendo_cpu_launch, rsp);
	OFFSET(ZCL_RFLAGS, zendo_cpu_launch, rflags);
	OFFSET(ZCL_RBX, zendo_cpu_launch, rbx);
	OFFSET(ZCL_RBP, zendo_cpu_launch, rbp);
	OFFSET(ZCL_R12, zendo_cpu_launch, r12);
	OFFSET(ZCL_R13, zendo_cpu_launch, r13);
	OFFSET(ZCL_R14, zendo_cpu_launch, r14);
	OFFSET(ZCL_R15, zendo_cpu_launch, r15);
	BLANK();
	OFFSET(ARGS_ROOT, hv_tramp_args, root_hpa);
	OFFSET(ARGS_STACK, hv_tramp_args, stack);
	OFFSET(ARGS_ENTRY, hv_tramp_args, entry);
	OFFSET(ARGS_CR4, hv_tramp_args, cr4);
	OFFSET(ARGS_REC, hv_tramp_args, rec_hpa);
	OFFSET(ARGS_CPU, hv_tramp_args, cpu);
}
