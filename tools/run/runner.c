/* SPDX-License-Identifier: GPL-2.0-only */
#include "runner.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <json-c/json.h>
#include <systemd/sd-daemon.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "crash.h"
#include "device.h"
#include "hotplug.h"
#include "lend.h"
#include "log.h"

struct runner {
	sd_event *event;
	int device;
	struct definition *def;
	struct console *console;

	struct domain *domain;
	struct lent *lent;		/* threads for its devices; NULL: it has none */
	sd_event_source *reports;
	sd_event_source *on_end, *on_final;	/* run once when enabled: what follows the guest's end */
	bool ended;			/* the guest has stopped for good; ->reason says why */
	uint32_t exit, code;		/* HVPRIV_EXIT_* and its code; exit 0: the runner's own failure */
	uint32_t ended_vcpu;
	char reason[128];
	int status;			/* to exit with */
	unsigned restarts;		/* in all */
	time_t recent[RUN_MAX_RESTARTS];	/* times of the last ones, as a ring */
};

static time_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

__attribute__((format(printf, 2, 3)))
static void set_reason(struct runner *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(r->reason, sizeof(r->reason), format, ap);
	va_end(ap);
}

/* ---- the end of a guest ---- */

static void note_end(struct runner *r, const struct vcpu_report *p)
{
	r->ended = true;
	r->exit = p->error < 0 ? 0 : p->exit;
	r->code = p->code;
	r->ended_vcpu = p->vcpu;
	if (p->error < 0)
		set_reason(r, "vCPU %u cannot run: %s", p->vcpu, zendo_device_strerror(p->error));
	else if (p->exit == HVPRIV_EXIT_CRASH)
		set_reason(r, "crashed: %s", zendo_crash_reason_to_string(p->code));
	else if (p->exit == HVPRIV_EXIT_KILLED)
		set_reason(r, "destroyed");
	else
		set_reason(r, "shut down: %s", zendo_shutdown_to_string(p->code));
}

/* One report; false: there is none. The first that ends the guest tells why it ended. */
static bool take_report(struct runner *r)
{
	struct vcpu_report p;
	ssize_t n = recv(r->domain->reports[0], &p, sizeof(p), MSG_DONTWAIT);

	if (n < (ssize_t)offsetof(struct vcpu_report, text))
		return false;
	if (p.error == 0 && p.exit == HVPRIV_EXIT_TEXT)
		console_debug_text(r->console, p.text, p.len);
	else if (!r->ended)
		note_end(r, &p);
	return true;
}

/*
 * Stop what still runs and take everything the guest has left to say. On return it stands still
 * and nothing of it is watched.
 */
static void settle(struct runner *r)
{
	r->reports = sd_event_source_disable_unref(r->reports);
	domain_stop(r->domain);
	while (take_report(r))
		;
	console_disconnect(r->console);
	console_flush_lines(r->console);
	if (r->exit == HVPRIV_EXIT_CRASH)
		crash_report(&r->domain->vcpus[r->ended_vcpu], r->code, r->console);
	console_note(r->console, "domain %u %s", r->domain->domid, r->reason);
	log_message(r->exit == HVPRIV_EXIT_SHUTDOWN || r->exit == HVPRIV_EXIT_KILLED ? LOG_NOTICE : LOG_ERR,
		    "domain %u %s", r->domain->domid, r->reason);
}

static int status_of_end(const struct runner *r)
{
	if (r->exit == HVPRIV_EXIT_CRASH ||
	    (r->exit == HVPRIV_EXIT_SHUTDOWN && (r->code == SHUTDOWN_crash || r->code == SHUTDOWN_watchdog)))
		return RUN_CRASHED;
	return r->exit == 0 ? RUN_FAILURE : RUN_OK;
}

static enum zendo_on_event action_of_end(const struct runner *r)
{
	const struct zendo_config *c = r->def->config;

	if (r->exit == HVPRIV_EXIT_CRASH)
		return c->on_crash;
	if (r->exit != HVPRIV_EXIT_SHUTDOWN)
		return ZENDO_ON_DESTROY;
	switch (r->code) {
	case SHUTDOWN_poweroff:
		return c->on_poweroff;
	case SHUTDOWN_reboot:
		return c->on_reboot;
	case SHUTDOWN_crash:
		return c->on_crash;
	case SHUTDOWN_watchdog:
		return c->on_watchdog;
	default:
		log_message(LOG_WARNING, "a guest's %s is not in this version: its domain is destroyed",
			    zendo_shutdown_to_string(r->code));
		return ZENDO_ON_DESTROY;
	}
}

/* The threads end when it is killed, and its descriptor is the last thing that goes. */
static void free_domain(struct runner *r)
{
	if (r->domain)
		(void)zendo_device_kill(r->domain->fd);
	r->lent = (lent_free(r->lent), NULL);
	r->domain = (domain_free(r->domain), NULL);
}

