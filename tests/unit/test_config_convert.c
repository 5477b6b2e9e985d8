/* SPDX-License-Identifier: GPL-2.0-only */
/* Definitions of others, and what is made of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "config-write.h"

static struct zendo_error error;

static int convert(const char *text, char **ret)
{
	const struct zendo_config_input in = { .source = "web.json", .text = text, .len = strlen(text) };

	memset(&error, 0, sizeof(error));
	*ret = NULL;
	return zendo_config_convert(&in, ret, &error);
}

static struct zendo_config *read_back(const char *text)
{
	const struct zendo_config_input in = { .source = "converted", .text = text, .len = strlen(text) };
	struct zendo_config *c = NULL;

	if (zendo_config_parse(&in, 1, &c, &error) < 0)
		fail_msg("%s in: %s", error.text, text);
	return c;
}

static void assert_has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("'%s' is not in: %s", words, text);
}

static void refuse(const char *text, const char *words)
{
	char *converted;

	assert_int_equal(convert(text, &converted), -EINVAL);
	assert_null(converted);
	assert_has(error.text, words);
}

static void what_xl_knows_is_left_out_with_the_reason(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	(void)state;
	assert_int_equal(convert("name = 'web'\ntype = 'hvm'\nkernel = '/k'\nmemory = 64\nvnc = 1\nvtpm = ['backend=x\\ny']\n"
				 "disk = ['phy:vg/a,xvda,w']\nextra = 'a'\nextra += ' b'\nfrob = [1, [2]]\n", &text), 0);
	assert_has(text, "# type = \"hvm\"\n#   only \"pvh\" is there");
	assert_has(text, "# vnc = 1\n#   a PVH guest has no emulated devices");
	assert_has(text, "# vtpm = [ \"backend=x\\x0ay\", ]\n#   there is no such backend");
	assert_has(text, "# frob = [ 1, [ ... ], ]\n#   is not a key of xl.cfg(5)\n");
	c = read_back(text);
	assert_string_equal(c->cmdline, "a b");
	assert_int_equal(c->nr_disks, 1);
	assert_string_equal(c->disks[0].target, "/dev/vg/a");
	assert_int_equal(c->nr_warnings, 0);
}

static const char libxl[] =
	"[ { \"domid\": 3, \"config\": { \"c_info\": { \"type\": \"pvh\", \"name\": \"d\\\"b\", "
	"\"uuid\": \"01234567-89ab-cdef-0123-456789abcdef\" }, "
	"\"b_info\": { \"max_vcpus\": 4, \"avail_vcpus\": [0,1], \"vcpu_hard_affinity\": [ [0,2], [] ], "
	"\"max_memkb\": 1048576, \"target_memkb\": 524288, \"sched_params\": { \"weight\": 512, \"cap\": 50 }, "
	"\"kernel\": \"/k\", \"ramdisk\": \"/r\", \"cmdline\": \"ro\", \"type.pvh\": {} }, "
	"\"disks\": [ { \"pdev_path\": \"/srv/a,b.img\", \"vdev\": \"xvda\", \"format\": \"raw\", \"readwrite\": 1 }, "
	"{ \"pdev_path\": \"/dev/vg/c\", \"vdev\": \"xvdb\", \"backend\": \"phy\", \"readwrite\": 0, \"discard_enable\": \"False\" } ], "
	"\"nics\": [ { \"devid\": 1, \"mac\": \"00:16:3e:00:00:02\", \"bridge\": \"br0\", \"ifname\": \"v0\", \"mtu\": 1400, "
	"\"script\": \"/etc/xen/scripts/vif-bridge\", \"rate_bytes_per_interval\": 62500, \"rate_interval_usecs\": 50000 } ], "
	"\"vtpms\": [ {} ], \"pcidevs\": [], "
	"\"on_poweroff\": \"preserve\", \"on_crash\": \"restart_rename\", \"on_watchdog\": \"coredump_destroy\" } } ]";

static void libxls_json_becomes_the_same_domain(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	(void)state;
	assert_int_equal(convert(libxl, &text), 0);
	assert_has(text, "# \"vtpms\"\n");
	assert_null(strstr(text, "pcidevs"));
	c = read_back(text);
	assert_string_equal(c->name, "d\"b");
	assert_true(c->has_uuid);
	assert_string_equal(c->kernel, "/k");
	assert_string_equal(c->ramdisk, "/r");
	assert_string_equal(c->cmdline, "ro");
	assert_int_equal(c->memory_mib, 512);
	assert_int_equal(c->maxmem_mib, 1024);
	assert_int_equal(c->vcpus, 2);
	assert_int_equal(c->maxvcpus, 4);
	assert_int_equal(c->cpu_weight, 512);
	assert_int_equal(c->cap, 50);
	assert_true(zendo_cpus_has(zendo_config_cpus_of(c, 0), 2));
	assert_false(zendo_cpus_has(zendo_config_cpus_of(c, 0), 1));
	assert_int_equal(c->on_poweroff, ZENDO_ON_PRESERVE);
	assert_int_equal(c->on_crash, ZENDO_ON_RENAME_RESTART);
	assert_int_equal(c->on_watchdog, ZENDO_ON_COREDUMP_DESTROY);
}

static void libxls_devices_become_the_same(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;

	(void)state;
	assert_int_equal(convert(libxl, &text), 0);
	c = read_back(text);
	assert_int_equal(c->nr_disks, 2);
	assert_string_equal(c->disks[0].target, "/srv/a,b.img");
	assert_false(c->disks[0].readonly);
	assert_true(c->disks[1].readonly && c->disks[1].must_be_block && c->disks[1].no_discard);
	assert_int_equal(c->nr_vifs, 1);
	assert_int_equal(c->vifs[0].devid, 1);
	assert_string_equal(c->vifs[0].bridge, "br0");
	assert_string_equal(c->vifs[0].vifname, "v0");
	assert_null(c->vifs[0].script);
	assert_int_equal(c->vifs[0].mtu, 1400);
	assert_int_equal(c->vifs[0].rate, 1250000);
	assert_int_equal(c->vifs[0].rate_interval_us, 50000);
}

static void our_own_json_comes_back(void **state)
{
	_cleanup_(zendo_config_freep) struct zendo_config *a =
		read_back("name='web'; kernel='/k'; memory=64; cpus=['0','1-2']; vcpus=2; disk=['/a,raw,xvda,r']; vif=['']");
	_cleanup_(zendo_config_freep) struct zendo_config *b = NULL;
	_cleanup_free_ char *text = NULL;
	struct json_object *ja, *jb;

	(void)state;
	assert_int_equal(zendo_config_to_json(a, &ja), 0);
	assert_int_equal(convert(json_object_to_json_string(ja), &text), 0);
	b = read_back(text);
	assert_int_equal(zendo_config_to_json(b, &jb), 0);
	assert_true(json_object_equal(ja, jb));
	json_object_put(ja);
	json_object_put(jb);
}

static void what_is_no_domain_is_refused(void **state)
{
	(void)state;
	refuse("[]", "it has 0 domains");
	refuse("[ {\"c_info\": {}}, {\"c_info\": {}} ]", "it has 2 domains");
	refuse("{}", "not the JSON of a domain");
	refuse("[ 3 ]", "not the JSON of a domain");
	refuse("{ \"c_info\": ", "it ends too early");
	refuse("{ \"c_info\" }", "bad JSON");
	refuse("{ \"c_info\": {} } more", "something follows");
	refuse("name = ", "");
}

/* No type is where libxl has it: nothing is believed of it. */
static void wrong_types_are_passed_over(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(convert("{ \"c_info\": {\"name\": 3, \"type\": []}, \"b_info\": [1], \"disks\": [ null, 7 ], \"nics\": {}, "
				 "\"on_crash\": 5 }", &text), 0);
	assert_null(strstr(text, "name"));
	assert_has(text, "disk = [");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_xl_knows_is_left_out_with_the_reason),
		cmocka_unit_test(libxls_json_becomes_the_same_domain),
		cmocka_unit_test(libxls_devices_become_the_same),
		cmocka_unit_test(our_own_json_comes_back),
		cmocka_unit_test(what_is_no_domain_is_refused),
		cmocka_unit_test(wrong_types_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
