/* SPDX-License-Identifier: GPL-2.0-only */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"
#include "fake-kernel.h"
#include "image.h"

static const char *const compressions[] = { "xz", "zstd", "gzip", "lz4", "lzma" };
#define NR_COMPRESSIONS (sizeof(compressions) / sizeof(compressions[0]))

static struct zendo_error error;

static void check_fake(const struct zendo_image *image, uint64_t paddr)
{
	assert_int_equal(image->entry, paddr + 0x10);
	assert_int_equal(image->nr_segments, 2);
	assert_int_equal(image->lowest, paddr);
	assert_int_equal(image->highest, paddr + 0x100000 + FAKE_KERNEL_DATA + FAKE_KERNEL_BSS);
	for (unsigned s = 0; s < 2; s++) {
		const uint8_t *data = image->segments[s].data;

		assert_int_equal(image->segments[s].paddr, paddr + s * 0x100000);
		assert_int_equal(image->segments[s].filesz, FAKE_KERNEL_DATA);
		for (size_t i = 0; i < FAKE_KERNEL_DATA; i++)
			assert_int_equal(data[i], fake_kernel_byte(s, i));
	}
}

/* Parses and frees @data. */
static void refuse(uint8_t *data, size_t size, int r, const char *words)
{
	struct zendo_image *image = (void *)0x1;

	memset(&error, 0, sizeof(error));
	assert_int_equal(zendo_image_parse(data, size, NULL, &image, &error), r);
	assert_ptr_equal(image, (void *)0x1);
	if (!strstr(error.text, words))
		fail_msg("'%s' not in '%s'", words, error.text);
	free(data);
}

static void refuse_fake(const struct fake_kernel *k, int r, const char *words)
{
	size_t size;
	uint8_t *elf = fake_kernel_elf(k, &size);

	refuse(elf, size, r, words);
}

static void plain_elf_of_either_class_is_taken(void **state)
{
	(void)state;
	for (int elf32 = 0; elf32 < 2; elf32++) {
		const struct fake_kernel k = { .elf32 = elf32, .paddr = 0x100000 };
		size_t size;
		_cleanup_free_ uint8_t *elf = fake_kernel_elf(&k, &size);
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;

		assert_int_equal(zendo_image_parse(elf, size, NULL, &image, &error), 0);
		check_fake(image, 0x100000);
		assert_int_equal(image->elf_class, elf32 ? 32 : 64);
		assert_string_equal(image->compression, "none");
		assert_false(image->relocatable);
	}
}

static void the_note_is_found_in_all_its_forms(void **state)
{
	static const struct fake_kernel kernels[] = {
		{ .desc_len = 4 }, { .desc_len = 8 }, { .elf32 = true, .desc_len = 8 },
		{ .note_in_section = true }, { .elf32 = true, .note_in_section = true }, { .reloc_note = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		size_t size;
		_cleanup_free_ uint8_t *elf = fake_kernel_elf(&kernels[i], &size);
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;

		assert_int_equal(zendo_image_parse(elf, size, NULL, &image, &error), 0);
		check_fake(image, 0x1000000);
		assert_int_equal(image->relocatable, kernels[i].reloc_note);
		assert_int_equal(image->reloc_max, kernels[i].reloc_note ? 0x3fffffff : 0);
	}
}

static void every_compression_is_unpacked(void **state)
{
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);

	(void)state;
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		_cleanup_free_ uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, elf_size, &size);
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;

		memset(&error, 0, sizeof(error));
		assert_int_equal(zendo_image_parse(bz, size, NULL, &image, &error), 0);
		assert_string_equal(image->compression, compressions[i]);
		assert_int_equal(image->elf_size, elf_size);
		check_fake(image, 0x1000000);
	}
}

