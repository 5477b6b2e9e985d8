// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest: the input is a list of exits (hypercalls with their argument structs, MSRs, CR4, XCR0, ports, HLT,
 * CPUID) and of dom0's doings. The fake core aborts on a broken lock order, a flush that is owed, a frame in two places or
 * pages left over; ASan and UBSan watch the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include "fake_core.h"
#include "guest/event_channel.h"
#include "guest/grant_table.h"
#include "guest/msr.h"
#include <xen/memory.h>

#define VCPUS	3
#define ARG	0x10fe0		/* argument structs may cross a page */
#define LIST	0x30fc0

static const uint8_t *in;
static size_t left;

static void take(void *buf, size_t n)
{
	memset(buf, 0, n);
	n = MIN(n, left);
	memcpy(buf, in, n);
	in += n;
	left -= n;
}

static uint8_t byte(void)
{
	uint8_t b;

	take(&b, 1);
	return b;
}

static uint64_t word(void)
{
	uint64_t w = 0;

	take(&w, 1U << (byte() & 3));
	return w;
}

/* Mostly where arguments are, else anything. */
static uint64_t pointer(void)
{
	switch (byte() & 7) {
	case 0:
		return word();
	case 1:
		return LIST;
	case 2:
		return ARG + (byte() & 63);
	default:
		return ARG;
	}
}

static void fill(uint64_t at)
{
	uint8_t buf[96];
	size_t n = byte() % (sizeof(buf) + 1);
	gpa_t a;

	take(buf, n);
	for (size_t i = 0; i < n; i++)
		if (!gva_to_gpa(NULL, gva(at + i), true, &a))
			(void)!gpa_write(fake.d, a, &buf[i], 1);
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "invariant: %s\n", what);
	abort();
}

/* Every frame is in one place, and the count of RAM is the domain's. */
static void check_frames(void)
{
	static uint8_t seen[FAKE_FRAMES];
	uint64_t ram = 0;

	memset(seen, 0, sizeof(seen));
	for (size_t g = 0; g < FAKE_GFNS; g++) {
		const struct p2m_entry *e = &fake.p2m[g];

		if (e->type == P2M_NONE || e->mfn.v >= FAKE_FRAMES)
			continue;
		if (fake.granted[0][g]) {
			check(fake.pins[e->mfn.v], "a grant is mapped that is not held");
			continue;
		}
		check(!seen[e->mfn.v]++, "a frame is mapped twice");
		ram += e->type == P2M_RAM;
	}
	for (size_t i = 0; i < fake.nr_returned && i < FAKE_FRAMES; i++)
		check(!seen[fake.returned[i]]++, "a returned frame is somewhere else too");
	check(ram == fake.d->nr_pages, "nr_pages is not the RAM that is mapped");
}

static void hypercall(struct vcpu *v)
{
	static const uint8_t nrs[] = { 12, 13, 15, 17, 18, 20, 21, 24, 29, 32, 34 };
	uint8_t nr = byte();
	struct zendo_regs *r = &v->regs;
	uint64_t a[3];

	fill(ARG);
	fill(LIST);
	/* which argument is the pointer depends on the call */
	a[0] = nr & 0x80 ? word() : byte() & 63;
	a[1] = nr & 0x40 ? word() : pointer();
	a[2] = nr & 0x20 ? pointer() : word();
	fake.paging.code64 = !(byte() & 1);
	r->rax = nrs[(nr & 0x1f) % sizeof(nrs)];
	if (fake.paging.code64) {
		r->rdi = a[0];
		r->rsi = a[1];
	} else {
		r->rbx = a[0];
		r->rcx = a[1];
	}
	r->rdx = a[2];
	for (int i = 0; i < 300; i++) {
		struct exit_info x = fake_exit(EXIT_HYPERCALL, 3);

		(void)guest_hypercall(v, &x);
		check(!fake.locks_held, "a lock is held after a hypercall");
		check(!fake.dirty, "a flush is owed after a hypercall");
		if (fake.skipped)
			return;
		v->wait = WAIT_NONE;
	}
	/* whole batches of 64 go on for long; that is allowed as long as each is short */
}

