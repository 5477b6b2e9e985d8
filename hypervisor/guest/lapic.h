/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC: registers behind MSRs 0x800-0x8ff in x2APIC mode, in the page at 0xfee00000 in xAPIC mode, IPIs between the
 * domain's vCPUs, INIT and SIPI. No timer counts, no line raises LVT entries: events come by event channels. The ID is the vCPU's number.
 */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#include "core/domain.h"
#include "guest/guest.h"

#define APIC_BASE_BSP		(1ULL << 8)
#define APIC_BASE_EXTD		(1ULL << 10)
#define APIC_BASE_EN		(1ULL << 11)
#define APIC_BASE_ADDR		0xfee00000ULL

/* State at power-up. */
void lapic_init(struct vcpu *v);

/* Interrupt @vector for @v, from any CPU. */
void lapic_post(struct vcpu *v, uint8_t vector);
/* NMI for @v, from any CPU. */
void nmi_post(struct vcpu *v);
/* One waits, and none is being handled. */
static inline bool nmi_due(const struct vcpu *v)
{
	return READ_ONCE(v->nmi_pending) && !READ_ONCE(v->nmi_masked);
}
/* GEVENT_LAPIC: to be injected now, it is above the processor priority. GEVENT_NONE: its vector, only the task priority holds it back, or 0. */
struct guest_event lapic_event(const struct vcpu *v);
void lapic_accept(struct vcpu *v, uint8_t vector);
/* INIT and SIPI that others posted. Own CPU. */
void lapic_take_requests(struct vcpu *v);

/* False: #GP. */
bool lapic_read(struct vcpu *v, uint32_t msr, uint64_t *ret);
bool lapic_write(struct vcpu *v, uint32_t msr, uint64_t val);
bool lapic_base_write(struct vcpu *v, uint64_t val);

/* xAPIC mode: @addr is in the page, and 32 bits at an offset of it. */
bool lapic_at(const struct vcpu *v, uint64_t addr);
uint32_t lapic_page_read(struct vcpu *v, uint32_t offset);
void lapic_page_write(struct vcpu *v, uint32_t offset, uint32_t val);

#endif