/* More than a chunk, a block and a buffer of each decoder. */
static void large_kernels_come_out_whole(void **state)
{
	const size_t large = (20 << 20) + 12345;
	size_t elf_size, size;
	uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);

	(void)state;
	elf = realloc(elf, large);
	assert_non_null(elf);
	for (size_t i = elf_size; i < large; i++)
		elf[i] = (uint8_t)(i * i >> 9);
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		_cleanup_free_ uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, large, &size);
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;

		assert_int_equal(zendo_image_parse(bz, size, NULL, &image, &error), 0);
		assert_int_equal(image->elf_size, large);
		assert_memory_equal(image->elf, elf, large);
	}
	free(elf);
}

static void a_cut_file_is_refused_wherever_it_is_cut(void **state)
{
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);

	(void)state;
	for (size_t n = 0; n < elf_size; n += n < 1200 ? 1 : 97) {
		struct zendo_image *image;
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, elf, n);
		assert_in_range(-zendo_image_parse(cut, n, NULL, &image, &error), 1, 4095);
		free(cut);
	}
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, elf_size, &size);

		refuse(bz, size - 1, -EBADMSG, "truncated kernel: its header speaks of");
	}
}

/* Whatever single byte is wrong: an error or a kernel, never a crash. What ASan and UBSan are for. */
static void no_flipped_byte_does_harm(void **state)
{
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ .note_in_section = true }, &elf_size);
	struct zendo_image *image;

	(void)state;
	for (size_t at = 0; at < 2200; at++) {
		elf[at] ^= 0xff;
		if (zendo_image_parse(elf, elf_size, NULL, &image, &error) == 0)
			zendo_image_free(image);
		elf[at] ^= 0xff;
	}
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		_cleanup_free_ uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, elf_size, &size);

		for (size_t at = 0x1f1; at < size; at += at < 0x250 || at > 1000 ? 3 : 50) {
			bz[at] ^= 0x41;
			if (zendo_image_parse(bz, size, NULL, &image, &error) == 0)
				zendo_image_free(image);
			bz[at] ^= 0x41;
		}
	}
}

static void a_wrong_size_of_the_payload_is_noticed(void **state)
{
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);

	(void)state;
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		static const struct { int add; int r; const char *words; } wrong[] = {
			{ +1, -EBADMSG, "less than it says" },
			{ -1, -EBADMSG, "" },
			{ 1 << 29, -EFBIG, "at most 512" },
		};

		for (size_t w = 0; w < 3; w++) {
			uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, elf_size, &size);
			uint32_t raw = (uint32_t)((int)elf_size + wrong[w].add);

			/* gzip checks that number itself, by its own name */
			memcpy(bz + size - 4, &raw, 4);
			if (strcmp(compressions[i], "gzip") == 0 && wrong[w].r == -EBADMSG)
				refuse(bz, size, -EBADMSG, "damaged");
			else
				refuse(bz, size, wrong[w].r, wrong[w].words);
		}
	}
}

static void a_pvh_note_is_asked_for(void **state)
{
	(void)state;
	refuse_fake(&(struct fake_kernel){ .no_note = true }, -ENOEXEC,
		    "has no Xen ELF note PHYS32_ENTRY (18): not a PVH kernel; is CONFIG_PVH set?");
	refuse_fake(&(struct fake_kernel){ .desc_len = 6 }, -EBADMSG, "has 6 bytes, must be 4 or 8");
	refuse_fake(&(struct fake_kernel){ .entry = 0x2000000 }, -EBADMSG, "0x2000000 lies in no segment");
	refuse_fake(&(struct fake_kernel){ .entry = 0x100001000000 }, -EBADMSG, "lies in no segment");
}

