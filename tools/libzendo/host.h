/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Linux tells about dom0 itself. */
#ifndef ZENDO_HOST_H
#define ZENDO_HOST_H

#include <stddef.h>
#include <stdint.h>

struct zendo_host {
	uint64_t mem_total_kib;
	uint64_t mem_available_kib;	/* what can be used without swapping, MemAvailable */
	unsigned nr_cpus;		/* online */
	uint64_t busy_ns;		/* CPU time of all tasks and interrupts since boot, without running guests */
};

/* -errno of reading /proc, -EBADMSG it is not as expected. */
int zendo_host_read(struct zendo_host *ret);

struct zendo_host_cpu {
	unsigned cpu;
	uint64_t busy_ns;		/* as above, of this one */
};

/* The CPUs that are online, in order. The caller frees *ret. */
int zendo_host_cpus(struct zendo_host_cpu **ret, size_t *ret_nr);

/*
 * Room that a new domain must leave to dom0, in KiB: taking the last free page for a guest would bring
 * the OOM killer onto dom0's services.
 */
#define ZENDO_HOST_RESERVE_KIB	(64 * 1024)

#endif
