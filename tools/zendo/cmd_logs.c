/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * logs: what the journal has of a domain, dead or alive: its unit's lines, its console's, and those of what serves its images. It is
 * journalctl that prints them, with matches that are easily forgotten by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "runtime.h"

#define MAX_ARGUMENTS	32
#define MATCH_MAX	(ZENDO_RUNTIME_PATH_MAX + 32)

struct logs {
	const char *argv[MAX_ARGUMENTS];
	int argc;
	char match[5][MATCH_MAX];
};

static void add(struct logs *l, const char *argument)
{
	if (l->argc < MAX_ARGUMENTS - 1)
		l->argv[l->argc++] = argument;
}

static void add_match(struct logs *l, unsigned nr, const char *field, const char *value)
{
	(void)snprintf(l->match[nr], sizeof(l->match[nr]), "%s=%s", field, value);
	add(l, l->match[nr]);
}

/*
 * What stands between two "+" must all fit. Anybody may write a line with UNIT= or ZENDO_DOMAIN= in it, so each of these has a field
 * beside it that the journal itself fills in. systemd adds the instance, which is the escaped name, to what units say; programs give
 * the name.
 */
static int add_matches(struct logs *l, const char *name)
{
	char unit[ZENDO_RUNTIME_PATH_MAX], instance[ZENDO_RUNTIME_PATH_MAX];
	const char *at;
	int r = zendo_unit_name(name, unit);

	if (r < 0)
		return r;
	at = strchr(unit, '@');
	if (!at)
		return -EINVAL;
	(void)snprintf(instance, sizeof(instance), "%.*s", (int)(strrchr(unit, '.') - at - 1), at + 1);
	add_match(l, 0, "_SYSTEMD_UNIT", unit);
	add(l, "+");
	add(l, "_PID=1");
	add_match(l, 1, "UNIT", unit);
	add(l, "+");
	add(l, "_UID=0");
	add_match(l, 2, "COREDUMP_UNIT", unit);
	add(l, "+");
	add(l, "_SYSTEMD_SLICE=zendo.slice");
	add_match(l, 3, "ZENDO_DOMAIN", instance);
	if (strcmp(instance, name) != 0)
		add_match(l, 4, "ZENDO_DOMAIN", name);
	return 0;
}

/* A name need not be of a domain that is there; an id must. */
static int find_name(const char *what, char ret[static HVPRIV_NAME_LEN])
{
	_cleanup_close_ int device = -EBADF;
	struct hvpriv_domain_info info;
	int r;

	if (!*what || strspn(what, "0123456789") != strlen(what)) {
		if (!*what || strlen(what) >= HVPRIV_NAME_LEN)
			return fail(EXIT_NO_DOMAIN, "'%s' is not the name of a domain", what);
		strcpy(ret, what);
		return EXIT_OK;
	}
	r = open_running(&device);
	if (r == EXIT_OK)
		r = find_domain(device, what, &info);
	if (r == EXIT_OK)
		memcpy(ret, info.name, HVPRIV_NAME_LEN);
	return r;
}

/* What journalctl understands it is left to understand. */
static int parse(int argc, char **argv, struct logs *l)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "lines", required_argument, NULL, 'n' },
		{ "no-pager", no_argument, NULL, 'P' },
		{ "output", required_argument, NULL, 'o' },
		{ "since", required_argument, NULL, 'S' },
		{ "until", required_argument, NULL, 'U' },
		{}
	};
	static const struct {
		int option;
		const char *passed;
	} passed[] = {
		{ 'f', "--follow" }, { 'n', "--lines" }, { 'P', "--no-pager" }, { 'o', "--output" }, { 'S', "--since" }, { 'U', "--until" },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fn:o:S:U:", options, NULL)) >= 0) {
		size_t i = 0;

		while (i < sizeof(passed) / sizeof(passed[0]) && passed[i].option != c)
			i++;
		if (i == sizeof(passed) / sizeof(passed[0]) || l->argc > MAX_ARGUMENTS / 2)
			return usage(argv[0]);
		add(l, passed[i].passed);
		if (c != 'f' && c != 'P')
			add(l, optarg);
	}
	return argc - optind == 1 ? EXIT_OK : usage(argv[0]);
}

int cmd_logs(int argc, char **argv)
{
	struct logs l = {};
	char name[HVPRIV_NAME_LEN];
	int r;

	add(&l, "journalctl");
	r = parse(argc, argv, &l);
	if (r == EXIT_OK)
		r = find_name(argv[optind], name);
	if (r != EXIT_OK)
		return r;
	if (add_matches(&l, name) < 0)
		return fail(EXIT_NO_DOMAIN, "'%s' is not the name of a domain", name);
	(void)execvp(l.argv[0], (char **)(uintptr_t)l.argv);
	return fail(EXIT_FAILED, "cannot run journalctl: %s", strerror(errno));
}
