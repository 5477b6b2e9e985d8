/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definitions.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime.h"

static const char *folder_or_etc(const char *dir)
{
	return dir ? dir : ZENDO_ETC_DIR;
}

int zendo_definition_path(const char *dir, const char *name, char *ret, size_t size)
{
	int n;

	if (!zendo_config_name_is_valid(name, NULL))
		return -EINVAL;
	n = snprintf(ret, size, "%s/%s" ZENDO_DEFINITION_SUFFIX, folder_or_etc(dir), name);
	return n < 0 || (size_t)n >= size ? -EINVAL : 0;
}

static int load(const char *path, const char *name, struct zendo_config **ret, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	int r = zendo_config_load(path, NULL, &c, e);

	if (r < 0)
		return r;
	if (strcmp(c->name, name) != 0)
		return zendo_error_at(e, -EINVAL, path, 0, 0, "it defines the domain '%s', not '%s'", c->name, name);
	*ret = TAKE_PTR(c);
	return 0;
}

int zendo_definition_load(const char *dir, const char *name, struct zendo_config **ret, struct zendo_error *e)
{
	char path[PATH_MAX];
	const char *why;

	if (!zendo_config_name_is_valid(name, &why))
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name: %s", name, why);
	if (zendo_definition_path(dir, name, path, sizeof(path)) < 0)
		return zendo_error(e, -EINVAL, "'%s' cannot be a domain's name", name);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return zendo_error(e, -ENOENT, "there is no definition %s", path);
	return load(path, name, ret, e);
}

/* "NAME.cfg" and nothing hidden. False: not of that form. */
static bool name_of_file(const char *file, char ret[static HVPRIV_NAME_LEN])
{
	size_t suffix = strlen(ZENDO_DEFINITION_SUFFIX), len = strlen(file);

	if (file[0] == '.' || len <= suffix || len - suffix >= HVPRIV_NAME_LEN ||
	    strcmp(file + len - suffix, ZENDO_DEFINITION_SUFFIX) != 0)
		return false;
	memcpy(ret, file, len - suffix);
	ret[len - suffix] = '\0';
	return zendo_config_name_is_valid(ret, NULL);
}

static int scan(const char *path, struct dirent ***ret, int (*filter)(const struct dirent *))
{
	int n = scandir(path, ret, filter, alphasort);

	return n < 0 ? -errno : n;
}

static void free_entries(struct dirent **all, int nr)
{
	for (int i = 0; i < nr; i++)
		free(all[i]);
	free(all);
}

static int is_definition(const struct dirent *d)
{
	char name[HVPRIV_NAME_LEN];

	return name_of_file(d->d_name, name);
}

int zendo_definitions_list(const char *dir, struct zendo_definition **ret, size_t *ret_nr)
{
	struct zendo_definition *all;
	struct dirent **entries;
	int n = scan(folder_or_etc(dir), &entries, is_definition);

	if (n == -ENOENT) {
		*ret = NULL;
		*ret_nr = 0;
		return 0;
	}
	if (n < 0)
		return n;
	all = calloc((size_t)n + 1, sizeof(*all));
	for (int i = 0; all && i < n; i++) {
		(void)name_of_file(entries[i]->d_name, all[i].name);
		(void)zendo_definition_path(dir, all[i].name, all[i].path, sizeof(all[i].path));
		(void)load(all[i].path, all[i].name, &all[i].config, &all[i].error);
	}
	free_entries(entries, n);
	if (!all)
		return -ENOMEM;
	*ret = all;
	*ret_nr = (size_t)n;
	return 0;
}

void zendo_definitions_free(struct zendo_definition *all, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		zendo_config_free(all[i].config);
	free(all);
}

/* ---- auto -------------------------------------------------------------------------------- */

static int is_shown(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/*
 * Where the link leads is looked at, not how it is called: people number them. The last part of a chain counts, so that a
 * definition in /etc/zendo may itself be a link to elsewhere.
 */
static const char *follow(const char *dir, const char *link, char ret_name[static HVPRIV_NAME_LEN])
{
	_cleanup_free_ char *folder = NULL, *top = NULL;
	char target[PATH_MAX], full[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	char *slash;
	int len;

	if (n < 0)
		return "it is not a link";
	target[n] = '\0';
	len = snprintf(full, sizeof(full), "%s%s%s", *target == '/' ? "" : dir, *target == '/' ? "" : "/auto/", target);
	if (len < 0 || (size_t)len >= sizeof(full) || !(slash = strrchr(full, '/')))
		return "where it leads is no path";
	if (access(full, F_OK) < 0)
		return "what it leads to is not there";
	if (!name_of_file(slash + 1, ret_name))
		return "what it leads to is not called NAME.cfg";
	*slash = '\0';
	folder = realpath(*full ? full : "/", NULL);
	top = realpath(dir, NULL);
	if (!folder || !top || strcmp(folder, top) != 0)
		return "it leads to no definition in " ZENDO_ETC_DIR;
	return NULL;
}

int zendo_definitions_auto(const char *dir, zendo_auto_found_t found, void *userdata)
{
	char folder[PATH_MAX], link[PATH_MAX], name[HVPRIV_NAME_LEN];
	struct dirent **entries;
	int n;

	dir = folder_or_etc(dir);
	n = snprintf(folder, sizeof(folder), "%s/auto", dir);
	if (n < 0 || (size_t)n >= sizeof(folder))
		return -ENAMETOOLONG;
	n = scan(folder, &entries, is_shown);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	for (int i = 0; i < n; i++) {
		int len = snprintf(link, sizeof(link), "%s/%s", folder, entries[i]->d_name);
		const char *why = len < 0 || (size_t)len >= sizeof(link) ? "its path is too long" : follow(dir, link, name);

		found(userdata, entries[i]->d_name, why ? NULL : name, why);
	}
	free_entries(entries, n);
	return 0;
}
