/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to be done next for a device, from what its two sides say and what it is to the kernel. The same for every class, without
 * memory: so it does not matter how often it is asked, what was missed, or who was killed in between.
 */
#ifndef HOTPLUG_HANDSHAKE_H
#define HOTPLUG_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/io/xenbus.h>

struct handshake {
	enum xenbus_state front, back;	/* XenbusStateUnknown: no such node, or nonsense in it */
	bool online;			/* false: it is to go */
	bool force;			/* and at once, whatever the frontend does */
	uint32_t device;		/* HVBACK_ST_* */
};

enum handshake_act {
	ACT_NONE,			/* wait for the next change */
	ACT_STATE,			/* write the backend's state, see ->state */
	ACT_CONNECT,
	ACT_DISCONNECT,
	ACT_SETTING,			/* take what it has changed, then ->state */
	ACT_REMOVE,
};

struct handshake_step {
	enum handshake_act act;
	enum xenbus_state state;	/* with ACT_STATE and ACT_SETTING */
};

struct handshake_step handshake_next(const struct handshake *h);

/* Text of a state node. */
enum xenbus_state handshake_state_from_string(const char *s);
const char *handshake_state_name(enum xenbus_state s);

#endif
