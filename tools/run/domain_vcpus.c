/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of a domain's vCPUs while it runs. */
#include "domain.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "control_socket.h"
#include "device.h"

static int no_such_vcpu(const struct domain *d, unsigned id, struct zendo_error *e)
{
	return zendo_error(e, -ENOENT, "there is no vCPU %u, the domain has 0 to %u", id, d->nr_vcpus - 1);
}

/* ---- telling ----------------------------------------------------------------------------- */

/* xl's letters: r runs or wants to, b waits for an event, p does neither: stopped, paused, not started or offline. None: ended. */
static const char *state_of(const struct domain *d, const struct hvpriv_vcpu_info *info, bool ended)
{
	if (ended)
		return "---";
	if (d->paused || !info->up || info->blocked == HVPRIV_BLOCKED_PARKED)
		return "--p";
	return info->blocked ? "-b-" : "r--";
}

static int add(struct json_object *o, const char *key, struct json_object *value)
{
	return !value || json_object_object_add(o, key, value) != 0 ? -ENOMEM : 0;
}

static int add_cpus(struct json_object *answer, const struct zendo_cpus *s)
{
	_cleanup_free_ char *text = NULL;
	int r = zendo_cpus_format(s, &text);

	return r < 0 ? r : add(answer, "cpus", json_object_new_string(text));
}

/* All only grow. What Linux or an older module does not count is left out. */
static int add_counters(struct json_object *answer, const struct vcpu *v, const struct hvpriv_vcpu_info *info)
{
	struct hvpriv_vcpu_exits exits;
	struct json_object *kinds;
	uint64_t waited;
	int r;

	if ((r = add(answer, "exits", json_object_new_uint64(info->exits))) < 0 ||
	    (r = add(answer, "halts", json_object_new_uint64(info->halts))) < 0 ||
	    (r = add(answer, "interrupts", json_object_new_uint64(info->interrupts))) < 0 ||
	    (r = add(answer, "events_in", json_object_new_uint64(info->events_in))) < 0 ||
	    (r = add(answer, "events_out", json_object_new_uint64(info->events_out))) < 0)
		return r;
	if (vcpu_get_waited(v, &waited) >= 0 && (r = add(answer, "steal_ns", json_object_new_uint64(waited))) < 0)
		return r;
	if (zendo_device_vcpu_exits(v->fd, &exits) < 0)
		return 0;
	kinds = json_object_new_array();
	for (unsigned i = 0; kinds && i < ZENDO_NR_EXIT_KINDS; i++)
		if (json_object_array_add(kinds, json_object_new_uint64(exits.by_kind[i])) != 0) {
			json_object_put(kinds);
			return -ENOMEM;
		}
	return add(answer, "exits_by_kind", kinds);
}

int domain_describe_vcpu(const struct domain *d, unsigned id, struct json_object *answer)
{
	struct hvpriv_vcpu_info info = {};
	struct zendo_cpus s;
	bool ended;
	int r;

	if (id >= d->nr_vcpus)
		return -ENOENT;
	r = zendo_device_vcpu_query(d->vcpus[id].fd, &info);
	if (r < 0)
		return r;
	r = vcpu_get_cpus(&d->vcpus[id], &s);
	if (r < 0 && r != -ESRCH)
		return r;
	ended = r < 0;
	if ((r = add(answer, "vcpus", json_object_new_int64(d->nr_vcpus))) < 0 ||
	    (r = add(answer, "vcpu", json_object_new_int64(id))) < 0 ||
	    (r = add(answer, "up", json_object_new_boolean(info.up != 0))) < 0 ||
	    (r = add(answer, "state", json_object_new_string(state_of(d, &info, ended)))) < 0 ||
	    (r = info.up ? add(answer, "cpu", json_object_new_int64(info.cpu)) : 0) < 0 ||
	    (r = add(answer, "time_ns", json_object_new_uint64(info.guest_ns))) < 0 ||
	    (r = add_counters(answer, &d->vcpus[id], &info)) < 0)
		return r;
	return ended ? 0 : add_cpus(answer, &s);
}

/* ---- changing ---------------------------------------------------------------------------- */

/* @text as a set of CPUs that are online; empty for all. */
static int find_cpus(const char *text, struct zendo_cpus *ret, struct zendo_error *e)
{
	_cleanup_free_ char *there = NULL;
	struct zendo_cpus online;
	const char *why;
	unsigned cpu;
	int r;

	r = zendo_cpus_parse(text, ret, &why);
	if (r < 0)
		return zendo_error(e, r, "bad CPUs '%s': %s", text, why);
	if (zendo_cpus_is_all(ret)) {
		*ret = (struct zendo_cpus) {};
		return 0;
	}
	r = zendo_cpus_online(&online);
	if (r < 0)
		return zendo_error(e, r, "cannot find out which CPUs are online: %s", strerror(-r));
	if (zendo_cpus_limit(ret, &online, &cpu) >= 0)
		return 0;
	r = zendo_cpus_format(&online, &there);
	return r < 0 ? r : zendo_error(e, -ENOENT, "CPU %u is not there, online are %s", cpu, there);
}

int domain_pin(struct domain *d, unsigned id, const char *cpus, struct zendo_cpus *kept, struct zendo_error *e)
{
	const unsigned first = id == CONTROL_ALL_VCPUS ? 0 : id, end = id == CONTROL_ALL_VCPUS ? d->nr_vcpus : id + 1;
	struct zendo_cpus s;
	int r;

	if (end > d->nr_vcpus)
		return no_such_vcpu(d, id, e);
	r = find_cpus(cpus, &s, e);
	for (unsigned i = first; i < end && r >= 0; i++) {
		r = vcpu_set_cpus(&d->vcpus[i], &s);
		/* all threads are in one cpuset: what the first may, the others may */
		if (r == -EXDEV || r == -EINVAL)
			return zendo_error(e, -EXDEV, "the unit may not use all of CPUs %s: see its AllowedCPUs=", cpus);
		if (r == -ESRCH)
			return -ESHUTDOWN;
		if (r >= 0)
			kept[i] = s;
	}
	return r;
}

int domain_nmi(struct domain *d, unsigned id, struct zendo_error *e)
{
	unsigned told = 0;
	int r = 0;

	if (id != CONTROL_ALL_VCPUS && id >= d->nr_vcpus)
		return no_such_vcpu(d, id, e);
	for (unsigned i = 0; i < d->nr_vcpus; i++) {
		if (id != CONTROL_ALL_VCPUS && id != i)
			continue;
		r = zendo_device_vcpu_nmi(d->vcpus[i].fd);
		if (r == -EINVAL && id == i)
			return zendo_error(e, r, "vCPU %u is not up", id);
		if (r < 0 && r != -EINVAL)
			return zendo_error(e, r, "vCPU %u: %s", i, zendo_device_strerror(r));
		told += r >= 0;
	}
	return told > 0 ? 0 : zendo_error(e, -EINVAL, "no vCPU is up");
}
