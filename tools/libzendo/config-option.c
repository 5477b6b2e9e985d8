/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool option_number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > (UINT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	if (n > max)
		return false;
	*ret = n;
	return true;
}

char *option_trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n > 0 && strchr(" \t", s[n - 1]); n--)
		;
	s[n] = '\0';
	return s;
}

int option_string(char **to, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

bool option_is_script(const char *s)
{
	return *s && (*s == '/' || !strchr(s, '/')) && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* The last two colons: a file's name may have some, too. */
int option_place(const char *s, struct zendo_error *ret)
{
	const char *column = strrchr(s, ':'), *line = NULL;
	uint64_t l, c;
	char number[16];

	for (const char *p = s; column && p < column; p++)
		if (*p == ':')
			line = p;
	if (!line || (size_t)(column - line) > sizeof(number) || (size_t)(line - s) >= sizeof(ret->source))
		return -EINVAL;
	(void)snprintf(number, sizeof(number), "%.*s", (int)(column - line - 1), line + 1);
	if (!option_number(number, UINT32_MAX, &l) || !option_number(column + 1, UINT32_MAX, &c))
		return -EINVAL;
	(void)snprintf(ret->source, sizeof(ret->source), "%.*s", (int)(line - s), s);
	ret->line = (unsigned)l;
	ret->column = (unsigned)c;
	ret->text[0] = '\0';
	return 0;
}
