// SPDX-License-Identifier: GPL-2.0-only
#include "guest/lapic.h"
#include "guest/event_channel.h"

/* Register numbers: MSR minus 0x800, or offset in the page over 16 (SDM vol. 3, tables 10-1 and 10-6; APM vol. 2, 16.3 and 16.11) */
enum {
	X_ID = 0x02, X_VERSION = 0x03, X_TPR = 0x08, X_PPR = 0x0a, X_EOI = 0x0b, X_LDR = 0x0d, X_DFR = 0x0e, X_SVR = 0x0f,
	X_ISR = 0x10, X_TMR = 0x18, X_IRR = 0x20, X_ESR = 0x28, X_ICR = 0x30, X_ICR_HIGH = 0x31, X_LVT = 0x32, X_LVT_LAST = 0x37,
	X_TMICT = 0x38, X_TMCCT = 0x39, X_TDCR = 0x3e, X_SELF_IPI = 0x3f,
};

#define VERSION		0x00050014	/* integrated, 6 LVT entries: as Xen */
#define SVR_ENABLED	(1U << 8)
#define LVT_MASKED	(1U << 16)
#define SIPI_POSTED	(1U << 8)
#define ESR_SEND_VECTOR	(1U << 5)
#define ESR_REGISTER	(1U << 7)

#define ICR_VECTOR	0xffU
#define ICR_MODE(i)	(((i) >> 8) & 7)
#define ICR_LOGICAL	(1U << 11)
#define ICR_ASSERT	(1U << 14)
#define ICR_LEVEL	(1U << 15)
#define ICR_SHORT(i)	(((i) >> 18) & 3)
#define ICR_VALID	0xffffffff000ccfffULL
enum { MODE_FIXED = 0, MODE_LOWEST = 1, MODE_NMI = 4, MODE_INIT = 5, MODE_SIPI = 6 };
enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

/* Writable (or harmlessly written back) bits of each LVT entry. */
static const uint32_t lvt_valid[6] = { 0x310ff, 0x117ff, 0x117ff, 0x1f7ff, 0x1f7ff, 0x110ff };

static void reset_registers(struct guest_lapic *l)
{
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	l->tpr = 0;
	l->svr = 0xff;
	l->esr = l->esr_latched = 0;
	l->ldr = 0;
	l->dfr = 0xffffffff;
	for (size_t i = 0; i < ARRAY_SIZE(l->lvt); i++)
		l->lvt[i] = LVT_MASKED;
	l->icr = 0;
	l->tmict = l->tdcr = 0;
}

void lapic_init(struct vcpu *v)
{
	reset_registers(&v->g.lapic);
	v->g.lapic.base = APIC_BASE_ADDR | APIC_BASE_EN | (v->d->g.xapic ? 0 : APIC_BASE_EXTD) | (v->id ? 0 : APIC_BASE_BSP);
}

/* ---- interrupts ---- */

static int highest(const uint32_t *words)
{
	/* Mostly there is none, and this is asked at every entry. */
	if (!(READ_ONCE(words[0]) | READ_ONCE(words[1]) | READ_ONCE(words[2]) | READ_ONCE(words[3]) |
	      READ_ONCE(words[4]) | READ_ONCE(words[5]) | READ_ONCE(words[6]) | READ_ONCE(words[7])))
		return -1;
	for (int i = 7; i >= 0; i--) {
		uint32_t w = READ_ONCE(words[i]);

		if (w)
			return i * 32 + 31 - __builtin_clz(w);
	}
	return -1;
}

static uint8_t ppr(const struct guest_lapic *l)
{
	int isr = highest(l->isr);
	uint8_t service = isr < 0 ? 0 : (uint8_t)(isr & 0xf0);

	return l->tpr >= service ? l->tpr : service;
}

struct guest_event lapic_event(const struct vcpu *v)
{
	const struct guest_lapic *l = &v->g.lapic;
	int irr = l->svr & SVR_ENABLED ? highest(l->irr) : -1;

