/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the firmware's list of keys has that of DKMS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

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

/* As modinfo prints it, and as it stands in a certificate. */
static void a_serial_is_found_in_the_certificate(void **state)
{
	static const char low[] = "0\202\2\3\x59\x11\x7a" "more", high[] = "0\202\2\3\0\xf1\x02";

	(void)state;
	put(key, low, sizeof(low) - 1);
	assert_true(doctor_key_has_serial(key, "59:11:7A"));
	assert_false(doctor_key_has_serial(key, "59:11:7B"));
	assert_false(doctor_key_has_serial(key, "11:7A"));
	assert_false(doctor_key_has_serial(key, "59:11"));
	assert_false(doctor_key_has_serial(key, ""));
	assert_false(doctor_key_has_serial(key, "59:11:zz"));
	assert_false(doctor_key_has_serial(key, "59:117A"));
	assert_false(doctor_key_has_serial(key, "01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17"));
	put(key, high, sizeof(high) - 1);
	assert_true(doctor_key_has_serial(key, "F1:02"));
	assert_false(doctor_key_has_serial("/tmp/test_keys.none", "F1:02"));
}

/* The last one counts, and comments do not. */
static void the_key_is_what_dkms_is_told(void **state)
{
	char folder[] = "/tmp/test_keys.dkms.XXXXXX", file[64], more[64], other[80];

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_string_equal(doctor_dkms_key(folder), "/var/lib/dkms/mok.pub");
	(void)snprintf(file, sizeof(file), "%s/framework.conf", folder);
	(void)snprintf(more, sizeof(more), "%s/framework.conf.d", folder);
	(void)snprintf(other, sizeof(other), "%s/own.conf", more);
	put(file, "# mok_certificate=/no\n", 22);
	assert_string_equal(doctor_dkms_key(folder), "/var/lib/dkms/mok.pub");
	put(file, "mok_certificate=\"/a/MOK.der\"\nverbose=1\n", 39);
	assert_string_equal(doctor_dkms_key(folder), "/a/MOK.der");
	assert_int_equal(mkdir(more, 0700), 0);
	put(other, "mok_certificate=/b.der # ours\n", 30);
	assert_string_equal(doctor_dkms_key(folder), "/b.der");
	assert_int_equal(unlink(other) | rmdir(more) | unlink(file) | rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_is_found_in_the_list),
		cmocka_unit_test(what_is_not_there_is_told_apart),
		cmocka_unit_test(a_serial_is_found_in_the_certificate),
		cmocka_unit_test(the_key_is_what_dkms_is_told),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
