// SPDX-License-Identifier: GPL-2.0-only
#include "abi.h"
#include "registers.h"

static char page[4096] __page_aligned;

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text; text++)
		if (!memcmp(text, word, n))
			return true;
	return false;
}

static void versions(void)
{
	static xen_capabilities_info_t caps;
	xen_extraversion_t extra;
	struct xen_feature_info f = { .submap_idx = 0 };
	uint32_t r[4];

	cpuid(xen_base + 1, 0, r);
	check_equal("version", xen_version(XENVER_version, NULL), r[0]);
	check(xen_version(XENVER_version, NULL) >> 16 >= 4, "version-at-least-4", "major %ld", xen_version(XENVER_version, NULL) >> 16);
	check_equal("extraversion", xen_version(XENVER_extraversion, extra), 0);
	check_equal("extraversion-bad-pointer", xen_version(XENVER_extraversion, NOT_MAPPED), -XEN_EFAULT);
	check_equal("get_features", xen_version(XENVER_get_features, &f), 0);
	printf("features %x\n", f.submap);
	check(f.submap & 1U << XENFEAT_auto_translated_physmap, "feature-auto_translated_physmap", "%x", f.submap);
	check(f.submap & 1U << XENFEAT_hvm_callback_vector, "feature-hvm_callback_vector", "%x", f.submap);
	check(f.submap & 1U << XENFEAT_hvm_safe_pvclock, "feature-hvm_safe_pvclock", "%x", f.submap);
	check(!(f.submap & 1U << XENFEAT_hvm_pirqs), "no-feature-hvm_pirqs", "%x", f.submap);
	check(!(f.submap & 1U << XENFEAT_dom0), "no-feature-dom0", "%x", f.submap);
	f.submap_idx = 1;
	f.submap = 0;
	check(xen_version(XENVER_get_features, &f) || !f.submap, "features-submap-1-is-empty", "%x", f.submap);
	check_equal("pagesize", xen_version(XENVER_pagesize, NULL), 4096);
	check_or_skip("guest_handle", xen_version(XENVER_guest_handle, page), 0);
	if (check_or_skip("capabilities", xen_version(XENVER_capabilities, caps), 0))
		check(has_word(caps, "hvm-3.0-x86_64"), "capabilities-name-hvm-64", "%s", caps);
	check_equal("xen_version-unknown", xen_version(99, page), -XEN_ENOSYS);
}

static void unknown_numbers(void)
{
	static const unsigned int unknown[] = { 0, 1, 2, 3, 4, 5, 8, 9, 14, 16, 19, 22, 23, 25, 30, 43, 44, 47, 56, 63, 64, 100,
						0x7fffffff, 0x80000000, 0xffffffff };
	/* Not for an unprivileged guest: refused with -ENOSYS or -EPERM. */
	static const unsigned int privileged[] = { __HYPERVISOR_platform_op, __HYPERVISOR_physdev_op, __HYPERVISOR_sysctl,
						   __HYPERVISOR_domctl, __HYPERVISOR_kexec_op };
	unsigned int i;
	long r;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		r = hypercall(unknown[i], 0, 0, 0);
		if (r != -XEN_ENOSYS)
			break;
	}
	check(i == ARRAY_SIZE(unknown), "unknown-hypercalls", "%u gives %ld", unknown[i % ARRAY_SIZE(unknown)], r);
	memset(page, 0, sizeof(page));
	for (i = 0; i < ARRAY_SIZE(privileged); i++) {
		r = hypercall(privileged[i], (unsigned long)page, (unsigned long)page, 0);
		if (r >= 0)
			break;
	}
	check(i == ARRAY_SIZE(privileged), "privileged-hypercalls", "%u gives %ld", privileged[i % ARRAY_SIZE(privileged)], r);
}

/* All registers but RAX come back, the arguments too. */
static void registers_kept(void)
{
	uint64_t in[NR_REGISTERS], out[NR_REGISTERS];
	unsigned int i, bad = 0;

	for (i = 0; i < NR_REGISTERS; i++)
		in[i] = random64();
	in[R_AX] = __HYPERVISOR_xen_version;
	in[R_DI] = XENVER_version;
	registers_run(in, out, cpu_is_amd ? action_vmmcall : action_vmcall);
	for (i = R_CX; i <= R_15; i++)
		bad |= (in[i] != out[i]) << i;
	check(!bad, "hypercall-keeps-registers", "mask %x of ax cx dx bx bp si di r8-r15", bad);
	check_equal("hypercall-result-whole-register", (long)out[R_AX], xen_version(XENVER_version, NULL));
}

