// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

struct out {
	char *buf;
	size_t size, n;
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->buf[o->n] = c;
	o->n++;
}

static void put_field(struct out *o, const char *s, size_t n, unsigned int width, char pad, bool left)
{
	size_t fill = n < width ? width - n : 0;

	for (; fill && !left; fill--)
		put(o, pad);
	for (; n; n--)
		put(o, *s++);
	for (; fill; fill--)
		put(o, ' ');
}

static size_t digits(char buf[32], uint64_t v, unsigned int base, bool negative)
{
	char tmp[32];
	size_t n = 0, i;

	do {
		tmp[n++] = "0123456789abcdef"[div64(&v, base)];
	} while (v);
	if (negative)
		tmp[n++] = '-';
	for (i = 0; i < n; i++)
		buf[i] = tmp[n - 1 - i];
	return n;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		unsigned int width = 0, longs = 0;
		bool left = false, negative = false;
		char pad = ' ', num[32];
		const char *s;
		uint64_t v;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			if (*fmt == '-')
				left = true;
			else
				pad = '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (unsigned int)(*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;

		switch (*fmt) {
		case 'c':
			num[0] = (char)va_arg(ap, int);
			put_field(&o, num, 1, width, ' ', left);
			break;
		case 's':
			s = va_arg(ap, const char *);
			put_field(&o, s, strlen(s), width, ' ', left);
			break;
		case 'd':
		case 'u':
		case 'x':
		case 'p':
			if (*fmt == 'p')
				v = (uintptr_t)va_arg(ap, void *);
			else if (*fmt == 'd')
				v = (uint64_t)(longs > 1 ? va_arg(ap, long long) :
					       longs ? va_arg(ap, long) : va_arg(ap, int));
			else
				v = longs > 1 ? va_arg(ap, unsigned long long) :
				    longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);
			if (*fmt == 'd' && (int64_t)v < 0) {
				negative = true;
				v = -v;
			}
			put_field(&o, num, digits(num, v, *fmt == 'x' || *fmt == 'p' ? 16 : 10, negative),
				  width, pad, left);
			break;
		case '\0':
			fmt--;
			break;
		default:
			put(&o, *fmt);
		}
	}
	if (size)
		buf[o.n < size ? o.n : size - 1] = '\0';
	return (int)o.n;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int printf(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	console_write(buf, strlen(buf));
	return n;
}
