/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One network interface of vif = [...], in the syntax of xl-network-configuration(5):
 *
 *	vif    = [ 'mac=00:16:3e:12:34:56,bridge=br0,rate=1Gb/s', '' ]
 *
 * All is checked here but what depends on the machine: bridges, names taken.
 */
#ifndef ZENDO_CONFIG_VIF_H
#define ZENDO_CONFIG_VIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"

#define ZENDO_VIFS_MAX		64	/* of one domain */
#define ZENDO_VIF_IPS_MAX	16	/* of one interface */
#define ZENDO_VIF_TRUNKS_MAX	32	/* VLANs of one interface */
#define ZENDO_IFNAME_LEN	16	/* with the NUL, as Linux has it */
#define ZENDO_MTU_MIN		68	/* IPv4's least */
#define ZENDO_MTU_MAX		65535

struct zendo_vif_ip {
	int family;			/* AF_INET, AF_INET6 */
	uint8_t addr[16];
};

struct zendo_vif {
	uint32_t devid;			/* its place in the list unless devid= says another */
	bool has_devid;
	bool has_mac;
	uint8_t mac[6];			/* see zendo_vif_make_mac() */
	char bridge[ZENDO_IFNAME_LEN];	/* "" = zendo0 */
	char vifname[ZENDO_IFNAME_LEN];	/* "" = vif<domid>.<devid> */
	char *script;			/* NULL = none, or one that is built in; without a slash: of the folders of scripts */
	char gatewaydev[ZENDO_IFNAME_LEN];	/* "" = none; for scripts */
	bool openvswitch;		/* the bridge must be one of Open vSwitch (script=vif-openvswitch) */
	bool routed;			/* on no bridge: ips are routed to it (script=vif-route) */
	struct zendo_vif_ip ips[ZENDO_VIF_IPS_MAX];
	unsigned nr_ips;
	uint64_t rate;			/* bytes per second, 0 = no limit */
	uint32_t rate_interval_us;	/* valid with rate */
	unsigned mtu;			/* 0 = the bridge's */
	unsigned vlan;			/* 0 = none, 1..4094 */
	uint16_t trunks[ZENDO_VIF_TRUNKS_MAX];	/* VLANs that the guest gets and sends with their tags: bridge=NAME:10:20 */
	unsigned nr_trunks;
	unsigned queues;		/* most of them, 0 = as many as suit */
	bool isolated;			/* talks to no other isolated one on its bridge */
	bool promisc;			/* may use other MACs than its own */
	struct zendo_error at;		/* where it was written; no text */
};

/* As zendo_disk_parse(). An empty @text is an interface with all defaults. */
int zendo_vif_parse(const char *text, const struct zendo_error *at, struct zendo_vif *ret, struct zendo_error *e);
void zendo_vif_clear(struct zendo_vif *v);

/* Text that is read back as the same interface, @place: with where it was written. The caller frees *ret. */
int zendo_vif_format(const struct zendo_vif *v, bool place, char **ret);

/*
 * The address of one that was given none: Xen's prefix 00:16:3e, the rest made of the domain's @uuid and the number of the interface,
 * so that it is the same at each start.
 */
void zendo_vif_make_mac(const uint8_t uuid[static 16], uint32_t devid, uint8_t ret[static 6]);

/* "00:16:3e:12:34:56"; *ret_why (may be NULL) says what is wrong: -EINVAL. */
int zendo_mac_parse(const char *s, uint8_t ret[static 6], const char **ret_why);
#define ZENDO_MAC_STRLEN 18	/* with the NUL */
char *zendo_mac_format(const uint8_t mac[static 6], char ret[static ZENDO_MAC_STRLEN]);

/* Can Linux have an interface of this name? *ret_why (may be NULL) says which rule it breaks. */
bool zendo_ifname_is_valid(const char *name, const char **ret_why);

#endif
