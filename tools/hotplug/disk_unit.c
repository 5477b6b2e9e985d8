/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transient units by systemd's D-Bus interface. Each call has a connection of its own: sd-bus knows no threads.
 *
 * Order: when a domain's unit is stopped, its disks' are stopped behind it (Before= is turned round for stopping), so what the guest still
 * writes while it shuts down has a disk. A domain that ends by itself takes them along (BindsTo=).
 */
#include "disk_unit.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <systemd/sd-bus.h>

#include "backend.h"
#include "cleanup.h"
#include "runtime.h"

#define DESTINATION	"org.freedesktop.systemd1"
#define MANAGER_PATH	"/org/freedesktop/systemd1"
#define MANAGER		DESTINATION ".Manager"
#define PREFIX		"zendo-disk-"
#define SUFFIX		".service"
#define STOP_USEC	(10 * 60 * 1000000ULL)	/* what qemu-nbd has in its cache may be much, and the disk slow */
#define AGAIN_USEC	(2 * 1000000ULL)
#define BIT(n)		(UINT64_C(1) << (n))

static void bus_closep(sd_bus **b)
{
	(void)sd_bus_flush_close_unref(*b);
}

static void messagep(sd_bus_message **m)
{
	(void)sd_bus_message_unref(*m);
}

char *disk_unit_name(const struct hvback_id *id, char ret[static DISK_UNIT_NAME_MAX])
{
	char name[ZENDO_BACKEND_NAME_MAX];

	(void)snprintf(ret, DISK_UNIT_NAME_MAX, PREFIX "%s" SUFFIX, zendo_backend_name(id, name));
	return ret;
}

int disk_unit_parse_name(const char *name, struct hvback_id *ret)
{
	char id[ZENDO_BACKEND_NAME_MAX];
	size_t len = strlen(name);

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || len < strlen(PREFIX SUFFIX) ||
	    strcmp(name + len - strlen(SUFFIX), SUFFIX) != 0 || len - strlen(PREFIX SUFFIX) >= sizeof(id))
		return -EINVAL;
	(void)snprintf(id, sizeof(id), "%.*s", (int)(len - strlen(PREFIX SUFFIX)), name + strlen(PREFIX));
	return zendo_backend_parse_name(id, ret);
}

static int get_state(sd_bus *bus, const char *unit, char **ret)
{
	_cleanup_free_ char *path = NULL;
	int r = sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path);

	return r < 0 ? r : sd_bus_get_property_string(bus, DESTINATION, path, DESTINATION ".Unit", "ActiveState", NULL, ret);
}

/* ---- jobs of systemd ---- */

struct wait {
	char *path;		/* of the job */
	bool done;
	char result[32];
};

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct wait *w = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 || !w->path || strcmp(path, w->path) != 0)
		return 0;
	w->done = true;
	(void)snprintf(w->result, sizeof(w->result), "%s", result);
	return 0;
}

static int open_bus(sd_bus **ret, struct wait *w, struct zendo_error *e)
{
	int r = sd_bus_open_system(ret);

	if (r >= 0)
		r = sd_bus_match_signal(*ret, NULL, DESTINATION, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, w);
	if (r >= 0)
		r = sd_bus_call_method(*ret, DESTINATION, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, "");
	return r < 0 ? zendo_error(e, r, "cannot reach systemd: %s", strerror(-r)) : 0;
}

/* So is also one that was to be started, when its first process has died and left another one. */
static bool is_stopping(sd_bus *bus, const char *unit)
{
	_cleanup_free_ char *state = NULL;

	return get_state(bus, unit, &state) >= 0 && strcmp(state, "deactivating") == 0;
}

/*
 * @reply has the job of @unit that was made: until it is done. qemu-nbd up to at least 7.2 forgets a SIGTERM that comes while it begins, so
 * when it is being stopped and has not ended after a while it gets another @signal; systemd's SIGKILL would come after STOP_USEC.
 */
