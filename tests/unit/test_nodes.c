/* SPDX-License-Identifier: GPL-2.0-only */
/* The folders of a device, in a store whose guest overtakes each transaction that has to do with what is its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent.h"

#define FRONT	"/local/domain/5/device/vbd/51712"
#define BACK	"/local/domain/0/backend/vbd/5/51712"
#define TX	7
#define TIMES_MOST	100	/* as zendo_store_transaction() */

static char removed[512];		/* in that order, each with a blank */
static size_t committed;		/* how much of it counts when a transaction is over */
static bool overtaken;

static void touch(uint32_t tx, const char *path)
{
	overtaken |= tx && strncmp(path, FRONT, strlen(FRONT)) == 0;
}

int zendo_store_rm(struct zendo_store *s, uint32_t tx, const char *path)
{
	size_t len = strlen(removed);

	(void)s;
	touch(tx, path);
	(void)snprintf(removed + len, sizeof(removed) - len, "%s ", path);
	if (!tx)
		committed = strlen(removed);
	return 0;
}

/* All other folders have nothing below. */
int zendo_store_list(struct zendo_store *s, uint32_t tx, const char *path, char ***ret, size_t *ret_nr)
{
	(void)s;
	touch(tx, path);
	*ret = calloc(1, sizeof(**ret));
	*ret_nr = 0;
	return 0;
}

int agent_transaction(struct agent *a, int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata)
{
	for (unsigned i = 0; i < TIMES_MOST; i++) {
		int r;

		overtaken = false;
		r = step(a->store, TX, userdata);
		if (r < 0)
			return r;
		if (!overtaken) {
			committed = strlen(removed);
			return 0;
		}
		removed[committed] = '\0';
	}
	return -EAGAIN;
}

/* ---- not of these tests ---- */

bool agent_store_again(struct agent *a, int r)
{
	(void)a;
	(void)r;
	return false;
}

const struct device_class *device_class_find(const char *name)
{
	(void)name;
	return NULL;
}

enum xenbus_state handshake_state_from_string(const char *s)
{
	(void)s;
	return XenbusStateUnknown;
}

int zendo_store_mkdir(struct zendo_store *s, uint32_t tx, const char *path)
{
	(void)s;
	touch(tx, path);
	return -ENOTSUP;
}

int zendo_store_read(struct zendo_store *s, uint32_t tx, const char *path, char **ret, size_t *ret_len)
{
	(void)s;
	(void)ret;
	(void)ret_len;
	touch(tx, path);
	return -ENOTSUP;
}

int zendo_store_printf(struct zendo_store *s, uint32_t tx, const char *path, const char *format, ...)
{
	(void)s;
	(void)format;
	touch(tx, path);
	return -ENOTSUP;
}

int zendo_store_set_perms(struct zendo_store *s, uint32_t tx, const char *path, const struct zendo_store_perm *perms, size_t nr)
{
	(void)s;
	(void)perms;
	(void)nr;
	touch(tx, path);
	return -ENOTSUP;
}

int zendo_store_get_perms(struct zendo_store *s, uint32_t tx, const char *path, struct zendo_store_perm **ret, size_t *ret_nr)
{
	(void)s;
	(void)ret;
	(void)ret_nr;
	touch(tx, path);
	return -ENOTSUP;
}

/* ---- tests ---- */

/* And the backend's goes last: by it an agent that begins anew finds what is left. */
static void a_guest_does_not_keep_its_device_by_writing_to_it(void **state)
{
	const struct hvback_id id = { .class = "vbd", .domid = 5, .devid = 51712 };
	struct agent a = {};

	(void)state;
	assert_int_equal(nodes_remove(&a, &id), 0);
	assert_string_equal(removed, FRONT " " BACK " /local/domain/0/backend/vbd/5 /local/domain/0/backend/vbd ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_does_not_keep_its_device_by_writing_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
