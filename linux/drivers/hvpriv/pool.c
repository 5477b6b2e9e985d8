// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hidden pool: dom0 gives the hypervisor more 2 MiB chunks while it runs, and gets empty ones
 * back (F3).
 *
 * A chunk leaves dom0's world in this order: hidden in dom0's nested table (POOL_ADD) -> every CPU
 * flushes -> the hypervisor has seen every CPU's epoch (POOL_COMMIT) -> used. The hypervisor
 * checks the third step itself. On the way back the pages are visible again at POOL_TAKE; the
 * flush drops translations to the zero page before anybody writes there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "hv_call.h"
#include "hvpriv.h"

#define HV_COMMIT_TRIES	100
#define HV_CALL_TRIES	10000
#define HV_POOL_LOW	128	/* 4 KiB pages */
#define CHUNK_PAGES	((unsigned int)(ZENDO_CHUNK_SIZE >> PAGE_SHIFT))

static void flush_this_cpu(void *unused)
{
	hv_call0(ZCALL_FLUSH);
}

/* cpus_read_lock() held: a CPU that comes up later has nothing to flush. */
static void flush_all(void)
{
	on_each_cpu(flush_this_cpu, NULL, 1);
}

static int chunk_commit(u64 hpa)
{
	long r;
	int i;

	for (i = 0; i < HV_COMMIT_TRIES; i++) {
		flush_all();
		r = hv_call1(ZCALL_POOL_COMMIT, hpa);
		if (r != -EAGAIN)
			return r < 0 ? r : 0;
		usleep_range(100, 1000);
	}
	return -EAGAIN;
}

static int chunk_add(struct hv_chunk *c)
{
	u64 hpa = hv_chunk_hpa(c);
	long r;

	hv_chunk_hide(c);
	r = hv_call1(ZCALL_POOL_ADD, hpa);
	if (r < 0) {
		hv_chunk_show(c);
		return r;
	}
	list_add_tail(&c->node, &hv.chunks);
	hv.nr_chunks++;
	r = chunk_commit(hpa);
	if (r)		/* neither dom0's nor in use: it comes back when the hypervisor leaves */
		pr_err_once("chunk %#llx was not taken over (%ld)\n", hpa, r);
	return r;
}

/**
 * hv_pool_grow() - give the hypervisor more hidden memory
 * @nr_chunks: of 2 MiB
 *
 * Context: sleeps; no lock held that a CPU hotplug callback takes.
 * Return: 0, -ENOMEM, -ENODEV.
 */
int hv_pool_grow(unsigned int nr_chunks)
{
	struct hv_chunk *c;
	int r = 0;

	while (nr_chunks-- && !r) {
		c = hv_chunk_alloc();
		if (!c)
			return -ENOMEM;
		cpus_read_lock();
		mutex_lock(&hv.pool_lock);
		r = hv_running() ? chunk_add(c) : -ENODEV;
		mutex_unlock(&hv.pool_lock);
		cpus_read_unlock();
		if (r && list_empty(&c->node))
			hv_chunk_free(c);
	}
	return r;
}

static struct hv_chunk *chunk_find(u64 hpa)
{
	struct hv_chunk *c;

	list_for_each_entry(c, &hv.chunks, node)
		if (hv_chunk_hpa(c) == hpa)
			return c;
	return NULL;
}

/* hv_pool_shrink() - take back every empty chunk. Context: as hv_pool_grow(). */
void hv_pool_shrink(void)
{
	struct hv_chunk *c;
	long hpa;

	cpus_read_lock();
	mutex_lock(&hv.pool_lock);
	while (hv_running()) {
		hpa = hv_call0(ZCALL_POOL_TAKE);
		if (hpa < 0)
			break;
		c = chunk_find(hpa);
		if (WARN_ONCE(!c, "the hypervisor gave back %#lx, which it never got\n", hpa))
			break;
		list_del(&c->node);
		hv.nr_chunks--;
		flush_all();
		hv_chunk_show(c);
		hv_chunk_free(c);
	}
	mutex_unlock(&hv.pool_lock);
	cpus_read_unlock();
}

/*
 * Has the pool fewer than @pages? It keeps a reserve for the hypervisor itself; when there is more,
 * -ENOMEM means a domain's quota, and a guest must not make the pool grow by asking for what it may
 * not have.
 */
static bool pool_is_short(unsigned int pages)
{
	struct zendo_stats *st = (void *)get_zeroed_page(GFP_KERNEL);
	bool is_short = false;

	if (st && !hv_call1(ZCALL_STATS, virt_to_phys(st)))
		is_short = st->pool_free < pages;
	free_page((unsigned long)st);
	return is_short;
}

/**
 * hv_pool_ensure() - have some free pages in the hidden pool
 * @pages: of 4 KiB
 *
 * Context: as hv_pool_grow(). Return: 0, -ENOMEM, -ENODEV.
 */
int hv_pool_ensure(unsigned int pages)
{
	pages += HV_POOL_LOW;
	return pool_is_short(pages) ? hv_pool_grow(DIV_ROUND_UP(pages, CHUNK_PAGES)) : 0;
}

/*
 * A call that may find the hidden pool short, or may want to be continued:
 * -ENOMEM gets the pool another chunk, -EAGAIN lets dom0 breathe; both then call again.
 */
long hv_call_pool(unsigned long nr, u64 a, u64 b, u64 c, u64 d)
{
	int grown = 0, tries;
	long r;

	for (tries = 0; tries < HV_CALL_TRIES; tries++) {
		r = hv_call4(nr, a, b, c, d);
		if (r == -ENOMEM && !grown++ && pool_is_short(HV_POOL_LOW) && !hv_pool_grow(1))
			continue;
		if (r != -EAGAIN)
			return r;
		cond_resched();
	}
	return -EAGAIN;
}
