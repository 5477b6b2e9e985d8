/* SPDX-License-Identifier: GPL-2.0-only */
/* Clients in dom0, on Unix sockets: root's, as privileged as domain 0 is, and those of domains' processes. */
#ifndef STORED_CLIENT_H
#define STORED_CLIENT_H

#include <systemd/sd-event.h>

#include "store.h"

#define CLIENTS_MOST	4096

/* Take over a socket that listens, or make one. */
int clients_listen_fd(struct store *s, sd_event *event, int fd);
int clients_listen(struct store *s, sd_event *event, const char *path);
void clients_stop(void);

void client_output(struct conn *c);

#endif
