/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's network block devices, as /sys has them. */
#ifndef HOTPLUG_NBD_H
#define HOTPLUG_NBD_H

#include <stdbool.h>
#include <stdint.h>

#define NBD_MAX		4096	/* more than the module can be asked for by sane people; a number beyond is not looked at */

/* Its driver is there. */
bool nbd_loaded(void);

/* The first number that nobody serves and that is not in @taken (NBD_MAX of them). -ENODEV: there is none. */
int nbd_find_idle(const bool *taken, unsigned *ret);

/* Somebody serves it. */
bool nbd_is_served(unsigned n);

/* Events from now on, for the next. A descriptor, or -errno. */
int nbd_events(void);

/*
 * Until the kernel knows the size of @n, in bytes: qemu-nbd says that it is ready a moment before. @server: a pidfd of it. -ESRCH: it has
 * ended; -ETIMEDOUT.
 */
int nbd_wait(int events, int server, unsigned n, uint64_t *ret_size);

#endif
