// SPDX-License-Identifier: GPL-2.0-only
/*
 * What dm-log-writes has logged, up to a moment (Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c of
 * Linux: all numbers are little-endian, sectors 512 bytes here, each entry has a sector of its own before its data).
 *
 *	replay LOG list			"ENTRIES FLUSHES", then "mark NUMBER TEXT" for each mark
 *	replay LOG IMAGE FROM TO	put entries FROM to TO - 1 onto IMAGE
 */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC		0x6a736677736872ULL
#define FLUSH		(1u << 0)
#define FUA		(1u << 1)
#define DISCARD		(1u << 2)
#define MARK		(1u << 3)
#define SECTOR		512u

struct super {
	uint64_t magic, version, entries;
	uint32_t sector_size;
} __attribute__((packed));

struct entry {
	uint64_t sector, sectors, flags, data_len;
	char text[SECTOR - 32];
} __attribute__((packed));

static int log_fd, image_fd = -1;

static void must_read(void *to, size_t n, off_t at)
{
	if (pread(log_fd, to, n, at) != (ssize_t)n)
		err(2, "log: %zu bytes at %lld", n, (long long)at);
}

static void put(const struct entry *e, off_t data)
{
	size_t n = le64toh(e->sectors) * SECTOR;
	char *buf = calloc(1, n ? n : 1);

	if (!buf)
		err(2, NULL);
	if (!(le64toh(e->flags) & DISCARD))
		must_read(buf, n, data);
	if (pwrite(image_fd, buf, n, (off_t)(le64toh(e->sector) * SECTOR)) != (ssize_t)n)
		err(2, "image");
	free(buf);
}

/* Every entry; those in [from, to) are put onto the image. */
static uint64_t walk(uint64_t entries, uint64_t from, uint64_t to, bool marks)
{
	uint64_t flushes = 0, flags, i;
	off_t at = SECTOR;
	struct entry e;

	for (i = 0; i < entries; i++) {
		must_read(&e, sizeof(e), at);
		at += SECTOR;
		flags = le64toh(e.flags);
		flushes += (flags & (FLUSH | FUA)) != 0;
		if (flags & MARK) {
			if (marks)
				printf("mark %llu %.*s\n", (unsigned long long)i, (int)le64toh(e.data_len), e.text);
			continue;
		}
		if (image_fd >= 0 && i >= from && i < to)
			put(&e, at);
		if (!(flags & DISCARD))
			at += (off_t)(le64toh(e.sectors) * SECTOR);
	}
	return flushes;
}

int main(int argc, char **argv)
{
	struct super s;

	if (argc != 3 && argc != 5)
		errx(2, "usage: replay LOG list | LOG IMAGE FROM TO");
	log_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (log_fd < 0)
		err(2, "%s", argv[1]);
	must_read(&s, sizeof(s), 0);
	if (le64toh(s.magic) != MAGIC || le64toh(s.version) != 1 || le32toh(s.sector_size) != SECTOR)
		errx(2, "%s: no log of version 1 with sectors of 512 bytes", argv[1]);
	if (argc == 3) {
		printf("%llu %llu\n", (unsigned long long)le64toh(s.entries),
		       (unsigned long long)walk(le64toh(s.entries), 0, 0, false));
		(void)walk(le64toh(s.entries), 0, 0, true);
		return 0;
	}
	image_fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (image_fd < 0)
		err(2, "%s", argv[2]);
	(void)walk(le64toh(s.entries), strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), false);
	return close(image_fd) < 0;
}
