// SPDX-License-Identifier: GPL-2.0-only
/* Requests that make, list and steer domains (docs/ioctls.md). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "domain.h"
#include "events.h"
#include "hv_call.h"
#include "hvpriv.h"

#define HV_MEMMAP_MAX	126
#define HV_LIST_MAX	1024		/* records per call */

/* ---- memory and platform ------------------------------------------------------------------- */

/* The pages done go out on failure too. */
static int dom_add_memory(struct hv_domain *d, struct hvpriv_add_memory __user *arg)
{
	struct hvpriv_add_memory am;
	int r;

	if (copy_from_user(&am, arg, sizeof(am)))
		return -EFAULT;
	r = hv_memory_add(d, &am);
	if (copy_to_user(arg, &am, sizeof(am)) && !r)
		r = -EFAULT;
	return r;
}

static int dom_set_memmap(struct hv_domain *d, const struct hvpriv_set_memmap __user *arg)
{
	struct hvpriv_set_memmap sm;
	struct hvpriv_memmap_entry *e;
	u32 i;
	int r = 0;

	BUILD_BUG_ON(sizeof(*e) != sizeof(struct zendo_memmap_entry));
	BUILD_BUG_ON(HV_MEMMAP_MAX * sizeof(*e) > PAGE_SIZE);
	if (copy_from_user(&sm, arg, sizeof(sm)))
		return -EFAULT;
	if (sm.reserved || sm.nr > HV_MEMMAP_MAX)
		return -EINVAL;
	e = (void *)get_zeroed_page(GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	if (copy_from_user(e, u64_to_user_ptr(sm.buf), sm.nr * sizeof(*e)))
		r = -EFAULT;
	for (i = 0; !r && i < sm.nr; i++)
		if (e[i].reserved)
			r = -EINVAL;
	if (!r)
		r = hv_call_pool(ZCALL_DOMAIN_MEMMAP, d->domid, virt_to_phys(e), sm.nr, 0);
	free_page((unsigned long)e);
	return r < 0 ? r : 0;
}

static int dom_set_policy(struct hv_domain *d, const struct hvpriv_policy __user *arg)
{
	struct zendo_policy *p;
	int r;

	/* One layout: the hypervisor checks what is in it. A page, so that it crosses none. */
	BUILD_BUG_ON(sizeof(*p) != sizeof(struct hvpriv_policy));
	BUILD_BUG_ON(ZENDO_POLICY_WORDS != HVPRIV_POLICY_WORDS);
	BUILD_BUG_ON(ZPOLICY_MSR_RELAXED != HVPRIV_POLICY_MSR_RELAXED);
	BUILD_BUG_ON(offsetof(struct zendo_policy, hide) != offsetof(struct hvpriv_policy, hide));
	BUILD_BUG_ON(offsetof(struct zendo_policy, max_event_channels) != offsetof(struct hvpriv_policy, max_event_channels));
	p = (void *)get_zeroed_page(GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if (copy_from_user(p, arg, sizeof(*p)))
		r = -EFAULT;
	else
		r = hv_call_pool(ZCALL_DOMAIN_POLICY, d->domid, virt_to_phys(p), 0, 0);
	free_page((unsigned long)p);
	return r < 0 ? r : 0;
}

static int dom_set_param(struct hv_domain *d, const struct hvpriv_param __user *arg)
{
	struct hvpriv_param p;
	long r;

	if (copy_from_user(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.reserved)
		return -EINVAL;
	r = hv_call_pool(ZCALL_DOMAIN_PARAM, d->domid, p.index, p.value, 1);
	return r < 0 ? r : 0;
}

static int dom_get_param(struct hv_domain *d, struct hvpriv_param __user *arg)
{
	struct hvpriv_param p;
	long r;

	if (copy_from_user(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.reserved)
		return -EINVAL;
	r = hv_call_pool(ZCALL_DOMAIN_PARAM, d->domid, p.index, 0, 0);
	if (r < 0)
		return r;
	p.value = r;
	return copy_to_user(arg, &p, sizeof(p)) ? -EFAULT : 0;
}

/* ---- events and grants ---------------------------------------------------------------------------------- */

static int dom_evtchn_alloc(struct hv_domain *d, struct hvpriv_evtchn_alloc __user *arg)
{
	struct hvpriv_evtchn_alloc ea;
	int r;

	if (copy_from_user(&ea, arg, sizeof(ea)))
		return -EFAULT;
	r = hv_evtchn_alloc(d, &ea);
	if (!r && copy_to_user(arg, &ea, sizeof(ea)))
		r = -EFAULT;	/* the port stays; the domain goes with its maker */
	return r;
}

static int dom_notify(struct hv_domain *d, const struct hvpriv_notify __user *arg)
{
	struct hvpriv_notify n;

	if (copy_from_user(&n, arg, sizeof(n)))
		return -EFAULT;
	return n.reserved ? -EINVAL : hv_evtchn_notify(d, n.port);
}

static int dom_seed_grant(struct hv_domain *d, const struct hvpriv_seed_grant __user *arg)
{
	struct hvpriv_seed_grant sg;

	if (copy_from_user(&sg, arg, sizeof(sg)))
		return -EFAULT;
	return hv_grant_seed(d, &sg);
}

/* ---- pause, kill, query ------------------------------------------------------------------------ */

/* Returns when no vCPU is in the guest: each came out for our kick, and looks before it goes in. */
static void wait_until_out(struct hv_domain *d)
{
	struct hv_vcpu *v;
	u32 i;

	hv_for_each_vcpu(d, i, v)
		while (READ_ONCE(v->run->dom0.mode) == ZMODE_IN_GUEST) {
			hv_vcpu_kick(v);
			usleep_range(20, 100);
		}
}

static int dom_pause(struct hv_domain *d)
{
	int old;

	mutex_lock(&d->pause_lock);
	old = atomic_fetch_add_unless(&d->pause_count, 1, INT_MAX);
	if (old != INT_MAX) {
		hv_domain_kick_all(d);
		wait_until_out(d);
	}
	if (!old)
		hv_event_send(HVPRIV_CMD_PAUSED, d, 0);
	mutex_unlock(&d->pause_lock);
	return old == INT_MAX ? -EOVERFLOW : 0;
}

/* Told before it goes on: the guest may be at its end a moment later, and that is told by its own thread. */
static int dom_unpause(struct hv_domain *d)
{
	int left;

	mutex_lock(&d->pause_lock);
	if (atomic_read(&d->pause_count) == 1)
		hv_event_send(HVPRIV_CMD_RUNNING, d, 0);
	left = atomic_dec_if_positive(&d->pause_count);
	if (!left)
		hv_domain_kick_all(d);
	mutex_unlock(&d->pause_lock);
	return left < 0 ? -EINVAL : 0;
}

static int dom_rename(struct hv_domain *d, const struct hvpriv_rename __user *arg)
{
	struct hvpriv_rename rn;

	if (copy_from_user(&rn, arg, sizeof(rn)))
		return -EFAULT;
	if (memchr_inv(rn.reserved, 0, sizeof(rn.reserved)))
		return -EINVAL;
	return hv_domain_rename(d, rn.name);
}

static int dom_query(struct hv_domain *d, struct hvpriv_domain_info __user *arg)
{
	struct hvpriv_domain_info info;

	hv_domain_info(d, &info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int dom_create_vcpu(struct hv_domain *d, const struct hvpriv_create_vcpu __user *arg)
{
	struct hvpriv_create_vcpu cv;

	if (copy_from_user(&cv, arg, sizeof(cv)))
		return -EFAULT;
	return hv_vcpu_create(d, &cv);
}

static long domain_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hv_domain *d = file->private_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case HVPRIV_DOM_ADD_MEMORY:
		return dom_add_memory(d, p);
	case HVPRIV_DOM_SET_MEMMAP:
		return dom_set_memmap(d, p);
	case HVPRIV_DOM_SET_POLICY:
		return dom_set_policy(d, p);
	case HVPRIV_DOM_SET_PARAM:
		return dom_set_param(d, p);
	case HVPRIV_DOM_GET_PARAM:
		return dom_get_param(d, p);
	case HVPRIV_DOM_EVTCHN_ALLOC:
		return dom_evtchn_alloc(d, p);
	case HVPRIV_DOM_NOTIFY:
		return dom_notify(d, p);
	case HVPRIV_DOM_SEED_GRANT:
		return dom_seed_grant(d, p);
	case HVPRIV_DOM_LEND:
		return hv_workers_lend(&d->workers);
	case HVPRIV_DOM_PAUSE:
		return dom_pause(d);
	case HVPRIV_DOM_UNPAUSE:
		return dom_unpause(d);
	case HVPRIV_DOM_KILL:
		hv_domain_end(d, HV_END_KILLED, 0);	/* SHUTDOWN_poweroff */
		return 0;
	case HVPRIV_DOM_QUERY:
		return dom_query(d, p);
	case HVPRIV_DOM_RENAME:
		return dom_rename(d, p);
	case HVPRIV_DOM_DIRTY:
		return hv_dirty_ioctl(d, p);
	case HVPRIV_CREATE_VCPU:
		return dom_create_vcpu(d, p);
	}
	return -ENOTTY;
}

static int domain_mmap(struct file *file, struct vm_area_struct *vma)
{
	return hv_memory_mmap(file->private_data, vma);
}

/* The last holder: no ioctl, no mapping and no vCPU descriptor reaches the domain. */
static int domain_release(struct inode *inode, struct file *file)
{
	hv_domain_put(file->private_data);
	return 0;
}

static const struct file_operations domain_fops = {
	.owner		= THIS_MODULE,
	.release	= domain_release,
	.llseek		= noop_llseek,
	.unlocked_ioctl	= domain_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= domain_mmap,
};

/* ---- on the device -------------------------------------------------------------------------------- */

int hv_ioctl_create_domain(struct hvpriv_create_domain __user *arg)
{
	struct hvpriv_create_domain cd;
	struct hv_domain *d;
	struct file *file;
	int fd;

	/* Whoever may open the device (group zendo) may run guests; memory is limited by its cgroup. */
	if (copy_from_user(&cd, arg, sizeof(cd)))
		return -EFAULT;
	if ((cd.flags & ~HVPRIV_CREATE_XAPIC) || cd.reserved0 || memchr_inv(cd.reserved, 0, sizeof(cd.reserved)))
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	d = hv_domain_create(&cd);
	if (IS_ERR(d)) {
		put_unused_fd(fd);
		return PTR_ERR(d);
	}
	file = anon_inode_getfile("hvpriv-domain", &domain_fops, d, O_RDWR | O_CLOEXEC);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		hv_domain_put(d);
		return PTR_ERR(file);
	}
	if (put_user(d->domid, &arg->domid)) {
		put_unused_fd(fd);
		fput(file);
		return -EFAULT;
	}
	fd_install(fd, file);
	return fd;
}

int hv_ioctl_list(struct hvpriv_list __user *arg)
{
	struct hvpriv_domain_info *info;
	struct hvpriv_list l;
	int r = 0;

	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	l.nr = min_t(u32, l.nr, HV_LIST_MAX);
	info = kvcalloc(max(l.nr, 1U), sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	l.nr = hv_domains_list(l.first, info, l.nr);
	if (copy_to_user(u64_to_user_ptr(l.buf), info, l.nr * sizeof(*info)) ||
	    copy_to_user(arg, &l, sizeof(l)))
		r = -EFAULT;
	kvfree(info);
	return r;
}
