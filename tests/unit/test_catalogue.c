/* SPDX-License-Identifier: GPL-2.0-only */
/* The catalogue against the sources: each code that a message ends with is in it, and each of its entries is used. Likewise the page about trouble. */
#include <ftw.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalogue.h"
#include "error.h"

#define CODE_MAX	10000

static unsigned used[CODE_MAX];
static char *sources;		/* all of them, one behind the other */
static FILE *to_sources;
static regex_t pattern;

static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char *line = NULL;
	regmatch_t m[1];
	size_t size = 0;
	FILE *f;

	(void)st;
	(void)ftw;
	if (type != FTW_F || strlen(path) < 2 || strcmp(path + strlen(path) - 2, ".c") != 0)
		return 0;
	f = fopen(path, "r");
	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		assert_true(fputs(line, to_sources) >= 0);
		for (const char *at = line; regexec(&pattern, at, 1, m, 0) == 0; at += m[0].rm_eo) {
			const char *code = at + m[0].rm_so + 1;

			used[atoi(code + 1)]++;
			/* behind it the message ends, or zendo_error_code() would not find it */
			if (at[m[0].rm_eo] != '"')
				fail_msg("%s: what follows [%.5s] in: %s", path, code, line);
			if (at + m[0].rm_so > line && at[m[0].rm_so - 1] != ' ')
				fail_msg("%s: no blank before [%.5s] in: %s", path, code, line);
		}
	}
	free(line);
	fclose(f);
	return 0;
}

static int read_sources(void **state)
{
	static size_t size;

	(void)state;
	to_sources = open_memstream(&sources, &size);
	return !to_sources || regcomp(&pattern, "\\[Z[0-9][0-9][0-9][0-9]\\]", 0) || nftw("tools", look, 16, FTW_PHYS) ||
	       nftw("linux", look, 16, FTW_PHYS) || fclose(to_sources);
}

static int forget(void **state)
{
	(void)state;
	regfree(&pattern);
	free(sources);
	return 0;
}

static void each_code_of_a_message_is_explained(void **state)
{
	char code[16];

	(void)state;
	for (unsigned i = 0; i < CODE_MAX; i++) {
		(void)snprintf(code, sizeof(code), "Z%04u", i);
		if (used[i] && !catalogue_find(code))
			fail_msg("%s is in a message and not in the catalogue", code);
	}
}

static void each_entry_is_of_a_message_and_has_cause_and_remedy(void **state)
{
	const char *before = "";

	(void)state;
	for (const struct catalogue_entry *e = catalogue; e->code; e++) {
		assert_int_equal(strlen(e->code), 5);
		if (strcmp(before, e->code) >= 0)
			fail_msg("%s does not follow %s", e->code, before);
		if (!used[atoi(e->code + 1)])
			fail_msg("%s is in no message", e->code);
		assert_true(*e->what && *e->cause && *e->remedy);
		before = e->code;
	}
}

static void lines_are_as_wide_as_a_terminal(void **state)
{
	(void)state;
	for (const struct catalogue_entry *e = catalogue; e->code; e++) {
		const char *const texts[] = { e->what, e->cause, e->remedy };

		for (size_t i = 0; i < 3; i++)
			for (const char *at = texts[i]; ; at += strcspn(at, "\n") + 1) {
				assert_in_range(strcspn(at, "\n"), 1, 79);
				if (!at[strcspn(at, "\n")])
					break;
			}
	}
}

/* Rows of its tables begin with a message, or with words about what is seen. */
static void the_page_about_trouble_quotes_what_the_sources_say(void **state)
{
	FILE *f = fopen("docs/troubleshooting.md", "r");
	unsigned nr = 0;
	char *line = NULL;
	size_t size = 0;

	(void)state;
	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		if (strncmp(line, "| `", 3) != 0)
			continue;
		assert_non_null(strchr(line + 3, '`'));
		*strchr(line + 3, '`') = '\0';
		if (!strstr(sources, line + 3))
			fail_msg("no source says: %s", line + 3);
		nr++;
	}
	assert_in_range(nr, 30, 1000);
	free(line);
	fclose(f);
}

static void a_code_is_found_however_it_is_written(void **state)
{
	(void)state;
	assert_ptr_equal(catalogue_find("Z0101"), &catalogue[0]);
	assert_ptr_equal(catalogue_find("[z0101]"), &catalogue[0]);
	assert_null(catalogue_find(""));
	assert_null(catalogue_find("["));
	assert_null(catalogue_find("Z"));
	assert_null(catalogue_find("Z01011"));
	assert_null(catalogue_find("Z9999"));
}

static void the_code_of_a_message_is_at_its_end(void **state)
{
	char code[6] = "";

	(void)state;
	assert_string_equal(zendo_error_code("nothing works [Z0123]", code), "Z0123");
	assert_null(zendo_error_code("nothing works [Z0123] at all", code));
	assert_null(zendo_error_code("[Z0123]", code));		/* a code alone is no message */
	assert_null(zendo_error_code("nothing works [Z01234]", code));
	assert_null(zendo_error_code("nothing works [Z01x3]", code));
	assert_null(zendo_error_code("", code));
	assert_null(zendo_error_code("works", code));
	assert_string_equal(code, "Z0123");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_of_a_message_is_explained),
		cmocka_unit_test(each_entry_is_of_a_message_and_has_cause_and_remedy),
		cmocka_unit_test(lines_are_as_wide_as_a_terminal),
		cmocka_unit_test(the_page_about_trouble_quotes_what_the_sources_say),
		cmocka_unit_test(a_code_is_found_however_it_is_written),
		cmocka_unit_test(the_code_of_a_message_is_at_its_end),
	};

	return cmocka_run_group_tests(tests, read_sources, forget);
}
