/* SPDX-License-Identifier: GPL-2.0-only */
/* The run loop of a vCPU and kicks, on a vendor and a guest ABI that do what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/ops.h"
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/domain_mem.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/npt.h"
#include "core/spec.h"
#include "core/trace.h"
#include "guest/guest.h"
#include "guest/msr.h"

static struct cpu cpus[2];
static unsigned int here;
static struct domain *d;
static struct vcpu vcpus[3];

static unsigned int nr_entries, nr_ipis;
static enum exit_kind exits_with[4];		/* of each entry; later ones: EXIT_INTR */
static uint64_t deadline;
static bool wakeup;				/* guest_has_wakeup() */
static typeof((struct guest_event){ 0 }.kind) event;
static bool can_inject;
static enum window window, behind;
static uint8_t held;
static void (*at_entry)(void);			/* in guest_before_entry() */
static void (*at_exit)(void);			/* in the handler of EXIT_CPUID */

/* ---- the vendor ---- */

static void fake_run(struct cpu *c, struct vcpu *v, struct exit_info *x)
{
	(void)c;
	(void)v;
	memset(x, 0, sizeof(*x));
	x->kind = nr_entries < ARRAY_SIZE(exits_with) ? exits_with[nr_entries] : EXIT_INTR;
	nr_entries++;
}

static void fake_load(struct cpu *c, struct vcpu *v) { (void)c; (void)v; }
static void fake_flush(struct vcpu *v) { (void)v; }
static bool fake_may_inject(struct vcpu *v, enum inject_type t) { (void)v; (void)t; return can_inject; }
static void fake_window(struct vcpu *v, enum window w) { (void)v; window = w; }

static void fake_inject(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error)
{
	(void)v; (void)t; (void)vector; (void)has_error; (void)error;
	event = GEVENT_NONE;
}

static struct zendo_sregs sregs;		/* of whoever had them set last */
static int fake_sregs_set(struct vcpu *v, const struct zendo_sregs *s) { (void)v; sregs = *s; return 0; }
static bool fake_msr_set(struct vcpu *v, uint32_t msr, uint64_t val) { (void)v; (void)msr; (void)val; return true; }

static void fake_sregs_get(struct vcpu *v, struct zendo_sregs *s) { (void)v; *s = sregs; }
static bool fake_msr_get(struct vcpu *v, uint32_t msr, uint64_t *ret) { (void)v; (void)msr; *ret = 0; return true; }

static const struct vendor_ops fake_ops = {
	.sregs_get = fake_sregs_get, .msr_get = fake_msr_get, .sregs_set = fake_sregs_set, .msr_set = fake_msr_set,
	.vcpu_load = fake_load, .vcpu_put = fake_load, .run = fake_run, .may_inject = fake_may_inject,
	.inject = fake_inject, .window = fake_window, .flush_guest = fake_flush,
};
const struct vendor_ops *ops = &fake_ops;

/* ---- the guest ABI ---- */

void guest_before_entry(struct vcpu *v)
{
	(void)v;
	if (at_entry)
		at_entry();
}

enum exit_next guest_cpuid(struct vcpu *v, const struct exit_info *x)
{
	(void)v; (void)x;
	if (at_exit)
		at_exit();
	return NEXT_RESUME;
}

/* SCHEDOP_poll that has to wait. */
enum exit_next guest_hypercall(struct vcpu *v, const struct exit_info *x)
{
	(void)x;
	v->wait = WAIT_POLL;
	v->reason = ZRUN_POLL;
	deadline = 5000;
	return NEXT_TO_DOM0;
}

enum exit_next guest_hlt(struct vcpu *v, const struct exit_info *x)
{
	(void)x;
	v->wait = WAIT_HALT;
	v->reason = ZRUN_HALT;
	return NEXT_TO_DOM0;
}

uint64_t guest_deadline(struct vcpu *v) { (void)v; return deadline; }
bool guest_has_wakeup(struct vcpu *v) { (void)v; return wakeup; }
struct guest_event guest_event(struct vcpu *v) { (void)v; return (struct guest_event){ event, event ? 0x30 : held }; }
enum window guest_event_behind(struct vcpu *v, struct guest_event e) { (void)v; (void)e; return behind; }
void guest_event_injected(struct vcpu *v, struct guest_event e) { (void)v; (void)e; }
uint64_t cr4_valid(struct vcpu *v) { (void)v; return CR4_PAE | CR4_PGE; }
bool xcr0_valid(const struct domain *of, uint64_t val) { (void)of; return val == 1 || val == 7; }
void guest_enter_world(struct vcpu *v) { (void)v; }
void guest_leave_world(struct vcpu *v) { (void)v; }

