/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "cleanup.h"

#define DESTINATION	"org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define MANAGER		DESTINATION ".Manager"
#define UNITS_PATH	MANAGER_PATH "/unit"

static void bus_closep(sd_bus **b)
{
	(void)sd_bus_flush_close_unref(*b);
}

/* One job, from its making to its end. */
struct job {
	sd_bus *bus;
	const char *unit;
	char *unit_path;		/* object path of the unit */
	char *path;			/* of the job; NULL until the call has answered */
	bool done;
	char result[32];
	unit_status_t status;
	void *userdata;
};

__attribute__((format(printf, 4, 5)))
static int explain(char *why, size_t size, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, size, format, ap);
	va_end(ap);
	return r;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct job *j = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 || !j->path || strcmp(path, j->path) != 0)
		return 0;
	j->done = true;
	(void)snprintf(j->result, sizeof(j->result), "%s", result);
	return 0;
}

/* What the process says about itself (sd_notify STATUS=). */
static int read_status(struct job *j, char **ret)
{
	return sd_bus_get_property_string(j->bus, DESTINATION, j->unit_path, DESTINATION ".Service", "StatusText",
					  NULL, ret);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct job *j = userdata;
	const char *interface, *key, *text;

	(void)error;
	if (sd_bus_message_read(m, "s", &interface) < 0 || strcmp(interface, DESTINATION ".Service") != 0 ||
	    sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		if (sd_bus_message_read(m, "s", &key) < 0)
			return 0;
		if (strcmp(key, "StatusText") != 0)
			(void)sd_bus_message_skip(m, "v");
		else if (sd_bus_message_read(m, "v", "s", &text) >= 0 && *text)
			j->status(text, j->userdata);
		(void)sd_bus_message_exit_container(m);
	}
	return 0;
}

/* Without a bus between us nobody adds who sent it, and systemd tells everything unasked. */
static int watch(struct job *j)
{
	bool direct = sd_bus_is_bus_client(j->bus) == 0;
	const char *sender = direct ? NULL : DESTINATION;
	int r;

	r = sd_bus_match_signal(j->bus, NULL, sender, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, j);
	if (r >= 0 && j->status)
		r = sd_bus_match_signal(j->bus, NULL, sender, j->unit_path, "org.freedesktop.DBus.Properties",
					"PropertiesChanged", on_properties, j);
	if (r >= 0 && !direct)
		r = sd_bus_call_method(j->bus, DESTINATION, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, "");
	return r;
}

static int run_job(struct job *j, const char *method, char *why, size_t size)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *path;
	int r;

	r = sd_bus_call_method(j->bus, DESTINATION, MANAGER_PATH, MANAGER, method, &error, &reply, "ss",
			       j->unit, "replace");
	if (r < 0) {
		(void)explain(why, size, r, "systemd: %s", error.message ? error.message : strerror(-r));
		sd_bus_error_free(&error);
		return r;
	}
	r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		j->path = strdup(path);
	sd_bus_message_unref(reply);
	if (r < 0 || !j->path)
		return explain(why, size, r < 0 ? r : -ENOMEM, "systemd's answer cannot be read");
	while (!j->done) {
		r = sd_bus_process(j->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(j->bus, UINT64_MAX);
		if (r < 0 && r != -EINTR)
			return explain(why, size, r, "the connection to systemd broke: %s", strerror(-r));
	}
	return 0;
}

static int job_result(struct job *j, char *why, size_t size)
{
	_cleanup_free_ char *text = NULL;

	if (strcmp(j->result, "done") == 0)
		return 0;
	if (read_status(j, &text) >= 0 && text && *text)
		return explain(why, size, -EIO, "%s", text);
	return explain(why, size, -EIO, "%s: %s; see journalctl -u %s", j->unit, j->result, j->unit);
}

/*
 * As systemctl does it for root: systemd's own socket. Through the bus each message is read and written once more, and systemd asks the
 * bus who we are.
 */
static int open_direct(sd_bus **ret)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	int r;

	if (geteuid() != 0)
		return -EPERM;
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(bus);
	return 0;
}

