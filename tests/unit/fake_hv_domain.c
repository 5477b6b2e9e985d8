/* SPDX-License-Identifier: GPL-2.0-only */
#include "fake_hv.h"
#include "core/domain_mem.h"
#include "core/guest_mem.h"
#include "core/map.h"
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
	spin_init(&d->g.physmap_lock, RANK_PHYSMAP);
	d->npt = pool_alloc(d);
	d->mem = pool_alloc(d);
	assert_non_null(d->mem);
	assert_int_equal(npt_init(d->npt, d, levels), 0);
	return d;
}

/* dom0.c has these; pages of dom0 lie in the arena and in the records. */
int dom0_page_map(hpa_t page, void **ret)
{
	if (frame_hold(hpa_to_mfn(page), OWNER_DOM0))
		return -XEN_EFAULT;
	*ret = map_shared(hpa_to_mfn(page));
	return 0;
}

void dom0_page_unmap(void *va)
{
	if (!va)
		return;
	frame_release(map_shared_mfn(va));
	map_shared_free(va);
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
