/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

static int read_meminfo(struct zendo_host *h)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	int found = 0;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		found += sscanf(line, "MemTotal: %" SCNu64, &h->mem_total_kib) == 1;
		found += sscanf(line, "MemAvailable: %" SCNu64, &h->mem_available_kib) == 1;
	}
	return found == 2 ? 0 : -EBADMSG;
}

/* proc(5): user and nice contain guest and guest_nice. */
static int read_stat(struct zendo_host *h)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, ticks;
	long hz = sysconf(_SC_CLK_TCK);

	if (!f)
		return -errno;
	if (fscanf(f, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system, &idle,
		   &iowait, &irq, &softirq, &steal, &guest, &guest_nice) != 10 || hz <= 0)
		return -EBADMSG;
	ticks = user + nice + system + irq + softirq;
	/* the counters of several CPUs are not read at one instant */
	ticks -= guest + guest_nice < ticks ? guest + guest_nice : ticks;
	h->busy_ns = ticks * (1000000000ULL / (uint64_t)hz);
	return 0;
}

int zendo_host_read(struct zendo_host *ret)
{
	struct zendo_host h = {};
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	int r;

	h.nr_cpus = nr > 0 ? (unsigned)nr : 1;
	r = read_meminfo(&h);
	if (r < 0)
		return r;
	r = read_stat(&h);
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}
