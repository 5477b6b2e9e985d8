/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * create: check everything that can be, write the definition to where the runner reads it, let
 * systemd start the runner. What the runner cannot do it says in its status text.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "attach.h"
#include "build.h"
#include "cache.h"
#include "cli.h"
#include "config.h"
#include "control.h"
#include "create.h"
#include "definition_file.h"
#include "device.h"
#include "host.h"
#include "progress.h"
#include "runtime.h"
#include "unit.h"

struct create_options {
	bool console, paused, dry_run;
	char path[PATH_MAX];		/* of the definition; "" = there is no file */
	const char *const *overrides;
};

/* ---- what is asked for ---- */

static int parse_arguments(int argc, char **argv, struct create_options *o)
{
	static const struct option options[] = {
		{ "console", no_argument, NULL, 'c' },
		{ "paused", no_argument, NULL, 'p' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "timing", no_argument, NULL, 't' },
		{}
	};
	int c, used;

	while ((c = getopt_long(argc, argv, "cpnt", options, NULL)) >= 0)
		switch (c) {
		case 'c':
			o->console = true;
			break;
		case 'p':
			o->paused = true;
			break;
		case 'n':
			o->dry_run = true;
			break;
		case 't':
			progress_time();
			break;
		default:
			return usage(argv[0]);
		}
	if (optind == argc)
		return usage(argv[0]);
	used = find_definition(argv[optind], o->path, sizeof(o->path));
	o->overrides = (const char *const *)argv + optind + used;
	for (const char *const *p = o->overrides; *p; p++)
		if (!strchr(*p, '='))
			return fail(EXIT_USAGE, "'%s' is not KEY=VALUE", *p);
	return EXIT_OK;
}

/* All of the definition stands on the command line. */
static int parse_overrides(const char *const *overrides, struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_free_ struct zendo_config_input *inputs = NULL;
	size_t nr = 0;

	while (overrides[nr])
		nr++;
	inputs = calloc(nr, sizeof(*inputs));
	if (!inputs)
		return zendo_error(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < nr; i++)
		inputs[i] = (struct zendo_config_input) {
			.source = "command line", .text = overrides[i], .len = strlen(overrides[i]), .bare = true,
		};
	return zendo_config_parse(inputs, nr, ret, e);
}

static int check_cpus(const struct zendo_config *c, struct zendo_error *e)
{
	struct zendo_cpus online;
	int r = zendo_cpus_online(&online);

	return r < 0 ? zendo_error(e, r, "cannot find out which CPUs are online: %s", strerror(-r))
		     : zendo_config_check_cpus(c, &online, e);
}

static int load(const struct create_options *o, struct zendo_config **ret)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_error e = {};
	char text[1024];
	int r;

	if (!*o->path)
		r = parse_overrides(o->overrides, &c, &e);
	else if (access(o->path, F_OK) < 0 && errno == ENOENT)
		return fail(EXIT_FAILED, "there is no definition %s [Z0205]", o->path);
	else
		r = zendo_config_load(o->path, o->overrides, &c, &e);
	if (r >= 0)
		r = zendo_runtime_check_actions(c, &e);
	if (r >= 0)
		r = check_cpus(c, &e);
	if (r < 0)
		return fail_error(r, &e);
	for (size_t i = 0; i < c->nr_warnings; i++)
		(void)fail(EXIT_OK, "%s", zendo_error_format(&c->warnings[i], text, sizeof(text)));
	*ret = TAKE_PTR(c);
	progress_step("the definition is read");
	return EXIT_OK;
}

/* ---- checks before anything is made ---- */

static int check_memory(const struct zendo_config *c)
{
	struct zendo_host h;
	uint64_t room;

	if (zendo_host_read(&h) < 0)
		return EXIT_OK;
	room = h.mem_available_kib > ZENDO_HOST_RESERVE_KIB ? h.mem_available_kib - ZENDO_HOST_RESERVE_KIB : 0;
	if (c->memory_mib * 1024 > room)
		return fail(EXIT_FAILED, "'%s' wants %" PRIu64 " MiB of memory, %" PRIu64 " MiB are free [Z0304]", c->name,
			    c->memory_mib, room / 1024);
	return EXIT_OK;
}

static int check_name(const char *name)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	size_t nr = 0;
	int r;

	r = open_running(&device);
	if (r != EXIT_OK)
		return r;
	r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	for (size_t i = 0; i < nr; i++)
		if (strcmp(all[i].name, name) == 0)
			return fail(EXIT_FAILED, "a domain named '%s' exists already, with id %u [Z0305]", name, all[i].domid);
	return EXIT_OK;
}