static int wait_for_job(sd_bus *bus, struct wait *w, sd_bus_message *reply, const char *unit, int signal, struct zendo_error *e)
{
	const char *path;
	int r = sd_bus_message_read(reply, "o", &path);

	if (r >= 0 && !(w->path = strdup(path)))
		r = -ENOMEM;
	while (r >= 0 && !w->done) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, AGAIN_USEC);
		else
			continue;
		if (r == 0 && is_stopping(bus, unit))
			(void)sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "KillUnit", NULL, NULL, "ssi", unit, "all", signal);
		if (r == -EINTR)
			r = 0;
	}
	free(w->path);
	return r < 0 ? zendo_error(e, r, "the connection to systemd broke: %s", strerror(-r)) : 0;
}

static int explain(int r, sd_bus_error *error, struct zendo_error *e)
{
	r = zendo_error(e, r, "systemd: %s", error->message ? error->message : strerror(-r));
	sd_bus_error_free(error);
	return r;
}

/* StartUnit or StopUnit. 1: there is no such unit. */
static int plain_job(const char *method, const char *unit, char *result, size_t size, struct zendo_error *e)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	_cleanup_(messagep) sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct wait w = {};
	int r = open_bus(&bus, &w, e);

	if (r < 0)
		return r;
	r = sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, method, &error, &reply, "ss", unit, "replace");
	if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit")) {
		sd_bus_error_free(&error);
		return 1;
	}
	if (r < 0)
		return explain(r, &error, e);
	r = wait_for_job(bus, &w, reply, unit, SIGTERM, e);	/* what it has not written is not to be lost */
	(void)snprintf(result, size, "%s", w.result);
	return r;
}

int disk_unit_stop(const struct hvback_id *id, struct zendo_error *e)
{
	char name[DISK_UNIT_NAME_MAX], result[32];
	int r = plain_job("StopUnit", disk_unit_name(id, name), result, sizeof(result), e);

	if (r == 0 && strcmp(result, "done") != 0)
		r = zendo_error(e, -EIO, "%s cannot be stopped: %s", name, result);
	return r < 0 ? r : 0;
}

int disk_unit_load_nbd(struct zendo_error *e)
{
	char result[32];
	int r = plain_job("StartUnit", "modprobe@nbd.service", result, sizeof(result), e);

	return r < 0 ? r : 0;	/* it does not tell whether there is the module */
}

int disk_unit_list(void (*one)(const struct hvback_id *id, void *userdata), void *userdata, struct zendo_error *e)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	_cleanup_(messagep) sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct hvback_id id;
	struct wait w = {};
	const char *name;
	int r = open_bus(&bus, &w, e);

	if (r < 0)
		return r;
	r = sd_bus_call_method(bus, DESTINATION, MANAGER_PATH, MANAGER, "ListUnitsByPatterns", &error, &reply, "asas", 0, 1,
			       PREFIX "*" SUFFIX);
	if (r < 0)
		return explain(r, &error, e);
	r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "ssssssouso")) > 0) {
		r = sd_bus_message_read(reply, "s", &name);
		if (r >= 0 && disk_unit_parse_name(name, &id) >= 0)
			one(&id, userdata);
		if (r >= 0)
			r = sd_bus_message_skip(reply, "sssssouso");
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r < 0 ? zendo_error(e, r, "systemd's answer cannot be read") : 0;
}

/* ---- making one ---- */

/* Is it a unit that disks can be bound to? Somebody may have started the runner by hand. */
static bool runs(sd_bus *bus, const char *unit)
{
	_cleanup_free_ char *state = NULL;

	return get_state(bus, unit, &state) >= 0 &&
	       (strcmp(state, "active") == 0 || strcmp(state, "activating") == 0 || strcmp(state, "reloading") == 0);
}

