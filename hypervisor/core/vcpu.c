// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU's run: from dom0's VCPU_RUN through any number of guest exits to the reason dom0 gets. */
#include "arch/x86/ops.h"
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain_mem.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/npt.h"
#include "core/spec.h"
#include "core/trace.h"
#include "guest/guest.h"
#include "guest/msr.h"
#include <xen/sched.h>

#define MAX_HANDLED	4096	/* exits handled in one run before dom0 gets a look, whatever they were */

enum exit_next vcpu_need_pages(struct vcpu *v, uint32_t pool, uint32_t ram)
{
	v->reason = ZRUN_NEED_PAGES;
	v->need_pool = pool;
	v->need_ram = ram;
	return NEXT_TO_DOM0;
}

enum exit_next vcpu_crash(struct vcpu *v, const struct exit_info *x, enum zendo_crash_reason why)
{
	struct zendo_crash *cr = &v->run->hyp.crash;

	cr->reason = why;
	cr->exit_kind = x->kind;
	cr->exit_code = x->code;
	cr->info1 = x->info1;
	cr->info2 = x->info2;
	cr->regs = v->regs;
	ops->sregs_get(v, &cr->sregs);
	return NEXT_KILL;
}

static enum exit_next exit_to_dom0(struct vcpu *v, const struct exit_info *x)
{
	v->reason = x->kind == EXIT_MCE ? ZRUN_MCE : ZRUN_INTR;
	return NEXT_TO_DOM0;
}

static void want_window(struct vcpu *v, enum window w)
{
	if (v->window == w)
		return;
	v->window = w;
	ops->window(v, w);
}

static enum exit_next exit_window(struct vcpu *v, const struct exit_info *x)
{
	(void)x;
	want_window(v, WINDOW_NONE);
	return NEXT_RESUME;
}

static enum exit_next exit_npf(struct vcpu *v, const struct exit_info *x)
{
	struct npt_leaf l = npt_lookup(v->d->npt, x->npf.gpa & PAGE_MASK);
	bool allowed = x->npf.write ? l.rights & NPT_WRITE : x->npf.exec ? l.rights & NPT_EXEC : l.rights & NPT_READ;

	/* Right by now: another CPU mapped it, or our TLB was behind. */
	if (allowed) {
		ops->flush_guest(v);
		return NEXT_RESUME;
	}
	/* A write to what was granted for reading: as Xen answers it. */
	if (x->npf.write && (l.rights & NPT_READ)) {
		ops->inject(v, INJECT_EXC, VEC_GP, true, 0);
		return NEXT_RESUME;
	}
	if (!x->npf.exec && guest_apic_at(v, x->npf.gpa))
		return guest_apic_access(v, x);
	guest_log(v->d, "v%u: no memory at %lx (%s) rip %lx", v->id, x->npf.gpa,
		  x->npf.write ? "write" : x->npf.exec ? "fetch" : "read", v->regs.rip);
	return vcpu_crash(v, x, ZCRASH_NO_MEMORY_THERE);
}

/* VMCALL on an AMD part, VMMCALL on an Intel one: a guest moved here from the other kind uses the wrong one. */
static bool is_other_hypercall(struct vcpu *v)
{
	uint8_t b[3];

	if (gva_read(v, gva(v->regs.rip), b, sizeof(b)))
		return false;
	return b[0] == 0x0f && b[1] == 0x01 && (b[2] == 0xc1 || b[2] == 0xd9);
}

static enum exit_next exit_exception(struct vcpu *v, const struct exit_info *x)
{
	if (x->exc.vector == VEC_UD && is_other_hypercall(v)) {
		struct exit_info call = *x;
		struct paging_state ps;

		ops->paging(v, &ps);
		call.kind = EXIT_HYPERCALL;
		call.call.cpl = ps.cpl;
		call.call.code64 = ps.code64;
		call.insn_len = 3;
		return guest_hypercall(v, &call);
	}
	ops->inject(v, INJECT_EXC, x->exc.vector, x->exc.has_error, x->exc.error);
	return NEXT_RESUME;
}

static enum exit_next exit_skip(struct vcpu *v, const struct exit_info *x)
{
	ops->skip(v, x->insn_len);
	return NEXT_RESUME;
}

