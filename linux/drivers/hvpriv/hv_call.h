/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dom0's calls into the hypervisor (include/zendo/abi.h, section 4).
 *
 * On a CPU that is not under the hypervisor VMMCALL raises #UD; the exception table turns that
 * into -ENODEV, so a caller never needs to ask first. Another hypervisor may answer
 * VMMCALL in its own way: hv_probe() tells.
 */
#ifndef HVPRIV_HV_CALL_H
#define HVPRIV_HV_CALL_H

#include <linux/errno.h>
#include <linux/types.h>
#include <asm/asm.h>

#include <zendo/abi.h>

static __always_inline long hv_call4(unsigned long nr, u64 a, u64 b, u64 c, u64 d)
{
	register u64 r10 asm("r10") = d;
	long ret = nr;

	asm volatile("1: vmmcall\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, (EX_TYPE_IMM_REG | EX_DATA_IMM(-ENODEV)), %[ret])
		     : [ret] "+a" (ret)
		     : "D" (a), "S" (b), "d" (c), "r" (r10)
		     : "memory");
	return ret;
}

#define hv_call0(nr)		hv_call4((nr), 0, 0, 0, 0)
#define hv_call1(nr, a)		hv_call4((nr), (a), 0, 0, 0)
#define hv_call2(nr, a, b)	hv_call4((nr), (a), (b), 0, 0)
#define hv_call3(nr, a, b, c)	hv_call4((nr), (a), (b), (c), 0)

/* Is this CPU under our hypervisor? Interrupts off or migration harmless. */
static inline int hv_probe(void)
{
	long r = hv_call0(ZCALL_VERSION);

	if (r < 0 || (u64)r >> 32 != ZENDO_CALL_MAGIC)
		return -ENODEV;
	return (u32)r == ZENDO_ABI_VERSION ? 0 : -EPROTO;
}

#endif /* HVPRIV_HV_CALL_H */
