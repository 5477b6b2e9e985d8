/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Xen guest ABI as core/ sees it: what core calls when a guest exits, before it enters, and
 * for dom0's calls. Facts and sources: docs/guest-abi.md; constants: libxen-dev's headers.
 *
 * Context unless said otherwise: host mode (GIF=0) on the vCPU's CPU, v loaded, no lock held.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "core/domain.h"

/*
 * Life. _init: objects are zeroed; -XEN_ENOMEM (pool). _unbind: no vCPU runs any more and all still exist; lets other domains go of this
 * one, some ports in each call, true = done. _destroy: undoes what was done so far.
 */
int __must_check guest_domain_init(struct domain *d, const struct zendo_domain_create *c);
bool __must_check guest_domain_unbind(struct domain *d);
void guest_domain_destroy(struct domain *d);
int __must_check guest_vcpu_init(struct vcpu *v);
void guest_vcpu_destroy(struct vcpu *v);

/*
 * Before each entry, and before core looks at v->up and v->wait in VCPU_RUN: takes posted bits, raises what timers
 * owe, acts on INIT (REQ_RESET) and SIPI, which change v->up, registers and segments. Afterwards guest_event() says
 * what to inject.
 */
void guest_before_entry(struct vcpu *v);

/* What the vCPU should be interrupted by now, best first; the caller injects or asks for a window. */
struct guest_event {
	enum { GEVENT_NONE, GEVENT_NMI, GEVENT_CALLBACK, GEVENT_LAPIC } kind;
	uint8_t vector;		/* of GEVENT_NONE: what only the task priority holds back, or 0 */
};
struct guest_event guest_event(struct vcpu *v);
/* The event was injected: LAPIC moves IRR to ISR, NMI is no longer pending, CALLBACK stays level-triggered. */
void guest_event_injected(struct vcpu *v, struct guest_event e);
/* After @e was injected: what to ask of ops->window() for those behind it. (CALLBACK stays pending itself until the guest clears it.) */
enum window guest_event_behind(struct vcpu *v, struct guest_event e);
/* A vCPU that waits (v->wait) has a reason to go on: pending upcall, LAPIC interrupt above PPR, NMI, poll satisfied or timed out. */
bool guest_has_wakeup(struct vcpu *v);	/* core then clears v->wait; registers need nothing more */
/* Host TSC of its next timer (singleshot, periodic, poll timeout); 0 = none. */
uint64_t guest_deadline(struct vcpu *v);

/*
 * The guest's TSC is the host's plus @offset from now on, for its clock too (VCPU_SET). MSR writes of the guest come
 * here as well; it ends in ops->tsc_offset().
 */
void guest_set_tsc_offset(struct vcpu *v, uint64_t offset);

/* Runstate bookkeeping: the vCPU enters its world (running) or leaves to dom0 (blocked, runnable, offline by its state). */
void guest_enter_world(struct vcpu *v);
void guest_leave_world(struct vcpu *v);

/* Exits. RIP handling: these move it on by x->insn_len themselves (ops->skip) when the instruction is done. */
enum exit_next guest_hypercall(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_cpuid(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_rdmsr(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_wrmsr(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_io(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_hlt(struct vcpu *v, const struct exit_info *x);
enum exit_next guest_cr4(struct vcpu *v, const struct exit_info *x);	/* policy of allowed bits; #GP else */
enum exit_next guest_cr8(struct vcpu *v, const struct exit_info *x);	/* only while an interrupt waits for it: else V_TPR serves */
enum exit_next guest_xsetbv(struct vcpu *v, const struct exit_info *x);
/* A nested fault at an address for which _at() is true: the local APIC's page, or the last one below 4 GiB. */
bool guest_apic_at(const struct vcpu *v, uint64_t addr);
enum exit_next guest_apic_access(struct vcpu *v, const struct exit_info *x);

/* What guest/ may use of the host's features: filled once at launch by arch/x86, read-only afterwards. */
struct host_features {
	uint32_t vendor_ebx, vendor_ecx, vendor_edx;	/* CPUID 0 */
	uint64_t xcr0_mask;		/* what is switched per vCPU: x87, SSE, AVX, AVX-512 as present */
	uint32_t xsave_size;		/* for xcr0_mask, standard format; <= 4096 */
	bool	 spec_ctrl, pred_cmd, rdtscp, invariant_tsc;
	bool	 tsc_stable;		/* the same on all CPUs, says dom0: guests' clocks need no agreement */
	uint8_t	 maxphys;
};
extern struct host_features host_features;
/* CPUID of the real CPU (a fake on the host). */
void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);	/* eax ebx ecx edx */
bool host_has_msr(uint32_t msr);	/* it can be read */

/* Dom0's calls. */
int64_t guest_param_call(struct domain *d, uint32_t index, uint64_t value, bool set);
int guest_policy_set(struct domain *d, const struct zendo_policy *p);
int guest_memmap_set(struct domain *d, const struct zendo_memmap_entry *e, uint32_t nr);
void guest_wallclock_set(struct domain *d, uint64_t wall_ns, uint64_t tsc);
void guest_nmi(struct vcpu *v);		/* a sleeping vCPU is dom0's to wake */
int64_t evtchn_dom0_alloc(struct domain *d);			/* handle << 32 | port */
int64_t evtchn_dom0_bind(struct domain *d, uint32_t port);
int evtchn_dom0_close(struct domain *d, uint32_t handle);
/* A grant frame that dom0 donated (ZEXT_GRANT); the table's size grows by it. */
int grant_add_frame(struct domain *d, mfn_t m);

#endif
