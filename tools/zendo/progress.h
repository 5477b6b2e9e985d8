/* SPDX-License-Identifier: GPL-2.0-only */
/* One changing line on stderr while something takes its time; nothing where stderr is no terminal. */
#ifndef ZENDO_PROGRESS_H
#define ZENDO_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void progress_begin(void);
bool progress_active(void);

/* Show @text (a unit_status_t), or how far a kernel is unpacked (a zendo_image_progress_t). */
void progress_status(const char *text, void *userdata);
int progress_image(void *userdata, uint64_t done, uint64_t total);

/* Show @what and how far it all is. */
void progress_percent(const char *what, unsigned percent);

/*
 * The line, of less than 80 characters: what is done, a bar, and after a second how fast and how long still, by what has passed. @mib is what
 * all of it weighs, 0 when that means nothing.
 */
void progress_text(char *ret, size_t size, const char *what, uint64_t done, uint64_t total, uint64_t mib, int64_t elapsed_ms);

/* Wipe the line. */
void progress_end(void);

/* From now on a line for each thing that happens, with the time since now, terminal or not; and one of them. */
void progress_time(void);
void progress_step(const char *what);

#endif
