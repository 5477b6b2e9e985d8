/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "config.h"

#define BASE "name = 'web'\nkernel = '/vmlinuz'\nmemory = 512\n"

static struct zendo_error error;

/* The text in memory of its exact size, so that ASan sees a read past the end. */
static int parse_bytes(const char *text, size_t len, struct zendo_config **ret)
{
	char *copy = malloc(len ? len : 1);
	struct zendo_config_input in = { .source = "web.cfg", .text = copy, .len = len };
	int r;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(&error, 0, sizeof(error));
	r = zendo_config_parse(&in, 1, ret, &error);
	free(copy);
	return r;
}

static struct zendo_config *parse(const char *text)
{
	struct zendo_config *c = NULL;

	if (parse_bytes(text, strlen(text), &c) != 0)
		fail_msg("%s:%u:%u: %s", error.source, error.line, error.column, error.text);
	return c;
}

/* @text is refused with @r at @line:@column, and the message has @words in it. */
static void refuse(const char *text, int r, unsigned line, unsigned column, const char *words)
{
	struct zendo_config *c = (void *)0x1;

	assert_int_equal(parse_bytes(text, strlen(text), &c), r);
	assert_ptr_equal(c, (void *)0x1);
	if (!strstr(error.text, words))
		fail_msg("'%s' not in '%s'", words, error.text);
	assert_string_equal(error.source, "web.cfg");
	assert_int_equal(error.line, line);
	assert_int_equal(error.column, column);
}

/* The CPUs that @vcpu may use, or "any". */
static void assert_cpus(const struct zendo_config *c, unsigned vcpu, const char *wanted)
{
	const struct zendo_cpus *s = zendo_config_cpus_of(c, vcpu);
	_cleanup_free_ char *text = NULL;

	if (s)
		assert_int_equal(zendo_cpus_format(s, &text), 0);
	assert_string_equal(s ? text : "any", wanted);
}

static int load_with(const char *const *overrides, struct zendo_config **ret)
{
	char path[] = "/tmp/test_config.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, BASE, strlen(BASE)), strlen(BASE));
	close(fd);
	r = zendo_config_load(path, overrides, ret, &error);
	unlink(path);
	return r;
}

static void the_least_configuration_gets_the_defaults(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = parse(BASE);

	(void)state;
	assert_string_equal(c->name, "web");
	assert_string_equal(c->kernel, "/vmlinuz");
	assert_null(c->ramdisk);
	assert_string_equal(c->cmdline, "");
	assert_int_equal(c->memory_mib, 512);
	assert_int_equal(c->maxmem_mib, 512);
	assert_int_equal(c->vcpus, 1);
	assert_int_equal(c->maxvcpus, 1);
	assert_int_equal(c->on_poweroff, ZENDO_ON_DESTROY);
	assert_int_equal(c->on_reboot, ZENDO_ON_RESTART);
	assert_int_equal(c->on_crash, ZENDO_ON_DESTROY);
	assert_false(c->has_uuid);
	assert_null(zendo_config_cpus_of(c, 0));
	assert_int_equal(c->cpu_weight, 256);
	assert_int_equal(c->cap, 0);
	assert_int_equal(c->nr_warnings, 0);
}

static void devices_are_read_in_order(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "disk = [ 'phy:vg0/web,xvda,w',\n 'format=qcow2,vdev=xvdb,target=/a' ]\nvif = [ 'mac=00:16:3e:00:00:01', '' ]\n");

	(void)state;
	assert_int_equal(c->nr_disks, 2);
	assert_string_equal(c->disks[0].target, "/dev/vg0/web");
	assert_int_equal(c->disks[1].at.line, 5);
	assert_int_equal(c->disks[1].format, ZENDO_DISK_QCOW2);
	assert_int_equal(c->nr_vifs, 2);
	assert_int_equal(c->vifs[1].devid, 1);
}

