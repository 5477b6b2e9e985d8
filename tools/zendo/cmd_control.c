/* SPDX-License-Identifier: GPL-2.0-only */
/* destroy, pause and unpause: one request to each domain's runner. */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "runtime.h"
#include "unit.h"

/* The first failure is the exit status, but the other domains get their request too. */
static int for_each(int argc, char **argv, int (*one)(const char *what))
{
	int status = plain_arguments(argc, argv, 1, -1);

	if (status != EXIT_OK)
		return status;
	for (int i = optind; i < argc; i++) {
		int r = one(argv[i]);

		if (status == EXIT_OK)
			status = r;
	}
	return status;
}

static int request(const char *what, const char *request_word)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = connect_domain(what, &fd, name);

	return r == EXIT_OK ? ask(fd, name, request_word, NULL) : r;
}

static int pause_one(const char *what)
{
	return request(what, "pause");
}

static int unpause_one(const char *what)
{
	return request(what, "unpause");
}

/*
 * The runner's connection closes when the domain is gone. Its unit has then a little left to do, which
 * is waited for where we may ask systemd: the name is free for a new domain when this returns.
 */
static int destroy_one(const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN], unit[ZENDO_RUNTIME_PATH_MAX], why[512], byte;
	int r;

	r = connect_domain(what, &fd, name);
	if (r == EXIT_OK)
		r = ask(fd, name, "destroy", NULL);
	if (r != EXIT_OK)
		return r;
	while (read(fd, &byte, 1) > 0)
		;
	if (geteuid() == 0 && zendo_unit_name(name, unit) >= 0 && unit_stop(unit, why, sizeof(why)) < 0)
		return fail(EXIT_FAILED, "%s", why);
	return EXIT_OK;
}

int cmd_pause(int argc, char **argv)
{
	return for_each(argc, argv, pause_one);
}

int cmd_unpause(int argc, char **argv)
{
	return for_each(argc, argv, unpause_one);
}

int cmd_destroy(int argc, char **argv)
{
	return for_each(argc, argv, destroy_one);
}
