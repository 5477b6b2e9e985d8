/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/params.h>

#include "acpi.h"
#include "build.h"
#include "config.h"
#include "file.h"

#define PAGE_SIZE	UINT64_C(4096)
#define MIB		(UINT64_C(1024) * 1024)
#define PAGES_PER_MIB	(MIB / PAGE_SIZE)

/* Linux reads memory map and module list through its first page table, which maps this much. */
#define TABLES_END	(1024 * MIB)
/* Below are real-mode structures and the trampoline of secondary CPUs: nothing is put there. */
#define LOW_MEMORY_END	MIB

/* What is in the page(s) of start_info, in this order; the command line is the last. */
#define MEMMAP_OFFSET	64
#define MODLIST_OFFSET	(MEMMAP_OFFSET + ZENDO_BUILD_MAX_MEMMAP * sizeof(struct hvm_memmap_table_entry))
#define CMDLINE_OFFSET	(MODLIST_OFFSET + sizeof(struct hvm_modlist_entry))
static_assert(sizeof(struct hvm_start_info) <= MEMMAP_OFFSET, "start_info overlaps the memory map");

static uint64_t page_up(uint64_t v)
{
	return (v + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static uint64_t min64(uint64_t a, uint64_t b) { return a < b ? a : b; }

static const char *cmdline_of(const struct zendo_build_params *p)
{
	return p->cmdline ? p->cmdline : "";
}

/* ---- planning --------------------------------------------------------------------------- */

static int check_params(struct zendo_build_params *p, struct zendo_error *e)
{
	if (p->maxvcpus == 0)
		p->maxvcpus = p->vcpus;
	if (p->maxmem_mib == 0)
		p->maxmem_mib = p->memory_mib;
	if (p->vcpus == 0 || p->vcpus > p->maxvcpus || p->maxvcpus > ZENDO_CONFIG_MAX_VCPUS)
		return zendo_error(e, -EINVAL, "a domain cannot have %u of %u vCPUs", p->vcpus, p->maxvcpus);
	if (p->memory_mib == 0 || p->memory_mib > p->maxmem_mib || p->maxmem_mib > ZENDO_CONFIG_MAX_MEMORY_MIB)
		return zendo_error(e, -EINVAL, "a domain cannot have %" PRIu64 " of %" PRIu64 " MiB",
				   p->memory_mib, p->maxmem_mib);
	if (strlen(cmdline_of(p)) > ZENDO_CONFIG_MAX_CMDLINE)
		return zendo_error(e, -EINVAL, "kernel command line has more than %d characters",
				   ZENDO_CONFIG_MAX_CMDLINE);
	return 0;
}

static int measure_ramdisk(struct zendo_build_plan *plan, struct zendo_error *e)
{
	struct stat st;

	if (plan->in.ramdisk_fd < 0)
		return 0;
	if (fstat(plan->in.ramdisk_fd, &st) < 0)
		return zendo_error(e, -errno, "cannot look at the ramdisk: %s", strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return zendo_error(e, -EINVAL, "ramdisk is not a regular file");
	if (st.st_size == 0)
		return zendo_error(e, -EINVAL, "ramdisk is an empty file");
	plan->ramdisk_size = (uint64_t)st.st_size;
	return 0;
}

static void plan_ram(struct zendo_build_plan *plan)
{
	const uint64_t all = plan->in.memory_mib * PAGES_PER_MIB;

	plan->nr_low_pages = min64(all, ZENDO_BUILD_LOW_RAM_END / PAGE_SIZE);
	plan->nr_high_pages = all - plan->nr_low_pages;
}

/*
 * Linux learns a CPU's APIC id from an enabled entry only, and there is no ACPI hotplug. So a guest that has a store is told of all, takes
 * those away that the store calls offline, and can have them back (drivers/xen/cpu_hotplug.c); without a store they are none of its.
 */
static struct zendo_acpi_params acpi_params(const struct zendo_build_plan *plan)
{
	return (struct zendo_acpi_params){
		.base = ZENDO_BUILD_ACPI_BASE, .vcpus = plan->in.store ? plan->in.maxvcpus : plan->in.vcpus,
		.maxvcpus = plan->in.maxvcpus,
	};
}

/* Pages beside RAM; only those special pages exist that something may use. */
static void plan_special(struct zendo_build_plan *plan)
{
	const struct zendo_acpi_params acpi = acpi_params(plan);

	plan->acpi_pages = page_up(zendo_acpi_size(&acpi)) / PAGE_SIZE;
	plan->console_gfn = ZENDO_BUILD_CONSOLE_GFN;
	plan->store_gfn = ZENDO_BUILD_STORE_GFN;
	plan->max_pages = plan->in.maxmem_mib * PAGES_PER_MIB + plan->acpi_pages + 2;
	plan->max_vcpus = plan->in.maxvcpus;
	plan->flags = plan->in.image->elf_class == 32 ? HVPRIV_CREATE_XAPIC : 0;
}

static void add_param(struct zendo_build_plan *plan, uint32_t index, uint64_t value)
{
	plan->params[plan->nr_params++] = (struct hvpriv_param){ .index = index, .value = value };
}

static void add_range(struct zendo_build_plan *plan, uint64_t addr, uint64_t size, uint32_t type)
{
	if (size)
		plan->memmap[plan->nr_memmap++] =
			(struct hvpriv_memmap_entry){ .addr = addr, .size = size, .type = type };
}

/*
 * Whatever exists outside of RAM is in the map, and all eight special pages are: what is not listed
 * Linux takes for address space to map grants and foreign pages at.
 */
static void plan_memmap(struct zendo_build_plan *plan)
{
	add_range(plan, 0, plan->nr_low_pages * PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_RAM);
	add_range(plan, ZENDO_BUILD_ACPI_BASE, plan->acpi_pages * PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_NVS);
	add_range(plan, ZENDO_BUILD_SPECIAL_GFN * PAGE_SIZE, ZENDO_BUILD_NR_SPECIAL * PAGE_SIZE,
		  XEN_HVM_MEMMAP_TYPE_RESERVED);
	add_range(plan, ZENDO_BUILD_HIGH_RAM_START, plan->nr_high_pages * PAGE_SIZE, XEN_HVM_MEMMAP_TYPE_RAM);
}

struct range {
	uint64_t start, end;
};

/* First page-aligned room of @size bytes in [@from, @end) that is in none of @taken. */
static bool find_room(const struct range *taken, unsigned nr, uint64_t from, uint64_t end, uint64_t size,
		      uint64_t *ret)
{
	uint64_t at = page_up(from);

	for (unsigned i = 0; i < nr;) {
		if (size > end || at > end - size)
			return false;
		if (at < taken[i].end && taken[i].start < at + size) {
			at = page_up(taken[i].end);
			i = 0;
		} else {
			i++;
		}
	}
	*ret = at;
	return size <= end && at <= end - size;
}

/* Behind the kernel, as Xen's toolstack does, or where else there is room. */
static bool place(struct range *taken, unsigned *nr, uint64_t end, uint64_t size, uint64_t *ret)
{
	if (!find_room(taken, *nr, taken[0].end, end, size, ret) &&
	    !find_room(taken, *nr, LOW_MEMORY_END, end, size, ret))
		return false;
	taken[(*nr)++] = (struct range){ *ret, *ret + size };
	return true;
}

/*
 * The tables come before the ramdisk: they must be low, a ramdisk may be large. Both are below 4 GiB,
 * as their addresses are 32 bits wide in Linux's boot parameters.
 */
static int plan_contents(struct zendo_build_plan *plan, struct zendo_error *e)
{
	const struct zendo_image *image = plan->in.image;
	const uint64_t low_end = plan->nr_low_pages * PAGE_SIZE, kernel_mib = (image->highest + MIB - 1) / MIB;
	struct range taken[3] = { { image->lowest, image->highest } };
	unsigned nr = 1;

	if (image->highest > low_end)
		return zendo_error(e, -ENOSPC, "kernel occupies memory up to %" PRIu64 " MiB, the domain has %" PRIu64
				   " MiB", kernel_mib, plan->in.memory_mib);
	plan->start_info_size = page_up(CMDLINE_OFFSET + strlen(cmdline_of(&plan->in)) + 1);
	if (!place(taken, &nr, min64(low_end, TABLES_END), plan->start_info_size, &plan->start_info))
		return zendo_error(e, -ENOSPC, "no room for the start information below 1 GiB: kernel occupies up to %"
				   PRIu64 " MiB, the domain has %" PRIu64 " MiB", kernel_mib, plan->in.memory_mib);
	if (plan->ramdisk_size && !place(taken, &nr, low_end, plan->ramdisk_size, &plan->ramdisk))
		return zendo_error(e, -ENOSPC, "kernel (up to %" PRIu64 " MiB) and ramdisk (%" PRIu64 " MiB) do not fit "
				   "into the domain's %" PRIu64 " MiB", kernel_mib,
				   (plan->ramdisk_size + MIB - 1) / MIB, plan->in.memory_mib);
	plan->memmap_paddr = plan->start_info + MEMMAP_OFFSET;
	plan->modlist_paddr = plan->ramdisk_size ? plan->start_info + MODLIST_OFFSET : 0;
	plan->cmdline_paddr = plan->start_info + CMDLINE_OFFSET;
	return 0;
}

/* 32-bit protected mode, paging off, flat segments, EBX -> start_info: Xen's docs/misc/pvh.pandoc */
static void plan_vcpu0(struct zendo_build_plan *plan)
{
	const struct hvpriv_segment code = { .limit = UINT32_MAX, .attr = 0xc9b };
	const struct hvpriv_segment data = { .limit = UINT32_MAX, .attr = 0xc93 };

	plan->vcpu0 = (struct hvpriv_vcpu_state){
		.rip = plan->in.image->entry,
		.rbx = plan->start_info,
		.rflags = 0x2,
		.cs = code, .ds = data, .es = data, .ss = data, .fs = data, .gs = data,
		.tr = { .limit = 0x67, .attr = 0x8b },
		.cr0 = 0x11,			/* PE, ET */
		.dr6 = 0xffff0ff0, .dr7 = 0x400,
		.pat = 0x0007040600070406,	/* as after reset */
		.xcr0 = 0x1,
		.up = 1,
	};
}

int zendo_build_plan(const struct zendo_build_params *p, struct zendo_build_plan *ret, struct zendo_error *e)
{
	struct zendo_build_plan plan = { .in = *p };
	int r;

	r = check_params(&plan.in, e);
	if (r < 0)
		return r;
	r = measure_ramdisk(&plan, e);
	if (r < 0)
		return r;
	plan_ram(&plan);
	plan_special(&plan);
	plan_memmap(&plan);
	r = plan_contents(&plan, e);
	if (r < 0)
		return r;
	plan_vcpu0(&plan);
	add_param(&plan, HVM_PARAM_CONSOLE_PFN, plan.console_gfn);
	/* A guest that is told of a ring waits for its daemon, for ever; the page is there in any case. */
	add_param(&plan, HVM_PARAM_STORE_PFN, plan.in.store ? plan.store_gfn : 0);
	plan.rsdp = ZENDO_BUILD_ACPI_BASE;	/* zendo_acpi_build() begins with it; checked when it is built */
	*ret = plan;
	return 0;
}

/* ---- filling ---------------------------------------------------------------------------- */

static int add_memory(const struct zendo_guest_mem *mem, uint64_t gfn, uint64_t nr_pages, uint32_t flags,
		      struct zendo_error *e)
{
	int r;

	if (nr_pages == 0)
		return 0;
	r = mem->add_memory(mem->userdata, gfn, nr_pages, flags);
	if (r < 0)
		return zendo_error(e, r, "cannot give the domain %" PRIu64 " KiB of memory at 0x%" PRIx64 ": %s",
				   nr_pages * PAGE_SIZE / 1024, gfn * PAGE_SIZE, strerrordesc_np(-r));
	return 0;
}

static int add_all_memory(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem,
			  struct zendo_error *e)
{
	int r;

	if ((r = add_memory(mem, 0, plan->nr_low_pages, 0, e)) < 0 ||
	    (r = add_memory(mem, ZENDO_BUILD_HIGH_RAM_START / PAGE_SIZE, plan->nr_high_pages, 0, e)) < 0 ||
	    (r = add_memory(mem, ZENDO_BUILD_ACPI_BASE / PAGE_SIZE, plan->acpi_pages, HVPRIV_MEM_SPECIAL, e)) < 0 ||
	    (r = add_memory(mem, plan->store_gfn, 1, HVPRIV_MEM_SPECIAL, e)) < 0 ||
	    (r = add_memory(mem, plan->console_gfn, 1, HVPRIV_MEM_SPECIAL, e)) < 0)
		return r;
	return 0;
}

static int reach(const struct zendo_guest_mem *mem, uint64_t gpa, uint64_t len, void **ret, struct zendo_error *e)
{
	void *p = mem->ptr(mem->userdata, gpa, len);

	if (!p)
		return zendo_error(e, -EFAULT, "the domain's memory at 0x%" PRIx64 " cannot be reached", gpa);
	*ret = p;
	return 0;
}

/* With a module list of one entry; its own command line is an empty string: the end of the kernel's. */
static int write_start_info(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem,
			    struct zendo_error *e)
{
	const char *cmdline = cmdline_of(&plan->in);
	const struct hvm_start_info info = {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.nr_modules = plan->modlist_paddr ? 1 : 0,
		.modlist_paddr = plan->modlist_paddr,
		.cmdline_paddr = plan->cmdline_paddr,
		.rsdp_paddr = plan->rsdp,
		.memmap_paddr = plan->memmap_paddr,
		.memmap_entries = plan->nr_memmap,
	};
	const struct hvm_modlist_entry module = {
		.paddr = plan->ramdisk,
		.size = plan->ramdisk_size,
		.cmdline_paddr = plan->cmdline_paddr + strlen(cmdline),
	};
	void *page = NULL;
	int r;

	r = reach(mem, plan->start_info, plan->start_info_size, &page, e);
	if (r < 0)
		return r;
	memcpy(page, &info, sizeof(info));
	for (unsigned i = 0; i < plan->nr_memmap; i++) {
		const struct hvm_memmap_table_entry entry = {
			.addr = plan->memmap[i].addr, .size = plan->memmap[i].size, .type = plan->memmap[i].type,
		};

		memcpy((uint8_t *)page + MEMMAP_OFFSET + i * sizeof(entry), &entry, sizeof(entry));
	}
	if (plan->modlist_paddr)
		memcpy((uint8_t *)page + MODLIST_OFFSET, &module, sizeof(module));
	memcpy((uint8_t *)page + CMDLINE_OFFSET, cmdline, strlen(cmdline) + 1);
	return 0;
}

static int write_acpi(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem, struct zendo_error *e)
{
	const struct zendo_acpi_params acpi = acpi_params(plan);
	uint64_t rsdp;
	void *tables = NULL;
	int r;

	r = reach(mem, ZENDO_BUILD_ACPI_BASE, plan->acpi_pages * PAGE_SIZE, &tables, e);
	if (r < 0)
		return r;
	r = zendo_acpi_build(&acpi, tables, plan->acpi_pages * PAGE_SIZE, &rsdp);
	if (r < 0)
		return zendo_error(e, r, "cannot write ACPI tables: %s", strerrordesc_np(-r));
	assert(rsdp == plan->rsdp);
	return 0;
}

static int write_ramdisk(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem,
			 struct zendo_error *e)
{
	void *p = NULL;
	int r;

	if (!plan->ramdisk_size)
		return 0;
	r = reach(mem, plan->ramdisk, plan->ramdisk_size, &p, e);
	if (r < 0)
		return r;
	r = file_read_at(plan->in.ramdisk_fd, p, plan->ramdisk_size, 0);
	if (r < 0)
		return zendo_error(e, r, "cannot read the ramdisk: %s", strerrordesc_np(-r));
	return 0;
}

int zendo_build_fill(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem, struct zendo_error *e)
{
	int r;

	if ((r = add_all_memory(plan, mem, e)) < 0 ||
	    (r = zendo_image_load(plan->in.image, mem, e)) < 0 ||
	    (r = write_ramdisk(plan, mem, e)) < 0 ||
	    (r = write_acpi(plan, mem, e)) < 0 ||
	    (r = write_start_info(plan, mem, e)) < 0)
		return r;
	return 0;
}
