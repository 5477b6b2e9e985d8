/* SPDX-License-Identifier: GPL-2.0-only */
#include "script_unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "cleanup.h"
#include "unit_bus.h"

#define PREFIX	"zendo-script-"

/*
 * The script is run once to undo, whether it is stopped or was never up: ExecStopPost= is for both, and comes when its processes are killed;
 * ExecStop= comes before that, as a process that a script has left behind is that script's to end.
 */
#define UNDO	"/usr/lib/zendo/undo-script"

static int add_undo(sd_bus_message *m, const char *property, const char *word, const char *const *undo)
{
	const char *command[2 + SCRIPT_UNIT_ARGS] = { UNDO, word };

	for (size_t i = 0; undo[i]; i++)
		command[2 + i] = undo[i];
	return unit_bus_add_command(m, property, command);
}

static int add_settings(sd_bus_message *m, const struct script_unit *u)
{
	const uint64_t limit = u->seconds * UINT64_C(1000000);
	const char *slash = strrchr(u->make[0], '/');
	char name[ZENDO_BACKEND_NAME_MAX], folder[96];
	int r;

	(void)snprintf(folder, sizeof(folder), "zendo/scripts/%s", zendo_backend_name(u->id, name));
	r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Type", "s", "oneshot", "RemainAfterExit", "b", true,
				  "TimeoutStartUSec", "t", limit, "TimeoutStopUSec", "t", limit, "RuntimeDirectory", "as", 1, folder,
				  "RuntimeDirectoryMode", "u", 0700, "SyslogIdentifier", "s", slash ? slash + 1 : u->make[0],
				  "OOMScoreAdjust", "i", -500);
	/* behind the store and the network, so it finds both when it is stopped */
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "After", "as", 4, "zendo-stored.socket", "zendo-stored.service", "remote-fs.target",
					  "network.target");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "Environment");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_append_strv(m, (char **)u->env);
	for (unsigned i = 0; i < 2 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

static int make_message(struct unit_bus *b, const struct script_unit *u, const char *unit, sd_bus_message **ret)
{
	char name[ZENDO_BACKEND_NAME_MAX], description[512];
	int r;

	(void)snprintf(description, sizeof(description), "Script of %s of Zendo domain %s: %.300s", zendo_backend_name(u->id, name),
		       u->domain ? u->domain : "", u->make[0]);
	r = unit_bus_begin(b, unit, description, ret);
	if (r >= 0)
		r = unit_bus_add_ties(b, *ret, u->domain);
	if (r >= 0)
		r = add_settings(*ret, u);
	if (r >= 0)
		r = unit_bus_add_command(*ret, "ExecStart", u->make);
	if (r >= 0)
		r = add_undo(*ret, "ExecStop", "stop", u->undo);
	return r < 0 ? r : add_undo(*ret, "ExecStopPost", "failed", u->undo);
}

/* How it ended that is a failed unit now. */
static int why(struct unit_bus *b, const char *unit, unsigned seconds, struct zendo_error *e)
{
	_cleanup_free_ char *result = NULL;
	int32_t status = 0;

	if (strcmp(b->result, "canceled") == 0 || strcmp(b->result, "dependency") == 0)
		return zendo_error(e, -ECANCELED, "it was stopped, as its domain ended");
	if (unit_bus_text(b, unit, "Service", "Result", &result) < 0)
		return zendo_error(e, -EIO, "%s", b->result);
	(void)unit_bus_number(b, unit, "ExecMainStatus", 'i', &status);
	if (strcmp(result, "timeout") == 0)
		return zendo_error(e, -ETIMEDOUT, "it was not done in %u seconds, and was killed", seconds);
	if (strcmp(result, "exit-code") == 0)
		return zendo_error(e, -EIO, "exit status %d", status);
	if (strcmp(result, "signal") == 0 || strcmp(result, "core-dump") == 0)
		return zendo_error(e, -EIO, "killed by signal %d", status);
	return zendo_error(e, -EIO, "%s", result);
}

int script_unit_start(const struct script_unit *u, struct zendo_error *e)
{
	_cleanup_(unit_bus_messagep) sd_bus_message *m = NULL;
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	char unit[UNIT_NAME_MAX];
	int r = unit_bus_open(&b, e);

	if (r < 0)
		return r;
	unit_bus_reset(&b, unit_bus_name(PREFIX, u->id, unit));
	r = make_message(&b, u, unit, &m);
	if (r < 0)
		return zendo_error(e, r, "%s cannot be described: %s", unit, strerror(-r));
	r = unit_bus_run(&b, m, unit, 0, e);
	if (r < 0 || strcmp(b.result, "done") == 0)
		return r;
	r = why(&b, unit, u->seconds, e);
	unit_bus_reset(&b, unit);
	return r;
}

int script_unit_stop(const struct hvback_id *id, struct zendo_error *e)
{
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	_cleanup_free_ char *before = NULL, *after = NULL;
	char unit[UNIT_NAME_MAX];
	int r = unit_bus_open(&b, e);

	if (r < 0)
		return r;
	if (unit_bus_text(&b, unit_bus_name(PREFIX, id, unit), "Unit", "ActiveState", &before) < 0)
		before = NULL;
	r = unit_bus_job(&b, "StopUnit", unit, 0, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if (unit_bus_text(&b, unit, "Unit", "ActiveState", &after) < 0 || strcmp(after, "failed") != 0)
		return 0;
	unit_bus_reset(&b, unit);
	/* one that was not up yet has failed by being stopped */
	if (!before || strcmp(before, "active") != 0)
		return 0;
	return zendo_error(e, -EIO, "journalctl -u %s has the reason", unit);
}

int script_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	return unit_bus_list(PREFIX, one, userdata, e);
}
