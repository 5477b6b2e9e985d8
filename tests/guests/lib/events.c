// SPDX-License-Identifier: GPL-2.0-only
/*
 * 2-level event channels with the callback vector, and time. The shared_info page takes the place of a page
 * of .bss, whose own frame is lost to the guest (that is what the call means).
 */
#include "guest.h"

#define NR_HANDLERS	64
#define NR_PORTS	(BITS_PER_LONG * BITS_PER_LONG)

static char shared_info_page[4096] __page_aligned;
struct shared_info *shared_info;
struct vcpu_info *vcpu_info;
evtchn_port_t timer_port;
volatile unsigned long nr_upcalls, nr_timer_events;
static port_fn *handlers[NR_HANDLERS];

static bool bit_set(unsigned int nr, unsigned long *words)
{
	unsigned long bit = 1UL << nr % BITS_PER_LONG;

	return __atomic_fetch_or(&words[nr / BITS_PER_LONG], bit, __ATOMIC_SEQ_CST) & bit;
}

static bool bit_clear(unsigned int nr, unsigned long *words)
{
	unsigned long bit = 1UL << nr % BITS_PER_LONG;

	return __atomic_fetch_and(&words[nr / BITS_PER_LONG], ~bit, __ATOMIC_SEQ_CST) & bit;
}

static bool bit_test(unsigned int nr, unsigned long *words)
{
	return READ_ONCE(words[nr / BITS_PER_LONG]) >> nr % BITS_PER_LONG & 1;
}

int shared_info_map(void)
{
	int r = (int)add_to_physmap(XENMAPSPACE_shared_info, 0, (uintptr_t)shared_info_page >> 12);

	if (r)
		return r;
	shared_info = (void *)shared_info_page;
	vcpu_info = &shared_info->vcpu_info[0];
	return 0;
}

int vcpu_info_register(void *where)
{
	struct vcpu_register_vcpu_info info = {
		.mfn = (uintptr_t)where >> 12,
		.offset = (uintptr_t)where & 4095,
	};
	int r = (int)vcpu_op(VCPUOP_register_vcpu_info, 0, &info);

	if (!r)
		vcpu_info = where;
	return r;
}

static void handle_port(evtchn_port_t port)
{
	bit_clear(port, shared_info->evtchn_pending);
	if (port == timer_port)
		nr_timer_events++;
	if (port < NR_HANDLERS && handlers[port])
		handlers[port](port);
}

void events_handle(void)
{
	while (xchg(&vcpu_info->evtchn_upcall_pending, 0)) {
		unsigned long sel = xchg(&vcpu_info->evtchn_pending_sel, 0);

		for (; sel; sel &= sel - 1) {
			unsigned int w = (unsigned int)__builtin_ctzl(sel);
			unsigned long bits = READ_ONCE(shared_info->evtchn_pending[w]) &
					     ~READ_ONCE(shared_info->evtchn_mask[w]);

			for (; bits; bits &= bits - 1)
				handle_port(w * BITS_PER_LONG + (unsigned int)__builtin_ctzl(bits));
		}
	}
}

static void upcall(struct trap *t)
{
	(void)t;
	nr_upcalls++;
	events_handle();
}

int events_init(void)
{
	int r;

	if (!shared_info) {
		r = shared_info_map();
		if (r)
			return r;
	}
	memset(shared_info->evtchn_mask, 0xff, sizeof(shared_info->evtchn_mask));
	trap_handler(UPCALL_VECTOR, upcall);
	r = (int)hvm_param_set(HVM_PARAM_CALLBACK_IRQ, 2ULL << 56 | UPCALL_VECTOR);
	if (!r)
		irq_on();
	return r;
}

void port_handler(evtchn_port_t port, port_fn *fn)
{
	if (port < NR_HANDLERS)
		handlers[port] = fn;
}

/* Clear the mask; if the port was pending meanwhile only the hypervisor can raise it again (Linux does the same). */
void port_unmask(evtchn_port_t port)
{
	struct evtchn_unmask u = { .port = port };

	bit_clear(port, shared_info->evtchn_mask);
	if (bit_test(port, shared_info->evtchn_pending)) {
		bit_set(port, shared_info->evtchn_mask);
		(void)event_channel_op(EVTCHNOP_unmask, &u);
	}
}

void port_mask(evtchn_port_t port)
{
	bit_set(port, shared_info->evtchn_mask);
}

bool port_pending(evtchn_port_t port)
{
	return bit_test(port, shared_info->evtchn_pending);
}

bool port_masked(evtchn_port_t port)
{
	return bit_test(port, shared_info->evtchn_mask);
}

void port_clear(evtchn_port_t port)
{
	bit_clear(port, shared_info->evtchn_pending);
}

int timer_init(void)
{
	struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER, .vcpu = 0 };
	int r = (int)vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);

	if (r)
		return r;
	r = (int)event_channel_op(EVTCHNOP_bind_virq, &bind);
	if (r)
		return r;
	timer_port = bind.port;
	port_unmask(timer_port);
	return 0;
}

int timer_set(uint64_t deadline_ns)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = deadline_ns };

	return (int)vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
}

uint64_t clock_ns(void)
{
	volatile struct vcpu_time_info *t;
	uint64_t delta, ns;
	uint32_t version;

	if (!vcpu_info)
		return 0;
	t = &vcpu_info->time;
	do {
		version = t->version;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		delta = rdtsc() - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		/* 64 x 32 bits in two steps: a 32-bit guest has no 128-bit product. */
		ns = (delta >> 32) * t->tsc_to_system_mul;
		ns += ((delta & 0xffffffff) * t->tsc_to_system_mul) >> 32;
		ns += t->system_time;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (version & 1 || version != t->version);
	return ns;
}

/* Masked between look and sleep: STI takes effect after HLT has begun. */
void sleep_until(uint64_t deadline_ns)
{
	while (clock_ns() < deadline_ns) {
		irq_off();
		if (timer_set(deadline_ns))
			panic("set_singleshot_timer failed");
		halt_irq_on();
	}
}
