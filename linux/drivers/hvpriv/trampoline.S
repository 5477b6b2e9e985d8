/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into the hypervisor and out of it.
 *
 * This page of module text is mapped, executable, at the same address in dom0's page table and in
 * the hypervisor's: it is the only place where CR3 may change. It is alone in its page, so that
 * the hypervisor sees no other code of dom0's. It calls nothing and reads no data after the
 * change of CR3. No indirect branch lands here, none leaves but into the image's entry,
 * where CR4.CET is off already; so it needs no ENDBR.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include <zendo/abi.h>
#include "compat/unwind_hints.h"
#include "hvpriv-offsets.h"

#define EFER_SVME_BIT	12

	.text
	.balign	4096, 0xcc
SYM_DATA_START(hv_tramp_start)
	ANNOTATE_NOENDBR	/* its address is taken, to be mapped */
	int3
SYM_DATA_END(hv_tramp_start)

/*
 * int hv_tramp_enter(struct zendo_cpu_launch *rec, const struct hv_tramp_args *args);
 *
 * in	rdi = rec, rsi = args; IF = 0, DF = 0
 * out	eax; RBX, RBP, R12-R15, RSP preserved; DS and ES null
 *
 * Everything else in *rec is filled already. Dom0 goes on at .Lresume with RSP as here, where
 * the return address lies: in guest mode after the hypervisor's VMRUN, or by the leave path.
 */
SYM_FUNC_START(hv_tramp_enter)
	movq	%rbx, ZCL_RBX(%rdi)
	movq	%rbp, ZCL_RBP(%rdi)
	movq	%r12, ZCL_R12(%rdi)
	movq	%r13, ZCL_R13(%rdi)
	movq	%r14, ZCL_R14(%rdi)
	movq	%r15, ZCL_R15(%rdi)
	pushfq
	popq	ZCL_RFLAGS(%rdi)
	movq	%rsp, ZCL_RSP(%rdi)
	leaq	.Lresume(%rip), %rax
	movq	%rax, ZCL_RIP(%rdi)

	movq	ARGS_ROOT(%rsi), %r8
	movq	ARGS_STACK(%rsi), %r9
	movq	ARGS_ENTRY(%rsi), %r10
	movq	ARGS_CR4(%rsi), %r11
	movq	ARGS_REC(%rsi), %rdi
	movq	ARGS_CPU(%rsi), %rsi

	/* CLGI first needs SVME; from it on no NMI meets a half-made world. */
	movl	$MSR_EFER, %ecx
	rdmsr
	btsl	$EFER_SVME_BIT, %eax
	wrmsr
	clgi

	/* Clearing PCIDE drops every translation of every PCID, global ones too. */
	movq	%r11, %cr4
	movq	%r8, %cr3
	movq	%r9, %rsp
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%r10
	int3

.Lresume:
	/* eax is the result */
	ANNOTATE_UNRET_SAFE
	ret
	int3
SYM_FUNC_END(hv_tramp_enter)
STACK_FRAME_NON_STANDARD hv_tramp_enter

/*
 * The end of the leave path: the hypervisor jumps here (abi.h, "Leaving").
 *
 * in	rdi = value for rax, rsi = CR4, r8 = CR3, r9 = RSP, r10 = RIP, r11 = RFLAGS
 *	GIF = 0, IF = 0, the hypervisor's page table; GDT, IDT, TR and the rest are dom0's
 *
 * CS and SS are reloaded before STGI: an NMI that waits is taken right there, and its IRET
 * needs selectors of dom0's GDT. Nothing here is an IRET: inside an NMI handler (the crash path)
 * it would open NMIs. RET and LRET are also not tracked by IBT.
 */
SYM_CODE_START(hv_tramp_leave_path)
	HV_UNWIND_HINT_END
	ANNOTATE_NOENDBR
	/* PCIDE may be set only while CR3's PCID is 0 (SDM vol. 3, 2.5). */
	movq	%r8, %rax
	andq	$~0xfff, %rax
	movq	%rax, %cr3
	movq	%rsi, %cr4
	movq	%r8, %cr3
	movq	%r9, %rsp

	movl	$__KERNEL_DS, %eax
	movl	%eax, %ss
	leaq	.Lreloaded(%rip), %rax
	pushq	$__KERNEL_CS
	pushq	%rax
	lretq
.Lreloaded:
	HV_UNWIND_HINT_END
	ANNOTATE_NOENDBR
	stgi
	movl	$MSR_EFER, %ecx
	rdmsr
	btrl	$EFER_SVME_BIT, %eax
	wrmsr

	movq	%rdi, %rax
	pushq	%r11
	popfq
	pushq	%r10
	ANNOTATE_UNRET_SAFE
	ret
	int3
SYM_CODE_END(hv_tramp_leave_path)

/*
 * int hv_tramp_leave(u64 flags);
 *
 * in	rdi = ZCALL_LEAVE_*; IF = 0 or in an NMI
 * out	eax; the callee-saved registers are preserved by the hypervisor; DS and ES null
 */
SYM_FUNC_START(hv_tramp_leave)
	movl	$ZCALL_LEAVE, %eax
1:	vmmcall
2:
	ANNOTATE_UNRET_SAFE
	ret
	int3
	_ASM_EXTABLE_TYPE(1b, .Lno_hypervisor, EX_TYPE_DEFAULT)
.Lno_hypervisor:
	movl	$-19, %eax	/* -ENODEV */
	jmp	2b
SYM_FUNC_END(hv_tramp_leave)

	/* An error here says that the code has outgrown its page. */
	.org	hv_tramp_start + 4096, 0xcc
SYM_DATA_START(hv_tramp_end)
SYM_DATA_END(hv_tramp_end)
