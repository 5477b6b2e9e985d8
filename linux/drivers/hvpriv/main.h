/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_MAIN_H
#define HVPRIV_MAIN_H

#include <linux/miscdevice.h>

extern struct miscdevice hv_misc;		/* /dev/hvpriv */
extern struct miscdevice hv_evtchn_misc;	/* /dev/hvevtchn */
extern struct miscdevice hv_gntdev_misc;	/* /dev/hvgntdev */

#endif /* HVPRIV_MAIN_H */
