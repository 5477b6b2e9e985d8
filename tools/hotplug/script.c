/* SPDX-License-Identifier: GPL-2.0-only */
#include "script.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beside.h"
#include "log.h"
#include "script_unit.h"

#define SECONDS		40	/* libxl's */
#define SECONDS_MOST	3600
#define STORE_TIMEOUT_MS	10000
#define KEY_MAX		(ZENDO_TARGET_MAX + SCRIPT_PATH_MAX)

/* ---- the store, in a job's thread: by a connection of its own ---- */

static int with_store(zendo_store_act_t act, void *userdata)
{
	return zendo_store_with(NULL, STORE_TIMEOUT_MS, act, userdata, NULL);
}

static int step_make(struct zendo_store *s, uint32_t tx, void *userdata)
{
	return nodes_make_back(s, tx, userdata);
}

static int make_nodes(struct zendo_store *s, void *userdata, struct zendo_error *e)
{
	(void)e;
	return zendo_store_transaction(s, step_make, userdata);
}

static int step_remove(struct zendo_store *s, uint32_t tx, void *userdata)
{
	return nodes_remove_both(s, tx, userdata);
}

static int remove_nodes(struct zendo_store *s, void *userdata, struct zendo_error *e)
{
	(void)e;
	return zendo_store_transaction(s, step_remove, userdata);
}

struct reading {
	const struct hvback_id *id;
	const char *node;
	char *value;
};

static int read_node(struct zendo_store *s, void *userdata, struct zendo_error *e)
{
	struct reading *x = userdata;
	char back[NODE_PATH_MAX], path[2 * NODE_PATH_MAX];

	(void)e;
	device_back_path(x->id, back);
	(void)snprintf(path, sizeof(path), "%s/%s", back, x->node);
	return zendo_store_read(s, 0, path, &x->value, NULL);
}

int script_read(const struct hvback_id *id, const char *node, char **ret)
{
	struct reading x = { .id = id, .node = node };
	int r = with_store(read_node, &x);

	if (r >= 0)
		*ret = x.value;
	return r;
}

/* ---- the list ---- */

struct script {
	struct beside b;
	char *key;		/* no two may be at once */
};

static void undo(const struct hvback_id *id, bool published)
{
	char name[ZENDO_BACKEND_NAME_MAX];
	struct zendo_error e = {};

	/* as with libxl, what a script does not undo keeps nobody from going on */
	if (script_unit_stop(id, &e) < 0)
		log_line(LOG_ERR, "%s: its script failed to undo what it did: %s", zendo_backend_name(id, name), e.text);
	if (!published)
		(void)with_store(remove_nodes, (void *)id);
}

static void free_script(struct beside *b)
{
	free(((struct script *)b)->key);
	free(b);
}

static struct beside_kind scripts = BESIDE_KIND(undo, free_script);

bool script_has(const struct hvback_id *id)
{
	return beside_has(&scripts, id);
}

void script_published(const struct hvback_id *id)
{
	beside_publish(&scripts, id);
}

void script_stop(const struct hvback_id *id)
{
	beside_stop(&scripts, id);
}

void script_stop_later(const struct hvback_id *id)
{
	beside_stop_later(&scripts, id);
}

static struct beside *make(const struct hvback_id *id, const char *key, bool published)
{
	struct script *x = malloc(sizeof(*x));

	if (x)
		*x = (struct script) { .b = { .id = *id, .published = published }, .key = strdup(key) };
	if (x && !x->key) {
		free(x);
		return NULL;
	}
	return x ? &x->b : NULL;
}

static bool same_id_or_key(const struct beside *b, const void *with)
{
	const struct script *one = (const struct script *)b, *other = with;

	return zendo_backend_id_equal(&one->b.id, &other->b.id) || strcmp(one->key, other->key) == 0;
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
	struct beside *b;
	char key[KEY_MAX];
	int r;

	key_of(s, vif, key);
	b = make(&s->id, key, false);
	if (!b)
		return zendo_error(e, -ENOMEM, "out of memory");
	if (!beside_add(&scripts, b, same_id_or_key, b))
		return zendo_error(e, -EEXIST, "%s: %s", s->script, strerror(EEXIST));
	r = with_store(make_nodes, (void *)s);
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
	struct beside *b;
	char key[KEY_MAX];

	key_from_store(a, id, key);
	b = make(id, key, published);
	if (b)
		(void)beside_insert(&scripts, b);
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
