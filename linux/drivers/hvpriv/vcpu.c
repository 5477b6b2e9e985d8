// SPDX-License-Identifier: GPL-2.0-only
/* vCPU descriptors: creation, state, kicks. Running is in run.c. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "domain.h"
#include "hv_call.h"
#include "hvpriv.h"

/* The user's structs have the hypervisor's layout, so that one copy does. */
static_assert(sizeof(struct hvpriv_vcpu_state) == sizeof(struct zendo_vcpu_state));
static_assert(offsetof(struct hvpriv_vcpu_state, es) == offsetof(struct zendo_vcpu_state, sregs));
static_assert(offsetof(struct hvpriv_vcpu_state, cr0) == offsetof(struct zendo_vcpu_state, sregs.cr0));
static_assert(offsetof(struct hvpriv_vcpu_state, star) == offsetof(struct zendo_vcpu_state, star));
static_assert(offsetof(struct hvpriv_vcpu_state, up) == offsetof(struct zendo_vcpu_state, up));
static_assert(sizeof(struct hvpriv_segment) == sizeof(struct zendo_segment));

u64 hv_vcpu_guest_ns(const struct hv_vcpu *v)
{
	return mul_u64_u32_div(READ_ONCE(v->run->hyp.guest_tsc), 1000000, tsc_khz);
}

/*
 * Make @v look at its requests: out of the guest if it is in there, awake if it sleeps.
 *
 * Any context but NMI. What the caller changed before is seen: either we see IN_GUEST and send the
 * IPI, or vcpu_enter(), which writes the mode before it looks, sees the change. The same
 * barrier is the sender's half for posted bits.
 */
void hv_vcpu_kick(struct hv_vcpu *v)
{
	struct task_struct *t;

	WRITE_ONCE(v->wake, true);
	smp_mb();	/* pairs with smp_store_mb() in vcpu_enter() and set_current_state() in vcpu_sleep() */
	rcu_read_lock();
	t = rcu_dereference(v->task);
	if (t) {
		if (READ_ONCE(v->run->dom0.mode) == ZMODE_IN_GUEST)
			kick_process(t);
		else if (READ_ONCE(v->sleeping))
			wake_up_process(t);
	}
	rcu_read_unlock();
}

/* ---- ioctls ------------------------------------------------------------------------------ */

static int vcpu_ioctl_run(struct hv_vcpu *v, struct hvpriv_run __user *arg)
{
	int r;

	if (!mutex_trylock(&v->run_lock))
		return -EBUSY;
	memset(&v->out, 0, sizeof(v->out));
	rcu_assign_pointer(v->task, current);
	r = hv_vcpu_run(v);
	RCU_INIT_POINTER(v->task, NULL);
	if (!r && copy_to_user(arg, &v->out, sizeof(v->out)))
		r = -EFAULT;
	mutex_unlock(&v->run_lock);
	return r;
}

/* One page to the hypervisor or from it; only while the vCPU does not run. */
static int state_call(struct hv_vcpu *v, unsigned long nr, void *page)
{
	int r;

	if (!mutex_trylock(&v->run_lock))
		return -EBUSY;
	r = hv_call_pool(nr, hv_vcpu_name(v), virt_to_phys(page), 0, 0);
	mutex_unlock(&v->run_lock);
	return r;
}

static int vcpu_ioctl_get_state(struct hv_vcpu *v, struct hvpriv_vcpu_state __user *arg)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	int r;

	if (!page)
		return -ENOMEM;
	r = state_call(v, ZCALL_VCPU_GET, page);
	if (!r && copy_to_user(arg, page, sizeof(*arg)))
		r = -EFAULT;
	free_page((unsigned long)page);
	return r;
}

static int vcpu_ioctl_set_state(struct hv_vcpu *v, const struct hvpriv_vcpu_state __user *arg)
{
	struct hvpriv_vcpu_state *s = (void *)get_zeroed_page(GFP_KERNEL);
	int r = 0;

	if (!s)
		return -ENOMEM;
	if (copy_from_user(s, arg, sizeof(*s)))
		r = -EFAULT;
	else if (s->reserved0)
		r = -EINVAL;
	else
		r = state_call(v, ZCALL_VCPU_SET, s);
	free_page((unsigned long)s);
	return r;
}

static int vcpu_ioctl_get_crash(struct hv_vcpu *v, struct hvpriv_crash __user *arg)
{
	struct zendo_crash *from = &v->run->hyp.crash;
	struct zendo_vcpu_state *s;
	struct hvpriv_crash *c;
	int r = 0;

	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->reason = READ_ONCE(from->reason);
	c->exit_kind = from->exit_kind;
	c->exit_code = from->exit_code;
	c->info1 = from->info1;
	c->info2 = from->info2;
	s = (void *)&c->state;
	s->regs = from->regs;
	s->sregs = from->sregs;
	if (c->reason == ZCRASH_NONE)
		r = -ENODATA;
	else if (copy_to_user(arg, c, sizeof(*c)))
		r = -EFAULT;
	kfree(c);
	return r;
}

