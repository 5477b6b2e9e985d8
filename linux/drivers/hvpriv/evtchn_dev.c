// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hvevtchn: event channels for dom0's programs, with the requests of Linux's <xen/evtchn.h>, so that libxenevtchn runs on it.
 *
 * Ports here are dom0's own numbers, unique among all descriptors. A port that was told of is silent until it is written back; an
 * event that comes meanwhile is kept and told then. So each port stands in the ring once, unless a program writes it back without
 * reading: then the ring can overflow, which reads tell by -EFBIG until a reset.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <xen/interface/xen.h>
#include <uapi/xen/evtchn.h>

#include "hvpriv_backend.h"
#include "local_port.h"
#include "main.h"

#define MAX_PORT	131071		/* as many as the ABI of FIFO event channels can name */
#define FIRST_RING	64
#define UNRESTRICTED	(-1)
#define MAX_IO		(PAGE_SIZE / sizeof(u32))	/* ports in one read or write */

struct evtchn_file {
	struct mutex lock;		/* ports, restricted; who binds and unbinds */
	struct xarray ports;		/* number -> struct hv_local_port */
	unsigned int nr_ports;
	int restricted;			/* to this domain, or UNRESTRICTED */

	struct mutex read_lock;		/* cons, ring, size; taken inside lock */
	spinlock_t ring_lock;		/* ring, size, prod, overflow; enabled and pending of the ports */
	u32 *ring;
	u32 size;			/* a power of two, or 0 */
	u32 cons, prod;
	bool overflow;
	wait_queue_head_t wait;
	struct fasync_struct *async;
};

struct hv_local_port {
	refcount_t ref;			/* the file's, and those of hv_local_port_get() */
	u32 number;
	struct hv_peer *peer;
	struct hv_event *event;
	spinlock_t lock;		/* file; ring_lock is taken inside */
	struct evtchn_file *file;	/* NULL when it was unbound */
	bool enabled, pending;
};

static DEFINE_XARRAY_ALLOC1(all_ports);	/* number -> struct hv_local_port */

/* ---- ports --------------------------------------------------------------------------------- */

/* Context: ring_lock. */
static void ring_push(struct evtchn_file *f, u32 number)
{
	if (f->prod - READ_ONCE(f->cons) < f->size) {
		f->ring[f->prod & (f->size - 1)] = number;
		smp_store_release(&f->prod, f->prod + 1);	/* pairs with evtchn_read() */
	} else {
		WRITE_ONCE(f->overflow, true);
	}
	wake_up_interruptible(&f->wait);
	kill_fasync(&f->async, SIGIO, POLL_IN);
}

/* The guest signals. Context: a spinlock of the domain. */
static void port_event(void *arg)
{
	struct hv_local_port *p = arg;

	spin_lock(&p->lock);
	if (p->file) {
		spin_lock(&p->file->ring_lock);
		if (p->enabled)
			ring_push(p->file, p->number);
		else
			p->pending = true;
		p->enabled = false;
		spin_unlock(&p->file->ring_lock);
	}
	spin_unlock(&p->lock);
}

/* Written back: what came meanwhile is told, else the next event will be. */
static void port_enable(struct evtchn_file *f, struct hv_local_port *p)
{
	spin_lock(&f->ring_lock);
	if (p->pending && !p->enabled) {
		p->pending = false;
		ring_push(f, p->number);
	} else {
		p->enabled = true;
	}
	spin_unlock(&f->ring_lock);
}

struct hv_local_port *hv_local_port_get(u32 number)
{
	struct hv_local_port *p;

	xa_lock(&all_ports);
	p = xa_load(&all_ports, number);
	if (p && !refcount_inc_not_zero(&p->ref))
		p = NULL;
	xa_unlock(&all_ports);
	return p;
}

void hv_local_port_put(struct hv_local_port *p)
{
	if (!refcount_dec_and_test(&p->ref))
		return;
	if (p->event)
		hv_event_unbind(p->event);
	if (p->peer)
		hv_peer_close(p->peer);
	xa_erase(&all_ports, p->number);
	kfree(p);
}

void hv_local_port_post(struct hv_local_port *p)
{
	hv_event_post(p->event);
}

/* Room for one port more, so that the ring holds each of them once. */
static int ring_grow(struct evtchn_file *f)
{
	u32 size = f->size ? 2 * f->size : FIRST_RING, *ring, *old, i;

	lockdep_assert_held(&f->lock);
	if (f->nr_ports < f->size)
		return 0;
	ring = kvmalloc_array(size, sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	mutex_lock(&f->read_lock);
	spin_lock(&f->ring_lock);
	old = f->ring;
	for (i = f->cons; i != f->prod; i++)
		ring[i & (size - 1)] = old[i & (f->size - 1)];
	f->ring = ring;
	f->size = size;
	spin_unlock(&f->ring_lock);
	mutex_unlock(&f->read_lock);
	kvfree(old);
	return 0;
}

/* A number of ours for a port that is not bound yet; its reference is the file's. */
static struct hv_local_port *port_new(struct evtchn_file *f)
{
	struct hv_local_port *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	int r;

	if (!p)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&p->lock);
	p->file = f;
	p->enabled = true;
	/* Nobody can have it until it is bound. */
	r = xa_alloc(&all_ports, &p->number, p, XA_LIMIT(1, MAX_PORT), GFP_KERNEL_ACCOUNT);
	if (r) {
		kfree(p);
		return ERR_PTR(r == -EBUSY ? -ENOSPC : r);
	}
	return p;
}

