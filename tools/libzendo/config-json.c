/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "config.h"
#include "config-cpuid.h"

/* Adds @value, taking it; NULL is the failed allocation of the constructor. */
static int add(struct json_object *o, const char *key, struct json_object *value)
{
	if (!value)
		return -ENOMEM;
	if (json_object_object_add(o, key, value) != 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int add_string(struct json_object *o, const char *key, const char *s)
{
	return s ? add(o, key, json_object_new_string(s)) : 0;
}

static int add_number(struct json_object *o, const char *key, uint64_t n)
{
	return add(o, key, json_object_new_uint64(n));
}

static int add_uuid(struct json_object *o, const struct zendo_config *c)
{
	char s[37], *p = s;

	if (!c->has_uuid)
		return 0;
	for (unsigned i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", c->uuid[i]);
	return add_string(o, "uuid", s);
}

static struct json_object *cpus_to_json(const struct zendo_cpus *s)
{
	_cleanup_free_ char *text = NULL;

	if (zendo_cpus_is_all(s))
		return json_object_new_string("all");
	return zendo_cpus_format(s, &text) < 0 ? NULL : json_object_new_string(text);
}

static int add_cpus(struct json_object *o, const struct zendo_config *c)
{
	struct json_object *list, *entry;

	if (c->nr_cpus == 0)
		return 0;
	if (!c->cpus_listed)
		return add(o, "cpus", cpus_to_json(&c->cpus[0]));
	list = json_object_new_array();
	for (unsigned i = 0; list && i < c->nr_cpus; i++) {
		entry = cpus_to_json(&c->cpus[i]);
		if (!entry || json_object_array_add(list, entry) != 0) {
			json_object_put(entry);
			json_object_put(list);
			return -ENOMEM;
		}
	}
	return add(o, "cpus", list);
}

/* Takes @list and @text, which is NULL after a failure. */
static int add_text(struct json_object *list, char *text)
{
	struct json_object *s = text ? json_object_new_string(text) : NULL;

	free(text);
	if (s && json_object_array_add(list, s) == 0)
		return 0;
	json_object_put(s);
	return -ENOMEM;
}

static int add_devices(struct json_object *o, const struct zendo_config *c)
{
	struct json_object *disks = json_object_new_array(), *vifs = json_object_new_array();
	char *text;
	int r = disks && vifs ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->nr_disks && r >= 0; i++)
		r = add_text(disks, zendo_disk_format(&c->disks[i], false, &text) < 0 ? NULL : text);
	for (size_t i = 0; i < c->nr_vifs && r >= 0; i++)
		r = add_text(vifs, zendo_vif_format(&c->vifs[i], false, &text) < 0 ? NULL : text);
	if (r >= 0 && c->nr_disks > 0)
		r = add(o, "disk", json_object_get(disks));
	if (r >= 0 && c->nr_vifs > 0)
		r = add(o, "vif", json_object_get(vifs));
	json_object_put(disks);
	json_object_put(vifs);
	return r;
}

static int add_policy(struct json_object *o, const struct zendo_config *c)
{
	const struct { const char *key; uint32_t value; } numbers[] = {
		{ "msr_relaxed", c->policy.flags & HVPRIV_POLICY_MSR_RELAXED },
		{ "max_event_channels", c->policy.max_event_channels },
		{ "max_grant_frames", c->policy.max_grant_frames },
		{ "max_maptrack_frames", c->policy.max_maptrack_frames },
	};
	struct json_object *list = json_object_new_array();
	struct config_cpuid_text t;
	bool any = false;
	int r = list ? 0 : -ENOMEM;

	for (unsigned i = 0; i < HVPRIV_POLICY_WORDS && r >= 0; i++)
		if (config_cpuid_format(&c->policy, i, &t)) {
			r = add_text(list, strdup(t.text));
			any = true;
		}
	if (r >= 0 && any)
		r = add(o, "cpuid", json_object_get(list));
	json_object_put(list);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && r >= 0; i++)
		r = numbers[i].value ? add_number(o, numbers[i].key, numbers[i].value) : 0;
	return r;
}

static int add_all(struct json_object *o, const struct zendo_config *c)
{
	int r;

	if ((r = add_string(o, "name", c->name)) < 0 ||
	    (r = add_string(o, "type", "pvh")) < 0 ||
	    (r = add_uuid(o, c)) < 0 ||
	    (r = add_string(o, "kernel", c->kernel)) < 0 ||
	    (r = add_string(o, "ramdisk", c->ramdisk)) < 0 ||
	    (r = add_string(o, "cmdline", c->cmdline)) < 0 ||
	    (r = add_number(o, "memory", c->memory_mib)) < 0 ||
	    (r = add_number(o, "maxmem", c->maxmem_mib)) < 0 ||
	    (r = add_number(o, "vcpus", c->vcpus)) < 0 ||
	    (r = add_number(o, "maxvcpus", c->maxvcpus)) < 0 ||
	    (r = add_cpus(o, c)) < 0 ||
	    (r = add_number(o, "cpu_weight", c->cpu_weight)) < 0 ||
	    (r = add_number(o, "cap", c->cap)) < 0 ||
	    (r = add_policy(o, c)) < 0 ||
	    (r = add_devices(o, c)) < 0 ||
	    (r = add_string(o, "on_poweroff", zendo_on_event_to_string(c->on_poweroff))) < 0 ||
	    (r = add_string(o, "on_reboot", zendo_on_event_to_string(c->on_reboot))) < 0 ||
	    (r = add_string(o, "on_crash", zendo_on_event_to_string(c->on_crash))) < 0 ||
	    (r = add_string(o, "on_watchdog", zendo_on_event_to_string(c->on_watchdog))) < 0)
		return r;
	return 0;
}

int zendo_config_to_json(const struct zendo_config *c, struct json_object **ret)
{
	struct json_object *o = json_object_new_object();
	int r;

	if (!o)
		return -ENOMEM;
	r = add_all(o, c);
	if (r < 0) {
		json_object_put(o);
		return r;
	}
	*ret = o;
	return 0;
}
