/* SPDX-License-Identifier: GPL-2.0-only */
#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "journal.h"
#include "mem.h"
#include "store.h"

#define TELL_AGAIN_MS	10000	/* one line for a domain and quota, or its broken rings, in this time */

static const struct {
	const char *name;
	uint32_t value;		/* until SET_QUOTA says otherwise; those that Xen has are as in Xen */
} quotas[NR_QUOTAS] = {
	[QUOTA_NODES]			= { "nodes", 1000 },
	[QUOTA_NODE_SIZE]		= { "node-size", 2048 },
	[QUOTA_WATCHES]			= { "watches", 128 },
	[QUOTA_TRANSACTIONS]		= { "transactions", 10 },
	[QUOTA_TRANSACTION_NODES]	= { "transaction-nodes", 1024 },
	[QUOTA_PERMISSIONS]		= { "node-permissions", 5 },
	[QUOTA_OUTSTANDING]		= { "outstanding", 20 },
	[QUOTA_OUTSTANDING_BYTES]	= { "outstanding-bytes", 256 * 1024 },
	[QUOTA_MEMORY]			= { "memory", 2560 * 1024 },
};

const char *quota_name(enum quota q)
{
	return quotas[q].name;
}

uint32_t quota_default(enum quota q)
{
	return quotas[q].value;
}

int quota_by_name(const char *name, enum quota *ret)
{
	/* what xenstore.txt calls it */
	if (strcmp(name, "permissions") == 0)
		name = quotas[QUOTA_PERMISSIONS].name;
	for (enum quota q = 0; q < NR_QUOTAS; q++)
		if (strcmp(quotas[q].name, name) == 0) {
			*ret = q;
			return 0;
		}
	return -EINVAL;
}

uint32_t quota_of(const struct store *s, const struct domain *d, enum quota q)
{
	return d->own_quotas & 1U << q ? d->quota[q] : s->quota[q];
}

bool domain_may_tell(struct store *s, struct domain *d, unsigned what)
{
	uint64_t now = s->ops->now_ms(s->userdata);

	if (d->told_ms[what] && now - d->told_ms[what] < TELL_AGAIN_MS)
		return false;
	d->told_ms[what] = now ? now : 1;
	return true;
}

bool quota_exceeded(struct store *s, struct domain *d, enum quota q, uint64_t used)
{
	uint32_t limit = quota_of(s, d, q);

	if (d->domid == 0 || limit == 0 || used <= limit || s->replaying)
		return false;
	if (domain_may_tell(s, d, q))
		store_log(s, LOG_WARNING, "domain %u wants more than its quota '%s' of %" PRIu32 " allows", d->domid,
			  quotas[q].name, limit);
	return true;
}

/* ---- records ---- */

struct domain *domain_find(const struct store *s, unsigned domid)
{
	return domid < DOMID_FIRST_RESERVED ? s->domains[domid] : NULL;
}

struct domain *domain_get(struct store *s, unsigned domid)
{
	struct domain *d = s->domains[domid];

	if (d)
		return d;
	d = s->domains[domid] = mem_new(sizeof(*d));
	d->domid = (uint16_t)domid;
	if (domid >= s->domids_end)
		s->domids_end = domid + 1;
	d->target = -1;
	d->features = STORE_FEATURES;
	return d;
}

void domain_put_idle(struct store *s, struct domain *d)
{
	if (d->domid == 0 || d->introduced || d->conn || d->own_quotas || d->features != STORE_FEATURES || d->nr_nodes ||
	    d->nr_watches || d->nr_transactions || d->memory)
		return;
	s->domains[d->domid] = NULL;
	free(d);
}

void domain_record(struct store *s, const struct domain *d)
{
	struct journal *j = s->journal;

	if (!journal_change(j, CHANGE_DOMAIN))
		return;
	journal_put_value(j, uint16_t, d->domid);
	journal_put_value(j, uint8_t, d->introduced | d->shutdown << 1 | d->ring_error << 2);
	journal_put_value(j, int32_t, d->target);
	journal_put_value(j, uint32_t, d->port);
	journal_put_value(j, uint64_t, d->gfn);
	journal_put_value(j, uint32_t, d->features);
	journal_put_value(j, uint32_t, d->own_quotas);
	journal_put(j, d->quota, sizeof(d->quota));
}

/* ---- life ---- */

