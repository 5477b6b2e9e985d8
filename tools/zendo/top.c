/* SPDX-License-Identifier: GPL-2.0-only */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "stat.h"

#define HEADER_LINES	4	/* two of the summary, one for messages, the table's header */
#define ESCAPE		27

/* ---- keys --------------------------------------------------------------------------------- */

static void say(struct top *t, const char *format, const char *what)
{
	(void)snprintf(t->message, sizeof(t->message), format, what);
}

static enum top_action type(struct top *t, int key)
{
	size_t n = strlen(t->typed);

	if (key == ESCAPE) {
		t->asking = false;
	} else if (key == TOP_BACKSPACE || key == 127 || key == 8) {
		t->typed[n > 0 ? n - 1 : 0] = '\0';
	} else if (key == '\n' || key == '\r') {
		t->asking = false;
		if (!*t->typed)
			return TOP_REDRAW;
		if (stat_parse_seconds(t->typed, &t->interval_ns))
			return TOP_SAMPLE;
		say(t, "'%s' is not a time in seconds, of " STAT_SECONDS_TEXT, t->typed);
	} else if (key < 127 && (key == '.' || (key >= '0' && key <= '9')) && n + 1 < sizeof(t->typed)) {
		t->typed[n] = (char)key;
		t->typed[n + 1] = '\0';
	}
	return TOP_REDRAW;
}

static void sort_by(struct top *t, enum sample_column column)
{
	t->reverse = t->sort == column && !t->reverse;
	t->sort = column;
	t->scroll = 0;
}

static void scroll(struct top *t, long by)
{
	size_t most = SIZE_MAX / 4;	/* what is too far is put right by the next frame, which knows how many lines there are */

	if (by < 0 && t->scroll < (size_t)-by)
		t->scroll = 0;
	else if (t->scroll < most)
		t->scroll += (size_t)by;
}

static bool move_key(struct top *t, int key)
{
	long page = t->page > 1 ? t->page - 1 : 1;

	switch (key) {
	case TOP_UP: case 'k':		scroll(t, -1); return true;
	case TOP_DOWN: case 'j':	scroll(t, 1); return true;
	case TOP_PAGE_UP:		scroll(t, -page); return true;
	case TOP_PAGE_DOWN:		scroll(t, page); return true;
	case TOP_HOME:			t->scroll = 0; return true;
	case TOP_END:			t->scroll = SIZE_MAX / 4; return true;
	}
	return false;
}

static void change_key(struct top *t, int key)
{
	switch (key) {
	case 'v': case 'V': t->wanted.vcpus = !t->wanted.vcpus; break;
	case 'n': case 'N': t->wanted.nets = !t->wanted.nets; break;
	case 'b': case 'B': t->wanted.disks = !t->wanted.disks; break;
	case 'e': case 'E': t->wanted.exits = !t->wanted.exits; break;
	case 's': case 'S': case '>': sort_by(t, (t->sort + 1) % COLUMN_NR); t->reverse = false; break;
	case '<': sort_by(t, (t->sort + COLUMN_NR - 1) % COLUMN_NR); t->reverse = false; break;
	case 'r': case 'R': t->reverse = !t->reverse; break;
	case 'c': case 'P': sort_by(t, COLUMN_CPU); break;
	case 'm': case 'M': sort_by(t, COLUMN_MEMORY); break;
	case 'i': sort_by(t, COLUMN_ID); break;
	case 'a': sort_by(t, COLUMN_NAME); break;
	case 'd': case 'D': t->asking = true; t->typed[0] = '\0'; break;
	default: say(t, "%s", "no such key; 'h' tells which there are"); break;
	}
}

enum top_action top_key(struct top *t, int key)
{
	t->message[0] = '\0';
	if (t->asking)
		return type(t, key);
	if (key == 'q' || key == 'Q' || (key == ESCAPE && !t->help))
		return TOP_QUIT;
	if (t->help || key == 'h' || key == 'H' || key == '?') {
		t->help = !t->help;
		return TOP_REDRAW;
	}
	if (key == ' ' || key == '\n' || key == '\r')
		return TOP_SAMPLE;
	if (!move_key(t, key))
		change_key(t, key);
	return TOP_REDRAW;
}

bool top_find_column(const char *title, enum sample_column *ret)
{
	for (unsigned i = 0; i < COLUMN_NR; i++)
		if (strcasecmp(sample_column_title(i), title) == 0) {
			*ret = (enum sample_column)i;
			return true;
		}
	return false;
}

/* ---- the frame ---------------------------------------------------------------------------- */

