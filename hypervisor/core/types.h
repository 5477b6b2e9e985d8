/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Basic types. An address carries its space in its type: gpa/hpa/gva are byte addresses, gfn/mfn
 * are 4 KiB frame numbers. Converting is done here and nowhere else.
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

/* The newest interface that libxen-dev 4.17 knows; chooses the layouts its headers declare. */
#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/errno.h>

#ifndef ZENDO_HOST_TEST
/* Nothing is exported: addresses are RIP-relative, and the image needs no GOT and no relocation. */
#pragma GCC visibility push(hidden)
#endif

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define CHUNK_FRAMES	512		/* 4 KiB frames in 2 MiB */

#define __must_check	__attribute__((warn_unused_result))
#define __noreturn	__attribute__((noreturn))
#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __printf(a, b)	__attribute__((format(printf, a, b)))
#define __used		__attribute__((used))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define barrier()	__asm__ volatile("" ::: "memory")
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)	(((x) + ((a) - 1)) & ~((a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((a) - 1)) == 0)

typedef struct { uint64_t v; } hpa_t;	/* host-physical byte address */
typedef struct { uint64_t v; } gpa_t;	/* guest-physical byte address */
typedef struct { uint64_t v; } gva_t;	/* guest-linear byte address */
typedef struct { uint64_t v; } mfn_t;	/* machine frame number */
typedef struct { uint64_t v; } gfn_t;	/* guest frame number */

static inline hpa_t hpa(uint64_t v) { return (hpa_t){ v }; }
static inline gpa_t gpa(uint64_t v) { return (gpa_t){ v }; }
static inline gva_t gva(uint64_t v) { return (gva_t){ v }; }
static inline mfn_t mfn(uint64_t v) { return (mfn_t){ v }; }
static inline gfn_t gfn(uint64_t v) { return (gfn_t){ v }; }
static inline hpa_t mfn_to_hpa(mfn_t m) { return hpa(m.v << PAGE_SHIFT); }
static inline mfn_t hpa_to_mfn(hpa_t a) { return mfn(a.v >> PAGE_SHIFT); }
static inline gpa_t gfn_to_gpa(gfn_t g) { return gpa(g.v << PAGE_SHIFT); }
static inline gfn_t gpa_to_gfn(gpa_t a) { return gfn(a.v >> PAGE_SHIFT); }

/* A guest page that the hypervisor keeps mapped: see guest_pin() in core/guest_mem.h. */
struct guest_pin {
	void	*va;		/* NULL = not pinned */
	mfn_t	mfn;
	gpa_t	gpa;
};

#define INVALID_MFN	mfn(~0ULL >> PAGE_SHIFT)
static inline bool mfn_valid(mfn_t m) { return m.v != INVALID_MFN.v; }

#endif
