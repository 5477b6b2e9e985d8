/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of the agent, to the journal by the stream that systemd connected. Any thread. */
#ifndef HOTPLUG_LOG_H
#define HOTPLUG_LOG_H

#include <syslog.h>

__attribute__((format(printf, 2, 3)))
void log_line(int priority, const char *format, ...);

#endif
