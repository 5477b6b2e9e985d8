// SPDX-License-Identifier: GPL-2.0-only
/* Domains: the list, creation, the end, and the requests on a domain's descriptor. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "domain.h"
#include "events.h"
#include "hvback.h"
#include "hv_call.h"
#include "hvpriv.h"

static DEFINE_XARRAY(domains);		/* domid -> struct hv_domain */
static DEFINE_MUTEX(domains_lock);	/* writers of domains; names */
static struct workqueue_struct *destroy_wq;

/* ---- the end ------------------------------------------------------------------------------- */

void hv_domain_kick_all(struct hv_domain *d)
{
	struct hv_vcpu *v;
	u32 i;

	hv_for_each_vcpu(d, i, v)
		hv_vcpu_kick(v);
}

/*
 * The domain runs no more; its vCPUs come back to user space. The first end is the one that counts.
 * Return: whether this was it.
 */
bool hv_domain_end(struct hv_domain *d, enum hv_end how, u32 code)
{
	bool first = false;

	spin_lock(&d->end_lock);
	if (d->end == HV_END_NONE) {
		d->end_code = code;
		smp_store_release(&d->end, how);	/* pairs with tell_end() */
		first = true;
	}
	spin_unlock(&d->end_lock);
	if (first) {
		hv_domain_kick_all(d);
		hv_workers_end(&d->workers);
		hv_event_send(HVPRIV_CMD_SHUTDOWN, d, how == HV_END_CRASH ? 3 : code);
	}
	return first;
}

/* For a peer, to be dropped; NULL: there is none. It may be on its way out. */
struct hv_domain *hv_domain_find(u32 domid)
{
	struct hv_domain *d;

	mutex_lock(&domains_lock);
	d = xa_load(&domains, domid);
	if (d)
		refcount_inc(&d->objects);	/* ours is dropped after the list was left */
	mutex_unlock(&domains_lock);
	return d;
}

/* The next one from *@ret_index on, in order, to be dropped; NULL: there is none. */
static struct hv_domain *domain_from(unsigned long *ret_index)
{
	struct hv_domain *d;

	mutex_lock(&domains_lock);
	d = xa_find(&domains, ret_index, ULONG_MAX, XA_PRESENT);
	if (d)
		refcount_inc(&d->objects);
	mutex_unlock(&domains_lock);
	return d;
}

/* A frame has failed: the domain that has it, if any, runs no more. */
void hv_domains_lose_page(unsigned long pfn)
{
	struct hv_domain *d;
	unsigned long index;

	for (index = 0; (d = domain_from(&index)); index++) {
		mutex_lock(&d->lock);
		/* When it is dying its records may be gone; and it cannot become so, nor its vCPUs go, while we have the lock. */
		if (!d->dying && hv_memory_has(d, pfn)) {
			pr_err("d%u ends: memory at %#llx, which it has, failed\n", d->domid, (u64)PFN_PHYS(pfn));
			hv_domain_end(d, HV_END_CRASH, ZCRASH_BAD_MEMORY);
		}
		mutex_unlock(&d->lock);
		hv_domain_drop(d);
	}
}

/* domid << 16 | vcpu, as the hypervisor names it; NULL when it is gone. Context: RCU read side, for as long as it is used. */
struct hv_vcpu *hv_vcpu_named(u32 name)
{
	struct hv_domain *d = xa_load(&domains, name >> 16);

	return d ? hv_vcpu_at(d, name & 0xffff) : NULL;
}

/* KILL or FREE, until the hypervisor is done; it works in bounded pieces, and waits for what is in flight on other CPUs. */
static int call_until_done(unsigned long nr, u32 domid)
{
	long r;

	while ((r = hv_call1(nr, domid)) == -EAGAIN || r == ZENDO_KILL_MORE) {
		if (r == -EAGAIN)
			usleep_range(10, 100);
		cond_resched();
	}
	return r;
}

/*
 * No descriptor is left, so no vCPU runs and none will. Frames are dom0's again only when the
 * hypervisor says so; else they are lost, rather than in two hands.
 */
static int leave_hypervisor(struct hv_domain *d)
{
	int r;

	r = call_until_done(ZCALL_DOMAIN_KILL, d->domid);
	if (!r)
		r = hv_memory_reclaim(d);
	if (!r)
		r = call_until_done(ZCALL_DOMAIN_FREE, d->domid);
	if (r && !hv_nr_cpus_under())
		r = 0;		/* no hypervisor any more, no guest */
	return r;
}

