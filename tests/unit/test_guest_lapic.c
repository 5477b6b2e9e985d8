// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC: registers, priorities, IPIs, INIT and SIPI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_core.h"
#include "guest/event_channel.h"
#include "guest/lapic.h"
#include "guest/msr.h"

#define SELF	(1ULL << 18)
#define ALL	(2ULL << 18)
#define OTHERS	(3ULL << 18)

static uint8_t pending(const struct vcpu *v)
{
	struct guest_event e = lapic_event(v);

	return e.kind == GEVENT_LAPIC ? e.vector : 0;
}

static int start(void **state)
{
	(void)state;
	fake_start(20);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(guest_msr_write(fake_vcpu(i), 0x80f, 0x1ff));
	memset(fake.kicks, 0, sizeof(fake.kicks));
	return 0;
}
static int stop(void **state) { (void)state; fake_stop(); return 0; }

static bool rd(uint32_t msr, uint64_t *val) { return guest_msr_read(fake_vcpu(0), msr, val); }
static bool wr(uint32_t msr, uint64_t val) { return guest_msr_write(fake_vcpu(0), msr, val); }

static uint64_t value(uint32_t msr)
{
	uint64_t val = 0;

	assert_true(rd(msr, &val));
	return val;
}

static bool irr(uint32_t id, uint8_t vector)
{
	return test_bit(vector, fake_vcpu(id)->g.lapic.irr);
}

static void registers_have_their_reset_values(void **state)
{
	static const struct { uint32_t msr; uint64_t val; } row[] = {
		{ 0x802, 0 }, { 0x803, 0x50014 }, { 0x808, 0 }, { 0x80a, 0 }, { 0x80d, 1 }, { 0x80f, 0xff }, { 0x810, 0 }, { 0x817, 0 },
		{ 0x818, 0 }, { 0x81f, 0 }, { 0x820, 0 }, { 0x827, 0 }, { 0x828, 0 }, { 0x830, 0 }, { 0x832, 0x10000 }, { 0x833, 0x10000 },
		{ 0x834, 0x10000 }, { 0x835, 0x10000 }, { 0x836, 0x10000 }, { 0x837, 0x10000 }, { 0x838, 0 }, { 0x839, 0 }, { 0x83e, 0 },
	};

	(void)state;
	fake_stop();
	fake_start(2);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_int_equal(value(row[i].msr), row[i].val);
}

