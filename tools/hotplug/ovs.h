/* SPDX-License-Identifier: GPL-2.0-only */
/* What ovs-vsctl is told and answers: text, for tests. */
#ifndef HOTPLUG_OVS_H
#define HOTPLUG_OVS_H

#include <stdbool.h>

#include "config-vif.h"

#define OVS_VSCTL	"/usr/bin/ovs-vsctl"
#define OVS_ARGS_MAX	24
#define OVS_DEVICE_MAX	64

struct ovs_command {
	const char *args[OVS_ARGS_MAX];	/* ends with NULL; some point into this struct */
	char tag[16], trunks[16 + 5 * ZENDO_VIF_TRUNKS_MAX], mark[OVS_DEVICE_MAX + 32], mac[64];
};

/* A name that every command takes for one, and that comes back as it was but for quotes around it. */
bool ovs_name_is_plain(const char *name);

/*
 * The port @ifname of @bridge, for @device ("vif-1-0"), in one transaction; @replace: there is one of ours of this name, from before.
 */
void ovs_add_port(const struct zendo_vif *v, const char *bridge, const char *ifname, const char *device, const char *mac, bool replace,
		  struct ovs_command *ret);

/* All ports: what ovs_next_port() reads. */
extern const char *const ovs_list_ports[];

/*
 * The next port of *@text that is ours, or false. *@text moves on. @port points into it and ends with a NUL, which is written there; so does
 * @device.
 */
bool ovs_next_port(char **text, const char **port, const char **device);

#endif
