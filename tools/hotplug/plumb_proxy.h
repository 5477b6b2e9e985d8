/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of routed interfaces that dom0 answers for on its own networks. In a job. */
#ifndef HOTPLUG_PLUMB_PROXY_H
#define HOTPLUG_PLUMB_PROXY_H

#include "config-vif.h"

/* The interface of dom0 on whose network @ip would be if it were not routed elsewhere: asked before it is. 0: none. */
unsigned proxy_find_link(const struct zendo_vif_ip *ip);

/* Answer for @ip, which is routed elsewhere now, on that interface. */
int proxy_add(const struct zendo_vif_ip *ip, unsigned ifindex);

/* No more for those that are routed nowhere. */
void proxy_sweep(void);

#endif
