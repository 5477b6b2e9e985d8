/* SPDX-License-Identifier: GPL-2.0-only */
/* An initramfs for a small guest, of files that this machine has: busybox, with its libraries where it is not static. */
#ifndef ZENDO_SMALL_GUEST_H
#define ZENDO_SMALL_GUEST_H

#include <stdio.h>

#include "error.h"

/* An archive as Linux unpacks it at boot (cpio, "newc"). Errors of writing show in ferror(). */
void cpio_folder(FILE *f, const char *path);
void cpio_bytes(FILE *f, const char *path, unsigned mode, const void *bytes, size_t size);
int cpio_file(FILE *f, const char *path, unsigned mode, const char *from);	/* 0 or -errno */
void cpio_end(FILE *f);

/*
 * Write an initramfs whose first process runs the script @init with /bin/busybox sh. With @command there is a file /command
 * with that text.
 */
int small_guest_write(FILE *f, const char *init, const char *command, struct zendo_error *e);

#endif
