/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 32-bit guests: paging stays off, pointers are physical. Same contract with C as start.S.
 */
#include <xen/elfnote.h>
#include "vectors.h"

#define SEL_CS		0x08
#define SEL_DS		0x10

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	pvh_entry

/* void pvh_entry(void): EBX = physical address of hvm_start_info, no stack. */
	.section .text.entry, "ax"
	.global	pvh_entry
pvh_entry:
	cld
	lgdt	gdt_ptr
	ljmp	$SEL_CS, $1f
1:	mov	$SEL_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %esp
	xor	%ebp, %ebp
	push	%ebx
	call	guest_start		/* void guest_start(uintptr_t start_info), does not return */
2:	cli
	hlt
	jmp	2b

/*
 * Traps: EFLAGS CS EIP error vector are on the stack; struct trap begins with EDI (see guest.h).
 */
	.text
	vector_stubs

trap_common:
	push	%eax
	push	%ecx
	push	%edx
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	cld
	mov	%esp, %ebp
	mov	%esp, %eax
	and	$-16, %esp
	sub	$12, %esp
	push	%eax
	call	trap
	mov	%ebp, %esp
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	pop	%edx
	pop	%ecx
	pop	%eax
	add	$8, %esp
	iret

/* long hypercall_*(nr, a1 .. a5): C's stack to EAX, EBX ECX EDX ESI EDI. */
	.macro	hypercall_begin
	push	%ebx
	push	%esi
	push	%edi
	mov	16(%esp), %eax
	mov	20(%esp), %ebx
	mov	24(%esp), %ecx
	mov	28(%esp), %edx
	mov	32(%esp), %esi
	mov	36(%esp), %edi
	.endm
	.macro	hypercall_end
	pop	%edi
	pop	%esi
	pop	%ebx
	ret
	.endm

	.global	hypercall_vmmcall, hypercall_vmcall, hypercall_by_page
hypercall_vmmcall:
	hypercall_begin
	vmmcall
	hypercall_end

hypercall_vmcall:
	hypercall_begin
	vmcall
	hypercall_end

hypercall_by_page:
	hypercall_begin
	push	%ebp
	mov	%eax, %ebp
	shl	$5, %ebp
	add	$hypercall_page, %ebp
	call	*%ebp
	pop	%ebp
	hypercall_end

	.data
	.balign	8
	.global	gdt, gdt_ptr
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08 code */
	.quad	0x00cf93000000ffff	/* 0x10 data */
gdt_end:
gdt_ptr:
	.word	gdt_end - gdt - 1
	.long	gdt

	.bss
	.balign	4096
	.global	hypercall_page, stack_top
hypercall_page:
	.skip	4096
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