static void other_files_are_told_apart(void **state)
{
	size_t size;
	uint8_t *f;

	(void)state;
	refuse(calloc(1, 4096), 4096, -ENOEXEC, "neither bzImage nor ELF");
	refuse(calloc(1, 1), 1, -ENOEXEC, "neither bzImage nor ELF");

	f = fake_kernel_elf(&(struct fake_kernel){ 0 }, &size);
	f[18] = 183;	/* EM_AARCH64 */
	refuse(f, size, -ENOEXEC, "not for x86: ELF machine 183");
	f = fake_kernel_elf(&(struct fake_kernel){ 0 }, &size);
	f[5] = 2;
	refuse(f, size, -ENOEXEC, "big-endian");
	f = fake_kernel_elf(&(struct fake_kernel){ 0 }, &size);
	f[16] = 1;	/* ET_REL */
	refuse(f, size, -ENOEXEC, "not an executable");

	f = fake_kernel_bzimage("as is", "BZh91AY&SY......", 16, &size);
	refuse(f, size, -EOPNOTSUPP, "bzip2");
	f = fake_kernel_bzimage("as is", "\x89LZO............", 16, &size);
	refuse(f, size, -EOPNOTSUPP, "lzo");
	f = fake_kernel_bzimage("as is", "................", 16, &size);
	refuse(f, size, -ENOEXEC, "unknown way (it begins with 2e 2e 2e 2e)");
	f = fake_kernel_bzimage("as is", "................", 16, &size);
	f[0x206] = 7;
	refuse(f, size, -ENOEXEC, "boot protocol 2.07");
	f = fake_kernel_bzimage("gzip", "not an ELF file at all", 22, &size);
	refuse(f, size, -ENOEXEC, "not an ELF");
}

static void impossible_segments_are_refused(void **state)
{
	(void)state;
	refuse_fake(&(struct fake_kernel){ .paddr = 0x100000000 }, -ENOEXEC, "above 4 GiB");
	refuse_fake(&(struct fake_kernel){ .memsz = 0x100000000 }, -ENOEXEC, "above 4 GiB");
	refuse_fake(&(struct fake_kernel){ .memsz = UINT64_MAX }, -ENOEXEC, "above 4 GiB");
	refuse_fake(&(struct fake_kernel){ .memsz = 1 }, -EBADMSG, "more bytes in the file than in memory");
}

static int stop_at_once(void *userdata, uint64_t done, uint64_t total)
{
	(void)done;
	(void)total;
	return ++*(int *)userdata;
}

static int count_up(void *userdata, uint64_t done, uint64_t total)
{
	uint64_t *last = userdata;

	assert_true(done >= *last && done <= total);
	*last = done;
	return 0;
}

static void progress_is_told_and_can_stop_it(void **state)
{
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);

	(void)state;
	for (size_t i = 0; i < NR_COMPRESSIONS; i++) {
		_cleanup_free_ uint8_t *bz = fake_kernel_bzimage(compressions[i], elf, elf_size, &size);
		uint64_t last = 0;
		int calls = 0;
		struct zendo_image_options o = { .progress = stop_at_once, .progress_userdata = &calls };
		struct zendo_image *image = NULL;

		assert_int_equal(zendo_image_parse(bz, size, &o, &image, &error), -ECANCELED);
		assert_int_equal(calls, 1);
		assert_null(image);
		o = (struct zendo_image_options){ .progress = count_up, .progress_userdata = &last };
		assert_int_equal(zendo_image_parse(bz, size, &o, &image, &error), 0);
		assert_int_equal(last, elf_size);
		zendo_image_free(image);
	}
}

static void *window(void *userdata, uint64_t gpa, uint64_t len)
{
	uint8_t **p = userdata;

	return gpa >= 0x1000000 && gpa + len <= 0x1200000 ? *p + (gpa - 0x1000000) : NULL;
}

static void segments_are_loaded_where_they_belong(void **state)
{
	size_t size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &size);
	_cleanup_free_ uint8_t *high = fake_kernel_elf(&(struct fake_kernel){ .paddr = 0x1100000 }, &size);
	_cleanup_free_ uint8_t *memory = calloc(1, 0x200000);
	const struct zendo_guest_mem mem = { .userdata = &memory, .ptr = window };
	struct zendo_image *image;

	(void)state;
	assert_int_equal(zendo_image_parse(elf, size, NULL, &image, &error), 0);
	assert_int_equal(zendo_image_load(image, &mem, &error), 0);
	for (size_t i = 0; i < FAKE_KERNEL_DATA; i++) {
		assert_int_equal(memory[i], fake_kernel_byte(0, i));
		assert_int_equal(memory[0x100000 + i], fake_kernel_byte(1, i));
		assert_int_equal(memory[0x100000 + FAKE_KERNEL_DATA + i], 0);
	}
	zendo_image_free(image);

	assert_int_equal(zendo_image_parse(high, size, NULL, &image, &error), 0);
	assert_int_equal(zendo_image_load(image, &mem, &error), -EFAULT);
	assert_non_null(strstr(error.text, "0x1200000 to 0x1203000"));
	zendo_image_free(image);
}