static void page_by_msr(void)
{
	uint32_t r[4], i, bad = 0;
	uint64_t v = 1;

	cpuid(xen_base + 2, 0, r);
	check(r[0] == 1, "one-hypercall-page", "leaf 2 EAX %x", r[0]);
	check(!wrmsr_safe(r[1], ((uintptr_t)hypercall_page) | 1), "hypercall-page-index-1", "accepted");
	check(!wrmsr_safe(r[1], memory_hole(4 << 20, 2 << 20)), "hypercall-page-in-hole", "accepted");
	check(!wrmsr_safe(r[1], 1ULL << 51), "hypercall-page-beyond-memory", "accepted");
	if (!check(hypercall_page_install(), "hypercall-page", "WRMSR faulted"))
		return;
	for (i = 0; i < 64; i++) {
		const uint8_t *s = (const uint8_t *)hypercall_page + i * 32;
		uint32_t nr;

		memcpy(&nr, s + 1, 4);
		if (i == 23)
			bad += s[0] != 0x0f || s[1] != 0x0b;
		else
			bad += s[0] != 0xb8 || nr != i || s[5] != 0x0f || s[6] != 0x01 || (s[7] != 0xd9 && s[7] != 0xc1) || s[8] != 0xc3;
	}
	check(!bad, "hypercall-page-content", "%u slots differ", bad);
	check(xen_version(XENVER_version, NULL) > 0, "hypercall-by-page", "%ld", xen_version(XENVER_version, NULL));
	check(rdmsr_safe(r[1], &v) && !v, "hypercall-page-msr-reads-0", "%llx", (unsigned long long)v);
	hypercall_via = cpu_is_amd ? hypercall_vmmcall : hypercall_vmcall;
}

static long cpl3_result;

static void cpl3_hypercall(void)
{
	cpl3_result = xen_version(XENVER_version, NULL);
	__asm__ volatile("int $0x80");
}

static void from_cpl3(void)
{
	extern int cpl3_call(void (*fn)(void));

	cpl3_call(cpl3_hypercall);
	check_equal("hypercall-from-cpl3", cpl3_result, -XEN_EPERM);
}

static void params(void)
{
	static const unsigned char readable[] = { 0, 1, 2, 15, 17, 18, 34, 35, 36, 37 };
	static const unsigned char not_writable[] = { 1, 5, 6, 12, 17, 31 };
	static const unsigned char not_readable[] = { 5, 6, 12, 31 };
	struct xen_hvm_param p = { .domid = 0, .index = HVM_PARAM_CONSOLE_PFN };
	uint64_t v;
	unsigned int i;
	long r = 0;
	uint32_t leaf[4];

	for (i = 0; i < ARRAY_SIZE(readable) && !(r = hvm_param_get(readable[i], &v)); i++)
		;
	check(i == ARRAY_SIZE(readable), "params-readable", "%u gives %ld", readable[i % ARRAY_SIZE(readable)], r);
	for (i = 0; i < ARRAY_SIZE(not_readable) && (r = hvm_param_get(not_readable[i], &v)) == -XEN_EPERM; i++)
		;
	check(i == ARRAY_SIZE(not_readable), "params-not-readable", "%u gives %ld", not_readable[i % ARRAY_SIZE(not_readable)], r);
	for (i = 0; i < ARRAY_SIZE(not_writable) && (r = hvm_param_set(not_writable[i], 0)) == -XEN_EPERM; i++)
		;
	check(i == ARRAY_SIZE(not_writable), "params-not-writable", "%u gives %ld", not_writable[i % ARRAY_SIZE(not_writable)], r);
	check_equal("param-39-get", hvm_param_get(39, &v), -XEN_EINVAL);
	check_equal("param-39-set", hvm_param_set(39, 0), -XEN_EINVAL);
	check_equal("param-huge", hvm_param_get(0xffffffff, &v), -XEN_EINVAL);
	check_refused("param-of-dom0", hvm_op(HVMOP_get_param, &p));
	p.domid = 12345;
	check_equal("param-of-nobody", hvm_op(HVMOP_get_param, &p), -XEN_ESRCH);
	check_equal("param-bad-pointer", hvm_op(HVMOP_get_param, NOT_MAPPED), -XEN_EFAULT);
	cpuid(xen_base + 4, 0, leaf);
	if (leaf[0] & 1 << 4) {
		p.domid = (domid_t)leaf[2];
		check_equal("param-by-own-domid", hvm_op(HVMOP_get_param, &p), 0);
	}
	check_equal("callback-irq-1-is-accepted", hvm_param_set(HVM_PARAM_CALLBACK_IRQ, 1), 0);
	check_equal("callback-irq-0-is-accepted", hvm_param_set(HVM_PARAM_CALLBACK_IRQ, 0), 0);
}

