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

/*
 * What stands behind "cpu" or "cpu3" in /proc/stat. proc(5): user and nice contain guest and guest_nice.
 */
static int parse_times(const char *s, uint64_t *ret_ns)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, ticks;
	long hz = sysconf(_SC_CLK_TCK);

	if (sscanf(s, " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system, &idle,
		   &iowait, &irq, &softirq, &steal, &guest, &guest_nice) != 10 || hz <= 0)
		return -EBADMSG;
	ticks = user + nice + system + irq + softirq;
	/* the counters of several CPUs are not read at one instant */
	ticks -= guest + guest_nice < ticks ? guest + guest_nice : ticks;
	*ret_ns = ticks * (1000000000ULL / (uint64_t)hz);
	return 0;
}

static int read_stat(struct zendo_host *h)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	char line[512];

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f) || strncmp(line, "cpu ", 4) != 0)
		return -EBADMSG;
	return parse_times(line + 3, &h->busy_ns);
}

/* The lines "cpuN" follow the first, which is the sum. */
int zendo_host_cpus(struct zendo_host_cpu **ret, size_t *ret_nr)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	_cleanup_free_ struct zendo_host_cpu *all = NULL;
	struct zendo_host_cpu *grown;
	char line[512];
	size_t nr = 0;
	int n, r;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f) && strncmp(line, "cpu", 3) == 0) {
		struct zendo_host_cpu c;

		if (line[3] < '0' || line[3] > '9')	/* the sum */
			continue;
		if (sscanf(line + 3, "%u%n", &c.cpu, &n) != 1)
			return -EBADMSG;
		r = parse_times(line + 3 + n, &c.busy_ns);
		if (r < 0)
			return r;
		grown = reallocarray(all, nr + 1, sizeof(*all));
		if (!grown)
			return -ENOMEM;
		all = grown;
		all[nr++] = c;
	}
	if (nr == 0)
		return -EBADMSG;
	*ret = TAKE_PTR(all);
	*ret_nr = nr;
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
