/* SPDX-License-Identifier: GPL-2.0-only */
/* From a definition to devices that wait for their frontends: all of them, or none. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "agent.h"
#include "control.h"
#include "job.h"
#include "log.h"
#include "look.h"
#include "script.h"
#include "wanted.h"

#define LEND_PATIENCE_S	5

struct attaching {
	struct job job;
	struct attaching *next;		/* of all that are on their way */
	struct agent *agent;
	struct zendo_config *config;	/* the specs point into it */
	struct spec *specs;
	size_t nr;
	int r;
	struct zendo_error e;
	attach_done_t done;
	void *userdata;
	bool lend;			/* the domain runs, and may have no threads for devices yet */
	bool no_answer;			/* its runner lends none */
};

static struct attaching *on_their_way;

static void attaching_free(struct attaching *t)
{
	for (struct attaching **p = &on_their_way; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	zendo_config_free(t->config);
	free(t->specs);
	free(t);
}

/* ---- in the job ---- */

/* @wait: it is in the job. */
static void undo(struct attaching *t, bool wait)
{
	for (size_t i = t->nr; i-- > 0;) {
		struct spec *s = &t->specs[i];

		if (!s->added)
			continue;
		if (wait && s->class->leave)
			s->class->leave(&s->id);
		(void)zendo_backend_remove(t->agent->hvback, &s->id);
		s->class->detached(&s->id, wait);
		s->added = false;
	}
}

/*
 * A runner whose definition has no devices has lent nothing. One that is not there cannot. One that is frozen or stopped does it when it goes
 * on: it finds the request in its socket.
 */
static int ask_to_lend(const char *name)
{
	struct json_object *request = json_object_new_object(), *answer = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r = request ? zendo_control_connect(name, &fd) : -ENOMEM;

	if (r >= 0) {
		(void)zendo_control_patience(fd, LEND_PATIENCE_S);
		(void)json_object_object_add(request, "do", json_object_new_string("lend"));
		r = zendo_control_request(fd, request, &answer);
	}
	if (r >= 0 && !json_object_get_boolean(json_object_object_get(answer, "ok")))
		r = -EIO;
	json_object_put(answer);
	json_object_put(request);
	return r;
}

static void work(struct job *j)
{
	struct attaching *t = (struct attaching *)j;
	int r = t->lend ? ask_to_lend(t->config->name) : 0;

	t->no_answer = r < 0;
	if (r < 0)
		log_line(LOG_WARNING, "the runner of '%s' lends no threads to devices: %s", t->config->name, strerror(-r));
	/* before anything is in the store again; one that does not run yet has seen nothing */
	for (size_t i = 0; i < t->nr && t->lend && !t->no_answer; i++)
		look_wait(&t->specs[i].id);
	for (size_t i = 0; i < t->nr && t->r >= 0; i++) {
		t->r = t->specs[i].class->attach(t->agent->hvback, &t->specs[i], &t->e);
		t->specs[i].added = t->r >= 0;
	}
	if (t->r < 0)
		undo(t, true);
}

/* ---- in the event loop ---- */

static int publish(struct attaching *t)
{
	struct device *d;
	int r = nodes_make(t->agent, t->specs, t->nr);

	if (r < 0) {
		(void)zendo_error(&t->e, r, "cannot write the devices into the store: %s", strerror(-r));
		undo(t, false);
		return r;
	}
	for (size_t i = 0; i < t->nr; i++) {
		char name[ZENDO_BACKEND_NAME_MAX];

		script_published(&t->specs[i].id);
		log_line(LOG_INFO, "%s: attached", zendo_backend_name(&t->specs[i].id, name));
		/* the domain may be gone since: this look finds it */
		if (device_new(t->agent, &t->specs[i].id, &d) >= 0)
			device_look(d);
	}
	return 0;
}

/* It is there for the guest as it is; that the next one has it, too, is no reason to take it away. */
static void keep(struct attaching *t)
{
	struct zendo_error e = {};
	int r = t->nr ? wanted_add(t->agent->hvpriv, t->specs[0].id.domid, t->config, &e) : 0;

	if (r < 0)
		log_line(LOG_ERR, "what was attached to '%s' will not be there when its guest reboots: %s", t->config->name, e.text);
}

static void done(struct job *j)
{
	struct attaching *t = (struct attaching *)j;

	if (t->r >= 0)
		t->r = publish(t);
	if (t->r >= 0 && t->lend)
		keep(t);
	t->done(t->userdata, t->r >= 0 ? t->no_answer : t->r, &t->e);
	attaching_free(t);
}

/*
 * Someone else on the machine has this address. A device that the kernel has no more does not count: we may not have heard of it yet, but
 * who starts its domain again has. Definitions that come at one instant are not compared.
 */
static bool mac_is_taken(struct agent *a, const struct hvback_id *id, const uint8_t mac[static 6])
{
	char back[NODE_PATH_MAX], path[2 * NODE_PATH_MAX], want[ZENDO_MAC_STRLEN], *have;
	bool taken = false;
	uint32_t state;

	(void)zendo_mac_format(mac, want);
	for (struct device *d = a->devices; d && !taken; d = device_next(d)) {
		if (strcmp(device_id(d)->class, "vif") != 0 || zendo_backend_id_equal(device_id(d), id))
			continue;
		if (zendo_backend_state(device_id(d), &state, NULL) == -ENOENT)
			continue;
		device_back_path(device_id(d), back);
		(void)snprintf(path, sizeof(path), "%s/mac", back);
		if (zendo_store_read(a->store, 0, path, &have, NULL) < 0)
			continue;
		taken = strcmp(have, want) == 0;
		free(have);
	}
	return taken;
}

/* A domain without an UUID has its name for it. */
static void make_mac(const struct zendo_config *c, const struct zendo_vif *v, uint8_t ret[static 6])
{
	uint8_t uuid[16] = {};

	if (c->has_uuid)
		memcpy(uuid, c->uuid, sizeof(uuid));
	else
		for (size_t i = 0; c->name && c->name[i]; i++)
			uuid[i % 16] = (uint8_t)(uuid[i % 16] * 31 + (uint8_t)c->name[i]);
	if (v->has_mac)
		memcpy(ret, v->mac, 6);
	else
		zendo_vif_make_mac(uuid, v->devid, ret);
}

/* Claims and names go by the device, so no two may be made with one number at the same time. */
static bool is_on_its_way(const struct hvback_id *id)
{
	for (const struct attaching *t = on_their_way; t; t = t->next)
		for (size_t i = 0; i < t->nr; i++)
			if (zendo_backend_id_equal(&t->specs[i].id, id))
				return true;
	return false;
}

static int add_spec(struct attaching *t, const char *class, uint32_t domid, uint32_t devid, struct spec **ret)
{
	struct spec *s = &t->specs[t->nr];
	int r = zendo_backend_id(class, domid, devid, &s->id);

	if (r < 0)
		return zendo_error(&t->e, r, "no such class");
	s->class = device_class_find(class);
	*ret = s;
	if (is_on_its_way(&s->id))
		return zendo_error(&t->e, -EALREADY, "%s %" PRIu32 " of domain %" PRIu32 " is being attached", class, devid, domid);
	if (device_find(t->agent, &s->id))
		return 0;	/* the answer to an earlier request for the same was lost */
	t->nr++;
	return 1;
}

static int make_specs(struct attaching *t, uint32_t domid)
{
	const struct zendo_config *c = t->config;
	struct spec *s;
	int r;

	t->specs = calloc(c->nr_disks + c->nr_vifs + 1, sizeof(*t->specs));
	if (!t->specs)
		return zendo_error(&t->e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < c->nr_disks; i++) {
		r = add_spec(t, "vbd", domid, c->disks[i].devid, &s);
		if (r < 0)
			return r;
		s->disk = &c->disks[i];
		s->domain = c->name;
	}
	for (size_t i = 0; i < c->nr_vifs; i++) {
		r = add_spec(t, "vif", domid, c->vifs[i].devid, &s);
		if (r < 0)
			return r;
		s->vif = &c->vifs[i];
		s->domain = c->name;
		make_mac(c, s->vif, s->mac);
		if (r > 0 && mac_is_taken(t->agent, &s->id, s->mac))
			return plumb_fail(s->vif, &t->e, -EEXIST, "another domain has this mac");
	}
	return 0;
}

int attach_start(struct agent *a, uint32_t domid, struct zendo_config *c, bool running, attach_done_t done_callback, void *userdata,
		 struct zendo_error *e)
{
	struct attaching *t = calloc(1, sizeof(*t));
	int r;

	if (!t) {
		zendo_config_free(c);
		return zendo_error(e, -ENOMEM, "out of memory");
	}
	*t = (struct attaching) {
		.job = { .work = work, .done = done }, .agent = a, .config = c, .done = done_callback, .userdata = userdata,
		.lend = running,
	};
	r = make_specs(t, domid);
	if (r < 0)
		*e = t->e;
	else if ((r = job_start(&t->job)) < 0)
		(void)zendo_error(e, r, "cannot begin: %s", strerror(-r));
	if (r < 0) {
		attaching_free(t);
		return r;
	}
	t->next = on_their_way;
	on_their_way = t;
	return 0;
}
