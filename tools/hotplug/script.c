/* SPDX-License-Identifier: GPL-2.0-only */
#include "script.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "log.h"
#include "script_unit.h"

#define SECONDS		40	/* libxl's */
#define SECONDS_MOST	3600
#define STORE_TIMEOUT_MS	10000
#define STORE_TRIES	5
#define KEY_MAX		(ZENDO_TARGET_MAX + SCRIPT_PATH_MAX)

struct script {
	struct script *next;
	struct hvback_id id;
	char *key;		/* no two may be at once: what a domain has left the next one may want already */
	bool published;
	bool stopping;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;	/* one was taken from the list */
static struct script *scripts;				/* under lock */

/* ---- the list ---- */

static struct script *find(const struct hvback_id *id)
{
	for (struct script *x = scripts; x; x = x->next)
		if (zendo_backend_id_equal(&x->id, id))
			return x;
	return NULL;
}

bool script_has(const struct hvback_id *id)
{
	bool has;

	(void)pthread_mutex_lock(&lock);
	has = find(id);
	(void)pthread_mutex_unlock(&lock);
	return has;
}

void script_published(const struct hvback_id *id)
{
	struct script *x;

	(void)pthread_mutex_lock(&lock);
	x = find(id);
	if (x)
		x->published = true;
	(void)pthread_mutex_unlock(&lock);
}

static void free_script(struct script *x)
{
	if (x)
		free(x->key);
	free(x);
}

static void drop(const struct hvback_id *id)
{
	(void)pthread_mutex_lock(&lock);
	for (struct script **p = &scripts; *p; p = &(*p)->next)
		if (zendo_backend_id_equal(&(*p)->id, id)) {
			struct script *x = *p;

			*p = x->next;
			free_script(x);
			break;
		}
	(void)pthread_cond_broadcast(&gone);
	(void)pthread_mutex_unlock(&lock);
}

/* Another of this number or key that is ending: 1 when it is nobody's yet, and the caller's to stop. */
static int find_ending(const struct hvback_id *id, const char *key, struct hvback_id *ret)
{
	uint32_t state;

	for (const struct script *x = scripts; x; x = x->next) {
		const bool same = zendo_backend_id_equal(&x->id, id);

		if (!same && strcmp(x->key, key) != 0)
			continue;
		*ret = x->id;
		if (x->stopping)
			return 0;
		/* its device is gone, though the agent may not have heard of it */
		if (x->published && zendo_backend_state(&x->id, &state, NULL) == -ENOENT)
			return 1;
	}
	return -ENOENT;
}

static struct script *make(const struct hvback_id *id, const char *key, bool published)
{
	struct script *x = malloc(sizeof(*x));

