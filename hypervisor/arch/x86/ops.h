/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between vendor-neutral code and SVM/VMX. core/ and guest/ know no VMCB: they see exits as
 * a kind with neutral facts, and ask for things by the operations below.
 */
#ifndef ARCH_X86_OPS_H
#define ARCH_X86_OPS_H

#include <zendo/abi.h>
#include "core/types.h"

struct vcpu;
struct domain;
struct cpu;

enum exit_kind {
	EXIT_INTR,		/* physical interrupt, still pending: dom0's */
	EXIT_NMI,		/* physical NMI, held or recorded for dom0 */
	EXIT_MCE,
	EXIT_WINDOW,		/* the guest can take an interrupt now (asked for by op->window) */
	EXIT_HYPERCALL,		/* VMMCALL/VMCALL */
	EXIT_HLT,
	EXIT_CPUID,
	EXIT_RDMSR,
	EXIT_WRMSR,
	EXIT_IO,
	EXIT_NPF,		/* nested page fault */
	EXIT_CR4_WRITE,
	EXIT_CR8,		/* write, asked for by op->window */
	EXIT_XSETBV,
	EXIT_DR,		/* first touch of a debug register */
	EXIT_EXCEPTION,		/* #UD, #AC, #DB: reflected, or acted on */
	EXIT_SKIP,		/* instruction that does nothing here: INVD, WBINVD, MONITOR, MWAIT, PAUSE */
	EXIT_UD,		/* instruction that does not exist here: VMRUN, VMLOAD, INVLPGB, RDPMC: #UD (RDPMC: #GP) */
	EXIT_SHUTDOWN,		/* triple fault */
	EXIT_INVALID,		/* the CPU refused the guest state */
	EXIT_UNKNOWN,
	NR_EXIT_KINDS
};

struct exit_info {
	enum exit_kind	kind;
	uint8_t		insn_len;	/* of the instruction that exited; 0 = not an instruction */
	uint64_t	code, info1, info2;	/* as the hardware gave them, for people */
	union {
		struct { uint8_t cpl; bool code64; } call;	/* the caller; code64 as in struct paging_state */
		struct { uint32_t index; } msr;		/* value in EDX:EAX of regs */
		struct { uint16_t port; uint8_t size; bool in, string, rep; uint8_t addr_size; } io;
		/* indirect: not an operand of the instruction at RIP: a table walk, or an event on its way */
		struct { uint64_t gpa; bool present, write, exec, indirect; } npf;
		struct { uint8_t vector; uint32_t error; bool has_error; } exc;
		struct { uint64_t value; } cr;		/* CR4, CR8: value the guest writes */
		struct { uint32_t index; uint64_t value; } xcr;
		struct { bool gp; } ud;
		struct { uint8_t reg, gpr; bool write; } dr;
	};
};

/* What a handler wants next. */
enum exit_next {
	NEXT_RESUME,		/* back into the guest */
	NEXT_TO_DOM0,		/* v->reason is set; RIP stands where the guest goes on */
	NEXT_KILL,		/* the guest cannot go on: crash record is filled, ZRUN_CRASH */
};

enum inject_type { INJECT_INTR = 0, INJECT_NMI = 2, INJECT_EXC = 3 };

/* When to exit for an event that waits: at a write to CR8, or (EXIT_WINDOW) when the guest takes interrupts. */
enum window { WINDOW_NONE, WINDOW_CR8, WINDOW_ANY };

/* Nested page table entry, neutral. */
#define NPT_READ	(1U << 0)
#define NPT_WRITE	(1U << 1)
#define NPT_EXEC	(1U << 2)

/* Paging facts that a software walk of guest tables needs; cheap. */
struct paging_state {
	uint64_t cr0, cr3, cr4, efer;
	uint8_t  cpl;
	bool	 long_mode;	/* EFER.LMA */
	bool	 code64;	/* CS.L with LMA: 64-bit hypercall ABI */
};

struct vendor_ops {
	const char *name;
	/*
	 * Bring the calling CPU under: host state is ready (own GDT, IDT, stack, CR3). Builds dom0's control
	 * structure from @l. After 0, dom0_run() may be called; else nothing has changed.
	 */
	int  (*launch)(struct cpu *c, const struct zendo_cpu_launch *l);
	/* Restore dom0's bare-metal state and jump out, with @ret in dom0's rax. */
	void (*leave)(struct cpu *c, uint64_t ret) __attribute__((noreturn));
	/* Run dom0 until its next exit and handle what is vendor's own; returns true when it was a call (regs filled). */
	bool (*dom0_run)(struct cpu *c, struct zendo_regs *regs);

	int  (*vcpu_init)(struct vcpu *v);	/* -XEN_ENOMEM; state as after reset */
	void (*vcpu_free)(struct vcpu *v);
	/* Load for this CPU / unload; between them dom0's own DR, XCR0, TSC_AUX, SPEC_CTRL and FPU state is kept by the hypervisor. */
	void (*vcpu_load)(struct cpu *c, struct vcpu *v);
	void (*vcpu_put)(struct cpu *c, struct vcpu *v);
	/* Enter the guest once, fill @x at its exit. Interrupts of dom0 make it return at once with EXIT_INTR. */
	void (*run)(struct cpu *c, struct vcpu *v, struct exit_info *x);
	void (*park)(struct cpu *c, struct vcpu *v);	/* VMCLEAR; SVM: nothing */

	/* Event injection at the next entry. may_inject: IF, shadow, and nothing else being injected. */
	bool (*may_inject)(struct vcpu *v, enum inject_type t);
	void (*inject)(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error);
	void (*window)(struct vcpu *v, enum window w);
	void (*skip)(struct vcpu *v, uint8_t len);	/* RIP += len, shadow cleared */

	void (*paging)(struct vcpu *v, struct paging_state *s);
	void (*sregs_get)(struct vcpu *v, struct zendo_sregs *s);
	int  (*sregs_set)(struct vcpu *v, const struct zendo_sregs *s);	/* -XEN_EINVAL */
	/* MSRs that live in the control structure. false = not one of them. */
	bool (*msr_get)(struct vcpu *v, uint32_t index, uint64_t *val);
	bool (*msr_set)(struct vcpu *v, uint32_t index, uint64_t val);
	void (*cr4_set)(struct vcpu *v, uint64_t val);	/* checked by the caller */
	void (*cr2_set)(struct vcpu *v, uint64_t val);	/* injecting a #PF does not */
	void (*tsc_offset)(struct vcpu *v, uint64_t offset);

	/* Nested tables: level 1 = 4 KiB leaf, 2 = 2 MiB, 3 = 1 GiB. */
	uint64_t (*npt_leaf)(hpa_t h, int level, uint32_t rights);
	uint64_t (*npt_table)(hpa_t h);
	uint32_t (*npt_rights)(uint64_t entry);
	bool	 (*npt_is_leaf)(uint64_t entry, int level);

	void (*flush_guest)(struct vcpu *v);	/* this vCPU's translations, before its next entry */
	void (*flush_dom0)(struct cpu *c);
};

extern const struct vendor_ops svm_ops;
extern const struct vendor_ops *ops;	/* set at launch, then read-only */

#endif