static void devices_in_each_others_way_are_refused(void **state)
{
	(void)state;
	refuse(BASE "disk = [ '/a,raw,xvda,w',\n'/b,raw,xvda,w' ]", -EINVAL, 5, 1, "xvda is taken by the disk of line 4");
	refuse(BASE "disk = [ '/a,raw,51712,w', '/b,raw,xvda,w' ]", -EINVAL, 4, 28, "is taken");
	refuse(BASE "disk = [ [ 'x' ] ]", -EINVAL, 4, 10, "'disk' wants a list of strings");
	refuse(BASE "vif = 3", -EINVAL, 4, 7, "'vif' wants a list of strings");
	refuse(BASE "vif = [ 'mac=00:16:3e:00:00:01',\n 'mac=00:16:3e:00:00:01' ]", -EINVAL, 5, 2, "another interface has this mac");
	refuse(BASE "vif = [ 'devid=1', '' ]", -EINVAL, 4, 20, "another interface has this devid");
	refuse(BASE "vif = [ 'vifname=a', 'vifname=a' ]", -EINVAL, 4, 22, "this vifname");
}

static void every_key_has_its_effect(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = parse(
		"# a domain\r\n\r\n"
		"type=\"pvh\" ; name = 'a b' # why not\n"
		"uuid = '01234567-89ab-CDEF-0123-456789abcdef'\n"
		"kernel = '/k'; ramdisk = \"/i\";;\n"
		"cmdline = 'console=hvc0'\n"
		"memory = 0x100\nmaxmem = \"512\"\nvcpus = 2\nmaxvcpus = 4\n"
		"cpus = '0-3, 6,^2'\ncpu_weight = 512\ncap = 50\n"
		"on_poweroff = 'preserve'\non_reboot = 'rename-restart'\non_crash = 'coredump-restart'\n"
		"on_watchdog = 'coredump-destroy'");
	static const uint8_t uuid[16] = { 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					  1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

	(void)state;
	assert_string_equal(c->name, "a b");
	assert_true(c->has_uuid);
	assert_memory_equal(c->uuid, uuid, 16);
	assert_string_equal(c->ramdisk, "/i");
	assert_string_equal(c->cmdline, "console=hvc0");
	assert_int_equal(c->memory_mib, 256);
	assert_int_equal(c->maxmem_mib, 512);
	assert_int_equal(c->vcpus, 2);
	assert_int_equal(c->maxvcpus, 4);
	assert_cpus(c, 0, "0-1,3,6");
	assert_cpus(c, 3, "0-1,3,6");
	assert_int_equal(c->cpu_weight, 512);
	assert_int_equal(c->cap, 50);
	assert_int_equal(c->on_poweroff, ZENDO_ON_PRESERVE);
	assert_int_equal(c->on_reboot, ZENDO_ON_RENAME_RESTART);
	assert_int_equal(c->on_crash, ZENDO_ON_COREDUMP_RESTART);
	assert_int_equal(c->on_watchdog, ZENDO_ON_COREDUMP_DESTROY);
	assert_int_equal(c->nr_warnings, 0);
}

static void root_and_extra_become_a_command_line(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *both = parse(BASE "extra='ro quiet'\nroot='/dev/xvda1'");
	_cleanup_(zendo_config_freep) struct zendo_config *root = parse(BASE "root='/dev/xvda1'");
	_cleanup_(zendo_config_freep) struct zendo_config *extra = parse(BASE "extra='ro'\nextra += ' quiet'");
	_cleanup_(zendo_config_freep) struct zendo_config *all = parse(BASE "extra='ro'\ncmdline='x'");

	(void)state;
	assert_string_equal(both->cmdline, "root=/dev/xvda1 ro quiet");
	assert_string_equal(root->cmdline, "root=/dev/xvda1");
	assert_string_equal(extra->cmdline, "ro quiet");
	assert_string_equal(all->cmdline, "x");
	assert_int_equal(all->nr_warnings, 1);
	assert_int_equal(all->warnings[0].line, 4);
}

static void escapes_in_strings_are_undone(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "extra = \"a\\\"b'\\x41\\102\\\\ \xc3\xa9 #;\" # comment\n");

	(void)state;
	assert_string_equal(c->cmdline, "a\"b'AB\\ \xc3\xa9 #;");
	refuse(BASE "extra = '\\q'", -EINVAL, 4, 11, "unknown escape");
	refuse(BASE "extra = '\\x00'", -EINVAL, 4, 11, "outside");
	refuse(BASE "extra = '\\xe9'", -EINVAL, 4, 11, "outside");
	refuse(BASE "extra = '\\x4'", -EINVAL, 4, 11, "hexadecimal");
	refuse(BASE "extra = '\\18'", -EINVAL, 4, 11, "octal");
}

