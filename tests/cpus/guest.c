// SPDX-License-Identifier: GPL-2.0-only
/* A guest's turn in guest mode: it has its memory, as its TLB shows it, and its registers. */
#include "cpus.h"
#include <xen/grant_table.h>

/* As the guest's own instructions do it; what is not there it leaves alone, since a fault there would be its end. */
static void access(struct vcpu *v, uint64_t addr, void *buf, size_t len, bool write)
{
	char *b = buf;

	while (len) {
		size_t n = MIN(len, PAGE_SIZE - (addr & ~PAGE_MASK));
		char *page = vendor_access(v, addr >> PAGE_SHIFT, write);

		if (!page)
			return;
		memcpy(write ? page + (addr & ~PAGE_MASK) : b, write ? b : page + (addr & ~PAGE_MASK), n);
		addr += n;
		b += n;
		len -= n;
	}
}

void guest_store(struct vcpu *v, uint64_t addr, const void *buf, size_t len)
{
	access(v, addr, (void *)(uintptr_t)buf, len, true);
}

void guest_load(struct vcpu *v, uint64_t addr, void *buf, size_t len)
{
	memset(buf, 0, len);
	access(v, addr, buf, len, false);
}

/* Between the walk and the access the processor may be slow. What is read there must not be what dom0 has in its free frames. */
static void touch(struct vcpu *v, uint64_t gfn)
{
	bool write = one_in(2);
	volatile uint64_t *page = (void *)vendor_access(v, gfn, write);
	uint64_t hpa = (uint64_t)page, i = below(512);

	stall();
	if (!page)
		return;
	if (write)
		page[i] = 0x6e6e000000000000ULL | v->d->id;
	else if (hpa - RAM_BASE < RAM_SIZE && page[i] == free_word(hpa))
		die("d%u reads dom0's free frame %lx at gfn %lx", v->d->id, hpa, gfn);
}

/* By the version that the table has, mostly. */
static void write_grant(struct vcpu *v)
{
	uint32_t ref = FIRST_REF + below(REFS);
	union grant_entry_v2 e2 = { .full_page = {
		.hdr = { (uint16_t)(GTF_permit_access | (one_in(2) ? GTF_readonly : 0)), some_domain() },
		.frame = one_in(10) ? below(500) : busy_gfn() } };
	struct grant_entry_v1 e1 = { e2.hdr.flags, e2.hdr.domid, (uint32_t)e2.full_page.frame };

	if ((READ_ONCE(v->d->g.grant.version) == 1) != one_in(10))
		guest_store(v, (GRANTS_AT << PAGE_SHIFT) + ref * sizeof(e1), &e1, sizeof(e1));
	else
		guest_store(v, (GRANTS_AT << PAGE_SHIFT) + ref * sizeof(e2), &e2, sizeof(e2));
}

static void send_ipi(struct vcpu *v, struct exit_info *x)
{
	/* NMI to others, a vector to all, to one, to itself, INIT rarely, logical */
	static const uint32_t modes[] = { 0xc4400, 0xc40f3, 0x40f3, 0x440f3, 0x4600, 0x4500, 0xc4500 };
	uint32_t mode = modes[below(one_in(20) ? 7 : 4)];

	x->kind = EXIT_WRMSR;
	x->msr.index = 0x830;
	v->regs.rax = mode;
	v->regs.rdx = below(VCPUS);
}

static void other_exit(struct vcpu *v, struct exit_info *x)
{
	x->insn_len = 2;
	switch (below(4)) {
	case 0:
		send_ipi(v, x);
		break;
	case 1:
		x->kind = EXIT_HLT;
		x->insn_len = 1;
		v->regs.rflags = one_in(3) ? 2 : 0x202;
		break;
	case 2:
		x->kind = EXIT_IO;
		x->io.port = 0xe9;
		x->io.size = 1;
		v->regs.rax = one_in(4) ? '\n' : 'x';
		break;
	default:
		x->kind = EXIT_WRMSR;
		x->msr.index = 0x80f;
		v->regs.rax = one_in(8) ? 0xff : 0x1ff;
		v->regs.rdx = 0;
	}
}

static void hypercall(struct vcpu *v, struct program *p, struct exit_info *x)
{
	struct zendo_regs *r = &v->regs;
	uint64_t arg[5], nr;

	x->kind = EXIT_HYPERCALL;
	x->insn_len = 3;
	x->call.code64 = !one_in(12);
	/* One that was left to restart; now and then the guest does something else there. */
	if (p->rip && p->rip == r->rip && !one_in(30))
		return;
	p->call = call_make(v, arg, &nr);
	p->rip = ++r->rip;
	(void)record(call_name(p->call), (uint64_t)v->d->id << 16 | v->id, arg[0]);
	*r = (struct zendo_regs){ .rip = r->rip, .rflags = one_in(4) ? 2 : 0x202, .rax = nr };
	if (x->call.code64) {
		r->rdi = arg[0];
		r->rsi = arg[1];
		r->rdx = arg[2];
		r->r10 = arg[3];
		r->r8 = arg[4];
	} else {
		r->rbx = arg[0];
		r->rcx = arg[1];
		r->rdx = arg[2];
		r->rsi = arg[3];
		r->rdi = arg[4];
	}
}

/* RIP stands behind the instruction: the call is over. */
static void hear_outcome(struct vcpu *v, struct program *p)
{
	if (!p->rip || v->regs.rip != p->rip + 3)
		return;
	p->rip = 0;
	if (call_succeeded(v, p->call))
		count(&tally()->done[p->call]);
	else
		tally()->refused[p->call]++;
}

void guest_run(struct cpu *c, struct vcpu *v, struct exit_info *x)
{
	struct program *p = program_of(v);

	if (c->lock_ranks)
		die("a guest is entered with locks held: %x", c->lock_ranks);
	*x = (struct exit_info){ .kind = EXIT_INTR };
	v->nmi_masked = false;
	if (!p || one_in(12))
		return;
	hear_outcome(v, p);
	for (uint32_t i = below(3); i; i--)
		touch(v, one_in(2) ? busy_gfn() : OTHER_GFNS + below(210));
	if (one_in(3))
		write_grant(v);
	if (one_in(10))
		other_exit(v, x);
	else
		hypercall(v, p, x);
}
