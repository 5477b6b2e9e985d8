/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shared page of a guest (struct xenstore_domain_interface), between its bytes and a connection. The guest can write all of
 * it at any time: our indices are kept here and only shown to it; its own are read once, checked, and the copy is used.
 */
#ifndef STORED_RING_H
#define STORED_RING_H

#include "store.h"

struct ring {
	struct xenstore_domain_interface *page;
	struct conn *conn;
	bool dead;		/* told the guest by the page's error: only a reconnect is listened to */
};

/*
 * A ring that is new to the store (@again false): its indices are taken as they are. Or one that the journal knows: what the
 * guest has seen is compared with what was recorded, and goes on from there.
 */
void ring_attach(struct ring *r, struct xenstore_domain_interface *page, struct conn *c, bool again);

enum { RING_NOTIFY = 1, RING_MORE = 2 };

/* Read and write as far as it goes, at most @most requests. RING_NOTIFY: tell the guest; RING_MORE: come again. */
unsigned ring_work(struct ring *r, unsigned most);

/*
 * There is something to do that no event need tell of: a guest says nothing when it adds to a ring that it has seen unread requests
 * in, and nothing when it takes answers from one that it has seen room in.
 */
bool ring_has_work(const struct ring *r);

#endif