static void lists_may_span_lines_and_end_with_a_comma(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "vif = [ # none\n\n]\ndisk=[]\npci = [\n]\nviridian = [ 'a',\n [ 1, 2, ],\n ]");

	(void)state;
	assert_int_equal(c->nr_warnings, 1);
	refuse(BASE "pci = [ 'a' 'b' ]", -EINVAL, 4, 13, "expected , or ]");
	refuse(BASE "pci = [ , ]", -EINVAL, 4, 9, "expected a value");
	refuse(BASE "pci = [ 'a',\n 'b'", -EINVAL, 4, 7, "not closed");
	refuse(BASE "pci = [[[[[[[[[1]]]]]]]]]", -EINVAL, 4, 15, "nested");
}

static void the_last_assignment_counts(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = parse(BASE "memory = 'x'\nmemory = 128");

	(void)state;
	assert_int_equal(c->memory_mib, 128);
}

static void an_unknown_key_is_told_with_the_nearest_one(void **state)
{
	(void)state;
	refuse(BASE "\n  memroy = 12", -EINVAL, 5, 3, "unknown key 'memroy', did you mean 'memory'?");
	refuse(BASE "vcpu = 1", -EINVAL, 4, 1, "did you mean 'vcpus'?");
	refuse(BASE "on_reboto = 1", -EINVAL, 4, 1, "did you mean 'on_reboot'?");
	refuse(BASE "xyzzyxyzzy = 1", -EINVAL, 4, 1, "unknown key 'xyzzyxyzzy'");
	assert_null(strstr(error.text, "mean"));
}

static void what_this_version_has_not_is_refused_by_name(void **state)
{
	(void)state;
	refuse(BASE "vtpm = [ 'backend=x' ]", -EOPNOTSUPP, 4, 1, "'vtpm' is not supported: there is no such backend");
	refuse(BASE "nestedhvm = 1", -EOPNOTSUPP, 4, 1, "'nestedhvm' is not supported");
	refuse(BASE "type = 'hvm'", -EOPNOTSUPP, 4, 8, "firmware");
	refuse(BASE "type = 'pv'", -EOPNOTSUPP, 4, 8, "nested paging");
	refuse(BASE "type = 'x'", -EINVAL, 4, 8, "unknown type");
	refuse(BASE "hap = 0", -EOPNOTSUPP, 4, 1, "cannot be switched off");
	refuse(BASE "cpus = 'nodes:0'", -EOPNOTSUPP, 4, 8, "NUMA");
	refuse(BASE "name = 'web%d' % vmid", -EINVAL, 4, 18, "'vmid' has no value");
}

static void what_has_no_effect_is_a_warning(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "vnc = 1\nmax_grant_version = 1\nnomigrate = 0\nhap = 1\n");

	(void)state;
	assert_int_equal(c->nr_warnings, 2);
	assert_int_equal(c->warnings[1].line, 5);
	assert_string_equal(c->warnings[1].source, "web.cfg");
	assert_non_null(strstr(c->warnings[1].text, "'max_grant_version' has no effect"));
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	refuse("kernel = '/k'\nmemory = 1", -EINVAL, 0, 0, "'name' is missing");
	refuse("name = 'a'\nmemory = 1", -EINVAL, 0, 0, "'kernel' is missing");
	refuse("name = 'a'\nkernel = '/k'", -EINVAL, 0, 0, "'memory' is missing");
	refuse("", -EINVAL, 0, 0, "'name' is missing");
	refuse(BASE "kernel = ''", -EINVAL, 4, 10, "'kernel' is empty");
}

