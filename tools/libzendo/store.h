/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of the store (docs/store.md): Xen's store protocol (<xen/io/xs_wire.h>) over the Unix socket of zendo-stored, or in a guest
 * over its /dev/xen/xenbus. One thread; one request at a time, which waits for its answer; events of watches are kept meanwhile.
 *
 * All return 0 or -errno unless said otherwise; outputs are written only on success. What the store refuses has its own error: ENOENT,
 * EACCES, EEXIST, EINVAL, ENOSPC (a quota), EAGAIN (a transaction that another one has overtaken), ... What ends the connection is
 * returned from every call after it, too: ECONNRESET the store went away, ETIMEDOUT it did not answer, EPROTO its bytes make no sense,
 * ENOBUFS more events than ZENDO_STORE_EVENTS_MOST were left waiting. Only a new connection helps then, and watches are to be set again.
 *
 * @tx is a transaction's id, or 0: outside of any. @path is absolute, or in a guest below its own folder.
 */
#ifndef ZENDO_STORE_H
#define ZENDO_STORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"

#define ZENDO_STORE_TIMEOUT_MS	30000		/* for an answer; a restart of the daemon is far shorter */
#define ZENDO_STORE_EVENTS_MOST	(1U << 20)	/* bytes of events that wait */
#define ZENDO_STORE_LIVES	5		/* of the daemon, for one zendo_store_with() */

struct zendo_store;

/* @path: a socket, or a device like /dev/xen/xenbus; NULL: zendo-stored's socket (runtime.h). -errno of open() or connect(). */
int zendo_store_open(const char *path, struct zendo_store **ret);

/* The same with a descriptor, which belongs to *ret on success. */
int zendo_store_open_fd(int fd, struct zendo_store **ret);

/* NULL is fine. */
void zendo_store_close(struct zendo_store *s);
DEFINE_CLEANUP(struct zendo_store, zendo_store_close);

/*
 * Readable (EPOLLIN) exactly while zendo_store_read_watch() has something to do, also if an event came while an answer was waited
 * for: made for poll() and sd-event. Nothing but that is to be done with it.
 */
int zendo_store_fd(const struct zendo_store *s);

/* How long an answer is waited for; < 0: for ever. */
void zendo_store_set_timeout(struct zendo_store *s, int ms);

/* ---- though the daemon may be killed at any time ---- */

/* What it fails with it returns, -ECONNRESET as it was, and may say in @e. */
typedef int (*zendo_store_act_t)(struct zendo_store *s, void *userdata, struct zendo_error *e);

/*
 * Calls @act with a connection (@path: see zendo_store_open()), and from its beginning with a new one when the store went away meanwhile, in
 * ZENDO_STORE_LIVES lives of the daemon: nobody knows what the last one has done of what it was asked, so @act is what may be done twice.
 * An answer is waited for @timeout_ms; a store that is silent is not asked once more.
 *
 * What @act returned last: -ECONNRESET, all lives have ended over it; -ETIMEDOUT, ... Or -errno of zendo_store_open(), with a sentence in
 * @e, which may be NULL.
 */
int zendo_store_with(const char *path, int timeout_ms, zendo_store_act_t act, void *userdata, struct zendo_error *e);

/* ---- nodes ---- */

/* *ret: the caller frees it; a NUL stands behind its *ret_len bytes (ret_len may be NULL). */
int zendo_store_read(struct zendo_store *s, uint32_t tx, const char *path, char **ret, size_t *ret_len);

/* A decimal number and nothing else: -EINVAL otherwise, -ERANGE more than 64 bits. */
int zendo_store_read_u64(struct zendo_store *s, uint32_t tx, const char *path, uint64_t *ret);

/* Names of the children, sorted; one free() frees all. Long lists come in parts. */
int zendo_store_list(struct zendo_store *s, uint32_t tx, const char *path, char ***ret, size_t *ret_nr);

/* Nodes above that are missing come into being. -E2BIG: longer than a message of the protocol. */
int zendo_store_write(struct zendo_store *s, uint32_t tx, const char *path, const void *value, size_t len);
__attribute__((format(printf, 4, 5)))
int zendo_store_printf(struct zendo_store *s, uint32_t tx, const char *path, const char *format, ...);

/* 0 also if it is there. */
int zendo_store_mkdir(struct zendo_store *s, uint32_t tx, const char *path);

/* With all that is below; 0 also if it was not there but the node above is, -ENOENT if neither. */
int zendo_store_rm(struct zendo_store *s, uint32_t tx, const char *path);

/*
 * zendo-stored's, for domain 0: @path is /local/domain/DOMID/device/zendo-look/NAME, and a node there until the guest looks at it, which it does
 * when it has seen all that happened before to its devices. 1, or 0: the guest has no watch that tells it of devices, so it does not look.
 */
int zendo_store_await_look(struct zendo_store *s, const char *path);

/* ---- permissions: the first entry is the owner's, with what domains that are not listed may ---- */

enum zendo_store_access {
	ZENDO_STORE_NONE	= 0,
	ZENDO_STORE_READ	= 1,
	ZENDO_STORE_WRITE	= 2,
	ZENDO_STORE_BOTH	= 3,
};

struct zendo_store_perm {
	uint32_t domid;
	enum zendo_store_access access;
};

int zendo_store_set_perms(struct zendo_store *s, uint32_t tx, const char *path, const struct zendo_store_perm *perms, size_t nr);
/* The caller frees *ret. */
int zendo_store_get_perms(struct zendo_store *s, uint32_t tx, const char *path, struct zendo_store_perm **ret, size_t *ret_nr);

/* "n0", "r5": what xenstore-chmod and xenstore-ls -p speak. -EINVAL. */
int zendo_store_parse_perm(const char *text, struct zendo_store_perm *ret);
/* Fills @buf of at least 12 bytes and returns it. */
char *zendo_store_format_perm(const struct zendo_store_perm *perm, char *buf);

/* ---- transactions ---- */

int zendo_store_tx_start(struct zendo_store *s, uint32_t *ret);
/* @commit: -EAGAIN: nothing of it has happened, begin again. Otherwise nothing of it happens. */
int zendo_store_tx_end(struct zendo_store *s, uint32_t tx, bool commit);

/*
 * Calls @step in a transaction, and again with a new one as long as others overtake it (-EAGAIN after 100 times). When @step fails
 * nothing has happened and its error is returned.
 */
int zendo_store_transaction(struct zendo_store *s, int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata);

/* ---- watches ---- */

/* @path may be "@introduceDomain" or "@releaseDomain". There is an event at once. -EEXIST: this path with this token is watched. */
int zendo_store_watch(struct zendo_store *s, const char *path, const char *token);
int zendo_store_unwatch(struct zendo_store *s, const char *path, const char *token);

/*
 * The next event, without waiting: 1, with *ret_path to be freed, and *ret_token inside of it; 0: there is none. Events of a watch
 * that has just ended may still come.
 */
int zendo_store_read_watch(struct zendo_store *s, char **ret_path, const char **ret_token);

/* ---- domains, for domain 0 ---- */

int zendo_store_introduce(struct zendo_store *s, uint32_t domid, uint64_t gfn, uint32_t port);
int zendo_store_release(struct zendo_store *s, uint32_t domid);
int zendo_store_is_introduced(struct zendo_store *s, uint32_t domid, bool *ret);

#endif
