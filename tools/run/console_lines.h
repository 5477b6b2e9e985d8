/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Console bytes to lines of text that are safe in a log: valid UTF-8, no control characters, no
 * terminal sequences, of bounded length. What a guest sends is foreign: it reaches the journal and
 * from there other people's terminals.
 */
#ifndef RUN_CONSOLE_LINES_H
#define RUN_CONSOLE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_LINE_MAX	512	/* bytes; longer ones are cut into pieces */

struct console_lines {
	void (*emit)(const char *line, void *userdata);
	void *userdata;
	/* private: */
	int state;
	bool carriage_return;
	size_t len;
	char line[CONSOLE_LINE_MAX];
};

void console_lines_init(struct console_lines *l, void (*emit)(const char *line, void *userdata),
			void *userdata);

/* emit() is called for each line that is complete; empty ones are left out. */
void console_lines_feed(struct console_lines *l, const void *data, size_t len);

/* The unfinished line too, if there is one. */
void console_lines_flush(struct console_lines *l);

#endif
