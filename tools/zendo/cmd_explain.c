/* SPDX-License-Identifier: GPL-2.0-only */
/* explain: what a code in a message means, and what to do. */
#include <stdio.h>

#include <json-c/json.h>

#include "catalogue.h"
#include "cli.h"

static struct json_object *to_json(const struct catalogue_entry *e)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "code", json_object_new_string(e->code));
	(void)json_object_object_add(o, "what", json_object_new_string(e->what));
	(void)json_object_object_add(o, "cause", json_object_new_string(e->cause));
	(void)json_object_object_add(o, "remedy", json_object_new_string(e->remedy));
	return o;
}

static int list_all(bool json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;

	for (const struct catalogue_entry *e = catalogue; e->code; e++)
		if (json)
			(void)json_object_array_add(list, to_json(e));
		else
			printf("%s  %s\n", e->code, e->what);
	return json ? print_json(list) : EXIT_OK;
}

int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	const struct catalogue_entry *e;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) >= 0)
		if (c == 'j')
			json = true;
		else
			return usage(argv[0]);
	if (argc - optind > 1)
		return usage(argv[0]);
	if (optind == argc)
		return list_all(json);
	e = catalogue_find(argv[optind]);
	if (!e)
		return fail(EXIT_FAILED, "there is no code '%s'; 'zendo explain' lists all", argv[optind]);
	if (json)
		return print_json(to_json(e));
	printf("%s: %s\n\n%s\n\nWhat to do:\n%s\n", e->code, e->what, e->cause, e->remedy);
	return EXIT_OK;
}
