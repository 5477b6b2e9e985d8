// SPDX-License-Identifier: GPL-2.0-only
/* Dom0's calls: every argument is checked here, once, on a private copy. */
#include "arch/x86/x86.h"
#include "core/check.h"
#include "core/cpu.h"
#include "core/dom0.h"
#include "core/domain_mem.h"
#include "core/frame.h"
#include "core/gfn_table.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/start.h"
#include "core/trace.h"
#include "guest/guest.h"

struct call {
	struct cpu *c;
	uint64_t a, b, c2, d;	/* arguments in order */
};

static int64_t call_version(const struct call *x)
{
	(void)x;
	return (int64_t)((uint64_t)ZENDO_CALL_MAGIC << 32 | ZENDO_ABI_VERSION);
}

static int64_t call_leave(const struct call *x)
{
	if (x->a & ~(uint64_t)ZCALL_LEAVE_EMERGENCY)
		return -XEN_EINVAL;
	if (!(x->a & ZCALL_LEAVE_EMERGENCY) && domain_count())
		return -XEN_EBUSY;
	cpu_leave(x->c, 0);
}

static int64_t call_flush(const struct call *x)
{
	uint64_t e = dom0_epoch();

	ops->flush_dom0(x->c);
	/* True when the flush has happened; it does before dom0 runs again here, and dom0 is what could use old entries. */
	__atomic_store_n(&x->c->epoch, e, __ATOMIC_SEQ_CST);
	return (int64_t)e;
}

static int64_t call_pool_add(const struct call *x) { return dom0_hide_chunk(hpa(x->a)); }
static int64_t call_pool_commit(const struct call *x) { return dom0_commit_chunk(hpa(x->a)); }
static int64_t call_pool_take(const struct call *x) { (void)x; return dom0_unhide_chunk(); }

static int64_t call_stats(const struct call *x)
{
	struct zendo_stats s = { .nr_domains = domain_count(), .epoch = dom0_epoch() };

#ifdef ZENDO_CHECK
	s.image_flags = ZENDO_IMAGE_CHECK;
	s.check_failures = __atomic_load_n(&check_failures, __ATOMIC_RELAXED);
#endif
	for (uint32_t i = 0; i < boot.nr_cpus; i++) {
		struct cpu *c = cpu_by_id(i);

		if (!c)
			continue;
		s.nr_cpus_under += c->under;
		s.dom0_exits += c->dom0_exits;
		s.dom0_hidden_writes += c->hidden_writes;
		s.dom0_npt_fills += c->npt_fills;
		s.guest_exits += c->guest_exits;
		s.max_gif0_tsc = MAX(s.max_gif0_tsc, c->max_hold);
		for (int k = 0; k < 32; k++)
			s.exits_by_kind[k] += c->by_kind[k];
	}
	pool_stats(&s);
	return dom0_write(x->a, &s, sizeof(s));
}

static int64_t call_log_read(const struct call *x)
{
	struct zendo_log h = { 0 };
	char buf[1024];
	size_t n, room;
	int64_t rc;

	if (x->c2 <= sizeof(h) || x->c2 > PAGE_SIZE)
		return -XEN_EINVAL;
	room = MIN(sizeof(buf), x->c2 - sizeof(h));
	h.next = x->a;
	n = log_read(&h.next, &h.start, buf, room);
	rc = dom0_write(x->b, &h, sizeof(h));
	if (!rc && n)
		rc = dom0_write(x->b + sizeof(h), buf, n);
	return rc ? rc : (int64_t)(sizeof(h) + n);
}

static int64_t call_trace_read(const struct call *x)
{
	struct zendo_trace buf[16];
	uint64_t pos = x->b;
	uint32_t n;
	int64_t rc;

	if (x->a >= boot.nr_cpus)
		return -XEN_EINVAL;
	n = trace_read((uint32_t)x->a, &pos, buf, (uint32_t)MIN(x->d, ARRAY_SIZE(buf)));
	rc = n ? dom0_write(x->c2, buf, n * sizeof(buf[0])) : 0;
	return rc ? rc : ZENDO_TRACE_ANSWER(pos, n);
}

static int64_t call_domain_create(const struct call *x)
{
	struct zendo_domain_create c;
	int64_t rc = dom0_read(x->a, &c, sizeof(c));

	return rc ? rc : domain_create(&c);
}

static int64_t do_kill(struct domain *d, const struct call *x) { (void)x; return domain_kill(d); }

/* Not by on_domain(): the object is gone afterwards. */
static int64_t call_domain_free(const struct call *x)
{
	struct domain *d = x->a < MAX_DOMAINS ? domain_get((domid_t)x->a) : NULL;
	int rc;

	if (!d)
		return -XEN_ESRCH;
	rc = domain_free(d);
	if (rc)
		domain_put(d);
	return rc;
}

