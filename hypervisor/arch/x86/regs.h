/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets in struct zendo_regs for assembly; asserted against the struct in regs_check.c. */
#ifndef ARCH_X86_REGS_H
#define ARCH_X86_REGS_H

#define REG_RAX	0
#define REG_RBX	8
#define REG_RCX	16
#define REG_RDX	24
#define REG_RSI	32
#define REG_RDI	40
#define REG_RBP	48
#define REG_RSP	56
#define REG_R8	64
#define REG_R9	72
#define REG_R10	80
#define REG_R11	88
#define REG_R12	96
#define REG_R13	104
#define REG_R14	112
#define REG_R15	120

#endif