static enum exit_next exit_ud(struct vcpu *v, const struct exit_info *x)
{
	ops->inject(v, INJECT_EXC, x->ud.gp ? VEC_GP : VEC_UD, x->ud.gp, 0);
	return NEXT_RESUME;
}

static enum exit_next exit_shutdown(struct vcpu *v, const struct exit_info *x)
{
	return vcpu_crash(v, x, ZCRASH_TRIPLE_FAULT);
}

static enum exit_next exit_invalid(struct vcpu *v, const struct exit_info *x)
{
	guest_log(v->d, "v%u: the CPU refuses the guest's state (rip %lx)", v->id, v->regs.rip);
	return vcpu_crash(v, x, ZCRASH_INVALID_STATE);
}

static enum exit_next exit_unknown(struct vcpu *v, const struct exit_info *x)
{
	guest_log(v->d, "v%u: unexpected exit %lx (%lx, %lx)", v->id, x->code, x->info1, x->info2);
	return vcpu_crash(v, x, ZCRASH_BAD_EXIT);
}

static const struct exit_row {
	enum exit_next (*handle)(struct vcpu *v, const struct exit_info *x);
	const char *name;
} exit_rows[NR_EXIT_KINDS] = {
	[EXIT_INTR]	 = { exit_to_dom0,	"interrupt" },
	[EXIT_NMI]	 = { exit_to_dom0,	"nmi" },
	[EXIT_MCE]	 = { exit_to_dom0,	"machine-check" },
	[EXIT_WINDOW]	 = { exit_window,	"window" },
	[EXIT_HYPERCALL] = { guest_hypercall,	"hypercall" },
	[EXIT_HLT]	 = { guest_hlt,		"hlt" },
	[EXIT_CPUID]	 = { guest_cpuid,	"cpuid" },
	[EXIT_RDMSR]	 = { guest_rdmsr,	"rdmsr" },
	[EXIT_WRMSR]	 = { guest_wrmsr,	"wrmsr" },
	[EXIT_IO]	 = { guest_io,		"io" },
	[EXIT_NPF]	 = { exit_npf,		"nested-fault" },
	[EXIT_CR4_WRITE] = { guest_cr4,		"cr4" },
	[EXIT_CR8]	 = { guest_cr8,		"cr8" },
	[EXIT_XSETBV]	 = { guest_xsetbv,	"xsetbv" },
	[EXIT_DR]	 = { exit_unknown,	"dr" },
	[EXIT_EXCEPTION] = { exit_exception,	"exception" },
	[EXIT_SKIP]	 = { exit_skip,		"skip" },
	[EXIT_UD]	 = { exit_ud,		"undefined" },
	[EXIT_SHUTDOWN]	 = { exit_shutdown,	"shutdown" },
	[EXIT_INVALID]	 = { exit_invalid,	"invalid-state" },
	[EXIT_UNKNOWN]	 = { exit_unknown,	"unknown" },
};

static enum exit_next dispatch(struct cpu *c, struct vcpu *v, const struct exit_info *x)
{
	v->exits++;
	c->guest_exits++;
	c->by_kind[x->kind]++;
	v->run->hyp.exits_by_kind[x->kind]++;
	c->hold_what = x->kind;
	trace(c, TRACE_EXIT, v->d->id, (uint16_t)v->id, x->code, v->regs.rip);
	/* The most frequent one is spared the indirect call, a dear one with retpolines. */
	return x->kind == EXIT_HYPERCALL ? guest_hypercall(v, x) : exit_rows[x->kind].handle(v, x);
}

static void offer_event(struct vcpu *v)
{
	struct guest_event e = guest_event(v);
	enum inject_type t = e.kind == GEVENT_NMI ? INJECT_NMI : INJECT_INTR;

	if (e.kind == GEVENT_NONE) {
		want_window(v, e.vector ? WINDOW_CR8 : WINDOW_NONE);
		return;
	}
	if (!ops->may_inject(v, t)) {
		want_window(v, WINDOW_ANY);
		return;
	}
	ops->inject(v, t, e.vector, false, 0);
	guest_event_injected(v, e);
	/* One more waits behind it? Then ask to be told when it can be taken. */
	want_window(v, guest_event_behind(v, e));
}

