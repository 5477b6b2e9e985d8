/* SPDX-License-Identifier: GPL-2.0-only */
#include "store_client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char fake_store_log[512];
unsigned fake_store_lines;
int fake_store_introduce;
uint64_t fake_store_now = 1;
bool fake_store_later;

static int introduce(void *userdata, struct domain *d, bool again)
{
	(void)userdata;
	(void)d;
	(void)again;
	return fake_store_introduce;
}

static void release(void *userdata, struct domain *d)
{
	(void)userdata;
	(void)d;
}

static void output(void *userdata, struct conn *c)
{
	(void)userdata;
	(void)c;
}

static void log_text(void *userdata, int priority, const char *text)
{
	(void)userdata;
	(void)priority;
	fake_store_lines++;
	(void)snprintf(fake_store_log, sizeof(fake_store_log), "%s", text);
}

static uint64_t now_ms(void *userdata)
{
	(void)userdata;
	return fake_store_now;
}

/* Whoever wants to see a removal's steps takes them. */
static void later(void *userdata)
{
	(void)userdata;
	fake_store_later = true;
}

const struct store_ops fake_store_ops = {
	.introduce = introduce, .release = release, .output = output, .log = log_text, .now_ms = now_ms, .later = later,
};

bool next_message(struct conn *c, struct answer *ret)
{
	struct msg *m = c->out;

	if (!m)
		return false;
	memcpy(&ret->h, m->bytes, sizeof(ret->h));
	memcpy(ret->body, m->bytes + sizeof(ret->h), ret->h.len);
	ret->body[ret->h.len] = '\0';
	conn_sent(c, m->len - m->sent);
	return true;
}

void send_request(struct conn *c, uint32_t type, uint32_t tx, const void *body, size_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = 7, .tx_id = tx, .len = (uint32_t)len };

	if (conn_feed(c, &h, sizeof(h)) < 0)
		abort();
	if (len && conn_feed(c, body, len) < 0)
		abort();
}

static int answer_errno(const struct answer *a)
{
	if (a->h.type != XS_ERROR)
		return 0;
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (strcmp(xsd_errors[i].errstring, a->body) == 0)
			return -xsd_errors[i].errnum;
	abort();
}

/* Answers and events are in one line: the answer is the first that is no event. */
int ask(struct conn *c, uint32_t type, uint32_t tx, const void *body, size_t len, struct answer *ret)
{
	struct answer own, *a = ret ? ret : &own;
	struct msg **m, *found;

	send_request(c, type, tx, body, len);
	for (m = &c->out; *m && (*m)->is_event; m = &(*m)->next)
		;
	found = *m;
	if (!found)
		abort();
	/* to the front, where it can be taken */
	if (m != &c->out) {
		*m = found->next;
		if (!*m)
			c->out_end = m;
		found->next = c->out;
		c->out = found;
	}
	if (!next_message(c, a) || a->h.req_id != 7 || a->h.tx_id != tx)
		abort();
	if (a->h.type != type && a->h.type != XS_ERROR)
		abort();
	return answer_errno(a);
}

int ask_text(struct conn *c, uint32_t type, uint32_t tx, const char *text, struct answer *ret)
{
	char body[XENSTORE_PAYLOAD_MAX];
	size_t len = strlen(text);

	memcpy(body, text, len);
	for (size_t i = 0; i < len; i++)
		if (body[i] == '|')
			body[i] = '\0';
	return ask(c, type, tx, body, len, ret);
}

const char *next_event(struct conn *c)
{
	static char text[2 * XENSTORE_PAYLOAD_MAX];
	struct answer a;

	text[0] = '\0';
	if (next_message(c, &a) && a.h.type == XS_WATCH_EVENT)
		(void)snprintf(text, sizeof(text), "%s %s", a.body, a.body + strlen(a.body) + 1);
	return text;
}

/* ---- dump ---- */

static void dump_acl(FILE *f, const struct acl *a)
{
	char text[8];

	for (uint16_t i = 0; i < a->nr; i++) {
		(void)perm_format(&a->perm[i], text);
		fprintf(f, " %s", text);
	}
}

static void dump_bytes(FILE *f, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", (unsigned char)data[i]);
}

static void dump_node(FILE *f, const struct node *n)
{
	char path[PATH_ROOM];

	(void)node_path(n, path);
	fprintf(f, "%s", path);
	dump_acl(f, n->acl);
	fprintf(f, " = ");
	dump_bytes(f, n->value, n->value_len);
	fprintf(f, "\n");
	for (uint32_t i = 0; i < n->nr_children; i++)
		dump_node(f, n->children[i]);
}

static void dump_conn(FILE *f, const struct conn *c)
{
	unsigned tx = 0;

	fprintf(f, "ring %u in %u", c->domain->domid, c->in_index);
	dump_bytes(f, c->in, c->in_len);
	fprintf(f, " out up to %" PRIu32 "\n", c->out_index + c->out_bytes);
	for (const struct watch *w = c->watches; w; w = w->next)
		fprintf(f, "  watch %s %s %d %u\n", w->path, w->token, w->depth, w->skip);
	for (const struct tx *t = c->transactions; t; t = t->next)
		tx += t->id;
	fprintf(f, "  transactions %u\n", tx);
}

char *dump_store(struct store *s)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	dump_node(f, s->root);
	for (int i = 0; i < 2; i++)
		dump_acl(f, s->special[i]);
	for (int i = 0; i < NR_QUOTAS; i++)
		fprintf(f, " %u", s->quota[i]);
	fprintf(f, "\n");
	for (unsigned i = 1; i < s->domids_end; i++) {
		const struct domain *d = s->domains[i];

		if (!d)
			continue;
		fprintf(f, "domain %u: %d %d %d %d %u %u %" PRIu64 " %x, %u nodes\n", i, d->introduced, d->shutdown, d->ring_error,
			d->target, d->port, d->features, d->gfn, d->own_quotas, d->nr_nodes);
		for (enum quota q = 0; q < NR_QUOTAS; q++)
			fprintf(f, " %u", quota_of(s, d, q));
		fprintf(f, "\n");
		if (d->conn)
			dump_conn(f, d->conn);
	}
	(void)fclose(f);
	return text;
}
