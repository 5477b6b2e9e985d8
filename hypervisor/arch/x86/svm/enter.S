/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void svm_enter(struct zendo_regs *regs, uint64_t vmcb_hpa, uint64_t host_vmcb_hpa)
 *
 * In: GIF=0, host IF=1 (so that INTR intercepts work with V_INTR_MASKING; set long before, an STI shadow right
 * at VMRUN leaks on some emulators). VMRUN saves RAX, RSP, RIP, RFLAGS and brings them back.
 *
 * Stack while the guest runs:	0 regs	8 host_vmcb	16.. callee-saved
 */
#include "arch/x86/regs.h"

	.text
	.globl svm_enter
	.balign 64
svm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdx
	push	%rdi
	mov	%rsi, %rax
	mov	REG_RBX(%rdi), %rbx
	mov	REG_RCX(%rdi), %rcx
	mov	REG_RDX(%rdi), %rdx
	mov	REG_RSI(%rdi), %rsi
	mov	REG_RBP(%rdi), %rbp
	mov	REG_R8(%rdi), %r8
	mov	REG_R9(%rdi), %r9
	mov	REG_R10(%rdi), %r10
	mov	REG_R11(%rdi), %r11
	mov	REG_R12(%rdi), %r12
	mov	REG_R13(%rdi), %r13
	mov	REG_R14(%rdi), %r14
	mov	REG_R15(%rdi), %r15
	mov	REG_RDI(%rdi), %rdi

	vmload	%rax
	vmrun	%rax
	vmsave	%rax

	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rbx, REG_RBX(%rdi)
	mov	%rcx, REG_RCX(%rdi)
	mov	%rdx, REG_RDX(%rdi)
	mov	%rsi, REG_RSI(%rdi)
	mov	%rbp, REG_RBP(%rdi)
	mov	%r8, REG_R8(%rdi)
	mov	%r9, REG_R9(%rdi)
	mov	%r10, REG_R10(%rdi)
	mov	%r11, REG_R11(%rdi)
	mov	%r12, REG_R12(%rdi)
	mov	%r13, REG_R13(%rdi)
	mov	%r14, REG_R14(%rdi)
	mov	%r15, REG_R15(%rdi)
	pop	REG_RDI(%rdi)
	mov	8(%rsp), %rax
	vmload	%rax

	/* What the guest left in registers must not reach a speculated address of ours. */
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	cld

	/*
	 * The guest's return stack must not steer our RETs, this function's included: 32 calls that never return (SPEC_RSB_FILL at
	 * EDGE_GUEST_TO_HV, the first word of the table).
	 */
	testl	$1, spec_todo(%rip)
	jz	9f
	mov	$16, %eax
1:	call	2f
3:	pause
	lfence
	jmp	3b
2:	call	4f
5:	pause
	lfence
	jmp	5b
4:	dec	%eax
	jnz	1b
	add	$256, %rsp
9:
	add	$16, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
