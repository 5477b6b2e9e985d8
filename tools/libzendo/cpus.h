/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of physical CPUs in xl's notation: "all", "0-3,6", "0-7,^2". Parts add CPUs from left to right, ^ takes
 * away. The layout is the kernel's, so that a set can be given to sched_setaffinity() as it is.
 */
#ifndef ZENDO_CPUS_H
#define ZENDO_CPUS_H

#include <stdbool.h>

#define ZENDO_CPUS_MAX	4095	/* highest number */

struct zendo_cpus {
	unsigned long word[(ZENDO_CPUS_MAX + 1) / (8 * sizeof(unsigned long))];
};

/*
 * 0; -EINVAL, -EOPNOTSUPP with the reason in *ret_why. "all" is every number there can be: see
 * zendo_cpus_limit().
 */
int zendo_cpus_parse(const char *s, struct zendo_cpus *ret, const char **ret_why);

/* Sorted ranges, "0-3,6", or "" when it is empty. -ENOMEM. */
int zendo_cpus_format(const struct zendo_cpus *s, char **ret);

bool zendo_cpus_has(const struct zendo_cpus *s, unsigned cpu);
bool zendo_cpus_is_all(const struct zendo_cpus *s);
bool zendo_cpus_is_empty(const struct zendo_cpus *s);
bool zendo_cpus_equal(const struct zendo_cpus *a, const struct zendo_cpus *b);

/*
 * Take @s down to the CPUs that are in @there. CPUs that are not may have come in by "all", which ends with the highest
 * number there can be; any other that is not there is -ENOENT, with the first of them in *ret_cpu and @s as it was.
 */
int zendo_cpus_limit(struct zendo_cpus *s, const struct zendo_cpus *there, unsigned *ret_cpu);

/* CPUs that are online. -errno of reading sysfs, -EBADMSG. */
int zendo_cpus_online(struct zendo_cpus *ret);

#endif
