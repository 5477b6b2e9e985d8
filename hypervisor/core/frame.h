/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame records: who owns a frame, what it is, how often others hold it. One record of 8 bytes
 * per 2 MiB of RAM; a chunk of mixed ownership points to 512 records of the same form. This is the only
 * record of ownership: nested tables are derived from it, never asked.
 *
 * Locks: frame lock inside; callers hold at most a domain lock.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include "core/types.h"

#define OWNER_DOM0	0
#define OWNER_HV	0xfff		/* the hypervisor: hidden from dom0 */

enum frame_type { FRAME_FREE, FRAME_RAM, FRAME_STOCK, FRAME_GRANT, FRAME_RETURNED, FRAME_POOL, FRAME_HIDING };

struct frame {
	uint16_t	owner;
	enum frame_type	type;
	uint32_t	count;		/* holds: pins, grant maps */
};

struct zendo_ram_range;
struct domain;

/* Build records for all RAM: everything is dom0's. Pages come from the pool. -XEN_ENOMEM. */
int __must_check frame_init(const struct zendo_ram_range *ram, uint32_t nr);

/* False: @m is not RAM that launch knew (MMIO, firmware). */
bool __must_check frame_get(mfn_t m, struct frame *ret);

/*
 * Change owner and type of 2^order frames (order 0 or 9) from exactly (@from, @from_type). With nothing changed:
 * -XEN_EPERM (another owner or type, or not RAM), -XEN_EBUSY (held), -XEN_ENOMEM (no page to refine the chunk, which
 * nobody is charged for).
 */
int __must_check frame_give(mfn_t m, unsigned int order, uint16_t from, enum frame_type from_type,
			    uint16_t to, enum frame_type to_type);

/*
 * Hold / let go one frame of @owner: RAM of a domain, or dom0's. -XEN_EPERM not such a frame, -XEN_EBUSY counter full, -XEN_ENOMEM refinement.
 */
int __must_check frame_hold(mfn_t m, uint16_t owner);
void frame_release(mfn_t m);

/* Frames owned by @owner: kept as a running sum, checked against the records by frame_audit (checking build, tests). */
uint64_t frame_owned(uint16_t owner);
uint64_t frame_total(void);
bool frame_audit(uint16_t owner);

#endif
