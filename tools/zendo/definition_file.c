/* SPDX-License-Identifier: GPL-2.0-only */
#include "definition_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-write.h"
#include "runtime.h"

static int resolve(char **path)
{
	char cwd[PATH_MAX], *full;

	if (!*path || **path == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return -errno;
	if (asprintf(&full, "%s/%s", cwd, *path) < 0)
		return -ENOMEM;
	free(*path);
	*path = full;
	return 0;
}

int definition_file_resolve(struct zendo_config *c)
{
	int r = resolve(&c->kernel);

	return r < 0 ? r : resolve(&c->ramdisk);
}

static int make_folder(const char *path)
{
	if (mkdir("/run/zendo", 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(ZENDO_RUNTIME_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	return mkdir(path, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

static int set_mark(const char *path, bool there)
{
	_cleanup_close_ int fd = -EBADF;

	if (!there)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	return fd < 0 ? -errno : 0;
}

int definition_file_write(const struct zendo_config *c, bool paused)
{
	char folder[ZENDO_RUNTIME_PATH_MAX], config[ZENDO_RUNTIME_PATH_MAX], mark[ZENDO_RUNTIME_PATH_MAX];
	int r;

	if (zendo_runtime_path(c->name, "", folder) < 0 || zendo_runtime_path(c->name, "config", config) < 0 ||
	    zendo_runtime_path(c->name, "paused", mark) < 0)
		return -EINVAL;
	r = make_folder(folder);
	if (r >= 0)
		r = zendo_config_write_file(config, c, NULL, NULL);
	if (r >= 0)
		r = set_mark(mark, paused);
	if (r < 0)
		definition_file_remove(c->name);
	return r;
}

bool definition_file_is_there(const char *name)
{
	char folder[ZENDO_RUNTIME_PATH_MAX];

	return zendo_runtime_path(name, "", folder) >= 0 && access(folder, F_OK) == 0;
}

void definition_file_remove(const char *name)
{
	static const char *const files[] = { "config", ZENDO_RUNTIME_DEVICES, "paused", "control", "console" };
	char path[ZENDO_RUNTIME_PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (zendo_runtime_path(name, files[i], path) >= 0)
			(void)unlink(path);
	if (zendo_runtime_path(name, "", path) >= 0)
		(void)rmdir(path);
}
