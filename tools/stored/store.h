/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store: a tree of nodes, watches on it, transactions, the domains that use it, and connections that speak the protocol of
 * xs_wire.h. No file, socket or ring is touched here: transports feed bytes to connections and take bytes from them, and a
 * journal (journal.h) is told every change before anybody outside can see it. docs/store.md has the rules.
 *
 * One thread. Functions return 0 or -errno unless said otherwise. Memory that cannot be had ends the process (mem.h): what it
 * knew is in the journal.
 */
#ifndef STORED_STORE_H
#define STORED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include "wire_newer.h"

#define PATH_ROOM		(XENSTORE_ABS_PATH_MAX + 1)
#define STORE_FEATURES		(XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR | \
				 XENSTORE_SERVER_FEATURE_WATCHDEPTH)
#define WATCH_BUCKETS		8192
#define TX_BUCKETS		256

struct journal;
struct store;
struct conn;

/* ---- permissions ---- */

enum { ACCESS_READ = 1, ACCESS_WRITE = 2 };

/* The first entry: the owner, and what domains that have no entry may. Shared by nodes, never changed while shared. */
struct acl {
	uint32_t refs;
	uint16_t nr;
	struct perm {
		uint16_t domid;
		uint16_t access;
	} perm[];
};

struct acl *acl_new(uint16_t nr);
struct acl *acl_ref(struct acl *a);
void acl_unref(struct acl *a);
/* "r5", "b0", ... -EINVAL */
int perm_parse(const char *s, struct perm *ret);
size_t perm_format(const struct perm *p, char buf[8]);

/* ---- nodes ---- */

enum { GEN_VALUE, GEN_PERMS, GEN_CHILDREN, NR_GENS };

struct node {
	struct node *parent;
	struct node **children;		/* sorted by name */
	uint32_t nr_children, room;
	uint32_t listing;		/* bytes of all names of children, each with its NUL */
	uint32_t value_len;
	uint64_t gen[NR_GENS];		/* of the last change; never 0 */
	struct acl *acl;
	char *value;
	uint16_t name_len;
	char name[];
};

struct node *node_child(const struct node *n, const char *name, size_t len);
struct node *node_find(struct store *s, const char *path);
/* @path begins with '/', which is @n. */
struct node *node_below(struct node *n, const char *path);
/* The next in the order of the tree, past all below @n if @skip. */
struct node *node_after(const struct node *n, bool skip);
size_t node_path(const struct node *n, char buf[PATH_ROOM]);
/* Changes to the tree that all see: accounts, generations and journal are kept; events are the caller's. */
struct node *node_create(struct store *s, struct node *parent, const char *name, size_t len, struct acl *acl, const void *value,
			 size_t value_len);
void node_set_value(struct store *s, struct node *n, const void *value, size_t len);
void node_set_acl(struct store *s, struct node *n, struct acl *acl);
uint64_t node_memory(const struct node *n);
/* Out of the tree with all that is below; and one that is out of it and has nothing below. For removed.c. */
void node_unlink(struct store *s, struct node *n);
void node_free(struct store *s, struct node *n);

/* With all that is below; tells watches on what is below, not those on @n and above. removed.c */
void node_remove(struct store *s, struct node *n);
/* Not the root; tells those, too. */
void node_remove_and_tell(struct store *s, struct node *n);
/* A bounded step of what store_ops.later() asked for. True: there is more. */
bool store_free_removed(struct store *s);
/* Nodes that are removed and not freed yet: they are still on somebody's account. */
void store_count_removed(const struct store *s, void (*count)(void *userdata, const struct node *n), void *userdata);

/* One step along a canonical path: false at its end. *at begins with 1. */
bool path_next(const char *path, size_t *at, const char **ret_name, size_t *ret_len);
/* The canonical form of what a client of @domid wrote: absolute, or "@..." where that is allowed. */
int path_canonical(const char *s, uint16_t domid, bool may_be_special, char buf[PATH_ROOM], size_t *ret_len);

/* ---- domains and quotas ---- */

enum quota {
	QUOTA_NODES,
	QUOTA_NODE_SIZE,
	QUOTA_WATCHES,
	QUOTA_TRANSACTIONS,
	QUOTA_TRANSACTION_NODES,
	QUOTA_PERMISSIONS,
	QUOTA_OUTSTANDING,
	QUOTA_OUTSTANDING_BYTES,
	QUOTA_MEMORY,
	NR_QUOTAS,
	TELL_RING = NR_QUOTAS,		/* what else a guest can make us say again and again */
	NR_TELLS,
};

struct domain {
	uint16_t domid;
	bool introduced, shutdown;
	bool ring_error;		/* it broke the ring's rules: not served until it reconnects */
	int32_t target;			/* SET_TARGET; -1: none */
	uint32_t port, features;
	uint64_t gfn;
	uint32_t own_quotas;		/* bits: which of quota[] count, not the store's */
	uint32_t quota[NR_QUOTAS];
	/* what it has: */
	uint32_t nr_nodes, nr_watches, nr_transactions;
	uint64_t memory;
	uint64_t told_ms[NR_TELLS];	/* when an exceeded quota, or a broken ring, was logged */
	struct conn *conn;		/* of its ring, while introduced */
};

