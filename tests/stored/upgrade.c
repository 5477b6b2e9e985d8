/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * upgrade DAEMON DIR - the daemon starts with a state in format 01 that was written from docs/store.md, without a line of its own
 * sources, and a guest that was in the middle of a request. Whatever later daemons write, they must go on from here.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenstore.h>
#include <zlib.h>

#include "guest.h"

#define DOMID	5
#define FOLDER	"/local/domain/5"

/* ---- the state ---- */

static uint8_t state[8192];
static size_t len, record;

static void put(const void *data, size_t n)
{
	if (n > sizeof(state) - len)
		die("the state is too long");
	memcpy(state + len, data, n);
	len += n;
}

static void number(unsigned bytes, uint64_t value)
{
	put(&value, bytes);	/* little endian, as this machine */
}

static void bytes(const void *data, size_t n)
{
	number(4, n);
	put(data, n);
}

static void text(const char *s)
{
	bytes(s, strlen(s));
}

/* "n0 r5" */
static void permissions(const char *s)
{
	static const char letters[] = "nrwb";	/* 0, 1: read, 2: write, 3: both */

	number(2, (strlen(s) + 1) / 3);
	for (; *s; s += s[2] ? 3 : 2) {
		number(2, (uint64_t)(s[1] - '0'));
		number(2, (uint64_t)(strchr(letters, s[0]) - letters));
	}
}

static void begin(void)
{
	record = len;
	number(8, 0);
}

static void end(void)
{
	uint32_t h[2] = { (uint32_t)(len - record - 8), (uint32_t)crc32(0, state + record + 8, (uInt)(len - record - 8)) };

	memcpy(state + record, h, sizeof(h));
}

static void node(const char *path, const char *perms, const char *value)
{
	number(1, 1);
	text(path);
	permissions(perms);
	text(value);
}

static void domain(unsigned domid, unsigned flags, uint32_t own, uint32_t nodes)
{
	number(1, 10);
	number(2, domid);
	number(1, flags);
	number(4, (uint32_t)-1);
	number(4, 1);
	number(8, 1);
	number(4, 7);
	number(4, own);
	number(4, nodes);
	for (unsigned i = 1; i < 9; i++)
		number(4, 0);
}

static void watch(unsigned kind, const char *path, const char *token)
{
	number(1, kind);
	number(2, DOMID);
	text(path);
	text(token);
	if (kind == 5) {
		number(4, (uint32_t)-1);
		number(2, sizeof(FOLDER));
	}
}

static void transaction(unsigned kind, uint32_t id)
{
	number(1, kind);
	number(2, DOMID);
	number(4, id);
}

static void of_ring(unsigned kind, uint32_t index)
{
	number(1, kind);
	number(2, DOMID);
	number(4, index);
}

static void tree(void)
{
	begin();
	number(1, 9);		/* the default of watches: 3 */
	number(1, 2);
	number(4, 3);
	domain(DOMID, 1, 1, 4);
	domain(6, 0, 1, 9);
	end();
	begin();
	node("/", "n0", "");
	node("/local", "n0", "");
	node("/local/domain", "n0", "");
	node(FOLDER, "n0 r5", "");
	node(FOLDER "/data", "n5", "old");
	node(FOLDER "/data/gone", "n5", "");
	node("/of6", "n6", "");
	node("/of6/below", "n0", "");
	node("/keep", "n0 r5 w6", "1");
	end();
	begin();
	number(1, 2);
	text(FOLDER "/data");
	text("new");
	number(1, 3);
	text(FOLDER "/data");
	permissions("n5 r7");
	number(1, 4);
	text(FOLDER "/data/gone");
	number(1, 11);		/* domain 6 ended */
	number(2, 6);
	number(1, 3);
	text("@releaseDomain");
	permissions("n0 r5");
	end();
}

/* An answer of which the guest has the first bytes, an event of which it has none, a request of which the store has the first. */
static const struct xsd_sockmsg answer = { .type = XS_READ, .req_id = 900, .len = 4 }, event = { .type = XS_WATCH_EVENT, .len = 9 };
static const struct xsd_sockmsg request = { .type = XS_READ, .req_id = 901, .len = 5 };
#define ANSWER_SENT	6
#define REQUEST_READ	10

static void output(uint32_t is_event, const struct xsd_sockmsg *h, const char *body)
{
	char m[64];

	memcpy(m, h, sizeof(*h));
	memcpy(m + sizeof(*h), body, h->len);
	number(1, 14);
	number(2, DOMID);
	number(1, is_event);
	bytes(m, sizeof(*h) + h->len);
}

static void ring(void)
{
	begin();
	number(1, 15);
	number(2, DOMID);
	number(4, 0);
	number(4, 0);
	watch(5, FOLDER "/data", "kept");
	watch(5, FOLDER "/other", "gone");
	watch(6, FOLDER "/other", "gone");
	transaction(7, 77);
	transaction(7, 78);
	transaction(8, 78);
	end();
	begin();
	of_ring(12, 3);
	bytes("xyz", 3);
	of_ring(13, 0);		/* done: what was read of it is no more */
	of_ring(12, REQUEST_READ);
	bytes(&request, REQUEST_READ);
	output(0, &answer, "four");
	output(1, &event, "data\0kept");
	end();
}

