// SPDX-License-Identifier: GPL-2.0-only
/* Sleep, reboot and crash: who leaves the hypervisor when (F30, F34). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <linux/suspend.h>

#include "compat/emergency.h"
#include "hvpriv.h"

static bool emergency_leave = true;
module_param(emergency_leave, bool, 0444);
MODULE_PARM_DESC(emergency_leave, "leave the hypervisor on crash and emergency reboot (default 1; 0 is for tests)");

static bool emergency_registered;	/* hv.lock */

/*
 * Called by a crashing or rebooting kernel on each CPU, in NMI context or with interrupts off. The
 * hypervisor answers whatever it is doing: a CPU that is here is in dom0's world.
 */
static void emergency(void)
{
	hv_cpu_leave_emergency();
}

/* Only after every CPU was seen without SVME: the slot is single, and KVM's may sit in it. */
void hv_emergency_on(void)
{
	if (!emergency_leave)
		return;
	if (hv_kvm_loaded()) {
		pr_notice("a kvm module holds the emergency callback: a crash kernel will run as dom0\n");
		return;
	}
	emergency_registered = hv_emergency_register(emergency);
}

void hv_emergency_off(void)
{
	if (emergency_registered)
		hv_emergency_unregister(emergency);
	emergency_registered = false;
}

/* ---- sleep ------------------------------------------------------------------------------ */

static bool relaunch;	/* only the PM core's thread is here */

static int sleep_prepare(void)
{
	int r;

	if (!hv_running())
		return NOTIFY_DONE;
	r = hv_leave(NULL);
	if (r == -EBUSY) {
		pr_warn("no sleep while domains run: shut them down first\n");
		return notifier_from_errno(r);
	}
	relaunch = !r;
	return NOTIFY_OK;
}

static int pm_event(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return sleep_prepare();
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		if (relaunch)
			hv_launch(NULL);
		relaunch = false;
		return NOTIFY_OK;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_block = { .notifier_call = pm_event };

/* ---- reboot ----------------------------------------------------------------------------- */

static void leave_this_cpu(void *unused)
{
	hv_cpu_leave_emergency();
}

/*
 * Reboot, power-off, kexec: out, domains or not. Nothing is freed: guests are simply not entered
 * any more, and the machine goes down.
 */
static int reboot_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (hv_running()) {
		hv_lost();
		on_each_cpu(leave_this_cpu, NULL, 1);
	}
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = reboot_event };

int hv_power_init(void)
{
	int r;

	r = register_pm_notifier(&pm_block);
	if (r)
		return r;
	r = register_reboot_notifier(&reboot_block);
	if (r)
		unregister_pm_notifier(&pm_block);
	return r;
}

void hv_power_exit(void)
{
	unregister_reboot_notifier(&reboot_block);
	unregister_pm_notifier(&pm_block);
}
