/* SPDX-License-Identifier: GPL-2.0-only */
/* A client of the store's logic in the same process, and the world around it: no rings, a clock that stands, a log that counts. */
#ifndef TESTS_STORE_CLIENT_H
#define TESTS_STORE_CLIENT_H

#include <stdio.h>

#include "journal.h"
#include "store.h"

extern const struct store_ops fake_store_ops;
extern char fake_store_log[512];	/* the last line */
extern unsigned fake_store_lines;
extern int fake_store_introduce;	/* what introduce() returns */
extern uint64_t fake_store_now;
extern bool fake_store_later;		/* later() was called */

struct answer {
	struct xsd_sockmsg h;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

/* A connection's next message, taken off its queue. False: none. */
bool next_message(struct conn *c, struct answer *ret);
/* Send a request and leave all answers in line. */
void send_request(struct conn *c, uint32_t type, uint32_t tx, const void *body, size_t len);
/* Send, and take the answer; events stay for next_event(). 0 or -errno of the answer. */
int ask(struct conn *c, uint32_t type, uint32_t tx, const void *body, size_t len, struct answer *ret);
/* The same with a text in which '|' stands for NUL. */
int ask_text(struct conn *c, uint32_t type, uint32_t tx, const char *text, struct answer *ret);
/* "path token" of the next event, or "" */
const char *next_event(struct conn *c);

/* All that a restart must keep, as text: the caller frees. */
char *dump_store(struct store *s);

#endif
