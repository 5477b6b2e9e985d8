/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo-net: what networks of guests are made of. Each function says what went wrong in @e and returns -errno. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cleanup.h"
#include "network.h"

/* ---- files.c: text for others, from definitions ---- */

/* The whole table of ours, for 'nft -f': it replaces what was in it at once. With no network the table goes. */
void files_write_rules(FILE *f, const struct zendo_network *all, size_t nr);
/* What one network's dnsmasq does: DHCP, DNS, and router advertisements for an IPv6 prefix. */
void files_write_dnsmasq(FILE *f, const struct zendo_network *n);

/* ---- link.c: the bridge ---- */

/* There, with its addresses, and up. A link of this name that we did not make is refused: -EEXIST. *@ret_made: it was not there. */
int link_make(const struct zendo_network *n, bool *ret_made, struct zendo_error *e);
/* Take it away, if it is ours; @force: also with interfaces on it, else it then stays: -EBUSY. 0 also when there is none. */
int link_remove(const char *name, bool force, struct zendo_error *e);

/* ---- routes.c ---- */

/* -EADDRINUSE: a route leads to a part of it already, or another definition has it; @e says which. */
int routes_check(const struct zendo_network *n, struct zendo_error *e);
/* A subnet that would not be refused, of those that hardly anybody has. */
int routes_choose(struct zendo_network *n, struct zendo_error *e);
/*
 * -EBUSY: with forwarding the machine would lose its own route, as it was told by a router: *@ret_ifname.
 */
int routes_check_forwarding6(struct zendo_error *e);

/* ---- forward.c: the rules, and what the kernel has to be told ---- */

/* Is there a program of this name? @package has it. */
int forward_check_program(const char *program, const char *package, struct zendo_error *e);
/* Rules for all networks that are up. */
int forward_apply(struct zendo_error *e);
/* Forwarding, where it is off; says so. */
int forward_enable(const struct zendo_network *n, struct zendo_error *e);
/* Other rules that will get in the way: said, not changed. */
void forward_warn(const struct zendo_network *n);

/* A value of /proc/sys/net, "ipv4/ip_forward". */
int sysctl_read(const char *path, int *ret);
int sysctl_write(const char *path, int value, struct zendo_error *e);

#endif
