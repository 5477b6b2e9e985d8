// SPDX-License-Identifier: GPL-2.0-only
/*
 * numbered DEVICE SAFE WRITTEN - after a power cut: every number up to SAFE, which the guest saw flushed, is on the device or a later one is
 * in its place; no sector is anything but what numbers up to WRITTEN left there (tests/guests/numbered.h).
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../guests/numbered.h"

#define PARTS	8u

static uint32_t safe, written, blocks, lost, wrong, newer;

/* Number 0: never written. */
static bool is_whole(const struct numbered_sector *s, uint32_t place, uint32_t part)
{
	static const struct numbered_sector zero;
	struct numbered_sector wanted;

	if (!s->number)
		return memcmp(s, &zero, sizeof(zero)) == 0;
	numbered_fill(&wanted, s->number, part);
	return memcmp(s, &wanted, sizeof(wanted)) == 0 && s->number <= written && numbered_place(s->number, blocks) == place;
}

static void look(const struct numbered_sector *s, uint32_t place, uint32_t part, uint32_t least)
{
	if (!is_whole(s, place, part)) {
		if (wrong++ < 5)
			printf("block %u, sector %u: neither empty nor whole: it says number %u\n", place, part, s->number);
	} else if (s->number < least) {
		if (lost++ < 5)
			printf("block %u, sector %u: number %u was flushed, here is %u\n", place, part, least, s->number);
	}
	newer += s->number > safe;
}

int main(int argc, char **argv)
{
	struct numbered_sector block[PARTS];
	uint32_t *least;
	off_t size;
	int fd;

	if (argc != 4)
		errx(2, "usage: numbered DEVICE SAFE WRITTEN");
	safe = (uint32_t)strtoul(argv[2], NULL, 10);
	written = (uint32_t)strtoul(argv[3], NULL, 10);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < (off_t)sizeof(block))
		err(2, "%s", argv[1]);
	blocks = (uint32_t)(size / (off_t)sizeof(block));
	if (blocks & (blocks - 1))
		errx(2, "%s: %u blocks are no power of two", argv[1], blocks);
	least = calloc(blocks, sizeof(*least));
	if (!least)
		err(2, NULL);
	for (uint32_t n = 1; n <= safe; n++)
		least[numbered_place(n, blocks)] = n;
	for (uint32_t place = 0; place < blocks; place++) {
		if (pread(fd, block, sizeof(block), (off_t)place * (off_t)sizeof(block)) != (ssize_t)sizeof(block))
			err(2, "%s: block %u", argv[1], place);
		for (uint32_t part = 0; part < PARTS; part++)
			look(&block[part], place, part, least[place]);
	}
	free(least);
	close(fd);
	printf("%u numbers safe, %u written: %u sectors lost, %u wrong, %u of later numbers\n", safe, written, lost, wrong, newer);
	return lost || wrong;
}
