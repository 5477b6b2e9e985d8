// SPDX-License-Identifier: GPL-2.0-only
/* The decoder of instructions on the APIC's page: what the assembler makes, cut short; what the processor computes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/insn.h"

struct row {
	const uint8_t *bytes;
	uint8_t len, mode, op, to_mem;
	int32_t reg, imm;
};
extern const struct row insn_rows[], insn_rows_end[];
#define NO_IMM	0x7fffffff
#define ARITH	0x8d5U

static enum insn_mode mode_of(const struct row *r)
{
	return r->mode == 64 ? INSN_64 : r->mode == 32 ? INSN_32 : INSN_16;
}

static void the_assemblers_encodings_are_understood(void **state)
{
	struct insn_mem i;

	(void)state;
	assert_true(insn_rows_end - insn_rows > 6000);
	for (const struct row *r = insn_rows; r < insn_rows_end; r++) {
		if (!insn_decode(r->bytes, r->len, mode_of(r), &i))
			fail_msg("row %ld is refused", (long)(r - insn_rows));
		assert_int_equal(i.len, r->len);
		assert_int_equal(i.op, r->op);
		assert_int_equal(i.to_mem, r->to_mem);
		assert_int_equal(i.has_imm, r->imm != NO_IMM);
		if (i.has_imm)
			assert_int_equal(i.imm, (uint32_t)r->imm);
		else
			assert_int_equal(i.reg, r->reg);
	}
}

/* On the heap, so that a byte too many is seen. */
static void cut_short_it_is_refused_and_what_follows_does_not_count(void **state)
{
	(void)state;
	for (const struct row *r = insn_rows; r < insn_rows_end; r++) {
		struct insn_mem i;

		for (unsigned int n = 0; n <= INSN_MAX; n++) {
			uint8_t *b = malloc(n ? n : 1);

			memset(b, 0xff, n);
			memcpy(b, r->bytes, MIN(n, (unsigned int)r->len));
			assert_int_equal(insn_decode(b, n, mode_of(r), &i), n >= r->len);
			assert_int_equal(i.len, n >= r->len ? r->len : 0);
			free(b);
		}
	}
}

static void everything_else_is_refused(void **state)
{
	static const struct { enum insn_mode mode; uint8_t b[INSN_MAX]; } bad[] = {
		{ INSN_64, { 0x89, 0xc0 } },			/* register to register */
		{ INSN_64, { 0x48, 0x89, 0x00 } },		/* 64 bits */
		{ INSN_64, { 0x66, 0x89, 0x00 } },		/* 16 bits */
		{ INSN_32, { 0x66, 0x89, 0x00 } }, { INSN_16, { 0x89, 0x07 } },
		{ INSN_64, { 0x88, 0x00 } }, { INSN_64, { 0x8a, 0x00 } },	/* 8 bits */
		{ INSN_64, { 0x11, 0x00 } }, { INSN_64, { 0x1b, 0x00 } }, { INSN_64, { 0x81, 0x10 } },	/* ADC, SBB */
		{ INSN_64, { 0xf0, 0x89, 0x00 } }, { INSN_64, { 0xf0, 0x03, 0x00 } }, { INSN_64, { 0xf0, 0x39, 0x00 } },	/* LOCK where it is #UD */
		{ INSN_64, { 0xf0, 0x85, 0x00 } }, { INSN_64, { 0xf0, 0xa3 } },
		{ INSN_64, { 0xc7, 0x08 } }, { INSN_64, { 0xf7, 0x10 } }, { INSN_64, { 0xf7, 0x20 } },
		{ INSN_64, { 0xa5 } }, { INSN_64, { 0xff, 0x30 } }, { INSN_64, { 0x0f, 0x10, 0x00 } }, { INSN_64, { 0xc5, 0xf8, 0x10, 0x00 } },
		{ INSN_64, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 } },
		{ INSN_64, { 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x89, 0x80 } },	/* 16 bytes */
		{ INSN_32, { 0x40, 0x89, 0x00 } },		/* INC: no REX there */
	};
	struct insn_mem i;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++)
		if (insn_decode(bad[k].b, INSN_MAX, bad[k].mode, &i))
			fail_msg("%zu is taken", k);
}

#define RUN(name) \
	case INSN_##name: \
		__asm__ volatile("push %2; popfq; " #name "l %3, %0; pushfq; pop %1" : "+r"(a), "=r"(flags) : "r"(flags), "r"(b) : "cc", "memory"); \
		break

/* The processor's own answer. */
static uint32_t real(enum insn_op op, uint32_t a, uint32_t b, uint64_t *rflags)
{
	uint64_t flags = *rflags;

	switch (op) {
	RUN(ADD); RUN(OR); RUN(AND); RUN(SUB); RUN(XOR); RUN(CMP); RUN(TEST);
	default:
		abort();
	}
	*rflags = flags;
	return a;
}

static void results_and_flags_are_the_processors(void **state)
{
	static const enum insn_op ops_[] = { INSN_ADD, INSN_OR, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP, INSN_TEST };
	static const uint32_t edges[] = { 0, 1, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff };

	(void)state;
	fake_seed(1);
	for (int n = 0; n < 20000; n++) {
		enum insn_op op = ops_[fake_below(ARRAY_SIZE(ops_))];
		struct insn_mem i = { .op = op, .to_mem = op == INSN_TEST || (n & 1), .has_imm = false, .reg = 3 };
		uint32_t mem = n & 2 ? edges[fake_below(7)] : (uint32_t)fake_random();
		uint32_t reg = n & 4 ? edges[fake_below(7)] : (uint32_t)fake_random(), want, got;
		struct zendo_regs r = { .rbx = reg | 0xabcdULL << 32, .rflags = 2 | (fake_random() & ARITH) };
		uint64_t flags = r.rflags, care = op == INSN_ADD || op == INSN_SUB || op == INSN_CMP ? ARITH : ARITH & ~0x10U;
		bool keeps = op == INSN_CMP || op == INSN_TEST;

		want = i.to_mem ? real(op, mem, reg, &flags) : real(op, reg, mem, &flags);
		got = insn_execute(&i, &r, mem);
		assert_int_equal(r.rflags & care, flags & care);
		assert_int_equal(r.rflags & ~(uint64_t)ARITH, 2);
		if (i.to_mem && !keeps)
			assert_int_equal(got, want);
		assert_true(r.rbx == (i.to_mem || keeps ? (reg | 0xabcdULL << 32) : want));
		assert_int_equal(insn_writes(&i), i.to_mem && !keeps);
		assert_true(insn_reads(&i));
	}
}

static void mov_and_xchg_move(void **state)
{
	struct zendo_regs r = { .r9 = 0x1111222233334444, .rflags = 0x8d7 };
	struct insn_mem i = { .op = INSN_MOV, .reg = 9 };

	(void)state;
	(void)insn_execute(&i, &r, 0x80000001);
	assert_true(r.r9 == 0x80000001);
	i.to_mem = true;
	assert_false(insn_reads(&i));
	assert_int_equal(insn_execute(&i, &r, 0), 0x80000001);
	i.op = INSN_XCHG;
	assert_int_equal(insn_execute(&i, &r, 5), 0x80000001);
	assert_true(r.r9 == 5 && r.rflags == 0x8d7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_assemblers_encodings_are_understood),
		cmocka_unit_test(cut_short_it_is_refused_and_what_follows_does_not_count),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(results_and_flags_are_the_processors),
		cmocka_unit_test(mov_and_xchg_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