static void numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	refuse(BASE "memory = 0", -EINVAL, 4, 10, "'memory' is 0, must be 1 to 521216 MiB");
	refuse(BASE "memory = -1", -EINVAL, 4, 10, "is -1");
	refuse(BASE "memory = 521217", -EINVAL, 4, 10, "must be");
	refuse(BASE "memory = 99999999999999999999", -EINVAL, 4, 10, "too large");
	refuse(BASE "memory = '512M'", -EINVAL, 4, 10, "wants a number");
	refuse(BASE "memory = 512M", -EINVAL, 4, 13, "unexpected 'M'");
	refuse(BASE "memory = 1.5", -EINVAL, 4, 11, "unexpected '.'");
	refuse(BASE "memory = 010", -EINVAL, 4, 10, "leading zero");
	refuse(BASE "memory = 0x", -EINVAL, 4, 10, "digits");
	refuse(BASE "memory = []", -EINVAL, 4, 10, "wants a number");
	refuse(BASE "maxmem = 511", -EINVAL, 4, 10, "less than 'memory'");
	refuse(BASE "vcpus = 0", -EINVAL, 4, 9, "1 to 128");
	refuse(BASE "vcpus = 129", -EINVAL, 4, 9, "1 to 128");
	refuse(BASE "vcpus = 2; maxvcpus = 1", -EINVAL, 4, 23, "less than 'vcpus'");
	refuse(BASE "cpu_weight = 0", -EINVAL, 4, 14, "1 to 65535");
	refuse(BASE "cap = -5", -EINVAL, 4, 7, "percent");
}

static void names_follow_the_rules(void **state)
{
	char name[66];
	const char *why = NULL;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	assert_true(zendo_config_name_is_valid(name, NULL));
	name[63] = 'n';
	name[64] = '\0';
	assert_false(zendo_config_name_is_valid(name, &why));
	assert_string_equal(why, "it is longer than 63 bytes");
	assert_false(zendo_config_name_is_valid("", NULL));
	assert_false(zendo_config_name_is_valid("a/b", NULL));
	assert_false(zendo_config_name_is_valid("a\nb", NULL));
	assert_false(zendo_config_name_is_valid("..", NULL));
	assert_false(zendo_config_name_is_valid("17", NULL));
	assert_false(zendo_config_name_is_valid("Domain-0", NULL));
	assert_true(zendo_config_name_is_valid("17a", NULL));
	refuse("name = 'a/b'", -EINVAL, 1, 8, "bad name: it has a / in it");
}

static void malformed_text_is_refused_where_it_is(void **state)
{
	struct zendo_config *c;

	(void)state;
	refuse(BASE "extra = 'a", -EINVAL, 4, 9, "not closed");
	refuse(BASE "extra = 'a\n'", -EINVAL, 4, 9, "not closed");
	refuse(BASE "extra = abc", -EINVAL, 4, 9, "needs quotes");
	refuse(BASE "extra = ", -EINVAL, 4, 9, "expected a value");
	refuse(BASE "extra 'a'", -EINVAL, 4, 7, "expected = after 'extra'");
	refuse(BASE "import os", -EINVAL, 4, 8, "expected = after 'import'");
	refuse(BASE "= 3", -EINVAL, 4, 1, "key = value");
	refuse(BASE "extra = 'a' 'b'", -EINVAL, 4, 13, "new line or ;");
	refuse(BASE "extra = 'a'\nextra += 3", -EINVAL, 5, 1, "cannot append a number to a string");
	refuse(BASE "extra = '\x01'", -EINVAL, 4, 10, "control character 0x01");
	refuse(BASE "extra = '\xff'", -EINVAL, 4, 10, "not UTF-8");
	refuse(BASE "extra = '\xe2\x82'", -EINVAL, 4, 10, "not UTF-8");
	refuse(BASE "extra = '\xed\xa0\x80'", -EINVAL, 4, 10, "not UTF-8");
	assert_int_equal(parse_bytes(BASE "\0", strlen(BASE) + 1, &c), -EINVAL);
	assert_int_equal(error.line, 4);
	refuse(BASE "on_crash = 'explode'", -EINVAL, 4, 12, "'on_crash' must be destroy, restart");
	refuse(BASE "uuid = 'x'", -EINVAL, 4, 8, "must look like");
	refuse(BASE "uuid = '0123456789abcdef0123456789abcdef00'", -EINVAL, 4, 8, "must look like");
	refuse(BASE "cpus = '3-1'", -EINVAL, 4, 8, "ends before");
	refuse(BASE "cpus = '1,^1'", -EINVAL, 4, 8, "no CPU is left");
	refuse(BASE "cpus = '4096'", -EINVAL, 4, 8, "too large");
	refuse(BASE "cpus = '1;2'", -EINVAL, 4, 8, ", expected");
	refuse(BASE "cpus = -1", -EINVAL, 4, 8, "CPU number expected");
	refuse(BASE "vcpus = 2; cpus = [\n'0',\n 'x' ]", -EINVAL, 6, 2, "CPU number expected");
	refuse(BASE "cpus = [ [ '0' ] ]", -EINVAL, 4, 10, "a list of strings");
	refuse(BASE "cap = 409601", -EINVAL, 4, 7, "must be 0 to 409600 percent");
	refuse(BASE "cap = -1", -EINVAL, 4, 7, "must be 0 to 409600 percent");
	refuse(BASE "cpu_weight = 65536", -EINVAL, 4, 14, "must be 1 to 65535");
}

