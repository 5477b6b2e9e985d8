/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 256 entry points, one per vector, 16 bytes apart: each makes the stack look alike (error code or 0,
 * then the vector) and goes to trap_common. For start.S and start32.S.
 */
#ifndef GUEST_VECTORS_H
#define GUEST_VECTORS_H

/* Vectors that push an error code: 8, 10-14, 17, 21, 29, 30 (APM vol. 2, 8.2). */
#define VECTORS_WITH_ERROR	0x60227d00

	.macro	vector_stubs
	.balign	16
	.global	vector_stubs
vector_stubs:
	.set	vec, 0
	.rept	256
	.balign	16
	.if	(vec >= 32) || !((VECTORS_WITH_ERROR >> (vec & 31)) & 1)
	push	$0
	.endif
	.byte	0x68			/* push imm32: the same length for every vector */
	.long	vec
	jmp	trap_common
	.set	vec, vec + 1
	.endr
	.endm

#endif