/* A bus to hear of @j's unit by. */
static int open_job(struct job *j, char *why, size_t size)
{
	int r = open_direct(&j->bus);

	if (r < 0)
		r = sd_bus_open_system(&j->bus);
	if (r < 0)
		return explain(why, size, r, "cannot reach systemd: %s", strerror(-r));
	r = sd_bus_path_encode(UNITS_PATH, j->unit, &j->unit_path);
	if (r >= 0)
		r = watch(j);
	return r < 0 ? explain(why, size, r, "cannot watch systemd: %s", strerror(-r)) : 0;
}

static void close_job(struct job *j)
{
	bus_closep(&j->bus);
	free(j->path);
	free(j->unit_path);
}

static int unit_job(const char *unit, const char *method, unit_status_t status, void *userdata, char *why,
		    size_t size)
{
	_cleanup_(close_job) struct job j = { .unit = unit, .status = status, .userdata = userdata };
	int r = open_job(&j, why, size);

	if (r >= 0)
		r = run_job(&j, method, why, size);
	return r < 0 ? r : job_result(&j, why, size);
}

void unit_follow_status(const char *unit, unit_status_t status, void *userdata)
{
	_cleanup_(close_job) struct job j = { .unit = unit, .status = status, .userdata = userdata };
	char why[256];
	int r = open_job(&j, why, sizeof(why));

	while (r >= 0) {
		r = sd_bus_process(j.bus, NULL);
		if (r == 0)
			r = sd_bus_wait(j.bus, UINT64_MAX);
		if (r == -EINTR)
			r = 0;
	}
}

int unit_start(const char *unit, unit_status_t status, void *userdata, char *why, size_t size)
{
	return unit_job(unit, "StartUnit", status, userdata, why, size);
}

int unit_stop(const char *unit, char *why, size_t size)
{
	return unit_job(unit, "StopUnit", NULL, NULL, why, size);
}

/* systemd reads all units and runs all generators before it answers: on a busy machine that is more than sd-bus would wait. */
#define RELOAD_USEC	(5 * 60 * 1000000ULL)

static int open_for_changes(sd_bus **ret, char *why, size_t size)
{
	int r = sd_bus_open_system(ret);

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(*ret, RELOAD_USEC);
	return r < 0 ? explain(why, size, r, "cannot reach systemd: %s", strerror(-r)) : 0;
}

static int explain_bus(int r, sd_bus_error *error, char *why, size_t size)
{
	if (r < 0)
		(void)explain(why, size, r, "systemd: %s", error->message ? error->message : strerror(-r));
	sd_bus_error_free(error);
	return r < 0 ? r : 0;
}

int unit_set_enabled(const char *unit, bool enabled, char *why, size_t size)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = open_for_changes(&bus, why, size);

	if (r < 0)
		return r;
	if (enabled)
		r = sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "EnableUnitFiles", &error, NULL, "asbb",
				       1, unit, false, false);
	else
		r = sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "DisableUnitFiles", &error, NULL, "asb",
				       1, unit, false);
	return explain_bus(r, &error, why, size);
}

int unit_reload(char *why, size_t size)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = open_for_changes(&bus, why, size);

	if (r < 0)
		return r;
	r = sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "Reload", &error, NULL, "");
	return explain_bus(r, &error, why, size);
}

bool unit_is_enabled(const char *unit, bool generated)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	sd_bus_message *reply = NULL;
	bool enabled = false;
	const char *state;

	if (sd_bus_open_system(&bus) >= 0 &&
	    sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "GetUnitFileState", NULL, &reply, "s", unit) >= 0 &&
	    sd_bus_message_read(reply, "s", &state) >= 0)
		enabled = strcmp(state, "enabled") == 0 || (generated && strcmp(state, "enabled-runtime") == 0);
	sd_bus_message_unref(reply);
	return enabled;
}

bool unit_is_active(const char *unit)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	_cleanup_free_ char *path = NULL, *state = NULL;

	return sd_bus_open_system(&bus) >= 0 && sd_bus_path_encode(UNITS_PATH, unit, &path) >= 0 &&
	       sd_bus_get_property_string(bus, DESTINATION, path, DESTINATION ".Unit", "ActiveState", NULL, &state) >= 0 &&
	       strcmp(state, "active") == 0;
}

void unit_reset_failed(const char *unit)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;

	if (sd_bus_open_system(&bus) >= 0)
		(void)sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL, NULL,
					 "s", unit);
}
