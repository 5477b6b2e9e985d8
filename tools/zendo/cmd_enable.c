/* SPDX-License-Identifier: GPL-2.0-only */
/* enable and disable: which domains come back when the machine does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "definitions.h"
#include "runtime.h"
#include "unit.h"

/* What would fail at boot, where nobody looks, is said now. */
static int check_definition(const char *name)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_error e = {};
	int r = zendo_definition_load(NULL, name, &c, &e);

	if (r >= 0)
		r = zendo_runtime_check_actions(c, &e);
	if (r == -ENOENT)
		return fail(EXIT_NO_DOMAIN, "%s", e.text);
	if (r < 0)
		return fail_error(r, &e);
	if (access(c->kernel, R_OK) < 0)
		return fail(EXIT_FAILED, "%s: kernel %s: %s", name, c->kernel, strerror(errno));
	if (c->kernel[0] != '/' || (c->ramdisk && c->ramdisk[0] != '/'))
		return fail(EXIT_FAILED, "%s: kernel and ramdisk of a domain that starts at boot need whole paths", name);
	return EXIT_OK;
}

static int set_enabled(const char *name, bool enabled)
{
	char unit[ZENDO_RUNTIME_PATH_MAX], why[1024];

	if (zendo_unit_name(name, unit) < 0)
		return fail(EXIT_FAILED, "'%s' cannot be a domain's name", name);
	if (unit_set_enabled(unit, enabled, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s: %s", name, why);
	return EXIT_OK;
}

static int enable_one(const char *name)
{
	int r = check_definition(name);

	return r == EXIT_OK ? set_enabled(name, true) : r;
}

struct link_to {
	const char *name;
	char link[256];
};

static void on_link(void *userdata, const char *link, const char *name, const char *why)
{
	struct link_to *l = userdata;

	(void)why;
	if (name && strcmp(name, l->name) == 0)
		(void)snprintf(l->link, sizeof(l->link), "%s", link);
}

/* Also without a definition: it may have been removed first. */
static int disable_one(const char *name)
{
	struct link_to l = { .name = name };
	int r = set_enabled(name, false);

	(void)zendo_definitions_auto(NULL, on_link, &l);
	if (r == EXIT_OK && *l.link)
		return fail(EXIT_FAILED, "%s is not enabled now, but still starts at boot: remove " ZENDO_ETC_DIR "/auto/%s",
			    name, l.link);
	return r;
}

static int for_each_name(int argc, char **argv, int (*one)(const char *name))
{
	char why[1024];
	int status = plain_arguments(argc, argv, 1, -1);

	if (status != EXIT_OK)
		return status;
	if (geteuid() != 0)
		return fail(EXIT_PERMISSION, "what starts at boot is root's to say");
	for (int i = optind; i < argc; i++) {
		int r = one(argv[i]);

		if (status == EXIT_OK)
			status = r;
	}
	if (unit_reload(why, sizeof(why)) < 0 && status == EXIT_OK)
		status = fail(EXIT_FAILED, "done, but only the next boot knows: %s", why);
	return status;
}

int cmd_enable(int argc, char **argv)
{
	return for_each_name(argc, argv, enable_one);
}

int cmd_disable(int argc, char **argv)
{
	return for_each_name(argc, argv, disable_one);
}
