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
#include <stdint.h>

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

/*
 * How many lines a log takes: CONSOLE_BUDGET_LINES in CONSOLE_BUDGET_SECONDS, below what journald would take of the unit in all
 * (RateLimitBurst=), so that a guest which prints without end does not push out what the runner itself has to say.
 */
#define CONSOLE_BUDGET_LINES	2000
#define CONSOLE_BUDGET_SECONDS	10

struct console_budget {
	uint64_t begin;			/* of the current span of time, in us */
	unsigned used;
};

enum console_budget_answer {
	CONSOLE_BUDGET_LOG,
	CONSOLE_BUDGET_SAY_SO,		/* not this one and the next; the first of them */
	CONSOLE_BUDGET_DROP,
};

/* For a line at @now, in us of a clock that does not go back. */
enum console_budget_answer console_budget_take(struct console_budget *b, uint64_t now);

void console_lines_init(struct console_lines *l, void (*emit)(const char *line, void *userdata),
			void *userdata);

/* emit() is called for each line that is complete; empty ones are left out. */
void console_lines_feed(struct console_lines *l, const void *data, size_t len);

/* The unfinished line too, if there is one. */
void console_lines_flush(struct console_lines *l);

#endif
