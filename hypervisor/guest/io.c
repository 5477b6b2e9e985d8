// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O of a machine without devices: reads give all ones, writes are dropped, except the ports below.
 * The processor checked IOPL and the permission bitmap before the exit.
 */
#include "guest/guest.h"
#include "guest/hypercall.h"

#define PORT_DEBUG	0xe9
#define RFLAGS_DF	(1ULL << 10)
#define VEC_GP		13
#define VEC_PF		14
#define CHUNK		64	/* bytes of string I/O before the instruction is left to restart */

static const struct {
	uint16_t first, last;
	uint8_t value;
} in_ports[] = {
	{ 0x40, 0x42, 0x00 },	/* PIT: all ones would make Linux's quick calibration read 100,000 times */
	{ 0x61, 0x61, 0x20 },	/* its slow path waits for bit 5 */
};

static uint32_t in_value(uint16_t port)
{
	for (size_t i = 0; i < ARRAY_SIZE(in_ports); i++)
		if (port >= in_ports[i].first && port <= in_ports[i].last)
			return in_ports[i].value * 0x01010101U;
	return 0xffffffff;
}

/* RSI, RDI, RCX by address size: 16 bits keep the rest, 32 bits clear it. */
static uint64_t get_sized(uint64_t reg, uint8_t size)
{
	return size == 8 ? reg : size == 4 ? (uint32_t)reg : (uint16_t)reg;
}

static void set_sized(uint64_t *reg, uint64_t val, uint8_t size)
{
	if (size == 2)
		*reg = (*reg & ~0xffffULL) | (uint16_t)val;
	else
		*reg = size == 4 ? (uint32_t)val : val;
}

/* Linear address of an operand; the segment's base counts outside 64-bit mode only. */
static gva_t linear(struct vcpu *v, enum zendo_seg seg, uint64_t offset)
{
	struct paging_state ps;
	struct zendo_sregs s;

	ops->paging(v, &ps);
	if (ps.code64)
		return gva(offset);
	ops->sregs_get(v, &s);
	return gva((uint32_t)(s.seg[seg].base + offset));
}

/* How many of @n bytes were taken: run->io holds one line at a time. */
static uint64_t put_bytes(struct vcpu *v, const char *buf, uint64_t n, bool *ret_to_dom0)
{
	uint64_t i = 0;

	while (i < n && !*ret_to_dom0)
		*ret_to_dom0 = text_put(v, buf[i++]);
	return i;
}

/* Where the operand's byte at @a is; false: the guest has its fault. */
static bool operand_at(struct vcpu *v, gva_t a, bool write, gpa_t *ret)
{
	uint32_t error;
	int rc = gva_access(v, a, write, ret, &error);

	if (rc == -XEN_EFAULT) {
		ops->cr2_set(v, a.v);
		ops->inject(v, INJECT_EXC, VEC_PF, true, error);
	} else if (rc) {
		ops->inject(v, INJECT_EXC, VEC_GP, true, 0);
	}
	return !rc;
}

/*
 * Copy an operand of at most two pages with the guest's own rights; nothing is changed unless all of it can be reached. False:
 * @ret_next says how it ends.
 */
static bool operand_copy(struct vcpu *v, const struct exit_info *x, gva_t a, char *buf, size_t len, enum exit_next *ret_next)
{
	size_t first = MIN(len, PAGE_SIZE - (a.v & ~PAGE_MASK)), size[2] = { first, len - first };
	gpa_t g[2];
	int rc = 0;

	for (int i = 0; i < 2; i++)
		if (size[i] && !operand_at(v, gva(a.v + (i ? first : 0)), x->io.in, &g[i]))
			return false;
	for (int i = 0; i < 2 && !rc; i++, buf += first)
		if (size[i])
			rc = x->io.in ? gpa_write(v->d, g[i], buf, size[i]) : gpa_read(v->d, g[i], buf, size[i]);
	if (rc)
		*ret_next = vcpu_crash(v, x, ZCRASH_NO_MEMORY_THERE);
	return !rc;
}

/*
 * OUTS and INS. A segment override of OUTS is not known here: DS is assumed, as every compiler emits it. The elements of one exit lie in
 * one page, or there is one of them: so a fault is that of the first element that cannot be reached.
 */
static enum exit_next string_io(struct vcpu *v, const struct exit_info *x)
{
	uint8_t as = x->io.addr_size, size = x->io.size;
	uint64_t *index = x->io.in ? &v->regs.rdi : &v->regs.rsi;
	uint64_t count = x->io.rep ? get_sized(v->regs.rcx, as) : 1, at = get_sized(*index, as), n;
	bool down = v->regs.rflags & RFLAGS_DF, to_dom0 = false;
	gva_t a = linear(v, x->io.in ? ZSEG_ES : ZSEG_DS, at);
	enum exit_next next = NEXT_RESUME;
	char buf[CHUNK];

	n = down ? 1 : MIN(CHUNK, PAGE_SIZE - (a.v & ~PAGE_MASK)) / size;
	n = MIN(count, n ? n : 1);
	memset(buf, (uint8_t)in_value(x->io.port), sizeof(buf));
	if (n && !operand_copy(v, x, a, buf, n * size, &next))
		return next;
	if (!x->io.in && x->io.port == PORT_DEBUG && size == 1)
		n = put_bytes(v, buf, n, &to_dom0);
	set_sized(index, down ? at - n * size : at + n * size, as);
	if (x->io.rep)
		set_sized(&v->regs.rcx, count - n, as);
	if (n == count)
		ops->skip(v, x->insn_len);
	return to_dom0 ? NEXT_TO_DOM0 : NEXT_RESUME;
}

enum exit_next guest_io(struct vcpu *v, const struct exit_info *x)
{
	enum exit_next next = NEXT_RESUME;
	uint32_t val;

	if (x->io.string)
		return string_io(v, x);
	if (x->io.in) {
		val = in_value(x->io.port);
		if (x->io.size == 4)
			v->regs.rax = val;
		else
			set_sized(&v->regs.rax, x->io.size == 2 ? val : (v->regs.rax & 0xff00) | (uint8_t)val, 2);
	} else if (x->io.port == PORT_DEBUG && x->io.size == 1 && text_put(v, (char)v->regs.rax)) {
		next = NEXT_TO_DOM0;
	}
	ops->skip(v, x->insn_len);
	return next;
}
