/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine.h"

#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "log.h"

#define MACHINE1	"org.freedesktop.machine1"
#define INSTALLED	"/usr/share/dbus-1/system-services/" MACHINE1 ".service"
#define PATIENCE_USEC	(10 * 1000000ULL)	/* it may have to be started, on a machine that boots */

static int make_call(sd_bus *bus, const struct zendo_config *c, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(bus, ret, MACHINE1, "/org/freedesktop/machine1", MACHINE1 ".Manager", "RegisterMachine");

	if (r >= 0)
		r = sd_bus_message_append(*ret, "s", c->name);
	if (r >= 0)
		r = sd_bus_message_append_array(*ret, 'y', c->uuid, sizeof(c->uuid));
	return r < 0 ? r : sd_bus_message_append(*ret, "ssus", "zendo", "vm", (uint32_t)getpid(), "");
}

/* Its names are those of hosts: it refuses others by InvalidArgs. */
static void call(sd_bus *bus, const struct zendo_config *c)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = make_call(bus, c, &m);

	if (r >= 0)
		r = sd_bus_call(bus, m, PATIENCE_USEC, &error, NULL);
	if (r < 0 && !sd_bus_error_has_name(&error, SD_BUS_ERROR_INVALID_ARGS))
		log_message(LOG_WARNING, "machinectl does not know it: %s, ignoring", error.message ? error.message : strerror(-r));
	sd_bus_error_free(&error);
	sd_bus_message_unref(m);
}

void machine_register(const struct zendo_config *c)
{
	sd_bus *bus = NULL;
	int r;

	if (geteuid() != 0 || access(INSTALLED, F_OK) != 0)
		return;
	r = sd_bus_open_system(&bus);
	if (r < 0)
		log_message(LOG_WARNING, "machinectl does not know it: %s, ignoring", strerror(-r));
	else
		call(bus, c);
	(void)sd_bus_flush_close_unref(bus);
}
