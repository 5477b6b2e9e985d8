/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMCB, AMD APM vol. 2, appendix B. */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <zendo/abi.h>
#include "core/types.h"

/* Intercept bits: by word, as exit codes 0x60.. (misc1), 0x80.. (misc2), 0xa0.. (misc3) count them. */
#define I1(code)	(1U << ((code) - 0x60))
#define I2(code)	(1U << ((code) - 0x80))
#define I3(code)	(1U << ((code) - 0xa0))

enum svm_exit {
	SVM_CR4_WRITE	= 0x14,
	SVM_CR8_WRITE	= 0x18,
	SVM_DR_READ	= 0x20,
	SVM_DR_WRITE	= 0x30,
	SVM_EXC		= 0x40,
	SVM_INTR	= 0x60,
	SVM_NMI		= 0x61,
	SVM_INIT	= 0x63,
	SVM_VINTR	= 0x64,
	SVM_RDPMC	= 0x6f,
	SVM_CPUID	= 0x72,
	SVM_IRET	= 0x74,
	SVM_INVD	= 0x76,
	SVM_PAUSE	= 0x77,
	SVM_HLT		= 0x78,
	SVM_INVLPGA	= 0x7a,
	SVM_IOIO	= 0x7b,
	SVM_MSR		= 0x7c,
	SVM_SHUTDOWN	= 0x7f,
	SVM_VMRUN	= 0x80,
	SVM_VMMCALL	= 0x81,
	SVM_VMLOAD	= 0x82,
	SVM_VMSAVE	= 0x83,
	SVM_STGI	= 0x84,
	SVM_CLGI	= 0x85,
	SVM_SKINIT	= 0x86,
	SVM_ICEBP	= 0x88,
	SVM_WBINVD	= 0x89,
	SVM_MONITOR	= 0x8a,
	SVM_MWAIT	= 0x8b,
	SVM_MWAIT_COND	= 0x8c,
	SVM_XSETBV	= 0x8d,
	SVM_RDPRU	= 0x8e,
	SVM_INVLPGB	= 0xa0,
	SVM_INVLPGB_ILL	= 0xa1,
	SVM_INVPCID	= 0xa2,
	SVM_MCOMMIT	= 0xa3,
	SVM_TLBSYNC	= 0xa4,
	SVM_NPF		= 0x400,
};
#define SVM_EXIT_INVALID 0xffffffffU	/* compare 32 bits: TCG leaves the high half zero */

/* int_ctl (0x60) */
#define V_TPR_MASK	15ULL
#define V_IRQ		(1ULL << 8)
#define V_IGN_TPR	(1ULL << 20)
#define V_INTR_MASKING	(1ULL << 24)
#define V_PRIO(p)	((uint64_t)(p) << 16)
#define V_VECTOR(v)	((uint64_t)(v) << 32)
#define V_TOP		(V_IRQ | V_IGN_TPR | V_PRIO(15))	/* a virtual interrupt that no priority holds back */
/* int_state (0x68) */
#define INT_SHADOW	(1ULL << 0)
/* eventinj, exitintinfo */
#define EV_VALID	(1ULL << 31)
#define EV_ERROR	(1ULL << 11)
#define EV_TYPE(t)	((uint64_t)(t) << 8)
/* info1 of a nested fault: on a page of the guest's own tables */
#define NPF_TABLE	(1ULL << 33)
/* tlb_ctl */
#define TLB_FLUSH_ALL	1
#define TLB_FLUSH_ASID	3
#define NP_ENABLE	(1ULL << 0)
#define INVLPGB_ENABLE	(1ULL << 7)

struct vmcb_seg {
	uint16_t selector, attr;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	/* control area */
	uint16_t cr_read, cr_write;
	uint16_t dr_read, dr_write;
	uint32_t exceptions;
	uint32_t misc1, misc2, misc3;
	uint8_t  reserved1[0x40 - 0x18];
	uint64_t iopm, msrpm, tsc_offset;
	uint32_t asid;
	uint8_t  tlb_ctl, reserved2[3];
	uint64_t int_ctl, int_state;
	uint64_t exit_code, info1, info2, exit_int_info;
	uint64_t np;
	uint8_t  reserved3[0xa8 - 0x98];
	uint64_t event_inj, ncr3, lbr;
	uint32_t clean, reserved4;
	uint64_t nrip;
	uint8_t  nr_bytes, bytes[15];
	uint8_t  reserved5[0x400 - 0xe0];
	/* state save area */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t  reserved6[0x4cb - 0x4a0];
	uint8_t  cpl;
	uint32_t reserved7;
	uint64_t efer;
	uint8_t  reserved8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t  reserved9[0x5d8 - 0x580];
	uint64_t rsp, s_cet, ssp, isst;
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t  reserved10[0x668 - 0x648];
	uint64_t g_pat, dbgctl, br_from, br_to, last_from, last_to;
	uint8_t  reserved11[0x6e0 - 0x698];
	uint64_t spec_ctrl;
	uint8_t  reserved12[0x1000 - 0x6e8];
};

#define VMCB_AT(field, off) _Static_assert(offsetof(struct vmcb, field) == (off), "VMCB layout: " #field)
VMCB_AT(iopm, 0x40); VMCB_AT(asid, 0x58); VMCB_AT(int_ctl, 0x60); VMCB_AT(exit_code, 0x70);
VMCB_AT(np, 0x90); VMCB_AT(event_inj, 0xa8); VMCB_AT(ncr3, 0xb0); VMCB_AT(nrip, 0xc8);
VMCB_AT(es, 0x400); VMCB_AT(tr, 0x490); VMCB_AT(cpl, 0x4cb); VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548); VMCB_AT(rip, 0x578); VMCB_AT(rsp, 0x5d8); VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640); VMCB_AT(g_pat, 0x668); VMCB_AT(spec_ctrl, 0x6e0);
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB is one page");

#endif
