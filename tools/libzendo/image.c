/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "cache.h"
#include "elf-kernel.h"
#include "file.h"
#include "image.h"
#include "unpack.h"

/* The kernel's file as it was opened. */
struct source {
	int fd;
	uint64_t size;
	struct stat st;
	struct timespec opened;
};

static void source_done(struct source *x)
{
	safe_close(x->fd);
}

static int open_source(const char *path, struct source *x, struct zendo_error *e)
{
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &x->opened);
	r = file_open_regular(path, ZENDO_IMAGE_MAX_BYTES, &x->fd, &x->size);
	if (r == -EFBIG)
		return zendo_error(e, r, "kernel is larger than %llu MiB", ZENDO_IMAGE_MAX_BYTES >> 20);
	if (r == -EINVAL)
		return zendo_error(e, r, "not a regular file");
	if (r < 0)
		return zendo_error(e, r, "cannot open kernel: %s [Z0303]", strerrordesc_np(-r));
	if (x->size == 0)
		return zendo_error(e, -ENOEXEC, "kernel is an empty file");
	return fstat(x->fd, &x->st) < 0 ? zendo_error(e, -errno, "cannot look at kernel: %s", strerrordesc_np(errno)) : 0;
}

static int new_memory(size_t size, void **ret, struct zendo_error *e)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return zendo_error(e, -ENOMEM, "out of memory");
	*ret = map;
	return 0;
}

/* Read the whole file into private memory: a mapping of the file would change, or end, under our feet. */
static int read_file(const struct source *x, void **ret, struct zendo_error *e)
{
	void *map = NULL;
	int r;

	r = new_memory(x->size, &map, e);
	if (r < 0)
		return r;
	r = file_read_at(x->fd, map, x->size, 0);
	if (r < 0) {
		(void)munmap(map, x->size);
		return zendo_error(e, r, "cannot read kernel: %s", strerrordesc_np(-r));
	}
	*ret = map;
	return 0;
}

/*
 * Make image->elf from a bzImage: from the cache if it is there, else by unpacking. The key of what is in the cache now goes
 * to @ret_key.
 */
static int unpack(struct zendo_image *image, const void *data, size_t size, const struct zendo_image_options *o,
		  const char *cache_dir, char ret_key[static ZENDO_CACHE_KEY_LEN + 1], struct zendo_error *e)
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
	if (cache_dir && (image->from_cache || zendo_cache_put(cache_dir, key, image->elf, image->elf_size) >= 0))
		strcpy(ret_key, key);
	return 0;
}

/* What is no ELF file. @ret_key is left alone where nothing is in the cache. */
static int parse_packed(struct zendo_image *image, const void *data, size_t size, const struct zendo_image_options *o,
			const char *cache_dir, char ret_key[static ZENDO_CACHE_KEY_LEN + 1], struct zendo_error *e)
{
	if (!unpack_is_bzimage(data, size))
		return zendo_error(e, -ENOEXEC, "not a kernel image: neither bzImage nor ELF [Z0302]");
	return unpack(image, data, size, o, cache_dir, ret_key, e);
}

static int parse(struct zendo_image *image, const void *data, size_t size, const struct zendo_image_options *o,
		 struct zendo_error *e)
{
	char key[ZENDO_CACHE_KEY_LEN + 1];

	if (size < SELFMAG || memcmp(data, ELFMAG, SELFMAG) != 0)
		return parse_packed(image, data, size, o, NULL, key, e);
	image->compression = "none";
	image->elf = data;
	image->elf_size = size;
	return elf_kernel_parse(image, e);
}

static int new_image(struct zendo_image **ret, struct zendo_error *e)
{
	struct zendo_image *image = calloc(1, sizeof(*image));

	if (!image)
		return zendo_error(e, -ENOMEM, "out of memory");
	image->fd = -EBADF;
	*ret = image;
	return 0;
}

/* What a file of the same identity was unpacked to. -ENOENT: it has to be read; other errors as well, no more can be said. */
static int open_known(struct zendo_image *image, const struct source *x, const struct zendo_image_options *o)
{
	char format[ZENDO_CACHE_FORMAT_MAX];
	size_t map_size, elf_size;
	void *map;

	if (!o || !o->cache_dir || !o->index_dir ||
	    zendo_cache_find(o->cache_dir, o->index_dir, &x->st, &map, &map_size, &elf_size, format) < 0)
		return -ENOENT;
	image->compression = unpack_format_name(format);
	if (!image->compression) {
		(void)munmap(map, map_size);
		return -ENOENT;
	}
	image->map = map;
	image->map_size = map_size;
	image->elf = map;
	image->elf_size = elf_size;
	image->from_cache = true;
	return 0;
}