#define NEVER(name) \
	enum exit_next name(struct vcpu *v, const struct exit_info *x) { (void)v; (void)x; abort(); }
bool guest_apic_at(const struct vcpu *v, uint64_t addr) { (void)v; (void)addr; return false; }
NEVER(guest_apic_access)
NEVER(guest_cr4)
NEVER(guest_io)
NEVER(guest_rdmsr)
NEVER(guest_wrmsr)
NEVER(guest_xsetbv)
NEVER(guest_cr8)

/* ---- the rest of core ---- */

struct zendo_launch boot = { .nr_cpus = ARRAY_SIZE(cpus), .tsc_khz = 1000000 };
struct cpu *this_cpu(void) { return &cpus[here]; }
struct cpu *cpu_by_id(uint32_t id) { return id < ARRAY_SIZE(cpus) ? &cpus[id] : NULL; }
void apic_send(uint32_t apic_id, uint8_t vector) { (void)apic_id; (void)vector; nr_ipis++; }
uint64_t host_tsc(void) { return 1; }
void map_sync(struct cpu *c) { (void)c; }
uint32_t spec_todo[NR_EDGES];
void spec_act(uint32_t actions) { (void)actions; }
void domain_shutdown(struct domain *dom, uint32_t code) { dom->shutdown = code + 1; }
struct npt_leaf npt_lookup(struct npt *n, uint64_t a) { (void)n; (void)a; abort(); }
int gva_read(struct vcpu *v, gva_t a, void *buf, size_t len) { (void)v; (void)a; (void)buf; (void)len; abort(); }
void guest_log(struct domain *dom, const char *f, ...) { (void)dom; (void)f; }
void hv_log(const char *f, ...) { (void)f; }

struct trace_ring trace_rings[TRACE_SLOTS];

static int begin(void **state)
{
	(void)state;
	memset(cpus, 0, sizeof(cpus));
	memset(vcpus, 0, sizeof(vcpus));
	memset(exits_with, 0, sizeof(exits_with));
	d = calloc(1, sizeof(*d));
	d->id = 7;
	d->max_vcpus = ARRAY_SIZE(vcpus);
	d->state = DOMAIN_ALIVE;
	for (uint32_t i = 0; i < ARRAY_SIZE(cpus); i++)
		cpus[i].id = i;
	for (uint32_t i = 0; i < ARRAY_SIZE(vcpus); i++) {
		vcpus[i] = (struct vcpu){ .d = d, .id = i, .cpu = -1, .up = true };
		vcpus[i].run = calloc(1, sizeof(*vcpus[i].run));
		vcpus[i].posted = calloc(1, sizeof(*vcpus[i].posted));
		vcpus[i].run->dom0.armed_tsc = UINT64_MAX;
		d->vcpu[i] = &vcpus[i];
	}
	here = nr_entries = nr_ipis = 0;
	deadline = 0;
	wakeup = can_inject = false;
	window = behind = WINDOW_NONE;
	held = 0;
	event = GEVENT_NONE;
	at_entry = at_exit = NULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(vcpus); i++) {
		assert_false(vcpus[i].busy);
		assert_int_equal(vcpus[i].cpu, -1);
		free(vcpus[i].run);
		free(vcpus[i].posted);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(cpus); i++)
		assert_null(cpus[i].loaded);
	free(d);
	return 0;
}

static void kick_sibling(void)
{
	vcpu_kick(&vcpus[2]);
}

static void kick_self(void)
{
	vcpu_kick(&vcpus[0]);
}

/* ---- tests ---- */

static void a_poll_that_begins_tells_its_timeout(void **state)
{
	(void)state;
	exits_with[0] = EXIT_HYPERCALL;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_POLL);
	assert_int_equal(vcpus[0].run->hyp.deadline_tsc, 5000);
	assert_int_equal(vcpus[0].run->hyp.blocked, 1);
	assert_int_equal(vcpus[0].run->hyp.exits, 1);
	assert_int_equal(vcpus[0].run->hyp.exits_by_kind[EXIT_HYPERCALL], 1);
	/* and when dom0 looks again, as long as nothing came */
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_POLL);
	assert_int_equal(nr_entries, 1);
	wakeup = true;
	vcpus[0].run->dom0.armed_tsc = 5000;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(nr_entries, 2);
}

