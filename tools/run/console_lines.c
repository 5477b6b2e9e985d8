/* SPDX-License-Identifier: GPL-2.0-only */
#include "console_lines.h"

#include <string.h>

/* Where in a terminal sequence (ECMA-48) the next byte is. */
enum {
	TEXT,
	ESCAPE,		/* after ESC */
	CONTROL,	/* ESC [ ... ends with 0x40..0x7e */
	STRING,		/* ESC ] or ESC P ... ends with BEL or ESC \ */
	STRING_ESCAPE,	/* ESC inside of a string */
};

void console_lines_init(struct console_lines *l, void (*emit)(const char *line, void *userdata),
			void *userdata)
{
	*l = (struct console_lines) { .emit = emit, .userdata = userdata };
}

/* Length of the valid, printable UTF-8 sequence at @s, 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t nr;

	if (s[0] < 0x80)
		return 1;
	nr = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || nr > len)
		return 0;
	code = s[0] & (0x7f >> nr);
	for (size_t i = 1; i < nr; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[nr] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	/* C1 controls, and the marks that turn the direction of text around */
	if (code < 0xa0 || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
		return 0;
	return nr;
}

static void emit_line(struct console_lines *l)
{
	char out[CONSOLE_LINE_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < l->len;) {
		size_t nr = utf8_length((unsigned char *)l->line + i, l->len - i);

		if (nr == 0) {
			out[n++] = '?';
			i++;
			continue;
		}
		memcpy(out + n, l->line + i, nr);
		n += nr;
		i += nr;
	}
	while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\t'))
		n--;
	out[n] = '\0';
	l->len = 0;
	if (n > 0)
		l->emit(out, l->userdata);
}

static void feed_text(struct console_lines *l, unsigned char c)
{
	if (c == '\n') {
		l->carriage_return = false;
		emit_line(l);
		return;
	}
	if (c == '\r') {
		l->carriage_return = true;
		return;
	}
	if (c == '\b') {
		l->len -= l->len > 0;
		return;
	}
	if (c == 0x1b) {
		l->state = ESCAPE;
		return;
	}
	if ((c < 0x20 && c != '\t') || c == 0x7f)
		return;
	if (l->carriage_return) {
		/* written over, as a terminal would show it: progress bars leave their last state */
		l->carriage_return = false;
		l->len = 0;
	}
	if (l->len == sizeof(l->line))
		emit_line(l);
	l->line[l->len++] = (char)c;
}

static void feed_byte(struct console_lines *l, unsigned char c)
{
	if (c == '\n' && l->state != TEXT)
		l->state = TEXT;	/* a sequence that was never ended must not swallow the log */

	switch (l->state) {
	case TEXT:
		feed_text(l, c);
		break;
	case ESCAPE:
		l->state = c == '[' ? CONTROL : c == ']' || c == 'P' ? STRING : c < 0x30 ? ESCAPE : TEXT;
		break;
	case CONTROL:
		if (c >= 0x40 && c <= 0x7e)
			l->state = TEXT;
		break;
	case STRING:
		if (c == 0x07)
			l->state = TEXT;
		else if (c == 0x1b)
			l->state = STRING_ESCAPE;
		break;
	case STRING_ESCAPE:
		l->state = c == '\\' ? TEXT : STRING;
		break;
	}
}

void console_lines_feed(struct console_lines *l, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		feed_byte(l, p[i]);
}

enum console_budget_answer console_budget_take(struct console_budget *b, uint64_t now)
{
	if (b->used == 0 || now - b->begin >= CONSOLE_BUDGET_SECONDS * UINT64_C(1000000))
		*b = (struct console_budget) { .begin = now };
	if (b->used > CONSOLE_BUDGET_LINES)
		return CONSOLE_BUDGET_DROP;
	return ++b->used > CONSOLE_BUDGET_LINES ? CONSOLE_BUDGET_SAY_SO : CONSOLE_BUDGET_LOG;
}

void console_lines_flush(struct console_lines *l)
{
	l->state = TEXT;
	emit_line(l);
}
