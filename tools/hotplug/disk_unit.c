/* SPDX-License-Identifier: GPL-2.0-only */
#include "disk_unit.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backend.h"
#include "cleanup.h"
#include "unit_bus.h"

#define PREFIX		"zendo-disk-"
#define STOP_USEC	(10 * 60 * 1000000ULL)	/* what qemu-nbd has in its cache may be much, and the disk slow */
#define BIT(n)		(UINT64_C(1) << (n))

_Static_assert(DISK_UNIT_NAME_MAX >= UNIT_NAME_MAX, "its name fits");

char *disk_unit_name(const struct hvback_id *id, char ret[static DISK_UNIT_NAME_MAX])
{
	return unit_bus_name(PREFIX, id, ret);
}

int disk_unit_stop(const struct hvback_id *id, struct zendo_error *e)
{
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	char name[DISK_UNIT_NAME_MAX];
	int r = unit_bus_open(&b, e);

	if (r >= 0)	/* what it has not written is not to be lost; qemu-nbd up to at least 7.2 forgets a SIGTERM that comes while it begins */
		r = unit_bus_job(&b, "StopUnit", disk_unit_name(id, name), SIGTERM, e);
	if (r == 0 && strcmp(b.result, "done") != 0)
		r = zendo_error(e, -EIO, "%s cannot be stopped: %s", name, b.result);
	return r < 0 ? r : 0;
}

int disk_unit_load_nbd(struct zendo_error *e)
{
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	int r = unit_bus_open(&b, e);

	if (r >= 0)
		r = unit_bus_job(&b, "StartUnit", "modprobe@nbd.service", 0, e);
	return r < 0 ? r : 0;	/* it does not tell whether there is the module */
}

int disk_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	return unit_bus_list(PREFIX, one, userdata, e);
}

/* ---- making one ---- */

static int add_order(sd_bus_message *m, const struct disk_unit *u)
{
	int r = sd_bus_message_append(m, "(sv)", "After", "as", 2, "remote-fs.target", "network.target");

	if (r >= 0 && *u->disk->target == '/')
		r = sd_bus_message_append(m, "(sv)", "RequiresMountsFor", "as", 1, u->disk->target);
	return r;
}

/* What qemu-nbd needs, as root: its files, and the ioctls of /dev/nbdN, for which the kernel wants CAP_SYS_ADMIN. */
static int add_limits(sd_bus_message *m, bool network)
{
	int r;

	r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "NoNewPrivileges", "b", true, "LockPersonality", "b", true,
				  "MemoryDenyWriteExecute", "b", true, "RestrictRealtime", "b", true, "UMask", "u", 0077,
				  "OOMScoreAdjust", "i", -500, "CapabilityBoundingSet", "t",
				  BIT(CAP_SYS_ADMIN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH));
	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "RestrictNamespaces", "t", UINT64_C(0), "SystemCallArchitectures", "as",
					  1, "native", "SystemCallFilter", "(bas)", true, 1, "@system-service", "SystemCallErrorNumber",
					  "i", EPERM);
	if (r >= 0 && network)
		r = sd_bus_message_append(m, "(sv)", "RestrictAddressFamilies", "(bas)", true, 3, "AF_UNIX", "AF_INET", "AF_INET6");
	else if (r >= 0)
		r = sd_bus_message_append(m, "(sv)", "RestrictAddressFamilies", "(bas)", true, 1, "AF_UNIX");
	return r;
}

/* Those of its files that are block devices, and what it serves. */
static int add_devices(sd_bus_message *m, const struct disk_unit *u)
{
	char nbd[32];
	int r;

	(void)snprintf(nbd, sizeof(nbd), "/dev/nbd%u", u->nbd);
	r = sd_bus_message_append(m, "(sv)(sv)", "DevicePolicy", "s", "closed", "DeviceAllow", "a(ss)", 1, nbd, "rw");
	for (size_t i = 0; i < u->chain->nr && r >= 0; i++) {
		const char *path = u->chain->files[i].path;
		struct stat st;

		if (*path == '/' && stat(path, &st) == 0 && S_ISBLK(st.st_mode))
			r = sd_bus_message_append(m, "(sv)", "DeviceAllow", "a(ss)", 1, path, u->chain->files[i].backing ? "r" : "rw");
	}
	return r;
}

static int add_command(sd_bus_message *m, const struct disk_unit *u)
{
	char name[ZENDO_BACKEND_NAME_MAX], folder[96], socket[128];
	struct disk_command c;
	int r;

	(void)snprintf(folder, sizeof(folder), "zendo/disks/%s", zendo_backend_name(u->id, name));
	(void)snprintf(socket, sizeof(socket), "/run/%s/nbd", folder);
	disk_command(u, socket, &c);
	r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)", "Type", "s", "forking", "CollectMode", "s", "inactive-or-failed",
				  "TimeoutStopUSec", "t", STOP_USEC, "RuntimeDirectory", "as", 1, folder, "RuntimeDirectoryMode", "u",
				  0700, "SyslogIdentifier", "s", "qemu-nbd");
	return r < 0 ? r : unit_bus_add_command(m, "ExecStart", c.args);
}

static bool uses_network(const struct chain *c)
{
	for (size_t i = 0; i < c->nr; i++)
		if (*c->files[i].path != '/')
			return true;
	return false;
}

static int make_message(struct unit_bus *b, const struct disk_unit *u, const char *name, sd_bus_message **ret)
{
	char description[512];
	int r;

	(void)snprintf(description, sizeof(description), "Disk %s of Zendo domain %s: %.300s", u->disk->vdev, u->domain ? u->domain : "",
		       u->disk->target);
	r = unit_bus_begin(b, name, description, ret);
	if (r >= 0)
		r = add_order(*ret, u);
	if (r >= 0)
		r = unit_bus_add_ties(b, *ret, u->domain);
	if (r >= 0)
		r = add_limits(*ret, uses_network(u->chain));
	if (r >= 0)
		r = add_devices(*ret, u);
	return r < 0 ? r : add_command(*ret, u);
}

int disk_unit_start(const struct disk_unit *u, pid_t *ret, struct zendo_error *e)
{
	_cleanup_(unit_bus_messagep) sd_bus_message *m = NULL;
	_cleanup_(unit_bus_close) struct unit_bus b = {};
	char name[DISK_UNIT_NAME_MAX];
	uint32_t pid = 0;
	int r = unit_bus_open(&b, e);

	if (r < 0)
		return r;
	r = make_message(&b, u, disk_unit_name(u->id, name), &m);
	if (r < 0)
		return zendo_error(e, r, "%s cannot be described: %s", name, strerror(-r));
	r = unit_bus_run(&b, m, name, SIGKILL, e);	/* one that is stopped already has got nothing to write */
	if (r < 0)
		return r;
	if (strcmp(b.result, "done") != 0)
		return zendo_error(e, -EIO, "qemu-nbd does not serve it (%s): journalctl -u %s has the reason", b.result, name);
	if (unit_bus_number(&b, name, "MainPID", 'u', &pid) < 0 || !pid)
		return zendo_error(e, -ESRCH, "%s has ended again: journalctl -u %s has the reason", name, name);
	*ret = (pid_t)pid;
	return 0;
}
