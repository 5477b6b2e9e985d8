/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's pieces. One event loop owns all of it; jobs (job.h) get copies.
 *
 * What is true stands elsewhere: which devices there are in the kernel, what both sides say and whether a device is to go in the store.
 * A struct device only remembers what is being done, so the agent can be killed at any instant.
 */
#ifndef HOTPLUG_AGENT_H
#define HOTPLUG_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/hvback_vbd.h>
#include <linux/hvback_vif.h>
#include <systemd/sd-event.h>

#include "backend.h"
#include "claim.h"
#include "config.h"
#include "error.h"
#include "frontend.h"
#include "handshake.h"
#include "script_file.h"
#include "store.h"

#define DETACH_TIMEOUT_S	30

struct agent;
struct device;

/* ---- classes: class_vbd.c, class_vif.c ---- */

/* A device that is wanted, from the definition to its nodes. */
struct spec {
	const struct device_class *class;
	struct hvback_id id;
	const struct zendo_disk *disk;	/* one of the two */
	const struct zendo_vif *vif;
	const char *domain;		/* its name, may be NULL */
	uint8_t mac[6];			/* of a vif, decided */
	char bridge[ZENDO_IFNAME_LEN];	/* likewise; "" = none */
	char ifname[ZENDO_IFNAME_LEN];	/* as the kernel named it */
	char claim[CLAIM_SET_TEXT_MAX];	/* of a disk's target, as in claim.h */
	char script[SCRIPT_PATH_MAX];	/* script.h; "" = none */
	bool added;
};

/* What the kernel's side of a device says of itself (HVBACK_INFO). */
union device_info {
	struct hvback_vbd_info vbd;
	struct hvback_vif_info vif;
};

struct device_class {
	const char *name;
	const char *device_type;	/* the word for people */
	const struct frontend_layout *layout;

	/* In a job. All that is needed is made, or nothing; @e has place and key. */
	int (*attach)(int hvback, struct spec *s, struct zendo_error *e);
	/* In a job, before the kernel's object is removed whose guest has let go of it. May be NULL. */
	void (*leave)(const struct hvback_id *id);
	/* What attach() made besides the kernel's object, which is gone. @wait: in a job, until all is; else the rest is done in one. */
	void (*detached)(const struct hvback_id *id, bool wait);
	/* Nodes of the backend's folder that are of the definition alone: scripts find them. In any thread. */
	int (*write_wish)(struct zendo_store *store, uint32_t tx, const struct spec *s, const char *back);
	/* Nodes of both sides besides these; their folders are there, with their rights. */
	int (*write_nodes)(struct agent *a, uint32_t tx, const struct spec *s, const char *front, const char *back);
	size_t info_size;		/* of its member of the union */
	/* What was offered, the frontend's choice must fit. */
	void (*offered)(const union device_info *info, unsigned *ret_queues, unsigned *ret_order);
	/* In a job: the frontend's setting, before it is connected and when it changes. NULL: this class has none. */
	int (*set)(int hvback, const struct hvback_id *id, const union device_info *info, uint32_t setting, struct zendo_error *e);
	/* Nodes that go out with state Connected. May be NULL. */
	int (*write_connected)(struct agent *a, uint32_t tx, const struct hvback_id *id, const union device_info *info, const char *back);
	/* Look at the target's size again. NULL: this class has none. */
	int (*resize)(int hvback, const struct hvback_id *id, struct zendo_error *e);
	/* An agent that has just begun finds the device. May be NULL. */
	void (*found)(struct agent *a, const struct hvback_id *id, const char *back);
	/* Its module serves it, again as a rule; what is outside of it is to be as before. May be NULL. */
	void (*bound)(struct agent *a, const struct hvback_id *id, const char *back);
	/* It has found all of them. May be NULL. */
	int (*rebuilt)(void);
};

extern const struct device_class class_vbd, class_vif;
extern const struct device_class *const device_classes[];	/* ends with NULL */
const struct device_class *device_class_find(const char *name);

/* ---- the agent ---- */

struct agent {
	sd_event *event;
	int hvpriv, hvback;
	struct zendo_store *store;
	sd_event_source *store_source;
	struct device *devices;
};

/*
 * A step of the store, in a transaction of its own. When the connection ended a new one is made, with all watches, and the step is done
 * again: it must bear that.
 */
int agent_transaction(struct agent *a, int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata);
int agent_connect_store(struct agent *a);
/* After a call that failed with @r: was it the connection, and is there another now? */
bool agent_store_again(struct agent *a, int r);
/* Take events of watches that wait. */
void agent_take_events(struct agent *a);

/* ---- devices: device.c, device_request.c ---- */

#define NODE_PATH_MAX	128

/* "/local/domain/1/device/vbd/51712", "/local/domain/0/backend/vbd/1/51712" */
void device_front_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX]);
void device_back_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX]);