static void hvm_ops(void)
{
	struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 0, .vector = 0x0f };

	check_equal("upcall-vector-below-16", hvm_op(HVMOP_set_evtchn_upcall_vector, &u), -XEN_EINVAL);
	u.vector = 0xf4;
	u.vcpu = 99;
	check_equal("upcall-vector-of-no-vcpu", hvm_op(HVMOP_set_evtchn_upcall_vector, &u), -XEN_ENOENT);
	check_equal("flush_tlbs", hvm_op(HVMOP_flush_tlbs, NULL), 0);
	check_equal("flush_tlbs-with-argument", hvm_op(HVMOP_flush_tlbs, page), -XEN_EINVAL);
	check_equal("hvm_op-unknown", hvm_op(99, page), -XEN_ENOSYS);
}

static void sched_ops(void)
{
	static evtchn_port_t ports[129];
	struct sched_poll poll = { .nr_ports = 129, .timeout = 1 };
	struct sched_remote_shutdown remote = { .domain_id = 0, .reason = SHUTDOWN_crash };
	struct sched_watchdog dog = { .id = 77, .timeout = 5 };

	check_equal("yield", sched_op(SCHEDOP_yield, NULL), 0);
	check_equal("sched_op-unknown", sched_op(99, page), -XEN_ENOSYS);
	set_xen_guest_handle(poll.ports, ports);
	check_equal("poll-129-ports", sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
	poll.nr_ports = 1;
	set_xen_guest_handle(poll.ports, NOT_MAPPED);
	check_equal("poll-bad-pointer", sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
	set_xen_guest_handle(poll.ports, ports);
	ports[0] = 1 << 20;
	check_equal("poll-port-out-of-range", sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
	check_refused("shutdown-of-dom0", sched_op(SCHEDOP_remote_shutdown, &remote));
	check_equal("shutdown-bad-pointer", sched_op(SCHEDOP_shutdown, NOT_MAPPED), -XEN_EFAULT);
	check_refused("watchdog-bad-id", sched_op(SCHEDOP_watchdog, &dog));
}

static void vcpu_ops(void)
{
	check_equal("vcpu-0-is-up", vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	check_equal("no-vcpu-4095", vcpu_op(VCPUOP_is_up, 4095, NULL), -XEN_ENOENT);
	check_equal("no-vcpu-huge", vcpu_op(VCPUOP_is_up, 0xffffffff, NULL), -XEN_ENOENT);
	check_equal("vcpu_op-unknown", vcpu_op(99, 0, page), -XEN_ENOSYS);
	check_refused("initialise-a-running-vcpu", vcpu_op(VCPUOP_initialise, 0, page));
	check_equal("stop_periodic_timer", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	check_equal("stop_singleshot_timer", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	check_equal("set_singleshot_timer-bad-pointer", vcpu_op(VCPUOP_set_singleshot_timer, 0, NOT_MAPPED), -XEN_EFAULT);
}

static void others(void)
{
	static struct multicall_entry calls[2];
	long r;

	check_equal("vm_assist-runstate-flag", hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0), 0);
	check_refused("vm_assist-unknown-type", hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 63, 0));
	check_refused("vm_assist-unknown-command", hypercall(__HYPERVISOR_vm_assist, 7, VMASST_TYPE_runstate_update_flag, 0));
	/* Xen lets a domU write in debug builds only. */
	r = console_io(CONSOLEIO_write, 0, page);
	check(!r || r == -XEN_EPERM, "console_io", "%ld", r);
	if (!r)
		check_equal("console_io-bad-pointer", console_io(CONSOLEIO_write, 10, NOT_MAPPED), -XEN_EFAULT);
	check_refused("console_io-unknown", console_io(99, 0, page));

	calls[0].op = calls[1].op = __HYPERVISOR_xen_version;
	calls[1].args[0] = 99;
	if (check_or_skip("multicall", hypercall(__HYPERVISOR_multicall, (unsigned long)calls, 2, 0), 0)) {
		check_equal("multicall-result-0", (long)calls[0].result, xen_version(XENVER_version, NULL));
		check_equal("multicall-result-1", (long)calls[1].result, -XEN_ENOSYS);
	}
}

void abi_hypercalls(void)
{
	versions();
	unknown_numbers();
	registers_kept();
	page_by_msr();
	from_cpl3();
	params();
	hvm_ops();
	sched_ops();
	vcpu_ops();
	others();
}
