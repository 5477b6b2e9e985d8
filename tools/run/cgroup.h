/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu_weight= and cap= of the configuration as properties of our unit. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H

#include "config.h"

/*
 * Xen's scheduler words in systemd's: 256 is CPUWeight=100, a cap of 50 is CPUQuota=50%. Nothing is
 * done outside of a unit, or when both are as they come and were so before. A failure is logged and
 * not fatal.
 */
void cgroup_apply(const struct zendo_config *c);

#endif
