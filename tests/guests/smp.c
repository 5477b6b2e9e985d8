// SPDX-License-Identifier: GPL-2.0-only
/*
 * smp: as many vCPUs as the domain has, started by INIT and SIPI as a kernel does it. Then tokens go round, each vCPU sends an
 * event to the next: first one token, so that all but one sleep; then one of each vCPU, so that all send at once; then one through
 * SCHEDOP_poll, port masked and interrupts off, as a PV spinlock waits. First with 2 levels, then with FIFO. At the end all go down.
 * An event that is lost stops a token; what stands where is told after timeout= seconds.
 *
 *	laps=N (default 3) timeout=N (seconds, default 100)
 */
#include "guest.h"

#define MAX_VCPUS	128
#define AP_STACK	4096
#define TRAMPOLINE	0x8000U		/* RAM, and nothing else uses it by then */
#define MSR_GS_BASE	0xc0000101
#define MSR_X2APIC_ICR	0x830
#define ICR_INIT	0x4500U		/* assert */
#define ICR_SIPI	0x4600U

enum phase { EVENTS, POLL_2LEVEL, POLL_FIFO, DOWN };

struct __attribute__((aligned(512))) cpu {
	struct cpu *self;		/* at GS:0 */
	unsigned int id;
	evtchn_port_t port;		/* an IPI to this vCPU */
	enum phase phase;		/* the last one it has begun */
	uint32_t mail;			/* tokens on their way here: atomic */
	uint32_t seen;			/* tokens that came */
	uint32_t turn;			/* for poll_laps(), written by the one before */
	uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
	struct evtchn_fifo_control_block control __attribute__((aligned(128)));
	struct vcpu_info info __attribute__((aligned(64)));
};

extern char ap_trampoline[], ap_trampoline_end[];
void ap_main(unsigned int id) __attribute__((noreturn));

char ap_stacks[MAX_VCPUS][AP_STACK] __page_aligned;
static struct cpu cpus[MAX_VCPUS] __page_aligned;
_Static_assert(4096 % sizeof(struct cpu) == 0, "nothing that is registered crosses a page");
static event_word_t words[1024] __page_aligned;
static unsigned int nr_cpus;
static bool fifo;
static enum phase phase;
static uint32_t laps, timeout;
static uint32_t hops, nr_stopped, nr_started, nr_done;	/* atomic: that tokens may still go; tokens at their end; vCPUs */

static struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

static struct cpu *next_of(const struct cpu *c)
{
	return &cpus[(c->id + 1) % nr_cpus];
}

static void add(uint32_t *to, uint32_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_SEQ_CST);
}

static void send(const struct cpu *to)
{
	if (evtchn_send(to->port))
		panic("no event can be sent to vCPU %u", to->id);
}

/* ---- tokens ---- */

