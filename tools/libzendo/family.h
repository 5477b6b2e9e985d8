/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The generic netlink family that hvpriv speaks by. For programs that link libmnl: it is in their own lists of sources. */
#ifndef ZENDO_FAMILY_H
#define ZENDO_FAMILY_H

#include <stdint.h>

#include <libmnl/libmnl.h>

struct zendo_family {
	uint16_t id;
	uint32_t group;		/* HVPRIV_GENL_GROUP, for NETLINK_ADD_MEMBERSHIP */
};

/* Ask the kernel's controller on @nl, which is bound. 0; -ENOENT: hvpriv is not loaded; -errno. */
int zendo_family_find(struct mnl_socket *nl, struct zendo_family *ret);

/* What a message of the controller says of a family: for mnl_cb_run(). @ret: a struct zendo_family, zeroed. */
int zendo_family_parse(const struct nlmsghdr *nlh, void *ret);

#endif
