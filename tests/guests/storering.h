/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's side of the store that may break its rules: requests are sent without waiting, answers are judged as they come. The indices
 * are kept here, so that those in the page may be spoilt.
 */
#ifndef GUEST_STORERING_H
#define GUEST_STORERING_H

#include "store.h"

#include <xen/io/xs_wire.h>

struct ring_counts {
	unsigned long asked, answered, refused, events;
};

extern volatile struct xenstore_domain_interface *ring_page;
extern uint32_t req_prod, rsp_cons;	/* ours */
extern struct ring_counts counts;
extern uint32_t transactions[16];	/* the last that were begun */
extern unsigned int nr_transactions;
extern char answer[XENSTORE_PAYLOAD_MAX + 1];	/* the last answer's text, ends with a NUL */
extern bool spoilt;			/* we write what is the store's: its indices may be nonsense for now */

void ring_init(void);
void ring_notify(void);
/* Bytes of requests into the ring, whatever the store has taken: at most its size. Without a notification. */
void ring_put(const void *from, size_t n);
/* Can be sent without waiting? */
bool ring_has_room(size_t n);
/* What is there is judged and counted. False: nothing was. */
bool ring_take(void);
/* Is sent as there is room; answers are taken only when there is none. '|' in @text stands for a NUL. */
void ring_ask(uint32_t type, uint32_t tx, const void *body, size_t n);
void ring_ask_text(uint32_t type, uint32_t tx, const char *text);
void ring_drain(void);			/* until all is answered */
/* One request and its answer; false: refused, with @answer as the reason. Nothing else may be open. */
bool ring_call(uint32_t type, uint32_t tx, const void *body, size_t n);
bool ring_call_text(uint32_t type, uint32_t tx, const char *text);
/* A new connection, as xenstore-ring.txt has it; returns when the store has made it. */
void ring_reconnect(void);

#endif
