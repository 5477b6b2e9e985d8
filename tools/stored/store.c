/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "journal.h"
#include "mem.h"
#include "store.h"

void store_log(struct store *s, int priority, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	s->ops->log(s->userdata, priority, text);
}

struct store *store_new(const struct store_ops *ops, void *userdata, uint64_t hash_seed)
{
	struct store *s = mem_new(sizeof(*s));
	struct acl *acl = acl_new(1);	/* n0: domain 0's, nobody else's */
	struct node *n;

	s->ops = ops;
	s->userdata = userdata;
	s->hash_seed = hash_seed;
	for (enum quota q = 0; q < NR_QUOTAS; q++)
		s->quota[q] = quota_default(q);
	(void)domain_get(s, 0);
	s->domains[0]->introduced = true;
	s->root = node_create(s, NULL, "", 0, acl, "", 0);
	/* Every store has these from the start. */
	n = node_create(s, s->root, "tool", 4, acl, "", 0);
	(void)node_create(s, n, "xenstored", 9, acl, "", 0);
	s->special[0] = acl_ref(acl);
	s->special[1] = acl;
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	s->journal = NULL;
	s->replaying = true;
	while (s->conns)
		conn_free(s->conns);
	while (s->root->nr_children)
		node_remove(s, s->root->children[0]);
	node_remove(s, s->root);
	while (store_free_removed(s))
		;
	for (int i = 0; i < 2; i++)
		acl_unref(s->special[i]);
	for (unsigned i = 0; i < s->domids_end; i++)
		free(s->domains[i]);
	free(s);
}

void store_commit(struct store *s)
{
	int r;

	if (!s->journal)
		return;
	journal_commit(s->journal);
	if (s->journal->end < s->journal->rewrite_at)
		return;
	r = state_rewrite(s);
	if (r < 0) {
		store_log(s, LOG_ERR, "cannot write the state anew: %s", strerror(-r));
		s->journal->rewrite_at *= 2;	/* not again at each request */
	}
}

/* ---- check ---- */

struct counts {
	uint32_t all;
	uint32_t nodes[];	/* of each domain */
};

static const char *check_children(const struct node *n)
{
	uint32_t listing = 0;

	for (uint32_t i = 0; i < n->nr_children; i++) {
		const struct node *child = n->children[i];

		if (child->parent != n)
			return "a child has another parent";
		if (i && strcmp(n->children[i - 1]->name, child->name) >= 0)
			return "children are not in order";
		listing += child->name_len + 1u;
	}
	return listing == n->listing ? NULL : "the size of a listing is wrong";
}

static const char *check_nodes(const struct store *s, struct counts *counts)
{
	const struct node *n = s->root;
	uint32_t at[XENSTORE_ABS_PATH_MAX / 2 + 2] = {}, depth = 0;
	const char *wrong;

	for (;;) {
		if (at[depth] == 0) {
			wrong = check_children(n);
			if (wrong)
				return wrong;
			counts->nodes[n->acl->perm[0].domid]++;
			counts->all++;
		}
		if (at[depth] < n->nr_children) {
			n = n->children[at[depth]++];
			at[++depth] = 0;
			continue;
		}
		if (depth == 0)
			return NULL;
		depth--;
		n = n->parent;
	}
}

static void count_removed(void *userdata, const struct node *n)
{
	struct counts *counts = userdata;

	counts->nodes[n->acl->perm[0].domid]++;
	counts->all++;
}

static const char *check_conn(const struct conn *c, uint32_t *watches, uint32_t *transactions)
{
	uint32_t bytes = 0, replies = 0;

	for (const struct watch *w = c->watches; w; w = w->next)
		++*watches;
	for (const struct tx *tx = c->transactions; tx; tx = tx->next)
		++*transactions;
	for (const struct msg *m = c->out; m; m = m->next) {
		bytes += m->len - m->sent;
		replies += !m->is_event;
	}
	return bytes == c->out_bytes && replies == c->nr_replies ? NULL : "the output of a connection is miscounted";
}

const char *store_check(struct store *s)
{
	struct counts *counts = mem_new(sizeof(*counts) + s->domids_end * sizeof(counts->nodes[0]));
	uint32_t watches = 0, transactions = 0, sums[3] = {};
	const char *wrong = check_nodes(s, counts);

	store_count_removed(s, count_removed, counts);
	for (const struct conn *c = s->conns; c && !wrong; c = c->next)
		wrong = check_conn(c, &watches, &transactions);
	for (unsigned i = 0; i < s->domids_end && !wrong; i++) {
		const struct domain *d = s->domains[i];

		if (counts->nodes[i] != (d ? d->nr_nodes : 0))
			wrong = "the nodes of a domain are miscounted";
		if (!d)
			continue;
		sums[0] += d->nr_nodes;
		sums[1] += d->nr_watches;
		sums[2] += d->nr_transactions;
		if (!wrong && !d->nr_nodes && !d->nr_watches && !d->nr_transactions && d->memory)
			wrong = "a domain without anything has memory";
	}
	if (!wrong && (counts->all != s->nr_nodes || sums[0] != s->nr_nodes))
		wrong = "the nodes are miscounted";
	if (!wrong && (watches != s->nr_watches || sums[1] != s->nr_watches))
		wrong = "the watches are miscounted";
	if (!wrong && (transactions != s->nr_transactions || sums[2] != s->nr_transactions))
		wrong = "the transactions are miscounted";
	free(counts);
	return wrong;
}
