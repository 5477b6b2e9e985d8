/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Since 6.13 a kernel may ask lazily: who is on the way to user space gives the CPU up, who goes on in the kernel is asked in
 * earnest by the next tick only. A guest is like user space here, as for KVM (XFER_TO_GUEST_MODE_WORK).
 */
#ifndef HVPRIV_COMPAT_RESCHED_H
#define HVPRIV_COMPAT_RESCHED_H

#include <linux/sched.h>
#include <linux/thread_info.h>

static inline bool hv_need_resched(void)
{
#ifdef _TIF_NEED_RESCHED_LAZY
	return read_thread_flags() & (_TIF_NEED_RESCHED | _TIF_NEED_RESCHED_LAZY);
#else
	return need_resched();
#endif
}

#endif /* HVPRIV_COMPAT_RESCHED_H */