static void write_state(const char *dir)
{
	uint64_t h[3] = { 0, 41, 0 };
	char path[160];
	int fd;

	memcpy(h, "ZToseg01", 8);
	put(h, sizeof(h));
	tree();
	ring();
	h[2] = len;
	memcpy(state, h, sizeof(h));
	if (mkdir(dir, 0700) < 0)
		die("%s: %m", dir);
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* longer than what is committed: what comes after is nobody's */
	if (fd < 0 || write(fd, state, sizeof(state)) != sizeof(state))
		die("%s: %m", path);
	(void)close(fd);
}

static void fill_page(struct guest *g)
{
	memcpy(g->page->rsp, &answer, ANSWER_SENT);
	g->page->rsp_prod = ANSWER_SENT;
	memcpy(g->page->req, &request, sizeof(request));
	memcpy(g->page->req + sizeof(request), "data", 5);
	g->page->req_prod = sizeof(request) + 5;
	g->page->req_cons = REQUEST_READ;
}

/* ---- what must be true ---- */

static void expect(int right, const char *what)
{
	if (!right)
		die("%s", what);
}

static void expect_message(struct guest *g, const struct xsd_sockmsg *h, const char *body)
{
	struct reply r;

	guest_get(g, &r.h, sizeof(r.h));
	if (memcmp(&r.h, h, sizeof(r.h)) != 0)
		die("wanted message %u of request %u, got %u of %u with %u bytes", h->type, h->req_id, r.h.type, r.h.req_id, r.h.len);
	guest_get(g, r.body, h->len);
	expect(memcmp(r.body, body, h->len) == 0, "another message");
}

static void expect_node(struct xs_handle *xs, const char *path, const char *value, const char *perms)
{
	char found[64] = "";
	unsigned n, room;
	char *v = xs_read(xs, XBT_NULL, path, &room);
	struct xs_permissions *p = xs_get_permissions(xs, XBT_NULL, path, &n);

	expect(v && p, path);
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%c%u", i ? " " : "", "nrwb"[p[i].perms & 3], p[i].id);
	if (strcmp(v, value) != 0 || strcmp(found, perms) != 0)
		die("%s is '%s' with %s", path, v, found);
	free(v);
	free(p);
}

static void check(struct guest *g)
{
	const struct xsd_sockmsg second = { .type = XS_READ, .req_id = 901, .len = 3 };
	struct xs_handle *xs;
	struct reply r;
	unsigned n;

	/* its first event says that it is there */
	expect_message(g, &answer, "four");
	expect_message(g, &event, "data\0kept");
	expect_message(g, &second, "new");
	xs = xs_open(0);
	expect(xs != NULL, "cannot connect");
	expect_node(xs, FOLDER, "", "n0 r5");
	expect_node(xs, FOLDER "/data", "new", "n5 r7");
	expect_node(xs, "/keep", "1", "n0 r5");
	free(xs_directory(xs, XBT_NULL, "/", &n));
	expect(n == 2, "/ has not local and keep");
	free(xs_directory(xs, XBT_NULL, FOLDER "/data", &n));
	expect(n == 0, "data is not empty");
	expect(xs_is_domain_introduced(xs, DOMID) && !xs_is_domain_introduced(xs, 6), "who is introduced");
	expect(!guest_ask(g, XS_TRANSACTION_END, 77, &r, "T|") && strcmp(r.body, "EAGAIN") == 0, "the open transaction");
	expect(!guest_ask(g, XS_TRANSACTION_END, 78, &r, "T|") && strcmp(r.body, "ENOENT") == 0, "the ended transaction");
	n = g->nr_events;
	expect(guest_ask(g, XS_WRITE, 0, &r, "data|newer") && g->nr_events == n + 1, "the watch");
	/* it has data; its own quota is 4 */
	for (unsigned i = 0; i < 3; i++)
		expect(guest_ask(g, XS_WRITE, 0, &r, "data/%u|x", i), "room for its nodes");
	expect(!guest_ask(g, XS_WRITE, 0, &r, "data/more|x") && strcmp(r.body, "ENOSPC") == 0, "its quota of nodes");
	expect(!guest_ask(g, XS_UNWATCH, 0, &r, FOLDER "/other|gone|") && strcmp(r.body, "ENOENT") == 0, "the watch that is gone");
	expect(guest_ask(g, XS_WATCH, 0, &r, "@releaseDomain|a|") && guest_ask(g, XS_WATCH, 0, &r, "x|b|"), "room for its watches");
	expect(!guest_ask(g, XS_WATCH, 0, &r, "y|c|") && strcmp(r.body, "ENOSPC") == 0, "the quota of watches");
	xs_close(xs);
}

int main(int argc, char **argv)
{
	char socket_path[128], state_path[128];
	struct guest g;
	int status = 0;
	pid_t pid;

	if (argc != 3)
		die("usage: upgrade DAEMON DIR");
	(void)snprintf(socket_path, sizeof(socket_path), "%s/socket", argv[2]);
	(void)snprintf(state_path, sizeof(state_path), "%s/state", argv[2]);
	(void)setenv("FAKE_XEN", argv[2], 1);
	(void)setenv("XENSTORED_PATH", socket_path, 1);
	write_state(state_path);
	guest_page(DOMID);
	guest_open(&g, DOMID);
	fill_page(&g);
	pid = fork();
	if (pid == 0) {
		execl(argv[1], argv[1], "--state", state_path, "--socket", socket_path, NULL);
		die("%s: %m", argv[1]);
	}
	check(&g);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	free(g.store);
	return status != 0;
}
