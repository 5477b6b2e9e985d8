// SPDX-License-Identifier: GPL-2.0-only
/*
 * One CPU under the hypervisor and back.
 *
 * Launch, leave and CPU hotplug are one path: a cpuhp state whose startup puts the CPU under and
 * whose teardown takes it out. It lies before CPUHP_AP_ACTIVE, so no ordinary thread meets an
 * online CPU that is not under; who must be sure asks hv_cpu_under() with interrupts off (F34).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/smp.h>
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "compat/msr.h"
#include "domain.h"
#include "hv_call.h"
#include "hvpriv.h"
#include "trampoline.h"

/* Bits that the hypervisor's own world does without (abi.h, section 3). */
#define CR4_CET		BIT_ULL(23)
#define CR4_DROP	(X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMAP | X86_CR4_SMEP | \
			 X86_CR4_PKE | CR4_CET)

/* Written by the CPU itself with interrupts off (or in the crash NMI). */
static DEFINE_PER_CPU(bool, cpu_under);

/*
 * cpuhp_setup_state() or cpuhp_remove_state() is calling us. Both BUG on a teardown that fails;
 * a real offline may fail and is undone. Constant while either runs: they exclude hotplug.
 */
static bool issuing;

/* ---- capture ------------------------------------------------------------------------- */

static void capture_segment(struct zendo_segment *seg, u16 selector, unsigned long gdt)
{
	const struct desc_struct *d;

	seg->selector = selector;
	if (!(selector & ~SEGMENT_RPL_MASK))
		return;		/* null: attr 0, not present */
	d = (const void *)(gdt + (selector & ~7));
	seg->base = get_desc_base(d);
	seg->limit = get_desc_limit(d);
	if (d->g)
		seg->limit = seg->limit << 12 | 0xfff;
	seg->attr = d->type | d->s << 4 | d->dpl << 5 | d->p << 7 |
		    d->avl << 8 | d->l << 9 | d->d << 10 | d->g << 11;
	if (!d->s)		/* LDT, TSS: 16 bytes in long mode */
		seg->base |= (u64)((const struct ldttss_desc *)d)->base3 << 32;
}

static void capture_segments(struct zendo_cpu_launch *rec)
{
	struct desc_ptr dtr;
	u16 sel;

	native_store_gdt(&dtr);
	rec->gdt.base = dtr.address;
	rec->gdt.limit = dtr.size;
	store_idt(&dtr);
	rec->idt.base = dtr.address;
	rec->idt.limit = dtr.size;

#define CAPTURE(name, index) do {						\
		asm volatile("mov %%" #name ", %0" : "=r" (sel));		\
		capture_segment(&rec->seg[index], sel, rec->gdt.base);		\
	} while (0)
	CAPTURE(es, ZSEG_ES);
	CAPTURE(cs, ZSEG_CS);
	CAPTURE(ss, ZSEG_SS);
	CAPTURE(ds, ZSEG_DS);
	CAPTURE(fs, ZSEG_FS);
	CAPTURE(gs, ZSEG_GS);
#undef CAPTURE
	rdmsrq(MSR_FS_BASE, rec->seg[ZSEG_FS].base);
	rdmsrq(MSR_GS_BASE, rec->seg[ZSEG_GS].base);
	asm volatile("sldt %0" : "=m" (sel));
	capture_segment(&rec->seg[ZSEG_LDTR], sel, rec->gdt.base);
	asm volatile("str %0" : "=m" (sel));
	capture_segment(&rec->seg[ZSEG_TR], sel, rec->gdt.base);
}

static void capture_msrs(struct zendo_cpu_launch *rec)
{
	rdmsrq(MSR_EFER, rec->efer);
	rdmsrq(MSR_IA32_CR_PAT, rec->pat);
	rdmsrq(MSR_IA32_SYSENTER_CS, rec->sysenter_cs);
	rdmsrq(MSR_IA32_SYSENTER_ESP, rec->sysenter_esp);
	rdmsrq(MSR_IA32_SYSENTER_EIP, rec->sysenter_eip);
	rdmsrq(MSR_STAR, rec->star);
	rdmsrq(MSR_LSTAR, rec->lstar);
	rdmsrq(MSR_CSTAR, rec->cstar);
	rdmsrq(MSR_SYSCALL_MASK, rec->sfmask);
	rdmsrq(MSR_KERNEL_GS_BASE, rec->kernel_gs_base);
}

static u32 apic_id(void)
{
	u32 a, b, c, d;

	if (cpuid_eax(0) >= 0xb) {
		cpuid_count(0xb, 0, &a, &b, &c, &d);
		if (b)
			return d;
	}
	return cpuid_ebx(1) >> 24;
}

