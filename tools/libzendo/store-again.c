/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is begun again. */
#include "store.h"

#include <errno.h>
#include <string.h>

int zendo_store_with(const char *path, int timeout_ms, zendo_store_act_t act, void *userdata, struct zendo_error *e)
{
	int r = -ECONNRESET;

	for (unsigned i = 0; i < ZENDO_STORE_LIVES && r == -ECONNRESET; i++) {
		_cleanup_(zendo_store_closep) struct zendo_store *s = NULL;

		r = zendo_store_open(path, &s);
		if (r < 0)
			return zendo_error(e, r, "cannot reach the store: %s; is zendo-stored.service up?", strerror(-r));
		zendo_store_set_timeout(s, timeout_ms);
		r = act(s, userdata, e);
	}
	return r;
}
