// SPDX-License-Identifier: GPL-2.0-only
#ifdef ZENDO_CHECK

#include "arch/x86/svm/check.h"
#include "arch/x86/x86.h"
#include "core/dom0.h"
#include "core/domain.h"
#include "core/log.h"
#include "core/npt.h"
#include "core/pool.h"

#define EVERY	8	/* exits from one look at the canaries to the next: an emulator takes a while to read them */

struct table_register {
	uint16_t limit;
	uint64_t base;
} __packed;

/* VMRUN brings these back from the host save area ... */
enum { C_CR0, C_CR3, C_CR4, C_EFER, C_GDT, C_GDT_LIMIT, C_IDT, C_IDT_LIMIT, C_CS, C_SS, C_TR, C_LDTR, C_MSRS };

static const char *const names[] = {
	"CR0", "CR3", "CR4", "EFER", "GDTR", "GDTR limit", "IDTR", "IDTR limit", "CS", "SS", "TR", "LDTR",
};

/* ... and these svm_enter, by VMLOAD of the host's control block. */
static const struct { uint32_t msr; const char *name; } msrs[] = {
	{ MSR_FS_BASE,		"FS base" },
	{ MSR_GS_BASE,		"GS base" },
	{ MSR_KERNEL_GS_BASE,	"KERNEL_GS_BASE" },
	{ MSR_STAR,		"STAR" },
	{ MSR_LSTAR,		"LSTAR" },
	{ MSR_CSTAR,		"CSTAR" },
	{ MSR_SFMASK,		"SFMASK" },
	{ MSR_SYSENTER_CS,	"SYSENTER_CS" },
	{ MSR_SYSENTER_ESP,	"SYSENTER_ESP" },
	{ MSR_SYSENTER_EIP,	"SYSENTER_EIP" },
};
_Static_assert(ARRAY_SIZE(names) == C_MSRS, "a name each");
_Static_assert(C_MSRS + ARRAY_SIZE(msrs) <= CHECK_CANARIES, "room in struct cpu_check");

static void look(uint64_t *r)
{
	struct table_register gdt, idt;
	uint16_t cs, ss, tr, ldtr;

	__asm__ volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
	__asm__ volatile("mov %%cs, %0; mov %%ss, %1; str %2; sldt %3" : "=rm"(cs), "=rm"(ss), "=rm"(tr), "=rm"(ldtr));
	r[C_CR0] = read_cr0();
	r[C_CR3] = read_cr3();
	r[C_CR4] = read_cr4();
	r[C_EFER] = rdmsr(MSR_EFER);
	r[C_GDT] = gdt.base;
	r[C_GDT_LIMIT] = gdt.limit;
	r[C_IDT] = idt.base;
	r[C_IDT_LIMIT] = idt.limit;
	r[C_CS] = cs;
	r[C_SS] = ss;
	r[C_TR] = tr;
	r[C_LDTR] = ldtr;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		r[C_MSRS + i] = rdmsr(msrs[i].msr);
}

void svm_check_capture(struct cpu *c)
{
	look(c->check.canary);
}

static void canaries(struct cpu *c)
{
	static bool said[C_MSRS + ARRAY_SIZE(msrs)];
	uint64_t now[CHECK_CANARIES];

	look(now);
	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (now[i] != c->check.canary[i])
			check_failed(__FILE__, __LINE__, i < C_MSRS ? names[i] : msrs[i - C_MSRS].name, &said[i]);
}

void svm_check_exit(struct cpu *c, const struct vmcb *b)
{
	uint64_t dr7;

	__asm__ volatile("mov %%dr7, %0" : "=r"(dr7));
	/* An exit disables all breakpoints (APM vol. 2, 15.6); TCG (7.2) leaves the guest's as they are. */
	CHECK(!(dr7 & 0xff) || dr7 == b->dr7);
	CHECK((read_rflags() & (RFLAGS_IF | RFLAGS_DF | RFLAGS_TF)) == RFLAGS_IF);
	if (c->check.exits++ % EVERY == 0)
		canaries(c);
}

/* What holds for every control block of ours. */
static void entry(const struct vmcb *b)
{
	/* No group of fields is ever called clean. Whoever begins to: a checksum of each group from exit to entry goes here. */
	CHECK(!b->clean);
	CHECK(!b->tlb_ctl || b->tlb_ctl == TLB_FLUSH_ALL || (b->tlb_ctl == TLB_FLUSH_ASID && svm_caps.flush_asid));
	CHECK((b->np & NP_ENABLE) && (b->efer & EFER_SVME) && (b->misc2 & I2(SVM_VMRUN)));
}

void svm_check_dom0_entry(struct cpu *c, const struct vmcb *b)
{
	entry(b);
	CHECK(b->asid == ASID_DOM0);
	CHECK(b->ncr3 == pool_hpa(dom0_npt.root).v);
	check_dom0_entry(c, b->tlb_ctl != 0, dom0_epoch());
}

void svm_check_guest_entry(struct cpu *c, struct vcpu *v, const struct vmcb *b)
{
	entry(b);
	CHECK(b->asid >= ASID_FIRST && b->asid < svm_caps.nr_asids);
	CHECK(b->ncr3 == pool_hpa(v->d->npt->root).v);
	check_guest_entry(c, v, b->asid, b->tlb_ctl != 0, b->tlb_ctl == TLB_FLUSH_ALL);
}

#endif
