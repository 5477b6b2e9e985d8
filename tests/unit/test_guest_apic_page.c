// SPDX-License-Identifier: GPL-2.0-only
/* xAPIC mode: the page at 0xfee00000, its registers, and the instructions that touch it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/lapic.h"
#include "guest/msr.h"

#define PAGE	0xfee00000ULL
#define CODE	0x5000ULL

/* Twenty vCPUs in xAPIC mode, switched on. */
static int start(void **state)
{
	(void)state;
	fake_start(20);
	for (uint32_t i = 0; i < 20; i++) {
		fake_vcpu(i)->g.lapic.base &= ~APIC_BASE_EXTD;
		lapic_page_write(fake_vcpu(i), 0xf0, 0x1ff);
	}
	return 0;
}
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static uint32_t rd(uint32_t offset) { return lapic_page_read(fake_vcpu(0), offset); }
static void wr(uint32_t offset, uint32_t val) { lapic_page_write(fake_vcpu(0), offset, val); }
static bool irr(uint32_t id, uint8_t vector) { return test_bit(vector, fake_vcpu(id)->g.lapic.irr); }

static void registers_are_those_of_the_msrs(void **state)
{
	(void)state;
	assert_int_equal(lapic_page_read(fake_vcpu(5), 0x20), 5 << 24);
	assert_int_equal(rd(0x30), 0x50014);
	assert_int_equal(rd(0xd0), 0);
	assert_int_equal(rd(0xe0), 0xffffffff);
	assert_int_equal(rd(0xf0), 0x1ff);
	wr(0x80, 0xabcdef70);
	assert_int_equal(rd(0x80), 0x70);
	assert_int_equal(rd(0xa0), 0x70);
	assert_int_equal(fake_vcpu(0)->g.lapic.tpr, 0x70);
	wr(0x350, 0xffffffff);
	assert_int_equal(rd(0x350), 0x1f7ff);
	wr(0xd0, 0x01ffffff);
	wr(0xe0, 0x12345678);
	assert_int_equal(rd(0xd0), 0x01000000);
	assert_int_equal(rd(0xe0), 0x1fffffff);
	wr(0x310, 0x03ffffff);
	assert_int_equal(rd(0x310), 0x03000000);
	wr(0x280, 5);
	assert_int_equal(rd(0x280), 0);
}

static void what_is_no_register_is_an_error_of_the_apic(void **state)
{
	static const uint32_t none[] = { 0x000, 0x3f0, 0x2f0, 0x400, 0xff0, 0x024, 0x0b1, 0xffd };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(rd(none[i]), 0);
		wr(0x280, 0);
		assert_int_equal(rd(0x280), 0x80);
		wr(none[i], 0x40);
		wr(0x280, 0);
		assert_int_equal(rd(0x280), 0x80);
	}
	assert_int_equal(fake_vcpu(0)->g.lapic.isr[2], 0);
	/* one that can only be read ignores a write */
	wr(0x30, 1);
	wr(0x20, 1);
	wr(0x280, 0);
	assert_int_equal(rd(0x280), 0);
	assert_int_equal(rd(0x20), 0);
}

static void ipis_go_by_8_bits(void **state)
{
	(void)state;
	wr(0x310, 3 << 24);
	wr(0x300, 0x1041);	/* the busy bit is not the guest's */
	assert_true(irr(3, 0x41) && !irr(0, 0x41) && !irr(4, 0x41));
	assert_int_equal(rd(0x300), 0x41);
	wr(0x310, 0xff000000);
	wr(0x300, 0x42);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(irr(i, 0x42));
	wr(0x300, 1 << 18 | 0x43);
	assert_true(irr(0, 0x43) && !irr(1, 0x43));
}

