/* SPDX-License-Identifier: GPL-2.0-only */
/* cpu_weight=, cap=, and iops= and bw= of disks as properties of our unit. */
#ifndef RUN_CGROUP_H
#define RUN_CGROUP_H

#include "config.h"

/*
 * Xen's scheduler words in systemd's: 256 is CPUWeight=100, a cap of 50 is CPUQuota=50%. A disk's
 * iops=N is IOReadIOPSMax=N and IOWriteIOPSMax=N for its target, bw= the same with IOReadBandwidthMax= and
 * IOWriteBandwidthMax=; of a file that is the device it lies on. Nothing is done outside of a unit, or when all
 * is as it comes and was so before. A failure is logged and not fatal.
 */
void cgroup_apply(const struct zendo_config *c);

#endif
