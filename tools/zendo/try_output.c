/* SPDX-License-Identifier: GPL-2.0-only */
#include "try_output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK	128	/* a marking line is shorter */

/* Byte by byte: a console is slow, and what is behind the first line belongs to the next call. */
static bool next_byte(int fd, char *ret)
{
	ssize_t n;

	do
		n = read(fd, ret, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static void put(int to, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(to, bytes, size);

		if (n < 0 && errno != EINTR)
			return;		/* nobody listens; the status still counts */
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
}

/* The line, or as much of it as may be a mark, without its end. *ret_whole: it has ended. False: nothing more comes. */
static bool next_line(int fd, char line[static MARK], size_t *ret_len, bool *ret_whole)
{
	char c;

	for (*ret_len = 0; *ret_len < MARK - 1; line[(*ret_len)++] = c) {
		if (!next_byte(fd, &c)) {
			line[*ret_len] = '\0';
			*ret_whole = false;
			return *ret_len > 0;
		}
		if (c == '\n')
			break;
	}
	line[*ret_len] = '\0';
	*ret_whole = *ret_len < MARK - 1;
	return true;
}

/* The terminal in the guest makes \r\n of a newline as long as nobody tells it otherwise. */
static bool is_mark(const char *line, const char *nonce, const char *what, const char **ret_rest)
{
	char mark[MARK];
	int n = snprintf(mark, sizeof(mark), "zendo-try %s %s", nonce, what);

	*ret_rest = line + n;
	return strncmp(line, mark, (size_t)n) == 0;
}

int try_output_wait(int fd, const char *nonce)
{
	char line[MARK];
	const char *rest;
	bool whole;
	size_t len;

	while (next_line(fd, line, &len, &whole))
		if (whole && is_mark(line, nonce, "begin", &rest))
			return 0;
	return -ENODATA;
}

int try_output_copy(int fd, const char *nonce, int to)
{
	bool whole = true, at_start = true, newline = false;
	char line[MARK];
	const char *rest;
	size_t len;

	while (next_line(fd, line, &len, &whole)) {
		if (at_start && whole && is_mark(line, nonce, "exit ", &rest))
			return atoi(rest) & 255;
		if (newline)
			put(to, "\n", 1);
		put(to, line, len);
		newline = at_start = whole;
	}
	if (newline)
		put(to, "\n", 1);
	return 1;
}
