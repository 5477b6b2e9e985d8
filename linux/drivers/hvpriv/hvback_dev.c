// SPDX-License-Identifier: GPL-2.0-only
/* /dev/hvback: the agent's requests (include/uapi/linux/hvback.h). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "hvback.h"
#include "hvpriv.h"

static bool id_is_good(const struct hvback_id *id)
{
	size_t len = strnlen(id->class, sizeof(id->class)), i;

	if (!len || len == sizeof(id->class))
		return false;
	for (i = 0; i < len; i++)
		if (!islower(id->class[i]))
			return false;
	return !memchr_inv(id->class + len, 0, sizeof(id->class) - len);
}

/* Found, referenced and locked. */
static struct hvback *get_locked(const struct hvback_id *id)
{
	struct hvback *b;

	if (!id_is_good(id))
		return ERR_PTR(-EINVAL);
	b = hvback_find(id);
	if (!b)
		return ERR_PTR(-ENOENT);
	device_lock(&b->pub.dev);
	if (device_is_registered(&b->pub.dev)) {
		b->why[0] = '\0';
		return b;
	}
	device_unlock(&b->pub.dev);
	hvback_put(b);
	return ERR_PTR(-ENOENT);
}

/* User memory is touched with no lock held: what the callback said is taken along, if @why has room for it. */
static void put_locked(struct hvback *b, char *why)
{
	if (why)
		strscpy(why, b->why, HVBACK_REASON_LEN);
	device_unlock(&b->pub.dev);
	hvback_put(b);
}

static int tell_reason(char __user *to, const char *why, int r)
{
	return copy_to_user(to, why, strnlen(why, HVBACK_REASON_LEN - 1) + 1) ? -EFAULT : r;
}

/* ---- add, remove --------------------------------------------------------------------------------- */

/* Not one of our own descriptors: a device that keeps its domain would never end. NULL: none is wanted. */
static struct file *get_target(int fd)
{
	struct file *target;
	umode_t mode;

	if (fd < 0)
		return NULL;
	target = fget(fd);
	if (!target)
		return ERR_PTR(-EBADF);
	mode = file_inode(target)->i_mode;
	if (S_ISREG(mode) || S_ISBLK(mode))
		return target;
	fput(target);
	return ERR_PTR(-EINVAL);
}

static int add_file(const struct hvback_add *add, void *conf, char __user *reason)
{
	struct file *target = get_target(add->target);
	struct hvback *b;
	int r;

	if (IS_ERR(target)) {
		kfree(conf);
		return tell_reason(reason, "the target is no open file or block device", PTR_ERR(target));
	}
	b = hvback_alloc(&add->id, conf, add->conf_len, target);
	if (!b) {
		kfree(conf);
		if (target)
			fput(target);
		return -ENOMEM;
	}
	r = hvback_add_device(b);
	if (r) {
		if (tell_reason(reason, b->why, 0))
			r = -EFAULT;
		hvback_put(b);
	}
	return r;
}

static int back_add(struct hvback_add __user *arg)
{
	struct hvback_add add;
	void *conf = NULL;

	if (copy_from_user(&add, arg, sizeof(add)))
		return -EFAULT;
	if (!id_is_good(&add.id) || add.target < -1 || add.conf_len > HVBACK_BLOB_MAX ||
	    memchr_inv(add.reserved, 0, sizeof(add.reserved)))
		return -EINVAL;
	if (!hv_running())
		return -ENODEV;
	if (tell_reason(arg->reason, "", 0))
		return -EFAULT;
	if (add.conf_len) {
		conf = memdup_user(u64_to_user_ptr(add.conf), add.conf_len);
		if (IS_ERR(conf))
			return PTR_ERR(conf);
	}
	return add_file(&add, conf, arg->reason);
}

static int get_simple(struct hvback_simple *s, const struct hvback_simple __user *arg)
{
	if (copy_from_user(s, arg, sizeof(*s)))
		return -EFAULT;
	return s->flags || s->reserved || !id_is_good(&s->id) ? -EINVAL : 0;
}

static int back_remove(const struct hvback_simple __user *arg)
{
	struct hvback_simple s;
	struct hvback *b;
	int r;

	r = get_simple(&s, arg);
	if (r)
		return r;
	b = hvback_find(&s.id);
	if (!b)
		return -ENOENT;
	r = hvback_remove(b);
	hvback_put(b);
	return r;
}

/* ---- connection ------------------------------------------------------------------------------------- */

static bool queue_is_good(const struct hvback_queue *q)
{
	unsigned int i;

	for (i = 0; i < HVBACK_MAX_RINGS; i++)
		if (q->nr_refs[i] > HVBACK_MAX_RING_PAGES || (q->nr_refs[i] && !is_power_of_2(q->nr_refs[i])))
			return false;
	return true;
}

static struct hvback_connection *get_connection(const struct hvback_connect *c)
{
	struct hvback_connection *conn;
	u32 i;

	if (!c->nr_queues || c->nr_queues > HVBACK_MAX_QUEUES || c->protocol > HVBACK_PROTO_X86_32 ||
	    memchr_inv(c->reserved, 0, sizeof(c->reserved)))
		return ERR_PTR(-EINVAL);
	conn = kvzalloc(struct_size(conn, queue, c->nr_queues), GFP_KERNEL_ACCOUNT);
	if (!conn)
		return ERR_PTR(-ENOMEM);
	conn->nr_queues = c->nr_queues;
	conn->protocol = c->protocol;
	conn->features = c->features;
	if (copy_from_user(conn->queue, u64_to_user_ptr(c->queues), c->nr_queues * sizeof(conn->queue[0]))) {
		kvfree(conn);
		return ERR_PTR(-EFAULT);
	}
	for (i = 0; i < c->nr_queues; i++)
		if (!queue_is_good(&conn->queue[i])) {
			kvfree(conn);
			return ERR_PTR(-EINVAL);
		}
	return conn;
}

