/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo image: arguments, what is needed, and the definition that comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tools/zendo/image_plan.c"

#include "cleanup.h"

static int plan(struct image_plan *p, const char *name, const char *size, const char *wanted)
{
	struct zendo_error e = {};
	int r = image_plan_make(p, name, size, &e);

	if (wanted && !strstr(e.text, wanted))
		fail_msg("said '%s', not '%s'", e.text, wanted);
	assert_int_equal(r, wanted ? -EINVAL : 0);
	return r;
}

static void sizes(void **state)
{
	static const char *const wrong[] = { "", "0M", "0G", "1", "G", "-1G", " 1G", "+1G", "1g", "1GB", "1.5G", "0x1G", "16385G",
					     "16777217M", "18446744073709551615M", "18446744073709551616G", "17179869185G" };
	uint64_t n = 0;

	(void)state;
	assert_int_equal(image_parse_size("512M", &n), 0);
	assert_int_equal(n, 512ULL << 20);
	assert_int_equal(image_parse_size("2G", &n), 0);
	assert_int_equal(n, 2ULL << 30);
	assert_int_equal(image_parse_size("16384G", &n), 0);
	assert_int_equal(n, 1ULL << 44);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (image_parse_size(wrong[i], &n) != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
}

static void what_is_not_said(void **state)
{
	struct image_plan debian = {}, busybox = { .busybox = true };

	(void)state;
	plan(&debian, "web", NULL, NULL);
	assert_string_equal(debian.name, "web");
	assert_string_equal(debian.suite, "bookworm");
	assert_int_equal(debian.size, 2ULL << 30);
	plan(&busybox, "web", NULL, NULL);
	assert_int_equal(busybox.size, 256ULL << 20);
	assert_true(image_plan_room(&debian) > image_plan_room(&busybox));
}

static void names(void **state)
{
	struct image_plan p = {};
	char name[IMAGE_NAME_MAX + 1] = "";

	(void)state;
	plan(&p, "", NULL, "cannot be a domain's name");
	plan(&p, "17", NULL, "cannot be a domain's name");
	plan(&p, "..", NULL, "cannot be a domain's name");
	plan(&p, "a/b", NULL, "cannot be a domain's name");
	plan(&p, "-a", NULL, "host name");
	plan(&p, ".a", NULL, "host name");
	plan(&p, "a b", NULL, "host name");
	plan(&p, "a'b", NULL, "host name");
	plan(&p, "a,b", NULL, "host name");
	plan(&p, "a\"b", NULL, "host name");
	plan(&p, "web-1", NULL, NULL);
	memset(name, 'x', IMAGE_NAME_MAX - 1);
	plan(&p, name, NULL, NULL);
	assert_string_equal(p.name, name);
	memset(name, 'x', IMAGE_NAME_MAX);
	plan(&p, name, NULL, "too long");
}

static void what_does_not_fit(void **state)
{
	struct image_plan p = {}, b = { .busybox = true };

	(void)state;
	plan(&p, "web", "1199M", "1200M at least");
	plan(&p, "web", "1200M", NULL);
	plan(&b, "web", "31M", "32M at least");
	plan(&b, "web", "32M", NULL);
	plan(&b, "web", "many", "'many' is no size");
	b.mirror = "http://example.org/debian";
	plan(&b, "web", NULL, "--busybox has none");
	b.grub = true;
	plan(&b, "web", NULL, "--grub is for Debian");
	p.suite = "-x";
	plan(&p, "web", NULL, "no name of a suite");
	p.suite = "a b";
	plan(&p, "web", NULL, "no name of a suite");
	p.suite = "trixie";
	p.mirror = "http://example.org/debian;x";
	plan(&p, "web", NULL, "no address");
	p.mirror = "http://example.org:8080/debian/";
	p.include = "vim,--x y";
	plan(&p, "web", NULL, "no list");
	p.include = "vim,libstdc++6,openssh-server";
	plan(&p, "web", NULL, NULL);
}

static void what_the_helper_is_told_is_whole(void **state)
{
	struct image_plan p = { .qcow2 = true };
	char *words[IMAGE_WORDS], include[2000] = "include=vim";
	unsigned nr = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		strcat(include, ",openssh-server");
	p.include = include + strlen("include=");
	plan(&p, "web", NULL, NULL);
	assert_int_equal(image_plan_words(&p, "/d", "6.1", words), 0);
	assert_string_equal(words[0], "debian");
	assert_string_equal(words[1], "dir=/d");
	assert_string_equal(words[2], "name=web");
	assert_string_equal(words[4], "format=qcow2");
	assert_string_equal(words[5], "release=6.1");
	assert_string_equal(words[6], "suite=bookworm");
	assert_string_equal(words[7], "mirror=");
	assert_string_equal(words[8], include);
	assert_string_equal(words[9], "grub=0");
	for (; words[nr]; nr++)
		free(words[nr]);
	assert_int_equal(nr + 1, IMAGE_WORDS);
}

static void needs(void **state)
{
	struct image_plan p = {}, b = { .busybox = true, .qcow2 = true };

	(void)state;
	assert_string_equal(image_plan_need(&p, 0)->package, "mmdebstrap");
	assert_string_equal(image_plan_need(&p, 1)->package, "e2fsprogs");
	assert_null(image_plan_need(&p, 2));
	p.qcow2 = true;
	assert_string_equal(image_plan_need(&p, 2)->package, "qemu-utils");
	assert_null(image_plan_need(&p, 3));
	p.grub = true;
	assert_string_equal(image_plan_need(&p, 2)->package, "qemu-utils");
	assert_string_equal(image_plan_need(&p, 3)->package, "grub-xen-host");
	assert_null(image_plan_need(&p, 4));
	p.qcow2 = false;
	assert_string_equal(image_plan_need(&p, 2)->program, IMAGE_GRUB);
	assert_null(image_plan_need(&p, 3));
	assert_string_equal(image_plan_need(&b, 0)->package, "busybox-static");
	assert_string_equal(image_plan_need(&b, 4)->program, "qemu-img");
	assert_null(image_plan_need(&b, 5));
}

/* What is written is what the parser makes a domain of. */
static struct zendo_config *written(struct image_plan *p)
{
	_cleanup_free_ char *text = NULL;
	struct zendo_config_input in;
	struct zendo_config *c = NULL;
	struct zendo_error e = {};
	size_t size;
	FILE *f = open_memstream(&text, &size);

	plan(p, "web", NULL, NULL);
	image_plan_write_definition(f, p);
	fclose(f);
	in = (struct zendo_config_input) { .source = "web.cfg", .text = text, .len = size };
	if (zendo_config_parse(&in, 1, &c, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(c->nr_warnings, 0);
	return c;
}

static void the_definition_can_be_used(void **state)
{
	struct image_plan p = { .qcow2 = true };
	_cleanup_(zendo_config_freep) struct zendo_config *c = written(&p);

	(void)state;
	assert_string_equal(c->name, "web");
	assert_string_equal(c->kernel, "/var/lib/zendo/web.vmlinuz");
	assert_string_equal(c->ramdisk, "/var/lib/zendo/web.initrd");
	assert_string_equal(c->cmdline, "root=/dev/xvda ro console=hvc0 quiet");
	assert_int_equal(c->memory_mib, 512);
	assert_int_equal(c->nr_disks, 1);
	assert_string_equal(c->disks[0].target, "/var/lib/zendo/web.qcow2");
	assert_int_equal(c->nr_vifs, 1);
}

static void grub_has_all_on_the_disk(void **state)
{
	struct image_plan p = { .grub = true };
	_cleanup_(zendo_config_freep) struct zendo_config *c = written(&p);

	(void)state;
	assert_int_equal(image_plan_parts(&p), 1);
	assert_string_equal(c->kernel, IMAGE_GRUB);
	assert_null(c->ramdisk);
	assert_string_equal(c->disks[0].target, "/var/lib/zendo/web.img");
}

static void progress(void **state)
{
	static const char *const wrong[] = { "", "x", "-1 x", "101 x", "5", "5 ", "5x y", "99999999999999999999 x" };
	const char *text = NULL;

	(void)state;
	assert_int_equal(image_parse_progress("0 a b", &text), 0);
	assert_string_equal(text, "a b");
	assert_int_equal(image_parse_progress("100 c", &text), 100);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (image_parse_progress(wrong[i], &text) != -EINVAL)
			fail_msg("'%s' is taken", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(what_is_not_said),
		cmocka_unit_test(names),
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(what_the_helper_is_told_is_whole),
		cmocka_unit_test(needs),
		cmocka_unit_test(the_definition_can_be_used),
		cmocka_unit_test(grub_has_all_on_the_disk),
		cmocka_unit_test(progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
