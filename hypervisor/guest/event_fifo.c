// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIFO ABI of <xen/event_channel.h>: a word per port in pages the guest gives, 16 queues per vCPU as chains through these
 * words, their heads and ready bits in a control block per vCPU.
 *
 * The guest writes to all of it whenever it likes. So no index is ever read from its memory: which port is last in a queue,
 * and which queue a port was linked to, are our own records. A word's bits are believed for the one LOCKed step that reads
 * them. The order is the argument:
 *   raise:  PENDING, then MASKED is read, then LINKED is taken, then the chain or the head, then ready, then the upcall byte
 *   guest:  upcall byte, ready, head; LINKED and LINK are cleared together, then PENDING is read;
 *           unmask: MASKED, and if PENDING it calls
 */
#include "guest/event_channel.h"
#include "core/guest_mem.h"

#define WORDS_PER_PAGE	(PAGE_SIZE / sizeof(event_word_t))
#define MAX_PAGES	(EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define RAISE_BATCH	64	/* ports looked at in one call of fifo_raise_early() */
#define UNPIN_BATCH	32	/* pages given back in one call of fifo_end() */
#define TRIES		4	/* to change a word before the guest is asked to hold still, */
#define BUSY_TRIES	8	/* and after: more than what a guest may change then */

struct evtchn_fifo {
	struct guest_pin page[MAX_PAGES];
	uint32_t	nr_pages;
};
_Static_assert(sizeof(struct evtchn_fifo) <= PAGE_SIZE, "one pool page");
_Static_assert(EVTCHN_FIFO_NR_CHANNELS == PORTS_PER_PAGE * MAX_BUCKETS, "every port has a slot");

static event_word_t bit(unsigned int nr)
{
	return (event_word_t)1 << nr;
}

/* NULL: its page was not given yet. */
static event_word_t *word_of(const struct domain *d, uint32_t port)
{
	const struct evtchn_fifo *f = d->g.evt.fifo;

	return port / WORDS_PER_PAGE < f->nr_pages ? (event_word_t *)f->page[port / WORDS_PER_PAGE].va + port % WORDS_PER_PAGE : NULL;
}

static uint32_t max_ports(const struct domain *d)
{
	(void)d;
	return EVTCHN_FIFO_NR_CHANNELS;
}

/*
 * Have the word @tail, last in its queue, point to @port. False: the guest has taken it off, the queue is empty.
 * While BUSY is set a guest does not unmask; what is left for it is one change each of MASKED, PENDING and LINKED. One that
 * goes on changing the word loses the rest of its chain.
 */
