/* SPDX-License-Identifier: GPL-2.0-only */
#include "disk_unit.h"

#include <stdio.h>

/*
 * qemu-nbd(8). Both kinds of cache are "writeback": a write that is told as done may still be in qemu's tables of the image, and a flush
 * brings all to the disk. That is what the guest's disk promises. Zeroes that are written are written: who wants holes discards.
 */
void disk_command(const struct disk_unit *u, const char *socket, struct disk_command *ret)
{
	const char *const wanted[] = {
		"/usr/bin/qemu-nbd", "--fork", ret->connect, ret->socket, ret->format,
		u->direct ? "--cache=none" : "--cache=writeback",
		u->direct && u->block ? "--aio=native" : "--aio=threads",
		u->disk->no_discard ? "--discard=ignore" : "--discard=unmap",
		u->disk->readonly ? "--read-only" : NULL,
		"--", u->disk->target,
	};
	size_t nr = 0;

	_Static_assert(sizeof(wanted) / sizeof(wanted[0]) < DISK_COMMAND_ARGS, "with the NULL at its end");
	(void)snprintf(ret->connect, sizeof(ret->connect), "--connect=/dev/nbd%u", u->nbd);
	(void)snprintf(ret->socket, sizeof(ret->socket), "--socket=%.140s", socket);
	(void)snprintf(ret->format, sizeof(ret->format), "--format=%s", chain_format(u->disk->format));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (wanted[i])
			ret->args[nr++] = wanted[i];
	ret->args[nr] = NULL;
}
