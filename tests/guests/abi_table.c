// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of docs/guest-abi.md, row by row, where a row has one answer for arguments that can stand in a table: what is refused and with
 * which error, and bad pointers. Then two rows that need a second vCPU or time: initialise and the watchdog.
 */
#define __XEN_TOOLS__ 1
#include "abi.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/hvm/hvm_vcpu.h>

#define HC(name)	#name, __HYPERVISOR_##name
#define BAD		((unsigned long)NOT_MAPPED)
#define ARG(x)		((unsigned long)&(x))

static struct { uint32_t cmd, version, domain, rest[64]; } platform = { .version = XENPF_INTERFACE_VERSION },
	sysctl = { .version = XEN_SYSCTL_INTERFACE_VERSION }, domctl = { .version = XEN_DOMCTL_INTERFACE_VERSION },
	nobody = { .version = XEN_DOMCTL_INTERFACE_VERSION, .domain = 12345 }, old = { .version = 1 };
static struct xen_hvm_pagetable_dying dying = { .domid = DOMID_SELF }, dying_dom0;
static struct xen_hvm_xentrace trace, long_trace = { .extra_bytes = 0xffff };
static struct sched_remote_shutdown of_dom0, of_nobody = { .domain_id = 12345 };
static struct sched_watchdog dog_3 = { .id = 3, .timeout = 100 }, dog_free = { .id = 2, .timeout = 100 };
static domid_t dom0s_memory, nobodys_memory = 12345;
static struct { domid_t id; uint16_t pad; } self = { .id = DOMID_SELF };
static struct xen_add_to_physmap range_foreign = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign },
	mmio = { .domid = DOMID_SELF, .space = XENMAPSPACE_dev_mmio };
static struct xen_add_to_physmap_batch batch_range = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range, .size = 1 },
	batch_empty = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn }, batch_lost = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .size = 1 };
static uint64_t across = 0x1ff8, no_ram = 1ULL << 45, odd = 0x1004;
static char zeros[256];

