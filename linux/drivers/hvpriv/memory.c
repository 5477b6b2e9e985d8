// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: dom0's pages, donated to a domain and taken back when it is dead.
 *
 * A page is recorded here before it is donated, so that nothing can fail between the two. hvpriv
 * holds one reference to each; a mapping, a bio or an skb holds its own (F4).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "domain.h"
#include "compat/mm.h"
#include "gfn_table.h"
#include "hv_call.h"
#include "hvpriv.h"

#define HV_GRANT_FRAMES	72ULL	/* the largest grant table with its status frames, see struct zendo_grant_page */

#define HV_BLOCK_ORDER	9
#define HV_BLOCK_PAGES	(1U << HV_BLOCK_ORDER)
#define HV_HERE		xa_mk_value(1)
#define HV_FAULT_PAGES	32
#define HV_MAX_GFN	BIT_ULL(48 - PAGE_SHIFT)
#define HV_BATCH	ARRAY_SIZE(((struct zendo_extents *)0)->e)

/* Guest RAM is charged to who asks, like his own memory (F6). */
#define HV_GFP	(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* 2 MiB donated in one piece; split, so that each 4 KiB lives by its own count. */
struct hv_block {
	struct page *page;			/* the first */
	DECLARE_BITMAP(gone, HV_BLOCK_PAGES);	/* given up by the guest */
};

/* Extents on their way to the hypervisor. */
struct hv_batch {
	struct hv_domain *d;
	struct zendo_extents *ext;		/* one page */
	unsigned int nr;
	u64 done;				/* 4 KiB frames donated so far */
	bool special;				/* not to be counted as the guest's RAM */
	bool on_top;				/* nor against max_pages: a grant frame */
};

void hv_memory_init(struct hv_memory *m, u64 max_pages)
{
	xa_init(&m->pfn_blocks);
	xa_init(&m->pfn_pages);
	INIT_LIST_HEAD(&m->table_pages);
	m->max_pages = max_pages;
}

size_t hv_memory_overhead(const struct hv_domain *d)
{
	return d->mem.nr_blocks * (sizeof(struct hv_block) + sizeof(void *)) +
	       d->mem.nr_single * sizeof(void *) + d->mem.nr_table * PAGE_SIZE;
}

/* ---- records ---------------------------------------------------------------------------- */

static int record_block(struct hv_memory *m, struct page *page)
{
	struct hv_block *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	unsigned long pfn = page_to_pfn(page);
	int r;

	if (!b)
		return -ENOMEM;
	b->page = page;
	r = xa_insert(&m->pfn_blocks, pfn >> HV_BLOCK_ORDER, b, GFP_KERNEL_ACCOUNT);
	if (r) {
		kfree(b);
		return r;
	}
	m->nr_blocks++;
	return 0;
}

static int record_page(struct hv_memory *m, struct page *page)
{
	int r;

	r = xa_insert(&m->pfn_pages, page_to_pfn(page), HV_HERE, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	m->nr_single++;
	return 0;
}

/* An extent that was recorded and not donated: as if it had never been allocated. */
static void forget(struct hv_memory *m, const struct zendo_extent *e)
{
	unsigned long pfn = PHYS_PFN(e->hpa);
	unsigned int i;

	if (e->order == HV_BLOCK_ORDER) {
		kfree(xa_erase(&m->pfn_blocks, pfn >> HV_BLOCK_ORDER));
		m->nr_blocks--;
	} else {
		xa_erase(&m->pfn_pages, pfn);
		m->nr_single--;
	}
	for (i = 0; i < 1U << e->order; i++)
		hv_page_release(pfn_to_page(pfn + i));
}

/* ---- donate ----------------------------------------------------------------------------- */

/* Have as many pages for the gfn table with the hypervisor as one step of its work can take. */
static int tables_fill(struct hv_domain *d)
{
	struct page *page;
	long room, r;

	lockdep_assert_held(&d->lock);
	for (room = hv_call2(ZCALL_GFN_PAGE, d->domid, 0); room > 0; room = r) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page)
			return -ENOMEM;
		r = hv_call_pool(ZCALL_GFN_PAGE, d->domid, page_to_phys(page), 0, 0);
		if (r < 0) {
			__free_page(page);
			return r;
		}
		list_add(&page->lru, &d->mem.table_pages);
		d->mem.nr_table++;
	}
	return room;
}

