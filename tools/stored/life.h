/* SPDX-License-Identifier: GPL-2.0-only */
/* The ends of domains, as hvpriv tells them on its netlink group; what was missed is found by its list of domains. */
#ifndef STORED_LIFE_H
#define STORED_LIFE_H

#include <systemd/sd-event.h>

#include "store.h"

void life_start(struct store *s, sd_event *event);
void life_stop(void);
/* Once hvpriv is there. */
void life_listen(void);
/*
 * Handle what was told until now. Called between reading a request and handling it: what hvpriv told before the request was sent
 * comes first, so that the end of an id's earlier owner is not taken for the end of the next.
 */
void life_drain(void);
/* Release those that are not there any more. */
void life_compare(void);

/*
 * The domain that process @pid has created. While a domain lives its creator does, so the number cannot be another's meanwhile.
 * -ESRCH: none.
 */
int life_find_runner(int pid, uint32_t *ret_domid, uint8_t ret_uuid[16]);

#endif
