/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

/* kill -9 of this process, if the file "die" has @word. */
void die_at(const char *word);

#endif
