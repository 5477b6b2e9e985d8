// SPDX-License-Identifier: GPL-2.0-only
/* 2 MiB blocks that dom0 gives to the hypervisor for itself. */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/slab.h>

#include "hvpriv.h"

#define HV_CHUNK_ORDER	(ZENDO_CHUNK_SHIFT - PAGE_SHIFT)
#define HV_CHUNK_PAGES	(1U << HV_CHUNK_ORDER)

/* Zeroed. NULL when memory is short or in too small pieces. */
struct hv_chunk *hv_chunk_alloc(void)
{
	struct hv_chunk *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	INIT_LIST_HEAD(&c->node);
	c->page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN,
			      HV_CHUNK_ORDER);
	if (!c->page) {
		kfree(c);
		return NULL;
	}
	return c;
}

/* The hypervisor must not use @c, and no CPU may have a translation that hides it. */
void hv_chunk_free(struct hv_chunk *c)
{
	__free_pages(c->page, HV_CHUNK_ORDER);
	kfree(c);
}

/*
 * Tell kcore, hibernation and makedumpfile that there is nothing to read in these pages (F2).
 * They stay in the direct map: who reads them all the same gets zeros.
 */
void hv_chunk_hide(struct hv_chunk *c)
{
	unsigned int i;

	for (i = 0; i < HV_CHUNK_PAGES; i++)
		__SetPageOffline(c->page + i);
}

void hv_chunk_show(struct hv_chunk *c)
{
	unsigned int i;

	for (i = 0; i < HV_CHUNK_PAGES; i++)
		__ClearPageOffline(c->page + i);
}

u64 hv_chunk_hpa(const struct hv_chunk *c)
{
	return page_to_phys(c->page);
}
