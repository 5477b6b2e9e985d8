/* SPDX-License-Identifier: GPL-2.0-only */
/* clone: another domain like one that is defined, with disks that share their blocks. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cli.h"
#include "clone_config.h"
#include "definitions.h"
#include "device.h"

struct wishes {
	const char *overlays;
	bool dry_run, json;
};

/* A runner is there from a domain's start to its end; a domain that lost it is still in the hypervisor's list. */
static bool is_running(const char *name)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	size_t nr = 0;

	if (has_runner(name))
		return true;
	if (zendo_device_open(&device) < 0 || zendo_device_list(device, &all, &nr) < 0)
		return false;
	for (size_t i = 0; i < nr; i++)
		if (strcmp(all[i].name, name) == 0)
			return true;
	return false;
}

static bool sets(const char *setting, const char *key)
{
	size_t len = strlen(key);

	return strncmp(setting, key, len) == 0 && setting[len + strspn(setting + len, " \t+")] == '=';
}

static int check_settings(char **settings)
{
	for (char **s = settings; *s; s++) {
		if (!strchr(*s, '='))
			return fail(EXIT_USAGE, "'%s' is not KEY=VALUE", *s);
		if (sets(*s, "name"))
			return fail(EXIT_USAGE, "the clone's name is what follows that of the definition");
	}
	return EXIT_OK;
}

static bool any_sets(char **settings, const char *key)
{
	for (; *settings; settings++)
		if (sets(*settings, key))
			return true;
	return false;
}

/* ---- what is said ---- */

static void print_disk(const struct zendo_disk *d, const struct clone_disk *c)
{
	switch (c->how) {
	case CLONE_THIN:
		printf("%s: %s, a thin snapshot of %s\n", d->vdev, c->to, c->volume);
		break;
	case CLONE_REFLINK:
		printf("%s: %s, which shares its blocks with %s\n", d->vdev, c->to, c->from);
		break;
	case CLONE_OVERLAY:
		printf("%s: %s, over %s, which must not be written any more\n", d->vdev, c->to, c->from);
		break;
	case CLONE_SAME:
		printf("%s: %s, not copied\n", d->vdev, d->target ? d->target : "no medium");
		break;
	}
}

