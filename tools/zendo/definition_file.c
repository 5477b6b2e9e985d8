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

#include <json-c/json.h>

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

/* A string of the configuration syntax: what is not plain as \xHH, a form without surprises. */
static void write_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\')
			fprintf(f, "\\x%02x", (unsigned char)*s);
		else
			fputc(*s, f);
	fputc('"', f);
}

static void write_value(FILE *f, struct json_object *o)
{
	if (json_object_is_type(o, json_type_string)) {
		write_string(f, json_object_get_string(o));
	} else if (json_object_is_type(o, json_type_array)) {
		fputs("[ ", f);
		for (size_t i = 0; i < json_object_array_length(o); i++) {
			write_value(f, json_object_array_get_idx(o, i));
			fputs(", ", f);
		}
		fputc(']', f);
	} else {
		fputs(json_object_to_json_string(o), f);
	}
}

/* @text or, failed, NULL: an item of a list. It is freed. */
static int write_item(FILE *f, char *text)
{
	if (!text)
		return -ENOMEM;
	fputs("\n\t", f);
	write_string(f, text);
	fputc(',', f);
	free(text);
	return 0;
}

/* With where they were written, which is what messages name that come from who opens them. */
static int write_devices(FILE *f, const struct zendo_config *c)
{
	char *text;
	int r = 0;

	fputs("disk = [", f);
	for (size_t i = 0; i < c->nr_disks && r >= 0; i++)
		r = write_item(f, zendo_disk_format(&c->disks[i], true, &text) < 0 ? NULL : text);
	fputs(" ]\nvif = [", f);
	for (size_t i = 0; i < c->nr_vifs && r >= 0; i++)
		r = write_item(f, zendo_vif_format(&c->vifs[i], true, &text) < 0 ? NULL : text);
	fputs(" ]\n", f);
	return r;
}

/* The JSON form has the keys of the file format, so it is written back key by key. */
static int write_config(FILE *f, const struct zendo_config *c)
{
	struct json_object *o;
	int r = zendo_config_to_json(c, &o);

	if (r < 0)
		return r;
	json_object_object_foreach(o, key, value) {
		if (strcmp(key, "disk") == 0 || strcmp(key, "vif") == 0)
			continue;
		fprintf(f, "%s = ", key);
		write_value(f, value);
		fputc('\n', f);
	}
	json_object_put(o);
	return write_devices(f, c);
}

/* Whole or not at all: by another name first. */
static int write_file(const char *path, const struct zendo_config *c)
{
	_cleanup_free_ char *tmp = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	int r;

	if (asprintf(&tmp, "%s.new", path) < 0)
		return -ENOMEM;
	f = fopen(tmp, "we");
	if (!f)
		return -errno;
	r = write_config(f, c);
	if (r >= 0 && fflush(f) != 0)
		r = -errno;
	if (r >= 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(tmp);
	return r;
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
		r = write_file(config, c);
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
	static const char *const files[] = { "config", "paused", "control", "console" };
	char path[ZENDO_RUNTIME_PATH_MAX];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (zendo_runtime_path(name, files[i], path) >= 0)
			(void)unlink(path);
	if (zendo_runtime_path(name, "", path) >= 0)
		(void)rmdir(path);
}
