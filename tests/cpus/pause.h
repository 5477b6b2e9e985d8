/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before each source. A CPU that waits for another one gives its thread's turn away: here are more of them than the host may
 * have processors.
 */
#ifndef CPUS_PAUSE_H
#define CPUS_PAUSE_H

void give_way(void);
#define __builtin_ia32_pause()	give_way()

#endif
