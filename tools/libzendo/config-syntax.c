/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config-expr.h"
#include "config-syntax.h"

#define MAX_KEY 63

struct parser {
	const struct zendo_config_input *in;
	size_t pos;
	unsigned line, column;		/* of pos, from 1 */
	config_variable_t on_variable;
	void *userdata;
	size_t made;			/* bytes that expressions have made */
	struct zendo_error *e;
};

#define fail(p, ...) \
	zendo_error_at((p)->e, -EINVAL, (p)->in->source, (p)->line, (p)->column, __VA_ARGS__)

static int oom(struct parser *p)
{
	return zendo_error(p->e, -ENOMEM, "out of memory");
}

/* ---- characters ---------------------------------------------------------------------- */

/* The byte @ahead of the position; 0 at the end. NUL bytes were refused before. */
static char peek_at(const struct parser *p, size_t ahead)
{
	return p->in->len - p->pos > ahead ? p->in->text[p->pos + ahead] : '\0';
}

static char peek(const struct parser *p)
{
	return peek_at(p, 0);
}

static void next(struct parser *p)
{
	if (p->pos == p->in->len)
		return;
	if (p->in->text[p->pos++] == '\n') {
		p->line++;
		p->column = 1;
	} else {
		p->column++;
	}
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Spaces and comments; newlines too if @lines. */
static void skip(struct parser *p, bool lines)
{
	for (;;) {
		char c = peek(p);

		if (c == '#')
			while (peek(p) && peek(p) != '\n')
				next(p);
		else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n'))
			next(p);
		else
			return;
	}
}

/* Length of the UTF-8 sequence at @s (RFC 3629), 0 if there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	static const struct { unsigned char mask, lead; uint32_t min; } forms[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};

	for (size_t n = 0; n < 4; n++) {
		uint32_t c = s[0] & (unsigned char)~forms[n].mask;

		if ((s[0] & forms[n].mask) != forms[n].lead)
			continue;
		if (left <= n)
			return 0;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		return c < forms[n].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n + 1;
	}
	return 0;
}

/* No NUL, no other control characters than white space, no broken UTF-8: said with its position. */
static int check_bytes(const struct parser *from)
{
	struct parser p = *from;

	while (p.pos < p.in->len) {
		const unsigned char *s = (const unsigned char *)p.in->text + p.pos;
		size_t n = utf8_sequence(s, p.in->len - p.pos);

		if (n == 0)
			return fail(&p, "byte 0x%02x is not UTF-8 text", *s);
		if ((*s < ' ' && !strchr("\t\n\r", *s)) || *s == 0 || *s == 0x7f)
			return fail(&p, "control character 0x%02x in the text", *s);
		p.pos += n - 1;
		next(&p);
	}
	return 0;
}

/* ---- values -------------------------------------------------------------------------- */

static int parse_number(struct parser *p, struct config_value *v)
{
	const struct parser start = *p;
	bool negative = false, hex = false;
	int64_t n = 0;
	size_t digits = 0;

	if (peek(p) == '-') {
		negative = true;
		next(p);
	}
	if (peek(p) == '0' && (peek_at(p, 1) == 'x' || peek_at(p, 1) == 'X')) {
		hex = true;
		next(p);
		next(p);
	} else if (peek(p) == '0' && is_digit(peek_at(p, 1))) {
		return fail(&start, "a number with a leading zero is ambiguous: write it decimal or with 0x");
	}
	for (;; digits++, next(p)) {
		int d = hex_digit(peek(p));

		if (d < 0 || (!hex && d > 9))
			break;
		if (__builtin_mul_overflow(n, hex ? 16 : 10, &n) ||
		    __builtin_add_overflow(n, d, &n))
			return fail(&start, "number too large");
	}
	if (digits == 0)
		return fail(&start, "digits expected");
	if (is_alpha(peek(p)) || is_digit(peek(p)) || peek(p) == '.')
		return fail(p, "unexpected '%c' in a number", peek(p));
	v->kind = CONFIG_NUMBER;
	v->number = negative ? -n : n;
	return 0;
}

/* After the backslash. \x and octal make ASCII only, so a string stays valid UTF-8. */
static int parse_escape(struct parser *p, char *ret)
{
	static const char names[] = "abfnrtve", values[] = "\a\b\f\n\r\t\v\033";
	const char c = peek(p), *known = c ? strchr(names, c) : NULL;
	int value = 0;

	if (c && strchr("\\\'\"", c)) {
		*ret = c;
	} else if (known) {
		*ret = values[known - names];
	} else if (c == 'x') {
		if (hex_digit(peek_at(p, 1)) < 0 || hex_digit(peek_at(p, 2)) < 0)
			return fail(p, "\\x wants two hexadecimal digits");
		value = hex_digit(peek_at(p, 1)) * 16 + hex_digit(peek_at(p, 2));
	} else if (is_digit(c)) {
		for (size_t i = 0; i < 3; i++) {
			if (peek_at(p, i) < '0' || peek_at(p, i) > '7')
				return fail(p, "\\ and a digit wants three octal digits");
			value = value * 8 + peek_at(p, i) - '0';
		}
	} else {
		return fail(p, "unknown escape: write \\\\ for a backslash");
	}
	if (c == 'x' || is_digit(c)) {
		if (value == 0 || value > 0x7f)
			return fail(p, "escape is outside of 0x01 to 0x7f");
		*ret = (char)value;
		next(p);
		next(p);
	}
	next(p);
	return 0;
}

static int parse_string(struct parser *p, struct config_value *v)
{
	const struct parser start = *p;
	const char quote = peek(p);
	size_t room = 1;
	char *out;
	int r;

	/* What is between the quotes never grows by unquoting. */
	for (size_t i = 1; peek_at(p, i) && peek_at(p, i) != '\n'; i++, room++)
		if (peek_at(p, i) == '\\' && peek_at(p, i + 1))
			i++, room++;
		else if (peek_at(p, i) == quote)
			break;
	v->kind = CONFIG_STRING;
	out = v->string = malloc(room + 1);
	if (!out)
		return oom(p);

	next(p);
	while (peek(p) != quote) {
		if (!peek(p) || peek(p) == '\n')
			return fail(&start, "string is not closed: %c expected before the end of the line", quote);
		if (peek(p) != '\\') {
			*out++ = peek(p);
			next(p);
			continue;
		}
		next(p);
		r = parse_escape(p, out++);
		if (r < 0)
			return r;
	}
	next(p);
	*out = '\0';
	v->len = (size_t)(out - v->string);
	return 0;
}

static int add_item(struct parser *p, struct config_value *list, struct config_value **ret)
{
	struct config_value *items;

	/* Room grows by doubling: at each power of two. */
	if ((list->nr_items & (list->nr_items - 1)) == 0) {
		items = reallocarray(list->items, list->nr_items ? list->nr_items * 2 : 1, sizeof(*items));
		if (!items)
			return oom(p);
		list->items = items;
	}
	*ret = &list->items[list->nr_items++];
	memset(*ret, 0, sizeof(**ret));
	return 0;
}

static int parse_value(struct parser *p, unsigned depth, struct config_value *v);

/* The values of [list] or (tuple), whose first character is next. *ret_comma: one ended with a comma. */
static int parse_items(struct parser *p, unsigned depth, char close, struct config_value *v, bool *ret_comma)
{
	const char *what = close == ']' ? "list" : "parenthesis";
	const struct parser start = *p;
	struct config_value *item = NULL;
	int r;

	*ret_comma = false;
	if (depth >= ZENDO_CONFIG_MAX_NESTING)
		return fail(p, "lists are nested more than %d deep", ZENDO_CONFIG_MAX_NESTING);
	for (next(p), skip(p, true); peek(p) != close; skip(p, true)) {
		if (!peek(p))
			return fail(&start, "%s is not closed: %c expected", what, close);
		r = add_item(p, v, &item);
		if (r < 0)
			return r;
		r = parse_value(p, depth + 1, item);
		if (r < 0)
			return r;
		skip(p, true);
		if (peek(p) == ',') {
			*ret_comma = true;
			next(p);
		} else if (peek(p) && peek(p) != close) {
			return fail(p, "expected , or %c in a %s", close, what);
		}
	}
	next(p);
	return 0;
}

static int parse_list(struct parser *p, unsigned depth, struct config_value *v)
{
	bool comma;

	v->kind = CONFIG_LIST;
	return parse_items(p, depth, ']', v, &comma);
}

/* As Python has it: (7) is a number, (7,) and () are tuples. */
static int parse_parenthesis(struct parser *p, unsigned depth, struct config_value *v)
{
	struct config_value only;
	bool comma;
	int r;

	v->kind = CONFIG_TUPLE;
	r = parse_items(p, depth, ')', v, &comma);
	if (r < 0 || comma || v->nr_items == 0)
		return r;
	only = v->items[0];
	free(v->items);
	*v = only;
	v->computed = true;
	return 0;
}

/* ---- expressions --------------------------------------------------------------------- */

/* However often a variable is put in, and whatever is doubled: it comes to an end. */
static int account(struct parser *p, const struct parser *at, const struct config_value *v)
{
	p->made += v->len;
	return p->made > ZENDO_CONFIG_MAX_BYTES ?
		fail(at, "what the expressions make is larger than %d KiB", ZENDO_CONFIG_MAX_BYTES / 1024) : 0;
}

static int parse_key(struct parser *p, char key[static MAX_KEY + 1]);

static int parse_variable(struct parser *p, struct config_value *v)
{
	const struct parser start = *p;
	const struct config_value *from;
	char name[MAX_KEY + 1];
	int r;

	r = parse_key(p, name);
	if (r < 0)
		return r;
	from = p->on_variable(p->userdata, name);
	if (!from)
		return fail(&start, "'%s' has no value: a string needs quotes, a variable %s=VALUE behind the file's name", name, name);
	v->kind = from->kind;
	v->number = from->number;
	v->len = from->len;
	if (from->kind == CONFIG_STRING) {
		v->string = strdup(from->string);
		if (!v->string)
			return oom(p);
	}
	return account(p, &start, v);
}

static int parse_factor(struct parser *p, unsigned depth, struct config_value *v)
{
	const char c = peek(p);

	v->source = p->in->source;
	v->line = p->line;
	v->column = p->column;
	v->computed = c == '(' || is_alpha(c);
	if (c == '\'' || c == '"')
		return parse_string(p, v);
	if (c == '[')
		return parse_list(p, depth, v);
	if (c == '(')
		return parse_parenthesis(p, depth, v);
	if (is_digit(c) || c == '-')
		return parse_number(p, v);
	if (is_alpha(c))
		return parse_variable(p, v);
	if (c == '/')
		return fail(p, "expected a value: a string needs quotes");
	return fail(p, "expected a value: a number, a quoted string, a [list] or a variable");
}

static int parse_operation(struct parser *p, unsigned depth, struct config_value *v, bool sum);

/* @v is the left side, and becomes the result. @p is at the operator. */
static int parse_right_side(struct parser *p, unsigned depth, struct config_value *v, bool sum)
{
	_cleanup_(config_value_clear) struct config_value right = { .number = 0 };
	const struct parser start = *p;
	const char op = peek(p), *why;
	int r;

	next(p);
	skip(p, depth > 0);
	r = sum ? parse_operation(p, depth, &right, false) : parse_factor(p, depth, &right);
	if (r < 0)
		return r;
	r = config_expr_apply(v, op, &right, &why);
	if (r == -EINVAL)
		return fail(&start, "%s", why);
	if (r < 0)
		return oom(p);
	v->computed = true;
	return account(p, &start, v);
}

/* A sum of products, or a product of factors. Within brackets an operator may be on the next line. */
static int parse_operation(struct parser *p, unsigned depth, struct config_value *v, bool sum)
{
	const char *operators = sum ? "+-" : "*%";
	int r = sum ? parse_operation(p, depth, v, false) : parse_factor(p, depth, v);

	while (r >= 0) {
		skip(p, depth > 0);
		if (!peek(p) || !strchr(operators, peek(p)))
			return 0;
		r = parse_right_side(p, depth, v, sum);
	}
	return r;
}

static int parse_value(struct parser *p, unsigned depth, struct config_value *v)
{
	const struct parser start = *p;
	int r = parse_operation(p, depth, v, true);

	if (r >= 0 && v->kind == CONFIG_TUPLE)
		return fail(&start, "(a, b) is only for what stands behind %%");
	return r;
}

/* A bare value is everything up to the end, without the white space around. */
static int parse_bare(struct parser *p, struct config_value *v)
{
	size_t len = p->in->len - p->pos;
	const char *s = p->in->text + p->pos;

	while (len > 0 && strchr(" \t\r\n", s[len - 1]))
		len--;
	v->source = p->in->source;
	v->line = p->line;
	v->column = p->column;
	v->kind = CONFIG_STRING;
	v->len = len;
	v->string = strndup(s, len);
	if (!v->string)
		return oom(p);
	while (peek(p))
		next(p);
	return 0;
}

/* ---- settings ------------------------------------------------------------------------ */

static int parse_key(struct parser *p, char key[static MAX_KEY + 1])
{
	const struct parser start = *p;
	size_t n = 0;

	if (!is_alpha(peek(p)))
		return fail(p, "expected key = value");
	while (is_alpha(peek(p)) || is_digit(peek(p))) {
		if (n == MAX_KEY)
			return fail(&start, "key is longer than %d characters", MAX_KEY);
		key[n++] = peek(p);
		next(p);
	}
	key[n] = '\0';
	return 0;
}

static int parse_setting(struct parser *p, char key[static MAX_KEY + 1], struct config_setting *s)
{
	int r;

	s->key = key;
	s->source = p->in->source;
	s->line = p->line;
	s->column = p->column;
	r = parse_key(p, key);
	if (r < 0)
		return r;
	skip(p, false);
	if (peek(p) == '+' && peek_at(p, 1) == '=') {
		s->append = true;
		next(p);
	}
	if (peek(p) != '=')
		return fail(p, "expected = after '%s'", key);
	next(p);
	skip(p, false);
	if (p->in->bare && (!peek(p) || !strchr("'\"[", peek(p))))
		return parse_bare(p, &s->value);
	return parse_value(p, 0, &s->value);
}

static int parse_end_of_setting(struct parser *p)
{
	skip(p, false);
	switch (peek(p)) {
	case '\0':
		return 0;
	case '\n':
	case ';':
		next(p);
		return 0;
	case '(':
	case '.':
	case '[':
		return fail(p, "of Python's expressions there are only + - * and %%");
	default:
		return fail(p, "expected a new line or ; after the value");
	}
}

int config_syntax_read(const struct zendo_config_input *in, config_setting_t on_setting, config_variable_t on_variable,
		       void *userdata, struct zendo_error *e)
{
	struct parser p = { .in = in, .line = 1, .column = 1, .on_variable = on_variable, .userdata = userdata, .e = e };
	int r;

	r = check_bytes(&p);
	if (r < 0)
		return r;
	for (;;) {
		_cleanup_(config_value_clear) struct config_value unused = { .number = 0 };
		struct config_setting s = { .append = false };
		char key[MAX_KEY + 1];

		skip(&p, true);
		if (peek(&p) == ';') {
			next(&p);
			continue;
		}
		if (!peek(&p))
			return 0;
		r = parse_setting(&p, key, &s);
		if (r >= 0)
			r = parse_end_of_setting(&p);
		if (r >= 0)
			r = on_setting(userdata, &s, e);
		unused = s.value;
		if (r < 0)
			return r;
	}
}

/* ---- what values are good for -------------------------------------------------------- */

static int append_string(struct config_value *to, const struct config_value *from)
{
	char *s = realloc(to->string, to->len + from->len + 1);

	if (!s)
		return -ENOMEM;
	memcpy(s + to->len, from->string, from->len + 1);
	to->string = s;
	to->len += from->len;
	return 0;
}

static int append_list(struct config_value *to, struct config_value *from)
{
	struct parser none = { .e = NULL };
	struct config_value *item = NULL;

	for (size_t i = 0; i < from->nr_items; i++) {
		if (add_item(&none, to, &item) < 0)
			return -ENOMEM;
		*item = from->items[i];
		memset(&from->items[i], 0, sizeof(from->items[i]));
	}
	return 0;
}

int config_value_append(struct config_value *to, struct config_value *from)
{
	int r = to->kind == CONFIG_STRING ? append_string(to, from) : append_list(to, from);

	config_value_clear(from);
	return r;
}

void config_value_clear(struct config_value *v)
{
	for (size_t i = 0; i < v->nr_items; i++)
		config_value_clear(&v->items[i]);
	free(v->items);
	free(v->string);
	memset(v, 0, sizeof(*v));
}

const char *config_value_kind_name(enum config_value_kind k)
{
	static const char *const names[] = {
		[CONFIG_NUMBER] = "a number", [CONFIG_STRING] = "a string", [CONFIG_LIST] = "a list",
		[CONFIG_TUPLE] = "a tuple",
	};

	return names[k];
}
