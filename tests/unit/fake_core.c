// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include "fake_core.h"
#include "core/log.h"

struct fake fake;
struct host_features host_features;

/* Zero between runs: what frame_va() gave out is wiped at the next start. */
static unsigned char frames[FAKE_FRAMES][PAGE_SIZE];
static bool frame_used[FAKE_FRAMES];
static uint64_t random_state;

void fake_seed(uint64_t s)
{
	random_state = s * 2 + 1;
}

uint64_t fake_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

void hv_panic(const char *fmt, ...)
{
	fprintf(stderr, "hv_panic: %s\n", fmt);
	abort();
}

void guest_log(struct domain *d, const char *fmt, ...) { (void)d, (void)fmt; }

static void require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fake core: %s\n", what);
	abort();
}

/* ---- locks: rank order, as docs/locking.md has it ---- */

void spin_lock(spinlock_t *l)
{
	require(l->next == l->owner, "lock taken twice");
	require(l->rank && !(fake.locks_held >> l->rank), "lock order");
	fake.locks_held |= 1U << l->rank;
	l->next++;
}

void spin_unlock(spinlock_t *l)
{
	require(l->next != l->owner, "unlock without lock");
	fake.locks_held &= ~(1U << l->rank);
	l->owner++;
}

/* ---- pool, dom0's pages ---- */

