// SPDX-License-Identifier: GPL-2.0-only
/* Dispatch, register conventions, xen_version, console_io, multicall, vm_assist, hvm_op. */
#define __XEN_TOOLS__ 1
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/compat.h"
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#define ARG	0x10000		/* linear address of arguments */
#define ARG2	0x20ffc		/* across a page */

static int start(void **state) { (void)state; fake_start(4); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static void an_unknown_number_is_enosys(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), 9999, 0, 0, 0), -XEN_ENOSYS);
	assert_int_equal(fake_call(fake_vcpu(0), ~0ULL, 0, 0, 0), -XEN_ENOSYS);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_physdev_op, 0, 0, 0), -XEN_ENOSYS);
	assert_int_equal(fake.skipped, 3);
}

/* What Xen 4.17 says to a PVH guest: bad pointer, bad version, no right, in this order. */
static void what_is_not_for_guests(void **state)
{
	static const struct { uint64_t nr; uint32_t version; } with_version[] = {
		{ __HYPERVISOR_platform_op, XENPF_INTERFACE_VERSION }, { __HYPERVISOR_sysctl, XEN_SYSCTL_INTERFACE_VERSION },
		{ __HYPERVISOR_domctl, XEN_DOMCTL_INTERFACE_VERSION },
	};
	static const uint64_t none[] = {
		__HYPERVISOR_physdev_op, __HYPERVISOR_kexec_op, __HYPERVISOR_tmem_op, __HYPERVISOR_argo_op, __HYPERVISOR_xsm_op,
		__HYPERVISOR_mmu_update, __HYPERVISOR_mmuext_op, __HYPERVISOR_nmi_op, __HYPERVISOR_callback_op, __HYPERVISOR_arch_0,
		__HYPERVISOR_arch_1,
	};
	uint32_t head[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(with_version); i++) {
		head[0] = 1000;
		head[1] = with_version[i].version;
		head[2] = 0;
		assert_int_equal(fake_call(fake_vcpu(0), with_version[i].nr, 1ULL << 40, 0, 0), -XEN_EFAULT);
		fake_write(ARG2, head, sizeof(head));
		assert_int_equal(fake_call(fake_vcpu(0), with_version[i].nr, ARG2, 0, 0), -XEN_EPERM);
		head[1]++;
		fake_write(ARG2, head, sizeof(head));
		assert_int_equal(fake_call(fake_vcpu(0), with_version[i].nr, ARG2, 0, 0), -XEN_EACCES);
	}
	head[1] = XEN_DOMCTL_INTERFACE_VERSION;
	head[2] = 8;
	fake_write(ARG2, head, sizeof(head));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_domctl, ARG2, 0, 0), -XEN_ESRCH);
	head[2] = 7;
	fake_write(ARG2, head, sizeof(head));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_domctl, ARG2, 0, 0), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_dm_op, 0, 4, ARG), -XEN_E2BIG);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_dm_op, 0, 3, 1ULL << 40), -XEN_EFAULT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_dm_op, 0, 3, ARG), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_dm_op, DOMID_SELF, 0, 0), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_dm_op, 8, 0, 0), -XEN_ESRCH);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hypfs_op, 0, 0, 0), -XEN_EPERM);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xenpmu_op, 0, 0, 0), -XEN_EOPNOTSUPP);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(fake_call(fake_vcpu(0), none[i], ARG, ARG, ARG), -XEN_ENOSYS);
}

static void user_mode_gets_eperm(void **state)
{
	(void)state;
	fake.paging.cpl = 3;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, XENVER_version, 0, 0), -XEN_EPERM);
}

static void version_is_told_in_both_modes(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
	fake.paging.code64 = false;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
	assert_int_equal(fake_call(fake_vcpu(0), 9999, 0, 0, 0), -XEN_ENOSYS);
	/* the upper half of RAX is clear */
	assert_int_equal(fake_vcpu(0)->regs.rax, (uint32_t)-XEN_ENOSYS);
}

static void a_32_bit_caller_is_truncated(void **state)
{
	(void)state;
	fake.paging.code64 = false;
	assert_int_equal(fake_call(fake_vcpu(0), 0xdead00000000 | __HYPERVISOR_xen_version, 0xbeef00000000 | XENVER_pagesize, 0, 0), 4096);
}

