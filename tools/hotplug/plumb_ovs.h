/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports of Open vSwitch, by ovs-vsctl. In a job. */
#ifndef HOTPLUG_PLUMB_OVS_H
#define HOTPLUG_PLUMB_OVS_H

#include "config-vif.h"
#include "error.h"

/* The interface of @device ("vif-1-0") becomes a port. @e has place and key of @v. */
int plumb_ovs(const struct zendo_vif *v, const char *bridge, const char *ifname, const char *device, const char *mac, struct zendo_error *e);

/* Ports whose device is gone go. */
void ovs_sweep(void);

#endif
