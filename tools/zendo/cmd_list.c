/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli.h"
#include "device.h"
#include "host.h"

#define PAGE_KIB	4

/* xl prints the reason of a shutdown by its number: poweroff, reboot, suspend, crash, watchdog, soft reset. */
static char reason_letter(const struct hvpriv_domain_info *d)
{
	static const char letters[] = "-rscwS";

	if (!(d->state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED)))
		return '-';
	return d->shutdown_code < sizeof(letters) - 1 ? letters[d->shutdown_code] : '?';
}

static void format_state(const struct hvpriv_domain_info *d, char ret[static 7])
{
	ret[0] = d->state & HVPRIV_ST_RUNNING ? 'r' : '-';
	ret[1] = d->state & HVPRIV_ST_BLOCKED ? 'b' : '-';
	ret[2] = d->state & HVPRIV_ST_PAUSED ? 'p' : '-';
	ret[3] = d->state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED) ? 's' : '-';
	ret[4] = reason_letter(d);
	ret[5] = d->state & HVPRIV_ST_DYING ? 'd' : '-';
	ret[6] = '\0';
}

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

	format_state(d, state);
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

	format_state(d, state);
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

static int show(const struct hvpriv_domain_info *all, size_t nr, enum form form)
{
	struct json_object *list;

	if (form == FORM_JSON) {
		list = json_object_new_array();
		for (size_t i = 0; i < nr; i++)
			(void)json_object_array_add(list, to_json(&all[i]));
		return print_json(list);
	}
	fputs("Name                                        ID   Mem VCPUs\tState\tTime(s)", stdout);
	puts(form == FORM_VERBOSE ? "   UUID                            Reason-Code\tSecurity Label" : "");
	for (size_t i = 0; i < nr; i++)
		print_line(&all[i], form == FORM_VERBOSE);
	return EXIT_OK;
}

static int list_all(int device, enum form form)
{
	_cleanup_free_ struct hvpriv_domain_info *guests = NULL, *all = NULL;
	size_t nr;
	int r;

	r = list_domains(device, &guests, &nr);
	if (r != EXIT_OK)
		return r;
	all = calloc(nr + 1, sizeof(*all));
	if (!all)
		return fail(EXIT_FAILED, "out of memory");
	r = dom0_info(&all[0]);
	if (r < 0)
		return fail(EXIT_FAILED, "cannot read /proc: %s", strerror(-r));
	if (nr > 0)
		memcpy(all + 1, guests, nr * sizeof(*all));
	return show(all, nr + 1, form);
}

static int list_some(int device, char **names, size_t nr, enum form form)
{
	_cleanup_free_ struct hvpriv_domain_info *all = calloc(nr, sizeof(*all));
	int r = EXIT_OK;

	if (!all)
		return fail(EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < nr && r == EXIT_OK; i++)
		if (is_dom0(names[i]))
			r = dom0_info(&all[i]) < 0 ? fail(EXIT_FAILED, "cannot read /proc") : EXIT_OK;
		else
			r = find_domain(device, names[i], &all[i]);
	return r == EXIT_OK ? show(all, nr, form) : r;
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "long", no_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	_cleanup_close_ int device = -EBADF;
	enum form form = FORM_PLAIN;
	int c, r;

	while ((c = getopt_long(argc, argv, "jlv", options, NULL)) >= 0)
		if (c == 'j' || c == 'l')
			form = FORM_JSON;
		else if (c == 'v')
			form = FORM_VERBOSE;
		else
			return usage(argv[0]);
	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	if (optind == argc)
		return list_all(device, form);
	return list_some(device, argv + optind, (size_t)(argc - optind), form);
}
