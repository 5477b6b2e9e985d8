/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command in a guest has printed, out of all that the console brings: it stands between two lines with a random word. */
#ifndef ZENDO_TRY_OUTPUT_H
#define ZENDO_TRY_OUTPUT_H

/* Read @fd to the line "zendo-try NONCE begin". 0 or -ENODATA: it ended before. */
int try_output_wait(int fd, const char *nonce);

/*
 * Copy from there to the line "zendo-try NONCE exit STATUS", and give that status; 1 when @fd ended before. The line break before
 * that line is not the command's.
 */
int try_output_copy(int fd, const char *nonce, int to);

#endif
