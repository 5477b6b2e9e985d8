// SPDX-License-Identifier: GPL-2.0-only
/* Hypercalls that mostly fit, so that they go deep, and about few things, so that CPUs meet in them. */
#include "cpus.h"
#include "guest/grant_table.h"
#include "guest/newer.h"
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define PORTS		40
#define GRANTS		3		/* operations in one call, at most */
#define MAPPED_AT	400		/* gfns of what others have granted */

/* One in the making. Each vCPU has pages of its own for arguments, parts of them for the entries of a multicall. */
struct making {
	struct vcpu *v;
	uint64_t at, list;
	uint64_t arg[5];
};

static void put(struct making *k, const void *arg, size_t len)
{
	guest_store(k->v, k->at, arg, len);
	k->arg[1] = k->at;
}

static uint32_t some_ref(void)
{
	return FIRST_REF + below(REFS);
}

/* ---- memory ---- */

static void make_extents(struct making *k)
{
	uint64_t gfns[40];
	struct xen_memory_reservation r = { .nr_extents = 1 + below(one_in(4) ? ARRAY_SIZE(gfns) : 4), .domid = DOMID_SELF };

	for (size_t i = 0; i < ARRAY_SIZE(gfns); i++)
		gfns[i] = busy_gfn();
	guest_store(k->v, k->list, gfns, sizeof(gfns));
	set_xen_guest_handle(r.extent_start, (void *)k->list);
	put(k, &r, sizeof(r));
}

static void make_add(struct making *k)
{
	struct xen_add_to_physmap p = { .domid = DOMID_SELF, .space = below(4), .size = (uint16_t)below(20), .gpfn = busy_gfn() };

	if (!vendor_access(k->v, GRANTS_AT, true)) {
		p.space = XENMAPSPACE_grant_table;	/* without it a guest has few dealings with others */
		p.gpfn = GRANTS_AT;
	} else if (p.space == XENMAPSPACE_shared_info) {
		p.gpfn = OTHER_GFNS + below(3);
	} else if (p.space == XENMAPSPACE_grant_table) {
		p.idx = below(4) | (one_in(4) ? XENMAPIDX_grant_table_status : 0);
		if (!one_in(8))
			p.gpfn = GRANTS_AT + (p.idx & 7);
	} else {
		p.idx = busy_gfn();
	}
	put(k, &p, sizeof(p));
}

static void make_remove(struct making *k)
{
	struct xen_remove_from_physmap p = { DOMID_SELF, one_in(4) ? OTHER_GFNS + below(210) : busy_gfn() };

	put(k, &p, sizeof(p));
}

/* ---- vCPUs ---- */

static void make_vcpu(struct making *k)
{
	k->arg[1] = below(VCPUS);
}

static void put_vcpu(struct making *k, const void *arg, size_t len)
{
	put(k, arg, len);
	k->arg[1] = below(VCPUS);
	k->arg[2] = k->at;
}

static void make_info(struct making *k)
{
	struct vcpu_register_vcpu_info i = { .mfn = busy_gfn(), .offset = below(60) * 64 };

	put_vcpu(k, &i, sizeof(i));
}

static void make_linear_area(struct making *k)
{
	uint64_t at = one_in(3) ? 0 : busy_gfn() << PAGE_SHIFT | below(500) * 8;

	put_vcpu(k, &at, sizeof(at));
}

static void make_phys_area(struct making *k)
{
	uint64_t at = one_in(3) ? ~0ULL : busy_gfn() << PAGE_SHIFT | below(500) * 8;

	put_vcpu(k, &at, sizeof(at));
}

static void make_down(struct making *k)
{
	k->arg[1] = 1 + below(VCPUS - 1);	/* one stays */
}

static void make_nothing(struct making *k)
{
	k->arg[1] = 0;
}

static void make_runstate(struct making *k)
{
	k->arg[1] = below(VCPUS);
	k->arg[2] = k->at;
}

static void make_timer(struct making *k)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = chance() % 100000000000 };

	put_vcpu(k, &t, sizeof(t));
	k->arg[1] = k->v->id;
}

/* ---- events ---- */

static void make_port(struct making *k)
{
	uint32_t port = below(PORTS);

	put(k, &port, sizeof(port));
}

static void make_unbound(struct making *k)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = one_in(4) ? 0 : some_domain() };

	put(k, &a, sizeof(a));
}

