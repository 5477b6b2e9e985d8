/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scripts that make what a device stands on, as Xen's libxl runs them (docs/hotplug.md, "Scripts"). What is true stands in the store (the node
 * "script" of the backend's folder) and in systemd (script_unit.h); what is kept here serves to wait for scripts that are undoing something.
 *
 * Before a script runs the backend's folder is there, and the frontend's is not: the guest sees nothing. Its node "zendo-making" says so to the
 * next agent.
 */
#ifndef HOTPLUG_SCRIPT_H
#define HOTPLUG_SCRIPT_H

#include <stdbool.h>

#include "agent.h"

#define SCRIPT_MAKING	"zendo-making"

/*
 * In a job's thread: s->script runs, which script_find() has found, with the folder's nodes by the class. @vif: the interface, which is there;
 * NULL: it is a disk's. On failure all is undone, nodes too, and @e says why.
 */
int script_start(const struct spec *s, const char *vif, struct zendo_error *e);

/* In a job's thread: for an interface whose module has come again. Nodes are as they were. */
int script_again(const struct spec *s, const char *vif, struct zendo_error *e);

/* In a job's thread: what the script wrote, or -ENOENT; the caller frees *ret. */
int script_read(const struct hvback_id *id, const char *node, char **ret);

/* The device is in the store with both its folders: they are the agent's to remove from here on. */
void script_published(const struct hvback_id *id);

bool script_has(const struct hvback_id *id);

/* In a job's thread: until all is undone. Nothing is done for devices without a script. */
void script_stop(const struct hvback_id *id);
/* From the event loop, which does not wait: in a job. */
void script_stop_later(const struct hvback_id *id);

/* After a restart. @id has nodes with a script, but is no device any more or was never one: all of it is taken away, in a job. */
void script_leftover(struct agent *a, const struct hvback_id *id);
/* Then: units of devices that are there are remembered, all others stopped. */
int script_rebuild(struct agent *a, struct zendo_error *e);

#endif