/* A plain ELF file: its segments are read once, into the guest's memory. */
static int open_elf(struct zendo_image *image, struct source *x, struct zendo_error *e)
{
	int r;

	r = new_memory(x->size, &image->map, e);
	if (r < 0)
		return r;
	/* Few of its pages are ever touched; with huge ones each of them takes 2 MiB for as long as the domain lives. */
	(void)madvise(image->map, x->size, MADV_NOHUGEPAGE);
	image->map_size = image->elf_size = x->size;
	image->elf = image->map;
	image->compression = "none";
	image->fd = TAKE_FD(x->fd);
	r = elf_kernel_read(image, image->fd, image->map, e);
	return r < 0 ? r : elf_kernel_parse(image, e);
}

static int open_packed(struct zendo_image *image, const struct source *x, const struct zendo_image_options *o,
		       struct zendo_error *e)
{
	char key[ZENDO_CACHE_KEY_LEN + 1] = "";
	struct stat now;
	void *data = NULL;
	int r;

	r = read_file(x, &data, e);
	if (r < 0)
		return r;
	r = parse_packed(image, data, x->size, o, o ? o->cache_dir : NULL, key, e);
	(void)munmap(data, x->size);
	/* without a note the next one reads it again */
	if (r >= 0 && *key && o->index_dir && fstat(x->fd, &now) >= 0 && zendo_cache_same_file(&now, &x->st))
		(void)zendo_cache_note(o->cache_dir, o->index_dir, &x->st, &x->opened, key, image->compression);
	return r;
}

static int open_image(struct zendo_image *image, const char *path, const struct zendo_image_options *o, struct zendo_error *e)
{
	_cleanup_(source_done) struct source x = { .fd = -EBADF };
	char magic[SELFMAG] = "";
	int r;

	r = open_source(path, &x, e);
	if (r < 0)
		return r;
	if (open_known(image, &x, o) >= 0)
		return elf_kernel_parse(image, e);
	r = file_read_at(x.fd, magic, x.size < SELFMAG ? x.size : SELFMAG, 0);
	if (r < 0)
		return zendo_error(e, r, "cannot read kernel: %s", strerrordesc_np(-r));
	return memcmp(magic, ELFMAG, SELFMAG) == 0 ? open_elf(image, &x, e) : open_packed(image, &x, o, e);
}

int zendo_image_open(const char *path, const struct zendo_image_options *o,
		     struct zendo_image **ret, struct zendo_error *e)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	int r;

	r = new_image(&image, e);
	if (r < 0)
		return r;
	r = open_image(image, path, o, e);
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
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	int r;

	r = new_image(&image, e);
	if (r >= 0)
		r = parse(image, data, size, o, e);
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
	safe_close(image->fd);
	free(image);
}

static int load_segment(const struct zendo_image *image, const struct zendo_image_segment *s, void *p, struct zendo_error *e)
{
	int r;

	if (image->fd < 0) {
		memcpy(p, s->data, s->filesz);
		return 0;
	}
	r = file_read_at(image->fd, p, s->filesz, (uint64_t)((const uint8_t *)s->data - (const uint8_t *)image->elf));
	return r < 0 ? zendo_error(e, r, "cannot read kernel: %s", strerrordesc_np(-r)) : 0;
}

int zendo_image_load(const struct zendo_image *image, const struct zendo_guest_mem *mem,
		     struct zendo_error *e)
{
	int r = 0;

	for (unsigned i = 0; i < image->nr_segments; i++) {
		const struct zendo_image_segment *s = &image->segments[i];
		void *p = mem->ptr(mem->userdata, s->paddr, s->memsz);

		if (!p)
			return zendo_error(e, -EFAULT, "kernel needs memory at 0x%" PRIx64 " to 0x%" PRIx64
					   ", the domain has none there", s->paddr, s->paddr + s->memsz);
		if (s->filesz)
			r = load_segment(image, s, p, e);
		if (r < 0)
			return r;
	}
	return 0;
}
