/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's side of the store (xen/io/xs_wire.h): one call at a time, each waits for its answer. Paths may begin at the domain's home. */
#ifndef GUEST_STORE_H
#define GUEST_STORE_H

#include "guest.h"

/*
 * Longest time of a wait, in ns; then the guest ends and says for what it waited. 0: for ever, as it is at first. The timer must be there.
 */
extern uint64_t patience;

uint64_t wait_begins(void);
void wait_goes_on(uint64_t until, const char *what);	/* with IF=0, before each sleep */

/* Sleep until @cond, which events change. Called with IF=1. */
#define sleep_for(cond) do {			\
	uint64_t until_ = wait_begins();	\
						\
	irq_off();				\
	while (!(cond)) {			\
		wait_goes_on(until_, #cond);	\
		halt_irq_on();			\
		irq_off();			\
	}					\
	irq_on();				\
} while (0)

extern unsigned int store_fired;	/* events of watches so far */

void store_init(void);
bool store_read(const char *path, char *value, size_t size);	/* false: there is none; ends with a NUL, cut when longer */
uint64_t store_number(const char *path, uint64_t otherwise);	/* decimal */
bool store_write(const char *path, const char *value);
bool store_write_number(const char *path, unsigned int n);
bool store_watch(const char *path);
bool store_pending(void);		/* something is there to be taken in */
void store_poll(void);			/* take in what is there already */
void store_wait(void);			/* until a watch has fired since it was last here */

#endif
