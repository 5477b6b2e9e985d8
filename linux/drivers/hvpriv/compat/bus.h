/* SPDX-License-Identifier: GPL-2.0-only */
/* What a bus is given became const: devices in uevent() with 6.3, drivers in match() with 6.11. */
#ifndef HVPRIV_COMPAT_BUS_H
#define HVPRIV_COMPAT_BUS_H

#include <linux/device.h>

#ifdef HV_HAVE_CONST_MATCH
typedef const struct device_driver hv_match_driver;
#else
typedef struct device_driver hv_match_driver;
#endif

#ifdef HV_HAVE_CONST_UEVENT
typedef const struct device hv_uevent_device;
#else
typedef struct device hv_uevent_device;
#endif

#endif /* HVPRIV_COMPAT_BUS_H */
