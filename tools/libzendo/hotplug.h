/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Talking to zendo-hotplug, the agent for devices. As with a domain's runner (control.h) a request is one line of JSON, and so is the
 * answer, with "ok", or "error" and "text". Who is not root may ask for "list", and the runner of a domain for "prepare".
 *
 *	{"do":"prepare","domid":N,"disks":D,"vifs":V}	all devices of the domain's definition, which the agent reads by itself, from
 *					where only root writes; so many are expected. They wait for the guest then; or none is there.
 *					"again": true: its last guest rebooted, and has left those that were attached and not detached
 *	{"do":"attach","domid":N,"disk":TEXT}		one more, TEXT as in disk = [...]; or "vif" as in vif = [...]. With "wait" (seconds) it is
 *					answered when the guest's frontend has looked at it, and taken away again when it has not in
 *					that time ("timeout"); a guest that is paused is not waited for
 *	{"do":"detach","class":C,"domid":N,"devid":D}	answered when it is gone; "timeout" (seconds, 30): how long the guest has to let
 *					go of it, "force": true does not ask the guest
 *	{"do":"resize","class":C,"domid":N,"devid":D}	the target has another size
 *	{"do":"list","domid":N}		"devices", some of them; with "next" ask again with "from" set to it. Of each: class, device, domid,
 *					devid, frontend_state and backend_state (numbers of xenbus), kernel (waiting, connected, broken),
 *					detaching; as far as they are there dev, params, mode, sectors, mac, bridge, vifname, script, error
 *
 * Error words: "invalid", "gone", "busy" (in use by somebody, who is named), "denied", "timeout", "failed".
 */
#ifndef ZENDO_HOTPLUG_H
#define ZENDO_HOTPLUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ZENDO_HOTPLUG_SOCKET	"/run/zendo/hotplug.sock"

struct json_object;

/* -ENOENT, -ECONNREFUSED: it does not run. */
int zendo_hotplug_connect(int *ret_fd);

/*
 * "prepare", and again when the agent ends in the middle of it: another one takes over, and what was half done is undone by then. With @e
 * filled.
 */
int zendo_hotplug_prepare(uint32_t domid, size_t nr_disks, size_t nr_vifs, bool again, struct zendo_error *e);

#endif
