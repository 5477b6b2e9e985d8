/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asking the guest for something by its folder in the store, control/shutdown, control/sysrq and cpu/N/availability, as Xen's toolstack
 * does; and the stop of a unit, which asks for a shutdown and does not wait for ever.
 */
#include "runner_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "log.h"
#include "store.h"

#define STORE_TIMEOUT_MS	5000		/* a restart of the daemon takes less */
#define STOP_SECONDS		60		/* if the unit's environment has no ZENDO_STOP_SEC= */
#define STOP_SECONDS_MOST	86400
#define USEC			1000000ULL

/* ---- the store --------------------------------------------------------------------------- */

static int in_store(struct runner *r, zendo_store_act_t act, void *userdata, struct zendo_error *e)
{
	if (!r->def->store)
		return zendo_error(e, -EOPNOTSUPP, "there was no store when it was started, so it cannot be asked: 'zendo destroy' "
				   "ends it");
	return zendo_store_with(NULL, STORE_TIMEOUT_MS, act, userdata, e);
}

static const char *node_of(const struct runner *r, const char *node, char ret[static 64])
{
	(void)snprintf(ret, 64, "/local/domain/%" PRIu32 "/control/%s", r->domain->domid, node);
	return ret;
}

struct node {
	const char *path, *value;
	char *found;
};

static int put_node(struct zendo_store *store, void *userdata, struct zendo_error *e)
{
	const struct node *n = userdata;
	int k = zendo_store_write(store, 0, n->path, n->value, strlen(n->value));

	return k < 0 ? zendo_error(e, k, "cannot write %s in the store: %s", n->path, strerror(-k)) : 0;
}

static int get_node(struct zendo_store *store, void *userdata, struct zendo_error *e)
{
	struct node *n = userdata;

	(void)e;
	return zendo_store_read(store, 0, n->path, &n->found, NULL);
}

static int write_node(struct runner *r, const char *node, const char *value, struct zendo_error *e)
{
	char path[64];
	struct node n = { .path = node_of(r, node, path), .value = value };

	return in_store(r, put_node, &n, e);
}

/* The guest's words: whatever they are, they are compared and not used. */
static bool node_is(struct runner *r, const char *node, const char *value)
{
	char path[64];
	struct node n = { .path = node_of(r, node, path) };
	bool is = in_store(r, get_node, &n, NULL) >= 0 && strcmp(n.found, value) == 0;

	free(n.found);
	return is;
}

static int check_listens(const struct runner *r, struct zendo_error *e)
{
	if (r->ended)
		return -ESHUTDOWN;
	if (r->domain->paused)
		return zendo_error(e, -EBUSY, "it is paused and does not hear anything");
	return 0;
}

int runner_shut_down(struct runner *r, const char *how, struct zendo_error *e)
{
	static const char *const known[] = { "poweroff", "reboot", "halt" };
	bool found = false;
	int k;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		found |= strcmp(known[i], how) == 0;
	if (!found)
		return zendo_error(e, -EINVAL, "\"how\" is poweroff, reboot or halt");
	k = check_listens(r, e);
	return k < 0 ? k : write_node(r, "shutdown", how, e);
}

int runner_sysrq(struct runner *r, const char *key, struct zendo_error *e)
{
	int k;

	if (strlen(key) != 1 || *key < '!' || *key > '~')
		return zendo_error(e, -EINVAL, "\"key\" is one printable character");
	k = check_listens(r, e);
	return k < 0 ? k : write_node(r, "sysrq", key, e);
}

struct availability {
	uint32_t domid;
	unsigned nr, of;
};

static int put_availability(struct zendo_store *store, uint32_t tx, void *userdata)
{
	const struct availability *a = userdata;
	int k = 0;

	for (unsigned i = 0; i < a->of && k >= 0; i++) {
		const char *value = i < a->nr ? "online" : "offline";
		char path[64];

		(void)snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/cpu/%u/availability", a->domid, i);
		k = zendo_store_write(store, tx, path, value, strlen(value));
	}
	return k;
}

