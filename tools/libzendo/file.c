/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

int file_open_regular(const char *path, uint64_t max, int *ret_fd, uint64_t *ret_size)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer; it means nothing for regular files. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int file_read_at(int fd, void *buf, size_t size, uint64_t offset)
{
	char *p = buf;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

int file_write_all(int fd, const void *buf, size_t size)
{
	const char *p = buf;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int file_create_unnamed(int dir, const char *path, mode_t mode, int *ret_fd)
{
	int fd = openat(dir, path, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);

	if (fd < 0)	/* a kernel that knows no such flag sees a folder that is to be written */
		return errno == EISDIR ? -EOPNOTSUPP : -errno;
	*ret_fd = fd;
	return 0;
}

int file_give_name(int fd, int dir, const char *path)
{
	char self[32];

	/* by its descriptor alone it could be linked only with a capability */
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dir, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}
