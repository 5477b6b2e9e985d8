// SPDX-License-Identifier: GPL-2.0-only
/* Ports, and the debug port's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"

static int start(void **state) { (void)state; fake_start(1); return 0; }
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static enum exit_next io(uint16_t port, uint8_t size, bool in, bool string, bool rep, uint8_t addr_size)
{
	struct exit_info x = fake_exit(EXIT_IO, 2);

	x.io.port = port;
	x.io.size = size;
	x.io.in = in;
	x.io.string = string;
	x.io.rep = rep;
	x.io.addr_size = addr_size;
	return guest_io(fake_vcpu(0), &x);
}

static void reads_give_the_table_or_ones(void **state)
{
	static const struct { uint16_t port; uint8_t size; uint64_t rax; } row[] = {
		{ 0x42, 1, 0x1122334455667700 }, { 0x40, 1, 0x1122334455667700 }, { 0x61, 1, 0x1122334455667720 },
		{ 0x10, 2, 0x112233445566ffff }, { 0xcf8, 4, 0xffffffff }, { 0x21, 1, 0x11223344556677ff }, { 0x70, 1, 0x11223344556677ff },
		{ 0xffff, 4, 0xffffffff }, { 0x43, 1, 0x11223344556677ff },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fake_vcpu(0)->regs.rax = 0x1122334455667788;
		assert_int_equal(io(row[i].port, row[i].size, true, false, false, 0), NEXT_RESUME);
		assert_int_equal(fake_vcpu(0)->regs.rax, row[i].rax);
		assert_int_equal(fake.skipped, 2);
	}
}

static void writes_are_dropped(void **state)
{
	(void)state;
	fake_vcpu(0)->regs.rax = 0x88;
	assert_int_equal(io(0x80, 1, false, false, false, 0), NEXT_RESUME);
	assert_int_equal(io(0xe9, 4, false, false, false, 0), NEXT_RESUME);
	assert_int_equal(fake_vcpu(0)->g.text_len, 0);
	assert_int_equal(fake_vcpu(0)->regs.rax, 0x88);
}

static void debug_text_goes_out_by_lines(void **state)
{
	static const char text[] = "hello\n";
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	for (size_t i = 0; text[i]; i++) {
		v->regs.rax = (uint8_t)text[i];
		assert_int_equal(io(0xe9, 1, false, false, false, 0), text[i] == '\n' ? NEXT_TO_DOM0 : NEXT_RESUME);
	}
	assert_int_equal(v->reason, ZRUN_IO);
	assert_int_equal(v->run->hyp.io_kind, ZIO_TEXT);
	assert_int_equal(v->run->hyp.io_len, 6);
	assert_memory_equal(v->run->io, text, 6);
	assert_int_equal(v->g.text_len, 0);
	/* without a line end: when the line is full */
	for (int i = 0; i < TEXT_LINE - 1; i++)
		assert_int_equal(io(0xe9, 1, false, false, false, 0), i == TEXT_LINE - 1 ? NEXT_TO_DOM0 : v->regs.rax == '\n' ? NEXT_TO_DOM0 : NEXT_RESUME);
}

static void rep_outsb_restarts_in_chunks(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	char text[1000], got[1000];
	size_t n = 0;
	int exits = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 77 == 76 ? '\n' : (char)('a' + i % 26);
	text[999] = '\n';
	fake_write(0x20f00, text, sizeof(text));
	v->regs.rsi = 0x20f00;
	v->regs.rcx = sizeof(text);
	do {
		if (io(0xe9, 1, false, true, true, 8) == NEXT_TO_DOM0) {
			assert_int_equal(v->reason, ZRUN_IO);
			memcpy(got + n, v->run->io, v->run->hyp.io_len);
			n += v->run->hyp.io_len;
		}
		assert_true(++exits < 100);
	} while (!fake.skipped);
	assert_int_equal(v->regs.rcx, 0);
	assert_int_equal(v->regs.rsi, 0x20f00 + sizeof(text));
	assert_int_equal(n, sizeof(text));
	assert_memory_equal(got, text, n);
}

static void short_lines_in_one_chunk_are_not_lost(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	char got[64];
	size_t n = 0;

	(void)state;
	fake_write(0x20000, "a\nb\nc\nd\ne\n", 10);
	v->regs.rsi = 0x20000;
	v->regs.rcx = 10;
	do {
		if (io(0xe9, 1, false, true, true, 8) == NEXT_TO_DOM0) {
			memcpy(got + n, v->run->io, v->run->hyp.io_len);
			n += v->run->hyp.io_len;
		}
	} while (!fake.skipped);
	assert_int_equal(n, 10);
	assert_memory_equal(got, "a\nb\nc\nd\ne\n", 10);
}

