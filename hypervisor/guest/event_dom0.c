// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports bound to dom0. Dom0 knows a port by its handle, a small number that is a bit in the posted
 * pages; handle[] says which port it is. An entry: 0 = free; HANDLE_TAKEN | port; HANDLE_TAKEN alone when
 * the guest closed its side: dom0 still holds the number and must not hit a stranger's port with it.
 */
#include "guest/event_channel.h"
#include "guest/guest.h"
#include "core/guest_mem.h"

#define HANDLE_TAKEN	(1U << 31)
#define PER_PAGE	(PAGE_SIZE / sizeof(uint32_t))

static uint32_t *handle_slot(struct domain *d, uint32_t handle)
{
	uint32_t *page;

	if (handle >= ZENDO_MAX_HANDLES)
		return NULL;
	page = d->g.evt.handle[handle / PER_PAGE];
	return page ? &page[handle % PER_PAGE] : NULL;
}

static int handle_alloc(struct domain *d, uint16_t *ret)
{
	for (uint32_t i = 0; i < ZENDO_MAX_HANDLES; i++) {
		uint32_t **page = &d->g.evt.handle[i / PER_PAGE];

		if (!*page) {
			*page = pool_alloc(d);
			if (!*page)
				return -XEN_ENOMEM;
		}
		if (!(*page)[i % PER_PAGE]) {
			*ret = (uint16_t)i;
			return 0;
		}
	}
	return -XEN_ENOSPC;
}

void dom0_hint(struct domain *d, const struct evtchn_port *p)
{
	if (p->state == PORT_DOM0 && d->g.evt.hint)
		WRITE_ONCE(d->g.evt.hint[p->handle], p->vcpu);
}

void dom0_handle_orphan(struct domain *d, uint32_t port, uint16_t handle)
{
	uint32_t *slot = handle_slot(d, handle);

	if (slot && *slot == (HANDLE_TAKEN | port))
		*slot = HANDLE_TAKEN;
}

static int bind(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	uint16_t handle;
	int rc = handle_alloc(d, &handle);

	if (rc)
		return rc;
	*handle_slot(d, handle) = HANDLE_TAKEN | port;
	p->state = PORT_DOM0;
	p->remote_dom = 0;
	p->handle = handle;
	dom0_hint(d, p);
	return 0;
}

static int64_t bound(const struct evtchn_port *p, uint32_t port)
{
	return (int64_t)((uint64_t)p->handle << 32 | port);
}

int64_t evtchn_dom0_alloc(struct domain *d)
{
	uint32_t port = 0;
	struct evtchn_port *p;
	int64_t rc;

	spin_lock(&d->g.evt.lock);
	rc = port_alloc(d, (struct evtchn_port){ .state = PORT_UNBOUND }, &port);
	if (!rc) {
		p = port_get(d, port);
		rc = bind(d, port, p);
		if (rc)
			port_free(d, port, p);
		else
			rc = bound(p, port);
	}
	spin_unlock(&d->g.evt.lock);
	return rc;
}

int64_t evtchn_dom0_bind(struct domain *d, uint32_t port)
{
	struct evtchn_port *p;
	int64_t rc = -XEN_EINVAL;

	spin_lock(&d->g.evt.lock);
	p = port_get(d, port);
	if (p && p->state == PORT_UNBOUND && p->remote_dom == 0) {
		rc = bind(d, port, p);
		if (!rc)
			rc = bound(p, port);
	}
	spin_unlock(&d->g.evt.lock);
	return rc;
}

/* The guest's port lives on, unbound, and dom0 may bind it again. */
int evtchn_dom0_close(struct domain *d, uint32_t handle)
{
	struct evtchn_port *p;
	uint32_t *slot;
	int rc = -XEN_EINVAL;

	spin_lock(&d->g.evt.lock);
	slot = handle_slot(d, handle);
	if (slot && *slot) {
		p = port_get(d, *slot & ~HANDLE_TAKEN);
		if (p && p->state == PORT_DOM0 && p->handle == handle)
			p->state = PORT_UNBOUND;
		*slot = 0;
		rc = 0;
	}
	spin_unlock(&d->g.evt.lock);
	return rc;
}

static void raise_handle(struct domain *d, uint32_t handle)
{
	uint32_t *slot = handle_slot(d, handle);
	struct evtchn_port *p = slot ? port_get(d, *slot & ~HANDLE_TAKEN) : NULL;

	if (p && p->state == PORT_DOM0 && p->handle == handle)
		d->g.evt.abi->raise(d, *slot & ~HANDLE_TAKEN, p);
}

/* At most ZENDO_MAX_HANDLES events: what is posted meanwhile is taken the next time. */
static __attribute__((noinline)) void take_posted(struct vcpu *v)
{
	struct zendo_posted *in = &v->posted->in;
	/* The summary first: a bit posted after this exchange sets it again. */
	uint64_t summary = xchg(&in->summary, 0) & ((1ULL << ARRAY_SIZE(in->word)) - 1);

	spin_lock(&v->d->g.evt.lock);
	for (; summary; summary &= summary - 1) {
		uint32_t w = (uint32_t)__builtin_ctzll(summary);
		uint64_t bits = xchg(&in->word[w], 0);

		for (; bits; bits &= bits - 1)
			raise_handle(v->d, w * 64 + (uint32_t)__builtin_ctzll(bits));
	}
	spin_unlock(&v->d->g.evt.lock);
}

/* At each entry, and nearly always in vain: no registers are saved for that. */
void dom0_drain(struct vcpu *v)
{
	if (unlikely(READ_ONCE(v->posted->in.summary)))
		take_posted(v);
}

void dom0_post(struct vcpu *v, uint16_t handle)
{
	(void)test_and_set_bit(handle, v->posted->out.word);
	(void)test_and_set_bit(handle / 64, &v->posted->out.summary);
}

int dom0_handles_init(struct domain *d, hpa_t hint)
{
	return hint.v ? dom0_page_map(hint, (void **)&d->g.evt.hint) : 0;
}

void dom0_handles_destroy(struct domain *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->g.evt.handle); i++) {
		if (d->g.evt.handle[i])
			pool_free(d, d->g.evt.handle[i]);
		d->g.evt.handle[i] = NULL;
	}
	if (d->g.evt.hint)
		dom0_page_unmap(d->g.evt.hint);
	d->g.evt.hint = NULL;
}
