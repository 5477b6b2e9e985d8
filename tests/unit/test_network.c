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
#include <unistd.h>

#include <cmocka.h>

#include "net.h"

static int parse_text(const char *text, struct zendo_network *ret, struct zendo_error *e)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int r;

	assert_non_null(f);
	r = zendo_network_parse(f, "lan", "lan.conf", ret, e);
	fclose(f);
	return r;
}

static struct zendo_network parse(const char *text)
{
	struct zendo_error e = {};
	struct zendo_network n = {};

	if (parse_text(text, &n, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return n;
}

static void refuse(const char *text, unsigned line, const char *words)
{
	struct zendo_error e = {};
	struct zendo_network n;

	assert_true(parse_text(text, &n, &e) < 0);
	assert_int_equal(e.line, line);
	if (!strstr(e.text, words))
		fail_msg("'%s' not in '%s'", words, e.text);
}

static char *write_with(void (*write)(FILE *f, const struct zendo_network *n), const struct zendo_network *n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	write(f, n);
	fclose(f);
	return text;
}

static void definitions_are_read_as_written(void **state)
{
	struct zendo_network n = parse("# text\n\n mode=nat\nsubnet = 172.31.128.0/17 \nipv6=fd12:3456:789a:1::/64"), m;
	char *text = write_with(zendo_network_write, &n), out[ZENDO_NETWORK_TEXT_MAX];

	(void)state;
	assert_string_equal(zendo_network_subnet(&n, out), "172.31.128.0/17");
	assert_string_equal(zendo_network_address(&n, 1, out), "172.31.128.1");
	assert_string_equal(zendo_network_ipv6(&n, out), "fd12:3456:789a:1::");
	m = parse(text);
	assert_memory_equal(&n, &m, sizeof(n));
	free(text);
}

static void nonsense_is_refused(void **state)
{
	char line[400];

	(void)state;
	refuse("mode = nat\n", 0, "no subnet");
	refuse("subnet = 10.0.0.0/24\nmode = routed\n", 2, "mode 'routed' is not in this version");
	refuse("subnet\n", 1, "not KEY = VALUE");
	refuse("\nsubnets = 10.0.0.0/24\n", 2, "unknown key 'subnets'");
	refuse("subnet = 10.0.0.0\n", 1, "must look like");
	refuse("subnet = 10.0.0/24\n", 1, "must look like");
	refuse("subnet = 10.0.0.0/24x\n", 1, "must look like");
	refuse("subnet = 10.0.0.0/15\n", 1, "16 to 28");
	refuse("subnet = 10.0.0.0/29\n", 1, "16 to 28");
	refuse("subnet = 10.0.0.1/24\n", 1, "bits behind");
	refuse("subnet = 172.32.0.0/24\n", 1, "private");
	refuse("subnet = 11.0.0.0/24\n", 1, "private");
	refuse("ipv6 = fd00::/63\n", 1, "must look like");
	refuse("ipv6 = fd00::1/64\n", 1, "bits behind");
	refuse("ipv6 = fe80::/64\n", 1, "unique local");
	refuse("ipv6 = 2001:db8::/64\n", 1, "unique local");
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	refuse(line, 1, "too long");
}

static void names(void **state)
{
	static const char *const good[] = { "zendo0", "a", "lan-1", "x.y_z", "0", "abcdefghijklmno" };
	static const char *const bad[] = { "", "-a", ".a", "_a", "abcdefghijklmnop", "a b", "a/b", "a\"b", "a;b", "a%b", "\xc3\xa4", "all", "default" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(zendo_network_name_is_valid(good[i], NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;

		if (zendo_network_name_is_valid(bad[i], &why) || !why)
			fail_msg("'%s'", bad[i]);
	}
}

static void overlaps(void **state)
{
	(void)state;
	assert_true(zendo_network_overlap(0x0a010200, 24, 0x0a010280, 25));
	assert_true(zendo_network_overlap(0x0a010280, 25, 0x0a010200, 24));
	assert_true(zendo_network_overlap(0x0a010200, 24, 0x0a000000, 8));
	assert_true(zendo_network_overlap(0x0a010200, 24, 0, 0));
	assert_true(zendo_network_overlap(0x0a010205, 32, 0x0a010200, 24));
	assert_false(zendo_network_overlap(0x0a010200, 24, 0x0a010300, 24));
	assert_false(zendo_network_overlap(0x0a010200, 32, 0x0a010201, 32));
}

/* Where @a is in @text, before @b */
static void assert_order(const char *text, const char *a, const char *b)
{
	const char *p = strstr(text, a), *q = strstr(text, b);

	if (!p || !q || p > q)
		fail_msg("'%s' is not before '%s' in:\n%s", a, b, text);
}

static void rules(void **state)
{
	struct zendo_network all[3] = { parse("subnet = 10.1.0.0/24"), {}, parse("subnet = 10.2.0.0/24\nipv6 = fd00:2::/64") };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	(void)strcpy(all[0].name, "a");
	(void)strcpy(all[1].name, "broken");
	(void)strcpy(all[2].name, "b");
	files_write_rules(f, all, 3);
	fclose(f);
	/* one network's guests are kept from the other before they are let out */
	assert_order(text, "oifname \"b\" reject", "iifname \"a\" ip saddr 10.1.0.0/24 accept");
	assert_order(text, "oifname \"a\" reject", "iifname \"b\" ip6 saddr fd00:2::/64 accept");
	assert_order(text, "oifname \"a\" ct state established,related accept", "oifname \"a\" reject");
	assert_order(text, "iifname \"a\" ip saddr 10.1.0.0/24 accept", "iifname \"a\" drop");
	assert_order(text, "hook postrouting", "oifname != \"a\" ip saddr 10.1.0.0/24 masquerade");
	assert_non_null(strstr(text, "oifname != \"b\" ip6 saddr fd00:2::/64 masquerade"));
	assert_null(strstr(text, "broken"));
	free(text);
	text = NULL;
	f = open_memstream(&text, &size);
	files_write_rules(f, NULL, 0);
	fclose(f);
	assert_string_equal(text, "table inet zendo\ndelete table inet zendo\n");
	free(text);
}

static void dnsmasq(void **state)
{
	struct zendo_network n = parse("subnet = 10.1.0.0/28"), six = parse("subnet = 10.1.0.0/16\nipv6 = fd00:2::/64");
	char *text = write_with(files_write_dnsmasq, &n);

	(void)state;
	assert_non_null(strstr(text, "interface=lan\n"));
	assert_non_null(strstr(text, "\ndhcp-range=10.1.0.2,10.1.0.14,1h\ndhcp-lease-max=13\n"));
	assert_null(strstr(text, "enable-ra"));
	free(text);
	text = write_with(files_write_dnsmasq, &six);
	assert_non_null(strstr(text, "\ndhcp-range=10.1.0.2,10.1.255.254,1h\n"));
	assert_non_null(strstr(text, "\nenable-ra\ndhcp-range=fd00:2::,ra-stateless,64,1h\n"));
	free(text);
}

static void put(const char *dir, const char *file, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void folders(void **state)
{
	char dir[] = "/tmp/test_network.XXXXXX", command[80];
	struct zendo_network *all, n;
	struct zendo_error e = {};
	size_t nr;

	(void)state;
	assert_int_equal(zendo_network_list("/nowhere/at/all", &all, &nr, &e), 0);
	assert_int_equal(nr, 0);
	free(all);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(zendo_network_load(dir, "lan", &n, &e), -ENOENT);
	assert_int_equal(zendo_network_load(dir, "../etc", &n, &e), -EINVAL);
	put(dir, "lan.conf", "subnet = 10.1.0.0/24\n");
	put(dir, "bad.conf", "subnet = nonsense\n");
	put(dir, "lan.dnsmasq", "");
	put(dir, ".conf", "");
	put(dir, "a-name-that-is-too-long.conf", "");
	assert_int_equal(zendo_network_list(dir, &all, &nr, &e), 0);
	assert_int_equal(nr, 2);
	assert_string_equal(all[0].name, "bad");
	assert_int_equal(all[0].prefix, 0);
	assert_non_null(strstr(e.source, "bad.conf"));
	assert_string_equal(all[1].name, "lan");
	assert_int_equal(all[1].prefix, 24);
	free(all);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definitions_are_read_as_written),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(names),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(rules),
		cmocka_unit_test(dnsmasq),
		cmocka_unit_test(folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
