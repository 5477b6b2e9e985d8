/* SPDX-License-Identifier: GPL-2.0-only */
/* The command table: main.c itself, with fakes in place of the commands that do something. */
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

#undef fail	/* the program has one of its own */
int zendo_main(int argc, char **argv);
#define main zendo_main
#include "../../tools/zendo/main.c"
#undef main
#define overview xl_overview
#include "../../tools/zendo/xl.c"
#undef overview
#include "../../hypervisor/guest/version.h"

static const char *ran;
static int ran_argc;
static char **ran_argv;

static char ran_text[256];	/* the words themselves may be gone when it is over */

static int note(const char *name, int argc, char **argv)
{
	size_t n = 0;

	ran_text[0] = '\0';
	for (int i = 0; i < argc && n < sizeof(ran_text); i++)
		n += (size_t)snprintf(ran_text + n, sizeof(ran_text) - n, "%s%s", i ? " " : "", argv[i]);
	if (argc > 0)
		assert_null(argv[argc]);
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
FAKE(net)
FAKE(network_attach)
FAKE(network_detach)
FAKE(network_list)
FAKE(domid)
FAKE(domname)
FAKE(clone)
FAKE(rename)
FAKE(enable)
FAKE(stat)
FAKE(store)
FAKE(shutdown)
FAKE(reboot)
FAKE(sysrq)
FAKE(dump_core)
FAKE(disable)
FAKE(trigger)
FAKE(top)
FAKE(try)
FAKE(uptime)
FAKE(vcpu_list)
FAKE(vcpu_pin)
FAKE(vcpu_set)
FAKE(list)
FAKE(logs)
FAKE(console)
FAKE(destroy)
FAKE(pause)
FAKE(unpause)
FAKE(image)
FAKE(info)
FAKE(dmesg)
FAKE(doctor)
FAKE(events)
FAKE(explain)
FAKE(launch)
FAKE(wait)
FAKE(leave)

int xl_list_long(char **names)
{
	(void)names;
	return note("xl list -l", 0, NULL);
}

int xl_vm_list(void)
{
	return note("xl vm-list", 0, NULL);
}

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

static void monitor_is_events(void **state)
{
	(void)state;
	assert_int_equal(ZENDO("monitor", "--json"), 42);
	assert_string_equal(ran, "events");
	assert_int_equal(ran_argc, 2);
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
		assert_ptr_equal(command_named(c->name), c);
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

/* ---- as xl ------------------------------------------------------------------------------ */

#define XL(...) call((char *[]) { (char *)"/usr/sbin/xl", __VA_ARGS__, NULL })

/* The fakes answer 42, which is a failure like any other to xl. */
#define assert_xl_runs(wanted, ...) do { \
	assert_int_equal(XL(__VA_ARGS__), EXIT_FAILED); \
	assert_non_null(ran); \
	assert_string_equal(ran_text, wanted); \
} while (0)

static void xls_options_become_zendos(void **state)
{
	(void)state;
	assert_xl_runs("create -c -p -- x.cfg vmid=1", "create", "-c", "-q", "x.cfg", "-p", "-d", "vmid=1");
	assert_xl_runs("create -n -- x.cfg", "-N", "create", "x.cfg");
	assert_xl_runs("create -n -- x.cfg a=1", "-v", "create", "-f", "x.cfg", "--dryrun", "a=1");
	assert_xl_runs("create -- name=\"x\"", "create", "/dev/null", "name=\"x\"");
	assert_xl_runs("list -v -- web", "list", "--verbose", "web");
	assert_xl_runs("shutdown -a -w --", "shutdown", "-aFw");
	assert_xl_runs("block-detach -f -- web xvdb", "block-detach", "web", "xvdb", "--force");
	assert_xl_runs("console -- web", "console", "-t", "pv", "-e", "^]", "-n", "0", "web");
	assert_xl_runs("dump-core -- web /tmp/core", "dump-core", "web", "/tmp/core");
	assert_xl_runs("destroy -- -odd-", "destroy", "--", "-odd-");
}

static void the_beginning_of_a_verb_is_enough(void **state)
{
	(void)state;
	assert_xl_runs("destroy -- web", "des", "web");
	assert_xl_runs("pause -- web", "pause", "web");
	assert_int_equal(XL("block", "web"), EXIT_FAILED);
	assert_null(ran);
}

static void xl_has_lists_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(XL("list", "-l", "web"), EXIT_FAILED);
	assert_string_equal(ran, "xl list -l");
	assert_int_equal(XL("vm-list"), EXIT_FAILED);
	assert_string_equal(ran, "xl vm-list");
}

