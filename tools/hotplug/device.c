/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done with each device: one thing at a time, by handshake.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "device_state.h"
#include "job.h"
#include "log.h"
#include "look.h"
#include "script.h"

/* Lines of the journal that a guest can make the agent write, for each device. */
#define MOST_LINES	20
#define LINES_SECONDS	60
#define MOST_STEPS	16	/* of one look; each is a change of state, and there are fewer */

/* One call that may wait. */
struct op {
	struct job job;
	struct device *d;
	enum handshake_act act;		/* ACT_NONE: ask for the info */
	enum xenbus_state then;		/* with ACT_SETTING */
	union device_info info;
	struct frontend f;
	struct zendo_error e;
	int r;
};

const struct device_class *const device_classes[] = { &class_vbd, &class_vif, NULL };

const struct device_class *device_class_find(const char *name)
{
	for (const struct device_class *const *c = device_classes; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

struct device *device_find(struct agent *a, const struct hvback_id *id)
{
	for (struct device *d = a->devices; d; d = d->next)
		if (zendo_backend_id_equal(&d->id, id))
			return d;
	return NULL;
}

const struct hvback_id *device_id(const struct device *d)
{
	return &d->id;
}

struct device *device_next(const struct device *d)
{
	return d->next;
}

/* May this device say one more? A guest can connect and close for ever. */
static bool may_say(struct device *d)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec - d->said >= LINES_SECONDS) {
		d->said = t.tv_sec;
		d->nr_said = 0;
	}
	if (d->nr_said == MOST_LINES)
		log_line(LOG_NOTICE, "%s: says no more for %d seconds", d->name, LINES_SECONDS);
	return d->nr_said++ < MOST_LINES;
}

static void front_state_path(const struct device *d, char ret[static NODE_PATH_MAX])
{
	char folder[NODE_PATH_MAX];

	device_front_path(&d->id, folder);
	(void)snprintf(ret, NODE_PATH_MAX, "%.*s/state", NODE_PATH_MAX - 8, folder);
}

int device_watch(struct device *d)
{
	char path[NODE_PATH_MAX];
	int r;

	front_state_path(d, path);
	r = zendo_store_watch(d->agent->store, path, d->name);
	return r == -EEXIST ? 0 : r;
}

int device_new(struct agent *a, const struct hvback_id *id, struct device **ret)
{
	struct device *d = device_find(a, id);
	int r;

	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return -ENOMEM;
		*d = (struct device) { .agent = a, .next = a->devices, .class = device_class_find(id->class), .id = *id };
		(void)zendo_backend_name(id, d->name);
		a->devices = d;
	}
	do
		r = device_watch(d);
	while (r < 0 && agent_store_again(a, r));
	if (r < 0)
		log_line(LOG_ERR, "%s: cannot watch its frontend: %s", d->name, strerror(-r));
	if (ret)
		*ret = d;
	return r;
}

/* ---- the end ---- */

static int start_op(struct device *d, struct handshake_step step);

/* The kernel has it no more: nodes, watch and memory go. A script that made something for it undoes that first, and finds the nodes. */
static void drop(struct device *d)
{
	struct agent *a = d->agent;
	char path[NODE_PATH_MAX];
	int r;

	if (script_has(&d->id) && start_op(d, (struct handshake_step) { .act = ACT_REMOVE }) > 0)
		return;
	for (struct device **p = &a->devices; *p; p = &(*p)->next)
		if (*p == d) {
			*p = d->next;
			break;
		}
	front_state_path(d, path);
	(void)zendo_store_unwatch(a->store, path, d->name);	/* fails when the connection is new: nothing to end then */
	r = nodes_remove(a, &d->id);
	if (r < 0)
		log_line(LOG_ERR, "%s: its nodes stay in the store: %s", d->name, strerror(-r));
	look_begin(a, &d->id);
	d->class->detached(&d->id, false);
	sd_event_source_disable_unref(d->later);
	log_line(LOG_INFO, "%s: gone", d->name);
	device_tell_gone(d, 0, "");
	device_tell_taken(d, -ESRCH, "it was detached, or its domain has ended");
	free(d);
}

void device_bound(struct device *d)
{
	char back[NODE_PATH_MAX];

	device_back_path(&d->id, back);
	if (d->class->bound)
		d->class->bound(d->agent, &d->id, back);
}

