/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Networks of guests, made by 'zendo net'. One is a bridge of its name, an IPv4 subnet and, if wished, an IPv6 prefix of which dom0 has the
 * first address, and NAT to wherever dom0's routes lead.
 *
 *	/etc/zendo/networks/NAME.conf		its definition: lines of KEY = VALUE
 *	/run/zendo/networks/NAME.conf		a copy while it is up, as it was when it came up
 *	/run/zendo/networks/NAME.dnsmasq	what its dnsmasq is to do
 *	/var/lib/zendo/networks/NAME.leases	which guest has which address
 *	zendo-net@NAME.service			all of it
 */
#ifndef ZENDO_NETWORK_H
#define ZENDO_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config-vif.h"
#include "error.h"

#define ZENDO_NETWORK_DEFAULT	"zendo0"	/* it makes itself when a guest wants it */
#define ZENDO_NETWORK_ETC	"/etc/zendo/networks"
#define ZENDO_NETWORK_RUN	"/run/zendo/networks"
#define ZENDO_NETWORK_LIB	"/var/lib/zendo/networks"
#define ZENDO_NETWORK_PATH_MAX	64
#define ZENDO_NETWORK_ALIAS	"network of zendo"	/* of the bridge (ip link show): what has it not is not ours */

struct zendo_network {
	char name[ZENDO_IFNAME_LEN];
	uint32_t subnet;		/* 10.1.2.0 is 0x0a010200 */
	unsigned prefix;		/* 16..28; dom0 has the first address */
	bool has_ipv6;
	uint8_t ipv6[16];		/* a /64; likewise */
};

/* Of a link, a unit, a file, and in files of nftables and dnsmasq. *ret_why (may be NULL) says which rule it breaks. */
bool zendo_network_name_is_valid(const char *name, const char **ret_why);

/* "10.1.2.0/24", of the private ones (RFC 1918); "fd00:1:2:3::/64", of the unique local ones (RFC 4193). -EINVAL with @e. */
int zendo_network_parse_subnet(const char *text, struct zendo_network *n, struct zendo_error *e);
int zendo_network_parse_ipv6(const char *text, struct zendo_network *n, struct zendo_error *e);

/* Do the two have an address in common? */
bool zendo_network_overlap(uint32_t a, unsigned prefix_a, uint32_t b, unsigned prefix_b);

/* "10.1.2.0/24" of @offset 0; with another the address of that number, without a prefix. */
#define ZENDO_NETWORK_TEXT_MAX	64
char *zendo_network_subnet(const struct zendo_network *n, char ret[static ZENDO_NETWORK_TEXT_MAX]);
char *zendo_network_address(const struct zendo_network *n, uint32_t offset, char ret[static ZENDO_NETWORK_TEXT_MAX]);
char *zendo_network_ipv6(const struct zendo_network *n, char ret[static ZENDO_NETWORK_TEXT_MAX]);	/* "fd00::" */

/* A definition; @source is for errors. */
int zendo_network_parse(FILE *f, const char *name, const char *source, struct zendo_network *ret, struct zendo_error *e);
void zendo_network_write(FILE *f, const struct zendo_network *n);

/* DIR/NAME.SUFFIX */
void zendo_network_path(const char *dir, const char *name, const char *suffix, char ret[static ZENDO_NETWORK_PATH_MAX]);

/* -ENOENT: there is no such network in @dir. */
int zendo_network_load(const char *dir, const char *name, struct zendo_network *ret, struct zendo_error *e);

/*
 * Those in @dir, sorted by name; the caller frees *ret. One that cannot be read has its name and prefix 0, and @e says why (of the last
 * such). A folder that is not there has none.
 */
int zendo_network_list(const char *dir, struct zendo_network **ret, size_t *ret_nr, struct zendo_error *e);

#endif