int hv_memory_tables(struct hv_domain *d)
{
	int r;

	mutex_lock(&d->lock);
	r = tables_fill(d);
	mutex_unlock(&d->lock);
	return r;
}

/* Send the batch. What the hypervisor does not take is forgotten. */
static int batch_flush(struct hv_batch *b)
{
	struct hv_memory *m = &b->d->mem;
	struct zendo_extent *e = b->ext->e;
	unsigned int i = 0;
	long r = 0;

	while (i < b->nr) {
		r = tables_fill(b->d);
		if (!r)
			r = hv_call_pool(ZCALL_DONATE, b->d->domid, virt_to_phys(&e[i]), b->nr - i, 0);
		if (r <= 0 || r > b->nr - i)
			break;
		for (; r; r--, i++) {
			b->done += 1ULL << e[i].order;
			if (!b->on_top)
				m->nr_frames += 1ULL << e[i].order;
			if (!b->special)
				m->nr_ram += 1ULL << e[i].order;
		}
	}
	if (i == b->nr)
		r = 0;
	else if (r >= 0)
		r = -EIO;
	for (; i < b->nr; i++)
		forget(m, &e[i]);
	b->nr = 0;
	return r;
}

static int batch_add(struct hv_batch *b, struct page *page, u64 gfn, u32 order, u32 type)
{
	struct hv_memory *m = &b->d->mem;
	unsigned int i;
	int r;

	r = order ? record_block(m, page) : record_page(m, page);
	if (r) {
		for (i = 0; i < 1U << order; i++)
			put_page(page + i);
		return r;
	}
	b->ext->e[b->nr++] = (struct zendo_extent){
		.hpa	= page_to_phys(page),
		.gfn	= gfn,
		.order	= order,
		.type	= type,
	};
	return b->nr == HV_BATCH ? batch_flush(b) : 0;
}

static struct page *block_alloc(void)
{
	struct page *page = alloc_pages_node(NUMA_NO_NODE, HV_GFP, HV_BLOCK_ORDER);

	if (page)
		split_page(page, HV_BLOCK_ORDER);
	return page;
}

/* One step of hv_memory_add(): a block if it fits and there is one, else a page. */
static int add_unit(struct hv_batch *b, u64 gfn, u64 left, bool *blocks, u32 type)
{
	struct page *page;

	if (*blocks && IS_ALIGNED(gfn, HV_BLOCK_PAGES) && left >= HV_BLOCK_PAGES) {
		page = block_alloc();
		if (page)
			return batch_add(b, page, gfn, HV_BLOCK_ORDER, type) ?: HV_BLOCK_PAGES;
		*blocks = false;
	}
	page = alloc_pages_node(NUMA_NO_NODE, HV_GFP, 0);
	if (!page)
		return -ENOMEM;
	return batch_add(b, page, gfn, 0, type) ?: 1;
}

static int add_frames(struct hv_batch *b, u64 gfn, u64 nr, u32 type)
{
	bool blocks = true;
	int r = 0;

	while (nr) {
		if (signal_pending(current)) {
			r = -EINTR;
			break;
		}
		if (IS_ALIGNED(gfn, HV_BLOCK_PAGES))
			blocks = true;
		r = add_unit(b, gfn, nr, &blocks, type);
		if (r < 0)
			break;
		gfn += r;
		nr -= r;
		r = 0;
		cond_resched();
	}
	return batch_flush(b) ?: r;
}

static int add_check(struct hv_domain *d, const struct hvpriv_add_memory *am)
{
	struct hv_memory *m = &d->mem;

	if (am->reserved || (am->flags & ~HVPRIV_MEM_SPECIAL) || !am->nr_pages ||
	    am->gfn >= HV_MAX_GFN || am->nr_pages > HV_MAX_GFN - am->gfn)
		return -EINVAL;
	if (m->nr_frames >= m->max_pages || am->nr_pages > m->max_pages - m->nr_frames)
		return -E2BIG;
	if (am->nr_pages > (u64)max(si_mem_available(), 0L)) {
		pr_info("d%u: %llu MiB asked for, %ld MiB available in dom0\n", d->domid,
			am->nr_pages >> (20 - PAGE_SHIFT), si_mem_available() >> (20 - PAGE_SHIFT));
		return -ENOMEM;
	}
	return 0;
}