/* Return: false when the hypervisor may still use what is @d's. */
static bool domain_destroy(struct hv_domain *d)
{
	u32 i;
	int r;

	mutex_lock(&domains_lock);
	xa_erase(&domains, d->domid);
	mutex_unlock(&domains_lock);
	hv_peers_end(d);
	r = leave_hypervisor(d);
	synchronize_rcu();	/* hv_vcpus_park(), hv_vcpu_named(), hv_event_post() */
	if (r) {
		/* the hypervisor may still write to its shared pages: leave all as it is */
		pr_err("d%u: not freed (%d); %llu MiB are lost until reboot\n", d->domid, r,
		       d->mem.nr_frames >> (20 - PAGE_SHIFT));
		return false;
	}
	hv_memory_free(d);
	hv_evtchn_close_all(d);
	for (i = 0; i < d->max_vcpus; i++)
		hv_vcpu_free(d->vcpu[i]);
	hv_pool_shrink();
	return true;
}

static void domain_free(struct hv_domain *d)
{
	free_page((unsigned long)d->evt_hint);
	free_page((unsigned long)d->gfn_root);
	free_page((unsigned long)d->grant_page);
	hv_grants_free(&d->grants);
	put_pid(d->owner);
	hv_domain_drop(d);
}

/* The struct alone: what is in it went with domain_free(). */
void hv_domain_drop(struct hv_domain *d)
{
	if (refcount_dec_and_test(&d->objects))
		kfree(d);
}

static void destroy_work(struct work_struct *work)
{
	struct hv_domain *d = container_of(work, struct hv_domain, destroy_work);

	d->lost = !domain_destroy(d);
	complete(&d->destroyed);
}

/* In a worker: a dying thread's limits and priority do not slow it. But close() waits for it. */
static void domain_release(struct kref *ref)
{
	struct hv_domain *d = container_of(ref, struct hv_domain, ref);

	queue_work(destroy_wq, &d->destroy_work);
	wait_for_completion(&d->destroyed);
	hvback_wait_gone(d);
	hv_pages_out_look();
	hv_event_send(HVPRIV_CMD_DESTROYED, d, 0);
	if (d->lost)
		return;		/* and the hypervisor cannot be left any more */
	hv_unhold();
	domain_free(d);
}

void hv_domain_put(struct hv_domain *d)
{
	kref_put(&d->ref, domain_release);
}

/* ---- creation ---------------------------------------------------------------------------- */

static struct hv_domain *domain_alloc(const struct hvpriv_create_domain *cd)
{
	struct hv_domain *d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);

	if (!d)
		return NULL;
	kref_init(&d->ref);
	d->max_vcpus = cd->max_vcpus;
	d->xapic = cd->flags & HVPRIV_CREATE_XAPIC;
	strscpy_pad(d->name, cd->name, sizeof(d->name));
	spin_lock_init(&d->name_lock);
	memcpy(d->uuid, cd->uuid, sizeof(d->uuid));
	d->created_ns = ktime_get_boottime_ns();
	d->owner = get_task_pid(current, PIDTYPE_TGID);
	mutex_init(&d->lock);
	hv_memory_init(&d->mem, cd->max_pages);
	xa_init(&d->ports);
	xa_init(&d->handles);
	mutex_init(&d->pause_lock);
	atomic_set(&d->pause_count, 1);
	spin_lock_init(&d->end_lock);
	spin_lock_init(&d->event_lock);
	mutex_init(&d->peers_lock);
	INIT_LIST_HEAD(&d->peers);
	refcount_set(&d->objects, 1);
	hv_grants_init(&d->grants);
	hv_workers_init(&d->workers);
	INIT_WORK(&d->destroy_work, destroy_work);
	init_completion(&d->destroyed);
	d->evt_hint = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	d->gfn_root = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	d->grant_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!d->evt_hint || !d->gfn_root || !d->grant_page) {
		domain_free(d);
		return NULL;
	}
	return d;
}

static bool name_is_good(const char *name)
{
	size_t len = strnlen(name, HVPRIV_NAME_LEN), i;

	if (!len || len == HVPRIV_NAME_LEN)
		return false;
	for (i = 0; i < len; i++)
		if (iscntrl(name[i]) || name[i] == '/')
			return false;
	return true;
}

