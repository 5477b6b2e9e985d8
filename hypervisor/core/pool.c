// SPDX-License-Identifier: GPL-2.0-only
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/pool.h"

#define MAX_POOL_CHUNKS	1024	/* 2 GiB of hidden memory: quota of some 8,000 domains of 1 GiB */

struct chunk {
	hpa_t hpa;
	uint16_t nr_free, nr_pages;
	bool at_launch;
	void *free;		/* list through the pages' first word */
};

static spinlock_t pool_lock = SPINLOCK_INIT(RANK_POOL);
/* pool_lock: */
static struct chunk chunks[MAX_POOL_CHUNKS];
static uint32_t nr_chunks;
static uint64_t nr_pages, nr_free;
static uint32_t hint;		/* lowest chunk that may have a free page */

static bool in_percpu_area(uint64_t page)
{
	for (uint32_t i = 0; i < boot.nr_cpus; i++)
		if (page - boot.percpu_hpa[i] < ZENDO_PERCPU_SIZE)
			return true;
	return false;
}

static void fill_chunk(struct chunk *c, hpa_t base, uint32_t skip, bool at_launch)
{
	*c = (struct chunk){ .hpa = base, .at_launch = at_launch };
	for (uint64_t off = ZENDO_CHUNK_SIZE; off > skip; off -= PAGE_SIZE) {
		uint64_t page = base.v + off - PAGE_SIZE;

		if (at_launch && in_percpu_area(page))
			continue;
		*(void **)pool_va(hpa(page)) = c->free;
		c->free = pool_va(hpa(page));
		c->nr_free++;
	}
	c->nr_pages = c->nr_free;
	nr_pages += c->nr_free;
	nr_free += c->nr_free;
}

void pool_init(void)
{
	for (uint32_t i = 0; i < boot.nr_chunks; i++)
		fill_chunk(&chunks[nr_chunks++], hpa(boot.chunk[i]), i ? 0 : boot.used_offset, true);
}

bool pool_add_chunk(hpa_t base)
{
	bool ok = false;

	spin_lock(&pool_lock);
	if (nr_chunks < MAX_POOL_CHUNKS) {
		fill_chunk(&chunks[nr_chunks], base, 0, false);
		hint = MIN(hint, nr_chunks);
		nr_chunks++;
		ok = true;
	}
	spin_unlock(&pool_lock);
	return ok;
}

bool pool_remove_chunk(hpa_t *ret)
{
	bool found = false;

	spin_lock(&pool_lock);
	for (uint32_t i = 0; i < nr_chunks && !found; i++) {
		if (chunks[i].at_launch || chunks[i].nr_free != CHUNK_FRAMES || nr_free < CHUNK_FRAMES + POOL_RESERVE)
			continue;
		*ret = chunks[i].hpa;
		nr_free -= CHUNK_FRAMES;
		nr_pages -= CHUNK_FRAMES;
		chunks[i] = chunks[--nr_chunks];
		hint = 0;
		found = true;
	}
	spin_unlock(&pool_lock);
	return found;
}

static void *take_page(void)
{
	for (uint32_t i = hint; i < nr_chunks; i++) {
		struct chunk *c = &chunks[i];
		void *page = c->free;

		if (!page)
			continue;
		hint = i;
		c->free = *(void **)page;
		c->nr_free--;
		nr_free--;
		return page;
	}
	return NULL;
}

void *pool_alloc(struct domain *d)
{
	void *page = NULL;

	spin_lock(&pool_lock);
	if (!d) {
		page = take_page();
	} else if (d->pool_pages < d->max_pool_pages && nr_free > POOL_RESERVE) {
		page = take_page();
		if (page)
			d->pool_pages++;
	}
	spin_unlock(&pool_lock);
	if (page)
		memset(page, 0, PAGE_SIZE);
	return page;
}

static struct chunk *chunk_of(hpa_t h)
{
	for (uint32_t i = 0; i < nr_chunks; i++)
		if (h.v - chunks[i].hpa.v < ZENDO_CHUNK_SIZE)
			return &chunks[i];
	return NULL;
}

void pool_free(struct domain *d, void *page)
{
	struct chunk *c;

	if (!page)
		return;
	spin_lock(&pool_lock);
	c = chunk_of(pool_hpa(page));
	ASSERT(c && c->nr_free < c->nr_pages);
	/* A guest's registers, say: the chunk may become visible to dom0 again. */
	memset(page, 0, PAGE_SIZE);
	*(void **)page = c->free;
	c->free = page;
	c->nr_free++;
	nr_free++;
	hint = MIN(hint, (uint32_t)(c - chunks));
	if (d) {
		ASSERT(d->pool_pages);
		d->pool_pages--;
	}
	spin_unlock(&pool_lock);
}

mfn_t pool_mfn(const void *page)
{
	return hpa_to_mfn(pool_hpa(page));
}

uint64_t pool_nr_free(void)
{
	return READ_ONCE(nr_free);
}

void pool_stats(struct zendo_stats *s)
{
	spin_lock(&pool_lock);
	s->pool_chunks = nr_chunks;
	s->pool_pages = nr_pages;
	s->pool_free = nr_free;
	spin_unlock(&pool_lock);
}
