/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values made of values: what '+', '-', '*' and '%' of the configuration's expressions do, and the variables in them. All by
 * the rules of Python, whose programs xm's files were. Private to libzendo.
 */
#ifndef ZENDO_CONFIG_EXPR_H
#define ZENDO_CONFIG_EXPR_H

#include <stdbool.h>
#include <stddef.h>

#include "config-syntax.h"

#define CONFIG_MAX_VARIABLES	64

/* *a = *a OP *b, @op one of "+-*%". @b is left empty or as it was. 0; -EINVAL with a sentence in *why; -ENOMEM. */
int config_expr_apply(struct config_value *a, char op, struct config_value *b, const char **why);

/* A number, or a string that is one, decimal or 0x. */
bool config_value_as_number(const struct config_value *v, int64_t *ret);

struct config_variable {
	char *name;
	struct config_value value;		/* a number or a string */
	bool used, fixed;			/* @fixed: a file does not change it */
	const char *source;			/* where it was set first */
	unsigned line, column;
};

struct config_variables {
	struct config_variable v[CONFIG_MAX_VARIABLES];
	size_t nr;
};

/*
 * Set one, to what @s has (its value is taken or not, either is released by the caller). A later setting replaces an earlier
 * one that is not fixed. -EINVAL: a list or too many, said in *why; -ENOMEM.
 */
int config_variables_set(struct config_variables *vars, struct config_setting *s, bool fixed, const char **why);

/* NULL: there is none. It counts as used from now on. */
const struct config_value *config_variables_use(struct config_variables *vars, const char *name);

/* The first that nothing has used, which is a key with a typing error; NULL: none. */
const struct config_variable *config_variables_unused(const struct config_variables *vars);

void config_variables_clear(struct config_variables *vars);

#endif