/* What the runner would find out, without a domain: is it a kernel, does everything fit. */
static int check_build(const struct zendo_config *c)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	struct zendo_image_options o = {
		.cache_dir = geteuid() == 0 ? ZENDO_CACHE_DIR : NULL, .index_dir = ZENDO_CACHE_INDEX_DIR,
	};
	_cleanup_close_ int ramdisk = -EBADF;
	struct zendo_build_params p;
	struct zendo_build_plan plan;
	struct zendo_error e = {};
	int r;

	progress_begin();
	o.progress = progress_image;
	r = zendo_image_open(c->kernel, &o, &image, &e);
	progress_end();
	if (r < 0)
		return fail_error(r, &e);
	if (c->ramdisk) {
		ramdisk = open(c->ramdisk, O_RDONLY | O_CLOEXEC);
		if (ramdisk < 0)
			return fail(EXIT_FAILED, "ramdisk %s: %s", c->ramdisk, strerror(errno));
	}
	p = (struct zendo_build_params) {
		.image = image, .ramdisk_fd = ramdisk, .cmdline = c->cmdline,
		.memory_mib = c->memory_mib, .maxmem_mib = c->maxmem_mib,
		.vcpus = c->vcpus, .maxvcpus = c->maxvcpus,
	};
	r = zendo_build_plan(&p, &plan, &e);
	if (r < 0)
		return fail_error(r, &e);
	progress_step("kernel and ramdisk fit");
	return EXIT_OK;
}

static int dry_run(const struct zendo_config *c)
{
	struct json_object *o;
	int r = check_build(c);

	if (r != EXIT_OK)
		return r;
	if (zendo_config_to_json(c, &o) < 0)
		return fail(EXIT_FAILED, "out of memory");
	return print_json(o);
}

/* ---- start ---- */

static int start_unit(const struct zendo_config *c, const char *unit)
{
	char why[1024] = "";
	int r;

	progress_begin();
	r = unit_start(unit, progress_active() ? progress_status : NULL, NULL, why, sizeof(why));
	progress_end();
	if (r >= 0) {
		progress_step("its unit is up");
		return EXIT_OK;
	}
	unit_reset_failed(unit);
	definition_file_remove(c->name);
	return fail(EXIT_FAILED, "%s: %s", c->name, why);
}

/* The console is there from the domain's first byte, so it is taken before the guest runs. */
int create_console(const struct zendo_config *c, bool paused, int *ret_fd)
{
	_cleanup_close_ int fd = -EBADF, other = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r;

	r = connect_domain(c->name, &fd, name);
	if (r == EXIT_OK)
		r = attach_request(fd, name, "write");
	if (r == EXIT_OK && !paused)
		r = connect_domain(c->name, &other, name);
	if (r == EXIT_OK && !paused)
		r = ask(other, name, "unpause", NULL);
	if (r == EXIT_OK)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int create_domain(const struct zendo_config *c, bool paused)
{
	char unit[ZENDO_RUNTIME_PATH_MAX], why[1024];
	int r;

	if (geteuid() != 0)
		return fail(EXIT_PERMISSION, "creating a domain needs root [Z0306]");
	r = check_name(c->name);
	if (r == EXIT_OK)
		r = check_memory(c);
	if (r != EXIT_OK)
		return r;
	progress_step("name and memory are free");
	if (zendo_unit_name(c->name, unit) < 0)
		return fail(EXIT_FAILED, "'%s' cannot be a domain's name", c->name);
	/* a unit that is about to end takes the folder with it: not with the new definition in it */
	if (definition_file_is_there(c->name) && unit_stop(unit, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s", why);
	r = definition_file_write(c, paused);
	if (r < 0)
		return fail(EXIT_FAILED, "cannot write the definition of '%s': %s", c->name, strerror(-r));
	progress_step("the runner has its definition");
	return start_unit(c, unit);
}

static int create(const struct create_options *o, const struct zendo_config *c)
{
	_cleanup_close_ int fd = -EBADF;
	int r = create_domain(c, o->paused || o->console);

	if (r == EXIT_OK && o->console)
		r = create_console(c, o->paused, &fd);
	return r == EXIT_OK && o->console ? attach_run(fd, c->name, true) : r;
}

int cmd_create(int argc, char **argv)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct create_options o = {};
	int r;

	r = parse_arguments(argc, argv, &o);
	if (r == EXIT_OK)
		r = load(&o, &c);
	if (r == EXIT_OK)
		r = definition_file_resolve(c) < 0 ? fail(EXIT_FAILED, "out of memory") : EXIT_OK;
	if (r != EXIT_OK)
		return r;
	return o.dry_run ? dry_run(c) : create(&o, c);
}