static const struct row {
	const char *call;
	unsigned int nr;
	unsigned long a1, a2, a3;
	long answer;
} rows[] = {
	{ HC(platform_op), ARG(platform), 0, 0, -XEN_EPERM },
	{ HC(platform_op), ARG(old), 0, 0, -XEN_EACCES },
	{ HC(platform_op), BAD, 0, 0, -XEN_EFAULT },
	{ HC(sysctl), ARG(sysctl), 0, 0, -XEN_EPERM },
	{ HC(sysctl), ARG(old), 0, 0, -XEN_EACCES },
	{ HC(sysctl), BAD, 0, 0, -XEN_EFAULT },
	{ HC(domctl), ARG(domctl), 0, 0, -XEN_EPERM },
	{ HC(domctl), ARG(nobody), 0, 0, -XEN_ESRCH },
	{ HC(domctl), ARG(old), 0, 0, -XEN_EACCES },
	{ HC(domctl), BAD, 0, 0, -XEN_EFAULT },
	{ HC(dm_op), 0, 4, ARG(zeros), -XEN_E2BIG },
	{ HC(dm_op), 0, 1, BAD, -XEN_EFAULT },
	{ HC(dm_op), 0, 1, ARG(zeros), -XEN_EPERM },
	{ HC(dm_op), DOMID_SELF, 1, ARG(zeros), -XEN_EPERM },
	{ HC(dm_op), 12345, 1, ARG(zeros), -XEN_ESRCH },
	{ HC(hypfs_op), 0, 0, 0, -XEN_EPERM },
	{ HC(xenpmu_op), 0, ARG(zeros), 0, -XEN_EOPNOTSUPP },
	{ HC(physdev_op), PHYSDEVOP_map_pirq, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(physdev_op), PHYSDEVOP_eoi, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(kexec_op), 0, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(xsm_op), ARG(zeros), 0, 0, -XEN_ENOSYS },
	{ HC(argo_op), 0, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(tmem_op), ARG(zeros), 0, 0, -XEN_ENOSYS },
	{ HC(mmu_update), ARG(zeros), 1, 0, -XEN_ENOSYS },
	{ HC(set_gdt), ARG(zeros), 1, 0, -XEN_ENOSYS },
	{ HC(nmi_op), 0, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(callback_op), 0, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(xen_version), XENVER_commandline, ARG(zeros), 0, -XEN_EPERM },
	{ HC(xen_version), XENVER_build_id, ARG(zeros), 0, -XEN_ENODATA },
	{ HC(vm_assist), VMASST_CMD_enable, 0, 0, -XEN_EINVAL },
	{ HC(console_io), CONSOLEIO_read, 16, ARG(zeros), 0 },
	{ HC(console_io), CONSOLEIO_read, 0x80000000, ARG(zeros), -XEN_E2BIG },
	{ HC(hvm_op), HVMOP_get_time, BAD, 0, -XEN_EFAULT },
	{ HC(hvm_op), HVMOP_pagetable_dying, ARG(dying), 0, -XEN_EINVAL },
	{ HC(hvm_op), HVMOP_pagetable_dying, ARG(dying_dom0), 0, -XEN_EOPNOTSUPP },
	{ HC(hvm_op), HVMOP_pagetable_dying, BAD, 0, -XEN_EFAULT },
	{ HC(hvm_op), HVMOP_xentrace, ARG(trace), 0, 0 },
	{ HC(hvm_op), HVMOP_xentrace, ARG(long_trace), 0, -XEN_EINVAL },
	{ HC(hvm_op), HVMOP_guest_request_vm_event, 0, 0, 0 },
	{ HC(hvm_op), HVMOP_guest_request_vm_event, ARG(zeros), 0, -XEN_EINVAL },
	{ HC(hvm_op), HVMOP_altp2m, ARG(zeros), 0, -XEN_EOPNOTSUPP },
	{ HC(hvm_op), 3, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(sched_op), SCHEDOP_remote_shutdown, ARG(of_dom0), 0, -XEN_EPERM },
	{ HC(sched_op), SCHEDOP_remote_shutdown, ARG(of_nobody), 0, -XEN_ESRCH },
	{ HC(sched_op), SCHEDOP_remote_shutdown, BAD, 0, -XEN_EFAULT },
	{ HC(sched_op), SCHEDOP_pin_override, ARG(zeros), 0, -XEN_EPERM },
	{ HC(sched_op), SCHEDOP_shutdown_code, BAD, 0, -XEN_EFAULT },
	{ HC(sched_op), SCHEDOP_watchdog, ARG(dog_3), 0, -XEN_EINVAL },
	{ HC(sched_op), SCHEDOP_watchdog, ARG(dog_free), 0, -XEN_EINVAL },
	{ HC(sched_op), SCHEDOP_watchdog, BAD, 0, -XEN_EFAULT },
	{ HC(vcpu_op), VCPUOP_initialise, 0, ARG(zeros), -XEN_EEXIST },
	{ HC(vcpu_op), VCPUOP_initialise, 0, BAD, -XEN_EFAULT },
	{ HC(vcpu_op), VCPUOP_get_physid, 0, ARG(zeros), -XEN_EINVAL },
	{ HC(vcpu_op), VCPUOP_send_nmi, 0, ARG(zeros), -XEN_EINVAL },
	{ HC(vcpu_op), VCPUOP_get_runstate_info, 0, BAD, -XEN_EFAULT },
	/* 14 and 15 are later than the headers: by physical address */
	{ HC(vcpu_op), 14, 0, ARG(across), -XEN_ENXIO },
	{ HC(vcpu_op), 15, 0, ARG(across), -XEN_ENXIO },
	{ HC(vcpu_op), 15, 0, ARG(odd), -XEN_ENXIO },
	{ HC(vcpu_op), 15, 0, ARG(no_ram), -XEN_EINVAL },
	{ HC(vcpu_op), 15, 0, BAD, -XEN_EFAULT },
	{ HC(vcpu_op), 16, 0, ARG(zeros), -XEN_ENOSYS },
	{ HC(memory_op), XENMEM_machphys_mapping, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(memory_op), XENMEM_machphys_mfn_list, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(memory_op), XENMEM_machine_memory_map, ARG(zeros), 0, -XEN_ENOSYS },
	{ HC(memory_op), XENMEM_exchange, ARG(zeros), 0, -XEN_EPERM },
	{ HC(memory_op), XENMEM_get_vnumainfo, ARG(self), 0, -XEN_EOPNOTSUPP },
	{ HC(memory_op), XENMEM_get_vnumainfo, ARG(zeros), 0, -XEN_EPERM },
	{ HC(memory_op), XENMEM_get_vnumainfo, BAD, 0, -XEN_EFAULT },
	{ HC(memory_op), XENMEM_get_pod_target, ARG(zeros), 0, -XEN_EPERM },
	{ HC(memory_op), XENMEM_access_op, ARG(zeros), 0, -XEN_EPERM },
	{ HC(memory_op), XENMEM_acquire_resource, ARG(zeros), 0, -XEN_EACCES },
	{ HC(memory_op), XENMEM_add_to_physmap, ARG(range_foreign), 0, -XEN_ENOSYS },
	{ HC(memory_op), XENMEM_add_to_physmap, ARG(mmio), 0, -XEN_EACCES },
	{ HC(memory_op), XENMEM_add_to_physmap_batch, ARG(batch_range), 0, -XEN_EOPNOTSUPP },
	{ HC(memory_op), XENMEM_add_to_physmap_batch, ARG(batch_empty), 0, 0 },
	{ HC(memory_op), XENMEM_add_to_physmap_batch, ARG(batch_lost), 0, -XEN_EFAULT },
	{ HC(memory_op), XENMEM_add_to_physmap_batch, BAD, 0, -XEN_EFAULT },
	{ HC(memory_op), XENMEM_increase_reservation, BAD, 0, 0 },
	{ HC(memory_op), XENMEM_populate_physmap, BAD, 0, 0 },
	{ HC(memory_op), XENMEM_decrease_reservation, BAD, 0, 0 },
	{ HC(memory_op), XENMEM_current_reservation | 1 << 6, ARG(self), 0, -XEN_EINVAL },
	{ HC(memory_op), XENMEM_current_reservation, ARG(nobodys_memory), 0, -XEN_ESRCH },
	{ HC(memory_op), XENMEM_current_reservation, ARG(dom0s_memory), 0, -XEN_EPERM },
	{ HC(memory_op), XENMEM_current_reservation, BAD, 0, -XEN_EFAULT },
};

