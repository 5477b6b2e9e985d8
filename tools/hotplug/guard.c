/* SPDX-License-Identifier: GPL-2.0-only */
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

const struct guard_paths guard_system = { .sys = "/sys", .proc = "/proc" };

static inline void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

static int unreadable(struct zendo_error *e, const char *path, int error)
{
	return zendo_error(e, -error, "cannot find out who uses it: %s: %s", path, strerror(error));
}

/* "8:16\n" in a file. */
static int read_dev(const char *path, dev_t *ret)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	unsigned a, b;

	if (!f)
		return -errno;
	if (fscanf(f, "%u:%u", &a, &b) != 2)
		return -EBADMSG;
	*ret = makedev(a, b);
	return 0;
}

static void dev_folder(const struct guard_paths *paths, dev_t dev, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/dev/block/%u:%u", paths->sys, major(dev), minor(dev));
}

int guard_disk_of(const struct guard_paths *paths, dev_t dev, dev_t *ret)
{
	char folder[PATH_MAX / 2], path[PATH_MAX];
	int r;

	dev_folder(paths, dev, folder, sizeof(folder));
	(void)snprintf(path, sizeof(path), "%s/partition", folder);
	if (access(path, F_OK) < 0) {
		*ret = dev;
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/../dev", folder);
	r = read_dev(path, ret);
	return r;
}

/* ---- layers above: LVM, crypt, MD, bcache ---- */

static int read_line(const char *path, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f || !fgets(ret, (int)size, f))
		return -ENOENT;
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}

