/* SPDX-License-Identifier: GPL-2.0-only */
/* libxl's JSON of domains (libxl_domain_config), for scripts that read "xl list -l", and xl's list of UUIDs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli.h"
#include "config.h"
#include "host.h"
#include "runtime.h"
#include "xl.h"

#define PAGE_KIB	4

static void add(struct json_object *o, const char *key, struct json_object *value)
{
	(void)json_object_object_add(o, key, value);
}

static void add_text(struct json_object *o, const char *key, const char *s)
{
	if (s && *s)
		add(o, key, json_object_new_string(s));
}

static void add_int(struct json_object *o, const char *key, uint64_t n)
{
	add(o, key, json_object_new_uint64(n));
}

static void format_uuid(const uint8_t *uuid, char ret[static 37])
{
	for (unsigned i = 0; i < 16; i++)
		ret += sprintf(ret, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static struct json_object *c_info(const struct hvpriv_domain_info *d)
{
	struct json_object *o = json_object_new_object();
	char uuid[37];

	format_uuid(d->uuid, uuid);
	add_text(o, "type", "pvh");
	add_text(o, "name", d->name);
	add_text(o, "uuid", uuid);
	return o;
}

static struct json_object *numbers_below(unsigned nr)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < nr; i++)
		(void)json_object_array_add(list, json_object_new_int64(i));
	return list;
}

static struct json_object *cpus_of(const struct zendo_config *c, unsigned vcpu)
{
	struct json_object *list = json_object_new_array();
	const struct zendo_cpus *s = zendo_config_cpus_of(c, vcpu);

	for (unsigned cpu = 0; s && !zendo_cpus_is_all(s) && cpu <= ZENDO_CPUS_MAX; cpu++)
		if (zendo_cpus_has(s, cpu))
			(void)json_object_array_add(list, json_object_new_int64(cpu));
	return list;
}

static void add_definition(struct json_object *o, const struct zendo_config *c)
{
	struct json_object *sched = json_object_new_object(), *affinity = json_object_new_array();

	add_text(o, "kernel", c->kernel);
	add_text(o, "ramdisk", c->ramdisk);
	add_text(o, "cmdline", c->cmdline);
	add_int(sched, "weight", c->cpu_weight);
	add_int(sched, "cap", c->cap);
	add(o, "sched_params", sched);
	for (unsigned i = 0; c->nr_cpus > 0 && i < c->maxvcpus; i++)
		(void)json_object_array_add(affinity, cpus_of(c, i));
	add(o, "vcpu_hard_affinity", affinity);
}

/* Figures are those of now, all else is what it was made from. */
static struct json_object *b_info(const struct hvpriv_domain_info *d, const struct zendo_config *c)
{
	struct json_object *o = json_object_new_object();

	add_int(o, "max_vcpus", d->max_vcpus);
	add(o, "avail_vcpus", numbers_below(c ? c->vcpus : d->nr_vcpus));
	add_int(o, "max_memkb", c ? c->maxmem_mib * 1024 : d->max_pages * PAGE_KIB);
	add_int(o, "target_memkb", c ? c->memory_mib * 1024 : d->nr_pages * PAGE_KIB);
	if (c)
		add_definition(o, c);
	add(o, "type.pvh", json_object_new_object());
	return o;
}

static struct json_object *disk_of(const struct zendo_disk *d)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "pdev_path", d->target);
	add_text(o, "vdev", d->vdev);
	add_text(o, "backend", d->must_be_block ? "phy" : NULL);
	add_text(o, "format", zendo_disk_format_name(d->format));
	add_text(o, "script", d->script);
	add_int(o, "removable", d->cdrom);
	add_int(o, "readwrite", !d->readonly);
	add_int(o, "is_cdrom", d->cdrom);
	if (d->no_discard)
		add_text(o, "discard_enable", "False");
	return o;
}

static struct json_object *nic_of(const struct zendo_vif *v)
{
	struct json_object *o = json_object_new_object();
	char mac[ZENDO_MAC_STRLEN];

	add_int(o, "devid", v->devid);
	if (v->has_mac)
		add_text(o, "mac", zendo_mac_format(v->mac, mac));
	add_text(o, "bridge", v->bridge);
	add_text(o, "ifname", v->vifname);
	add_text(o, "script", v->script);
	if (v->mtu)
		add_int(o, "mtu", v->mtu);
	add_text(o, "nictype", "vif");
	if (v->rate) {
		add_int(o, "rate_bytes_per_interval", (uint64_t)((unsigned __int128)v->rate * v->rate_interval_us / 1000000));
		add_int(o, "rate_interval_usecs", v->rate_interval_us);
	}
	return o;
}

