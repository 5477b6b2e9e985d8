/* SPDX-License-Identifier: GPL-2.0-only */
#include "script_file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX	40	/* as the kernel's */

static const char *const folders[] = { "/etc/zendo/scripts", "/etc/xen/scripts" };

#define NR_FOLDERS	(sizeof(folders) / sizeof(folders[0]))

/* ---- whose it is ---- */

/* @path to @end is a link: what it stands for takes its place. */
static int follow(char path[static PATH_MAX], size_t end, struct zendo_error *e)
{
	char to[PATH_MAX], before[PATH_MAX], all[2 * PATH_MAX + 2];
	size_t above = end;
	ssize_t n;

	(void)snprintf(before, sizeof(before), "%.*s", (int)end, path);
	n = readlink(before, to, sizeof(to) - 1);
	if (n < 0)
		return zendo_error(e, -errno, "%s: %s", before, strerror(errno));
	to[n] = '\0';
	while (above > 0 && path[above - 1] != '/')
		above--;
	(void)snprintf(all, sizeof(all), "%.*s%s%s", *to == '/' ? 0 : (int)above, path, to, path + end);
	if (strlen(all) >= PATH_MAX)
		return zendo_error(e, -ENAMETOOLONG, "%s: %s", before, strerror(ENAMETOOLONG));
	(void)strcpy(path, all);
	return 0;
}

/* The part of @path to @end. 1: it is a link, which root made. */
static int check_part(const char *path, size_t end, struct zendo_error *e)
{
	const bool last = !path[end];
	char part[PATH_MAX];
	struct stat st;

	(void)snprintf(part, sizeof(part), "%.*s", end ? (int)end : 1, path);
	if (lstat(part, &st) < 0)
		return zendo_error(e, -errno, "%s: %s", part, strerror(errno));
	if (st.st_uid != 0)
		return zendo_error(e, -EPERM, "%s is not root's, so it is not run as root [Z0414]", part);
	if (S_ISLNK(st.st_mode))
		return 1;
	if (st.st_mode & 022)
		return zendo_error(e, -EPERM, "%s may be written by others than root, so it is not run as root [Z0414]", part);
	if (last && !S_ISREG(st.st_mode))
		return zendo_error(e, -EINVAL, "%s is no file", part);
	if (last && !(st.st_mode & 0100))
		return zendo_error(e, -EACCES, "%s cannot be run: chmod +x", part);
	return 0;
}

/* Part by part, as the kernel walks: links in between count as well. */
static int check_trust(const char *name, struct zendo_error *e)
{
	char path[PATH_MAX];
	unsigned links = 0;
	size_t at = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s", name);
	for (;;) {
		r = check_part(path, at, e);
		if (r < 0)
			return r;
		if (r > 0) {
			if (++links > LINKS_MAX)
				return zendo_error(e, -ELOOP, "%s: %s", name, strerror(ELOOP));
			r = follow(path, at, e);
			if (r < 0)
				return r;
			at = 0;
			continue;
		}
		if (!path[at])
			return 0;
		at++;
		at += strcspn(path + at, "/");
	}
}

/* ---- where it is ---- */

static void add_names(const char *folder, const char *prefix, char *text, size_t size)
{
	struct dirent **all;
	int n = scandir(folder, &all, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		size_t len = strlen(text);

		(void)snprintf(path, sizeof(path), "%s/%.255s", folder, all[i]->d_name);
		if (strncmp(all[i]->d_name, prefix, strlen(prefix)) == 0 && access(path, X_OK) == 0)
			(void)snprintf(text + len, size - len, "%s%s", len ? ", " : "", path);
		free(all[i]);
	}
	if (n >= 0)
		free(all);
}

static int missing(const char *name, const char *prefix, struct zendo_error *e)
{
	char names[300] = "";

	for (size_t i = 0; i < NR_FOLDERS; i++)
		add_names(folders[i], prefix, names, sizeof(names));
	if (!*names)
		return zendo_error(e, -ENOENT, "there is no script %s, nor any other in /etc/zendo/scripts and /etc/xen/scripts [Z0413]", name);
	return zendo_error(e, -ENOENT, "there is no script %s; there are: %s [Z0413]", name, names);
}

int script_find(const char *name, const char *prefix, char ret[static SCRIPT_PATH_MAX], struct zendo_error *e)
{
	char path[SCRIPT_PATH_MAX];
	struct stat st;
	bool found = false;
	int n = 0;

	for (size_t i = 0; i < NR_FOLDERS && !found; i++) {
		n = *name == '/' ? snprintf(path, sizeof(path), "%s", name) : snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (n >= (int)sizeof(path))
			return zendo_error(e, -ENAMETOOLONG, "the path of the script %s is longer than %d", name, SCRIPT_PATH_MAX - 1);
		found = lstat(path, &st) == 0;
	}
	if (!found)
		return missing(name, prefix, e);
	/* systemd up to at least 252 does not read others again as it has written them */
	if (strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@:,-") != strlen(path))
		return zendo_error(e, -EINVAL, "the path of the script %s may have letters, digits and any of ./_+@:,- only", path);
	n = check_trust(path, e);
	if (n >= 0)
		(void)strcpy(ret, path);
	return n;
}