static void a_command_line_of_2048_characters_is_refused(void **state)
{
	char text[4096];

	(void)state;
	(void)snprintf(text, sizeof(text), BASE "extra = '%02047d'", 0);
	zendo_config_free(parse(text));
	(void)snprintf(text, sizeof(text), BASE "extra = '%02048d'", 0);
	refuse(text, -EINVAL, 4, 9, "2048 characters");
}

static void too_large_a_text_is_refused(void **state)
{
	char *text = malloc(ZENDO_CONFIG_MAX_BYTES + 1);
	struct zendo_config *c;

	(void)state;
	memset(text, '\n', ZENDO_CONFIG_MAX_BYTES + 1);
	assert_int_equal(parse_bytes(text, ZENDO_CONFIG_MAX_BYTES + 1, &c), -EFBIG);
	free(text);
}

static void overrides_come_after_the_file_and_need_no_quotes(void **state)
{
	const char *const overrides[] = {
		"memory=128", "name = web2", "extra=console=hvc0 root='/dev/x' # y", "vcpus = '2'", "ramdisk=", NULL,
	};
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	(void)state;
	assert_int_equal(load_with(overrides, &c), 0);
	assert_int_equal(c->memory_mib, 128);
	assert_string_equal(c->name, "web2");
	assert_string_equal(c->cmdline, "console=hvc0 root='/dev/x' # y");
	assert_int_equal(c->vcpus, 2);
	assert_null(c->ramdisk);
}

static void a_wrong_override_names_the_command_line(void **state)
{
	struct zendo_config *c = NULL;
	char text[1024];

	(void)state;
	assert_int_equal(load_with((const char *const[]){ "memory=12x", NULL }, &c), -EINVAL);
	assert_string_equal(zendo_error_format(&error, text, sizeof(text)),
			    "command line:1:8: 'memory' wants a number");
	assert_int_equal(load_with((const char *const[]){ "vcpsu=1", NULL }, &c), -EINVAL);
	assert_string_equal(zendo_error_format(&error, text, sizeof(text)),
			    "command line:1:1: unknown key 'vcpsu', did you mean 'vcpus'? [Z0201]");
	assert_int_equal(load_with((const char *const[]){ "web.cfg", NULL }, &c), -EINVAL);
	assert_null(c);
}

static void files_that_cannot_be_read_are_errors(void **state)
{
	struct zendo_config *c = NULL;
	char text[1024], fifo[] = "/tmp/test_config.XXXXXX";

	(void)state;
	assert_int_equal(zendo_config_load("/nonexistent/x.cfg", NULL, &c, &error), -ENOENT);
	assert_string_equal(zendo_error_format(&error, text, sizeof(text)),
			    "/nonexistent/x.cfg: cannot open: No such file or directory");
	assert_int_equal(zendo_config_load("/tmp", NULL, &c, &error), -EISDIR);
	assert_non_null(mkdtemp(fifo));
	rmdir(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(zendo_config_load(fifo, NULL, &c, &error), -EINVAL);
	unlink(fifo);
	assert_int_equal(zendo_config_load("/dev/zero", NULL, &c, &error), -EINVAL);
	assert_null(c);
}

static void json_has_the_keys_of_the_file(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "uuid = '01234567-89ab-cdef-0123-456789abcdef'\nextra = '\"'");
	struct json_object *o, *v;

	(void)state;
	assert_int_equal(zendo_config_to_json(c, &o), 0);
	assert_true(json_object_object_get_ex(o, "memory", &v));
	assert_int_equal(json_object_get_int(v), 512);
	assert_true(json_object_object_get_ex(o, "cmdline", &v));
	assert_string_equal(json_object_get_string(v), "\"");
	assert_true(json_object_object_get_ex(o, "uuid", &v));
	assert_string_equal(json_object_get_string(v), "01234567-89ab-cdef-0123-456789abcdef");
	assert_true(json_object_object_get_ex(o, "on_reboot", &v));
	assert_string_equal(json_object_get_string(v), "restart");
	assert_false(json_object_object_get_ex(o, "ramdisk", &v));
	json_object_put(o);
}

