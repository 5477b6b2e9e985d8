// SPDX-License-Identifier: GPL-2.0-only
#include "lib/lib.h"

struct out {
	char *buf;
	size_t size, len;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len++] = c;
}

static void put_number(struct out *o, uint64_t v, unsigned int base, bool negative, int width, char pad)
{
	char tmp[24];
	int n = 0;

	do {
		tmp[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative && pad == '0') {	/* the sign stands before zeroes, after blanks */
		put(o, '-');
		width--;
	} else if (negative) {
		tmp[n++] = '-';
	}
	for (int i = n; i < width; i++)
		put(o, pad);
	while (n)
		put(o, tmp[--n]);
}

static void put_string(struct out *o, const char *s, int width)
{
	size_t len;

	if (!s)
		s = "(null)";
	len = strlen(s);
	for (size_t i = 0; i < len; i++)
		put(o, s[i]);
	for (int i = (int)len; i < width; i++)
		put(o, ' ');
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		int width = 0, longs = 0;
		char pad = ' ';
		int64_t sv;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '-')
			fmt++;
		if (*fmt == '0') {
			pad = '0';
			fmt++;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		switch (*fmt) {
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case 's':
			put_string(&o, va_arg(ap, const char *), width);
			break;
		case 'd':
			sv = longs ? va_arg(ap, long) : va_arg(ap, int);
			put_number(&o, sv < 0 ? -(uint64_t)sv : (uint64_t)sv, 10, sv < 0, width, pad);
			break;
		case 'u':
			put_number(&o, longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int), 10, false, width, pad);
			break;
		case 'x':
			put_number(&o, longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int), 16, false, width, pad);
			break;
		case 'p':
			put_number(&o, (uint64_t)va_arg(ap, void *), 16, false, 16, '0');
			break;
		case '%':
			put(&o, '%');
			break;
		case '\0':
			fmt--;	/* a lone % at the end: stop at the terminator */
			break;
		default:
			put(&o, '?');
		}
	}
	if (size)
		buf[o.len] = '\0';
	return (int)o.len;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = hv_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