static int vcpu_ioctl_query(struct hv_vcpu *v, struct hvpriv_vcpu_info __user *arg)
{
	struct zendo_run_hyp *hyp = &v->run->hyp;
	bool sleeping = READ_ONCE(v->sleeping);
	struct hvpriv_vcpu_info info = {
		.guest_ns	= hv_vcpu_guest_ns(v),
		.exits		= READ_ONCE(hyp->exits),
		.halts		= READ_ONCE(v->halts),
		.interrupts	= READ_ONCE(v->interrupts),
		.events_in	= atomic64_read(&v->events_in),
		.events_out	= READ_ONCE(v->events_out),
		.blocked	= sleeping && READ_ONCE(hyp->parked) ? HVPRIV_BLOCKED_PARKED : sleeping,
		.up		= READ_ONCE(hyp->up),
		.cpu		= READ_ONCE(v->run->dom0.cpu),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int vcpu_ioctl_exits(struct hv_vcpu *v, struct hvpriv_vcpu_exits __user *arg)
{
	const struct zendo_run_hyp *hyp = &v->run->hyp;
	struct hvpriv_vcpu_exits exits;
	size_t i;

	BUILD_BUG_ON(sizeof(exits.by_kind) != sizeof(hyp->exits_by_kind));
	for (i = 0; i < ARRAY_SIZE(exits.by_kind); i++)
		exits.by_kind[i] = READ_ONCE(hyp->exits_by_kind[i]);
	return copy_to_user(arg, &exits, sizeof(exits)) ? -EFAULT : 0;
}

/* Posted first, then the kick: whether it runs or sleeps, it looks at what is pending before it goes on. */
static int vcpu_ioctl_nmi(struct hv_vcpu *v)
{
	long r;

	if (!READ_ONCE(v->run->hyp.up))
		return -EINVAL;
	r = hv_call1(ZCALL_VCPU_NMI, hv_vcpu_name(v));
	if (!r)
		hv_vcpu_kick(v);
	return r;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct hv_vcpu *v = file->private_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case HVPRIV_VCPU_RUN:
		return vcpu_ioctl_run(v, p);
	case HVPRIV_VCPU_GET_STATE:
		return vcpu_ioctl_get_state(v, p);
	case HVPRIV_VCPU_SET_STATE:
		return vcpu_ioctl_set_state(v, p);
	case HVPRIV_VCPU_GET_CRASH:
		return vcpu_ioctl_get_crash(v, p);
	case HVPRIV_VCPU_KICK:
		WRITE_ONCE(v->kicked, true);
		hv_vcpu_kick(v);
		return 0;
	case HVPRIV_VCPU_QUERY:
		return vcpu_ioctl_query(v, p);
	case HVPRIV_VCPU_EXITS:
		return vcpu_ioctl_exits(v, p);
	case HVPRIV_VCPU_NMI:
		return vcpu_ioctl_nmi(v);
	}
	return -ENOTTY;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct hv_vcpu *v = file->private_data;

	if (v)				/* NULL: creation failed */
		hv_domain_put(v->domain);	/* the vCPU itself lives as long as its domain */
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.release	= vcpu_release,
	.llseek		= noop_llseek,
	.unlocked_ioctl	= vcpu_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/* ---- life -------------------------------------------------------------------------------- */

void hv_vcpu_free(struct hv_vcpu *v)
{
	if (!v)
		return;
	hv_vcpu_timer_stop(v);
	free_page((unsigned long)v->run);
	free_page((unsigned long)v->posted);
	kfree(v);
}

static struct hv_vcpu *vcpu_alloc(struct hv_domain *d, u32 id)
{
	struct hv_vcpu *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	mutex_init(&v->run_lock);
	INIT_LIST_HEAD(&v->idler.node);
	hv_vcpu_timer_init(v);
	v->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	v->posted = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->run || !v->posted) {
		hv_vcpu_free(v);
		return NULL;
	}
	v->run->dom0.armed_tsc = U64_MAX;
	return v;
}

static int vcpu_make(struct hv_domain *d, u32 id, struct hv_vcpu **ret_v)
{
	struct hv_vcpu *v;
	long r;

	if (d->vcpu[id])
		return -EEXIST;
	v = vcpu_alloc(d, id);
	if (!v)
		return -ENOMEM;
	r = hv_call_pool(ZCALL_VCPU_CREATE, d->domid, id, virt_to_phys(v->run),
			 virt_to_phys(v->posted));
	if (r < 0) {
		hv_vcpu_free(v);
		return r;
	}
	d->nr_vcpus++;
	smp_store_release(&d->vcpu[id], v);	/* readers: hv_for_each_vcpu() */
	*ret_v = v;
	return 0;
}

/**
 * hv_vcpu_create() - HVPRIV_CREATE_VCPU
 * @d: the domain; a reference goes to the descriptor
 * @cv: already copied
 * The vCPU stays when its descriptor cannot be had: it is the domain's, never run, and asking
 * again is -EEXIST; so the descriptor comes first.
 *
 * Return: a descriptor, or -errno.
 */
int hv_vcpu_create(struct hv_domain *d, const struct hvpriv_create_vcpu *cv)
{
	struct hv_vcpu *v;
	struct file *file;
	int fd, r;

	if (cv->flags || cv->id >= d->max_vcpus)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile("hvpriv-vcpu", &vcpu_fops, NULL, O_RDWR | O_CLOEXEC);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	kref_get(&d->ref);	/* the file's from here on */
	mutex_lock(&d->lock);
	r = vcpu_make(d, cv->id, &v);
	mutex_unlock(&d->lock);
	if (r) {
		file->private_data = NULL;
		put_unused_fd(fd);
		fput(file);
		hv_domain_put(d);
		return r;
	}
	file->private_data = v;
	fd_install(fd, file);
	return fd;
}
