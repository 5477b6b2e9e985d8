// SPDX-License-Identifier: GPL-2.0-only
/*
 * HVPRIV_DOM_DIRTY: what dom0 wrote into a guest's memory, which the guest's own page tables know nothing of (F24). hv_grant_put() marks; what
 * is held for writing is marked when it is let go, rings among it, so the last look comes when the devices are disconnected.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dirty_map.h"
#include "domain.h"

#define AT_ONCE		(PAGE_SIZE * 8)		/* frames of one TAKE */

static_assert(HV_DIRTY_GIBS == ARRAY_SIZE(((struct zendo_gfn_root *)0)->entry));

void hv_dirty_free(struct hv_dirty_map *m)
{
	unsigned int i;

	for (i = 0; m && i < HV_DIRTY_GIBS; i++)
		kvfree(m->gib[i]);
	kvfree(m);
}

static struct hv_dirty_map *map_alloc(const struct zendo_gfn_root *root)
{
	struct hv_dirty_map *m = kvzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	for (i = 0; m && i < HV_DIRTY_GIBS; i++) {
		if (!READ_ONCE(root->entry[i]))
			continue;
		m->gib[i] = kvzalloc(HV_DIRTY_WORDS * sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!m->gib[i]) {
			hv_dirty_free(m);
			return NULL;
		}
	}
	return m;
}

/* The lock is who marks. Return: what was there before. */
static struct hv_dirty_map *exchange(struct hv_domain *d, struct hv_dirty_map *m)
{
	struct hv_dirty_map *old;

	lockdep_assert_held(&d->lock);
	spin_lock_irq(&d->grants.lock);
	old = d->grants.dirty;
	d->grants.dirty = m;
	spin_unlock_irq(&d->grants.lock);
	return old;
}

/* Begun again it is empty, and has what memory there is now. */
static int begin(struct hv_domain *d)
{
	struct hv_dirty_map *m = map_alloc(d->gfn_root);

	if (!m)
		return -ENOMEM;
	mutex_lock(&d->lock);
	m = exchange(d, m);
	mutex_unlock(&d->lock);
	hv_dirty_free(m);
	return 0;
}

static int end(struct hv_domain *d)
{
	struct hv_dirty_map *m;

	mutex_lock(&d->lock);
	m = exchange(d, NULL);
	mutex_unlock(&d->lock);
	hv_dirty_free(m);
	return m ? 0 : -ENOENT;
}

/* d->lock: nobody ends it meanwhile. */
static int take(struct hv_domain *d, const struct hvpriv_dirty *a, u64 *words)
{
	struct hv_dirty_map *m = d->grants.dirty;
	u32 i;

	lockdep_assert_held(&d->lock);
	if (!m)
		return -ENOENT;
	if (READ_ONCE(m->beyond))
		return -EOVERFLOW;
	for (i = 0; i < a->nr / 64; i++)
		words[i] = hv_dirty_take(m, a->first + i * 64);
	return 0;
}

/* They were taken, and nobody got them. */
static void put_back(struct hv_domain *d, const struct hvpriv_dirty *a, const u64 *words)
{
	u32 i;

	mutex_lock(&d->lock);
	for (i = 0; d->grants.dirty && i < a->nr; i++)
		if (words[i / 64] & BIT_ULL(i % 64))
			hv_dirty_mark(d->grants.dirty, a->first + i);
	mutex_unlock(&d->lock);
}

static int take_to_user(struct hv_domain *d, const struct hvpriv_dirty *a)
{
	u64 *words;
	int r;

	if (a->first % 64 || a->nr % 64 || !a->nr || a->nr > AT_ONCE || a->first >= HV_DIRTY_GIBS * HV_DIRTY_GFNS)
		return -EINVAL;
	words = kvcalloc(a->nr / 64, sizeof(*words), GFP_KERNEL);
	if (!words)
		return -ENOMEM;
	mutex_lock(&d->lock);
	r = take(d, a, words);
	mutex_unlock(&d->lock);
	if (!r && copy_to_user(u64_to_user_ptr(a->bits), words, a->nr / 8)) {
		put_back(d, a, words);
		r = -EFAULT;
	}
	kvfree(words);
	return r;
}

int hv_dirty_ioctl(struct hv_domain *d, const struct hvpriv_dirty __user *arg)
{
	struct hvpriv_dirty a;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (a.op == HVPRIV_DIRTY_TAKE)
		return take_to_user(d, &a);
	if (a.nr || a.first || a.bits)
		return -EINVAL;
	switch (a.op) {
	case HVPRIV_DIRTY_BEGIN:
		return begin(d);
	case HVPRIV_DIRTY_END:
		return end(d);
	}
	return -EINVAL;
}
