/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS	20000

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	_exit(1);
}

static void address(struct sockaddr_un *sa, const char *name, unsigned number)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/", getenv("FAKE_XEN"));
	(void)snprintf(sa->sun_path + strlen(sa->sun_path), 32, name, number);
}

void guest_page(unsigned domid)
{
	struct sockaddr_un sa;
	int fd;

	address(&sa, "page-%u", domid);
	fd = open(sa.sun_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die("%s: %m", sa.sun_path);
	(void)close(fd);
}

void guest_open(struct guest *g, unsigned domid)
{
	struct sockaddr_un sa;
	int fd;

	*g = (struct guest){ .domid = domid };
	address(&sa, "page-%u", domid);
	fd = open(sa.sun_path, O_RDWR | O_CLOEXEC);
	g->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || g->page == MAP_FAILED)
		die("%s: %m", sa.sun_path);
	(void)close(fd);
	address(&sa, "guest-%u", domid);
	g->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)unlink(sa.sun_path);
	if (g->fd < 0 || bind(g->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("%s: %m", sa.sun_path);
	g->store = malloc(sizeof(*g->store));
	if (!g->store)
		die("no memory");
	address(g->store, "store", 0);
}

/* The daemon may be away: whoever comes next looks at the ring by itself. If it is there, no event may be lost: wait for room. */
static void notify(struct guest *g)
{
	uint32_t port = g->domid;

	(void)sendto(g->fd, &port, sizeof(port), 0, (struct sockaddr *)g->store, sizeof(*g->store));
}

static void wait_event(struct guest *g)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	char c;
	int n;

	do
		n = poll(&p, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		die("domain %u: no event; req %u/%u rsp %u/%u error %u", g->domid, g->page->req_prod, g->page->req_cons,
		    g->page->rsp_prod, g->page->rsp_cons, g->page->error);
	(void)recv(g->fd, &c, 1, 0);
}

void guest_put(struct guest *g, const char *data, size_t len)
{
	while (len) {
		uint32_t prod = g->page->req_prod, used = prod - __atomic_load_n(&g->page->req_cons, __ATOMIC_ACQUIRE);

		if (used > XENSTORE_RING_SIZE)
			die("domain %u: req_cons is wrong", g->domid);
		if (used == XENSTORE_RING_SIZE) {
			notify(g);
			wait_event(g);
			continue;
		}
		g->page->req[MASK_XENSTORE_IDX(prod)] = *data++;
		__atomic_store_n(&g->page->req_prod, prod + 1, __ATOMIC_RELEASE);
		len--;
	}
	notify(g);
}

void guest_get(struct guest *g, void *buf, size_t len)
{
	char *to = buf;
	bool freed = false;

	while (len) {
		uint32_t cons = g->page->rsp_cons, ready = __atomic_load_n(&g->page->rsp_prod, __ATOMIC_ACQUIRE) - cons;

		if (ready > XENSTORE_RING_SIZE)
			die("domain %u: rsp_prod is wrong", g->domid);
		if (ready == 0) {
			if (freed)
				notify(g);
			freed = false;
			wait_event(g);
			continue;
		}
		*to++ = g->page->rsp[MASK_XENSTORE_IDX(cons)];
		__atomic_store_n(&g->page->rsp_cons, cons + 1, __ATOMIC_RELEASE);
		freed = true;
		len--;
	}
	if (freed)
		notify(g);
}

bool guest_ask(struct guest *g, uint32_t type, uint32_t tx, struct reply *ret, const char *format, ...)
{
	struct xsd_sockmsg h = { .type = type, .req_id = ++g->req_id, .tx_id = tx };
	char body[XENSTORE_PAYLOAD_MAX];
	va_list ap;

	va_start(ap, format);
	h.len = (uint32_t)vsnprintf(body, sizeof(body), format, ap);
	va_end(ap);
	for (uint32_t i = 0; i < h.len; i++)
		if (body[i] == '|')
			body[i] = '\0';
	guest_put(g, (char *)&h, sizeof(h));
	guest_put(g, body, h.len);
	for (;;) {
		guest_get(g, &ret->h, sizeof(ret->h));
		if (ret->h.len > XENSTORE_PAYLOAD_MAX)
			die("domain %u: an answer of %u bytes", g->domid, ret->h.len);
		guest_get(g, ret->body, ret->h.len);
		ret->body[ret->h.len] = '\0';
		if (ret->h.type != XS_WATCH_EVENT)
			break;
		g->nr_events++;
	}
	if (ret->h.req_id != h.req_id || ret->h.tx_id != tx || (ret->h.type != type && ret->h.type != XS_ERROR))
		die("domain %u: asked %u, request %u; got %u, request %u", g->domid, type, h.req_id, ret->h.type, ret->h.req_id);
	return ret->h.type != XS_ERROR;
}
