/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rdmsrl() became rdmsrq() in 6.15 and went later; the CPUID helpers moved out of <asm/processor.h> to a header of their own.
 */
#ifndef HVPRIV_COMPAT_MSR_H
#define HVPRIV_COMPAT_MSR_H

#include <asm/msr.h>
#include <asm/processor.h>

#if __has_include(<asm/cpuid/api.h>)
#include <asm/cpuid/api.h>
#endif

#ifndef rdmsrq
#define rdmsrq		rdmsrl
#define rdmsrq_safe	rdmsrl_safe
#endif

#endif /* HVPRIV_COMPAT_MSR_H */
