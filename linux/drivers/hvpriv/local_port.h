/* SPDX-License-Identifier: GPL-2.0-only */
/* Dom0's own ports, as /dev/hvevtchn numbers them, for others who are told such a number. */
#ifndef HVPRIV_LOCAL_PORT_H
#define HVPRIV_LOCAL_PORT_H

#include <linux/types.h>

struct hv_local_port;

/* A reference, or NULL: no such port. The guest's end stays bound until the last one is put. */
struct hv_local_port *hv_local_port_get(u32 number);
void hv_local_port_put(struct hv_local_port *p);

/* Raise it in the guest; nothing happens when that is dead. */
void hv_local_port_post(struct hv_local_port *p);

#endif /* HVPRIV_LOCAL_PORT_H */
