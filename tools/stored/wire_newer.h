/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Xen's public io/xs_wire.h has gained after the libxen-dev that Debian 12 has (4.17). Goes when the oldest supported
 * libxen-dev has it: newer headers count these types in XS_TYPE_COUNT.
 */
#ifndef STORED_WIRE_NEWER_H
#define STORED_WIRE_NEWER_H

#include <errno.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#ifndef XENSTORE_SERVER_FEATURE_WATCHDEPTH
enum {
	WIRE_GET_FEATURE = XS_DIRECTORY_PART + 1,
	WIRE_SET_FEATURE,
	WIRE_GET_QUOTA,
	WIRE_SET_QUOTA,
	WIRE_TYPES,
};
#define XENSTORE_SERVER_FEATURE_WATCHDEPTH	4	/* WATCH takes a depth */
#else
enum {
	WIRE_GET_FEATURE = XS_GET_FEATURE,
	WIRE_SET_FEATURE = XS_SET_FEATURE,
	WIRE_GET_QUOTA = XS_GET_QUOTA,
	WIRE_SET_QUOTA = XS_SET_QUOTA,
	WIRE_TYPES,
};
#endif

#endif