/* What stands in the way of entering, if anything; true: *ret is what dom0 gets. */
static bool before_entry(struct vcpu *v, uint64_t armed, int64_t *ret)
{
	uint64_t deadline;

	/* One that comes behind this look is seen by the last one, in enter_once(). */
	if (unlikely(READ_ONCE(v->request)) &&
	    __atomic_fetch_and(&v->request, ~REQ_FLUSH & ~REQ_EVENT, __ATOMIC_SEQ_CST) & REQ_FLUSH)
		ops->flush_guest(v);
	guest_before_entry(v);
	if (unlikely(READ_ONCE(v->d->shutdown))) {
		*ret = ZRUN_SHUTDOWN;
		return true;
	}
	if (unlikely(!v->up)) {
		*ret = ZRUN_DOWN;
		return true;
	}
	deadline = guest_deadline(v);
	v->run->hyp.deadline_tsc = deadline;
	if (v->wait != WAIT_NONE) {
		if (!guest_has_wakeup(v)) {
			*ret = v->wait == WAIT_POLL ? ZRUN_POLL : ZRUN_HALT;
			return true;
		}
		v->wait = WAIT_NONE;
	}
	if (deadline && deadline < armed) {
		*ret = ZRUN_DEADLINE;
		return true;
	}
	return false;
}

/*
 * Who still sees it inside sends an interrupt that nobody needs. The count is a full barrier: what was posted by a sender that still
 * saw v->cpu is seen by the looks behind it, before the next entry or on the way to dom0. It also counts an entry that was called
 * off: who waits for it must not take dom0, which may be in guest mode here next, for it.
 */
static void out_of_guest(struct cpu *c, struct vcpu *v)
{
	__atomic_store_n(&c->in_guest, false, __ATOMIC_RELEASE);
	__atomic_store_n(&c->in_domain, false, __ATOMIC_RELEASE);
	__atomic_store_n(&v->cpu, -1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&c->exits, 1, __ATOMIC_SEQ_CST);
}

static enum exit_next enter_once(struct cpu *c, struct vcpu *v)
{
	struct exit_info x;
	uint64_t t0;

	__atomic_store_n(&v->cpu, (int32_t)c->id, __ATOMIC_RELEASE);
	__atomic_store_n(&c->in_domain, true, __ATOMIC_RELEASE);
	/* A full barrier. Pairs with the senders' in vcpu_kick and domain_flush_tlb: they see v->cpu, or we see the request. */
	__atomic_store_n(&c->in_guest, true, __ATOMIC_SEQ_CST);
	if (unlikely(READ_ONCE(v->request))) {
		out_of_guest(c, v);
		return NEXT_RESUME;
	}
	offer_event(v);
	t0 = rdtsc();
	cpu_hold_end(c, t0);
	ops->run(c, v, &x);
	cpu_hold_begin(c);
	v->run->hyp.guest_tsc += c->host_since - t0;
	out_of_guest(c, v);
	map_sync(c);
	return dispatch(c, v, &x);
}

static int64_t run_loaded(struct cpu *c, struct vcpu *v)
{
	uint64_t armed = READ_ONCE(v->run->dom0.armed_tsc);
	int64_t ret;

	v->told_dom0 = true;
	v->nr_peers = 0;
	for (int i = 0; i < MAX_HANDLED; i++) {
		if (before_entry(v, armed, &ret))
			return ret;
		/* A sibling that may sleep was woken, by the exit or by what was posted: it does not wait for our next exit. */
		if (unlikely(!v->told_dom0))
			return ZRUN_EVENT;
		switch (enter_once(c, v)) {
		case NEXT_RESUME:
			break;
		case NEXT_TO_DOM0:
			/* Dom0 arms it before it sleeps: a poll that has just begun may have a timeout. */
			v->run->hyp.deadline_tsc = guest_deadline(v);
			v->run->hyp.need_pool = v->need_pool;
			v->run->hyp.need_ram = v->need_ram;
			return v->reason;
		case NEXT_KILL:
			domain_shutdown(v->d, SHUTDOWN_crash);
			return ZRUN_CRASH;
		}
	}
	return ZRUN_YIELD;
}