static void format_uuid(const uint8_t uuid[static 16], char ret[static 37])
{
	char *p = ret;

	for (unsigned i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static int print_text(const struct clone *c, const char *path, bool dry_run)
{
	const struct zendo_config *config = c->config;
	char mac[ZENDO_MAC_STRLEN], uuid[37];

	format_uuid(config->uuid, uuid);
	for (size_t i = 0; i < config->nr_disks; i++)
		print_disk(&config->disks[i], &c->disks[i]);
	for (size_t i = 0; i < config->nr_vifs; i++) {
		const struct zendo_vif *v = &config->vifs[i];

		printf("interface %u: %s%s\n", v->devid, v->has_mac ? zendo_mac_format(v->mac, mac) : "an address of the uuid",
		       v->nr_ips ? ", with the same ip=" : "");
	}
	printf("%s: %s, uuid %s\n", path, config->name, uuid);
	if (c->wish.running)
		printf("%s runs: what is copied is as after a power cut\n", c->wish.name);
	if (dry_run)
		printf("nothing was done: --dry-run\n");
	return fflush(stdout) != 0 ? fail(EXIT_FAILED, "cannot write: %s", strerror(errno)) : EXIT_OK;
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static struct json_object *describe_disks(const struct clone *c)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < c->config->nr_disks; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "vdev", c->config->disks[i].vdev);
		add_text(o, "how", clone_how_name(c->disks[i].how));
		add_text(o, "target", c->config->disks[i].target);
		add_text(o, "source", c->disks[i].from ? c->disks[i].from : c->config->disks[i].target);
		(void)json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *describe_vifs(const struct clone *c)
{
	struct json_object *list = json_object_new_array();
	char mac[ZENDO_MAC_STRLEN];

	for (size_t i = 0; i < c->config->nr_vifs; i++) {
		const struct zendo_vif *v = &c->config->vifs[i];
		struct json_object *o = json_object_new_object();

		(void)json_object_object_add(o, "devid", json_object_new_int64(v->devid));
		add_text(o, "mac", v->has_mac ? zendo_mac_format(v->mac, mac) : NULL);
		(void)json_object_array_add(list, o);
	}
	return list;
}

static int print_as_json(const struct clone *c, const char *path, bool dry_run)
{
	struct json_object *o = json_object_new_object();
	char uuid[37];

	format_uuid(c->config->uuid, uuid);
	add_text(o, "name", c->config->name);
	add_text(o, "source", c->wish.name);
	add_text(o, "uuid", uuid);
	add_text(o, "definition", path);
	(void)json_object_object_add(o, "source_running", json_object_new_boolean(c->wish.running));
	(void)json_object_object_add(o, "dry_run", json_object_new_boolean(dry_run));
	(void)json_object_object_add(o, "disks", describe_disks(c));
	(void)json_object_object_add(o, "vifs", describe_vifs(c));
	return print_json(o);
}

/* ---- what is done ---- */

static void block_signals(void)
{
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
}

/* One that was started meanwhile wrote while it was copied. */
static int make(struct clone *c, const char *from, const char *path)
{
	struct zendo_error e = {}, left = {};
	struct stat st;
	int r;

	if (stat(from, &st) < 0)
		return fail(EXIT_FAILED, "%s: %s", from, strerror(errno));
	block_signals();
	r = clone_make(c, path, st.st_mode & 0777, &e, &left);
	if (r >= 0 && !c->wish.running && is_running(c->wish.name)) {
		r = zendo_error(&e, -EBUSY, "%s was started meanwhile", c->wish.name);
		(void)clone_undo(c, path, &left);
	}
	if (r >= 0)
		return EXIT_OK;
	(void)fail_error(r, &e);
	return *left.text ? fail(EXIT_FAILED, "and this stays: %s", left.text) : EXIT_FAILED;
}

static int load(struct clone *c, char **settings, const char *from)
{
	_cleanup_(zendo_config_freep) struct zendo_config *alone = NULL;
	struct zendo_error e = {};
	int r = zendo_definition_load(NULL, c->wish.name, &alone, &e);

	if (r == -ENOENT)
		return fail(EXIT_NO_DOMAIN, "%s", e.text);
	if (r >= 0)
		r = zendo_config_load(from, (const char *const *)settings, &c->config, &e);
	if (r >= 0)
		r = clone_plan(c, any_sets(settings, "uuid") && c->config->has_uuid, &e);
	return r < 0 ? fail_error(r, &e) : EXIT_OK;
}

static int clone(struct clone *c, char **settings, const struct wishes *w)
{
	char from[PATH_MAX], path[PATH_MAX];
	const char *why;
	int r = check_settings(settings);

	if (r != EXIT_OK)
		return r;
	if (!zendo_config_name_is_valid(c->wish.new_name, &why))
		return fail(EXIT_USAGE, "'%s' cannot be a domain's name: %s", c->wish.new_name, why);
	if (zendo_definition_path(NULL, c->wish.name, from, sizeof(from)) < 0)
		return fail(EXIT_USAGE, "'%s' cannot be a domain's name", c->wish.name);
	if (zendo_definition_path(NULL, c->wish.new_name, path, sizeof(path)) < 0)
		return fail(EXIT_FAILED, "the path is too long");
	if (access(path, F_OK) == 0)
		return fail(EXIT_FAILED, "%s is there already", path);
	if (is_running(c->wish.new_name))
		return fail(EXIT_FAILED, "a domain named '%s' is running", c->wish.new_name);
	c->wish.running = is_running(c->wish.name);
	r = load(c, settings, from);
	if (r == EXIT_OK && !w->dry_run)
		r = make(c, from, path);
	if (r != EXIT_OK)
		return r;
	return w->json ? print_as_json(c, path, w->dry_run) : print_text(c, path, w->dry_run);
}

int cmd_clone(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "overlay", required_argument, NULL, 'o' },
		{}
	};
	_cleanup_(clone_clear) struct clone c = {};
	struct wishes w = {};
	int option;

	while ((option = getopt_long(argc, argv, "njo:", options, NULL)) >= 0)
		if (option == 'n')
			w.dry_run = true;
		else if (option == 'j')
			w.json = true;
		else if (option == 'o')
			w.overlays = optarg;
		else
			return usage("clone");
	if (argc - optind < 2)
		return usage("clone");
	if (geteuid() != 0)
		return fail(EXIT_PERMISSION, "cloning needs root");
	c.wish = (struct clone_wish) { .name = argv[optind], .new_name = argv[optind + 1], .overlays = w.overlays };
	return clone(&c, argv + optind + 2, &w);
}
