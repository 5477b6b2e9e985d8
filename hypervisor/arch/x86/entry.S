/* SPDX-License-Identifier: GPL-2.0-only */
#include <zendo/abi.h>

/* struct zendo_image_header: here because the linker's numbers are 32-bit values, which C cannot say. */
	.section .header, "a"
	.globl image_header
image_header:
	.quad	ZENDO_IMAGE_MAGIC
	.long	ZENDO_ABI_VERSION
#ifdef ZENDO_CHECK
	.long	1			/* ZENDO_IMAGE_CHECK */
#else
	.long	0
#endif
	.quad	image_entry
	.long	image_size
	.long	launch_offset
	.asciz	ZENDO_BUILD
	.org	image_header + 32 + 64

/*
 * void image_entry(uint64_t record_hpa, uint32_t cpu)
 * In: abi.h section 3; GIF=0 (SVM), IF=0, own page table, RSP at the top of the CPU's area.
 */
	.section .text.entry, "ax"
	.globl image_entry
image_entry:
	cld
	push	$0			/* no return address: end of stack */
	push	$0			/* functions want RSP at 8 modulo 16 */
	call	cpu_enter
	ud2

/*
 * void enter_trampoline(uint64_t ret, uint64_t cr4, uint64_t cr3, uint64_t rsp, uint64_t rip, uint64_t rflags,
 *			 uint64_t leave_va, const uint64_t callee[6])
 * Jump to hvpriv's leave path with abi.h's registers; callee = rbx, rbp, r12..r15 of dom0.
 * In: rdi, rsi, rdx, rcx, r8, r9 and two on the stack.
 */
	.text
	.globl enter_trampoline
enter_trampoline:
	mov	8(%rsp), %rax
	mov	16(%rsp), %r11
	mov	(%r11), %rbx
	mov	8(%r11), %rbp
	mov	16(%r11), %r12
	mov	24(%r11), %r13
	mov	32(%r11), %r14
	mov	40(%r11), %r15
	mov	%r8, %r10		/* rip */
	mov	%r9, %r11		/* rflags */
	mov	%rcx, %r9		/* rsp */
	mov	%rdx, %r8		/* cr3 */
	jmp	*%rax

/*
 * Exceptions in host mode. IF=0, GIF=0. Every stub pushes an error code (0 where the CPU has none) and its vector; exception_common saves
 * the rest as struct exception_frame (arch/x86/exception.c) and calls exception_handle(). That either panics or has set the
 * frame's RIP to a fix-up: we go there without IRET, which would re-open NMIs inside dom0's NMI handler (F17).
 */
	.macro	stub vector, has_error
	.balign	16
	.if	!\has_error
	push	$0
	.endif
	push	$\vector
	jmp	exception_common
	.endm

	.globl exception_stubs
	.balign	16
exception_stubs:
	.altmacro
	.set	i, 0
	.rept	32
	.if	i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30
	stub	%i, 1
	.else
	stub	%i, 0
	.endif
	.set	i, i + 1
	.endr
	.noaltmacro

exception_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	exception_handle
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	/* vector, error, rip, cs, rflags, rsp, ss: back to rip with its stack, by hand. */
	push	%rax
	push	%rcx
	pushq	48(%rsp)		/* rflags, before its slot may be overwritten below */
	popfq
	mov	32(%rsp), %rax		/* rip */
	mov	56(%rsp), %rcx		/* rsp */
	lea	-24(%rcx), %rcx		/* room for rcx, rax, rip below the interrupted stack */
	mov	%rax, 16(%rcx)
	mov	8(%rsp), %rax
	mov	%rax, 8(%rcx)
	mov	(%rsp), %rax
	mov	%rax, (%rcx)
	mov	%rcx, %rsp
	pop	%rcx
	pop	%rax
	ret

/*
 * bool rdmsr_safe(uint32_t i, uint64_t *ret), bool wrmsr_safe(uint32_t i, uint64_t v)
 */
	.macro	extable from, to
	.pushsection .ex_table, "a"
	.quad	\from, \to
	.popsection
	.endm

	.globl rdmsr_safe
rdmsr_safe:
	mov	%edi, %ecx
1:	rdmsr
	shl	$32, %rdx
	mov	%eax, %eax
	or	%rdx, %rax
	mov	%rax, (%rsi)
	mov	$1, %eax
	ret
2:	xor	%eax, %eax
	ret
	extable	1b, 2b

	.globl wrmsr_safe
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	wrmsr
	mov	$1, %eax
	ret
2:	xor	%eax, %eax
	ret
	extable	1b, 2b

	.section .note.GNU-stack, "", @progbits
