/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a domain finds in the store when it begins, as Xen's toolstack leaves it. Nodes are its folder's: domain 0 owns them, the guest
 * reads; those that it is to write are its own. Nothing it writes is trusted by anybody.
 */
#include "domain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "store.h"

#define CONSOLE_BYTES	1048576		/* what a daemon should keep of its output; ours keeps less in memory and more in a file */

struct entries {
	const struct domain *d;
	const struct definition *def;
	struct zendo_store *store;
	uint32_t tx;
	char uuid[37];
	char path[96];			/* the last one: for the error */
};

static const char *format_uuid(const uint8_t uuid[16], char ret[static 37])
{
	for (unsigned i = 0, n = 0; i < 16; i++)
		n += (unsigned)snprintf(ret + n, 37 - n, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	return ret;
}

static const char *set_path(struct entries *x, const char *top, const char *below)
{
	if (strcmp(top, "vm") == 0)
		(void)snprintf(x->path, sizeof(x->path), "/vm/%s%s", x->uuid, below);
	else
		(void)snprintf(x->path, sizeof(x->path), "/local/domain/%" PRIu32 "%s", x->d->domid, below);
	return x->path;
}

/* A value below the domain's folder. */
__attribute__((format(printf, 3, 4)))
static int put(struct entries *x, const char *below, const char *format, ...)
{
	char value[128];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	return zendo_store_write(x->store, x->tx, set_path(x, "domain", below), value, (size_t)n);
}

/* A folder that is emptied; the guest may read it and what comes below. */
static int make_folder(struct entries *x, const char *top)
{
	const struct zendo_store_perm perms[] = { { 0, ZENDO_STORE_NONE }, { x->d->domid, ZENDO_STORE_READ } };
	int r = zendo_store_rm(x->store, x->tx, set_path(x, top, ""));

	if (r >= 0 || r == -ENOENT)
		r = zendo_store_mkdir(x->store, x->tx, x->path);
	return r < 0 ? r : zendo_store_set_perms(x->store, x->tx, x->path, perms, 2);
}

static int put_vm(struct entries *x)
{
	const char *name = x->def->config->name;
	int r = make_folder(x, "vm");

	if (r >= 0)
		r = zendo_store_write(x->store, x->tx, set_path(x, "vm", "/name"), name, strlen(name));
	return r < 0 ? r : zendo_store_write(x->store, x->tx, set_path(x, "vm", "/uuid"), x->uuid, strlen(x->uuid));
}

static int put_cpus(struct entries *x)
{
	const struct zendo_config *c = x->def->config;
	int r = 0;

	for (unsigned i = 0; i < x->def->plan.max_vcpus && r >= 0; i++) {
		char below[40];

		(void)snprintf(below, sizeof(below), "/cpu/%u/availability", i);
		r = put(x, below, "%s", i < c->vcpus ? "online" : "offline");
	}
	return r;
}

/* What the guest may write: it owns these, and what it makes below them. */
static int put_its_own(struct entries *x)
{
	static const char *const own[] = {
		"/attr", "/control/feature-poweroff", "/control/feature-reboot", "/control/feature-suspend", "/control/shutdown",
		"/control/sysrq", "/data", "/drivers", "/error", "/feature",
	};
	const struct zendo_store_perm perm = { x->d->domid, ZENDO_STORE_NONE };
	int r = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && r >= 0; i++) {
		r = put(x, own[i], "%s", "");
		if (r >= 0)
			r = zendo_store_set_perms(x->store, x->tx, x->path, &perm, 1);
	}
	return r;
}

static int put_all(struct zendo_store *store, uint32_t tx, void *userdata)
{
	struct entries *x = userdata;
	const struct zendo_config *c = x->def->config;
	const struct zendo_build_plan *plan = &x->def->plan;
	int r;

	(void)store;
	x->tx = tx;
	if ((r = make_folder(x, "domain")) < 0 ||
	    (r = put_vm(x)) < 0 ||
	    (r = put(x, "/vm", "/vm/%s", x->uuid)) < 0 ||
	    (r = put(x, "/name", "%s", c->name)) < 0 ||
	    (r = put(x, "/domid", "%" PRIu32, x->d->domid)) < 0 ||
	    (r = put(x, "/memory/static-max", "%" PRIu64, c->maxmem_mib * 1024)) < 0 ||
	    (r = put(x, "/memory/target", "%" PRIu64, c->memory_mib * 1024)) < 0 ||
	    (r = put_cpus(x)) < 0 ||
	    (r = put(x, "/device", "%s", "")) < 0 ||
	    (r = put(x, "/control/platform-feature-xs_reset_watches", "1")) < 0 ||
	    (r = put_its_own(x)) < 0 ||
	    (r = put(x, "/console/ring-ref", "%" PRIu64, plan->console_gfn)) < 0 ||
	    (r = put(x, "/console/port", "%" PRIu32, x->d->console_port)) < 0 ||
	    (r = put(x, "/console/limit", "%d", CONSOLE_BYTES)) < 0 ||
	    (r = put(x, "/console/type", "xenconsoled")) < 0 ||
	    (r = put(x, "/store/ring-ref", "%" PRIu64, plan->store_gfn)) < 0)
		return r;
	return put(x, "/store/port", "%" PRIu32, x->d->store_port);
}

static int tell(struct zendo_store *store, void *userdata, struct zendo_error *e)
{
	struct entries *x = userdata;
	const struct domain *d = x->d;
	int r;

	x->store = store;
	r = zendo_store_transaction(store, put_all, x);
	if (r < 0)
		return zendo_error(e, r, "cannot write %s in the store: %s", x->path, strerror(-r));
	r = zendo_store_introduce(store, d->domid, x->def->plan.store_gfn, d->store_port);
	return r < 0 ? zendo_error(e, r, "cannot introduce the domain to the store: %s", strerror(-r)) : 0;
}

int domain_tell_store(const struct domain *d, const struct definition *def, struct zendo_error *e)
{
	struct entries x = { .d = d, .def = def };

	format_uuid(def->config->uuid, x.uuid);
	return zendo_store_with(NULL, ZENDO_STORE_TIMEOUT_MS, tell, &x, e);
}