void *pool_alloc(struct domain *d)
{
	(void)d;
	if (fake.pool_used >= fake.pool_limit)
		return NULL;
	for (size_t i = 0; i < FAKE_POOL; i++) {
		if (fake.pool[i])
			continue;
		fake.pool[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
		memset(fake.pool[i], 0, PAGE_SIZE);
		fake.pool_used++;
		return fake.pool[i];
	}
	return NULL;
}

static size_t pool_index(const void *page)
{
	for (size_t i = 0; i < FAKE_POOL; i++)
		if (fake.pool[i] == page)
			return i;
	require(false, "no pool page");
	return 0;
}

void pool_free(struct domain *d, void *page)
{
	(void)d;
	if (!page)
		return;
	fake.pool[pool_index(page)] = NULL;
	free(page);
	fake.pool_used--;
}

mfn_t pool_mfn(const void *page)
{
	return mfn(FAKE_POOL_MFN + pool_index(page));
}

void *fake_dom0_page(uint64_t hpa_)
{
	uint64_t i = hpa_ >> PAGE_SHIFT;

	require(i < FAKE_DOM0_PAGES, "dom0 page out of range");
	if (!fake.dom0_page[i]) {
		fake.dom0_page[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
		memset(fake.dom0_page[i], 0, PAGE_SIZE);
	}
	return fake.dom0_page[i];
}

int dom0_page_map(hpa_t page, void **ret)
{
	*ret = fake_dom0_page(page.v);
	return 0;
}

void dom0_page_unmap(void *va)
{
	(void)va;
}

/* ---- physical map ---- */

static void *frame_va(mfn_t m)
{
	if (m.v >= FAKE_POOL_MFN && m.v < FAKE_POOL_MFN + FAKE_POOL)
		return fake.pool[m.v - FAKE_POOL_MFN];
	require(m.v < FAKE_FRAMES, "frame that does not exist");
	frame_used[m.v] = true;
	return fake.frame[m.v];
}

mfn_t fake_new_frame(void)
{
	require(fake.nr_frames < FAKE_FRAMES, "out of fake frames");
	return mfn(fake.nr_frames++);
}

uint64_t p2m_max_gfn(const struct domain *d)
{
	(void)d;
	return FAKE_GFNS - 1;
}

struct p2m_entry *fake_p2m(const struct domain *d)
{
	return d && d == fake.other ? fake.other_p2m : fake.p2m;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t g)
{
	return g.v < FAKE_GFNS ? fake_p2m(d)[g.v] : (struct p2m_entry){ INVALID_MFN, P2M_NONE, false };
}

int p2m_map(struct domain *d, gfn_t g, mfn_t m, enum p2m_type type, bool writable)
{
	struct p2m_entry *p2m = fake_p2m(d);

	require(g.v < FAKE_GFNS, "p2m_map beyond the map");
	require(p2m[g.v].type == P2M_NONE, "p2m_map over something");
	if (fake.pool_used >= fake.pool_limit)
		return -XEN_ENOMEM;
	p2m[g.v] = (struct p2m_entry){ m, type, writable };
	return 0;
}

mfn_t p2m_unmap(struct domain *d, gfn_t g, enum p2m_type *ret_type)
{
	struct p2m_entry e = p2m_lookup(d, g);

	if (e.type == P2M_NONE || (e.mfn.v < FAKE_FRAMES && fake.pins[e.mfn.v]))
		return INVALID_MFN;
	fake_p2m(d)[g.v] = (struct p2m_entry){ INVALID_MFN, P2M_NONE, false };
	fake.dirty = true;
	*ret_type = e.type;
	return e.mfn;
}

int p2m_map_grant(struct domain *d, gfn_t g, mfn_t m, bool writable)
{
	require(fake.locks_held & (1U << RANK_PHYSMAP), "a grant is mapped without the lock");
	require(m.v < FAKE_FRAMES && fake.pins[m.v], "a grant is mapped that is not held");
	if (g.v >= FAKE_GFNS)
		return -XEN_EINVAL;
	if (fake_p2m(d)[g.v].type != P2M_NONE)
		return -XEN_EEXIST;
	if (fake.pool_used >= fake.pool_limit)
		return -XEN_ENOMEM;
	fake_p2m(d)[g.v] = (struct p2m_entry){ m, fake.others[m.v] == (d == fake.other) ? P2M_RAM : P2M_FOREIGN, writable };
	fake.granted[d == fake.other][g.v] = true;
	return 0;
}

bool p2m_unmap_grant(struct domain *d, gfn_t g, mfn_t m)
{
	return p2m_replace_grant(d, g, m, INVALID_MFN);
}

bool p2m_replace_grant(struct domain *d, gfn_t g, mfn_t m, mfn_t by)
{
	struct p2m_entry *e = &fake_p2m(d)[g.v];

	require(fake.locks_held & (1U << RANK_PHYSMAP), "a grant's entry is changed without the lock");
	if (e->type == P2M_NONE || e->mfn.v != m.v)
		return false;
	*e = (struct p2m_entry){ by, mfn_valid(by) ? P2M_SPECIAL : P2M_NONE, mfn_valid(by) };
	fake.granted[d == fake.other][g.v] = false;
	fake.dirty = true;
	return true;
}

int ram_hold(struct domain *d, gfn_t g, bool write, mfn_t *ret)
{
	struct p2m_entry e = p2m_lookup(d, g);

	require(!(fake.locks_held >> RANK_PHYSMAP), "ram_hold inside a lock");
	if (e.type != P2M_RAM || (write && !e.writable))
		return -XEN_EFAULT;
	if (fake.others[e.mfn.v] != (d == fake.other))
		return -XEN_EPERM;
	fake.pins[e.mfn.v]++;
	*ret = e.mfn;
	return 0;
}

void ram_release(mfn_t m)
{
	require(fake.pins[m.v], "release without hold");
	require(!fake.dirty, "a frame is let go before a flush");
	fake.pins[m.v]--;
}

void *frame_look(mfn_t m)
{
	return frame_va(m);
}

void domain_flush_tlb(struct domain *d)
{
	(void)d;
	require(!fake.locks_held, "flush with a lock held");
	fake.flushes++;
	fake.dirty = false;
}

void ram_return(struct domain *d, mfn_t m)
{
	require(!(fake.locks_held >> RANK_DOMAIN), "domain lock order");
	for (size_t i = 0; i < FAKE_GFNS; i++)
		require((fake.p2m[i].type == P2M_NONE || fake.p2m[i].mfn.v != m.v) && (!fake.granted[1][i] || fake.other_p2m[i].mfn.v != m.v), "returned frame is still mapped");
	if (!(fake.locks_held & (1U << RANK_PHYSMAP)))
		require(!fake.dirty, "frame returned before a flush");
	fake.returned[fake.nr_returned++ % FAKE_FRAMES] = m.v;
	d->nr_pages--;
}

mfn_t ram_take(struct domain *d)
{
	if (!fake.nr_stock)
		return INVALID_MFN;
	d->nr_pages++;
	return mfn(fake.stock[--fake.nr_stock]);
}

mfn_t grant_take(struct domain *d)
{
	(void)d;
	return fake.nr_stock ? mfn(fake.stock[--fake.nr_stock]) : INVALID_MFN;
}

/* ---- guest memory ---- */

static int gpa_copy(struct domain *d, gpa_t addr, void *buf, size_t len, bool write)
{
	char *b = buf;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - (addr.v & ~PAGE_MASK));
		struct p2m_entry e = p2m_lookup(d, gpa_to_gfn(addr));
		char *va;

		if (e.type == P2M_NONE || (write && !e.writable))
			return -XEN_EFAULT;
		va = (char *)frame_va(e.mfn) + (addr.v & ~PAGE_MASK);
		memmove(write ? va : b, write ? b : va, n);
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

int gva_to_gpa(struct vcpu *v, gva_t addr, bool write, gpa_t *ret)
{
	(void)v, (void)write;
	if (fake_page(addr.v) >= FAKE_RAM || fake.linear_hole[fake_page(addr.v)])
		return -XEN_EFAULT;
	*ret = gpa((uint64_t)fake.linear[fake_page(addr.v)] << PAGE_SHIFT | (addr.v & ~PAGE_MASK));
	return 0;
}

int gva_access(struct vcpu *v, gva_t addr, bool write, gpa_t *ret, uint32_t *ret_error)
{
	int rc = gva_to_gpa(v, addr, write, ret);

	if (fake.paging.code64 && (int64_t)(addr.v << 16) >> 16 != (int64_t)addr.v)
		return -XEN_EINVAL;
	if (rc)
		*ret_error = write ? 2 : 0;
	return rc;
}

static int gva_copy(struct vcpu *v, gva_t addr, void *buf, size_t len, bool write)
{
	char *b = buf;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - (addr.v & ~PAGE_MASK));
		gpa_t a;

		if (gva_to_gpa(v, addr, write, &a) || gpa_copy(v ? v->d : fake.d, a, b, n, write))
			return -XEN_EFAULT;
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

void *fake_va(uint64_t linear)
{
	gpa_t a;

	require(!gva_to_gpa(NULL, gva(linear), true, &a), "no such linear address");
	return (char *)frame_va(fake.p2m[a.v >> PAGE_SHIFT].mfn) + (a.v & ~PAGE_MASK);
}

void fake_write(uint64_t linear, const void *buf, size_t len)
{
	require(!gva_copy(NULL, gva(linear), (void *)(uintptr_t)buf, len, true), "fake_write");
}

void fake_read(uint64_t linear, void *buf, size_t len)
{
	require(!gva_copy(NULL, gva(linear), buf, len, false), "fake_read");
}

int guest_pin(struct domain *d, gpa_t addr, size_t len, struct guest_pin *ret)
{
	struct p2m_entry e;

	if (!len || len > PAGE_SIZE - (addr.v & ~PAGE_MASK))
		return -XEN_EINVAL;
	e = p2m_lookup(d, gpa_to_gfn(addr));
	if (e.type != P2M_RAM || !e.writable)
		return -XEN_EFAULT;
	fake.pins[e.mfn.v]++;
	*ret = (struct guest_pin){ (char *)frame_va(e.mfn) + (addr.v & ~PAGE_MASK), e.mfn, addr };
	return 0;
}

void guest_unpin(struct domain *d, struct guest_pin *p)
{
	(void)d;
	if (!p->va)
		return;
	require(fake.pins[p->mfn.v], "unpin without pin");
	fake.pins[p->mfn.v]--;
	*p = (struct guest_pin){ 0 };
}

/* ---- domain ---- */

struct domain *domain_get(domid_t id)
{
	struct domain *all[] = { fake.d, fake.other };	/* NULL in the end of either */

	require(!fake.locks_held, "a domain is looked up with a lock held");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i] && all[i]->id == id) {
			all[i]->refs++;
			return all[i];
		}
	}
	return NULL;
}

