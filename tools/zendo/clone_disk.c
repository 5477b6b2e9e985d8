/* SPDX-License-Identifier: GPL-2.0-only */
#include "clone_disk.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../hotplug/run.h"
#include "cleanup.h"
#include "file.h"

#define LVS		"/sbin/lvs"
#define LVCREATE	"/sbin/lvcreate"
#define LVREMOVE	"/sbin/lvremove"
#define QEMU_IMG	"/usr/bin/qemu-img"
#define ASK_MS		30000
#define MAKE_MS		120000

#define QCOW2_MAGIC		0x514649fbu
#define QCOW2_FEATURES_AT	72	/* behind the header of version 2 */
#define QCOW2_DATA_FILE		4u	/* its data are in another file (QEMU's docs/interop/qcow2.txt) */

const char *clone_how_name(enum clone_how how)
{
	static const char *const names[] = {
		[CLONE_SAME] = "same", [CLONE_THIN] = "lvm-thin", [CLONE_REFLINK] = "reflink", [CLONE_OVERLAY] = "overlay",
	};

	return names[how];
}

void clone_disk_clear(struct clone_disk *c)
{
	free(c->from);
	free(c->to);
	free(c->volume);
	*c = (struct clone_disk) { .made = false };
}

/* ---- names ---- */

static bool is_word(unsigned char c)
{
	return isalnum(c) || c >= 0x80;
}

/* Where @name stands in @base as a word of its own. */
static const char *find_word(const char *base, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = strstr(base, name); p; p = strstr(p + 1, name))
		if ((p == base || !is_word((unsigned char)p[-1])) && !is_word((unsigned char)p[len]))
			return p;
	return NULL;
}

/* "web-root.img" of web becomes "web2-root.img"; one without the name in it gets the new one and the disk's, and keeps its ending. */
static int new_base(const char *base, const struct clone_wish *w, const char *vdev, char **ret)
{
	const char *at = find_word(base, w->name), *dot = strrchr(base, '.');
	int n;

	if (at)
		n = asprintf(ret, "%.*s%s%s", (int)(at - base), base, w->new_name, at + strlen(w->name));
	else
		n = asprintf(ret, "%s-%s%s", w->new_name, vdev, dot && dot != base ? dot : "");
	return n < 0 ? -ENOMEM : 0;
}

/* @path with another last part. */
static int beside(const char *path, const char *base, char **ret)
{
	return asprintf(ret, "%.*s/%s", (int)(strrchr(path, '/') - path), path, base) < 0 ? -ENOMEM : 0;
}

static bool is_volume_name(const char *s)
{
	return *s != '-' && strcmp(s, ".") != 0 && strcmp(s, "..") != 0 &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-")] == '\0';
}

/* ---- programs ---- */

/* The last line is why it failed: warnings come before. */
static char *last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	return line + strspn(line, " \t");
}

/* 0, or what they said of why not. */
static int call(const char *const *args, int timeout_ms, char **ret_out, struct zendo_error *e)
{
	_cleanup_free_ char *out = NULL, *err = NULL;
	int r = run(args, timeout_ms, &out, &err);

	if (r < 0)
		return zendo_error(e, r, "%s: %s", args[0], r == -ENOENT ? "not installed" : strerror(-r));
	if (r > 0)
		return zendo_error(e, -EIO, "%s: %.300s", args[0], last_line(err));
	if (ret_out)
		*ret_out = TAKE_PTR(out);
	return 0;
}

/* ---- thin volumes ---- */

/* 1 with "VG" and "LV": @path is a thin volume. Whatever else LVM says, or if it is not there: it is none. */
static int find_thin(const char *path, char **ret_vg, char **ret_lv)
{
	const char *const args[] = {
		LVS, "--noheadings", "--separator", "|", "-o", "vg_name,lv_name,segtype", "--", path, NULL,
	};
	_cleanup_free_ char *out = NULL;
	char *save = NULL, *vg, *lv, *type;

	if (call(args, ASK_MS, &out, NULL) < 0)
		return 0;
	vg = strtok_r(out, " |\n", &save);
	lv = strtok_r(NULL, " |\n", &save);
	type = strtok_r(NULL, " |\n", &save);
	if (!type || strcmp(type, "thin") != 0)
		return 0;
	*ret_vg = strdup(vg);
	*ret_lv = strdup(lv);
	return *ret_vg && *ret_lv ? 1 : -ENOMEM;
}

static int plan_thin(const struct zendo_disk *d, const struct clone_wish *w, const char *vg, const char *lv, struct clone_disk *c,
		     struct zendo_error *e)
{
	_cleanup_free_ char *base = NULL;
	int r = new_base(lv, w, d->vdev, &base);

