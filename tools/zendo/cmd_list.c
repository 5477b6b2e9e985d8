/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli.h"
#include "definitions.h"
#include "device.h"
#include "host.h"
#include "runtime.h"
#include "state.h"
#include "unit.h"

#define PAGE_KIB	4

/*
 * Linux itself in the same terms. Its time is what its tasks and interrupts have used since boot, without
 * guests, as Xen counts dom0's vCPUs without the other domains'.
 */
static int dom0_info(struct hvpriv_domain_info *ret)
{
	struct zendo_host h;
	int r = zendo_host_read(&h);

	if (r < 0)
		return r;
	*ret = (struct hvpriv_domain_info) {
		.name = DOM0_NAME,
		.state = HVPRIV_ST_RUNNING,
		.max_vcpus = h.nr_cpus,
		.nr_vcpus = h.nr_cpus,
		.nr_pages = h.mem_total_kib / PAGE_KIB,
		.max_pages = h.mem_total_kib / PAGE_KIB,
		.cpu_ns = h.busy_ns,
	};
	return 0;
}

static void format_uuid(const struct hvpriv_domain_info *d, char ret[static 37])
{
	for (unsigned i = 0; i < sizeof(d->uuid); i++)
		ret += sprintf(ret, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", d->uuid[i]);
}

/* xl's further columns; the last, its security label, is of a module that there is none of here. */
static void print_verbose(const struct hvpriv_domain_info *d)
{
	char uuid[37];

	format_uuid(d, uuid);
	printf(" %s", uuid);
	if (d->state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED))
		printf(" %8x", d->shutdown_code);
	else
		printf(" %8s", "-");
	printf(" %16s", "-");
}

static void print_line(const struct hvpriv_domain_info *d, bool verbose)
{
	/* to the nearest: the legacy hole below 1 MiB shall not make 255 of 256 */
	unsigned long long mib = (d->nr_pages * PAGE_KIB + 512) / 1024;
	char state[7];

	format_state(d->state, d->shutdown_code, state);
	printf("%-40s %5u %5llu %5u     %s  %8.1f", d->name, d->domid, mib, d->nr_vcpus, state,
	       (double)d->cpu_ns / 1e9);
	if (verbose)
		print_verbose(d);
	putchar('\n');
}

static void add_int(struct json_object *o, const char *key, uint64_t value)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *to_json(const struct hvpriv_domain_info *d)
{
	struct json_object *o = json_object_new_object();
	char state[7], uuid[37];

	format_state(d->state, d->shutdown_code, state);
	format_uuid(d, uuid);
	add_text(o, "name", d->name);
	add_int(o, "domid", d->domid);
	add_text(o, "uuid", uuid);
	add_text(o, "state", state);
	if (d->state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED))
		add_text(o, "shutdown", zendo_shutdown_to_string(d->shutdown_code));
	if (d->state & HVPRIV_ST_CRASHED)
		add_text(o, "crash", zendo_crash_reason_to_string(d->crash_reason));
	add_int(o, "vcpus", d->nr_vcpus);
	add_int(o, "max_vcpus", d->max_vcpus);
	add_int(o, "memory_kib", d->nr_pages * PAGE_KIB);
	add_int(o, "max_memory_kib", d->max_pages * PAGE_KIB);
	add_int(o, "hypervisor_kib", d->pool_pages * PAGE_KIB);
	add_int(o, "kernel_bytes", d->kernel_bytes);
	add_int(o, "cpu_ns", d->cpu_ns);
	add_int(o, "exits", d->exits);
	add_int(o, "created_ns", d->created_ns);
	if (d->owner_pid > 0)
		add_int(o, "pid", (uint64_t)d->owner_pid);
	return o;
}

enum form { FORM_PLAIN, FORM_VERBOSE, FORM_JSON };

/* What is printed: domains, then definitions of others. */
struct listing {
	struct hvpriv_domain_info *all;
	size_t nr;
	struct zendo_definition *defined;	/* with --all */
	size_t nr_defined;
};

static void listing_done(struct listing *l)
{
	free(l->all);
	zendo_definitions_free(l->defined, l->nr_defined);
}

/* ---- definitions ------------------------------------------------------------------------- */

static bool is_running(const struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->nr; i++)
		if (strcmp(l->all[i].name, name) == 0)
			return true;
	return false;
}

/* The columns of one that runs; it has no id and has used no time. */
static void print_defined(const struct zendo_definition *d, bool verbose)
{
	printf("%-40s %5s %5llu %5u     ------  %8.1f", d->name, "-", (unsigned long long)d->config->memory_mib,
	       d->config->vcpus, 0.0);
	if (verbose)
		printf(" %-36s %8s %16s", "-", "-", "-");
	putchar('\n');
}

static bool starts_at_boot(const char *name)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];

	return zendo_unit_name(name, unit) >= 0 && unit_is_enabled(unit, true);
}

static struct json_object *defined_to_json(const struct zendo_definition *d)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "name", d->name);
	add_text(o, "state", "------");
	if (d->config) {
		add_int(o, "vcpus", d->config->vcpus);
		add_int(o, "memory_kib", d->config->memory_mib * 1024);
		add_int(o, "max_memory_kib", d->config->maxmem_mib * 1024);
	}
	return o;
}

