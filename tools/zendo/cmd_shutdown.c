/* SPDX-License-Identifier: GPL-2.0-only */
/* shutdown, reboot and sysrq: guests are asked by their runners, and may take their time. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "cli.h"
#include "device.h"

struct asked {
	int fd;			/* closes when the domain is gone; negative: nothing to wait for */
	char name[HVPRIV_NAME_LEN];
};

struct shutdown_options {
	bool all, wait, force;
	unsigned seconds;	/* to wait; 0: for ever */
};

static int ask_guest(int fd, const char *name, const char *what, const char *key, const char *value)
{
	struct json_object *request = json_object_new_object();

	if (request) {
		(void)json_object_object_add(request, "do", json_object_new_string(what));
		(void)json_object_object_add(request, key, json_object_new_string(value));
	}
	return ask_request(fd, name, request, NULL);
}

static int ask_one(const char *what, const char *how, struct asked *a)
{
	int r = connect_domain(what, &a->fd, a->name);

	if (r == EXIT_OK)
		r = ask_guest(a->fd, a->name, "shutdown", "how", how);
	if (r != EXIT_OK)
		a->fd = safe_close(a->fd);
	return r;
}

/* ---- waiting ----------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Closes the connections of domains that are gone. */
static void take_ends(struct asked *all, const struct pollfd *p, size_t nr)
{
	char buf[256];

	for (size_t i = 0; i < nr; i++) {
		ssize_t n;

		if (all[i].fd < 0 || !p[i].revents)
			continue;
		n = read(all[i].fd, buf, sizeof(buf));
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			all[i].fd = safe_close(all[i].fd);
	}
}

/* All together; the time is for all of them. */
static int wait_for(struct asked *all, size_t nr, unsigned seconds)
{
	_cleanup_free_ struct pollfd *p = calloc(nr, sizeof(*p));
	uint64_t end = now_ms() + seconds * 1000ULL;
	int status = EXIT_OK;

	if (!p)
		return fail(EXIT_FAILED, "out of memory");
	for (;;) {
		uint64_t t = now_ms();
		size_t left = 0;

		for (size_t i = 0; i < nr; i++) {
			p[i] = (struct pollfd) { .fd = all[i].fd, .events = POLLIN };
			left += all[i].fd >= 0;
		}
		if (left == 0 || (seconds > 0 && t >= end))
			break;
		if (poll(p, nr, seconds > 0 ? (int)(end - t) : -1) > 0)
			take_ends(all, p, nr);
	}
	for (size_t i = 0; i < nr; i++)
		if (all[i].fd >= 0)
			status = fail(EXIT_FAILED, "'%s' has not shut down within %u seconds; 'zendo destroy %s' ends it", all[i].name,
				      seconds, all[i].name);
	return status;
}

/* ---- who --------------------------------------------------------------------------------- */

/* Those that run; one that is kept for a look has nobody to ask. The caller frees *ret and what it points to. */
static int find_all(char ***ret, size_t *ret_nr)
{
	_cleanup_free_ struct hvpriv_domain_info *all = NULL;
	_cleanup_close_ int device = -EBADF;
	size_t nr = 0, n = 0;
	char **names;
	int r = open_running(&device);

	if (r == EXIT_OK)
		r = list_domains(device, &all, &nr);
	if (r != EXIT_OK)
		return r;
	names = calloc(nr + 1, sizeof(*names));
	for (size_t i = 0; names && i < nr; i++)
		if (!(all[i].state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED | HVPRIV_ST_DYING)))
			names[n++] = strdup(all[i].name);
	if (!names)
		return fail(EXIT_FAILED, "out of memory");
	*ret = names;
	*ret_nr = n;
	return EXIT_OK;
}

static int destroy_asked(struct asked *a)
{
	int r = connect_domain(a->name, &a->fd, a->name);

	return r == EXIT_OK ? ask(a->fd, a->name, "destroy", NULL) : r;
}

/* Asked in the order they are named, which takes no time; they shut down side by side. */
static int ask_all(char **names, size_t nr, const char *how, const struct shutdown_options *o)
{
	_cleanup_free_ struct asked *all = calloc(nr + 1, sizeof(*all));
	int status = EXIT_OK, r;

	if (!all)
		return fail(EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < nr; i++) {
		all[i].fd = -EBADF;
		r = names[i] ? ask_one(names[i], how, &all[i]) : fail(EXIT_FAILED, "out of memory");
		if (r == EXIT_FAILED && o->force && *all[i].name)
			r = destroy_asked(&all[i]);
		if (status == EXIT_OK)
			status = r;
	}
	if (o->wait) {
		r = wait_for(all, nr, o->seconds);
		if (status == EXIT_OK)
			status = r;
	}
	for (size_t i = 0; i < nr; i++)
		safe_close(all[i].fd);
	return status;
}

static int parse_seconds(const char *text, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n == 0 || n > 1000000)
		return fail(EXIT_USAGE, "'%s' is not a number of seconds from 1 on", text);
	*ret = (unsigned)n;
	return EXIT_OK;
}

static int parse(int argc, char **argv, bool is_reboot, struct shutdown_options *o)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "wait", no_argument, NULL, 'w' },
		{ "force", no_argument, NULL, 'F' },
		{ "timeout", required_argument, NULL, 't' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, is_reboot ? "a" : "awFt:", options, NULL)) >= 0)
		if (c == 'a')
			o->all = true;
		else if (c == 'w' && !is_reboot)
			o->wait = true;
		else if (c == 'F' && !is_reboot)
			o->force = true;
		else if (c == 't' && !is_reboot) {
			if (parse_seconds(optarg, &o->seconds) != EXIT_OK)
				return EXIT_USAGE;
		} else {
			return usage(argv[0]);
		}
	if (o->all == (optind < argc) || (o->seconds > 0 && !o->wait))
		return usage(argv[0]);
	return EXIT_OK;
}

static int shut_down(int argc, char **argv, const char *how, bool is_reboot)
{
	struct shutdown_options o = {};
	char **names = NULL;
	size_t nr = 0;
	int r = parse(argc, argv, is_reboot, &o);

	if (r != EXIT_OK || !o.all)
		return r == EXIT_OK ? ask_all(argv + optind, (size_t)(argc - optind), how, &o) : r;
	r = find_all(&names, &nr);
	if (r != EXIT_OK)
		return r;
	r = ask_all(names, nr, how, &o);
	for (size_t i = 0; i < nr; i++)
		free(names[i]);
	free(names);
	return r;
}

int cmd_shutdown(int argc, char **argv)
{
	return shut_down(argc, argv, "poweroff", false);
}

int cmd_reboot(int argc, char **argv)
{
	return shut_down(argc, argv, "reboot", true);
}

int cmd_sysrq(int argc, char **argv)
{
	_cleanup_close_ int fd = -EBADF;
	char name[HVPRIV_NAME_LEN];
	int r = plain_arguments(argc, argv, 2, 2);

	if (r == EXIT_OK)
		r = connect_domain(argv[optind], &fd, name);
	return r == EXIT_OK ? ask_guest(fd, name, "sysrq", "key", argv[optind + 1]) : r;
}
