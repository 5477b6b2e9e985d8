/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include "store_client.h"

/* A store with domains 0, 5 and 6, whose folders are as a toolstack leaves them; for tests that want no more. */
struct world {
	struct store *s;
	struct conn *dom0, *guest, *other;
};
void world_begin(struct world *w);
void world_end(struct world *w);
/* A transaction's id */
uint32_t start(struct conn *c);

#endif
