// SPDX-License-Identifier: GPL-2.0-only
/*
 * Launch: memory, image, page table, launch record, then every CPU. Leave: the other way round.
 *
 * Chunk 0:	image | page tables | free ...................... | per-CPU areas
 *		0     image.size    used_offset                    2 MiB
 * Per-CPU areas that do not fit there take the ends of the next chunks.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "compat/msr.h"
#include "hvpriv.h"
#include "trampoline.h"

struct hv hv = {
	.lock = __MUTEX_INITIALIZER(hv.lock),
	.pool_lock = __MUTEX_INITIALIZER(hv.pool_lock),
	.chunks = LIST_HEAD_INIT(hv.chunks),
};

static ushort serial;
module_param(serial, ushort, 0444);
MODULE_PARM_DESC(serial, "I/O base of an 8250 for the hypervisor's own messages, e.g. 0x2f8 (default 0: none)");

static bool icount;
module_param(icount, bool, 0444);
MODULE_PARM_DESC(icount, "Tests only: the TSC counts instructions, so times are exact (default N)");

/* ---- what the machine is -------------------------------------------------------------- */

static int note_ram(struct resource *res, void *arg)
{
	struct zendo_launch *l = arg;
	u64 start = PAGE_ALIGN(res->start);
	u64 end = (res->end + 1) & PAGE_MASK;
	struct zendo_ram_range *last = l->nr_ram ? &l->ram[l->nr_ram - 1] : NULL;

	if (start >= end)
		return 0;
	l->max_hpa = max(l->max_hpa, end);
	if (last && last->hpa + last->size == start) {
		last->size += end - start;
		return 0;
	}
	if (l->nr_ram == ZENDO_MAX_RAM_RANGES)
		return -E2BIG;
	l->ram[l->nr_ram++] = (struct zendo_ram_range){ .hpa = start, .size = end - start };
	return 0;
}

static int describe_ram(struct zendo_launch *l)
{
	int r;

	r = walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY,
				0, U64_MAX, l, note_ram);
	if (r)
		return hv_refuse(-E2BIG, "RAM is in more than %d pieces", ZENDO_MAX_RAM_RANGES);
	if (l->max_hpa > ZENDO_MAX_HPA)
		return hv_refuse(-EOPNOTSUPP, "RAM reaches %#llx, this version handles %#llx: boot with mem=%lluT",
				 l->max_hpa, (u64)ZENDO_MAX_HPA, (u64)ZENDO_MAX_HPA >> 40);
	return 0;
}

static u32 cpu_bugs(void)
{
	static const struct {
		u16 linux_bug;
		u32 bug;
	} row[] = {
		{ X86_BUG_SPECTRE_V2,		ZENDO_BUG_SPECTRE_V2 },
		{ X86_BUG_RETBLEED,		ZENDO_BUG_RETBLEED },
		{ X86_BUG_SRSO,			ZENDO_BUG_SRSO },
		{ X86_BUG_MDS,			ZENDO_BUG_MDS },
		{ X86_BUG_L1TF,			ZENDO_BUG_L1TF },
		{ X86_BUG_MMIO_STALE_DATA,	ZENDO_BUG_MMIO_STALE },
		{ X86_BUG_BHI,			ZENDO_BUG_BHI },
	};
	u32 bugs = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		if (test_cpu_cap(&boot_cpu_data, row[i].linux_bug))
			bugs |= row[i].bug;
	if (cpu_mitigations_off())
		bugs |= ZENDO_MITIGATIONS_OFF;
	return bugs;
}

static void describe_machine(struct zendo_launch *l)
{
	u64 base;

	rdmsrq(MSR_IA32_APICBASE, base);
	l->abi_version = ZENDO_ABI_VERSION;
	l->vendor = hv.vendor;
	l->nr_cpus = nr_cpu_ids;
	l->levels = hv.levels;
	l->tsc_khz = tsc_khz;
	l->apic_hpa = base & MSR_IA32_APICBASE_BASE;
	l->x2apic = !!(base & X2APIC_ENABLE);
	l->kick_vector = RESCHEDULE_VECTOR;
	l->bugs = cpu_bugs();
	if ((boot_cpu_has(X86_FEATURE_CONSTANT_TSC) || num_possible_cpus() == 1) && !check_tsc_unstable())
		l->flags |= ZENDO_LAUNCH_TSC_STABLE;
	if (icount)
		l->flags |= ZENDO_LAUNCH_ICOUNT;
	l->serial_port = serial;
	l->trampoline_va = (unsigned long)hv_tramp_start;
	l->leave_va = (unsigned long)hv_tramp_leave_path;
}

