/* SPDX-License-Identifier: GPL-2.0-only */
/* hrtimer_init() became hrtimer_setup() in 6.13 and went in 6.15. */
#ifndef HVPRIV_COMPAT_HRTIMER_H
#define HVPRIV_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>

static inline void hv_hrtimer_setup(struct hrtimer *t, enum hrtimer_restart (*fn)(struct hrtimer *t),
				    enum hrtimer_mode mode)
{
#ifdef HV_HAVE_HRTIMER_SETUP
	hrtimer_setup(t, fn, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(t, CLOCK_MONOTONIC, mode);
	t->function = fn;
#endif
}

#endif /* HVPRIV_COMPAT_HRTIMER_H */
