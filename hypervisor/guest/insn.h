/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of guests, as far as they are ever read: prefixes and ModRM for all, and those that move 32 bits between a register, or a
 * constant, and memory: what kernels use on the registers of a local APIC. Whoever decodes has one private copy of the bytes: the guest
 * may rewrite its own meanwhile. Pure functions, except insn_fetch().
 */
#ifndef GUEST_INSN_H
#define GUEST_INSN_H

#include "core/domain.h"

#define INSN_MAX	15

/*
 * How many of the (at most 15) bytes from linear address @rip on can be read: those of one page, when the next is not there. Outside
 * 64-bit code addresses wrap at 4 GiB.
 */
unsigned int insn_fetch(struct vcpu *v, bool code64, uint64_t rip, uint8_t buf[INSN_MAX]);
bool insn_is_prefix(uint8_t b);			/* a legacy one */
/* Register by its number in ModRM, with REX. */
uint64_t *insn_gpr(struct zendo_regs *r, uint8_t n);

/* What is done with the two operands. The first eight are numbered as in the opcodes. */
enum insn_op { INSN_ADD = 0, INSN_OR = 1, INSN_AND = 4, INSN_SUB = 5, INSN_XOR = 6, INSN_CMP = 7, INSN_MOV, INSN_TEST, INSN_XCHG };

struct insn_mem {
	enum insn_op	op;
	uint8_t		len;
	bool		to_mem;		/* memory is the first operand: the one written, by ops that write */
	bool		has_imm;	/* the other is imm, else the register */
	uint8_t		reg;
	uint32_t	imm;
};

/* Bits of the code segment's default operand size: 16, 32; 64 in 64-bit mode. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

/*
 * An instruction with a memory operand of 32 bits in @buf[0, @n). Where the operand lies is not computed: the caller knows. False: it
 * is none of these, or goes on behind @n.
 */
bool insn_decode(const uint8_t *buf, unsigned int n, enum insn_mode mode, struct insn_mem *ret);
bool insn_reads(const struct insn_mem *i);
bool insn_writes(const struct insn_mem *i);
/* Carry it out on @r, flags included, with @mem as what was read (if it reads); returns what memory gets (if to_mem, and it writes). */
uint32_t insn_execute(const struct insn_mem *i, struct zendo_regs *r, uint32_t mem);

#endif
