/* SPDX-License-Identifier: GPL-2.0-only */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR	20	/* characters of a full bar */
#define SURE_MS	1000	/* before that, nobody knows how long it takes */
#define KERNEL	"unpacking the kernel"
#define CORE	"writing its core"

static bool active, timing;
static struct timespec begin;
static unsigned shown_percent;
static int64_t begun_ms;
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

bool progress_active(void)
{
	return active;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void progress_begin(void)
{
	active = timing || isatty(STDERR_FILENO);
	shown_percent = ~0U;
	begun_ms = now_ms();
}

void progress_text(char *ret, size_t size, const char *what, uint64_t done, uint64_t total, uint64_t mib, int64_t elapsed_ms)
{
	const unsigned percent = total == 0 || done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
	char bar[BAR + 1] = "", rate[32] = "", left[32] = "";

	for (unsigned i = 0; i < BAR; i++)
		bar[i] = i < percent * BAR / 100 ? '#' : ' ';
	if (elapsed_ms >= SURE_MS && percent > 0) {
		const uint64_t s = (uint64_t)((double)elapsed_ms * (100.0 - percent) / percent / 1000 + 0.5);

		if (mib > 0)
			(void)snprintf(rate, sizeof(rate), ", %.0f MiB/s", (double)mib * percent * 10 / (double)elapsed_ms);
		(void)snprintf(left, sizeof(left), ", %" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
	}
	(void)snprintf(ret, size, "%.24s [%s] %u%%%s%s", what, bar, percent, rate, left);
}

/* @mib is how much all of it is, when it is bytes that something is done to. */
static void show_bar(const char *what, uint64_t done, uint64_t total, uint64_t mib)
{
	const unsigned percent = total ? (unsigned)((double)done * 100 / (double)total) : 0;
	char line[80];

	if (!active || percent == shown_percent)
		return;
	if (timing) {
		progress_step(what);
		return;
	}
	shown_percent = percent;
	progress_text(line, sizeof(line), what, done, total, mib, now_ms() - begun_ms);
	fprintf(stderr, "\r\033[K%s", line);
}

void progress_status(const char *text, void *userdata)
{
	unsigned percent, mib = 0;

	(void)userdata;
	if (!active)
		return;
	/* as zendo-run says them */
	if (sscanf(text, KERNEL ": %u%% of %u MiB", &percent, &mib) >= 1)
		show_bar(KERNEL, percent, 100, mib);
	else if (sscanf(text, CORE ": %u%% of %u MiB", &percent, &mib) >= 1)
		show_bar(CORE, percent, 100, mib);
	else if (timing)
		progress_step(text);
	else
		fprintf(stderr, "\r\033[K%.70s", text);
}

int progress_image(void *userdata, uint64_t done, uint64_t total)
{
	(void)userdata;
	if (total > 0)
		show_bar(KERNEL, done, total, total >> 20);
	return 0;
}

void progress_percent(const char *what, unsigned percent)
{
	shown_percent = ~0U;	/* the text may be another one */
	show_bar(what, percent, 100, 0);
}

void progress_end(void)
{
	if (active && !timing)
		fputs("\r\033[K", stderr);
	active = false;
}
