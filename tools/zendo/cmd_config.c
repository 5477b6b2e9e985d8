/* SPDX-License-Identifier: GPL-2.0-only */
/* config: definitions as text, without starting anything; no hypervisor is needed. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cli.h"
#include "config-write.h"
#include "definitions.h"
#include "runtime.h"

static void print_warnings(const struct zendo_config *c)
{
	char text[1024];

	for (size_t i = 0; i < c->nr_warnings; i++)
		(void)fail(EXIT_OK, "%s", zendo_error_format(&c->warnings[i], text, sizeof(text)));
}

static int load(const char *path, const char *const *overrides, struct zendo_config **ret)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct zendo_error e = {};
	int r = zendo_config_load(path, overrides, &c, &e);

	if (r >= 0)
		r = zendo_runtime_check_actions(c, &e);
	if (r < 0)
		return fail_error(r, &e);
	print_warnings(c);
	*ret = TAKE_PTR(c);
	return EXIT_OK;
}

/* ---- check ------------------------------------------------------------------------------- */

static int check(int argc, char **argv)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	char path[PATH_MAX];

	if (plain_arguments(argc, argv, 1, -1) != EXIT_OK)
		return EXIT_USAGE;
	if (find_definition(argv[optind], path, sizeof(path)) != 1)
		return fail(EXIT_USAGE, "there is no file '%s'", argv[optind]);
	for (char **p = argv + optind + 1; *p; p++)
		if (!strchr(*p, '='))
			return fail(EXIT_USAGE, "'%s' is not KEY=VALUE", *p);
	return load(path, (const char *const *)argv + optind + 1, &c);
}

/* ---- show -------------------------------------------------------------------------------- */

/* A domain that is there was perhaps made with other values than its file has now. */
static int find_shown(const char *arg, char *ret, size_t size)
{
	static const char *const files[] = { ZENDO_RUNTIME_DEVICES, "config" };
	char path[ZENDO_RUNTIME_PATH_MAX];
	bool denied = false;

	for (size_t i = 0; !is_definition_file(arg) && i < sizeof(files) / sizeof(files[0]); i++) {
		if (zendo_runtime_path(arg, files[i], path) < 0)
			break;
		if (access(path, R_OK) == 0) {
			(void)snprintf(ret, size, "%s", path);
			return EXIT_OK;
		}
		denied |= errno == EACCES;
	}
	if (denied)
		return fail(EXIT_PERMISSION, "the definition of '%s' is for root", arg);
	if (find_definition(arg, ret, size) != 1)
		return fail(EXIT_USAGE, "there is no file '%s'", arg);
	if (strcmp(ret, "-") != 0 && access(ret, F_OK) < 0 && errno == ENOENT && !strchr(arg, '/'))
		return fail(EXIT_NO_DOMAIN, "there is no domain '%s' and no definition %s", arg, ret);
	return EXIT_OK;
}

static int print_config(const struct zendo_config *c)
{
	if (zendo_config_write(stdout, c, false) < 0)
		return fail(EXIT_FAILED, "out of memory");
	if (fflush(stdout) != 0)
		return fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
	return EXIT_OK;
}

static int show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	struct json_object *o;
	char path[PATH_MAX];
	bool json = false;
	int option, r;

	while ((option = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (option == 'j')
			json = true;
		else
			return usage("config");
	if (argc - optind != 1)
		return usage("config");
	r = find_shown(argv[optind], path, sizeof(path));
	if (r == EXIT_OK)
		r = load(path, NULL, &c);
	if (r != EXIT_OK)
		return r;
	if (!json)
		return print_config(c);
	return zendo_config_to_json(c, &o) < 0 ? fail(EXIT_FAILED, "out of memory") : print_json(o);
}

/* ---- convert ----------------------------------------------------------------------------- */

/* It is printed also when more is to be done to it, which is said. */
static int check_converted(const char *text)
{
	_cleanup_(zendo_config_freep) struct zendo_config *c = NULL;
	const struct zendo_config_input in = { .source = "what is printed", .text = text, .len = strlen(text) };
	struct zendo_error e = {};
	int r = zendo_config_parse(&in, 1, &c, &e);

	if (r >= 0)
		r = zendo_runtime_check_actions(c, &e);
	if (r < 0)
		return fail_error(r, &e);
	print_warnings(c);
	return EXIT_OK;
}

static int convert(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL, *converted = NULL;
	struct zendo_config_input in = {};
	struct zendo_error e = {};
	int r = plain_arguments(argc, argv, 1, 1);

	if (r != EXIT_OK)
		return r;
	in.source = strcmp(argv[optind], "-") == 0 ? "standard input" : argv[optind];
	r = zendo_config_read_text(argv[optind], &text, &in.len, &e);
	if (r < 0)
		return fail_error(r, &e);
	in.text = text;
	r = zendo_config_convert(&in, &converted, &e);
	if (r < 0)
		return fail_error(r, &e);
	fputs(converted, stdout);
	if (fflush(stdout) != 0)
		return fail(EXIT_FAILED, "cannot write: %s", strerror(errno));
	return check_converted(converted);
}

int cmd_config(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = {
		{ "check", check },
		{ "show", show },
		{ "convert", convert },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0) {
			argv[1] = argv[0];	/* for messages: the command is "config" */
			return verbs[i].run(argc - 1, argv + 1);
		}
	return usage("config");
}
