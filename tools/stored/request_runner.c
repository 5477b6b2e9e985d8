/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the process of one domain, which is not root, may ask for: it makes the entries of its domain and introduces it. All else is
 * for domain 0 proper, above all what tells backends which files to open. And how much it may have: on the socket it is domain 0,
 * which has no quotas, so what it has is counted when it wants more. There is little, by quota.
 */
#include <stdio.h>
#include <string.h>

#include "request.h"

static bool is_within(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int check_path(const struct request *rq)
{
	char path[PATH_ROOM], top[PATH_ROOM];
	int r = request_parse_path(rq, path);

	if (r < 0)
		return r;
	(void)snprintf(top, sizeof(top), "/local/domain/%u", rq->conn->runner_of);
	return is_within(path, top) || is_within(path, rq->conn->runner_vm) ? 0 : -EACCES;
}

/* Nothing on the account of other domains, nothing that they can reach. */
static int check_perms(const struct request *rq)
{
	const char *s;
	struct perm p;

	for (size_t at = 0, i = 0; request_strings(rq, &at, &s, 1) == 1; i++)
		if (i > 0 && (perm_parse(s, &p) < 0 || (p.domid != 0 && p.domid != rq->conn->runner_of)))
			return -EACCES;
	return 0;
}

static int check_domid(const struct request *rq)
{
	unsigned domid;
	const char *s;
	int r = request_parse_strings(rq, &s, 1);

	if (r == 0)
		r = request_parse_domid(s, &domid);
	return r < 0 ? r : domid == rq->conn->runner_of ? 0 : -EACCES;
}

int request_check_runner(const struct request *rq)
{
	int r;

	switch (rq->h.type) {
	case XS_TRANSACTION_START:
	case XS_TRANSACTION_END:
		return 0;
	case XS_INTRODUCE:
		return check_domid(rq);
	case XS_SET_PERMS:
		r = check_perms(rq);
		return r < 0 ? r : check_path(rq);
	case XS_DIRECTORY:
	case XS_READ:
	case XS_GET_PERMS:
	case XS_WRITE:
	case XS_MKDIR:
	case XS_RM:
		return check_path(rq);
	default:
		return -EACCES;
	}
}

/* ---- how much ---- */

bool conn_has_quotas(const struct conn *c)
{
	return c->domain->domid != 0 || c->runner_of;
}

bool conn_exceeds(struct conn *c, enum quota q, uint64_t used)
{
	/* kept until the domain's end: it remembers when this was logged */
	return quota_exceeded(c->store, c->runner_of ? domain_get(c->store, c->runner_of) : c->domain, q, used);
}

void conn_usage_tx(const struct conn *c, struct usage *ret)
{
	*ret = (struct usage){ .nodes = c->domain->nr_transactions, .memory = c->domain->memory };
	if (!c->runner_of)
		return;
	*ret = (struct usage){};
	for (const struct tx *tx = c->transactions; tx; tx = tx->next) {
		ret->nodes++;
		ret->memory += tx->memory;
	}
}

static void count_below(const struct node *top, unsigned guest, struct usage *u)
{
	const struct node *end = top ? node_after(top, true) : NULL;

	for (const struct node *n = top; n && n != end; n = node_after(n, false))
		if (n->acl->perm[0].domid != guest) {
			u->nodes++;
			u->memory += node_memory(n);
		}
}

void conn_usage(struct conn *c, unsigned owner, struct usage *ret)
{
	const struct domain *guest = domain_find(c->store, c->runner_of);
	char path[PATH_ROOM];

	*ret = (struct usage){ .nodes = c->domain->nr_nodes, .memory = c->domain->memory };
	if (!c->runner_of)
		return;
	/* Its number and size bound it. A guest that has used up its memory must not be able to keep its process from asking it to end. */
	if (owner == c->runner_of) {
		*ret = (struct usage){ .nodes = guest ? guest->nr_nodes : 0 };
		return;
	}
	conn_usage_tx(c, ret);
	ret->nodes = 0;
	(void)snprintf(path, sizeof(path), "/local/domain/%u", c->runner_of);
	count_below(node_find(c->store, path), c->runner_of, ret);
	count_below(node_find(c->store, c->runner_vm), c->runner_of, ret);
}

int conn_check_room(struct conn *c, unsigned owner, uint32_t more)
{
	struct usage used;

	if (!conn_has_quotas(c))
		return 0;
	conn_usage(c, owner, &used);
	if (more && conn_exceeds(c, QUOTA_NODES, used.nodes + more))
		return -ENOSPC;
	return conn_exceeds(c, QUOTA_MEMORY, used.memory) ? -ENOMEM : 0;
}
