/* SPDX-License-Identifier: GPL-2.0-only */
#include "ring.h"

#include <syslog.h>

#include "mem.h"

#define LOAD(p)		__atomic_load_n(&(p), __ATOMIC_ACQUIRE)		/* what it covers is read after it */
#define STORE(p, v)	__atomic_store_n(&(p), (v), __ATOMIC_RELEASE)	/* what it covers is written before it */

static bool may_reconnect(const struct ring *r)
{
	return r->conn->domain->features & XENSTORE_SERVER_FEATURE_RECONNECTION;
}

static unsigned ring_die(struct ring *r, uint32_t error, const char *why)
{
	struct conn *c = r->conn;

	if (domain_may_tell(c->store, c->domain, TELL_RING))
		store_log(c->store, LOG_WARNING, "domain %u is not served until it reconnects: %s", c->domain->domid, why);
	r->dead = true;
	c->domain->ring_error = true;
	domain_record(c->store, c->domain);
	conn_reset(c, c->in_index, c->out_index);
	store_commit(c->store);
	if (c->domain->features & XENSTORE_SERVER_FEATURE_ERROR)
		STORE(r->page->error, error);
	return RING_NOTIFY;
}

/* xenstore-ring.txt: everything is forgotten and both queues are empty before the guest is told. */
static void reconnect(struct ring *r)
{
	struct conn *c = r->conn;

	c->domain->ring_error = false;
	domain_record(c->store, c->domain);
	conn_reset(c, 0, 0);
	store_commit(c->store);
	r->dead = false;
	r->page->req_cons = r->page->req_prod = 0;
	r->page->rsp_cons = r->page->rsp_prod = 0;
	r->page->error = XENSTORE_ERROR_NONE;
	STORE(r->page->connection, XENSTORE_CONNECTED);
}

/* Answers that the guest has already got are still in the log; its page says how far they went. */
static void resume(struct ring *r)
{
	struct conn *c = r->conn;
	uint32_t sent = LOAD(r->page->rsp_prod) - c->out_index;

	if (sent > c->out_bytes) {
		(void)ring_die(r, XENSTORE_ERROR_RINGIDX, "it changed an index of the store's");
		return;
	}
	conn_sent(c, sent);
	/* The page may be behind: the request was recorded, and then we were stopped. */
	STORE(r->page->req_cons, c->in_index);
}

void ring_attach(struct ring *r, struct xenstore_domain_interface *page, struct conn *c, bool again)
{
	*r = (struct ring){ .page = page, .conn = c, .dead = c->domain->ring_error };
	page->server_features = c->domain->features;
	if (again) {
		if (!r->dead && !(may_reconnect(r) && LOAD(page->connection) == XENSTORE_RECONNECT))
			resume(r);
		return;
	}
	c->in_index = LOAD(page->req_cons);
	c->out_index = LOAD(page->rsp_prod);
	page->error = XENSTORE_ERROR_NONE;
	/* Whoever built the guest may have asked it to wait for us. */
	STORE(page->connection, XENSTORE_CONNECTED);
}

/* Out of the ring to private memory; the guest may overwrite it meanwhile, which harms its request only. */
static void copy_from(const char *ring, uint32_t index, char *to, uint32_t len)
{
	uint32_t at = MASK_XENSTORE_IDX(index), first = XENSTORE_RING_SIZE - at;

	if (first > len)
		first = len;
	memcpy(to, ring + at, first);
	memcpy(to + first, ring, len - first);
}

static void copy_to(char *ring, uint32_t index, const char *from, uint32_t len)
{
	uint32_t at = MASK_XENSTORE_IDX(index), first = XENSTORE_RING_SIZE - at;

	if (first > len)
		first = len;
	memcpy(ring + at, from, first);
	memcpy(ring, from + first, len - first);
}

static unsigned ring_input(struct ring *r, unsigned most)
{
	struct conn *c = r->conn;
	char buf[XENSTORE_RING_SIZE];
	unsigned flags = 0;

	for (;;) {
		uint32_t prod = LOAD(r->page->req_prod), len = prod - c->in_index;
		size_t wants;

		if (len > XENSTORE_RING_SIZE)
			return flags | ring_die(r, XENSTORE_ERROR_RINGIDX, "req_prod is impossible");
		wants = conn_wants(c);
		if (len == 0 || wants == 0 || most == 0)
			return flags;
		if (len > wants)
			len = (uint32_t)wants;
		copy_from(r->page->req, c->in_index, buf, len);
		most -= c->in_len + len >= sizeof(struct xsd_sockmsg);
		/* recorded in here; only then the guest may reuse the bytes */
		if (conn_feed(c, buf, len) < 0)
			return flags | ring_die(r, XENSTORE_ERROR_PROTO, "a request is longer than the protocol allows");
		STORE(r->page->req_cons, c->in_index);
		flags |= RING_NOTIFY;
	}
}

static unsigned ring_output(struct ring *r)
{
	struct conn *c = r->conn;
	unsigned flags = 0;
	const char *data;
	size_t len;

	while ((len = conn_output(c, &data))) {
		uint32_t used = c->out_index - LOAD(r->page->rsp_cons), room;

		if (used > XENSTORE_RING_SIZE)
			return flags | ring_die(r, XENSTORE_ERROR_RINGIDX, "rsp_cons is impossible");
		room = XENSTORE_RING_SIZE - used;
		if (room == 0)
			break;
		if (len > room)
			len = room;
		copy_to(r->page->rsp, c->out_index, data, (uint32_t)len);
		conn_sent(c, len);
		STORE(r->page->rsp_prod, c->out_index);
		flags |= RING_NOTIFY;
	}
	return flags;
}

bool ring_has_work(const struct ring *r)
{
	const struct conn *c = r->conn;

	/* Our indices are shown before the guest's are read; in a guest it is the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->dead)
		return false;
	return (c->out && c->out_index - LOAD(r->page->rsp_cons) != XENSTORE_RING_SIZE) ||
	       (LOAD(r->page->req_prod) != c->in_index && conn_wants(c));
}

unsigned ring_work(struct ring *r, unsigned most)
{
	unsigned flags = 0;

	if (may_reconnect(r) && LOAD(r->page->connection) == XENSTORE_RECONNECT) {
		reconnect(r);
		flags = RING_NOTIFY;
	}
	if (!r->dead)
		flags |= ring_output(r);
	if (!r->dead)
		flags |= ring_input(r, most);
	if (!r->dead)
		flags |= ring_output(r);
	return ring_has_work(r) ? flags | RING_MORE : flags;
}