static void one_verb_for_several_is_run_for_each(void **state)
{
	(void)state;
	assert_xl_runs("block-list -- two", "block-list", "one", "two");
}

static void what_xl_can_and_zendo_cannot_is_refused(void **state)
{
	(void)state;
	assert_int_equal(XL("mem-set", "web", "64"), EXIT_FAILED);
	assert_int_equal(XL("migrate", "web", "there"), EXIT_FAILED);
	assert_int_equal(XL("list", "-Z"), EXIT_FAILED);
	assert_int_equal(XL("reboot", "-w", "web"), EXIT_FAILED);
	assert_int_equal(XL("console", "-t", "serial", "web"), EXIT_FAILED);
	assert_int_equal(XL("-N", "destroy", "web"), EXIT_FAILED);
	assert_int_equal(XL("create", "-F", "x.cfg"), EXIT_FAILED);
	assert_null(ran);
}

static void wrong_usage_is_2_and_unknown_verbs_are_1(void **state)
{
	(void)state;
	assert_int_equal(XL("destroy"), EXIT_USAGE);
	assert_int_equal(XL("create"), EXIT_USAGE);
	assert_int_equal(XL("destroy", "-y", "web"), EXIT_USAGE);
	assert_int_equal(XL("console", "-t"), EXIT_USAGE);
	assert_int_equal(XL("enable", "web"), EXIT_FAILED);
	assert_int_equal(XL("-x"), EXIT_FAILED);
	assert_int_equal(XL("help"), EXIT_OK);
	assert_int_equal(XL("destroy", "-h"), EXIT_OK);
	assert_null(ran);
}

static void names_of_programs(void **state)
{
	(void)state;
	assert_true(xl_is_called("xl"));
	assert_true(xl_is_called("/usr/sbin/xm"));
	assert_false(xl_is_called("/xl/zendo"));
	assert_false(xl_is_called("/usr/bin/xls"));
}

static void the_version_is_what_guests_are_told(void **state)
{
	(void)state;
	assert_int_equal(atoi(XEN_MAJOR), XEN_VERSION >> 16);
	assert_int_equal(atoi(XEN_MINOR), XEN_VERSION & 0xffff);
}

/* No verb is longer than what make_getopt() has room for. */
static void each_verb_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_VERBS; i++) {
		size_t n = 0;

		while (verbs[i].options && verbs[i].options[n].letter)
			n++;
		assert_true(n < MAX_OPTIONS);
		assert_ptr_equal(find_verb(verbs[i].name), &verbs[i]);
		assert_true(verbs[i].reason || verbs[i].run || command_named(verbs[i].name));
	}
}

/* A folder called as the domain, which is common where its disk lies, is no definition. */
static void a_folder_is_not_taken_for_a_definition(void **state)
{
	char dir[] = "/tmp/zendo-cli.XXXXXX", path[4096];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("web", 0700), 0);
	assert_int_equal(find_definition("web", path, sizeof(path)), 1);
	assert_string_equal(path, "/etc/zendo/web.cfg");
	assert_int_equal(find_definition("./web", path, sizeof(path)), 1);
	assert_string_equal(path, "./web");
	assert_int_equal(rmdir("web"), 0);
	assert_int_equal(mkfifo("web", 0600), 0);
	assert_int_equal(find_definition("web", path, sizeof(path)), 1);
	assert_string_equal(path, "web");
	assert_int_equal(unlink("web"), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_own_arguments),
		cmocka_unit_test(monitor_is_events),
		cmocka_unit_test(an_unknown_command_is_a_usage_error),
		cmocka_unit_test(nothing_at_all_is_a_usage_error_and_help_is_not),
		cmocka_unit_test(help_of_a_command_does_not_run_it),
		cmocka_unit_test(every_command_has_a_summary_and_its_own_name),
		cmocka_unit_test(edit_distance_counts_changes),
		cmocka_unit_test(xls_options_become_zendos),
		cmocka_unit_test(the_beginning_of_a_verb_is_enough),
		cmocka_unit_test(xl_has_lists_of_its_own),
		cmocka_unit_test(one_verb_for_several_is_run_for_each),
		cmocka_unit_test(what_xl_can_and_zendo_cannot_is_refused),
		cmocka_unit_test(wrong_usage_is_2_and_unknown_verbs_are_1),
		cmocka_unit_test(names_of_programs),
		cmocka_unit_test(the_version_is_what_guests_are_told),
		cmocka_unit_test(each_verb_fits),
		cmocka_unit_test(a_folder_is_not_taken_for_a_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
