// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 2-level ABI: one pending and one mask bit per port in shared_info, one selector bit per word in
 * the vCPU's vcpu_info. The guest changes the same words at the same time, so each step is one LOCKed operation and their
 * order is the argument (guest-abi 7.3):
 *   raise:  pending, then mask is read, then selector, then upcall byte
 *   guest:  upcall byte, then selector, then pending; unmask: mask, then pending is read
 * A bit in the i386 layout stands at the same byte and bit, only the arrays start elsewhere.
 */
#include "guest/event_channel.h"
#include "guest/compat.h"

static char *pending_bits(const struct domain *d)
{
	return (char *)d->g.shared + (d->g.compat ? offsetof(struct shared_info_x86_32, evtchn_pending)
						  : offsetof(struct shared_info, evtchn_pending));
}

static char *mask_bits(const struct domain *d)
{
	return (char *)d->g.shared + (d->g.compat ? offsetof(struct shared_info_x86_32, evtchn_mask)
						  : offsetof(struct shared_info, evtchn_mask));
}

static char *selector(const struct vcpu *v)
{
	return READ_ONCE(v->g.info) + (v->d->g.compat ? offsetof(struct vcpu_info_x86_32, evtchn_pending_sel)
							       : offsetof(struct vcpu_info, evtchn_pending_sel));
}

static uint32_t max_ports(const struct domain *d)
{
	return d->g.compat ? 1024 : EVTCHN_2L_NR_CHANNELS;
}

static void select_and_mark(struct domain *d, uint32_t port, const struct evtchn_port *p)
{
	struct vcpu *v = domain_vcpu(d, p->vcpu);

	if (v && !test_and_set_bit(port / (d->g.compat ? 32 : 64), selector(v)))
		upcall_mark(v);
}

static void raise(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	if (port >= max_ports(d) || test_and_set_bit(port, pending_bits(d)))
		return;
	if (!test_bit(port, mask_bits(d)))
		select_and_mark(d, port, p);
	wake_pollers(d, port);
}

static void clear(struct domain *d, uint32_t port)
{
	if (port < max_ports(d))
		(void)test_and_clear_bit(port, pending_bits(d));
}

static void unmask(struct domain *d, uint32_t port, struct evtchn_port *p)
{
	if (port < max_ports(d) && test_and_clear_bit(port, mask_bits(d)) && test_bit(port, pending_bits(d)))
		select_and_mark(d, port, p);
}

static bool is_pending(struct domain *d, uint32_t port)
{
	return port < max_ports(d) && test_bit(port, pending_bits(d));
}

static bool is_busy(const struct domain *d, uint32_t port)
{
	(void)d, (void)port;
	return false;
}

/* Of 1024 or 4096 ports; those that are not allocated have nothing to keep. */
void evtchn_2l_hand_over(struct domain *d)
{
	uint32_t *words = (uint32_t *)pending_bits(d);

	for (uint32_t w = 0; w < max_ports(d) / 32; w++) {
		for (uint32_t bits = xchg(&words[w], 0); bits; bits &= bits - 1) {
			struct evtchn_port *p = port_get(d, w * 32 + (uint32_t)__builtin_ctz(bits));

			if (p)
				p->early = true;
		}
	}
}

static void select_all(struct vcpu *v)
{
	if (v->d->g.compat)
		xchg((uint32_t *)selector(v), ~0U);
	else
		xchg((uint64_t *)selector(v), ~0ULL);
}

const struct evtchn_abi evtchn_2l = {
	.max_ports	= max_ports,
	.raise		= raise,
	.clear		= clear,
	.unmask		= unmask,
	.is_pending	= is_pending,
	.is_busy	= is_busy,
	.select_all	= select_all,
};