/* ---- memory ---------------------------------------------------------------------------- */

/*
 * Enough for the image, the per-CPU areas, and per GiB of address space one page of frame records
 * and one of dom0's nested table; the rest is the first stock of the hidden pool.
 */
static unsigned int chunks_wanted(u64 max_hpa)
{
	u64 bytes = SZ_1M + (u64)nr_cpu_ids * ZENDO_PERCPU_SIZE +
		    DIV_ROUND_UP_ULL(max_hpa, SZ_1G) * 2 * PAGE_SIZE;

	return DIV_ROUND_UP_ULL(bytes, ZENDO_CHUNK_SIZE);
}

static void chunks_free(void)
{
	struct hv_chunk *c, *next;

	list_for_each_entry_safe(c, next, &hv.chunks, node) {
		list_del(&c->node);
		hv_chunk_free(c);
	}
	hv.nr_chunks = 0;
}

static int chunks_alloc(unsigned int nr)
{
	struct hv_chunk *c;

	if (nr > ZENDO_MAX_CHUNKS)
		return hv_refuse(-E2BIG, "this machine needs %u MiB for the hypervisor, this version handles %u",
				 2 * nr, 2 * ZENDO_MAX_CHUNKS);
	while (hv.nr_chunks < nr) {
		c = hv_chunk_alloc();
		if (!c)
			return hv_refuse(-ENOMEM, "no %u pieces of 2 MiB of free memory: free some, or echo 1 > /proc/sys/vm/compact_memory [Z0107]",
					 nr);
		list_add_tail(&c->node, &hv.chunks);
		hv.nr_chunks++;
	}
	return 0;
}

static void *chunk_virt(struct hv_chunk *c)
{
	return phys_to_virt(hv_chunk_hpa(c));
}

/* Per-CPU areas from the end of each chunk downwards; @low is what chunk 0 uses at its start. */
static int place_percpu(u32 low)
{
	struct hv_chunk *c = list_first_entry(&hv.chunks, struct hv_chunk, node);
	u64 end = ZENDO_CHUNK_SIZE;
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (end < low + ZENDO_PERCPU_SIZE) {
			if (list_is_last(&c->node, &hv.chunks))
				return hv_refuse(-ENOSPC, "per-CPU areas do not fit: a bug in chunks_wanted()");
			c = list_next_entry(c, node);
			end = ZENDO_CHUNK_SIZE;
			low = 0;
		}
		end -= ZENDO_PERCPU_SIZE;
		hv.percpu_hpa[cpu] = hv_chunk_hpa(c) + end;
	}
	return 0;
}

static int lay_out(struct zendo_launch *l)
{
	struct hv_chunk *c = list_first_entry(&hv.chunks, struct hv_chunk, node);
	u32 tables = hv_pagetable_pages(hv.nr_chunks) * PAGE_SIZE;
	struct hv_pagetable pt = {
		.base = chunk_virt(c),
		.levels = hv.levels,
	};
	int r;

	r = hv_image_load(&hv.image, pt.base, ZENDO_CHUNK_SIZE - tables);
	if (r)
		return r;
	pt.next = hv.image.size;
	pt.end = pt.next + tables;
	r = hv_pagetable_build(&pt, &hv.image, &hv.chunks, (unsigned long)hv_tramp_start);
	if (r)
		return hv_refuse(r, "cannot build the hypervisor's page table (%d)", r);
	r = place_percpu(pt.next);
	if (r)
		return r;

	hv.root_hpa = pt.root_hpa;
	l->root_hpa = pt.root_hpa;
	l->used_offset = pt.next;
	memcpy(l->percpu_hpa, hv.percpu_hpa, sizeof(l->percpu_hpa));
	list_for_each_entry(c, &hv.chunks, node)
		l->chunk[l->nr_chunks++] = hv_chunk_hpa(c);
	memcpy(pt.base + hv.image.launch_offset, l, sizeof(*l));
	return 0;
}

