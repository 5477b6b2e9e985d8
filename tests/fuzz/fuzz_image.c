/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images, packed and plain. What is accepted must keep the promises of image.h, every byte of
 * a segment readable.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Large outputs are slow and show nothing that small ones do not. */
static int stop_if_large(void *userdata, uint64_t done, uint64_t total)
{
	(void)userdata;
	return total > 1 << 20 || done > total;
}

static void check_segments(const struct zendo_image *image)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < image->nr_segments; i++) {
		const struct zendo_image_segment *s = &image->segments[i];
		void *copy = malloc(s->filesz + 1);

		if (s->paddr < end || s->filesz > s->memsz || !copy)
			abort();
		memcpy(copy, s->data, s->filesz);
		free(copy);
		end = s->paddr + s->memsz;
	}
	if (end != image->highest || end > 1ULL << 32 || image->entry < image->lowest || image->entry >= end)
		abort();
}

/* A plain ELF file is read in parts: the same must come out as of all its bytes in memory. */
static void check_as_file(const uint8_t *data, size_t size, const struct zendo_image *whole)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	struct zendo_error e = { .line = 0 };
	char path[32];
	int fd = memfd_create("kernel", MFD_CLOEXEC), r;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = zendo_image_open(path, NULL, &image, &e);
	close(fd);
	if (strstr(e.text, "MiB of ELF notes"))
		return;		/* a limit of reading */
	if ((r == 0) != (whole != NULL))
		abort();
	if (whole && (image->entry != whole->entry || image->nr_segments != whole->nr_segments ||
		      image->highest != whole->highest || image->relocatable != whole->relocatable))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct zendo_image_options o = { .progress = stop_if_large };
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	struct zendo_error e = { .line = 0 };

	if (zendo_image_parse(data, size, &o, &image, &e) == 0)
		check_segments(image);
	else if (!e.text[0])
		abort();	/* refused without a reason */
	if (size >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0)
		check_as_file(data, size, image);
	return 0;
}
