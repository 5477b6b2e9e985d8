/* SPDX-License-Identifier: GPL-2.0-only */
/* What journalctl is called with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#undef fail	/* the program has one of its own */
static char called[1024];

static int note_exec(const char *file, char *const argv[])
{
	called[0] = '\0';
	assert_string_equal(file, "journalctl");
	for (size_t n = 0; *argv; argv++)
		n += (size_t)snprintf(called + n, sizeof(called) - n, "%s%s", n ? "|" : "", *argv);
	return -1;
}

#define execvp note_exec
#include "../../tools/zendo/cmd_logs.c"
#undef execvp

int fail(int status, const char *format, ...)
{
	(void)format;
	return status;
}

int usage(const char *name)
{
	(void)name;
	return EXIT_USAGE;
}

int open_running(int *ret_fd)
{
	*ret_fd = -EBADF;
	return EXIT_OK;
}

int find_domain(int device, const char *what, struct hvpriv_domain_info *ret)
{
	(void)device;
	if (strcmp(what, "7") != 0)
		return EXIT_NO_DOMAIN;
	*ret = (struct hvpriv_domain_info) { .name = "seven" };
	return EXIT_OK;
}

static int run(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	called[0] = '\0';
	optind = 0;
	opterr = 0;
	return cmd_logs(argc, argv);
}

#define LOGS(...) run((char *[]) { (char *)"logs", __VA_ARGS__, NULL })

static void every_line_about_a_domain_is_asked_for_and_none_that_others_forge(void **state)
{
	(void)state;
	(void)LOGS("web");
	assert_string_equal(called, "journalctl|_SYSTEMD_UNIT=zendo-domain@web.service|+|_PID=1|UNIT=zendo-domain@web.service|+|_UID=0|"
			    "COREDUMP_UNIT=zendo-domain@web.service|+|_SYSTEMD_SLICE=zendo.slice|ZENDO_DOMAIN=web");
}

static void a_name_that_is_escaped_is_asked_for_both_ways(void **state)
{
	(void)state;
	(void)LOGS("my web");
	assert_non_null(strstr(called, "|UNIT=zendo-domain@my\\x20web.service|"));
	assert_non_null(strstr(called, "|_SYSTEMD_SLICE=zendo.slice|ZENDO_DOMAIN=my\\x20web|ZENDO_DOMAIN=my web"));
}

static void options_are_passed_on(void **state)
{
	(void)state;
	(void)LOGS("-f", "-n", "5", "--since", "-1h", "--no-pager", "7");
	assert_non_null(strstr(called, "journalctl|--follow|--lines|5|--since|-1h|--no-pager|_SYSTEMD_UNIT=zendo-domain@seven.service|"));
}

static void what_is_no_name_is_refused(void **state)
{
	char longer[HVPRIV_NAME_LEN + 1];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(LOGS(longer), EXIT_NO_DOMAIN);
	assert_int_equal(LOGS((char *)""), EXIT_NO_DOMAIN);
	assert_int_equal(LOGS("8"), EXIT_NO_DOMAIN);
	assert_int_equal(LOGS("web", "db"), EXIT_USAGE);
	assert_int_equal(LOGS("-x", "web"), EXIT_USAGE);
	assert_int_equal(LOGS("-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "-f", "web"),
			 EXIT_USAGE);
	assert_string_equal(called, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_about_a_domain_is_asked_for_and_none_that_others_forge),
		cmocka_unit_test(a_name_that_is_escaped_is_asked_for_both_ways),
		cmocka_unit_test(options_are_passed_on),
		cmocka_unit_test(what_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
