/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <sys/types.h>

/* kill -9 of this process, if the file "die" has @word, or of who it names. */
void die_at(const char *word);

/* The image's server that began last. */
extern pid_t fake_server;

#endif
