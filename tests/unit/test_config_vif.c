/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config-vif.h"

static const struct zendo_error place = { .source = "web.cfg", .line = 7, .column = 3 };

static struct zendo_vif parse(const char *text)
{
	struct zendo_error e = {};
	struct zendo_vif v = {};

	if (zendo_vif_parse(text, &place, &v, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return v;
}

static void refuse(const char *text, int r, const char *words)
{
	struct zendo_error e = {};
	struct zendo_vif v = {};

	assert_int_equal(zendo_vif_parse(text, &place, &v, &e), r);
	assert_int_equal(e.line, 7);
	if (!strstr(e.text, words) || strncmp(e.text, "'vif': ", 7) != 0)
		fail_msg("'%s' not in '%s'", words, e.text);
}

static void keys_have_their_effect(void **state)
{
	static const uint8_t mac[6] = { 0, 0x16, 0x3e, 0x12, 0xab, 0xcd };
	struct zendo_vif v = parse(" mac=00:16:3E:12:ab:cd , bridge=br0,vifname=web.0, ip=10.0.0.5  fe80::1,rate=10Mb/s@20ms,mtu=9000,"
				   "vlan=7,queues=4,type=vif,isolated=1,promisc=1,devid=3,backend=0");
	uint8_t v6[16] = { 0xfe, 0x80, [15] = 1 };

	(void)state;
	assert_true(v.has_mac);
	assert_memory_equal(v.mac, mac, 6);
	assert_string_equal(v.bridge, "br0");
	assert_string_equal(v.vifname, "web.0");
	assert_int_equal(v.nr_ips, 2);
	assert_int_equal(v.ips[0].family, AF_INET);
	assert_memory_equal(v.ips[0].addr, "\x0a\0\0\5", 4);
	assert_int_equal(v.ips[1].family, AF_INET6);
	assert_memory_equal(v.ips[1].addr, v6, 16);
	assert_int_equal(v.rate, 1250000);
	assert_int_equal(v.rate_interval_us, 20000);
	assert_int_equal(v.mtu, 9000);
	assert_int_equal(v.vlan, 7);
	assert_int_equal(v.queues, 4);
	assert_true(v.isolated && v.promisc && v.has_devid);
	assert_int_equal(v.devid, 3);
	zendo_vif_clear(&v);
}

static void nothing_is_all_defaults(void **state)
{
	struct zendo_vif v = parse("");

	(void)state;
	assert_false(v.has_mac);
	assert_string_equal(v.bridge, "");
	assert_int_equal(v.rate, 0);
	assert_int_equal(v.mtu, 0);
	zendo_vif_clear(&v);
}

static void rates_are_read_as_xl_does(void **state)
{
	static const struct {
		const char *text;
		uint64_t rate;
		uint32_t us;
	} rates[] = {
		{ "rate=1Gb/s", 125000000, 50000 }, { "rate=250KB/s", 250000, 50000 }, { "rate=1MB/s@1s", 1000000, 1000000 },
		{ "rate=800b/s@5us", 100, 5 }, { "rate=7B/s", 7, 50000 },
	};
	static const char *const bad[] = {
		"rate=", "rate=10", "rate=10Mb", "rate=10mb/s", "rate=Mb/s", "rate=10Tb/s", "rate=10Mb/s@", "rate=10Mb/s@5",
		"rate=10Mb/s@0ms", "rate=10Mb/s@9999999s", "rate=0b/s", "rate=7b/s", "rate=-1Mb/s", "rate=99999999999999999999b/s",
		"rate=18446744073709551615Gb/s", "rate=10Mb/s x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct zendo_vif v = parse(rates[i].text);

		assert_int_equal(v.rate, rates[i].rate);
		assert_int_equal(v.rate_interval_us, rates[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(bad[i], -EINVAL, "bad rate");
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refuse("mac=01:16:3e:00:00:01", -EINVAL, "multicast");
	refuse("mac=00:00:00:00:00:00", -EINVAL, "all zero");
	refuse("mac=00:16:3e:00:00", -EINVAL, "must look like");
	refuse("mac=00:16:3e:00:00:01:02", -EINVAL, "must look like");
	refuse("mac=", -EINVAL, "must look like");
	refuse("mac=00:16:3e:00:00:0", -EINVAL, "must look like");
	refuse("bridge=", -EINVAL, "bad bridge '': it is empty");
	refuse("bridge=abcdefghijklmnop", -EINVAL, "longer than 15");
	refuse("bridge=br0:", -EINVAL, "a trunk of bridge is ''");
	refuse("bridge=br0:5:x", -EINVAL, "a trunk of bridge is 'x'");
	refuse("bridge=br0:4095", -EINVAL, "a trunk of bridge is '4095', must be 1 to 4094");
	refuse("bridge=br0:0", -EINVAL, "a trunk of bridge is '0'");
	refuse("bridge=:5", -EINVAL, "it is empty");
	refuse("bridge=b:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1", -EINVAL, "more than 32 trunks");
	refuse("vifname=a/b", -EINVAL, "character");
	refuse("vifname=..", -EINVAL, "directory");
	refuse("ip=10.0.0", -EINVAL, "no address");
	refuse("ip= ", -EINVAL, "ip is empty");
	refuse("ip=1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
	       "1.1.1.1 1.1.1.1 1.1.1.1", -EINVAL, "more than 16");
	refuse("mtu=67", -EINVAL, "mtu is '67', must be 68 to 65535");
	refuse("mtu=65536", -EINVAL, "mtu");
	refuse("vlan=4095", -EINVAL, "vlan");
	refuse("type=ioemu", -EOPNOTSUPP, "no device model");
	refuse("model=e1000", -EOPNOTSUPP, "model=e1000");
	refuse("gatewaydev=eth0", -EOPNOTSUPP, "gatewaydev is for scripts of your own");
	refuse("gatewaydev=eth0,script=vif-route,ip=10.0.0.1", -EOPNOTSUPP, "gatewaydev is for scripts of your own");
	refuse("gatewaydev=a/b,script=x", -EINVAL, "bad gatewaydev");
	refuse("backend=net", -EOPNOTSUPP, "dom0 only");
	refuse("bridge", -EINVAL, "'bridge' is not key=value");
	refuse("colour=red", -EINVAL, "unknown key 'colour'");
	refuse("isolated=yes", -EINVAL, "must be 0 or 1");
	refuse("script=x/y", -EINVAL, "must be an absolute path, or a name in");
	refuse("script=", -EINVAL, "must be an absolute path, or a name in");
	refuse("script=..", -EINVAL, "must be an absolute path, or a name in");
	refuse("script=/x,isolated=1", -EOPNOTSUPP, "isolated= is not done with script=");
	refuse("script=vif-route", -EINVAL, "needs ip=");
	refuse("script=vif-route,ip=10.0.0.1,bridge=br0", -EINVAL, "bridge= has no meaning");
	refuse("vlan=5,ip=10.0.0.1,script=/etc/xen/scripts/vif-route", -EINVAL, "vlan= has no meaning");
}

static void scripts_of_xen_are_built_in(void **state)
{
	struct zendo_vif v = parse("script=/etc/xen/scripts/vif-bridge,bridge=br0");

	(void)state;
	assert_true(!v.script && !v.routed);
	v = parse("ip=10.0.0.1,script=/x,script=vif-route");
	assert_true(!v.script && v.routed);
	v = parse("script=vif-openvswitch,bridge=ovsbr0:10:20");
	assert_true(!v.script && !v.routed && v.openvswitch);
	assert_string_equal(v.bridge, "ovsbr0");
	assert_int_equal(v.nr_trunks, 2);
	assert_int_equal(v.trunks[0], 10);
	assert_int_equal(v.trunks[1], 20);
	v = parse("script=vif-route,script=/x");
	assert_true(v.script && !v.routed);
	zendo_vif_clear(&v);
}

static void other_scripts_are_taken(void **state)
{
	struct zendo_vif v = parse("script=vif-nat,gatewaydev=eth1,bridge=none,vlan=5,rate=1Mb/s,ip=10.0.0.1");

	(void)state;
	assert_string_equal(v.script, "vif-nat");
	assert_string_equal(v.gatewaydev, "eth1");
	zendo_vif_clear(&v);
	v = parse("script=/etc/zendo/scripts/vif-bridge");
	assert_string_equal(v.script, "/etc/zendo/scripts/vif-bridge");
	zendo_vif_clear(&v);
}

static void addresses_are_made_of_the_uuid(void **state)
{
	const uint8_t a[16] = { 1 }, b[16] = { [15] = 1 };
	uint8_t x[6], y[6];

	(void)state;
	zendo_vif_make_mac(a, 0, x);
	assert_memory_equal(x, "\x00\x16\x3e", 3);
	assert_true(x[3] < 0x80);
	zendo_vif_make_mac(a, 0, y);
	assert_memory_equal(x, y, 6);
	zendo_vif_make_mac(a, 1, y);
	assert_memory_not_equal(x, y, 6);
	zendo_vif_make_mac(b, 0, y);
	assert_memory_not_equal(x, y, 6);
}

static void text_comes_back_as_the_same_interface(void **state)
{
	static const char *const texts[] = {
		"", "mac=00:16:3e:00:00:01,bridge=br0.5,ip=10.0.0.1 2001:db8::5,rate=1Gb/s,mtu=1500,vlan=2,queues=8,isolated=1,promisc=1",
		"ip=10.0.0.1 fd00::1,script=vif-route", "script=/x/vif-route", "script=vif-nat,gatewaydev=eth1",
		"bridge=ovsbr0:10:4094,vlan=5,script=vif-openvswitch", "bridge=br0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct zendo_vif a = parse(texts[i]), b = {};
		char *first, *second;

		assert_int_equal(zendo_vif_format(&a, true, &first), 0);
		assert_int_equal(zendo_vif_parse(first, NULL, &b, NULL), 0);
		assert_int_equal(b.at.line, 7);
		assert_int_equal(zendo_vif_format(&b, true, &second), 0);
		assert_string_equal(first, second);
		free(first);
		free(second);
		zendo_vif_clear(&a);
		zendo_vif_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_their_effect),
		cmocka_unit_test(nothing_is_all_defaults),
		cmocka_unit_test(rates_are_read_as_xl_does),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(scripts_of_xen_are_built_in),
		cmocka_unit_test(other_scripts_are_taken),
		cmocka_unit_test(addresses_are_made_of_the_uuid),
		cmocka_unit_test(text_comes_back_as_the_same_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