/* A single frame can cost some 4,000 instructions; half the time that interrupts may be held off is for the list. */
#define EXTENTS_US	50

/* Stops before the end of the list when the time is up; dom0 goes on with the rest. */
static int64_t extents(struct domain *d, const struct call *x, int (*fn)(struct domain *, const struct zendo_extent *))
{
	struct zendo_extent e;
	uint64_t i, end = host_tsc() + host_tsc_khz() * EXTENTS_US / 1000;
	int rc = 0;

	if (!x->c2 || x->c2 > ARRAY_SIZE(((struct zendo_extents *)0)->e))
		return -XEN_EINVAL;
	for (i = 0; i < x->c2 && (!i || host_tsc() < end); i++) {
		rc = dom0_read(x->b + i * sizeof(e), &e, sizeof(e));
		if (!rc)
			rc = fn(d, &e);
		if (rc)
			break;
	}
	return i ? (int64_t)i : rc;
}

static int64_t do_donate(struct domain *d, const struct call *x) { return extents(d, x, domain_donate); }
static int64_t do_reclaim(struct domain *d, const struct call *x) { return extents(d, x, domain_reclaim); }

static int64_t do_returned(struct domain *d, const struct call *x)
{
	uint64_t list[64];
	uint32_t n;
	int64_t rc;

	/* Nothing is taken off the list that dom0 would not hear of. */
	rc = dom0_read(x->b, list, sizeof(list));
	if (rc)
		return rc;
	n = domain_returned(d, list, ARRAY_SIZE(list));
	rc = dom0_write(x->b, list, sizeof(list));
	return rc ? rc : n;
}

static int64_t do_gfn_page(struct domain *d, const struct call *x) { return gfn_table_give(d, hpa(x->b)); }

static int64_t do_param(struct domain *d, const struct call *x)
{
	if (x->b > UINT32_MAX || x->d > 1)
		return -XEN_EINVAL;
	return guest_param_call(d, (uint32_t)x->b, x->c2, x->d);
}

static int64_t do_memmap(struct domain *d, const struct call *x)
{
	struct zendo_memmap_entry e[126];
	int64_t rc;

	if (!x->c2 || x->c2 > ARRAY_SIZE(e))
		return -XEN_EINVAL;
	rc = dom0_read(x->b, e, x->c2 * sizeof(e[0]));
	return rc ? rc : guest_memmap_set(d, e, (uint32_t)x->c2);
}

static int64_t do_policy(struct domain *d, const struct call *x)
{
	struct zendo_policy p;
	int64_t rc = dom0_read(x->b, &p, sizeof(p));

	return rc ? rc : guest_policy_set(d, &p);
}

static int64_t do_wallclock(struct domain *d, const struct call *x)
{
	guest_wallclock_set(d, x->b, x->c2);
	return 0;
}

static int64_t do_use(struct domain *d, const struct call *x)
{
	switch (x->b) {
	case 0:
		return (int64_t)READ_ONCE(d->nr_pages);
	case 1:
		return READ_ONCE(d->pool_pages);
	default:
		return -XEN_EINVAL;
	}
}

static int64_t do_vcpu_create(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : vcpu_create(d, (uint32_t)x->b, x->c2, x->d);
}

static int64_t do_vcpu_run(struct vcpu *v, const struct call *x) { (void)x; return vcpu_run(v); }

static int64_t do_vcpu_park(struct vcpu *v, const struct call *x)
{
	ops->park(x->c, v);
	return 0;
}

static int64_t do_vcpu_get(struct vcpu *v, const struct call *x)
{
	struct zendo_vcpu_state s;
	int64_t rc = vcpu_get_state(v, &s);

	return rc ? rc : dom0_write(x->b, &s, sizeof(s));
}

static int64_t do_vcpu_set(struct vcpu *v, const struct call *x)
{
	struct zendo_vcpu_state s;
	int64_t rc = dom0_read(x->b, &s, sizeof(s));

	return rc ? rc : vcpu_set_state(v, &s);
}

static int64_t do_vcpu_nmi(struct vcpu *v, const struct call *x)
{
	(void)x;
	guest_nmi(v);
	return 0;
}

static int64_t do_evtchn_alloc(struct domain *d, const struct call *x) { (void)x; return evtchn_dom0_alloc(d); }

static int64_t do_evtchn_bind(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : evtchn_dom0_bind(d, (uint32_t)x->b);
}

static int64_t do_evtchn_close(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : evtchn_dom0_close(d, (uint32_t)x->b);
}

