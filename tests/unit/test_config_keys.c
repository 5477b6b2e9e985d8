/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of keys is what docs/xl-compat.md says, and what the reader does. Run from the top of the tree. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config-keys.h"
#include "config.h"

#define PAGE		"docs/xl-compat.md"
#define MAX_KEYS	512

static const char *const words[] = {
	[CONFIG_DONE] = "done",
	[CONFIG_IGNORED] = "no effect",
	[CONFIG_ALWAYS_ON] = "always on",
	[CONFIG_REFUSED] = "refused",
};

/* "| `key` | word | text |" -> its three cells, without the blanks; false for any other line. */
static bool split_row(char *line, char **ret_key, char **ret_word, char **ret_text)
{
	char *key = line + strlen("| `"), *word, *text, *end;

	if (strncmp(line, "| `", 3) != 0)
		return false;
	word = strstr(key, "` | ");
	if (!word)
		return false;
	*word = '\0';
	word += strlen("` | ");
	text = strstr(word, " |");
	if (!text)
		return false;
	*text = '\0';
	text += strlen(" |");
	text += *text == ' ';
	end = text + strlen(text);
	while (end > text && (end[-1] == '\n' || end[-1] == '|' || end[-1] == ' '))
		*--end = '\0';
	*ret_key = key;
	*ret_word = word;
	*ret_text = text;
	return true;
}

static void check_row(const struct config_key *k, const char *word, const char *text)
{
	if (strcmp(word, words[k->kind]) != 0)
		fail_msg(PAGE ": '%s' is '%s' there, '%s' in the code", k->name, word, words[k->kind]);
	if (k->kind != CONFIG_DONE && strcmp(text, k->reason) != 0)
		fail_msg(PAGE ": the reason of '%s' is '%s' there, '%s' in the code", k->name, text, k->reason);
}

static void the_page_has_each_key_once(void **state)
{
	unsigned rows[MAX_KEYS] = {};
	char line[1024], *key, *word, *text;
	FILE *f = fopen(PAGE, "re");
	size_t i;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		const struct config_key *k;

		if (!split_row(line, &key, &word, &text))
			continue;
		k = config_key_find(key);
		if (!k)
			fail_msg(PAGE ": '%s' is not a key in the code", key);
		check_row(k, word, text);
		for (i = 0; config_key_at(i) != k; i++)
			;
		assert_true(i < MAX_KEYS);
		rows[i]++;
	}
	fclose(f);
	for (i = 0; config_key_at(i); i++)
		if (rows[i] != 1)
			fail_msg(PAGE ": '%s' has %u rows", config_key_at(i)->name, rows[i]);
	assert_true(i > 150);
}

static void no_key_stands_there_twice(void **state)
{
	(void)state;
	for (size_t i = 0; config_key_at(i); i++)
		assert_ptr_equal(config_key_find(config_key_at(i)->name), config_key_at(i));
}

/* ---- what the reader does ------------------------------------------------------------- */

static int read_with(const char *key, const char *value, struct zendo_config **ret, struct zendo_error *e)
{
	char text[512];
	struct zendo_config_input in = { .source = "web.cfg", .text = text };

	in.len = (size_t)snprintf(text, sizeof(text), "name = 'web'\nkernel = '/vmlinuz'\nmemory = 64\n%s = %s\n", key, value);
	memset(e, 0, sizeof(*e));
	*ret = NULL;
	return zendo_config_parse(&in, 1, ret, e);
}

static void refuses(const struct config_key *k, const char *value)
{
	struct zendo_config *c;
	struct zendo_error e;

	assert_int_equal(read_with(k->name, value, &c, &e), -EOPNOTSUPP);
	if (!strstr(e.text, k->name) || !strstr(e.text, k->reason))
		fail_msg("'%s' is refused with '%s'", k->name, e.text);
}

static void takes(const struct config_key *k, const char *value, bool warns)
{
	struct zendo_config *c;
	struct zendo_error e;

	if (read_with(k->name, value, &c, &e) != 0)
		fail_msg("'%s = %s' is refused with '%s'", k->name, value, e.text);
	assert_int_equal(c->nr_warnings, warns ? 1 : 0);
	if (warns && (!strstr(c->warnings[0].text, k->name) || !strstr(c->warnings[0].text, k->reason)))
		fail_msg("'%s' is warned about with '%s'", k->name, c->warnings[0].text);
	zendo_config_free(c);
}

static void each_key_does_what_its_row_says(void **state)
{
	const struct config_key *k;

	(void)state;
	for (size_t i = 0; (k = config_key_at(i)); i++) {
		if (k->kind == CONFIG_DONE) {
			assert_true(k->id < KEY_NONE);
			continue;
		}
		if (k->kind == CONFIG_REFUSED)
			refuses(k, "1");
		else
			takes(k, "1", k->kind == CONFIG_IGNORED);
		if (k->kind == CONFIG_ALWAYS_ON)
			refuses(k, "0");
		else
			takes(k, "0", false);
	}
}

/* Each has one id: none of them is read into another's place, none is without a name. */
static void ids_and_names_go_together(void **state)
{
	unsigned seen[KEY_NR] = {};

	(void)state;
	for (size_t i = 0; config_key_at(i); i++)
		if (config_key_at(i)->kind == CONFIG_DONE)
			seen[config_key_at(i)->id]++;
		else
			assert_int_equal(config_key_at(i)->id, KEY_NONE);
	for (size_t i = 0; i < KEY_NR; i++)
		assert_int_equal(seen[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_has_each_key_once),
		cmocka_unit_test(no_key_stands_there_twice),
		cmocka_unit_test(each_key_does_what_its_row_says),
		cmocka_unit_test(ids_and_names_go_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
