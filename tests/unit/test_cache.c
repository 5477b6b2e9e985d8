/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"

/* of "abc", FIPS 180-2 appendix B.1 */
#define KEY "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char dir[64], entry[160];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_cache.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(entry, sizeof(entry), "%s/%s.elf", dir, KEY);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(entry);
	return rmdir(dir);	/* fails when something was left behind */
}

static int get(size_t *ret_size)
{
	size_t map_size;
	void *map;
	int r = zendo_cache_get(dir, KEY, &map, &map_size, ret_size);

	if (r == 0)
		munmap(map, map_size);
	return r;
}

static void the_key_is_the_sha256(void **state)
{
	char key[ZENDO_CACHE_KEY_LEN + 1];

	(void)state;
	assert_int_equal(zendo_cache_key("abc", 3, key), 0);
	assert_string_equal(key, KEY);
}

static void what_was_put_is_got(void **state)
{
	size_t map_size, size;
	char *map;

	(void)state;
	assert_int_equal(zendo_cache_put(dir, KEY, "kernel", 6), 0);
	assert_int_equal(zendo_cache_get(dir, KEY, (void **)&map, &map_size, &size), 0);
	assert_int_equal(size, 6);
	assert_memory_equal(map, "kernel", 6);
	munmap(map, map_size);
}

static void nothing_there_is_enoent(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(get(&size), -ENOENT);
}

static void putting_again_replaces(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(zendo_cache_put(dir, KEY, "kernel", 6), 0);
	assert_int_equal(zendo_cache_put(dir, KEY, "kernels", 7), 0);
	assert_int_equal(get(&size), 0);
	assert_int_equal(size, 7);
}

/* Any flipped bit and any cut is found, the entry is gone then. */
static void a_damaged_entry_is_discarded(void **state)
{
	const size_t whole = 6 + sizeof(struct zendo_cache_footer);
	size_t size;

	(void)state;
	for (size_t i = 0; i < whole; i++) {
		uint8_t byte;
		int fd;

		assert_int_equal(zendo_cache_put(dir, KEY, "kernel", 6), 0);
		fd = open(entry, O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
		close(fd);
		assert_int_equal(get(&size), -ENOENT);
		assert_int_equal(access(entry, F_OK), -1);
	}
	for (size_t i = 0; i < whole; i++) {
		assert_int_equal(zendo_cache_put(dir, KEY, "kernel", 6), 0);
		assert_int_equal(truncate(entry, (off_t)i), 0);
		assert_int_equal(get(&size), -ENOENT);
		assert_int_equal(access(entry, F_OK), -1);
	}
}

static void a_symbolic_link_is_not_followed(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(symlink("/etc/passwd", entry), 0);
	assert_int_equal(get(&size), -ELOOP);
}

static void a_missing_directory_is_made(void **state)
{
	char below[80], inside[160];
	struct stat st;

	(void)state;
	(void)snprintf(below, sizeof(below), "%s/new", dir);
	(void)snprintf(inside, sizeof(inside), "%s/%s.elf", below, KEY);
	assert_int_equal(zendo_cache_put(below, KEY, "kernel", 6), 0);
	assert_int_equal(stat(inside, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	unlink(inside);
	rmdir(below);
	(void)snprintf(below, sizeof(below), "%s/no/where", dir);
	assert_int_equal(zendo_cache_put(below, KEY, "kernel", 6), -ENOENT);
}

static void a_key_that_is_no_digest_is_refused(void **state)
{
	size_t map_size, size;
	void *map;

	(void)state;
	assert_int_equal(zendo_cache_put(dir, "../x", "kernel", 6), -EINVAL);
	assert_int_equal(zendo_cache_get(dir, "", &map, &map_size, &size), -EINVAL);
}

/* RLIMIT_FSIZE stands for a full disk; in a child, since it cannot be raised again by everyone. */
static void a_write_that_fails_leaves_nothing_behind(void **state)
{
	static char large[1 << 20];
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit small = { 4096, 4096 };

		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &small);
		_exit(zendo_cache_put(dir, KEY, large, sizeof(large)) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(entry, F_OK), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_is_the_sha256),
		TEST(what_was_put_is_got),
		TEST(nothing_there_is_enoent),
		TEST(putting_again_replaces),
		TEST(a_damaged_entry_is_discarded),
		TEST(a_symbolic_link_is_not_followed),
		TEST(a_missing_directory_is_made),
		TEST(a_key_that_is_no_digest_is_refused),
		TEST(a_write_that_fails_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
