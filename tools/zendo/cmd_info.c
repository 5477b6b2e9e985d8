/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <json-c/json.h>

#include "cli.h"
#include "device.h"
#include "host.h"

static void text(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static void number(struct json_object *o, const char *key, uint64_t value)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(value));
}

/* Keys that xl info has too are named as there. */
static void add_host(struct json_object *o)
{
	struct utsname u;
	struct zendo_host h;

	if (uname(&u) == 0) {
		text(o, "host", u.nodename);
		text(o, "release", u.release);
		text(o, "version", u.version);
		text(o, "machine", u.machine);
	}
	if (zendo_host_read(&h) < 0)
		return;
	number(o, "nr_cpus", h.nr_cpus);
	number(o, "total_memory", (h.mem_total_kib + 512) / 1024);	/* as list has it */
	number(o, "free_memory", h.mem_available_kib / 1024);
}

static void add_exits(struct json_object *o, const struct hvpriv_info *i)
{
	struct json_object *kinds = json_object_new_array();

	for (size_t k = 0; k < sizeof(i->exits_by_kind) / sizeof(i->exits_by_kind[0]); k++)
		(void)json_object_array_add(kinds, json_object_new_uint64(i->exits_by_kind[k]));
	(void)json_object_object_add(o, "exits_by_kind", kinds);
}

static void add_hypervisor(struct json_object *o, const struct hvpriv_info *i, bool all)
{
	bool running = i->flags & HVPRIV_INFO_RUNNING;

	text(o, "hypervisor", running ? "running" : "not running");
	if (!running)
		return;
	text(o, "hypervisor_build", i->build);
	text(o, "hypervisor_check", i->flags & HVPRIV_INFO_CHECK ? "yes" : "no");
	text(o, "virt_extension", i->vendor);
	number(o, "cpus_under", i->nr_cpus_under);
	number(o, "domains", i->nr_domains);
	number(o, "hypervisor_kib", i->hypervisor_bytes / 1024);
	number(o, "pool_kib", i->pool_pages * 4);
	number(o, "pool_free_kib", i->pool_free * 4);
	number(o, "tsc_khz", i->tsc_khz);
	number(o, "dom0_exits", i->dom0_exits);
	number(o, "guest_exits", i->guest_exits);
	number(o, "dom0_hidden_writes", i->dom0_hidden_writes);
	number(o, "max_hold_ns", i->max_hold_ns);
	number(o, "check_failures", i->check_failures);
	number(o, "pages_out", i->pages_out);
	if (all)
		add_exits(o, i);
}

static int print_table(struct json_object *o)
{
	json_object_object_foreach(o, key, value)
		printf("%-23s: %s\n", key, json_object_get_string(value));
	json_object_put(o);
	return EXIT_OK;
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	_cleanup_close_ int device = -EBADF;
	struct hvpriv_info info = {};
	struct json_object *o;
	bool json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			json = true;
		else
			return usage(argv[0]);
	if (optind != argc)
		return usage(argv[0]);
	r = zendo_device_open(&device);
	if (r >= 0)
		r = zendo_device_get_info(device, &info);
	/* without the module there is still a host to tell about */
	if (r < 0 && r != -ENOENT && r != -ENXIO)
		return fail_device(r);
	o = json_object_new_object();
	if (!o)
		return fail(EXIT_FAILED, "out of memory");
	add_host(o);
	add_hypervisor(o, &info, json);
	return json ? print_json(o) : print_table(o);
}
