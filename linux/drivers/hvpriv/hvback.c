// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus "hvback": devices of guests that dom0 serves. A device is made and removed by the agent or by the end of its domain; a
 * module that serves its class may come and go meanwhile and finds what the frontend published (docs/backends.md).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kmod.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "compat/bus.h"
#include "domain.h"
#include "events.h"
#include "hvback.h"
#include "peer.h"

static struct bus_type hvback_bus;
static struct device *root;			/* /sys/devices/hvback */
static struct workqueue_struct *hvback_wq;
static LIST_HEAD(devices);
static DEFINE_SPINLOCK(devices_lock);
static DECLARE_WAIT_QUEUE_HEAD(devices_left);	/* somebody left the list */

static struct hvback *dev_to_hvback(const struct device *dev)
{
	return to_hvback(container_of(dev, struct hvback_device, dev));
}

static const struct hvback_driver *to_driver(const struct device_driver *drv)
{
	return container_of(drv, struct hvback_driver, driver);
}

const struct hvback_driver *hvback_driver_of(struct hvback *b)
{
	device_lock_assert(&b->pub.dev);
	return b->pub.dev.driver ? to_driver(b->pub.dev.driver) : NULL;
}

/* ---- what drivers say ------------------------------------------------------------------------- */

int hvback_reason(struct hvback_device *dev, int err, const char *fmt, ...)
{
	struct hvback *b = to_hvback(dev);
	va_list ap;

	if (!b->why[0]) {
		va_start(ap, fmt);
		vsnprintf(b->why, sizeof(b->why), fmt, ap);
		va_end(ap);
	}
	return err;
}
EXPORT_SYMBOL_GPL(hvback_reason);

static void queue_once(struct hvback *b, struct work_struct *work)
{
	get_device(&b->pub.dev);
	if (!queue_work(hvback_wq, work))
		put_device(&b->pub.dev);
}

void hvback_broken(struct hvback_device *dev, const char *fmt, ...)
{
	struct hvback *b = to_hvback(dev);
	va_list ap;

	if (test_and_set_bit(0, &b->broken))
		return;
	va_start(ap, fmt);
	vsnprintf(b->reason, sizeof(b->reason), fmt, ap);
	va_end(ap);
	smp_store_release(&b->reason_told, true);	/* pairs with broken_work(), which may be queued already */
	queue_once(b, &b->broken_work);
}
EXPORT_SYMBOL_GPL(hvback_broken);

/* ---- connection: under the device's lock ---------------------------------------------------------- */

static void set_state(struct hvback *b, u32 state)
{
	WRITE_ONCE(b->state, state);
	kobject_uevent(&b->pub.dev.kobj, KOBJ_CHANGE);
}

static void forget_connection(struct hvback *b)
{
	kvfree(b->conn);
	b->conn = NULL;
	b->pub.conn = NULL;
}

static int serve(struct hvback *b)
{
	int r;

	b->reason_told = false;
	clear_bit(0, &b->broken);
	r = hvback_driver_of(b)->connect(&b->pub, b->conn);
	b->served = !r;
	return r;
}

static void serve_no_more(struct hvback *b)
{
	if (b->served)
		hvback_driver_of(b)->disconnect(&b->pub);
	b->served = false;
}

static void break_off(struct hvback *b)
{
	forget_connection(b);
	dev_warn_ratelimited(&b->pub.dev, "disconnected: %s\n", b->reason);
	set_state(b, HVBACK_ST_BROKEN);
}

/* It may be of a connection that is over: then serve() has cleared what was told, or nothing is served. */
static void broken_work(struct work_struct *work)
{
	struct hvback *b = container_of(work, struct hvback, broken_work);

	device_lock(&b->pub.dev);
	if (b->served && smp_load_acquire(&b->reason_told)) {	/* pairs with hvback_broken() */
		serve_no_more(b);
		break_off(b);
	}
	device_unlock(&b->pub.dev);
	put_device(&b->pub.dev);
}

