/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images, packed and plain. What is accepted must keep the promises of image.h, every byte of
 * a segment readable.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct zendo_image_options o = { .progress = stop_if_large };
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	struct zendo_error e = { .line = 0 };

	if (zendo_image_parse(data, size, &o, &image, &e) == 0)
		check_segments(image);
	else if (!e.text[0])
		abort();	/* refused without a reason */
	return 0;
}
