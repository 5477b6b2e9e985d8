/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First sector of the disk that Bochs starts: it reads dom0's kernel and initramfs from there to where they belong and enters the
 * kernel as Xen would (PVH: EBX = start block, 32 bits, flat, paging off). What is in capitals is defined by machine.
 */
#define MAP		0x8000	/* what memory there is, by the firmware: 24 bytes each */
#define STACK		0x7c00
#define BURST		256	/* sectors of a read, which is 0 for the disk */
#define ATA		0x1f0
#define ATA_READ	0x20
#define ATA_DRQ		0x08

	.code16
	.text
	.globl _start
_start:
	ljmp	$0, $1f
1:	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK, %sp

	/* INT 15h, AX=E820h: EBX is 0 before the first one and after the last. */
	xor	%ebx, %ebx
	mov	$MAP, %di
2:	mov	$0xe820, %eax
	mov	$20, %ecx
	mov	$0x534d4150, %edx
	int	$0x15
	jc	3f
	add	$24, %di
	incw	entries
	test	%ebx, %ebx
	jnz	2b

3:	in	$0x92, %al		/* A20 */
	or	$2, %al
	out	%al, $0x92
	lgdtl	gdt_pointer
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $4f

	.code32
4:	push	$16
	pop	%eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$BURST, %esi
	mov	$KERNEL, %edi
	mov	$KERNEL_BURSTS, %ebp
	call	load
	mov	$INITRD, %edi
	mov	$INITRD_BURSTS, %ebp
	call	load
	mov	$start_block, %ebx
	mov	$KERNEL_ENTRY, %eax
	jmp	*%eax

/* EBP bursts from sector ESI on to EDI; both go forward. */
load:	mov	$ATA + 2, %edx
	xor	%eax, %eax
	out	%al, %dx
	mov	%esi, %eax
	or	$0xe0000000, %eax	/* first disk, linear addresses */
	mov	$4, %cl
5:	inc	%edx
	out	%al, %dx
	shr	$8, %eax
	dec	%cl
	jnz	5b
	inc	%edx
	mov	$ATA_READ, %al
	out	%al, %dx
	mov	$BURST, %ebx
6:	mov	$ATA + 7, %edx
7:	in	%dx, %al
	test	$ATA_DRQ, %al
	jz	7b
	mov	$(ATA & 0xff), %dl
	mov	$512 / 4, %ecx
	rep	insl
	dec	%ebx
	jnz	6b
	add	$BURST, %esi
	dec	%ebp
	jnz	load
	ret

	.balign 8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.balign 8
start_block:				/* struct hvm_start_info, one module */
	.long	0x336ec578, 1, 0, 1
	.long	module, 0, cmdline, 0
	.long	0, 0, MAP, 0
entries:
	.long	0, 0
module:	.long	INITRD, 0, INITRD_SIZE, 0, 0, 0, 0, 0
cmdline:
	.asciz	CMDLINE

	.org	510
	.word	0xaa55
