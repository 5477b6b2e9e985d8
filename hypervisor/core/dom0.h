/* SPDX-License-Identifier: GPL-2.0-only */
/* Dom0's world: its identity map, what is hidden from it, and its calls. */
#ifndef CORE_DOM0_H
#define CORE_DOM0_H

#include "core/cpu.h"
#include "core/npt.h"
#include "arch/x86/ops.h"

extern struct npt dom0_npt;

/* Build the identity map, hidden chunks out. Once, before the first entry. */
int __must_check dom0_map_init(void);
/*
 * A nested fault of dom0. True: the map was filled (or was right already), go on. False: a write to a
 * hidden frame, or an address no CPU of this width has: #GP.
 */
bool dom0_fault(struct cpu *c, uint64_t addr, bool write);

int64_t dom0_hide_chunk(hpa_t chunk);		/* -> epoch to wait for */
int dom0_commit_chunk(hpa_t chunk);
int64_t dom0_unhide_chunk(void);
uint64_t dom0_epoch(void);

/* One call of dom0 at CPL 0; the result goes to regs->rax. */
void dom0_call(struct cpu *c, struct zendo_regs *regs);

/* Copy from / to one page of dom0's own RAM: -XEN_EFAULT when it is not, or crosses a page. */
int __must_check dom0_read(uint64_t addr, void *buf, size_t len);
int __must_check dom0_write(uint64_t addr, const void *buf, size_t len);

#endif
