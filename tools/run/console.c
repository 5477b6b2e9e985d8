/* SPDX-License-Identifier: GPL-2.0-only */
#include "console.h"

#include <stdarg.h>
#include <string.h>

#include "console_lines.h"
#include "console_reader.h"
#include "device.h"
#include "log.h"
#include "scrollback.h"

/*
 * How much of the ring is taken per turn of the event loop, so that a guest that prints all the
 * time does not keep the control socket waiting.
 */
#define ROUNDS	8

struct console {
	sd_event *event;
	struct scrollback *scrollback;
	struct console_lines lines, debug;
	struct console_budget budget;	/* of the journal, for both */
	struct console_readers *readers;

	struct domain *domain;		/* connected, or NULL */
	sd_event_source *ring_source, *again;
	size_t input_len;
	char input[1024];		/* typed, waits for room in the ring */
};

static void append(struct console *c, const void *data, size_t len)
{
	scrollback_append(c->scrollback, data, len);
	console_readers_wake(c->readers);
}

static void to_journal(struct console *c, const char *line)
{
	uint64_t now = 0;

	(void)sd_event_now(c->event, CLOCK_MONOTONIC, &now);
	switch (console_budget_take(&c->budget, now)) {
	case CONSOLE_BUDGET_LOG:
		log_console(line);
		break;
	case CONSOLE_BUDGET_SAY_SO:
		log_message(LOG_WARNING, "the guest printed %d lines within %d seconds: the rest of them is on its console only",
			    CONSOLE_BUDGET_LINES, CONSOLE_BUDGET_SECONDS);
		break;
	case CONSOLE_BUDGET_DROP:
		break;
	}
}

static void on_line(const char *line, void *userdata)
{
	to_journal(userdata, line);
}

static void on_debug_line(const char *line, void *userdata)
{
	struct console *c = userdata;
	char text[CONSOLE_LINE_MAX + 32];
	int n = snprintf(text, sizeof(text), "[debug] %s\r\n", line);

	append(c, text, (size_t)n);
	text[n - 2] = '\0';
	to_journal(c, text);
}

static void ring_failed(struct console *c)
{
	log_message(LOG_WARNING, "the guest's console ring has impossible indices; its console is closed");
	console_note(c, "the guest's console ring has impossible indices; its console is closed");
}

/* Typed bytes into the ring; what does not fit stays. */
static bool push_input(struct console *c)
{
	ssize_t n;

	if (!c->domain || c->input_len == 0)
		return false;
	n = console_ring_write(&c->domain->console, c->input, c->input_len);
	if (n == -EPROTO)
		ring_failed(c);
	if (c->domain->console.broken) {
		c->input_len = 0;
		return false;
	}
	memmove(c->input, c->input + n, c->input_len - (size_t)n);
	c->input_len -= (size_t)n;
	return n > 0;
}

/* Up to @rounds buffers of output. True: there was as much as that, so there may be more. */
static bool pull_output(struct console *c, unsigned rounds, bool *ret_notify)
{
	char buf[2048];

	for (unsigned i = 0; i < rounds; i++) {
		ssize_t n = console_ring_read(&c->domain->console, buf, sizeof(buf));

		if (n == -EPROTO)
			ring_failed(c);
		if (n <= 0)
			return false;
		*ret_notify = true;
		append(c, buf, (size_t)n);
		console_lines_feed(&c->lines, buf, (size_t)n);
	}
	return true;
}