static int add_ties(sd_bus *bus, sd_bus_message *m, const struct disk_unit *u)
{
	char domain[ZENDO_RUNTIME_PATH_MAX];
	int r;

	r = sd_bus_message_append(m, "(sv)(sv)", "Slice", "s", "zendo.slice", "After", "as", 2, "remote-fs.target", "network.target");
	if (r >= 0 && *u->disk->target == '/')
		r = sd_bus_message_append(m, "(sv)", "RequiresMountsFor", "as", 1, u->disk->target);
	if (r < 0 || !u->domain || zendo_unit_name(u->domain, domain) < 0)
		return r;
	r = sd_bus_message_append(m, "(sv)", "Before", "as", 1, domain);
	if (r >= 0 && runs(bus, domain))
		r = sd_bus_message_append(m, "(sv)", "BindsTo", "as", 1, domain);
	return r;
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
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "ExecStart");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a(sasb)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sasb)");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sasb");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", c.args[0]);
	if (r >= 0)
		r = sd_bus_message_append_strv(m, (char **)c.args);
	if (r >= 0)
		r = sd_bus_message_append(m, "b", false);
	for (unsigned i = 0; i < 4 && r >= 0; i++)
		r = sd_bus_message_close_container(m);
	return r;
}

static bool uses_network(const struct chain *c)
{
	for (size_t i = 0; i < c->nr; i++)
		if (*c->files[i].path != '/')
			return true;
	return false;
}

static int make_message(sd_bus *bus, const struct disk_unit *u, const char *name, sd_bus_message **ret)
{
	char description[512];
	int r;

	(void)snprintf(description, sizeof(description), "Disk %s of Zendo domain %s: %.300s", u->disk->vdev, u->domain ? u->domain : "",
		       u->disk->target);
	r = sd_bus_message_new_method_call(bus, ret, DESTINATION, MANAGER_PATH, MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = sd_bus_message_append(*ret, "ss", name, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(*ret, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(*ret, "(sv)", "Description", "s", description);
	if (r >= 0)
		r = add_ties(bus, *ret, u);
	if (r >= 0)
		r = add_log_fields(*ret, u->domain);
	if (r >= 0)
		r = add_limits(*ret, uses_network(u->chain));
	if (r >= 0)
		r = add_devices(*ret, u);
	if (r >= 0)
		r = add_command(*ret, u);
	if (r >= 0)
		r = sd_bus_message_close_container(*ret);
	if (r >= 0)
		r = sd_bus_message_append(*ret, "a(sa(sv))", 0);
	return r;
}

static int read_pid(sd_bus *bus, const char *name, pid_t *ret)
{
	_cleanup_free_ char *path = NULL;
	uint32_t pid = 0;
	int r = sd_bus_path_encode(MANAGER_PATH "/unit", name, &path);

	if (r >= 0)
		r = sd_bus_get_property_trivial(bus, DESTINATION, path, DESTINATION ".Service", "MainPID", NULL, 'u', &pid);
	*ret = (pid_t)pid;
	return r < 0 ? r : pid ? 0 : -ESRCH;
}

int disk_unit_start(const struct disk_unit *u, pid_t *ret, struct zendo_error *e)
{
	_cleanup_(bus_closep) sd_bus *bus = NULL;
	_cleanup_(messagep) sd_bus_message *m = NULL, *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	char name[DISK_UNIT_NAME_MAX];
	struct wait w = {};
	int r = open_bus(&bus, &w, e);

	if (r < 0)
		return r;
	r = make_message(bus, u, disk_unit_name(u->id, name), &m);
	if (r < 0)
		return zendo_error(e, r, "%s cannot be described: %s", name, strerror(-r));
	r = sd_bus_call(bus, m, 0, &error, &reply);
	if (r < 0)
		return explain(r, &error, e);
	r = wait_for_job(bus, &w, reply, name, SIGKILL, e);	/* one that is stopped already has got nothing to write */
	if (r < 0)
		return r;
	if (strcmp(w.result, "done") != 0)
		return zendo_error(e, -EIO, "qemu-nbd does not serve it (%s): journalctl -u %s has the reason", w.result, name);
	r = read_pid(bus, name, ret);
	return r < 0 ? zendo_error(e, r, "%s has ended again: journalctl -u %s has the reason", name, name) : 0;
}
