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
	uint32_t n;
	int64_t rc = 0;

	if (x->a >= boot.nr_cpus)
		return -XEN_EINVAL;
	n = trace_read((uint32_t)x->a, x->b, buf, (uint32_t)MIN(x->d, ARRAY_SIZE(buf)));
	if (n)
		rc = dom0_write(x->c2, buf, n * sizeof(buf[0]));
	return rc ? rc : n;
}

static int64_t call_domain_create(const struct call *x)
{
	struct zendo_domain_create c;
	int64_t rc = dom0_read(x->a, &c, sizeof(c));

	return rc ? rc : domain_create(&c);
}

/* A call on a domain: looked up and held around it. */
enum when { WHEN_ALIVE, ANY_STATE };

static int64_t with_domain(uint64_t id, const struct call *x, int64_t (*fn)(struct domain *, const struct call *),
			   enum when when)
{
	struct domain *d = id < MAX_DOMAINS ? domain_get((domid_t)id) : NULL;
	int64_t rc;

	if (!d)
		return -XEN_ESRCH;
	/* Looked at with the reference held: domain_kill() waits for references. */
	rc = READ_ONCE(d->state) == DOMAIN_ALIVE || when == ANY_STATE ? fn(d, x) : -XEN_ESRCH;
	domain_put(d);
	return rc;
}

static int64_t do_kill(struct domain *d, const struct call *x) { (void)x; return domain_kill(d); }
static int64_t call_domain_kill(const struct call *x) { return with_domain(x->a, x, do_kill, ANY_STATE); }

/* Not with_domain(): the object is gone afterwards. */
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
static int64_t call_donate(const struct call *x) { return with_domain(x->a, x, do_donate, WHEN_ALIVE); }
static int64_t do_reclaim(struct domain *d, const struct call *x) { return extents(d, x, domain_reclaim); }
static int64_t call_reclaim(const struct call *x) { return with_domain(x->a, x, do_reclaim, ANY_STATE); }

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
static int64_t call_returned(const struct call *x) { return with_domain(x->a, x, do_returned, ANY_STATE); }

static int64_t do_gfn_page(struct domain *d, const struct call *x) { return gfn_table_give(d, hpa(x->b)); }
static int64_t call_gfn_page(const struct call *x) { return with_domain(x->a, x, do_gfn_page, WHEN_ALIVE); }

static int64_t do_param(struct domain *d, const struct call *x)
{
	if (x->b > UINT32_MAX || x->d > 1)
		return -XEN_EINVAL;
	return guest_param_call(d, (uint32_t)x->b, x->c2, x->d);
}
static int64_t call_param(const struct call *x) { return with_domain(x->a, x, do_param, WHEN_ALIVE); }

static int64_t do_memmap(struct domain *d, const struct call *x)
{
	struct zendo_memmap_entry e[126];
	int64_t rc;

	if (!x->c2 || x->c2 > ARRAY_SIZE(e))
		return -XEN_EINVAL;
	rc = dom0_read(x->b, e, x->c2 * sizeof(e[0]));
	return rc ? rc : guest_memmap_set(d, e, (uint32_t)x->c2);
}
static int64_t call_memmap(const struct call *x) { return with_domain(x->a, x, do_memmap, WHEN_ALIVE); }

static int64_t do_wallclock(struct domain *d, const struct call *x)
{
	guest_wallclock_set(d, x->b, x->c2);
	return 0;
}
static int64_t call_wallclock(const struct call *x) { return with_domain(x->a, x, do_wallclock, WHEN_ALIVE); }

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
static int64_t call_use(const struct call *x) { return with_domain(x->a, x, do_use, WHEN_ALIVE); }

static int64_t do_vcpu_create(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : vcpu_create(d, (uint32_t)x->b, x->c2, x->d);
}
static int64_t call_vcpu_create(const struct call *x) { return with_domain(x->a, x, do_vcpu_create, WHEN_ALIVE); }

static struct vcpu *find_vcpu(struct domain *d, uint64_t handle)
{
	return domain_vcpu(d, handle & 0xffff);
}

static int64_t do_vcpu_run(struct domain *d, const struct call *x)
{
	struct vcpu *v = find_vcpu(d, x->a);

	return v ? vcpu_run(v) : -XEN_ENOENT;
}
static int64_t call_vcpu_run(const struct call *x) { return with_domain(x->a >> 16, x, do_vcpu_run, WHEN_ALIVE); }

static int64_t do_vcpu_park(struct domain *d, const struct call *x)
{
	struct vcpu *v = find_vcpu(d, x->a);

	if (!v)
		return -XEN_ENOENT;
	ops->park(x->c, v);
	return 0;
}
static int64_t call_vcpu_park(const struct call *x) { return with_domain(x->a >> 16, x, do_vcpu_park, WHEN_ALIVE); }

static int64_t do_vcpu_get(struct domain *d, const struct call *x)
{
	struct vcpu *v = find_vcpu(d, x->a);
	struct zendo_vcpu_state s;
	int64_t rc;

	if (!v)
		return -XEN_ENOENT;
	rc = vcpu_get_state(v, &s);
	return rc ? rc : dom0_write(x->b, &s, sizeof(s));
}
static int64_t call_vcpu_get(const struct call *x) { return with_domain(x->a >> 16, x, do_vcpu_get, WHEN_ALIVE); }

