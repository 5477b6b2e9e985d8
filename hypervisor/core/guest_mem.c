// SPDX-License-Identifier: GPL-2.0-only
#include "arch/x86/x86.h"
#include "core/cpu.h"
#include "core/frame.h"
#include "core/gfn_table.h"
#include "core/guest_mem.h"
#include "core/log.h"
#include "core/map.h"
#include "core/npt.h"
#include "core/pool.h"
#include "guest/guest.h"

#define PTE_P		(1ULL << 0)
#define PTE_RW		(1ULL << 1)
#define PTE_US		(1ULL << 2)
#define PTE_PS		(1ULL << 7)
#define PTE_ADDR	0x000ffffffffff000ULL

/* A page fault's error code (APM vol. 2, 8.4.2) */
#define PF_PRESENT	(1U << 0)
#define PF_WRITE	(1U << 1)
#define PF_USER		(1U << 2)

uint64_t p2m_max_gfn(const struct domain *d)
{
	(void)d;
	/* What CPUID 0x80000008 tells guests: at most 46 bits, and the direct map's reach. */
	return (1ULL << (MIN(host_features.maxphys, 46) - PAGE_SHIFT)) - 1;
}

static enum p2m_type type_of(struct domain *d, mfn_t m)
{
	struct frame f;

	if (!frame_get(m, &f))
		return P2M_NONE;
	if (f.owner == OWNER_HV)
		return P2M_SPECIAL;
	if (f.owner != d->id)
		return f.owner == OWNER_DOM0 ? P2M_NONE : P2M_FOREIGN;
	return f.type == FRAME_GRANT ? P2M_GRANT : P2M_RAM;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t g)
{
	struct p2m_entry e = { INVALID_MFN, P2M_NONE, false };
	struct npt_leaf l;

	if (g.v > p2m_max_gfn(d))
		return e;
	l = npt_lookup(d->npt, g.v << PAGE_SHIFT);
	if (!l.rights)
		return e;
	e.mfn = hpa_to_mfn(l.hpa);
	e.type = type_of(d, e.mfn);
	e.writable = l.rights & NPT_WRITE;
	return e;
}

int p2m_map(struct domain *d, gfn_t g, mfn_t m, enum p2m_type type, bool writable)
{
	int rc;

	if (g.v > p2m_max_gfn(d))
		return -XEN_EINVAL;
	rc = type == P2M_RAM ? gfn_table_prepare(d, g, 0) : 0;
	if (!rc)
		rc = npt_map(d->npt, g.v << PAGE_SHIFT, mfn_to_hpa(m), 1, NPT_READ | NPT_EXEC | (writable ? NPT_WRITE : 0), false);
	if (!rc && type == P2M_RAM)
		gfn_table_set(d, g, 0, m);
	return rc;
}

mfn_t p2m_unmap(struct domain *d, gfn_t g, enum p2m_type *ret_type)
{
	struct npt_leaf l;
	struct frame f;
	mfn_t m;

	if (g.v > p2m_max_gfn(d))
		return INVALID_MFN;
	l = npt_lookup(d->npt, g.v << PAGE_SHIFT);
	if (!l.rights)
		return INVALID_MFN;
	m = hpa_to_mfn(l.hpa);
	/* Pinned by us, or granted away: it stays where it is. */
	if (frame_get(m, &f) && f.count)
		return INVALID_MFN;
	*ret_type = type_of(d, m);
	if (*ret_type == P2M_RAM && gfn_table_prepare(d, g, 0))
		return INVALID_MFN;
	if (npt_unmap(d->npt, g.v << PAGE_SHIFT, &l))
		return INVALID_MFN;
	if (*ret_type == P2M_RAM)
		gfn_table_set(d, g, 0, INVALID_MFN);
	return m;
}

int p2m_map_grant(struct domain *d, gfn_t g, mfn_t m, bool writable)
{
	if (g.v > p2m_max_gfn(d))
		return -XEN_EINVAL;
	return npt_map(d->npt, g.v << PAGE_SHIFT, mfn_to_hpa(m), 1, NPT_READ | (writable ? NPT_WRITE : 0), false);
}

static bool shows(struct domain *d, gfn_t g, mfn_t m)
{
	struct npt_leaf l = npt_lookup(d->npt, g.v << PAGE_SHIFT);

	return l.level == 1 && l.hpa.v == mfn_to_hpa(m).v;
}

