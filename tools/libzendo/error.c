/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

__attribute__((format(printf, 5, 0)))
static void fill(struct zendo_error *e, const char *source, unsigned line, unsigned column,
		 const char *format, va_list ap)
{
	(void)snprintf(e->source, sizeof(e->source), "%s", source ? source : "");
	e->line = line;
	e->column = column;
	(void)vsnprintf(e->text, sizeof(e->text), format, ap);
}

int zendo_error(struct zendo_error *e, int r, const char *format, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, format);
		fill(e, NULL, 0, 0, format, ap);
		va_end(ap);
	}
	return r;
}

int zendo_error_at(struct zendo_error *e, int r, const char *source, unsigned line, unsigned column,
		   const char *format, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, format);
		fill(e, source, line, column, format, ap);
		va_end(ap);
	}
	return r;
}

const char *zendo_error_format(const struct zendo_error *e, char *buf, unsigned long size)
{
	if (!e->source[0])
		(void)snprintf(buf, size, "%s", e->text);
	else if (!e->line)
		(void)snprintf(buf, size, "%s: %s", e->source, e->text);
	else
		(void)snprintf(buf, size, "%s:%u:%u: %s", e->source, e->line, e->column, e->text);
	return buf;
}

const char *zendo_error_code(const char *text, char ret[static 6])
{
	const size_t n = strlen(text);
	const char *code = n > 8 ? text + n - 7 : "";

	if (code[0] != '[' || code[1] != 'Z' || strspn(code + 2, "0123456789") != 4 || code[6] != ']')
		return NULL;
	memcpy(ret, code + 1, 5);
	ret[5] = '\0';
	return ret;
}
