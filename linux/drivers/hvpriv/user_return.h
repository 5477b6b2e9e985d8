/* SPDX-License-Identifier: GPL-2.0-only */
/* For threads of user space that work in the kernel for long: what waits for their way back. */
#ifndef HVPRIV_USER_RETURN_H
#define HVPRIV_USER_RETURN_H

#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/thread_info.h>

/*
 * Work that only the way back to user space does: files that were closed, memory.high of the cgroup. TIF_NOTIFY_RESUME alone does
 * not tell: each preemption sets it for rseq, which has nothing to do while the thread is in here.
 */
static inline bool hv_must_return(void)
{
	if (!test_thread_flag(TIF_NOTIFY_RESUME))
		return false;
#ifdef CONFIG_MEMCG
	if (current->memcg_nr_pages_over_high)
		return true;
#endif
	return task_work_pending(current);
}

#endif /* HVPRIV_USER_RETURN_H */