void domain_put(struct domain *d)
{
	require(!fake.locks_held && d->refs, "a domain is let go that nobody holds, or with a lock held");
	d->refs--;
}

void vcpu_kick(struct vcpu *v)
{
	(v->d == fake.d ? fake.kicks : fake.other_kicks)[v->id]++;
	__atomic_fetch_or(&v->request, REQ_EVENT, __ATOMIC_SEQ_CST);
}

void domain_shutdown(struct domain *d, uint32_t code)
{
	(void)d;
	if (fake.shutdown)
		return;
	fake.shutdown = true;
	fake.shutdown_code = code;
}

enum exit_next vcpu_need_pages(struct vcpu *v, uint32_t pool, uint32_t ram)
{
	v->reason = ZRUN_NEED_PAGES;
	v->need_pool = pool;
	v->need_ram = ram;
	return NEXT_TO_DOM0;
}

enum exit_next vcpu_crash(struct vcpu *v, const struct exit_info *x, enum zendo_crash_reason why)
{
	(void)x;
	v->run->hyp.crash.reason = why;
	return NEXT_KILL;
}

uint64_t host_tsc(void) { return fake.tsc; }
uint64_t host_tsc_khz(void) { return fake.tsc_khz; }
bool host_has_msr(uint32_t msr) { return msr == FAKE_MSR; }

