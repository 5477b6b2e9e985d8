// SPDX-License-Identifier: GPL-2.0-only
/* What Open vSwitch is told of an interface, and which of its ports are guests'. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ovs.h"

static const char *joined(const struct zendo_vif *v, bool replace)
{
	static char text[2048];
	struct ovs_command c;
	size_t len = 0;

	ovs_add_port(v, "ovsbr0", "vif1.0", "vif-1-0", "00:16:3e:00:00:01", replace, &c);
	for (unsigned i = 0; c.args[i]; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", c.args[i]);
	return text;
}

#define MARKED "external_ids:zendo-device=vif-1-0 -- set Interface vif1.0 external_ids:attached-mac=\"00:16:3e:00:00:01\""

static void ports_are_made_in_one_transaction(void **state)
{
	struct zendo_vif v = {};

	(void)state;
	assert_string_equal(joined(&v, false), OVS_VSCTL " --timeout=10 -- add-port ovsbr0 vif1.0 " MARKED);
	v.vlan = 5;
	assert_string_equal(joined(&v, false), OVS_VSCTL " --timeout=10 -- add-port ovsbr0 vif1.0 tag=5 " MARKED);
	v = (struct zendo_vif) { .trunks = { 10, 4094 }, .nr_trunks = 2 };
	assert_string_equal(joined(&v, true),
			    OVS_VSCTL " --timeout=10 -- del-port vif1.0 -- add-port ovsbr0 vif1.0 trunks=10,4094 " MARKED);
}

/* All there can be has room, and a native VLAN beside trunks is said. */
static void the_longest_command_fits(void **state)
{
	struct zendo_vif v = { .vlan = 4094, .isolated = true, .nr_trunks = ZENDO_VIF_TRUNKS_MAX };
	const char *text;

	(void)state;
	for (unsigned i = 0; i < ZENDO_VIF_TRUNKS_MAX; i++)
		v.trunks[i] = (uint16_t)(4000 + i);
	text = joined(&v, true);
	assert_non_null(strstr(text, " tag=4094 trunks=4000,4001,"));
	assert_non_null(strstr(text, ",4031 vlan_mode=native-untagged protected=true external_ids:"));
	assert_string_equal(text + strlen(text) - strlen(MARKED), MARKED);
}

static void only_marked_ports_are_ours(void **state)
{
	char text[] = "ovsbr0,{}\n"
		      "eth0,{zendo-device-not=vif-1-0}\n"
		      "vif1.0,{zendo-device=vif-1-0}\n"
		      "\"odd\"\"name\",{}\n"
		      "tap0,\"{not-zendo-device=vif-9-9}\"\n"
		      "tap1,\"{a=\"\"x, y\"\", zendo-device=vif-2-3}\"\n"
		      "tap2,{zendo-device=}\n"
		      "tap3,{zendo-device=../../x}\n"
		      "tap4\n"
		      "\n"
		      "\"\"\"5\"\"\",{zendo-device=vif-12-1}";
	const char *port, *device;
	char *next = text;

	(void)state;
	assert_true(ovs_next_port(&next, &port, &device));
	assert_string_equal(port, "vif1.0");
	assert_string_equal(device, "vif-1-0");
	assert_true(ovs_next_port(&next, &port, &device));
	assert_string_equal(port, "tap1");
	assert_string_equal(device, "vif-2-3");
	assert_true(ovs_next_port(&next, &port, &device));
	assert_string_equal(port, "5");
	assert_string_equal(device, "vif-12-1");
	assert_false(ovs_next_port(&next, &port, &device));
	assert_false(ovs_next_port(&next, &port, &device));
}

static void names_are_plain(void **state)
{
	(void)state;
	assert_true(ovs_name_is_plain("vif1.0"));
	assert_true(ovs_name_is_plain("5_Z-"));
	assert_false(ovs_name_is_plain("-x"));
	assert_false(ovs_name_is_plain("a\"b"));
	assert_false(ovs_name_is_plain("a=b"));
}

static void other_lists_end(void **state)
{
	static const char *const texts[] = { "", "\n\n", "a,", "a,zendo-device=vif-1-0}", "a,{zendo-device=vif-1-0" };
	const char *port, *device;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char copy[64], *next = copy;

		(void)snprintf(copy, sizeof(copy), "%s", texts[i]);
		assert_false(ovs_next_port(&next, &port, &device));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_made_in_one_transaction),
		cmocka_unit_test(the_longest_command_fits),
		cmocka_unit_test(only_marked_ports_are_ours),
		cmocka_unit_test(names_are_plain),
		cmocka_unit_test(other_lists_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
