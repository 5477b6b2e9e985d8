/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /dev/hvback as C functions: one per request of <linux/hvback.h>, which is the contract. All return 0 or -errno; with @e the kernel's
 * sentence is in it, or one of ours where it has none.
 */
#ifndef ZENDO_BACKEND_H
#define ZENDO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hvback.h>

#include "error.h"

#define ZENDO_BACKEND_PATH	"/dev/hvback"
#define ZENDO_BACKEND_BUS	"/sys/bus/hvback/devices"
#define ZENDO_BACKEND_NAME_MAX	(HVBACK_CLASS_LEN + 24)	/* "vbd-1-51712" with the NUL */

/* -EINVAL: @class is longer than a class can be. */
int zendo_backend_id(const char *class, uint32_t domid, uint32_t devid, struct hvback_id *ret);
bool zendo_backend_id_equal(const struct hvback_id *a, const struct hvback_id *b);

/* "vbd-1-51712", the device's name on the bus, and back (-EINVAL). */
char *zendo_backend_name(const struct hvback_id *id, char ret[static ZENDO_BACKEND_NAME_MAX]);
int zendo_backend_parse_name(const char *name, struct hvback_id *ret);

int zendo_backend_open(int *ret_fd);

/* @target -1: none. The kernel holds a reference of its own. */
int zendo_backend_add(int fd, const struct hvback_id *id, int target, const void *conf, size_t len, struct zendo_error *e);
int zendo_backend_connect(int fd, const struct hvback_id *id, const struct hvback_queue *queues, uint32_t nr, uint32_t protocol,
			  uint64_t features, struct zendo_error *e);
int zendo_backend_disconnect(int fd, const struct hvback_id *id);
int zendo_backend_remove(int fd, const struct hvback_id *id);
int zendo_backend_set(int fd, const struct hvback_id *id, uint32_t what, const void *blob, size_t len, struct zendo_error *e);

/* Exactly @size bytes are wanted: -EBADMSG when the module gives another number, it is of another version then. */
int zendo_backend_info(int fd, const struct hvback_id *id, void *blob, size_t size, struct zendo_error *e);

/*
 * HVBACK_ST_*; @reason (may be NULL) of a broken one. -ENOENT: there is no such device. From /sys, not by HVBACK_STATE: that waits for what
 * is being done with the device, which may be a request in flight.
 */
int zendo_backend_state(const struct hvback_id *id, uint32_t *ret, char *reason);

/* All devices there are, in memory the caller frees. */
int zendo_backend_list(struct hvback_id **ret, size_t *ret_nr);

#endif
