/* SPDX-License-Identifier: GPL-2.0-only */
#include "cgroup.h"

#include <stdio.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "log.h"

#define NORMAL_WEIGHT	256
#define USEC_PER_SEC	1000000ULL

#define NR_LIMITS	4

/* What a disk's iops= and bw= become, for reads and for writes. */
static const char *const limits[NR_LIMITS] = { "IOReadIOPSMax", "IOWriteIOPSMax", "IOReadBandwidthMax", "IOWriteBandwidthMax" };

static uint64_t limit_of(const struct zendo_disk *d, unsigned limit)
{
	return limit < 2 ? d->iops : d->bandwidth;
}

static bool has_limits(const struct zendo_config *c)
{
	for (size_t i = 0; i < c->nr_disks; i++)
		if (c->disks[i].iops || c->disks[i].bandwidth)
			return true;
	return false;
}

/* An empty list takes away what was set before. UINT64_MAX: as if never set. */
static int append_limit(sd_bus_message *m, const struct zendo_config *c, unsigned limit, bool empty)
{
	int r;

	if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 || (r = sd_bus_message_append(m, "s", limits[limit])) < 0 ||
	    (r = sd_bus_message_open_container(m, 'v', "a(st)")) < 0 || (r = sd_bus_message_open_container(m, 'a', "(st)")) < 0)
		return r;
	for (size_t i = 0; !empty && i < c->nr_disks; i++)
		if (c->disks[i].target && limit_of(&c->disks[i], limit) &&
		    (r = sd_bus_message_append(m, "(st)", c->disks[i].target, limit_of(&c->disks[i], limit))) < 0)
			return r;
	for (unsigned i = 0; i < 3; i++)
		if ((r = sd_bus_message_close_container(m)) < 0)
			return r;
	return 0;
}

static int append_limits(sd_bus_message *m, const struct zendo_config *c)
{
	int r = 0;

	for (unsigned i = 0; i < NR_LIMITS && r >= 0; i++) {
		r = append_limit(m, c, i, true);
		if (r >= 0)
			r = append_limit(m, c, i, false);
	}
	return r;
}

static int append_shares(sd_bus_message *m, const struct zendo_config *c)
{
	uint64_t weight = (uint64_t)c->cpu_weight * 100 / NORMAL_WEIGHT, quota = UINT64_MAX;

	weight = weight < 1 ? 1 : weight > 10000 ? 10000 : weight;
	if (c->cap)
		quota = c->cap * USEC_PER_SEC / 100;
	else if (c->cpu_weight == NORMAL_WEIGHT)
		weight = UINT64_MAX;
	return sd_bus_message_append(m, "(sv)(sv)", "CPUWeight", "t", weight, "CPUQuotaPerSecUSec", "t", quota);
}

static int set_properties(sd_bus *bus, const char *unit, const struct zendo_config *c,
			  int (*append)(sd_bus_message *, const struct zendo_config *))
{
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
					   "org.freedesktop.systemd1.Manager", "SetUnitProperties");
	if (r >= 0)
		r = sd_bus_message_append(m, "sb", unit, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = append(m, c);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, NULL, NULL);
	sd_bus_message_unref(m);
	return r;
}

/* What a unit was given at run time stays after its end: also for another definition of the same name. */
static bool was_applied(const char *unit, const char *property)
{
	char path[512];
	int n = snprintf(path, sizeof(path), "/run/systemd/system.control/%s.d/50-%s.conf", unit, property);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static bool limits_were_applied(const char *unit)
{
	for (unsigned i = 0; i < NR_LIMITS; i++)
		if (was_applied(unit, limits[i]))
			return true;
	return false;
}

void cgroup_apply(const struct zendo_config *c)
{
	_cleanup_free_ char *unit = NULL;
	bool shares, rates;
	sd_bus *bus = NULL;
	int r;

	if (sd_pid_get_unit(0, &unit) < 0)
		return;
	shares = c->cpu_weight != NORMAL_WEIGHT || c->cap || was_applied(unit, "CPUWeight");
	rates = has_limits(c) || limits_were_applied(unit);
	if (!shares && !rates)
		return;
	r = sd_bus_open_system(&bus);
	if (r < 0)
		log_message(LOG_WARNING, "cpu_weight=, cap=, iops= and bw= are not applied: systemd: %s, ignoring", strerror(-r));
	if (r >= 0 && shares && (r = set_properties(bus, unit, c, append_shares)) < 0)
		log_message(LOG_WARNING, "cpu_weight= and cap= are not applied: %s, ignoring", strerror(-r));
	if (bus && rates && (r = set_properties(bus, unit, c, append_limits)) < 0)
		log_message(LOG_WARNING, "iops= and bw= of disks are not applied: %s, ignoring", strerror(-r));
	(void)sd_bus_flush_close_unref(bus);
}
