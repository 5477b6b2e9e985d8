/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store_world.h"

void world_begin(struct world *w)
{
	fake_store_introduce = 0;
	fake_store_now = 1;
	w->s = store_new(&fake_store_ops, NULL, 1);
	w->dom0 = conn_new(w->s, domain_get(w->s, 0), false);
	assert_int_equal(ask_text(w->dom0, XS_INTRODUCE, 0, "5|100|3|", NULL), 0);
	assert_int_equal(ask_text(w->dom0, XS_INTRODUCE, 0, "6|100|4|", NULL), 0);
	w->guest = domain_find(w->s, 5)->conn;
	w->other = domain_find(w->s, 6)->conn;
	assert_int_equal(ask_text(w->dom0, XS_MKDIR, 0, "/local/domain/5/data|", NULL), 0);
	assert_int_equal(ask_text(w->dom0, XS_SET_PERMS, 0, "/local/domain/5|n0|r5|", NULL), 0);
	assert_int_equal(ask_text(w->dom0, XS_SET_PERMS, 0, "/local/domain/5/data|n5|", NULL), 0);
}

void world_end(struct world *w)
{
	assert_null(store_check(w->s));
	store_free(w->s);
}

uint32_t start(struct conn *c)
{
	struct answer a;

	assert_int_equal(ask_text(c, XS_TRANSACTION_START, 0, "|", &a), 0);
	return (uint32_t)strtoul(a.body, NULL, 10);
}
