/* SPDX-License-Identifier: GPL-2.0-only */
/* The one page of code that both worlds map at the same address: trampoline.S. */
#ifndef HVPRIV_TRAMPOLINE_H
#define HVPRIV_TRAMPOLINE_H

#include <linux/types.h>

struct zendo_cpu_launch;

/* What hv_tramp_enter() needs in registers before the page table changes. */
struct hv_tramp_args {
	u64 root_hpa;		/* hypervisor's CR3 */
	u64 stack;		/* top of this CPU's area, in the hypervisor's direct map */
	u64 entry;		/* zendo_image_header.entry */
	u64 cr4;		/* CR4 to enter with */
	u64 rec_hpa;		/* host-physical address of the record */
	u64 cpu;		/* Linux's number */
};

extern char hv_tramp_start[], hv_tramp_end[];
extern char hv_tramp_leave_path[];

/* Interrupts off. 0 in guest mode, or -errno on bare metal. DS and ES are null afterwards. */
int hv_tramp_enter(struct zendo_cpu_launch *rec, const struct hv_tramp_args *args);

/* Interrupts off (or an NMI). 0 on bare metal, or -errno with nothing changed. */
int hv_tramp_leave(u64 flags);

#endif /* HVPRIV_TRAMPOLINE_H */
