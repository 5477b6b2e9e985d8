// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: what single operations cost, as one line of JSON. Each is timed n= times with RDTSC and the median, least and most are
 * given in TSC cycles; "ns" converts the median by the pvclock's scale. Under QEMU's -icount the TSC counts virtual nanoseconds,
 * so that a figure divided by 2^shift is a count of instructions, everybody's included.
 *
 *	n=N (default 2000, at most 10000) seconds are not needed
 *	role=answer, role=ask: between two guests instead, see bench_peers.c
 */
#include "bench.h"

#define MAX_SAMPLES	10000
#define ALU_LOOPS	100000

static uint32_t samples[MAX_SAMPLES];
static unsigned int nr_samples;
static uint32_t empty;			/* cost of measuring */
static volatile uint64_t handler_tsc;
static bool first = true;

void record(uint64_t from, uint64_t to)
{
	uint64_t d = to - from;

	samples[nr_samples++] = d > 0xffffffff ? 0xffffffff : (uint32_t)d;
}

/* Shell sort: no stack, no library. */
static void sort(void)
{
	unsigned int gap, i, j;

	for (gap = nr_samples / 2; gap; gap /= 2) {
		for (i = gap; i < nr_samples; i++) {
			uint32_t v = samples[i];

			for (j = i; j >= gap && samples[j - gap] > v; j -= gap)
				samples[j] = samples[j - gap];
			samples[j] = v;
		}
	}
}

static uint64_t tsc_to_ns(uint64_t tsc)
{
	int8_t shift = vcpu_info->time.tsc_shift;

	tsc = shift < 0 ? tsc >> -shift : tsc << shift;
	return (tsc * vcpu_info->time.tsc_to_system_mul) >> 32;
}

void result(const char *name)
{
	uint32_t median;

	sort();
	median = samples[nr_samples / 2];
	printf("%s\"%s\":{\"n\":%u,\"min\":%u,\"median\":%u,\"max\":%u,\"ns\":%llu}", first ? "" : ",", name, nr_samples, samples[0],
	       median, samples[nr_samples - 1], (unsigned long long)tsc_to_ns(median > empty ? median - empty : 0));
	first = false;
	nr_samples = 0;
}

static inline void null_hypercall(void)
{
	unsigned long ax = __HYPERVISOR_xen_version;

	if (cpu_is_amd)
		__asm__ volatile("vmmcall" : "+a"(ax) : "D"(0), "S"(0) : "memory");
	else
		__asm__ volatile("vmcall" : "+a"(ax) : "D"(0), "S"(0) : "memory");
}

static inline void cpuid_0(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
}

static inline void alu_loop(void)
{
	unsigned long n = ALU_LOOPS, a = 1, b = 2;

	__asm__ volatile("1: add %1, %2; xor %2, %1; rol $7, %1; dec %0; jnz 1b" : "+r"(n), "+r"(a), "+r"(b));
}

static void handler(evtchn_port_t port)
{
	(void)port;
	handler_tsc = rdtsc();
}

static void event_to_self(unsigned int n)
{
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	struct evtchn_send s;
	unsigned int i;

	if (event_channel_op(EVTCHNOP_bind_ipi, &b))
		panic("bind_ipi");
	port_handler(b.port, handler);
	port_unmask(b.port);
	s.port = b.port;
	for (i = 0; i < n; i++) {
		uint64_t t = tsc_ordered();

		handler_tsc = 0;
		(void)event_channel_op(EVTCHNOP_send, &s);
		while (!handler_tsc)
			cpu_relax();
		record(t, handler_tsc);
	}
	result("event_to_self");
	MEASURE("event_send_masked", n, (port_mask(b.port), (void)event_channel_op(EVTCHNOP_send, &s), port_clear(b.port)));
}

/* From the deadline to the handler, awake and asleep. The deadline in TSC: now, and the distance in ns scaled back. */
static void timer_latency(unsigned int n, bool asleep, const char *name)
{
	uint64_t khz = (1000000ULL << 32) / vcpu_info->time.tsc_to_system_mul, distance = 500000;
	int8_t shift = vcpu_info->time.tsc_shift;
	unsigned int i;

	khz = shift < 0 ? khz << -shift : khz >> shift;
	port_handler(timer_port, handler);
	for (i = 0; i < n; i++) {
		uint64_t deadline, now;

		irq_off();
		handler_tsc = 0;
		now = clock_ns();
		deadline = rdtsc() + distance * khz / 1000000;
		(void)timer_set(now + distance);
		while (!handler_tsc) {
			if (asleep) {
				halt_irq_on();
				irq_off();
			} else {
				irq_on();
				cpu_relax();
			}
		}
		irq_on();
		record(deadline < handler_tsc ? deadline : handler_tsc, handler_tsc);
	}
	result(name);
}

void guest_main(void)
{
	unsigned int n = (unsigned int)option_number("n", 2000);
	uint64_t v, t0, t1, ns0, ns1;
	struct vcpu_set_singleshot_timer far = { .timeout_abs_ns = 1ULL << 60 };

	if (!xen_base) {
		printf("no hypervisor\n");
		return;
	}
	if (n > MAX_SAMPLES || n < 10)
		n = MAX_SAMPLES;
	if (events_init() || timer_init())
		panic("no events or timer");

	if (option("role")) {
		printf("\n{\"unit\":\"tsc\",");
		bench_role(n);
		printf("}\n");
		return;
	}
	ns0 = clock_ns();
	t0 = rdtsc();
	MEASURE("warm", 100, null_hypercall());
	first = true;
	printf("\n{\"unit\":\"tsc\",");
	MEASURE("empty", n, barrier());
	empty = samples[n / 2];
	MEASURE("null_hypercall", n, null_hypercall());
	MEASURE("cpuid", n, cpuid_0());
	MEASURE("msr_read", n, (void)rdmsr_safe(0x1b, &v));
	MEASURE("port_read", n, (void)inb(0x80));
	MEASURE("timer_set", n, (void)vcpu_op(VCPUOP_set_singleshot_timer, 0, &far));
	MEASURE("yield", n, (void)sched_op(SCHEDOP_yield, NULL));
	MEASURE("clock_read", n, (void)clock_ns());
	event_to_self(n);
	timer_latency(n < 200 ? n : 200, false, "timer_awake");
	timer_latency(n < 200 ? n : 200, true, "timer_asleep");
	bench_grants(n);
	bench_second_vcpu(n);
	MEASURE("alu_loop_100k", 20, alu_loop());
	t1 = rdtsc();
	ns1 = clock_ns();
	printf(",\"total_tsc\":%llu,\"total_ns\":%llu}\n", (unsigned long long)(t1 - t0), (unsigned long long)(ns1 - ns0));
	check(ns1 > ns0, "bench-ran", "no time passed");
}
