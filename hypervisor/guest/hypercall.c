// SPDX-License-Identifier: GPL-2.0-only
#include "guest/hypercall.h"
#include "guest/guest.h"
#include "guest/time.h"

/*
 * What is not here is -ENOSYS, in Xen too for a PVH guest: PV's calls, kexec_op, physdev_op without pirqs, and what a Xen of default
 * configuration has not.
 */
static const hcall_fn hcalls[] = {
	[__HYPERVISOR_platform_op]	= hcall_platform_op,
	[__HYPERVISOR_memory_op]	= hcall_memory_op,
	[__HYPERVISOR_multicall]	= hcall_multicall,
	[__HYPERVISOR_set_timer_op]	= hcall_set_timer_op,
	[__HYPERVISOR_xen_version]	= hcall_xen_version,
	[__HYPERVISOR_console_io]	= hcall_console_io,
	[__HYPERVISOR_grant_table_op]	= hcall_grant_table_op,
	[__HYPERVISOR_vm_assist]	= hcall_vm_assist,
	[__HYPERVISOR_vcpu_op]		= hcall_vcpu_op,
	[__HYPERVISOR_sched_op]		= hcall_sched_op,
	[__HYPERVISOR_event_channel_op]	= hcall_event_channel_op,
	[__HYPERVISOR_hvm_op]		= hcall_hvm_op,
	[__HYPERVISOR_sysctl]		= hcall_sysctl,
	[__HYPERVISOR_domctl]		= hcall_domctl,
	[__HYPERVISOR_xenpmu_op]	= hcall_xenpmu_op,
	[__HYPERVISOR_dm_op]		= hcall_dm_op,
	[__HYPERVISOR_hypfs_op]		= hcall_hypfs_op,
};

int64_t hcall_dispatch(struct hcall *h, uint64_t nr)
{
	if (nr >= ARRAY_SIZE(hcalls) || !hcalls[nr])
		return -XEN_ENOSYS;
	return hcalls[nr](h);
}

/* The registers that carry arg[i], by caller's width. */
static uint64_t *arg_reg(struct zendo_regs *r, bool wide, int i)
{
	uint64_t *const regs64[] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8 };
	uint64_t *const regs32[] = { &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi };

	return wide ? regs64[i] : regs32[i];
}

static void load_args(struct hcall *h)
{
	const struct zendo_regs *r = &h->v->regs;

	if (h->wide) {
		h->arg[0] = r->rdi;
		h->arg[1] = r->rsi;
		h->arg[2] = r->rdx;
		h->arg[3] = r->r10;
		h->arg[4] = r->r8;
	} else {
		h->arg[0] = (uint32_t)r->rbx;
		h->arg[1] = (uint32_t)r->rcx;
		h->arg[2] = (uint32_t)r->rdx;
		h->arg[3] = (uint32_t)r->rsi;
		h->arg[4] = (uint32_t)r->rdi;
	}
}

static void store_args(const struct hcall *h)
{
	for (int i = 0; i < 5; i++)
		*arg_reg(&h->v->regs, h->wide, i) = h->arg[i];
}

static enum exit_next finish(struct vcpu *v, const struct exit_info *x, bool wide, int64_t rc, enum exit_next next)
{
	v->g.asked = false;
	v->regs.rax = wide ? (uint64_t)rc : (uint32_t)rc;
	ops->skip(v, x->insn_len);
	return next;
}

enum exit_next guest_hypercall(struct vcpu *v, const struct exit_info *x)
{
	struct hcall h;
	uint64_t nr;
	int64_t rc;

	if (x->call.cpl)
		return finish(v, x, x->call.code64, -XEN_EPERM, NEXT_RESUME);
	h.v = v;
	h.wide = x->call.code64;
	h.next = NEXT_RESUME;
	h.restart = false;
	h.need_ram = 0;
	nr = h.wide ? v->regs.rax : (uint32_t)v->regs.rax;
	load_args(&h);
	rc = hcall_dispatch(&h, nr);
	if (rc == -XEN_ENOMEM && !v->g.asked) {
		v->g.asked = true;
		return vcpu_need_pages(v, h.need_ram ? 0 : POOL_ASK, h.need_ram);
	}
	if (!h.restart)
		return finish(v, x, h.wide, rc, h.next);
	v->g.asked = false;
	store_args(&h);
	return h.next;
}

void guest_latch_width(struct domain *d, bool wide)
{
	spin_lock(&d->g.evt.lock);
	d->g.compat = !wide;
	time_write_wallclock(d);
	spin_unlock(&d->g.evt.lock);
}

int64_t hcall_vm_assist(struct hcall *h)
{
	if ((uint32_t)h->arg[1] != VMASST_TYPE_runstate_update_flag)
		return -XEN_EINVAL;
	switch ((uint32_t)h->arg[0]) {
	case VMASST_CMD_enable:
	case VMASST_CMD_disable:
		WRITE_ONCE(h->v->d->g.runstate_flag, (uint32_t)h->arg[0] == VMASST_CMD_enable);
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}
