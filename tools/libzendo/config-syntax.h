/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The syntax of configuration files, without any knowledge of keys. Private to libzendo.
 *
 *	text    = { setting | newline | ";" }
 *	setting = key ( "=" | "+=" ) value ( newline | ";" | end )
 *	value   = term { ( "+" | "-" ) term }			what they do: config-expr.h
 *	term    = factor { ( "*" | "%" ) factor }
 *	factor  = number | string | list | variable | "(" value { "," value } [ "," ] ")"
 *	list    = "[" [ value { "," value } [ "," ] ] "]"	newlines may be inside of brackets
 *	number  = [ "-" ] ( decimal | "0x" hexadecimal )
 *	string  = '...' | "..."		with \n \t \\ \' \" \xHH and the other escapes of C
 */
#ifndef ZENDO_CONFIG_SYNTAX_H
#define ZENDO_CONFIG_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

enum config_value_kind {
	CONFIG_NUMBER,
	CONFIG_STRING,
	CONFIG_LIST,
	CONFIG_TUPLE,			/* only within an expression: (a, b) behind % */
};

struct config_value {
	enum config_value_kind kind;
	int64_t number;
	char *string;			/* NUL-terminated, no NUL inside, valid UTF-8 */
	size_t len;
	struct config_value *items;
	size_t nr_items;
	bool computed;			/* not what stands at @line:@column alone */
	const char *source;		/* the input's pointer */
	unsigned line, column;
};

struct config_setting {
	const char *key;
	bool append;			/* += */
	const char *source;
	unsigned line, column;		/* of the key */
	struct config_value value;
};

/* Takes what it wants out of @s->value (leaving it zeroed); the rest is released after it returned. */
typedef int (*config_setting_t)(void *userdata, struct config_setting *s, struct zendo_error *e);

/* The value of a variable, a number or a string; NULL: it has none. */
typedef const struct config_value *(*config_variable_t)(void *userdata, const char *name);

/*
 * Read one text, calling @on_setting for each setting in order; its first failure ends it. What variables and expressions make may
 * be as large as a file may be, in all.
 */
int config_syntax_read(const struct zendo_config_input *in, config_setting_t on_setting, config_variable_t on_variable,
		       void *userdata, struct zendo_error *e);

/* Add @from (of the same kind, a string or a list) to the end of @to. @from is left empty. */
int config_value_append(struct config_value *to, struct config_value *from);

void config_value_clear(struct config_value *v);

/* A word for messages: "a number", "a string", "a list", "a tuple". */
const char *config_value_kind_name(enum config_value_kind k);

#endif
