// SPDX-License-Identifier: GPL-2.0-only
/* /dev/hvpriv: module init and exit, and the requests on the device itself. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "domain.h"
#include "events.h"
#include "hvback.h"
#include "hvpriv.h"
#include "main.h"

/* HVPRIV_LAUNCH and HVPRIV_LEAVE: the reason goes out on failure too. */
static int launch_or_leave(struct hvpriv_launch __user *arg, int (*fn)(char *reason))
{
	struct hvpriv_launch l;
	int r;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	if (l.flags || l.reserved0 || memchr_inv(l.reserved, 0, sizeof(l.reserved)))
		return -EINVAL;
	memset(l.reason, 0, sizeof(l.reason));
	r = fn(l.reason);
	if (copy_to_user(arg, &l, sizeof(l)) && !r)
		r = -EFAULT;
	return r;
}

static long hv_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case HVPRIV_GET_INFO:
		return hv_ioctl_info(p);
	case HVPRIV_LAUNCH:
		return launch_or_leave(p, hv_launch);
	case HVPRIV_LEAVE:
		return launch_or_leave(p, hv_leave);
	case HVPRIV_LOG_READ:
		return hv_ioctl_log(p);
	case HVPRIV_TRACE_READ:
		return hv_ioctl_trace(p);
	case HVPRIV_LIST:
		return hv_ioctl_list(p);
	case HVPRIV_CREATE_DOMAIN:
		return hv_ioctl_create_domain(p);
	}
	return -ENOTTY;
}

static const struct file_operations hv_fops = {
	.owner		= THIS_MODULE,
	.llseek		= noop_llseek,
	.unlocked_ioctl	= hv_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

struct miscdevice hv_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hvpriv",
	.fops	= &hv_fops,
	.mode	= 0600,
};

static int __init hvpriv_init(void)
{
	int r;

	r = hv_domains_init();
	if (r)
		return r;
	r = hv_events_init();
	if (r)
		goto err_domains;
	r = hv_power_init();
	if (r)
		goto err_events;
	r = hv_refuse_init();
	if (r)
		goto err_power;
	r = misc_register(&hv_evtchn_misc);
	if (r)
		goto err_refuse;
	r = misc_register(&hv_gntdev_misc);
	if (r)
		goto err_evtchn;
	r = hvback_init();
	if (r)
		goto err_gntdev;
	r = misc_register(&hv_misc);
	if (r)
		goto err_hvback;
	hv_mce_init();
	return 0;

err_hvback:
	hvback_exit();
err_gntdev:
	misc_deregister(&hv_gntdev_misc);
err_evtchn:
	misc_deregister(&hv_evtchn_misc);
err_refuse:
	hv_refuse_exit();
err_power:
	hv_power_exit();
err_events:
	hv_events_exit();
err_domains:
	hv_domains_exit();
	return r;
}

/* No descriptor is open, so no domain exists: leaving cannot be refused. */
static void __exit hvpriv_exit(void)
{
	hv_mce_exit();
	misc_deregister(&hv_misc);
	hvback_exit();
	misc_deregister(&hv_gntdev_misc);
	misc_deregister(&hv_evtchn_misc);
	hv_refuse_exit();
	hv_power_exit();
	if (hv_running())
		hv_leave(NULL);
	hv_events_exit();
	hv_domains_exit();
}

module_init(hvpriv_init);
module_exit(hvpriv_exit);

MODULE_DESCRIPTION("Zendo: launch of the hypervisor, domains and vCPUs");
MODULE_AUTHOR("The Zendo authors");
MODULE_LICENSE("GPL");
MODULE_FIRMWARE("zendo/hypervisor.elf");