static void make_interdomain(struct making *k)
{
	struct evtchn_bind_interdomain b = { .remote_dom = some_domain(), .remote_port = below(PORTS) };

	put(k, &b, sizeof(b));
}

static void make_virq(struct making *k)
{
	struct evtchn_bind_virq b = { .virq = 0, .vcpu = below(VCPUS) };

	put(k, &b, sizeof(b));
}

static void make_ipi(struct making *k)
{
	struct evtchn_bind_ipi b = { .vcpu = below(VCPUS) };

	put(k, &b, sizeof(b));
}

static void make_status(struct making *k)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = below(PORTS) };

	put(k, &s, sizeof(s));
}

static void make_bind_vcpu(struct making *k)
{
	struct evtchn_bind_vcpu b = { .port = below(PORTS), .vcpu = below(VCPUS) };

	put(k, &b, sizeof(b));
}

static void make_fifo(struct making *k)
{
	struct evtchn_init_control c = { .control_gfn = busy_gfn(), .offset = below(10) * 64, .vcpu = below(VCPUS) };

	put(k, &c, sizeof(c));
}

static void make_expand(struct making *k)
{
	struct evtchn_expand_array e = { .array_gfn = busy_gfn() };

	put(k, &e, sizeof(e));
}

static void make_priority(struct making *k)
{
	struct evtchn_set_priority p = { .port = below(PORTS), .priority = below(16) };

	put(k, &p, sizeof(p));
}

static void make_reset(struct making *k)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	put(k, &r, sizeof(r));
}

/* ---- grants ---- */

static void put_grants(struct making *k, const void *arg, size_t size)
{
	put(k, arg, GRANTS * size);
	k->arg[2] = 1 + below(GRANTS);
}

static void make_map(struct making *k)
{
	struct gnttab_map_grant_ref m[GRANTS];

	for (int i = 0; i < GRANTS; i++)
		m[i] = (struct gnttab_map_grant_ref){ .host_addr = (MAPPED_AT + (uint64_t)below(60)) << PAGE_SHIFT, .dom = some_domain(),
						      .flags = GNTMAP_host_map | (one_in(2) ? GNTMAP_readonly : 0), .ref = some_ref() };
	put_grants(k, m, sizeof(m[0]));
}

/* A handle as a driver would remember it: one of those that are there now. */
static void remembered(struct domain *d, struct gnttab_unmap_grant_ref *u)
{
	struct grant_use *use;

	spin_lock(&d->g.grant.lock);
	use = d->g.grant.use;
	for (uint32_t n = 0, i = below(TRACKS_PER_PAGE); use && use->nr_track && n < TRACKS_PER_PAGE; n++, i = (i + 1) % TRACKS_PER_PAGE) {
		const struct maptrack *t = &use->track[0][i];

		if (t->state != TRACK_MAPPED && t->state != TRACK_REVOKED)
			continue;
		u->handle = i;
		u->host_addr = (uint64_t)t->gfn << PAGE_SHIFT;
		break;
	}
	spin_unlock(&d->g.grant.lock);
}

static void make_unmap(struct making *k)
{
	struct gnttab_unmap_grant_ref u[GRANTS];

	for (int i = 0; i < GRANTS; i++) {
		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (MAPPED_AT + (uint64_t)below(60)) << PAGE_SHIFT, .handle = below(40) };
		if (!one_in(8))
			remembered(k->v->d, &u[i]);
	}
	put_grants(k, u, sizeof(u[0]));
}

static void make_copy(struct making *k)
{
	struct gnttab_copy c[GRANTS];

	memset(c, 0, sizeof(c));
	for (int i = 0; i < GRANTS; i++) {
		bool from = one_in(2), to = one_in(2);

		c[i].len = (uint16_t)(1 + below(2000));
		c[i].flags = (uint16_t)((from ? GNTCOPY_source_gref : 0) | (to ? GNTCOPY_dest_gref : 0));
		c[i].source.u.gmfn = from ? some_ref() : busy_gfn();
		c[i].source.domid = from ? some_domain() : DOMID_SELF;
		c[i].source.offset = (uint16_t)below(2000);
		c[i].dest.u.gmfn = to ? some_ref() : busy_gfn();
		c[i].dest.domid = to ? some_domain() : DOMID_SELF;
		c[i].dest.offset = (uint16_t)below(2000);
	}
	put_grants(k, c, sizeof(c[0]));
}