/* ---- files and cache ---------------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void a_second_opening_comes_from_the_cache(void **state)
{
	char dir[] = "/tmp/test_image.XXXXXX", path[64], cache[64], command[512];
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);
	_cleanup_free_ uint8_t *bz = fake_kernel_bzimage("xz", elf, elf_size, &size);
	struct zendo_image_options o = { .cache_dir = cache };

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/vmlinuz", dir);
	(void)snprintf(cache, sizeof(cache), "%s/cache", dir);
	(void)snprintf(command, sizeof(command), "for f in %s/*.elf; do echo x >>$f; done", cache);
	write_file(path, bz, size);
	/* made, taken, taken; damaged, made again, taken; never usable */
	for (int i = 0; i < 6; i++) {
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;

		if (i == 3)
			assert_int_equal(system(command), 0);
		if (i == 5)
			o.cache_dir = "/proc/nowhere";
		assert_int_equal(zendo_image_open(path, &o, &image, &error), 0);
		check_fake(image, 0x1000000);
		assert_string_equal(image->compression, "xz");
		assert_int_equal(image->from_cache, i == 1 || i == 2 || i == 4);
	}
	(void)snprintf(command, sizeof(command), "rm %s/*.elf && rmdir %s && rm %s && rmdir %s", cache, cache, path, dir);
	assert_int_equal(system(command), 0);
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
	struct zendo_image *image = NULL;
	char path[] = "/tmp/test_image.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(zendo_image_open("/nonexistent", NULL, &image, &error), -ENOENT);
	assert_string_equal(error.source, "/nonexistent");
	assert_string_equal(error.text, "cannot open kernel: No such file or directory [Z0303]");
	assert_int_equal(zendo_image_open("/tmp", NULL, &image, &error), -EISDIR);
	assert_int_equal(zendo_image_open("/dev/zero", NULL, &image, &error), -EINVAL);
	assert_int_equal(zendo_image_open(path, NULL, &image, &error), -ENOEXEC);
	assert_non_null(strstr(error.text, "empty"));
	assert_int_equal(ftruncate(fd, 1LL << 40), 0);
	assert_int_equal(zendo_image_open(path, NULL, &image, &error), -EFBIG);
	close(fd);
	unlink(path);
	assert_null(image);
}

/* Guest memory for zendo_image_load(): from 16 MiB on. */
#define MEM_START	0x1000000
#define MEM_SIZE	0x400000

static void *mem_ptr(void *userdata, uint64_t gpa, uint64_t len)
{
	return gpa < MEM_START || gpa + len > MEM_START + MEM_SIZE ? NULL : (uint8_t *)userdata + (gpa - MEM_START);
}

/* Opened from its file it is loaded as from memory, though only its headers and notes were read before. */
static void a_plain_elf_file_is_read_when_it_is_loaded(void **state)
{
	char path[] = "/tmp/test_image.XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);

	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct fake_kernel k = { .elf32 = i & 1, .note_in_section = i & 2 };
		_cleanup_free_ uint8_t *mem = calloc(1, MEM_SIZE), *elf = NULL;
		_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
		const struct zendo_guest_mem m = { .userdata = mem, .ptr = mem_ptr };
		size_t size;

		elf = fake_kernel_elf(&k, &size);
		write_file(path, elf, size);
		memset(&error, 0, sizeof(error));
		assert_int_equal(zendo_image_open(path, NULL, &image, &error), 0);
		assert_int_equal(image->entry, MEM_START + 0x10);
		assert_string_equal(image->compression, "none");
		assert_false(image->from_cache);
		assert_int_equal(zendo_image_load(image, &m, &error), 0);
		for (unsigned s = 0; s < 2; s++) {
			for (size_t b = 0; b < FAKE_KERNEL_DATA; b++)
				assert_int_equal(mem[s * 0x100000 + b], fake_kernel_byte(s, b));
			assert_int_equal(mem[s * 0x100000 + FAKE_KERNEL_DATA], 0);
		}
		/* what became shorter meanwhile is an error, no signal */
		assert_int_equal(truncate(path, 200), 0);
		assert_int_equal(zendo_image_load(image, &m, &error), -EIO);
		assert_string_equal(error.text, "cannot read kernel: Input/output error");
	}
	unlink(path);
}