/* AVX, AVX-512 and PKRU components as processors have them. */
static const struct { uint32_t size, offset, flags; } xcomp[10] = {
	[2] = { 256, 576, 0 }, [5] = { 64, 1088, 0 }, [6] = { 512, 1152, 0 }, [7] = { 1024, 1664, 2 }, [9] = { 8, 2688, 0 },
};

void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	memset(regs, fake.cpu_all_ones && (leaf != 0xd || subleaf < 2) ? 0xff : 0, 16);
	if (leaf == 0xd && subleaf >= 2) {
		if (subleaf < ARRAY_SIZE(xcomp)) {
			regs[0] = xcomp[subleaf].size;
			regs[1] = xcomp[subleaf].offset;
			regs[2] = xcomp[subleaf].flags;
		}
	}
	if (leaf == 0) {
		regs[0] = 0x20;
		regs[1] = host_features.vendor_ebx;
		regs[2] = host_features.vendor_ecx;
		regs[3] = host_features.vendor_edx;
	}
	if (leaf == 0x80000000)
		regs[0] = 0x80000028;
}

/* ---- vendor table ---- */

static void op_paging(struct vcpu *v, struct paging_state *s) { (void)v; *s = fake.paging; }
static void op_skip(struct vcpu *v, uint8_t len) { v->regs.rip += len; fake.skipped += len; }
static void op_sregs_get(struct vcpu *v, struct zendo_sregs *s) { (void)v; *s = fake.sregs; }
static int op_sregs_set(struct vcpu *v, const struct zendo_sregs *s) { (void)v; fake.sregs = *s; return 0; }
static void op_cr4_set(struct vcpu *v, uint64_t val) { (void)v; fake.cr4 = val; fake.paging.cr4 = val; }
static void op_cr2_set(struct vcpu *v, uint64_t val) { (void)v; fake.cr2 = val; }
static void op_tsc_offset(struct vcpu *v, uint64_t o) { fake.tsc_offset[v->id] = o; }
static void op_flush_guest(struct vcpu *v) { (void)v; fake.guest_flushes++; }
static bool op_may_inject(struct vcpu *v, enum inject_type t) { return t == INJECT_NMI || (v->regs.rflags & 0x200); }

static void op_inject(struct vcpu *v, enum inject_type t, uint8_t vector, bool has_error, uint32_t error)
{
	(void)v;
	if (t == INJECT_EXC) {
		fake.injected = vector;
		fake.injected_error = has_error;
		fake.error = error;
	}
}

