/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the firmware's list of keys has that of DKMS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tools/zendo/doctor_keys.c"

void found(struct finding *f, enum verdict v, const char *remedy, const char *format, ...)
{
	(void)f, (void)v, (void)remedy, (void)format;
	fail();		/* nothing here looks at this machine */
}

static char list[] = "/tmp/test_keys.list.XXXXXX", key[] = "/tmp/test_keys.key.XXXXXX";

static void put(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	fclose(f);
}

static int make_files(void **state)
{
	int a = mkstemp(list), b = mkstemp(key);

	(void)state;
	return close(a) | close(b);
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(list) | unlink(key);
}

static void a_certificate_is_found_in_the_list(void **state)
{
	/* attributes, two entries; there are zeros in a certificate */
	static const char entries[] = "\6\0\0\0" "header" "0\202\1\0other" "header" "0\202\1\0mine\0";

	(void)state;
	put(list, entries, sizeof(entries));
	put(key, "0\202\1\0mine\0", 9);
	assert_int_equal(doctor_key_state(list, key), KEY_ENROLLED);
	put(key, "0\202\1\0yours", 9);
	assert_int_equal(doctor_key_state(list, key), KEY_NOT_ENROLLED);
	put(key, entries, sizeof(entries));
	put(list, "short", 5);
	assert_int_equal(doctor_key_state(list, key), KEY_NOT_ENROLLED);
}

static void what_is_not_there_is_told_apart(void **state)
{
	(void)state;
	put(list, "", 0);
	put(key, "", 0);
	assert_int_equal(doctor_key_state(list, key), KEY_NONE);
	put(key, "key", 3);
	assert_int_equal(doctor_key_state(list, key), KEY_NOT_ENROLLED);
	assert_int_equal(doctor_key_state("/tmp/test_keys.none", key), KEY_NOT_ENROLLED);
	assert_int_equal(doctor_key_state(list, "/tmp/test_keys.none"), KEY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_found_in_the_list),
		cmocka_unit_test(what_is_not_there_is_told_apart),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