static int check_holders(const char *folder, struct zendo_error *e)
{
	char path[PATH_MAX], name[128];
	_cleanup_(closedirp) DIR *d = NULL;
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%s/holders", folder);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : unreadable(e, path, errno);
	while ((entry = readdir(d))) {
		if (*entry->d_name == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/holders/%.64s/dm/name", folder, entry->d_name);
		if (read_line(path, name, sizeof(name)) >= 0)
			return zendo_error(e, -EBUSY, "it is part of %.64s (device mapper, '%.100s') [Z0405]", entry->d_name, name);
		return zendo_error(e, -EBUSY, "it is part of %.64s [Z0405]", entry->d_name);
	}
	return 0;
}

/* Of the device, of the whole it is a part of, of the parts it has. */
static int check_layers(const struct guard_paths *paths, const struct claim_key *k, struct zendo_error *e)
{
	char folder[PATH_MAX / 4], part[PATH_MAX / 2], mark[PATH_MAX];
	_cleanup_(closedirp) DIR *d = NULL;
	struct dirent *entry;
	int r;

	dev_folder(paths, k->dev, folder, sizeof(folder));
	r = check_holders(folder, e);
	if (r < 0)
		return r;
	if (k->disk != k->dev) {
		dev_folder(paths, k->disk, folder, sizeof(folder));
		return check_holders(folder, e);
	}
	d = opendir(folder);
	if (!d)
		return unreadable(e, folder, errno);
	while ((entry = readdir(d)) && r >= 0) {
		(void)snprintf(part, sizeof(part), "%s/%.64s", folder, entry->d_name);
		(void)snprintf(mark, sizeof(mark), "%s/partition", part);
		if (*entry->d_name != '.' && access(mark, F_OK) == 0)
			r = check_holders(part, e);
	}
	return r;
}

/* ---- file systems and swap ---- */

/* \040 and the like, as the kernel writes blanks. */
static void undo_octal(char *s)
{
	char *out = s;

	for (; *s; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	*out = '\0';
}

static bool key_of_block(const struct guard_paths *paths, dev_t dev, struct claim_key *ret)
{
	*ret = (struct claim_key) { .block = true, .dev = dev };
	return guard_disk_of(paths, dev, &ret->disk) >= 0;
}

static bool key_of_path(const struct guard_paths *paths, const char *path, struct claim_key *ret)
{
	struct stat st;

	if (*path != '/' || stat(path, &st) < 0)
		return false;
	if (S_ISBLK(st.st_mode))
		return key_of_block(paths, st.st_rdev, ret);
	if (!S_ISREG(st.st_mode))
		return false;
	*ret = (struct claim_key) { .dev = st.st_dev, .ino = st.st_ino };
	return true;
}

/*
 * proc(5): the number of the file system's device; behind " - " its type, source and options of the whole. btrfs and others have numbers
 * that are no device's, so the source is looked at, too.
 */
static int check_mount(const struct guard_paths *paths, const struct claim_key *k, bool readonly, char *line, struct zendo_error *e)
{
	char where[512], source[512], options[16];
	struct claim_key other;
	char *rest = strstr(line, " - ");
	unsigned a, b;

	if (!rest || sscanf(line, "%*u %*u %u:%u %*s %511s", &a, &b, where) != 3 ||
	    sscanf(rest, " - %*s %511s %15[^,\n]", source, options) != 2)
		return 0;
	if (readonly && strcmp(options, "ro") == 0)
		return 0;
	undo_octal(where);
	undo_octal(source);
	if ((k->block && key_of_block(paths, makedev(a, b), &other) && claim_overlaps(k, &other)) ||
	    (key_of_path(paths, source, &other) && claim_overlaps(k, &other)))
		return zendo_error(e, -EBUSY, "it is mounted on %s in dom0 [Z0405]", where);
	return 0;
}

static int check_swap(const struct guard_paths *paths, const struct claim_key *k, bool readonly, char *line, struct zendo_error *e)
{
	struct claim_key other;
	char path[512];

	(void)readonly;
	if (sscanf(line, "%511s", path) != 1)
		return 0;
	undo_octal(path);
	if (key_of_path(paths, path, &other) && claim_overlaps(k, &other))
		return zendo_error(e, -EBUSY, "dom0 swaps to it [Z0405]");
	return 0;
}

static int each_line(const struct guard_paths *paths, const char *file, const struct claim_key *k, bool readonly,
		     int (*check)(const struct guard_paths *, const struct claim_key *, bool, char *, struct zendo_error *),
		     struct zendo_error *e)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", paths->proc, file);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : unreadable(e, path, errno);
	while (r >= 0 && getline(&line, &size, f) >= 0)
		r = check(paths, k, readonly, line, e);
	return r;
}

/* ---- loop devices ---- */

static bool loop_info(const char *name, struct loop_info64 *ret)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%.32s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, ret) == 0;
}

/* A file that a loop device stands on has one user already. */
static int check_loops(const struct guard_paths *paths, const struct claim_key *k, bool readonly, struct zendo_error *e)
{
	_cleanup_(closedirp) DIR *d = NULL;
	struct loop_info64 info;
	char path[PATH_MAX];
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%s/block", paths->sys);
	d = opendir(path);
	if (!d)
		return unreadable(e, path, errno);
	while ((entry = readdir(d))) {
		if (strncmp(entry->d_name, "loop", 4) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/block/%.32s/loop", paths->sys, entry->d_name);
		if (access(path, F_OK) < 0 || !loop_info(entry->d_name, &info))
			continue;
		if (info.lo_device != k->dev || info.lo_inode != k->ino || (readonly && info.lo_flags & LO_FLAGS_READ_ONLY))
			continue;
		return zendo_error(e, -EBUSY, "it is attached to /dev/%.32s in dom0 [Z0405]", entry->d_name);
	}
	return 0;
}

int guard_check(const struct guard_paths *paths, const struct claim_key *k, bool readonly, struct zendo_error *e)
{
	int r;

	r = each_line(paths, "self/mountinfo", k, readonly, check_mount, e);
	if (r >= 0)
		r = each_line(paths, "swaps", k, readonly, check_swap, e);
	if (r >= 0)
		r = k->block ? check_layers(paths, k, e) : check_loops(paths, k, readonly, e);
	return r;
}