static bool take_hop(void)
{
	uint32_t left = READ_ONCE(hops);

	while (left)
		if (__atomic_compare_exchange_n(&hops, &left, left - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void hand_to(struct cpu *c)
{
	add(&c->mail, 1);
	send(c);
}

static void pass_on(struct cpu *c)
{
	uint32_t n = xchg(&c->mail, 0);

	c->seen += n;
	for (; n; n--) {
		if (take_hop())
			hand_to(next_of(c));
		else
			add(&nr_stopped, 1);
	}
}

/* ---- events of both ABIs; each is of the vCPU's own port, or of the first one's timer ---- */

static bool word_clear(evtchn_port_t port, unsigned int bit)
{
	return __atomic_fetch_and(&words[port], ~(1U << bit), __ATOMIC_SEQ_CST) >> bit & 1;
}

static void handle_fifo(struct cpu *c)
{
	uint32_t gone = 1U << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK;
	uint32_t ready, q, port;

	for (ready = xchg(&c->control.ready, 0); ready; ready |= xchg(&c->control.ready, 0)) {
		q = (uint32_t)__builtin_ctz(ready);
		port = c->head[q] ? c->head[q] : READ_ONCE(c->control.head[q]);
		if (port != c->port && (c->id || port != timer_port))
			panic("queue %u of vCPU %u has port %u", q, c->id, port);
		c->head[q] = __atomic_fetch_and(&words[port], ~gone, __ATOMIC_SEQ_CST) & EVTCHN_FIFO_LINK_MASK;
		if (!c->head[q])
			ready &= ~(1U << q);
		if (!(READ_ONCE(words[port]) >> EVTCHN_FIFO_MASKED & 1) && word_clear(port, EVTCHN_FIFO_PENDING) && port == c->port)
			pass_on(c);
	}
}

/* The words with the pending bits are everybody's: only the own ones are looked at. */
static void handle_2level(struct cpu *c)
{
	(void)xchg(&c->info.evtchn_pending_sel, 0);
	if (!c->id)
		port_clear(timer_port);
	if (port_pending(c->port) && !port_masked(c->port)) {
		port_clear(c->port);
		pass_on(c);
	}
}

static void upcall(struct trap *t)
{
	struct cpu *c = this_cpu();

	(void)t;
	while (xchg(&c->info.evtchn_upcall_pending, 0)) {
		if (fifo)
			handle_fifo(c);
		else
			handle_2level(c);
	}
}

static void mask(evtchn_port_t port)
{
	if (fifo)
		__atomic_fetch_or(&words[port], 1U << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST);
	else
		port_mask(port);
}

static void clear_pending(evtchn_port_t port)
{
	if (fifo)
		(void)word_clear(port, EVTCHN_FIFO_PENDING);
	else
		port_clear(port);
}

/* ---- phases: what all vCPUs do with interrupts off ---- */

/* Nothing is lost between the look and the poll: an event that comes there leaves the port pending. */
static void wait_for_turn(struct cpu *c, uint32_t turn)
{
	struct sched_poll p = { .nr_ports = 1 };

	set_xen_guest_handle(p.ports, &c->port);
	for (;;) {
		clear_pending(c->port);
		if (READ_ONCE(c->turn) == turn)
			return;
		if (sched_op(SCHEDOP_poll, &p))
			panic("vCPU %u cannot poll", c->id);
	}
}

static void give_turn(struct cpu *c)
{
	add(&c->turn, 1);
	send(c);
}

static void poll_laps(struct cpu *c)
{
	uint32_t lap;

	for (lap = 1; lap <= laps; lap++) {
		if (!c->id)
			give_turn(next_of(c));
		wait_for_turn(c, lap);
		if (c->id)
			give_turn(next_of(c));
	}
}

/* An event that came before the mask has left its upcall behind: that finds nothing. */
static void take_part(struct cpu *c, enum phase p)
{
	c->phase = p;
	if (p == DOWN) {
		(void)vcpu_op(VCPUOP_down, c->id, NULL);
		panic("vCPU %u goes on after VCPUOP_down", c->id);
	}
	mask(c->port);
	poll_laps(c);
	clear_pending(c->port);
	(void)evtchn_unmask(c->port);
	add(&nr_done, 1);
}

static void cpu_init(struct cpu *c)
{
	struct vcpu_register_vcpu_info r = { .mfn = (uintptr_t)&c->info >> 12, .offset = (uintptr_t)&c->info & 4095 };

	c->self = c;
	if (!wrmsr_safe(MSR_GS_BASE, (uintptr_t)c))
		panic("no GS base");
	if (vcpu_op(VCPUOP_register_vcpu_info, c->id, &r))
		panic("vCPU %u cannot register its vcpu_info", c->id);
}

void ap_main(unsigned int id)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		unsigned long base;
	} idt = { (uint16_t)idt_limit, idt_base };
	struct cpu *c = &cpus[id];

	__asm__ volatile("lidt %0" :: "m"(idt));
	cpu_init(c);
	add(&nr_started, 1);
	for (;;) {
		irq_off();
		if (READ_ONCE(phase) != c->phase)
			take_part(c, READ_ONCE(phase));
		else
			halt_irq_on();
	}
}

/* ---- the first vCPU ---- */

/* How far each one is, where it is not as far as the first one. */
static void tell(void)
{
	unsigned int i;

	printf("hops left %u, stopped %u, started %u, done %u\n", hops, nr_stopped, nr_started, nr_done);
	for (i = 0; i < nr_cpus; i++)
		if (cpus[i].mail || cpus[i].seen != cpus[0].seen || cpus[i].turn != cpus[0].turn || cpus[i].phase != phase)
			printf("vCPU %u: port %u, %u in its mail, %u seen, turn %u, phase %u, upcall %u, ready %x, word %x\n", i,
			       cpus[i].port, cpus[i].mail, cpus[i].seen, cpus[i].turn, cpus[i].phase,
			       cpus[i].info.evtchn_upcall_pending, cpus[i].control.ready, words[cpus[i].port]);
}

static unsigned int nr_up(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_cpus; i++)
		n += vcpu_op(VCPUOP_is_up, i, NULL) == 1;
	return n;
}

/* Sleeps; the timer is for the case that it never comes, and for what no event tells. */
static bool wait_until(const char *name, const uint32_t *what, uint32_t wanted)
{
	uint64_t start = clock_ns(), end = start + timeout * NSEC;

	irq_off();
	while ((what ? READ_ONCE(*what) : nr_up()) != wanted && clock_ns() < end) {
		(void)timer_set(clock_ns() + 20 * MSEC);
		halt_irq_on();
		irq_off();
	}
	irq_on();
	printf("%llu ms\n", (unsigned long long)(clock_ns() - start) / MSEC);
	if (check_equal(name, what ? READ_ONCE(*what) : nr_up(), wanted))
		return true;
	tell();
	return false;
}

