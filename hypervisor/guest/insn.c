// SPDX-License-Identifier: GPL-2.0-only
/* Encodings: SDM vol. 2, chapter 2 and appendix A; APM vol. 3, chapter 1. */
#include "guest/insn.h"
#include "core/guest_mem.h"

#define FLAGS_ARITH	0x8d5U	/* OF SF ZF AF PF CF */

unsigned int insn_fetch(struct vcpu *v, bool code64, uint64_t rip, uint8_t buf[INSN_MAX])
{
	unsigned int n = (unsigned int)MIN((unsigned long)INSN_MAX, PAGE_SIZE - (rip & ~PAGE_MASK));

	if (gva_read(v, gva(rip), buf, n))
		return 0;
	rip += n;
	if (n < INSN_MAX && !gva_read(v, gva(code64 ? rip : (uint32_t)rip), buf + n, INSN_MAX - n))
		n = INSN_MAX;
	return n;
}

bool insn_is_prefix(uint8_t b)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	default:
		return false;
	}
}

uint64_t *insn_gpr(struct zendo_regs *r, uint8_t n)
{
	uint64_t *regs[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
			       &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15 };

	return regs[n & 15];
}

/* Bytes that are taken one after the other; once they do not suffice, all that follow are 0. */
struct reader {
	const uint8_t *buf;
	unsigned int n, at;
	bool short_of;
};

static uint8_t take(struct reader *r)
{
	if (r->at < r->n)
		return r->buf[r->at++];
	r->short_of = true;
	return 0;
}

static uint32_t take_imm(struct reader *r, unsigned int bytes)
{
	uint32_t val = 0;

	for (unsigned int i = 0; i < bytes; i++) {
		uint32_t b = take(r);	/* of 8 bytes only the length counts */

		val |= i < 4 ? b << (8 * i) : 0;
	}
	return val;
}

struct prefixes {
	bool lock;
	uint8_t rex;
	uint8_t operand, address;	/* bytes */
};

static uint8_t take_prefixes(struct reader *r, enum insn_mode mode, struct prefixes *p)
{
	bool size = false, addr = false;
	uint8_t b;

	*p = (struct prefixes){ 0 };
	for (;;) {
		b = take(r);
		if (mode == INSN_64 && (b & 0xf0) == 0x40) {
			p->rex = b;
			continue;
		}
		if (!insn_is_prefix(b))
			break;
		p->rex = 0;	/* counts only right before the opcode */
		p->lock |= b == 0xf0;
		size |= b == 0x66;
		addr |= b == 0x67;
	}
	p->operand = p->rex & 8 ? 8 : (mode == INSN_16) != size ? 2 : 4;
	p->address = mode == INSN_64 ? (addr ? 4 : 8) : (mode == INSN_16) != addr ? 2 : 4;
	return b;
}

/* Pass over SIB and displacement. False: the operand is a register. */
static bool take_address(struct reader *r, uint8_t modrm, uint8_t address)
{
	uint8_t mod = modrm >> 6, rm = modrm & 7;
	unsigned int disp = mod == 1 ? 1 : mod == 2 ? (address == 2 ? 2 : 4) : 0;

	if (mod == 3)
		return false;
	if (address == 2)
		disp = !mod && rm == 6 ? 2 : disp;
	else if (rm == 4)
		disp = (take(r) & 7) == 5 && !mod ? 4 : disp;
	else if (!mod && rm == 5)
		disp = 4;
	(void)take_imm(r, disp);
	return true;
}