static bool name_is_taken(const char *name)
{
	struct hv_domain *d;
	unsigned long index;

	lockdep_assert_held(&domains_lock);
	xa_for_each(&domains, index, d)
		if (!strcmp(d->name, name))
			return true;
	return false;
}

/**
 * hv_domain_rename() - HVPRIV_DOM_RENAME
 * @name: already copied, HVPRIV_NAME_LEN bytes
 */
int hv_domain_rename(struct hv_domain *d, const char *name)
{
	int r = 0;

	if (!name_is_good(name))
		return -EINVAL;
	mutex_lock(&domains_lock);
	if (name_is_taken(name)) {
		r = -EEXIST;
	} else {
		spin_lock(&d->name_lock);
		strscpy_pad(d->name, name, sizeof(d->name));
		spin_unlock(&d->name_lock);
	}
	mutex_unlock(&domains_lock);
	if (!r)
		hv_event_send(HVPRIV_CMD_RENAMED, d, 0);
	return r;
}

/* For those who cannot take domains_lock. */
void hv_domain_name(struct hv_domain *d, char ret[HVPRIV_NAME_LEN])
{
	spin_lock(&d->name_lock);
	memcpy(ret, d->name, sizeof(d->name));
	spin_unlock(&d->name_lock);
}

static long call_create(struct hv_domain *d)
{
	struct zendo_domain_create *dc = (void *)get_zeroed_page(GFP_KERNEL);
	long r;

	if (!dc)
		return -ENOMEM;
	dc->abi_version = ZENDO_ABI_VERSION;
	dc->max_vcpus = d->max_vcpus;
	dc->max_pages = d->mem.max_pages;
	dc->flags = d->xapic ? ZDOM_XAPIC : 0;
	memcpy(dc->uuid, d->uuid, sizeof(dc->uuid));
	dc->evt_hint_hpa = virt_to_phys(d->evt_hint);
	dc->gfn_table_hpa = virt_to_phys(d->gfn_root);
	dc->grant_hpa = virt_to_phys(d->grant_page);
	preempt_disable();
	dc->wallclock_ns = ktime_get_real_ns();
	dc->wallclock_tsc = rdtsc();
	preempt_enable();
	r = hv_call_pool(ZCALL_DOMAIN_CREATE, virt_to_phys(dc), 0, 0, 0);
	free_page((unsigned long)dc);
	return r;
}

static int domain_enter_list(struct hv_domain *d)
{
	long domid;
	int r;

	mutex_lock(&domains_lock);
	r = -EEXIST;
	if (name_is_taken(d->name))
		goto out;
	domid = call_create(d);
	r = domid;
	if (domid < 0)
		goto out;
	d->domid = domid;
	r = xa_insert(&domains, domid, d, GFP_KERNEL);
	if (r) {
		call_until_done(ZCALL_DOMAIN_KILL, domid);
		call_until_done(ZCALL_DOMAIN_FREE, domid);
	}
out:
	mutex_unlock(&domains_lock);
	return r;
}

/**
 * hv_domain_create() - make a domain, paused, with one reference for the caller
 * @cd: already copied, its flags and reserved fields checked
 */
struct hv_domain *hv_domain_create(const struct hvpriv_create_domain *cd)
{
	struct hv_domain *d;
	int r;

	if (!name_is_good(cd->name) || !cd->max_vcpus || cd->max_vcpus > ZENDO_MAX_VCPUS ||
	    !cd->max_pages)
		return ERR_PTR(-EINVAL);
	r = hv_hold();
	if (r)
		return ERR_PTR(r);
	r = -ENOMEM;
	d = domain_alloc(cd);
	if (!d)
		goto err_unhold;
	r = domain_enter_list(d);
	if (r)
		goto err_free;
	hv_event_send(HVPRIV_CMD_CREATED, d, 0);
	return d;

err_free:
	domain_free(d);
err_unhold:
	hv_unhold();
	return ERR_PTR(r);
}

/* ---- the list ------------------------------------------------------------------------------ */