static void make_swap(struct making *k)
{
	struct gnttab_swap_grant_ref s = { some_ref(), some_ref(), 0 };

	put(k, &s, sizeof(s));
	k->arg[2] = 1;
}

static void make_version(struct making *k)
{
	struct gnttab_set_version s = { 1 + below(2) };

	put(k, &s, sizeof(s));
	k->arg[2] = 1;
}

/* ---- the rest ---- */

static void make_poll(struct making *k)
{
	struct sched_poll p = { .nr_ports = below(3), .timeout = 1 + chance() % 1000000000 };
	uint32_t ports[3] = { below(PORTS), below(PORTS), below(PORTS) };

	guest_store(k->v, k->list, ports, sizeof(ports));
	set_xen_guest_handle(p.ports, (void *)k->list);
	put(k, &p, sizeof(p));
}

static void make_param(struct making *k)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ, .value = 2ULL << 56 | 0xf3 };

	put(k, &p, sizeof(p));
}

static void make_upcall(struct making *k)
{
	struct xen_hvm_evtchn_upcall_vector u = { .vcpu = below(VCPUS), .vector = 0xf2 };

	put(k, &u, sizeof(u));
}

static void make_assist(struct making *k)
{
	k->arg[0] = below(2);
	k->arg[1] = VMASST_TYPE_runstate_update_flag;
}

static void make_text(struct making *k)
{
	k->arg[1] = below(3000);
	k->arg[2] = 32 << PAGE_SHIFT;
}

static void make_multicall(struct making *k);

/* Where a call says for each of its entries how it went, the first one's status is looked at. */
static const struct call_row {
	const char *name;
	void (*make)(struct making *k);
	uint16_t nr, cmd, weight, status;
} rows[] = {
#define MEM(x)	__HYPERVISOR_memory_op, XENMEM_##x
#define VCPU(x)	__HYPERVISOR_vcpu_op, VCPUOP_##x
#define EVT(x)	__HYPERVISOR_event_channel_op, EVTCHNOP_##x
#define GNT(x)	__HYPERVISOR_grant_table_op, GNTTABOP_##x
	{ "decrease_reservation",	make_extents,		MEM(decrease_reservation),	30, 0 },
	{ "populate_physmap",		make_extents,		MEM(populate_physmap),		30, 0 },
	{ "add_to_physmap",		make_add,		MEM(add_to_physmap),		16, 0 },
	{ "remove_from_physmap",	make_remove,		MEM(remove_from_physmap),	16, 0 },
	{ "register_vcpu_info",		make_info,		VCPU(register_vcpu_info),	4, 0 },
	{ "runstate_memory_area",	make_linear_area,	VCPU(register_runstate_memory_area), 4, 0 },
	{ "runstate_phys_area",		make_phys_area,		VCPU(register_runstate_phys_area), 4, 0 },
	{ "time_memory_area",		make_linear_area,	VCPU(register_vcpu_time_memory_area), 4, 0 },
	{ "time_phys_area",		make_phys_area,		VCPU(register_vcpu_time_phys_area), 4, 0 },
	{ "vcpu_up",			make_vcpu,		VCPU(up),			4, 0 },
	{ "vcpu_down",			make_down,		VCPU(down),			1, 0 },
	{ "send_nmi",			make_vcpu,		VCPU(send_nmi),			4, 0 },
	{ "get_runstate_info",		make_runstate,		VCPU(get_runstate_info),	2, 0 },
	{ "set_singleshot_timer",	make_timer,		VCPU(set_singleshot_timer),	4, 0 },
	{ "alloc_unbound",		make_unbound,		EVT(alloc_unbound),		3, 0 },
	{ "bind_interdomain",		make_interdomain,	EVT(bind_interdomain),		6, 0 },
	{ "bind_virq",			make_virq,		EVT(bind_virq),			3, 0 },
	{ "bind_ipi",			make_ipi,		EVT(bind_ipi),			3, 0 },
	{ "evtchn_status",		make_status,		EVT(status),			2, 0 },
	{ "bind_vcpu",			make_bind_vcpu,		EVT(bind_vcpu),			3, 0 },
	{ "init_control",		make_fifo,		EVT(init_control),		4, 0 },
	{ "expand_array",		make_expand,		EVT(expand_array),		3, 0 },
	{ "set_priority",		make_priority,		EVT(set_priority),		3, 0 },
	{ "evtchn_reset",		make_reset,		EVT(reset),			1, 0 },
	{ "evtchn_unmask",		make_port,		EVT(unmask),			3, 0 },
	{ "evtchn_close",		make_port,		EVT(close),			3, 0 },
	{ "evtchn_send",		make_port,		EVT(send),			12, 0 },
	{ "map_grant_ref",		make_map,		GNT(map_grant_ref),		14, offsetof(struct gnttab_map_grant_ref, status) },
	{ "unmap_grant_ref",		make_unmap,		GNT(unmap_grant_ref),		14, offsetof(struct gnttab_unmap_grant_ref, status) },
	{ "grant_copy",			make_copy,		GNT(copy),			10, offsetof(struct gnttab_copy, status) },
	{ "swap_grant_ref",		make_swap,		GNT(swap_grant_ref),		5, offsetof(struct gnttab_swap_grant_ref, status) },
	{ "set_version",		make_version,		GNT(set_version),		5, 0 },
	{ "yield",			make_nothing,		__HYPERVISOR_sched_op, SCHEDOP_yield, 8, 0 },
	{ "block",			make_nothing,		__HYPERVISOR_sched_op, SCHEDOP_block, 2, 0 },
	{ "poll",			make_poll,		__HYPERVISOR_sched_op, SCHEDOP_poll, 2, 0 },
	{ "set_param",			make_param,		__HYPERVISOR_hvm_op, HVMOP_set_param, 3, 0 },
	{ "flush_tlbs",			make_nothing,		__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 5, 0 },
	{ "upcall_vector",		make_upcall,		__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, 3, 0 },
	{ "vm_assist",			make_assist,		__HYPERVISOR_vm_assist, 0,	8, 0 },
	{ "console_io",			make_text,		__HYPERVISOR_console_io, CONSOLEIO_write, 8, 0 },
	{ "multicall",			make_multicall,		__HYPERVISOR_multicall, 0,	50, 0 },	/* the last one: none inside itself */
};