static bool prepare(void)
{
	struct evtchn_bind_ipi b;
	unsigned int i;
	uint32_t r[4];

	for (nr_cpus = 0; nr_cpus < MAX_VCPUS && vcpu_op(VCPUOP_is_up, nr_cpus, NULL) >= 0; nr_cpus++)
		;
	cpuid(0xb, 1, r);
	check_equal("cpuid-tells-how-many", r[1] & 0xffff, nr_cpus);
	irq_off();
	cpu_init(&cpus[0]);
	vcpu_info = &cpus[0].info;
	trap_handler(UPCALL_VECTOR, upcall);
	irq_on();
	for (i = 0; i < nr_cpus; i++) {
		cpus[i].id = b.vcpu = i;
		if (event_channel_op(EVTCHNOP_bind_ipi, &b))
			return check(false, "bind_ipi", "vCPU %u", i);
		cpus[i].port = b.port;
		port_unmask(b.port);
	}
	return check(b.port < ARRAY_SIZE(words), "one-page-of-words-will-do", "port %u", b.port);
}

static bool start_all(void)
{
	unsigned int i;

	memcpy((void *)(uintptr_t)TRAMPOLINE, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	for (i = 1; i < nr_cpus; i++) {
		(void)wrmsr_safe(MSR_X2APIC_ICR, (uint64_t)i << 32 | ICR_INIT);
		(void)wrmsr_safe(MSR_X2APIC_ICR, (uint64_t)i << 32 | ICR_SIPI | TRAMPOLINE >> 12);
	}
	return wait_until("all-start", &nr_started, nr_cpus - 1) && check_equal("all-are-up", nr_up(), nr_cpus);
}

/* Every token that started has come to its end, and no vCPU was left out. */
static bool tokens(const char *name, uint32_t nr)
{
	unsigned int i;
	uint32_t sum = 0, idle = 0;

	nr_stopped = 0;
	hops = laps * nr_cpus * nr - nr;
	for (i = 0; i < nr_cpus; i++)
		cpus[i].seen = 0;
	irq_off();
	for (i = 0; i < nr; i++)
		hand_to(&cpus[(i + 1) % nr_cpus]);
	irq_on();
	if (!wait_until(name, &nr_stopped, nr))
		return false;
	for (i = 0; i < nr_cpus; i++) {
		sum += cpus[i].seen;
		idle += !cpus[i].seen;
	}
	check_equal("each-hop-was-seen-once", sum, laps * nr_cpus * nr);
	return check_equal("none-was-left-out", idle, 0);
}

static void begin(enum phase p)
{
	unsigned int i;

	nr_done = 0;
	for (i = 0; i < nr_cpus; i++)
		cpus[i].turn = 0;
	__atomic_store_n(&phase, p, __ATOMIC_SEQ_CST);
	for (i = 1; i < nr_cpus; i++)
		send(&cpus[i]);
}

static bool ring_of_pollers(const char *name, enum phase p)
{
	begin(p);
	irq_off();
	take_part(&cpus[0], p);
	irq_on();
	return wait_until(name, &nr_done, nr_cpus);
}

/* The others sleep. What is sent from now on comes by FIFO. */
static bool switch_over(void)
{
	struct evtchn_expand_array e = { .array_gfn = (uintptr_t)words >> 12 };
	struct evtchn_init_control ic;
	unsigned int i;
	long r = 0;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = 1U << EVTCHN_FIFO_MASKED;
	words[timer_port] = 0;
	irq_off();
	for (i = 0; i < nr_cpus; i++) {
		words[cpus[i].port] = 0;
		ic = (struct evtchn_init_control){ .control_gfn = (uintptr_t)&cpus[i].control >> 12,
						   .offset = (uintptr_t)&cpus[i].control & 4095, .vcpu = i };
		r |= event_channel_op(EVTCHNOP_init_control, &ic);
	}
	if (!r)
		r = event_channel_op(EVTCHNOP_expand_array, &e);
	fifo = true;
	irq_on();
	return check_equal("switch-to-fifo", r, 0);
}

static bool all_but_one_go_down(void)
{
	begin(DOWN);
	return wait_until("down", NULL, 1);
}

void guest_main(void)
{
	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	laps = (uint32_t)option_number("laps", 3);
	timeout = (uint32_t)option_number("timeout", 100);
	if (events_init() || timer_init())
		panic("no events or timer");
	if (!prepare() || !start_all())
		return;
	printf("%u vCPUs\n", nr_cpus);
	if (!tokens("one-token", 1) || !tokens("all-at-once", nr_cpus) || !ring_of_pollers("pollers", POLL_2LEVEL))
		return;
	if (!switch_over())
		return;
	if (tokens("fifo-one-token", 1) && tokens("fifo-all-at-once", nr_cpus) && ring_of_pollers("fifo-pollers", POLL_FIFO))
		(void)all_but_one_go_down();
}