static u32 domain_state(struct hv_domain *d)
{
	enum hv_end end = smp_load_acquire(&d->end);	/* end_code was written before */
	bool all_sleep = true, any = false;
	struct hv_vcpu *v;
	u32 state = 0, i;

	if (end == HV_END_SHUTDOWN || end == HV_END_KILLED)
		return HVPRIV_ST_SHUTDOWN;
	if (end == HV_END_CRASH)
		return HVPRIV_ST_CRASHED;
	if (atomic_read(&d->pause_count) > 0)
		return HVPRIV_ST_PAUSED;
	hv_for_each_vcpu(d, i, v) {
		if (!rcu_access_pointer(v->task))
			continue;
		any = true;
		all_sleep &= READ_ONCE(v->sleeping);
	}
	if (any)
		state = all_sleep ? HVPRIV_ST_BLOCKED : HVPRIV_ST_RUNNING;
	return state;
}

/* What HVPRIV_LIST and HVPRIV_DOM_QUERY tell. A look, not a snapshot: no lock of the domain is taken. */
void hv_domain_info(struct hv_domain *d, struct hvpriv_domain_info *info)
{
	struct hv_vcpu *v;
	long use;
	u32 i;

	memset(info, 0, sizeof(*info));
	info->domid = d->domid;
	info->state = domain_state(d);
	info->max_vcpus = d->max_vcpus;
	info->nr_vcpus = READ_ONCE(d->nr_vcpus);
	if (info->state & HVPRIV_ST_CRASHED) {
		info->shutdown_code = 3;	/* SHUTDOWN_crash */
		info->crash_reason = d->end_code;
	} else if (info->state & HVPRIV_ST_SHUTDOWN) {
		info->shutdown_code = d->end_code;
	}
	info->nr_pages = READ_ONCE(d->mem.nr_ram);
	info->max_pages = d->mem.max_pages;
	use = hv_call2(ZCALL_DOMAIN_USE, d->domid, 1);
	info->pool_pages = use > 0 ? use : 0;	/* a dying domain's are going back already */
	hv_for_each_vcpu(d, i, v) {
		info->cpu_ns += hv_vcpu_guest_ns(v);
		info->exits += READ_ONCE(v->run->hyp.exits);
	}
	info->created_ns = d->created_ns;
	info->kernel_bytes = sizeof(*d) + 3 * PAGE_SIZE + hv_memory_overhead(d) + READ_ONCE(d->grants.nr_pages) * PAGE_SIZE +
			     info->nr_vcpus * (sizeof(*v) + 2 * PAGE_SIZE);
	info->owner_pid = pid_nr_ns(d->owner, task_active_pid_ns(current));
	memcpy(info->uuid, d->uuid, sizeof(info->uuid));
	hv_domain_name(d, info->name);
}

/*
 * Fill in domains with domid >= @first, in order.
 *
 * No domain can be freed meanwhile: it leaves the list first. Return: how many were filled in.
 */
u32 hv_domains_list(u32 first, struct hvpriv_domain_info *info, u32 room)
{
	struct hv_domain *d;
	unsigned long index;
	u32 nr = 0;

	mutex_lock(&domains_lock);
	xa_for_each_start(&domains, index, d, first) {
		if (nr == room)
			break;
		hv_domain_info(d, &info[nr++]);
	}
	mutex_unlock(&domains_lock);
	return nr;
}

/*
 * A CPU goes offline: what is loaded there of any vCPU is written back to memory. On SVM nothing is,
 * and the call is cheap.
 *
 * Context: the hotplug thread of @cpu, which is still under.
 */
void hv_vcpus_park(unsigned int cpu)
{
	struct hv_domain *d;
	struct hv_vcpu *v;
	unsigned long index;
	u32 i;

	rcu_read_lock();	/* domain_destroy() waits for us */
	xa_for_each(&domains, index, d) {
		hv_for_each_vcpu(d, i, v)
			if (READ_ONCE(v->run->dom0.cpu) == cpu)
				hv_call1(ZCALL_VCPU_PARK, hv_vcpu_name(v));
	}
	rcu_read_unlock();
}

int __init hv_domains_init(void)
{
	/* with a thread of its own where there is no memory for one: a guest's is freed by it */
	destroy_wq = alloc_workqueue("hvpriv-destroy", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return destroy_wq ? 0 : -ENOMEM;
}

void hv_domains_exit(void)
{
	hv_pages_out_exit();
	destroy_workqueue(destroy_wq);
}