static void finish(struct runner *r, int status)
{
	free_domain(r);
	r->status = status;
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", r->reason);
	(void)sd_event_exit(r->event, 0);
}

/* False: it was restarted too often of late. */
static bool may_restart(struct runner *r)
{
	time_t *oldest = &r->recent[r->restarts % RUN_MAX_RESTARTS], t = now();

	if (r->restarts >= RUN_MAX_RESTARTS && t - *oldest < RUN_RESTART_SECONDS)
		return false;
	*oldest = t;
	r->restarts++;
	return true;
}

static void restart(struct runner *r)
{
	struct zendo_error e = {};
	int status = status_of_end(r);

	if (!may_restart(r)) {
		set_reason(r, "%d restarts within %d seconds: it stays down", RUN_MAX_RESTARTS, RUN_RESTART_SECONDS);
		log_message(LOG_ERR, "%s", r->reason);
		console_note(r->console, "%s", r->reason);
		finish(r, status == RUN_OK ? RUN_FAILURE : status);
		return;
	}
	/* the name must be free before the next one can have it, and the targets of its disks */
	free_domain(r);
	if (runner_start(r, false, &e) < 0) {
		log_fatal(&e);
		set_reason(r, "cannot be started again: %s", e.text);
		finish(r, RUN_FAILURE);
	}
}

/* Not in the middle of whoever noticed the end: requests and readers may be using the domain. */
static int on_ended(sd_event_source *s, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	settle(r);
	switch (action_of_end(r)) {
	case ZENDO_ON_RESTART:
		restart(r);
		break;
	case ZENDO_ON_PRESERVE:
		log_message(LOG_NOTICE, "domain %u is kept for a look; 'zendo destroy' removes it", r->domain->domid);
		(void)sd_notifyf(0, "STATUS=domain %u %s, kept", r->domain->domid, r->reason);
		break;
	default:
		finish(r, status_of_end(r));
	}
	return 0;
}