static void a_deadline_before_the_armed_one_is_told_before_entry(void **state)
{
	(void)state;
	deadline = 4000;
	vcpus[0].run->dom0.armed_tsc = 4001;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_DEADLINE);
	assert_int_equal(vcpus[0].run->hyp.deadline_tsc, 4000);
	assert_int_equal(nr_entries, 0);
	vcpus[0].run->dom0.armed_tsc = 4000;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(nr_entries, 1);
}

/* Dom0's post may be for a port that another vCPU handles: that one does not wait for the guest's next exit. */
static void a_sibling_woken_by_a_post_is_told_before_entry(void **state)
{
	(void)state;
	at_entry = kick_sibling;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_EVENT);
	assert_int_equal(nr_entries, 0);
	assert_int_equal(vcpus[0].posted->wake[0], 1 << 2);
	assert_int_equal(vcpus[2].request, REQ_EVENT);
	at_entry = NULL;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
}

static void a_sibling_woken_by_an_exit_is_told_at_once(void **state)
{
	(void)state;
	exits_with[0] = EXIT_CPUID;
	at_exit = kick_sibling;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_EVENT);
	assert_int_equal(nr_entries, 1);
	assert_int_equal(vcpus[0].posted->wake[0], 1 << 2);
}

static void a_sibling_in_its_guest_gets_an_ipi(void **state)
{
	(void)state;
	vcpus[2].cpu = 1;
	exits_with[0] = EXIT_CPUID;
	at_exit = kick_sibling;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(nr_entries, 2);
	assert_int_equal(nr_ipis, 1);
	assert_int_equal(vcpus[0].posted->wake[0], 0);
	vcpus[2].cpu = -1;
}

static void request_once(void)
{
	__atomic_fetch_or(&vcpus[0].request, REQ_EVENT, __ATOMIC_SEQ_CST);
	at_entry = NULL;
}

/* Who waits for the CPU to leave a domain looks at the count alone. */
static void an_entry_that_is_called_off_counts_as_an_exit(void **state)
{
	(void)state;
	at_entry = request_once;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(nr_entries, 1);
	assert_int_equal(cpus[0].exits, 2);
	assert_int_equal(vcpus[0].request, 0);
	assert_false(cpus[0].in_guest || cpus[0].in_domain);
}

static struct domain stranger = { .id = 9 };
static struct vcpu strangers[3] = { { .d = &stranger, .id = 1, .cpu = -1 }, { .d = &stranger, .id = 127, .cpu = -1 },
				    { .d = &stranger, .id = 2, .cpu = 1 } };

static void kick_strangers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		vcpu_kick(&strangers[i]);
}

/* Dom0 is told their names by the vCPU that sent; the one that runs gets an IPI. */
static void another_domains_sleepers_are_named_at_once(void **state)
{
	struct zendo_posted_page *p = vcpus[0].posted;

	(void)state;
	exits_with[0] = EXIT_CPUID;
	at_exit = kick_strangers;
	p->nr_peers = 77;	/* dom0 may have left anything */
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_EVENT);
	assert_int_equal(nr_entries, 1);
	assert_int_equal(nr_ipis, 1);
	assert_int_equal(p->nr_peers, 2);
	assert_int_equal(p->peer[0], 9 << 16 | 1);
	assert_int_equal(p->peer[1], 9 << 16 | 127);
	assert_int_equal(p->wake[0] | p->wake[1], 0);
	/* the next run begins a new list */
	p->nr_peers = 0;
	nr_entries = 0;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_EVENT);
	assert_int_equal(p->nr_peers, 2);
}

static void kick_too_many(void)
{
	for (uint32_t i = 0; i < ZENDO_MAX_PEERS + 10; i++)
		vcpu_kick(&strangers[0]);
}

static void the_list_of_names_has_an_end(void **state)
{
	struct zendo_posted_page *p = vcpus[0].posted;

	(void)state;
	exits_with[0] = EXIT_CPUID;
	at_exit = kick_too_many;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_EVENT);
	assert_int_equal(p->nr_peers, ZENDO_MAX_PEERS);
	for (size_t i = 0; i < sizeof(p->pad); i++)
		assert_int_equal(p->pad[i], 0);
}

