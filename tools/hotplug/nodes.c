/* SPDX-License-Identifier: GPL-2.0-only */
/* The two folders of a device in the store, as xl lays them out. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "script.h"

void device_front_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX])
{
	(void)snprintf(ret, NODE_PATH_MAX, "/local/domain/%" PRIu32 "/device/%s/%" PRIu32, id->domid, id->class, id->devid);
}

void device_back_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX])
{
	(void)snprintf(ret, NODE_PATH_MAX, "/local/domain/0/backend/%s/%" PRIu32 "/%" PRIu32, id->class, id->domid, id->devid);
}

int node_put(struct zendo_store *s, uint32_t tx, const char *folder, const char *node, uint64_t value)
{
	char path[2 * NODE_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, node);
	return zendo_store_printf(s, tx, path, "%" PRIu64, value);
}

int node_put_text(struct zendo_store *s, uint32_t tx, const char *folder, const char *node, const char *value)
{
	char path[2 * NODE_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, node);
	return zendo_store_printf(s, tx, path, "%s", value);
}

/* ---- making ---- */

struct making {
	struct agent *a;
	struct spec *specs;
	size_t nr;
};

static int make_folder(struct zendo_store *s, uint32_t tx, const char *path, uint32_t owner, uint32_t reader)
{
	const struct zendo_store_perm perms[] = { { owner, ZENDO_STORE_NONE }, { reader, ZENDO_STORE_READ } };
	int r = zendo_store_mkdir(s, tx, path);

	return r < 0 ? r : zendo_store_set_perms(s, tx, path, perms, 2);
}

/* Folders that the domain's maker may or may not have made: the guest must be able to find its devices. */
static int make_parents(struct zendo_store *s, uint32_t tx, uint32_t domid)
{
	struct zendo_store_perm *perms;
	char path[NODE_PATH_MAX];
	size_t nr;
	int r = 0;

	for (unsigned i = 0; i < 2 && r >= 0; i++) {
		(void)snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "%s", domid, i ? "/device" : "");
		r = zendo_store_get_perms(s, tx, path, &perms, &nr);
		if (r >= 0)
			free(perms);
		else if (r == -ENOENT)
			r = make_folder(s, tx, path, 0, domid);
	}
	return r;
}

/* 0 also if it was not there. */
static int remove_node(struct zendo_store *s, uint32_t tx, const char *path)
{
	int r = zendo_store_rm(s, tx, path);

	return r == -ENOENT ? 0 : r;
}

static int put_back(struct zendo_store *s, uint32_t tx, const struct spec *spec, const char *front, const char *back)
{
	int r;

	if ((r = make_folder(s, tx, back, 0, spec->id.domid)) < 0 ||
	    (r = node_put_text(s, tx, back, "frontend", front)) < 0 ||
	    (r = node_put(s, tx, back, "frontend-id", spec->id.domid)) < 0 ||
	    (r = node_put(s, tx, back, "online", 1)) < 0 ||
	    (r = node_put(s, tx, back, "state", XenbusStateInitWait)) < 0 ||
	    (*spec->script && (r = node_put_text(s, tx, back, "script", spec->script)) < 0))
		return r;
	return spec->class->write_wish(s, tx, spec, back);
}

int nodes_make_back(struct zendo_store *s, uint32_t tx, const struct spec *spec)
{
	char front[NODE_PATH_MAX], back[NODE_PATH_MAX];
	int r;

	device_front_path(&spec->id, front);
	device_back_path(&spec->id, back);
	if ((r = remove_node(s, tx, back)) < 0 || (r = put_back(s, tx, spec, front, back)) < 0)
		return r;
	return node_put(s, tx, back, SCRIPT_MAKING, 1);
}

static int make_one(struct making *m, struct zendo_store *s, uint32_t tx, const struct spec *spec)
{
	char front[NODE_PATH_MAX], back[NODE_PATH_MAX], making[2 * NODE_PATH_MAX];
	const struct hvback_id *id = &spec->id;
	int r;

	device_front_path(id, front);
	device_back_path(id, back);
	/* what a script has written there it wants to find */
	(void)snprintf(making, sizeof(making), "%s%s", back, *spec->script ? "/" SCRIPT_MAKING : "");
	if ((r = remove_node(s, tx, making)) < 0 || (r = remove_node(s, tx, front)) < 0 ||
	    (r = make_folder(s, tx, front, id->domid, 0)) < 0 ||
	    (r = node_put_text(s, tx, front, "backend", back)) < 0 ||
	    (r = node_put(s, tx, front, "backend-id", 0)) < 0 ||
	    (r = node_put(s, tx, front, "state", XenbusStateInitialising)) < 0 ||
	    (r = put_back(s, tx, spec, front, back)) < 0 ||
	    (r = node_put_text(s, tx, back, "hotplug-status", "connected")) < 0)
		return r;
	return spec->class->write_nodes(m->a, tx, spec, front, back);
}

static int make(struct zendo_store *s, uint32_t tx, void *userdata)
{
	struct making *m = userdata;
	int r = m->nr ? make_parents(s, tx, m->specs[0].id.domid) : 0;

	for (size_t i = 0; i < m->nr && r >= 0; i++)
		if (m->specs[i].added)
			r = make_one(m, s, tx, &m->specs[i]);
	return r;
}

int nodes_make(struct agent *a, struct spec *specs, size_t nr)
{
	return agent_transaction(a, make, &(struct making) { .a = a, .specs = specs, .nr = nr });
}

