/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What split_page() did to the charge of a block: each page names the object cgroup that the first one was charged to, with a
 * reference of its own (split_page_memcg()). Undone, the first page's charge is that of the whole order again.
 */
#ifndef HVPRIV_COMPAT_MEMCG_H
#define HVPRIV_COMPAT_MEMCG_H

#include <linux/memcontrol.h>
#include <linux/mm.h>

#ifdef CONFIG_MEMCG
#ifndef HV_HAVE_FOLIO_OBJCG	/* its older name */
#define folio_objcg	__folio_objcg
#endif

static inline bool hv_page_same_charge(struct page *page, struct page *first)
{
	return READ_ONCE(page->memcg_data) == READ_ONCE(first->memcg_data);
}

/* The caller has frozen all @nr pages. */
static inline void hv_pages_uncharge_split(struct page *first, unsigned int nr)
{
	unsigned int i;

	if (!PageMemcgKmem(first))	/* not charged: whoever asked is in the root cgroup */
		return;
	for (i = 1; i < nr; i++)
		first[i].memcg_data = 0;
	percpu_ref_put_many(&folio_objcg(page_folio(first))->refcnt, nr - 1);
}
#else
static inline bool hv_page_same_charge(struct page *page, struct page *first)
{
	return true;
}

static inline void hv_pages_uncharge_split(struct page *first, unsigned int nr)
{
}
#endif

#endif /* HVPRIV_COMPAT_MEMCG_H */