struct domain *domain_find(const struct store *s, unsigned domid);
struct domain *domain_get(struct store *s, unsigned domid);
void domain_put_idle(struct store *s, struct domain *d);	/* frees it when it has nothing */
void domain_record(struct store *s, const struct domain *d);
/* A line about this (a quota or TELL_*) may go to the log now: a guest does not fill it. */
bool domain_may_tell(struct store *s, struct domain *d, unsigned what);
/* True when @used is not allowed; logged then. Domain 0 has no quotas. */
bool quota_exceeded(struct store *s, struct domain *d, enum quota q, uint64_t used);
uint32_t quota_default(enum quota q);
uint32_t quota_of(const struct store *s, const struct domain *d, enum quota q);
const char *quota_name(enum quota q);
int quota_by_name(const char *name, enum quota *ret);

/*
 * What a connection may have: a guest by its account, the process of a domain, which is not root, by the same quotas. Its nodes
 * are those in its folders that do not belong to the guest. request_runner.c
 */
struct usage {
	uint64_t nodes, memory;
};
bool conn_has_quotas(const struct conn *c);
bool conn_exceeds(struct conn *c, enum quota q, uint64_t used);
/* Before a node is made whose owner is @owner. */
void conn_usage(struct conn *c, unsigned owner, struct usage *ret);
/* For @more nodes with this owner: -ENOSPC, -ENOMEM. */
int conn_check_room(struct conn *c, unsigned owner, uint32_t more);
/* For transactions: how many, and the memory that counts. */
void conn_usage_tx(const struct conn *c, struct usage *ret);

int domain_introduce(struct store *s, unsigned domid, uint64_t gfn, uint32_t port);
int domain_release(struct store *s, unsigned domid);
/* It is no more: released, and its folders /local/domain/<domid> and the one below /vm that it names are removed. */
void domain_destroyed(struct store *s, unsigned domid);
/* Calls @alive for each domain that has a folder, a process or is introduced; domain_destroyed() for those it denies. */
void domains_compare(struct store *s, bool (*alive)(void *userdata, unsigned domid), void *userdata);
/* It stopped by itself: @releaseDomain once, until RESUME. */
void domain_has_shut_down(struct store *s, unsigned domid);
/* Nodes that the domain owns, with all below, and its entries in the permissions of others. */
void domain_forget(struct store *s, unsigned domid);

/* ---- watches ---- */

struct watch {
	struct watch *hash_next, *next;	/* next: of the connection */
	struct conn *conn;
	uint64_t hash;
	int32_t depth;			/* -1: all below */
	struct msg *pending, *pending_last;	/* its events in the connection's queue, in their order */
	uint16_t skip;			/* of each path, for a watch on a relative one */
	uint16_t path_len;
	char *token;
	char path[];
};

struct change {
	const char *path;
	size_t len;
	size_t created;			/* length of the uppermost path that came into being with it; len: none */
	const struct acl *old_acl, *new_acl, *parent_acl;	/* who may read one of them may know; each may be NULL */
	bool exact;			/* only watches on just this path */
	bool sockets_only;		/* guests have been told */
};

int watch_add(struct conn *c, const char *path, size_t len, const char *token, int32_t depth, uint16_t skip,
	      struct watch **ret);
int watch_remove(struct conn *c, const char *path, const char *token);
void watch_remove_all(struct conn *c);
void watch_fire(struct store *s, const struct change *ch);
void watch_fire_node(struct store *s, const struct node *n, const struct acl *old_acl, size_t created);
void watch_fire_special(struct store *s, bool release, unsigned domid);
/* Guests' watches on what is below the removed @top, which was at @path. */
void watch_fire_guests_below(struct store *s, const char *path, size_t len, struct node *top);
void watch_first_event(struct watch *w);

/* ---- transactions ---- */

struct shadow;
struct tx {
	struct tx *next;
	struct conn *conn;
	uint32_t id;
	bool doomed;			/* saw two states, or was open when the daemon ended: commits with EAGAIN */
	uint64_t generation;		/* of the tree, up to which it is known that no other changed what this one saw */
	uint32_t nr_changes;
	uint32_t nr_shadows, shadows_room;
	struct shadow **shadows;	/* parents before children; [0] is the root's */
	uint32_t nr_order, order_room;
	struct shadow **order;		/* those with changes, in the order of the first */
	uint64_t memory;		/* charged to the connection's domain */
	struct shadow *buckets[TX_BUCKETS];
};

int tx_start(struct conn *c, uint32_t id, struct tx **ret);	/* id 0: choose one */
struct tx *tx_find(const struct conn *c, uint32_t id);
/* It cannot be committed any more: what it is refused now may come from a state that it has not seen. */
bool tx_is_lost(struct tx *tx);
int tx_end(struct tx *tx, bool commit);
void tx_free(struct tx *tx);
void tx_free_all(struct conn *c);