/* libxl's words have underscores, and one has its halves the other way round. */
static void add_action(struct json_object *o, const char *key, enum zendo_on_event action)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s", action == ZENDO_ON_RENAME_RESTART ? "restart_rename" : zendo_on_event_to_string(action));
	for (char *p = text; *p; p++)
		if (*p == '-')
			*p = '_';
	add_text(o, key, text);
}

static void add_devices(struct json_object *o, const struct zendo_config *c)
{
	struct json_object *disks = json_object_new_array(), *nics = json_object_new_array();

	for (size_t i = 0; i < c->nr_disks; i++)
		(void)json_object_array_add(disks, disk_of(&c->disks[i]));
	for (size_t i = 0; i < c->nr_vifs; i++)
		(void)json_object_array_add(nics, nic_of(&c->vifs[i]));
	add(o, "disks", disks);
	add(o, "nics", nics);
	add_action(o, "on_poweroff", c->on_poweroff);
	add_action(o, "on_reboot", c->on_reboot);
	add_action(o, "on_watchdog", c->on_watchdog);
	add_action(o, "on_crash", c->on_crash);
}

/* It may be for root only, or gone already: then there is less to tell. */
static struct zendo_config *definition_of(const struct hvpriv_domain_info *d)
{
	static const char *const files[] = { ZENDO_RUNTIME_DEVICES, "config" };
	char path[ZENDO_RUNTIME_PATH_MAX];
	struct zendo_config *c = NULL;
	struct zendo_error e = {};

	for (size_t i = 0; d->domid != 0 && !c && i < sizeof(files) / sizeof(files[0]); i++)
		if (zendo_runtime_path(d->name, files[i], path) < 0 || zendo_config_load(path, NULL, &c, &e) < 0)
			c = NULL;
	return c;
}

static struct json_object *domain_of(const struct hvpriv_domain_info *d)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = definition_of(d);
	struct json_object *o = json_object_new_object(), *config = json_object_new_object();

	add_int(o, "domid", d->domid);
	add(config, "c_info", c_info(d));
	add(config, "b_info", b_info(d, c));
	if (c)
		add_devices(config, c);
	add(o, "config", config);
	return o;
}

static int dom0_of(struct hvpriv_domain_info *ret)
{
	struct zendo_host h;

	if (zendo_host_read(&h) < 0)
		return fail(EXIT_FAILED, "cannot read /proc");
	*ret = (struct hvpriv_domain_info) {
		.name = DOM0_NAME, .max_vcpus = h.nr_cpus, .nr_vcpus = h.nr_cpus,
		.nr_pages = h.mem_total_kib / PAGE_KIB, .max_pages = h.mem_total_kib / PAGE_KIB,
	};
	return EXIT_OK;
}

static int list_named(int device, char **names, struct json_object *list)
{
	struct hvpriv_domain_info d;
	int r = EXIT_OK;

	for (char **n = names; *n && r == EXIT_OK; n++) {
		r = is_dom0(*n) ? dom0_of(&d) : find_domain(device, *n, &d);
		if (r == EXIT_OK)
			(void)json_object_array_add(list, domain_of(&d));
	}
	return r;
}

static int list_each(int device, struct json_object *list)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	struct hvpriv_domain_info dom0;
	size_t nr = 0;
	int r = dom0_of(&dom0);

	if (r == EXIT_OK)
		r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	(void)json_object_array_add(list, domain_of(&dom0));
	for (size_t i = 0; i < nr; i++)
		(void)json_object_array_add(list, domain_of(&all[i]));
	return EXIT_OK;
}

int xl_list_long(char **names)
{
	_cleanup_close_ int device = -EBADF;
	struct json_object *list;
	int r = open_running(&device);

	if (r != EXIT_OK)
		return r;
	list = json_object_new_array();
	r = *names ? list_named(device, names, list) : list_each(device, list);
	if (r == EXIT_OK)
		return print_json(list);
	json_object_put(list);
	return r;
}

int xl_vm_list(void)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	char uuid[37];
	size_t nr = 0;
	int r = open_running(&device);

	if (r == EXIT_OK)
		r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	puts("UUID                                  ID    name");
	for (size_t i = 0; i < nr; i++) {
		format_uuid(all[i].uuid, uuid);
		printf("%s  %u    %-30s\n", uuid, all[i].domid, all[i].name);
	}
	return EXIT_OK;
}