/**
 * hv_memory_add() - HVPRIV_DOM_ADD_MEMORY
 * @d: the domain
 * @am: nr_pages is set to the pages done, whatever the result
 */
int hv_memory_add(struct hv_domain *d, struct hvpriv_add_memory *am)
{
	struct hv_batch b = { .d = d, .special = am->flags & HVPRIV_MEM_SPECIAL };
	int r;

	b.ext = (void *)get_zeroed_page(GFP_KERNEL);
	if (!b.ext) {
		am->nr_pages = 0;
		return -ENOMEM;
	}
	mutex_lock(&d->lock);
	r = add_check(d, am);
	if (!r)
		r = add_frames(&b, am->gfn, am->nr_pages, ZEXT_RAM);
	mutex_unlock(&d->lock);
	am->nr_pages = b.done;
	free_page((unsigned long)b.ext);
	return r;
}

/*
 * ZRUN_NEED_PAGES: up to @nr frames for the domain's stock, as many as it may still have; where they go
 * is the guest's affair.
 */
int hv_memory_populate(struct hv_domain *d, u32 nr)
{
	struct hv_batch b = { .d = d };
	struct page *page;
	int r;

	/* What it gave up and we have not heard of counts until we do. */
	r = hv_memory_returned(d);
	if (r)
		return r;
	b.ext = (void *)get_zeroed_page(GFP_KERNEL);
	if (!b.ext)
		return -ENOMEM;
	mutex_lock(&d->lock);
	/* The limit is on RAM; grant frames come out of the same stock, up to a whole table above it. */
	nr = min_t(u64, nr, d->mem.max_pages + HV_GRANT_FRAMES - min(d->mem.nr_frames, d->mem.max_pages + HV_GRANT_FRAMES));
	while (!r && nr--) {
		page = alloc_pages_node(NUMA_NO_NODE, HV_GFP, 0);
		r = page ? batch_add(&b, page, 0, 0, ZEXT_POPULATE) : -ENOMEM;
	}
	r = batch_flush(&b) ?: r;
	mutex_unlock(&d->lock);
	free_page((unsigned long)b.ext);
	return r;
}

/* A grant frame, empty; it goes behind those that are there. */
int hv_memory_grant_frame(struct hv_domain *d)
{
	struct hv_batch b = { .d = d, .special = true, .on_top = true };
	struct page *page;
	int r;

	lockdep_assert_held(&d->lock);
	b.ext = (void *)get_zeroed_page(GFP_KERNEL);
	if (!b.ext)
		return -ENOMEM;
	page = alloc_pages_node(NUMA_NO_NODE, HV_GFP, 0);
	r = page ? batch_add(&b, page, 0, 0, ZEXT_GRANT) : -ENOMEM;
	r = batch_flush(&b) ?: r;
	free_page((unsigned long)b.ext);
	return r;
}

/* ---- returned by the guest --------------------------------------------------------------- */

static void take_back(struct hv_domain *d, u64 hpa)
{
	struct hv_memory *m = &d->mem;
	unsigned long pfn = PHYS_PFN(hpa);
	void *entry = xa_erase(&m->pfn_pages, pfn);
	struct hv_block *b;

	/* Single pages first: one may be a page of a block that was given up before, and came from the allocator again. */
	if (entry) {
		m->nr_single--;
	} else {
		b = xa_load(&m->pfn_blocks, pfn >> HV_BLOCK_ORDER);
		if (WARN_ONCE(!b || test_and_set_bit(pfn & (HV_BLOCK_PAGES - 1), b->gone),
			      "d%u gave up %#llx, which it did not have\n", d->domid, hpa))
			return;
		if (!memchr_inv(b->gone, 0xff, sizeof(b->gone))) {	/* it may come from the allocator again, whole */
			kfree(xa_erase(&m->pfn_blocks, pfn >> HV_BLOCK_ORDER));
			m->nr_blocks--;
		}
	}
	m->nr_frames--;
	if (m->nr_ram)		/* special frames are not in it */
		m->nr_ram--;
	hv_page_release(pfn_to_page(pfn));
}

