/* SPDX-License-Identifier: GPL-2.0-only */
/* XS_CONTROL "await-look": a node that a guest's look removes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_world.h"

#define LOOK	"/local/domain/5/device/zendo-look/vif-1"

static struct world w;
static struct answer a;

static int setup(void **state)
{
	(void)state;
	world_begin(&w);
	assert_int_equal(ask_text(w.dom0, XS_WRITE, 0, "/local/domain/5/device/vif/1/state|1", NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static const char *await_look(const char *path)
{
	char body[200];
	int r;

	(void)snprintf(body, sizeof(body), "await-look|%s|", path);
	r = ask_text(w.dom0, XS_CONTROL, 0, body, &a);
	return r == -ENOENT ? "ENOENT" : r == -EINVAL ? "EINVAL" : r < 0 ? "?" : a.body;
}

static bool is_there(const char *path)
{
	char body[200];

	(void)snprintf(body, sizeof(body), "%s|", path);
	return ask_text(w.dom0, XS_DIRECTORY, 0, body, NULL) == 0;
}

/* As Linux: a watch on "device", and each node that it tells of is looked at. */
static void the_node_goes_when_the_guest_has_come_so_far(void **state)
{
	(void)state;
	assert_int_equal(ask_text(w.guest, XS_WATCH, 0, "device|0|", NULL), 0);
	assert_string_equal(next_event(w.guest), "device 0");
	assert_int_equal(ask_text(w.dom0, XS_WATCH, 0, LOOK "|t|", NULL), 0);
	assert_string_equal(next_event(w.dom0), LOOK " t");
	assert_int_equal(ask_text(w.dom0, XS_RM, 0, "/local/domain/5/device/vif/1|", NULL), 0);
	assert_string_equal(await_look(LOOK), "awaited");
	assert_string_equal(next_event(w.dom0), LOOK " t");
	assert_string_equal(next_event(w.guest), "device/vif/1 0");
	assert_int_equal(ask_text(w.guest, XS_DIRECTORY, 0, "device/vif/1|", NULL), -ENOENT);
	assert_true(is_there(LOOK));
	assert_string_equal(next_event(w.guest), "device/zendo-look/vif-1 0");
	assert_int_equal(ask_text(w.guest, XS_DIRECTORY, 0, "device/zendo-look/vif-1|", NULL), 0);
	assert_false(is_there("/local/domain/5/device/zendo-look"));
	assert_true(is_there("/local/domain/5/device"));
	assert_string_equal(next_event(w.dom0), LOOK " t");
	assert_string_equal(next_event(w.dom0), "");
}

static void only_that_guest_s_own_look_counts(void **state)
{
	uint32_t tx;

	(void)state;
	assert_int_equal(ask_text(w.guest, XS_WATCH, 0, "device|0|", NULL), 0);
	assert_string_equal(await_look(LOOK), "awaited");
	assert_string_equal(await_look("/local/domain/5/device/zendo-look/vif-2"), "awaited");
	(void)ask_text(w.other, XS_DIRECTORY, 0, LOOK "|", NULL);
	(void)ask_text(w.dom0, XS_READ, 0, LOOK "|", NULL);
	tx = start(w.guest);
	assert_int_equal(ask_text(w.guest, XS_DIRECTORY, tx, "device/zendo-look/vif-1|", NULL), 0);
	assert_int_equal(ask_text(w.guest, XS_DIRECTORY, 0, "device/zendo-look|", NULL), 0);
	assert_int_equal(ask_text(w.guest, XS_DIRECTORY, 0, "device/zendo-look/vif-3|", NULL), -ENOENT);
	assert_int_equal(ask_text(w.guest, XS_GET_PERMS, 0, "device/zendo-look/vif-1|", NULL), 0);
	assert_true(is_there(LOOK));
	/* what is below is looked at as well: only the node itself is waited for by name */
	assert_int_equal(ask_text(w.guest, XS_READ, 0, LOOK "/state|", NULL), -ENOENT);
	assert_false(is_there(LOOK));
	assert_true(is_there("/local/domain/5/device/zendo-look/vif-2"));
}

static void guests_that_do_not_look_are_not_waited_for(void **state)
{
	(void)state;
	assert_string_equal(await_look(LOOK), "nobody looks");
	assert_int_equal(ask_text(w.guest, XS_WATCH, 0, "device/vif|0|", NULL), 0);
	assert_int_equal(ask_text(w.guest, XS_WATCH, 0, "devi|0|", NULL), 0);
	assert_string_equal(await_look(LOOK), "nobody looks");
	assert_false(is_there("/local/domain/5/device/zendo-look"));
	assert_string_equal(await_look("/local/domain/6/device/zendo-look/vif-1"), "ENOENT");
	assert_string_equal(await_look("/local/domain/9/device/zendo-look/vif-1"), "ENOENT");
	assert_string_equal(await_look("/local/domain/5/device/zendo-look/"), "EINVAL");
	assert_string_equal(await_look("/local/domain/5/device/zendo-look"), "EINVAL");
	assert_string_equal(await_look("/local/domain/5/device/zendo-look/a/b"), "EINVAL");
	assert_string_equal(await_look("/local/domain/5/device/vif/1"), "EINVAL");
	assert_string_equal(await_look("/local/domain/99999/device/zendo-look/a"), "EINVAL");
	assert_int_equal(ask_text(w.guest, XS_CONTROL, 0, "await-look|" LOOK "|", NULL), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_node_goes_when_the_guest_has_come_so_far, setup, teardown),
		cmocka_unit_test_setup_teardown(only_that_guest_s_own_look_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(guests_that_do_not_look_are_not_waited_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
