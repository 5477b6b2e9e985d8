/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the program abi, one per file; only=NAME on the command line runs one of them. */
#ifndef ABI_H
#define ABI_H

#include "guest.h"

void abi_hypercalls(void);	/* versions, unknown numbers, registers, hypercall page, params, refusals */
void abi_memory(void);		/* memory_op and grant table set-up */
void abi_time(void);		/* clock, wallclock, timers, runstate, time area, vcpu_info */
void abi_events(void);		/* 2-level event channels, masks, poll, upcall delivery */
void abi_fifo(void);		/* FIFO event channels: last of all, there is no way back */
void abi_peer(void);		/* a channel to another guest: role=offer or bind */
void abi_grants(void);		/* grants between guests: role=grant, hold or map */
void abi_cpu(void);		/* CPUID, MSR, port and instruction policy */
void abi_table(void);		/* docs/guest-abi.md, row by row; a second vCPU; watchdogs */
void abi_watchdog(void);	/* only when asked for: the domain ends by it */
void abi_traps(void);		/* exceptions reflected, single step over exits */
void abi_apic(void);		/* local APIC, upcall vector through it */

/* An address whose page table entry is not there (above the 4 GiB the guest maps). */
#define NOT_MAPPED	((void *)0x700000000000UL)

/* -ENOSYS from a part that may come later: skip with a line, else compare. */
bool check_or_skip(const char *name, long got, long wanted);

#endif
