// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/ops.h"
#include "core/cpu.h"
#include "core/domain_mem.h"
#include "core/dom0.h"
#include "core/frame.h"
#include "core/gfn_table.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/npt.h"
#include "core/pool.h"
#include "guest/guest.h"

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain is one pool page");
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is one pool page");

#define FREE_BUDGET	4	/* pages of tables freed in one call: finding, clearing, giving back: up to 4,500 instructions each */

static spinlock_t domains_lock = SPINLOCK_INIT(RANK_DOMAINS);
/* domains_lock for writing; slots are read with READ_ONCE, and an object goes only when no CPU can hold it: */
static struct domain *domains[MAX_DOMAINS];
static uint32_t nr_domains, next_id = 1;

uint32_t domain_count(void)
{
	return READ_ONCE(nr_domains);
}

struct domain *domain_get(domid_t id)
{
	struct domain *d = NULL;

	if (id >= MAX_DOMAINS)
		return NULL;
	spin_lock(&domains_lock);
	d = domains[id];
	if (d)
		d->refs++;
	spin_unlock(&domains_lock);
	return d;
}

void domain_put(struct domain *d)
{
	spin_lock(&domains_lock);
	ASSERT(d->refs);
	d->refs--;
	spin_unlock(&domains_lock);
}

/* Ids are not reused at once: a late message for a dead domain should not reach a new one. */
static int32_t take_id(struct domain *d)
{
	for (uint32_t i = 0; i < MAX_DOMAINS - 1; i++) {
		uint32_t id = 1 + (next_id - 1 + i) % (MAX_DOMAINS - 1);

		if (domains[id])
			continue;
		next_id = id + 1;
		nr_domains++;
		d->id = (domid_t)id;
		WRITE_ONCE(domains[id], d);
		return (int32_t)id;
	}
	return -XEN_ENOSPC;
}

static int check_create(const struct zendo_domain_create *c)
{
	if (c->abi_version != ZENDO_ABI_VERSION || !c->max_vcpus || c->max_vcpus > ZENDO_MAX_VCPUS || !c->max_pages)
		return -XEN_EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(c->reserved); i++)
		if (c->reserved[i])
			return -XEN_EINVAL;
	if (c->flags & ~(ZDOM_PROTECTED | ZDOM_XAPIC))
		return -XEN_EINVAL;
	return c->flags & ZDOM_PROTECTED ? -XEN_EOPNOTSUPP : 0;
}

static void release(struct domain *d)
{
	while (!gfn_table_free(d, FREE_BUDGET))
		;
	if (d->npt) {
		while (!npt_free(d->npt, FREE_BUDGET))
			;
		pool_free(d, d->npt);
	}
	pool_free(d, d->mem);
	pool_free(NULL, d);
}

static int init(struct domain *d, const struct zendo_domain_create *c)
{
	int rc;

	d->npt = pool_alloc(d);
	d->mem = pool_alloc(d);
	if (!d->npt || !d->mem)
		return -XEN_ENOMEM;
	rc = npt_init(d->npt, d, (int)boot.levels);
	if (!rc)
		rc = gfn_table_init(d, hpa(c->gfn_table_hpa));
	return rc ? rc : guest_domain_init(d, c);
}

int64_t domain_create(const struct zendo_domain_create *c)
{
	struct domain *d;
	int64_t rc = check_create(c);

	if (rc)
		return rc;
	d = pool_alloc(NULL);
	if (!d)
		return -XEN_ENOMEM;
	d->max_vcpus = c->max_vcpus;
	d->max_pages = c->max_pages;
	d->max_pool_pages = c->max_pool_pages ? c->max_pool_pages
			  : (uint32_t)MIN(64 + c->max_pages / 256 + 16 * c->max_vcpus, 0x7fffffffULL);
	memcpy(d->uuid, c->uuid, sizeof(d->uuid));
	spin_init(&d->lock, RANK_DOMAIN);
	d->state = DOMAIN_ALIVE;
	rc = init(d, c);
	if (!rc) {
		spin_lock(&domains_lock);
		rc = take_id(d);
		spin_unlock(&domains_lock);
		if (rc < 0)
			guest_domain_destroy(d);
	}
	if (rc < 0)
		release(d);
	return rc;
}

static int vcpu_setup(struct vcpu *v, uint64_t run, uint64_t posted)
{
	int rc = dom0_page_map(hpa(run), (void **)&v->run);

	if (!rc)
		rc = dom0_page_map(hpa(posted), (void **)&v->posted);
	if (!rc)
		rc = ops->vcpu_init(v);
	if (rc)
		return rc;
	rc = guest_vcpu_init(v);
	if (rc)
		ops->vcpu_free(v);
	return rc;
}

