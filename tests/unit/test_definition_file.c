/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "../../tools/zendo/definition_file.c"

static struct zendo_config *parse(const char *text)
{
	const struct zendo_config_input in = { .source = "test", .text = text, .len = strlen(text) };
	struct zendo_error e = {};
	struct zendo_config *c = NULL;

	if (zendo_config_parse(&in, 1, &c, &e) < 0)
		fail_msg("%s in: %s", e.text, text);
	return c;
}

/* To text and back; the caller frees it. */
static struct zendo_config *round_trip(const struct zendo_config *c)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(zendo_config_write(f, c, true), 0);
	fclose(f);
	return parse(text);
}

static void a_definition_comes_back_as_it_was(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		parse("name='web'; kernel='/k'; ramdisk='/r'; extra='quiet'; root='/dev/xvda'\n"
		      "memory=300; maxmem=400; vcpus=2; maxvcpus=4; cpus='0-3,^2'; cpu_weight=128; cap=50\n"
		      "uuid='12345678-9abc-def0-1234-56789abcdef0'\n"
		      "on_crash='preserve'; on_reboot='destroy'");
	_cleanup_(zendo_config_freep) struct zendo_config *b = round_trip(a);
	struct json_object *ja, *jb;

	(void)state;
	assert_int_equal(zendo_config_to_json(a, &ja), 0);
	assert_int_equal(zendo_config_to_json(b, &jb), 0);
	assert_true(json_object_equal(ja, jb));
	assert_int_equal(b->nr_warnings, 0);
	json_object_put(ja);
	json_object_put(jb);
}

static void devices_come_back_with_their_place(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		parse("name='w'; kernel='/k'; memory=1\ndisk=['phy:vg/a,xvda,w', '/a \"b\",raw,xvdb,r']\nvif=['', 'bridge=br0']");
	_cleanup_(zendo_config_freep) struct zendo_config *b = round_trip(a);

	(void)state;
	assert_int_equal(b->nr_disks, 2);
	assert_string_equal(b->disks[1].target, "/a \"b\"");
	assert_string_equal(b->disks[1].at.source, "test");
	assert_int_equal(b->disks[1].at.line, 2);
	assert_int_equal(b->nr_vifs, 2);
	assert_string_equal(b->vifs[1].bridge, "br0");
	assert_int_equal(b->vifs[1].at.line, 3);
}

static void cpus_of_each_vcpu_come_back(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		parse("name='w'; kernel='/k'; memory=1; vcpus=3; cpus=['0-3,^2', 'all', 'all,^5']");
	_cleanup_(zendo_config_freep) struct zendo_config *b = round_trip(a);

	(void)state;
	assert_true(b->cpus_listed);
	assert_int_equal(b->nr_cpus, 3);
	assert_memory_equal(a->cpus, b->cpus, 3 * sizeof(*a->cpus));
}

static void strings_with_everything_in_them_come_back(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		parse("name='w'; kernel='/k'; memory=1\n"
		      "cmdline=\"a=\\\"b c\\\" d='e' \\\\ # ; f=\\t\xc3\xa4 $HOME %i\"");
	_cleanup_(zendo_config_freep) struct zendo_config *b = round_trip(a);

	(void)state;
	assert_string_equal(a->cmdline, "a=\"b c\" d='e' \\ # ; f=\t\xc3\xa4 $HOME %i");
	assert_string_equal(b->cmdline, a->cmdline);
}

static void a_hex_digit_behind_an_escape_is_not_swallowed(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		parse("name='w'; kernel='/k'; memory=1; cmdline='\\tabc \"dead\\\\beef'");
	_cleanup_(zendo_config_freep) struct zendo_config *b = round_trip(a);

	(void)state;
	assert_string_equal(b->cmdline, "\tabc \"dead\\beef");
}

static void relative_paths_are_resolved_where_the_user_stands(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse("name='w'; kernel='boot/k'; ramdisk='/r'; memory=1");
	char cwd[PATH_MAX], expected[PATH_MAX + 16];

	(void)state;
	assert_int_equal(definition_file_resolve(c), 0);
	snprintf(expected, sizeof(expected), "%s/boot/k", getcwd(cwd, sizeof(cwd)));
	assert_string_equal(c->kernel, expected);
	assert_string_equal(c->ramdisk, "/r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_definition_comes_back_as_it_was),
		cmocka_unit_test(cpus_of_each_vcpu_come_back),
		cmocka_unit_test(devices_come_back_with_their_place),
		cmocka_unit_test(strings_with_everything_in_them_come_back),
		cmocka_unit_test(a_hex_digit_behind_an_escape_is_not_swallowed),
		cmocka_unit_test(relative_paths_are_resolved_where_the_user_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
