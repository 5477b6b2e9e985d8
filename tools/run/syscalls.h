/* SPDX-License-Identifier: GPL-2.0-only */
/* What the runner may ask the kernel for. */
#ifndef RUN_SYSCALLS_H
#define RUN_SYSCALLS_H

/*
 * From now on this process and all it makes have the system calls of syscalls.c and no others: EPERM is what they get. No other program
 * can be started, no namespace made, no socket but AF_UNIX, no memory be written and run. It cannot be undone. -errno.
 */
int syscalls_restrict(void);

#endif
