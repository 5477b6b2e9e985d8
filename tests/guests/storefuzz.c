// SPDX-License-Identifier: GPL-2.0-only
/*
 * storefuzz: a hostile client of the store. Requests with each part wrong, what belongs to others, each quota; random ones, as fast as
 * the ring takes them, with their answers left lying; then the ring itself: indices that jump, lengths that no message has, fields that
 * are the store's; with two vCPUs the second one writes all over the page. Each break ends this connection and nothing else, and a new
 * one is served. At last it goes without its page.
 *
 *	seed=N seconds=N memory (its quota, too: megabytes through a ring of 1 KiB) second (there is a second vCPU)
 *	flood (random requests and nothing else, until somebody ends it)
 */
#include "storering.h"

#define MSR_X2APIC_ICR	0x830
#define TRAMPOLINE	0x8000U
#define PATIENCE	(120 * NSEC)	/* for a machine that is busy */

#define NODES		1000U		/* the store's quotas (docs/store.md) */
#define WATCHES		128U
#define TRANSACTIONS	10U
#define TX_NODES	1024U
#define OUTSTANDING	20U

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(unsigned int id) __attribute__((noreturn));
char ap_stacks[2][4096] __page_aligned;

static char text[XENSTORE_PAYLOAD_MAX + 1];
static unsigned int self;		/* our domid */
static uint32_t scribbling, scribbles;

/* ---- words ---- */

static bool serves(void)
{
	char value[24];

	snprintf(value, sizeof(value), "%lu", (unsigned long)random64());
	snprintf(text, sizeof(text), "data/alive|%s", value);
	return ring_call_text(XS_WRITE, 0, text) && ring_call_text(XS_READ, 0, "data/alive|") && strcmp(answer, value) == 0;
}

/* What it took since the last one. */
static void passed(const char *phase)
{
	static uint64_t last;
	uint64_t now = clock_ns(), ms = (now - last) / MSEC;

	printf("# %lu ms: %s\n", (unsigned long)ms, phase);
	last = now;
}

static void refused(const char *name, uint32_t type, uint32_t tx, const char *request, const char *error)
{
	bool done = ring_call_text(type, tx, request);

	check(!done && strcmp(answer, error) == 0, name, "answered with %s", done ? "success" : answer);
}

/* Of the transactions that were begun the last, or the one @before it. */
static uint32_t begun(unsigned int before)
{
	return transactions[(nr_transactions - 1 - before) % ARRAY_SIZE(transactions)];
}

/* @text becomes @from and @n times @what; returns its end */
static char *repeat(const char *from, const char *what, unsigned int n)
{
	size_t at = strlen(from), len = strlen(what);

	memcpy(text, from, at);
	for (; n; n--, at += len)
		memcpy(text + at, what, len);
	text[at] = '\0';
	return text + at;
}

/* ---- what must be refused ---- */

