/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dom0's end of a guest's console ring (xen/io/console.h): guest output is read from out[], input
 * is written to in[].
 *
 * The page belongs to the guest, which may write anything anywhere in it at any time. So our two
 * indices are kept here and only published there, the guest's two are read once per call, and
 * indices that cannot be (more bytes than the ring holds) end the use of the ring for good.
 */
#ifndef RUN_CONSOLE_RING_H
#define RUN_CONSOLE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct xencons_interface;

struct console_ring {
	struct xencons_interface *page;	/* shared with the guest */
	uint32_t out_cons, in_prod;	/* ours; the page has copies */
	bool broken;
};

/* @page is zeroed, as new guest memory is. */
void console_ring_init(struct console_ring *r, struct xencons_interface *page);

/*
 * Take up to @size bytes of output. 0: there is none. The caller notifies the guest after a
 * positive result. -EPROTO: the guest's index is impossible; every later call gives 0.
 */
ssize_t console_ring_read(struct console_ring *r, void *buf, size_t size);

/* Give up to @len bytes of input; returns how many there was room for. Notify and -EPROTO as above. */
ssize_t console_ring_write(struct console_ring *r, const void *data, size_t len);

#endif
