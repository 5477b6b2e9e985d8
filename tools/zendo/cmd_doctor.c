/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>

#include <json-c/json.h>

#include "cli.h"
#include "doctor.h"

static const char *const verdicts[] = {
	[DOCTOR_OK] = "OK",
	[DOCTOR_WARN] = "WARN",
	[DOCTOR_FAIL] = "FAIL",
};

void found(struct finding *f, enum verdict v, const char *remedy, const char *format, ...)
{
	va_list ap;

	f->verdict = v;
	f->remedy = remedy;
	va_start(ap, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
}

static void print_finding(const struct check *c, const struct finding *f)
{
	printf("%-4s  %-18s  %s\n", verdicts[f->verdict], c->name, f->text);
	if (f->remedy)
		printf("%-4s  %-18s  remedy: %s\n", "", "", f->remedy);
}

static struct json_object *to_json(const struct check *c, const struct finding *f)
{
	struct json_object *o = json_object_new_object();
	char code[6];

	(void)json_object_object_add(o, "check", json_object_new_string(c->name));
	(void)json_object_object_add(o, "verdict", json_object_new_string(verdicts[f->verdict]));
	(void)json_object_object_add(o, "text", json_object_new_string(f->text));
	if (zendo_error_code(f->text, code))
		(void)json_object_object_add(o, "code", json_object_new_string(code));
	if (f->remedy)
		(void)json_object_object_add(o, "remedy", json_object_new_string(f->remedy));
	return o;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "kernel", required_argument, NULL, 'k' },
		{}
	};
	const struct check *checks = doctor_checks;
	struct json_object *list = NULL;
	int c, status = EXIT_OK;
	bool json = false;

	while ((c = getopt_long(argc, argv, "jk:", options, NULL)) >= 0)
		if (c == 'j')
			json = true;
		else if (c == 'k' && doctor_set_kernel(optarg))
			checks = doctor_kernel_checks;
		else if (c == 'k')
			return fail(EXIT_USAGE, "doctor: '%s' is no version of a kernel", optarg);
		else
			return usage(argv[0]);
	if (optind != argc)
		return usage(argv[0]);
	if (json)
		list = json_object_new_array();
	for (const struct check *k = checks; k->name; k++) {
		struct finding f = { .verdict = DOCTOR_OK };

		k->run(&f);
		if (f.verdict == DOCTOR_FAIL)
			status = EXIT_FAILED;
		if (json)
			(void)json_object_array_add(list, to_json(k, &f));
		else
			print_finding(k, &f);
	}
	if (json)
		(void)print_json(list);
	return status;
}
