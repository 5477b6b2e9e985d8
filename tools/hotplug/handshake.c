/* SPDX-License-Identifier: GPL-2.0-only */
#include "handshake.h"

#include <linux/hvback.h>

static struct handshake_step act(enum handshake_act a)
{
	return (struct handshake_step) { .act = a };
}

/* The backend's state is to be @wanted; nothing to do when it is. */
static struct handshake_step state(const struct handshake *h, enum xenbus_state wanted)
{
	return (struct handshake_step) { .act = h->back == wanted ? ACT_NONE : ACT_STATE, .state = wanted };
}

static struct handshake_step setting(const struct handshake *h, enum xenbus_state then)
{
	return (struct handshake_step) { .act = h->back == then ? ACT_NONE : ACT_SETTING, .state = then };
}

/* The frontend uses nothing of the device any more, or never has. */
static bool is_idle(enum xenbus_state front)
{
	return front == XenbusStateUnknown || front == XenbusStateInitialising || front == XenbusStateInitWait ||
	       front == XenbusStateClosed;
}

static struct handshake_step next_offline(const struct handshake *h)
{
	if (!h->force && !is_idle(h->front))
		return state(h, XenbusStateClosing);
	return act(h->device == HVBACK_ST_WAITING ? ACT_REMOVE : ACT_DISCONNECT);
}

static struct handshake_step next_waiting(const struct handshake *h)
{
	switch (h->front) {
	case XenbusStateInitialising:
	case XenbusStateInitWait:
		return state(h, XenbusStateInitWait);
	case XenbusStateInitialised:
	case XenbusStateConnected:
		/* Closing or Closed: what it published was refused, and it is to begin anew */
		if (h->back == XenbusStateInitWait || h->back == XenbusStateConnected)
			return act(ACT_CONNECT);
		return act(ACT_NONE);
	case XenbusStateClosing:
		return h->back == XenbusStateClosed ? act(ACT_NONE) : state(h, XenbusStateClosing);
	case XenbusStateUnknown:
	case XenbusStateClosed:
		return state(h, XenbusStateClosed);
	default:
		return act(ACT_NONE);
	}
}

struct handshake_step handshake_next(const struct handshake *h)
{
	if (!h->online)
		return next_offline(h);
	switch (h->device) {
	case HVBACK_ST_WAITING:
		return next_waiting(h);
	case HVBACK_ST_CONNECTED:
		/* also a frontend that begins anew without a word: another kernel by kexec */
		if (is_idle(h->front) || h->front == XenbusStateClosing)
			return act(ACT_DISCONNECT);
		if (h->front == XenbusStateReconfiguring)
			return setting(h, XenbusStateReconfigured);
		/* it may have said so before it wrote what has changed: looked at once more */
		if (h->back == XenbusStateReconfigured)
			return setting(h, XenbusStateConnected);
		return state(h, XenbusStateConnected);
	default:
		if (is_idle(h->front))
			return act(ACT_DISCONNECT);
		return state(h, XenbusStateClosing);
	}
}

enum xenbus_state handshake_state_from_string(const char *s)
{
	if (s[0] < '0' || s[0] > '8' || s[1])
		return XenbusStateUnknown;
	return (enum xenbus_state)(s[0] - '0');
}

const char *handshake_state_name(enum xenbus_state s)
{
	static const char *const names[] = {
		[XenbusStateUnknown] = "unknown", [XenbusStateInitialising] = "initialising", [XenbusStateInitWait] = "waiting",
		[XenbusStateInitialised] = "initialised", [XenbusStateConnected] = "connected", [XenbusStateClosing] = "closing",
		[XenbusStateClosed] = "closed", [XenbusStateReconfiguring] = "reconfiguring", [XenbusStateReconfigured] = "reconfigured",
	};

	return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : "unknown";
}
