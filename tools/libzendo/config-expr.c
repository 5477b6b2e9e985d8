/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-expr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WIDTH 99

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

bool config_value_as_number(const struct config_value *v, int64_t *ret)
{
	const char *s = v->string;
	char *end;
	long long n;

	if (v->kind == CONFIG_NUMBER) {
		*ret = v->number;
		return true;
	}
	if (v->kind != CONFIG_STRING || !s[0] || !strchr("0123456789-", s[0]))
		return false;
	errno = 0;
	n = strtoll(s, &end, s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10);
	if (errno || end == s || *end)
		return false;
	*ret = n;
	return true;
}

/* ---- "text" % values ----------------------------------------------------------------- */

struct conversion {
	bool left, zero;	/* flags '-' and '0' */
	unsigned width;
	char kind;		/* 'd', 'x', 'X', 'o', 's' or '%' */
};

/* @p is behind the '%'; returns where it ends, NULL: it is none of these. */
static const char *read_conversion(const char *p, struct conversion *c)
{
	*c = (struct conversion) { .left = false };
	for (; *p == '-' || *p == '0'; p++)
		if (*p == '-')
			c->left = true;
		else
			c->zero = true;
	for (; *p >= '0' && *p <= '9'; p++) {
		c->width = c->width * 10 + (unsigned)(*p - '0');
		if (c->width > MAX_WIDTH)
			return NULL;
	}
	c->kind = *p == 'i' || *p == 'u' ? 'd' : *p;
	return *p && strchr("diuxXos%", *p) ? p + 1 : NULL;
}

/* One value by its conversion: asprintf() with a format that is chosen, never taken from the file. */
static int write_number(FILE *f, const struct conversion *c, int64_t n)
{
	const uint64_t size = n < 0 ? -(uint64_t)n : (uint64_t)n;
	char digits[32];
	int len = snprintf(digits, sizeof(digits), c->kind == 'x' ? "%" PRIx64 : c->kind == 'X' ? "%" PRIX64 :
			   c->kind == 'o' ? "%" PRIo64 : "%" PRIu64, size);
	const int pad = (int)c->width - len - (n < 0);

	for (int i = 0; i < pad && !c->left && !c->zero; i++)
		fputc(' ', f);
	if (n < 0)
		fputc('-', f);
	for (int i = 0; i < pad && !c->left && c->zero; i++)
		fputc('0', f);
	fputs(digits, f);
	for (int i = 0; i < pad && c->left; i++)
		fputc(' ', f);
	return 0;
}

static int write_value(FILE *f, const struct conversion *c, const struct config_value *v, const char **why)
{
	int64_t n;

	if (v->kind == CONFIG_LIST || v->kind == CONFIG_TUPLE)
		return refuse(why, "a list cannot be written into a string");
	if (c->kind != 's') {
		if (!config_value_as_number(v, &n))
			return refuse(why, "%d and its like want a number");
		return write_number(f, c, n);
	}
	if (v->kind == CONFIG_NUMBER)
		return write_number(f, &(struct conversion) { c->left, false, c->width, 'd' }, v->number);
	fprintf(f, c->left ? "%-*s" : "%*s", (int)c->width, v->string);
	return 0;
}

static int write_all(FILE *f, const char *format, const struct config_value *args, size_t nr, const char **why)
{
	struct conversion c;
	size_t used = 0;
	int r;

	for (const char *p = format; *p;) {
		if (*p != '%') {
			fputc(*p++, f);
			continue;
		}
		p = read_conversion(p + 1, &c);
		if (!p)
			return refuse(why, "behind % there may be d, i, u, x, X, o, s or %, with a width up to 99 before it");
		if (c.kind == '%') {
			fputc('%', f);
			continue;
		}
		if (used == nr)
			return refuse(why, "the string has more places than there are values behind %");
		r = write_value(f, &c, &args[used++], why);
		if (r < 0)
			return r;
	}
	return used == nr ? 0 : refuse(why, "there are more values behind % than the string has places");
}

static int format(struct config_value *a, const struct config_value *b, const char **why)
{
	const bool tuple = b->kind == CONFIG_TUPLE;
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	int r;

	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	r = write_all(f, a->string, tuple ? b->items : b, tuple ? b->nr_items : 1, why);
	if (fclose(f) != 0 && r >= 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return r;
	}
	free(a->string);
	a->string = text;
	a->len = size;
	return 0;
}

/* ---- the rest ------------------------------------------------------------------------ */

static int calculate(struct config_value *a, char op, const struct config_value *b, const char **why)
{
	bool over = op == '+' ? __builtin_add_overflow(a->number, b->number, &a->number) :
		    op == '-' ? __builtin_sub_overflow(a->number, b->number, &a->number) :
		    __builtin_mul_overflow(a->number, b->number, &a->number);

	return over ? refuse(why, "the number becomes too large") : 0;
}

int config_expr_apply(struct config_value *a, char op, struct config_value *b, const char **why)
{
	if (op == '%')
		return a->kind == CONFIG_STRING ? format(a, b, why) : refuse(why, "before % there must be a string");
	if (a->kind == CONFIG_NUMBER && b->kind == CONFIG_NUMBER)
		return calculate(a, op, b, why);
	if (op == '+' && a->kind == b->kind && (a->kind == CONFIG_STRING || a->kind == CONFIG_LIST))
		return config_value_append(a, b);
	return refuse(why, op == '+' ? "+ wants two numbers, two strings or two lists; \"...%d\" % number makes a string" :
		      "- and * want two numbers");
}

/* ---- variables ----------------------------------------------------------------------- */

static struct config_variable *find(struct config_variables *vars, const char *name)
{
	for (size_t i = 0; i < vars->nr; i++)
		if (strcmp(vars->v[i].name, name) == 0)
			return &vars->v[i];
	return NULL;
}

static int add(struct config_variables *vars, const struct config_setting *s, struct config_variable **ret, const char **why)
{
	struct config_variable *v = &vars->v[vars->nr];

	if (vars->nr == CONFIG_MAX_VARIABLES)
		return refuse(why, "there are more than 64 names that are no keys");
	*v = (struct config_variable) { .source = s->source, .line = s->line, .column = s->column };
	v->name = strdup(s->key);
	if (!v->name)
		return -ENOMEM;
	vars->nr++;
	*ret = v;
	return 0;
}

int config_variables_set(struct config_variables *vars, struct config_setting *s, bool fixed, const char **why)
{
	struct config_variable *v = find(vars, s->key);
	int r;

	if (s->append || s->value.kind == CONFIG_LIST)
		return refuse(why, "a variable is a number or a string");
	if (v && v->fixed && !fixed)
		return 0;
	if (!v) {
		r = add(vars, s, &v, why);
		if (r < 0)
			return r;
	}
	config_value_clear(&v->value);
	v->value = s->value;
	memset(&s->value, 0, sizeof(s->value));
	v->fixed = fixed;
	return 0;
}

const struct config_value *config_variables_use(struct config_variables *vars, const char *name)
{
	struct config_variable *v = find(vars, name);

	if (!v)
		return NULL;
	v->used = true;
	return &v->value;
}

const struct config_variable *config_variables_unused(const struct config_variables *vars)
{
	for (size_t i = 0; i < vars->nr; i++)
		if (!vars->v[i].used)
			return &vars->v[i];
	return NULL;
}

void config_variables_clear(struct config_variables *vars)
{
	for (size_t i = 0; i < vars->nr; i++) {
		config_value_clear(&vars->v[i].value);
		free(vars->v[i].name);
	}
	vars->nr = 0;
}
