/* SPDX-License-Identifier: GPL-2.0-only */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR	30	/* characters of a full bar */

static bool active;
static unsigned shown_percent;

void progress_begin(void)
{
	active = isatty(STDERR_FILENO);
	shown_percent = ~0U;
}

bool progress_active(void)
{
	return active;
}

static void show_bar(unsigned percent)
{
	char bar[BAR + 1];
	unsigned n = (percent > 100 ? 100 : percent) * BAR / 100;

	if (!active || percent == shown_percent)
		return;
	shown_percent = percent;
	memset(bar, '#', n);
	memset(bar + n, ' ', BAR - n);
	bar[BAR] = '\0';
	fprintf(stderr, "\r\033[Kunpacking the kernel [%s] %u%%", bar, percent);
}

void progress_status(const char *text, void *userdata)
{
	unsigned percent;

	(void)userdata;
	if (!active)
		return;
	/* as zendo-run says it */
	if (sscanf(text, "unpacking the kernel: %u%%", &percent) == 1)
		show_bar(percent);
	else
		fprintf(stderr, "\r\033[K%.70s", text);
}

int progress_image(void *userdata, uint64_t done, uint64_t total)
{
	(void)userdata;
	if (total > 0)
		show_bar((unsigned)(done * 100 / total));
	return 0;
}

void progress_end(void)
{
	if (active)
		fputs("\r\033[K", stderr);
	active = false;
}