static void walk(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		char name[64];

		snprintf(name, sizeof(name), "%s-%lx-row-%u", r->call, r->a1 < 0x1000 ? r->a1 : 0, i);
		check_equal(name, hypercall(r->nr, r->a1, r->a2, r->a3), r->answer);
	}
}

static void physical_areas(void)
{
	static struct vcpu_time_info time __attribute__((aligned(64)));
	static struct vcpu_runstate_info runstate __attribute__((aligned(64)));
	uint64_t at = (uintptr_t)&time, none = ~0ULL;

	check_equal("time-area-by-physical-address", vcpu_op(15, 0, &at), 0);
	check(time.tsc_to_system_mul && !(time.version & 1), "time-area-is-filled", "mul %x version %x", time.tsc_to_system_mul, time.version);
	at = (uintptr_t)&runstate;
	check_equal("runstate-by-physical-address", vcpu_op(14, 0, &at), 0);
	check(runstate.state == RUNSTATE_running && runstate.time[RUNSTATE_running], "runstate-is-filled", "state %d", runstate.state);
	check_equal("time-area-ends", vcpu_op(15, 0, &none), 0);
	check_equal("runstate-ends", vcpu_op(14, 0, &none), 0);
}

static void hvm_time(void)
{
	struct xen_hvm_get_time t = { 0 };
	uint64_t before = clock_ns();

	check_equal("hvm-get_time", hvm_op(HVMOP_get_time, &t), 0);
	check(t.now >= before && t.now <= clock_ns(), "hvm-time-is-system-time", "%llu, before %llu", (unsigned long long)t.now,
	      (unsigned long long)before);
}

