// SPDX-License-Identifier: GPL-2.0-only
/*
 * VCPUOP_initialise: what a vCPU that never ran begins with (hvm/hvm_vcpu.h). The caller checks and stores it; the vCPU, whose registers
 * nobody else touches, takes it when it comes up.
 */
#include "guest/vcpu_start.h"
#include "guest/guest.h"
#include "guest/msr.h"
#include <xen/hvm/hvm_vcpu.h>

#define CR0_PE		(1U << 0)
#define CR0_ET		(1U << 4)
#define CR0_NW		(1U << 29)
#define CR0_CD		(1U << 30)
#define CR0_PG		(1U << 31)
#define CR0_KNOWN	0xe005003fU
#define CR4_PAE		(1U << 5)
#define EFER_LME	(1U << 8)
#define EFER_LMA	(1U << 10)
#define EFER_KNOWN	(1U << 0 | EFER_LME | EFER_LMA | 1U << 11)
#define RFLAGS_KNOWN	0x3d7fd5ULL	/* without VM, which cannot be begun with */
#define RFLAGS_FIXED	2

/* Segment attributes, bits as hvm_vcpu.h lists them. */
#define AR_TYPE		0xfU
#define AR_CODE		(1U << 3)
#define AR_RW		(1U << 1)	/* readable code, writable data */
#define AR_S		(1U << 4)
#define AR_DPL(ar)	((ar) >> 5 & 3)
#define AR_P		(1U << 7)
#define AR_L		(1U << 9)
#define AR_D		(1U << 10)
#define AR_G		(1U << 11)
#define TSS_BUSY	0xbU

/* As Xen: a null segment is for DS and ES only; all others are present, of their kind, and marked as in use. */
static bool segment(struct zendo_segment *s, enum zendo_seg which, uint16_t ar, uint32_t limit, uint32_t base)
{
	bool code = ar & AR_CODE, rw = ar & AR_RW;

	if (ar & AR_P)
		ar |= which == ZSEG_TR ? 2 : 1;
	*s = (struct zendo_segment){ .attr = ar, .limit = limit, .base = base };
	if (!ar)
		return which == ZSEG_DS || which == ZSEG_ES;
	if (ar >> 12 || !(ar & AR_P) || !(ar & AR_S) != (which == ZSEG_TR))
		return false;
	switch (which) {
	case ZSEG_CS:
		return code;
	case ZSEG_SS:
		return !code && rw;
	case ZSEG_TR:
		return (ar & AR_TYPE) == TSS_BUSY;
	default:
		return !code || rw;
	}
}

static bool take_32(struct guest_start *s, const struct vcpu_hvm_x86_32 *r)
{
	struct zendo_segment *seg = s->sregs.seg, *cs = &seg[ZSEG_CS];
	uint64_t limit;

	if (r->pad1 || r->pad2[0] || r->pad2[1] || r->pad2[2] ||
	    !segment(cs, ZSEG_CS, r->cs_ar, r->cs_limit, r->cs_base) ||
	    !segment(&seg[ZSEG_DS], ZSEG_DS, r->ds_ar, r->ds_limit, r->ds_base) ||
	    !segment(&seg[ZSEG_SS], ZSEG_SS, r->ss_ar, r->ss_limit, r->ss_base) ||
	    !segment(&seg[ZSEG_ES], ZSEG_ES, r->es_ar, r->es_limit, r->es_base) ||
	    !segment(&seg[ZSEG_TR], ZSEG_TR, r->tr_ar, r->tr_limit, r->tr_base))
		return false;
	limit = cs->attr & AR_G ? (uint64_t)cs->limit << 12 | 0xfff : cs->limit;
	if (r->eip > limit || AR_DPL(seg[ZSEG_SS].attr) != AR_DPL(cs->attr) || AR_DPL(seg[ZSEG_DS].attr) > AR_DPL(cs->attr) ||
	    AR_DPL(seg[ZSEG_ES].attr) > AR_DPL(cs->attr) || (r->efer & (EFER_LMA | EFER_LME)) == EFER_LMA)
		return false;
	s->regs = (struct zendo_regs){ .rax = r->eax, .rcx = r->ecx, .rdx = r->edx, .rbx = r->ebx, .rsp = r->esp, .rbp = r->ebp,
				       .rsi = r->esi, .rdi = r->edi, .rip = r->eip, .rflags = r->eflags };
	s->sregs.cr0 = r->cr0;
	s->sregs.cr3 = r->cr3;
	s->sregs.cr4 = r->cr4;
	s->sregs.efer = r->efer;
	return true;
}