static void vcpu_release(struct vcpu *v)
{
	dom0_page_unmap(v->run);
	dom0_page_unmap(v->posted);
	pool_free(v->d, v);
}

int vcpu_create(struct domain *d, uint32_t id, uint64_t run, uint64_t posted)
{
	struct vcpu *v;
	int rc;

	if (id >= d->max_vcpus || d->state != DOMAIN_ALIVE)
		return -XEN_EINVAL;
	if (d->vcpu[id])
		return -XEN_EEXIST;
	v = pool_alloc(d);
	if (!v)
		return -XEN_ENOMEM;
	v->d = d;
	v->id = id;
	v->cpu = v->last_cpu = -1;
	rc = vcpu_setup(v, run, posted);
	if (rc)
		vcpu_release(v);
	else
		WRITE_ONCE(d->vcpu[id], v);
	return rc;
}

void domain_shutdown(struct domain *d, uint32_t code)
{
	uint32_t none = 0, said = __atomic_load_n(&d->shutdown_said, __ATOMIC_SEQ_CST);

	if (said)
		code = said - 1;
	if (code == UINT32_MAX)
		code--;		/* nobody's code, and it must not look like none */

	__atomic_compare_exchange_n(&d->shutdown, &none, code + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = domain_vcpu(d, i);

		if (v)
			vcpu_kick(v);
	}
}

/* No vCPU runs, no other call is in flight on the domain, and none begins: they look at the state. */
static bool is_quiet(struct domain *d)
{
	bool alone;

	/* Once nobody can reach them any more none runs, and another call of ours may be freeing them. */
	for (uint32_t i = 0; i < d->max_vcpus && !READ_ONCE(d->guest_unbound); i++) {
		struct vcpu *v = domain_vcpu(d, i);

		if (!v)
			continue;
		vcpu_kick(v);
		if (__atomic_load_n(&v->busy, __ATOMIC_SEQ_CST))
			return false;
	}
	spin_lock(&domains_lock);
	alone = d->refs == 1;
	spin_unlock(&domains_lock);
	return alone;
}

static bool destroy_a_vcpu(struct domain *d)
{
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = domain_vcpu(d, i);

		if (!v)
			continue;
		guest_vcpu_destroy(v);
		ops->vcpu_free(v);
		WRITE_ONCE(d->vcpu[i], NULL);
		vcpu_release(v);
		return true;
	}
	return false;
}

/* Each step is bounded: dom0's interrupts wait for it. */
int domain_kill(struct domain *d)
{
	if (d->state == DOMAIN_DEAD)
		return 0;
	WRITE_ONCE(d->state, DOMAIN_DYING);
	smp_mb();
	if (!is_quiet(d))
		return -XEN_EAGAIN;
	if (!d->guest_unbound) {
		d->guest_unbound = guest_domain_unbind(d);
		return ZENDO_KILL_MORE;
	}
	if (destroy_a_vcpu(d))
		return ZENDO_KILL_MORE;
	if (!d->guest_gone) {
		guest_domain_destroy(d);
		d->guest_gone = true;
		return ZENDO_KILL_MORE;
	}
	if (d->gfns) {
		(void)gfn_table_free(d, FREE_BUDGET);
		return ZENDO_KILL_MORE;
	}
	if (!npt_free(d->npt, FREE_BUDGET))
		return ZENDO_KILL_MORE;
	d->state = DOMAIN_DEAD;
	return 0;
}

int domain_free(struct domain *d)
{
	int rc = 0;

	if (d->state != DOMAIN_DEAD)
		return -XEN_EBUSY;
	if (frame_owned(d->id)) {
		hv_log("d%u: %lu frames not reclaimed", d->id, frame_owned(d->id));
		return -XEN_EBUSY;
	}
	spin_lock(&domains_lock);
	if (d->refs != 1)	/* the caller's */
		rc = -XEN_EAGAIN;
	else
		WRITE_ONCE(domains[d->id], NULL);
	if (!rc)
		nr_domains--;
	spin_unlock(&domains_lock);
	if (rc)
		return rc;
	pool_free(d, d->npt);
	pool_free(d, d->mem);
	d->npt = NULL;
	d->mem = NULL;
	if (d->pool_pages)
		hv_log("d%u: %u pool pages still charged", d->id, d->pool_pages);
	CHECK(!d->pool_pages);
	pool_free(NULL, d);
	return 0;
}
