/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of a device: to go, whether its guest has looked at it, its size, how it is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "device_state.h"
#include "log.h"
#include "wanted.h"

/* ---- who waits ---- */

void device_tell_gone(struct device *d, int r, const char *text)
{
	device_gone_t gone = d->gone;

	d->timer = sd_event_source_disable_unref(d->timer);
	d->gone = NULL;
	if (gone)
		gone(d->gone_userdata, r, text);
}

void device_tell_taken(struct device *d, int r, const char *text)
{
	device_gone_t taken = d->taken;

	d->taken_timer = sd_event_source_disable_unref(d->taken_timer);
	d->taken = NULL;
	if (taken)
		taken(d->taken_userdata, r, text);
}

/* ---- requests ---- */

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;

	(void)s;
	(void)usec;
	log_line(LOG_WARNING, "%s: the guest does not let go of it", d->name);
	device_tell_gone(d, -ETIMEDOUT, "the guest does not let go of it in time; it stays until it does, or until it is detached with --force");
	return 0;
}

static int on_later(sd_event_source *s, void *userdata)
{
	(void)s;
	device_look(userdata);
	return 0;
}

/* Looked at from the event loop: who asks is not to be told before this has returned. */
static int look_later(struct device *d)
{
	d->later = sd_event_source_disable_unref(d->later);
	return sd_event_add_defer(d->agent->event, &d->later, on_later, d);	/* once, by its nature */
}

int device_detach(struct device *d, bool force, unsigned timeout_s, device_gone_t gone, void *userdata)
{
	struct zendo_error e = {};
	int r;

	if (d->gone)
		return -EALREADY;
	r = nodes_set_offline(d->agent, &d->id);
	if (r >= 0)
		r = sd_event_add_time_relative(d->agent->event, &d->timer, CLOCK_MONOTONIC, timeout_s * 1000000ULL, 0, on_timeout, d);
	if (r < 0)
		return r;
	if (wanted_remove(d->agent->hvpriv, &d->id, &e) < 0)
		log_line(LOG_ERR, "%s: it will be there again when its guest reboots: %s", d->name, e.text);
	d->force |= force;
	d->gone = gone;
	d->gone_userdata = userdata;
	if (force)
		log_line(LOG_WARNING, "%s: is taken away by force", d->name);
	return look_later(d);
}

static void on_not_taken(void *userdata, int r, const char *text)
{
	struct device *d = userdata;
	char why[400];

	if (r < 0) {	/* it is another's to say whether it goes */
		device_tell_taken(d, r, text);
		return;
	}
	(void)snprintf(why, sizeof(why), "%s: nothing in the guest looked at it in %u seconds, so it was taken away again: the guest has no driver for it "
		       "(%s), or is not up yet; with --wait 0 it stays for later [Z0416]", d->name, d->taken_s,
		       d->class == &class_vif ? "xen-netfront" : "xen-blkfront");
	device_tell_taken(d, -ETIMEDOUT, why);
}

static int on_taken_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct device *d = userdata;
	int r = device_detach(d, false, DETACH_TIMEOUT_S, on_not_taken, d);

	(void)s;
	(void)usec;
	if (r < 0)
		device_tell_taken(d, r, strerror(-r));
	return 0;
}

int device_await_guest(struct device *d, unsigned timeout_s, device_gone_t taken, void *userdata)
{
	int r;

	if (d->taken)
		return -EALREADY;
	r = sd_event_add_time_relative(d->agent->event, &d->taken_timer, CLOCK_MONOTONIC, timeout_s * 1000000ULL, 0, on_taken_timeout, d);
	if (r < 0)
		return r;
	d->taken = taken;
	d->taken_userdata = userdata;
	d->taken_s = timeout_s;
	return look_later(d);
}

int device_resize(struct device *d, struct zendo_error *e)
{
	union device_info info;
	struct handshake h = {};
	int r;

	if (!d->class->resize)
		return zendo_error(e, -EOPNOTSUPP, "%s has no size", d->name);
	r = d->class->resize(d->agent->hvback, &d->id, e);
	if (r < 0)
		return r;
	r = device_read(d, &h);
	/* written once more, the state makes the frontend read the size */
	if (r >= 0 && h.back == XenbusStateConnected) {
		r = zendo_backend_info(d->agent->hvback, &d->id, &info, d->class->info_size, NULL);
		if (r >= 0)
			r = nodes_set_state(d->agent, &d->id, XenbusStateConnected, &info);
	}
	return r < 0 ? zendo_error(e, r, "%s: the guest cannot be told: %s", d->name, strerror(-r)) : 0;
}

/* ---- how it is ---- */

static int add_node(struct device *d, struct json_object *o, const char *folder, const char *node)
{
	char path[2 * NODE_PATH_MAX], *value;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, node);
	r = zendo_store_read(d->agent->store, 0, path, &value, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	(void)json_object_object_add(o, node, json_object_new_string(value));
	free(value);
	return 0;
}

int device_describe(struct device *d, struct json_object **ret)
{
	static const char *const nodes[] = {
		"dev", "params", "mode", "sectors", "mac", "bridge", "vifname", "script", "error",
	};
	static const char *const kernel[] = {
		[HVBACK_ST_WAITING] = "waiting", [HVBACK_ST_CONNECTED] = "connected", [HVBACK_ST_BROKEN] = "broken",
	};
	char back[NODE_PATH_MAX], name[32];
	struct handshake h = {};
	struct json_object *o;
	int r = device_read(d, &h);

	if (r < 0)
		return r;
	o = json_object_new_object();
	if (!o)
		return -ENOMEM;
	device_back_path(&d->id, back);
	(void)json_object_object_add(o, "class", json_object_new_string(d->class->name));
	(void)json_object_object_add(o, "device", json_object_new_string(d->name));
	(void)json_object_object_add(o, "domid", json_object_new_int64(d->id.domid));
	(void)json_object_object_add(o, "devid", json_object_new_int64(d->id.devid));
	(void)json_object_object_add(o, "frontend_state", json_object_new_int(h.front));
	(void)json_object_object_add(o, "backend_state", json_object_new_int(h.back));
	(void)json_object_object_add(o, "kernel", json_object_new_string(h.device < 4 && kernel[h.device] ? kernel[h.device] : "unknown"));
	(void)json_object_object_add(o, "detaching", json_object_new_boolean(!h.online));
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && r >= 0; i++)
		r = add_node(d, o, back, nodes[i]);
	if (r >= 0 && d->class == &class_vif && !json_object_object_get(o, "vifname")) {
		/* a script that was told no name has not given it one */
		(void)snprintf(name, sizeof(name), "vif%" PRIu32 ".%" PRIu32, d->id.domid, d->id.devid);
		(void)json_object_object_add(o, "vifname", json_object_new_string(name));
	}
	if (r < 0) {
		json_object_put(o);
		return r;
	}
	*ret = o;
	return 0;
}