	if (x)
		*x = (struct script) { .id = *id, .key = strdup(key), .published = published };
	if (x && !x->key) {
		free(x);
		return NULL;
	}
	return x;
}

/* Under lock. False: its number is taken. */
static bool insert(struct script *x)
{
	if (find(&x->id))
		return false;
	x->next = scripts;
	scripts = x;
	return true;
}

/* In a job's thread: those that are ending are waited for. */
static int add(const struct hvback_id *id, const char *key)
{
	struct script *x = make(id, key, false);
	struct hvback_id other;
	bool added;
	int r;

	if (!x)
		return -ENOMEM;
	(void)pthread_mutex_lock(&lock);
	while ((r = find_ending(id, key, &other)) >= 0) {
		if (r == 0) {
			(void)pthread_cond_wait(&gone, &lock);
			continue;
		}
		(void)pthread_mutex_unlock(&lock);
		script_stop(&other);
		(void)pthread_mutex_lock(&lock);
	}
	added = insert(x);
	(void)pthread_mutex_unlock(&lock);
	if (!added)
		free_script(x);
	return added ? 0 : -EEXIST;
}

/* ---- the store, in a job's thread: by a connection of its own ---- */

static int with_store(int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata)
{
	int r = -ECONNRESET;

	for (unsigned i = 0; i < STORE_TRIES && (r == -ECONNRESET || r == -EPIPE); i++) {
		_cleanup_(zendo_store_closep) struct zendo_store *s = NULL;

		r = zendo_store_open(NULL, &s);
		if (r < 0)
			return r;
		zendo_store_set_timeout(s, STORE_TIMEOUT_MS);
		r = zendo_store_transaction(s, step, userdata);
	}
	return r;
}

static int step_make(struct zendo_store *s, uint32_t tx, void *userdata)
{
	return nodes_make_back(s, tx, userdata);
}

static int step_remove(struct zendo_store *s, uint32_t tx, void *userdata)
{
	return nodes_remove_both(s, tx, userdata);
}

struct reading {
	const struct hvback_id *id;
	const char *node;
	char *value;
};

static int step_read(struct zendo_store *s, uint32_t tx, void *userdata)
{
	struct reading *x = userdata;
	char back[NODE_PATH_MAX], path[2 * NODE_PATH_MAX];

	free(x->value);
	x->value = NULL;
	device_back_path(x->id, back);
	(void)snprintf(path, sizeof(path), "%s/%s", back, x->node);
	return zendo_store_read(s, tx, path, &x->value, NULL);
}

int script_read(const struct hvback_id *id, const char *node, char **ret)
{
	struct reading x = { .id = id, .node = node };
	int r = with_store(step_read, &x);

	if (r < 0)
		free(x.value);
	else
		*ret = x.value;
	return r;
}

/* ---- the end ---- */

/* True: it is the caller's to stop now. */
static bool mark_stopping(const struct hvback_id *id, bool *ret_published)
{
	struct script *x;
	bool ours;

	(void)pthread_mutex_lock(&lock);
	x = find(id);
	ours = x && !x->stopping;
	if (ours) {
		x->stopping = true;
		*ret_published = x->published;
	}
	(void)pthread_mutex_unlock(&lock);
	return ours;
}

static void stop_marked(const struct hvback_id *id, bool published)
{
	char name[ZENDO_BACKEND_NAME_MAX];
	struct zendo_error e = {};

	/* as with libxl, what a script does not undo keeps nobody from going on */
	if (script_unit_stop(id, &e) < 0)
		log_line(LOG_ERR, "%s: its script failed to undo what it did: %s", zendo_backend_name(id, name), e.text);
	if (!published)
		(void)with_store(step_remove, (void *)id);
	drop(id);
}

void script_stop(const struct hvback_id *id)
{
	bool published;

	if (mark_stopping(id, &published)) {
		stop_marked(id, published);
		return;
	}
	(void)pthread_mutex_lock(&lock);
	while (find(id))	/* somebody stops it */
		(void)pthread_cond_wait(&gone, &lock);
	(void)pthread_mutex_unlock(&lock);
}

struct stop_job {
	struct job job;
	struct hvback_id id;
	bool published;
	struct stop_job *next;
};

/* Of the event loop. When the agent ends meanwhile the next one goes on. */
static struct stop_job *under_way;

static void stop_work(struct job *j)
{
	struct stop_job *s = (struct stop_job *)j;

	stop_marked(&s->id, s->published);
}

static void stop_done(struct job *j)
{
	struct stop_job **at = &under_way;

	while (&(*at)->job != j)
		at = &(*at)->next;
	*at = (*at)->next;
	free(j);
}

void script_stop_later(const struct hvback_id *id)
{
	struct stop_job *s;
	bool published;

	if (!mark_stopping(id, &published))
		return;
	s = malloc(sizeof(*s));
	if (s)
		*s = (struct stop_job) { .job = { .work = stop_work, .done = stop_done }, .id = *id, .published = published };
	if (!s || job_start(&s->job) < 0) {
		free(s);
		stop_marked(id, published);	/* late, but done */
		return;
	}
	s->next = under_way;	/* before the event loop can hear of its end */
	under_way = s;
}

/* ---- running ---- */

static unsigned seconds(void)
{
	const char *s = getenv("ZENDO_SCRIPT_SECONDS");
	unsigned long n = s ? strtoul(s, NULL, 10) : 0;

	return n && n <= SECONDS_MOST ? (unsigned)n : SECONDS;
}

/* Arguments and environment are libxl's, names without capitals included. */
static int run(const struct spec *s, const char *vif, struct zendo_error *e)
{
	char script[SCRIPT_PATH_MAX + 16], type[32], path[96], interface[ZENDO_IFNAME_LEN + 8], netdev[ZENDO_IFNAME_LEN + 8];
	struct script_unit u = {
		.id = &s->id, .domain = s->domain, .seconds = seconds(),
		.make = { s->script, vif ? "online" : "add", vif ? "type_if=vif" : NULL },
		.undo = { s->script, vif ? "offline" : "remove", vif ? "type_if=vif" : NULL },
		.env = { script, type, path, "XENBUS_BASE_PATH=backend", vif ? interface : NULL, netdev },
	};

	(void)snprintf(script, sizeof(script), "script=%s", s->script);
	(void)snprintf(type, sizeof(type), "XENBUS_TYPE=%s", s->id.class);
	(void)snprintf(path, sizeof(path), "XENBUS_PATH=backend/%s/%" PRIu32 "/%" PRIu32, s->id.class, s->id.domid, s->id.devid);
	(void)snprintf(interface, sizeof(interface), "vif=%s", vif ? vif : "");
	(void)snprintf(netdev, sizeof(netdev), "netdev=%s", vif ? s->vif->gatewaydev : "");
	return script_unit_start(&u, e);
}

/* What it said itself comes first. */
static int explain(const struct spec *s, int r, const struct zendo_error *how, struct zendo_error *e)
{
	static const char *const nodes[] = { "script-error", "hotplug-error" };
	_cleanup_free_ char *said = NULL;
	char name[ZENDO_BACKEND_NAME_MAX];

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && !said; i++)
		if (script_read(&s->id, nodes[i], &said) < 0)
			said = NULL;
	if (said)
		return zendo_error(e, r, "%s: %.300s (%s) [Z0415]", s->script, said, how->text);
	if (access("/usr/bin/xenstore-read", X_OK) < 0)
		return zendo_error(e, r, "%s: %s; there is no xenstore-read, which scripts of Xen need: apt install xenstore-utils [Z0415]", s->script,
				   how->text);
	return zendo_error(e, r, "%s: %s: journalctl -u zendo-script-%s [Z0415]", s->script, how->text, zendo_backend_name(&s->id, name));
}