static const struct {
	const char *name;
	uint32_t type;
	const char *request, *error;
} wrong[] = {
	{ "type-unknown", 99, "data|", "ENOSYS" },
	{ "type-huge", 0xffffffff, "data|", "ENOSYS" },
	{ "type-of-an-event", XS_WATCH_EVENT, "data|t|", "ENOSYS" },
	{ "type-of-an-error", XS_ERROR, "EIO|", "ENOSYS" },
	{ "path-none", XS_READ, "", "EINVAL" },
	{ "path-empty", XS_READ, "|", "EINVAL" },
	{ "path-without-end", XS_READ, "data", "EINVAL" },
	{ "path-dots", XS_READ, "data/../name|", "EINVAL" },
	{ "path-dots-only", XS_WRITE, "..|x", "EINVAL" },
	{ "path-slash-twice", XS_READ, "data//alive|", "EINVAL" },
	{ "path-slash-at-end", XS_MKDIR, "data/|", "EINVAL" },
	{ "path-blank", XS_WRITE, "data/a b|x", "EINVAL" },
	{ "path-control-character", XS_WRITE, "data/\x01|x", "EINVAL" },
	{ "path-high-bit", XS_WRITE, "data/\xff\xfe|x", "EINVAL" },
	{ "path-percent", XS_WRITE, "data/%n%s|x", "EINVAL" },
	{ "path-special", XS_READ, "@releaseDomain|", "EINVAL" },
	{ "write-nothing", XS_WRITE, "", "EINVAL" },
	{ "root", XS_DIRECTORY, "/|", "EACCES" },
	{ "root-goes", XS_RM, "/|", "EACCES" },
	{ "all-domains", XS_DIRECTORY, "/local/domain|", "EACCES" },
	{ "dom0s-name", XS_READ, "/local/domain/0/name|", "EACCES" },
	{ "dom0s-backend", XS_WRITE, "/local/domain/0/backend/vbd/1|x", "EACCES" },
	{ "dom0s-permissions", XS_SET_PERMS, "/local/domain|b0|", "EACCES" },
	{ "another-uuid", XS_WRITE, "/vm/00000000-0000-0000-0000-000000000000|x", "EACCES" },
	{ "own-name", XS_WRITE, "name|other", "EACCES" },
	{ "own-ring", XS_WRITE, "store/ring-ref|1", "EACCES" },
	{ "own-domid-goes", XS_RM, "domid|", "EACCES" },
	{ "own-permissions", XS_SET_PERMS, "name|b0|", "EACCES" },
	{ "owner-given-away", XS_SET_PERMS, "data|n0|", "EPERM" },
	{ "permission-unknown", XS_SET_PERMS, "data|x1|", "EINVAL" },
	{ "permission-none", XS_SET_PERMS, "data|", "EINVAL" },
	{ "permission-of-nobody", XS_SET_PERMS, "data|n65535|", "EINVAL" },
	{ "watch-without-token", XS_WATCH, "data|", "EINVAL" },
	{ "watch-of-odd-depth", XS_WATCH, "data|t|deep|", "EINVAL" },
	{ "watch-that-is-none", XS_UNWATCH, "data|none|", "ENOENT" },
	{ "end-of-no-transaction", XS_TRANSACTION_END, "T|", "ENOENT" },
	{ "end-that-is-none", XS_TRANSACTION_END, "maybe|", "EINVAL" },
	{ "part-from-nowhere", XS_DIRECTORY_PART, "data|", "EINVAL" },
	{ "part-from-far-away", XS_DIRECTORY_PART, "data|99999999999999999999|", "EINVAL" },
	{ "control", XS_CONTROL, "check|", "EACCES" },
	{ "introduce", XS_INTRODUCE, "1|1|1|", "EACCES" },
	{ "release", XS_RELEASE, "0|", "EACCES" },
	{ "resume", XS_RESUME, "1|", "EACCES" },
	{ "target", XS_SET_TARGET, "1|0|", "EACCES" },
	{ "introduced", XS_IS_DOMAIN_INTRODUCED, "0|", "EACCES" },
	{ "set-feature", XS_DIRECTORY_PART + 2, "1|0|", "EACCES" },
	{ "get-quota", XS_DIRECTORY_PART + 3, "nodes|", "EACCES" },
	{ "set-quota", XS_DIRECTORY_PART + 4, "nodes|0|", "EACCES" },
};

static void refusals(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
		refused(wrong[i].name, wrong[i].type, 0, wrong[i].request, wrong[i].error);
	snprintf(text, sizeof(text), "/local/domain/%u|", self);
	refused("own-home-goes", XS_RM, 0, text, "EACCES");
	snprintf(text, sizeof(text), "/local/domain/%u/name|", self + 1);
	refused("the-next-domain", XS_READ, 0, text, "EACCES");
	memcpy(repeat("/", "a", XENSTORE_ABS_PATH_MAX), "|x", 3);
	refused("path-too-long", XS_WRITE, 0, text, "EINVAL");
	memcpy(repeat("data/", "a", XENSTORE_REL_PATH_MAX - 4), "|x", 3);
	refused("relative-path-too-long", XS_WRITE, 0, text, "EINVAL");
	memcpy(repeat("data", "/a", NODES + 20), "|x", 3);
	refused("path-too-deep", XS_WRITE, 0, text, "ENOSPC");
	refused("nothing-of-it-was-made", XS_READ, 0, "data/a|", "ENOENT");
	refused("transaction-of-nobody", XS_READ, 12345678, "data|", "ENOENT");
	check(serves(), "served-after-refusals", "it is not");
}

/* ---- quotas ---- */

/* How many of those that were asked since @before were done; drains. */
static unsigned long done_since(const struct ring_counts *before)
{
	ring_drain();
	return counts.answered - before->answered - (counts.refused - before->refused);
}

static void exhaust(const char *name, unsigned long done, unsigned long least, unsigned long most, const char *error)
{
	check(done >= least && done <= most && strcmp(answer, error) == 0, name, "%lu were done, then %s", done, answer);
}

