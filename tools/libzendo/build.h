/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building a PVH guest, in two steps:
 *
 *	zendo_build_plan()	decides where everything goes, says what the domain will need; no memory yet
 *	zendo_build_fill()	adds the memory through struct zendo_guest_mem and writes it
 *
 * Guest-physical layout, as Xen's toolstack makes it:
 *
 *	0		low RAM, without holes, up to 0xfc000000: kernel where it is linked, then
 *			start_info page(s) with memory map, module list and command line, then ramdisk
 *	0xfc000000	ACPI tables				e820: NVS
 *	0xfeff8000	8 special pages			e820: reserved
 *			  0xfeffc000 store ring, 0xfefff000 console ring; the others are not populated
 *	4 GiB		the rest of RAM
 *
 * RAM starts 2 MiB aligned and no special page lies in it, so that the hypervisor maps it with large
 * pages.
 */
#ifndef ZENDO_BUILD_H
#define ZENDO_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#include "error.h"
#include "guest-mem.h"
#include "image.h"

#define ZENDO_BUILD_LOW_RAM_END		0xfc000000ULL
#define ZENDO_BUILD_HIGH_RAM_START	0x100000000ULL
#define ZENDO_BUILD_ACPI_BASE		0xfc000000ULL
#define ZENDO_BUILD_SPECIAL_GFN		0xfeff8ULL
#define ZENDO_BUILD_NR_SPECIAL		8
#define ZENDO_BUILD_STORE_GFN		0xfeffcULL
#define ZENDO_BUILD_CONSOLE_GFN		0xfefffULL
#define ZENDO_BUILD_MAX_MEMMAP		8
#define ZENDO_BUILD_MAX_PARAMS		4

struct zendo_build_params {
	const struct zendo_image *image;
	int ramdisk_fd;			/* a regular file, read from its start; negative = none */
	const char *cmdline;		/* NULL = "" */
	uint64_t memory_mib;
	uint64_t maxmem_mib;		/* 0 = memory_mib */
	unsigned vcpus, maxvcpus;	/* maxvcpus 0 = vcpus */
	bool store;			/* tell the guest of its store ring; without it it sees no xenstore */
};

struct zendo_build_plan {
	/* For HVPRIV_CREATE_DOMAIN. */
	uint64_t max_pages;		/* RAM of maxmem_mib and the special pages */
	unsigned max_vcpus;
	uint32_t flags;			/* 32-bit kernels: HVPRIV_CREATE_XAPIC, they need not know x2APIC mode */

	/* For HVPRIV_DOM_SET_MEMMAP; the same map is in start_info. */
	struct hvpriv_memmap_entry memmap[ZENDO_BUILD_MAX_MEMMAP];
	unsigned nr_memmap;

	/* For HVPRIV_DOM_SET_PARAM. Event channel parameters are the runner's: it allocates the ports. */
	struct hvpriv_param params[ZENDO_BUILD_MAX_PARAMS];
	unsigned nr_params;
	uint64_t console_gfn;
	uint64_t store_gfn;

	/* For HVPRIV_VCPU_SET_STATE of vCPU 0. */
	struct hvpriv_vcpu_state vcpu0;

	/* Where things are, guest-physical. */
	uint64_t nr_low_pages, nr_high_pages;	/* RAM from 0 and from 4 GiB */
	uint64_t start_info;		/* page aligned; what follows lies in the same pages */
	uint64_t start_info_size;	/* of all of it, multiple of the page size */
	uint64_t memmap_paddr, modlist_paddr, cmdline_paddr;	/* modlist_paddr 0 = no ramdisk */
	uint64_t ramdisk, ramdisk_size;
	uint64_t rsdp;
	uint64_t acpi_pages;

	struct zendo_build_params in;	/* what it was made from; pointers are the caller's and must live */
};

/*
 * 0, or @e filled and
 * -EINVAL	parameters out of range, command line too long, ramdisk not a regular file
 * -ENOSPC	kernel, ramdisk and tables do not fit into the memory: the text says how much they need
 */
int zendo_build_plan(const struct zendo_build_params *p, struct zendo_build_plan *ret,
		     struct zendo_error *e);

/*
 * Add memory and write kernel, ramdisk, tables. When it fails the domain is to be destroyed.
 * -errno of add_memory(), -EFAULT memory not reachable, errors of reading the ramdisk (-EIO: it
 * became shorter).
 */
int zendo_build_fill(const struct zendo_build_plan *plan, const struct zendo_guest_mem *mem,
		     struct zendo_error *e);

#endif