static void logical_destinations_follow_each_ones_registers(void **state)
{
	(void)state;
	/* flat: 1 and 2; cluster: 3 is member 1 of cluster 1, 4 is member 1 of cluster 2; 5 uses x2APIC mode, cluster 0 */
	for (uint32_t i = 1; i < 3; i++)
		lapic_page_write(fake_vcpu(i), 0xd0, 1U << (24 + i));
	for (uint32_t i = 3; i < 5; i++) {
		lapic_page_write(fake_vcpu(i), 0xe0, 0);
		lapic_page_write(fake_vcpu(i), 0xd0, (i - 2) << 28 | 1 << 24);
	}
	assert_true(lapic_base_write(fake_vcpu(5), 0xfee00c00));
	wr(0x310, 0x06000000);
	wr(0x300, 1 << 11 | 0x51);
	assert_true(irr(1, 0x51) && irr(2, 0x51) && !irr(3, 0x51) && !irr(4, 0x51) && !irr(5, 0x51) && !irr(0, 0x51));
	wr(0x310, 0x21000000);
	wr(0x300, 1 << 11 | 0x52);
	assert_true(!irr(1, 0x52) && !irr(3, 0x52) && irr(4, 0x52) && irr(5, 0x52));
	wr(0x310, 0xf1000000);
	wr(0x300, 1 << 11 | 0x53);
	assert_true(irr(3, 0x53) && irr(4, 0x53));
}

static void bits_above_8_name_nobody_in_xapic_mode(void **state)
{
	(void)state;
	assert_true(lapic_base_write(fake_vcpu(0), 0xfee00d00));
	lapic_page_write(fake_vcpu(1), 0xd0, 0x01000000);
	lapic_page_write(fake_vcpu(2), 0xe0, 0);
	lapic_page_write(fake_vcpu(2), 0xd0, 0x01000000);
	for (uint32_t high = 8; high < 32; high++) {
		assert_true(guest_msr_write(fake_vcpu(0), 0x830, (1ULL << high | 1) << 32 | 1 << 11 | 0x51));
		assert_true(guest_msr_write(fake_vcpu(0), 0x830, (1ULL << high | 3) << 32 | 0x51));
	}
	assert_true(!irr(1, 0x51) && !irr(2, 0x51) && !irr(3, 0x51));
	assert_true(guest_msr_write(fake_vcpu(0), 0x830, 1ULL << 32 | 1 << 11 | 0x52));
	assert_true(irr(1, 0x52) && irr(2, 0x52));
}

/* By APIC_BASE: no interrupt, NMI, INIT or SIPI, whoever is named. */
static void one_that_is_off_hears_nothing(void **state)
{
	static const uint32_t shorts[] = { 0, 2 << 18, 3 << 18 }, modes[] = { 0, 1, 4, 5, 6 };
	struct vcpu *v = fake_vcpu(3);

	(void)state;
	assert_true(lapic_base_write(v, 0xfee00000));
	v->up = false;
	for (uint64_t dest = 3; dest <= 0xff; dest += 0xfc) {
		wr(0x310, (uint32_t)dest << 24);
		for (size_t s = 0; s < ARRAY_SIZE(shorts); s++)
			for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
				wr(0x300, shorts[s] | 1 << 14 | modes[m] << 8 | 0x44);
	}
	assert_true(!irr(3, 0x44) && !v->nmi_pending && !v->g.lapic.sipi && !(v->request & REQ_RESET));
	assert_true(irr(4, 0x44) && fake_vcpu(4)->nmi_pending && fake_vcpu(4)->g.lapic.sipi && (fake_vcpu(4)->request & REQ_RESET));
}

static void lowest_priority_passes_one_that_takes_no_vectors(void **state)
{
	(void)state;
	lapic_page_write(fake_vcpu(0), 0xf0, 0xff);
	wr(0x300, 2 << 18 | 1 << 8 | 0x45);
	assert_true(!irr(0, 0x45) && irr(1, 0x45) && !irr(2, 0x45));
}