static void watchdog(void)
{
	struct sched_watchdog w = { .id = 0, .timeout = 1000 };
	long first, second;

	first = sched_op(SCHEDOP_watchdog, &w);
	second = sched_op(SCHEDOP_watchdog, &w);
	check(first == 1 && second == 2, "watchdogs-1-and-2", "%ld and %ld", first, second);
	check_equal("watchdog-no-third", sched_op(SCHEDOP_watchdog, &w), -XEN_ENOSPC);
	for (w.id = 1; w.id <= 2; w.id++) {
		w.timeout = 1000;
		check_equal("watchdog-again", sched_op(SCHEDOP_watchdog, &w), 0);
		w.timeout = 0;
		check_equal("watchdog-ends", sched_op(SCHEDOP_watchdog, &w), 0);
	}
}

static volatile unsigned int second_ran;
static char second_stack[4096] __page_aligned;

static void second_main(void)
{
	second_ran++;
	(void)vcpu_op(VCPUOP_down, 1, NULL);
	/* up again */
	second_ran++;
	(void)vcpu_op(VCPUOP_down, 1, NULL);
	for (;;)
		cpu_relax();
}

static void until_down(unsigned int ran)
{
	uint64_t end = clock_ns() + 20 * NSEC;

	while ((second_ran != ran || vcpu_op(VCPUOP_is_up, 1, NULL)) && clock_ns() < end)
		(void)sched_op(SCHEDOP_yield, NULL);
	check_equal("second-vcpu-ran", second_ran, ran);
	check_equal("second-vcpu-is-down", vcpu_op(VCPUOP_is_up, 1, NULL), 0);
}

static void second_vcpu(void)
{
	static struct vcpu_hvm_context c = { .mode = VCPU_HVM_MODE_64B };
	struct vcpu_hvm_x86_64 *r = &c.cpu_regs.x86_64;
	uint64_t efer = 0;

	if (vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		skip("second-vcpu", "there is one vCPU");
		return;
	}
	__asm__("mov %%cr0, %0" : "=r"(r->cr0));
	__asm__("mov %%cr3, %0" : "=r"(r->cr3));
	__asm__("mov %%cr4, %0" : "=r"(r->cr4));
	(void)rdmsr_safe(0xc0000080, &efer);
	r->efer = efer;
	r->rip = (uintptr_t)second_main;
	r->rsp = (uintptr_t)second_stack + sizeof(second_stack) - 8;
	check_equal("up-without-registers", vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
	r->efer = 0;
	check_equal("initialise-without-long-mode", vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EINVAL);
	r->efer = efer;
	check_equal("initialise", vcpu_op(VCPUOP_initialise, 1, &c), 0);
	check_equal("initialise-twice", vcpu_op(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
	check_equal("initialised-is-down", vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	check_equal("up", vcpu_op(VCPUOP_up, 1, NULL), 0);
	until_down(1);
	check_equal("up-again", vcpu_op(VCPUOP_up, 1, NULL), 0);
	until_down(2);
}

void abi_table(void)
{
	set_xen_guest_handle(batch_lost.idxs, NOT_MAPPED);
	walk();
	physical_areas();
	hvm_time();
	watchdog();
	second_vcpu();
}

/* Whoever runs it sees the domain end, and why. */
void abi_watchdog(void)
{
	struct sched_watchdog w = { .id = 0, .timeout = 1 };

	check_equal("watchdog", sched_op(SCHEDOP_watchdog, &w), 1);
	printf("expect watchdog\n");
	console_drain();
	for (;;)
		sleep_until(clock_ns() + 3600 * NSEC);
}
