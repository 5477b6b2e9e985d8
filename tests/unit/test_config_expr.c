/* SPDX-License-Identifier: GPL-2.0-only */
/* Expressions and variables in configuration files: many domains from one file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

#define REST "\nkernel = '/vmlinuz'\nmemory = 512\n"

static struct zendo_error error;

/* The file @text, then the words of the command line. */
static int parse_with(const char *text, const char *const *words, struct zendo_config **ret)
{
	struct zendo_config_input in[8] = { { .source = "web.cfg", .text = text, .len = strlen(text) } };
	size_t nr = 1;

	for (; words && *words; words++)
		in[nr++] = (struct zendo_config_input) { "command line", *words, strlen(*words), true };
	memset(&error, 0, sizeof(error));
	return zendo_config_parse(in, nr, ret, &error);
}

/* The name that "name = EXPRESSION" gives. */
static void gives(const char *expression, const char *const *words, const char *wanted)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, "name = %s" REST, expression) > 0);
	if (parse_with(text, words, &c) != 0)
		fail_msg("%s:%u:%u: %s", error.source, error.line, error.column, error.text);
	assert_string_equal(c->name, wanted);
}

static void refuse(const char *expression, const char *const *words, unsigned column, const char *why)
{
	struct zendo_config *c = NULL;
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&text, "name = %s" REST, expression) > 0);
	assert_int_equal(parse_with(text, words, &c), -EINVAL);
	assert_null(c);
	if (!strstr(error.text, why))
		fail_msg("'%s' not in '%s'", why, error.text);
	assert_int_equal(error.column, column);
}

#define WORDS(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void a_variable_of_the_command_line_is_used(void **state)
{
	(void)state;
	gives("\"web%d\" % vmid", WORDS("vmid=1"), "web1");
	gives("\"web%d\" % vmid", WORDS("vmid=12", "memory=64"), "web12");
	gives("\"web%s\" % vmid", WORDS("vmid=007"), "web007");
	gives("\"web%d\" % vmid", WORDS("vmid=007"), "web7");
	gives("zone + '-web'", WORDS("zone=east side"), "east side-web");
	gives("zone + '%d'", WORDS("zone=a"), "a%d");
	refuse("\"web%d\" % vmid", NULL, 18, "'vmid' has no value");
	refuse("\"web%d\" % vmid", WORDS("vmid=one"), 16, "want a number");
}

static void a_variable_of_the_file_is_a_default(void **state)
{
	(void)state;
	gives("'x'; vmid = 3; name = 'web%d' % vmid", NULL, "web3");
	gives("'x'; vmid = 3; name = 'web%d' % vmid", WORDS("vmid=9"), "web9");
	gives("'x'; a = 2; a = a * a + 1; name = 'web%d' % a", NULL, "web5");
	refuse("'x'; v = [ 1 ]; name = 'web'", NULL, 13, "a variable is a number or a string");
	refuse("'x'; v += 1; name = 'web'", NULL, 13, "a variable is a number or a string");
}

static void a_name_that_nothing_uses_is_an_unknown_key(void **state)
{
	struct zendo_config *c = NULL;

	(void)state;
	refuse("'web'", WORDS("number_of_it=1"), 1, "unknown key 'number_of_it', and nothing uses a variable of this name");
	assert_string_equal(error.source, "command line");
	refuse("'web'; memroy = 3", NULL, 15, "did you mean 'memory'?");
	assert_int_equal(parse_with("vmid = 1\nname = 'web'" REST, WORDS("vmid=1"), &c), -EINVAL);
}

static void conversions_are_those_of_python(void **state)
{
	(void)state;
	gives("'a%02d' % 7", NULL, "a07");
	gives("'a%3d' % 7", NULL, "a  7");
	gives("'a%-3d.' % 7", NULL, "a7  .");
	gives("'a%x%X%o' % (255, 255, 8)", NULL, "affFF10");
	gives("'a%04d' % -7", NULL, "a-007");
	gives("'a%d' % '0x10'", NULL, "a16");
	gives("'a%5s%-5s.' % ('b', 'c')", NULL, "a    bc    .");
	gives("'a%%%i%u' % (1, 2)", NULL, "a%12");
	gives("'a%%' % ()", NULL, "a%");
	gives("'a%d' % -9223372036854775807", NULL, "a-9223372036854775807");
}

static void wrong_conversions_are_refused(void **state)
{
	(void)state;
	refuse("'a%d%d' % 1", NULL, 16, "more places");
	refuse("'a%d' % (1, 2)", NULL, 14, "more values");
	refuse("'a' % 1", NULL, 12, "more values");
	refuse("'a%f' % 1", NULL, 14, "behind %");
	refuse("'a%' % 1", NULL, 13, "behind %");
	refuse("'a%100d' % 1", NULL, 17, "width");
	refuse("'a%n' % 1", NULL, 14, "behind %");
	refuse("'a%s' % [ 1 ]", NULL, 14, "a list cannot");
	refuse("'a%s' % ((1, 2), 3)", NULL, 17, "only for what stands behind %");
	refuse("5 % 3", NULL, 10, "must be a string");
}

