/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gcrypt.h>
#include <zlib.h>

#include "cache.h"
#include "cleanup.h"
#include "file.h"

static_assert(sizeof(struct zendo_cache_footer) == 32, "part of the file format");

#define MAGIC	"ZENDOKRN"
#define VERSION	1

/* libgcrypt wants to be told once that it may work; someone else in the process may have done so. */
static int start_gcrypt(void)
{
	if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P))
		return 0;
	if (!gcry_check_version("1.8.0"))
		return -EIO;
	(void)gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	(void)gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	return 0;
}

int zendo_cache_key(const void *packed, size_t size, char ret_key[static ZENDO_CACHE_KEY_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[ZENDO_CACHE_KEY_LEN / 2];
	int r;

	r = start_gcrypt();
	if (r < 0)
		return r;
	if (gcry_md_get_algo_dlen(GCRY_MD_SHA256) != sizeof(digest))
		return -EIO;
	gcry_md_hash_buffer(GCRY_MD_SHA256, digest, packed, size);
	for (size_t i = 0; i < sizeof(digest); i++) {
		ret_key[2 * i] = digits[digest[i] >> 4];
		ret_key[2 * i + 1] = digits[digest[i] & 15];
	}
	ret_key[ZENDO_CACHE_KEY_LEN] = '\0';
	return 0;
}

static int entry_name(const char *key, char name[static ZENDO_CACHE_KEY_LEN + 5])
{
	if (strlen(key) != ZENDO_CACHE_KEY_LEN || strspn(key, "0123456789abcdef") != ZENDO_CACHE_KEY_LEN)
		return -EINVAL;
	memcpy(name, key, ZENDO_CACHE_KEY_LEN);
	memcpy(name + ZENDO_CACHE_KEY_LEN, ".elf", 5);
	return 0;
}

static int open_dir(const char *dir, int *ret)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

/*
 * CRC-32 and not a second SHA-256: it is about rot and cuts, and it is paid at each start of a
 * domain, where SHA-256 without instructions for it takes as long as unpacking the kernel would.
 */
static uint32_t checksum(const void *data, size_t size)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, size);
}

static bool is_sound(const uint8_t *map, size_t map_size)
{
	struct zendo_cache_footer f;
	const size_t size = map_size - sizeof(f);

	memcpy(&f, map + size, sizeof(f));
	return memcmp(f.magic, MAGIC, sizeof(f.magic)) == 0 && le32toh(f.version) == VERSION &&
	       le64toh(f.size) == size && f.reserved == 0 && le32toh(f.crc32) == checksum(map, size);
}

static int open_entry(int dir_fd, const char *name, int *ret_fd, struct stat *ret_st)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* -EBADMSG: it can be no entry. */
static int map_entry(int fd, const struct stat *st, void **ret_map)
{
	void *map;

	if (!S_ISREG(st->st_mode) || st->st_size <= (off_t)sizeof(struct zendo_cache_footer))
		return -EBADMSG;
	map = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	return 0;
}

int zendo_cache_get(const char *dir, const char *key, void **ret_map, size_t *ret_map_size, size_t *ret_size)
{
	_cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
	char name[ZENDO_CACHE_KEY_LEN + 5];
	struct stat st;
	void *map;
	size_t size;
	int r;

	if ((r = entry_name(key, name)) < 0 ||
	    (r = open_dir(dir, &dir_fd)) < 0 ||
	    (r = open_entry(dir_fd, name, &fd, &st)) < 0)
		return r;
	r = map_entry(fd, &st, &map);
	if (r < 0 && r != -EBADMSG)
		return r;
	size = (size_t)st.st_size;
	if (r >= 0) {
		if (is_sound(map, size)) {
			*ret_map = map;
			*ret_map_size = size;
			*ret_size = size - sizeof(struct zendo_cache_footer);
			return 0;
		}
		(void)munmap(map, size);
	}
	(void)unlinkat(dir_fd, name, 0);	/* if it cannot go, it is replaced by the next put */
	return -ENOENT;
}

/* ---- the index --------------------------------------------------------------------------- */

#define IDENTITY_MAX	128