static int back_connect(struct hvback_connect __user *arg)
{
	struct hvback_connection *conn;
	char why[HVBACK_REASON_LEN];
	struct hvback_connect c;
	struct hvback *b;
	int r;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	conn = get_connection(&c);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	b = get_locked(&c.id);
	if (IS_ERR(b)) {
		kvfree(conn);
		return PTR_ERR(b);
	}
	r = hvback_connect(b, conn);
	put_locked(b, why);
	return tell_reason(arg->reason, r ? why : "", r);
}

static int back_disconnect(const struct hvback_simple __user *arg)
{
	struct hvback_simple s;
	struct hvback *b;
	int r;

	r = get_simple(&s, arg);
	if (r)
		return r;
	b = get_locked(&s.id);
	if (IS_ERR(b))
		return PTR_ERR(b);
	hvback_disconnect(b);
	put_locked(b, NULL);
	return 0;
}

/* ---- what the class defines ---------------------------------------------------------------------------- */

static int call_set(struct hvback *b, const struct hvback_blob *req, const void *blob)
{
	const struct hvback_driver *drv = hvback_driver_of(b);

	if (!drv)
		return hvback_reason(&b->pub, -ENXIO, "no module serves %s now", dev_name(&b->pub.dev));
	if (!drv->set)
		return -EOPNOTSUPP;
	return drv->set(&b->pub, req->what, blob, req->len);
}

static int back_set(struct hvback_blob __user *arg)
{
	char why[HVBACK_REASON_LEN];
	struct hvback_blob req;
	struct hvback *b;
	void *blob;
	int r;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.len > HVBACK_BLOB_MAX)
		return -EINVAL;
	blob = memdup_user(u64_to_user_ptr(req.blob), req.len);
	if (IS_ERR(blob))
		return PTR_ERR(blob);
	b = get_locked(&req.id);
	r = PTR_ERR_OR_ZERO(b);
	if (!r) {
		r = call_set(b, &req, blob);
		put_locked(b, why);
		r = tell_reason(arg->reason, r ? why : "", r);
	}
	kfree(blob);
	return r;
}

/* Return: bytes, or -errno. */
static int call_info(struct hvback *b, void *blob)
{
	const struct hvback_driver *drv = hvback_driver_of(b);
	int len;

	if (!drv)
		return hvback_reason(&b->pub, -ENXIO, "no module serves %s now", dev_name(&b->pub.dev));
	len = drv->info(&b->pub, blob);
	return WARN_ON_ONCE(len > HVBACK_BLOB_MAX) ? -EIO : len;
}

/* A caller with less room gets the beginning, and the whole length. */
static int tell_info(struct hvback_blob __user *arg, const struct hvback_blob *req, const void *blob, u32 len)
{
	if (copy_to_user(u64_to_user_ptr(req->blob), blob, min(len, req->len)) || put_user(len, &arg->len))
		return -EFAULT;
	return 0;
}

static int back_info(struct hvback_blob __user *arg)
{
	char why[HVBACK_REASON_LEN];
	struct hvback_blob req;
	struct hvback *b;
	void *blob;
	int r;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.what)
		return -EINVAL;
	blob = kzalloc(HVBACK_BLOB_MAX, GFP_KERNEL);
	if (!blob)
		return -ENOMEM;
	b = get_locked(&req.id);
	r = PTR_ERR_OR_ZERO(b);
	if (!r) {
		r = call_info(b, blob);
		put_locked(b, why);
		r = tell_reason(arg->reason, r < 0 ? why : "", r);
	}
	if (r >= 0)
		r = tell_info(arg, &req, blob, r);
	kfree(blob);
	return r;
}

static int back_state(struct hvback_state __user *arg)
{
	struct hvback_state s;
	struct hvback *b;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (memchr_inv(s.reserved, 0, sizeof(s.reserved)))
		return -EINVAL;
	b = get_locked(&s.id);
	if (IS_ERR(b))
		return PTR_ERR(b);
	s.state = b->state;
	s.has_driver = !!hvback_driver_of(b);
	memset(s.reason, 0, sizeof(s.reason));
	if (b->state == HVBACK_ST_BROKEN)
		strscpy(s.reason, b->reason, sizeof(s.reason));
	put_locked(b, NULL);
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long back_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case HVBACK_ADD:
		return back_add(p);
	case HVBACK_CONNECT:
		return back_connect(p);
	case HVBACK_DISCONNECT:
		return back_disconnect(p);
	case HVBACK_REMOVE:
		return back_remove(p);
	case HVBACK_SET:
		return back_set(p);
	case HVBACK_INFO:
		return back_info(p);
	case HVBACK_STATE:
		return back_state(p);
	}
	return -ENOTTY;
}

static const struct file_operations back_fops = {
	.owner		= THIS_MODULE,
	.llseek		= noop_llseek,
	.unlocked_ioctl	= back_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

struct miscdevice hvback_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hvback",
	.fops	= &back_fops,
	.mode	= 0600,
};
