/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the other vCPUs start: copied to a page below 1 MiB, whose number is the vector of the SIPI. From real mode straight to long
 * mode with the tables of the first vCPU (lib/start.S), then to C on a stack of its own.
 */
#define CR0_VALUE	0x80010033	/* PG WP NE ET MP PE */
#define CR4_VALUE	0x00000620	/* OSXMMEXCPT OSFXSR PAE */
#define EFER		0xc0000080
#define EFER_VALUE	0x900		/* NXE LME */
#define SEL_CS64	0x08
#define SEL_DS		0x10

	.section .rodata
	.code16
	.global	ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	%ds:(ap_gdt_ptr - ap_trampoline)
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
	ljmpl	$SEL_CS64, $ap_entry
	.balign	8
ap_gdt_ptr:
	.word	0x37			/* the code and data segments of lib/start.S */
	.long	gdt
ap_trampoline_end:

	.text
	.code64
ap_entry:
	mov	$SEL_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$1, %eax		/* CPUID 1: EBX 31:24 is the APIC ID, here the vCPU's number */
	cpuid
	shr	$24, %ebx
	mov	%ebx, %edi
	mov	%ebx, %esp
	inc	%esp
	shl	$12, %esp		/* AP_STACK bytes each */
	add	$ap_stacks, %esp
	xor	%ebp, %ebp
	call	ap_main			/* void ap_main(unsigned int id), does not return */
1:	cli
	hlt
	jmp	1b

	.section .note.GNU-stack, "", @progbits