/* A name of an interface, or what the script makes a disk of. */
static void key_of(const struct spec *s, const char *vif, char ret[static KEY_MAX])
{
	if (vif)
		(void)snprintf(ret, KEY_MAX, "%s", *s->vif->vifname ? s->vif->vifname : vif);
	else
		(void)snprintf(ret, KEY_MAX, "%s %s", s->script, s->disk->target);
}

int script_start(const struct spec *s, const char *vif, struct zendo_error *e)
{
	struct zendo_error how = {};
	char key[KEY_MAX];
	int r;

	key_of(s, vif, key);
	r = add(&s->id, key);
	if (r < 0)
		return zendo_error(e, r, "%s: %s", s->script, strerror(-r));
	r = with_store(step_make, (void *)s);
	if (r < 0)
		(void)zendo_error(e, r, "%s: its nodes cannot be written into the store: %s", s->script, strerror(-r));
	else if ((r = run(s, vif, &how)) < 0)
		(void)explain(s, r, &how, e);
	if (r < 0)
		script_stop(&s->id);
	return r;
}

int script_again(const struct spec *s, const char *vif, struct zendo_error *e)
{
	struct zendo_error how = {};
	int r;

	(void)script_unit_stop(&s->id, &how);	/* its interface is gone: what does that matter */
	r = run(s, vif, &how);
	return r < 0 ? explain(s, r, &how, e) : 0;
}

/* ---- after a restart ---- */

static void key_from_store(struct agent *a, const struct hvback_id *id, char ret[static KEY_MAX])
{
	const bool vif = strcmp(id->class, "vif") == 0;
	_cleanup_free_ char *script = NULL, *what = NULL;
	char back[NODE_PATH_MAX], path[2 * NODE_PATH_MAX];

	device_back_path(id, back);
	(void)snprintf(path, sizeof(path), "%s/script", back);
	if (zendo_store_read(a->store, 0, path, &script, NULL) < 0)
		script = NULL;
	(void)snprintf(path, sizeof(path), "%s/%s", back, vif ? "vifname" : "params");
	if (zendo_store_read(a->store, 0, path, &what, NULL) < 0)
		what = NULL;
	if (vif && what)
		(void)snprintf(ret, KEY_MAX, "%s", what);
	else if (vif)
		(void)snprintf(ret, KEY_MAX, "vif%" PRIu32 ".%" PRIu32, id->domid, id->devid);
	else
		(void)snprintf(ret, KEY_MAX, "%s %s", script ? script : "", what ? what : "");
}

static void remember(struct agent *a, const struct hvback_id *id, bool published)
{
	struct script *x;
	char key[KEY_MAX];
	bool added;

	key_from_store(a, id, key);
	x = make(id, key, published);
	if (!x)
		return;
	(void)pthread_mutex_lock(&lock);
	added = insert(x);
	(void)pthread_mutex_unlock(&lock);
	if (!added)
		free_script(x);
}

void script_leftover(struct agent *a, const struct hvback_id *id)
{
	remember(a, id, false);
	script_stop_later(id);
}

static void found_unit(const struct hvback_id *id, void *userdata)
{
	struct agent *a = userdata;

	if (script_has(id))
		return;
	remember(a, id, device_find(a, id));
	if (!device_find(a, id))
		script_stop_later(id);
}

int script_rebuild(struct agent *a, struct zendo_error *e)
{
	return script_unit_list(found_unit, a, e);
}
