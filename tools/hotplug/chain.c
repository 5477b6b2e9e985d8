/* SPDX-License-Identifier: GPL-2.0-only */
#include "chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "run.h"

#define QEMU_IMG	"/usr/bin/qemu-img"
#define PATIENCE_MS	60000	/* a server in the network may not answer */

const char *chain_format(enum zendo_disk_format f)
{
	return f == ZENDO_DISK_VHD ? "vpc" : zendo_disk_format_name(f);
}

void chain_clear(struct chain *c)
{
	for (size_t i = 0; i < c->nr; i++)
		free(c->files[i].path);
	*c = (struct chain) {};
}

/* @name as it stands in the file @of: below its folder unless it is absolute. Takes no other protocols than definitions do. */
static int add(struct chain *c, const char *of, const char *name, bool backing, struct zendo_error *e)
{
	const bool remote = zendo_disk_target_is_remote(name);
	const char *slash = strrchr(of, '/'), *colon = strchr(name, ':');
	char *path;

	if (strncmp(name, "file:", 5) == 0)
		name += 5;
	else if (!remote && colon && (!strchr(name, '/') || colon < strchr(name, '/')))
		return zendo_error(e, -EOPNOTSUPP, "%.200s is a part of it, and who uses that cannot be found out", name);
	if (c->nr == CHAIN_MAX)
		return zendo_error(e, -E2BIG, "it consists of more than %d files", CHAIN_MAX);
	if (remote || *name == '/')
		path = strdup(name);
	else if (*of != '/' || !slash)	/* a server's, or what qemu-img names oddly */
		return zendo_error(e, -EOPNOTSUPP, "%.200s is a part of it, which is no absolute path", name);
	else if (asprintf(&path, "%.*s/%s", (int)(slash - of), of, name) < 0)
		path = NULL;
	if (!path)
		return zendo_error(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nr; i++)
		if (strcmp(c->files[i].path, path) == 0) {
			free(path);	/* a descriptor that keeps its data itself names itself */
			return 0;
		}
	c->files[c->nr++] = (struct chain_file) { .path = path, .backing = backing };
	return 0;
}

static const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *s = NULL;

	return json_object_object_get_ex(o, key, &s) && json_object_is_type(s, json_type_string) ? json_object_get_string(s) : NULL;
}

/* Files beside an image that have its data: of qcow2 with data_file=, and the extents of a VMDK. */
static int add_parts(struct chain *c, struct json_object *image, const char *of, bool backing, struct zendo_error *e)
{
	struct json_object *specific = NULL, *data = NULL, *extents = NULL;
	const char *name;
	int r = 0;

	if (!json_object_object_get_ex(image, "format-specific", &specific) || !json_object_object_get_ex(specific, "data", &data))
		return 0;
	name = string_of(data, "data-file");
	if (name)
		r = add(c, of, name, backing, e);
	if (!json_object_object_get_ex(data, "extents", &extents) || !json_object_is_type(extents, json_type_array))
		return r;
	for (size_t i = 0; i < json_object_array_length(extents) && r >= 0; i++) {
		name = string_of(json_object_array_get_idx(extents, i), "filename");
		if (name)
			r = add(c, of, name, backing, e);
	}
	return r;
}

static int take_images(struct chain *c, struct json_object *list, const char *target, struct zendo_error *e)
{
	struct json_object *size = NULL, *image;
	const char *of = target, *name;
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(list) && r >= 0; i++) {
		image = json_object_array_get_idx(list, i);
		name = i ? string_of(image, "filename") : target;
		if (!name)
			return zendo_error(e, -EBADMSG, "qemu-img names no file");
		r = add(c, of, name, i > 0, e);
		if (r >= 0)
			r = add_parts(c, image, name, i > 0, e);
		of = name;
	}
	if (r < 0)
		return r;
	if (!json_object_object_get_ex(json_object_array_get_idx(list, 0), "virtual-size", &size) ||
	    !json_object_is_type(size, json_type_int) || json_object_get_int64(size) < 0)
		return zendo_error(e, -EBADMSG, "qemu-img tells no size");
	c->size = (uint64_t)json_object_get_int64(size);
	return 0;
}

int chain_parse(const char *json, const char *target, struct chain *ret, struct zendo_error *e)
{
	struct json_object *list = json_tokener_parse(json);
	struct chain c = {};
	int r;

	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0)
		r = zendo_error(e, -EBADMSG, "qemu-img's answer cannot be read");
	else
		r = take_images(&c, list, target, e);
	json_object_put(list);
	if (r < 0)
		chain_clear(&c);
	else
		*ret = c;
	return r;
}

/* "qemu-img: Could not open 'X': why" has the name that the caller says, too. */
static const char *reason_in(char *said, const char *target)
{
	char *line = said + strcspn(said, "\n"), *at;

	/* "module ... not found, do you want to install qemu-block-extra package?" is in the first line, and says it best */
	if (strstr(said, "do you want to install"))
		return "it needs the package qemu-block-extra";
	while (*line && line[1]) {	/* the last line */
		said = line + 1;
		line = said + strcspn(said, "\n");
	}
	*line = '\0';
	at = strstr(said, target);
	if (at && strncmp(at + strlen(target), "': ", 3) == 0)
		return at + strlen(target) + 3;
	return strncmp(said, "qemu-img: ", 10) == 0 ? said + 10 : said;
}

/*
 * @locks: with qemu's locks, which fail while somebody else writes. Who of us that is, claims tell better, and what is asked here does not
 * change while it is in use.
 */
static int ask(const struct zendo_disk *d, bool locks, char **ret_out, struct zendo_error *e)
{
	const char *const args[] = {
		QEMU_IMG, "info", "--output=json", "--backing-chain", "-f", chain_format(d->format), locks ? "--" : "--force-share",
		locks ? d->target : "--", locks ? NULL : d->target, NULL,
	};
	_cleanup_free_ char *said = NULL;
	int r = run(args, PATIENCE_MS, ret_out, &said);

	if (r == -ENOENT)
		return zendo_error(e, r, "format=%s needs " QEMU_IMG ", which is in the package qemu-utils", zendo_disk_format_name(d->format));
	if (r == -ETIMEDOUT)
		return zendo_error(e, r, "%s: qemu-img did not find out in %d s what it is", d->target, PATIENCE_MS / 1000);
	if (r < 0)
		return zendo_error(e, r, "cannot run qemu-img: %s", strerror(-r));
	if (r > 0 && strstr(said, "Failed to get"))	/* OFD locks of the file */
		return zendo_error(e, -EBUSY, "%s: another program has it open: %.300s", d->target, reason_in(said, d->target));
	if (r > 0)
		return zendo_error(e, -EINVAL, "%s: %.400s", d->target, reason_in(said, d->target));
	return 0;
}

int chain_read(const struct zendo_disk *d, struct chain *ret, struct zendo_error *e)
{
	_cleanup_free_ char *out = NULL;
	int r = ask(d, false, &out, e);

	return r < 0 ? r : chain_parse(out, d->target, ret, e);
}

int chain_explain(const struct zendo_disk *d, struct zendo_error *e)
{
	_cleanup_free_ char *out = NULL;
	struct zendo_error why = {};
	int r = ask(d, true, &out, &why);

	if (r < 0)
		*e = why;
	return r;
}
