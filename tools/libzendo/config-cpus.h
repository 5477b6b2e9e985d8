/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xl's notation for a set of physical CPUs. Private to libzendo. */
#ifndef ZENDO_CONFIG_CPUS_H
#define ZENDO_CONFIG_CPUS_H

/*
 * "all", "0-3,6", "0-7,^2": parts add CPUs from left to right, ^ takes away. 0 and the set as a sorted
 * list of ranges, or NULL for "all". -EINVAL, -EOPNOTSUPP with the reason in *ret_why; -ENOMEM.
 */
int config_cpus_parse(const char *s, char **ret, const char **ret_why);

#endif