static void modes_change_as_the_processor_allows(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	uint64_t val;

	(void)state;
	assert_true(lapic_at(v, PAGE) && lapic_at(v, PAGE + 0xfff) && !lapic_at(v, PAGE + 0x1000));
	assert_false(guest_msr_read(v, 0x802, &val));
	assert_false(guest_msr_write(v, 0x80b, 0));
	wr(0x310, 0x05000000);
	wr(0x80, 0x20);
	assert_true(lapic_base_write(v, 0xfee00d00));	/* to x2APIC mode: all is kept but the destination */
	assert_false(lapic_at(v, PAGE));
	assert_true(guest_msr_read(v, 0x830, &val) && val == 0);
	assert_true(guest_msr_read(v, 0x808, &val) && val == 0x20);
	assert_false(lapic_base_write(v, 0xfee00900));	/* not straight back */
	assert_true(lapic_base_write(v, 0xfee00100));
	assert_false(lapic_at(v, PAGE));
	assert_false(lapic_base_write(v, 0xfee00d00));
	assert_true(lapic_base_write(v, 0xfee00900));
	assert_true(lapic_at(v, PAGE));
	assert_int_equal(rd(0xf0), 0xff);
	assert_int_equal(rd(0x80), 0);
}

static void in_order(const struct vcpu *v)
{
	const struct guest_lapic *l = &v->g.lapic;
	uint64_t mode = l->base & (APIC_BASE_EN | APIC_BASE_EXTD);

	assert_int_equal(l->base & ~(APIC_BASE_EN | APIC_BASE_EXTD), APIC_BASE_ADDR | (v->id ? 0 : APIC_BASE_BSP));
	assert_true(mode != APIC_BASE_EXTD);
	assert_int_equal(l->irr[0] & 0xffff, 0);
	assert_true(l->svr <= 0x3ff && !((l->esr | l->esr_latched) & ~0xa0U));
	assert_true(!(l->ldr & 0xffffff) && (l->dfr & 0xfffffff) == 0xfffffff);
	assert_true(!(l->icr & ~0xffffffff000ccfffULL));
	assert_true(mode || (!(l->svr & 0x100) && !l->tpr));
	for (int i = 0; i < 6; i++)
		assert_true((l->svr & 0x100) || (l->lvt[i] & 0x10000));
}

/* Twenty vCPUs write what they like where they like, by page and MSR, and change modes. */
static void random_accesses_leave_the_apics_in_order(void **state)
{
	static const uint32_t modes[] = { 0xfee00000, 0xfee00800, 0xfee00c00, 0xfee00400 };
	uint64_t val;

	(void)state;
	fake_seed(7);
	for (int n = 0; n < 50000; n++) {
		struct vcpu *v = fake_vcpu(fake_below(20));
		uint32_t r = fake_below(0x41);

		if (lapic_at(v, PAGE)) {
			uint32_t offset = fake_below(16) ? r << 4 : fake_below(0x1000);

			(void)lapic_page_read(v, offset);
			/* short masks now and then: what is not reserved is then written, and few are named */
			lapic_page_write(v, offset, (uint32_t)(fake_random() & (fake_below(2) ? 0xffffffff : 0xff0c07ff)));
		} else if (guest_msr_read(v, 0x800 + r, &val)) {
			(void)guest_msr_write(v, 0x800 + r, fake_below(2) ? val : fake_random() & 0xff000c07ffULL);
		}
		if (!fake_below(50))
			(void)lapic_base_write(v, modes[fake_below(4)] | (v->id ? 0 : APIC_BASE_BSP));
		in_order(v);
	}
	for (uint32_t i = 0; i < 20; i++)
		in_order(fake_vcpu(i));
}

static enum exit_next touch(uint64_t rip, uint32_t offset, bool write, const void *bytes, size_t n)
{
	struct exit_info x = fake_exit(EXIT_NPF, 0);

