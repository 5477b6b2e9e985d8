/* SPDX-License-Identifier: GPL-2.0-only */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR	30	/* characters of a full bar */
#define KERNEL	"unpacking the kernel"

static bool active, timing;
static struct timespec begin;
static unsigned shown_percent;
static char last[80];

void progress_time(void)
{
	timing = true;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
}

void progress_step(const char *what)
{
	struct timespec now;

	if (!timing || strncmp(what, last, sizeof(last) - 1) == 0)
		return;
	(void)snprintf(last, sizeof(last), "%s", what);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(stderr, "%7.3f s  %s\n",
		(double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9, what);
}

void progress_begin(void)
{
	active = timing || isatty(STDERR_FILENO);
	shown_percent = ~0U;
}

bool progress_active(void)
{
	return active;
}

static void show_bar(const char *what, unsigned percent)
{
	char bar[BAR + 1];
	unsigned n = (percent > 100 ? 100 : percent) * BAR / 100;

	if (!active || percent == shown_percent)
		return;
	if (timing) {
		progress_step("unpacking the kernel");
		return;
	}
	shown_percent = percent;
	memset(bar, '#', n);
	memset(bar + n, ' ', BAR - n);
	bar[BAR] = '\0';
	fprintf(stderr, "\r\033[K%.45s [%s] %u%%", what, bar, percent);
}

void progress_status(const char *text, void *userdata)
{
	unsigned percent;

	(void)userdata;
	if (!active)
		return;
	/* as zendo-run says it */
	if (sscanf(text, "unpacking the kernel: %u%%", &percent) == 1)
		show_bar(KERNEL, percent);
	else if (timing)
		progress_step(text);
	else
		fprintf(stderr, "\r\033[K%.70s", text);
}

int progress_image(void *userdata, uint64_t done, uint64_t total)
{
	(void)userdata;
	if (total > 0)
		show_bar(KERNEL, (unsigned)(done * 100 / total));
	return 0;
}

void progress_percent(const char *what, unsigned percent)
{
	shown_percent = ~0U;	/* the text may be another one */
	show_bar(what, percent);
}

void progress_end(void)
{
	if (active && !timing)
		fputs("\r\033[K", stderr);
	active = false;
}