static void capture(struct zendo_cpu_launch *rec)
{
	rec->cpu = smp_processor_id();
	rec->apic_id = apic_id();
	rec->cr0 = read_cr0();
	rec->cr2 = native_read_cr2();
	rec->cr3 = __read_cr3();
	rec->cr4 = native_read_cr4();
	get_debugreg(rec->dr6, 6);
	get_debugreg(rec->dr7, 7);
	if (rec->cr4 & X86_CR4_OSXSAVE) {
		u32 lo, hi;

		asm volatile("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
		rec->xcr0 = (u64)hi << 32 | lo;
	}
	capture_msrs(rec);
	capture_segments(rec);
}

/* ---- in and out ------------------------------------------------------------------------ */

static int cpu_enter(struct zendo_cpu_launch *rec)
{
	struct hv_tramp_args args = {
		.root_hpa = hv.root_hpa,
		.entry	  = hv.image.entry,
		.rec_hpa  = virt_to_phys(rec),
	};
	unsigned long flags;
	u16 ds, es;
	int r;

	local_irq_save(flags);
	args.cpu = smp_processor_id();
	args.stack = ZENDO_VA_DIRECT + hv.percpu_hpa[args.cpu] + ZENDO_PERCPU_SIZE;
	loadsegment(ss, __KERNEL_DS);	/* may be null after an interrupt from user mode */
	savesegment(ds, ds);
	savesegment(es, es);
	capture(rec);
	args.cr4 = rec->cr4 & ~CR4_DROP;
	r = hv_tramp_enter(rec, &args);
	loadsegment(ds, ds);
	loadsegment(es, es);
	if (!r)
		r = hv_probe();
	if (!r)
		this_cpu_write(cpu_under, true);
	local_irq_restore(flags);
	return r;
}

static int cpu_leave(u64 how)
{
	u16 ds, es;
	int r;

	savesegment(ds, ds);
	savesegment(es, es);
	r = hv_tramp_leave(how);
	loadsegment(ds, ds);
	loadsegment(es, es);
	if (!r)
		this_cpu_write(cpu_under, false);
	return r;
}

static int hv_cpu_online(unsigned int cpu)
{
	struct zendo_cpu_launch *rec;
	int r;

	BUILD_BUG_ON(sizeof(*rec) > PAGE_SIZE);
	rec = (void *)get_zeroed_page(GFP_KERNEL);
	if (!rec)
		return -ENOMEM;
	r = cpu_enter(rec);
	free_page((unsigned long)rec);
	if (r)
		return hv_refuse(r, "CPU %u did not enter the hypervisor (error %d): see its serial log",
				 cpu, r);
	return 0;
}

/*
 * Domains do not stand in the way of one CPU that goes offline: they go on elsewhere. When all CPUs
 * leave there are none, and the hypervisor checks that too.
 */
static int hv_cpu_offline(unsigned int cpu)
{
	unsigned long flags;
	int r;

	if (!this_cpu_read(cpu_under))
		return 0;
	hv_vcpus_park(cpu);
	local_irq_save(flags);
	r = cpu_leave(issuing ? 0 : ZCALL_LEAVE_EMERGENCY);
	local_irq_restore(flags);
	if (r)
		pr_err("CPU %u did not leave the hypervisor (error %d)\n", cpu, r);
	return issuing ? 0 : r;
}

/**
 * hv_cpus_enter() - every online CPU goes under, or none does
 *
 * Context: hv.lock held. CPUs that come online later follow by themselves.
 * Return: 0, or -errno after hv_refuse(); then hv_nr_cpus_under() tells whether all came back.
 */
int hv_cpus_enter(void)
{
	int r;

	issuing = true;
	r = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "hvpriv:under", hv_cpu_online, hv_cpu_offline);
	issuing = false;
	if (r < 0)
		return r;
	hv.cpuhp = r;
	return 0;
}

/* Every CPU comes out. Return: 0, or -EIO when one did not. Context: hv.lock held. */
int hv_cpus_leave(void)
{
	issuing = true;
	cpuhp_remove_state(hv.cpuhp);
	issuing = false;
	hv.cpuhp = 0;
	return hv_nr_cpus_under() ? -EIO : 0;
}

/* This CPU leaves, domains or not. Any context, NMI included; interrupts off. */
void hv_cpu_leave_emergency(void)
{
	if (this_cpu_read(cpu_under))
		cpu_leave(ZCALL_LEAVE_EMERGENCY);
}

/* Preemption off. */
bool hv_cpu_under(void)
{
	return this_cpu_read(cpu_under);
}

unsigned int hv_nr_cpus_under(void)
{
	unsigned int n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu(cpu_under, cpu));
	return n;
}