/* ZRUN_RETURNED: frames the guest gave up are dom0's again. */
int hv_memory_returned(struct hv_domain *d)
{
	u64 *list = (void *)get_zeroed_page(GFP_KERNEL);
	long nr, i;

	if (!list)
		return -ENOMEM;
	mutex_lock(&d->lock);
	for (;;) {
		nr = hv_call2(ZCALL_RETURNED, d->domid, virt_to_phys(list));
		if (nr <= 0 || nr > PAGE_SIZE / sizeof(*list))
			break;
		for (i = 0; i < nr; i++)
			take_back(d, list[i]);
		cond_resched();
	}
	mutex_unlock(&d->lock);
	free_page((unsigned long)list);
	return nr < 0 ? nr : 0;
}

/* Whether the frame is one of the domain's. */
bool hv_memory_has(struct hv_domain *d, unsigned long pfn)
{
	struct hv_block *b = xa_load(&d->mem.pfn_blocks, pfn >> HV_BLOCK_ORDER);

	lockdep_assert_held(&d->lock);
	return xa_load(&d->mem.pfn_pages, pfn) || (b && !test_bit(pfn & (HV_BLOCK_PAGES - 1), b->gone));
}

/* ---- mmap -------------------------------------------------------------------------------- */

static const u64 *table_at(u64 hpa)
{
	return phys_to_virt(hpa);
}

static struct page *frame_page(u64 e)
{
	return pfn_to_page(PHYS_PFN(e & HV_GFN_ADDR));
}

/* Not one that has failed (mce.c): whoever reads it takes the machine check. */
static bool get_frame(u64 e)
{
	bool got = !PageHWPoison(frame_page(e)) && get_page_unless_zero(frame_page(e));

	smp_mb__after_atomic();	/* the reference before the second look */
	return got;
}

static void put_frame(u64 e)
{
	put_page(frame_page(e));
}

/*
 * The page at @gfn with a reference for the caller, or NULL. No lock:
 *  1. the table's pages are freed only with the domain, which the mapping's file keeps, or ->dying under the grants' lock;
 *  2. when a page is given up the hypervisor clears its entry before we hear of it and drop our reference;
 *  3. so a page whose entry still stands after we got a reference to it was the guest's meanwhile.
 */
struct page *hv_memory_page(struct hv_domain *d, u64 gfn)
{
	u64 e = hv_gfn_hold(d->gfn_root, gfn, table_at, get_frame, put_frame);

	return e ? frame_page(e) : NULL;
}

/*
 * The page asked for and those behind it, as far as they are there: a builder writes one after the other, and a fault for each page
 * costs more than what is done here.
 */
static vm_fault_t memory_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct hv_domain *d = vma->vm_file->private_data;
	unsigned long addr = vmf->address & PAGE_MASK, room, nr = 0, left;
	struct page *pages[HV_FAULT_PAGES];
	int r;

	room = min_t(unsigned long, (vma->vm_end - addr) >> PAGE_SHIFT, HV_FAULT_PAGES);
	while (nr < room && (pages[nr] = hv_memory_page(d, vmf->pgoff + nr)))
		nr++;
	if (!nr)
		return VM_FAULT_SIGBUS;
	left = nr;
	r = vm_insert_pages(vma, addr, pages, &left);
	/* One that another thread mapped ends it; those behind it have their own faults. */
	if (left < nr || r == -EBUSY)
		r = 0;
	while (nr)
		put_page(pages[--nr]);
	return r ? vmf_error(r) : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct memory_vm_ops = {
	.fault = memory_fault,
};

int hv_memory_mmap(struct hv_domain *d, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= HV_MAX_GFN || vma_pages(vma) > HV_MAX_GFN - vma->vm_pgoff)
		return -EINVAL;
	/* mixed: vm_insert_pages() cannot set it in a fault */
	hv_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP);
	vma->vm_ops = &memory_vm_ops;
	return 0;
}

