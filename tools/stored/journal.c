/* SPDX-License-Identifier: GPL-2.0-only */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#define FIRST_SIZE	(256U << 10)
#define REWRITE_LEAST	(1U << 20)
#define RECORD_HEADER	(2 * sizeof(uint32_t))

static struct journal_header *header(const struct journal *j)
{
	return (struct journal_header *)(void *)j->base;
}

/* The blocks are there before they are mapped: a full tmpfs is an error here, not a SIGBUS later. */
static int resize(struct journal *j, size_t size)
{
	void *p;
	int r;

	if (j->dir < 0) {
		p = realloc(j->base, size);
		if (!p)
			return -ENOMEM;
		memset((uint8_t *)p + j->size, 0, size - j->size);
	} else {
		r = posix_fallocate(j->fd, 0, (off_t)size);
		if (r)
			return -r;
		p = j->base ? mremap(j->base, j->size, size, MREMAP_MAYMOVE) :
			      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
		if (p == MAP_FAILED)
			return -errno;
	}
	j->base = p;
	j->size = size;
	return 0;
}

static void set_limit(struct journal *j)
{
	j->rewrite_at = j->end * 2 > REWRITE_LEAST ? j->end * 2 : REWRITE_LEAST;
}

static int start_fresh(struct journal *j, uint64_t epoch)
{
	int r = resize(j, FIRST_SIZE);

	if (r < 0)
		return r;
	j->end = sizeof(struct journal_header);
	*header(j) = (struct journal_header){ .epoch = epoch, .committed = j->end };
	/* release: whoever finds the magic finds the rest, too */
	__atomic_store_n(&header(j)->magic, JOURNAL_MAGIC, __ATOMIC_RELEASE);
	set_limit(j);
	return 0;
}

int journal_open(struct journal *j, int dir, const char *name, bool *ret_old)
{
	struct stat st;
	int r;

	*j = (struct journal){ .dir = dir, .fd = -EBADF, .name = name };
	*ret_old = false;
	if (dir < 0)
		return start_fresh(j, 1);
	j->fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0 || fstat(j->fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct journal_header))
		return start_fresh(j, 1);
	r = resize(j, (size_t)st.st_size);
	if (r < 0)
		return r;
	/* killed before anything was there */
	if (header(j)->magic == 0)
		return start_fresh(j, 1);
	if (((header(j)->magic ^ JOURNAL_MAGIC) & JOURNAL_MAGIC_MASK) == 0 && header(j)->magic != JOURNAL_MAGIC)
		return -EPROTONOSUPPORT;
	if (header(j)->magic != JOURNAL_MAGIC || header(j)->committed < sizeof(struct journal_header) || header(j)->committed > j->size)
		return -EBADMSG;
	j->end = header(j)->committed;
	*ret_old = true;
	return 0;
}

void journal_format(const struct journal *j, char ret[3])
{
	memcpy(ret, (const char *)&header(j)->magic + 6, 2);
	ret[2] = '\0';
	for (int i = 0; i < 2; i++)
		if (ret[i] < '0' || ret[i] > 'z')
			ret[i] = '_';
}

void journal_close(struct journal *j)
{
	if (j->dir < 0) {
		free(j->base);
	} else {
		if (j->base)
			(void)munmap(j->base, j->size);
		if (j->fd >= 0)
			(void)close(j->fd);
	}
	*j = (struct journal){ .dir = -EBADF, .fd = -EBADF };
}

int journal_rewrite_begin(const struct journal *j, struct journal *fresh)
{
	char name[64];

	*fresh = (struct journal){ .dir = j->dir, .fd = -EBADF, .name = j->name };
	if (j->dir >= 0) {
		(void)snprintf(name, sizeof(name), "%s.new", j->name);
		fresh->fd = openat(j->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fresh->fd < 0)
			return -errno;
	}
	return start_fresh(fresh, header(j)->epoch + 1);
}

int journal_rewrite_end(struct journal *j, struct journal *fresh)
{
	char name[64];

	journal_commit(fresh);
	(void)snprintf(name, sizeof(name), "%s.new", j->name);
	if (j->dir >= 0 && renameat(j->dir, name, j->dir, j->name) < 0)
		return -errno;
	journal_close(j);
	*j = *fresh;
	set_limit(j);
	return 0;
}

/* ---- writing ---- */

void journal_put(struct journal *j, const void *data, size_t len)
{
	/* Without the log what is answered could be forgotten: then rather end, and begin again with what it has. */
	if (j->end + len > j->size && resize(j, (j->end + len) * 2) < 0)
		abort();
	memcpy(j->base + j->end, data, len);
	j->end += len;
}

void journal_put_bytes(struct journal *j, const void *data, size_t len)
{
	journal_put_value(j, uint32_t, len);
	journal_put(j, data, len);
}

bool journal_change(struct journal *j, enum change_kind kind)
{
	static const uint8_t space[RECORD_HEADER];

	if (!j || j->paused)
		return false;
	if (!j->record) {
		j->record = j->end;
		journal_put(j, space, sizeof(space));
	}
	journal_put_value(j, uint8_t, kind);
	return true;
}

void journal_commit(struct journal *j)
{
	uint32_t h[2];

	if (!j->record)
		return;
	h[0] = (uint32_t)(j->end - j->record - RECORD_HEADER);
	h[1] = (uint32_t)crc32(0, j->base + j->record + RECORD_HEADER, h[0]);
	memcpy(j->base + j->record, h, sizeof(h));
	j->record = 0;
	/* release: all of the record is there before the length says so */
	__atomic_store_n(&header(j)->committed, j->end, __ATOMIC_RELEASE);
}

/* ---- reading ---- */

int journal_next(const struct journal *j, size_t *at, const uint8_t **ret, size_t *ret_len)
{
	size_t committed = header(j)->committed;
	uint32_t h[2];

	if (*at == 0)
		*at = sizeof(struct journal_header);
	if (*at == committed)
		return 0;
	if (committed - *at < sizeof(h))
		return -EBADMSG;
	memcpy(h, j->base + *at, sizeof(h));
	if (h[0] > committed - *at - sizeof(h) || crc32(0, j->base + *at + sizeof(h), h[0]) != h[1])
		return -EBADMSG;
	*ret = j->base + *at + sizeof(h);
	*ret_len = h[0];
	*at += sizeof(h) + h[0];
	return 1;
}