#define NR_CALLS ARRAY_SIZE(rows)
_Static_assert(NR_CALLS <= MAX_CALLS, "tallies have room");

const char *call_name(unsigned int call)
{
	return call < NR_CALLS ? rows[call].name : NULL;
}

static unsigned int pick(unsigned int nr)
{
	uint32_t all = 0, w;
	unsigned int i;

	for (i = 0; i < nr; i++)
		all += rows[i].weight;
	w = below(all);
	for (i = 0; w >= rows[i].weight; i++)
		w -= rows[i].weight;
	return i;
}

static void make(struct making *k, unsigned int call)
{
	memset(k->arg, 0, sizeof(k->arg));
	k->arg[0] = rows[call].cmd;
	rows[call].make(k);
}

static uint64_t args_at(const struct vcpu *v) { return (v->id + 1ULL) << PAGE_SHIFT; }

static struct making making(struct vcpu *v, unsigned int i)
{
	return (struct making){ .v = v, .at = args_at(v) + i * 256, .list = ((v->id + 10ULL) << PAGE_SHIFT) + i * 1024 };
}

static void make_multicall(struct making *k)
{
	uint64_t at = (k->v->id + 20ULL) << PAGE_SHIFT;
	struct multicall_entry e[3];

	memset(e, 0, sizeof(e));
	for (unsigned int i = 0; i < ARRAY_SIZE(e); i++) {
		struct making in = making(k->v, i + 1);
		unsigned int call = pick(NR_CALLS - 1);

		make(&in, call);
		e[i].op = rows[call].nr;
		memcpy(e[i].args, in.arg, sizeof(in.arg));
	}
	guest_store(k->v, at, e, sizeof(e));
	k->arg[0] = at;
	k->arg[1] = 1 + below(ARRAY_SIZE(e));
}

unsigned int call_make(struct vcpu *v, uint64_t arg[5], uint64_t *ret_nr)
{
	unsigned int call = pick(NR_CALLS);
	struct making k = making(v, 0);

	make(&k, call);
	memcpy(arg, k.arg, sizeof(k.arg));
	*ret_nr = rows[call].nr;
	return call;
}

bool call_succeeded(struct vcpu *v, unsigned int call)
{
	int16_t status = 0;

	/* Of 32-bit code all of it is in EAX. */
	if ((int64_t)v->regs.rax < 0 || (int32_t)v->regs.rax < 0)
		return false;
	if (rows[call].status)
		guest_load(v, args_at(v) + rows[call].status, &status, sizeof(status));
	return !status;
}
