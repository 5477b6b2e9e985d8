/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who looks at a console: connections and the terminal, each a descriptor with a position in the
 * scroll-back.
 */
#ifndef RUN_CONSOLE_READER_H
#define RUN_CONSOLE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "scrollback.h"

#define CONSOLE_INPUT_MAX	256	/* bytes taken from one reader at a time */

struct console_readers;

/*
 * What a reader typed, at most CONSOLE_INPUT_MAX bytes. Who has less room than that says so with
 * console_readers_take_input(); more than there is room for is lost.
 */
typedef void (*console_input_t)(const void *data, size_t len, void *userdata);

/* @scrollback is borrowed and must live longer. */
int console_readers_new(sd_event *event, const struct scrollback *scrollback, console_input_t input,
			void *userdata, struct console_readers **ret);
void console_readers_free(struct console_readers *rs);

/* @fd is taken over on success. -EUSERS: there are too many. */
int console_readers_add(struct console_readers *rs, int fd, pid_t pid, bool writes, bool from_start);

/* See console_open_terminal(). */
int console_readers_add_terminal(struct console_readers *rs, const char *link, gid_t gid);

/* The scroll-back has grown. */
void console_readers_wake(struct console_readers *rs);

/* Whether typed bytes are wanted now. */
void console_readers_take_input(struct console_readers *rs, bool wanted);

pid_t console_readers_writer(const struct console_readers *rs);
void console_readers_demote_writer(struct console_readers *rs);

#endif
