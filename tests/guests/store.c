// SPDX-License-Identifier: GPL-2.0-only
/* The daemon is believed: this is no test of it, but what frontends need to meet their backend. */
#include "store.h"

#include <xen/io/xs_wire.h>

static volatile struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static char payload[XENSTORE_PAYLOAD_MAX + 1];
unsigned int store_fired;
uint64_t patience;
static unsigned int seen;

uint64_t wait_begins(void)
{
	return patience ? clock_ns() + patience : 0;
}

void wait_goes_on(uint64_t until, const char *what)
{
	if (!until)
		return;
	if (clock_ns() >= until)
		panic("waited in vain for %s", what);
	(void)timer_set(until);
}

static void woken(evtchn_port_t p)
{
	(void)p;
}

void store_init(void)
{
	uint64_t pfn = 0, nr = 0;

	if (hvm_param_get(HVM_PARAM_STORE_PFN, &pfn) || hvm_param_get(HVM_PARAM_STORE_EVTCHN, &nr) || !pfn || !nr || pfn >= 1 << 20)
		panic("there is no store");
	ring = (void *)(uintptr_t)(pfn << 12);
	port = (evtchn_port_t)nr;
	port_handler(port, woken);
	port_unmask(port);
}

static void put(const void *from, size_t n)
{
	const char *p = from;

	while (n) {
		XENSTORE_RING_IDX prod = ring->req_prod;

		sleep_for(prod - ring->req_cons < XENSTORE_RING_SIZE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		for (; n && prod - ring->req_cons < XENSTORE_RING_SIZE; n--)
			ring->req[MASK_XENSTORE_IDX(prod++)] = *p++;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ring->req_prod = prod;
		(void)evtchn_send(port);
	}
}

static void get(void *to, size_t n)
{
	char *p = to;

	while (n) {
		XENSTORE_RING_IDX cons = ring->rsp_cons;

		sleep_for(ring->rsp_prod != cons);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		for (; n && ring->rsp_prod != cons; n--)
			*p++ = ring->rsp[MASK_XENSTORE_IDX(cons++)];
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ring->rsp_cons = cons;
		(void)evtchn_send(port);
	}
}

/* One message, its text in payload[]. */
static struct xsd_sockmsg receive(void)
{
	struct xsd_sockmsg m;

	get(&m, sizeof(m));
	if (m.len > XENSTORE_PAYLOAD_MAX)
		panic("the store sends %u bytes", m.len);
	get(payload, m.len);
	payload[m.len] = '\0';
	if (m.type == XS_WATCH_EVENT)
		store_fired++;
	return m;
}

/* Its answer is in payload[]. @second may be empty; @ends: its NUL goes along. */
static bool call(uint32_t type, const char *first, const char *second, bool ends)
{
	size_t a = strlen(first) + 1, b = strlen(second) + ends;
	struct xsd_sockmsg m = { .type = type, .len = (uint32_t)(a + b) };

	put(&m, sizeof(m));
	put(first, a);
	put(second, b);
	do
		m = receive();
	while (m.type == XS_WATCH_EVENT);
	return m.type == type;
}

bool store_read(const char *path, char *value, size_t size)
{
	if (!call(XS_READ, path, "", false))
		return false;
	snprintf(value, size, "%s", payload);
	return true;
}

uint64_t store_number(const char *path, uint64_t otherwise)
{
	char text[24];
	uint64_t n = 0;

	if (!store_read(path, text, sizeof(text)) || !text[0])
		return otherwise;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return otherwise;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	return n;
}

bool store_write(const char *path, const char *value)
{
	return call(XS_WRITE, path, value, false);
}

bool store_write_number(const char *path, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return store_write(path, text);
}

bool store_watch(const char *path)
{
	return call(XS_WATCH, path, "t", true);
}

bool store_pending(void)
{
	return READ_ONCE(ring->rsp_prod) != ring->rsp_cons;
}

void store_poll(void)
{
	while (store_pending())
		(void)receive();
}

void store_wait(void)
{
	while (store_fired == seen)
		(void)receive();
	store_poll();
	seen = store_fired;
}
