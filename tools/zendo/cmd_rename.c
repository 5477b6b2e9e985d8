/* SPDX-License-Identifier: GPL-2.0-only */
/* rename: of a definition, with what systemd and /etc/zendo/auto know of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "definitions.h"
#include "device.h"
#include "runtime.h"
#include "unit.h"

/*
 * A running domain's name is its unit's. systemd renames no units: the domain would be 'new' in one half of the tools and 'old'
 * in systemctl, journalctl, its folder and its log.
 */
static int check_not_running(const char *name, const char *new_name)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	size_t nr = 0;

	if (zendo_device_open(&device) < 0 || zendo_device_list(device, &all, &nr) < 0)
		return EXIT_OK;		/* then none runs */
	for (size_t i = 0; i < nr; i++) {
		if (strcmp(all[i].name, name) == 0 ||
		    (strspn(name, "0123456789") == strlen(name) && all[i].domid == strtoul(name, NULL, 10)))
			return fail(EXIT_FAILED, "a domain cannot be renamed while it runs: it is the unit "
				    "zendo-domain@%s, and systemd renames no units; end it first", all[i].name);
		if (strcmp(all[i].name, new_name) == 0)
			return fail(EXIT_FAILED, "a domain named '%s' is running", new_name);
	}
	return EXIT_OK;
}

/* Links are known by what they lead to: found before that moves, changed afterwards. */
#define MAX_LINKS	8

struct links {
	const char *name;
	char link[MAX_LINKS][256];
	unsigned nr;
	bool more;
};

static void on_link(void *userdata, const char *link, const char *name, const char *why)
{
	struct links *l = userdata;

	(void)why;
	if (!name || strcmp(name, l->name) != 0)
		return;
	l->more |= l->nr == MAX_LINKS;
	if (!l->more)
		(void)snprintf(l->link[l->nr++], sizeof(l->link[0]), "%s", link);
}

static int move_links(const struct links *l, const char *new_name)
{
	char path[PATH_MAX], fresh[PATH_MAX], target[PATH_MAX];

	for (unsigned i = 0; i < l->nr; i++) {
		(void)snprintf(path, sizeof(path), ZENDO_ETC_DIR "/auto/%s", l->link[i]);
		(void)snprintf(fresh, sizeof(fresh), ZENDO_ETC_DIR "/auto/.new");
		(void)snprintf(target, sizeof(target), "../%s" ZENDO_DEFINITION_SUFFIX, new_name);
		(void)unlink(fresh);
		if (symlink(target, fresh) < 0 || rename(fresh, path) < 0)
			return fail(EXIT_FAILED, "it is renamed, but not the link %s: %s", path, strerror(errno));
	}
	return l->more ? fail(EXIT_FAILED, "it is renamed, but more than %d links lead to it: change the others by hand", MAX_LINKS)
		       : EXIT_OK;
}

static int move_enablement(const char *unit, const char *new_unit)
{
	char why[1024];

	if (!unit_is_enabled(unit, false))
		return EXIT_OK;
	if (unit_set_enabled(new_unit, true, why, sizeof(why)) < 0 || unit_set_enabled(unit, false, why, sizeof(why)) < 0 ||
	    unit_reload(why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "it is renamed, but what starts at boot is not changed: %s", why);
	return EXIT_OK;
}

/* What its console printed is found by its name. */
static void move_logs(const char *name, const char *new_name)
{
	char from[ZENDO_RUNTIME_PATH_MAX], to[ZENDO_RUNTIME_PATH_MAX], from1[sizeof(from) + 2], to1[sizeof(to) + 2];

	if (zendo_console_log_path(name, from) < 0 || zendo_console_log_path(new_name, to) < 0)
		return;
	(void)snprintf(from1, sizeof(from1), "%s.1", from);
	(void)snprintf(to1, sizeof(to1), "%s.1", to);
	(void)unlink(to1);
	(void)rename(from, to);
	(void)rename(from1, to1);
}

static int rename_definition(const char *name, const char *new_name)
{
	char unit[ZENDO_RUNTIME_PATH_MAX], new_unit[ZENDO_RUNTIME_PATH_MAX];
	struct links links = { .name = name };
	struct zendo_error e = {};
	int r;

	if (zendo_unit_name(name, unit) < 0 || zendo_unit_name(new_name, new_unit) < 0)
		return fail(EXIT_FAILED, "'%s' cannot be a domain's name", zendo_unit_name(name, unit) < 0 ? name : new_name);
	(void)zendo_definitions_auto(NULL, on_link, &links);
	r = zendo_definition_rename(NULL, name, new_name, &e);
	if (r == -ENOENT)
		return fail(EXIT_NO_DOMAIN, "%s", e.text);
	if (r < 0)
		return fail_error(r, &e);
	move_logs(name, new_name);
	r = move_links(&links, new_name);
	return r == EXIT_OK ? move_enablement(unit, new_unit) : r;
}

int cmd_rename(int argc, char **argv)
{
	int r = plain_arguments(argc, argv, 2, 2);

	if (r == EXIT_OK && geteuid() != 0)
		return fail(EXIT_PERMISSION, "renaming a definition needs root");
	if (r == EXIT_OK)
		r = check_not_running(argv[optind], argv[optind + 1]);
	return r == EXIT_OK ? rename_definition(argv[optind], argv[optind + 1]) : r;
}
