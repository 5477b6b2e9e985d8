/* SPDX-License-Identifier: GPL-2.0-only */
/* What top shows and what its keys do, without a terminal. */
#ifndef ZENDO_TOP_H
#define ZENDO_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "sample_table.h"

struct top {
	struct sample_wanted wanted;
	enum sample_column sort;
	bool reverse, help;
	size_t scroll;			/* lines of the table that are above the screen */
	int page;			/* lines of the table on the screen, as of the last frame */
	uint64_t interval_ns;
	bool asking;			/* the new interval is being typed */
	char typed[16];
	char message[80];
};

/* Keys that are no characters. */
enum { TOP_UP = 0x10000, TOP_DOWN, TOP_PAGE_UP, TOP_PAGE_DOWN, TOP_HOME, TOP_END, TOP_BACKSPACE };

enum top_action {
	TOP_REDRAW,
	TOP_SAMPLE,			/* now, not at the end of the interval; the interval may be another one */
	TOP_QUIT,
};
enum top_action top_key(struct top *t, int key);

/* What is told of everything together, in two lines. */
struct top_host {
	struct zendo_host host;
	char clock[16];
};
void top_summary(const struct sample_rates *r, const struct top_host *h, char ret[2][SAMPLE_LINE_MAX]);

/*
 * One frame of @height lines of @width columns; @put gets each line once, from above. @sorted: where the title of the
 * column that is sorted by begins in it, or NULL.
 */
enum top_style { TOP_PLAIN, TOP_HEADER, TOP_DOMAIN, TOP_MESSAGE };
typedef void (*top_put_t)(int y, const char *line, enum top_style style, const char *sorted, void *userdata);
void top_frame(struct top *t, const struct sample_rates *r, const struct top_host *h, int width, int height, top_put_t put, void *userdata);

/* The column of this title, in any case. False: there is none. */
bool top_find_column(const char *title, enum sample_column *ret);

#endif