/* ---- the end ----------------------------------------------------------------------------- */

static long call_reclaim(struct hv_domain *d, struct zendo_extent *e, unsigned int nr)
{
	long r = hv_call_pool(ZCALL_RECLAIM, d->domid, virt_to_phys(e), nr, 0);

	return r > 0 && r <= nr ? r : r < 0 ? r : -EIO;
}

/* The guest gave up a frame of this block and was killed before we heard of it: one by one, then. */
static int reclaim_singly(struct hv_domain *d, struct zendo_extent *e)
{
	unsigned int i;
	long r;

	e->order = 0;
	for (i = 0; i < HV_BLOCK_PAGES; i++, e->hpa += PAGE_SIZE) {
		r = call_reclaim(d, e, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int reclaim_flush(struct hv_batch *b)
{
	struct zendo_extent *e = b->ext->e;
	unsigned int i = 0;
	long r;

	while (i < b->nr) {
		r = call_reclaim(b->d, &e[i], b->nr - i);
		if (r == -EPERM && e[i].order)
			r = reclaim_singly(b->d, &e[i]) ?: 1;
		if (r < 0)
			return r;
		i += r;
	}
	b->nr = 0;
	cond_resched();
	return 0;
}

static int reclaim_add(struct hv_batch *b, unsigned long pfn, u32 order)
{
	b->ext->e[b->nr++] = (struct zendo_extent){
		.hpa	= PFN_PHYS(pfn),
		.order	= order,
	};
	return b->nr == HV_BATCH ? reclaim_flush(b) : 0;
}

static int reclaim_block(struct hv_batch *b, const struct hv_block *blk)
{
	unsigned long pfn = page_to_pfn(blk->page);
	unsigned int i;
	int r;

	if (bitmap_empty(blk->gone, HV_BLOCK_PAGES))
		return reclaim_add(b, pfn, HV_BLOCK_ORDER);
	for_each_clear_bit(i, blk->gone, HV_BLOCK_PAGES) {
		r = reclaim_add(b, pfn + i, 0);
		if (r)
			return r;
	}
	return 0;
}

/* Every frame of a dead domain is dom0's again. Context: the last holder. */
int hv_memory_reclaim(struct hv_domain *d)
{
	struct hv_batch b = { .d = d };
	struct hv_block *blk;
	unsigned long index;
	void *entry;
	int r;

	r = hv_memory_returned(d);
	if (r)
		return r;
	b.ext = (void *)get_zeroed_page(GFP_KERNEL | __GFP_NOFAIL);
	xa_for_each(&d->mem.pfn_blocks, index, blk) {
		r = reclaim_block(&b, blk);
		if (r)
			goto out;
	}
	xa_for_each(&d->mem.pfn_pages, index, entry) {
		r = reclaim_add(&b, index, 0);
		if (r)
			goto out;
	}
	r = reclaim_flush(&b);
out:
	free_page((unsigned long)b.ext);
	return r;
}

/* Drop every page and every record. After hv_memory_reclaim(). */
void hv_memory_free(struct hv_domain *d)
{
	struct hv_page_batch batch = {};
	struct hv_memory *m = &d->mem;
	struct page *page, *next;
	struct hv_block *b;
	unsigned long index;
	unsigned int i;
	void *entry;

	list_for_each_entry_safe(page, next, &m->table_pages, lru)
		__free_page(page);
	xa_for_each(&m->pfn_blocks, index, b) {
		if (!bitmap_empty(b->gone, HV_BLOCK_PAGES) || !hv_block_release(b->page, HV_BLOCK_ORDER))
			for_each_clear_bit(i, b->gone, HV_BLOCK_PAGES)
				hv_page_release_batched(&batch, b->page + i);
		kfree(b);
		cond_resched();
	}
	xa_for_each(&m->pfn_pages, index, entry) {
		hv_page_release_batched(&batch, pfn_to_page(index));
		cond_resched();
	}
	hv_pages_release(&batch);
	xa_destroy(&m->pfn_blocks);
	xa_destroy(&m->pfn_pages);
}