/* What a connection may do with the tree, within @tx or (NULL) at once. Paths are canonical. tree.c */
struct listing {
	/* asked for: names from this offset in all of them on, and at most so many bytes */
	uint64_t from;
	size_t most;
	uint64_t gen;			/* differs when anything in it does */
	bool is_end;			/* these are the last */
	uint64_t at;			/* of names that were skipped */
	size_t len;
	char names[XENSTORE_PAYLOAD_MAX];	/* each with its NUL */
};
int tree_read(struct conn *c, struct tx *tx, const char *path, const char **ret, size_t *ret_len);
int tree_list(struct conn *c, struct tx *tx, const char *path, struct listing *l);
int tree_get_acl(struct conn *c, struct tx *tx, const char *path, const struct acl **ret);
int tree_set_acl(struct conn *c, struct tx *tx, const char *path, struct acl *acl);
int tree_write(struct conn *c, struct tx *tx, const char *path, const void *value, size_t len);
int tree_mkdir(struct conn *c, struct tx *tx, const char *path);
int tree_remove(struct conn *c, struct tx *tx, const char *path);

/* ---- connections ---- */

struct msg {
	struct msg *next;
	struct watch *watch;		/* whose event it is, while that watch exists */
	struct msg *watch_next, *watch_prev;	/* the watch's others */
	bool is_event;
	uint32_t len, sent;
	char bytes[];
};

struct conn {
	struct store *store;
	struct conn *prev, *next;
	struct domain *domain;
	uint16_t runner_of;		/* the process of this domain, with rights for it alone; 0: not one */
	char runner_vm[42];		/* its domain's path below /vm */
	bool is_ring;			/* it outlives the daemon: the journal has what it sent and is owed */
	bool broken;			/* does not read: the transport ends it */
	struct watch *watches;
	struct tx *transactions;
	struct {			/* where its last listing ended; compared only, the node may be gone */
		const struct node *node;
		uint64_t gen, offset;
		uint32_t index;
	} listed;
	/* bytes from the client; in_index counts them as the ring does, modulo 2^32 */
	uint32_t in_index, in_len;
	/* bytes to the client; out_index is the stream's position of the first that is not sent */
	uint32_t out_index;
	uint32_t nr_replies, out_bytes;
	struct msg *out, **out_end;
	void *transport;		/* the transport's */
	char in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
};

struct conn *conn_new(struct store *s, struct domain *d, bool is_ring);
void conn_free(struct conn *c);
bool conn_is_privileged(const struct conn *c);
bool conn_may(const struct conn *c, const struct acl *a, unsigned access);
bool conn_owns(const struct conn *c, const struct acl *a);
/* Forget watches, transactions, and all bytes in both directions. */
void conn_reset(struct conn *c, uint32_t in_index, uint32_t out_index);
/* How many bytes it takes now, never beyond the end of one request. 0: the client is to read first. */
size_t conn_wants(const struct conn *c);
/* At most conn_wants() bytes. Handles the request that is complete then. -EPROTO: longer than the protocol allows. */
int conn_feed(struct conn *c, const void *data, size_t len);
/* Bytes for the client; *ret is valid until the next call on @c. 0: none. */
size_t conn_output(struct conn *c, const char **ret);
void conn_sent(struct conn *c, size_t len);
void conn_queue(struct conn *c, struct msg *m);
struct msg *msg_new(uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len);
void conn_drop_watch(struct watch *w);		/* its events stay in line, without it */

/* request.c: the complete request in c->in; queues the answer. */
void request_handle(struct conn *c);

/* state.c */
void state_record_quota(struct store *s, enum quota q);
void state_record_special(struct store *s, const char *name, const struct acl *a);

/* ---- the store ---- */

struct store_ops {
	/* Map the ring of @d and serve it; @again: the daemon knew it before it was restarted. */
	int (*introduce)(void *userdata, struct domain *d, bool again);
	void (*release)(void *userdata, struct domain *d);
	void (*output)(void *userdata, struct conn *c);		/* it has something to send */
	void (*log)(void *userdata, int priority, const char *text);
	uint64_t (*now_ms)(void *userdata);
	void (*later)(void *userdata);				/* call store_free_removed() until it denies */
};

struct store {
	struct node *root;
	struct acl *special[2];		/* of @introduceDomain, @releaseDomain */
	struct domain *domains[DOMID_FIRST_RESERVED];
	unsigned domids_end;		/* all known are below */
	struct watch *watches[WATCH_BUCKETS];
	uint64_t hash_seed;
	uint64_t generation;
	uint32_t last_tx;
	uint32_t nr_nodes, nr_watches, nr_transactions;
	struct removed *removed;
	uint32_t quota[NR_QUOTAS];
	struct conn *conns;
	bool replaying;			/* the journal is read: nothing is told to anybody */
	struct journal *journal;	/* NULL: none */
	const struct store_ops *ops;
	void *userdata;
};

struct store *store_new(const struct store_ops *ops, void *userdata, uint64_t hash_seed);
void store_free(struct store *s);
/* What was done is in the journal; from here on clients may see it. */
void store_commit(struct store *s);
/* Counts everything again and compares. NULL: all is right, or what is wrong. */
const char *store_check(struct store *s);

__attribute__((format(printf, 3, 4)))
void store_log(struct store *s, int priority, const char *format, ...);

#endif
