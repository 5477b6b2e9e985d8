/* SPDX-License-Identifier: GPL-2.0-only */
/* One changing line on stderr while something takes its time; nothing where stderr is no terminal. */
#ifndef ZENDO_PROGRESS_H
#define ZENDO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

void progress_begin(void);
bool progress_active(void);

/* Show @text (a unit_status_t), or how far a kernel is unpacked (a zendo_image_progress_t). */
void progress_status(const char *text, void *userdata);
int progress_image(void *userdata, uint64_t done, uint64_t total);

/* Show @what and how far it all is. */
void progress_percent(const char *what, unsigned percent);

/* Wipe the line. */
void progress_end(void);

/* From now on a line for each thing that happens, with the time since now, terminal or not; and one of them. */
void progress_time(void);
void progress_step(const char *what);

#endif
