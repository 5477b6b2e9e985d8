/* SPDX-License-Identifier: GPL-2.0-only */
#include "console_ring.h"

#include <errno.h>
#include <string.h>

#include <xen/io/console.h>

void console_ring_init(struct console_ring *r, struct xencons_interface *page)
{
	*r = (struct console_ring) { .page = page };
}

/* Our end of the ring is corrupted from outside: there is no position to go on from. */
static ssize_t ring_broken(struct console_ring *r)
{
	r->broken = true;
	return -EPROTO;
}

ssize_t console_ring_read(struct console_ring *r, void *buf, size_t size)
{
	uint32_t prod, nr, at, first;

	if (r->broken)
		return 0;
	/* acquire: the bytes are read after the index that covers them */
	prod = __atomic_load_n(&r->page->out_prod, __ATOMIC_ACQUIRE);
	nr = prod - r->out_cons;
	if (nr > sizeof(r->page->out))
		return ring_broken(r);
	if (nr > size)
		nr = size;
	at = MASK_XENCONS_IDX(r->out_cons, r->page->out);
	first = sizeof(r->page->out) - at;
	if (first > nr)
		first = nr;
	memcpy(buf, r->page->out + at, first);
	memcpy((char *)buf + first, r->page->out, nr - first);
	r->out_cons += nr;
	/* release: the guest may overwrite the bytes from here on */
	__atomic_store_n(&r->page->out_cons, r->out_cons, __ATOMIC_RELEASE);
	return nr;
}

ssize_t console_ring_write(struct console_ring *r, const void *data, size_t len)
{
	uint32_t cons, used, nr, at, first;

	if (r->broken)
		return 0;
	cons = __atomic_load_n(&r->page->in_cons, __ATOMIC_ACQUIRE);
	used = r->in_prod - cons;
	if (used > sizeof(r->page->in))
		return ring_broken(r);
	nr = sizeof(r->page->in) - used;
	if (nr > len)
		nr = len;
	at = MASK_XENCONS_IDX(r->in_prod, r->page->in);
	first = sizeof(r->page->in) - at;
	if (first > nr)
		first = nr;
	memcpy(r->page->in + at, data, first);
	memcpy(r->page->in, (const char *)data + first, nr - first);
	r->in_prod += nr;
	__atomic_store_n(&r->page->in_prod, r->in_prod, __ATOMIC_RELEASE);
	return nr;
}
