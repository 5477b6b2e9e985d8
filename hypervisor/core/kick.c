// SPDX-License-Identifier: GPL-2.0-only
/* Forcing other CPUs out of guest mode, and remote TLB flushes. */
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"

#define HOLD_LIMIT_US	100

/*
 * Longer than the limit is said once for each new maximum. It is a failure only where time counts instructions: elsewhere an
 * emulator's host may have stopped this CPU meanwhile.
 */
void cpu_hold_record(struct cpu *c, uint64_t held)
{
	uint64_t us = held * 1000 / boot.tsc_khz;

	c->max_hold = held;
	CHECK(!(boot.flags & ZENDO_LAUNCH_ICOUNT) || us <= HOLD_LIMIT_US);
	if (us > HOLD_LIMIT_US)
		hv_log("CPU %u: interrupts held off for %lu us in %s %lx", c->id, us,
		       c->hold_what >= ZCALL_BASE ? "call" : "exit", c->hold_what);
}

void cpu_kick(struct cpu *c)
{
	apic_send(c->apic_id, (uint8_t)boot.kick_vector);
}

void cpu_kick_wait(struct cpu *c)
{
	uint64_t seen = __atomic_load_n(&c->exits, __ATOMIC_SEQ_CST);

	/*
	 * 1. The caller made its request visible (full barrier) before this reads in_guest.
	 * 2. The target sets in_guest, full barrier, then reads requests; so either it sees the request
	 *    or we see in_guest.
	 * 3. In a domain interrupts are intercepted: the IPI ends the run and the exit count moves, as it does when the entry is called
	 *    off. A CPU in host mode is on its way there and waits for nobody meanwhile, so two waiters cannot wait for each other.
	 */
	if (!__atomic_load_n(&c->in_guest, __ATOMIC_SEQ_CST) || !__atomic_load_n(&c->in_domain, __ATOMIC_SEQ_CST))
		return;
	cpu_kick(c);
	while (__atomic_load_n(&c->exits, __ATOMIC_SEQ_CST) == seen)
		__builtin_ia32_pause();
}

/*
 * One exit raises one event for another domain (multicall stops after it), and dom0 is told before the next entry: the list has
 * room for its target and for all who poll.
 */
static void name_peer(struct vcpu *me, const struct vcpu *v)
{
	if (me->nr_peers == ARRAY_SIZE(me->posted->peer))
		return;
	WRITE_ONCE(me->posted->peer[me->nr_peers], (uint32_t)v->d->id << 16 | v->id);
	WRITE_ONCE(me->posted->nr_peers, ++me->nr_peers);
}

void vcpu_kick(struct vcpu *v)
{
	struct vcpu *me = this_cpu()->loaded;
	int32_t cpu;
	struct cpu *c;

	/* Itself, in host mode: it looks at its events before each entry anyway. */
	if (me == v)
		return;
	__atomic_fetch_or(&v->request, REQ_EVENT, __ATOMIC_SEQ_CST);
	cpu = __atomic_load_n(&v->cpu, __ATOMIC_SEQ_CST);
	if (cpu >= 0) {
		c = cpu_by_id((uint32_t)cpu);
		if (c && c != this_cpu())
			cpu_kick(c);
		return;
	}
	/*
	 * Not in guest mode: it sleeps in dom0, or is on its way there having looked before our event. Dom0 is told by the vCPU that
	 * runs here, at once; a wake-up too many is harmless.
	 */
	if (!me)
		return;
	if (me->d == v->d)
		test_and_set_bit(v->id, me->posted->wake);
	else
		name_peer(me, v);
	me->told_dom0 = false;
}

void domain_flush_tlb(struct domain *d)
{
	struct cpu *self = this_cpu();
	uint64_t debt = debt_ask(d->npt);

	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = domain_vcpu(d, i);
		int32_t cpu;

		if (!v)
			continue;
		__atomic_fetch_or(&v->request, REQ_FLUSH, __ATOMIC_SEQ_CST);
		cpu = __atomic_load_n(&v->cpu, __ATOMIC_SEQ_CST);
		if (cpu >= 0 && (uint32_t)cpu != self->id)
			cpu_kick_wait(cpu_by_id((uint32_t)cpu));
	}
	/* And no CPU in host mode is in the middle of an access to the domain's memory (bounded: one page). */
	for (uint32_t i = 0; i < boot.nr_cpus; i++) {
		struct cpu *c = cpu_by_id(i);

		while (c && c != self && __atomic_load_n(&c->copying, __ATOMIC_SEQ_CST) == d->npt)
			__builtin_ia32_pause();
	}
	debt_due(d->npt, debt);
}
