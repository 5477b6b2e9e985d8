/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that cannot go on: what it was doing, in words and registers, to the journal. */
#ifndef RUN_CRASH_H
#define RUN_CRASH_H

#include "console.h"
#include "vcpu.h"

#define CRASH_CONSOLE_LINES	8

/* @v has stopped with HVPRIV_EXIT_CRASH and @code. */
void crash_report(const struct vcpu *v, uint32_t code, const struct console *console);

#endif
