// SPDX-License-Identifier: GPL-2.0-only
/*
 * A processor with nested paging, as strict as it may be: what its TLB has learnt it keeps until it is told to forget, by an ASID that
 * is new on this CPU. The checking build's books are asked at each entry, too.
 */
#include "cpus.h"
#include "arch/x86/x86.h"
#include "core/npt.h"

#define ASIDS	8		/* few, so that generations change */
#define TLB	32

struct fake_vcpu {
	int32_t asid_cpu;
	uint32_t asid, asid_gen;
	bool flush;
	struct { uint64_t gfn, hpa; uint32_t rights; } tlb[TLB];	/* of this ASID; rights 0: empty */
};
_Static_assert(sizeof(struct fake_vcpu) <= PAGE_SIZE, "one pool page");

static struct fake_vcpu *fake(struct vcpu *v)
{
	return v->arch;
}

/* As svm/guest.c has it. */
static void take_asid(struct cpu *c, struct vcpu *v)
{
	struct fake_vcpu *s = fake(v);
	bool flush_all = false;

	if (s->asid_cpu != (int32_t)c->id || s->asid_gen != c->asid_gen || s->flush) {
		if (!c->asid_gen || c->asid + 1 >= ASIDS) {
			c->asid = 1;	/* dom0's */
			c->asid_gen++;
			flush_all = true;
		}
		s->asid = ++c->asid;
		s->asid_cpu = (int32_t)c->id;
		s->asid_gen = c->asid_gen;
		s->flush = false;
		memset(s->tlb, 0, sizeof(s->tlb));
	}
	check_guest_entry(c, v, s->asid, false, flush_all);
}

void *vendor_access(struct vcpu *v, uint64_t gfn, bool write)
{
	struct fake_vcpu *s = fake(v);
	uint32_t want = write ? NPT_WRITE : NPT_READ, i = gfn % TLB;

	/* A right that is missing may have come meanwhile: the processor walks again, and so does this. */
	if (s->tlb[i].gfn != gfn || !(s->tlb[i].rights & want)) {
		struct npt_leaf l = npt_lookup(v->d->npt, gfn << PAGE_SHIFT);

		s->tlb[i].gfn = gfn;
		s->tlb[i].hpa = l.hpa.v;
		s->tlb[i].rights = l.rights;
	}
	return s->tlb[i].rights & want ? (void *)s->tlb[i].hpa : NULL;
}

static void op_run(struct cpu *c, struct vcpu *v, struct exit_info *x)
{
	take_asid(c, v);
	guest_run(c, v, x);
}

static int op_vcpu_init(struct vcpu *v)
{
	v->arch = pool_alloc(v->d);
	if (!v->arch)
		return -XEN_ENOMEM;
	fake(v)->asid_cpu = -1;
	return 0;
}

static void op_vcpu_free(struct vcpu *v)
{
	pool_free(v->d, v->arch);
	v->arch = NULL;
}

static uint64_t op_npt_leaf(hpa_t h, int level, uint32_t rights)
{
	return h.v | 1 | (level > 1 ? 0x80 : 0) | (rights & NPT_WRITE ? 2 : 0) | (rights & NPT_EXEC ? 0 : 1ULL << 63);
}

static uint32_t op_npt_rights(uint64_t e)
{
	return (e & 1 ? NPT_READ : 0) | (e & 2 ? NPT_WRITE : 0) | (e >> 63 ? 0 : NPT_EXEC);
}

/* No paging: a guest's linear addresses are its physical ones, so dom0 and guest agree where arguments are. */
static void op_paging(struct vcpu *v, struct paging_state *s)
{
	(void)v;
	*s = (struct paging_state){ .cr0 = CR0_PE, .code64 = true };
}

static uint64_t op_npt_table(hpa_t h) { return h.v | 3; }
static bool op_npt_is_leaf(uint64_t e, int level) { return level == 1 || (e & 0x80); }
static void op_vcpu_load(struct cpu *c, struct vcpu *v) { (void)c, (void)v; }
static void op_vcpu_put(struct cpu *c, struct vcpu *v) { (void)c, (void)v; }
static void op_park(struct cpu *c, struct vcpu *v) { (void)c, (void)v; }
static bool op_may_inject(struct vcpu *v, enum inject_type t) { (void)v, (void)t; return one_in(2); }
static void op_inject(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error)
{
	(void)v, (void)t, (void)vector, (void)has_error, (void)error;
}
static void op_window(struct vcpu *v, enum window w) { (void)v, (void)w; }
static void op_skip(struct vcpu *v, uint8_t len) { v->regs.rip += len; }
static void op_sregs_get(struct vcpu *v, struct zendo_sregs *s) { (void)v; memset(s, 0, sizeof(*s)); }
static int op_sregs_set(struct vcpu *v, const struct zendo_sregs *s) { (void)v, (void)s; return 0; }
static bool op_msr_get(struct vcpu *v, uint32_t index, uint64_t *val) { (void)v, (void)index; *val = 0; return true; }
static bool op_msr_set(struct vcpu *v, uint32_t index, uint64_t val) { (void)v, (void)index, (void)val; return true; }
static void op_set(struct vcpu *v, uint64_t val) { (void)v, (void)val; }
static void op_flush_guest(struct vcpu *v) { fake(v)->flush = true; }
static void op_flush_dom0(struct cpu *c) { (void)c; }

static const struct vendor_ops fake_ops = {
	.name = "fake", .vcpu_init = op_vcpu_init, .vcpu_free = op_vcpu_free, .vcpu_load = op_vcpu_load, .vcpu_put = op_vcpu_put,
	.run = op_run, .park = op_park, .may_inject = op_may_inject, .inject = op_inject, .window = op_window, .skip = op_skip,
	.paging = op_paging, .sregs_get = op_sregs_get, .sregs_set = op_sregs_set, .msr_get = op_msr_get, .msr_set = op_msr_set,
	.cr4_set = op_set, .cr2_set = op_set, .tsc_offset = op_set, .npt_leaf = op_npt_leaf, .npt_table = op_npt_table,
	.npt_rights = op_npt_rights, .npt_is_leaf = op_npt_is_leaf, .flush_guest = op_flush_guest, .flush_dom0 = op_flush_dom0,
};
const struct vendor_ops *ops = &fake_ops;
