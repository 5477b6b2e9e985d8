/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * i386 layouts: the only place for them. shared_info comes from Xen's own generated header; argument
 * structs differ only in pointers and longs of 4 bytes and 64-bit fields aligned to 4.
 */
#ifndef GUEST_COMPAT_H
#define GUEST_COMPAT_H

#include "core/types.h"
#include <xen/foreign/x86_32.h>

#pragma pack(push, 4)
struct compat_add_to_physmap { domid_t domid; uint16_t size; uint32_t space, idx, gpfn; };
struct compat_add_to_physmap_batch { domid_t domid; uint16_t space, size, extra; uint32_t idxs, gpfns, errs; };
struct compat_remove_from_physmap { domid_t domid; uint16_t pad; uint32_t gpfn; };
struct compat_memory_reservation { uint32_t extent_start, nr_extents, extent_order, mem_flags; domid_t domid; uint16_t pad; };
struct compat_memory_map { uint32_t nr_entries, buffer; };
struct compat_foreign_memory_map { domid_t domid; uint16_t pad; struct compat_memory_map map; };
struct compat_sched_poll { uint32_t ports, nr_ports; uint64_t timeout; };
struct compat_gnttab_setup_table { domid_t dom; uint16_t pad; uint32_t nr_frames; int16_t status; uint16_t pad1; uint32_t frame_list; };
struct compat_gnttab_copy {
	struct { uint32_t ref; domid_t domid; uint16_t offset; } source, dest;	/* ref or gmfn */
	uint16_t len, flags;
	int16_t status;
};
struct compat_multicall_entry { uint32_t op, result, args[6]; };
struct compat_runstate_info { int32_t state; uint64_t state_entry_time, time[4]; };
#pragma pack(pop)

_Static_assert(sizeof(struct compat_add_to_physmap) == 16, "guest-abi 11.6");
_Static_assert(sizeof(struct compat_add_to_physmap_batch) == 20, "memory.h");
_Static_assert(sizeof(struct compat_memory_reservation) == 20, "guest-abi 11.6");
_Static_assert(sizeof(struct compat_memory_map) == 8, "guest-abi 11.6");
_Static_assert(sizeof(struct compat_sched_poll) == 16, "guest-abi 11.6");
_Static_assert(sizeof(struct compat_runstate_info) == 44, "guest-abi 11.6");
_Static_assert(sizeof(struct compat_multicall_entry) == 32, "xen.h");
_Static_assert(sizeof(struct compat_gnttab_setup_table) == 16, "grant_table.h");
_Static_assert(sizeof(struct compat_gnttab_copy) == 24, "grant_table.h");

#endif