static void serve_ring(struct console *c)
{
	bool notify = false, more;

	if (!c->domain)
		return;
	more = pull_output(c, ROUNDS, &notify);
	notify |= push_input(c);
	console_readers_take_input(c->readers, sizeof(c->input) - c->input_len >= CONSOLE_INPUT_MAX);
	if (notify)
		(void)zendo_device_notify(c->domain->fd, c->domain->console_port);
	(void)sd_event_source_set_enabled(c->again, more ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_ring_event(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	uint64_t count;

	(void)s;
	(void)revents;
	(void)!read(fd, &count, sizeof(count));
	serve_ring(userdata);
	return 0;
}

static int on_again(sd_event_source *s, void *userdata)
{
	(void)s;
	serve_ring(userdata);
	return 0;
}

/* A reader typed. */
static void on_input(const void *data, size_t len, void *userdata)
{
	struct console *c = userdata;
	size_t room = sizeof(c->input) - c->input_len;

	if (!c->domain || c->domain->console.broken)
		return;		/* nobody there to read it */
	if (len > room)
		len = room;
	memcpy(c->input + c->input_len, data, len);
	c->input_len += len;
	serve_ring(c);
}

int console_new(sd_event *event, struct console **ret)
{
	_cleanup_(console_freep) struct console *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->event = sd_event_ref(event);
	console_lines_init(&c->lines, on_line, c);
	console_lines_init(&c->debug, on_debug_line, c);
	r = scrollback_new(SCROLLBACK_SIZE, &c->scrollback);
	if (r >= 0)
		r = console_readers_new(event, c->scrollback, on_input, c, &c->readers);
	if (r >= 0)
		r = sd_event_add_defer(event, &c->again, on_again, c);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->again, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	console_disconnect(c);
	sd_event_source_disable_unref(c->again);
	console_readers_free(c->readers);
	scrollback_free(c->scrollback);
	sd_event_unref(c->event);
	free(c);
}

int console_open_log(struct console *c, const char *path)
{
	return scrollback_open_file(c->scrollback, path);
}

int console_open_terminal(struct console *c, const char *link, gid_t gid)
{
	return console_readers_add_terminal(c->readers, link, gid);
}

int console_connect(struct console *c, struct domain *d)
{
	int r;

	r = sd_event_add_io(c->event, &c->ring_source, d->console_event, EPOLLIN, on_ring_event, c);
	if (r < 0)
		return r;
	c->domain = d;
	c->input_len = 0;
	return 0;
}

void console_disconnect(struct console *c)
{
	bool notify;

	if (!c->domain)
		return;
	/* the guest stands still, so what is in the ring is all, and no more than it holds */
	(void)pull_output(c, 2, &notify);
	c->ring_source = sd_event_source_disable_unref(c->ring_source);
	(void)sd_event_source_set_enabled(c->again, SD_EVENT_OFF);
	c->domain = NULL;
	c->input_len = 0;
	console_readers_take_input(c->readers, true);
}

int console_attach(struct console *c, int fd, pid_t pid, enum console_mode mode, bool scrollback,
		   pid_t *ret_writer)
{
	pid_t writer = console_writer(c);

	if (mode == CONSOLE_WRITE && writer != 0) {
		*ret_writer = writer;
		return -EBUSY;
	}
	if (mode == CONSOLE_FORCE)
		console_readers_demote_writer(c->readers);
	return console_readers_add(c->readers, fd, pid, mode != CONSOLE_READ, scrollback);
}

void console_type(struct console *c, const void *data, size_t len)
{
	on_input(data, len, c);
}

pid_t console_writer(const struct console *c)
{
	return console_readers_writer(c->readers);
}

void console_debug_text(struct console *c, const void *data, size_t len)
{
	console_lines_feed(&c->debug, data, len);
}

void console_note(struct console *c, const char *format, ...)
{
	char text[512], line[sizeof(text) + 16];
	va_list ap;
	int n;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	n = snprintf(line, sizeof(line), "\r\n[zendo] %s\r\n", text);
	append(c, line, (size_t)n);
}

void console_flush_lines(struct console *c)
{
	console_lines_flush(&c->lines);
	console_lines_flush(&c->debug);
}

/* The last @max lines in a ring of their own. */
struct last_lines {
	unsigned max, nr;
	char (*text)[CONSOLE_LINE_MAX + 1];
};

static void keep_line(const char *line, void *userdata)
{
	struct last_lines *l = userdata;

	(void)snprintf(l->text[l->nr++ % l->max], sizeof(*l->text), "%s", line);
}

void console_last_lines(const struct console *c, unsigned max, void (*emit)(const char *line, void *userdata),
			void *userdata)
{
	struct last_lines last = { .max = max, .text = calloc(max, sizeof(*last.text)) };
	uint64_t pos = c->scrollback->end > 8192 ? c->scrollback->end - 8192 : 0, lost;
	struct console_lines lines;
	char buf[1024];
	size_t n;

	if (!last.text)
		return;
	console_lines_init(&lines, keep_line, &last);
	while ((n = scrollback_read(c->scrollback, &pos, buf, sizeof(buf), &lost)) > 0)
		console_lines_feed(&lines, buf, n);
	console_lines_flush(&lines);
	for (unsigned i = last.nr > max ? last.nr - max : 0; i < last.nr; i++)
		emit(last.text[i % max], userdata);
	free(last.text);
}
