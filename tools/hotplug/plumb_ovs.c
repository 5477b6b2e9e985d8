/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces on bridges of Open vSwitch. Its database keeps ports whose interface has gone, over reboots: ours are marked with their device, and
 * those whose device the kernel has no more are taken away.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "job.h"
#include "log.h"
#include "ovs.h"
#include "plumb_ovs.h"
#include "run.h"

#define DATABASE	"/run/openvswitch/db.sock"
#define DEVICES		"/sys/bus/hvback/devices/"
#define TIMEOUT_MS	15000

/* Who makes a port may find a stale one of its name. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* 0 with what it printed in *@ret; @e may be NULL. */
static int vsctl(const char *const *args, char **ret, struct zendo_error *e)
{
	_cleanup_free_ char *out = NULL, *err = NULL;
	int r = run(args, TIMEOUT_MS, &out, &err);

	if (r == -ENOENT)
		return zendo_error(e, r, "there is no program " OVS_VSCTL ": apt install openvswitch-switch");
	if (r < 0)
		return zendo_error(e, r, "ovs-vsctl: %s", strerror(-r));
	if (r == 128 + SIGALRM)		/* as its --timeout ends it */
		return zendo_error(e, -ETIMEDOUT, "it does not answer: systemctl status openvswitch-switch");
	if (r > 0)
		return zendo_error(e, -EIO, "%.*s", (int)strcspn(err, "\n"), *err ? err : "ovs-vsctl failed");
	if (ret)
		*ret = TAKE_PTR(out);
	return 0;
}

/* 1: a port of ours has this name; 0: none has. */
static int look_for_port(const char *ifname, struct zendo_error *e)
{
	const char *const args[] = { OVS_VSCTL, "--timeout=10", "--if-exists", "get", "Port", ifname, "name", NULL };
	_cleanup_free_ char *name = NULL, *text = NULL;
	const char *port, *device;
	char *next;
	int r = vsctl(args, &name, e);

	if (r < 0 || !*name)
		return r;
	r = vsctl(ovs_list_ports, &text, e);
	if (r < 0)
		return r;
	for (next = text; ovs_next_port(&next, &port, &device);)
		if (strcmp(port, ifname) == 0)
			return 1;
	return zendo_error(e, -EEXIST, "there is a port %s already, which is not of a guest", ifname);
}

/* What the switch itself says of it: that it is in the database says little. */
static int check_port(const char *ifname, struct zendo_error *e)
{
	const char *const args[] = { OVS_VSCTL, "--timeout=10", "get", "Interface", ifname, "error", NULL };
	_cleanup_free_ char *text = NULL;
	int r = vsctl(args, &text, e);

	if (r < 0 || strncmp(text, "[]", 2) == 0)
		return r;
	return zendo_error(e, -EIO, "%.*s", (int)strcspn(text, "\n"), text);
}

static int add_locked(const struct zendo_vif *v, const char *bridge, const char *ifname, const char *device, const char *mac,
		      struct zendo_error *e)
{
	struct ovs_command c;
	int r = look_for_port(ifname, e);

	if (r < 0)
		return r;
	ovs_add_port(v, bridge, ifname, device, mac, r > 0, &c);
	r = vsctl(c.args, NULL, e);
	return r < 0 ? r : check_port(ifname, e);
}

int plumb_ovs(const struct zendo_vif *v, const char *bridge, const char *ifname, const char *device, const char *mac, struct zendo_error *e)
{
	struct zendo_error why = {};
	int r;

	if (!ovs_name_is_plain(ifname))
		return plumb_fail(v, e, -EINVAL, "vifname=%s: on a bridge of Open vSwitch only letters, digits, '_', '.' and '-' are possible, "
				  "the last not in front", ifname);
	(void)pthread_mutex_lock(&lock);
	r = add_locked(v, bridge, ifname, device, mac, &why);
	(void)pthread_mutex_unlock(&lock);
	return r < 0 ? plumb_fail(v, e, r, "it cannot be put on bridge %s of Open vSwitch: %s", bridge, why.text) : 0;
}

/* ---- the end ---- */

static bool is_there(const char *device)
{
	char path[sizeof(DEVICES) + OVS_DEVICE_MAX];
	int n = snprintf(path, sizeof(path), DEVICES "%s", device);

	return n >= (int)sizeof(path) || access(path, F_OK) == 0;
}

/* The interface is gone already: it is the database that must not have it, whether the switch runs or not. */
static void remove_port(const char *port, const char *device)
{
	const char *const args[] = { OVS_VSCTL, "--timeout=10", "--no-wait", "--", "--if-exists", "del-port", port, NULL };
	struct zendo_error why = {};

	if (vsctl(args, NULL, &why) < 0)
		log_line(LOG_ERR, "%s: port %s stays in Open vSwitch: %s", device, port, why.text);
}

void ovs_sweep(void)
{
	_cleanup_free_ char *text = NULL;
	struct zendo_error why = {};
	const char *port, *device;
	char *next;

	if (access(DATABASE, F_OK) < 0)
		return;		/* it does not run */
	(void)pthread_mutex_lock(&lock);
	if (vsctl(ovs_list_ports, &text, &why) < 0)
		log_line(LOG_ERR, "ports of Open vSwitch cannot be listed: %s", why.text);
	for (next = text; next && ovs_next_port(&next, &port, &device);)
		if (!is_there(device))
			remove_port(port, device);
	(void)pthread_mutex_unlock(&lock);
}
