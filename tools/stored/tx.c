/* SPDX-License-Identifier: GPL-2.0-only */
/* Transactions: at the commit all that was looked at is compared; then the changes are made in the order of their first. */
#include "journal.h"
#include "mem.h"
#include "shadow.h"

static void record(struct tx *tx, enum change_kind kind)
{
	struct conn *c = tx->conn;

	if (!c->is_ring || !journal_change(c->store->journal, kind))
		return;
	journal_put_value(c->store->journal, uint16_t, c->domain->domid);
	journal_put_value(c->store->journal, uint32_t, tx->id);
}

struct tx *tx_find(const struct conn *c, uint32_t id)
{
	struct tx *tx = c->transactions;

	while (tx && tx->id != id)
		tx = tx->next;
	return tx;
}

int tx_start(struct conn *c, uint32_t id, struct tx **ret)
{
	struct store *s = c->store;
	struct usage used;
	struct tx *tx;

	conn_usage_tx(c, &used);
	if (conn_exceeds(c, QUOTA_TRANSACTIONS, used.nodes + 1))
		return -ENOSPC;
	if (conn_exceeds(c, QUOTA_MEMORY, used.memory))
		return -ENOMEM;
	tx = mem_new(sizeof(*tx));
	while (id == 0)
		id = tx_find(c, ++s->last_tx) ? 0 : s->last_tx;
	tx->id = id;
	tx->conn = c;
	tx->generation = s->generation;
	tx->next = c->transactions;
	c->transactions = tx;
	s->nr_transactions++;
	c->domain->nr_transactions++;
	tx_charge(tx, sizeof(*tx));
	(void)shadow_new(tx, NULL, "", 0);
	record(tx, CHANGE_TX);
	*ret = tx;
	return 0;
}

void tx_free(struct tx *tx)
{
	struct conn *c = tx->conn;
	struct tx **p = &c->transactions;

	while (*p != tx)
		p = &(*p)->next;
	*p = tx->next;
	for (uint32_t i = 0; i < tx->nr_shadows; i++) {
		shadow_clear(tx, tx->shadows[i]);
		free(tx->shadows[i]);
	}
	tx_charge(tx, -(int64_t)tx->memory);
	c->store->nr_transactions--;
	c->domain->nr_transactions--;
	free(tx->shadows);
	free(tx->order);
	free(tx);
}

void tx_free_all(struct conn *c)
{
	while (c->transactions)
		tx_free(c->transactions);
}

/* The tree's node of each shadow; those of parents are known first. */
static void find_peers(struct store *s, struct tx *tx)
{
	tx->shadows[0]->peer = s->root;
	for (uint32_t i = 1; i < tx->nr_shadows; i++) {
		struct shadow *sh = tx->shadows[i];

		sh->peer = sh->parent->peer ? node_child(sh->parent->peer, sh->name, sh->name_len) : NULL;
	}
}

static bool saw_what_is(const struct tx *tx)
{
	for (uint32_t i = 0; i < tx->nr_shadows; i++) {
		const struct shadow *sh = tx->shadows[i];

		for (unsigned gen = 0; gen < NR_GENS; gen++)
			if (sh->looked & 1U << gen && sh->seen[gen] != (sh->peer ? sh->peer->gen[gen] : 0))
				return false;
	}
	return true;
}

bool tx_is_lost(struct tx *tx)
{
	struct store *s = tx->conn->store;

	if (tx->doomed || tx->generation == s->generation)
		return tx->doomed;
	find_peers(s, tx);
	tx->doomed = !saw_what_is(tx);
	tx->generation = s->generation;
	return tx->doomed;
}

/* Others of the same domain may have made nodes meanwhile. */
static int check_quota(const struct tx *tx)
{
	struct conn *c = tx->conn;
	uint32_t removed = 0, created = tx_count_created(tx);

	if (!created || !conn_has_quotas(c))
		return 0;
	for (uint32_t i = 0; i < tx->nr_shadows; i++)
		removed += tx->shadows[i]->hides && tx->shadows[i]->peer;
	return created <= removed ? 0 : conn_check_room(c, c->domain->domid, created - removed);
}

static size_t created_from(const struct shadow *sh)
{
	size_t len = 0;

	if (!(sh->changes & CREATED))
		return 0;
	while (sh->parent && (sh->parent->changes & (CREATED | IMPLICIT)) == (CREATED | IMPLICIT))
		sh = sh->parent;
	for (; sh->parent; sh = sh->parent)
		len += 1u + sh->name_len;
	return len;
}

static void apply(struct store *s, struct shadow *sh)
{
	struct acl *old = NULL;
	struct node *n;

	if (sh->parent && !sh->parent->peer)
		return;		/* made and removed again with what is above it */
	n = sh->parent ? node_child(sh->parent->peer, sh->name, sh->name_len) : s->root;
	if (sh->hides && n) {
		if (sh->changes & CREATED)
			node_remove(s, n);
		else
			node_remove_and_tell(s, n);
		n = NULL;
	}
	if (sh->changes & CREATED) {
		n = node_create(s, sh->parent->peer, sh->name, sh->name_len, sh->acl, sh->value, sh->value_len);
	} else if (n) {
		if (sh->changes & SET_ACL) {
			old = acl_ref(n->acl);
			node_set_acl(s, n, sh->acl);
		}
		if (sh->changes & SET_VALUE)
			node_set_value(s, n, sh->value, sh->value_len);
	}
	sh->peer = n;
	if (n && sh->changes && !(sh->changes & IMPLICIT))
		watch_fire_node(s, n, old, created_from(sh));
	acl_unref(old);
}

int tx_end(struct tx *tx, bool commit)
{
	struct store *s = tx->conn->store;
	int r = 0;

	if (commit) {
		find_peers(s, tx);
		if (tx->doomed || !saw_what_is(tx))
			r = -EAGAIN;
		else
			r = check_quota(tx);
		for (uint32_t i = 0; r == 0 && i < tx->nr_order; i++)
			if (tx->order[i])
				apply(s, tx->order[i]);
	}
	record(tx, CHANGE_TX_END);
	tx_free(tx);
	return r;
}