bool p2m_unmap_grant(struct domain *d, gfn_t g, mfn_t m)
{
	struct npt_leaf l;

	return shows(d, g, m) && !npt_unmap(d->npt, g.v << PAGE_SHIFT, &l);	/* a leaf of 4 KiB needs no page to go */
}

bool p2m_replace_grant(struct domain *d, gfn_t g, mfn_t m, mfn_t by)
{
	return shows(d, g, m) && !npt_map(d->npt, g.v << PAGE_SHIFT, mfn_to_hpa(by), 1, NPT_READ | NPT_WRITE, true);
}

int ram_hold(struct domain *d, gfn_t g, bool write, mfn_t *ret)
{
	struct p2m_entry e;
	int rc = -XEN_EFAULT;

	/* Against p2m_unmap(): it sees the hold, or we see that the frame is gone. */
	spin_lock(&d->g.physmap_lock);
	e = p2m_lookup(d, g);
	if (e.type == P2M_RAM && (e.writable || !write))
		rc = frame_hold(e.mfn, d->id);
	spin_unlock(&d->g.physmap_lock);
	if (!rc)
		*ret = e.mfn;
	return rc;
}

void ram_release(mfn_t m)
{
	frame_release(m);
}

void *frame_look(mfn_t m)
{
	return map_window(WINDOW_SPARE, m);
}

static bool cache_hit(const struct gpa_cache *c, const struct npt *n, uint64_t unit)
{
	return c->unit == unit && c->npt == n && c->generation == READ_ONCE(n->generation);
}

/*
 * Where a guest-physical address is. Walks of a guest's tables come back to the same few chunks and pages, so those translations are
 * kept per CPU: a look-up in the nested tables costs some 300 instructions, and each level of a walk needs one.
 */
static uint32_t gpa_find(struct domain *d, uint64_t addr, uint64_t *ret_hpa)
{
	uint64_t chunk = addr >> ZENDO_CHUNK_SHIFT, page = addr >> PAGE_SHIFT, gen;
	struct gpa_cache *c = &this_cpu()->gpa_chunk[chunk % GPA_CHUNKS];
	struct gpa_cache *p = &this_cpu()->gpa_page[page % GPA_PAGES];
	struct npt_leaf l;

	if (likely(cache_hit(c, d->npt, chunk))) {
		*ret_hpa = c->hpa + (addr & (ZENDO_CHUNK_SIZE - 1));
		return c->rights;
	}
	if (likely(cache_hit(p, d->npt, page))) {
		*ret_hpa = p->hpa + (addr & ~PAGE_MASK);
		return p->rights;
	}
	if (page > p2m_max_gfn(d))
		return 0;
	gen = READ_ONCE(d->npt->generation);	/* before the look-up: a change during it makes the entry stale at once */
	l = npt_lookup(d->npt, addr & PAGE_MASK);
	*ret_hpa = l.hpa.v + (addr & ~PAGE_MASK);
	if (l.level >= 2)
		*c = (struct gpa_cache){ d->npt, gen, chunk, *ret_hpa & ~(ZENDO_CHUNK_SIZE - 1), l.rights };
	else if (l.level)
		*p = (struct gpa_cache){ d->npt, gen, page, l.hpa.v, l.rights };
	return l.rights;
}

/*
 * A frame found is used only inside such a section: domain_flush_tlb() waits for its end, so that a frame taken from the guest is
 * not written any more when it has another owner. Nothing inside waits for the one who flushes.
 */
static void copying_begin(struct domain *d)
{
	__atomic_store_n(&this_cpu()->copying, d->npt, __ATOMIC_SEQ_CST);
}

static void copying_end(void)
{
	__atomic_store_n(&this_cpu()->copying, NULL, __ATOMIC_RELEASE);
}

static char *window_at(uint64_t h, int window)
{
	return (char *)map_window(window, mfn(h >> PAGE_SHIFT)) + (h & ~PAGE_MASK);
}

