/* SPDX-License-Identifier: GPL-2.0-only */
/* What an image looks like, and the files that it consists of, by what qemu-img 7.2 said of such. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chain.h"
#include "magic.h"

static const char *name_of(const char *first, size_t nr, const char *last)
{
	unsigned char a[MAGIC_BYTES] = {}, b[MAGIC_BYTES] = {};

	memcpy(a, first, nr);
	memcpy(b, last, strlen(last));
	return magic_name(a, sizeof(a), b, sizeof(b));
}

static void bytes_say_what_it_is(void **state)
{
	char vdi[68] = "<<< Oracle VM VirtualBox Disk Image >>>";

	(void)state;
	memcpy(vdi + 64, "\x7f\x10\xda\xbe", 4);
	assert_null(name_of("", 0, ""));
	assert_string_equal(name_of("QFI\xfb\0\0\0\3", 8, ""), "qcow2");
	assert_string_equal(name_of("QFI\xfb\0\0\0\2", 8, ""), "qcow2");
	assert_string_equal(name_of("QFI\xfb\0\0\0\1", 8, ""), "qcow");
	assert_string_equal(name_of("QED\0", 4, ""), "qed");
	assert_string_equal(name_of("vhdxfile", 8, ""), "vhdx");
	assert_string_equal(name_of("conectix", 8, ""), "vhd");
	assert_string_equal(name_of("", 0, "conectix"), "vhd");
	assert_string_equal(name_of("KDMV", 4, ""), "vmdk");
	assert_string_equal(name_of("# Disk DescriptorFile\nversion=1", 31, ""), "vmdk");
	assert_string_equal(name_of(vdi, sizeof(vdi), ""), "vdi");
	assert_null(name_of("\xeb\x63\x90", 3, "EFI PART"));
	assert_null(magic_name((const unsigned char *)"QFI", 3, NULL, 0));	/* a short file */
	assert_true(magic_has_format("vhdx"));
	assert_false(magic_has_format("vdi"));
	assert_true(magic_fits(NULL, ZENDO_DISK_RAW));
	assert_false(magic_fits("qcow2", ZENDO_DISK_RAW));
	assert_true(magic_fits("vhd", ZENDO_DISK_VHD));
	assert_false(magic_fits(NULL, ZENDO_DISK_VHD));
}

static void assert_chain(const char *json, const char *target, const char *wanted, uint64_t size)
{
	struct zendo_error e = {};
	struct chain c = {};
	char text[512] = "";

	if (chain_parse(json, target, &c, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < c.nr; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s ", c.files[i].backing ? "-" : "", c.files[i].path);
	assert_string_equal(text, wanted);
	assert_int_equal(c.size, size);
	chain_clear(&c);
}

static void files_are_found(void **state)
{
	(void)state;
	assert_chain("[{\"virtual-size\":8388608,\"filename\":\"/i/o.qcow2\",\"format\":\"qcow2\",\"format-specific\":{\"type\":\"qcow2\","
		     "\"data\":{\"compat\":\"1.1\"}}},{\"virtual-size\":4096,\"filename\":\"/i/b.qcow2\",\"format\":\"qcow2\"}]",
		     "/i/o.qcow2", "/i/o.qcow2 -/i/b.qcow2 ", 8388608);
	assert_chain("[{\"virtual-size\":512,\"filename\":\"/i/v.vmdk\",\"format-specific\":{\"type\":\"vmdk\",\"data\":{\"extents\":["
		     "{\"filename\":\"v-flat.vmdk\"},{\"filename\":\"/i/v.vmdk\"}]}}}]",
		     "/i/v.vmdk", "/i/v.vmdk /i/v-flat.vmdk ", 512);
	assert_chain("[{\"virtual-size\":512,\"filename\":\"/i/e\",\"format-specific\":{\"data\":{\"data-file\":\"../d.raw\"}}},"
		     "{\"filename\":\"nbd://h/x\"}]", "/i/e", "/i/e /i/../d.raw -nbd://h/x ", 512);
	/* a colon behind a slash is part of a name */
	assert_chain("[{\"virtual-size\":512,\"filename\":\"/i/a\"},{\"filename\":\"/i/b:c\"},{\"filename\":\"file:/d\"}]", "/i/a",
		     "/i/a -/i/b:c -/d ", 512);
}

static void refuse(const char *json, int r, const char *words)
{
	struct zendo_error e = {};
	struct chain c;

	assert_int_equal(chain_parse(json, "/i/a", &c, &e), r);
	if (!strstr(e.text, words))
		fail_msg("'%s' not in '%s'", words, e.text);
}

static void what_cannot_be_claimed_is_refused(void **state)
{
	char many[4096] = "[{\"virtual-size\":512}";

	(void)state;
	refuse("", -EBADMSG, "cannot be read");
	refuse("{}", -EBADMSG, "cannot be read");
	refuse("[]", -EBADMSG, "cannot be read");
	refuse("[{}]", -EBADMSG, "no size");
	refuse("[7]", -EBADMSG, "no size");
	refuse("[{\"virtual-size\":-1}]", -EBADMSG, "no size");
	refuse("[{\"virtual-size\":512},{}]", -EBADMSG, "names no file");
	refuse("[{\"virtual-size\":512},{\"filename\":\"json:{\\\"driver\\\":\\\"raw\\\"}\"}]", -EOPNOTSUPP, "who uses that");
	refuse("[{\"virtual-size\":512},{\"filename\":\"fat:rw:/etc\"}]", -EOPNOTSUPP, "who uses that");
	refuse("[{\"virtual-size\":512},{\"filename\":\"nbd://h/x\"},{\"filename\":\"y\",\"format-specific\":{\"data\":{\"data-file\":"
	       "\"z\"}}}]", -EOPNOTSUPP, "no absolute path");
	for (unsigned i = 0; i < CHAIN_MAX; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), ",{\"filename\":\"/%u\"}", i);
	strcat(many, "]");
	refuse(many, -E2BIG, "more than 32 files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_say_what_it_is),
		cmocka_unit_test(files_are_found),
		cmocka_unit_test(what_cannot_be_claimed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
