/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of changes: a file in memory (tmpfs), mapped shared, or plain memory in tests. The changes of one request are one
 * record; it counts once the committed length in the header covers it, which is one store to memory. So whatever instant the
 * process is killed at, a request is in the log with all its effects or not at all.
 *
 *	header		magic, epoch (counts loads), committed length
 *	record		u32 length, u32 CRC-32 of the changes, changes
 *	change		u8 kind, then fields as in state.c, in the machine's byte order
 *
 * docs/store.md has all fields of format 01, which a newer daemon must be able to read: tests/stored/upgrade.c writes it by itself.
 */
#ifndef STORED_JOURNAL_H
#define STORED_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define JOURNAL_MAGIC	0x31306765736f545aULL	/* "ZToseg01": the format are the last two */
#define JOURNAL_MAGIC_MASK	0x0000ffffffffffffULL

struct journal_header {
	uint64_t magic;
	uint64_t epoch;
	uint64_t committed;	/* bytes, with the header */
};

struct journal {
	uint8_t *base;
	size_t size;		/* mapped */
	size_t end;		/* of what is written, committed or not */
	size_t record;		/* where the open record begins; 0: none is open */
	size_t rewrite_at;	/* the length from which on a fresh file is shorter */
	unsigned paused;	/* changes that follow from another that is in the log already */
	/* with a file: */
	int dir, fd;
	const char *name;
};

enum change_kind {
	CHANGE_NODE = 1, CHANGE_VALUE, CHANGE_ACL, CHANGE_REMOVE,
	CHANGE_WATCH, CHANGE_UNWATCH, CHANGE_TX, CHANGE_TX_END,
	CHANGE_QUOTA, CHANGE_DOMAIN, CHANGE_FORGET,
	CHANGE_IN, CHANGE_IN_DONE, CHANGE_OUT, CHANGE_RESET,
};

/*
 * @dir < 0: plain memory. Opens or makes @name; *ret_old: there is something to read. -EPROTONOSUPPORT: it is in another format,
 * journal_format() says in which. -EBADMSG: it is none.
 */
int journal_open(struct journal *j, int dir, const char *name, bool *ret_old);
void journal_close(struct journal *j);
void journal_format(const struct journal *j, char ret[3]);
/* A fresh one in the place of the old when it is done; until then the old one holds. */
int journal_rewrite_begin(const struct journal *j, struct journal *fresh);
int journal_rewrite_end(struct journal *j, struct journal *fresh);

/* Begin a change; fields follow. False: nothing is to be recorded. */
bool journal_change(struct journal *j, enum change_kind kind);
void journal_put(struct journal *j, const void *data, size_t len);
void journal_put_bytes(struct journal *j, const void *data, size_t len);	/* with the length before it */
#define journal_put_value(j, type, value) do { type v_ = (type)(value); journal_put(j, &v_, sizeof(v_)); } while (0)
void journal_commit(struct journal *j);

/* The records of a log, one after the other. 1: one, 0: the end, -EBADMSG: it is damaged from *at on. */
int journal_next(const struct journal *j, size_t *at, const uint8_t **ret, size_t *ret_len);

/* state.c: the whole state as changes, and back. */
void state_save(struct store *s, struct journal *j);
/* -EBADMSG: what could be read was; the rest is lost. */
int state_load(struct store *s, const struct journal *j);
/* Into a fresh file; 0 or -errno with the old one in use. */
int state_rewrite(struct store *s);

#endif
