/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions as the assembler encodes them, and beside each what a decoder must find in it: struct row of test_guest_insn.c.
 */
	.macro	row mode, op, to_mem, reg, imm, text:vararg
	.section .rodata.insn, "a"
	.code\mode
771:	\text
772:	.code64
	.section .data.rel.ro.rows, "aw"
	.quad	771b
	.byte	772b - 771b, \mode, \op, \to_mem
	.long	\reg, \imm
	.balign	8
	.endm

	NO_IMM = 0x7fffffff	/* the register counts */

	/* All forms with one address and one register. */
	.macro	forms mode, n, r, mem:vararg
	row	\mode, 8, 1, \n, NO_IMM, mov %\r, \mem
	row	\mode, 8, 0, \n, NO_IMM, mov \mem, %\r
	row	\mode, 9, 1, \n, NO_IMM, test %\r, \mem
	row	\mode, 10, 1, \n, NO_IMM, xchg %\r, \mem
	.irp	lock, , lock
	row	\mode, 0, 1, \n, NO_IMM, \lock add %\r, \mem
	row	\mode, 1, 1, \n, NO_IMM, \lock or %\r, \mem
	row	\mode, 4, 1, \n, NO_IMM, \lock and %\r, \mem
	row	\mode, 5, 1, \n, NO_IMM, \lock sub %\r, \mem
	row	\mode, 6, 1, \n, NO_IMM, \lock xor %\r, \mem
	.endr
	row	\mode, 7, 1, \n, NO_IMM, cmp %\r, \mem
	row	\mode, 0, 0, \n, NO_IMM, add \mem, %\r
	row	\mode, 1, 0, \n, NO_IMM, or \mem, %\r
	row	\mode, 4, 0, \n, NO_IMM, and \mem, %\r
	row	\mode, 5, 0, \n, NO_IMM, sub \mem, %\r
	row	\mode, 6, 0, \n, NO_IMM, xor \mem, %\r
	row	\mode, 7, 0, \n, NO_IMM, cmp \mem, %\r
	.endm

	/* All forms with one address and a constant. */
	.macro	constants mode, mem:vararg
	row	\mode, 8, 1, 0, 0x12345678, movl $0x12345678, \mem
	row	\mode, 8, 1, 0, 0, movl $0, \mem
	row	\mode, 9, 1, 0, 0x1000, testl $0x1000, \mem
	.irp	imm, 0x12345, 0x7f, -3
	row	\mode, 0, 1, 0, \imm, addl $\imm, \mem
	row	\mode, 1, 1, 1, \imm, orl $\imm, \mem
	row	\mode, 4, 1, 4, \imm, lock andl $\imm, \mem
	row	\mode, 5, 1, 5, \imm, subl $\imm, \mem
	row	\mode, 6, 1, 6, \imm, xorl $\imm, \mem
	row	\mode, 7, 1, 7, \imm, cmpl $\imm, \mem
	.endr
	.endm

	.macro	address64 mem:vararg
	constants 64, \mem
	n = 0
	.irp	r, eax, ecx, edx, ebx, esp, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	forms	64, n, \r, \mem
	n = n + 1
	.endr
	.endm

	.macro	address mode, mem:vararg
	constants \mode, \mem
	n = 0
	.irp	r, eax, ecx, edx, ebx, esp, ebp, esi, edi
	forms	\mode, n, \r, \mem
	n = n + 1
	.endr
	.endm

	.section .data.rel.ro.rows, "aw"
	.balign	8
	.globl	insn_rows, insn_rows_end
insn_rows:
	address64 (%rax)
	address64 (%rsp)
	address64 (%rbp)
	address64 (%r12)
	address64 (%r13)
	address64 0x10(%rdi)
	address64 -0x10(%r12)
	address64 0x300(%rsi)
	address64 0x300(%r13)
	address64 0x300(%rip)
	address64 0x7ee00300
	address64 (%rbx,%rcx,4)
	address64 (%rbp,%r12,8)
	address64 0x20(%r13,%rax,2)
	address64 0x12345678(,%rdx,8)
	address64 %gs:0x300(%rip)
	address64 %fs:(%r8)
	address64 0x300(%eax)
	address64 (%ebp,%esi,2)
	address 32, (%eax)
	address 32, (%esp)
	address 32, (%ebp)
	address 32, 0x10(%edi)
	address 32, -0x300(%esi)
	address 32, 0xfffff0b0
	address 32, (%ebx,%ecx,4)
	address 32, 0x20(%ebp,%eax,2)
	address 32, 0x300(,%edx,8)
	address 32, %es:0xb0(%eax)
	address 32, %cs:0xb0
	address 32, (%bx,%si)
	address 32, 0x1234(%bp)
	address 16, (%bx,%si)
	address 16, (%bp,%di)
	address 16, (%bx)
	address 16, (%bp)
	address 16, 0x10(%di)
	address 16, 0x300(%bp,%si)
	address 16, 0x300
	address 16, %gs:0x300(%si)
	address 16, (%eax)
	address 16, 0x300(%esp,%ecx,4)
	address 16, 0xfee00300(%ebp)
	row	64, 8, 0, 0, NO_IMM, movabs 0x123456789abcdef0, %eax
	row	64, 8, 1, 0, NO_IMM, movabs %eax, 0xfee00300
	row	64, 8, 1, 0, NO_IMM, .byte 0x67, 0xa3, 0, 3, 0xe0, 0xfe
	row	64, 8, 1, 3, NO_IMM, .byte 0xf3, 0x89, 0x18
	row	64, 8, 1, 3, NO_IMM, .byte 0x48, 0x2e, 0x89, 0x18
	row	64, 9, 1, 0, 5, .byte 0xf7, 0x08, 5, 0, 0, 0
insn_rows_end:

	.section .note.GNU-stack, "", @progbits