	x.npf.gpa = PAGE + offset;
	x.npf.write = write;
	fake_write(rip, bytes, n);
	fake_vcpu(0)->regs.rip = rip;
	return guest_apic_access(fake_vcpu(0), &x);
}
#define TOUCH(rip, offset, write, ...) touch(rip, offset, write, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void instructions_reach_the_registers(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	assert_int_equal(TOUCH(CODE, 0x30, false, 0x44, 0x8b, 0x98, 0x30, 0, 0, 0), NEXT_RESUME);	/* mov 0x30(%rax), %r11d */
	assert_int_equal(v->regs.r11, 0x50014);
	assert_int_equal(v->regs.rip, CODE + 7);
	assert_int_equal(TOUCH(CODE, 0x80, true, 0xc7, 0x00, 0x60, 0, 0, 0), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x60);
	assert_int_equal(TOUCH(CODE, 0x80, true, 0x83, 0x08, 0x11), NEXT_RESUME);			/* orl $0x11, (%rax) */
	assert_int_equal(rd(0x80), 0x71);
	v->regs.rcx = 0x30;
	assert_int_equal(TOUCH(CODE, 0x80, true, 0x87, 0x08), NEXT_RESUME);				/* xchg %ecx, (%rax) */
	assert_int_equal(rd(0x80), 0x30);
	assert_int_equal(v->regs.rcx, 0x71);
	/* testl reads only */
	assert_int_equal(TOUCH(CODE, 0x300, false, 0xf7, 0x00, 0, 0x10, 0, 0), NEXT_RESUME);
	assert_int_equal(v->regs.rflags & 0x40, 0x40);
}

static void where_firmware_ends_there_are_ones(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	struct exit_info x = fake_exit(EXIT_NPF, 0);

	(void)state;
	v->g.lapic.base |= APIC_BASE_EXTD;	/* in any mode of the APIC */
	assert_true(guest_apic_at(v, 0xfffffffc));
	assert_false(guest_apic_at(v, 0x100000000));
	assert_false(guest_apic_at(v, 0xffffeffc));
	x.npf.gpa = 0xfffffffc;
	fake_write(CODE, (const uint8_t[]){ 0x8b, 0x08 }, 2);		/* mov (%rax), %ecx */
	v->regs.rip = CODE;
	assert_int_equal(guest_apic_access(v, &x), NEXT_RESUME);
	assert_int_equal(v->regs.rcx, 0xffffffff);
	/* a write is lost, and is none to the APIC */
	v->g.lapic.tpr = 0x10;
	x.npf.gpa = 0xfffff080;
	x.npf.write = true;
	fake_write(CODE, (const uint8_t[]){ 0x89, 0x08 }, 2);
	v->regs.rip = CODE;
	assert_int_equal(guest_apic_access(v, &x), NEXT_RESUME);
	assert_int_equal(v->g.lapic.tpr, 0x10);
}

static void code_may_cross_a_page_and_end_at_one(void **state)
{
	(void)state;
	assert_int_equal(TOUCH(0x7ffd, 0x80, true, 0xc7, 0x00, 0x50, 0, 0, 0), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x50);
	/* the next page is not there, and not needed */
	fake.linear_hole[9] = true;
	fake_vcpu(0)->regs.rax = 0x40;
	assert_int_equal(TOUCH(0x8ffe, 0x80, true, 0x89, 0x03), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x40);
	/* and needed */
	assert_int_equal(TOUCH(0x8ffe, 0x80, true, 0xc7, 0x00), NEXT_KILL);
	/* nor is the code itself */
	fake.linear_hole[8] = true;
	fake_vcpu(0)->run->hyp.crash.reason = 0;
	struct exit_info x = fake_exit(EXIT_NPF, 0);
	x.npf.gpa = PAGE + 0x80;
	assert_int_equal(guest_apic_access(fake_vcpu(0), &x), NEXT_KILL);
	assert_int_equal(fake_vcpu(0)->run->hyp.crash.reason, ZCRASH_APIC_ACCESS);
	assert_int_equal(rd(0x80), 0x40);
}