	if (r < 0)
		return r;
	if (!is_volume_name(base))
		return zendo_error(e, -EINVAL, "%s: LVM has no volumes with names like '%s'", d->vdev, base);
	c->how = CLONE_THIN;
	if (asprintf(&c->volume, "%s/%s", vg, lv) < 0)
		return c->volume = NULL, -ENOMEM;
	if (asprintf(&c->to, "/dev/%s/%s", vg, base) < 0)
		return c->to = NULL, -ENOMEM;
	return 0;
}

/* With -kn it is active at once, and after the next boot: snapshots are not, left alone. */
static int make_thin(const struct clone_disk *c, struct zendo_error *e)
{
	const char *const args[] = { LVCREATE, "-q", "-s", "-kn", "-n", strrchr(c->to, '/') + 1, "--", c->volume, NULL };

	return call(args, MAKE_MS, NULL, e);
}

static int undo_thin(const struct clone_disk *c, struct zendo_error *e)
{
	const char *const args[] = { LVREMOVE, "-q", "-f", "--", c->to + strlen("/dev/"), NULL };

	return call(args, MAKE_MS, NULL, e);
}

/* ---- files ---- */

/* Is all of the image in this one file? */
static bool is_alone(int fd, enum zendo_disk_format format)
{
	unsigned char h[QCOW2_FEATURES_AT + 8];

	if (format == ZENDO_DISK_VMDK)
		return false;	/* its descriptor may name others */
	if (format != ZENDO_DISK_QCOW2)
		return true;
	if (pread(fd, h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return false;
	return ((unsigned)h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]) == QCOW2_MAGIC && (h[7] < 3 || !(h[QCOW2_FEATURES_AT + 7] & QCOW2_DATA_FILE));
}

/* One block is shared with a file without a name: what can be done for one can for all. */
static bool can_reflink(int fd, const char *path)
{
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	struct file_clone_range range = { .src_fd = fd };
	_cleanup_close_ int to = -EBADF;
	struct stat st;

	if (!folder || fstat(fd, &st) < 0 || file_create_unnamed(AT_FDCWD, *folder ? folder : "/", 0600, &to) < 0)
		return false;
	if (st.st_size > st.st_blksize)
		range.src_length = (unsigned long long)st.st_blksize;
	return ioctl(to, FICLONERANGE, &range) == 0;
}

static int make_reflink(const struct clone_disk *c, struct zendo_error *e)
{
	_cleanup_free_ char *folder = strndup(c->to, (size_t)(strrchr(c->to, '/') - c->to));
	_cleanup_close_ int from = -EBADF, to = -EBADF;
	struct stat st;
	int r;

	if (!folder)
		return -ENOMEM;
	from = open(c->from, O_RDONLY | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return zendo_error(e, -errno, "%s: %s", c->from, strerror(errno));
	r = file_create_unnamed(AT_FDCWD, *folder ? folder : "/", 0600, &to);
	if (r >= 0 && (ioctl(to, FICLONE, from) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 0777) < 0 ||
		       fsync(to) < 0))
		r = -errno;
	if (r >= 0)
		r = file_give_name(to, AT_FDCWD, c->to);
	return r < 0 ? zendo_error(e, r, "%s: %s", c->to, strerror(-r)) : 0;
}

/* ---- overlays ---- */

static const char *qemu_format(enum zendo_disk_format f)
{
	return f == ZENDO_DISK_VHD ? "vpc" : zendo_disk_format_name(f);
}

/* The name is ours before qemu-img writes to it: it would write over anything. */
static int make_overlay(const struct clone_disk *c, struct zendo_error *e)
{
	const char *const args[] = {
		QEMU_IMG, "create", "-q", "-f", "qcow2", "-F", qemu_format(c->format), "-b", c->from, c->to, NULL,
	};
	_cleanup_close_ int fd = open(c->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return zendo_error(e, -errno, "%s: %s", c->to, strerror(errno));
	r = call(args, MAKE_MS, NULL, e);
	if (r < 0)
		(void)unlink(c->to);
	return r;
}

static int plan_overlay(const struct zendo_disk *d, const struct clone_wish *w, struct clone_disk *c, struct zendo_error *e)
{
	_cleanup_free_ char *folder = realpath(w->overlays, NULL);

	if (!folder)
		return zendo_error(e, -errno, "%s: %s", w->overlays, strerror(errno));
	c->how = CLONE_OVERLAY;
	if (asprintf(&c->to, "%s/%s-%s.qcow2", strcmp(folder, "/") == 0 ? "" : folder, w->new_name, d->vdev) < 0)
		return c->to = NULL, -ENOMEM;
	return 0;
}

/* ---- all of them ---- */

/* What is left when the target's own kind has no copies of one moment. */
static int plan_other(const struct zendo_disk *d, const struct clone_wish *w, const char *why, struct clone_disk *c, struct zendo_error *e)
{
	if (w->running)
		return zendo_error(e, -EBUSY, "%s: %s runs, and %s %s: end it first", d->vdev, w->name, d->target, why);
	if (!w->overlays)
		return zendo_error(e, -EOPNOTSUPP, "%s: %s %s; with --overlay=FOLDER a qcow2 file over it is made, and it must not be written "
				   "any more then", d->vdev, d->target, why);
	return plan_overlay(d, w, c, e);
}

static int plan_file(const struct zendo_disk *d, const struct clone_wish *w, int fd, struct clone_disk *c, struct zendo_error *e)
{
	_cleanup_free_ char *base = NULL;
	int r;

	if (!is_alone(fd, d->format))
		return plan_other(d, w, "may consist of several files", c, e);
	/* what its qemu-nbd has not written yet is no part of the file */
	if (w->running && d->format != ZENDO_DISK_RAW)
		return plan_other(d, w, "is an image", c, e);
	if (!can_reflink(fd, c->from))
		return plan_other(d, w, "is on a file system that shares no blocks", c, e);
	r = new_base(strrchr(c->from, '/') + 1, w, d->vdev, &base);
	if (r < 0)
		return r;
	c->how = CLONE_REFLINK;
	return beside(c->from, base, &c->to);
}

static int plan_device(const struct zendo_disk *d, const struct clone_wish *w, struct clone_disk *c, struct zendo_error *e)
{
	_cleanup_free_ char *vg = NULL, *lv = NULL;
	int r = d->format == ZENDO_DISK_RAW ? find_thin(d->target, &vg, &lv) : 0;

	if (r < 0)
		return r;
	return r ? plan_thin(d, w, vg, lv, c, e) : plan_other(d, w, "is no thin volume of LVM", c, e);
}

static int plan_target(const struct zendo_disk *d, const struct clone_wish *w, struct clone_disk *c, struct zendo_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	c->format = d->format;
	c->from = realpath(d->target, NULL);
	if (!c->from)
		return zendo_error(e, -errno, "%s: %s: %s", d->vdev, d->target, strerror(errno));
	fd = open(c->from, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return zendo_error(e, -errno, "%s: %s: %s", d->vdev, d->target, strerror(errno));
	if (S_ISREG(st.st_mode))
		r = plan_file(d, w, fd, c, e);
	else if (S_ISBLK(st.st_mode))
		r = plan_device(d, w, c, e);
	else
		r = zendo_error(e, -ENOTBLK, "%s: %s is neither a file nor a block device", d->vdev, d->target);
	if (r >= 0 && access(c->to, F_OK) == 0)
		r = zendo_error(e, -EEXIST, "%s: %s is there already", d->vdev, c->to);
	return r;
}

int clone_disk_plan(const struct zendo_disk *d, const struct clone_wish *w, struct clone_disk *ret, struct zendo_error *e)
{
	struct clone_disk c = { .how = CLONE_SAME };
	int r = 0;

	if (d->target && !d->readonly) {
		if (d->script)
			r = zendo_error(e, -EOPNOTSUPP, "%s: what its script= makes cannot be copied", d->vdev);
		else if (zendo_disk_target_is_remote(d->target))
			r = zendo_error(e, -EOPNOTSUPP, "%s: %s is another machine's", d->vdev, d->target);
		else
			r = plan_target(d, w, &c, e);
	}
	if (r == -ENOMEM)
		(void)zendo_error(e, r, "out of memory");
	if (r < 0)
		clone_disk_clear(&c);
	else
		*ret = c;
	return r;
}

int clone_disk_make(struct clone_disk *c, struct zendo_error *e)
{
	int r = c->how == CLONE_THIN ? make_thin(c, e) : c->how == CLONE_REFLINK ? make_reflink(c, e) :
		c->how == CLONE_OVERLAY ? make_overlay(c, e) : 0;

	c->made = r >= 0 && c->how != CLONE_SAME;
	return r;
}

int clone_disk_undo(struct clone_disk *c, struct zendo_error *e)
{
	int r = 0;

	if (!c->made)
		return 0;
	if (c->how == CLONE_THIN)
		r = undo_thin(c, e);
	else if (unlink(c->to) < 0)
		r = zendo_error(e, -errno, "%s: %s", c->to, strerror(errno));
	c->made = r < 0;
	return r;
}