static int put_all_availability(struct zendo_store *store, void *userdata, struct zendo_error *e)
{
	int k = zendo_store_transaction(store, put_availability, userdata);

	return k < 0 ? zendo_error(e, k, "cannot write cpu/N/availability in the store: %s", strerror(-k)) : 0;
}

/* The guest hears it whenever it looks, after a pause, too. What it does is told by its vCPUs' states. */
int runner_set_vcpus(struct runner *r, unsigned nr, struct zendo_error *e)
{
	struct availability a = { r->domain ? r->domain->domid : 0, nr, r->def->config->maxvcpus };
	int k;

	if (r->ended)
		return -ESHUTDOWN;
	if (nr < 1 || nr > a.of)
		return zendo_error(e, -EINVAL, "%u vCPUs are not possible, its 'maxvcpus' allows 1 to %u", nr, a.of);
	k = in_store(r, put_all_availability, &a, e);
	if (k < 0)
		return k;
	r->domain->vcpus_wanted = nr;
	return 0;
}

/* ---- stopping ---------------------------------------------------------------------------- */

static uint64_t stop_seconds(void)
{
	const char *text = getenv("ZENDO_STOP_SEC");
	char *end;
	unsigned long n;

	if (!text)
		return STOP_SECONDS;
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > STOP_SECONDS_MOST) {
		log_message(LOG_WARNING, "ZENDO_STOP_SEC=%s is no number of seconds up to %d, ignoring", text, STOP_SECONDS_MOST);
		return STOP_SECONDS;
	}
	return n;
}

static int on_time_is_up(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	(void)usec;
	log_message(LOG_WARNING, "domain %u has not shut down within %" PRIu64 " seconds: it is destroyed", r->domain->domid,
		    stop_seconds());
	runner_destroy(r);
	return 0;
}

/*
 * The guest takes the word away when it has heard it, and says in the store that it would. One that does neither by now has
 * nobody who listens, and the machine shall not wait for it. (One that is slow to boot may still come to it: it had its time.)
 */
static int on_has_it_heard(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	(void)usec;
	if (!node_is(r, "shutdown", "poweroff") || node_is(r, "feature-poweroff", "1"))
		return 0;
	log_message(LOG_WARNING, "domain %u does not listen for a shutdown: it is destroyed", r->domain->domid);
	runner_destroy(r);
	return 0;
}

static int add_timer(struct runner *r, uint64_t seconds, sd_event_time_handler_t handler, sd_event_source **ret)
{
	return sd_event_add_time_relative(r->event, ret, CLOCK_MONOTONIC, seconds * USEC, 0, handler, r);
}

/* False, with a line why: it must be destroyed. */
static bool ask_to_stop(struct runner *r)
{
	uint64_t seconds = stop_seconds();
	struct zendo_error e = {};
	int k = seconds == 0 ? -ETIME : runner_shut_down(r, "poweroff", &e);

	if (k >= 0)
		k = add_timer(r, seconds, on_time_is_up, &r->stop_timer);
	if (k >= 0 && seconds > RUN_HEAR_SECONDS)
		k = add_timer(r, RUN_HEAR_SECONDS, on_has_it_heard, &r->hear_timer);
	if (k < 0) {
		if (seconds > 0)
			log_message(LOG_NOTICE, "domain %u is destroyed, not shut down: %s", r->domain->domid,
				    *e.text ? e.text : strerror(-k));
		return false;
	}
	/* systemd's own limit is the last resort, for a runner that hangs */
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=domain %u shuts down\nEXTEND_TIMEOUT_USEC=%llu", r->domain->domid,
			 (seconds + 30) * USEC);
	return true;
}

int runner_on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct runner *r = userdata;
	bool again = r->stopping;

	(void)s;
	log_message(LOG_INFO, "asked to stop by signal %u of process %u%s", si->ssi_signo, si->ssi_pid, again ? ", again" : "");
	r->stopping = true;
	if (!r->domain)
		return 0;
	/* what is at its end is let go there; its core is written still */
	if (!again && r->ended && (r->reports || r->dump))
		return 0;
	if (again || r->ended || !ask_to_stop(r))
		runner_destroy(r);
	return 0;
}
