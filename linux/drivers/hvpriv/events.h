/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVPRIV_EVENTS_H
#define HVPRIV_EVENTS_H

#include <linux/types.h>

struct hv_domain;

int hv_events_init(void);
void hv_events_exit(void);

/* Tell who listens on the netlink group "events": HVPRIV_CMD_*. Sleeps. */
void hv_event_send(u8 cmd, struct hv_domain *d, u32 code);

/* HVPRIV_CMD_ATTACHED or _DETACHED. @device: "vbd-1-51712". Sleeps. */
void hv_event_send_device(u8 cmd, struct hv_domain *d, const char *device);

#endif /* HVPRIV_EVENTS_H */