/* One page's part of a copy. */
static int copy_page(struct domain *d, gpa_t addr, void *buf, size_t len, bool write)
{
	uint64_t h;
	char *va;

	copying_begin(d);
	if (!(gpa_find(d, addr.v, &h) & (write ? NPT_WRITE : NPT_READ))) {
		copying_end();
		return -XEN_EFAULT;
	}
	va = window_at(h, WINDOW_COPY);
	if (len == 4 && write)
		__builtin_memcpy(va, buf, 4);
	else if (len == 4)
		__builtin_memcpy(buf, va, 4);
	else
		memcpy(write ? (void *)va : buf, write ? buf : (void *)va, len);
	copying_end();
	return 0;
}

static int gpa_copy(struct domain *d, gpa_t addr, void *buf, size_t len, bool write)
{
	char *b = buf;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - (addr.v & ~PAGE_MASK));
		int rc = copy_page(d, addr, b, n, write);

		if (rc)
			return rc;
		addr.v += n;
		b += n;
		len -= n;
	}
	return 0;
}

int gpa_read(struct domain *d, gpa_t addr, void *buf, size_t len)
{
	return gpa_copy(d, addr, buf, len, false);
}

int gpa_write(struct domain *d, gpa_t addr, const void *buf, size_t len)
{
	return gpa_copy(d, addr, (void *)(uintptr_t)buf, len, true);
}

/* An entry of the guest's own tables, by one load: the guest may be changing it. */
static int read_entry(struct domain *d, uint64_t table, unsigned int index, unsigned int size, uint64_t *e)
{
	uint64_t h;
	int rc = 0;

	copying_begin(d);
	if (!(gpa_find(d, table + (uint64_t)index * size, &h) & NPT_READ))
		rc = -XEN_EFAULT;
	else
		*e = size == 8 ? READ_ONCE(*(uint64_t *)(void *)window_at(h, WINDOW_WALK))
			       : READ_ONCE(*(uint32_t *)(void *)window_at(h, WINDOW_WALK));
	copying_end();
	return rc;
}

/* What a walk is for, and what it has met. */
struct walk {
	bool	 write, user, smap;	/* smap: the supervisor may not touch user pages */
	uint64_t rights;		/* RW and US of all levels */
	bool	 present;		/* what was asked for is there: rights decide */
};

/* False: the walk ends here. Rights are looked at when all levels are known: an entry that is absent comes first. */
static bool enter(struct walk *w, uint64_t e)
{
	w->rights &= e;
	return e & PTE_P;
}

static int decide(struct walk *w, uint64_t addr, gpa_t *ret)
{
	w->present = true;
	if ((w->write && !(w->rights & PTE_RW)) || (w->user && !(w->rights & PTE_US)) || (w->smap && (w->rights & PTE_US)))
		return -XEN_EFAULT;
	*ret = gpa(addr);
	return 0;
}

/* 2-level tables of 32-bit mode. */
static int walk32(struct vcpu *v, const struct paging_state *s, uint64_t a, struct walk *w, gpa_t *ret)
{
	uint64_t e;

	a &= 0xffffffff;
	if (read_entry(v->d, s->cr3 & 0xfffff000, (a >> 22) & 1023, 4, &e) || !enter(w, e))
		return -XEN_EFAULT;
	if ((e & PTE_PS) && (s->cr4 & CR4_PSE))
		return decide(w, (e & 0xffc00000) | ((e & 0x1fe000) << 19) | (a & 0x3fffff), ret);
	if (read_entry(v->d, e & 0xfffff000, (a >> 12) & 1023, 4, &e) || !enter(w, e))
		return -XEN_EFAULT;
	return decide(w, (e & 0xfffff000) | (a & 0xfff), ret);
}

/* PAE, 4- and 5-level tables. A set Accessed bit in a PDPTE is tolerated: some CPUs leave it there. */
static int walk64(struct vcpu *v, const struct paging_state *s, uint64_t a, struct walk *w, gpa_t *ret)
{
	int top = !s->long_mode ? 3 : s->cr4 & CR4_LA57 ? 5 : 4;
	uint64_t table = s->cr3 & (s->long_mode ? PTE_ADDR : 0xffffffe0ULL);
	uint64_t e;

	if (!s->long_mode)
		a &= 0xffffffff;
	for (int l = top; l >= 1; l--) {
		int shift = PAGE_SHIFT + 9 * (l - 1);
		uint64_t size = 1ULL << shift;
		bool pdpte = top == 3 && l == 3;	/* PAE's have no rights (APM vol. 2, 5.2.3) */

		if (read_entry(v->d, table, (a >> shift) & (pdpte ? 3 : 511), 8, &e) || !enter(w, e | (pdpte ? PTE_RW | PTE_US : 0)))
			return -XEN_EFAULT;
		if (l == 1 || ((e & PTE_PS) && (l == 2 || (l == 3 && top > 3))))
			return decide(w, (e & PTE_ADDR & ~(size - 1)) | (a & (size - 1)), ret);
		table = e & PTE_ADDR;
	}
	return -XEN_EFAULT;
}

