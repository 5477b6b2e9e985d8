/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's own: a connection (store.c) for those who ask. Errors are those of store.h. */
#ifndef ZENDO_STORE_REQUEST_H
#define ZENDO_STORE_REQUEST_H

#include <string.h>
#include <sys/uio.h>

#include <xen/io/xs_wire.h>

#include "store.h"

#define STORE_AGAIN_MOST	100	/* times that something begins again as others overtake it */

struct store_answer {
	const char *body;		/* until the next call on this connection; a NUL stands behind its @len bytes */
	size_t len;
};

/* Ask @type of <xen/io/xs_wire.h>, with @parts in line, and wait for the answer. @ret may be NULL. */
int store_request(struct zendo_store *s, uint32_t type, uint32_t tx, const struct iovec *parts, size_t nr, struct store_answer *ret);

/* From here on the connection has this error, unless it has one. Returns the one it has. */
int store_fail(struct zendo_store *s, int error);

/* As part of a request, with its NUL. */
static inline struct iovec store_string(const char *s)
{
	return (struct iovec) { (char *)s, strlen(s) + 1 };
}

static inline int store_request_path(struct zendo_store *s, uint32_t type, uint32_t tx, const char *path, struct store_answer *ret)
{
	const struct iovec part = store_string(path);

	return store_request(s, type, tx, &part, 1, ret);
}

#endif