static bool take_64(struct guest_start *s, const struct vcpu_hvm_x86_64 *r)
{
	static const struct zendo_segment code = { .attr = 0xa9b, .limit = ~0U }, data = { .attr = 0xc93, .limit = ~0U };

	if (!is_canonical(r->rip) || !(r->cr0 & CR0_PG) || !(r->cr4 & CR4_PAE) || !(r->efer & EFER_LME))
		return false;
	s->regs = (struct zendo_regs){ .rax = r->rax, .rcx = r->rcx, .rdx = r->rdx, .rbx = r->rbx, .rsp = r->rsp, .rbp = r->rbp,
				       .rsi = r->rsi, .rdi = r->rdi, .rip = r->rip, .rflags = r->rflags };
	s->sregs.cr0 = r->cr0;
	s->sregs.cr3 = r->cr3;
	s->sregs.cr4 = r->cr4;
	s->sregs.efer = r->efer;
	s->sregs.seg[ZSEG_CS] = code;
	s->sregs.seg[ZSEG_DS] = s->sregs.seg[ZSEG_ES] = s->sregs.seg[ZSEG_SS] = data;
	s->sregs.seg[ZSEG_TR] = (struct zendo_segment){ .attr = 0x8b, .limit = 0x67 };
	return true;
}

/* What VMRUN or VM entry would refuse (APM vol. 2, 15.5.1), and bits that a MOV to the register would. */
static bool valid_control(struct vcpu *v, struct zendo_sregs *s)
{
	bool paging = s->cr0 & CR0_PG;

	if (s->cr0 >> 32 || (paging && !(s->cr0 & CR0_PE)) || (s->cr0 & (CR0_CD | CR0_NW)) == CR0_NW || (s->efer & ~(uint64_t)EFER_KNOWN) ||
	    (s->cr4 & ~cr4_valid(v)) || s->cr3 >> PAGE_SHIFT > p2m_max_gfn(v->d))
		return false;
	if (paging && (s->efer & EFER_LME) && (!(s->cr4 & CR4_PAE) || (s->seg[ZSEG_CS].attr & (AR_L | AR_D)) == (AR_L | AR_D)))
		return false;
	s->cr0 = (s->cr0 & CR0_KNOWN) | CR0_ET;
	s->efer &= ~(uint64_t)EFER_LMA;
	if (paging && (s->efer & EFER_LME))
		s->efer |= EFER_LMA;
	return true;
}

static const struct zendo_sregs reset = {
	.seg = {
		[ZSEG_FS] = { .attr = 0x93, .limit = 0xffff }, [ZSEG_GS] = { .attr = 0x93, .limit = 0xffff },
		[ZSEG_LDTR] = { .attr = 0x82, .limit = 0xffff },
	},
	.gdt = { .limit = 0xffff }, .idt = { .limit = 0xffff }, .dr6 = 0xffff0ff0, .dr7 = 0x400,
};

int64_t vcpu_initialise(struct hcall *h, struct vcpu *v)
{
	struct guest_start s = { .sregs = reset };
	struct vcpu_hvm_context c;
	bool good;
	int rc = -XEN_EEXIST;

	if (v->g.info == (char *)&v->g.own_info)
		return -XEN_EINVAL;	/* nowhere to tell it of events */
	if (hcall_get(h, h->arg[2], &c, sizeof(c)))
		return -XEN_EFAULT;
	good = !c.pad && (c.mode == VCPU_HVM_MODE_32B ? take_32(&s, &c.cpu_regs.x86_32) :
			  c.mode == VCPU_HVM_MODE_64B ? take_64(&s, &c.cpu_regs.x86_64) : false);
	good = good && valid_control(h->v, &s.sregs);
	s.regs.rflags = (s.regs.rflags & RFLAGS_KNOWN) | RFLAGS_FIXED;
	spin_lock(&v->d->g.evt.lock);
	if (!READ_ONCE(v->up) && !READ_ONCE(v->g.was_up) && !v->g.start.ready) {
		rc = good ? 0 : -XEN_EINVAL;
		if (good) {
			v->g.start = s;
			__atomic_store_n(&v->g.start.ready, true, __ATOMIC_RELEASE);
		}
	}
	spin_unlock(&v->d->g.evt.lock);
	return rc;
}

void vcpu_start_take(struct vcpu *v)
{
	struct vcpu *first;

	if (likely(!__atomic_load_n(&v->g.start.ready, __ATOMIC_ACQUIRE)) || !READ_ONCE(v->up))
		return;
	first = domain_vcpu(v->d, 0);
	v->regs = v->g.start.regs;
	if (ops->sregs_set(v, &v->g.start.sregs)) {
		WRITE_ONCE(v->up, false);	/* a state that was checked: vendor code is wrong, and the vCPU stays down */
		return;
	}
	if (first && v->g.tsc_offset != READ_ONCE(first->g.tsc_offset))
		guest_set_tsc_offset(v, READ_ONCE(first->g.tsc_offset));
	WRITE_ONCE(v->g.was_up, true);
	__atomic_store_n(&v->g.start.ready, false, __ATOMIC_RELEASE);
}
