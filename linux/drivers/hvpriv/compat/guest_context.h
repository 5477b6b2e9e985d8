/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time and RCU around a guest. The kernel has these as inlines in <linux/kvm_host.h>; here they stand
 * on what is exported to all modules on 6.1 and 6.12 (F13).
 *
 *	interrupts off
 *	hv_guest_timing_enter()		from here the time is the guest's
 *	hv_guest_context_enter()	RCU: this CPU is as quiet as in user mode
 *	... guest ...			no tracing, no RCU, no lockdep in here
 *	hv_guest_context_exit()
 *	interrupts on and off		the tick that ended the run bills the guest
 *	hv_guest_timing_exit()
 */
#ifndef HVPRIV_COMPAT_GUEST_CONTEXT_H
#define HVPRIV_COMPAT_GUEST_CONTEXT_H

#include <linux/context_tracking.h>
#include <linux/rcupdate.h>
#include <linux/vtime.h>

static __always_inline void hv_guest_timing_enter(void)
{
	vtime_account_guest_enter();
}

static __always_inline void hv_guest_timing_exit(void)
{
	vtime_account_guest_exit();
}

static __always_inline void hv_guest_context_enter(void)
{
	if (!context_tracking_guest_enter())
		rcu_note_context_switch(false);
}

static __always_inline void hv_guest_context_exit(void)
{
	context_tracking_guest_exit();
}

#endif /* HVPRIV_COMPAT_GUEST_CONTEXT_H */
