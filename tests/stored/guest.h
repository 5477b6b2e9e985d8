/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's end of a ring of fake_xen.c, in a process of its own. Any surprise ends the process with a message. */
#ifndef TESTS_STORED_GUEST_H
#define TESTS_STORED_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

struct guest {
	unsigned domid;
	struct xenstore_domain_interface *page;
	int fd;				/* its events */
	struct sockaddr_un *store;
	uint32_t req_id;
	unsigned nr_events;		/* of watches, until now */
};

struct reply {
	struct xsd_sockmsg h;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* A page, empty, before the domain is introduced. */
void guest_page(unsigned domid);
void guest_open(struct guest *g, unsigned domid);
/* Bytes of the ring. */
void guest_put(struct guest *g, const char *data, size_t len);
void guest_get(struct guest *g, void *buf, size_t len);
/* Send, and wait for the answer; events meanwhile are counted. True: no error. '|' is NUL. */
bool guest_ask(struct guest *g, uint32_t type, uint32_t tx, struct reply *ret, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
