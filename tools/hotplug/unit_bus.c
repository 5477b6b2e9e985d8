/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit_bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "cleanup.h"
#include "runtime.h"

#define DESTINATION	"org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define MANAGER		DESTINATION ".Manager"
#define SUFFIX		".service"
#define AGAIN_USEC	(2 * 1000000ULL)

void unit_bus_messagep(sd_bus_message **m)
{
	(void)sd_bus_message_unref(*m);
}

char *unit_bus_name(const char *prefix, const struct hvback_id *id, char ret[static UNIT_NAME_MAX])
{
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)snprintf(ret, UNIT_NAME_MAX, "%s%s" SUFFIX, prefix, zendo_backend_name(id, name));
	return ret;
}

int unit_bus_parse_name(const char *prefix, const char *name, struct hvback_id *ret)
{
	char id[ZENDO_BACKEND_NAME_MAX];
	size_t len = strlen(name), before = strlen(prefix), around = before + strlen(SUFFIX);

	if (strncmp(name, prefix, before) != 0 || len < around || strcmp(name + len - strlen(SUFFIX), SUFFIX) != 0 ||
	    len - around >= sizeof(id))
		return -EINVAL;
	(void)snprintf(id, sizeof(id), "%.*s", (int)(len - around), name + before);
	return zendo_backend_parse_name(id, ret);
}

/* ---- what a unit says of itself ---- */

int unit_bus_text(struct unit_bus *b, const char *name, const char *interface, const char *property, char **ret)
{
	_cleanup_free_ char *path = NULL;
	char full[64];
	int r = sd_bus_path_encode(MANAGER_PATH "/unit", name, &path);

	(void)snprintf(full, sizeof(full), DESTINATION ".%s", interface);
	return r < 0 ? r : sd_bus_get_property_string(b->bus, DESTINATION, path, full, property, NULL, ret);
}

int unit_bus_number(struct unit_bus *b, const char *name, const char *property, char type, void *ret)
{
	_cleanup_free_ char *path = NULL;
	int r = sd_bus_path_encode(MANAGER_PATH "/unit", name, &path);

	return r < 0 ? r : sd_bus_get_property_trivial(b->bus, DESTINATION, path, DESTINATION ".Service", property, NULL, type, ret);
}

void unit_bus_reset(struct unit_bus *b, const char *name)
{
	(void)sd_bus_call_method(b->bus, DESTINATION, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s", name);
}

/* ---- jobs of systemd ---- */

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct unit_bus *b = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 || !b->job || strcmp(path, b->job) != 0)
		return 0;
	b->done = true;
	(void)snprintf(b->result, sizeof(b->result), "%s", result);
	return 0;
}

int unit_bus_open(struct unit_bus *b, struct zendo_error *e)
{
	int r;

	*b = (struct unit_bus) {};
	r = sd_bus_open_system(&b->bus);
	if (r >= 0)
		r = sd_bus_match_signal(b->bus, NULL, DESTINATION, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, b);
	if (r >= 0)
		r = sd_bus_call_method(b->bus, DESTINATION, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, "");
	return r < 0 ? zendo_error(e, r, "cannot reach systemd: %s", strerror(-r)) : 0;
}

void unit_bus_close(struct unit_bus *b)
{
	b->bus = sd_bus_flush_close_unref(b->bus);
	free(b->job);
	b->job = NULL;
}

/* So is also one that was to be started, when its first process has died and left another one. */
static bool is_stopping(struct unit_bus *b, const char *unit)
{
	_cleanup_free_ char *state = NULL;

	return unit_bus_text(b, unit, "Unit", "ActiveState", &state) >= 0 && strcmp(state, "deactivating") == 0;
}

/*
 * @reply has the job of @unit that was made: until it is done. With a @signal a unit that is being stopped and has not ended after a while
 * gets that again and again.
 */
static int wait_for_job(struct unit_bus *b, sd_bus_message *reply, const char *unit, int signal, struct zendo_error *e)
{
	const char *path;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r >= 0 && !(b->job = strdup(path)))
		r = -ENOMEM;
	while (r >= 0 && !b->done) {
		r = sd_bus_process(b->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(b->bus, AGAIN_USEC);
		else
			continue;
		if (r == 0 && signal && is_stopping(b, unit))
			(void)sd_bus_call_method(b->bus, DESTINATION, MANAGER_PATH, MANAGER, "KillUnit", NULL, NULL, "ssi", unit, "all", signal);
		if (r == -EINTR)
			r = 0;
	}
	return r < 0 ? zendo_error(e, r, "the connection to systemd broke: %s", strerror(-r)) : 0;
}

