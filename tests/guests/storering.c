// SPDX-License-Identifier: GPL-2.0-only
#include "storering.h"

#define MOST_OPEN	128U		/* requests whose answers are not there yet */

volatile struct xenstore_domain_interface *ring_page;
uint32_t req_prod, rsp_cons, transactions[16];
unsigned int nr_transactions;
struct ring_counts counts;
char answer[XENSTORE_PAYLOAD_MAX + 1];
bool spoilt;

static evtchn_port_t port;
static struct xsd_sockmsg open_requests[MOST_OPEN];
static uint32_t last_id;

/* the message that is coming in */
static struct xsd_sockmsg head;
static char body[XENSTORE_PAYLOAD_MAX + 1];
static size_t got;

static void woken(evtchn_port_t p)
{
	(void)p;
}

void ring_init(void)
{
	uint64_t pfn = 0, nr = 0;

	if (hvm_param_get(HVM_PARAM_STORE_PFN, &pfn) || hvm_param_get(HVM_PARAM_STORE_EVTCHN, &nr) || !pfn || !nr || pfn >= 1 << 20)
		panic("there is no store");
	ring_page = (void *)(uintptr_t)(pfn << 12);
	port = (evtchn_port_t)nr;
	port_handler(port, woken);
	port_unmask(port);
	req_prod = ring_page->req_prod;
	rsp_cons = ring_page->rsp_cons;
}

void ring_notify(void)
{
	(void)evtchn_send(port);
}

static uint32_t room(void)
{
	uint32_t used = req_prod - ring_page->req_cons;

	if (used > XENSTORE_RING_SIZE && !spoilt)
		panic("the store has taken %u of %u bytes", ring_page->req_cons, req_prod);
	return used > XENSTORE_RING_SIZE ? 0 : XENSTORE_RING_SIZE - used;
}

static uint32_t waiting(void)
{
	uint32_t n = ring_page->rsp_prod - rsp_cons;

	if (n > XENSTORE_RING_SIZE && !spoilt)
		panic("the store has answered up to %u, %u is taken", ring_page->rsp_prod, rsp_cons);
	return n > XENSTORE_RING_SIZE ? 0 : n;
}

bool ring_has_room(size_t n)
{
	return room() >= n;
}

void ring_put(const void *from, size_t n)
{
	const char *p = from;

	while (n--)
		ring_page->req[MASK_XENSTORE_IDX(req_prod++)] = *p++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring_page->req_prod = req_prod;
}

/* ---- answers ---- */

/* Path and token, each with its NUL. */
static bool is_event(void)
{
	unsigned int ends = 0;

	for (uint32_t i = 0; i < head.len; i++)
		ends += !body[i];
	return ends >= 2 && !body[head.len - 1];
}

static uint32_t number(void)
{
	uint32_t n = 0;

	for (const char *p = answer; *p; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	return n;
}

static void judge(void)
{
	struct xsd_sockmsg *asked = &open_requests[counts.answered % MOST_OPEN];

	if (head.type == XS_WATCH_EVENT) {
		if (!is_event())
			panic("an event is none: %u bytes, %s", head.len, body);
		counts.events++;
		return;
	}
	if (counts.answered == counts.asked)
		panic("an answer of type %u to nothing", head.type);
	if (head.req_id != asked->req_id || head.tx_id != asked->tx_id || (head.type != asked->type && head.type != XS_ERROR))
		panic("request %u of type %u is answered by %u of type %u", asked->req_id, asked->type, head.req_id, head.type);
	counts.answered++;
	counts.refused += head.type == XS_ERROR;
	memcpy(answer, body, head.len + 1);
	if (head.type == XS_TRANSACTION_START)
		transactions[nr_transactions++ % ARRAY_SIZE(transactions)] = number();
}

static void take_byte(char c)
{
	if (got < sizeof(head)) {
		((char *)&head)[got++] = c;
		if (got == sizeof(head) && head.len > XENSTORE_PAYLOAD_MAX)
			panic("the store sends %u bytes", head.len);
	} else {
		body[got++ - sizeof(head)] = c;
	}
	if (got < sizeof(head) || got < sizeof(head) + head.len)
		return;
	body[head.len] = '\0';
	got = 0;
	judge();
}

bool ring_take(void)
{
	uint32_t n = waiting();

	if (!n)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (n--)
		take_byte(ring_page->rsp[MASK_XENSTORE_IDX(rsp_cons++)]);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring_page->rsp_cons = rsp_cons;
	ring_notify();
	return true;
}

/* ---- requests ---- */

static void send(const void *from, size_t n)
{
	const char *p = from;

	while (n) {
		size_t part = room();

		if (part > n)
			part = n;
		if (part) {
			ring_put(p, part);
			ring_notify();
		} else if (!ring_take()) {
			sleep_for(room() || waiting());
		}
		p += part;
		n -= part;
	}
}

void ring_ask(uint32_t type, uint32_t tx, const void *from, size_t n)
{
	struct xsd_sockmsg m = { .type = type, .req_id = ++last_id, .tx_id = tx, .len = (uint32_t)n };

	while (counts.asked - counts.answered == MOST_OPEN)
		if (!ring_take())
			sleep_for(waiting());
	open_requests[counts.asked++ % MOST_OPEN] = m;
	send(&m, sizeof(m));
	send(from, n);
}

void ring_ask_text(uint32_t type, uint32_t tx, const char *text)
{
	static char with_nuls[XENSTORE_PAYLOAD_MAX];
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		with_nuls[i] = text[i] == '|' ? '\0' : text[i];
	ring_ask(type, tx, with_nuls, n);
}

void ring_drain(void)
{
	while (counts.answered != counts.asked)
		if (!ring_take())
			sleep_for(waiting());
}

static bool none_was_refused(unsigned long before)
{
	ring_drain();
	return counts.refused == before;
}

bool ring_call(uint32_t type, uint32_t tx, const void *from, size_t n)
{
	unsigned long before = counts.refused;

	ring_ask(type, tx, from, n);
	return none_was_refused(before);
}

bool ring_call_text(uint32_t type, uint32_t tx, const char *text)
{
	unsigned long before = counts.refused;

	ring_ask_text(type, tx, text);
	return none_was_refused(before);
}

void ring_reconnect(void)
{
	ring_page->connection = XENSTORE_RECONNECT;
	ring_notify();
	sleep_for(ring_page->connection == XENSTORE_CONNECTED);
	req_prod = rsp_cons = 0;
	counts.answered = counts.asked;
	got = 0;
}