static void add_definition(struct json_object *o, const struct zendo_definition *d)
{
	char text[1024], code[6];

	add_text(o, "definition", d->path);
	(void)json_object_object_add(o, "enabled", json_object_new_boolean(starts_at_boot(d->name)));
	if (d->config)
		return;
	add_text(o, "error", zendo_error_format(&d->error, text, sizeof(text)));
	if (zendo_error_code(text, code))
		add_text(o, "code", code);
}

/* ---- all together ------------------------------------------------------------------------ */

static int show_json(const struct listing *l)
{
	struct json_object *list = json_object_new_array(), *o;

	for (size_t i = 0; i < l->nr; i++) {
		o = to_json(&l->all[i]);
		for (size_t k = 0; k < l->nr_defined; k++)
			if (strcmp(l->defined[k].name, l->all[i].name) == 0)
				add_definition(o, &l->defined[k]);
		(void)json_object_array_add(list, o);
	}
	for (size_t k = 0; k < l->nr_defined; k++)
		if (!is_running(l, l->defined[k].name)) {
			o = defined_to_json(&l->defined[k]);
			add_definition(o, &l->defined[k]);
			(void)json_object_array_add(list, o);
		}
	return print_json(list);
}

static int show(const struct listing *l, enum form form)
{
	char text[1024];

	if (form == FORM_JSON)
		return show_json(l);
	fputs("Name                                        ID   Mem VCPUs\tState\tTime(s)", stdout);
	puts(form == FORM_VERBOSE ? "   UUID                            Reason-Code\tSecurity Label" : "");
	for (size_t i = 0; i < l->nr; i++)
		print_line(&l->all[i], form == FORM_VERBOSE);
	for (size_t k = 0; k < l->nr_defined; k++)
		if (l->defined[k].config && !is_running(l, l->defined[k].name))
			print_defined(&l->defined[k], form == FORM_VERBOSE);
	(void)fflush(stdout);
	for (size_t k = 0; k < l->nr_defined; k++)
		if (!l->defined[k].config)
			(void)fail(EXIT_OK, "%s", zendo_error_format(&l->defined[k].error, text, sizeof(text)));
	return EXIT_OK;
}

static int find_all(int device, struct listing *l)
{
	_cleanup_free_ struct hvpriv_domain_info *guests = NULL;
	size_t nr;
	int r;

	r = list_domains(device, &guests, &nr);
	if (r != EXIT_OK)
		return r;
	l->all = calloc(nr + 1, sizeof(*l->all));
	if (!l->all)
		return fail(EXIT_FAILED, "out of memory");
	r = dom0_info(&l->all[0]);
	if (r < 0)
		return fail(EXIT_FAILED, "cannot read /proc: %s", strerror(-r));
	if (nr > 0)
		memcpy(l->all + 1, guests, nr * sizeof(*l->all));
	l->nr = nr + 1;
	return EXIT_OK;
}

static int find_some(int device, char **names, size_t nr, struct listing *l)
{
	int r = EXIT_OK;

	l->all = calloc(nr, sizeof(*l->all));
	if (!l->all)
		return fail(EXIT_FAILED, "out of memory");
	for (l->nr = 0; l->nr < nr && r == EXIT_OK; l->nr++)
		if (is_dom0(names[l->nr]))
			r = dom0_info(&l->all[l->nr]) < 0 ? fail(EXIT_FAILED, "cannot read /proc") : EXIT_OK;
		else
			r = find_domain(device, names[l->nr], &l->all[l->nr]);
	return r;
}

static bool is_under(int device)
{
	struct hvpriv_info info;

	return zendo_device_get_info(device, &info) >= 0 && info.flags & HVPRIV_INFO_RUNNING;
}

/* Also when no domain can run: they are defined all the same. */
static int find_defined(struct listing *l)
{
	_cleanup_close_ int device = -EBADF;
	int r;

	r = zendo_device_open(&device);
	if (r < 0 && r != -ENOENT && r != -ENXIO && r != -ENODEV)
		return fail_device(r);
	if (r >= 0 && is_under(device)) {
		r = find_all(device, l);
		if (r != EXIT_OK)
			return r;
	}
	r = zendo_definitions_list(NULL, &l->defined, &l->nr_defined);
	return r < 0 ? fail(r == -EACCES ? EXIT_PERMISSION : EXIT_FAILED, "cannot read " ZENDO_ETC_DIR ": %s", strerror(-r)) : EXIT_OK;
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "long", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	_cleanup_(listing_done) struct listing l = {};
	_cleanup_close_ int device = -EBADF;
	enum form form = FORM_PLAIN;
	bool all = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "ajlv", options, NULL)) >= 0)
		if (c == 'j' || c == 'l')
			form = FORM_JSON;
		else if (c == 'v')
			form = FORM_VERBOSE;
		else if (c == 'a')
			all = true;
		else
			return usage(argv[0]);
	if (all && optind < argc)
		return usage(argv[0]);
	if (all) {
		r = find_defined(&l);
		return r == EXIT_OK ? show(&l, form) : r;
	}
	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	r = optind == argc ? find_all(device, &l) : find_some(device, argv + optind, (size_t)(argc - optind), &l);
	return r == EXIT_OK ? show(&l, form) : r;
}
