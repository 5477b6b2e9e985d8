// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that are given back while somebody else still refers to them: a bio, an skb, a pipe, a page
 * table. A page lives as long as its reference count (F4); we keep our own reference until it is the
 * last one, so that HVPRIV_GET_INFO can count what is still out.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat/memcg.h"
#include "domain.h"

#define HV_LOOK_AGAIN	msecs_to_jiffies(100)

static void look(struct work_struct *work);

static LIST_HEAD(out);			/* by page->lru, which such pages do not use otherwise */
static u64 nr_out;
static DEFINE_SPINLOCK(out_lock);	/* both */
static DECLARE_DELAYED_WORK(look_work, look);

/* Nobody can take a new reference: the domain is dead or gave the page up. */
static bool only_ours(struct page *page)
{
	return page_ref_count(page) == 1;
}

static void look(struct work_struct *work)
{
	struct page *page, *next;
	LIST_HEAD(free);
	bool more;

	spin_lock(&out_lock);
	list_for_each_entry_safe(page, next, &out, lru) {
		if (!only_ours(page))
			continue;
		list_move(&page->lru, &free);
		nr_out--;
	}
	more = nr_out;
	spin_unlock(&out_lock);

	list_for_each_entry_safe(page, next, &free, lru) {
		list_del(&page->lru);
		put_page(page);
	}
	if (more)
		schedule_delayed_work(&look_work, HV_LOOK_AGAIN);
}

/* Somebody else has it still. */
static void keep(struct page *page)
{
	spin_lock(&out_lock);
	list_add_tail(&page->lru, &out);
	nr_out++;
	spin_unlock(&out_lock);
	schedule_delayed_work(&look_work, HV_LOOK_AGAIN);
}

/* Drop hvpriv's reference to a guest page. */
void hv_page_release(struct page *page)
{
	if (only_ours(page))
		put_page(page);
	else
		keep(page);
}

/* The same for many, together: uncharging and freeing them one by one takes a third longer. */
void hv_pages_release(struct hv_page_batch *b)
{
	if (!b->nr)
		return;
	release_pages(b->pages, b->nr);
	b->nr = 0;
}

void hv_page_release_batched(struct hv_page_batch *b, struct page *page)
{
	if (!only_ours(page)) {
		keep(page);
		return;
	}
	b->pages[b->nr++] = page;
	if (b->nr == ARRAY_SIZE(b->pages))
		hv_pages_release(b);
}

/*
 * All pages of a block that split_page() made of one allocation, put together again: one uncharge and one walk through the allocator
 * in place of 512. False when somebody else has one of them, or one has failed and must not be used again: the allocator looks at
 * single pages only for that. Nothing has changed then.
 *
 * Their counts are frozen first, so that nobody who looks at pages by their number can get a reference to one that is about to be
 * inside of a free block. The first page's is 1 again for __free_pages().
 */
bool hv_block_release(struct page *page, unsigned int order)
{
	unsigned int i, nr = 1U << order;

	for (i = 0; i < nr && hv_page_same_charge(page + i, page) && !PageHWPoison(page + i) &&
	     page_ref_freeze(page + i, 1); i++)
		;
	if (i < nr) {
		while (i--)
			page_ref_unfreeze(page + i, 1);
		return false;
	}
	hv_pages_uncharge_split(page, nr);
	page_ref_unfreeze(page, 1);
	__free_pages(page, order);
	return true;
}

/* Some were let go just now. */
void hv_pages_out_look(void)
{
	if (hv_pages_out())
		look(NULL);
}

u64 hv_pages_out(void)
{
	return READ_ONCE(nr_out);
}

/* The pages need no module: their last holder frees them. */
void hv_pages_out_exit(void)
{
	struct page *page, *next;

	cancel_delayed_work_sync(&look_work);
	list_for_each_entry_safe(page, next, &out, lru) {
		list_del(&page->lru);
		put_page(page);
	}
	nr_out = 0;
}
