/* SPDX-License-Identifier: GPL-2.0-only */
#include "sample_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "state.h"

#define NAME_LEAST	13	/* "  vbd-1-51712" */
#define NAME_MOST	40

static const struct column {
	const char *title;
	int width;
	unsigned going;			/* the highest goes first where there is no room; 0: never */
	int counter;			/* its number per second, or -1 */
} columns[COLUMN_NR] = {
	[COLUMN_NAME]		= { "NAME",	0, 0,  -1 },
	[COLUMN_ID]		= { "ID",	5, 8,  -1 },
	[COLUMN_STATE]		= { "STATE",	6, 3,  -1 },
	[COLUMN_CPU]		= { "CPU%",	6, 0,  -1 },
	[COLUMN_STEAL]		= { "STEAL%",	6, 4,  -1 },
	[COLUMN_MEMORY]		= { "MEM(M)",	7, 1,  -1 },
	[COLUMN_VCPUS]		= { "VCPU",	4, 9,  -1 },
	[COLUMN_EXITS]		= { "EXITS",	6, 2,  SAMPLE_EXITS },
	[COLUMN_CALLS]		= { "CALLS",	6, 7,  SAMPLE_KIND + ZENDO_EXIT_HYPERCALL },
	[COLUMN_RX_BYTES]	= { "RXBYTE",	6, 5,  SAMPLE_RX_BYTES },
	[COLUMN_RX_PACKETS]	= { "RXPKT",	6, 10, SAMPLE_RX_PACKETS },
	[COLUMN_TX_BYTES]	= { "TXBYTE",	6, 5,  SAMPLE_TX_BYTES },
	[COLUMN_TX_PACKETS]	= { "TXPKT",	6, 10, SAMPLE_TX_PACKETS },
	[COLUMN_RD_REQ]		= { "RDREQ",	6, 6,  SAMPLE_RD_REQ },
	[COLUMN_WR_REQ]		= { "WRREQ",	6, 6,  SAMPLE_WR_REQ },
	[COLUMN_RD_SECT]	= { "RDSECT",	6, 11, SAMPLE_RD_SECT },
	[COLUMN_WR_SECT]	= { "WRSECT",	6, 11, SAMPLE_WR_SECT },
};

const char *sample_column_title(unsigned column)
{
	return column < COLUMN_NR ? columns[column].title : NULL;
}

static int width_of(const struct sample_table *t)
{
	int width = t->name_width;

	for (unsigned i = COLUMN_NAME + 1; i < COLUMN_NR; i++)
		if (t->shown[i])
			width += 1 + columns[i].width;
	return width;
}

/* False: there is nothing that may go. */
static bool drop_least(struct sample_table *t)
{
	unsigned most = 0;

	for (unsigned i = 0; i < COLUMN_NR; i++)
		if (t->shown[i] && columns[i].going > most)
			most = columns[i].going;
	for (unsigned i = 0; i < COLUMN_NR && most; i++)
		if (columns[i].going == most)
			t->shown[i] = false;
	return most > 0;
}

void sample_table_fit(struct sample_table *t, const struct sample_rates *r, int width)
{
	int longest = NAME_LEAST;

	for (size_t i = 0; i < r->nr; i++)
		if (!r->rows[i].part && (int)strlen(r->rows[i].domain->name) > longest)
			longest = (int)strlen(r->rows[i].domain->name);
	for (unsigned i = 0; i < COLUMN_NR; i++)
		t->shown[i] = true;
	t->name_width = width > 0 ? NAME_LEAST : longest;
	if (width <= 0)
		return;
	while (width_of(t) > width && drop_least(t))
		;
	t->name_width += width - width_of(t);
	if (t->name_width > longest)
		t->name_width = longest;
	if (t->name_width > NAME_MOST)
		t->name_width = NAME_MOST;
	if (t->name_width < 1)
		t->name_width = 1;
}

