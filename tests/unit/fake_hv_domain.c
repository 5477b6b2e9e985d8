/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"
#include "core/domain_mem.h"
#include "core/npt.h"

struct domain *fake_domain(domid_t id, int levels, uint64_t max_pages, uint32_t max_pool_pages)
{
	struct domain *d = pool_alloc(NULL);

	assert_non_null(d);
	d->id = id;
	d->state = DOMAIN_ALIVE;
	d->max_pages = max_pages;
	d->max_pool_pages = max_pool_pages;
	spin_init(&d->lock, RANK_DOMAIN);
	d->npt = pool_alloc(d);
	d->mem = pool_alloc(d);
	assert_non_null(d->mem);
	assert_int_equal(npt_init(d->npt, d, levels), 0);
	return d;
}

void fake_domain_end(struct domain *d)
{
	while (!npt_free(d->npt, 64))
		;
	pool_free(d, d->npt);
	pool_free(d, d->mem);
	assert_int_equal(d->pool_pages, 0);
	pool_free(NULL, d);
}
