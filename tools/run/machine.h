/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd-machined knows of the domain, for "machinectl list". */
#ifndef RUN_MACHINE_H
#define RUN_MACHINE_H

#include <signal.h>

#include "config.h"

/* What "machinectl poweroff" sends */
#define MACHINE_POWEROFF	(SIGRTMIN + 4)

/*
 * As root: tell it that this process, and the unit that it is in, is the machine of that name. It forgets the machine with the unit. Nothing is
 * done where it is not installed; a failure is logged and not fatal.
 */
void machine_register(const struct zendo_config *c);

#endif
