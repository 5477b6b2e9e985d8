/* SPDX-License-Identifier: GPL-2.0-only */
#include "cgroup.h"

#include <stdio.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "log.h"

#define NORMAL_WEIGHT	256
#define USEC_PER_SEC	1000000ULL

/* UINT64_MAX: as if never set. */
static int set_properties(const char *unit, uint64_t weight, uint64_t quota)
{
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_open_system(&bus);
	if (r < 0)
		return r;
	r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
			       "org.freedesktop.systemd1.Manager", "SetUnitProperties", NULL, NULL,
			       "sba(sv)", unit, 1, 2, "CPUWeight", "t", weight,
			       "CPUQuotaPerSecUSec", "t", quota);
	(void)sd_bus_flush_close_unref(bus);
	return r;
}

/* What a unit was given at run time stays after its end: also for another definition of the same name. */
static bool was_applied(const char *unit)
{
	char path[512];
	int n = snprintf(path, sizeof(path), "/run/systemd/system.control/%s.d/50-CPUWeight.conf", unit);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

void cgroup_apply(const struct zendo_config *c)
{
	_cleanup_free_ char *unit = NULL;
	uint64_t weight = (uint64_t)c->cpu_weight * 100 / NORMAL_WEIGHT;
	bool plain = c->cpu_weight == NORMAL_WEIGHT && c->cap == 0;
	int r;

	if (sd_pid_get_unit(0, &unit) < 0 || (plain && !was_applied(unit)))
		return;
	weight = weight < 1 ? 1 : weight > 10000 ? 10000 : weight;
	r = set_properties(unit, plain ? UINT64_MAX : weight, c->cap ? c->cap * USEC_PER_SEC / 100 : UINT64_MAX);
	if (r < 0)
		log_message(LOG_WARNING, "cpu_weight= and cap= are not applied: %s, ignoring", strerror(-r));
}