static void a_damaged_elf_file_is_refused_as_in_memory(void **state)
{
	char path[] = "/tmp/test_image.XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	size_t size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &size);

	(void)state;
	/* cut at each place: the file says what memory says, or is taken where memory is taken */
	for (size_t len = 1; len < size; len += len < 1024 ? 1 : 509) {
		_cleanup_(zendo_image_freep) struct zendo_image *a = NULL, *b = NULL;
		struct zendo_error of_file = {};
		int r;

		memset(&error, 0, sizeof(error));
		write_file(path, elf, len);
		r = zendo_image_parse(elf, len, NULL, &a, &error);
		assert_int_equal(zendo_image_open(path, NULL, &b, &of_file), r);
		assert_string_equal(of_file.text, error.text);
	}
	unlink(path);
}

static void nr_entries(const char *dir, int wanted)
{
	DIR *d = opendir(dir);
	int nr = 0;

	if (d) {
		while (readdir(d))
			nr++;
		closedir(d);
		nr -= 2;
	}
	assert_int_equal(nr, wanted);
}

static void set_age(const char *path, time_t seconds)
{
	struct timespec t[2];

	(void)clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= seconds;
	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void a_known_file_is_not_read_again(void **state)
{
	char dir[] = "/tmp/test_image.XXXXXX", path[64], cache[64], index[64], command[512];
	size_t elf_size, size;
	_cleanup_free_ uint8_t *elf = fake_kernel_elf(&(struct fake_kernel){ 0 }, &elf_size);
	_cleanup_free_ uint8_t *bz = fake_kernel_bzimage("zstd", elf, elf_size, &size);
	const struct zendo_image_options o = { .cache_dir = cache, .index_dir = index };
	struct zendo_image *image;
	struct stat st, packed;
	struct timespec later;
	char format[ZENDO_CACHE_FORMAT_MAX], key[ZENDO_CACHE_KEY_LEN + 1];
	size_t map_size, map_elf_size;
	void *map;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/vmlinuz", dir);
	(void)snprintf(cache, sizeof(cache), "%s/cache", dir);
	(void)snprintf(index, sizeof(index), "%s/index", dir);
	write_file(path, bz, size);
	set_age(path, 100);
	/* too young: its times would not tell another change */
	assert_int_equal(zendo_image_open(path, &o, &image, &error), 0);
	zendo_image_free(image);
	nr_entries(index, 0);
	assert_int_equal(stat(path, &packed), 0);
	assert_int_equal(zendo_cache_key(bz, size, key), 0);
	later = packed.st_ctim;
	assert_int_equal(zendo_cache_note(cache, index, &packed, &later, key, "zstd"), -EAGAIN);
	later.tv_sec += 2;
	assert_int_equal(zendo_cache_note(cache, index, &packed, &later, key, "zstd"), 0);
	assert_int_equal(zendo_cache_note(cache, index, &packed, &later, key, "zstd"), 0);
	nr_entries(index, 1);

	assert_int_equal(zendo_image_open(path, &o, &image, &error), 0);
	check_fake(image, 0x1000000);
	assert_true(image->from_cache);
	assert_string_equal(image->compression, "zstd");
	zendo_image_free(image);

	/* another file, another entry, no entry */
	st = packed;
	st.st_ctim.tv_nsec ^= 1;
	assert_int_equal(zendo_cache_find(cache, index, &st, &map, &map_size, &map_elf_size, format), -ENOENT);
	st = packed;
	st.st_size++;
	assert_int_equal(zendo_cache_find(cache, index, &st, &map, &map_size, &map_elf_size, format), -ENOENT);
	assert_int_equal(zendo_cache_find(cache, index, &packed, &map, &map_size, &map_elf_size, format), 0);
	assert_int_equal(map_elf_size, elf_size);
	assert_memory_equal(map, elf, elf_size);
	assert_int_equal(munmap(map, map_size), 0);
	(void)snprintf(command, sizeof(command), "for f in %s/*.elf; do echo x >>$f; done", cache);
	assert_int_equal(system(command), 0);
	assert_int_equal(zendo_cache_find(cache, index, &packed, &map, &map_size, &map_elf_size, format), -ENOENT);
	/* so it is read, and the entry made anew */
	assert_int_equal(zendo_image_open(path, &o, &image, &error), 0);
	check_fake(image, 0x1000000);
	assert_false(image->from_cache);
	zendo_image_free(image);
	(void)snprintf(command, sizeof(command), "rm %s/*.elf", cache);
	assert_int_equal(system(command), 0);
	assert_int_equal(zendo_cache_find(cache, index, &packed, &map, &map_size, &map_elf_size, format), -ENOENT);

	/* a note that is nonsense is none */
	(void)snprintf(command, sizeof(command), "for f in %s/*; do ln -sfn '../x y z' $f; done", index);
	assert_int_equal(system(command), 0);
	assert_true(zendo_cache_find(cache, index, &packed, &map, &map_size, &map_elf_size, format) < 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* The kernels that Debian ships, where there are any. */
static void the_kernels_of_this_machine_are_taken(void **state)
{
	_cleanup_(zendo_image_freep) struct zendo_image *image = NULL;
	struct dirent *d;
	DIR *boot = opendir("/boot");
	unsigned seen = 0;

	(void)state;
	while (boot && (d = readdir(boot))) {
		char path[512];
		int r;

		if (strncmp(d->d_name, "vmlinuz-", 8) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/boot/%s", d->d_name);
		r = zendo_image_open(path, NULL, &image, &error);
		if (r == -EACCES)
			continue;
		if (r != 0)
			fail_msg("%s: %s", path, error.text);
		assert_int_equal(image->lowest, 0x1000000);
		assert_in_range(image->entry, image->lowest, image->highest);
		print_message("%s: %s, entry 0x%lx, 0x%lx to 0x%lx, %u segments\n", path, image->compression,
			      image->entry, image->lowest, image->highest, image->nr_segments);
		zendo_image_free(TAKE_PTR(image));
		seen++;
	}
	if (boot)
		closedir(boot);
	if (!seen) {
		print_message("no readable /boot/vmlinuz-*\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_elf_of_either_class_is_taken),
		cmocka_unit_test(the_note_is_found_in_all_its_forms),
		cmocka_unit_test(every_compression_is_unpacked),
		cmocka_unit_test(large_kernels_come_out_whole),
		cmocka_unit_test(a_cut_file_is_refused_wherever_it_is_cut),
		cmocka_unit_test(no_flipped_byte_does_harm),
		cmocka_unit_test(a_wrong_size_of_the_payload_is_noticed),
		cmocka_unit_test(a_pvh_note_is_asked_for),
		cmocka_unit_test(other_files_are_told_apart),
		cmocka_unit_test(impossible_segments_are_refused),
		cmocka_unit_test(progress_is_told_and_can_stop_it),
		cmocka_unit_test(segments_are_loaded_where_they_belong),
		cmocka_unit_test(a_second_opening_comes_from_the_cache),
		cmocka_unit_test(a_plain_elf_file_is_read_when_it_is_loaded),
		cmocka_unit_test(a_damaged_elf_file_is_refused_as_in_memory),
		cmocka_unit_test(a_known_file_is_not_read_again),
		cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
		cmocka_unit_test(the_kernels_of_this_machine_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