static void a_kick_of_itself_costs_nothing(void **state)
{
	(void)state;
	exits_with[0] = EXIT_CPUID;
	at_exit = at_entry = kick_self;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(nr_entries, 2);
	assert_int_equal(nr_ipis, 0);
	assert_int_equal(vcpus[0].posted->wake[0], 0);
}

static void an_event_that_cannot_be_taken_asks_for_the_window(void **state)
{
	(void)state;
	event = GEVENT_CALLBACK;
	exits_with[0] = EXIT_WINDOW;
	exits_with[1] = EXIT_CPUID;
	at_entry = NULL;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(window, WINDOW_ANY);
	can_inject = true;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(window, WINDOW_NONE);
	assert_int_equal(event, GEVENT_NONE);
}

static void what_the_task_priority_holds_asks_for_writes_to_cr8(void **state)
{
	(void)state;
	held = 0x67;
	exits_with[0] = EXIT_CPUID;
	at_entry = NULL;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(window, WINDOW_CR8);
	/* behind one that is injected, too */
	event = GEVENT_CALLBACK;
	can_inject = true;
	behind = WINDOW_CR8;
	window = WINDOW_ANY;
	vcpus[0].window = WINDOW_ANY;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_INTR);
	assert_int_equal(window, WINDOW_CR8);
}

static void a_halted_guest_is_not_entered_without_a_wakeup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(exits_with); i++)
		exits_with[i] = EXIT_CPUID;
	exits_with[ARRAY_SIZE(exits_with) - 1] = EXIT_HLT;
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_HALT);
	assert_int_equal(nr_entries, ARRAY_SIZE(exits_with));
	assert_int_equal(vcpus[0].run->hyp.exits, ARRAY_SIZE(exits_with));
	assert_int_equal(vcpu_run(&vcpus[0]), ZRUN_HALT);
	assert_int_equal(nr_entries, ARRAY_SIZE(exits_with));
}

static void a_state_is_set_with_what_guests_may_have(void **state)
{
	struct zendo_vcpu_state s = { .regs.rip = 0x1000, .sregs.cr4 = CR4_PAE, .xcr0 = 7, .tsc_aux = 3, .up = 1 }, got;

	(void)state;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), 0);
	assert_int_equal(vcpus[0].regs.rip, 0x1000);
	assert_int_equal(sregs.cr4, CR4_PAE);
	assert_int_equal(vcpus[0].g.xcr0, 7);
	assert_int_equal(vcpu_get_state(&vcpus[0], &got), 0);
	assert_int_equal(got.xcr0, 7);
	assert_int_equal(got.tsc_aux, 3);
	s.xcr0 = 0;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), 0);
	assert_int_equal(vcpus[0].g.xcr0, 7);
	s.regs.rip = 0x2000;
	s.sregs.cr4 |= 1ULL << 22;	/* PKE */
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EINVAL);
	s.sregs.cr4 = CR4_PAE;
	s.xcr0 = 5;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EINVAL);
	s.xcr0 = 0;
	s.tsc_aux = 1ULL << 32;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EINVAL);
	s.tsc_aux = 0;
	s.up = 2;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EINVAL);
	s.up = 0;
	s.reserved = 1;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EINVAL);
	s.reserved = 0;
	vcpus[0].busy = true;
	assert_int_equal(vcpu_set_state(&vcpus[0], &s), -XEN_EBUSY);
	vcpus[0].busy = false;
	assert_int_equal(vcpus[0].regs.rip, 0x1000);
	assert_int_equal(sregs.cr4, CR4_PAE);
}

int main(void)
{
#define t(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		t(a_poll_that_begins_tells_its_timeout),
		t(a_deadline_before_the_armed_one_is_told_before_entry),
		t(a_sibling_woken_by_a_post_is_told_before_entry),
		t(a_sibling_woken_by_an_exit_is_told_at_once),
		t(a_sibling_in_its_guest_gets_an_ipi),
		t(an_entry_that_is_called_off_counts_as_an_exit),
		t(another_domains_sleepers_are_named_at_once),
		t(the_list_of_names_has_an_end),
		t(a_kick_of_itself_costs_nothing),
		t(an_event_that_cannot_be_taken_asks_for_the_window),
		t(what_the_task_priority_holds_asks_for_writes_to_cr8),
		t(a_halted_guest_is_not_entered_without_a_wakeup),
		t(a_state_is_set_with_what_guests_may_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
