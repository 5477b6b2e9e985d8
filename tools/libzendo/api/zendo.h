/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzendo: domains for programs. "pkg-config --cflags --libs libzendo".
 *
 *	struct zendo_session *s;
 *	uint32_t id;
 *
 *	if (zendo_session_open(&s) == 0 &&
 *	    zendo_session_create(s, "/etc/zendo/web.cfg", NULL, 0, &id) < 0)
 *		fprintf(stderr, "%s\n", zendo_session_message(s));
 *	zendo_session_close(s);
 *
 * Functions return 0, or a negative errno with the sentence for people in zendo_session_message(). Outputs are written only on success.
 * They block until the thing is done; nothing is printed, and no signal handler, thread or global state is made. A session is for one
 * thread at a time; several sessions are independent. A domain is named by its name, or by its id in decimal digits.
 *
 * Errors: -ENODEV the hypervisor is not running, -ENOENT there is no such domain, -EPERM or -EACCES permission is missing, -EINVAL an
 * argument or a definition is wrong, -EOPNOTSUPP this version has not what is asked for, -EBUSY the domain is in no state for it, -EIO
 * what the message says.
 *
 * The symbols have versions: what is in LIBZENDO_1 stays as it is, structs only grow into what is reserved in them.
 */
#ifndef LIBZENDO_H
#define LIBZENDO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZENDO_NAME_MAX	64	/* with the NUL */

struct zendo_session;

int zendo_session_open(struct zendo_session **ret);
void zendo_session_close(struct zendo_session *s);	/* NULL is fine */

/* About the last call that failed; lives until the next call. "" if none has. */
const char *zendo_session_message(const struct zendo_session *s);

/* ---- looking ---- */

struct zendo_session_info {
	char build[64];			/* of the hypervisor */
	uint32_t nr_domains;
	uint32_t nr_cpus;		/* under it */
	uint64_t hypervisor_kib;	/* taken from Linux for itself */
	uint64_t pool_kib, pool_free_kib;
	uint64_t guest_exits, dom0_exits;
	uint64_t reserved[8];
};

int zendo_session_info(struct zendo_session *s, struct zendo_session_info *ret);

/* Bits of @state. */
#define ZENDO_STATE_RUNNING	(1u << 0)
#define ZENDO_STATE_BLOCKED	(1u << 1)	/* all vCPUs wait */
#define ZENDO_STATE_PAUSED	(1u << 2)
#define ZENDO_STATE_SHUTDOWN	(1u << 3)	/* the guest has ended, @shutdown says how */
#define ZENDO_STATE_DYING	(1u << 4)

struct zendo_domain {
	uint32_t domid;
	uint32_t state;
	uint32_t vcpus, max_vcpus;
	int32_t shutdown;		/* with ZENDO_STATE_SHUTDOWN: SHUTDOWN_* of Xen's sched.h (0 poweroff, 1 reboot, 3 crash), else -1 */
	int32_t pid;			/* of its runner, 0 = not to be seen from here */
	uint64_t memory_kib, max_memory_kib;
	uint64_t cpu_ns;		/* guest time of all vCPUs */
	uint64_t exits;
	uint64_t created_ns;		/* CLOCK_BOOTTIME */
	uint8_t uuid[16];
	char name[ZENDO_NAME_MAX];
	uint64_t reserved[8];
};

/* All domains but Linux itself, by id, in memory for free(). */
int zendo_session_list(struct zendo_session *s, struct zendo_domain **ret, size_t *ret_nr);
int zendo_session_find(struct zendo_session *s, const char *domain, struct zendo_domain *ret);

/* The path of its console's terminal, for a terminal program. -ERANGE: @size is too small. */
int zendo_session_console(struct zendo_session *s, const char *domain, char *ret, size_t size);

/* ---- doing ---- */

#define ZENDO_CREATE_PAUSED	(1u << 0)

/*
 * Start what the definition at @path says, changed by @settings ("key=value", NULL-terminated; NULL = none), as "zendo create" does, which is
 * run for it. With @path NULL @settings are all of it. It needs root. The guest runs when this returns.
 */
int zendo_session_create(struct zendo_session *s, const char *path, const char *const *settings, uint32_t flags, uint32_t *ret_domid);

/* End it at once. It is gone on return. */
int zendo_session_destroy(struct zendo_session *s, const char *domain);

/* Also fine when it is so already. This one and destroy: -ETIMEDOUT when nobody answers for 30 s, as when the domain's unit is frozen. */
int zendo_session_pause(struct zendo_session *s, const char *domain);
int zendo_session_unpause(struct zendo_session *s, const char *domain);

/* Ask the guest: @how is "poweroff", "reboot" or "halt". It does it when it likes, if it does. */
int zendo_session_shutdown(struct zendo_session *s, const char *domain, const char *how);

/* ---- events: no rights and no session needed ---- */

enum zendo_event_kind {
	ZENDO_EVENT_CREATED = 1,
	ZENDO_EVENT_RUNNING,
	ZENDO_EVENT_PAUSED,
	ZENDO_EVENT_SHUTDOWN,
	ZENDO_EVENT_DESTROYED,
	ZENDO_EVENT_ATTACHED,		/* a device */
	ZENDO_EVENT_DETACHED,
	ZENDO_EVENT_RENAMED,
};

struct zendo_event {
	uint32_t kind;
	uint32_t domid;
	int32_t shutdown;		/* as in struct zendo_domain */
	uint32_t reserved0;
	char name[ZENDO_NAME_MAX];
	char device[32];		/* "vbd-51712" and the like, "" = none */
	uint64_t reserved[8];
};

struct zendo_events;

/* What happens after this returned is not missed. */
int zendo_events_open(struct zendo_events **ret);
void zendo_events_close(struct zendo_events *e);

/* For poll(): readable when there may be an event. */
int zendo_events_fd(const struct zendo_events *e);

/*
 * The next one. 1: *ret is filled; 0: none within @timeout_ms (-1 = no limit); -ENOBUFS: some were lost, go on; -ENODEV: the module is being
 * unloaded, there will be no more.
 */
int zendo_events_next(struct zendo_events *e, int timeout_ms, struct zendo_event *ret);

#ifdef __cplusplus
}
#endif
#endif