int64_t vcpu_run(struct vcpu *v)
{
	struct cpu *c = this_cpu();
	int64_t ret;

	if (__atomic_exchange_n(&v->busy, true, __ATOMIC_SEQ_CST))
		return -XEN_EBUSY;
	map_sync(c);
	/* Pairs with domain_kill(): it sees busy, or we see the state. */
	if (READ_ONCE(v->d->state) != DOMAIN_ALIVE) {
		__atomic_store_n(&v->busy, false, __ATOMIC_SEQ_CST);
		return -XEN_ESRCH;
	}
	if (c->last_domain != v->d->id) {
		spec_do(EDGE_DOMAIN_SWITCH);
		c->last_domain = v->d->id;
	}
	ops->vcpu_load(c, v);
	c->loaded = v;
	guest_enter_world(v);
	ret = run_loaded(c, v);
	guest_leave_world(v);
	ops->vcpu_put(c, v);
	c->loaded = NULL;
	spec_do(EDGE_GUEST_TO_DOM0);
	v->run->hyp.exits = v->exits;
	if (READ_ONCE(v->d->shutdown))
		v->run->hyp.shutdown_code = READ_ONCE(v->d->shutdown) - 1;
	v->run->hyp.blocked = v->wait != WAIT_NONE;
	v->run->hyp.up = v->up;
	v->last_cpu = (int32_t)c->id;
	__atomic_store_n(&v->busy, false, __ATOMIC_SEQ_CST);
	return ret;
}

/* MSRs of struct zendo_vcpu_state that live with the vendor. */
static const struct { uint32_t msr; uint16_t offset; } state_msrs[] = {
	{ MSR_STAR,		offsetof(struct zendo_vcpu_state, star) },
	{ MSR_LSTAR,		offsetof(struct zendo_vcpu_state, lstar) },
	{ MSR_CSTAR,		offsetof(struct zendo_vcpu_state, cstar) },
	{ MSR_SFMASK,		offsetof(struct zendo_vcpu_state, sfmask) },
	{ MSR_KERNEL_GS_BASE,	offsetof(struct zendo_vcpu_state, kernel_gs_base) },
	{ MSR_SYSENTER_CS,	offsetof(struct zendo_vcpu_state, sysenter_cs) },
	{ MSR_SYSENTER_ESP,	offsetof(struct zendo_vcpu_state, sysenter_esp) },
	{ MSR_SYSENTER_EIP,	offsetof(struct zendo_vcpu_state, sysenter_eip) },
	{ MSR_PAT,		offsetof(struct zendo_vcpu_state, pat) },
};

int vcpu_get_state(struct vcpu *v, struct zendo_vcpu_state *s)
{
	if (__atomic_exchange_n(&v->busy, true, __ATOMIC_SEQ_CST))
		return -XEN_EBUSY;
	memset(s, 0, sizeof(*s));
	s->regs = v->regs;
	ops->sregs_get(v, &s->sregs);
	for (size_t i = 0; i < ARRAY_SIZE(state_msrs); i++)
		(void)ops->msr_get(v, state_msrs[i].msr, (uint64_t *)((char *)s + state_msrs[i].offset));
	s->tsc_aux = v->g.tsc_aux;
	s->xcr0 = v->g.xcr0;
	s->up = v->up;
	s->tsc = host_tsc();
	__atomic_store_n(&v->busy, false, __ATOMIC_SEQ_CST);
	return 0;
}

int vcpu_set_state(struct vcpu *v, const struct zendo_vcpu_state *s)
{
	int rc;

	/* Not PKE, say: the guest would change dom0's PKRU with it (F15). */
	if (s->up > 1 || s->reserved || s->tsc_aux >> 32 || (s->sregs.cr4 & ~cr4_valid(v)) || (s->xcr0 && !xcr0_valid(v->d, s->xcr0)))
		return -XEN_EINVAL;
	if (__atomic_exchange_n(&v->busy, true, __ATOMIC_SEQ_CST))
		return -XEN_EBUSY;
	rc = ops->sregs_set(v, &s->sregs);
	if (!rc) {
		v->regs = s->regs;
		v->regs.rflags = (s->regs.rflags & 0x3f7fd7) | RFLAGS_FIXED;
		for (size_t i = 0; i < ARRAY_SIZE(state_msrs); i++)
			(void)ops->msr_set(v, state_msrs[i].msr, *(const uint64_t *)((const char *)s + state_msrs[i].offset));
		v->g.tsc_aux = s->tsc_aux;
		if (s->xcr0)
			v->g.xcr0 = s->xcr0;
		v->up = s->up;
		v->wait = WAIT_NONE;
	}
	__atomic_store_n(&v->busy, false, __ATOMIC_SEQ_CST);
	return rc;
}
