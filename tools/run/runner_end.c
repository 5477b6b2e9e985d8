/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows the end of a guest. */
#include "runner_state.h"

#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <systemd/sd-daemon.h>
#include <xen/xen.h>
#include <xen/sched.h>

#include "crash.h"
#include "device.h"
#include "log.h"
#include "runtime.h"

static time_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

void runner_set_reason(struct runner *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(r->reason, sizeof(r->reason), format, ap);
	va_end(ap);
}

void runner_settle(struct runner *r)
{
	r->reports = sd_event_source_disable_unref(r->reports);
	domain_stop(r->domain);
	while (runner_take_report(r, MSG_DONTWAIT))
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
static void free_with_threads(struct domain *d, struct lent *l)
{
	if (d)
		(void)zendo_device_kill(d->fd);
	lent_free(l);
	domain_free(d);
}

void runner_free_domain(struct runner *r)
{
	free_with_threads(TAKE_PTR(r->domain), TAKE_PTR(r->lent));
}

void runner_finish(struct runner *r, int status)
{
	r->stop_timer = sd_event_source_disable_unref(r->stop_timer);
	r->hear_timer = sd_event_source_disable_unref(r->hear_timer);
	r->dump = (dump_free(r->dump), NULL);
	if (r->nr_kept > 0)
		log_message(LOG_NOTICE, "%u guests that were kept go with it", r->nr_kept);
	while (r->nr_kept > 0)
		runner_drop_kept(r, &r->kept[0]);
	runner_free_domain(r);
	r->status = status;
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", r->reason);
	(void)sd_event_exit(r->event, 0);
}

/* ---- the next one ---- */

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

static void stay_down(struct runner *r)
{
	int status = status_of_end(r);

	runner_set_reason(r, "%d restarts within %d seconds: it stays down", RUN_MAX_RESTARTS, RUN_RESTART_SECONDS);
	log_message(LOG_ERR, "%s", r->reason);
	console_note(r->console, "%s", r->reason);
	runner_finish(r, status == RUN_OK ? RUN_FAILURE : status);
}

/* The name is free. */
static void start_next(struct runner *r)
{
	struct zendo_error e = {};

	if (runner_start(r, false, &e) < 0) {
		log_fatal(&e);
		runner_set_reason(r, "cannot be started again: %s", e.text);
		runner_finish(r, RUN_FAILURE);
	}
}

static void preserve(struct runner *r)
{
	log_message(LOG_NOTICE, "domain %u is kept for a look; 'zendo destroy' removes it", r->domain->domid);
	runner_tell_state(r);
}

/* "web" becomes "web-1", or the first that is free; a long name is cut. */
static int rename_ended(const struct domain *d, const char *name, char ret[static HVPRIV_NAME_LEN])
{
	int r = -EEXIST;

	for (unsigned i = 1; i < 100 && r == -EEXIST; i++) {
		(void)snprintf(ret, HVPRIV_NAME_LEN, "%.*s-%u", HVPRIV_NAME_LEN - 4, name, i);
		r = zendo_device_rename(d->fd, ret);
	}
	return r;
}

/* When there is no room for another beside it, the one that ended is worth more than the next one. */
static void rename_restart(struct runner *r)
{
	struct kept *k = &r->kept[r->nr_kept];
	struct zendo_error e = {};
	int error;

	if (r->nr_kept == RUN_MAX_KEPT) {
		log_message(LOG_ERR, "%d guests are kept already: no other one is started", RUN_MAX_KEPT);
		return preserve(r);
	}
	if (definition_check_memory(r->def, &e) < 0) {
		log_message(LOG_ERR, "no other one is started beside it: %s", e.text);
		return preserve(r);
	}
	if (!may_restart(r))
		return stay_down(r);
	error = rename_ended(r->domain, r->def->config->name, k->name);
	if (error < 0) {
		log_message(LOG_ERR, "it cannot be renamed: %s", zendo_device_strerror(error));
		return preserve(r);
	}
	log_message(LOG_NOTICE, "domain %u is '%s' now and kept for a look", r->domain->domid, k->name);
	k->domain = TAKE_PTR(r->domain);
	k->lent = TAKE_PTR(r->lent);
	r->had_devices = false;		/* what was attached is with it */
	r->nr_kept++;
	start_next(r);
}

static void follow(struct runner *r, enum zendo_on_event action)
{
	switch (r->stopping ? ZENDO_ON_DESTROY : action) {
	case ZENDO_ON_RESTART:
	case ZENDO_ON_COREDUMP_RESTART:
		if (!may_restart(r))
			return stay_down(r);
		/* the name must be free before the next one can have it, and the targets of its disks */
		runner_free_domain(r);
		start_next(r);
		break;
	case ZENDO_ON_RENAME_RESTART:
		rename_restart(r);
		break;
	case ZENDO_ON_PRESERVE:
		preserve(r);
		break;
	default:
		runner_finish(r, status_of_end(r));
	}
}

/* ---- its core ---- */

static void tell_core(const struct runner *r, const char *file, const struct core_result *c)
{
	char absent[64] = "";

	if (c->absent_pages > 0)
		(void)snprintf(absent, sizeof(absent), ", %llu pages of it not there", (unsigned long long)c->absent_pages);
	log_message(LOG_NOTICE, "its core is %s/%s: %.1f MiB, %.1f MiB on disk%s", ZENDO_DUMP_DIR, file,
		    (double)c->size / 1048576, (double)c->stored / 1048576, absent);
	console_note(r->console, "core: %s/%s", ZENDO_DUMP_DIR, file);
}

static void no_core(const struct runner *r, int error)
{
	log_message(LOG_ERR, "domain %u: no core: %s", r->domain->domid, strerror(-error));
}

static void on_core_written(void *userdata, int error, const struct core_result *result)
{
	struct runner *r = userdata;
	char file[DUMP_NAME_MAX];

	if (error >= 0)
		error = dump_keep(r->dump_folder, dump_fd(r->dump), r->def->config->name, file);
	if (error >= 0)
		tell_core(r, file, result);
	else
		no_core(r, error);
	r->dump = (dump_free(r->dump), NULL);
	follow(r, r->after_dump);
}

/* False: there will be none. */
static bool begin_core(struct runner *r, enum zendo_on_event action)
{
	_cleanup_close_ int fd = -EBADF;
	int error;

	/* of a kept one, for somebody who can ask again */
	if (r->dump) {
		r->dump = (dump_free(r->dump), NULL);
		control_dump_done(r->control, -ECANCELED, 0, 0);
	}
	error = r->dump_folder < 0 ? -ENOENT : dump_create(r->dump_folder, &fd);

	if (error >= 0)
		error = dump_start(r->event, r->domain, r->def, fd, on_core_written, r, &r->dump);
	if (error < 0) {
		no_core(r, error);
		return false;
	}
	TAKE_FD(fd);
	r->after_dump = action;
	return true;
}

/* ---- the end ---- */

/* Not in the middle of whoever noticed the end: requests and readers may be using the domain. */
int runner_on_ended(sd_event_source *s, void *userdata)
{
	struct runner *r = userdata;
	enum zendo_on_event action;

	(void)s;
	runner_settle(r);
	action = action_of_end(r);
	if ((action != ZENDO_ON_COREDUMP_DESTROY && action != ZENDO_ON_COREDUMP_RESTART) || !begin_core(r, action))
		follow(r, action);
	return 0;
}

/* Whatever the configuration says about ends, this one is final. */
int runner_on_final_destroy(sd_event_source *s, void *userdata)
{
	struct runner *r = userdata;

	(void)s;
	if (!r->domain)
		return 0;	/* it just ended by itself */
	r->dump = (dump_free(r->dump), NULL);
	if (r->reports) {
		if (!r->ended) {
			r->ended = true;
			r->exit = HVPRIV_EXIT_KILLED;
			runner_set_reason(r, "destroyed");
		}
		(void)zendo_device_kill(r->domain->fd);
		runner_settle(r);
	}
	runner_finish(r, RUN_OK);
	return 0;
}

/* ---- those that are kept ---- */

struct kept *runner_find_kept(struct runner *r, uint32_t domid)
{
	for (unsigned i = 0; i < r->nr_kept; i++)
		if (r->kept[i].domain->domid == domid)
			return &r->kept[i];
	return NULL;
}

void runner_drop_kept(struct runner *r, struct kept *k)
{
	free_with_threads(k->domain, k->lent);
	*k = r->kept[--r->nr_kept];
}