static bool append(event_word_t *tail, uint32_t port)
{
	event_word_t w = READ_ONCE(*tail);
	bool busy = false;

	for (int i = 0; i < TRIES + BUSY_TRIES && w & bit(EVTCHN_FIFO_LINKED); i++) {
		event_word_t to = (w & ~(bit(EVTCHN_FIFO_BUSY) | EVTCHN_FIFO_LINK_MASK)) | port;

		if (__atomic_compare_exchange_n(tail, &w, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
		if (i == TRIES - 1) {
			busy = true;
			w = __atomic_or_fetch(tail, bit(EVTCHN_FIFO_BUSY), __ATOMIC_SEQ_CST);
		}
	}
	if (busy)
		__atomic_fetch_and(tail, ~bit(EVTCHN_FIFO_BUSY), __ATOMIC_SEQ_CST);
	return false;
}

/*
 * A port that is its queue's last was taken off by the guest, or it would still be LINKED: the queue is empty. It must not stay
 * the tail of a queue it leaves, for in the new one it is LINKED again.
 */
static void leave_queue(struct domain *d, uint32_t port, const struct evtchn_port *p)
{
	struct vcpu *v = domain_vcpu(d, p->queue_vcpu);

	if (v && v->g.fifo_tail[p->queue_priority] == port)
		v->g.fifo_tail[p->queue_priority] = 0;
}

static void enqueue(struct domain *d, uint32_t port, struct evtchn_port *p, event_word_t *word)
{
	struct vcpu *v = domain_vcpu(d, p->vcpu);
	struct evtchn_fifo_control_block *c = v ? v->g.fifo_control.va : NULL;
	event_word_t *last;
	uint32_t *tail;

	/* No control block: pending, and linked when it is raised or unmasked with one. */
	if (!c || test_and_set_bit(EVTCHN_FIFO_LINKED, word))
		return;
	leave_queue(d, port, p);
	p->queue_vcpu = p->vcpu;
	p->queue_priority = p->priority;
	tail = &v->g.fifo_tail[p->priority];
	last = *tail ? word_of(d, *tail) : NULL;
	*tail = port;
	if (last && append(last, port))
		return;		/* the guest finds it behind the others: it has the ready bit, or has taken it */
	WRITE_ONCE(c->head[p->priority], port);
	if (!test_and_set_bit(p->priority, &c->ready))
		upcall_mark(v);
}

/* Returns whether it was pending. */
static bool make_pending(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	event_word_t *word = word_of(d, port);
	bool was = p->early;

	if (word) {
		was = test_and_set_bit(EVTCHN_FIFO_PENDING, word);
		if (!test_bit(EVTCHN_FIFO_MASKED, word))
			enqueue(d, port, p, word);
	}
	p->early = !word;
	return was;
}

static void raise(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	if (!make_pending(d, port, p))
		wake_pollers(d, port);
}

/* It stays LINKED: the chain goes through it. */
static void clear(struct domain *d, uint32_t port)
{
	event_word_t *word = word_of(d, port);

	if (word)
		(void)test_and_clear_bit(EVTCHN_FIFO_PENDING, word);
}

static void unmask(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	event_word_t *word = word_of(d, port);

	if (!word)
		return;
	(void)test_and_clear_bit(EVTCHN_FIFO_MASKED, word);
	if (p->state != PORT_FREE && test_bit(EVTCHN_FIFO_PENDING, word))
		enqueue(d, port, p, word);
}

static bool is_pending(struct domain *d, uint32_t port)
{
	const struct evtchn_port *p = port_get(d, port);
	const event_word_t *word = p ? word_of(d, port) : NULL;

	return (word && test_bit(EVTCHN_FIFO_PENDING, word)) || (p && p->early);
}

static bool is_busy(const struct domain *d, uint32_t port)
{
	const event_word_t *word = word_of(d, port);

	return word && test_bit(EVTCHN_FIFO_LINKED, word);
}

/* The queues are not in vcpu_info. */
static void select_all(struct vcpu *v)
{
	(void)v;
}

const struct evtchn_abi evtchn_fifo = {
	.max_ports	= max_ports,
	.raise		= raise,
	.clear		= clear,
	.unmask		= unmask,
	.is_pending	= is_pending,
	.is_busy	= is_busy,
	.select_all	= select_all,
};

static int pin(struct domain *d, gfn_t g, uint32_t offset, size_t len, struct guest_pin *ret)
{
	int rc;

	if (g.v > p2m_max_gfn(d))
		return -XEN_EINVAL;
	rc = guest_pin(d, gpa(gfn_to_gpa(g).v + offset), len, ret);
	return !rc || rc == -XEN_ENOMEM ? rc : -XEN_EINVAL;
}

/* The first one makes the domain's ABI FIFO. */
int fifo_init_control(struct vcpu *v, gfn_t g, uint32_t offset)
{
	struct domain *d = v->d;
	struct guest_pin control;
	struct evtchn_fifo *f;
	int rc;

	if (offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || !IS_ALIGNED(offset, 8) || v->g.fifo_control.va)
		return -XEN_EINVAL;
	rc = pin(d, g, offset, sizeof(struct evtchn_fifo_control_block), &control);
	if (rc)
		return rc;
	if (!d->g.evt.fifo) {
		f = pool_alloc(d);
		if (!f) {
			guest_unpin(d, &control);
			return -XEN_ENOMEM;
		}
		evtchn_2l_hand_over(d);
		d->g.evt.fifo = f;
		d->g.evt.abi = &evtchn_fifo;
	}
	v->g.fifo_control = control;
	return 0;
}

/* Words are as the guest made them, MASKED or not. What came before them is raised by fifo_raise_early(), from *@ret_first on. */
int fifo_expand_array(struct domain *d, gfn_t g, uint32_t *ret_first)
{
	struct evtchn_fifo *f = d->g.evt.fifo;
	int rc;

	if (!f)
		return -XEN_EOPNOTSUPP;
	if (f->nr_pages == MAX_PAGES)
		return -XEN_ENOSPC;
	rc = pin(d, g, 0, PAGE_SIZE, &f->page[f->nr_pages]);
	if (!rc)
		*ret_first = f->nr_pages++ * WORDS_PER_PAGE;
	return rc;
}

/* Those who poll were woken when the event came; they have not gone to sleep since, for an early port counts as pending. */
uint32_t fifo_raise_early(struct domain *d, uint32_t port)
{
	for (int i = 0; i < RAISE_BATCH && word_of(d, port); i++) {
		struct evtchn_port *p = port_get(d, port);

		if (p && p->early)
			(void)make_pending(d, port, p);
		if (++port % WORDS_PER_PAGE == 0)
			return 0;
	}
	return word_of(d, port) ? port : 0;
}

bool fifo_end(struct domain *d)
{
	struct evtchn_fifo *f = d->g.evt.fifo;
	uint32_t n = 0;

	if (!f)
		return true;
	for (; f->nr_pages; n++) {
		if (n == UNPIN_BATCH)
			return false;
		guest_unpin(d, &f->page[--f->nr_pages]);
	}
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = domain_vcpu(d, i);

		if (!v || !v->g.fifo_control.va)
			continue;
		if (n++ == UNPIN_BATCH)
			return false;
		guest_unpin(d, &v->g.fifo_control);
		memset(v->g.fifo_tail, 0, sizeof(v->g.fifo_tail));
	}
	d->g.evt.abi = &evtchn_2l;
	d->g.evt.fifo = NULL;
	pool_free(d, f);
	return true;
}