/* Takes @conn over, whatever it returns; on failure ->why may say more. */
int hvback_connect(struct hvback *b, struct hvback_connection *conn)
{
	int r;

	device_lock_assert(&b->pub.dev);
	if (b->state != HVBACK_ST_WAITING || !hvback_driver_of(b)) {
		kvfree(conn);
		return b->state != HVBACK_ST_WAITING ? -EISCONN :
		       hvback_reason(&b->pub, -ENXIO, "no module serves %s now", dev_name(&b->pub.dev));
	}
	b->conn = conn;
	b->pub.conn = conn;
	r = serve(b);
	if (r)
		forget_connection(b);
	else
		set_state(b, HVBACK_ST_CONNECTED);
	return r;
}

void hvback_disconnect(struct hvback *b)
{
	device_lock_assert(&b->pub.dev);
	serve_no_more(b);
	forget_connection(b);
	if (b->state != HVBACK_ST_WAITING)
		set_state(b, HVBACK_ST_WAITING);
}

/* ---- the bus ------------------------------------------------------------------------------------ */

static int bus_match(struct device *dev, hv_match_driver *drv)
{
	return !strcmp(dev_to_hvback(dev)->pub.id.class, to_driver(drv)->class);
}

/* A module that comes under a connected frontend goes on where the last one stopped. */
static int bus_probe(struct device *dev)
{
	struct hvback *b = dev_to_hvback(dev);
	int r;

	b->why[0] = '\0';
	r = hvback_driver_of(b)->probe(&b->pub);
	b->probe_error = r;
	if (r || !b->conn)
		return r;
	r = serve(b);
	if (r) {
		snprintf(b->reason, sizeof(b->reason), "cannot be connected again (%d) %.80s", r, b->why);
		break_off(b);
	}
	return 0;
}

static void bus_remove(struct device *dev)
{
	struct hvback *b = dev_to_hvback(dev);

	serve_no_more(b);
	hvback_driver_of(b)->remove(&b->pub);
}

static const char *const state_names[] = {
	[HVBACK_ST_WAITING]	= "waiting",
	[HVBACK_ST_CONNECTED]	= "connected",
	[HVBACK_ST_BROKEN]	= "broken",
};

static int bus_uevent(hv_uevent_device *dev, struct kobj_uevent_env *env)
{
	const struct hvback *b = dev_to_hvback(dev);
	u32 state = READ_ONCE(b->state);

	if (add_uevent_var(env, "MODALIAS=hvback:%s", b->pub.id.class) ||
	    add_uevent_var(env, "HVBACK_CLASS=%s", b->pub.id.class) ||
	    add_uevent_var(env, "HVBACK_DOMID=%u", b->pub.id.domid) ||
	    add_uevent_var(env, "HVBACK_DEVID=%u", b->pub.id.devid) ||
	    add_uevent_var(env, "HVBACK_STATE=%s", state_names[state]) ||
	    (state == HVBACK_ST_BROKEN && add_uevent_var(env, "HVBACK_REASON=%s", b->reason)))
		return -ENOMEM;
	return 0;
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", state_names[READ_ONCE(dev_to_hvback(dev)->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t reason_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct hvback *b = dev_to_hvback(dev);

	return sysfs_emit(buf, "%s\n", READ_ONCE(b->state) == HVBACK_ST_BROKEN ? b->reason : "");
}
static DEVICE_ATTR_RO(reason);

static struct attribute *hvback_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_reason.attr,
	NULL
};
ATTRIBUTE_GROUPS(hvback);

static struct bus_type hvback_bus = {
	.name		= "hvback",
	.dev_groups	= hvback_groups,
	.match		= bus_match,
	.uevent		= bus_uevent,
	.probe		= bus_probe,
	.remove		= bus_remove,
};

