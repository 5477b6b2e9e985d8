/* SPDX-License-Identifier: GPL-2.0-only */
#include "shadow.h"

#include "mem.h"

static struct shadow **shadow_bucket(struct tx *tx, const struct shadow *parent, const char *name, size_t len)
{
	uint64_t h = (uintptr_t)parent >> 4;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
	return &tx->buckets[(h ^ h >> 32) % TX_BUCKETS];
}

struct shadow *shadow_find(struct tx *tx, const struct shadow *parent, const char *name, size_t len)
{
	struct shadow *sh = *shadow_bucket(tx, parent, name, len);

	while (sh && (sh->parent != parent || sh->name_len != len || memcmp(sh->name, name, len) != 0))
		sh = sh->hash_next;
	return sh;
}

void tx_charge(struct tx *tx, int64_t bytes)
{
	tx->memory += (uint64_t)bytes;
	tx->conn->domain->memory += (uint64_t)bytes;
}

struct shadow *shadow_new(struct tx *tx, struct shadow *parent, const char *name, size_t len)
{
	struct shadow *sh = mem_new(sizeof(*sh) + len + 1), **b = shadow_bucket(tx, parent, name, len);

	memcpy(sh->name, name, len);
	sh->name_len = (uint16_t)len;
	sh->parent = parent;
	sh->hash_next = *b;
	*b = sh;
	mem_grow(tx->shadows, tx->nr_shadows, tx->shadows_room);
	tx->shadows[tx->nr_shadows++] = sh;
	tx_charge(tx, (int64_t)(sizeof(*sh) + len + 1));
	return sh;
}

int shadow_get(struct tx *tx, struct shadow *parent, const char *name, size_t len, struct shadow **ret)
{
	struct usage used;

	*ret = shadow_find(tx, parent, name, len);
	if (*ret)
		return 0;
	if (conn_exceeds(tx->conn, QUOTA_TRANSACTION_NODES, tx->nr_shadows))
		return -ENOSPC;
	conn_usage_tx(tx->conn, &used);
	if (conn_exceeds(tx->conn, QUOTA_MEMORY, used.memory))
		return -ENOMEM;
	*ret = shadow_new(tx, parent, name, len);
	return 0;
}

void shadow_note_change(struct tx *tx, struct shadow *sh, unsigned changes)
{
	tx->nr_changes++;
	sh->changes |= (uint8_t)changes;
	if (sh->order)
		return;
	/* what is made and removed again and again leaves gaps here: they are charged, too */
	tx_charge(tx, sizeof(tx->order[0]));
	mem_grow(tx->order, tx->nr_order, tx->order_room);
	tx->order[tx->nr_order++] = sh;
	sh->order = tx->nr_order;
}

void shadow_set_value(struct tx *tx, struct shadow *sh, const void *value, size_t len)
{
	tx_charge(tx, (int64_t)len - (int64_t)sh->value_len);
	free(sh->value);
	sh->value = mem_copy(value, len);
	sh->value_len = (uint32_t)len;
}

void shadow_set_acl(struct shadow *sh, struct acl *acl)
{
	struct acl *old = sh->acl;

	sh->acl = acl_ref(acl);
	acl_unref(old);
}

void shadow_clear(struct tx *tx, struct shadow *sh)
{
	tx_charge(tx, -(int64_t)sh->value_len);
	acl_unref(sh->acl);
	free(sh->value);
	sh->acl = NULL;
	sh->value = NULL;
	sh->value_len = 0;
	sh->changes = 0;
}

uint32_t tx_count_created(const struct tx *tx)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; tx && i < tx->nr_shadows; i++)
		nr += !!(tx->shadows[i]->changes & CREATED);
	return nr;
}