/* No event reaches the file any more. */
static void port_unbind(struct evtchn_file *f, struct hv_local_port *p)
{
	lockdep_assert_held(&f->lock);
	xa_erase(&f->ports, p->number);
	f->nr_ports--;
	spin_lock(&p->lock);
	p->file = NULL;
	spin_unlock(&p->lock);
	hv_local_port_put(p);
}

static int port_bind(struct evtchn_file *f, u32 domid, u32 remote)
{
	struct hv_local_port *p;
	struct hv_event *event;
	int r;

	r = ring_grow(f);
	if (r)
		return r;
	p = port_new(f);
	if (IS_ERR(p))
		return PTR_ERR(p);
	r = xa_insert(&f->ports, p->number, p, GFP_KERNEL_ACCOUNT);
	if (r)
		goto err_number;
	p->peer = hv_peer_open(domid, NULL, NULL);
	r = PTR_ERR_OR_ZERO(p->peer);
	if (r)
		goto err_ports;
	event = hv_event_bind(p->peer, remote, port_event, p);
	r = PTR_ERR_OR_ZERO(event);
	if (r)
		goto err_peer;
	p->event = event;
	f->nr_ports++;
	smp_wmb();		/* complete before it can be had by its number */
	refcount_set(&p->ref, 1);
	return p->number;

err_peer:
	hv_peer_close(p->peer);
err_ports:
	xa_erase(&f->ports, p->number);
err_number:
	xa_erase(&all_ports, p->number);
	kfree(p);
	return r;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Dom0 has no virtual interrupts of Xen's: netlink tells what becomes of domains. */
static int bind_virq(struct evtchn_file *f, const struct ioctl_evtchn_bind_virq __user *arg)
{
	struct ioctl_evtchn_bind_virq b;

	if (f->restricted != UNRESTRICTED)
		return -EACCES;
	if (copy_from_user(&b, arg, sizeof(b)))
		return -EFAULT;
	return b.virq < NR_VIRQS ? -EOPNOTSUPP : -EINVAL;
}

static int bind_interdomain(struct evtchn_file *f, const struct ioctl_evtchn_bind_interdomain __user *arg)
{
	struct ioctl_evtchn_bind_interdomain b;
	int r;

	if (copy_from_user(&b, arg, sizeof(b)))
		return -EFAULT;
	mutex_lock(&f->lock);
	if (f->restricted != UNRESTRICTED && f->restricted != b.remote_domain)
		r = -EACCES;
	else
		r = port_bind(f, b.remote_domain, b.remote_port);
	mutex_unlock(&f->lock);
	return r;
}

/* Guests offer, dom0 binds; a guest that binds to a port of dom0 is refused by the hypervisor. */
static int bind_unbound(struct evtchn_file *f, const struct ioctl_evtchn_bind_unbound_port __user *arg)
{
	struct ioctl_evtchn_bind_unbound_port b;

	if (copy_from_user(&b, arg, sizeof(b)))
		return -EFAULT;
	if (f->restricted != UNRESTRICTED)
		return -EACCES;
	return -EOPNOTSUPP;
}

/* UNBIND and NOTIFY. */
static int on_port(struct evtchn_file *f, const u32 __user *arg, bool notify)
{
	struct hv_local_port *p;
	u32 number;
	int r = 0;

	if (get_user(number, arg))
		return -EFAULT;
	if (!notify && number > MAX_PORT)
		return -EINVAL;
	mutex_lock(&f->lock);
	p = xa_load(&f->ports, number);
	if (!p)
		r = -ENOTCONN;
	else if (notify)
		hv_local_port_post(p);
	else
		port_unbind(f, p);
	mutex_unlock(&f->lock);
	return r;
}

static int reset(struct evtchn_file *f)
{
	mutex_lock(&f->read_lock);
	spin_lock(&f->ring_lock);
	WRITE_ONCE(f->cons, f->prod);
	WRITE_ONCE(f->overflow, false);
	spin_unlock(&f->ring_lock);
	mutex_unlock(&f->read_lock);
	return 0;
}

static int restrict_domid(struct evtchn_file *f, const struct ioctl_evtchn_restrict_domid __user *arg)
{
	struct ioctl_evtchn_restrict_domid rd;
	int r = 0;

	if (copy_from_user(&rd, arg, sizeof(rd)))
		return -EFAULT;
	if (!rd.domid || rd.domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	mutex_lock(&f->lock);
	if (f->restricted != UNRESTRICTED)
		r = -EACCES;
	else
		f->restricted = rd.domid;
	mutex_unlock(&f->lock);
	return r;
}

static long evtchn_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct evtchn_file *f = file->private_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case IOCTL_EVTCHN_BIND_VIRQ:
		return bind_virq(f, p);
	case IOCTL_EVTCHN_BIND_INTERDOMAIN:
		return bind_interdomain(f, p);
	case IOCTL_EVTCHN_BIND_UNBOUND_PORT:
		return bind_unbound(f, p);
	case IOCTL_EVTCHN_UNBIND:
		return on_port(f, p, false);
	case IOCTL_EVTCHN_NOTIFY:
		return on_port(f, p, true);
	case IOCTL_EVTCHN_RESET:
		return reset(f);
	case IOCTL_EVTCHN_RESTRICT_DOMID:
		return restrict_domid(f, p);
	}
	return -ENOTTY;
}

