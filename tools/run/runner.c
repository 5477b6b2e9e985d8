/* SPDX-License-Identifier: GPL-2.0-only */
#include "runner_state.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <systemd/sd-daemon.h>

#include "device.h"
#include "hotplug.h"
#include "lend.h"
#include "log.h"
#include "machine.h"

/* ---- reports of the vCPUs ---- */

static void note_end(struct runner *r, const struct vcpu_report *p)
{
	r->ended = true;
	r->exit = p->error < 0 ? 0 : p->exit;
	r->code = p->code;
	r->ended_vcpu = p->vcpu;
	if (p->error < 0)
		runner_set_reason(r, "vCPU %u cannot run: %s", p->vcpu, zendo_device_strerror(p->error));
	else if (p->exit == HVPRIV_EXIT_CRASH)
		runner_set_reason(r, "crashed: %s", zendo_crash_reason_to_string(p->code));
	else if (p->exit == HVPRIV_EXIT_KILLED)
		runner_set_reason(r, "destroyed");
	else
		runner_set_reason(r, "shut down: %s", zendo_shutdown_to_string(p->code));
}

bool runner_take_report(struct runner *r, int flags)
{
	struct vcpu_report p;
	ssize_t n;

	do
		n = recv(r->domain->reports[0], &p, sizeof(p), flags);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)offsetof(struct vcpu_report, text))
		return false;
	if (p.error == 0 && p.exit == HVPRIV_EXIT_TEXT) {
		console_debug_text(r->console, p.text, p.len);
		return true;
	}
	r->domain->vcpus[p.vcpu].reported = true;
	if (!r->ended && (p.error < 0 || p.exit != VCPU_EXIT_LEFT))
		note_end(r, &p);
	return true;
}

static int on_reports(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	(void)runner_take_report(r, MSG_DONTWAIT);
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

	if (c->nr_disks == 0 && c->nr_vifs == 0 && !r->had_devices)
		return 0;
	if (!r->def->store)
		return zendo_error(e, -ENOTCONN, "'disk' and 'vif' want the store, which does not run: systemctl start zendo-stored");
	k = lent_start(r->domain->fd, c->maxvcpus, &r->lent);
	if (k < 0)
		return zendo_error(e, k, "cannot lend threads to the domain's devices: %s", strerror(-k));
	r->had_devices = true;
	(void)sd_notify(0, "STATUS=preparing its devices");
	return zendo_hotplug_prepare(r->domain->domid, c->nr_disks, c->nr_vifs, r->restarts > 0, e);
}

void runner_tell_state(const struct runner *r)
{
	if (r->ended)
		(void)sd_notifyf(0, "STATUS=domain %u %s, kept", r->domain->domid, r->reason);
	else
		(void)sd_notifyf(0, "STATUS=domain %u %s", r->domain->domid, r->domain->paused ? "paused" : "running");
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
		runner_free_domain(r);
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
		runner_free_domain(r);
		return k;
	}
	log_message(LOG_NOTICE, "domain %u %s", r->domain->domid, paused ? "is built and paused" : "runs");
	(void)sd_notifyf(0, "READY=1\nSTATUS=domain %u %s", r->domain->domid, paused ? "paused" : "running");
	return 0;
}

/* ---- life ---- */

static int add_follow_up(struct runner *r, sd_event_handler_t handler, sd_event_source **ret)
{
	int k = sd_event_add_defer(r->event, ret, handler, r);

	return k < 0 ? k : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int runner_new(sd_event *event, int device, int dump_folder, struct definition *def, struct console *console,
	       struct runner **ret)
{
	_cleanup_(runner_freep) struct runner *r = calloc(1, sizeof(*r));
	int k;

	if (!r)
		return -ENOMEM;
	*r = (struct runner) {
		.event = sd_event_ref(event), .device = device, .def = def, .console = console,
		.dump_folder = dump_folder, .status = RUN_FAILURE,
	};
	k = add_follow_up(r, runner_on_ended, &r->on_end);
	if (k >= 0)
		k = add_follow_up(r, runner_on_final_destroy, &r->on_final);
	if (k >= 0)
		k = sd_event_add_signal(event, NULL, SIGTERM, runner_on_signal, r);
	if (k >= 0)
		k = sd_event_add_signal(event, NULL, SIGINT, runner_on_signal, r);
	if (k >= 0)
		k = sd_event_add_signal(event, NULL, MACHINE_POWEROFF, runner_on_signal, r);
	if (k < 0)
		return k;
	*ret = TAKE_PTR(r);
	return 0;
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	dump_free(r->dump);
	console_disconnect(r->console);
	sd_event_source_disable_unref(r->reports);
	sd_event_source_disable_unref(r->stop_timer);
	sd_event_source_disable_unref(r->hear_timer);
	sd_event_source_disable_unref(r->on_end);
	sd_event_source_disable_unref(r->on_final);
	runner_free_domain(r);
	while (r->nr_kept > 0)
		runner_drop_kept(r, &r->kept[0]);
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
