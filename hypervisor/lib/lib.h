/* SPDX-License-Identifier: GPL-2.0-only */
/* What a freestanding program has to bring along: memory, text, bits, locks. */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <stdarg.h>
#include "core/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* Format into @buf of @size, always NUL-terminated. %s %c %d %u %x %lx %lu %ld %llx %p %%, width, 0. Returns bytes written. */
int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int hv_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Atomic bit operations on 64-bit words shared with guests or other CPUs: all full barriers (LOCKed). */
static inline bool test_and_set_bit(unsigned int nr, volatile void *addr)
{
	volatile uint8_t *p = (volatile uint8_t *)addr + nr / 8;
	uint8_t m = (uint8_t)(1U << (nr % 8));

	return __atomic_fetch_or(p, m, __ATOMIC_SEQ_CST) & m;
}

static inline bool test_and_clear_bit(unsigned int nr, volatile void *addr)
{
	volatile uint8_t *p = (volatile uint8_t *)addr + nr / 8;
	uint8_t m = (uint8_t)(1U << (nr % 8));

	return __atomic_fetch_and(p, (uint8_t)~m, __ATOMIC_SEQ_CST) & m;
}

static inline bool test_bit(unsigned int nr, const volatile void *addr)
{
	return (((const volatile uint8_t *)addr)[nr / 8] >> (nr % 8)) & 1;
}

#define xchg(p, v)	__atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)

/*
 * Ticket lock. Holders run with GIF=0 and never cross a world switch with it, so a waiter waits for
 * bounded work of another CPU in host mode. Order: docs/locking.md; the checking build asserts it.
 */
enum lock_rank { RANK_DOMAINS = 1, RANK_PHYSMAP, RANK_DOMAIN, RANK_EVTCHN, RANK_GRANT, RANK_FRAME, RANK_NPT, RANK_MAP, RANK_POOL, RANK_LOG };
typedef struct {
	uint16_t next, owner;
	uint16_t rank;
} spinlock_t;

#define SPINLOCK_INIT(r) { 0, 0, (r) }
static inline void spin_init(spinlock_t *l, enum lock_rank r) { *l = (spinlock_t)SPINLOCK_INIT(r); }
void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
static inline bool spin_is_locked(const spinlock_t *l)
{
	return READ_ONCE(l->next) != READ_ONCE(l->owner);
}

#endif