/* Called once, from the event loop, with 0 when the device is gone, or with why it stays. */
typedef void (*device_gone_t)(void *userdata, int r, const char *text);

struct device *device_find(struct agent *a, const struct hvback_id *id);

/* From now on it is watched. *@ret (may be NULL) is there already if it was known. */
int device_new(struct agent *a, const struct hvback_id *id, struct device **ret);

/* Look at both sides and do what is to be done. */
void device_look(struct device *d);
void device_look_all(struct agent *a);

/* At the end of the process; the devices themselves stay. */
void device_forget_all(struct agent *a);

/* Set its watch on a new connection. */
int device_watch(struct device *d);

/* The kernel says that a module serves it; that it is gone. */
void device_bound(struct device *d);
void device_vanished(struct agent *a, const struct hvback_id *id);

/*
 * Take it away: the frontend is asked and has @timeout_s, @force: it is not asked. One at a time: -EALREADY. @gone is told, unless
 * -errno is returned.
 */
int device_detach(struct device *d, bool force, unsigned timeout_s, device_gone_t gone, void *userdata);
/*
 * Until the guest's frontend has done something about it, and at most @timeout_s: then it is taken away again. One at a time: -EALREADY.
 * @taken is told once, unless -errno is returned.
 */
int device_await_guest(struct device *d, unsigned timeout_s, device_gone_t taken, void *userdata);
/* Its target may have another size now: vbd. The frontend is told if there is one. */
int device_resize(struct device *d, struct zendo_error *e);

struct json_object;
int device_describe(struct device *d, struct json_object **ret);
const struct hvback_id *device_id(const struct device *d);
struct device *device_next(const struct device *d);

/* Devices of the kernel and nodes of the store from before: what is half is taken away. */
int device_rebuild(struct agent *a);

/* ---- nodes of the store: nodes.c ---- */

/* For classes: one node below @folder. */
int node_put(struct zendo_store *s, uint32_t tx, const char *folder, const char *node, uint64_t value);
int node_put_text(struct zendo_store *s, uint32_t tx, const char *folder, const char *node, const char *value);

/* Steps of a transaction, in any thread: the backend's folder for a script that is to run, and the end of both folders. */
int nodes_make_back(struct zendo_store *s, uint32_t tx, const struct spec *spec);
int nodes_remove_both(struct zendo_store *s, uint32_t tx, const struct hvback_id *id);

int nodes_make(struct agent *a, struct spec *specs, size_t nr);
int nodes_remove(struct agent *a, const struct hvback_id *id);
/* The backend's state; with Connected what belongs to it. */
/* @info: for XenbusStateConnected, where the class wants it. */
int nodes_set_state(struct agent *a, const struct hvback_id *id, enum xenbus_state state, const union device_info *info);
/* It is to go: what every agent finds there. */
int nodes_set_offline(struct agent *a, const struct hvback_id *id);
int nodes_set_error(struct agent *a, const struct hvback_id *id, const char *text);
/* Back and front side, online; a node that is missing or nonsense is Unknown. -errno only of the store itself. */
int nodes_read(struct agent *a, const struct hvback_id *id, struct handshake *ret);

/* ---- attaching: attach.c ---- */

/* @e: why not, with place and key. Called once, in the event loop. @r 1: the runner does not answer, so its guest does nothing now. */
typedef void (*attach_done_t)(void *userdata, int r, const struct zendo_error *e);

/*
 * All devices of @c, for the domain @domid, or none. Those that are there already are left alone. @c is taken. @running: its runner is
 * asked for threads first. When this fails, with @e, @done is not called.
 */
int attach_start(struct agent *a, uint32_t domid, struct zendo_config *c, bool running, attach_done_t done, void *userdata,
		 struct zendo_error *e);

/* ---- control socket: server.c ---- */

int server_start(struct agent *a, int fd);

/* ---- uevents: uevent.c ---- */

int uevent_start(struct agent *a);

/* ---- interfaces: plumb.c ---- */

struct plumb_bridge {
	unsigned ifindex;	/* 0: none, it is routed */
	unsigned mtu;
	bool openvswitch;
	char name[ZENDO_IFNAME_LEN];
};

/* The bridge that @v is to be on; a network of 'zendo net' is brought up if it is not. In a job, as the next one; @e has its place and key. */
int plumb_find_bridge(const struct zendo_vif *v, struct plumb_bridge *ret, struct zendo_error *e);

/* Put the interface, which is there and down, on @b, and bring it up. */
int plumb_up(const struct zendo_vif *v, const struct plumb_bridge *b, unsigned ifindex, struct zendo_error *e);

/* One that is up and on no bridge: routes to its addresses. */
int plumb_route(const struct zendo_vif *v, const char *ifname, unsigned ifindex, struct zendo_error *e);

/* An error with place and key of @v. */
__attribute__((format(printf, 4, 5)))
int plumb_fail(const struct zendo_vif *v, struct zendo_error *e, int r, const char *format, ...);

#endif