/* The opcode alone: op, direction, and how many bytes of constant follow. False: none of ours. */
static bool classify(uint8_t opcode, uint8_t digit, struct insn_mem *i, unsigned int *ret_imm)
{
	*ret_imm = 0;
	i->to_mem = true;
	if (opcode < 0x40 && ((opcode & 7) == 1 || (opcode & 7) == 3)) {
		i->op = opcode >> 3;
		i->to_mem = (opcode & 7) == 1;
	} else if (opcode == 0x81 || opcode == 0x83) {
		i->op = digit;
		*ret_imm = opcode == 0x81 ? 4 : 1;
	} else if (opcode == 0x89 || opcode == 0x8b) {
		i->op = INSN_MOV;
		i->to_mem = opcode == 0x89;
	} else if (opcode == 0x85) {
		i->op = INSN_TEST;
	} else if (opcode == 0x87) {
		i->op = INSN_XCHG;
	} else if (opcode == 0xc7 && !digit) {
		i->op = INSN_MOV;
		*ret_imm = 4;
	} else if (opcode == 0xf7 && digit < 2) {
		i->op = INSN_TEST;
		*ret_imm = 4;
	} else {
		return false;
	}
	return i->op != 2 && i->op != 3;	/* ADC, SBB */
}

bool insn_decode(const uint8_t *buf, unsigned int n, enum insn_mode mode, struct insn_mem *ret)
{
	struct reader r = { .buf = buf, .n = MIN(n, (unsigned int)INSN_MAX) };
	uint8_t opcode, modrm;
	unsigned int imm;
	struct prefixes p;

	*ret = (struct insn_mem){ 0 };
	opcode = take_prefixes(&r, mode, &p);
	if (p.operand != 4)
		return false;
	if (opcode == 0xa1 || opcode == 0xa3) {
		ret->op = INSN_MOV;
		ret->to_mem = opcode == 0xa3;
		(void)take_imm(&r, p.address);
	} else {
		modrm = take(&r);
		if (!classify(opcode, (modrm >> 3) & 7, ret, &imm) || !take_address(&r, modrm, p.address))
			return false;
		ret->reg = (uint8_t)(((modrm >> 3) & 7) | (p.rex & 4 ? 8 : 0));
		ret->has_imm = imm;
		ret->imm = take_imm(&r, imm);
		if (imm == 1)
			ret->imm = (uint32_t)(int8_t)ret->imm;
	}
	/* #UD on all that do not read and write memory. */
	if (r.short_of || (p.lock && !(ret->to_mem && insn_reads(ret) && insn_writes(ret))))
		return false;
	ret->len = (uint8_t)r.at;
	return true;
}

bool insn_reads(const struct insn_mem *i)
{
	return i->op != INSN_MOV || !i->to_mem;
}

bool insn_writes(const struct insn_mem *i)
{
	return i->to_mem && i->op != INSN_CMP && i->op != INSN_TEST;
}

static uint32_t alu(enum insn_op op, uint32_t a, uint32_t b, uint64_t *rflags)
{
	uint32_t res, flags = 0;

	switch (op) {
	case INSN_ADD:
		res = a + b;
		flags = (res < a) | ((a ^ res) & (b ^ res)) >> 31 << 11 | ((a ^ b ^ res) & 0x10);
		break;
	case INSN_SUB:
	case INSN_CMP:
		res = a - b;
		flags = (a < b) | ((a ^ b) & (a ^ res)) >> 31 << 11 | ((a ^ b ^ res) & 0x10);
		break;
	case INSN_OR:
		res = a | b;
		break;
	case INSN_XOR:
		res = a ^ b;
		break;
	default:	/* AND, TEST */
		res = a & b;
		break;
	}
	flags |= res >> 31 << 7 | (res ? 0 : 0x40) | (__builtin_parity(res & 0xff) ? 0 : 4);
	*rflags = (*rflags & ~(uint64_t)FLAGS_ARITH) | flags;
	return res;
}

uint32_t insn_execute(const struct insn_mem *i, struct zendo_regs *r, uint32_t mem)
{
	uint64_t *reg = insn_gpr(r, i->reg);
	uint32_t other = i->has_imm ? i->imm : (uint32_t)*reg, res;

	if (i->op == INSN_MOV) {
		if (!i->to_mem)
			*reg = mem;
		return other;
	}
	if (i->op == INSN_XCHG) {
		*reg = mem;
		return other;
	}
	res = alu(i->op, i->to_mem ? mem : other, i->to_mem ? other : mem, &r->rflags);
	if (!i->to_mem && i->op != INSN_CMP)
		*reg = res;
	return res;
}
