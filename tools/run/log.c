/* SPDX-License-Identifier: GPL-2.0-only */
#define SD_JOURNAL_SUPPRESS_LOCATION	/* where in our source it is said interests nobody */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

void log_message(int priority, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (to_journal())
		(void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority,
				      "ZENDO_DOMAIN=%s", domain, NULL);
	else
		(void)fprintf(stderr, "zendo-run: %s\n", text);
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
