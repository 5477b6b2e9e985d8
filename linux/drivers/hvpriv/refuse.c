// SPDX-License-Identifier: GPL-2.0-only
/* What keeps a machine from launching, each with its cause and its remedy. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cc_platform.h>
#include <linux/ioport.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/security.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/svm.h>

#include "compat/msr.h"
#include "hvpriv.h"

#define CPUID_SVM		BIT(2)		/* 8000_0001 ECX */
#define CPUID_NPT		BIT(0)		/* 8000_000A EDX */
#define CR4_FRED		BIT_ULL(32)	/* newer than the headers of 6.1 */

int hv_refuse(int err, const char *fmt, ...)
{
	char line[sizeof_field(struct hvpriv_launch, reason)];
	va_list args;

	va_start(args, fmt);
	vscnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	pr_err("%s\n", line);
	if (hv.reason && !hv.reason[0])
		strscpy(hv.reason, line, sizeof(line));
	return err;
}

static const char * const kvm_modules[] = { "kvm_amd", "kvm_intel" };

/* A loaded kvm module has the one slot for emergency callbacks, even when it is idle. */
bool hv_kvm_loaded(void)
{
	struct kobject *k;
	int i;

	for (i = 0; i < ARRAY_SIZE(kvm_modules); i++) {
		k = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, kvm_modules[i]);
		if (k) {
			kobject_put(k);
			return true;
		}
	}
	return false;
}

/*
 * One that comes while we are under cannot have the CPUs, and newer ones (enable_virt_at_load) warn with a trace about the slot for emergency
 * callbacks on their way out: it is turned away before.
 */
static int module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct module *m = data;

	if (event != MODULE_STATE_COMING || !hv_running() || match_string(kvm_modules, ARRAY_SIZE(kvm_modules), m->name) < 0)
		return NOTIFY_DONE;
	pr_notice("%s is turned away: the hypervisor has the CPUs; systemctl stop zendo\n", m->name);
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block module_block = { .notifier_call = module_event };

int hv_refuse_init(void)
{
	return register_module_notifier(&module_block);
}

void hv_refuse_exit(void)
{
	unregister_module_notifier(&module_block);
}

static int check_vendor(void)
{
	bool svm = cpuid_eax(0x80000000) >= 0x8000000a &&
		   (cpuid_ecx(0x80000001) & CPUID_SVM);

	if (svm) {
		hv.vendor = ZENDO_VENDOR_SVM;
		return 0;
	}
	if (boot_cpu_has(X86_FEATURE_VMX))
		return hv_refuse(-EOPNOTSUPP, "this CPU has Intel VMX: not yet in this version; use a machine with AMD SVM [Z0110]");
	return hv_refuse(-EOPNOTSUPP, "this CPU has no SVM (CPUID 8000_0001 ECX bit 2): %s [Z0111]",
			 boot_cpu_has(X86_FEATURE_HYPERVISOR) ?
			 "enable nested virtualisation in the hypervisor below" :
			 "switch it on in the firmware setup, if it has it");
}

static int check_nested_paging(void)
{
	if (cpuid_edx(0x8000000a) & CPUID_NPT)
		return 0;
	return hv_refuse(-EOPNOTSUPP, "no nested paging (CPUID 8000_000A EDX bit 0): %s [Z0112]",
			 boot_cpu_has(X86_FEATURE_HYPERVISOR) ?
			 "enable it in the hypervisor below" : "a newer CPU is needed");
}

static int check_memory_encryption(void)
{
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return hv_refuse(-EOPNOTSUPP, "this is an SEV or TDX guest: its memory cannot be nested [Z0113]");
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT) || cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return hv_refuse(-EOPNOTSUPP, "memory encryption (SME) is active: boot with mem_encrypt=off [Z0114]");
	return 0;
}

static int check_paging(void)
{
	unsigned long cr4 = native_read_cr4();
	u64 efer;

	if (cr4 & CR4_FRED)
		return hv_refuse(-EOPNOTSUPP, "FRED is on: boot with fred=off [Z0115]");
	rdmsrq(MSR_EFER, efer);
	if (!(efer & EFER_NX))
		return hv_refuse(-EOPNOTSUPP, "no-execute pages are off: boot without noexec=off");
	hv.levels = cr4 & X86_CR4_LA57 ? 5 : 4;
	return 0;
}

static int note_resource(struct resource *res, void *arg)
{
	*(u64 *)arg = res->end;
	return 1;
}

/* Four levels of nested paging reach 256 TiB; their depth is the host's (AMD APM 15.25.3). */
static int check_resources(void)
{
	u64 end = 0;

	if (hv.levels == 5)
		return 0;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM, BIT_ULL(48), U64_MAX, &end, note_resource);
	if (end)
		return hv_refuse(-EOPNOTSUPP, "a resource lies above 256 TiB (ends at %#llx) and paging has 4 levels: boot without no5lvl", end);
	return 0;
}

static int check_cpus_number(void)
{
	if (nr_cpu_ids <= ZENDO_MAX_CPUS)
		return 0;
	return hv_refuse(-EOPNOTSUPP, "%u possible CPUs, this version handles %u: boot with possible_cpus=%u",
			 nr_cpu_ids, ZENDO_MAX_CPUS, ZENDO_MAX_CPUS);
}

/* Gathered on every CPU: firmware settings may differ between them. */
struct svm_state {
	atomic_t svme, disabled;
};

static void look_at_svm(void *arg)
{
	struct svm_state *s = arg;
	u64 efer, vm_cr;

	rdmsrq(MSR_EFER, efer);
	if (efer & EFER_SVME)
		atomic_inc(&s->svme);
	if (!rdmsrq_safe(MSR_VM_CR, &vm_cr) && (vm_cr & SVM_VM_CR_SVM_DIS_MASK))
		atomic_inc(&s->disabled);
}

static int check_svm_free(void)
{
	struct svm_state s = {};

	on_each_cpu(look_at_svm, &s, 1);
	if (atomic_read(&s.svme))
		return hv_refuse(-EBUSY, "SVM is in use already (EFER.SVME set on %d CPUs): %s [Z0116]",
				 atomic_read(&s.svme), hv_kvm_loaded() ?
				 "stop its virtual machines and modprobe -r kvm_amd" :
				 "unload the hypervisor module that uses it (kvm_amd: modprobe -r kvm_amd)");
	if (atomic_read(&s.disabled))
		return hv_refuse(-EOPNOTSUPP, "SVM is disabled by firmware on %d CPUs (VM_CR.SVMDIS): switch it on in the firmware setup [Z0111]",
				 atomic_read(&s.disabled));
	return 0;
}

int hv_machine_check(void)
{
	static int (* const check[])(void) = {
		check_vendor,
		check_memory_encryption,
		check_paging,
		check_nested_paging,
		check_resources,
		check_cpus_number,
		check_svm_free,
	};
	int i, r;

	for (i = 0; i < ARRAY_SIZE(check); i++) {
		r = check[i]();
		if (r)
			return r;
	}
	return 0;
}
