/* SPDX-License-Identifier: GPL-2.0-only */
#include "scrollback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int scrollback_new(size_t size, struct scrollback **ret)
{
	struct scrollback *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	/* not malloc: only what is written shall cost memory */
	s->buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->buf == MAP_FAILED) {
		free(s);
		return -ENOMEM;
	}
	s->size = size;
	s->fd = -EBADF;
	*ret = s;
	return 0;
}

void scrollback_free(struct scrollback *s)
{
	if (!s)
		return;
	munmap(s->buf, s->size);
	safe_close(s->fd);
	free(s->path);
	free(s);
}

static int begin_file(struct scrollback *s)
{
	_cleanup_free_ char *old = NULL;
	int fd;

	if (asprintf(&old, "%s.1", s->path) < 0)
		return -ENOMEM;
	if (rename(s->path, old) < 0 && errno != ENOENT)
		return -errno;
	fd = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	s->fd = safe_close(s->fd);
	s->fd = fd;
	s->file_size = 0;
	return 0;
}

int scrollback_open_file(struct scrollback *s, const char *path)
{
	int r;

	free(s->path);
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	r = begin_file(s);
	if (r < 0) {
		free(s->path);
		s->path = NULL;
	}
	return r;
}

static void append_to_file(struct scrollback *s, const char *data, size_t len)
{
	ssize_t n;

	if (s->fd < 0)
		return;
	if (s->file_size + len > SCROLLBACK_FILE_MAX && begin_file(s) < 0) {
		s->fd = safe_close(s->fd);
		return;
	}
	n = write(s->fd, data, len);
	if (n < 0)
		s->fd = safe_close(s->fd);	/* disk full: the memory still has it */
	else
		s->file_size += (uint64_t)n;
}

void scrollback_append(struct scrollback *s, const void *data, size_t len)
{
	const char *p = data;

	append_to_file(s, p, len);
	if (len > s->size) {
		s->end += len - s->size;
		p += len - s->size;
		len = s->size;
	}
	while (len > 0) {
		size_t at = s->end % s->size, n = s->size - at;

		if (n > len)
			n = len;
		memcpy(s->buf + at, p, n);
		s->end += n;
		p += n;
		len -= n;
	}
}

size_t scrollback_read(const struct scrollback *s, uint64_t *pos, void *buf, size_t size, uint64_t *ret_lost)
{
	uint64_t start = s->end > s->size ? s->end - s->size : 0;
	size_t at, n;

	*ret_lost = *pos < start ? start - *pos : 0;
	*pos += *ret_lost;
	at = *pos % s->size;
	n = s->end - *pos;
	if (n > size)
		n = size;
	if (n > s->size - at)
		n = s->size - at;	/* the rest comes with the next call */
	memcpy(buf, s->buf + at, n);
	*pos += n;
	return n;
}
