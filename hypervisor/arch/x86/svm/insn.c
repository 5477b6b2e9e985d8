// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lengths of intercepted instructions on CPUs without next-RIP save. The exit code says which opcode it was; what varies are
 * prefixes. Decoded lengths are kept per vCPU by (RIP, CR3): a guest that rewrites its code under that misleads only itself.
 */
#include "arch/x86/svm/svm.h"
#include "arch/x86/x86.h"
#include "core/domain.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "guest/insn.h"

/* Opcode bytes after prefixes; ModRM included where it is part of the opcode or names a register. @op: the first of them. */
static uint8_t opcode_len(uint16_t code, uint8_t op)
{
	switch (code) {
	case SVM_IOIO:
		return (op & 0xfc) == 0xe4 ? 2 : 1;
	case SVM_HLT:
	case SVM_ICEBP:
		return 1;
	case SVM_CPUID:
	case SVM_MSR:
	case SVM_INVD:
	case SVM_WBINVD:
	case SVM_RDPMC:
		return 2;
	default:		/* 0f 01 xx, 0f 20..23 /r */
		return 3;
	}
}

static uint64_t linear_rip(struct vcpu *v, struct vmcb *b)
{
	return is_code64(b) ? v->regs.rip : (b->cs.base + v->regs.rip) & 0xffffffff;
}

static bool decode(struct vcpu *v, struct vmcb *b, uint16_t code, struct insn *i)
{
	uint8_t buf[INSN_MAX], rex = 0;
	unsigned int n = insn_fetch(v, is_code64(b), i->rip, buf), p = 0;

	while (p < n && insn_is_prefix(buf[p]))
		p++;
	if (p < n && is_code64(b) && (buf[p] & 0xf0) == 0x40)
		rex = buf[p++];
	if (p == n || p + opcode_len(code, buf[p]) > n)
		return false;
	i->len = (uint8_t)(p + opcode_len(code, buf[p]));
	if (code == SVM_CR4_WRITE || code == SVM_CR8_WRITE) {
		i->reg = (uint8_t)(((buf[p + 2] >> 3) & 7) | (rex & 4 ? 8 : 0));
		i->gpr = (uint8_t)((buf[p + 2] & 7) | (rex & 1 ? 8 : 0));
	}
	return true;
}

#ifdef ZENDO_CHECK
void svm_insn_check(struct vcpu *v, uint16_t code, uint8_t len)
{
	struct svm_vcpu *s = v->arch;
	struct insn i = { .rip = linear_rip(v, s->vmcb) };

	CHECK(!len || !decode(v, s->vmcb, code, &i) || i.len == len);
}
#endif

uint8_t svm_insn(struct vcpu *v, uint16_t code, struct insn *ret)
{
	struct svm_vcpu *s = v->arch;
	struct vmcb *b = s->vmcb;
	uint64_t rip = linear_rip(v, b);
	struct insn *e = &s->cache[(rip ^ rip >> 12) % INSN_CACHE];
	uint8_t hw = svm_caps.nrip && b->nrip > b->rip && b->nrip - b->rip <= 15 ? (uint8_t)(b->nrip - b->rip) : 0;

	svm_insn_check(v, code, hw);
	if (hw && code != SVM_CR4_WRITE && code != SVM_CR8_WRITE)
		return hw;
	if (e->rip != rip || e->cr3 != b->cr3 || e->code != code || !e->len) {
		struct insn i = { .rip = rip, .cr3 = b->cr3, .code = code };

		if (!decode(v, b, code, &i))
			i.len = opcode_len(code, 0);	/* unreadable: as if without prefixes */
		*e = i;
	}
	if (ret)
		*ret = *e;
	return hw ? hw : e->len;
}

bool svm_at_hlt(struct vcpu *v)
{
	struct svm_vcpu *s = v->arch;
	uint8_t op;

	return !gva_read(v, gva(linear_rip(v, s->vmcb)), &op, 1) && op == 0xf4;
}