static void exhaust_transactions(void)
{
	struct ring_counts before = counts;
	uint32_t tx;

	for (unsigned int i = 0; i < TRANSACTIONS + 5; i++)
		ring_ask_text(XS_TRANSACTION_START, 0, "|");
	exhaust("quota-of-transactions", done_since(&before), TRANSACTIONS, TRANSACTIONS, "ENOSPC");
	tx = begun(0);
	refused("transaction-within-one", XS_TRANSACTION_START, tx, "|", "EBUSY");
	for (unsigned int i = 0; i < TX_NODES + 20; i++) {
		snprintf(text, sizeof(text), "data/r%u|", i);
		ring_ask_text(XS_READ, tx, text);
	}
	ring_drain();
	check(strcmp(answer, "ENOSPC") == 0, "quota-of-what-a-transaction-sees", "answered with %s", answer);
}

/* Values in what other transactions are left. */
static void exhaust_memory(void)
{
	struct ring_counts before = counts;

	for (unsigned int t = 1; t < TRANSACTIONS; t++)
		for (unsigned int i = 0; i < 200; i++) {
			char name[16];

			snprintf(name, sizeof(name), "data/m%u|", i);
			(void)repeat(name, "v", 1900);
			ring_ask_text(XS_WRITE, begun(t), text);
		}
	exhaust("quota-of-memory", done_since(&before), 1000, 1400, "ENOMEM");
}

/* 128 that hear the same, with tokens so long that what they hear is more than is kept for one who does not listen. */
static void exhaust_watches(void)
{
	struct ring_counts before = counts;

	for (unsigned int i = 0; i < WATCHES + 5; i++) {
		char from[24];

		snprintf(from, sizeof(from), "data|%u-", i);
		memcpy(repeat(from, "t", 1500), "|", 2);
		ring_ask_text(XS_WATCH, 0, text);
	}
	exhaust("quota-of-watches", done_since(&before), WATCHES, WATCHES, "ENOSPC");
	before = counts;
	for (unsigned int i = 0; i < OUTSTANDING - 2 && ring_has_room(64); i++) {
		snprintf(text, sizeof(text), "data/e%u|", i);
		ring_ask_text(XS_MKDIR, 0, text);
	}
	ring_drain();
	check(counts.events - before.events < (counts.asked - before.asked) * WATCHES, "quota-of-bytes-not-taken",
	      "all of %lu events came", counts.events - before.events);
	check(ring_call_text(XS_RESET_WATCHES, 0, "|"), "watches-are-given-up", "%s", answer);
}

static void exhaust_answers(void)
{
	(void)repeat("data/large|", "x", 900);
	check(ring_call_text(XS_WRITE, 0, text), "something-large", "%s", answer);
	while (ring_has_room(64))
		ring_ask_text(XS_READ, 0, "data/large|");
	ring_drain();
}

static void exhaust_nodes(void)
{
	struct ring_counts before = counts;

	for (unsigned int i = 0; i < NODES + 20; i++) {
		snprintf(text, sizeof(text), "data/many/%u|", i);
		ring_ask_text(XS_MKDIR, 0, text);
	}
	exhaust("quota-of-nodes", done_since(&before), NODES - 60, NODES, "ENOSPC");
	check(ring_call_text(XS_RM, 0, "data/many|"), "they-are-given-up", "%s", answer);
}

static void quotas(void)
{
	(void)repeat("data/big|", "x", 2100);
	refused("quota-of-size", XS_WRITE, 0, text, "ENOSPC");
	snprintf(text, sizeof(text), "data|n%u|r0|r1|r2|r3|r4|r5|", self);
	refused("quota-of-permissions", XS_SET_PERMS, 0, text, "ENOSPC");
	exhaust_transactions();
	if (option("memory"))
		exhaust_memory();
	check(ring_call_text(XS_RESET_WATCHES, 0, "|"), "all-of-it-is-given-up", "%s", answer);
	exhaust_watches();
	exhaust_answers();
	exhaust_nodes();
	check(serves(), "served-after-quotas", "it is not");
}

/* ---- random requests ---- */

static const char *const parts[] = {
	"data/a", "data/a/b", "data/a/b/c", "data/b", "data/alive", "error/x", "name", "domid", "/", "..", "data/a/", "//", "", "T", "F",
	"n1", "r0", "b2", "w65535", "token", "0", "1", "2147483648", "4294967295", "-1", "@releaseDomain", "@introduceDomain", "@none",
	"/local/domain/0", "/local/domain", "/vm", "data/\x7f", "\xff",
};

