/* SPDX-License-Identifier: GPL-2.0-only */
/* One short program, and what it said. */
#ifndef HOTPLUG_RUN_H
#define HOTPLUG_RUN_H

/*
 * In a job's thread. The exit status (128 and the signal's number if it had none), with both outputs in memory the caller frees; -errno when it
 * could not be run, -ENOENT when it is not installed, -ETIMEDOUT (it is killed then), -EFBIG when it said more than a MiB.
 */
int run(const char *const *args, int timeout_ms, char **ret_out, char **ret_err);

#endif
