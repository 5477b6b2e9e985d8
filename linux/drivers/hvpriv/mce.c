// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that fails. Linux cannot give a guest's page up by itself: it is on no list of its, so memory_failure() leaves it where it is
 * (F17). The guest that has it ends instead, before it or dom0 for it uses what is there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <asm/cpufeature.h>
#include <asm/mce.h>
#include <asm/processor.h>

#include "domain.h"
#include "hvpriv.h"

#ifdef CONFIG_X86_MCE
/*
 * Whether ->addr says where in the machine's memory it is. With AMD's scalable machine check (SMCA) a memory controller numbers memory in
 * its own way, and the guest that has the frame of that number has nothing to do with it: there only poisoned data counts, which is
 * found where it is used. Before SMCA the memory controller is bank 4.
 */
static bool has_system_address(const struct mce *m)
{
	if (m->cpuvendor != X86_VENDOR_AMD && m->cpuvendor != X86_VENDOR_HYGON)
		return true;
	return (m->status & MCI_STATUS_POISON) || (!boot_cpu_has(X86_FEATURE_SMCA) && m->bank == 4);
}

/* Context: the work queue of the kernel's machine check pool, after the machine check itself. */
static int mce_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct mce *m = data;

	if (!m || !mce_usable_address(m) || !has_system_address(m) || mce_is_correctable(m))
		return NOTIFY_DONE;
	hv_domains_lose_page(PHYS_PFN(m->addr & GENMASK_ULL(boot_cpu_data.x86_phys_bits - 1, 0)));
	return NOTIFY_DONE;		/* others have their part in it */
}

static struct notifier_block mce_block = {
	.notifier_call	= mce_event,
	.priority	= MCE_PRIO_LOWEST,
};

void hv_mce_init(void)
{
	mce_register_decode_chain(&mce_block);
}

void hv_mce_exit(void)
{
	mce_unregister_decode_chain(&mce_block);
}
#else
void hv_mce_init(void)
{
}

void hv_mce_exit(void)
{
}
#endif