static bool op_msr_get(struct vcpu *v, uint32_t index, uint64_t *val)
{
	(void)v;
	*val = 0;
	if (index == 0xc0000080)
		*val = fake.paging.efer | 1U << 12;	/* with SVME, as the control structure has it */
	for (uint32_t i = 0; i < fake.nr_msr; i++)
		if (fake.msr[i].msr == index)
			*val = fake.msr[i].val;
	return true;
}

static bool op_msr_set(struct vcpu *v, uint32_t index, uint64_t val)
{
	(void)v;
	for (uint32_t i = 0; i < fake.nr_msr; i++) {
		if (fake.msr[i].msr == index) {
			fake.msr[i].val = val;
			return true;
		}
	}
	require(fake.nr_msr < ARRAY_SIZE(fake.msr), "more MSRs than expected reach the vendor");
	fake.msr[fake.nr_msr].msr = index;
	fake.msr[fake.nr_msr++].val = val;
	return true;
}

static const struct vendor_ops fake_ops = {
	.name = "svm",
	.may_inject = op_may_inject, .inject = op_inject, .skip = op_skip, .paging = op_paging,
	.sregs_get = op_sregs_get, .sregs_set = op_sregs_set, .msr_get = op_msr_get, .msr_set = op_msr_set,
	.cr4_set = op_cr4_set, .cr2_set = op_cr2_set, .tsc_offset = op_tsc_offset, .flush_guest = op_flush_guest,
};
const struct vendor_ops *ops = &fake_ops;

/* ---- start, stop, calls ---- */

struct vcpu *fake_vcpu(uint32_t id)
{
	return fake.d->vcpu[id];
}

static void start_vcpu(struct domain *d, uint32_t id)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	uint64_t pages = d == fake.d ? 16 : 200;

	v->d = d;
	v->id = id;
	v->cpu = v->last_cpu = -1;
	v->told_dom0 = true;
	v->run = fake_dom0_page((pages + id) << PAGE_SHIFT);
	v->posted = fake_dom0_page((pages + 20 + id) << PAGE_SHIFT);
	v->regs.rflags = 0x202;
	require(!guest_vcpu_init(v), "guest_vcpu_init");
	v->up = id == 0;
	d->vcpu[id] = v;
}

static void end(struct domain *d)
{
	require(!d->refs, "somebody still holds the domain");
	d->state = DOMAIN_DYING;
	while (!guest_domain_unbind(d))
		;
	for (uint32_t i = 0; i < d->max_vcpus; i++) {
		guest_vcpu_destroy(d->vcpu[i]);
		free(d->vcpu[i]);
		d->vcpu[i] = NULL;
	}
	guest_domain_destroy(d);
	free(d);
}

void fake_start_other(domid_t id)
{
	struct zendo_domain_create c = { .evt_hint_hpa = 3 << PAGE_SHIFT, .grant_hpa = 4 << PAGE_SHIFT };
	struct domain *d = calloc(1, sizeof(*d));

	d->id = id;
	d->max_vcpus = 2;
	d->state = DOMAIN_ALIVE;
	for (uint32_t i = 0; i < FAKE_GFNS; i++) {
		bool own = i >= FAKE_RAM / 2 && i < FAKE_RAM;
		mfn_t m = mfn(i);

		if (own)	/* the same ones each time */
			m = fake.other_ram[i] ? mfn(fake.other_ram[i]) : fake_new_frame();
		fake.other_ram[i] = m.v & 0xffff;
		fake.other_p2m[i] = i < FAKE_RAM ? (struct p2m_entry){ m, P2M_RAM, true } : (struct p2m_entry){ INVALID_MFN, P2M_NONE, false };
		if (own)
			fake.others[m.v] = true;
	}
	memset(fake.granted[1], 0, sizeof(fake.granted[1]));
	fake.other = d;
	require(!guest_domain_init(d, &c), "guest_domain_init");
	for (uint32_t i = 0; i < 2; i++)
		start_vcpu(d, i);
}

void fake_stop_other(void)
{
	end(fake.other);
	fake.other = NULL;
}

