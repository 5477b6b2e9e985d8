/* SPDX-License-Identifier: GPL-2.0-only */
/* Rates as lines of text: one table of columns for stat and top. */
#ifndef ZENDO_SAMPLE_TABLE_H
#define ZENDO_SAMPLE_TABLE_H

#include "sample.h"

enum sample_column {
	COLUMN_NAME, COLUMN_ID, COLUMN_STATE, COLUMN_CPU, COLUMN_STEAL, COLUMN_MEMORY, COLUMN_VCPUS, COLUMN_EXITS, COLUMN_CALLS,
	COLUMN_RX_BYTES, COLUMN_RX_PACKETS, COLUMN_TX_BYTES, COLUMN_TX_PACKETS,
	COLUMN_RD_REQ, COLUMN_WR_REQ, COLUMN_RD_SECT, COLUMN_WR_SECT,
	COLUMN_NR
};

/* What is shown besides domains. */
struct sample_wanted {
	bool vcpus, disks, nets, exits;
};

struct sample_table {
	bool shown[COLUMN_NR];
	int name_width;
};

#define SAMPLE_LINE_MAX	512

/* "CPU%": also what the column is called in messages. NULL: none has this number. */
const char *sample_column_title(unsigned column);

/* As many columns as fit into @width, less important ones first to go; 0: all. */
void sample_table_fit(struct sample_table *t, const struct sample_rates *r, int width);

void sample_table_header(const struct sample_table *t, char ret[static SAMPLE_LINE_MAX]);
void sample_table_row(const struct sample_table *t, const struct sample_rate *r, char ret[static SAMPLE_LINE_MAX]);

/* "exits/s: hypercall 12, hlt 3": the most frequent first, as many as fit into @width (0: all). */
void sample_exits_row(const struct sample_rate *r, int width, char ret[static SAMPLE_LINE_MAX]);

bool sample_is_wanted(const struct sample_rate *r, const struct sample_wanted *w);

/* Domains in the order of a column, numbers from the greatest on, each followed by its parts as they were. -ENOMEM */
int sample_sort(struct sample_rates *r, enum sample_column column, bool reverse);

#endif
