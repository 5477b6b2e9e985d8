// SPDX-License-Identifier: GPL-2.0-only
#ifdef ZENDO_CHECK

#include "arch/x86/ops.h"
#include "core/check.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/npt.h"
#include "lib/lib.h"

#define ADDRESS	0x000ffffffffff000ULL

uint64_t check_failures;

static uint64_t serials;	/* atomic */
static uint64_t dom0_due;	/* atomic; an epoch */

void check_failed(const char *file, int line, const char *what, bool *said)
{
	__atomic_fetch_add(&check_failures, 1, __ATOMIC_RELAXED);
	if (!__atomic_exchange_n(said, true, __ATOMIC_RELAXED))
		hv_log("CPU %u: check failed: %s:%d: %s", this_cpu()->id, file, line, what);
}

/* More rights at the same place are found by the fault that lacks them; everything else must not be used any more. */
static bool takes_away(uint64_t before, uint64_t after, int level)
{
	if (!before || before == after)
		return false;
	if (!after || !ops->npt_is_leaf(before, level) || !ops->npt_is_leaf(after, level))
		return true;
	return ((before ^ after) & ADDRESS) || (ops->npt_rights(before) & ~ops->npt_rights(after));
}

void debt_file(struct npt *n, uint64_t before, uint64_t after, int level)
{
	struct cpu *c = this_cpu();

	if (!takes_away(before, after, level))
		return;
	__atomic_store_n(&n->check.filed, n->generation, __ATOMIC_SEQ_CST);
	CHECK(!c->check.unasked || c->check.unasked == n);
	c->check.unasked = n;
}

uint64_t debt_ask(struct npt *n)
{
	struct cpu *c = this_cpu();

	if (c->check.unasked == n)
		c->check.unasked = NULL;
	return __atomic_load_n(&n->check.filed, __ATOMIC_SEQ_CST);
}

void debt_due(struct npt *n, uint64_t debt)
{
	uint64_t due = __atomic_load_n(&n->check.due, __ATOMIC_SEQ_CST);

	while (due < debt && !__atomic_compare_exchange_n(&n->check.due, &due, debt, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

void debt_end(struct npt *n)
{
	(void)debt_ask(n);
	debt_due(n, UINT64_MAX);
}

void debt_dom0_due(uint64_t epoch)
{
	__atomic_store_n(&dom0_due, MAX(epoch, READ_ONCE(dom0_due)), __ATOMIC_SEQ_CST);	/* under hide_lock */
}

/* Whose @asid is on this CPU. ASIDs are given in rising order, so one above all used before has no entries in the TLB. */
static struct asid_owner *claim(struct cpu_check *k, struct vcpu *v, uint32_t asid, bool *fresh)
{
	struct asid_owner *o = &k->owner[asid % CHECK_ASIDS];

	if (!v->check.serial)
		v->check.serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
	*fresh = asid > k->highest;
	if (*fresh) {
		k->highest = asid;
		*o = (struct asid_owner){ .serial = v->check.serial, .asid = asid };
	}
	return o;
}

void check_guest_entry(struct cpu *c, struct vcpu *v, uint32_t asid, bool flush, bool flush_all)
{
	struct cpu_check *k = &c->check;
	struct npt *n = v->d->npt;
	struct asid_owner *o;
	bool fresh;

	CHECK(!k->unasked);
	if (k->asid_gen != c->asid_gen) {
		CHECK(flush_all);	/* or the old generation's entries are found again */
		k->asid_gen = c->asid_gen;
		k->highest = 0;
		memset(k->owner, 0, sizeof(k->owner));
	}
	o = claim(k, v, asid, &fresh);
	if (o->asid > asid)
		return;			/* its place was taken by a newer one: not known any more */
	CHECK(o->asid == asid && o->serial == v->check.serial);
	/* Sampled before VMRUN: what changes later makes a debt that is not paid by this. */
	if (fresh || flush || flush_all)
		o->paid = __atomic_load_n(&n->check.filed, __ATOMIC_SEQ_CST);
	CHECK(o->paid >= __atomic_load_n(&n->check.due, __ATOMIC_SEQ_CST));
}

void check_dom0_entry(struct cpu *c, bool flush, uint64_t epoch)
{
	struct cpu_check *k = &c->check;

	CHECK(!k->unasked);
	if (flush)
		k->dom0_paid = epoch;
	CHECK(k->dom0_paid >= c->epoch);	/* what this CPU said it has flushed */
	CHECK(k->dom0_paid >= __atomic_load_n(&dom0_due, __ATOMIC_SEQ_CST));
}

#endif