static int64_t do_vcpu_set(struct domain *d, const struct call *x)
{
	struct vcpu *v = find_vcpu(d, x->a);
	struct zendo_vcpu_state s;
	int64_t rc;

	if (!v)
		return -XEN_ENOENT;
	rc = dom0_read(x->b, &s, sizeof(s));
	return rc ? rc : vcpu_set_state(v, &s);
}
static int64_t call_vcpu_set(const struct call *x) { return with_domain(x->a >> 16, x, do_vcpu_set, WHEN_ALIVE); }

static int64_t do_vcpu_nmi(struct domain *d, const struct call *x)
{
	struct vcpu *v = find_vcpu(d, x->a);

	if (!v)
		return -XEN_ENOENT;
	guest_nmi(v);
	return 0;
}
static int64_t call_vcpu_nmi(const struct call *x) { return with_domain(x->a >> 16, x, do_vcpu_nmi, WHEN_ALIVE); }

static int64_t do_evtchn_alloc(struct domain *d, const struct call *x) { (void)x; return evtchn_dom0_alloc(d); }
static int64_t call_evtchn_alloc(const struct call *x) { return with_domain(x->a, x, do_evtchn_alloc, WHEN_ALIVE); }

static int64_t do_evtchn_bind(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : evtchn_dom0_bind(d, (uint32_t)x->b);
}
static int64_t call_evtchn_bind(const struct call *x) { return with_domain(x->a, x, do_evtchn_bind, WHEN_ALIVE); }

static int64_t do_evtchn_close(struct domain *d, const struct call *x)
{
	return x->b > UINT32_MAX ? -XEN_EINVAL : evtchn_dom0_close(d, (uint32_t)x->b);
}
static int64_t call_evtchn_close(const struct call *x) { return with_domain(x->a, x, do_evtchn_close, WHEN_ALIVE); }

static int64_t (*const calls[])(const struct call *) = {
	[ZCALL_VERSION - ZCALL_BASE]		= call_version,
	[ZCALL_LEAVE - ZCALL_BASE]		= call_leave,
	[ZCALL_FLUSH - ZCALL_BASE]		= call_flush,
	[ZCALL_POOL_ADD - ZCALL_BASE]		= call_pool_add,
	[ZCALL_POOL_COMMIT - ZCALL_BASE]	= call_pool_commit,
	[ZCALL_POOL_TAKE - ZCALL_BASE]		= call_pool_take,
	[ZCALL_STATS - ZCALL_BASE]		= call_stats,
	[ZCALL_LOG_READ - ZCALL_BASE]		= call_log_read,
	[ZCALL_TRACE_READ - ZCALL_BASE]		= call_trace_read,
	[ZCALL_DOMAIN_CREATE - ZCALL_BASE]	= call_domain_create,
	[ZCALL_DOMAIN_KILL - ZCALL_BASE]	= call_domain_kill,
	[ZCALL_DOMAIN_FREE - ZCALL_BASE]	= call_domain_free,
	[ZCALL_DONATE - ZCALL_BASE]		= call_donate,
	[ZCALL_RECLAIM - ZCALL_BASE]		= call_reclaim,
	[ZCALL_RETURNED - ZCALL_BASE]		= call_returned,
	[ZCALL_DOMAIN_PARAM - ZCALL_BASE]	= call_param,
	[ZCALL_DOMAIN_MEMMAP - ZCALL_BASE]	= call_memmap,
	[ZCALL_DOMAIN_WALLCLOCK - ZCALL_BASE]	= call_wallclock,
	[ZCALL_DOMAIN_USE - ZCALL_BASE]		= call_use,
	[ZCALL_GFN_PAGE - ZCALL_BASE]		= call_gfn_page,
	[ZCALL_VCPU_CREATE - ZCALL_BASE]	= call_vcpu_create,
	[ZCALL_VCPU_RUN - ZCALL_BASE]		= call_vcpu_run,
	[ZCALL_VCPU_PARK - ZCALL_BASE]		= call_vcpu_park,
	[ZCALL_VCPU_GET - ZCALL_BASE]		= call_vcpu_get,
	[ZCALL_VCPU_SET - ZCALL_BASE]		= call_vcpu_set,
	[ZCALL_VCPU_NMI - ZCALL_BASE]		= call_vcpu_nmi,
	[ZCALL_EVTCHN_ALLOC - ZCALL_BASE]	= call_evtchn_alloc,
	[ZCALL_EVTCHN_BIND - ZCALL_BASE]	= call_evtchn_bind,
	[ZCALL_EVTCHN_CLOSE - ZCALL_BASE]	= call_evtchn_close,
};

void dom0_call(struct cpu *c, struct zendo_regs *regs)
{
	struct call x = { c, regs->rdi, regs->rsi, regs->rdx, regs->r10 };
	uint64_t nr = regs->rax - ZCALL_BASE;

	c->hold_what = regs->rax;

	if (nr >= ARRAY_SIZE(calls) || !calls[nr])
		regs->rax = (uint64_t)-XEN_ENOSYS;
	else
		regs->rax = (uint64_t)calls[nr](&x);
}