void fake_start(uint32_t vcpus)
{
	struct zendo_domain_create c = { .evt_hint_hpa = 1 << PAGE_SHIFT, .grant_hpa = 2 << PAGE_SHIFT,
					 .wallclock_ns = 1700000000ULL * 1000000000 };

	memset(&fake, 0, sizeof(fake));
	fake.d = calloc(1, sizeof(*fake.d));
	for (size_t i = 0; i < FAKE_FRAMES; i++)
		if (frame_used[i])
			memset(frames[i], 0, PAGE_SIZE);
	memset(frame_used, 0, sizeof(frame_used));
	fake.frame = frames;
	fake.pool_limit = FAKE_POOL;
	fake.tsc = 1000000;
	fake.tsc_khz = 2500000;
	fake.injected = -1;
	fake.paging = (struct paging_state){ .cr0 = 0x80000001, .cr4 = 0x20, .efer = 0xd00, .long_mode = true, .code64 = true };
	c.wallclock_tsc = fake.tsc;
	host_features = (struct host_features){ .vendor_ebx = 0x68747541, .vendor_ecx = 0x444d4163, .vendor_edx = 0x69746e65,
						.xcr0_mask = 0xe7, .xsave_size = 2688, .rdtscp = true, .invariant_tsc = true, .tsc_stable = true,
						.maxphys = 46 };
	for (uint32_t i = 0; i < FAKE_GFNS; i++)
		fake.p2m[i] = (struct p2m_entry){ INVALID_MFN, P2M_NONE, false };
	for (uint32_t i = 0; i < FAKE_RAM; i++) {
		/* Linear neighbours are not physical neighbours. */
		fake.linear[i] = (uint16_t)(i ^ 1);
		fake.p2m[i] = (struct p2m_entry){ mfn(i), P2M_RAM, true };
	}
	fake.nr_frames = FAKE_RAM;
	fake.d->id = 7;
	fake.d->max_vcpus = vcpus;
	fake.d->max_pages = FAKE_RAM + 64;
	fake.d->nr_pages = FAKE_RAM;
	fake.d->state = DOMAIN_ALIVE;
	require(!guest_domain_init(fake.d, &c), "guest_domain_init");
	for (uint32_t i = 0; i < vcpus; i++)
		start_vcpu(fake.d, i);
}

void fake_stop(void)
{
	require(!fake.locks_held, "a lock is still held");
	if (fake.other)
		fake_stop_other();
	end(fake.d);
	require(!fake.pool_used, "pool pages left");
	for (size_t i = 0; i < FAKE_FRAMES; i++)
		require(!fake.pins[i], "pins left");
	for (size_t i = 0; i < FAKE_DOM0_PAGES; i++)
		free(fake.dom0_page[i]);
	fake.d = NULL;
}

struct exit_info fake_exit(enum exit_kind kind, uint8_t len)
{
	fake.skipped = 0;
	fake.injected = -1;
	if (kind == EXIT_HYPERCALL)
		return (struct exit_info){ .kind = kind, .insn_len = len,
					   .call = { fake.paging.cpl, fake.paging.code64 } };
	return (struct exit_info){ .kind = kind, .insn_len = len };
}

static enum exit_next call_again(struct vcpu *v)
{
	struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);
	enum exit_next n = guest_hypercall(v, &x);

	require(!fake.locks_held, "hypercall returns with a lock");
	require(!fake.dirty, "hypercall returns without the flush it owes");
	return n;
}

enum exit_next fake_call_once(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct zendo_regs *r = &v->regs;

	if (fake.paging.code64) {
		r->rax = nr, r->rdi = a0, r->rsi = a1, r->rdx = a2;
	} else {
		r->rax = nr, r->rbx = a0, r->rcx = a1, r->rdx = a2;
	}
	return call_again(v);
}

int64_t fake_call(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	fake_call_once(v, nr, a0, a1, a2);
	for (int i = 0; !fake.skipped; i++) {
		require(i < 100000, "a hypercall does not end");
		call_again(v);
	}
	return fake.paging.code64 ? (int64_t)v->regs.rax : (int32_t)v->regs.rax;
}
