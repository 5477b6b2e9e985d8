/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "runtime.h"

static void plain_names_are_their_own_instance(void **state)
{
	char instance[ZENDO_INSTANCE_MAX], unit[ZENDO_RUNTIME_PATH_MAX];

	(void)state;
	assert_int_equal(zendo_instance_from_name("my-guest_2.x", instance), 0);
	assert_string_equal(instance, "my-guest_2.x");
	assert_int_equal(zendo_unit_name("my-guest", unit), 0);
	assert_string_equal(unit, "zendo-domain@my-guest.service");
}

static void odd_bytes_are_escaped_and_come_back(void **state)
{
	static const char *const names[] = { "a b", ".hidden", "a@b", "$x", "%i", "a\\x20", "\xc3\xa4", "a'\"" };
	char instance[ZENDO_INSTANCE_MAX], name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(zendo_instance_from_name(names[i], instance), 0);
		assert_null(strpbrk(instance, " @$%'\"/"));
		assert_int_equal(zendo_instance_to_name(instance, name, sizeof(name)), 0);
		assert_string_equal(name, names[i]);
	}
}

static void names_that_are_paths_or_ids_have_no_instance(void **state)
{
	char instance[ZENDO_INSTANCE_MAX], path[ZENDO_RUNTIME_PATH_MAX];

	(void)state;
	assert_int_equal(zendo_instance_from_name("../x", instance), -EINVAL);
	assert_int_equal(zendo_instance_from_name("..", instance), -EINVAL);
	assert_int_equal(zendo_instance_from_name("", instance), -EINVAL);
	assert_int_equal(zendo_instance_from_name("12", instance), -EINVAL);
	assert_int_equal(zendo_runtime_path("a/b", "config", path), -EINVAL);
}

static void one_name_has_one_instance(void **state)
{
	char name[64];

	(void)state;
	assert_int_equal(zendo_instance_to_name("\\x61", name, sizeof(name)), -EINVAL);
	assert_int_equal(zendo_instance_to_name("\\x2F", name, sizeof(name)), -EINVAL);
	assert_int_equal(zendo_instance_to_name("\\x2", name, sizeof(name)), -EINVAL);
	assert_int_equal(zendo_instance_to_name("a\\", name, sizeof(name)), -EINVAL);
	assert_int_equal(zendo_instance_to_name("a b", name, sizeof(name)), -EINVAL);
	assert_int_equal(zendo_instance_to_name("abc", name, 3), -EINVAL);
}

static void the_longest_odd_name_fits(void **state)
{
	char name[64], back[64], instance[ZENDO_INSTANCE_MAX], path[ZENDO_RUNTIME_PATH_MAX];

	(void)state;
	memset(name, ' ', 63);
	name[63] = '\0';
	assert_int_equal(zendo_instance_from_name(name, instance), 0);
	assert_int_equal(strlen(instance), 63 * 4);
	assert_int_equal(zendo_instance_to_name(instance, back, sizeof(back)), 0);
	assert_string_equal(back, name);
	assert_int_equal(zendo_runtime_path(name, "control", path), 0);
	assert_int_equal(zendo_console_log_path(name, path), 0);
}

static void actions_that_the_runner_has_not_are_refused_by_name(void **state)
{
	struct zendo_config c = { .on_reboot = ZENDO_ON_RESTART, .on_crash = ZENDO_ON_PRESERVE };
	struct zendo_error e = {};

	(void)state;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), 0);
	c.on_crash = ZENDO_ON_COREDUMP_RESTART;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), 0);
	c.on_crash = ZENDO_ON_SOFT_RESET;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "on_crash=\"soft-reset\""));
}

static void a_guest_with_devices_cannot_be_kept_beside_the_next_one(void **state)
{
	struct zendo_config c = { .on_watchdog = ZENDO_ON_RENAME_RESTART };
	struct zendo_error e = {};

	(void)state;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), 0);
	c.nr_disks = 1;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "on_watchdog=\"rename-restart\""));
	c.nr_disks = 0;
	c.nr_vifs = 1;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), -EOPNOTSUPP);
	c.on_watchdog = ZENDO_ON_PRESERVE;
	assert_int_equal(zendo_runtime_check_actions(&c, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_names_are_their_own_instance),
		cmocka_unit_test(odd_bytes_are_escaped_and_come_back),
		cmocka_unit_test(names_that_are_paths_or_ids_have_no_instance),
		cmocka_unit_test(one_name_has_one_instance),
		cmocka_unit_test(the_longest_odd_name_fits),
		cmocka_unit_test(actions_that_the_runner_has_not_are_refused_by_name),
		cmocka_unit_test(a_guest_with_devices_cannot_be_kept_beside_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
