/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's side of the store (xen/io/xs_wire.h): one call at a time, each waits for its answer. Paths may begin at the domain's home. */
#ifndef GUEST_STORE_H
#define GUEST_STORE_H

#include "guest.h"

/* Sleep until @cond, which events change. Called with IF=1. */
#define sleep_for(cond) do {		\
	irq_off();			\
	while (!(cond)) {		\
		halt_irq_on();		\
		irq_off();		\
	}				\
	irq_on();			\
} while (0)

extern unsigned int store_fired;	/* events of watches so far */

void store_init(void);
bool store_read(const char *path, char *value, size_t size);	/* false: there is none; ends with a NUL, cut when longer */
uint64_t store_number(const char *path, uint64_t otherwise);	/* decimal */
bool store_write(const char *path, const char *value);
bool store_write_number(const char *path, unsigned int n);
bool store_watch(const char *path);
void store_poll(void);			/* take in what is there already */
void store_wait(void);			/* until a watch has fired since it was last here */

#endif