/* A second time: the guest has a new event channel, or a new ring after it was resumed. All it had begun is forgotten. */
int domain_introduce(struct store *s, unsigned domid, uint64_t gfn, uint32_t port)
{
	struct domain *d;
	int r;

	if (domid == 0 || domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	d = domain_get(s, domid);
	if (d->introduced)
		s->ops->release(s->userdata, d);
	if (!d->conn)
		d->conn = conn_new(s, d, true);
	d->gfn = gfn;
	d->port = port;
	d->ring_error = false;
	conn_reset(d->conn, 0, 0);
	r = s->ops->introduce(s->userdata, d, false);
	if (r < 0) {
		conn_free(d->conn);
		d->introduced = false;
		domain_record(s, d);
		domain_put_idle(s, d);
		return r;
	}
	d->introduced = true;
	d->shutdown = false;
	domain_record(s, d);
	conn_reset(d->conn, d->conn->in_index, d->conn->out_index);
	watch_fire_special(s, false, domid);
	return 0;
}

int domain_release(struct store *s, unsigned domid)
{
	struct domain *d = domain_find(s, domid);

	if (!d || !d->introduced || domid == 0)
		return -ENOENT;
	s->ops->release(s->userdata, d);
	conn_free(d->conn);
	d->introduced = false;
	domain_forget(s, domid);
	watch_fire_special(s, true, domid);
	return 0;
}

/* The folder below /vm that @folder, a domain's, names; NULL: none. The guest cannot write there. */
static struct node *vm_of(struct store *s, const struct node *folder)
{
	const struct node *vm = node_child(folder, "vm", 2);
	char path[PATH_ROOM];

	if (!vm || vm->value_len < 5 || vm->value_len >= sizeof(path) || memcmp(vm->value, "/vm/", 4) != 0 ||
	    memchr(vm->value, 0, vm->value_len))
		return NULL;
	memcpy(path, vm->value, vm->value_len);
	path[vm->value_len] = '\0';
	return strchr(path + 4, '/') ? NULL : node_find(s, path);
}

void domain_destroyed(struct store *s, unsigned domid)
{
	struct node *folders, *folder, *vm;
	char name[8];
	int len;

	/* The rights of its process end with it: the next domain with this id has another. */
	for (struct conn *c = s->conns; c && domid; c = c->next)
		if (c->runner_of == domid) {
			c->broken = true;
			s->ops->output(s->userdata, c);
		}
	/* also when it was never introduced there may be permissions for it */
	if (domain_release(s, domid) < 0 && domid && domid < DOMID_FIRST_RESERVED)
		domain_forget(s, domid);
	folders = node_find(s, "/local/domain");
	len = snprintf(name, sizeof(name), "%u", domid);
	folder = folders && domid ? node_child(folders, name, (size_t)len) : NULL;
	if (!folder)
		return;
	vm = vm_of(s, folder);
	/* two with the same UUID share it */
	for (uint32_t i = 0; vm && i < folders->nr_children; i++)
		if (folders->children[i] != folder && vm_of(s, folders->children[i]) == vm)
			vm = NULL;
	/* domain 0's entries: nobody owns them who could be forgotten */
	if (vm)
		node_remove_and_tell(s, vm);
	node_remove_and_tell(s, folder);
}

void domains_compare(struct store *s, bool (*alive)(void *userdata, unsigned domid), void *userdata)
{
	const struct node *folders = node_find(s, "/local/domain");

	for (uint32_t i = folders ? folders->nr_children : 0; i-- > 0;) {
		const char *name;
		unsigned domid = 0;
		size_t len;

		/* with a domain may go more than its own folder */
		folders = node_find(s, "/local/domain");
		if (!folders || i >= folders->nr_children)
			continue;
		name = folders->children[i]->name;
		len = strspn(name, "0123456789");

		/* not somebody's own idea of a name */
		if (name[len] || len > 5 || name[0] == '0')
			continue;
		for (size_t c = 0; c < len; c++)
			domid = domid * 10 + (unsigned)(name[c] - '0');
		if (!alive(userdata, domid))
			domain_destroyed(s, domid);
	}
	for (unsigned domid = 1; domid < s->domids_end; domid++)
		if (s->domains[domid] && s->domains[domid]->introduced && !alive(userdata, domid))
			domain_destroyed(s, domid);
	/* one that has made nothing has rights all the same */
	for (struct conn *c = s->conns; c; c = c->next)
		if (c->runner_of && !c->broken && !alive(userdata, c->runner_of))
			domain_destroyed(s, c->runner_of);
}

void domain_has_shut_down(struct store *s, unsigned domid)
{
	struct domain *d = domain_find(s, domid);

	if (!d || !d->introduced || d->shutdown)
		return;
	d->shutdown = true;
	domain_record(s, d);
	watch_fire_special(s, true, domid);
}

static struct acl *acl_without(struct acl *a, unsigned domid)
{
	struct acl *fresh = acl_new(a->nr);

	fresh->nr = 0;
	for (uint16_t i = 0; i < a->nr; i++)
		if (i == 0 || a->perm[i].domid != domid)
			fresh->perm[fresh->nr++] = a->perm[i];
	return fresh;
}

static bool acl_names(const struct acl *a, unsigned domid)
{
	for (uint16_t i = 1; i < a->nr; i++)
		if (a->perm[i].domid == domid)
			return true;
	return false;
}

/*
 * The id will be another domain's: nothing may be left that this one would inherit. One change in the journal stands for all of
 * it.
 */
void domain_forget(struct store *s, unsigned domid)
{
	struct node *n = s->root, *after;
	struct domain *d;

	if (journal_change(s->journal, CHANGE_FORGET))
		journal_put_value(s->journal, uint16_t, domid);
	if (s->journal)
		s->journal->paused++;
	for (; n; n = after) {
		if (n->parent && n->acl->perm[0].domid == domid) {
			after = node_after(n, true);
			node_remove_and_tell(s, n);
			continue;
		}
		if (acl_names(n->acl, domid)) {
			struct acl *fresh = acl_without(n->acl, domid);

			node_set_acl(s, n, fresh);
			acl_unref(fresh);
		}
		after = node_after(n, false);
	}
	for (int i = 0; i < 2; i++)
		if (acl_names(s->special[i], domid)) {
			struct acl *fresh = acl_without(s->special[i], domid);

			acl_unref(s->special[i]);
			s->special[i] = fresh;
		}
	if (s->journal)
		s->journal->paused--;
	for (unsigned i = 0; i < s->domids_end; i++)
		if (s->domains[i] && s->domains[i]->target == (int32_t)domid) {
			s->domains[i]->target = -1;
			domain_record(s, s->domains[i]);
		}
	d = domain_find(s, domid);
	if (!d)
		return;
	d->own_quotas = 0;
	d->features = STORE_FEATURES;
	d->target = -1;
	d->shutdown = d->ring_error = false;
	domain_put_idle(s, d);
}
