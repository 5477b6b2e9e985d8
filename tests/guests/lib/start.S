/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 64-bit guests: from the PVH entry to C, and the paths C cannot say.
 */
#include <xen/elfnote.h>
#include "vectors.h"

#define CR0_VALUE	0x80010033	/* PG WP NE ET MP PE */
#define CR4_VALUE	0x00000620	/* OSXMMEXCPT OSFXSR PAE */
#define EFER		0xc0000080
#define EFER_VALUE	0x900		/* NXE LME */
#define PTE_TABLE	0x07		/* P RW US: CPL 3 checks use the same tables */
#define PTE_2M		0x87

#define SEL_CS64	0x08
#define SEL_DS		0x10

/* QEMU reads eight bytes from the note of an ELF64; Xen's tools accept four or eight. */
	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 8, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.quad	pvh_entry

/*
 * void pvh_entry(void)
 * In: 32-bit flat protected mode, paging off, EBX = physical address of hvm_start_info. No stack.
 */
	.section .text.entry, "ax"
	.code32
	.global	pvh_entry
pvh_entry:
	cld
	mov	%ebx, %esi

	/* Identity map of the first 4 GiB: PML4[0] -> PDPT[0..3] -> 2048 pages of 2 MiB. */
	movl	$(pdpt + PTE_TABLE), pml4
	mov	$(page_dirs + PTE_TABLE), %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	loop	1b
	mov	$PTE_2M, %eax
	mov	$page_dirs, %edi
	mov	$2048, %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	2b

	mov	$CR4_VALUE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	mov	$EFER_VALUE, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_VALUE, %eax
	mov	%eax, %cr0
	lgdt	gdt_ptr
	ljmp	$SEL_CS64, $3f

	.code64
3:	mov	$SEL_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %esp
	xor	%ebp, %ebp
	mov	%esi, %edi
	call	guest_start		/* void guest_start(uintptr_t start_info), does not return */
4:	cli
	hlt
	jmp	4b

/*
 * Traps. On entry the CPU and the stub have pushed SS RSP RFLAGS CS RIP error vector; the rest of struct
 * trap is pushed here, RAX first. trap(struct trap *) may change any of it.
 */
	.text
	vector_stubs

trap_common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
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
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

/*
 * long hypercall_vmmcall(nr, a1, a2, a3, a4, a5), and the same by VMCALL and by the hypercall page:
 * C's registers rdi rsi rdx rcx r8 r9 to the ABI's rax, rdi rsi rdx r10 r8.
 */
	.macro	hypercall_args
	mov	%edi, %eax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	.endm

	.global	hypercall_vmmcall, hypercall_vmcall, hypercall_by_page
hypercall_vmmcall:
	hypercall_args
	vmmcall
	ret

hypercall_vmcall:
	hypercall_args
	vmcall
	ret

hypercall_by_page:
	hypercall_args
	mov	%eax, %r11d
	shl	$5, %r11
	add	$hypercall_page, %r11
	jmp	*%r11

/*
 * int cpl3_call(void (*fn)(void)): run @fn at CPL 3 until it traps with int $0x80.
 * Returns 0; traps taken at CPL 3 reach trap() like any other.
 */
	.global	cpl3_call, cpl3_return
cpl3_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, cpl3_saved_rsp
	push	$0x23			/* SS: data, RPL 3 */
	push	$cpl3_stack_top
	push	$0x2
	push	$0x1b			/* CS: 64-bit code, RPL 3 */
	push	%rdi
	iretq
cpl3_return:				/* trap() sends int $0x80 here, at CPL 0, any stack */
	mov	cpl3_saved_rsp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	xor	%eax, %eax
	ret

	.data
	.balign	8
	.global	gdt, gdt_ptr
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* 0x08 code, 64-bit */
	.quad	0x00cf93000000ffff	/* 0x10 data */
	.quad	0x00affb000000ffff	/* 0x18 code, 64-bit, DPL 3 */
	.quad	0x00cff3000000ffff	/* 0x20 data, DPL 3 */
	.quad	0x00cf9b000000ffff	/* 0x28 code, 32-bit */
	.quad	0x00ef9b000000ffff	/* 0x30 code with both L and D: not a valid state */
	.quad	0, 0			/* 0x38 TSS, filled by traps.c */
	.quad	0x00cf13000000ffff	/* 0x48 data, not present */
gdt_end:
gdt_ptr:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.bss
	.balign	4096
	.global	pml4, pdpt, page_dirs, hypercall_page, stack_top, trap_stack_top, cpl3_saved_rsp
pml4:	.skip	4096
pdpt:	.skip	4096
page_dirs:
	.skip	4 * 4096
hypercall_page:
	.skip	4096
	.skip	16384
stack_top:
	.skip	4096			/* double fault, NMI, and entries from CPL 3 */
trap_stack_top:
	.skip	1024
cpl3_stack_top:
cpl3_saved_rsp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