static int on_reports(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	(void)take_report(r);
	if (r->ended)
		(void)sd_event_source_set_enabled(r->on_end, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- start ---- */

/*
 * The agent opens targets and makes the devices, since we have no rights to; it reads the definition by itself. They are there, and wait
 * for their frontends, before the guest runs. A domain without devices has no threads for them: the agent asks for some when one comes.
 */
static int prepare_devices(struct runner *r, struct zendo_error *e)
{
	const struct zendo_config *c = r->def->config;
	int k;

	if (c->nr_disks == 0 && c->nr_vifs == 0)
		return 0;
	if (!r->def->store)
		return zendo_error(e, -ENOTCONN, "'disk' and 'vif' want the store, which does not run: systemctl start zendo-stored");
	k = lent_start(r->domain->fd, c->maxvcpus, &r->lent);
	if (k < 0)
		return zendo_error(e, k, "cannot lend threads to the domain's devices: %s", strerror(-k));
	(void)sd_notify(0, "STATUS=preparing its devices");
	return zendo_hotplug_prepare(r->domain->domid, c->nr_disks, c->nr_vifs, e);
}

int runner_start(struct runner *r, bool paused, struct zendo_error *e)
{
	int k;

	r->ended = false;
	(void)sd_notify(0, "STATUS=building the guest");
	k = definition_renew(r->def, e);
	if (k >= 0)
		k = domain_new(r->device, r->def, &r->domain, e);
	if (k < 0)
		return k;
	k = prepare_devices(r, e);
	if (k < 0) {
		free_domain(r);
		return k;
	}
	definition_settle(r->def);
	k = console_connect(r->console, r->domain);
	if (k >= 0)
		k = sd_event_add_io(r->event, &r->reports, r->domain->reports[0], EPOLLIN, on_reports, r);
	if (k >= 0 && !paused)
		k = domain_unpause(r->domain);
	if (k < 0) {
		zendo_error(e, k, "cannot start the guest: %s", strerror(-k));
		console_disconnect(r->console);
		r->reports = sd_event_source_disable_unref(r->reports);
		free_domain(r);
		return k;
	}
	log_message(LOG_NOTICE, "domain %u %s", r->domain->domid, paused ? "is built and paused" : "runs");
	(void)sd_notifyf(0, "READY=1\nSTATUS=domain %u %s", r->domain->domid, paused ? "paused" : "running");
	return 0;
}

/* ---- requests ---- */

static int on_pause(void *userdata)
{
	struct runner *r = userdata;
	int k;

	if (r->ended)
		return -ESHUTDOWN;
	k = domain_pause(r->domain);
	if (k >= 0)
		(void)sd_notifyf(0, "STATUS=domain %u paused", r->domain->domid);
	return k;
}

static int on_unpause(void *userdata)
{
	struct runner *r = userdata;
	int k;

	if (r->ended)
		return -ESHUTDOWN;
	k = domain_unpause(r->domain);
	if (k >= 0)
		(void)sd_notifyf(0, "STATUS=domain %u running", r->domain->domid);
	return k;
}

/* Whatever the configuration says about ends, this one is final. */
static int on_final_destroy(sd_event_source *s, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	if (!r->domain)
		return 0;	/* it just ended by itself */
	if (r->reports) {
		if (!r->ended) {
			r->ended = true;
			r->exit = HVPRIV_EXIT_KILLED;
			set_reason(r, "destroyed");
		}
		(void)zendo_device_kill(r->domain->fd);
		settle(r);
	}
	finish(r, RUN_OK);
	return 0;
}

static int on_destroy(void *userdata)
{
	struct runner *r = userdata;

	/* the answer goes out first: the connection's end is then the domain's */
	(void)sd_event_source_set_enabled(r->on_end, SD_EVENT_OFF);
	return sd_event_source_set_enabled(r->on_final, SD_EVENT_ONESHOT);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	log_message(LOG_INFO, "asked to stop by signal %u of process %u", si->ssi_signo, si->ssi_pid);
	return on_destroy(r);
}

static void add_int(struct json_object *o, const char *key, int64_t value)
{
	(void)json_object_object_add(o, key, json_object_new_int64(value));
}

static void on_query(void *userdata, struct json_object *answer)
{
	struct runner *r = userdata;
	const struct zendo_config *c = r->def->config;
	const char *state = r->ended ? "ended" : r->domain->paused ? "paused" : "running";

	(void)json_object_object_add(answer, "name", json_object_new_string(c->name));
	add_int(answer, "domid", r->domain->domid);
	(void)json_object_object_add(answer, "state", json_object_new_string(state));
	if (r->ended)
		(void)json_object_object_add(answer, "reason", json_object_new_string(r->reason));
	add_int(answer, "vcpus", c->vcpus);
	add_int(answer, "memory_mib", (int64_t)c->memory_mib);
	add_int(answer, "restarts", r->restarts);
	add_int(answer, "pid", getpid());
	if (console_writer(r->console))
		add_int(answer, "writer", console_writer(r->console));
}

static int on_vcpu(void *userdata, unsigned id, struct json_object *answer)
{
	struct runner *r = userdata;

	return domain_describe_vcpu(r->domain, id, answer);
}

static int on_pin(void *userdata, unsigned id, const char *cpus, struct zendo_error *e)
{
	struct runner *r = userdata;

	if (r->ended)
		return -ESHUTDOWN;
	return domain_pin(r->domain, id, cpus, r->def->cpus, e);
}

static int on_nmi(void *userdata, unsigned id, struct zendo_error *e)
{
	struct runner *r = userdata;

	return r->ended ? -ESHUTDOWN : domain_nmi(r->domain, id, e);
}

/* The agent is about to attach a device; fine when there are threads already. */
static int on_lend(void *userdata)
{
	struct runner *r = userdata;

	if (r->ended)
		return -ESHUTDOWN;
	return r->lent ? 0 : lent_start(r->domain->fd, r->def->config->maxvcpus, &r->lent);
}

static const struct control_operations operations = {
	.pause = on_pause,
	.unpause = on_unpause,
	.destroy = on_destroy,
	.query = on_query,
	.vcpu = on_vcpu,
	.pin = on_pin,
	.nmi = on_nmi,
	.lend = on_lend,
};

int runner_serve(struct runner *r, struct control *control)
{
	return control_start(control, r->event, r->console, &operations, r);
}

static int add_follow_up(struct runner *r, sd_event_handler_t handler, sd_event_source **ret)
{
	int k = sd_event_add_defer(r->event, ret, handler, r);

	return k < 0 ? k : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int runner_new(sd_event *event, int device, struct definition *def, struct console *console,
	       struct runner **ret)
{
	_cleanup_(runner_freep) struct runner *r = calloc(1, sizeof(*r));
	int k;

	if (!r)
		return -ENOMEM;
	*r = (struct runner) {
		.event = sd_event_ref(event), .device = device, .def = def, .console = console,
		.status = RUN_FAILURE,
	};
	k = add_follow_up(r, on_ended, &r->on_end);
	if (k >= 0)
		k = add_follow_up(r, on_final_destroy, &r->on_final);
	if (k >= 0)
		k = sd_event_add_signal(event, NULL, SIGTERM, on_signal, r);
	if (k >= 0)
		k = sd_event_add_signal(event, NULL, SIGINT, on_signal, r);
	if (k < 0)
		return k;
	*ret = TAKE_PTR(r);
	return 0;
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	console_disconnect(r->console);
	sd_event_source_disable_unref(r->reports);
	sd_event_source_disable_unref(r->on_end);
	sd_event_source_disable_unref(r->on_final);
	free_domain(r);
	sd_event_unref(r->event);
	free(r);
}

int runner_loop(struct runner *r)
{
	int k = sd_event_loop(r->event);

	if (k < 0) {
		log_message(LOG_ERR, "the event loop failed: %s", strerror(-k));
		return RUN_FAILURE;
	}
	return r->status;
}