static void what_does_not_exist_is_gp(void **state)
{
	static const uint32_t none[] = { 0x800, 0x801, 0x804, 0x809, 0x80c, 0x80e, 0x829, 0x82f, 0x831, 0x83a, 0x83d, 0x840, 0x8ff };
	static const uint32_t ro[] = { 0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x820, 0x827, 0x839 };
	uint64_t val;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		assert_false(rd(none[i], &val));
		assert_false(wr(none[i], 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(ro); i++)
		assert_false(wr(ro[i], 0));
	assert_false(rd(0x80b, &val));
	assert_false(rd(0x83f, &val));
}

static void reserved_bits_are_gp(void **state)
{
	static const struct { uint32_t msr; uint64_t bad; } row[] = {
		{ 0x808, 0x100 }, { 0x80b, 1 }, { 0x80f, 0x1000 }, { 0x828, 1 }, { 0x830, 1 << 12 }, { 0x830, 1 << 20 }, { 0x832, 1 << 18 },
		{ 0x835, 1 << 17 }, { 0x837, 1 << 8 }, { 0x838, 1ULL << 32 }, { 0x83f, 0x100 }, { 0x808, 1ULL << 32 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		assert_false(wr(row[i].msr, row[i].bad));
}

static void a_self_ipi_is_delivered_once_and_ended_once(void **state)
{
	struct vcpu *v = fake_vcpu(0);
	struct guest_event e;

	(void)state;
	assert_true(wr(0x83f, 0xf6));
	assert_int_equal(value(0x827), 1 << 22);
	e = guest_event(v);
	assert_int_equal(e.kind, GEVENT_LAPIC);
	assert_int_equal(e.vector, 0xf6);
	guest_event_injected(v, e);
	assert_int_equal(value(0x827), 0);
	assert_int_equal(value(0x817), 1 << 22);
	assert_int_equal(value(0x80a), 0xf0);
	/* the same again waits for the end of the first */
	assert_true(wr(0x83f, 0xf6));
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	assert_true(wr(0x80b, 0));
	assert_int_equal(value(0x80a), 0);
	assert_int_equal(guest_event(v).vector, 0xf6);
	assert_true(wr(0x830, SELF | 0x31));
	assert_true(irr(0, 0x31));
}

static void higher_classes_interrupt_lower(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	lapic_post(v, 0x41);
	guest_event_injected(v, guest_event(v));
	lapic_post(v, 0x4f);
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	lapic_post(v, 0x50);
	assert_int_equal(guest_event(v).vector, 0x50);
	guest_event_injected(v, guest_event(v));
	assert_true(wr(0x80b, 0));	/* ends 0x50 */
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	assert_true(wr(0x80b, 0));	/* ends 0x41 */
	assert_int_equal(guest_event(v).vector, 0x4f);
	assert_true(wr(0x808, 0x40));
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	assert_true(wr(0x808, 0x30));
	assert_int_equal(guest_event(v).vector, 0x4f);
	assert_true(wr(0x80b, 0));	/* nothing in service: harmless */
}

static void what_only_the_task_priority_holds_is_named(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	assert_true(wr(0x808, 0x60));
	lapic_post(v, 0x61);
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	assert_int_equal(guest_event(v).vector, 0x61);
	lapic_post(v, 0x71);
	assert_int_equal(guest_event(v).vector, 0x71);
	assert_int_equal(guest_event_behind(v, (struct guest_event){ GEVENT_CALLBACK, 0xf3 }), WINDOW_ANY);
	guest_event_injected(v, guest_event(v));
	/* one in service holds it, too: its end will be an exit */
	assert_int_equal(guest_event(v).vector, 0);
	assert_int_equal(guest_event_behind(v, (struct guest_event){ GEVENT_CALLBACK, 0xf3 }), WINDOW_NONE);
	assert_true(wr(0x80b, 0));
	assert_int_equal(guest_event_behind(v, (struct guest_event){ GEVENT_CALLBACK, 0xf3 }), WINDOW_CR8);
	assert_int_equal(guest_event_behind(v, (struct guest_event){ GEVENT_NMI, 2 }), WINDOW_CR8);
	assert_true(wr(0x80f, 0xff));
	assert_int_equal(guest_event(v).vector, 0);
}

static void a_write_to_cr8_is_one_to_tpr(void **state)
{
	struct exit_info x = fake_exit(EXIT_CR8, 4);

	(void)state;
	x.cr.value = 5;
	assert_int_equal(guest_cr8(fake_vcpu(0), &x), NEXT_RESUME);
	assert_int_equal(value(0x808), 0x50);
	assert_int_equal(fake.skipped, 4);
	x.cr.value = 16;
	assert_int_equal(guest_cr8(fake_vcpu(0), &x), NEXT_RESUME);
	assert_int_equal(fake.injected, 13);
	assert_int_equal(value(0x808), 0x50);
}

static void an_nmi_waits_for_the_end_of_the_one_before(void **state)
{
	struct vcpu *v = fake_vcpu(0);

	(void)state;
	nmi_post(v);
	guest_event_injected(v, guest_event(v));
	nmi_post(v);
	nmi_post(v);
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	/* nor does it end a HLT, or keep other events back */
	v->wait = WAIT_HALT;
	assert_false(guest_has_wakeup(v));
	v->wait = WAIT_NONE;
	lapic_post(v, 0x41);
	assert_int_equal(guest_event(v).kind, GEVENT_LAPIC);
	v->nmi_masked = false;		/* as vendor code does at IRET */
	assert_int_equal(guest_event(v).kind, GEVENT_NMI);
	guest_event_injected(v, guest_event(v));
	v->nmi_masked = false;
	assert_int_equal(guest_event(v).kind, GEVENT_LAPIC);
}

static void every_vector_finds_its_bit(void **state)
{
	(void)state;
	for (uint32_t vec = 16; vec < 256; vec++) {
		struct vcpu *v = fake_vcpu(1);
		uint64_t val;

		lapic_post(v, (uint8_t)vec);
		assert_true(guest_msr_read(v, 0x820 + vec / 32, &val));
		assert_int_equal(val, 1U << (vec % 32));
		assert_int_equal(pending(v), vec);
		lapic_accept(v, (uint8_t)vec);
		assert_true(guest_msr_write(v, 0x80b, 0));
		assert_int_equal(pending(v), 0);
	}
}

static void a_disabled_apic_takes_nothing_but_nmi(void **state)
{
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	assert_true(guest_msr_write(v, 0x80f, 0xff));
	assert_true(wr(0x830, 1ULL << 32 | 0x40));
	assert_false(irr(1, 0x40));
	assert_true(wr(0x830, 1ULL << 32 | 4 << 8));
	assert_int_equal(guest_event(v).kind, GEVENT_NMI);
	guest_event_injected(v, guest_event(v));
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	/* and its LVTs are masked, whatever is written */
	assert_true(guest_msr_write(v, 0x835, 0x700));
	uint64_t val;
	assert_true(guest_msr_read(v, 0x835, &val));
	assert_int_equal(val, 0x10700);
}

static void an_upcall_waits_for_the_apic(void **state)
{
	struct vcpu *v = fake_vcpu(1);

	(void)state;
	assert_true(guest_msr_write(v, 0x80f, 0xff));
	v->g.upcall_vector = 0xf3;
	upcall_mark(v);
	assert_int_equal(guest_event(v).kind, GEVENT_NONE);
	assert_true(guest_msr_write(v, 0x80f, 0x1ff));
	assert_int_equal(guest_event(v).vector, 0xf3);
}

static void destinations_are_found(void **state)
{
	(void)state;
	assert_true(wr(0x830, 17ULL << 32 | 0x40));			/* physical */
	assert_true(wr(0x830, (1ULL << 16 | 1 << 3 | 1 << 2) << 32 | 1 << 11 | 0x41));	/* cluster 1: 18, 19 */
	assert_true(wr(0x830, OTHERS | 0x42));
	assert_true(wr(0x830, ALL | 0x43));
	assert_true(wr(0x830, 0xffffffffULL << 32 | 0x44));
	assert_true(wr(0x830, 0xffffffffULL << 32 | 1 << 11 | 0x45));
	assert_true(wr(0x830, 99ULL << 32 | 0x46));
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(irr(i, 0x40), i == 17);
		assert_int_equal(irr(i, 0x41), i == 18 || i == 19);
		assert_int_equal(irr(i, 0x42), i != 0);
		assert_true(irr(i, 0x43));
		assert_true(irr(i, 0x44));
		assert_true(irr(i, 0x45));
		assert_false(irr(i, 0x46));
	}
	assert_int_equal(value(0x830), 99ULL << 32 | 0x46);
	/* each vCPU reads the logical ID it is found by */
	for (uint32_t i = 0; i < 20; i++) {
		uint64_t ldr;

		assert_true(guest_msr_read(fake_vcpu(i), 0x80d, &ldr));
		assert_true(wr(0x830, ldr << 32 | 1 << 11 | 0x60));
		assert_true(irr(i, 0x60));
		assert_false(i < 19 && irr(i + 1, 0x60));
	}
}

static void lowest_priority_goes_to_one(void **state)
{
	int n = 0;

	(void)state;
	assert_true(wr(0x830, 0xffULL << 32 | 1 << 11 | 1 << 8 | 0x40));
	for (uint32_t i = 0; i < 20; i++)
		n += irr(i, 0x40);
	assert_int_equal(n, 1);
}

static void low_vectors_are_errors(void **state)
{
	(void)state;
	assert_true(wr(0x830, 1ULL << 32 | 15));
	assert_false(irr(1, 15));
	assert_int_equal(value(0x828), 0);
	assert_true(wr(0x828, 0));
	assert_int_equal(value(0x828), 0x20);
	assert_true(wr(0x828, 0));
	assert_int_equal(value(0x828), 0);
	assert_true(wr(0x83f, 3));
	assert_true(wr(0x828, 0));
	assert_int_equal(value(0x828), 0x20);
}

/* ---- INIT, SIPI ---- */

static void linux_starts_an_ap(void **state)
{
	struct vcpu *ap = fake_vcpu(1);

	(void)state;
	assert_false(ap->up);
	ap->regs.rsp = 0x1234;
	assert_true(wr(0x830, 1ULL << 32 | 0xc500));	/* INIT, level, assert */
	assert_true(wr(0x830, 1ULL << 32 | 0x8500));	/* de-assert */
	assert_false(wr(0x830, 1ULL << 32 | 0x609a));	/* a reserved bit: #GP */
	assert_true(wr(0x830, 1ULL << 32 | 0x69a));
	assert_true(fake.kicks[1] > 0);
	guest_before_entry(ap);
	assert_true(ap->up);
	assert_int_equal(ap->regs.rip, 0);
	assert_int_equal(ap->regs.rsp, 0);
	assert_int_equal(ap->regs.rflags, 2);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].selector, 0x9a00);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].base, 0x9a000);
	assert_int_equal(fake.sregs.cr0, 0x10);
	assert_int_equal(fake.sregs.efer, 0);
	/* the second SIPI is ignored */
	ap->regs.rip = 0x77;
	assert_true(wr(0x830, 1ULL << 32 | 0x69b));
	guest_before_entry(ap);
	assert_int_equal(ap->regs.rip, 0x77);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].selector, 0x9a00);
	assert_true(wr(0x828, 0));
	assert_int_equal(value(0x828), 0);
}