static void a_list_of_cpus_has_an_entry_for_each_vcpu(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c =
		parse(BASE "vcpus = 4; cpus = [ '0-1,^1', 2, \"all\" ]");
	_cleanup_(zendo_config_freep) struct zendo_config *more = parse(BASE "vcpus = 1; cpus = [ '3', '4' ]");
	_cleanup_(zendo_config_freep) struct zendo_config *none = parse(BASE "cpus = []");

	(void)state;
	assert_cpus(c, 0, "0");
	assert_cpus(c, 1, "2");
	assert_cpus(c, 2, "any");
	assert_cpus(c, 3, "any");
	assert_int_equal(c->nr_warnings, 0);
	assert_cpus(more, 0, "3");
	assert_cpus(more, 1, "any");
	assert_int_equal(more->nr_warnings, 1);
	assert_string_equal(more->warnings[0].text, "'cpus' has 2 entries, the domain 1 vCPUs");
	assert_cpus(none, 0, "any");
}

static void cpus_that_are_not_there_are_named_with_their_place(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = parse(BASE "vcpus = 2; cpus = [ '0', '1-3' ]");
	_cleanup_(zendo_config_freep) struct zendo_config *all = parse(BASE "cpus = 'all,^0'");
	struct zendo_cpus two, four, first;
	const char *why;

	(void)state;
	assert_int_equal(zendo_cpus_parse("0-1", &two, &why), 0);
	assert_int_equal(zendo_cpus_parse("0-3", &four, &why), 0);
	assert_int_equal(zendo_cpus_parse("0", &first, &why), 0);
	assert_int_equal(zendo_config_check_cpus(c, &four, &error), 0);
	assert_int_equal(zendo_config_check_cpus(c, &two, &error), -ENOENT);
	assert_string_equal(error.text, "'cpus' names CPU 2, which is not there: online are 0-1");
	assert_string_equal(error.source, "web.cfg");
	assert_int_equal(error.line, 4);
	assert_int_equal(error.column, 19);
	assert_int_equal(zendo_config_check_cpus(all, &two, &error), 0);
	assert_int_equal(zendo_config_check_cpus(all, &first, &error), -ENOENT);
}

static void events_have_names_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ZENDO_ON_NR; i++) {
		enum zendo_on_event v = ZENDO_ON_NR;

		assert_int_equal(zendo_on_event_from_string(zendo_on_event_to_string(i), &v), 0);
		assert_int_equal(v, i);
	}
	assert_null(zendo_on_event_to_string(ZENDO_ON_NR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_configuration_gets_the_defaults),
		cmocka_unit_test(every_key_has_its_effect),
		cmocka_unit_test(devices_are_read_in_order),
		cmocka_unit_test(devices_in_each_others_way_are_refused),
		cmocka_unit_test(root_and_extra_become_a_command_line),
		cmocka_unit_test(escapes_in_strings_are_undone),
		cmocka_unit_test(lists_may_span_lines_and_end_with_a_comma),
		cmocka_unit_test(the_last_assignment_counts),
		cmocka_unit_test(an_unknown_key_is_told_with_the_nearest_one),
		cmocka_unit_test(what_this_version_has_not_is_refused_by_name),
		cmocka_unit_test(what_has_no_effect_is_a_warning),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(names_follow_the_rules),
		cmocka_unit_test(malformed_text_is_refused_where_it_is),
		cmocka_unit_test(a_command_line_of_2048_characters_is_refused),
		cmocka_unit_test(too_large_a_text_is_refused),
		cmocka_unit_test(overrides_come_after_the_file_and_need_no_quotes),
		cmocka_unit_test(a_wrong_override_names_the_command_line),
		cmocka_unit_test(files_that_cannot_be_read_are_errors),
		cmocka_unit_test(json_has_the_keys_of_the_file),
		cmocka_unit_test(a_list_of_cpus_has_an_entry_for_each_vcpu),
		cmocka_unit_test(cpus_that_are_not_there_are_named_with_their_place),
		cmocka_unit_test(events_have_names_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
