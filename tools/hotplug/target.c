/* SPDX-License-Identifier: GPL-2.0-only */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "export.h"
#include "guard.h"
#include "log.h"
#include "magic.h"

int target_fail(const struct zendo_disk *d, struct zendo_error *e, int r, const char *format, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return zendo_error_at(e, r, d->at.source, d->at.line, d->at.column, "'disk': %s: %s", d->vdev, text);
}

#define fail target_fail

static int fail_errno(const struct zendo_disk *d, struct zendo_error *e, int error)
{
	return fail(d, e, -error, "%s: %s", d->target, strerror(error));
}

static int check_supported(const struct zendo_disk *d, struct zendo_error *e)
{
	if (d->format == ZENDO_DISK_EMPTY)
		return fail(d, e, -EOPNOTSUPP, "a drive without a medium is not in this version");
	return 0;
}

int target_look(const struct zendo_disk *d, const char *path, int *ret_fd, struct claim_key *ret, struct zendo_error *e)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(d, e, -errno, "%s: %s", path, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		*ret = (struct claim_key) { .block = true, .dev = st.st_rdev };
		r = guard_disk_of(&guard_system, st.st_rdev, &ret->disk);
		if (r < 0)
			return fail(d, e, r, "%s: not in /sys: %s", path, strerror(-r));
	} else if (!S_ISREG(st.st_mode)) {
		return fail(d, e, -EINVAL, "%s is neither a block device nor a file", path);
	} else if (d->must_be_block) {
		return fail(d, e, -ENOTBLK, "%s is a file, not a block device: use file: [Z0409]", path);
	} else {
		*ret = (struct claim_key) { .dev = st.st_dev, .ino = st.st_ino };
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int target_open_again(const struct zendo_disk *d, int path_fd, bool exclusive, int flags, int *ret, struct zendo_error *e)
{
	char path[64];
	int fd;

	flags |= (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	if (exclusive && !d->readonly && !d->force)
		flags |= O_EXCL;
	fd = open(path, flags);
	if (fd < 0 && errno == EINVAL && flags & O_DIRECT)
		fd = open(path, flags & ~O_DIRECT);	/* tmpfs, for one */
	if (fd < 0 && errno == EBUSY)
		return fail(d, e, -EBUSY, "%s: it is in use by something in dom0 that the kernel does not name", d->target);
	if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM))
		return fail(d, e, -errno, "%s can only be read: say access=r [Z0407]", d->target);
	if (fd < 0)
		return fail_errno(d, e, errno);
	*ret = fd;
	return 0;
}

/* A file that says what it is would give the guest the container instead of what is in it; or nonsense, if the definition says another. */
int target_check_magic(const struct zendo_disk *d, int fd, struct zendo_error *e)
{
	_Alignas(4096) unsigned char first[4096], last[4096];	/* O_DIRECT */
	const off_t size = lseek(fd, 0, SEEK_END), from = size - MAGIC_BYTES, tail = from > 0 ? from / 4096 * 4096 : 0;
	const char *name;
	ssize_t n, m = 0;

	n = size < 0 ? -1 : pread(fd, first, sizeof(first), 0);
	if (n >= 0 && from >= 0)
		m = pread(fd, last, sizeof(last), tail);
	if (n < 0 || m < 0)
		return fail_errno(d, e, errno);
	if (m > from - tail && from >= 0)
		name = magic_name(first, (size_t)n, last + (from - tail), (size_t)(m - (from - tail)));
	else
		name = magic_name(first, (size_t)n, NULL, 0);
	if (magic_fits(name, d->format))
		return 0;
	if (name && !magic_has_format(name))
		return fail(d, e, -EOPNOTSUPP, "%s looks like a %s image: convert it (qemu-img convert -O qcow2) [Z0408]", d->target, name);
	if (d->format == ZENDO_DISK_RAW)
		return fail(d, e, -EINVAL, "%s looks like a %s image, not like a raw one: write format=%s [Z0408]", d->target, name, name);
	return fail(d, e, -EINVAL, "%s does not look like a %s image, but like %s%s: write format=%s", d->target,
		    zendo_disk_format_name(d->format), name ? "a " : "", name ? name : "raw", name ? name : "raw");
}

