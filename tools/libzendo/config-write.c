/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"

void config_write_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\')
			fprintf(f, "\\x%02x", (unsigned char)*s);
		else
			fputc(*s, f);
	fputc('"', f);
}

static void write_scalar(FILE *f, struct json_object *o)
{
	if (json_object_is_type(o, json_type_string))
		config_write_string(f, json_object_get_string(o));
	else
		fputs(json_object_to_json_string(o), f);
}

void config_write_value(FILE *f, struct json_object *o)
{
	if (!json_object_is_type(o, json_type_array)) {
		write_scalar(f, o);
		return;
	}
	fputs("[ ", f);
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		write_scalar(f, json_object_array_get_idx(o, i));
		fputs(", ", f);
	}
	fputc(']', f);
}

/* @text or, failed, NULL: an item of a list. It is freed. */
static int write_item(FILE *f, char *text)
{
	if (!text)
		return -ENOMEM;
	fputs("\n\t", f);
	config_write_string(f, text);
	fputc(',', f);
	free(text);
	return 0;
}

static int write_devices(FILE *f, const struct zendo_config *c, bool place)
{
	char *text;
	int r = 0;

	fputs("disk = [", f);
	for (size_t i = 0; i < c->nr_disks && r >= 0; i++)
		r = write_item(f, zendo_disk_format(&c->disks[i], place, &text) < 0 ? NULL : text);
	fputs(" ]\nvif = [", f);
	for (size_t i = 0; i < c->nr_vifs && r >= 0; i++)
		r = write_item(f, zendo_vif_format(&c->vifs[i], place, &text) < 0 ? NULL : text);
	fputs(" ]\n", f);
	return r;
}

/* The JSON form has the keys of the file format, so it is written back key by key. */
int zendo_config_write(FILE *f, const struct zendo_config *c, bool place)
{
	struct json_object *o;
	int r = zendo_config_to_json(c, &o);

	if (r < 0)
		return r;
	json_object_object_foreach(o, key, value) {
		if (strcmp(key, "disk") == 0 || strcmp(key, "vif") == 0)
			continue;
		fprintf(f, "%s = ", key);
		config_write_value(f, value);
		fputc('\n', f);
	}
	json_object_put(o);
	return write_devices(f, c, place);
}

static int write_whole(const char *path, const struct zendo_config *c)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (!f)
		return -errno;
	TAKE_FD(fd);
	r = zendo_config_write(f, c, true);
	if (fclose(f) != 0 && r >= 0)
		r = -errno;
	return r;
}

int zendo_config_write_file(const char *path, const struct zendo_config *c, int (*check)(const char *path, void *userdata), void *userdata)
{
	_cleanup_free_ char *tmp = NULL;
	int r;

	if (asprintf(&tmp, "%s.new", path) < 0)
		return -ENOMEM;
	r = write_whole(tmp, c);
	if (r >= 0 && check)
		r = check(tmp, userdata);
	if (r >= 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(tmp);
	return r;
}