static void the_code_segment_says_how_to_read(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	fake.paging = (struct paging_state){ .cr0 = 1 };
	fake.sregs.seg[ZSEG_CS] = (struct zendo_segment){ .attr = 0xc9b, .base = 0xfffff000 };
	v->regs.rax = 0x60;
	fake_write(CODE, (const uint8_t[]){ 0xa3, 0x80, 0, 0xe0, 0xfe }, 5);
	v->regs.rip = CODE + 0x1000;	/* base and offset wrap at 4 GiB */
	struct exit_info x = fake_exit(EXIT_NPF, 0);
	x.npf.gpa = PAGE + 0x80;
	assert_int_equal(guest_apic_access(v, &x), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x60);
	assert_int_equal(fake.skipped, 5);
	fake.sregs.seg[ZSEG_CS] = (struct zendo_segment){ .attr = 0x9b };
	v->regs.rax = 0x50;
	assert_int_equal(TOUCH(CODE, 0x80, true, 0x66, 0x89, 0x07), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x50);
	assert_int_equal(TOUCH(CODE, 0x80, true, 0x89, 0x07), NEXT_KILL);	/* 16 bits */
}

static void code_wraps_at_4_gib_unless_it_is_64_bits(void **state)
{
	(void)state;
	fake.top = 9;
	fake_write(0, (const uint8_t[]){ 0x50, 0, 0, 0 }, 4);
	assert_int_equal(TOUCH(0xfffffffe, 0x80, true, 0xc7, 0x00), NEXT_KILL);
	fake.paging = (struct paging_state){ .cr0 = 1 };
	fake.sregs.seg[ZSEG_CS] = (struct zendo_segment){ .attr = 0xc9b };
	assert_int_equal(TOUCH(0xfffffffe, 0x80, true, 0xc7, 0x00), NEXT_RESUME);
	assert_int_equal(rd(0x80), 0x50);
	assert_int_equal(fake.skipped, 6);
}

static void what_did_not_come_from_the_instruction_is_refused(void **state)
{
	struct exit_info x = fake_exit(EXIT_NPF, 0);

	(void)state;
	fake_write(CODE, (const uint8_t[]){ 0xc7, 0x00, 0x60, 0, 0, 0 }, 6);
	fake_vcpu(0)->regs.rip = CODE;
	x.npf.gpa = PAGE + 0x80;
	x.npf.indirect = true;
	assert_int_equal(guest_apic_access(fake_vcpu(0), &x), NEXT_KILL);
	assert_int_equal(rd(0x80), 0);
	assert_int_equal(fake.skipped, 0);
	assert_int_equal(TOUCH(CODE, 0x80, true, 0x0f, 0x11, 0x00), NEXT_KILL);	/* movups */
}

static void vcpus_start_as_the_domain_says(void **state)
{
	(void)state;
	assert_int_equal(fake.d->g.xapic, false);
	fake.d->g.xapic = true;
	lapic_init(fake_vcpu(0));
	lapic_init(fake_vcpu(1));
	assert_int_equal(fake_vcpu(0)->g.lapic.base, 0xfee00900);
	assert_int_equal(fake_vcpu(1)->g.lapic.base, 0xfee00800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(registers_are_those_of_the_msrs), T(what_is_no_register_is_an_error_of_the_apic), T(ipis_go_by_8_bits),
		T(logical_destinations_follow_each_ones_registers), T(modes_change_as_the_processor_allows),
		T(bits_above_8_name_nobody_in_xapic_mode), T(one_that_is_off_hears_nothing), T(lowest_priority_passes_one_that_takes_no_vectors),
		T(random_accesses_leave_the_apics_in_order), T(code_wraps_at_4_gib_unless_it_is_64_bits),
		T(instructions_reach_the_registers), T(code_may_cross_a_page_and_end_at_one), T(where_firmware_ends_there_are_ones),
		T(the_code_segment_says_how_to_read),
		T(what_did_not_come_from_the_instruction_is_refused), T(vcpus_start_as_the_domain_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
