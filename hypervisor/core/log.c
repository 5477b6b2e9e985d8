// SPDX-License-Identifier: GPL-2.0-only
#include "core/cpu.h"
#include "core/domain.h"
#include "core/log.h"
#include "arch/x86/x86.h"
#include "lib/lib.h"

#define LOG_SIZE	32768		/* a power of two */
#define GUEST_LINES	8		/* burst of lines that one domain may cause, refilled one a second */

static spinlock_t log_lock = SPINLOCK_INIT(RANK_LOG);
/* log_lock: */
static char ring[LOG_SIZE];
static uint64_t written;
static uint16_t serial;

static void serial_put(char ch)
{
	if (!serial)
		return;
	/* 8250: wait for THR empty (LSR bit 5), bounded: the port may not be there. */
	for (int i = 0; i < 100000 && !(inb(serial + 5) & 0x20); i++)
		;
	outb(serial, (uint8_t)ch);
}

static void put_text(const char *s)
{
	for (; *s; s++) {
		ring[written++ % LOG_SIZE] = *s;
		if (*s == '\n')
			serial_put('\r');
		serial_put(*s);
	}
}

void log_init(uint16_t serial_port)
{
	serial = serial_port;
}

static void log_line(const char *prefix, const char *fmt, va_list ap)
{
	char line[256], stamp[32];
	uint64_t us = tsc_to_ns(host_tsc()) / 1000;

	hv_snprintf(stamp, sizeof(stamp), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	hv_vsnprintf(line, sizeof(line), fmt, ap);
	spin_lock(&log_lock);
	put_text(stamp);
	put_text(prefix);
	put_text(line);
	put_text("\n");
	spin_unlock(&log_lock);
}

void hv_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("", fmt, ap);
	va_end(ap);
}

/* Token bucket; races between vCPUs only make it a line more or less. */
static bool guest_may_log(struct domain *d)
{
	uint64_t now = host_tsc(), second = host_tsc_khz() * 1000;

	if (!d->log_tsc) {
		d->log_tsc = now;
		d->log_tokens = GUEST_LINES;
	}
	if (now - d->log_tsc >= second) {
		d->log_tokens = MIN(d->log_tokens + (now - d->log_tsc) / second, (uint64_t)GUEST_LINES);
		d->log_tsc = now;
	}
	if (!d->log_tokens) {
		d->log_dropped++;
		return false;
	}
	d->log_tokens--;
	return true;
}

void guest_log(struct domain *d, const char *fmt, ...)
{
	char prefix[48];
	va_list ap;

	if (!guest_may_log(d))
		return;
	if (d->log_dropped)
		hv_snprintf(prefix, sizeof(prefix), "d%u: (%lu lines dropped) ", d->id, d->log_dropped);
	else
		hv_snprintf(prefix, sizeof(prefix), "d%u: ", d->id);
	d->log_dropped = 0;
	va_start(ap, fmt);
	log_line(prefix, fmt, ap);
	va_end(ap);
}

void hv_panic(const char *fmt, ...)
{
	va_list ap;
	char line[256];

	va_start(ap, fmt);
	hv_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* The lock may be ours already: from here on only this CPU matters. */
	put_text("\nzendo: PANIC on CPU ");
	hv_snprintf(line + sizeof(line) - 8, 8, "%u: ", this_cpu()->id);
	put_text(line + sizeof(line) - 8);
	line[sizeof(line) - 9] = '\0';
	put_text(line);
	put_text("\n");
	machine_halt();
}

size_t log_read(uint64_t *pos, uint64_t *start, char *buf, size_t len)
{
	uint64_t oldest;
	size_t n;

	spin_lock(&log_lock);
	oldest = written > LOG_SIZE ? written - LOG_SIZE : 0;
	if (*pos < oldest || *pos > written)
		*pos = oldest;
	*start = *pos;
	n = MIN((uint64_t)len, written - *pos);
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(*pos + i) % LOG_SIZE];
	*pos += n;
	spin_unlock(&log_lock);
	return n;
}