static void exits(struct vcpu *v)
{
	uint8_t kind = byte() % 7;
	struct exit_info x = fake_exit(EXIT_CPUID, 2);

	v->regs.rax = word();
	v->regs.rcx = word();
	v->regs.rdx = word();
	v->regs.rsi = v->regs.rdi = pointer();
	v->regs.rflags = (word() & 0x600) | 2;
	switch (kind) {
	case 0:
		(void)guest_cpuid(v, &x);
		break;
	case 1:
		x.msr.index = (uint32_t)(byte() & 1 ? word() : 0x800 + (byte() & 0x3f));
		(void)guest_rdmsr(v, &x);
		break;
	case 2:
		x.msr.index = (uint32_t)(byte() & 1 ? word() : 0x800 + (byte() & 0x3f));
		(void)guest_wrmsr(v, &x);
		break;
	case 3:
		x.io.port = byte() & 1 ? 0xe9 : (uint16_t)word();
		x.io.size = (uint8_t)(1U << byte() % 3);
		x.io.in = byte() & 1;
		x.io.string = byte() & 1;
		x.io.rep = byte() & 1;
		x.io.addr_size = (uint8_t)(2U << byte() % 3);
		(void)guest_io(v, &x);
		break;
	case 4:
		x.cr.value = word();
		(void)guest_cr4(v, &x);
		break;
	case 5:
		x.xcr.index = byte() & 1;
		x.xcr.value = word();
		(void)guest_xsetbv(v, &x);
		break;
	default:
		(void)guest_hlt(v, &x);
	}
	check(fake.injected >= 0 || fake.skipped || kind == 3, "an instruction neither done nor refused");
	check(!v->g.xcr0 || !(v->g.xcr0 & ~host_features.xcr0_mask), "XCR0 beyond the host's");
	fake.paging.cpl = 0;
	fake.paging.long_mode = true;
}

/* Calls that fit, for FIFO's pages, and nonsense written into them. */
static void fifo(struct vcpu *v)
{
	struct evtchn_init_control ic = { .control_gfn = 0x60 + (byte() & 7), .vcpu = byte() % VCPUS };
	struct evtchn_expand_array ea = { ic.control_gfn };
	bool first = byte() & 1;

	fake.paging.code64 = true;
	fake_write(ARG, first ? (void *)&ic : &ea, first ? sizeof(ic) : sizeof(ea));
	(void)fake_call(v, __HYPERVISOR_event_channel_op, first ? EVTCHNOP_init_control : EVTCHNOP_expand_array, ARG, 0);
	fill((0x60 + (byte() & 7)) << PAGE_SHIFT | (uint64_t)byte() << 2);
}

/* Calls that fit, both ways and from a guest to itself: entries of either version, few gfns, few handles; also what was written over them. */
static void grants(void)
{
	struct domain *d[2] = { fake.d, fake.other }, *from = d[byte() & 1], *to = d[byte() & 1];
	struct vcpu *v = to->vcpu[byte() & 1];
	uint32_t ref = byte() & 31;
	uint64_t g = (byte() & 1 ? 0x180 : 0x900) + (byte() & 7);
	struct gnttab_map_grant_ref m = { g << PAGE_SHIFT, byte() & 7, ref, from->id, 0, 0, 0 };
	struct gnttab_unmap_grant_ref u = { g << PAGE_SHIFT, 0, byte() & 15, 0 };
	struct gnttab_copy c = { .len = byte() * 17, .flags = byte() & 3 };
	struct gnttab_set_version s = { byte() & 3 };
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = (byte() & 3) | (s.version == 2 ? 1U << 31 : 0),
					.gpfn = 0xa00 + (byte() & 7) };
	uint32_t op = byte() % 6;

	c.source.u.gmfn = byte() & 1 ? ref : g;
	c.source.domid = byte() & 1 ? from->id : DOMID_SELF;
	c.dest.u.gmfn = byte() & 1 ? ref : g;
	c.dest.domid = byte() & 1 ? from->id : DOMID_SELF;
	if (mfn_valid(from->g.grant.frame[0].mfn)) {
		uint64_t *e = (uint64_t *)frame_look(from->g.grant.frame[0].mfn) + 2 * ref;

		e[0] = (byte() & 0x1ff) | (uint64_t)(byte() & 3 ? to->id : byte()) << 16 | (uint64_t)(0x180 + (byte() & 15)) << 32;
		e[1] = from->g.grant.version == 1 ? e[0] : 0x180 + (byte() & 15);
	}
	fake.paging.code64 = true;
	fake_write(ARG, op == 0 ? (void *)&m : op == 1 ? (void *)&u : op == 2 ? (void *)&c : op == 3 ? (void *)&s : (void *)&a,
		   op == 0 ? sizeof(m) : op == 1 ? sizeof(u) : op == 2 ? sizeof(c) : op == 3 ? sizeof(s) : sizeof(a));
	if (op < 4) {
		static const uint8_t cmds[] = { GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_copy, GNTTABOP_set_version };

		(void)fake_call(v, __HYPERVISOR_grant_table_op, cmds[op], ARG, 1);
	} else if (op == 4) {
		(void)fake_call(v, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG, 0);
	} else {
		fill(ARG);
		(void)fake_call(v, __HYPERVISOR_grant_table_op, byte() & 15, ARG, byte());
	}
	v->wait = WAIT_NONE;
}

