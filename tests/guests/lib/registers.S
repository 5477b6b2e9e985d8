/* SPDX-License-Identifier: GPL-2.0-only */
/* See registers.h. The offsets are eight times its enum's values. */

	.macro	load_all base
	mov	8*1(\base), %rcx
	mov	8*2(\base), %rdx
	mov	8*3(\base), %rbx
	mov	8*4(\base), %rbp
	mov	8*5(\base), %rsi
	mov	8*6(\base), %rdi
	mov	8*7(\base), %r8
	mov	8*8(\base), %r9
	mov	8*9(\base), %r10
	mov	8*10(\base), %r11
	mov	8*11(\base), %r12
	mov	8*12(\base), %r13
	mov	8*13(\base), %r14
	mov	8*14(\base), %r15
	mov	8*0(\base), %rax
	.endm

	.macro	store_all_but_rax base
	mov	%rcx, 8*1(\base)
	mov	%rdx, 8*2(\base)
	mov	%rbx, 8*3(\base)
	mov	%rbp, 8*4(\base)
	mov	%rsi, 8*5(\base)
	mov	%rdi, 8*6(\base)
	mov	%r8, 8*7(\base)
	mov	%r9, 8*8(\base)
	mov	%r10, 8*9(\base)
	mov	%r11, 8*10(\base)
	mov	%r12, 8*11(\base)
	mov	%r13, 8*12(\base)
	mov	%r14, 8*13(\base)
	mov	%r15, 8*14(\base)
	.endm

/* void registers_run(const uint64_t in[], uint64_t out[], action_fn *action): rdi, rsi, rdx */
	.text
	.global	registers_run
registers_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsi, out
	mov	%rdx, action
	mov	%rdi, %rax
	load_all %rax
	call	*action
	push	%rax
	pushf
	mov	out, %rax
	store_all_but_rax %rax
	popq	8*15(%rax)
	popq	8*0(%rax)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.macro	action name
	.global	action_\name
action_\name:
	.endm

	action	vmmcall
	vmmcall
	ret

	action	vmcall
	vmcall
	ret

	action	spin
	sti
1:	decq	registers_spin
	jnz	1b
	cli
	ret

	action	cpuid
	cpuid
	ret

	action	halt
	sti
	hlt
	cli
	ret

	action	in
	in	%dx, %al
	ret

	action	out
	out	%al, %dx
	ret

	action	rdmsr
	rdmsr
	ret

	action	pause
	.rept	64
	pause
	.endr
	ret

	.bss
	.balign	8
	.global	registers_spin
registers_spin:
	.skip	8
out:	.skip	8
action:	.skip	8

	.section .note.GNU-stack, "", @progbits