/* In five characters or less. */
static void format_number(double v, char *ret, size_t size)
{
	static const char units[] = " kMGTPE";
	unsigned unit = 0;

	while (v >= 999.5 && units[unit + 1]) {
		v /= 1000;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(ret, size, v > 0 && v < 9.95 ? "%.1f" : "%.0f", v);
	else
		(void)snprintf(ret, size, v < 99.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
}

static void format_part_name(const struct sample_rate *r, int width, char *ret, size_t size)
{
	if (r->part->kind != SAMPLE_VCPU)
		(void)snprintf(ret, size, "  %.*s", width > 2 ? width - 2 : 0, r->part->name);
	else if (r->part->cpu >= 0)
		(void)snprintf(ret, size, "  %" PRIu32 " on %" PRId32, r->part->id, r->part->cpu);
	else
		(void)snprintf(ret, size, "  %" PRIu32, r->part->id);
}

/* What only domains have, and vCPUs in part. */
static void format_domain_cell(const struct sample_rate *r, unsigned column, char *ret, size_t size)
{
	const struct sample_domain *d = r->domain;
	char state[7];

	if (column == COLUMN_STATE && r->part) {
		(void)snprintf(ret, size, "%s", r->part->kind == SAMPLE_VCPU ? r->part->state : "");
		return;
	}
	if (r->part)
		return;
	if (column == COLUMN_ID) {
		(void)snprintf(ret, size, "%" PRIu32, d->domid);
	} else if (column == COLUMN_STATE) {
		format_state(d->state, d->shutdown_code, state);
		(void)snprintf(ret, size, "%s", state);
	} else if (column == COLUMN_MEMORY) {
		(void)snprintf(ret, size, "%" PRIu64, (d->memory_kib + 512) / 1024);
	} else if (column == COLUMN_VCPUS) {
		(void)snprintf(ret, size, "%" PRIu32, d->nr_vcpus);
	}
}

static void format_cell(const struct sample_rate *r, unsigned column, char *ret, size_t size)
{
	int counter = columns[column].counter;

	*ret = '\0';
	if (column == COLUMN_CPU && sample_has(r, SAMPLE_CPU_NS))
		(void)snprintf(ret, size, "%.1f", sample_cpu_percent(r));
	else if (column == COLUMN_STEAL && sample_has(r, SAMPLE_STEAL_NS))
		(void)snprintf(ret, size, "%.1f", sample_steal_percent(r));
	else if (counter >= 0 && sample_has(r, (unsigned)counter))
		format_number(r->per_second[counter], ret, size);
	else if (counter < 0)
		format_domain_cell(r, column, ret, size);
	if (!*ret && !r->part)
		(void)snprintf(ret, size, "-");
}

static char *append(char *to, const char *end, const char *text, int width)
{
	int n = snprintf(to, (size_t)(end - to), "%*s", width, text);

	return n < 0 ? to : n >= end - to ? (char *)(uintptr_t)end - 1 : to + n;
}

void sample_table_header(const struct sample_table *t, char ret[static SAMPLE_LINE_MAX])
{
	char *at = append(ret, ret + SAMPLE_LINE_MAX, columns[COLUMN_NAME].title, -t->name_width);

	for (unsigned i = COLUMN_NAME + 1; i < COLUMN_NR; i++)
		if (t->shown[i])
			at = append(append(at, ret + SAMPLE_LINE_MAX, " ", 0), ret + SAMPLE_LINE_MAX, columns[i].title, columns[i].width);
}

void sample_table_row(const struct sample_table *t, const struct sample_rate *r, char ret[static SAMPLE_LINE_MAX])
{
	const char *end = ret + SAMPLE_LINE_MAX;
	char cell[64], *at;

	if (r->part)
		format_part_name(r, t->name_width, cell, sizeof(cell));
	else
		(void)snprintf(cell, sizeof(cell), "%.*s", t->name_width, r->domain->name);
	at = append(ret, end, cell, -t->name_width);
	for (unsigned i = COLUMN_NAME + 1; i < COLUMN_NR; i++)
		if (t->shown[i]) {
			format_cell(r, i, cell, sizeof(cell));
			at = append(append(at, end, " ", 0), end, cell, columns[i].width);
		}
	while (at > ret && at[-1] == ' ')
		*--at = '\0';
}

/* ---- exits -------------------------------------------------------------------------------- */

static unsigned most_frequent(const struct sample_rate *r, const bool *told)
{
	unsigned best = ZENDO_NR_EXIT_KINDS;

	for (unsigned k = 0; k < ZENDO_NR_EXIT_KINDS; k++)
		if (!told[k] && r->per_second[SAMPLE_KIND + k] > 0 &&
		    (best == ZENDO_NR_EXIT_KINDS || r->per_second[SAMPLE_KIND + k] > r->per_second[SAMPLE_KIND + best]))
			best = k;
	return best;
}

void sample_exits_row(const struct sample_rate *r, int width, char ret[static SAMPLE_LINE_MAX])
{
	const size_t most = width > 0 && width < SAMPLE_LINE_MAX ? (size_t)width : SAMPLE_LINE_MAX - 1;
	bool told[ZENDO_NR_EXIT_KINDS] = {};
	char number[16], word[64];
	unsigned k;

	(void)snprintf(ret, SAMPLE_LINE_MAX, "  exits/s:");
	if (!sample_has(r, SAMPLE_KIND)) {
		strcat(ret, " -");
		return;
	}
	while ((k = most_frequent(r, told)) < ZENDO_NR_EXIT_KINDS) {
		format_number(r->per_second[SAMPLE_KIND + k], number, sizeof(number));
		(void)snprintf(word, sizeof(word), "%s %s %s", ret[strlen(ret) - 1] == ':' ? "" : ",", zendo_exit_kind_to_string(k), number);
		told[k] = true;
		if (strlen(ret) + strlen(word) > most)
			return;
		strcat(ret, word);
	}
	if (ret[strlen(ret) - 1] == ':')
		strcat(ret, " none");
}

/* ---- which, and in which order ------------------------------------------------------------ */

bool sample_is_wanted(const struct sample_rate *r, const struct sample_wanted *w)
{
	if (!r->part)
		return true;
	return r->part->kind == SAMPLE_VCPU ? w->vcpus : r->part->kind == SAMPLE_DISK ? w->disks : w->nets;
}

static double value_of(const struct sample_rate *r, enum sample_column column)
{
	switch (column) {
	case COLUMN_ID:
		return r->domain->domid;
	case COLUMN_STATE:
		return r->domain->state & HVPRIV_ST_RUNNING ? 2 : r->domain->state & HVPRIV_ST_BLOCKED ? 1 : 0;
	case COLUMN_CPU:
		return sample_cpu_percent(r);
	case COLUMN_STEAL:
		return sample_steal_percent(r);
	case COLUMN_MEMORY:
		return (double)r->domain->memory_kib;
	case COLUMN_VCPUS:
		return r->domain->nr_vcpus;
	default:
		return columns[column].counter >= 0 ? r->per_second[columns[column].counter] : 0;
	}
}

struct order {
	enum sample_column column;
	bool reverse;
};

struct group {
	const struct sample_rate *rows;
	size_t nr;
};

/* What is equal is in the order of ids, so that nothing dances. */
static int compare_groups(const void *a, const void *b, void *userdata)
{
	const struct sample_rate *x = ((const struct group *)a)->rows, *y = ((const struct group *)b)->rows;
	const struct order *o = userdata;
	double vx = value_of(x, o->column), vy = value_of(y, o->column);
	int r = o->column == COLUMN_NAME ? strcmp(x->domain->name, y->domain->name) : o->column == COLUMN_ID ? (vx > vy) - (vx < vy) :
		(vx < vy) - (vx > vy);

	if (r == 0)
		return (x->domain->domid > y->domain->domid) - (x->domain->domid < y->domain->domid);
	return o->reverse ? -r : r;
}

int sample_sort(struct sample_rates *r, enum sample_column column, bool reverse)
{
	_cleanup_free_ struct group *groups = calloc(r->nr + 1, sizeof(*groups));
	struct sample_rate *sorted = calloc(r->nr + 1, sizeof(*sorted));
	struct order order = { column, reverse };
	size_t nr = 0, at = 0;

	if (!groups || !sorted) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->nr; i++) {
		if (!r->rows[i].part)
			groups[nr++].rows = &r->rows[i];
		groups[nr - 1].nr++;
	}
	qsort_r(groups, nr, sizeof(*groups), compare_groups, &order);
	for (size_t i = 0; i < nr; i++) {
		memcpy(sorted + at, groups[i].rows, groups[i].nr * sizeof(*sorted));
		at += groups[i].nr;
	}
	free(r->rows);
	r->rows = sorted;
	return 0;
}