/* ---- changing ---- */

struct change {
	struct agent *a;
	const struct hvback_id *id;
	enum xenbus_state state;
	const union device_info *info;
	const char *text;
};

/* The folder, and those above it that are empty then. */
static int remove_folder(struct zendo_store *s, uint32_t tx, char *path, unsigned levels)
{
	char **names, *slash;
	size_t nr;
	int r = zendo_store_rm(s, tx, path);

	while (r >= 0 && levels-- && (slash = strrchr(path, '/'))) {
		*slash = '\0';
		r = zendo_store_list(s, tx, path, &names, &nr);
		if (r < 0)
			break;
		free(names);
		if (nr > 0)
			return 0;
		r = zendo_store_rm(s, tx, path);
	}
	return r == -ENOENT ? 0 : r;
}

int nodes_remove_both(struct zendo_store *s, uint32_t tx, const struct hvback_id *id)
{
	char path[NODE_PATH_MAX];
	int r;

	device_front_path(id, path);
	/*
	 * Not the class's folder: a guest that were told of that only would not look at the device. And not in the transaction: the folder is
	 * the guest's, who could overtake each one by changing it. An agent that ends here leaves the backend's, by which the next one finds it.
	 */
	r = remove_node(s, 0, path);
	if (r < 0)
		return r;
	device_back_path(id, path);
	return remove_folder(s, tx, path, 2);
}

static int remove_both(struct zendo_store *s, uint32_t tx, void *userdata)
{
	return nodes_remove_both(s, tx, ((const struct change *)userdata)->id);
}

int nodes_remove(struct agent *a, const struct hvback_id *id)
{
	return agent_transaction(a, remove_both, &(struct change) { .a = a, .id = id });
}

static int set_state(struct zendo_store *s, uint32_t tx, void *userdata)
{
	const struct change *c = userdata;
	const struct device_class *class = device_class_find(c->id->class);
	char back[NODE_PATH_MAX], node[2 * NODE_PATH_MAX];
	char *old;
	int r;

	device_back_path(c->id, back);
	(void)snprintf(node, sizeof(node), "%s/state", back);
	/* it may have been removed meanwhile, and must not come back by this */
	r = zendo_store_read(s, tx, node, &old, NULL);
	if (r < 0)
		return r;
	free(old);
	if (c->state == XenbusStateConnected && class && class->write_connected)
		r = class->write_connected(c->a, tx, c->id, c->info, back);
	if (r >= 0)
		r = zendo_store_printf(s, tx, node, "%d", c->state);
	(void)snprintf(node, sizeof(node), "%s/error", back);
	if (r >= 0 && (c->state == XenbusStateConnected || c->state == XenbusStateInitWait)) {
		r = zendo_store_rm(s, tx, node);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int nodes_set_state(struct agent *a, const struct hvback_id *id, enum xenbus_state state, const union device_info *info)
{
	return agent_transaction(a, set_state, &(struct change) { .a = a, .id = id, .state = state, .info = info });
}

static int set_error(struct zendo_store *s, uint32_t tx, void *userdata)
{
	const struct change *c = userdata;
	char back[NODE_PATH_MAX], node[2 * NODE_PATH_MAX];

	device_back_path(c->id, back);
	(void)snprintf(node, sizeof(node), "%s/error", back);
	return zendo_store_printf(s, tx, node, "%s", c->text);
}

int nodes_set_error(struct agent *a, const struct hvback_id *id, const char *text)
{
	return agent_transaction(a, set_error, &(struct change) { .a = a, .id = id, .text = text });
}

static int set_offline(struct zendo_store *s, uint32_t tx, void *userdata)
{
	const struct change *c = userdata;
	char back[NODE_PATH_MAX], node[2 * NODE_PATH_MAX];

	device_back_path(c->id, back);
	(void)snprintf(node, sizeof(node), "%s/online", back);
	return zendo_store_printf(s, tx, node, "0");
}

int nodes_set_offline(struct agent *a, const struct hvback_id *id)
{
	return agent_transaction(a, set_offline, &(struct change) { .a = a, .id = id });
}

/* ---- reading ---- */

/* Unknown when there is none. */
static int read_state(struct agent *a, const char *folder, const char *name, enum xenbus_state *ret)
{
	char node[2 * NODE_PATH_MAX], *value;
	int r;

	(void)snprintf(node, sizeof(node), "%s/%s", folder, name);
	do
		r = zendo_store_read(a->store, 0, node, &value, NULL);
	while (r < 0 && agent_store_again(a, r));
	if (r == -ENOENT) {
		*ret = XenbusStateUnknown;
		return 0;
	}
	if (r < 0)
		return r;
	*ret = handshake_state_from_string(value);
	free(value);
	return 0;
}

int nodes_read(struct agent *a, const struct hvback_id *id, struct handshake *ret)
{
	char front[NODE_PATH_MAX], back[NODE_PATH_MAX];
	enum xenbus_state online = XenbusStateUnknown;
	struct handshake h = *ret;
	int r;

	device_front_path(id, front);
	device_back_path(id, back);
	r = read_state(a, back, "online", &online);
	if (r >= 0)
		r = read_state(a, back, "state", &h.back);
	if (r >= 0)
		r = read_state(a, front, "state", &h.front);
	if (r < 0)
		return r;
	h.online = online == 1;		/* "1"; other numbers of states are no more than "not 1" */
	*ret = h;
	return 0;
}
