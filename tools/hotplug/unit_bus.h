/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transient units by systemd's D-Bus interface, for disk_unit.c and script_unit.c. In a job's thread: each call waits for systemd. Each has a
 * connection of its own, as sd-bus knows no threads.
 *
 * Order: when a domain's unit is stopped, the units of its devices are stopped behind it (Before= is turned round for stopping), so what the
 * guest still writes while it shuts down has a disk. A domain that ends by itself takes them along (BindsTo=).
 */
#ifndef HOTPLUG_UNIT_BUS_H
#define HOTPLUG_UNIT_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hvback.h>
#include <systemd/sd-bus.h>

#include "error.h"

#define UNIT_NAME_MAX	80

/* Names are a prefix, the device and ".service": "zendo-disk-vbd-1-51712.service"; and back: -EINVAL. */
char *unit_bus_name(const char *prefix, const struct hvback_id *id, char ret[static UNIT_NAME_MAX]);
int unit_bus_parse_name(const char *prefix, const char *name, struct hvback_id *ret);

/* A connection, and the job that is waited for on it. */
struct unit_bus {
	sd_bus *bus;
	char *job;
	bool done;
	char result[32];	/* of the job: "done", "failed", ... */
};

/* It must stay where it is. */
int unit_bus_open(struct unit_bus *b, struct zendo_error *e);
void unit_bus_close(struct unit_bus *b);

/* StartTransientUnit as far as its properties, and all behind them: the message is sent, and the end of the job waited for. */
int unit_bus_begin(struct unit_bus *b, const char *name, const char *description, sd_bus_message **ret);
int unit_bus_run(struct unit_bus *b, sd_bus_message *m, const char *name, int signal, struct zendo_error *e);

/* Properties: the slice and what goes with @domain (its name, may be NULL), one command with its arguments. */
int unit_bus_add_ties(struct unit_bus *b, sd_bus_message *m, const char *domain);
int unit_bus_add_command(sd_bus_message *m, const char *property, const char *const *args);

/*
 * StartUnit, StopUnit; the result is in @b. 1: there is no such unit. @signal, here and above: what a unit gets that is being stopped and
 * has not ended after a while, again and again; 0: nothing.
 */
int unit_bus_job(struct unit_bus *b, const char *method, const char *name, int signal, struct zendo_error *e);

/* Text of a property; the caller frees *ret. */
int unit_bus_text(struct unit_bus *b, const char *name, const char *interface, const char *property, char **ret);
int unit_bus_number(struct unit_bus *b, const char *name, const char *property, char type, void *ret);
/* Forget that it failed. */
void unit_bus_reset(struct unit_bus *b, const char *name);

/* Those that are loaded, also when their process has ended. */
int unit_bus_list(const char *prefix, void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e);

void unit_bus_messagep(sd_bus_message **m);

#endif
