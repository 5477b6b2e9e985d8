/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a count of instructions begins and ends: a NOP with an odd displacement, which bench/count.c knows. */
#ifndef MARKS_H
#define MARKS_H

#define MARK_BEGIN	0x5a450001
#define MARK_END	0x5a450002
#define MARK(which)	__asm__ volatile("nopl %c0(%%rax)" :: "i"(which) : "memory")

#endif /* MARKS_H */