void top_summary(const struct sample_rates *r, const struct top_host *h, char ret[2][SAMPLE_LINE_MAX])
{
	unsigned nr = 0, running = 0, blocked = 0, paused = 0, ended = 0;
	double guests = 0, dom0 = 0;
	uint64_t kib = 0;

	for (size_t i = 0; i < r->nr; i++) {
		const struct sample_domain *d = r->rows[i].domain;

		if (r->rows[i].part)
			continue;
		if (d->domid == 0) {
			dom0 += sample_cpu_percent(&r->rows[i]);
			continue;
		}
		nr++;
		guests += sample_cpu_percent(&r->rows[i]);
		kib += d->memory_kib;
		if (d->state & (HVPRIV_ST_SHUTDOWN | HVPRIV_ST_CRASHED | HVPRIV_ST_DYING))
			ended++;
		else if (d->state & HVPRIV_ST_PAUSED)
			paused++;
		else if (d->state & HVPRIV_ST_RUNNING)
			running++;
		else if (d->state & HVPRIV_ST_BLOCKED)
			blocked++;
	}
	(void)snprintf(ret[0], SAMPLE_LINE_MAX, "zendo top - %s  %u domain%s: %u running, %u blocked, %u paused, %u ended", h->clock, nr,
		       nr == 1 ? "" : "s", running, blocked, paused, ended);
	(void)snprintf(ret[1], SAMPLE_LINE_MAX, "%u CPU%s: %.1f%% guests, %.1f%% dom0   Mem: %" PRIu64 "M, %" PRIu64 "M free, %" PRIu64 "M guests",
		       h->host.nr_cpus, h->host.nr_cpus == 1 ? "" : "s", guests, dom0, (h->host.mem_total_kib + 512) / 1024,
		       h->host.mem_available_kib / 1024, (kib + 512) / 1024);
}

static const char *const help_lines[] = {
	"Keys of zendo top",
	"",
	"  v  vCPUs           n  network interfaces   b  disks   e  exits by their reason",
	"  c  sort by CPU     m  by memory            i  by id   a  by name",
	"  s  >  sort by the next column   <  by the one before   r  the other way round",
	"  d  another interval             space  now",
	"  arrows, page up and down, home, end  move         q  leave",
	"",
	"CPU% and STEAL% are of one CPU, all other figures per second; RX and TX are as",
	"the guest sees it.",
	"Any key goes on.",
};

struct screen {
	int width, height, y;
	top_put_t put;
	void *userdata;
};

static void put(struct screen *s, const char *line, enum top_style style, const char *sorted)
{
	char cut[SAMPLE_LINE_MAX];

	if (s->y >= s->height)
		return;
	(void)snprintf(cut, sizeof(cut), "%.*s", s->width, line);
	if (sorted && sorted - line >= s->width)
		sorted = NULL;
	s->put(s->y++, cut, style, sorted ? cut + (sorted - line) : NULL, s->userdata);
}

/* Lines of the table one after the other; those above the screen are counted only. */
struct lines {
	struct screen *screen;
	size_t nr, skip;
};

static void add_line(struct lines *l, const char *line, enum top_style style)
{
	if (l->nr++ >= l->skip && l->screen)
		put(l->screen, line, style, NULL);
}

static void add_rows(struct lines *l, const struct top *t, const struct sample_table *table, const struct sample_rates *r, int width)
{
	char line[SAMPLE_LINE_MAX];

	for (size_t i = 0; i < r->nr; i++) {
		const struct sample_rate *row = &r->rows[i];

		if (!sample_is_wanted(row, &t->wanted))
			continue;
		sample_table_row(table, row, line);
		add_line(l, line, row->part ? TOP_PLAIN : TOP_DOMAIN);
		if (t->wanted.exits && (!row->part || row->part->kind == SAMPLE_VCPU) && sample_has(row, SAMPLE_KIND)) {
			sample_exits_row(row, width, line);
			add_line(l, line, TOP_PLAIN);
		}
	}
}

static void put_messages(struct screen *s, const struct top *t)
{
	char line[SAMPLE_LINE_MAX];

	if (t->asking)
		(void)snprintf(line, sizeof(line), "Seconds between two looks (now %g): %s_", (double)t->interval_ns / 1e9, t->typed);
	else if (*t->message)
		(void)snprintf(line, sizeof(line), "%s", t->message);
	else
		(void)snprintf(line, sizeof(line), "every %g s, by %s%s; h tells the keys", (double)t->interval_ns / 1e9,
			       sample_column_title(t->sort), t->reverse ? ", reversed" : "");
	put(s, line, t->asking || *t->message ? TOP_MESSAGE : TOP_PLAIN, NULL);
}

/* No title is a part of another one, nor of what stands before it. */
static const char *find_sorted(const char *header, const struct top *t, const struct sample_table *table)
{
	return table->shown[t->sort] ? strstr(header, sample_column_title(t->sort)) : NULL;
}

void top_frame(struct top *t, const struct sample_rates *r, const struct top_host *h, int width, int height, top_put_t put_line, void *userdata)
{
	struct screen s = { .width = width, .height = height, .put = put_line, .userdata = userdata };
	char summary[2][SAMPLE_LINE_MAX], header[SAMPLE_LINE_MAX];
	struct lines all = {}, shown = { .screen = &s };
	struct sample_table table;

	if (t->help) {
		for (size_t i = 0; i < sizeof(help_lines) / sizeof(help_lines[0]); i++)
			put(&s, help_lines[i], TOP_PLAIN, NULL);
		return;
	}
	top_summary(r, h, summary);
	put(&s, summary[0], TOP_PLAIN, NULL);
	put(&s, summary[1], TOP_PLAIN, NULL);
	put_messages(&s, t);
	sample_table_fit(&table, r, width);
	sample_table_header(&table, header);
	put(&s, header, TOP_HEADER, find_sorted(header, t, &table));
	add_rows(&all, t, &table, r, width);
	t->page = height > HEADER_LINES ? height - HEADER_LINES : 0;
	if (all.nr <= (size_t)t->page)
		t->scroll = 0;
	else if (t->scroll > all.nr - (size_t)t->page)
		t->scroll = all.nr - (size_t)t->page;
	shown.skip = t->scroll;
	add_rows(&shown, t, &table, r, width);
}