static size_t some_body(void)
{
	uint64_t n = random64();
	size_t len = 0;

	if (!(n & 31)) {
		len = n >> 8 & 15 ? n >> 16 & 255 : n >> 16 & 4095;
		for (size_t i = 0; i < len; i++)
			text[i] = (char)random64();
		return len;
	}
	for (unsigned int i = n >> 5 & 3; i < 4; i++) {
		const char *part = parts[random_below(ARRAY_SIZE(parts))];

		memcpy(text + len, part, strlen(part) + 1);
		len += strlen(part) + 1;
	}
	return len - !(n >> 10 & 15);
}

static void ask_some(void)
{
	uint64_t n = random64();
	uint32_t type = n & 31 ? random_below(XS_DIRECTORY_PART + 6) : (uint32_t)(n >> 32);
	size_t len = some_body();

	ring_ask(type, n >> 5 & 3 ? 0 : transactions[n >> 8 & 15], text, len);
}

static void random_requests(uint64_t until)
{
	struct ring_counts before = counts;

	while (clock_ns() < until) {
		if (random_below(16))
			ask_some();
		else
			ring_drain();
	}
	ring_drain();
	printf("# %lu requests: %lu refused, %lu events\n", counts.asked - before.asked, counts.refused - before.refused,
	       counts.events - before.events);
	check(counts.refused - before.refused < counts.asked - before.asked, "some-are-done", "all are refused");
	check(ring_call_text(XS_RESET_WATCHES, 0, "|") && serves(), "served-after-random-requests", "%s", answer);
}

/* ---- the ring ---- */

/* A new connection: nothing is left of the one before. */
static void anew(void)
{
	ring_reconnect();
	check(!(ring_page->req_cons | ring_page->req_prod | ring_page->rsp_cons | ring_page->rsp_prod | ring_page->error), "page-is-empty",
	      "indices %u %u %u %u, error %u", ring_page->req_cons, ring_page->req_prod, ring_page->rsp_cons, ring_page->rsp_prod,
	      ring_page->error);
	check(serves(), "served-anew", "it is not");
}

static void broken(const char *name, uint32_t error)
{
	ring_notify();
	sleep_for(ring_page->error);
	check(ring_page->error == error, name, "error %u", ring_page->error);
	anew();
}

static void break_requests(const char *name, uint32_t by)
{
	ring_page->req_prod = req_prod + by;
	broken(name, XENSTORE_ERROR_RINGIDX);
}

/* It is looked at when there is something to say. */
static void break_answers(const char *name, uint32_t by)
{
	ring_page->rsp_cons = rsp_cons + by;
	ring_put(&(struct xsd_sockmsg){ .type = XS_READ }, sizeof(struct xsd_sockmsg));
	broken(name, XENSTORE_ERROR_RINGIDX);
}

static void break_by_length(const char *name, uint32_t len)
{
	ring_put(&(struct xsd_sockmsg){ .type = XS_READ, .len = len }, sizeof(struct xsd_sockmsg));
	broken(name, XENSTORE_ERROR_PROTO);
}

/* Begun things end with the connection. */
static void break_off(void)
{
	struct ring_counts before;
	uint32_t tx;

	check(ring_call_text(XS_WATCH, 0, "data|t|") && ring_call_text(XS_TRANSACTION_START, 0, "|"), "watch-and-transaction", "%s", answer);
	tx = begun(0);
	ring_put("half of a header", 9);
	anew();
	before = counts;
	refused("transaction-is-forgotten", XS_READ, tx, "data|", "ENOENT");
	check(serves() && counts.events == before.events, "watch-is-forgotten", "%lu events", counts.events - before.events);
	while (ring_has_room(64))
		ring_ask_text(XS_READ, 0, "data/large|");
	anew();
}

/* What the store knows by itself. */
static void spoil_its_fields(void)
{
	static const uint32_t odd[] = { 77, 0x80000000, 0xffffffff };

	spoilt = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		struct xsd_sockmsg m = { .type = XS_DIRECTORY, .len = 5 };

		ring_page->server_features = odd[i];
		ring_page->connection = odd[i];
		ring_page->error = odd[i];
		ring_page->req_cons = req_prod + 0x40000000 + odd[i];
		ring_page->rsp_prod = rsp_cons + 0x40000000 + odd[i];
		ring_put(&m, sizeof(m));
		ring_put("data", 5);
		ring_notify();
		sleep_for(ring_page->req_cons == req_prod && ring_page->rsp_prod - rsp_cons - 16 < XENSTORE_RING_SIZE - 16);
		rsp_cons = ring_page->rsp_prod;
		ring_page->rsp_cons = rsp_cons;
	}
	spoilt = false;
	ring_page->error = 0;
	check(serves(), "its-own-fields-are-not-looked-at", "it does not serve");
}

