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
#include "guard.h"
#include "log.h"

/* "web.cfg:3:9: 'disk': xvda: ...". */
__attribute__((format(printf, 4, 5)))
static int fail(const struct zendo_disk *d, struct zendo_error *e, int r, const char *format, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return zendo_error_at(e, r, d->at.source, d->at.line, d->at.column, "'disk': %s: %s", d->vdev, text);
}

static int fail_errno(const struct zendo_disk *d, struct zendo_error *e, int error)
{
	return fail(d, e, -error, "%s: %s", d->target, strerror(error));
}

static int check_supported(const struct zendo_disk *d, struct zendo_error *e)
{
	if (d->format == ZENDO_DISK_EMPTY)
		return fail(d, e, -EOPNOTSUPP, "a drive without a medium is not in this version");
	if (d->format != ZENDO_DISK_RAW)
		return fail(d, e, -EOPNOTSUPP, "format=%s is not in this version: convert it to raw (qemu-img convert -O raw)",
			    zendo_disk_format_name(d->format));
	if (d->script)
		return fail(d, e, -EOPNOTSUPP, "script= is not in this version");
	return 0;
}

/* Without opening it for use: a device may do something when it is opened, and a pipe waits. */
static int look(const struct zendo_disk *d, int *ret_fd, struct claim_key *ret, struct zendo_error *e)
{
	_cleanup_close_ int fd = open(d->target, O_PATH | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(d, e, errno);
	if (S_ISBLK(st.st_mode)) {
		*ret = (struct claim_key) { .block = true, .dev = st.st_rdev };
		r = guard_disk_of(&guard_system, st.st_rdev, &ret->disk);
		if (r < 0)
			return fail(d, e, r, "%s: not in /sys: %s", d->target, strerror(-r));
	} else if (!S_ISREG(st.st_mode)) {
		return fail(d, e, -EINVAL, "%s is neither a block device nor a file", d->target);
	} else if (d->must_be_block) {
		return fail(d, e, -ENOTBLK, "%s is a file, not a block device: use file:", d->target);
	} else {
		*ret = (struct claim_key) { .dev = st.st_dev, .ino = st.st_ino };
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* O_EXCL is the kernel's claim on a block device, and O_DIRECT keeps what a guest has flushed out of dom0's cache. */
static int open_again(const struct zendo_disk *d, int path_fd, const struct claim_key *k, int *ret, struct zendo_error *e)
{
	int flags = (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK, fd;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	if (k->block && !d->readonly && !d->force)
		flags |= O_EXCL;
	fd = open(path, flags | (k->block ? 0 : O_DIRECT));
	if (fd < 0 && errno == EINVAL && !k->block)
		fd = open(path, flags);		/* tmpfs, for one */
	if (fd < 0 && errno == EBUSY)
		return fail(d, e, -EBUSY, "%s: it is in use by something in dom0 that the kernel does not name", d->target);
	if (fd < 0 && (errno == EROFS || errno == EACCES))
		return fail(d, e, -errno, "%s can only be read: say access=r", d->target);
	if (fd < 0)
		return fail_errno(d, e, errno);
	*ret = fd;
	return 0;
}

/* A file whose first bytes say what it is would give the guest the container instead of what is in it. */
static int check_magic(const struct zendo_disk *d, int fd, struct zendo_error *e)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *what;
	} known[] = {
		{ "QFI\xfb", 4, "qcow2" }, { "QED\0", 4, "qed" }, { "KDMV", 4, "vmdk" }, { "conectix", 8, "vhd" },
		{ "vhdxfile", 8, "vhdx" },
	};
	_Alignas(4096) char first[4096];
	ssize_t n = pread(fd, first, sizeof(first), 0);

	if (n < 0)
		return fail_errno(d, e, errno);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((size_t)n >= known[i].len && memcmp(first, known[i].bytes, known[i].len) == 0)
			return fail(d, e, -EINVAL, "%s looks like a %s image, not like a raw one", d->target, known[i].what);
	return 0;
}

static int check_size(const struct zendo_disk *d, int fd, const struct claim_key *k, struct zendo_error *e)
{
	unsigned unit = d->sector ? d->sector : 512;
	uint64_t size = 0;
	struct stat st;

	if (k->block ? ioctl(fd, BLKGETSIZE64, &size) < 0 : fstat(fd, &st) < 0)
		return fail_errno(d, e, errno);
	if (!k->block)
		size = (uint64_t)st.st_size;
	if (size == 0)
		return fail(d, e, -EINVAL, "%s is empty", d->target);
	if (size % unit)
		return fail(d, e, -EINVAL, "%s has %" PRIu64 " bytes, which is no multiple of its sectors of %u", d->target, size, unit);
	return 0;
}

static int check_users(const struct zendo_disk *d, const struct claim_key *k, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r = guard_check(&guard_system, k, d->readonly, &why);

	if (r >= 0)
		return 0;
	if (r == -EBUSY && d->force) {
		log_line(LOG_WARNING, "%s (%s) is used by force: %s", d->target, d->vdev, why.text);
		return 0;
	}
	return fail(d, e, r, "%s: %s", d->target, why.text);
}

/* The file below a loop device: the same bytes by another name. */
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

static int claim(const struct zendo_disk *d, const struct hvback_id *id, int path_fd, const struct claim_key *k, struct zendo_error *e)
{
	struct zendo_error why = {};
	struct claim_key file;
	int r = claim_take(k, id, d->readonly, d->force, &why);

	if (r >= 0 && loop_file(path_fd, k, &file)) {
		r = claim_take(&file, id, d->readonly, d->force, &why);
		if (r < 0)
			claim_release(id);
	}
	return r < 0 ? fail(d, e, r, "%s: %s", d->target, why.text) : 0;
}

int target_open(const struct zendo_disk *d, const struct hvback_id *id, struct target *ret, struct zendo_error *e)
{
	_cleanup_close_ int path_fd = -EBADF, fd = -EBADF;
	struct claim_key key;
	int r;

	if ((r = check_supported(d, e)) < 0 ||
	    (r = look(d, &path_fd, &key, e)) < 0 ||
	    (r = claim(d, id, path_fd, &key, e)) < 0)
		return r;
	if ((r = check_users(d, &key, e)) < 0 ||
	    (r = open_again(d, path_fd, &key, &fd, e)) < 0 ||
	    (r = check_size(d, fd, &key, e)) < 0 ||
	    (!key.block && (r = check_magic(d, fd, e)) < 0)) {
		claim_release(id);
		return r;
	}
	*ret = (struct target) { .fd = TAKE_FD(fd), .key = key };
	return 0;
}