int hvback_register(struct hvback_driver *drv, struct module *owner)
{
	if (WARN_ON(!drv->class || !drv->probe || !drv->remove || !drv->connect || !drv->disconnect || !drv->info))
		return -EINVAL;
	drv->driver.bus = &hvback_bus;
	drv->driver.owner = owner;
	drv->driver.probe_type = PROBE_FORCE_SYNCHRONOUS;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL_GPL(hvback_register);

void hvback_unregister(struct hvback_driver *drv)
{
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_GPL(hvback_unregister);

/* ---- life --------------------------------------------------------------------------------------- */

static struct hvback *find_locked(const struct hvback_id *id)
{
	struct hvback *b;

	lockdep_assert_held(&devices_lock);
	list_for_each_entry(b, &devices, node)
		if (b->pub.id.domid == id->domid && b->pub.id.devid == id->devid && !strcmp(b->pub.id.class, id->class))
			return b;
	return NULL;
}

struct hvback *hvback_find(const struct hvback_id *id)
{
	struct hvback *b;

	spin_lock(&devices_lock);
	b = find_locked(id);
	if (b)
		get_device(&b->pub.dev);
	spin_unlock(&devices_lock);
	return b;
}

void hvback_put(struct hvback *b)
{
	put_device(&b->pub.dev);
}

static int enlist(struct hvback *b)
{
	int r = 0;

	spin_lock(&devices_lock);
	if (find_locked(&b->pub.id))
		r = -EEXIST;
	else
		list_add_tail(&b->node, &devices);
	spin_unlock(&devices_lock);
	return r;
}

/* Whoever waits for the end of the domain is told, also of a device that never came to be. */
static void delist(struct hvback *b)
{
	spin_lock(&devices_lock);
	list_del(&b->node);
	spin_unlock(&devices_lock);
	wake_up_all(&devices_left);
}

/* The claim is free when this returns (in a kernel thread; else when the thread is back in user space). */
static void let_target_go(struct hvback *b)
{
	if (b->pub.target && (current->flags & PF_KTHREAD))
		__fput_sync(b->pub.target);
	else if (b->pub.target)
		fput(b->pub.target);
	b->pub.target = NULL;
}

int hvback_remove(struct hvback *b)
{
	bool was;

	mutex_lock(&b->life);
	was = b->registered;
	b->registered = false;
	if (was) {
		/* First: while its target is still at work the device is seen in /sys, and with it that the target is taken. */
		device_release_driver(&b->pub.dev);
		device_unregister(&b->pub.dev);
		let_target_go(b);
		hv_event_send_device(HVPRIV_CMD_DETACHED, b->pub.peer->domain, dev_name(&b->pub.dev));
		hv_peer_close(b->pub.peer);
		delist(b);
	}
	mutex_unlock(&b->life);
	return was ? 0 : -ENOENT;
}

static void gone_work(struct work_struct *work)
{
	struct hvback *b = container_of(work, struct hvback, gone_work);

	hvback_remove(b);
	put_device(&b->pub.dev);
}

static void peer_gone(struct hv_peer *peer, void *priv)
{
	struct hvback *b = priv;

	queue_once(b, &b->gone_work);
}

static const struct hv_peer_ops peer_ops = {
	.gone = peer_gone,
};

static void hvback_release(struct device *dev)
{
	struct hvback *b = dev_to_hvback(dev);

	kvfree(b->conn);
	kfree(b->pub.conf);
	kfree(b);
}

/* Takes @conf and @target over unless it fails, with NULL. */
struct hvback *hvback_alloc(const struct hvback_id *id, void *conf, u32 conf_len, struct file *target)
{
	struct hvback *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (!b)
		return NULL;
	mutex_init(&b->life);
	INIT_WORK(&b->broken_work, broken_work);
	INIT_WORK(&b->gone_work, gone_work);
	b->state = HVBACK_ST_WAITING;
	b->pub.id = *id;
	device_initialize(&b->pub.dev);
	b->pub.dev.bus = &hvback_bus;
	b->pub.dev.parent = root;
	b->pub.dev.release = hvback_release;
	if (dev_set_name(&b->pub.dev, "%s-%u-%u", id->class, id->domid, id->devid)) {
		put_device(&b->pub.dev);
		return NULL;
	}
	b->pub.conf = conf;
	b->pub.conf_len = conf_len;
	b->pub.target = target;
	return b;
}

static int serves_class(struct device_driver *drv, void *class)
{
	return !strcmp(to_driver(drv)->class, class);
}

/* On failure nothing is left but @b itself. */
static int register_device(struct hvback *b)
{
	bool served;
	int r;

	r = device_add(&b->pub.dev);
	if (r)
		return r;
	device_lock(&b->pub.dev);
	served = hvback_driver_of(b);
	device_unlock(&b->pub.dev);
	if (served)
		return 0;
	device_del(&b->pub.dev);
	return b->probe_error ?: hvback_reason(&b->pub, -ENOENT, "no module serves devices of class %s", b->pub.id.class);
}

static int add_with_life(struct hvback *b)
{
	struct hv_peer *peer;
	int r;

	r = enlist(b);
	if (r)
		goto out;
	peer = hv_peer_open(b->pub.id.domid, &peer_ops, b);
	if (IS_ERR(peer)) {
		r = PTR_ERR(peer);
		goto out_delist;
	}
	b->pub.peer = peer;
	b->pub.workers = &peer->domain->workers;
	spin_lock(&devices_lock);
	b->domain = peer->domain;
	spin_unlock(&devices_lock);
	wake_up_all(&devices_left);	/* an earlier one of that number does not wait for it */
	r = register_device(b);
	b->registered = !r;
	if (!r) {
		hv_event_send_device(HVPRIV_CMD_ATTACHED, peer->domain, dev_name(&b->pub.dev));
		return 0;
	}
	hv_peer_close(peer);
out_delist:
	delist(b);
out:
	let_target_go(b);
	return r;
}

/* The device is on the bus and served, or only ->why is of use and the caller puts it. */
int hvback_add_device(struct hvback *b)
{
	int r;

	/* Before the domain knows of the device: its end would wait for modprobe. */
	if (!bus_for_each_drv(&hvback_bus, NULL, b->pub.id.class, serves_class))
		request_module("hvback:%s", b->pub.id.class);
	mutex_lock(&b->life);
	r = add_with_life(b);
	mutex_unlock(&b->life);
	return r;
}

/* A device that waits for a disk may outlive its domain by so much that the number is another one's. */
static bool has_devices(const struct hv_domain *d)
{
	struct hvback *b;
	bool has = false;

	spin_lock(&devices_lock);
	list_for_each_entry(b, &devices, node)
		has |= b->domain ? b->domain == d : b->pub.id.domid == d->domid;
	spin_unlock(&devices_lock);
	return has;
}

void hvback_wait_gone(const struct hv_domain *d)
{
	wait_event(devices_left, !has_devices(d));
}

int __init hvback_init(void)
{
	int r = -ENOMEM;

	hvback_wq = alloc_workqueue("hvback", WQ_UNBOUND, 0);
	if (!hvback_wq)
		return r;
	root = root_device_register("hvback");
	if (IS_ERR(root)) {
		r = PTR_ERR(root);
		goto err_wq;
	}
	r = bus_register(&hvback_bus);
	if (r)
		goto err_root;
	r = misc_register(&hvback_misc);
	if (r)
		goto err_bus;
	return 0;

err_bus:
	bus_unregister(&hvback_bus);
err_root:
	root_device_unregister(root);
err_wq:
	destroy_workqueue(hvback_wq);
	return r;
}

/* No domain exists, so no device does; the last one's work may still be on its way out. */
void hvback_exit(void)
{
	misc_deregister(&hvback_misc);
	destroy_workqueue(hvback_wq);
	bus_unregister(&hvback_bus);
	root_device_unregister(root);
}
