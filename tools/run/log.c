/* SPDX-License-Identifier: GPL-2.0-only */
#define SD_JOURNAL_SUPPRESS_LOCATION	/* where in our source it is said interests nobody */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

static const char *domain = "";	/* set once, before there are threads */

void log_set_domain(const char *name)
{
	domain = name;
}

/* systemd sets it when our stderr is the journal's stream. */
static int to_journal(void)
{
	return getenv("JOURNAL_STREAM") != NULL;
}

/*
 * By the stream that systemd connected, not by the journal's native socket: of a native message the journal finds the unit by
 * the sender's cgroup, and a domain that lives for a moment is gone before a busy journal looks. Why it ended would then be
 * missing from 'journalctl -u'. Having seen the stream, the journal knows the process for what comes natively, too. The unit
 * adds ZENDO_DOMAIN=.
 */
void log_message(int priority, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (!to_journal()) {
		(void)fprintf(stderr, "zendo-run: %s\n", text);
		return;
	}
	/* The prefix is for one line (sd-daemon(3)). */
	for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		(void)fprintf(stderr, "<%d>%s\n", priority, line);
}

void log_console(const char *line)
{
	if (to_journal())
		(void)sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", LOG_INFO,
				      "SYSLOG_IDENTIFIER=%s", domain, "ZENDO_DOMAIN=%s", domain,
				      "ZENDO_STREAM=console", NULL);
	else
		(void)fprintf(stderr, "%s: %s\n", domain, line);
}

void log_fatal(const struct zendo_error *e)
{
	char text[1024];

	(void)zendo_error_format(e, text, sizeof(text));
	log_message(LOG_ERR, "%s", text);
	(void)sd_notifyf(0, "STATUS=%s", text);
}