/* ---- read, write, poll ------------------------------------------------------------------------- */

static bool readable(struct evtchn_file *f)
{
	return READ_ONCE(f->overflow) || smp_load_acquire(&f->prod) != READ_ONCE(f->cons);
}

/* At least one event is there, or -EFBIG. What is copied is gone; what cannot be copied stays. */
static ssize_t take(struct evtchn_file *f, u32 __user *buf, size_t room)
{
	u32 nr, first;

	lockdep_assert_held(&f->read_lock);
	if (READ_ONCE(f->overflow))
		return -EFBIG;
	nr = min_t(size_t, smp_load_acquire(&f->prod) - f->cons, room);
	first = min(nr, f->size - (f->cons & (f->size - 1)));
	if (copy_to_user(buf, &f->ring[f->cons & (f->size - 1)], first * sizeof(*buf)) ||
	    copy_to_user(buf + first, f->ring, (nr - first) * sizeof(*buf)))
		return -EFAULT;
	smp_store_release(&f->cons, f->cons + nr);	/* read before it may be overwritten */
	return nr * sizeof(*buf);
}

static ssize_t evtchn_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct evtchn_file *f = file->private_data;
	size_t room = min_t(size_t, count / sizeof(u32), MAX_IO);
	ssize_t r;

	if (!room)
		return 0;
	for (;;) {
		mutex_lock(&f->read_lock);
		r = readable(f) ? take(f, (u32 __user *)buf, room) : -EAGAIN;
		mutex_unlock(&f->read_lock);
		if (r != -EAGAIN || (file->f_flags & O_NONBLOCK))
			return r;
		r = wait_event_interruptible(f->wait, readable(f));
		if (r)
			return r;
	}
}

/* Ports that are not the descriptor's are passed over. */
static ssize_t evtchn_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct evtchn_file *f = file->private_data;
	size_t nr = min_t(size_t, count / sizeof(u32), MAX_IO), i;
	struct hv_local_port *p;
	u32 *numbers;

	if (!nr)
		return 0;
	numbers = memdup_user(buf, nr * sizeof(*numbers));
	if (IS_ERR(numbers))
		return PTR_ERR(numbers);
	mutex_lock(&f->lock);
	for (i = 0; i < nr; i++) {
		p = xa_load(&f->ports, numbers[i]);
		if (p)
			port_enable(f, p);
	}
	mutex_unlock(&f->lock);
	kfree(numbers);
	return nr * sizeof(*numbers);
}

static __poll_t evtchn_poll(struct file *file, poll_table *wait)
{
	struct evtchn_file *f = file->private_data;
	__poll_t mask = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &f->wait, wait);
	if (READ_ONCE(f->overflow))
		return EPOLLERR;
	return readable(f) ? mask | EPOLLIN | EPOLLRDNORM : mask;
}

static int evtchn_fasync(int fd, struct file *file, int on)
{
	struct evtchn_file *f = file->private_data;

	return fasync_helper(fd, file, on, &f->async);
}

/* ---- descriptors --------------------------------------------------------------------------------- */

static int evtchn_open(struct inode *inode, struct file *file)
{
	struct evtchn_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	mutex_init(&f->read_lock);
	spin_lock_init(&f->ring_lock);
	init_waitqueue_head(&f->wait);
	xa_init(&f->ports);
	f->restricted = UNRESTRICTED;
	file->private_data = f;
	return stream_open(inode, file);
}

static int evtchn_release(struct inode *inode, struct file *file)
{
	struct evtchn_file *f = file->private_data;
	struct hv_local_port *p;
	unsigned long number;

	mutex_lock(&f->lock);
	xa_for_each(&f->ports, number, p)
		port_unbind(f, p);
	mutex_unlock(&f->lock);
	xa_destroy(&f->ports);
	kvfree(f->ring);
	kfree(f);
	return 0;
}

static const struct file_operations evtchn_fops = {
	.owner		= THIS_MODULE,
	.open		= evtchn_open,
	.release	= evtchn_release,
	.llseek		= noop_llseek,
	.read		= evtchn_read,
	.write		= evtchn_write,
	.poll		= evtchn_poll,
	.fasync		= evtchn_fasync,
	.unlocked_ioctl	= evtchn_ioctl,
};

struct miscdevice hv_evtchn_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hvevtchn",
	.fops	= &evtchn_fops,
	.mode	= 0600,
};
