/* SPDX-License-Identifier: GPL-2.0-only */
/* destroy, pause, unpause and wait: each speaks with the domains' runners. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

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

/* The runner's connection closes when the domain is gone. */
static void read_to_end(int fd)
{
	char buf[256];
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n < 0 && errno == EINTR));
}

/* Until it is gone for good: a guest's reboot is not the end of it. */
static int wait_one(const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = connect_domain(what, &fd, name);

	if (r == EXIT_OK)
		read_to_end(fd);
	return r;
}

/* Its runner has another guest, and goes on. */
static int destroy_kept(int fd, const struct target *t)
{
	struct json_object *request = json_object_new_object();

	if (request) {
		(void)json_object_object_add(request, "do", json_object_new_string("destroy"));
		(void)json_object_object_add(request, "domid", json_object_new_int64(t->domid));
	}
	return ask_request(fd, t->name, request, NULL);
}

/*
 * Its unit has a little left to do when the domain is gone, which is waited for where we may ask systemd: the name is free for a
 * new domain when this returns.
 */
static int destroy_one(const char *what)
{
	_cleanup_close_ int fd = -EBADF;
	char unit[ZENDO_RUNTIME_PATH_MAX], why[512];
	struct target t;
	int r;

	r = connect_target(what, &fd, &t);
	if (r == EXIT_OK)
		r = t.is_kept ? destroy_kept(fd, &t) : ask(fd, t.name, "destroy", NULL);
	if (r != EXIT_OK || t.is_kept)
		return r;
	read_to_end(fd);
	if (geteuid() == 0 && zendo_unit_name(t.name, unit) >= 0 && unit_stop(unit, why, sizeof(why)) < 0)
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

int cmd_wait(int argc, char **argv)
{
	return for_each(argc, argv, wait_one);
}
