/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "arch/x86/svm/vmcb.h"
#include "arch/x86/x86.h"
#include "core/cpu.h"

struct vcpu;

#define ASID_DOM0	1	/* on every CPU for ever: INVLPGB acts on it (F10) */
#define ASID_FIRST	2

struct insn {
	uint64_t rip, cr3;
	uint16_t code;
	uint8_t len, reg, gpr;
};
#define INSN_CACHE 16

/* One pool page; the rest of it is the cache of decoded lengths. */
struct svm_vcpu {
	struct vmcb *vmcb;
	uint64_t vmcb_hpa;
	void *fpu;			/* XSAVE area */
	uint64_t xcr0, tsc_aux, spec_ctrl;	/* as in the CPU; what the guest set is in v->g */
	uint64_t dr[4];
	bool dr_live;			/* DR0-3 of the guest are in the CPU */
	uint64_t iret_rip;		/* of the IRET that ends an NMI and may not have run yet, or 0 */
	int32_t asid_cpu;		/* where asid is valid, with asid_gen */
	uint32_t asid_gen;
	bool flush;
	struct insn cache[INSN_CACHE];
};

struct svm_caps {
	uint32_t nr_asids;
	bool nrip, flush_asid, decode, pause_filter, invlpgb, v_spec_ctrl;
	bool tcg;		/* QEMU's emulation: see tcg.h */
};
extern struct svm_caps svm_caps;

/*
 * void svm_enter(struct zendo_regs *regs, uint64_t vmcb, uint64_t host_vmcb)
 * VMLOAD, VMRUN, VMSAVE of @vmcb (physical), then VMLOAD of the host's; all general registers but RAX, RSP (in
 * the VMCB) come from and go to @regs.
 */
void svm_enter(struct zendo_regs *regs, uint64_t vmcb, uint64_t host_vmcb);

static inline struct vmcb *dom0_vmcb(struct cpu *c)
{
	return (struct vmcb *)((char *)c + CPU_DOM0_VMCB);
}
static inline uint64_t area_hpa(struct cpu *c, uint64_t offset)
{
	return boot.percpu_hpa[c->id] + offset;
}

static inline bool is_code64(const struct vmcb *b)
{
	return (b->efer & EFER_LMA) && (b->cs.attr & 0x200);
}

/* Maps for intercepts, in the image; physical addresses. */
hpa_t svm_dom0_msrpm(void);
hpa_t svm_guest_msrpm(void);
hpa_t svm_guest_iopm(void);
void svm_maps_init(void);

/* EVENTINJ value that delivers again what an exit interrupted (EXITINTINFO), 0 = nothing. */
uint64_t svm_reinject(uint64_t exit_int_info);

/*
 * Length of the instruction at the guest's RIP that made exit @code, and its register operands in *@ret (NULL: not wanted). nRIP
 * when the CPU has it, else decoded from memory; 0 = cannot be read.
 */
uint8_t svm_insn(struct vcpu *v, uint16_t code, struct insn *ret);

/* The checking build: what the CPU says of the length (0: nothing) is what we would decode. */
#ifdef ZENDO_CHECK
void svm_insn_check(struct vcpu *v, uint16_t code, uint8_t len);
#else
static inline void svm_insn_check(struct vcpu *v, uint16_t code, uint8_t len) { (void)v; (void)code; (void)len; }
#endif

/* The instruction at the guest's RIP is HLT, without prefixes. */
bool svm_at_hlt(struct vcpu *v);

#endif
