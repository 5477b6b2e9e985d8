/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests: each has a ring in a page that it grants (GNTTAB_RESERVED_XENSTORE) and an event channel. By libxengnttab and
 * libxenevtchn, so by /dev/xen/gntdev and /dev/xen/evtchn, whoever provides these.
 */
#ifndef STORED_GUEST_H
#define STORED_GUEST_H

#include <systemd/sd-event.h>

#include "store.h"

void guests_start(struct store *s, sd_event *event);
void guests_stop(void);

int guest_introduce(struct domain *d, bool again);
void guest_release(struct domain *d);
void guest_output(struct conn *c);

#endif
