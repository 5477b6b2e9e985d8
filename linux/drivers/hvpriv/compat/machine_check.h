/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine check hit while a guest ran. Linux gets it as if user space had been interrupted, because at
 * hvpriv's kernel address it would panic (F17). do_machine_check() is exported on 6.1 and 6.12.
 */
#ifndef HVPRIV_COMPAT_MACHINE_CHECK_H
#define HVPRIV_COMPAT_MACHINE_CHECK_H

#include <linux/ptrace.h>
#include <asm/mce.h>
#include <asm/traps.h>

static inline void hv_machine_check_guest(void)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = {
		.cs	= 3,
		.flags	= X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
#endif
}

#endif /* HVPRIV_COMPAT_MACHINE_CHECK_H */
