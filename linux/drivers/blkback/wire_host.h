/* SPDX-License-Identifier: GPL-2.0-only */
/* What wire.c needs of the kernel, for unit tests and the fuzzer. */
#ifndef BLKBACK_WIRE_HOST_H
#define BLKBACK_WIRE_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef uint64_t u64;

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#define virt_rmb()	xen_rmb()
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define __XEN_INTERFACE_VERSION__ 0x00040e00	/* else ring.h brings barriers of its own names */
#include <xen/xen.h>
#include <xen/io/blkif.h>

#endif /* BLKBACK_WIRE_HOST_H */