void device_vanished(struct agent *a, const struct hvback_id *id)
{
	struct device *d = device_find(a, id);

	if (!d)
		return;
	if (d->busy)
		d->vanished = true;
	else
		drop(d);
}

/* ---- connecting ---- */

struct front_reader {
	struct agent *a;
	char folder[NODE_PATH_MAX];
};

static int read_front(void *userdata, const char *node, char *buf, size_t size)
{
	struct front_reader *x = userdata;
	char path[2 * NODE_PATH_MAX], *value;
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", x->folder, node);
	r = zendo_store_read(x->a->store, 0, path, &value, &len);
	if (r < 0)
		return r;
	if (len >= size || memchr(value, '\0', len))
		r = -E2BIG;
	else
		(void)strcpy(buf, value);
	free(value);
	return r;
}

/* The user reads it in the store, the command line and the journal; the guest is told to close. */
static void refuse_frontend(struct device *d, const char *text)
{
	if (may_say(d))
		log_line(LOG_WARNING, "%s: the guest's frontend is refused: %s", d->name, text);
	(void)nodes_set_error(d->agent, &d->id, text);
	(void)nodes_set_state(d->agent, &d->id, XenbusStateClosing, NULL);
}

/* What it has published, or with @setting its setting alone. */
static int read_frontend(struct device *d, bool setting, struct frontend *ret)
{
	struct front_reader x = { .a = d->agent };
	unsigned queues = 1, order = 0;
	struct zendo_error e = {};
	int r;

	device_front_path(&d->id, x.folder);
	d->class->offered(&d->info, &queues, &order);
	r = setting ? frontend_read_setting(d->class->layout, read_front, &x, &ret->setting, &e) :
		      frontend_read(d->class->layout, queues, order, read_front, &x, ret, &e);
	if (r < 0 && !agent_store_again(d->agent, r))
		refuse_frontend(d, *e.text ? e.text : strerror(-r));
	return r;
}

/* ---- jobs ---- */

static int set(const struct op *op, struct zendo_error *e)
{
	const struct device *d = op->d;

	return d->class->set ? d->class->set(d->agent->hvback, &d->id, &d->info, op->f.setting, e) : 0;
}

static void op_work(struct job *j)
{
	struct op *op = (struct op *)j;
	const struct device *d = op->d;

	switch (op->act) {
	case ACT_NONE:
		op->r = zendo_backend_info(d->agent->hvback, &d->id, &op->info, d->class->info_size, &op->e);
		break;
	case ACT_CONNECT:
		op->r = set(op, &op->e);
		if (op->r >= 0)
			op->r = zendo_backend_connect(d->agent->hvback, &d->id, op->f.queues, op->f.nr_queues, op->f.protocol,
						      op->f.features, &op->e);
		break;
	case ACT_SETTING:
		op->r = set(op, &op->e);
		break;
	case ACT_DISCONNECT:
		op->r = zendo_backend_disconnect(d->agent->hvback, &d->id);
		break;
	default:
		if (d->class->leave)
			d->class->leave(&d->id);
		op->r = zendo_backend_remove(d->agent->hvback, &d->id);
		if (op->r >= 0 || op->r == -ENOENT || op->r == -ESRCH)	/* who waits for its end can have the target then */
			d->class->detached(&d->id, true);
	}
}

static void op_done(struct job *j)
{
	struct op *op = (struct op *)j;
	const enum handshake_act act = op->act;
	struct device *d = op->d;
	int r = op->r;

	d->busy = false;
	if (d->vanished || r == -ENOENT || r == -ESRCH || (act == ACT_REMOVE && r >= 0)) {
		drop(d);
	} else if (act == ACT_NONE && r < 0) {
		/* its module is not there or is another: not tried again until something happens */
		if (may_say(d))
			log_line(LOG_ERR, "%s: %s", d->name, op->e.text);
		(void)nodes_set_error(d->agent, &d->id, op->e.text);
		if (d->again)
			device_look(d);
	} else if ((act == ACT_CONNECT || act == ACT_SETTING) && r < 0 && r != -EISCONN) {
		refuse_frontend(d, op->e.text);
		device_look(d);
	} else if (r >= 0 || r == -EISCONN) {
		if (act == ACT_CONNECT && may_say(d))
			log_line(LOG_INFO, "%s: connected, %" PRIu32 " queue%s", d->name, op->f.nr_queues, op->f.nr_queues > 1 ? "s" : "");
		if (act == ACT_SETTING)
			(void)nodes_set_state(d->agent, &d->id, op->then, NULL);
		d->has_info = act == ACT_NONE;
		d->info = op->info;
		device_look(d);
	} else {
		/* not tried again until something happens */
		log_line(LOG_ERR, "%s: cannot be %s: %s", d->name, act == ACT_REMOVE ? "removed" : "disconnected", strerror(-r));
		device_tell_gone(d, r, strerror(-r));
		if (d->again)
			device_look(d);
	}
	free(op->f.queues);
	free(op);
}

