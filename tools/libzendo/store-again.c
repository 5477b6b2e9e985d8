/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is begun again: transactions that others have overtaken, and what a daemon did not live to answer. */
#include "store.h"

#include <errno.h>
#include <string.h>

#include "store-request.h"

/* ---- transactions ---- */

int zendo_store_tx_start(struct zendo_store *s, uint32_t *ret)
{
	struct store_answer a;
	unsigned long id;
	char *end;
	int r = store_request_path(s, XS_TRANSACTION_START, 0, "", &a);

	if (r < 0)
		return r;
	id = strtoul(a.body, &end, 10);
	if (*end || id == 0 || id > UINT32_MAX)
		return store_fail(s, -EPROTO);
	*ret = (uint32_t)id;
	return 0;
}

int zendo_store_tx_end(struct zendo_store *s, uint32_t tx, bool commit)
{
	return store_request_path(s, XS_TRANSACTION_END, tx, commit ? "T" : "F", NULL);
}

int zendo_store_transaction(struct zendo_store *s, int (*step)(struct zendo_store *s, uint32_t tx, void *userdata), void *userdata)
{
	for (unsigned times = 0; times < STORE_AGAIN_MOST; times++) {
		uint32_t tx;
		int r = zendo_store_tx_start(s, &tx);

		if (r < 0)
			return r;
		r = step(s, tx, userdata);
		if (r < 0)
			(void)zendo_store_tx_end(s, tx, false);
		else
			r = zendo_store_tx_end(s, tx, true);
		if (r != -EAGAIN)
			return r;
	}
	return -EAGAIN;
}

/* ---- though the daemon may be killed at any time ---- */

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