static void init_keeps_what_was_registered(void **state)
{
	struct vcpu *ap = fake_vcpu(1);
	char *info = ap->g.info;

	(void)state;
	ap->up = true;
	ap->wait = WAIT_HALT;
	ap->g.upcall_vector = 0xf3;
	ap->g.virq_port[0] = 0;
	lapic_post(ap, 0x40);
	assert_true(guest_msr_write(ap, 0x808, 0x20));
	assert_true(wr(0x830, 1ULL << 32 | 0x500));
	assert_true(guest_has_wakeup(ap));
	guest_before_entry(ap);
	assert_false(ap->up);
	assert_int_equal(ap->wait, WAIT_NONE);
	assert_int_equal(ap->request & REQ_RESET, 0);
	assert_ptr_equal(ap->g.info, info);
	assert_int_equal(ap->g.upcall_vector, 0xf3);
	assert_int_equal(ap->g.lapic.base, 0xfee00c00);
	assert_int_equal(ap->g.lapic.svr, 0xff);
	assert_int_equal(ap->g.lapic.tpr, 0);
	assert_false(irr(1, 0x40));
	/* it waits, deaf to all but a SIPI */
	guest_before_entry(ap);
	assert_false(ap->up);
}

static void init_after_sipi_wins(void **state)
{
	(void)state;
	assert_true(wr(0x830, 1ULL << 32 | 0x699));
	assert_true(wr(0x830, 1ULL << 32 | 0x500));
	guest_before_entry(fake_vcpu(1));
	assert_false(fake_vcpu(1)->up);
	assert_true(wr(0x830, 1ULL << 32 | 0x698));
	guest_before_entry(fake_vcpu(1));
	assert_true(fake_vcpu(1)->up);
	assert_int_equal(fake.sregs.seg[ZSEG_CS].base, 0x98000);
}

