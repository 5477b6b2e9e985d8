// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where text goes: the ring of HVM_PARAM_CONSOLE_PFN, else the console_io hypercall, else port 0xE9. The
 * word console=ring|io|port of the command line chooses; "mirror" sends a copy to port 0xE9.
 */
#include "guest.h"

#define DEBUG_PORT	0xe9
#define COM1		0x3f8
#define COM1_STATUS	0x3fd
#define COM1_TX_EMPTY	0x20
#define PATIENCE	(60 * NSEC)

enum console_kind console_kind = CONSOLE_DEBUG_PORT;
evtchn_port_t console_port;
static volatile struct xencons_interface *ring;
static bool mirror;

static bool ring_init(void)
{
	uint64_t pfn = 0, port = 0;

	if (hvm_param_get(HVM_PARAM_CONSOLE_PFN, &pfn) || hvm_param_get(HVM_PARAM_CONSOLE_EVTCHN, &port))
		return false;
	if (!pfn || !port || pfn >= 1 << 20)
		return false;
	ring = (void *)(uintptr_t)(pfn << 12);
	console_port = (evtchn_port_t)port;
	return true;
}

void console_init(void)
{
	mirror = option("mirror");
	if (!xen_base || option_is("console", "port"))
		return;
	if (!option_is("console", "io") && ring_init())
		console_kind = CONSOLE_RING;
	else if (!console_io(CONSOLEIO_write, 0, ""))
		console_kind = CONSOLE_IO;
}

static void port_write(const char *s, size_t n)
{
	for (; n; n--, s++) {
		outb(DEBUG_PORT, (uint8_t)*s);
		/* Under bare QEMU the serial line is what people look at. */
		if (!xen_base && (inb(COM1_STATUS) & COM1_TX_EMPTY))
			outb(COM1, (uint8_t)*s);
	}
}

static void ring_notify(void)
{
	struct evtchn_send send = { .port = console_port };

	(void)event_channel_op(EVTCHNOP_send, &send);
}

/* A reader that does not read for as long as that has closed the ring: there is nobody left to tell it to. */
static void ring_write(const char *s, size_t n)
{
	uint64_t until = 0;

	while (n) {
		XENCONS_RING_IDX prod = ring->out_prod, cons = ring->out_cons;

		if (prod - cons >= sizeof(ring->out)) {
			if (!until)
				until = clock_ns() + PATIENCE;
			if (clock_ns() > until)
				shutdown(SHUTDOWN_crash);
			/* Full: the reader may need this very CPU. */
			ring_notify();
			(void)sched_op(SCHEDOP_yield, NULL);
			continue;
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		while (n && prod - cons < sizeof(ring->out)) {
			ring->out[MASK_XENCONS_IDX(prod, ring->out)] = *s++;
			prod++;
			n--;
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ring->out_prod = prod;
	}
	ring_notify();
}

void console_write(const char *s, size_t n)
{
	if (console_kind == CONSOLE_RING)
		ring_write(s, n);
	else if (console_kind == CONSOLE_IO)
		(void)console_io(CONSOLEIO_write, n, s);
	else
		port_write(s, n);
	if (mirror && console_kind != CONSOLE_DEBUG_PORT)
		port_write(s, n);
}

int console_getc(void)
{
	XENCONS_RING_IDX cons;
	int c;

	if (console_kind != CONSOLE_RING)
		return -1;
	cons = ring->in_cons;
	if (cons == ring->in_prod)
		return -1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	c = (unsigned char)ring->in[MASK_XENCONS_IDX(cons, ring->in)];
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring->in_cons = cons + 1;
	ring_notify();
	return c;
}

void console_drain(void)
{
	uint64_t start = clock_ns();
	unsigned int i;

	if (console_kind != CONSOLE_RING)
		return;
	for (i = 0; i < 1000000 && ring->out_cons != ring->out_prod && clock_ns() - start < NSEC; i++)
		(void)sched_op(SCHEDOP_yield, NULL);
}