/* Another guest's calls: offers, binds, sends, closes, its end. */
static void other_guest(void)
{
	struct vcpu *o;

	/* Making one takes pages; the lack of them is tested elsewhere. */
	if (!fake.other && fake.pool_limit == FAKE_POOL)
		fake_start_other(9);
	if (!fake.other)
		return;
	if (!(byte() & 63)) {
		fake_stop_other();
		return;
	}
	if (byte() & 1) {
		grants();
		return;
	}
	o = fake.other->vcpu[byte() & 1];
	fill(ARG);
	fake.paging.code64 = true;
	(void)fake_call(o, __HYPERVISOR_event_channel_op, byte() & 15, ARG, 0);
	o->wait = WAIT_NONE;
}

static void dom0(struct vcpu *v)
{
	uint64_t w;

	switch (byte() % 11) {
	case 9:
		fifo(v);
		break;
	case 10:
		other_guest();
		break;
	case 0:
		(void)evtchn_dom0_alloc(fake.d);
		break;
	case 1:
		(void)evtchn_dom0_bind(fake.d, (uint32_t)word());
		break;
	case 2:
		(void)evtchn_dom0_close(fake.d, (uint32_t)word());
		break;
	case 3:
		w = word() % ZENDO_MAX_HANDLES;
		test_and_set_bit((uint32_t)w, v->posted->in.word);
		v->posted->in.summary |= word() | 1ULL << (w / 64);
		break;
	case 4:
		for (w = byte() & 7; w && fake.nr_stock < ARRAY_SIZE(fake.stock) && fake.nr_frames < FAKE_FRAMES; w--)
			fake.stock[fake.nr_stock++] = fake_new_frame().v;
		break;
	case 5:
		fake.pool_limit = byte() & 1 ? FAKE_POOL : fake.pool_used + (byte() & 3);
		break;
	case 6:
		fake.tsc += word();
		break;
	case 7:
		(void)guest_param_call(fake.d, byte(), word(), byte() & 1);
		break;
	default:
		guest_wallclock_set(fake.d, word(), word());
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	in = data;
	left = size;
	fake_start(VCPUS);
	fake.d->max_pages = FAKE_RAM + 16;
	while (left) {
		uint8_t b = byte();
		struct vcpu *v = fake_vcpu(b % VCPUS);

		switch (b >> 6) {
		case 0:
			exits(v);
			break;
		case 1:
			dom0(v);
			break;
		default:
			hypercall(v);
		}
		fake.shutdown = false;
		guest_leave_world(v);
		guest_before_entry(v);
		if (guest_event(v).kind != GEVENT_NONE && (b & 0x20))
			guest_event_injected(v, guest_event(v));
		(void)guest_deadline(v);
		if (guest_has_wakeup(v))
			v->wait = WAIT_NONE;
		guest_enter_world(v);
		check(!fake.locks_held, "a lock is held");
	}
	check_frames();
	fake_stop();
	return 0;
}