static void features_name_what_linux_needs(void **state)
{
	struct xen_feature_info f = { 0, 0 };

	(void)state;
	fake_write(ARG2, &f, sizeof(f));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, XENVER_get_features, ARG2, 0), 0);
	fake_read(ARG2, &f, sizeof(f));
	assert_int_equal(f.submap, 0x000d0305);
	f.submap_idx = 1;
	fake_write(ARG2, &f, sizeof(f));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, XENVER_get_features, ARG2, 0), -XEN_EINVAL);
}

static void strings_fit_their_buffers(void **state)
{
	static const struct { uint32_t cmd; size_t size; } row[] = {
		{ XENVER_extraversion, 16 }, { XENVER_compile_info, 144 }, { XENVER_capabilities, 1024 },
		{ XENVER_changeset, 64 }, { XENVER_platform_parameters, 8 }, { XENVER_guest_handle, 16 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		unsigned char b[1100];

		memset(b, 0xa5, sizeof(b));
		fake_write(ARG2, b, sizeof(b));
		assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_xen_version, row[i].cmd, ARG2, 0), 0);
		fake_read(ARG2, b, sizeof(b));
		assert_int_equal(b[row[i].size], 0xa5);
		assert_int_not_equal(b[row[i].size - 1], 0xa5);
	}
}

static void console_text_reaches_the_run_page_in_pieces(void **state)
{
	static char text[5000], got[5000];
	struct vcpu *v = fake_vcpu(0);
	size_t n = 0;
	enum exit_next next;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	fake_write(ARG2, text, sizeof(text));
	next = fake_call_once(v, __HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text), ARG2);
	for (;;) {
		assert_int_equal(next, NEXT_TO_DOM0);
		assert_int_equal(v->reason, ZRUN_IO);
		assert_true(v->run->hyp.io_len <= ZENDO_RUN_IO_SIZE);
		memcpy(got + n, v->run->io, v->run->hyp.io_len);
		n += v->run->hyp.io_len;
		if (fake.skipped)
			break;
		struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);
		next = guest_hypercall(v, &x);
	}
	assert_int_equal(n, sizeof(text));
	assert_memory_equal(got, text, n);
	assert_int_equal(v->regs.rax, 0);
}

static void empty_console_text_is_no_exit(void **state)
{
	(void)state;
	assert_int_equal(fake_call_once(fake_vcpu(0), __HYPERVISOR_console_io, CONSOLEIO_write, 0, ARG), NEXT_RESUME);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_console_io, CONSOLEIO_write, 5, 1ULL << 40), -XEN_EFAULT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_console_io, CONSOLEIO_read, 5, ARG), 0);
}

static void vm_assist_knows_one_type(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0), 0);
	assert_true(fake.d->g.runstate_flag);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag, 0), 0);
	assert_false(fake.d->g.runstate_flag);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables, 0), -XEN_EINVAL);
}

/* ---- multicall ---- */

static struct multicall_entry entry_at(uint64_t at)
{
	struct multicall_entry e;

	fake_read(at, &e, sizeof(e));
	return e;
}

static void multicall_runs_a_long_list(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct multicall_entry e = { .op = __HYPERVISOR_xen_version, .args = { i % 2 ? XENVER_pagesize : XENVER_version } };

		fake_write(ARG + i * sizeof(e), &e, sizeof(e));
	}
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, ARG, 100, 0), 0);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(entry_at(ARG + i * sizeof(struct multicall_entry)).result, i % 2 ? 4096 : (4 << 16 | 17));
}

static void multicall_does_not_nest(void **state)
{
	struct multicall_entry e = { .op = __HYPERVISOR_multicall, .args = { ARG, 1 } };

	(void)state;
	fake_write(ARG, &e, sizeof(e));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, ARG, 1, 0), 0);
	assert_int_equal((int64_t)entry_at(ARG).result, -XEN_EINVAL);
}