static void operators_bind_as_in_python(void **state)
{
	(void)state;
	gives("'a%d' % 7 + 'b'", NULL, "a7b");
	gives("'a%d' % (7 + 1)", NULL, "a8");
	gives("'a%d' % (1 + 2 * 3)", NULL, "a7");
	gives("'a%d' % ((1 + 2) * 3)", NULL, "a9");
	gives("'a%d' % (7 - 2 - 1)", NULL, "a4");
	gives("('a' +\n # within brackets\n 'b')", NULL, "ab");
	refuse("'a' + 1", NULL, 12, "two strings");
	refuse("'a' - 'b'", NULL, 12, "two numbers");
	refuse("'a%d' % (9223372036854775807 + 1)", NULL, 37, "too large");
	refuse("'a' +\n'b'", NULL, 13, "expected a value");
	refuse("('a', 'b')", NULL, 8, "only for what stands behind %");
	refuse("()", NULL, 8, "only for what stands behind %");
	refuse("('a'", NULL, 1, "expected , or )");
	refuse("('a', #", NULL, 1, "has no value");
	refuse("((((((((('a')))))))))", NULL, 16, "nested more than 8");
	refuse("'a'.lower()", NULL, 11, "Python");
	refuse("str(7)", WORDS("str=1"), 11, "Python");
}

static void lists_are_made_of_them(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	(void)state;
	assert_int_equal(parse_with("name = 'web%d' % vmid\n"
				    "disk = [ 'phy:vg/web%d,xvda,w' % vmid, '/srv/%02d.img,raw,xvdb,r' % (vmid + 1) ]\n"
				    "vif = [ 'mac=00:16:3e:00:00:%02x,bridge=br0' % vmid ] + [ '' ]\n"
				    "memory = base * 2; kernel = '/vmlinuz'\n",
				    WORDS("vmid=31", "base=64"), &c), 0);
	assert_string_equal(c->name, "web31");
	assert_string_equal(c->disks[0].target, "/dev/vg/web31");
	assert_string_equal(c->disks[1].target, "/srv/32.img");
	assert_int_equal(c->vifs[0].mac[5], 0x1f);
	assert_int_equal(c->nr_vifs, 2);
	assert_int_equal(c->memory_mib, 128);
}

/* A string that is doubled twenty times, and one that is put into a list again and again. */
static void what_they_make_is_limited(void **state)
{
	_cleanup_free_ char *text = NULL, *list = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fputs("'x'; a = 'aaaaaaaaaaaaaaaa'", f);
	for (int i = 0; i < 20; i++)
		fputs("; a = '%s%s' % (a, a)", f);
	fclose(f);
	refuse(text, NULL, 345, "larger than 1024 KiB");
	f = open_memstream(&list, &size);
	fprintf(f, "'x'; a = '%01000d'; disk = [", 0);
	for (int i = 0; i < 2000; i++)
		fputs("a,", f);
	fputs("]", f);
	fclose(f);
	refuse(list, NULL, 3125, "larger than 1024 KiB");
}

static void variables_are_not_endless(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fputs("'x'", f);
	for (int i = 0; i < 65; i++)
		fprintf(f, "\nv%d = 1", i);
	fclose(f);
	refuse(text, NULL, 1, "more than 64 names");
}

/* What /usr/share/doc/zendo/examples has. */
static void the_examples_are_read(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *one = NULL, *grub = NULL, *many = NULL, *none = NULL;

	(void)state;
	assert_int_equal(zendo_config_load(EXAMPLES "/one.cfg", NULL, &one, &error), 0);
	assert_string_equal(one->name, "web");
	assert_string_equal(one->cmdline, "root=/dev/xvda console=hvc0");
	assert_int_equal(one->nr_disks + one->nr_vifs, 2);
	assert_int_equal(one->nr_warnings, 0);
	assert_int_equal(zendo_config_load(EXAMPLES "/grub.cfg", NULL, &grub, &error), 0);
	assert_string_equal(grub->kernel, "/usr/lib/grub-xen/grub-i386-xen_pvh.bin");
	assert_int_equal(grub->nr_disks + grub->nr_vifs, 2);
	assert_int_equal(grub->nr_warnings, 0);
	assert_int_equal(zendo_config_load(EXAMPLES "/many.cfg", WORDS("vmid=12"), &many, &error), 0);
	assert_string_equal(many->name, "web12");
	assert_string_equal(many->disks[0].target, "/var/lib/zendo/web12.img");
	assert_int_equal(many->vifs[0].mac[5], 12);
	assert_non_null(strstr(many->cmdline, "ip=10.0.0.112::10.0.0.1:255.255.255.0:web12:"));
	assert_int_equal(zendo_config_load(EXAMPLES "/many.cfg", NULL, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "vmid=VALUE"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_of_the_command_line_is_used),
		cmocka_unit_test(a_variable_of_the_file_is_a_default),
		cmocka_unit_test(a_name_that_nothing_uses_is_an_unknown_key),
		cmocka_unit_test(conversions_are_those_of_python),
		cmocka_unit_test(wrong_conversions_are_refused),
		cmocka_unit_test(operators_bind_as_in_python),
		cmocka_unit_test(lists_are_made_of_them),
		cmocka_unit_test(what_they_make_is_limited),
		cmocka_unit_test(variables_are_not_endless),
		cmocka_unit_test(the_examples_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
