/* SPDX-License-Identifier: GPL-2.0-only */
#include "look.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

#define PATIENCE_MS	10000	/* a guest that is stopped may never look */

static void look_path(const struct hvback_id *id, char ret[static NODE_PATH_MAX])
{
	(void)snprintf(ret, NODE_PATH_MAX, "/local/domain/%" PRIu32 "/device/zendo-look/%s-%" PRIu32, id->domid, id->class, id->devid);
}

void look_begin(struct agent *a, const struct hvback_id *id)
{
	char path[NODE_PATH_MAX];
	int r;

	look_path(id, path);
	do
		r = zendo_store_await_look(a->store, path);
	while (r < 0 && agent_store_again(a, r));
	/* -ENOENT: its domain has ended */
	if (r < 0 && r != -ENOENT)
		log_line(LOG_NOTICE, "%s: the store cannot tell when the guest has seen it: %s", path, strerror(-r));
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool is_there(struct zendo_store *s, const char *path)
{
	struct zendo_store_perm *perms;
	size_t nr;

	if (zendo_store_get_perms(s, 0, path, &perms, &nr) < 0)
		return false;
	free(perms);
	return true;
}

/* The watch tells when it goes. False: it is there yet when the time is over. */
static bool wait_until_gone(struct zendo_store *s, const char *path)
{
	const int64_t end = now_ms() + PATIENCE_MS;
	struct pollfd p = { .fd = zendo_store_fd(s), .events = POLLIN };

	while (is_there(s, path)) {
		const int64_t left = end - now_ms();
		const char *token;
		char *changed;

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left) > 0 && zendo_store_read_watch(s, &changed, &token) > 0)
			free(changed);
	}
	return true;
}

void look_wait(const struct hvback_id *id)
{
	_cleanup_(zendo_store_closep) struct zendo_store *s = NULL;
	char path[NODE_PATH_MAX], name[ZENDO_BACKEND_NAME_MAX];

	look_path(id, path);
	if (zendo_store_open(NULL, &s) < 0 || !is_there(s, path) || zendo_store_watch(s, path, "look") < 0)
		return;
	if (wait_until_gone(s, path))
		return;
	log_line(LOG_NOTICE, "%s: the guest has not seen in %d seconds that the last device of this number went; it may not see this one",
		 zendo_backend_name(id, name), PATIENCE_MS / 1000);
	(void)zendo_store_rm(s, 0, path);
}
