/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a transaction keeps beside the tree: a shadow for each path it came along. For what it looked at, the shadow has the generation
 * seen first, for value, permissions and children by themselves; for what it changed, the new state. tree.c fills them, tx.c compares
 * and makes the changes at the commit. Their memory is charged to the connection's domain.
 */
#ifndef STORED_SHADOW_H
#define STORED_SHADOW_H

#include "store.h"

enum { SET_VALUE = 1, SET_ACL = 2, CREATED = 4, IMPLICIT = 8, REMOVED = 16 };

struct shadow {
	struct shadow *parent, *hash_next;
	struct node *peer;		/* the tree's node: for a moment, while all are walked */
	uint64_t seen[NR_GENS];		/* 0: was not there */
	struct acl *acl;		/* with SET_ACL, CREATED */
	char *value;			/* with SET_VALUE, CREATED */
	uint32_t value_len;
	uint32_t order;			/* 1 + index in tx->order */
	uint8_t looked;			/* bit per generation */
	uint8_t changes;
	bool hides;			/* what the tree has here and below was removed by this transaction */
	bool mark;
	uint16_t name_len;
	char name[];
};

/* NULL: it did not come along there. */
struct shadow *shadow_find(struct tx *tx, const struct shadow *parent, const char *name, size_t len);
/* One that is not there yet, without a quota: the root's has no parent. */
struct shadow *shadow_new(struct tx *tx, struct shadow *parent, const char *name, size_t len);
/* The one that is there, or a new one: -ENOSPC, -ENOMEM: a quota. */
int shadow_get(struct tx *tx, struct shadow *parent, const char *name, size_t len, struct shadow **ret);

/* It is about to change; its place among the changes is that of the first. */
void shadow_note_change(struct tx *tx, struct shadow *sh, unsigned changes);
void shadow_set_value(struct tx *tx, struct shadow *sh, const void *value, size_t len);
void shadow_set_acl(struct shadow *sh, struct acl *acl);
/* Without a state of its own again. */
void shadow_clear(struct tx *tx, struct shadow *sh);

/* Nodes that the transaction has made so far; NULL: 0. */
uint32_t tx_count_created(const struct tx *tx);
void tx_charge(struct tx *tx, int64_t bytes);

#endif