static void multicall_leaves_for_dom0_between_entries(void **state)
{
	struct multicall_entry e[3] = {
		{ .op = __HYPERVISOR_sched_op, .args = { SCHEDOP_yield } },
		{ .op = __HYPERVISOR_console_io, .args = { CONSOLEIO_write, 3000, ARG } },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } },
	};
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake_write(ARG2, e, sizeof(e));
	assert_int_equal(fake_call_once(v, __HYPERVISOR_multicall, ARG2, 3, 0), NEXT_TO_DOM0);
	assert_int_equal(v->reason, ZRUN_YIELD);
	assert_int_equal(fake.skipped, 0);
	assert_int_equal(v->regs.rsi, 2);
	/* console text in two runs, then the rest */
	for (int i = 0; i < 2; i++) {
		struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);

		assert_int_equal(guest_hypercall(v, &x), NEXT_TO_DOM0);
		assert_int_equal(v->reason, ZRUN_IO);
		assert_int_equal(v->run->hyp.io_len, i ? 3000 - 2048 : 2048);
	}
	struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);
	assert_int_equal(guest_hypercall(v, &x), NEXT_RESUME);
	assert_int_equal(fake.skipped, 3);
	assert_int_equal(v->regs.rax, 0);
	assert_int_equal(entry_at(ARG2 + 2 * sizeof(e[0])).result, 4096);
}

static void multicall_of_32_bits(void **state)
{
	struct compat_multicall_entry e = { .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize } };

	(void)state;
	fake.paging.code64 = false;
	fake_write(ARG2, &e, sizeof(e));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, ARG2, 1, 0), 0);
	fake_read(ARG2, &e, sizeof(e));
	assert_int_equal(e.result, 4096);
}

static void multicall_with_a_bad_list_is_efault(void **state)
{
	(void)state;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, 1ULL << 40, 1, 0), -XEN_EFAULT);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_multicall, 1ULL << 40, 0, 0), 0);
}

/* ---- hvm_op ---- */

static int64_t param(struct vcpu *v, uint32_t op, uint32_t index, uint64_t *value, domid_t dom)
{
	struct xen_hvm_param p = { .domid = dom, .index = index, .value = *value };
	int64_t rc;

	fake_write(ARG2, &p, sizeof(p));
	rc = fake_call(v, __HYPERVISOR_hvm_op, op, ARG2, 0);
	fake_read(ARG2, &p, sizeof(p));
	*value = p.value;
	return rc;
}

static void params_follow_the_table(void **state)
{
	static const uint64_t readable = 1ULL << 0 | 1 << 1 | 1 << 2 | 1 << 15 | 1 << 17 | 1 << 18 | 1ULL << 34 | 1ULL << 35 | 1ULL << 36 | 1ULL << 37;
	static const uint64_t writable = 1ULL << 0 | 1 << 2 | 1 << 15 | 1 << 18 | 1ULL << 34 | 1ULL << 36 | 1ULL << 37;

	(void)state;
	for (uint32_t i = 0; i < HVM_NR_PARAMS; i++) {
		uint64_t val = 0;

		assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, i, &val, DOMID_SELF), readable >> i & 1 ? 0 : -XEN_EPERM);
		val = 5;
		assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, i, &val, 7), writable >> i & 1 ? 0 : -XEN_EPERM);
	}
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t val = 0;

		assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, HVM_NR_PARAMS + i * 0x3fffffff, &val, DOMID_SELF), -XEN_EINVAL);
	}
}

static void params_of_other_domains_are_refused(void **state)
{
	uint64_t val = 0;

	(void)state;
	assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, HVM_PARAM_STORE_PFN, &val, 0), -XEN_EPERM);
	assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, HVM_PARAM_STORE_PFN, &val, 8), -XEN_ESRCH);
}

static void dom0_sets_any_param(void **state)
{
	uint64_t val = 0;

	(void)state;
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_TRIPLE_FAULT_REASON, 0, false), SHUTDOWN_reboot);
	assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, HVM_PARAM_STORE_PFN, &val, DOMID_SELF), 0);
	assert_int_equal(val, 0);
	assert_int_equal(guest_param_call(fake.d, HVM_PARAM_STORE_PFN, 0xfeffc, true), 0);
	assert_int_equal(guest_param_call(fake.d, HVM_NR_PARAMS, 0, true), -XEN_EINVAL);
	assert_int_equal(param(fake_vcpu(0), HVMOP_get_param, HVM_PARAM_STORE_PFN, &val, DOMID_SELF), 0);
	assert_int_equal(val, 0xfeffc);
}

