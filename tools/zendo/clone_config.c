/* SPDX-License-Identifier: GPL-2.0-only */
#include "clone_config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cleanup.h"
#include "config-write.h"
#include "file.h"

static bool is_given(const struct zendo_error *at)
{
	return strcmp(at->source, "command line") == 0;
}

/* Version 4 of RFC 9562: random. */
static int make_uuid(uint8_t uuid[static 16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return -errno;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return 0;
}

/* An address follows from the uuid where none is written; the name in dom0 can be one guest's only. */
static void change_vifs(struct zendo_config *c)
{
	for (size_t i = 0; i < c->nr_vifs; i++) {
		struct zendo_vif *v = &c->vifs[i];

		if (is_given(&v->at))
			continue;
		zendo_vif_make_mac(c->uuid, v->devid, v->mac);
		v->has_mac = true;
		v->vifname[0] = '\0';
	}
}

static int change_disk(struct zendo_disk *d, const struct clone_disk *c)
{
	char *to;

	if (c->how == CLONE_SAME)
		return 0;
	to = strdup(c->to);
	if (!to)
		return -ENOMEM;
	free(d->target);
	d->target = to;
	if (c->how == CLONE_OVERLAY) {
		d->format = ZENDO_DISK_QCOW2;
		d->must_be_block = false;
	}
	return 0;
}

/* Snapshots are taken one after the other: of one disk there is one moment. */
static int check_moment(const struct clone *c, struct zendo_error *e)
{
	unsigned copies = 0;

	for (size_t i = 0; i < c->config->nr_disks; i++)
		copies += c->disks[i].how != CLONE_SAME;
	if (c->wish.running && copies > 1)
		return zendo_error(e, -EBUSY, "%s runs and writes to %u disks: copies of them would not be of one moment: end it first",
				   c->wish.name, copies);
	return 0;
}

static int plan_disks(struct clone *c, struct zendo_error *e)
{
	struct zendo_config *config = c->config;
	int r = 0;

	c->disks = calloc(config->nr_disks + 1, sizeof(*c->disks));
	if (!c->disks)
		return zendo_error(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < config->nr_disks && r >= 0; i++)
		if (!is_given(&config->disks[i].at))
			r = clone_disk_plan(&config->disks[i], &c->wish, &c->disks[i], e);
	for (size_t i = 0; i < config->nr_disks && r >= 0; i++)
		for (size_t k = 0; k < i && r >= 0; k++)
			if (c->disks[i].to && c->disks[k].to && strcmp(c->disks[i].to, c->disks[k].to) == 0)
				r = zendo_error(e, -EEXIST, "%s and %s would both become %s", config->disks[k].vdev, config->disks[i].vdev,
						c->disks[i].to);
	if (r >= 0)
		r = check_moment(c, e);
	for (size_t i = 0; i < config->nr_disks && r >= 0; i++)
		if (change_disk(&config->disks[i], &c->disks[i]) < 0)
			r = zendo_error(e, -ENOMEM, "out of memory");
	return r;
}

/* What is written is looked at as a reader will. */
static int write_text(struct clone *c, struct zendo_error *e)
{
	_cleanup_(zendo_config_freep) struct zendo_config *again = NULL;
	struct zendo_config_input in = { .source = "the clone's definition" };
	FILE *f = open_memstream(&c->text, &c->len);
	int r;

	if (!f)
		return zendo_error(e, -ENOMEM, "out of memory");
	fprintf(f, "# a clone of %s\n", c->wish.name);
	r = zendo_config_write(f, c->config, false);
	if (fclose(f) != 0 || r < 0)
		return zendo_error(e, -ENOMEM, "out of memory");
	in.text = c->text;
	in.len = c->len;
	return zendo_config_parse(&in, 1, &again, e);
}

int clone_plan(struct clone *c, bool keep_uuid, struct zendo_error *e)
{
	struct zendo_config *config = c->config;
	char *name;
	int r = keep_uuid ? 0 : make_uuid(config->uuid);

	if (r < 0)
		return zendo_error(e, r, "no random numbers: %s", strerror(-r));
	config->has_uuid = true;
	name = strdup(c->wish.new_name);
	if (!name)
		return zendo_error(e, -ENOMEM, "out of memory");
	free(config->name);
	config->name = name;
	change_vifs(config);
	r = plan_disks(c, e);
	return r < 0 ? r : write_text(c, e);
}

/* ---- making ---- */

/* The new one appears whole, and over nothing. */
static int write_definition(const struct clone *c, const char *path, unsigned mode, struct zendo_error *e)
{
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int fd = -EBADF;
	int r = folder ? file_create_unnamed(AT_FDCWD, folder, mode, &fd) : -ENOMEM;

	if (r >= 0)
		r = file_write_all(fd, c->text, c->len);
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r >= 0)
		r = file_give_name(fd, AT_FDCWD, path);
	return r < 0 ? zendo_error(e, r, "%s: %s", path, strerror(-r)) : 0;
}

/* Signals that end a program wait, and are seen between two disks. */
static int check_signals(struct zendo_error *e)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return zendo_error(e, -errno, "signals: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigismember(&pending, ends[i]) == 1)
			return zendo_error(e, -EINTR, "interrupted");
	return 0;
}

int clone_make(struct clone *c, const char *path, unsigned mode, struct zendo_error *e, struct zendo_error *left)
{
	int r = 0;

	for (size_t i = 0; i < c->config->nr_disks && r >= 0; i++) {
		r = clone_disk_make(&c->disks[i], e);
		if (r >= 0)
			r = check_signals(e);
	}
	if (r >= 0)
		r = write_definition(c, path, mode, e);
	if (r < 0)
		(void)clone_undo(c, NULL, left);
	return r;
}

int clone_undo(struct clone *c, const char *path, struct zendo_error *left)
{
	struct zendo_error more = {};
	int r = 0, k;

	if (path && unlink(path) < 0)
		r = zendo_error(left, -errno, "%s: %s", path, strerror(errno));
	for (size_t i = c->config->nr_disks; i-- > 0;) {
		k = clone_disk_undo(&c->disks[i], r < 0 ? &more : left);
		r = r < 0 ? r : k;
	}
	return r;
}

void clone_clear(struct clone *c)
{
	for (size_t i = 0; c->disks && i < c->config->nr_disks; i++)
		clone_disk_clear(&c->disks[i]);
	free(c->disks);
	free(c->text);
	zendo_config_freep(&c->config);
}
