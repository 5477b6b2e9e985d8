/* SPDX-License-Identifier: GPL-2.0-only */
/* The connection to the store, and how the agent finds its way after a restart, its own or the store's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "log.h"
#include "script.h"

#define CONNECT_TRIES		5
#define EVENTS_AT_ONCE		32
#define STORE_TIMEOUT_MS	10000	/* shorter than this service's watchdog */

static int on_store(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)s;
	(void)fd;
	(void)revents;
	agent_take_events(userdata);
	return 0;
}

/* The sockets are systemd's: while the daemon is restarted this waits for it. */
int agent_connect_store(struct agent *a)
{
	struct zendo_store *s;
	int r;

	a->store_source = sd_event_source_disable_unref(a->store_source);
	zendo_store_close(a->store);
	a->store = NULL;
	r = zendo_store_open(NULL, &s);
	if (r < 0)
		return r;
	zendo_store_set_timeout(s, STORE_TIMEOUT_MS);
	a->store = s;
	r = sd_event_add_io(a->event, &a->store_source, zendo_store_fd(s), EPOLLIN, on_store, a);
	for (struct device *d = a->devices; d && r >= 0; d = device_next(d))
		r = device_watch(d);	/* each is told at once */
	return r;
}

static bool is_end(int r)
{
	return r == -ECONNRESET || r == -EPIPE || r == -ETIMEDOUT || r == -EPROTO || r == -ENOBUFS || r == -ENOTCONN;
}

bool agent_store_again(struct agent *a, int r)
{
	if (!is_end(r))
		return false;
	log_line(LOG_NOTICE, "the connection to the store ended (%s): connecting again", strerror(-r));
	/* each waits until the daemon takes it; it may die again */
	for (unsigned i = 0; i < CONNECT_TRIES && is_end(r); i++)
		r = agent_connect_store(a);
	if (r >= 0)
		return true;
	/* systemd starts another agent, which begins with what is there then */
	log_line(LOG_ERR, "cannot connect to the store again: %s", strerror(-r));
	exit(EXIT_FAILURE);
}

int agent_transaction(struct agent *a, int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata)
{
	int r;

	do
		r = zendo_store_transaction(a->store, step, userdata);
	while (r < 0 && agent_store_again(a, r));
	return r;
}

/* Some of them: the descriptor stays readable while there are more, and others have their turn meanwhile. */
void agent_take_events(struct agent *a)
{
	struct hvback_id id;
	struct device *d;
	const char *token;
	char *path;
	int r = 1;

	for (unsigned i = 0; i < EVENTS_AT_ONCE && (r = zendo_store_read_watch(a->store, &path, &token)) > 0; i++) {
		d = zendo_backend_parse_name(token, &id) >= 0 ? device_find(a, &id) : NULL;
		free(path);
		if (d)
			device_look(d);
	}
	if (r < 0)
		(void)agent_store_again(a, r);
}

/* ---- after a restart ---- */

static bool has_node(struct agent *a, const struct hvback_id *id, const char *node)
{
	char back[NODE_PATH_MAX], path[2 * NODE_PATH_MAX], *value;

	device_back_path(id, back);
	(void)snprintf(path, sizeof(path), "%s/%s", back, node);
	if (zendo_store_read(a->store, 0, path, &value, NULL) < 0)
		return false;
	free(value);
	return true;
}

/* A device whose nodes are not there was being made or taken away: nobody waits for it any more. Likewise one that a script was made for. */
static void rebuild_device(struct agent *a, const struct hvback_id *id)
{
	const struct device_class *class = device_class_find(id->class);
	char name[ZENDO_BACKEND_NAME_MAX], back[NODE_PATH_MAX];
	struct handshake h = {};
	int r;

	if (!class)
		return;		/* somebody else's */
	r = nodes_read(a, id, &h);
	if (r >= 0 && (h.back == XenbusStateUnknown || has_node(a, id, SCRIPT_MAKING))) {
		log_line(LOG_NOTICE, "%s: was left half made, and is removed", zendo_backend_name(id, name));
		(void)zendo_backend_remove(a->hvback, id);
		class->detached(id, false);
		return;
	}
	device_back_path(id, back);
	if (class->found)
		class->found(a, id, back);
	(void)device_new(a, id, NULL);
}

static int each_child(struct agent *a, const char *path, int (*one)(struct agent *a, const char *path, const char *name))
{
	char **names;
	size_t nr;
	int r = zendo_store_list(a->store, 0, path, &names, &nr);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < nr && r >= 0; i++)
		r = one(a, path, names[i]);
	free(names);
	return r;
}

/* Nodes of a device that the kernel has no more. */
static int leftover_device(struct agent *a, const char *path, const char *name)
{
	char class[HVBACK_CLASS_LEN];
	uint32_t domid, devid;
	struct hvback_id id;

	if (sscanf(path, "/local/domain/0/backend/%7[a-z0-9]/%" SCNu32, class, &domid) != 2 || sscanf(name, "%" SCNu32, &devid) != 1 ||
	    zendo_backend_id(class, domid, devid, &id) < 0 || device_find(a, &id))
		return 0;
	log_line(LOG_NOTICE, "%s-%" PRIu32 "-%" PRIu32 ": its nodes were left behind, and are removed", class, domid, devid);
	if (has_node(a, &id, "script")) {
		script_leftover(a, &id);	/* which undoes what it did, and finds them */
		return 0;
	}
	return nodes_remove(a, &id);
}

static int leftover_domain(struct agent *a, const char *path, const char *name)
{
	char below[2 * NODE_PATH_MAX];

	(void)snprintf(below, sizeof(below), "%.*s/%.16s", NODE_PATH_MAX, path, name);
	return each_child(a, below, leftover_device);
}

int device_rebuild(struct agent *a)
{
	_cleanup_free_ struct hvback_id *all = NULL;
	struct zendo_error e = {};
	char path[NODE_PATH_MAX];
	size_t nr = 0;
	int r;

	r = zendo_backend_list(&all, &nr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < nr; i++)
		rebuild_device(a, &all[i]);
	for (const struct device_class *const *c = device_classes; *c && r >= 0; c++) {
		(void)snprintf(path, sizeof(path), "/local/domain/0/backend/%s", (*c)->name);
		r = each_child(a, path, leftover_domain);
		if (r >= 0 && (*c)->rebuilt)
			r = (*c)->rebuilt();
	}
	if (r >= 0 && script_rebuild(a, &e) < 0)
		log_line(LOG_ERR, "scripts from before cannot be found: %s", e.text);
	return r;
}