	if (irr < 16)
		return (struct guest_event){ GEVENT_NONE, 0 };
	if ((irr & 0xf0) > (ppr(l) & 0xf0))
		return (struct guest_event){ GEVENT_LAPIC, (uint8_t)irr };
	return (struct guest_event){ GEVENT_NONE, irr >> 4 > highest(l->isr) >> 4 ? (uint8_t)irr : 0 };
}

void lapic_accept(struct vcpu *v, uint8_t vector)
{
	(void)test_and_clear_bit(vector, v->g.lapic.irr);
	(void)test_and_set_bit(vector, v->g.lapic.isr);
}

/* An upcall that comes while the APIC is off is raised when it is turned on: see write_svr(). */
void lapic_post(struct vcpu *v, uint8_t vector)
{
	if (!(READ_ONCE(v->g.lapic.svr) & SVR_ENABLED))
		return;
	if (!test_and_set_bit(vector, v->g.lapic.irr))
		vcpu_kick(v);
}

void nmi_post(struct vcpu *v)
{
	WRITE_ONCE(v->nmi_pending, true);
	smp_mb();
	vcpu_kick(v);
}

/* ---- INIT and SIPI ---- */

static void post_init(struct vcpu *v)
{
	__atomic_store_n(&v->g.lapic.sipi, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&v->request, REQ_RESET, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

static void post_sipi(struct vcpu *v, uint8_t vector)
{
	__atomic_store_n(&v->g.lapic.sipi, vector | SIPI_POSTED, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

static const struct zendo_segment reset_data = { .attr = 0x93, .limit = 0xffff };

/* Real mode at @cs:0, all else as after INIT. */
static void set_reset_state(struct vcpu *v, uint16_t cs)
{
	struct zendo_sregs s = { .cr0 = 0x10, .dr6 = 0xffff0ff0, .dr7 = 0x400 };

	v->regs = (struct zendo_regs){ .rflags = 2 };
	for (int i = 0; i < ZSEG_NR; i++)
		s.seg[i] = reset_data;
	s.seg[ZSEG_CS] = (struct zendo_segment){ cs, 0x9b, 0xffff, (uint64_t)cs << 4 };
	s.seg[ZSEG_LDTR].attr = 0x82;
	s.seg[ZSEG_TR].attr = 0x8b;
	s.gdt.limit = s.idt.limit = 0xffff;
	/* A fixed state of ours: vendor code that refuses it is wrong, and the vCPU stays down. */
	if (ops->sregs_set(v, &s))
		v->up = false;
}

/* What the guest registered for this vCPU (vcpu_info, ports, areas, vector) outlives INIT: it did so before. */
static void take_init(struct vcpu *v)
{
	reset_registers(&v->g.lapic);
	set_reset_state(v, 0xf000);
	v->nmi_pending = v->nmi_masked = false;
	v->wait = WAIT_NONE;
	v->g.parked = false;
	v->g.asked = false;
	WRITE_ONCE(v->g.was_up, false);
	WRITE_ONCE(v->g.start.ready, false);
	WRITE_ONCE(v->up, false);
	ops->flush_guest(v);
}

void lapic_take_requests(struct vcpu *v)
{
	uint32_t sipi;

	if (READ_ONCE(v->request) & REQ_RESET) {
		__atomic_fetch_and(&v->request, ~REQ_RESET, __ATOMIC_SEQ_CST);
		take_init(v);
	}
	if (!READ_ONCE(v->g.lapic.sipi))
		return;
	sipi = xchg(&v->g.lapic.sipi, 0);
	/* Only a vCPU that waits listens: the second SIPI of the pair is lost. One with registers to begin with waits for VCPUOP_up. */
	if (!(sipi & SIPI_POSTED) || v->up || READ_ONCE(v->g.start.ready))
		return;
	WRITE_ONCE(v->up, true);
	WRITE_ONCE(v->g.was_up, true);
	set_reset_state(v, (uint16_t)((sipi & 0xff) << 8));
}

/* ---- IPIs ---- */

static void deliver(struct vcpu *to, uint32_t icr)
{
	switch (ICR_MODE(icr)) {
	case MODE_FIXED:
	case MODE_LOWEST:
		lapic_post(to, icr & ICR_VECTOR);
		break;
	case MODE_NMI:
		nmi_post(to);
		break;
	case MODE_INIT:
		/* Level-triggered de-assert only synchronised arbitration IDs once. */
		if ((icr & ICR_ASSERT) || !(icr & ICR_LEVEL))
			post_init(to);
		break;
	case MODE_SIPI:
		post_sipi(to, icr & ICR_VECTOR);
		break;
	default:
		break;
	}
}

/*
 * Flat model: a bit each. Cluster model (DFR 0): cluster in the upper half, a bit each in the lower one; 15 is all clusters. Of 32 bits, which
 * only x2APIC mode sends, neither takes what does not fit into 8.
 */
static bool is_logical_target(const struct vcpu *to, uint32_t dest)
{
	const struct guest_lapic *l = &to->g.lapic;
	uint32_t ldr = READ_ONCE(l->ldr) >> 24;

	if (READ_ONCE(l->base) & APIC_BASE_EXTD)
		return dest >> 16 == to->id >> 4 && (dest & (1U << (to->id & 15)));
	if (READ_ONCE(l->dfr) >> 28)
		return dest < 0x100 && (dest & ldr);
	return (dest >> 4 == 15 || dest >> 4 == ldr >> 4) && (dest & ldr & 15);
}

static bool is_target(const struct vcpu *from, const struct vcpu *to, uint32_t icr, uint32_t dest)
{
	/* Off by APIC_BASE, it hears nothing; off by SVR, it takes no vectors, so it is not the one of lowest priority. */
	if (!(READ_ONCE(to->g.lapic.base) & APIC_BASE_EN) || (ICR_MODE(icr) == MODE_LOWEST && !(READ_ONCE(to->g.lapic.svr) & SVR_ENABLED)))
		return false;
	switch (ICR_SHORT(icr)) {
	case SHORT_SELF:
		return to == from;
	case SHORT_ALL:
		return true;
	case SHORT_OTHERS:
		return to != from;
	default:
		break;
	}
	if (dest == 0xffffffff)
		return true;
	if (icr & ICR_LOGICAL)
		return is_logical_target(to, dest);
	return dest == to->id;
}

static void send_ipi(struct vcpu *v, uint64_t val)
{
	uint32_t icr = (uint32_t)val, mode = ICR_MODE(icr), dest = (uint32_t)(val >> 32);

	if ((mode == MODE_FIXED || mode == MODE_LOWEST) && (icr & ICR_VECTOR) < 16) {
		v->g.lapic.esr |= ESR_SEND_VECTOR;
		return;
	}
	if (!(v->g.lapic.base & APIC_BASE_EXTD))
		dest = dest >> 24 == 0xff ? 0xffffffff : dest >> 24;
	for (uint32_t i = 0; i < v->d->max_vcpus; i++) {
		struct vcpu *to = domain_vcpu(v->d, i);

		if (!to || !is_target(v, to, icr, dest))
			continue;
		deliver(to, icr);
		if (mode == MODE_LOWEST)
			break;
	}
}

/* ---- registers ---- */

/* By MSR or in the page: ID, LDR, ICR as in x2APIC mode. False: no such register, or it cannot be read. */
static bool read_register(const struct vcpu *v, uint32_t r, uint64_t *ret)
{
	const struct guest_lapic *l = &v->g.lapic;

	switch (r) {
	case X_ID:
		*ret = v->id;
		break;
	case X_VERSION:
		*ret = VERSION;
		break;
	case X_TPR:
		*ret = l->tpr;
		break;
	case X_PPR:
		*ret = ppr(l);
		break;
	case X_LDR:
		*ret = (uint64_t)(v->id >> 4) << 16 | 1U << (v->id & 15);
		break;
	case X_SVR:
		*ret = l->svr;
		break;
	case X_ISR ... X_ISR + 7:
		*ret = l->isr[r - X_ISR];
		break;
	case X_TMR ... X_TMR + 7:
		*ret = 0;	/* nothing is level-triggered */
		break;
	case X_IRR ... X_IRR + 7:
		*ret = READ_ONCE(l->irr[r - X_IRR]);
		break;
	case X_ESR:
		*ret = l->esr_latched;
		break;
	case X_ICR:
		*ret = l->icr;
		break;
	case X_LVT ... X_LVT_LAST:
		*ret = l->lvt[r - X_LVT];
		break;
	case X_TMICT:
		*ret = l->tmict;
		break;
	case X_TMCCT:
		*ret = 0;
		break;
	case X_TDCR:
		*ret = l->tdcr;
		break;
	default:
		return false;
	}
	return true;
}

static void end_of_interrupt(struct guest_lapic *l)
{
	int isr = highest(l->isr);

	if (isr >= 0)
		(void)test_and_clear_bit((unsigned int)isr, l->isr);
}

static void write_svr(struct vcpu *v, uint32_t val)
{
	struct guest_lapic *l = &v->g.lapic;

	WRITE_ONCE(l->svr, val);
	if (val & SVR_ENABLED) {
		smp_mb();	/* with upcall_mark(), as in HVMOP_set_evtchn_upcall_vector */
		if (v->g.upcall_vector && upcall_pending(v))
			lapic_post(v, v->g.upcall_vector);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(l->lvt); i++)
		l->lvt[i] |= LVT_MASKED;
}

static bool write_lvt(struct guest_lapic *l, uint32_t i, uint64_t val)
{
	if (val & ~(uint64_t)lvt_valid[i])
		return false;
	l->lvt[i] = (uint32_t)val | (l->svr & SVR_ENABLED ? 0 : LVT_MASKED);
	return true;
}

static bool write_icr(struct vcpu *v, uint64_t val)
{
	if (val & ~ICR_VALID)
		return false;
	v->g.lapic.icr = val;
	send_ipi(v, val);
	return true;
}

static bool write_self_ipi(struct vcpu *v, uint64_t val)
{
	if (val > 0xff)
		return false;
	if (val < 16)
		v->g.lapic.esr |= ESR_SEND_VECTOR;
	else
		lapic_post(v, (uint8_t)val);
	return true;
}

/* False: likewise, or a bit that is reserved in x2APIC mode. */
static bool write_register(struct vcpu *v, uint32_t r, uint64_t val)
{
	struct guest_lapic *l = &v->g.lapic;

	if (r == X_ICR)
		return write_icr(v, val);
	if (val >> 32)
		return false;
	switch (r) {
	case X_TPR:
		if (val > 0xff)
			return false;
		l->tpr = (uint8_t)val;
		return true;
	case X_EOI:
		if (val)
			return false;
		end_of_interrupt(l);
		return true;
	case X_SVR:
		if (val & ~0x3ffULL)
			return false;
		write_svr(v, (uint32_t)val);
		return true;
	case X_ESR:
		if (val)
			return false;
		l->esr_latched = l->esr;
		l->esr = 0;
		return true;
	case X_LVT ... X_LVT_LAST:
		return write_lvt(l, r - X_LVT, val);
	case X_TMICT:
		l->tmict = (uint32_t)val;
		return true;
	case X_TDCR:
		l->tdcr = (uint32_t)val & 0xb;
		return true;
	case X_SELF_IPI:
		return write_self_ipi(v, val);
	default:
		return false;
	}
}

bool lapic_read(struct vcpu *v, uint32_t msr, uint64_t *ret)
{
	return (v->g.lapic.base & APIC_BASE_EXTD) && read_register(v, msr - 0x800, ret);
}

bool lapic_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
	return (v->g.lapic.base & APIC_BASE_EXTD) && write_register(v, msr - 0x800, val);
}

/* ---- the page ---- */

bool lapic_at(const struct vcpu *v, uint64_t addr)
{
	return (addr & PAGE_MASK) == APIC_BASE_ADDR && (v->g.lapic.base & (APIC_BASE_EN | APIC_BASE_EXTD)) == APIC_BASE_EN;
}

/* Registers are the first 4 bytes of each 16; of the others the manuals say nothing. They, and what is no register, are 0. */
uint32_t lapic_page_read(struct vcpu *v, uint32_t offset)
{
	struct guest_lapic *l = &v->g.lapic;
	uint64_t val = 0;

	switch (offset & 15 ? 0 : offset >> 4) {
	case X_ID:
		return v->id << 24;
	case X_LDR:
		return l->ldr;
	case X_DFR:
		return l->dfr;
	case X_ICR_HIGH:
		return (uint32_t)(l->icr >> 32);
	default:
		if (offset & 15 || !read_register(v, offset >> 4, &val))
			l->esr |= ESR_REGISTER;
		return (uint32_t)val;
	}
}

/* Bits that can be written: the others are ignored here, where x2APIC mode has a #GP. */
static uint32_t page_mask(uint32_t r)
{
	switch (r) {
	case X_EOI:
	case X_ESR:
		return 0;
	case X_TPR:
		return 0xff;
	case X_SVR:
		return 0x3ff;
	case X_LVT ... X_LVT_LAST:
		return lvt_valid[r - X_LVT];
	default:
		return 0xffffffff;
	}
}

void lapic_page_write(struct vcpu *v, uint32_t offset, uint32_t val)
{
	struct guest_lapic *l = &v->g.lapic;
	uint32_t r = offset >> 4;
	uint64_t unused;

	switch (offset & 15 ? 0 : r) {
	case X_LDR:
		WRITE_ONCE(l->ldr, val & 0xff000000);
		break;
	case X_DFR:
		WRITE_ONCE(l->dfr, val | 0x0fffffff);
		break;
	case X_ICR_HIGH:
		l->icr = (uint32_t)l->icr | (uint64_t)(val & 0xff000000) << 32;
		break;
	case X_ICR:
		(void)write_icr(v, (l->icr >> 32 << 32) | (val & ICR_VALID));
		break;
	case X_ID:		/* it is the vCPU's number, here as in x2APIC mode */
		break;
	default:
		/* What can only be read ignores it. */
		if (offset & 15 || r == X_SELF_IPI || (!write_register(v, r, val & page_mask(r)) && !read_register(v, r, &unused)))
			l->esr |= ESR_REGISTER;
	}
}

/* The window does not move, BSP does not change, and x2APIC is left only by turning the APIC off (SDM vol. 3, 10.12.5). */
bool lapic_base_write(struct vcpu *v, uint64_t val)
{
	uint64_t old = v->g.lapic.base, mode = APIC_BASE_EN | APIC_BASE_EXTD;

	if ((val & ~(mode | APIC_BASE_BSP)) != APIC_BASE_ADDR || ((val ^ old) & APIC_BASE_BSP))
		return false;
	if ((val & mode) == APIC_BASE_EXTD)
		return false;
	if ((old & mode) == mode && (val & mode) == APIC_BASE_EN)
		return false;
	if (!(old & mode) && (val & mode) == mode)
		return false;
	if (!(val & APIC_BASE_EN) && (old & APIC_BASE_EN))
		reset_registers(&v->g.lapic);
	/* From xAPIC to x2APIC mode all is kept but the upper half of ICR. */
	if ((val ^ old) & APIC_BASE_EXTD)
		v->g.lapic.icr &= 0xffffffff;
	WRITE_ONCE(v->g.lapic.base, val);
	return true;
}
