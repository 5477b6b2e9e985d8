/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scrollback.h"

#define PAGE 4096

static char *read_all(const struct scrollback *s, uint64_t *pos, uint64_t *lost)
{
	static char buf[2 * PAGE + 1];
	uint64_t l;
	size_t n = 0, step;

	*lost = 0;
	while ((step = scrollback_read(s, pos, buf + n, sizeof(buf) - 1 - n, &l)) > 0) {
		n += step;
		*lost += l;
	}
	buf[n] = '\0';
	return buf;
}

static void every_reader_sees_everything_from_its_own_position(void **state)
{
	_cleanup_(scrollback_freep) struct scrollback *s = NULL;
	uint64_t early = 0, late, lost;

	(void)state;
	assert_int_equal(scrollback_new(PAGE, &s), 0);
	scrollback_append(s, "one ", 4);
	assert_string_equal(read_all(s, &early, &lost), "one ");
	late = 0;
	scrollback_append(s, "two", 3);
	assert_string_equal(read_all(s, &early, &lost), "two");
	assert_string_equal(read_all(s, &late, &lost), "one two");
	assert_string_equal(read_all(s, &late, &lost), "");
	assert_int_equal(lost, 0);
}

static void a_reader_that_lags_loses_the_oldest_bytes_and_is_told_how_many(void **state)
{
	_cleanup_(scrollback_freep) struct scrollback *s = NULL;
	char chunk[1000];
	uint64_t pos = 0, lost;

	(void)state;
	assert_int_equal(scrollback_new(PAGE, &s), 0);
	for (int i = 0; i < 5; i++) {
		memset(chunk, 'a' + i, sizeof(chunk));
		scrollback_append(s, chunk, sizeof(chunk));
	}
	assert_int_equal(strlen(read_all(s, &pos, &lost)), PAGE);
	assert_int_equal(lost, 5000 - PAGE);
	assert_int_equal(pos, 5000);
}

static void more_than_fits_at_once_leaves_its_end(void **state)
{
	_cleanup_(scrollback_freep) struct scrollback *s = NULL;
	static char big[3 * PAGE];
	uint64_t pos = 0, lost;
	char *text;

	(void)state;
	assert_int_equal(scrollback_new(PAGE, &s), 0);
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 'y';
	scrollback_append(s, big, sizeof(big));
	text = read_all(s, &pos, &lost);
	assert_int_equal(strlen(text), PAGE);
	assert_int_equal(text[PAGE - 1], 'y');
	assert_int_equal(lost, 2 * PAGE);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void the_file_is_bounded_and_the_one_before_is_kept(void **state)
{
	_cleanup_(scrollback_freep) struct scrollback *s = NULL;
	char dir[] = "/tmp/scrollback-XXXXXX", path[64], old[64];
	static char chunk[64 * 1024];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.log", dir);
	snprintf(old, sizeof(old), "%s/x.log.1", dir);
	assert_int_equal(scrollback_new(PAGE, &s), 0);
	assert_int_equal(scrollback_open_file(s, path), 0);
	for (size_t n = 0; n <= SCROLLBACK_FILE_MAX; n += sizeof(chunk))
		scrollback_append(s, chunk, sizeof(chunk));
	assert_int_equal(size_of(old), SCROLLBACK_FILE_MAX);
	assert_int_equal(size_of(path), sizeof(chunk));
	assert_int_equal(scrollback_open_file(s, path), 0);
	assert_int_equal(size_of(old), sizeof(chunk));
	assert_int_equal(size_of(path), 0);
	unlink(path);
	unlink(old);
	rmdir(dir);
}

static void a_file_that_cannot_be_made_is_told_and_memory_goes_on(void **state)
{
	_cleanup_(scrollback_freep) struct scrollback *s = NULL;
	uint64_t pos = 0, lost;

	(void)state;
	assert_int_equal(scrollback_new(PAGE, &s), 0);
	assert_int_equal(scrollback_open_file(s, "/nowhere/x.log"), -ENOENT);
	scrollback_append(s, "x", 1);
	assert_string_equal(read_all(s, &pos, &lost), "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reader_sees_everything_from_its_own_position),
		cmocka_unit_test(a_reader_that_lags_loses_the_oldest_bytes_and_is_told_how_many),
		cmocka_unit_test(more_than_fits_at_once_leaves_its_end),
		cmocka_unit_test(the_file_is_bounded_and_the_one_before_is_kept),
		cmocka_unit_test(a_file_that_cannot_be_made_is_told_and_memory_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
