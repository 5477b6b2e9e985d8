/* SPDX-License-Identifier: GPL-2.0-only */
/* eventfd_signal() took a count until 6.7. */
#ifndef HVPRIV_COMPAT_EVENTFD_H
#define HVPRIV_COMPAT_EVENTFD_H

#include <linux/eventfd.h>

static inline void hv_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef HV_EVENTFD_SIGNAL_COUNTS
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

#endif /* HVPRIV_COMPAT_EVENTFD_H */