static void a_callback_of_type_2_is_a_vector(void **state)
{
	uint64_t val = 2ULL << 56 | 0xf3;

	(void)state;
	assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &val, DOMID_SELF), 0);
	assert_int_equal(fake.d->g.callback_vector, 0xf3);
	val = 1;	/* a GSI: accepted, without effect */
	assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &val, DOMID_SELF), 0);
	assert_int_equal(fake.d->g.callback_vector, 0);
	val = 2ULL << 56 | 3;
	assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &val, DOMID_SELF), 0);
	assert_int_equal(fake.d->g.callback_vector, 0);
}

static void the_callback_latches_the_width(void **state)
{
	uint64_t val = 2ULL << 56 | 0xf3;

	(void)state;
	fake.paging.code64 = false;
	assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &val, DOMID_SELF), 0);
	assert_true(fake.d->g.compat);
	fake.paging.code64 = true;
	assert_int_equal(param(fake_vcpu(0), HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &val, DOMID_SELF), 0);
	assert_false(fake.d->g.compat);
}

static void other_hvm_ops(void **state)
{
	struct xen_hvm_get_mem_type t = { .domid = DOMID_SELF, .pfn = 3 };

	(void)state;
	struct xen_hvm_pagetable_dying dying = { .domid = DOMID_SELF };
	struct xen_hvm_xentrace trace = { .event = 1, .extra_bytes = sizeof(trace.extra) };
	uint64_t now;

	fake_write(ARG, &dying, sizeof(dying));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_pagetable_dying, ARG, 0), -XEN_EINVAL);
	dying.domid = 0;
	fake_write(ARG, &dying, sizeof(dying));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_pagetable_dying, ARG, 0), -XEN_EOPNOTSUPP);
	dying.domid = 8;
	fake_write(ARG, &dying, sizeof(dying));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_pagetable_dying, ARG, 0), -XEN_ESRCH);
	fake.tsc = fake.d->g.clock.base_tsc + 2500000000;
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_get_time, ARG2, 0), 0);
	fake_read(ARG2, &now, sizeof(now));
	assert_in_range(now, 999999990, 1000000010);
	fake_write(ARG, &trace, sizeof(trace));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_xentrace, ARG, 0), 0);
	trace.extra_bytes++;
	fake_write(ARG, &trace, sizeof(trace));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_xentrace, ARG, 0), -XEN_EINVAL);
	trace.extra_bytes = 0;
	trace.event = 0x1000;
	fake_write(ARG, &trace, sizeof(trace));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_xentrace, ARG, 0), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, 0, 0), 0);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, ARG, 0), -XEN_EINVAL);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_altp2m, ARG, 0), -XEN_EOPNOTSUPP);
	for (uint64_t cmd = 2; cmd < 40; cmd++)
		if (cmd != HVMOP_flush_tlbs && cmd != HVMOP_altp2m && cmd != HVMOP_guest_request_vm_event) {
			int64_t rc = fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, cmd, 1ULL << 40, 0);

			assert_true(rc == -XEN_ENOSYS || rc == -XEN_EFAULT);
		}
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0, 0), 0);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, ARG, 0), -XEN_EINVAL);
	fake_write(ARG, &t, sizeof(t));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_get_mem_type, ARG, 0), 0);
	fake_read(ARG, &t, sizeof(t));
	assert_int_equal(t.mem_type, HVMMEM_ram_rw);
	t.pfn = FAKE_RAM + 1;
	fake_write(ARG, &t, sizeof(t));
	assert_int_equal(fake_call(fake_vcpu(0), __HYPERVISOR_hvm_op, HVMOP_get_mem_type, ARG, 0), 0);
	fake_read(ARG, &t, sizeof(t));
	assert_int_equal(t.mem_type, HVMMEM_mmio_dm);
}

