// SPDX-License-Identifier: GPL-2.0-only
#include "core/cpu.h"
#include "core/log.h"
#include "core/map.h"
#include "lib/lib.h"

#ifdef ZENDO_CHECK
/* docs/locking.md: a lock may be taken only while all locks held have a lower rank. */
static void check_order(const spinlock_t *l)
{
	struct cpu *c = this_cpu();

	if (c->lock_ranks >> l->rank)
		hv_panic("lock order: rank %u taken with ranks %x held", l->rank, c->lock_ranks);
	c->lock_ranks |= 1U << l->rank;
}

static void check_release(const spinlock_t *l)
{
	this_cpu()->lock_ranks &= ~(1U << l->rank);
}
#else
static void check_order(const spinlock_t *l) { (void)l; }
static void check_release(const spinlock_t *l) { (void)l; }
#endif

void spin_lock(spinlock_t *l)
{
	uint16_t t = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != t)
		__builtin_ia32_pause();
	if (l->rank)
		check_order(l);
	/* Guests' pages that it guards are reached by shared slots: what this CPU knows of them may be older than their last use. */
	if (l->rank == RANK_EVTCHN)
		map_sync(this_cpu());
}

void spin_unlock(spinlock_t *l)
{
	if (l->rank)
		check_release(l);
	__atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}