int target_check_size(const struct zendo_disk *d, uint64_t size, struct zendo_error *e)
{
	unsigned unit = d->sector ? d->sector : 512;

	if (size == 0)
		return fail(d, e, -EINVAL, "%s is empty", d->target);
	if (size % unit)
		return fail(d, e, -EINVAL, "%s has %" PRIu64 " bytes, which is no multiple of its sectors of %u", d->target, size, unit);
	return 0;
}

static int check_size(const struct zendo_disk *d, int fd, bool block, struct zendo_error *e)
{
	uint64_t size = 0;
	struct stat st;

	if (block ? ioctl(fd, BLKGETSIZE64, &size) < 0 : fstat(fd, &st) < 0)
		return fail_errno(d, e, errno);
	if (!block && st.st_nlink == 0)
		return fail(d, e, -ENOENT, "%s: it was removed just now", d->target);
	return target_check_size(d, block ? size : (uint64_t)st.st_size, e);
}

int target_check_users(const struct zendo_disk *d, const char *path, const struct claim_key *k, bool readonly, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = guard_check(&guard_system, k, readonly, &why);

	if (r >= 0)
		return 0;
	if (r == -EBUSY && d->force) {
		log_line(LOG_WARNING, "%s (%s) is used by force: %s", path, d->vdev, why.text);
		return 0;
	}
	return fail(d, e, r, "%s: %s", path, why.text);
}

static bool loop_file(int path_fd, const struct claim_key *k, struct claim_key *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct loop_info64 info;
	char path[64];

	if (!k->block || major(k->disk) != LOOP_MAJOR)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return false;
	*ret = (struct claim_key) { .dev = info.lo_device, .ino = info.lo_inode };
	return true;
}

int target_add_keys(struct claim_set *s, int path_fd, const struct claim_key *k, bool readonly)
{
	struct claim_key file;
	int r = claim_set_add(s, k, readonly);

	return r >= 0 && loop_file(path_fd, k, &file) ? claim_set_add(s, &file, readonly) : r;
}

/* O_EXCL is the kernel's claim on a block device, and O_DIRECT keeps what a guest has flushed out of dom0's cache. */
static int open_raw(const struct zendo_disk *d, const struct hvback_id *id, struct target *ret, struct zendo_error *e)
{
	_cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
	struct zendo_error why = {};
	struct claim_set set = {};
	struct claim_key key;
	int r = target_look(d, d->target, &path_fd, &key, e);

	if (r < 0)
		return r;
	(void)target_add_keys(&set, path_fd, &key, d->readonly);	/* two fit */
	export_wait_for(&set);
	r = claim_take_set(&set, id, d->force, NULL, &why);
	if (r < 0)
		return fail(d, e, r, "%s: %s", d->target, why.text);
	/* phy: is the user's word for "whatever is on it" */
	if ((r = target_check_users(d, d->target, &key, d->readonly, e)) < 0 ||
	    (r = target_open_again(d, path_fd, key.block, key.block ? 0 : O_DIRECT, &fd, e)) < 0 ||
	    (!d->must_be_block && (r = target_check_magic(d, fd, e)) < 0) ||
	    (r = check_size(d, fd, key.block, e)) < 0) {
		claim_release(id);
		return r;
	}
	*ret = (struct target) { .fd = TAKE_FD(fd), .set = set };
	return 0;
}

int target_open(const struct zendo_disk *d, const struct hvback_id *id, const char *domain, struct target *ret, struct zendo_error *e)
{
	int r = check_supported(d, e);

	if (r < 0)
		return r;
	if (d->format != ZENDO_DISK_RAW || zendo_disk_target_is_remote(d->target))
		return target_open_image(d, id, domain, ret, e);
	return open_raw(d, id, ret, e);
}