/* Whoever writes to a file, or puts another one in its place, changes one of these. */
static void format_identity(const struct stat *st, char ret[static IDENTITY_MAX])
{
	(void)snprintf(ret, IDENTITY_MAX, "%llx-%llx-%llx-%llx.%lx-%llx.%lx", (unsigned long long)st->st_dev,
		       (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
		       (unsigned long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		       (unsigned long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

bool zendo_cache_same_file(const struct stat *a, const struct stat *b)
{
	char x[IDENTITY_MAX], y[IDENTITY_MAX];

	format_identity(a, x);
	format_identity(b, y);
	return strcmp(x, y) == 0;
}

static int read_note(int index_fd, const char *name, char key[static ZENDO_CACHE_KEY_LEN + 1],
		     char format[static ZENDO_CACHE_FORMAT_MAX], char entry[static IDENTITY_MAX])
{
	char text[ZENDO_CACHE_KEY_LEN + ZENDO_CACHE_FORMAT_MAX + IDENTITY_MAX + 3];
	ssize_t n = readlinkat(index_fd, name, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	static_assert(ZENDO_CACHE_KEY_LEN == 64 && ZENDO_CACHE_FORMAT_MAX == 16 && IDENTITY_MAX == 128, "as below");
	return sscanf(text, "%64s %15s %127s", key, format, entry) == 3 ? 0 : -EBADMSG;
}

int zendo_cache_find(const char *dir, const char *index, const struct stat *packed, void **ret_map, size_t *ret_map_size,
		     size_t *ret_size, char ret_format[static ZENDO_CACHE_FORMAT_MAX])
{
	char packed_id[IDENTITY_MAX], entry_id[IDENTITY_MAX], noted_id[IDENTITY_MAX], format[ZENDO_CACHE_FORMAT_MAX];
	char key[ZENDO_CACHE_KEY_LEN + 1], name[ZENDO_CACHE_KEY_LEN + 5];
	_cleanup_close_ int dir_fd = -EBADF, index_fd = -EBADF, fd = -EBADF;
	struct stat st;
	int r;

	format_identity(packed, packed_id);
	if ((r = open_dir(index, &index_fd)) < 0 ||
	    (r = read_note(index_fd, packed_id, key, format, noted_id)) < 0 ||
	    (r = entry_name(key, name)) < 0 ||
	    (r = open_dir(dir, &dir_fd)) < 0 ||
	    (r = open_entry(dir_fd, name, &fd, &st)) < 0)
		return r;
	format_identity(&st, entry_id);
	if (strcmp(entry_id, noted_id) != 0)
		return -ENOENT;
	r = map_entry(fd, &st, ret_map);
	if (r < 0)
		return r;
	*ret_map_size = (size_t)st.st_size;
	*ret_size = *ret_map_size - sizeof(struct zendo_cache_footer);
	memcpy(ret_format, format, sizeof(format));
	return 0;
}

/* Times of files are the clock's at its last tick: what is older by a second than a look was not made after it. */
static bool is_settled(const struct stat *st, const struct timespec *when)
{
	return st->st_ctim.tv_sec + 1 < when->tv_sec && st->st_mtim.tv_sec + 1 < when->tv_sec;
}

int zendo_cache_note(const char *dir, const char *index, const struct stat *packed, const struct timespec *when,
		     const char *key, const char *format)
{
	char packed_id[IDENTITY_MAX], entry_id[IDENTITY_MAX], name[ZENDO_CACHE_KEY_LEN + 5];
	_cleanup_close_ int dir_fd = -EBADF, index_fd = -EBADF, fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	struct stat st;
	int r;

	if (!is_settled(packed, when))
		return -EAGAIN;
	if (mkdir(index, 0755) < 0 && errno != EEXIST)
		return -errno;
	if ((r = entry_name(key, name)) < 0 ||
	    (r = open_dir(index, &index_fd)) < 0 ||
	    (r = open_dir(dir, &dir_fd)) < 0 ||
	    (r = open_entry(dir_fd, name, &fd, &st)) < 0)
		return r;
	format_identity(packed, packed_id);
	format_identity(&st, entry_id);
	if (asprintf(&text, "%s %s %s", key, format, entry_id) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	/* what was noted before is of an entry that has gone */
	if (unlinkat(index_fd, packed_id, 0) < 0 && errno != ENOENT)
		return -errno;
	return symlinkat(text, index_fd, packed_id) < 0 ? -errno : 0;
}

/* ---- storing ----------------------------------------------------------------------------- */

static int write_entry(int fd, const void *elf, size_t size)
{
	struct zendo_cache_footer f = {
		.version = htole32(VERSION), .crc32 = htole32(checksum(elf, size)), .size = htole64(size),
	};
	int r;

	memcpy(f.magic, MAGIC, sizeof(f.magic));
	r = file_write_all(fd, elf, size);
	if (r < 0)
		return r;
	r = file_write_all(fd, &f, sizeof(f));
	if (r < 0)
		return r;
	if (fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int zendo_cache_put(const char *dir, const char *key, const void *elf, size_t size)
{
	_cleanup_close_ int dir_fd = -EBADF, fd = -EBADF;
	_cleanup_free_ char *temporary = NULL;
	char name[ZENDO_CACHE_KEY_LEN + 5];
	int r;

	r = entry_name(key, name);
	if (r < 0)
		return r;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	r = open_dir(dir, &dir_fd);
	if (r < 0)
		return r;
	if (asprintf(&temporary, "%s/.new-XXXXXX", dir) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_entry(fd, elf, size);
	if (r >= 0 && renameat(AT_FDCWD, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	(void)fsync(dir_fd);	/* lost at a crash, it is made again */
	return 0;
}
