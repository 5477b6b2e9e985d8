/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's console for everyone who looks: ring page on one side; scroll-back, journal, terminal and
 * attached connections on the other. It outlives the domain, so a restarted guest goes on in
 * the same scroll-back and its readers stay.
 *
 * Several may look; one connection may type at a time. The terminal may always type: who may open
 * it is decided by its file's rights.
 */
#ifndef RUN_CONSOLE_H
#define RUN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "cleanup.h"
#include "domain.h"

#define CONSOLE_MAX_READERS	32

enum console_mode {
	CONSOLE_READ,
	CONSOLE_WRITE,
	CONSOLE_FORCE,	/* write; who writes now goes on as a reader */
};

struct console;

int console_new(sd_event *event, struct console **ret);
void console_free(struct console *c);
DEFINE_CLEANUP(struct console, console_free);

/* The file for the time after the runner, scrollback.h. */
int console_open_log(struct console *c, const char *path);

/*
 * Make a terminal with group @gid (or none: (gid_t)-1) and put a symbolic link to it at @link, in
 * place of what is there.
 */
int console_open_terminal(struct console *c, const char *link, gid_t gid);

/* Serve @d's ring until console_disconnect(), which takes what is still in it first. */
int console_connect(struct console *c, struct domain *d);
void console_disconnect(struct console *c);

/*
 * A connection becomes a reader from here on; @fd is taken over on success. Without @scrollback it
 * sees only what comes from now on. -EBUSY: another one writes, *ret_writer is its pid. -EUSERS: too
 * many readers.
 */
int console_attach(struct console *c, int fd, pid_t pid, enum console_mode mode, bool scrollback,
		   pid_t *ret_writer);

/* As if the one who types had sent it; what the ring has no room for is lost beyond a KiB. */
void console_type(struct console *c, const void *data, size_t len);

/* Who types now; 0 = nobody. */
pid_t console_writer(const struct console *c);

/* What the guest sent by console_io or the debug port: marked lines in scroll-back and journal. */
void console_debug_text(struct console *c, const void *data, size_t len);

/* A line of ours in the scroll-back (not in the journal): what happened to the guest. */
__attribute__((format(printf, 2, 3)))
void console_note(struct console *c, const char *format, ...);

/* The unfinished line to the journal: nothing will follow soon. */
void console_flush_lines(struct console *c);

/* The last lines the guest printed, oldest first, at most @max; for a report of its crash. */
void console_last_lines(const struct console *c, unsigned max, void (*emit)(const char *line, void *userdata),
			void *userdata);

#endif