static void a_running_ap_ignores_sipi(void **state)
{
	(void)state;
	fake_vcpu(1)->up = true;
	fake_vcpu(1)->regs.rip = 0x1000;
	assert_true(wr(0x830, 1ULL << 32 | 0x699));
	guest_before_entry(fake_vcpu(1));
	assert_int_equal(fake_vcpu(1)->regs.rip, 0x1000);
	/* and so it does the de-assert of an INIT long past */
	assert_true(wr(0x830, 1ULL << 32 | 0x8500));
	guest_before_entry(fake_vcpu(1));
	assert_true(fake_vcpu(1)->up);
}

static void nmi_to_all_others(void **state)
{
	(void)state;
	assert_true(wr(0x830, OTHERS | 4 << 8));
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(guest_event(fake_vcpu(i)).kind, i ? GEVENT_NMI : GEVENT_NONE);
}

static void random_writes_keep_the_apic_sane(void **state)
{
	(void)state;
	fake_seed(11);
	for (int i = 0; i < 300000; i++) {
		uint32_t id = fake_below(20);
		struct vcpu *v = fake_vcpu(id);
		uint64_t val = fake_random() >> fake_below(64);

		if (fake_below(2))
			(void)guest_msr_write(v, 0x800 + fake_below(0x48), val);
		else
			(void)guest_msr_write(v, 0x830, (uint64_t)fake_below(24) << 32 | (val & 0xccfff));
		guest_before_entry(v);
		struct guest_event e = guest_event(v);
		if (e.kind == GEVENT_LAPIC) {
			assert_true(e.vector >= 16);
			guest_event_injected(v, e);
			assert_true(pending(v) == 0 || (pending(v) & 0xf0) > (e.vector & 0xf0));
		} else if (e.kind == GEVENT_NMI) {
			guest_event_injected(v, e);
		}
		assert_int_equal(v->g.lapic.tmict >> 31 >> 1, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(registers_have_their_reset_values), T(what_does_not_exist_is_gp), T(reserved_bits_are_gp),
		T(a_self_ipi_is_delivered_once_and_ended_once), T(higher_classes_interrupt_lower), T(every_vector_finds_its_bit),
		T(a_disabled_apic_takes_nothing_but_nmi), T(what_only_the_task_priority_holds_is_named), T(an_nmi_waits_for_the_end_of_the_one_before),
		T(a_write_to_cr8_is_one_to_tpr),
		T(an_upcall_waits_for_the_apic), T(destinations_are_found),
		T(lowest_priority_goes_to_one), T(low_vectors_are_errors), T(linux_starts_an_ap), T(init_keeps_what_was_registered),
		T(init_after_sipi_wins), T(a_running_ap_ignores_sipi), T(nmi_to_all_others), T(random_writes_keep_the_apic_sane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
