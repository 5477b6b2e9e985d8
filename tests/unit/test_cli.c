/* SPDX-License-Identifier: GPL-2.0-only */
/* The command table: main.c itself, with fakes in place of the commands that do something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#undef fail	/* the program has one of its own */
int zendo_main(int argc, char **argv);
#define main zendo_main
#include "../../tools/zendo/main.c"
#undef main

static const char *ran;
static int ran_argc;
static char **ran_argv;

static int note(const char *name, int argc, char **argv)
{
	ran = name;
	ran_argc = argc;
	ran_argv = argv;
	return 42;
}

#define FAKE(name) int cmd_##name(int argc, char **argv) { return note(#name, argc, argv); }
FAKE(config)
FAKE(create)
FAKE(block_attach)
FAKE(block_detach)
FAKE(block_list)
FAKE(block_resize)
FAKE(device)
FAKE(network_attach)
FAKE(network_detach)
FAKE(network_list)
FAKE(domid)
FAKE(domname)
FAKE(rename)
FAKE(enable)
FAKE(store)
FAKE(shutdown)
FAKE(reboot)
FAKE(sysrq)
FAKE(dump_core)
FAKE(disable)
FAKE(trigger)
FAKE(uptime)
FAKE(vcpu_list)
FAKE(vcpu_pin)
FAKE(vcpu_set)
FAKE(list)
FAKE(console)
FAKE(destroy)
FAKE(pause)
FAKE(unpause)
FAKE(info)
FAKE(dmesg)
FAKE(doctor)
FAKE(events)
FAKE(launch)
FAKE(wait)
FAKE(leave)

/* Run "zendo" with these words. */
#define ZENDO(...) call((char *[]) { (char *)"zendo", __VA_ARGS__, NULL })

static int call(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	ran = NULL;
	optind = 0;	/* glibc: start anew */
	return zendo_main(argc, argv);
}

static void a_command_gets_its_own_arguments(void **state)
{
	(void)state;
	assert_int_equal(ZENDO("create", "-c", "x.cfg"), 42);
	assert_string_equal(ran, "create");
	assert_int_equal(ran_argc, 3);
	assert_string_equal(ran_argv[0], "create");
	assert_string_equal(ran_argv[2], "x.cfg");
}

static void an_unknown_command_is_a_usage_error(void **state)
{
	(void)state;
	assert_int_equal(ZENDO("lst"), EXIT_USAGE);
	assert_int_equal(ZENDO("frobnicate"), EXIT_USAGE);
	assert_null(ran);
}

static void nothing_at_all_is_a_usage_error_and_help_is_not(void **state)
{
	(void)state;
	assert_int_equal(zendo_main(1, (char *[]) { (char *)"zendo", NULL }), EXIT_USAGE);
	assert_int_equal(ZENDO("--help"), EXIT_OK);
	assert_int_equal(ZENDO("help", "create"), EXIT_OK);
	assert_int_equal(ZENDO("help", "nothing"), EXIT_USAGE);
	assert_int_equal(ZENDO("--version"), EXIT_OK);
	assert_int_equal(ZENDO("version", "2"), EXIT_USAGE);
}

static void help_of_a_command_does_not_run_it(void **state)
{
	(void)state;
	assert_int_equal(ZENDO("destroy", "web", "--help"), EXIT_OK);
	assert_int_equal(ZENDO("leave", "-h"), EXIT_OK);
	assert_null(ran);
	assert_int_equal(ZENDO("destroy", "--", "--help"), 42);
}

static void every_command_has_a_summary_and_its_own_name(void **state)
{
	(void)state;
	for (const struct command *c = commands; c->name; c++) {
		assert_true(*c->summary);
		assert_ptr_equal(find_command(c->name), c);
		assert_int_equal(ZENDO((char *)c->name, "--help"), EXIT_OK);
	}
}

static void edit_distance_counts_changes(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("web", "web"), 0);
	assert_int_equal(edit_distance("wbe", "web"), 2);
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("abc", ""), 3);
	assert_int_equal(edit_distance("lst", "list"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_own_arguments),
		cmocka_unit_test(an_unknown_command_is_a_usage_error),
		cmocka_unit_test(nothing_at_all_is_a_usage_error_and_help_is_not),
		cmocka_unit_test(help_of_a_command_does_not_run_it),
		cmocka_unit_test(every_command_has_a_summary_and_its_own_name),
		cmocka_unit_test(edit_distance_counts_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