/* 1: it was begun. 0: the frontend was refused. -errno: there is no going on now. */
static int start_op(struct device *d, struct handshake_step step)
{
	const enum handshake_act act = step.act;
	struct op *op = calloc(1, sizeof(*op));
	int r = op ? 0 : -ENOMEM;

	if (op) {
		*op = (struct op) { .job = { .work = op_work, .done = op_done }, .d = d, .act = act, .then = step.state };
		if ((act == ACT_CONNECT || act == ACT_SETTING) && read_frontend(d, act == ACT_SETTING, &op->f) < 0) {
			free(op);
			return 0;
		}
		r = job_start(&op->job);
	}
	if (r < 0) {
		log_line(LOG_ERR, "%s: cannot go on: %s", d->name, strerror(-r));
		if (op)
			free(op->f.queues);
		free(op);
		return r;
	}
	d->busy = true;
	d->again = false;
	return 1;
}

/*
 * The kernel answers once requests in flight have ended, if a ring is being taken down: so in a job, too. As start_op(): 1, or 0 when
 * it is there for the step that wants it.
 */
static int ask_info(struct device *d, const struct handshake_step *step)
{
	bool wanted = step->act == ACT_CONNECT || step->act == ACT_SETTING || (step->act == ACT_STATE && step->state == XenbusStateConnected && d->class->write_connected);

	if (wanted && !d->has_info)
		return start_op(d, (struct handshake_step) { .act = ACT_NONE });
	d->has_info = false;
	return 0;
}

/* ---- looking ---- */

int device_read(struct device *d, struct handshake *h)
{
	char reason[HVBACK_REASON_LEN], why[HVBACK_REASON_LEN + 48];
	int r;

	h->force = d->force;
	r = zendo_backend_state(&d->id, &h->device, reason);
	if (r >= 0)
		r = nodes_read(d->agent, &d->id, h);
	if (r >= 0 && h->device == HVBACK_ST_BROKEN && h->back == XenbusStateConnected) {
		(void)snprintf(why, sizeof(why), "the frontend broke the protocol: %s", reason);
		if (may_say(d))
			log_line(LOG_WARNING, "%s: %s", d->name, why);
		(void)nodes_set_error(d->agent, &d->id, why);
	}
	return r;
}

void device_look(struct device *d)
{
	struct handshake h = {};
	int r;

	if (d->busy) {
		d->again = true;
		return;
	}
	for (unsigned i = 0; i < MOST_STEPS; i++) {
		struct handshake_step step;

		r = device_read(d, &h);
		if (r == -ENOENT || r == -ESRCH) {
			drop(d);
			return;
		}
		if (r < 0) {
			log_line(LOG_ERR, "%s: cannot find out how it is: %s", d->name, strerror(-r));
			return;
		}
		if (h.front != XenbusStateUnknown && h.front != XenbusStateInitialising)
			device_tell_taken(d, 0, "");
		step = handshake_next(&h);
		if (step.act == ACT_NONE)
			return;
		if (ask_info(d, &step) != 0)
			return;
		if (step.act != ACT_STATE) {
			if (start_op(d, step) != 0)
				return;
			continue;
		}
		r = nodes_set_state(d->agent, &d->id, step.state, &d->info);
		if (r < 0 && r != -ENOENT) {
			log_line(LOG_ERR, "%s: cannot write its state: %s", d->name, strerror(-r));
			return;
		}
	}
}

void device_look_all(struct agent *a)
{
	struct device *next;

	for (struct device *d = a->devices; d; d = next) {
		next = d->next;
		device_look(d);
	}
}

void device_forget_all(struct agent *a)
{
	while (a->devices) {
		struct device *d = a->devices;

		a->devices = d->next;
		sd_event_source_disable_unref(d->timer);
		sd_event_source_disable_unref(d->later);
		sd_event_source_disable_unref(d->taken_timer);
		if (!d->busy)	/* a job still looks at it */
			free(d);
	}
}