static void string_io_follows_address_size_and_direction(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake_write(0x1000, "xyz", 3);
	/* 16-bit: SI and CX only */
	fake.paging.code64 = false;
	v->regs.rsi = 0xaaaa00001000;
	v->regs.rcx = 0xbbbb00000002;
	io(0x80, 1, false, true, true, 2);
	assert_int_equal(v->regs.rsi, 0xaaaa00001002);
	assert_int_equal(v->regs.rcx, 0xbbbb00000000);
	assert_int_equal(fake.skipped, 2);
	/* 32-bit clears the rest */
	v->regs.rsi = 0xaaaa00001000;
	v->regs.rcx = 0xbbbb00000010;
	io(0x80, 2, false, true, true, 4);
	assert_int_equal(v->regs.rsi, 0x1020);
	assert_int_equal(v->regs.rcx, 0);
	/* downwards: one at a time */
	fake.paging.code64 = true;
	v->regs.rflags |= 0x400;
	v->regs.rsi = 0x1002;
	v->regs.rcx = 3;
	for (int i = 0; i < 3; i++)
		io(0xe9, 1, false, true, true, 8);
	assert_int_equal(fake.skipped, 2);
	assert_int_equal(v->regs.rsi, 0xfff);
	assert_memory_equal(v->g.text, "zyx", 3);
	/* count 0 does nothing at all */
	v->regs.rsi = 1ULL << 50;
	io(0xe9, 1, false, true, true, 8);
	assert_int_equal(fake.skipped, 2);
	assert_int_equal(fake.injected, -1);
	assert_int_equal(v->regs.rsi, 1ULL << 50);
}

static void segment_bases_count_outside_64_bit_mode(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.paging.code64 = false;
	fake.sregs.seg[ZSEG_DS].base = 0x3000;
	fake.sregs.seg[ZSEG_ES].base = 0x5000;
	fake_write(0x3010, "q", 1);
	v->regs.rsi = 0x10;
	io(0xe9, 1, false, true, false, 4);
	assert_int_equal(v->g.text[0], 'q');
	v->regs.rdi = 0x20;
	v->regs.rcx = 4;
	io(0x1f0, 2, true, true, true, 4);
	assert_memory_equal(fake_va(0x5020), "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(*(uint8_t *)fake_va(0x5028), 0);
	assert_int_equal(v->regs.rdi, 0x28);
}

static void assert_page_fault(uint64_t addr, uint32_t error)
{
	assert_int_equal(fake.injected, 14);
	assert_true(fake.injected_error);
	assert_int_equal(fake.error, error);
	assert_int_equal(fake.cr2, addr);
	assert_int_equal(fake.skipped, 0);
}

static void an_operand_that_is_not_mapped_is_a_page_fault(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	v->regs.rsi = v->regs.rdi = 0x700000000000;
	v->regs.rcx = 5;
	assert_int_equal(io(0xe9, 1, false, true, true, 8), NEXT_RESUME);
	assert_page_fault(0x700000000000, 0);
	assert_int_equal(io(0x80, 2, false, true, false, 8), NEXT_RESUME);	/* also where nobody looks at the data */
	assert_page_fault(0x700000000000, 0);
	assert_int_equal(io(0x10, 1, true, true, true, 8), NEXT_RESUME);
	assert_page_fault(0x700000000000, 2);
	assert_int_equal(v->regs.rcx, 5);
	assert_int_equal(v->regs.rsi, 0x700000000000);
	assert_int_equal(v->regs.rdi, 0x700000000000);
	assert_int_equal(v->g.text_len, 0);
}

static void elements_before_the_fault_are_done(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake_write(0x1ffd, "abc", 3);
	fake.linear_hole[2] = true;
	v->regs.rsi = 0x1ffd;
	v->regs.rcx = 10;
	io(0xe9, 1, false, true, true, 8);
	assert_int_equal(fake.injected, -1);
	assert_memory_equal(v->g.text, "abc", 3);
	io(0xe9, 1, false, true, true, 8);
	assert_page_fault(0x2000, 0);
	assert_int_equal(v->regs.rcx, 7);
	assert_int_equal(v->regs.rsi, 0x2000);
	/* one element across the border: nothing of it is written, and the fault is the second page's */
	v->regs.rdi = 0x1ffd;
	io(0x10, 4, true, true, false, 8);
	assert_page_fault(0x2000, 2);
	assert_memory_equal(fake_va(0x1ffd), "abc", 3);
	assert_int_equal(v->regs.rdi, 0x1ffd);
	/* and with the page there */
	fake.linear_hole[2] = false;
	io(0x10, 4, true, true, false, 8);
	assert_int_equal(fake.skipped, 2);
	assert_memory_equal(fake_va(0x1ffd), "\xff\xff\xff", 3);
	assert_memory_equal(fake_va(0x2000), "\xff\0", 2);
}

static void an_address_that_is_not_canonical_is_gp(void **state)
{
	(void)state;
	fake_vcpu(0)->regs.rsi = 1ULL << 50;
	io(0xe9, 1, false, true, false, 8);
	assert_int_equal(fake.injected, 13);
	assert_int_equal(fake.skipped, 0);
}

/* As for any other instruction. */
static void an_operand_without_memory_ends_the_guest(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.linear[3] = FAKE_RAM + 5;
	v->regs.rsi = v->regs.rdi = 0x3000;
	assert_int_equal(io(0xe9, 1, false, true, false, 8), NEXT_KILL);
	assert_int_equal(v->run->hyp.crash.reason, ZCRASH_NO_MEMORY_THERE);
	assert_int_equal(io(0x10, 1, true, true, false, 8), NEXT_KILL);
	assert_int_equal(fake.injected, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(reads_give_the_table_or_ones), T(writes_are_dropped), T(debug_text_goes_out_by_lines),
		T(rep_outsb_restarts_in_chunks), T(short_lines_in_one_chunk_are_not_lost),
		T(string_io_follows_address_size_and_direction), T(segment_bases_count_outside_64_bit_mode),
		T(an_operand_that_is_not_mapped_is_a_page_fault), T(elements_before_the_fault_are_done),
		T(an_address_that_is_not_canonical_is_gp), T(an_operand_without_memory_ends_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
