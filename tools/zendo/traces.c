/* SPDX-License-Identifier: GPL-2.0-only */
#include "traces.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cli.h"
#include "device.h"
#include "runtime.h"
#include "unit.h"

#define SERVICE	"zendo.service"
#define SLICE	"zendo.slice"

/* Folders whose entries come and go with the hypervisor, those that stand in others last. */
static const char *const folders[] = { "/run/zendo", "/run/zendo/stored", "/run/xenstored", ZENDO_CACHE_INDEX_DIR, ZENDO_CACHE_DIR };

#define NR_FOLDERS	(sizeof(folders) / sizeof(folders[0]))

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_path(struct traces *t, const char *folder, const char *name)
{
	char **files = reallocarray(t->files, t->nr + 1, sizeof(*files)), *path;

	if (!files)
		return -ENOMEM;
	t->files = files;
	if (asprintf(&path, "%s%s%s", folder, *name ? "/" : "", name) < 0)
		return -ENOMEM;
	files[t->nr++] = path;
	return 0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int look_into(struct traces *t, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	int r = 0;

	if (!d)
		return 0;
	r = add_path(t, folder, "");
	while (r >= 0 && (entry = readdir(d)))
		if (!is_dots(entry->d_name))
			r = add_path(t, folder, entry->d_name);
	(void)closedir(d);
	return r;
}

static bool hypervisor_runs(void)
{
	_cleanup_close_ int fd = -EBADF;
	struct hvpriv_info info;

	return zendo_device_open(&fd) >= 0 && zendo_device_get_info(fd, &info) >= 0 && (info.flags & HVPRIV_INFO_RUNNING);
}

int traces_look(struct traces *ret)
{
	int r = 0;

	*ret = (struct traces) { .running = hypervisor_runs(), .slice = unit_is_active(SLICE) };
	for (size_t i = 0; i < NR_FOLDERS && r >= 0; i++)
		r = look_into(ret, folders[i]);
	if (r < 0)
		traces_clear(ret);
	else if (ret->nr > 0)
		qsort(ret->files, ret->nr, sizeof(*ret->files), compare);
	return r;
}

static bool was_there(const struct traces *before, const char *path)
{
	return before->nr > 0 && bsearch(&path, before->files, before->nr, sizeof(*before->files), compare);
}

/* Files before the folders that they are in: a folder with something else in it stays. */
static void remove_new(const struct traces *before)
{
	struct traces now = { .nr = 0 };

	for (size_t i = NR_FOLDERS; i-- > 0;)
		(void)look_into(&now, folders[i]);
	for (size_t i = now.nr; i-- > 0;)
		if (!was_there(before, now.files[i]) && unlink(now.files[i]) < 0)
			(void)rmdir(now.files[i]);
	for (size_t i = 0; i < now.nr; i++)
		if (!was_there(before, now.files[i]))
			(void)rmdir(now.files[i]);
	traces_clear(&now);
}

static void remove_console_log(const char *domain)
{
	char path[ZENDO_RUNTIME_PATH_MAX], old[ZENDO_RUNTIME_PATH_MAX + 2];

	if (zendo_console_log_path(domain, path) < 0)
		return;
	(void)snprintf(old, sizeof(old), "%s.1", path);
	(void)unlink(path);
	(void)unlink(old);
}

int traces_restore(const struct traces *before, const char *domain)
{
	char why[512];
	int status = EXIT_OK;

	if (!before->running && unit_stop(SERVICE, why, sizeof(why)) < 0)
		status = fail(EXIT_FAILED, "the hypervisor is still there: %s", why);
	if (!before->slice)
		(void)unit_stop(SLICE, why, sizeof(why));
	/* others may have made what is new beside a hypervisor that goes on; kernels are unpacked again when they are wanted */
	if (!before->running && status == EXIT_OK)
		remove_new(before);
	remove_console_log(domain);
	return status;
}

void traces_clear(struct traces *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->files[i]);
	free(t->files);
	*t = (struct traces) { .nr = 0 };
}