static void other_registers_are_preserved(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	struct zendo_regs before;

	(void)state;
	for (size_t i = 0; i < sizeof(v->regs) / 8 - 2; i++)
		((uint64_t *)&v->regs)[i] = 0x1111111111111111 * (i + 1);
	v->regs.rax = __HYPERVISOR_xen_version;
	v->regs.rdi = XENVER_version;
	before = v->regs;
	struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);
	guest_hypercall(v, &x);
	before.rax = 4 << 16 | 17;
	before.rip += 3;
	assert_memory_equal(&before, &v->regs, sizeof(before));
}

/* ---- anything at all ---- */

static uint64_t random_value(void)
{
	switch (fake_below(8)) {
	case 0:
		return fake_random();
	case 1:
		return fake_below(64);
	case 2:
		return ~0ULL - fake_below(4);
	case 3:
		return fake_below(FAKE_RAM * 2) * PAGE_SIZE + fake_below(PAGE_SIZE);
	case 4:
		return 1ULL << fake_below(64);
	case 5:
		return DOMID_SELF | fake_random() << 32;
	default:
		return fake_below(FAKE_RAM) * PAGE_SIZE + (fake_below(4) ? fake_below(PAGE_SIZE) & ~7U : PAGE_SIZE - fake_below(8));
	}
}

/* Arguments as a caller might half-know them: small fields of all sizes. */
static void random_memory(void)
{
	uint64_t at = fake_below(FAKE_RAM - 2) * PAGE_SIZE + fake_below(PAGE_SIZE);

	for (int i = 0; i < 16; i++) {
		uint64_t val = fake_below(3) ? fake_below(64) : random_value();
		gpa_t a;

		if (gva_to_gpa(NULL, gva(at), true, &a) || !gpa_write(fake.d, a, &val, MIN(4UL << fake_below(2), PAGE_SIZE - (a.v & ~PAGE_MASK))))
			at += fake_below(3) * 4;
	}
}

static void random_calls_trip_nothing(void **state)
{
	static const uint8_t nrs[] = { 12, 13, 15, 17, 18, 20, 21, 24, 29, 32, 34 };

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		fake_stop();
		fake_start(4);
		fake_seed(seed);
		fake.d->g.nr_memmap = 3;
		for (int i = 0; i < 8; i++)
			fake.stock[fake.nr_stock++] = fake_new_frame().v;
		for (int i = 0; i < 4; i++)
			assert_int_equal(grant_add_frame(fake.d, fake_new_frame()), 0);
		for (int i = 0; i < 60000; i++) {
			struct vcpu *v = fake_vcpu(fake_below(4));

			fake.paging.code64 = fake_below(4);
			if (!fake_below(512))
				fake.pool_limit = fake_below(2) ? FAKE_POOL : fake.pool_used;
			random_memory();
			fake_call_once(v, nrs[fake_below(sizeof(nrs))], fake_below(4) ? fake_below(40) : random_value(),
				       fake_below(3) ? fake_below(FAKE_RAM) * PAGE_SIZE + fake_below(PAGE_SIZE) : random_value(),
				       random_value());
			fake.shutdown = false;
			v->wait = WAIT_NONE;
			fake.tsc += fake_below(100000);
			guest_before_entry(v);
			(void)guest_event(v);
			guest_leave_world(v);
			guest_enter_world(v);
			(void)guest_deadline(v);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(an_unknown_number_is_enosys), T(what_is_not_for_guests), T(user_mode_gets_eperm), T(version_is_told_in_both_modes),
		T(a_32_bit_caller_is_truncated), T(features_name_what_linux_needs), T(strings_fit_their_buffers),
		T(console_text_reaches_the_run_page_in_pieces), T(empty_console_text_is_no_exit),
		T(vm_assist_knows_one_type), T(multicall_runs_a_long_list), T(multicall_does_not_nest),
		T(multicall_leaves_for_dom0_between_entries), T(multicall_of_32_bits), T(multicall_with_a_bad_list_is_efault),
		T(params_follow_the_table), T(params_of_other_domains_are_refused), T(dom0_sets_any_param),
		T(a_callback_of_type_2_is_a_vector), T(the_callback_latches_the_width), T(other_hvm_ops),
		T(other_registers_are_preserved), T(random_calls_trip_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