/* What a call is about, and so what its first argument is: nothing, a domain, or domid << 16 | vcpu. */
static const struct row {
	int64_t (*plain)(const struct call *x);
	int64_t (*domain)(struct domain *d, const struct call *x);
	int64_t (*vcpu)(struct vcpu *v, const struct call *x);
	bool	any_state;	/* of the domain; without it one that lives */
} rows[] = {
	[ZCALL_VERSION - ZCALL_BASE]		= { .plain = call_version },
	[ZCALL_LEAVE - ZCALL_BASE]		= { .plain = call_leave },
	[ZCALL_FLUSH - ZCALL_BASE]		= { .plain = call_flush },
	[ZCALL_POOL_ADD - ZCALL_BASE]		= { .plain = call_pool_add },
	[ZCALL_POOL_COMMIT - ZCALL_BASE]	= { .plain = call_pool_commit },
	[ZCALL_POOL_TAKE - ZCALL_BASE]		= { .plain = call_pool_take },
	[ZCALL_STATS - ZCALL_BASE]		= { .plain = call_stats },
	[ZCALL_LOG_READ - ZCALL_BASE]		= { .plain = call_log_read },
	[ZCALL_TRACE_READ - ZCALL_BASE]		= { .plain = call_trace_read },
	[ZCALL_DOMAIN_CREATE - ZCALL_BASE]	= { .plain = call_domain_create },
	[ZCALL_DOMAIN_FREE - ZCALL_BASE]	= { .plain = call_domain_free },
	[ZCALL_DOMAIN_KILL - ZCALL_BASE]	= { .domain = do_kill, .any_state = true },
	[ZCALL_DONATE - ZCALL_BASE]		= { .domain = do_donate },
	[ZCALL_RECLAIM - ZCALL_BASE]		= { .domain = do_reclaim, .any_state = true },
	[ZCALL_RETURNED - ZCALL_BASE]		= { .domain = do_returned, .any_state = true },
	[ZCALL_DOMAIN_PARAM - ZCALL_BASE]	= { .domain = do_param },
	[ZCALL_DOMAIN_MEMMAP - ZCALL_BASE]	= { .domain = do_memmap },
	[ZCALL_DOMAIN_WALLCLOCK - ZCALL_BASE]	= { .domain = do_wallclock },
	[ZCALL_DOMAIN_POLICY - ZCALL_BASE]	= { .domain = do_policy },
	[ZCALL_DOMAIN_USE - ZCALL_BASE]		= { .domain = do_use },
	[ZCALL_GFN_PAGE - ZCALL_BASE]		= { .domain = do_gfn_page },
	[ZCALL_VCPU_CREATE - ZCALL_BASE]	= { .domain = do_vcpu_create },
	[ZCALL_VCPU_RUN - ZCALL_BASE]		= { .vcpu = do_vcpu_run },
	[ZCALL_VCPU_PARK - ZCALL_BASE]		= { .vcpu = do_vcpu_park },
	[ZCALL_VCPU_GET - ZCALL_BASE]		= { .vcpu = do_vcpu_get },
	[ZCALL_VCPU_SET - ZCALL_BASE]		= { .vcpu = do_vcpu_set },
	[ZCALL_VCPU_NMI - ZCALL_BASE]		= { .vcpu = do_vcpu_nmi },
	[ZCALL_EVTCHN_ALLOC - ZCALL_BASE]	= { .domain = do_evtchn_alloc },
	[ZCALL_EVTCHN_BIND - ZCALL_BASE]	= { .domain = do_evtchn_bind },
	[ZCALL_EVTCHN_CLOSE - ZCALL_BASE]	= { .domain = do_evtchn_close },
};

/* The domain is held around it. */
static int64_t on_domain(const struct row *r, const struct call *x)
{
	uint64_t id = r->vcpu ? x->a >> 16 : x->a;
	struct domain *d = id < MAX_DOMAINS ? domain_get((domid_t)id) : NULL;
	int64_t rc = -XEN_ESRCH;

	if (!d)
		return rc;
	/* Looked at with the reference held: domain_kill() waits for references. */
	if (r->any_state || READ_ONCE(d->state) == DOMAIN_ALIVE) {
		struct vcpu *v = r->vcpu ? domain_vcpu(d, x->a & 0xffff) : NULL;

		if (!r->vcpu)
			rc = r->domain(d, x);
		else
			rc = v ? r->vcpu(v, x) : -XEN_ENOENT;
	}
	domain_put(d);
	return rc;
}

void dom0_call(struct cpu *c, struct zendo_regs *regs)
{
	struct call x = { c, regs->rdi, regs->rsi, regs->rdx, regs->r10 };
	uint64_t nr = regs->rax - ZCALL_BASE;
	int64_t rc = -XEN_ENOSYS;

	c->hold_what = regs->rax;
	if (nr < ARRAY_SIZE(rows) && rows[nr].plain)
		rc = rows[nr].plain(&x);
	else if (nr < ARRAY_SIZE(rows) && (rows[nr].domain || rows[nr].vcpu))
		rc = on_domain(&rows[nr], &x);
	regs->rax = (uint64_t)rc;
}