/* ---- launch ----------------------------------------------------------------------------- */

static void set_chunks_hidden(bool hidden)
{
	struct hv_chunk *c;

	list_for_each_entry(c, &hv.chunks, node) {
		if (hidden)
			hv_chunk_hide(c);
		else
			hv_chunk_show(c);
	}
}

/*
 * A CPU is still under, or was left in a hurry: nothing may be freed, and the trampoline must stay
 * where the hypervisor has it mapped. Only a reboot helps.
 */
void hv_lost(void)
{
	if (xchg(&hv.state, HV_LOST) != HV_LOST)
		__module_get(THIS_MODULE);
}

static int launch_prepared(struct zendo_launch *l)
{
	int r;

	r = describe_ram(l);
	if (r)
		return r;
	describe_machine(l);
	r = chunks_alloc(chunks_wanted(l->max_hpa));
	if (r)
		return r;
	r = lay_out(l);
	if (r)
		return r;
	set_chunks_hidden(true);
	r = hv_cpus_enter();
	if (!r)
		return 0;
	hv_refuse(r, "launch failed on a CPU (error %d)", r);
	if (hv_nr_cpus_under())
		hv_lost();
	else
		set_chunks_hidden(false);
	return r;
}

static int launch_locked(void)
{
	struct zendo_launch *l;
	int r;

	if (hv.state == HV_RUNNING)
		return hv_refuse(-EALREADY, "the hypervisor is running already");
	if (hv.state == HV_LOST)
		return hv_refuse(-EIO, "the hypervisor was lost earlier: reboot [Z0106]");
	r = hv_machine_check();
	if (r)
		return r;
	l = kvzalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return hv_refuse(-ENOMEM, "out of memory");
	r = launch_prepared(l);
	kvfree(l);
	if (r) {
		if (hv.state != HV_LOST)
			chunks_free();
		return r;
	}
	WRITE_ONCE(hv.state, HV_RUNNING);
	hv_emergency_on();
	pr_info("%u CPUs under %s, %u MiB hidden\n", hv_nr_cpus_under(), hv.image.build,
		2 * hv.nr_chunks);
	return 0;
}

static int leave_locked(void)
{
	int r;

	if (hv.state != HV_RUNNING)
		return hv_refuse(-ENODEV, "the hypervisor is not running");
	if (hv.nr_domains)
		return hv_refuse(-EBUSY, "%u domains exist: shut them down first [Z0105]", hv.nr_domains);
	WRITE_ONCE(hv.state, HV_OFF);
	hv_emergency_off();
	r = hv_cpus_leave();
	if (r) {
		hv_lost();
		return hv_refuse(r, "%u CPUs did not leave the hypervisor: reboot [Z0106]", hv_nr_cpus_under());
	}
	set_chunks_hidden(false);
	chunks_free();
	pr_info("back on bare metal\n");
	return 0;
}

static int with_reason(int (*fn)(void), char *reason)
{
	int r;

	mutex_lock(&hv.lock);
	hv.reason = reason;
	r = fn();
	hv.reason = NULL;
	mutex_unlock(&hv.lock);
	return r;
}

/**
 * hv_launch() - put all online CPUs under the hypervisor, all or none
 * @reason: NULL, or an empty string with room for struct hvpriv_launch.reason
 */
int hv_launch(char *reason)
{
	return with_reason(launch_locked, reason);
}

/* hv_leave() - back to bare metal; -EBUSY while domains exist */
int hv_leave(char *reason)
{
	return with_reason(leave_locked, reason);
}

/**
 * hv_hold() - a domain is being made: the hypervisor stays until hv_unhold()
 *
 * Return: 0, -ENODEV.
 */
int hv_hold(void)
{
	int r = -ENODEV;

	mutex_lock(&hv.lock);
	if (hv.state == HV_RUNNING) {
		hv.nr_domains++;
		r = 0;
	}
	mutex_unlock(&hv.lock);
	return r;
}

void hv_unhold(void)
{
	mutex_lock(&hv.lock);
	hv.nr_domains--;
	mutex_unlock(&hv.lock);
}
