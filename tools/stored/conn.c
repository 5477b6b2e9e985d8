/* SPDX-License-Identifier: GPL-2.0-only */
#include "journal.h"
#include "mem.h"
#include "store.h"

bool conn_is_privileged(const struct conn *c)
{
	return c->domain->domid == 0;
}

bool conn_owns(const struct conn *c, const struct acl *a)
{
	return conn_is_privileged(c) || a->perm[0].domid == c->domain->domid || a->perm[0].domid == c->domain->target;
}

bool conn_may(const struct conn *c, const struct acl *a, unsigned access)
{
	if (conn_owns(c, a))
		return true;
	for (uint16_t i = 1; i < a->nr; i++)
		if (a->perm[i].domid == c->domain->domid || a->perm[i].domid == c->domain->target)
			return (a->perm[i].access & access) == access;
	return (a->perm[0].access & access) == access;
}

struct conn *conn_new(struct store *s, struct domain *d, bool is_ring)
{
	struct conn *c = mem_new(sizeof(*c));

	c->store = s;
	c->domain = d;
	c->is_ring = is_ring;
	c->out_end = &c->out;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	return c;
}

/* The first in line of its watch, since the line is in order: it goes. */
static void leave_watch(struct msg *m)
{
	struct watch *w = m->watch;

	if (!w)
		return;
	w->pending = m->watch_next;
	*(w->pending ? &w->pending->watch_prev : &w->pending_last) = NULL;
}

static void forget_output(struct conn *c)
{
	struct msg *m, *next;

	for (m = c->out; m; m = next) {
		next = m->next;
		leave_watch(m);
		free(m);
	}
	c->out = NULL;
	c->out_end = &c->out;
	c->out_bytes = c->nr_replies = 0;
}

static void forget_all(struct conn *c)
{
	forget_output(c);
	watch_remove_all(c);
	tx_free_all(c);
	c->in_len = 0;
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	forget_all(c);
	if (c->prev)
		c->prev->next = c->next;
	else
		c->store->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->domain->conn == c)
		c->domain->conn = NULL;
	free(c);
}

void conn_reset(struct conn *c, uint32_t in_index, uint32_t out_index)
{
	struct journal *j = c->store->journal;

	forget_all(c);
	c->in_index = in_index;
	c->out_index = out_index;
	if (c->is_ring && journal_change(j, CHANGE_RESET)) {
		journal_put_value(j, uint16_t, c->domain->domid);
		journal_put_value(j, uint32_t, in_index);
		journal_put_value(j, uint32_t, out_index);
	}
}

/* ---- in ---- */

static uint32_t payload_len(const struct conn *c)
{
	struct xsd_sockmsg h;

	memcpy(&h, c->in, sizeof(h));
	return h.len;
}

size_t conn_wants(const struct conn *c)
{
	uint32_t most = quota_of(c->store, c->domain, QUOTA_OUTSTANDING);

	if (c->broken)
		return 0;
	/* One pace for all: who does not read answers is not read. */
	if (c->in_len == 0 && c->nr_replies >= (most ? most : quota_default(QUOTA_OUTSTANDING))) {
		(void)quota_exceeded(c->store, c->domain, QUOTA_OUTSTANDING, c->nr_replies + 1u);
		return 0;
	}
	if (c->in_len < sizeof(struct xsd_sockmsg))
		return sizeof(struct xsd_sockmsg) - c->in_len;
	return sizeof(struct xsd_sockmsg) + payload_len(c) - c->in_len;
}

static void record_input(struct conn *c, const void *data, size_t len, bool complete)
{
	struct journal *j = c->store->journal;

	if (!c->is_ring || !journal_change(j, complete ? CHANGE_IN_DONE : CHANGE_IN))
		return;
	journal_put_value(j, uint16_t, c->domain->domid);
	journal_put_value(j, uint32_t, c->in_index);
	if (!complete)
		journal_put_bytes(j, data, len);
}

int conn_feed(struct conn *c, const void *data, size_t len)
{
	bool complete;

	memcpy(c->in + c->in_len, data, len);
	c->in_len += (uint32_t)len;
	c->in_index += (uint32_t)len;
	if (c->in_len == sizeof(struct xsd_sockmsg) && payload_len(c) > XENSTORE_PAYLOAD_MAX) {
		c->in_len = 0;
		return -EPROTO;
	}
	complete = c->in_len >= sizeof(struct xsd_sockmsg) && c->in_len == sizeof(struct xsd_sockmsg) + payload_len(c);
	record_input(c, data, len, complete);
	if (complete) {
		request_handle(c);
		c->in_len = 0;
	}
	store_commit(c->store);
	return 0;
}

/* ---- out ---- */

struct msg *msg_new(uint32_t type, uint32_t req_id, uint32_t tx_id, uint32_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = req_id, .tx_id = tx_id, .len = len };
	struct msg *m = mem_or_end(malloc(sizeof(*m) + sizeof(h) + len));

	*m = (struct msg){ .len = (uint32_t)sizeof(h) + len };
	memcpy(m->bytes, &h, sizeof(h));
	return m;
}

void conn_queue(struct conn *c, struct msg *m)
{
	struct journal *j = c->store->journal;

	*c->out_end = m;
	c->out_end = &m->next;
	c->out_bytes += m->len;
	c->nr_replies += !m->is_event;
	if (c->is_ring && journal_change(j, CHANGE_OUT)) {
		journal_put_value(j, uint16_t, c->domain->domid);
		journal_put_value(j, uint8_t, m->is_event);
		journal_put_bytes(j, m->bytes, m->len);
	}
	if (!c->store->replaying)
		c->store->ops->output(c->store->userdata, c);
}

void conn_drop_watch(struct watch *w)
{
	for (struct msg *m = w->pending; m; m = m->watch_next)
		m->watch = NULL;
	w->pending = w->pending_last = NULL;
}

size_t conn_output(struct conn *c, const char **ret)
{
	if (!c->out)
		return 0;
	*ret = c->out->bytes + c->out->sent;
	return c->out->len - c->out->sent;
}

void conn_sent(struct conn *c, size_t len)
{
	struct msg *m;

	c->out_index += (uint32_t)len;
	c->out_bytes -= (uint32_t)len;
	while ((m = c->out)) {
		size_t part = m->len - m->sent;

		if (len < part) {
			m->sent += (uint32_t)len;
			return;
		}
		len -= part;
		c->out = m->next;
		if (!c->out)
			c->out_end = &c->out;
		leave_watch(m);
		c->nr_replies -= !m->is_event;
		free(m);
	}
}
