/* SPDX-License-Identifier: GPL-2.0-only */
/* The log ring (zendo dmesg), the debug serial port, asserts and panic. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/types.h"

/* ERROR: we or the hardware are wrong. INFO: all else; what a guest can cause goes through guest_log(). */
void hv_log(const char *fmt, ...) __printf(1, 2);

struct domain;
/* A guest's mistake: at most a few lines a second per domain, the rest is counted and the count logged. */
void guest_log(struct domain *d, const char *fmt, ...) __printf(2, 3);

void hv_panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* Copy log bytes from position *pos; see struct zendo_log. Returns bytes. */
size_t log_read(uint64_t *pos, uint64_t *start, char *buf, size_t len);
void log_init(uint16_t serial_port);

#define ASSERT(x) do { \
	if (unlikely(!(x))) \
		hv_panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #x); \
} while (0)

/* Something is wrong of which the machine need not die: counted (zendo info: check_failures), and said once per place. */
#ifdef ZENDO_CHECK
void check_failed(const char *file, int line, const char *what, bool *said);
#define CHECK(x) do { \
	static bool said_; \
	if (unlikely(!(x))) \
		check_failed(__FILE__, __LINE__, #x, &said_); \
} while (0)
#else
#define CHECK(x) do { (void)sizeof(x); } while (0)
#endif

#endif