static bool canonical(const struct paging_state *s, uint64_t a)
{
	int unused = s->cr4 & CR4_LA57 ? 7 : 16;

	return !s->long_mode || (int64_t)(a << unused) >> unused == (int64_t)a;
}

static int walk(struct vcpu *v, const struct paging_state *s, gva_t addr, struct walk *w, gpa_t *ret)
{
	if (!(s->cr0 & CR0_PG)) {
		*ret = gpa(addr.v & 0xffffffff);
		return 0;
	}
	/* Supervisor writes ignore RW when CR0.WP is clear. */
	w->write = w->write && (w->user || (s->cr0 & CR0_WP));
	w->rights = PTE_RW | PTE_US;
	return s->cr4 & CR4_PAE ? walk64(v, s, addr.v, w, ret) : walk32(v, s, addr.v, w, ret);
}

int gva_to_gpa(struct vcpu *v, gva_t addr, bool write, gpa_t *ret)
{
	struct walk w = { .write = write };
	struct paging_state s;

	ops->paging(v, &s);
	return canonical(&s, addr.v) ? walk(v, &s, addr, &w, ret) : -XEN_EFAULT;
}

int gva_access(struct vcpu *v, gva_t addr, bool write, gpa_t *ret, uint32_t *ret_error)
{
	struct paging_state s;
	struct walk w;
	int rc;

	ops->paging(v, &s);
	if (!canonical(&s, addr.v))
		return -XEN_EINVAL;
	w = (struct walk){ .write = write, .user = s.cpl == 3,
			   .smap = s.cpl < 3 && (s.cr4 & CR4_SMAP) && !(v->regs.rflags & RFLAGS_AC) };
	rc = walk(v, &s, addr, &w, ret);
	if (rc)
		*ret_error = (w.present ? PF_PRESENT : 0) | (write ? PF_WRITE : 0) | (s.cpl == 3 ? PF_USER : 0);
	return rc;
}

static int gva_copy(struct vcpu *v, gva_t addr, void *buf, size_t len, bool write)
{
	char *b = buf;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - (addr.v & ~PAGE_MASK));
		gpa_t g;
		int rc = gva_to_gpa(v, addr, write, &g);

		if (!rc)
			rc = copy_page(v->d, g, b, n, write);
		if (rc)
			return rc;
		addr.v += n;
		b += n;
		len -= n;
	}
	return 0;
}

int gva_read(struct vcpu *v, gva_t addr, void *buf, size_t len)
{
	return gva_copy(v, addr, buf, len, false);
}

int gva_write(struct vcpu *v, gva_t addr, const void *buf, size_t len)
{
	return gva_copy(v, addr, (void *)(uintptr_t)buf, len, true);
}

int guest_pin(struct domain *d, gpa_t addr, size_t len, struct guest_pin *ret)
{
	struct p2m_entry e;
	void *va;
	int rc;

	if (!len || len > PAGE_SIZE - (addr.v & ~PAGE_MASK))
		return -XEN_EINVAL;
	e = p2m_lookup(d, gpa_to_gfn(addr));
	if (e.type != P2M_RAM || !e.writable)
		return -XEN_EFAULT;
	rc = frame_hold(e.mfn, d->id);
	if (rc)
		return rc;
	va = map_shared(e.mfn);
	if (!va) {
		frame_release(e.mfn);
		return -XEN_ENOMEM;
	}
	*ret = (struct guest_pin){ (char *)va + (addr.v & ~PAGE_MASK), e.mfn, addr };
	return 0;
}

void guest_unpin(struct domain *d, struct guest_pin *p)
{
	(void)d;
	if (!p->va)
		return;
	map_shared_free(p->va);
	frame_release(p->mfn);
	*p = (struct guest_pin){ 0 };
}
