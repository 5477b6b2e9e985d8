/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cache.h"
#include "elf-kernel.h"
#include "file.h"
#include "image.h"
#include "unpack.h"

/* Read the whole file into private memory: a mapping of the file would change, or end, under our feet. */
static int read_file(const char *path, void **ret, size_t *ret_size, struct zendo_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	void *map;
	int r;

	r = file_open_regular(path, ZENDO_IMAGE_MAX_BYTES, &fd, &size);
	if (r == -EFBIG)
		return zendo_error(e, r, "kernel is larger than %llu MiB", ZENDO_IMAGE_MAX_BYTES >> 20);
	if (r == -EINVAL)
		return zendo_error(e, r, "not a regular file");
	if (r < 0)
		return zendo_error(e, r, "cannot open kernel: %s", strerrordesc_np(-r));
	if (size == 0)
		return zendo_error(e, -ENOEXEC, "kernel is an empty file");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = file_read_at(fd, map, size, 0);
	if (r < 0) {
		(void)munmap(map, size);
		return zendo_error(e, r, "cannot read kernel: %s", strerrordesc_np(-r));
	}
	*ret = map;
	*ret_size = size;
	return 0;
}

/* Make image->elf from a bzImage: from the cache if it is there, else by unpacking. */
static int unpack(struct zendo_image *image, const void *data, size_t size,
		  const struct zendo_image_options *o, const char *cache_dir, struct zendo_error *e)
{
	char key[ZENDO_CACHE_KEY_LEN + 1];
	int r;

	r = unpack_compression(data, size, &image->compression, e);
	if (r < 0)
		return r;
	if (cache_dir && zendo_cache_key(data, size, key) < 0)
		cache_dir = NULL;
	if (cache_dir && zendo_cache_get(cache_dir, key, &image->map, &image->map_size, &image->elf_size) == 0) {
		image->from_cache = true;
	} else {
		r = unpack_bzimage(data, size, o, &image->map, &image->map_size, &image->compression, e);
		if (r < 0)
			return r;
		image->elf_size = image->map_size;
	}
	image->elf = image->map;
	r = elf_kernel_parse(image, e);
	if (r < 0)
		return r;
	/* Only what is a kernel is worth keeping; failing to keep it costs time at the next start, no more. */
	if (cache_dir && !image->from_cache)
		(void)zendo_cache_put(cache_dir, key, image->elf, image->elf_size);
	return 0;
}

static int parse(struct zendo_image *image, const void *data, size_t size,
		 const struct zendo_image_options *o, const char *cache_dir, struct zendo_error *e)
{
	if (size >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0) {
		image->compression = "none";
		image->elf = data;
		image->elf_size = size;
		return elf_kernel_parse(image, e);
	}
	if (unpack_is_bzimage(data, size))
		return unpack(image, data, size, o, cache_dir, e);
	return zendo_error(e, -ENOEXEC, "not a kernel image: neither bzImage nor ELF");
}

int zendo_image_open(const char *path, const struct zendo_image_options *o,
		     struct zendo_image **ret, struct zendo_error *e)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = calloc(1, sizeof(*image));
	void *data = NULL;
	size_t size = 0;
	int r;

	if (!image)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = read_file(path, &data, &size, e);
	if (r >= 0)
		r = parse(image, data, size, o, o ? o->cache_dir : NULL, e);
	if (r >= 0 && image->elf == data) {	/* a plain ELF: the image keeps it */
		image->map = TAKE_PTR(data);
		image->map_size = size;
	}
	if (data)
		(void)munmap(data, size);
	if (r < 0) {
		if (e)
			(void)snprintf(e->source, sizeof(e->source), "%s", path);
		return r;
	}
	*ret = TAKE_PTR(image);
	return 0;
}

int zendo_image_parse(const void *data, size_t size, const struct zendo_image_options *o,
		      struct zendo_image **ret, struct zendo_error *e)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = parse(image, data, size, o, NULL, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(image);
	return 0;
}

void zendo_image_free(struct zendo_image *image)
{
	if (!image)
		return;
	if (image->map)
		(void)munmap(image->map, image->map_size);
	free(image);
}

int zendo_image_load(const struct zendo_image *image, const struct zendo_guest_mem *mem,
		     struct zendo_error *e)
{
	for (unsigned i = 0; i < image->nr_segments; i++) {
		const struct zendo_image_segment *s = &image->segments[i];
		void *p = mem->ptr(mem->userdata, s->paddr, s->memsz);

		if (!p)
			return zendo_error(e, -EFAULT, "kernel needs memory at 0x%" PRIx64 " to 0x%" PRIx64
					   ", the domain has none there", s->paddr, s->paddr + s->memsz);
		if (s->filesz)
			memcpy(p, s->data, s->filesz);
	}
	return 0;
}