/* ---- the second vCPU ---- */

void ap_main(unsigned int id)
{
	uint64_t state = 0x9e3779b97f4a7c15 + id + option_number("seed", 1);

	for (;;) {
		volatile uint32_t *words = (void *)ring_page;

		if (!__atomic_load_n(&scribbling, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&scribbles, 0, __ATOMIC_SEQ_CST);
			cpu_relax();
			continue;
		}
		__atomic_store_n(&scribbles, 1, __ATOMIC_SEQ_CST);
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		if (state & 7)			/* headers that begin anywhere */
			words[state >> 8 & 511] = state & 8 ? (uint32_t)(state >> 40) & 31 : (uint32_t)(state >> 32);
		else if (state & 56)		/* as if requests were there and answers taken */
			words[state & 64 ? 513 : 514] += (uint32_t)(state >> 32) & 255;
		else				/* indices, connection, error */
			words[512 + (state >> 8) % 7] = state & 64 ? (uint32_t)(state >> 40) & 3 : (uint32_t)(state >> 32);
	}
}

static void let_scribble(uint32_t what)
{
	uint64_t until = clock_ns() + PATIENCE;

	__atomic_store_n(&scribbling, what, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&scribbles, __ATOMIC_SEQ_CST) != what) {
		if (clock_ns() >= until)
			panic("the second vCPU does not obey");
		(void)sched_op(SCHEDOP_yield, NULL);
	}
}

/* The ring is opened again as often as it breaks. */
static void scribble(uint64_t until)
{
	unsigned long times = 0;

	memcpy((void *)(uintptr_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4500);
	(void)wrmsr_safe(MSR_X2APIC_ICR, 1ULL << 32 | 0x4600 | TRAMPOLINE >> 12);
	spoilt = true;
	for (let_scribble(1); clock_ns() < until; times++) {
		if (ring_page->error)
			ring_page->connection = XENSTORE_RECONNECT;
		ring_notify();
		irq_off();
		(void)timer_set(clock_ns() + MSEC);
		halt_irq_on();
	}
	let_scribble(0);
	spoilt = false;
	printf("# notified %lu times while the page was written to\n", times);
	anew();
}

/* ---- the end ---- */

static void flood(void)
{
	printf("flooding\n");
	for (;;)
		ask_some();
}

/* The page is dom0's again while the store has it mapped. */
static void go_without_page(void)
{
	xen_pfn_t gfn = (uintptr_t)ring_page >> 12;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &gfn);
	ring_page->req_prod = req_prod + 500;
	printf("# its page is %s\n", memory_op(XENMEM_decrease_reservation, &r) == 1 ? "given up" : "kept");
	for (unsigned int i = 0; i < 100; i++)
		ring_notify();
}

void guest_main(void)
{
	uint64_t time = option_number("seconds", 4) * NSEC / 2;

	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	if (events_init() || timer_init())
		panic("no events");
	patience = PATIENCE;
	random_state = option_number("seed", 1);
	ring_init();
	if (!ring_call_text(XS_READ, 0, "domid|"))
		panic("it does not know its own number: %s", answer);
	for (const char *p = answer; *p; p++)
		self = self * 10 + (unsigned int)(*p - '0');
	if (option("flood"))
		flood();
	refusals();
	passed("what must be refused");
	quotas();
	passed("quotas");
	random_requests(clock_ns() + time);
	break_requests("requests-one-too-far", XENSTORE_RING_SIZE + 1);
	break_requests("requests-back", 0U - 1);
	break_requests("requests-half-around", 0x80000000);
	break_answers("answers-one-too-far", 1);
	break_answers("answers-back", 0U - XENSTORE_RING_SIZE - 1);
	break_answers("answers-half-around", 0x80000000);
	break_by_length("length-one-too-many", XENSTORE_PAYLOAD_MAX + 1);
	break_by_length("length-huge", 0xffffffff);
	break_by_length("length-negative", 0x80000000);
	break_off();
	spoil_its_fields();
	passed("random requests and broken rings");
	if (option("second"))
		scribble(clock_ns() + time);
	go_without_page();
}