static int explain(int r, sd_bus_error *error, struct zendo_error *e)
{
	r = zendo_error(e, r, "systemd: %s", error->message ? error->message : strerror(-r));
	sd_bus_error_free(error);
	return r;
}

int unit_bus_job(struct unit_bus *b, const char *method, const char *name, int signal, struct zendo_error *e)
{
	_cleanup_(unit_bus_messagep) sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(b->bus, DESTINATION, MANAGER_PATH, MANAGER, method, &error, &reply, "ss", name, "replace");

	if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit")) {
		sd_bus_error_free(&error);
		return 1;
	}
	return r < 0 ? explain(r, &error, e) : wait_for_job(b, reply, name, signal, e);
}

int unit_bus_list(const char *prefix, void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	_cleanup_(unit_bus_messagep) sd_bus_message *reply = NULL;
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct hvback_id id;
	char pattern[64];
	const char *name;
	int r = unit_bus_open(&b, e);

	if (r < 0)
		return r;
	(void)snprintf(pattern, sizeof(pattern), "%s*" SUFFIX, prefix);
	r = sd_bus_call_method(b.bus, DESTINATION, MANAGER_PATH, MANAGER, "ListUnitsByPatterns", &error, &reply, "asas", 0, 1, pattern);
	if (r < 0)
		return explain(r, &error, e);
	r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "ssssssouso")) > 0) {
		r = sd_bus_message_read(reply, "s", &name);
		if (r >= 0 && unit_bus_parse_name(prefix, name, &id) >= 0)
			one(&id, userdata);
		if (r >= 0)
			r = sd_bus_message_skip(reply, "sssssouso");
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r < 0 ? zendo_error(e, r, "systemd's answer cannot be read") : 0;
}

/* ---- making one ---- */

int unit_bus_begin(struct unit_bus *b, const char *name, const char *description, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(b->bus, ret, DESTINATION, MANAGER_PATH, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(*ret, "ss", name, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(*ret, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(*ret, "(sv)", "Description", "s", description);
	return r;
}

int unit_bus_run(struct unit_bus *b, sd_bus_message *m, const char *name, int signal, struct zendo_error *e)
{
	_cleanup_(unit_bus_messagep) sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_message_close_container(m);

	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r < 0)
		return zendo_error(e, r, "%s cannot be described: %s", name, strerror(-r));
	r = sd_bus_call(b->bus, m, 0, &error, &reply);
	return r < 0 ? explain(r, &error, e) : wait_for_job(b, reply, name, signal, e);
}

/* Is it a unit that others can be bound to? Somebody may have started the runner by hand. */
static bool runs(struct unit_bus *b, const char *unit)
{
	_cleanup_free_ char *state = NULL;

	return unit_bus_text(b, unit, "Unit", "ActiveState", &state) >= 0 &&
	       (strcmp(state, "active") == 0 || strcmp(state, "activating") == 0 || strcmp(state, "reloading") == 0);
}

static int add_log_fields(sd_bus_message *m, const char *domain)
{
	char field[ZENDO_RUNTIME_PATH_MAX + 16];
	int r;

	(void)snprintf(field, sizeof(field), "ZENDO_DOMAIN=%s", domain ? domain : "");
	r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "LogExtraFields");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "aay");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', field, strlen(field));
	for (unsigned i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

int unit_bus_add_ties(struct unit_bus *b, sd_bus_message *m, const char *domain)
{
	char unit[ZENDO_RUNTIME_PATH_MAX];
	int r = add_log_fields(m, domain);

	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "Slice", "s", "zendo.slice");
	if (r < 0 || !domain || zendo_unit_name(domain, unit) < 0)
		return r;
	r = sd_bus_message_append(m, "(sv)", "Before", "as", 1, unit);
	if (r >= 0 && runs(b, unit))
		r = sd_bus_message_append(m, "(sv)", "BindsTo", "as", 1, unit);
	return r;
}

int unit_bus_add_command(sd_bus_message *m, const char *property, const char *const *args)
{
	int r;

	r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", property);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a(sasb)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sasb)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sasb");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", args[0]);
	if (r >= 0)
		r = sd_bus_message_append_strv(m, (char **)args);
	if (r >= 0)
		r = sd_bus_message_append(m, "b", false);
	for (unsigned i = 0; i < 4 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}
