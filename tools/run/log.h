/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of the runner: to the journal, or to stderr when started by hand. */
#ifndef RUN_LOG_H
#define RUN_LOG_H

#include <syslog.h>

#include "error.h"

/* Comes with every message as ZENDO_DOMAIN=. */
void log_set_domain(const char *name);

__attribute__((format(printf, 2, 3)))
void log_message(int priority, const char *format, ...);

/* A line of the guest's console; its identifier in the journal is the domain's name. */
void log_console(const char *line);

/*
 * The reason why the runner ends: logged, and left as the unit's status text, where "systemctl
 * status" and "zendo create" find it.
 */
void log_fatal(const struct zendo_error *e);

#endif
